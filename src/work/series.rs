//! What the backups of one series say about each other: sizes, rhythm, the newest good copy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::format::names;
use crate::model::backup::{Backup, BackupId, Compression, Format, Metadata, TakenFrom};
use crate::model::foreign::Foreign;
use crate::model::target::{Access, History, TargetName};
use crate::model::trust::{Finding, Rung, Weight};
use crate::model::units::{ByteSize, Moment, short_span};
use crate::work::retention;

/// Backups before one that say which size is usual.
const HABIT: usize = 7;
/// How many are needed before a size or a gap means anything.
const ENOUGH: usize = 3;
/// Below this share of the usual size a backup is much smaller.
const SMALL: f64 = 0.5;

/// One series over all targets, and its newest good copy.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// Such as `shop`: what its backups are named for.
    pub name: Foreign,
    /// The newest backup that is whole with its content checked.
    pub newest_good: Option<BackupId>,
    /// The newest backup that is there at all.
    pub newest: Option<BackupId>,
    /// One sentence for the screen.
    pub words: String,
}

/// What shares one rhythm and one habit of size: one naming pattern in one target. A raw dump and a
/// compressed one of the same database are not each other's measure, and damaged bytes change no name.
#[derive(PartialEq, Eq, Hash)]
struct Habits {
    target: TargetName,
    series: Foreign,
    named_as: (Format, Compression),
}

impl Habits {
    fn of(backup: &Backup) -> Self {
        let named = names::guess(&backup.key);
        let named_as = (named.format, named.compression);
        Self { target: backup.target.clone(), series: backup.series.clone(), named_as }
    }
}

/// Adds to every backup what it says by itself and beside its series. `backups` is newest first.
pub fn judge(backups: &mut [Backup]) {
    let mut series: HashMap<Habits, Vec<usize>> = HashMap::new();
    for (at, backup) in backups.iter_mut().enumerate() {
        backup.findings = alone(backup);
        if backup.history == History::Current && backup.stamp.size > 0 && !is_orphan(backup) {
            series.entry(Habits::of(backup)).or_default().push(at);
        }
    }
    for members in series.into_values() {
        judge_sizes(backups, &members);
        judge_rhythm(backups, &members);
    }
    judge_overwrites(backups);
    for backup in backups {
        backup.findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    }
}

/// A metadata object whose backup is gone.
pub fn is_orphan(backup: &Backup) -> bool {
    backup.findings.iter().any(|finding| finding.code == "metadata_only")
}

fn alone(backup: &Backup) -> Vec<Finding> {
    let mut findings: Vec<Finding> = backup
        .findings
        .iter()
        .filter(|kept| matches!(kept.code.as_str(), "metadata_only" | "name_time" | "other_key"))
        .cloned()
        .collect();
    let orphan = is_orphan(backup);
    if backup.history == History::Deleted {
        findings.push(Finding::new(Weight::Note, "delete_marker", "deleted; older versions may still be there"));
    } else if backup.stamp.size == 0 && !orphan {
        findings.push(Finding::new(Weight::Fatal, "empty", "empty object"));
    }
    match &backup.metadata {
        Metadata::Missing if backup.history == History::Current && backup.shape.format == Format::Dbacked => {
            findings.push(Finding::new(Weight::Note, "no_metadata", "no metadata: nothing recorded to compare with"));
        }
        Metadata::Unusable(why) => {
            findings.push(Finding::new(Weight::Warning, "metadata_unusable", format!("metadata unusable: {why}")));
        }
        Metadata::Read(facts) => {
            let remarks = facts.remarks.iter().map(|text| Finding::new(Weight::Warning, "metadata_remark", text));
            findings.extend(remarks);
            if backup.taken.from == TakenFrom::Metadata
                && let Some(name) = crate::work::catalog::name_minute(backup)
                && facts.started.is_some_and(|started| started.0.abs_diff(name.0) >= 2 * 60_000)
            {
                let text = "its metadata names another time than its name: they may belong to two runs";
                findings.push(Finding::new(Weight::Warning, "metadata_time", text));
            }
        }
        _ => {}
    }
    match backup.storage.access {
        Access::Frozen => {
            let class = backup.storage.class.as_deref().unwrap_or("a cold tier");
            let text = format!("in {class}: thaw it first (aws s3api restore-object)");
            findings.push(Finding::new(Weight::Warning, "frozen", text));
        }
        Access::Thawing => findings.push(Finding::new(Weight::Note, "thawing", "being thawed; not readable yet")),
        Access::Ready | Access::Thawed(_) => {}
    }
    findings.extend(backup.prune.as_deref().and_then(retention::finding));
    if let Some(proof) = &backup.proof {
        findings.extend(proof.findings.iter().cloned());
    }
    findings
}

fn judge_sizes(backups: &mut [Backup], members: &[usize]) {
    for (n, &at) in members.iter().enumerate() {
        let mut before: Vec<u64> = members[n + 1..].iter().take(HABIT).map(|&m| backups[m].stamp.size).collect();
        if before.len() < ENOUGH {
            continue;
        }
        before.sort_unstable();
        let usual = before[before.len() / 2];
        let size = backups[at].stamp.size;
        if (size as f64) < usual as f64 * SMALL {
            let percent = ((1.0 - size as f64 / usual as f64) * 100.0).floor();
            let text = format!("{percent:.0}% smaller than usual ({} against {})", ByteSize(size), ByteSize(usual));
            backups[at].findings.push(Finding::new(Weight::Warning, "much_smaller", text));
        }
    }
}

fn judge_rhythm(backups: &mut [Backup], members: &[usize]) {
    let gaps: Vec<i64> = members
        .windows(2)
        .map(|pair| backups[pair[0]].taken.at.0.saturating_sub(backups[pair[1]].taken.at.0))
        .collect();
    if gaps.len() < ENOUGH {
        return;
    }
    let mut sorted = gaps.clone();
    sorted.sort_unstable();
    let usual = sorted[sorted.len() / 2];
    let hour = 3_600_000;
    for (n, &gap) in gaps.iter().enumerate() {
        if usual > 0 && gap > usual.saturating_add(usual / 2) && gap > usual.saturating_add(hour) {
            let span = |ms: i64| short_span(Duration::from_millis(ms.unsigned_abs()));
            let text = format!("gap of {} before it (usually {})", span(gap), span(usual));
            backups[members[n]].findings.push(Finding::new(Weight::Warning, "gap", text));
        }
    }
}

/// DBacked names have minutes: a second run in the same minute replaces the first.
fn judge_overwrites(backups: &mut [Backup]) {
    let mut older: HashMap<(TargetName, Foreign), u32> = HashMap::new();
    for backup in backups.iter().filter(|backup| backup.history == History::Older) {
        *older.entry((backup.target.clone(), backup.key.clone())).or_default() += 1;
    }
    for backup in backups.iter_mut() {
        let overwritten = older.get(&(backup.target.clone(), backup.key.clone()));
        match backup.history {
            History::Current if overwritten.is_some() => {
                let text = format!("overwrote {} older version(s) of the same name", overwritten.unwrap_or(&0));
                backup.findings.push(Finding::new(Weight::Warning, "same_minute", text));
            }
            History::Older => {
                backup.findings.push(Finding::new(Weight::Note, "older_version", "overwritten since; still readable"));
            }
            _ => {}
        }
    }
}

/// The series over all targets, each with its newest good copy. `backups` is newest first.
pub fn overview(backups: &[Arc<Backup>], now: Moment) -> Vec<SeriesView> {
    let mut views: Vec<(Foreign, Option<&Backup>, Option<&Backup>)> = vec![];
    let mut index: HashMap<&Foreign, usize> = HashMap::new();
    for backup in backups {
        let nothing = backup.stamp.size == 0 || is_orphan(backup) || backup.history == History::Deleted;
        if nothing || backup.shape.format == Format::Unknown {
            continue;
        }
        let at = *index.entry(&backup.series).or_insert_with(|| {
            views.push((backup.series.clone(), None, None));
            views.len() - 1
        });
        let (_, good, newest) = &mut views[at];
        if good.is_none() && backup.is_good() {
            *good = Some(backup.as_ref());
        }
        newest.get_or_insert(backup.as_ref());
    }
    views
        .into_iter()
        .map(|(name, good, newest)| SeriesView {
            words: words(&name, good, newest, now),
            newest_good: good.map(|backup| backup.id.clone()),
            newest: newest.map(|backup| backup.id.clone()),
            name,
        })
        .collect()
}

/// The newest backup of each series in each target, newest first: damaged and empty ones too, as long as bytes or
/// name say that they are backups. `backups` is newest first.
pub fn newest_of_each(backups: &[Arc<Backup>]) -> Vec<Arc<Backup>> {
    let mut seen = HashSet::new();
    let is_backup = |backup: &Backup| {
        let known = [backup.shape.format, names::guess(&backup.key).format];
        backup.history == History::Current && !is_orphan(backup) && known != [Format::Unknown; 2]
    };
    let of_each = backups.iter().filter(|backup| is_backup(backup));
    of_each.filter(|backup| seen.insert((backup.target.clone(), backup.series.clone()))).cloned().collect()
}

fn words(name: &Foreign, good: Option<&Backup>, newest: Option<&Backup>, now: Moment) -> String {
    if let Some((backup, proof)) = good.and_then(|backup| Some((backup, backup.proof.as_deref()?))) {
        let ago = short_span(proof.at.age_at(now));
        let word = proof.reached().max(Rung::Whole).word();
        return format!(
            "newest good copy of {name}: {} on {}, {word} {ago} ago",
            backup.taken.at.minute(),
            backup.target
        );
    }
    match newest {
        Some(backup) => {
            let verdict = match backup.proof.as_deref().map(|proof| proof.outcome) {
                Some(outcome) if outcome.is_bad() => format!("and it is {}", outcome.word()),
                _ => "and nothing vouches for it".to_owned(),
            };
            let (at, target) = (backup.taken.at.minute(), &backup.target);
            format!("no good copy of {name} yet: the newest listed is {at} on {target}, {verdict}")
        }
        None => format!("no copy of {name}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::target::{FileLocation, Location, Object, Stamp, Target};
    use crate::model::trust::{Answer, Proof, VerdictOutcome, Voucher};
    use crate::work::catalog::{Beside, Catalog, Listing, assemble, publish};

    const DAY: i64 = 86_400_000;
    const START: i64 = 1_788_048_000_000; // 2026-08-30 00:00

    fn object(name: &str, size: u64, day: i64) -> Object {
        let stamp = Stamp { size, modified: Some(Moment(START + day * DAY)), ..Stamp::default() };
        Object { key: Foreign::from(name), stamp, history: History::Current, storage: Default::default() }
    }

    fn target(name: &str) -> Target {
        let location = Location::File(FileLocation { root: format!("/{name}").into() });
        Target { name: TargetName::new(name).unwrap(), location, expect_key: None }
    }

    fn proof(outcome: VerdictOutcome, stamp: &Stamp) -> Proof {
        let rungs = [Answer::Yes, Answer::NotApplicable, Answer::Yes, Answer::Yes, Answer::Unknown];
        let json = serde_json::json!({
            "stamp": stamp, "at": Moment(START), "program": "0.1.0", "tried": "whole", "rungs": rungs,
            "content": Voucher::Crc, "outcome": outcome, "checks": [], "findings": [],
            "bytes_in": 0, "bytes_out": 0, "millis": 0, "mib_digests": "",
        });
        serde_json::from_value(json).unwrap()
    }

    /// A catalog of these objects, in which those of `proven` sizes have that verdict.
    fn catalog(objects: Vec<Object>, proven: &[(u64, VerdictOutcome)]) -> Catalog {
        let mut listing = Listing::default();
        listing.take(objects);
        let verdict = |_: &BackupId, stamp: &Stamp| {
            let known = proven.iter().find(|(size, _)| *size == stamp.size);
            known.map(|(_, outcome)| proof(*outcome, stamp))
        };
        let known = Beside { look: &|_, _| None, proof: &verdict, keys: &[], proof_max_age: DAY, now: Moment(START) };
        publish(assemble(&target("t"), &listing, &known), vec![], Moment(START), 0)
    }

    fn nightly(day: i64, size: u64) -> Object {
        object(&format!("shop-{}.sql.gz", Moment(START + day * DAY).minute().get(..10).unwrap_or("")), size, day)
    }

    fn with(catalog: &Catalog, code: &str) -> Vec<u64> {
        let found = |backup: &&Arc<Backup>| backup.findings.iter().any(|finding| finding.code == code);
        catalog.backups.iter().filter(found).map(|backup| backup.stamp.size).collect()
    }

    #[test]
    fn a_shrunken_backup_is_much_smaller_than_the_ones_before_it_and_only_it() {
        let sizes = [1000, 1010, 1005, 1020, 400, 1030];
        let found = catalog(sizes.iter().zip(0..).map(|(size, day)| nightly(day, *size)).collect(), &[]);
        assert_eq!(with(&found, "much_smaller"), [400]);
        let few = catalog([1000, 1010, 400].iter().zip(0..).map(|(size, day)| nightly(day, *size)).collect(), &[]);
        assert_eq!(with(&few, "much_smaller"), [0; 0], "two are no habit");
    }

    #[test]
    fn a_compressed_dump_is_not_measured_by_raw_ones() {
        let mut objects: Vec<Object> = (0..5).map(|day| nightly(day, 100 + day as u64)).collect();
        objects.extend((0..5).map(|day| object(&format!("shop-2026090{}.sql", day + 1), 9000 + day as u64, day)));
        assert_eq!(with(&catalog(objects, &[]), "much_smaller"), [0; 0]);
    }

    #[test]
    fn a_missing_night_is_found_at_the_backup_behind_it() {
        let days = [0, 1, 2, 3, 5, 6];
        let found = catalog(days.iter().map(|day| nightly(*day, 1000 + *day as u64)).collect(), &[]);
        assert_eq!(with(&found, "gap"), [1005]);
    }

    #[test]
    fn empty_objects_are_fatal_and_nobody_s_newest() {
        let found = catalog(vec![nightly(0, 1000), nightly(1, 0)], &[]);
        assert_eq!(with(&found, "empty"), [0]);
        let newest = found.series[0].newest.as_ref().unwrap();
        assert_eq!(found.get(newest).unwrap().stamp.size, 1000);
        assert!(found.series[0].words.ends_with("and nothing vouches for it"), "{}", found.series[0].words);
    }

    #[test]
    fn the_newest_good_copy_is_the_newest_whose_last_verdict_is_ok() {
        let verdicts = [(1003, VerdictOutcome::Damaged), (1002, VerdictOutcome::Ok), (1001, VerdictOutcome::Ok)];
        let found = catalog((0..4).map(|day| nightly(day, 1000 + day as u64)).collect(), &verdicts);
        let size = |id: &Option<BackupId>| found.get(id.as_ref().unwrap()).unwrap().stamp.size;
        assert_eq!((size(&found.series[0].newest_good), size(&found.series[0].newest)), (1002, 1003));
        let found = catalog(vec![nightly(0, 1003)], &verdicts);
        assert!(found.series[0].words.ends_with("and it is damaged"), "{}", found.series[0].words);
    }

    proptest! {
        #[test]
        fn no_listing_makes_judging_panic_or_lose_a_backup(
            objects in proptest::collection::vec((".{0,24}|dbacked_[a-z]{0,3}_[0-9]{12}(_metadata)?", 0_u64..5, any::<i64>()), 0..30)
        ) {
            let made: Vec<Object> = objects
                .iter()
                .map(|(name, size, at)| {
                    let stamp = Stamp { size: *size, modified: Some(Moment(*at)), ..Stamp::default() };
                    Object { key: Foreign::from(name.as_str()), stamp, history: History::Current, storage: Default::default() }
                })
                .collect();
            let named = |object: &&Object| names::metadata_of(&object.key).is_none();
            let (backups, times) = (made.iter().filter(named).count(), catalog(made, &[]));
            prop_assert!(times.backups.len() >= backups);
            prop_assert!(times.backups.is_sorted_by_key(|backup| std::cmp::Reverse(backup.taken.at)));
        }
    }
}
