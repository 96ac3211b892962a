//! When mysql-backup's prune deletes each backup: by that tool's own reading, and by true time.
//!
//! Its reading, as of its version 1.5: only names of the default pattern; the wall clock in them taken as
//! UTC; of a folder what lies directly in it; of a bucket the first 1,000 keys that begin with the prefix
//! written without its last slash, so that the prune of `node1` reaches into `node10`.

use std::collections::HashMap;

use crate::disk::estate::{SeriesRule, TargetHabits};
use crate::format::names;
use crate::format::names::NamePattern;
use crate::model::backup::{Backup, Format};
use crate::model::foreign::Foreign;
use crate::model::retention::{Keep, Nearness, Prune, PruneAt, Retention};
use crate::model::target::{History, Location, S3Location, Target, TargetName};
use crate::model::trust::{Finding, Weight};
use crate::model::units::Moment;
use crate::work::catalog::{Names, Ruled};

const HOUR: i64 = 3_600_000;
/// What is near enough to warn of.
const SOON: i64 = 24 * HOUR;

/// How backups are named in one target, and what mysql-backup prunes there.
#[derive(Debug, Clone, Default)]
pub struct TargetRules {
    /// Recognises the configured names; `None`: the default ones only.
    pub pattern: Option<NamePattern>,
    /// What its prune keeps.
    pub retention: Option<Retention>,
    /// When series are due, and in which zone.
    pub ruled: Vec<Ruled>,
}

impl TargetRules {
    /// From what the estate says; a pattern that cannot be read was told when the estate was.
    pub fn of(habits: Option<&TargetHabits>, rules: &[SeriesRule]) -> Self {
        let pattern = habits.and_then(|habits| NamePattern::read(habits.filename_pattern.as_deref()?).ok());
        Self { pattern, retention: habits.and_then(|habits| habits.retention.clone()), ruled: Ruled::all(rules) }
    }

    /// How the names there are read.
    pub fn names(&self) -> Names<'_> {
        Names { pattern: self.pattern.as_ref(), ruled: &self.ruled }
    }

    /// The target as the prune lists it, where that is another list than ours.
    pub fn as_pruned(&self, target: &Target) -> Option<Target> {
        self.retention.as_ref()?;
        let Location::S3(s3) = &target.location else { return None };
        let prefix = s3.prefix.trim_matches('/').to_owned();
        let seen = S3Location { prefix, slashed: false, versions: false, ..S3Location::clone(s3) };
        Some(Target { location: Location::S3(Box::new(seen)), ..target.clone() })
    }
}

/// The prune of one target.
pub struct Pruner<'a> {
    target: &'a Target,
    retention: &'a Retention,
    /// Whole keys in a bucket with the times that it reads; `None`: what is listed itself counts.
    seen: Option<HashMap<Vec<u8>, Option<Moment>>>,
}

impl<'a> Pruner<'a> {
    /// `None` where nothing is pruned. `seen`: keys of the list that [`TargetRules::as_pruned`] gives.
    pub fn new(target: &'a Target, rules: &'a TargetRules, seen: Option<&[Foreign]>) -> Option<Self> {
        let retention = rules.retention.as_ref()?;
        let prefix = match &target.location {
            Location::S3(s3) => s3.prefix.trim_matches('/'),
            _ => "",
        };
        let whole = |key: &Foreign| [prefix.as_bytes(), key.raw_bytes()].concat();
        let seen = seen.map(|keys| keys.iter().map(|key| (whole(key), names::prune_time(key))).collect());
        Some(Self { target, retention, seen })
    }

    /// The time that this prune reads in a backup, if it reads it at all.
    fn reads(&self, backup: &Backup, whole: Option<&(Bucket<'_>, Vec<u8>)>) -> Option<Moment> {
        if backup.history != History::Current {
            return None;
        }
        let own = backup.target == self.target.name;
        match (&self.seen, whole) {
            (Some(seen), Some((bucket, key))) if *bucket == Bucket::of(self.target)? => match seen.get(key) {
                Some(time) => *time,
                // Further back in the list than it looks: by age it is reached once older ones are gone.
                None if own && matches!(self.retention.keep(), Keep::Hours(_)) => names::prune_time(&backup.key),
                None => None,
            },
            (None, _) if own && (whole.is_some() || !backup.key.raw_bytes().contains(&b'/')) => {
                names::prune_time(&backup.key)
            }
            _ => None,
        }
    }
}

/// Which bucket of which store.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Bucket<'a>(Option<&'a str>, &'a str);

impl<'a> Bucket<'a> {
    fn of(target: &'a Target) -> Option<Self> {
        match &target.location {
            Location::S3(s3) => Some(Self(s3.endpoint.as_deref(), &s3.bucket)),
            _ => None,
        }
    }
}

/// Says of every backup when it is deleted.
pub fn apply(backups: &mut [Backup], targets: &[&Target], pruners: &[Pruner<'_>], now: Moment) {
    if pruners.is_empty() {
        return;
    }
    let by_name: HashMap<&TargetName, &Target> = targets.iter().map(|target| (&target.name, *target)).collect();
    let whole: Vec<Option<(Bucket<'_>, Vec<u8>)>> = backups
        .iter()
        .map(|backup| {
            let target = by_name.get(&backup.target)?;
            let Location::S3(s3) = &target.location else { return None };
            Some((Bucket::of(target)?, s3.whole_key(backup.key.raw_str()?).into_bytes()))
        })
        .collect();
    for pruner in pruners {
        let ranks = Ranks::of(pruner, backups, &whole);
        for (backup, whole) in backups.iter_mut().zip(&whole) {
            let own = backup.target == pruner.target.name;
            let tool = ranks.at(&ranks.read, pruner.reads(backup, whole.as_ref()));
            if tool == PruneAt::Never && !(own && is_its(backup)) {
                continue;
            }
            let truth = ranks.at(&ranks.taken, is_its(backup).then_some(backup.taken.at));
            let when = nearness(tool, now);
            let prune = Prune { rule: pruner.retention.to_string(), by: pruner.target.name.clone(), tool, truth, when };
            if backup.prune.as_ref().is_none_or(|known| order(prune.tool) < order(known.tool)) {
                backup.prune = Some(Box::new(prune));
            }
        }
    }
}

/// Whether the tool wrote it, as far as name or bytes tell.
fn is_its(backup: &Backup) -> bool {
    let named = backup.shape.format == Format::Databacker || names::databacker_name(&backup.key).is_some();
    named && backup.history == History::Current
}

/// All times of one target's backups, newest last, as the tool reads them and as they are.
struct Ranks {
    keep: Keep,
    read: Vec<Moment>,
    taken: Vec<Moment>,
}

impl Ranks {
    fn of(pruner: &Pruner<'_>, backups: &[Backup], whole: &[Option<(Bucket<'_>, Vec<u8>)>]) -> Self {
        let keep = pruner.retention.keep();
        if matches!(keep, Keep::Hours(_)) {
            return Self { keep, read: vec![], taken: vec![] };
        }
        let mut read: Vec<Moment> = match &pruner.seen {
            Some(seen) => seen.values().flatten().copied().collect(),
            None => backups.iter().zip(whole).filter_map(|(made, key)| pruner.reads(made, key.as_ref())).collect(),
        };
        let own = |backup: &&Backup| backup.target == pruner.target.name && is_its(backup);
        let mut taken: Vec<Moment> = backups.iter().filter(own).map(|backup| backup.taken.at).collect();
        read.sort_unstable();
        taken.sort_unstable();
        Self { keep, read, taken }
    }

    /// What the rule means for a backup of that time among the others; equal times count as newer ones.
    fn at(&self, all: &[Moment], time: Option<Moment>) -> PruneAt {
        match (self.keep, time) {
            (_, None) => PruneAt::Never,
            (Keep::Hours(hours), Some(time)) => {
                PruneAt::From(Moment(time.0.saturating_add(i64::from(hours).saturating_mul(HOUR))))
            }
            (Keep::Newest(count), Some(time)) => {
                let older = all.partition_point(|other| *other < time);
                let newer = u32::try_from((all.len() - older).saturating_sub(1)).unwrap_or(u32::MAX);
                match count.saturating_sub(newer) {
                    0 => PruneAt::NextRun,
                    more => PruneAt::After(more),
                }
            }
        }
    }
}

/// The sooner the smaller.
fn order(at: PruneAt) -> (u8, i64) {
    match at {
        PruneAt::NextRun => (0, i64::MIN),
        PruneAt::From(at) => (0, at.0),
        PruneAt::After(more) => (1, i64::from(more)),
        PruneAt::Never => (2, 0),
    }
}

fn nearness(tool: PruneAt, now: Moment) -> Nearness {
    match tool {
        PruneAt::NextRun => Nearness::Due,
        PruneAt::From(at) if at <= now => Nearness::Due,
        PruneAt::From(at) if at.0.saturating_sub(now.0) <= SOON => Nearness::Soon,
        PruneAt::From(_) | PruneAt::After(_) | PruneAt::Never => Nearness::Later,
    }
}

/// What is worth saying of it in a list.
pub fn finding(prune: &Prune) -> Option<Finding> {
    let Prune { rule, by, tool, truth, when } = prune;
    match (when, tool) {
        (Nearness::Soon, PruneAt::From(at)) => {
            let (day, minute) = (at.day(), at.minute());
            let clock = minute.get(11..).unwrap_or_default();
            let text = format!("prune at {clock} ({day} UTC, by mysql-backup's retention {rule} for {by})");
            Some(Finding::new(Weight::Warning, "pruned_soon", text))
        }
        (Nearness::Due, PruneAt::From(at)) => {
            let text = format!("prune next run (retention {rule} for {by} passed at {} UTC)", at.minute());
            Some(Finding::new(Weight::Warning, "pruned_soon", text))
        }
        (Nearness::Due, _) => {
            let text = format!("prune next run (beyond the newest that retention {rule} for {by} keeps)");
            Some(Finding::new(Weight::Warning, "pruned_soon", text))
        }
        (_, PruneAt::Never) if *truth != PruneAt::Never => {
            let text = format!("never pruned: retention {rule} does not reach it, by its name or place");
            Some(Finding::new(Weight::Note, "never_pruned", text))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
