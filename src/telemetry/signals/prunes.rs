//! Prunes that removed what they should not have.

use std::collections::BTreeMap;

use crate::model::judgement::{Judgement, PruneFault, Severity, What};
use crate::model::retention::Keep;
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::{Belongs, LastGood, Removal};

const HOUR: i64 = 3_600_000;

pub(super) fn judge(past: &Past<'_>) -> Vec<Judgement> {
    let mut by_run: BTreeMap<(i64, PruneFault), Vec<&Removal>> = BTreeMap::new();
    for removal in past.removals {
        if let Some(fault) = fault(removal, past.keep) {
            by_run.entry((removal.at.0, fault)).or_default().push(removal);
        }
    }
    let judged = by_run.into_iter().map(|((_, fault), removals)| {
        let removed = u32::try_from(removals.len()).unwrap_or(u32::MAX);
        let (at, example) = (removals[0].at, removals[0].name.clone());
        let severity = match fault {
            PruneFault::LastGoodCopy | PruneFault::OfAnotherSeries => Severity::Critical,
            PruneFault::TooYoung | PruneFault::AmongTheNewest | PruneFault::OlderWasKept => Severity::Warning,
        };
        // It cannot be undone, and it will be done again: it stands for a week.
        let until = (past.now.0.saturating_sub(at.0) > 7 * 24 * HOUR).then_some(at);
        Judgement { what: What::PrunedWrongly { removed, example, fault }, severity, since: at, until }
    });
    judged.collect()
}

fn fault(removal: &Removal, keep: Option<Keep>) -> Option<PruneFault> {
    let age = removal.taken.map(|taken| removal.at.0.saturating_sub(taken.0));
    if removal.belongs == Belongs::Elsewhere {
        return Some(PruneFault::OfAnotherSeries);
    }
    if removal.last_good == LastGood::Yes {
        return Some(PruneFault::LastGoodCopy);
    }
    match (keep, age) {
        (Some(Keep::Hours(hours)), Some(age)) if age < i64::from(hours).saturating_sub(1).saturating_mul(HOUR) => {
            return Some(PruneFault::TooYoung);
        }
        (Some(Keep::Newest(count)), _) if removal.newer < count => return Some(PruneFault::AmongTheNewest),
        _ => {}
    }
    (removal.older_kept > 0).then_some(PruneFault::OlderWasKept)
}
