//! Runs and the objects that they left: by name, target, time and size, with how sure that is.

mod places;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::format::names;
use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::join::Certainty;
use crate::model::run::{ObjectRef, Run, RunId, RunKind, RunState};
use crate::model::target::{History, TargetName};
use crate::model::trust::{Finding, Weight};
use crate::model::units::{ByteSize, Moment};
use crate::work::catalog::Catalog;
use crate::work::join::places::{Place, Spot};

pub use self::places::Places;

const MINUTE: i64 = 60_000;
/// What a run made may be dated so long before its beginning: clocks differ.
const BEFORE: i64 = 10 * MINUTE;
/// Or so long after its end.
const AFTER: i64 = 30 * MINUTE;
/// A run of which only one end is known is taken for one of at most so long.
const LONGEST: i64 = 6 * 60 * MINUTE;
/// The same name so far apart in time is another backup.
const SAME_NAME: i64 = 48 * 60 * MINUTE;

/// A run and one object that it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joint {
    /// The object.
    pub backup: BackupId,
    /// How sure that is.
    pub certainty: Certainty,
    /// What the run counted, where it is not what is stored.
    pub told: Option<u64>,
}

/// All runs and objects that belong together, and what is odd about the rest.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    /// The objects of each run.
    pub runs: HashMap<RunId, Vec<Joint>>,
    /// The run of each object; where several claim it, the surest one.
    pub backups: HashMap<BackupId, (RunId, Certainty)>,
    /// What is odd about a run beside what is listed.
    pub findings: HashMap<RunId, Vec<Finding>>,
    /// Targets into which a run did not write what it should have, by its own account.
    pub unwritten: HashMap<RunId, Vec<TargetName>>,
    /// Runs that name places, all of them outside the estate.
    pub outside: HashSet<RunId>,
    /// The targets that a run names, where every place that it names is one.
    pub into: HashMap<RunId, Vec<TargetName>>,
    /// What a run says it left in targets that are listed as a whole and do not hold it: by target and key.
    pub missing: HashMap<RunId, Vec<(TargetName, Foreign)>>,
    /// The targets, by where they are.
    pub places: Places,
    /// Objects whose size is not what their run counted.
    pub odd: HashMap<BackupId, Finding>,
    /// What verifications of our own read.
    pub verified: HashMap<RunId, Verified>,
}

/// What a verification of our own read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Where it lies or lay.
    pub target: TargetName,
    /// Which backup it is, where it is still listed.
    pub backup: Option<BackupId>,
}

impl Joined {
    /// The objects of a run.
    pub fn of_run(&self, run: &RunId) -> &[Joint] {
        self.runs.get(run).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, run: &Run, joint: Joint) {
        let claim = (run.id.clone(), joint.certainty);
        let known = self.backups.entry(joint.backup.clone()).or_insert_with(|| claim.clone());
        if claim.1 > known.1 {
            *known = claim;
        }
        let joints = self.runs.entry(run.id.clone()).or_default();
        if joints.iter().all(|known| known.backup != joint.backup) {
            joints.push(joint);
        }
    }
}

impl Joined {
    /// Notes into which targets a run wrote, or did not, by its own account.
    fn place(&mut self, run: &Run) {
        let names = |object: &ObjectRef| self.places.of(object).map(|place| place.name.clone()).collect::<Vec<_>>();
        let failed = run.objects.iter().filter(|object| object.state == Some(RunState::Failed));
        let unwritten: Vec<TargetName> = failed.flat_map(names).collect();
        let placed: Vec<Vec<TargetName>> =
            run.objects.iter().filter(|object| object.target.is_some()).map(names).collect();
        if !unwritten.is_empty() {
            self.unwritten.insert(run.id.clone(), unwritten);
        }
        if placed.is_empty() {
            return;
        }
        if placed.iter().all(Vec::is_empty) {
            self.outside.insert(run.id.clone());
        } else if placed.iter().all(|places| !places.is_empty()) {
            self.into.insert(run.id.clone(), placed.concat());
        }
    }

    /// Notes what a run says it left, in targets that are listed as a whole and do not hold it.
    fn miss(&mut self, run: &Run, object: &ObjectRef, index: &Index<'_>) {
        let Some((spot, places)) = index.missing(run, object) else { return };
        let Some(name) = &object.name else { return };
        let text = format!("it left {name} in {}, where that is no longer", places[0].name);
        let finding = Finding::new(Weight::Note, "object_gone", text);
        self.findings.entry(run.id.clone()).or_default().push(finding);
        let keys = places.iter().map(|place| (place.name.clone(), place.spot.key_of(&spot)));
        self.missing.entry(run.id.clone()).or_default().extend(keys);
    }
}

/// Joins verifications to what a catalog lists.
fn verified(runs: &[Run], index: &Index<'_>) -> HashMap<RunId, Verified> {
    let own = runs.iter().filter(|run| run.kind == RunKind::Verification);
    let read = own.filter_map(|run| {
        let object = run.objects.first()?;
        let target = index.places.exactly(object)?.clone();
        let lying = index.spot(object).map_or_else(Vec::new, |spot| index.lying(&spot));
        let backup = lying.into_iter().map(|(at, _)| index.backups[at]).find(|backup| backup.target == target);
        Some((run.id.clone(), Verified { target, backup: backup.map(|backup| backup.id.clone()) }))
    });
    read.collect()
}

/// Joins runs to what a catalog lists. The order of both does not matter.
pub fn join(runs: &[Run], catalog: &Catalog) -> Joined {
    let index = Index::new(catalog);
    let (places, verified) = (index.places.clone(), verified(runs, &index));
    let mut joined = Joined { places, verified, ..Joined::default() };
    // What is named is joined first, so that a guess never takes what another run names.
    for run in runs.iter().filter(|run| run.kind == RunKind::Backup) {
        joined.place(run);
        for object in run.objects.iter().filter(|object| object.name.is_some()) {
            let here = index.named(run, object);
            if here.is_empty() {
                joined.miss(run, object, &index);
            }
            here.into_iter().for_each(|(at, certainty)| joined.add(run, index.joint(at, certainty, run, object)));
        }
    }
    for run in runs.iter().filter(|run| run.kind == RunKind::Backup && run.state != RunState::Failed) {
        if joined.of_run(&run.id).is_empty() && run.objects.iter().all(|object| object.name.is_none()) {
            for (at, certainty) in index.timed(run, &joined) {
                let nothing = ObjectRef::default();
                let object = run.objects.first().unwrap_or(&nothing);
                joined.add(run, index.joint(at, certainty, run, object));
            }
        }
    }
    for run in runs {
        let sized = |joint: &Joint| Some((joint.backup.clone(), index.size(joint)?));
        let sizes: Vec<(BackupId, Finding)> = joined.of_run(&run.id).iter().filter_map(sized).collect();
        if !sizes.is_empty() {
            let findings = sizes.iter().map(|(_, finding)| finding.clone());
            joined.findings.entry(run.id.clone()).or_default().extend(findings);
            joined.odd.extend(sizes);
        }
    }
    joined
}

struct Index<'a> {
    places: Places,
    backups: Vec<&'a Arc<Backup>>,
    by_spot: HashMap<Spot, usize>,
    /// Another backup of the same spot.
    also: HashMap<usize, usize>,
    by_base: HashMap<&'a [u8], Vec<usize>>,
    by_id: HashMap<&'a BackupId, usize>,
    /// Times and places in `backups`, sorted.
    by_time: Vec<(Moment, usize)>,
    now: Moment,
}

impl<'a> Index<'a> {
    fn new(catalog: &'a Catalog) -> Self {
        let places = Places::new(catalog);
        let listed = |backup: &&Arc<Backup>| backup.history == History::Current && backup.stamp.size > 0;
        let backups: Vec<&Arc<Backup>> = catalog.backups.iter().filter(listed).collect();
        let mut by_spot = HashMap::with_capacity(backups.len());
        let mut also = HashMap::new();
        let mut by_base: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(backups.len());
        let mut by_time = Vec::with_capacity(backups.len());
        for (at, backup) in backups.iter().enumerate() {
            if let (Some(place), Some(key)) = (places.get(&backup.target), backup.key.raw_str()) {
                also.extend(by_spot.insert(place.spot.below(key), at).map(|before| (at, before)));
            }
            by_base.entry(names::base(backup.key.raw_bytes())).or_default().push(at);
            by_time.push((backup.taken.at, at));
        }
        by_time.sort_unstable();
        let by_id = backups.iter().enumerate().map(|(at, backup)| (&backup.id, at)).collect();
        Self { places, backups, by_spot, also, by_base, by_id, by_time, now: catalog.at }
    }

    fn spot(&self, object: &ObjectRef) -> Option<Spot> {
        let url = object.target.as_ref()?.raw_str()?;
        let name = object.name.as_ref()?.raw_str()?;
        Some(Spot::of(url).below(name))
    }

    /// Everything that lies at a spot: the same object where one target lies in another, and one each where two targets
    /// are one bucket at two endpoints, of which nobody knows where it was written first.
    fn lying(&self, spot: &Spot) -> Vec<(usize, Certainty)> {
        let first = self.by_spot.get(spot).copied();
        let all: Vec<usize> = std::iter::successors(first, |at| self.also.get(at).copied()).collect();
        let place = |at: &usize| self.places.get(&self.backups[*at].target).map(|place| &place.spot);
        let alone = |at: &usize| all.iter().all(|other| other == at || place(other) != place(at));
        let certainty = |at: &usize| if alone(at) { Certainty::Exact } else { Certainty::Likely };
        all.iter().map(|at| (*at, certainty(at))).collect()
    }

    fn named(&self, run: &Run, object: &ObjectRef) -> Vec<(usize, Certainty)> {
        let Some(name) = &object.name else { return vec![] };
        let spot = self.spot(object);
        let lying = spot.as_ref().map_or_else(Vec::new, |spot| self.lying(spot));
        // In a target that is listed as a whole it would have been found by its place.
        let known = |spot: &Spot| self.places.complete(spot).next().is_some();
        if !lying.is_empty() || spot.as_ref().is_some_and(known) {
            return lying;
        }
        let near = |at: &&usize| self.backups[**at].taken.at.0.abs_diff(run.at().0) <= SAME_NAME.unsigned_abs();
        let alike = self.by_base.get(names::base(name.raw_bytes())).into_iter().flatten();
        let alike: Vec<&usize> = alike.filter(near).collect();
        let only = match alike[..] {
            [only] => Some(*only),
            _ => {
                let sized = |at: &&&usize| Some(self.backups[***at].stamp.size) == object.bytes.or(run.bytes);
                let mut sized = alike.iter().filter(sized);
                sized.next().filter(|_| sized.next().is_none()).map(|at| **at)
            }
        };
        only.map(|at| (at, Certainty::Likely)).into_iter().collect()
    }

    /// What a run without a name may have left: what is dated into it and belongs to what it names as its source.
    fn timed(&self, run: &Run, joined: &Joined) -> Vec<(usize, Certainty)> {
        let Some((from, to)) = span_of(run) else { return vec![] };
        let start = self.by_time.partition_point(|(at, _)| at.0 < from.0.saturating_sub(BEFORE));
        let within = self.by_time[start..].iter().take_while(|(at, _)| at.0 <= to.0.saturating_add(AFTER));
        let free = within.filter(|(_, at)| !joined.backups.contains_key(&self.backups[*at].id));
        let own: Vec<usize> = free.map(|(_, at)| *at).filter(|at| is_of(run, self.backups[*at])).collect();
        let sized = |at: &usize| run.bytes.is_some_and(|bytes| bytes == self.backups[*at].stamp.size);
        let mut per_target: HashMap<&TargetName, usize> = HashMap::new();
        for at in own {
            let of = &self.backups[at].target;
            let better = |known: usize| !sized(&known) && sized(&at);
            match per_target.get(of) {
                Some(known) if !better(*known) => {}
                _ => drop(per_target.insert(of, at)),
            }
        }
        let certainty = |at: usize| if sized(&at) { Certainty::Likely } else { Certainty::Guess };
        per_target.into_values().map(|at| (at, certainty(at))).collect()
    }

    fn joint(&self, at: usize, certainty: Certainty, run: &Run, object: &ObjectRef) -> Joint {
        let stored = self.backups[at].stamp.size;
        let told = object.bytes.or(if run.objects.len() == 1 { run.bytes } else { None });
        Joint { backup: self.backups[at].id.clone(), certainty, told: told.filter(|told| *told != stored) }
    }

    fn size(&self, joint: &Joint) -> Option<Finding> {
        let told = joint.told.filter(|_| joint.certainty == Certainty::Exact)?;
        let backup = self.backups[*self.by_id.get(&joint.backup)?];
        let stored = backup.stamp.size;
        let text = format!(
            "{} stores {}, and its run counted {}",
            backup.target,
            ByteSize(stored).exact(),
            ByteSize(told).exact()
        );
        Some(Finding::new(Weight::Warning, "size_differs", text))
    }

    /// The spot at which a run says it left something, and the targets that are listed as a whole and do not hold it.
    fn missing(&self, run: &Run, object: &ObjectRef) -> Option<(Spot, Vec<&Place>)> {
        let failed = object.state.unwrap_or(run.state) == RunState::Failed;
        // A listing may be older than a run that has just ended.
        let spot = self.spot(object).filter(|_| !failed && run.ended.unwrap_or(run.at()) < self.now)?;
        let places: Vec<&Place> = self.places.complete(&spot).collect();
        (!places.is_empty()).then_some((spot, places))
    }
}

/// From when to when a run may have dated what it made.
fn span_of(run: &Run) -> Option<(Moment, Moment)> {
    match (run.started, run.ended) {
        (Some(from), Some(to)) if from <= to => Some((from, to)),
        (Some(from), _) => Some((from, Moment(from.0.saturating_add(LONGEST)))),
        (None, Some(to)) => Some((Moment(to.0.saturating_sub(LONGEST)), to)),
        (None, None) => None,
    }
}

/// Whether a backup belongs to what a run names as its source: the series, the database, or the only one it has.
fn is_of(run: &Run, backup: &Backup) -> bool {
    let same = |name: &Foreign| *name == backup.series || backup.databases.contains(name);
    let all_inside = |names: &Vec<Foreign>| !names.is_empty() && names.iter().all(same);
    same(&run.series) || run.databases.as_ref().is_some_and(all_inside)
}

#[cfg(test)]
mod tests;
