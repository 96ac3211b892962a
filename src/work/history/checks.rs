//! Verifications of our own, as the past of a series has them.

use std::collections::BTreeSet;

use crate::disk::runs::{HistoryError, Store};
use crate::model::foreign::Foreign;
use crate::model::run::{Run, RunKind, RunQuery};
use crate::model::units::Moment;
use crate::work::catalog::Catalog;
use crate::work::history::past::Builder;
use crate::work::history::view::{Checked, MoreChecks, SeriesKey};
use crate::work::join::{Verified, join};

/// Verifications that are read at first of what the store has under one name.
pub(super) const VERIFIED: usize = 200;

impl Builder<'_, '_> {
    /// Verifications of what lies or lay there, oldest first, and where older ones are.
    pub(super) fn checks(&self) -> (Vec<Checked>, MoreChecks) {
        let mut names: BTreeSet<&Foreign> = self.row.backups.iter().map(|backup| &backup.series).collect();
        names.extend(self.row.seen.iter().map(|(_, series)| &series.name));
        let is_check = |run: &&&Run| run.kind == RunKind::Verification;
        let (mut read, mut more): (Vec<Checked>, MoreChecks) = <_>::default();
        for name in names {
            let runs: Vec<&Run> = self.runs.get(name).into_iter().flatten().filter(is_check).copied().collect();
            if runs.len() >= VERIFIED {
                more.before = more.before.max(runs.iter().map(|run| run.at()).min());
            }
            if !runs.is_empty() {
                more.names.push(name.clone());
            }
            let places = runs.iter().filter_map(|run| Some((run, self.joined.verified.get(&run.id)?)));
            read.extend(places.filter(|(_, place)| self.holds(place)).map(|(run, place)| checked(run, place)));
        }
        more.own = self.key.target.is_none() || self.row.server.is_some();
        // What is older is read in pages, of all names together.
        read.retain(|checked| more.before.is_none_or(|before| checked.at >= before));
        read.sort_by_key(|checked| checked.at);
        (read, more)
    }

    fn holds(&self, place: &Verified) -> bool {
        match &self.key.target {
            Some(target) if self.row.server.is_none() => place.target == *target,
            _ => self.row.backups.iter().any(|backup| Some(&backup.id) == place.backup.as_ref()),
        }
    }
}

fn checked(run: &Run, place: &Verified) -> Checked {
    Checked {
        at: run.at(),
        took: run.took().and_then(|took| i64::try_from(took.as_millis()).ok()),
        bytes: run.bytes,
        state: run.state,
        reached: run.reached,
        said: run.failure.as_ref().map(|failure| failure.text.clone()),
        run: run.id.clone(),
        backup: place.backup.clone(),
        target: Some(place.target.clone()),
    }
}

/// Verifications of a series under these names that began before a time, newest first, out of `limit` that are read
/// of each name; and before when those began that were not read, where there are any.
///
/// # Errors
///
/// What the database says.
pub(super) fn older(
    (store, catalog): (&Store, &Catalog),
    (key, names): (&SeriesKey, &[Foreign]),
    (before, limit): (Moment, usize),
) -> Result<(Vec<Checked>, Option<Moment>), HistoryError> {
    let (mut runs, mut complete): (Vec<Run>, bool) = (vec![], true);
    for name in names {
        let kinds = vec![RunKind::Verification];
        let query = RunQuery { series: Some(name.clone()), kinds, until: Some(before), limit, ..RunQuery::default() };
        let more = store.runs(&query)?;
        complete &= more.len() < limit;
        runs.extend(more);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.at()));
    if !complete {
        // What stands behind the last one of some name may not be known yet of another.
        runs.truncate(limit);
    }
    let next = runs.last().map(|run| run.at()).filter(|_| !complete);
    let joined = join(&runs, catalog);
    let here = |place: &&Verified| key.target.as_ref().is_none_or(|target| place.target == *target);
    let read = runs.iter().filter_map(|run| Some(checked(run, joined.verified.get(&run.id).filter(here)?)));
    Ok((read.collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::estate::{Estate, EstateId};
    use crate::disk::runs::{Intake, Keep};
    use crate::disk::state::State;
    use crate::model::run::{Feed, RunState};
    use crate::work::history::SeriesPast;
    use crate::work::history::load::{Ground, told, view};
    use crate::work::history::rows::Depth;
    use crate::work::history::samples::{MINUTE, catalog, leaving, nightly, now, run};

    /// Every quarter of an hour the newest backup is verified; every fifth time its copy elsewhere is instead.
    fn every_quarter(series: &Foreign, key: &str, count: i64) -> Vec<Run> {
        let one = |nth: i64| {
            let target = if nth % 5 == 0 { "vault" } else { "nas" };
            let began = Moment(now().0 - nth * 15 * MINUTE);
            let verified = run(&series.to_string(), began, RunState::Ok);
            leaving(Run { kind: RunKind::Verification, ..verified }, target, key)
        };
        (1..=count).map(one).collect()
    }

    fn past(store: &Store, catalog: &Catalog) -> Vec<SeriesPast> {
        let estate = Estate::empty("test", EstateId::of_file(std::path::Path::new("/nowhere")));
        let ground = Ground { estate: &estate, catalog, was_good: &|_, _| false, seen: Ok(vec![]) };
        let view = view(&ground, told(store, Depth::All, now()).unwrap(), Depth::All, now());
        view.series.iter().map(|series| (**series).clone()).collect()
    }

    #[test]
    fn verifications_beyond_those_that_are_read_at_first_come_in_pages_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&State::open(folder.path(), "abc").unwrap(), Keep::default()).unwrap();
        let lies = nightly("shop", 3, "2026-11-21 03:00");
        let key = lies[2].key.clone();
        let listed = catalog(&[("nas", lies.clone()), ("vault", lies)]);
        let name = listed.backups[0].series.clone();
        let runs = every_quarter(&name, &key, 530);
        let intake = Intake { feed: Feed::Verification, arrived: now(), spans: vec![], runs };
        store.put(&[intake], &|_| vec![]).unwrap();
        let all = past(&store, &listed);
        let on = |target: &str| all.iter().find(|it| it.key.target.as_ref().is_some_and(|at| at.as_str() == target));
        for (target, expected) in [("nas", 424), ("vault", 106)] {
            let series = on(target).unwrap();
            let mut before = series.more_checks.before;
            let mut read: Vec<Checked> = series.checks.iter().rev().cloned().collect();
            assert!(read.len() < VERIFIED && !series.more_checks.own, "{}", read.len());
            while let Some(until) = before {
                let names = &series.more_checks.names;
                // Of some pages nothing is of that target.
                let (more, next) = older((&store, &listed), (&series.key, names), (until, 3)).unwrap();
                read.extend(more);
                before = next;
            }
            assert_eq!(read.len(), expected, "{target}");
            assert!(read.is_sorted_by(|a, b| a.at > b.at) && read.iter().all(|checked| checked.backup.is_some()));
        }
    }

    #[test]
    fn where_all_verifications_are_read_there_are_none_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&State::open(folder.path(), "abc").unwrap(), Keep::default()).unwrap();
        let lies = nightly("shop", 3, "2026-11-21 03:00");
        let key = lies[2].key.clone();
        let listed = catalog(&[("nas", lies)]);
        let runs = every_quarter(&listed.backups[0].series, &key, 199);
        store.put(&[Intake { feed: Feed::Verification, arrived: now(), spans: vec![], runs }], &|_| vec![]).unwrap();
        let all = past(&store, &listed);
        assert_eq!((all[0].checks.len(), all[0].more_checks.before), (160, None));
    }
}
