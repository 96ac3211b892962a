//! A catalog of 100,000 backups: making a snapshot of it, preparing it for searching, and each keystroke of a filter.
//!
//! `cargo bench --bench catalog [BACKUPS]`. Medians of five, one core. Bars: snapshot 300 ms, keystroke 16 ms.
//! The memory is that of a program that holds the listing, the snapshot and the index.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use breakglass::model::backup::{BackupId, Metadata, MetadataFacts};
use breakglass::model::foreign::Foreign;
use breakglass::model::target::{FileLocation, Location, Object, Stamp, Target, TargetName};
use breakglass::model::units::Moment;
use breakglass::work::catalog::{Beside, Listing, Look, assemble, id_of, publish};
use breakglass::work::filter::{Index, Narrowed, Query};

mod support;

use support::number;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the program has it

const NOW: i64 = 1_795_300_000_000;
const TYPED: [&str; 6] = ["shop", "shp", "db:crm", "after:90d", "target:offsite trust:whole", "-target:nas dump 2026"];

fn main() {
    let count = number(0, 100_000);
    let targets: Vec<(Target, Listing)> =
        ["nas", "offsite", "cold", "old"].iter().map(|name| target(name, count / 4)).collect();
    let looks: HashMap<BackupId, Look> = looks(&targets);
    let known = Beside {
        look: &|id, _| looks.get(id).cloned(),
        proof: &|_, _| None,
        keys: &[],
        proof_max_age: 0,
        now: Moment(NOW),
    };
    let snapshot = || {
        let backups = targets.iter().flat_map(|(target, listing)| assemble(target, listing, &known)).collect();
        publish(backups, vec![], Moment(NOW), 0)
    };
    println!("{count} backups on four targets, heads read: {}", looks.len());
    println!("snapshot: {:.0?} (bar 300 ms)", median(|| spent(snapshot)));
    let catalog = snapshot();
    println!("index:    {:.0?}, away from the screen", median(|| spent(|| Index::new(catalog.backups.clone()))));
    let index = Arc::new(Index::new(catalog.backups.clone()));
    let mut slowest = Duration::ZERO;
    for text in TYPED {
        let spent = (1..=text.len()).map(|end| median(|| typed(&index, &text[..end - 1], &text[..end])));
        let worst = spent.max().unwrap_or_default();
        println!("  {text:28} slowest keystroke {worst:.2?}");
        slowest = slowest.max(worst);
    }
    println!("keystroke: {slowest:.2?} at worst (bar 16 ms), memory {}", memory());
}

/// One more character: the list before it is there already.
fn typed(index: &Arc<Index>, before: &str, after: &str) -> Duration {
    let mut narrowed = Narrowed::new(index.clone());
    narrowed.narrow(Query::parse(before, Moment(NOW)));
    spent(|| {
        narrowed.narrow(Query::parse(after, Moment(NOW)));
        narrowed.rows().len()
    })
}

fn spent<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(work: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = std::iter::repeat_with(work).take(5).collect();
    times.sort_unstable();
    times[2]
}

fn target(name: &str, count: u64) -> (Target, Listing) {
    let location = Location::File(FileLocation { root: PathBuf::from(format!("/var/backups/{name}")) });
    let target = Target { name: TargetName::new(name).expect("a plain name"), location, expect_key: None };
    let mut listing = Listing::default();
    let databases = ["shop", "crm", "billing", "wiki", "metrics", "forum", "ledger", "stock"];
    let objects = (0..count).flat_map(|n| {
        let at = Moment(NOW - n as i64 * 3_600_000);
        let database = databases[n as usize % databases.len()];
        let minute = at.minute().to_string();
        let digits: String = minute.chars().filter(char::is_ascii_digit).collect();
        let (year, month, day, clock) = (&digits[..4], &digits[4..6], &digits[6..8], &digits[8..12]);
        let sealed = n % 4 != 0;
        let key = if sealed {
            format!("{database}/dbacked_{database}{}_{day}{month}{year}{clock}", n / 5000)
        } else {
            format!("{database}/{database}-{year}-{month}-{day}.sql.gz.{n}")
        };
        let object = |key: &str, size| Object {
            key: Foreign::from(key),
            stamp: Stamp { size, modified: Some(at), inode: Some((1, n, i128::from(at.0))), ..Stamp::default() },
            history: Default::default(),
            storage: Default::default(),
        };
        let beside = sealed.then(|| object(&format!("{key}_metadata"), 900));
        [Some(object(&key, 1_000_000 + n * 37 % 900_000)), beside].into_iter().flatten()
    });
    let objects: Vec<Object> = objects.collect();
    objects.chunks(1000).for_each(|page| listing.take(page.to_vec()));
    (target, listing)
}

/// The newest 2,000 heads of each target are read unasked.
fn looks(targets: &[(Target, Listing)]) -> HashMap<BackupId, Look> {
    let mut looks = HashMap::new();
    for (target, listing) in targets {
        for object in listing.objects.iter().take(2_000) {
            let shape = breakglass::format::names::guess(&object.key);
            let facts = MetadataFacts { started: object.stamp.modified, ..MetadataFacts::default() };
            looks.insert(id_of(target, object), Look { shape, metadata: Metadata::Read(Box::new(facts)) });
        }
    }
    looks
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or(" unknown").trim().to_owned();
    format!("{} now, {} at the peak", line("VmRSS:"), line("VmHWM:"))
}
