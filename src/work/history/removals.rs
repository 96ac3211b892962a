//! What the prunes of a series removed.

use std::collections::HashSet;

use crate::format::names;
use crate::model::foreign::Foreign;
use crate::model::retention::Keep;
use crate::model::run::{PrunedTarget, Run};
use crate::model::trust::{Finding, Weight};
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::{Attempt, Belongs, LastGood, Removal};
use crate::work::history::past::Builder;
use crate::work::history::view::{Kept, PRUNED, Point};

const HOUR: i64 = 3_600_000;

/// What a removal is judged beside.
struct Beside<'a> {
    /// The last parts of the keys that stand in the target.
    standing: HashSet<&'a [u8]>,
    /// When what was made was made, oldest first.
    made: Vec<Moment>,
    /// What the backups of the series are named for.
    naming: Option<Foreign>,
    no_good_left: bool,
}

impl Builder<'_, '_> {
    /// Oldest first, each name once: of a prune that failed half way what it did not remove is in the next one too.
    pub(super) fn removals(&self, attempts: &[Attempt]) -> Vec<Removal> {
        let mut runs: Vec<&Run> = self.own_runs().filter(|run| !run.pruned.is_empty()).collect();
        if runs.is_empty() {
            return vec![];
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.at()));
        let beside = self.beside(attempts);
        let (mut found, mut seen) = (vec![], HashSet::new());
        for run in runs {
            let at = run.ended.unwrap_or(run.at());
            for name in run.pruned.iter().filter(|pruned| self.is_here(run, pruned)).flat_map(|it| &it.candidates) {
                let base = names::base(name.raw_bytes());
                // A name that stands in the target after all was not removed.
                if !beside.standing.contains(base) && seen.insert(base) {
                    found.push(self.removal(name, at, &beside));
                }
            }
        }
        found.sort_by_key(|removal| removal.at);
        found
    }

    /// Whether a prune was of the target of this series. A place that no target is may be that of a run's only one.
    fn is_here(&self, run: &Run, pruned: &PrunedTarget) -> bool {
        let (Some(url), Some(own)) = (&pruned.target, &self.key.target) else { return true };
        let mut named = self.joined.places.named(url).peekable();
        match named.peek() {
            Some(_) => named.any(|target| target == own),
            None => run.pruned.len() == 1,
        }
    }

    fn beside(&self, attempts: &[Attempt]) -> Beside<'_> {
        let here = self.sources.catalog.backups.iter().filter(|it| Some(&it.target) == self.key.target.as_ref());
        let all = here.chain(self.row.backups.iter().copied());
        Beside {
            standing: all.map(|backup| names::base(backup.key.raw_bytes())).collect(),
            made: attempts.iter().filter(|attempt| attempt.made()).map(|attempt| attempt.at).collect(),
            naming: self.row.backups.last().and_then(|backup| naming(&backup.key)),
            no_good_left: !self.row.backups.iter().any(|backup| backup.is_good()),
        }
    }

    fn removal(&self, name: &Foreign, at: Moment, beside: &Beside<'_>) -> Removal {
        let other = beside.naming.is_some() && naming(name).is_some_and(|name| Some(name) != beside.naming);
        let taken = names::prune_time(name);
        let until = beside.made.partition_point(|made| *made <= at);
        let since = taken.map_or(0, |taken| beside.made.partition_point(|made| *made <= taken));
        let older = taken.map_or(0, |taken| self.row.backups.partition_point(|backup| backup.taken.at < taken));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let last_good = beside.no_good_left && self.was_good(name);
        Removal {
            at,
            name: name.clone(),
            taken,
            belongs: if other { Belongs::Elsewhere } else { Belongs::Here },
            newer: count(until.saturating_sub(since)),
            older_kept: count(older),
            last_good: if last_good { LastGood::Yes } else { LastGood::No },
        }
    }

    /// Says of runs whose object a told prune removed, or the retention of its target by now, that this is as it should be.
    pub(super) fn mark_pruned(&self, points: &mut [Point]) {
        let keep = self.key.target.as_ref().and_then(|target| (self.sources.keep)(target));
        let pruned = self.own_runs().flat_map(|run| run.pruned.iter().filter(|pruned| self.is_here(run, pruned)));
        let removed: HashSet<&[u8]> =
            pruned.flat_map(|it| &it.candidates).map(|name| names::base(name.raw_bytes())).collect();
        let newer = |at: Moment| self.row.backups.len() - self.row.backups.partition_point(|it| it.taken.at <= at);
        let outlived = |at: Moment| match keep {
            Some(Keep::Hours(hours)) => self.sources.now.0.saturating_sub(at.0) > i64::from(hours) * HOUR,
            Some(Keep::Newest(count)) => newer(at) >= count as usize,
            None => false,
        };
        for point in points.iter_mut().filter(|point| point.kept == Kept::Gone) {
            let Some(run) = &point.run else { continue };
            let missing = self.joined.missing.get(run).into_iter().flatten();
            let named = missing.filter(|(target, _)| self.key.target.as_ref().is_none_or(|own| own == target));
            let by_name = named.map(|(_, key)| names::base(key.raw_bytes())).any(|base| removed.contains(base));
            if by_name || outlived(point.at) {
                point.odd = Some(Finding::new(Weight::Note, PRUNED, "a prune has removed what it left"));
            }
        }
    }

    /// Whether something that is gone had been proven good.
    fn was_good(&self, name: &Foreign) -> bool {
        self.key.target.as_ref().is_some_and(|target| (self.sources.was_good)(target, name))
    }
}

fn naming(key: &Foreign) -> Option<Foreign> {
    names::databacker_name(key).map(|name| name.naming)
}
