//! From listed backups and told runs to the past of every series.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::disk::estate::SeriesRule;
use crate::format::names;
use crate::model::backup::{Backup, BackupId, Format};
use crate::model::foreign::Foreign;
use crate::model::retention::Keep;
use crate::model::run::{Feed, Named, Run, RunBrief, RunId, RunKind, RunSeries, RunState, Tool};
use crate::model::seen::{SeenSeries, SeenTarget};
use crate::model::target::{History, TargetName};
use crate::model::units::Moment;
use crate::work::catalog::{Catalog, series_of};
use crate::work::history::past::{Builder, NOTE_AGREES};
use crate::work::history::seen::remembered;
use crate::work::history::split::split;
use crate::work::history::strays::place;
use crate::work::history::view::{Emptied, HistoryView, SeriesKey, SeriesPast};
use crate::work::join::{Joined, join};
use crate::work::series::is_orphan;

/// Everything that the past is made of.
pub struct Sources<'a> {
    /// What is listed.
    pub catalog: &'a Catalog,
    /// What the estate expects of series.
    pub rules: &'a [SeriesRule],
    /// What the prune of a target keeps.
    pub keep: &'a dyn Fn(&TargetName) -> Option<Keep>,
    /// Whether what once lay there under that name was good.
    pub was_good: &'a dyn Fn(&TargetName, &Foreign) -> bool,
    /// Series of runs with their days.
    pub told: Vec<RunSeries>,
    /// The newest runs of each, oldest first.
    pub briefs: HashMap<Foreign, Vec<RunBrief>>,
    /// The very newest of each, with everything that is known of them, and verifications of our own.
    pub newest: Vec<Run>,
    /// What the backups of each named within a month.
    pub named: HashMap<Foreign, Vec<Arc<Named>>>,
    /// What once lay in the targets.
    pub seen: Vec<SeenTarget>,
    /// How old the newest good copy of a series may be, in milliseconds.
    pub good_within: i64,
    /// How much is asked.
    pub depth: Depth,
    /// Now.
    pub now: Moment,
}

/// How much of the past is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything that was, for people.
    All,
    /// What stands now, for monitors.
    Standing,
}

/// What becomes the past of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct Row<'a> {
    pub rule: Option<&'a SeriesRule>,
    /// Oldest first.
    pub backups: Vec<&'a Arc<Backup>>,
    /// Names of series of runs.
    pub runs: BTreeSet<&'a Foreign>,
    /// One of several servers that write under one naming: the name of its runs.
    pub server: Option<&'a Foreign>,
    /// Its runs are of a database of DBacked, and there are backups of DBacked that carry other names.
    pub aliased: bool,
    /// No runs tell of what lies there, beside what runs of another server do.
    pub untold: bool,
    /// Runs beside those, which do not tell what they are of.
    pub strays: Vec<&'a RunBrief>,
    /// None of its runs tells what it is of.
    pub nameless: bool,
    /// Those of them that are told in other rows.
    pub placed: HashSet<&'a RunId>,
    /// What of it once lay in which target.
    pub seen: Vec<(&'a TargetName, &'a SeenSeries)>,
}

/// Puts the past of every series together.
pub fn build(sources: &Sources<'_>) -> HistoryView {
    let joined = join(&sources.newest, sources.catalog);
    let mut rows = split(rows(sources, &joined), sources, &joined);
    place(&mut rows, sources);
    let mut view = HistoryView { at: sources.now, ..HistoryView::default() };
    view.runs = sources.told.iter().map(|series| series.runs).sum();
    let emptied =
        remembered(sources.catalog, &sources.seen).filter(|(_, objects, seen)| *objects == 0 && seen.objects > 0);
    let emptied =
        emptied.map(|(target, _, seen)| Emptied { target: target.clone(), objects: seen.objects, seen: seen.at });
    view.emptied = emptied.collect();
    let mut runs: HashMap<&Foreign, Vec<&Run>> = HashMap::new();
    sources.newest.iter().for_each(|run| runs.entry(&run.series).or_default().push(run));
    let mut built = vec![];
    for (key, row) in rows {
        let server = row.server;
        let builder = Builder { sources, joined: &joined, runs: &runs, key, row };
        built.push((server, builder.past(&mut view.remarks)));
    }
    view.series = told_apart(built).into_iter().map(Arc::new).collect();
    view.series.sort_by(|a, b| (&a.label, &a.key).cmp(&(&b.label, &b.key)));
    view
}

/// Two servers of one target whose databases have one name are shown with the name of their server.
fn told_apart(mut built: Vec<(Option<&Foreign>, SeriesPast)>) -> Vec<SeriesPast> {
    let mut alike: HashMap<(String, Option<TargetName>), usize> = HashMap::new();
    for (_, past) in built.iter().filter(|(server, _)| server.is_some()) {
        *alike.entry((past.label.clone(), past.key.target.clone())).or_default() += 1;
    }
    for (server, past) in &mut built {
        let twice = alike.get(&(past.label.clone(), past.key.target.clone())).is_some_and(|count| *count > 1);
        if let Some(server) = server.filter(|_| twice) {
            past.label = format!("{} of {}", past.label, past.server.as_ref().unwrap_or(server));
        }
    }
    built.into_iter().map(|(_, past)| past).collect()
}

fn rows<'a>(sources: &'a Sources<'_>, joined: &Joined) -> BTreeMap<SeriesKey, Row<'a>> {
    let mut gathered = Gathered::default();
    for rule in sources.rules {
        gathered.rows.entry(rule_key(rule)).or_default().rule = Some(rule);
    }
    gathered.listed(sources);
    gathered.joined(sources, joined);
    gathered.named(sources);
    gathered.rows
}

/// Rows, and how to find them.
#[derive(Default)]
struct Gathered<'a> {
    rows: BTreeMap<SeriesKey, Row<'a>>,
    of_backup: HashMap<&'a BackupId, SeriesKey>,
    /// Those of DBacked by the alias in the names of their backups.
    dbacked: HashMap<&'a Foreign, Vec<SeriesKey>>,
}

impl<'a> Gathered<'a> {
    /// What lies there, and what once did.
    fn listed(&mut self, sources: &'a Sources<'_>) {
        // The catalog is newest first.
        for backup in sources.catalog.backups.iter().rev().filter(|backup| is_one(backup)) {
            let key = key_of(sources.rules, &backup.target, &backup.key, &backup.series);
            self.alias(&backup.key, &backup.series, &key);
            self.of_backup.insert(&backup.id, key.clone());
            self.rows.entry(key).or_default().backups.push(backup);
        }
        for (target, _, known) in remembered(sources.catalog, &sources.seen) {
            for series in &known.series {
                let key = key_of(sources.rules, target, &series.key, &series.name);
                self.alias(&series.key, &series.name, &key);
                self.rows.entry(key).or_default().seen.push((target, series));
            }
        }
    }

    fn alias(&mut self, name: &Foreign, alias: &'a Foreign, key: &SeriesKey) {
        if names::dbacked_name(name).is_some() {
            let known = self.dbacked.entry(alias).or_default();
            if !known.contains(key) {
                known.push(key.clone());
            }
        }
    }

    /// Runs by what they left, whether it is still there or not.
    fn joined(&mut self, sources: &'a Sources<'_>, joined: &Joined) {
        for run in &sources.newest {
            let keys = joined.of_run(&run.id).iter().filter_map(|joint| self.of_backup.get(&joint.backup));
            for key in keys {
                self.rows.entry(key.clone()).or_default().runs.insert(&run.series);
            }
        }
        for (target, key, run) in missed(&sources.newest, joined) {
            let key = key_of(sources.rules, target, key, &series_of(key));
            self.rows.entry(key).or_default().runs.insert(&run.series);
        }
    }

    /// Runs of DBacked by their names, and a row of their own for those of which nothing was found.
    fn named(&mut self, sources: &'a Sources<'_>) {
        let owners = owners(&sources.newest);
        for series in &sources.told {
            let owner = owners.get(&series.name).copied().unwrap_or(&series.name);
            let by_time = || self.alias_by_time(owner, &sources.newest).and_then(|alias| self.dbacked.get(alias));
            let keys = self.dbacked.get(owner).or_else(by_time).filter(|_| series.tool == Tool::Dbacked);
            for key in keys.cloned().unwrap_or_default() {
                self.rows.entry(key).or_default().runs.insert(&series.name);
            }
            let backs_up = sources.briefs.get(&series.name).is_some_and(|briefs| !briefs.is_empty());
            if backs_up && self.rows.values().all(|row| !row.runs.contains(&series.name)) {
                let row = self.rows.entry(SeriesKey { name: series.name.clone(), target: None }).or_default();
                row.runs.insert(&series.name);
                row.aliased = series.tool == Tool::Dbacked && !self.dbacked.is_empty();
            }
        }
    }

    /// The one alias under which DBacked wrote a backup at the time that the table of a database notes as that of its
    /// last: the table does not know its alias.
    fn alias_by_time(&self, series: &Foreign, runs: &[Run]) -> Option<&'a Foreign> {
        let of_table = runs.iter().filter(|run| run.feed == Feed::DbackedTable && run.series == *series);
        let noted = of_table.filter_map(|run| run.ended.or(run.started)).max()?;
        let written = |backup: &Backup| backup.stamp.modified.unwrap_or_default().max(backup.taken.at);
        let agrees = |key: &SeriesKey| {
            let newest = self.rows.get(key).and_then(|row| row.backups.last());
            newest.is_some_and(|backup| written(backup).0.abs_diff(noted.0) <= NOTE_AGREES.unsigned_abs())
        };
        let mut fit = self.dbacked.iter().filter(|(_, keys)| keys.iter().any(agrees));
        fit.next().filter(|_| fit.next().is_none()).map(|(alias, _)| *alias)
    }
}

/// What the newest run of each series left, by its own account, where that is no more: a row of its own, though nothing
/// lies there. What only older ones left was pruned, or they wrote into another place then.
fn missed<'a, 's>(runs: &'a [Run], joined: &'s Joined) -> impl Iterator<Item = (&'s TargetName, &'s Foreign, &'a Run)> {
    let mut newest: HashMap<&Foreign, &Run> = HashMap::new();
    for run in runs.iter().filter(|run| run.kind == RunKind::Backup && run.state != RunState::Failed) {
        let known = newest.entry(&run.series).or_insert(run);
        if known.at() < run.at() {
            *known = run;
        }
    }
    newest.into_values().flat_map(|run| {
        let missing = joined.missing.get(&run.id).into_iter().flatten();
        missing.map(move |(target, key)| (target, key, run))
    })
}

/// The database whose own table knows the id that a beacon names, by the name of the beacon's series.
fn owners(runs: &[Run]) -> HashMap<&Foreign, &Foreign> {
    let tables = runs.iter().filter(|run| run.feed == Feed::DbackedTable);
    let by_id: HashMap<&Foreign, &Foreign> =
        tables.filter_map(|run| Some((run.source.identity.as_ref()?, &run.series))).collect();
    let beacons = runs.iter().filter(|run| run.feed == Feed::Beacon);
    beacons.filter_map(|run| Some((&run.series, *by_id.get(run.source.identity.as_ref()?)?))).collect()
}

/// The row of what lies in a target under a key: that of the rule which gathers it, else that of its own series.
pub(in crate::work) fn key_of(rules: &[SeriesRule], target: &TargetName, key: &Foreign, series: &Foreign) -> SeriesKey {
    let place = [target.as_str().as_bytes(), b":", key.raw_bytes()].concat();
    let rule = rules.iter().find(|rule| fits(&rule.pattern, &place));
    rule.map_or_else(|| SeriesKey { name: series.clone(), target: Some(target.clone()) }, rule_key)
}

fn rule_key(rule: &SeriesRule) -> SeriesKey {
    let target = rule.pattern.split_once(':').and_then(|(target, _)| TargetName::new(target));
    SeriesKey { name: Foreign::from(rule.name.as_str()), target }
}

/// Whether it is a backup that counts: the current version of something of a known kind.
pub(in crate::work) fn is_one(backup: &Backup) -> bool {
    let known = backup.shape.format != Format::Unknown || names::guess(&backup.key).format != Format::Unknown;
    backup.history == History::Current && !is_orphan(backup) && known
}

/// Whether `text` fits a pattern in which `*` stands for any text and `?` for one byte.
pub fn fits(pattern: &str, text: &[u8]) -> bool {
    let pattern = pattern.as_bytes();
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[from] => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    (at, from) = (before + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|left| *left == b'*')
}

#[cfg(test)]
mod tests;
