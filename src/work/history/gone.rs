//! What of a series once lay there and does not any more, and what somebody said to have come to its end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::seen::SeenSeries;
use crate::model::target::TargetName;
use crate::model::units::Moment;
use crate::work::history::past::Builder;
use crate::work::history::view::Point;

impl Builder<'_, '_> {
    /// Targets in which some of it once lay and nothing does now; of a rule that gathers several namings, each of them.
    pub(super) fn wiped(&self) -> Vec<Judgement> {
        let lies = |target: &TargetName| self.row.backups.iter().any(|backup| backup.target == *target);
        let mut found: BTreeMap<(&TargetName, Vec<Foreign>), (u64, Moment, Moment)> = BTreeMap::new();
        for (target, series) in self.gone() {
            let only = match &series.databases[..] {
                _ if !lies(target) => vec![],
                [] => vec![series.name.clone()],
                known => known.to_vec(),
            };
            let (backups, newest, seen) = found.entry((target, only)).or_default();
            *backups = backups.saturating_add(series.backups);
            (*newest, *seen) = (series.newest.max(*newest), series.at.max(*seen));
        }
        let judged = found.into_iter().map(|((target, only), (backups, newest, seen))| {
            let what = What::Wiped { target: target.to_string(), backups, newest, seen, only };
            Judgement { what, severity: Severity::Critical, since: seen, until: None }
        });
        judged.collect()
    }

    /// What once lay in a target and does not any more, but for what goes on there under another name.
    pub(super) fn gone(&self) -> Vec<(&TargetName, &SeenSeries)> {
        let here: HashSet<(&TargetName, &Foreign)> =
            self.row.backups.iter().map(|backup| (&backup.target, &backup.series)).collect();
        let goes_on = |target: &TargetName, series: &SeenSeries| {
            let newer = || self.row.backups.iter().rev().take_while(|backup| backup.taken.at > series.newest);
            let held = |database: &Foreign| {
                newer().any(|backup| backup.target == *target && backup.databases.contains(database))
            };
            !series.databases.is_empty() && series.databases.iter().all(held)
        };
        let gone = self.row.seen.iter().filter(|(target, series)| !here.contains(&(*target, &series.name)));
        gone.filter(|(target, series)| !goes_on(target, series)).copied().collect()
    }

    /// Targets all of whose backups somebody said to be the last; a newer one, or a newer run, takes that back.
    pub(super) fn retired(&self, points: &[Point]) -> Vec<TargetName> {
        let said = self.row.seen.iter().filter_map(|(target, series)| Some(((*target, &series.name), series.retired?)));
        let said: HashMap<(&TargetName, &Foreign), Moment> = said.collect();
        let newest = said.values().max().copied();
        if newest.is_none_or(|newest| points.iter().any(|point| point.backup.is_none() && point.at > newest)) {
            return vec![];
        }
        let is_last = |backup: &Arc<Backup>| {
            said.get(&(&backup.target, &backup.series)).is_some_and(|newest| backup.taken.at <= *newest)
        };
        let places = |last: bool| -> BTreeSet<&TargetName> {
            let such = self.row.backups.iter().filter(|backup| is_last(backup) == last);
            such.map(|backup| &backup.target).collect()
        };
        let (retired, goes_on) = (places(true), places(false));
        retired.difference(&goes_on).map(|target| (*target).clone()).collect()
    }
}
