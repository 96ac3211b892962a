//! What the backups of one series say about each other: sizes, rhythm, the newest good copy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::backup::{Backup, BackupId, Format, Metadata, TakenFrom};
use crate::model::foreign::Foreign;
use crate::model::target::{Access, History, TargetName};
use crate::model::trust::{Finding, Rung, Weight};
use crate::model::units::{ByteSize, Moment, short_span};

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

/// Adds to every backup what it says by itself and beside its series. `backups` is newest first.
pub fn judge(backups: &mut [Backup]) {
    let mut series: HashMap<(TargetName, Foreign), Vec<usize>> = HashMap::new();
    for (at, backup) in backups.iter_mut().enumerate() {
        backup.findings = alone(backup);
        if backup.history == History::Current && backup.stamp.size > 0 && !is_orphan(backup) {
            series.entry((backup.target.clone(), backup.series.clone())).or_default().push(at);
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
        .filter(|kept| kept.code == "metadata_only" || kept.code == "other_key")
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
                && facts.started.is_some_and(|started| started.0.div_euclid(60_000) != name.0.div_euclid(60_000))
            {
                let text = "metadata names another minute than the object: two runs may have overwritten each other";
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
    let gaps: Vec<i64> =
        members.windows(2).map(|pair| backups[pair[0]].taken.at.0 - backups[pair[1]].taken.at.0).collect();
    if gaps.len() < ENOUGH {
        return;
    }
    let mut sorted = gaps.clone();
    sorted.sort_unstable();
    let usual = sorted[sorted.len() / 2];
    let hour = 3_600_000;
    for (n, &gap) in gaps.iter().enumerate() {
        if usual > 0 && gap > usual + usual / 2 && gap > usual + hour {
            let span = |ms: i64| short_span(Duration::from_millis(ms.unsigned_abs()));
            let text = format!("none for {} before it (usually every {})", span(gap), span(usual));
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
        if backup.history == History::Deleted || backup.shape.format == Format::Unknown || is_orphan(backup) {
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
        Some(backup) => format!(
            "no good copy of {name} yet: the newest listed is {} on {}, and nothing vouches for it",
            backup.taken.at.minute(),
            backup.target
        ),
        None => format!("no copy of {name}"),
    }
}
