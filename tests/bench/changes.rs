//! How fast binary logs are read: framed, rows counted, every value decoded; beside the vendor's own tool.
//!
//! `cargo bench --bench changes` repeats the events of a small log until it is 105 MB; arguments name logs to read
//! instead. Prints seconds, best of three, and the peak resident memory; `mariadb-binlog` or `mysqlbinlog` is
//! timed too where it is there. Before that, statistics over 900,000 row changes that a real server wrote, as
//! `breakglass changes --summary` makes them, against `mariadb-binlog -v --base64-output=DECODE-ROWS` (bar: 0.15)
//! and `mysqlbinlog -v`, and over 2 GB for memory (bar: 96 MB).

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use breakglass::change::frame::{Frames, Limits, Product};
use breakglass::change::rows::RowCells;
use breakglass::change::transactions::{Item, Transactions};
use breakglass::model::changes::ChangesRequest;
use breakglass::work::session::{Session, Settings};
use flate2::read::GzDecoder;

#[path = "support/mod.rs"]
mod bench;
#[path = "support/logs.rs"]
#[allow(dead_code)]
mod logs;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod support;

use crate::logs::Accident;

const SIZE: u64 = 105 << 20;

fn main() {
    if let Some(job) = bench::job() {
        return survey(&job);
    }
    if std::env::args().skip(1).all(|word| word.starts_with("--")) {
        statistics();
    }
    let given: Vec<PathBuf> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).map(PathBuf::from).collect();
    let folder = tempfile::tempdir().expect("a folder for the log");
    let logs = if given.is_empty() { made(folder.path()) } else { given };
    for log in logs {
        println!("{} ({} bytes)", log.display(), log.metadata().expect("the log").len());
        best("frames only", || frames(&log));
        best("rows counted", || rows(&log));
        best("values decoded", || values(&log));
        vendors(&log);
        println!("  peak memory {} KiB", peak());
    }
}

/// Statistics over what real servers wrote.
fn statistics() {
    for product in [support::databases::Product::Mariadb, support::databases::Product::Mysql] {
        let Some(accident) = Accident::ready(product) else { continue };
        let ours = |log: &Path| bench::run(&mut bench::myself(&log.display().to_string()));
        let (mut stock, mut made) = (vec![], vec![]);
        for _ in 0..3 {
            stock.push(bench::run(&mut listing(&accident)));
            made.push(ours(&accident.log));
        }
        let stock = bench::median(stock);
        println!("{product:?}: {} bytes of log", accident.log.metadata().expect("it was made").len());
        bench::line("the vendor's tool", stock, stock);
        bench::line("statistics", bench::median(made), stock);
        bench::line("statistics over 2 GB", ours(&accident.repeated(2_000_000_000)), stock);
    }
}

/// The vendor's own tool, printing all rows.
fn listing(accident: &Accident) -> Command {
    let mut command = match accident.product {
        support::databases::Product::Mariadb => Command::new("mariadb-binlog"),
        support::databases::Product::Mysql => {
            let stock = accident.stock();
            Command::new(stock.get_program())
        }
    };
    command.args(["-v", "--base64-output=DECODE-ROWS"]).arg(&accident.log);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What `changes --summary` does, without the printing.
fn survey(log: &str) {
    let state = tempfile::tempdir().expect("a folder for the state");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let settings =
            Settings { state_dir: Some(state.path().to_owned()), ad_hoc: Some("/".to_owned()), ..Settings::default() };
        let session = Session::open(settings).await.expect("a session");
        let request = ChangesRequest { source: log.to_owned(), ..ChangesRequest::default() };
        let handle = session.open_changes(request).expect("a source");
        let view = handle.complete().await.expect("it can be read");
        assert!(view.totals.rows.all() > 0);
    });
}

/// Logs of both products, each of a small one's events again and again; positions in headers stay as they were.
fn made(folder: &Path) -> Vec<PathBuf> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/binlog");
    let names = ["mysql-alltypes-fullmeta", "mariadb-alltypes-fullmeta"];
    let make = |name: &&str| {
        let entries = vectors.join(name).read_dir().expect("the vectors").filter_map(Result::ok);
        let path = entries.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("binlog.0"));
        let mut small = vec![];
        GzDecoder::new(File::open(path.expect("a log")).expect("a log")).read_to_end(&mut small).expect("gzip");
        let sizes =
            |at: usize| u32::from_le_bytes([small[at + 9], small[at + 10], small[at + 11], small[at + 12]]) as usize;
        let head = 4 + sizes(4);
        let mut end = head;
        while end < small.len() && small[end + 4] != 4 {
            end += sizes(end); // up to the rotation at its end
        }
        let path = folder.join(name);
        let mut file = BufWriter::new(File::create(&path).expect("the log"));
        file.write_all(&small[..head]).expect("room");
        for _ in 0..SIZE / (end - head) as u64 {
            file.write_all(&small[head..end]).expect("room");
        }
        file.flush().expect("room");
        path
    };
    names.iter().map(make).collect()
}

fn best(what: &str, mut run: impl FnMut() -> u64) {
    let mut seconds = f64::MAX;
    let mut count = 0;
    for _ in 0..3 {
        let begin = Instant::now();
        count = run();
        seconds = seconds.min(begin.elapsed().as_secs_f64());
    }
    println!("  {what:<16} {seconds:.3} s, {count}");
}

fn frames(log: &Path) -> u64 {
    let mut frames = Frames::new(File::open(log).expect("the log"), Limits::default());
    let mut count = 0;
    while frames.next().expect("sound").is_some() {
        count += 1;
    }
    count
}

fn rows(log: &Path) -> u64 {
    let mut log = Transactions::new(File::open(log).expect("the log"), 0, Limits::default());
    let mut count = 0;
    while let Some(item) = log.next().expect("sound") {
        let Item::Rows(item) = item else { continue };
        let mut walk = item.event.rows();
        while walk.skip().expect("sound") {
            count += 1;
        }
    }
    count
}

fn values(log: &Path) -> u64 {
    let mut log = Transactions::new(File::open(log).expect("the log"), 0, Limits::default());
    let mut count = 0;
    while let Some(item) = log.next().expect("sound") {
        let Item::Rows(item) = item else { continue };
        let (mut cells, mut walk) = (RowCells::default(), item.event.rows());
        let table = item.event.table;
        while walk.read(&mut cells).expect("sound") {
            for at in 0..table.columns.len() {
                count += u64::from(cells.value_before(table, at).expect("sound").is_some());
                count += u64::from(cells.value_after(table, at).expect("sound").is_some());
            }
        }
    }
    count
}

fn vendors(log: &Path) {
    let mut frames = Frames::new(File::open(log).expect("the log"), Limits::default());
    frames.advance().expect("sound");
    let product = frames.format().map(|format| format.product);
    let program = if product == Some(Product::MariaDb) { "mariadb-binlog" } else { "mysqlbinlog" };
    let begin = Instant::now();
    let mut command = Command::new(program);
    command.args(["-v", "--base64-output=DECODE-ROWS", "--force-read"]);
    if product == Some(Product::MariaDb) {
        command.arg("--skip-gtid-strict-mode"); // the same GTIDs come again and again
    }
    command.arg(log);
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => println!("  {program:<16} {:.3} s", begin.elapsed().as_secs_f64()),
        Ok(status) => println!("  {program} stopped: {status}"),
        Err(error) => println!("  {program} is not here: {error}"),
    }
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
