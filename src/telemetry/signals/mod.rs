//! Judging the past of one series: what failed, shrank, came late or never came.
//!
//! Everything here is a pure function of what is known of a series and of the time.

pub mod attempt;
mod clock;
mod contents;
mod failures;
pub mod habit;
mod prunes;
pub mod rhythm;
pub mod slots;
mod trust;

use crate::model::judgement::{Judgement, Severity};
use crate::model::retention::Keep;
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::{Attempt, Removal};
use crate::telemetry::signals::rhythm::Rhythm;

/// Everything that is known of one series.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// What was tried, oldest first.
    pub attempts: &'a [Attempt],
    /// When backups are due.
    pub rhythm: &'a Rhythm,
    /// What prunes removed, oldest first.
    pub removals: &'a [Removal],
    /// What the prune of its target keeps, where that is known.
    pub keep: Option<Keep>,
    /// How old the newest good copy may be, in milliseconds.
    pub good_within: i64,
    /// Before that, backups may have been removed or thinned out: what is not there then says nothing.
    pub dense_from: Moment,
    /// Now.
    pub now: Moment,
}

/// What is dated so far ahead of now is not believed.
const AHEAD: i64 = 5 * 60_000;

impl<'a> Past<'a> {
    /// What made a backup, oldest first, without what a wrong clock dated ahead of now.
    fn made(&self) -> impl DoubleEndedIterator<Item = &'a Attempt> + use<'a> {
        let until = self.now.0.saturating_add(AHEAD);
        self.attempts.iter().filter(move |attempt| attempt.made() && attempt.at.0 <= until)
    }
}

/// Everything that the past of a series says from `from` on: what still stands first, the gravest first, then the
/// newest. What came before says what is usual.
///
/// Second: what is said of single attempts, sizes and durations, each with its own figures.
pub fn judge(past: &Past<'_>, from: Moment) -> (Vec<Judgement>, Vec<Judgement>) {
    let mut found = slots::judge(past, from);
    found.extend(failures::judge(past));
    let (contents, each) = contents::judge(past);
    found.extend(contents);
    found.extend(clock::judge(past));
    found.extend(prunes::judge(past));
    found.extend(trust::judge(past));
    found.retain(|judged| judged.until.is_none_or(|until| until >= from));
    // What is over is worth knowing and wakes nobody.
    for judged in found.iter_mut().filter(|judged| !judged.stands()) {
        judged.severity = judged.severity.min(Severity::Warning);
    }
    found.sort_by_key(|judged| (!judged.stands(), std::cmp::Reverse((judged.severity, judged.since))));
    (found, each)
}

/// Only what stands now: for monitors, which do not ask what was.
pub fn standing(past: &Past<'_>) -> Vec<Judgement> {
    let mut found: Vec<Judgement> = slots::late(past).into_iter().collect();
    found.extend(failures::judge(past));
    found.extend(contents::judge(past).0);
    found.extend(clock::judge(past));
    found.extend(prunes::judge(past));
    found.extend(trust::judge(past));
    found.retain(Judgement::stands);
    found.sort_by_key(|judged| std::cmp::Reverse((judged.severity, judged.since)));
    found
}

#[cfg(test)]
mod stories;
