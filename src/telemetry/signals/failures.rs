//! Runs that failed, once and again and again.

use crate::model::judgement::{Judgement, Severity, What};
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::{Attempt, Outcome};

/// So many in a row are a repeated failure.
const REPEATED: usize = 3;
/// Or so many of the newest [`WINDOW`].
const OFTEN: usize = 4;
const WINDOW: usize = 10;

pub(super) fn judge(past: &Past<'_>) -> Vec<Judgement> {
    let ended: Vec<&Attempt> = past.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Open).collect();
    let mut found = vec![];
    let mut streak: Vec<&Attempt> = vec![];
    for attempt in &ended {
        match attempt.failed() {
            true => streak.push(attempt),
            false => found.extend(streak_of(&std::mem::take(&mut streak), Some(attempt))),
        }
    }
    let standing = streak_of(&streak, None);
    if streak.len() < REPEATED {
        found.extend(often(&ended));
    }
    found.extend(standing);
    found
}

fn streak_of(streak: &[&Attempt], ended_by: Option<&Attempt>) -> Option<Judgement> {
    let (first, last) = (streak.first()?, streak.last()?);
    let failed = u32::try_from(streak.len()).unwrap_or(u32::MAX);
    let nothing_made = streak.iter().rev().take(REPEATED).all(|attempt| !attempt.made());
    let (what, severity) = match streak.len() >= REPEATED {
        true if !nothing_made => {
            (What::RepeatedFailure { failed, of: failed, reason: last.reason.clone() }, Severity::Warning)
        }
        true => (What::RepeatedFailure { failed, of: failed, reason: last.reason.clone() }, Severity::Critical),
        false => (What::Failed { reason: last.reason.clone() }, Severity::Warning),
    };
    Some(Judgement { what, severity, since: first.at, until: ended_by.map(|made| made.at) })
}

/// Many failures with a backup in between now and then.
fn often(ended: &[&Attempt]) -> Option<Judgement> {
    let newest = &ended[ended.len().saturating_sub(WINDOW)..];
    let failed: Vec<&&Attempt> = newest.iter().filter(|attempt| attempt.failed()).collect();
    if failed.len() < OFTEN {
        return None;
    }
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let reason = failed.last().and_then(|attempt| attempt.reason.clone());
    let what = What::RepeatedFailure { failed: count(failed.len()), of: count(newest.len()), reason };
    Some(Judgement { what, severity: Severity::Warning, since: failed.first()?.at, until: None })
}
