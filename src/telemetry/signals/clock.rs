//! Clocks that do not agree: the one that names and dates a backup, and that of the target.

use crate::model::judgement::{Judgement, Severity, What};
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::{AtIs, Attempt};

/// Clocks may differ by so much.
const AGREE: i64 = 5 * 60_000;
/// How long an upload may go on after a run's end, by a target that dates objects at their last byte.
const AFTER: i64 = 15 * 60_000;
/// Backups over which it is measured.
const OVER: usize = 5;
/// One alone says so only from here on.
const ALONE: i64 = 3_600_000;

pub(super) fn judge(past: &Past<'_>) -> Option<Judgement> {
    let newest: Vec<&Attempt> =
        past.attempts.iter().rev().filter(|attempt| attempt.written.is_some()).take(OVER).collect();
    let mut skews: Vec<i64> = newest.iter().filter_map(|attempt| skew(attempt)).collect();
    let measured = newest.len();
    // Most of the newest have to say so.
    let said = skews.len() * 2 > measured;
    skews.sort_unstable();
    let ahead = match skews.get(skews.len() / 2) {
        Some(middle) if said && (skews.len() >= 2 || middle.abs() >= ALONE) => *middle,
        _ => from_the_future(past)?,
    };
    let since = newest.iter().take_while(|attempt| skew(attempt).is_some()).last();
    let since = since.map_or(past.now, |attempt| attempt.at).min(past.now);
    let over = u32::try_from(skews.len().max(1)).unwrap_or(u32::MAX);
    let severity = if ahead.abs() >= ALONE { Severity::Warning } else { Severity::Note };
    Some(Judgement { what: What::ClockSkew { ahead, over }, severity, since, until: None })
}

/// How far the clock that dated an attempt is ahead of the target's; nothing where they may agree.
fn skew(attempt: &Attempt) -> Option<i64> {
    let written = attempt.written.filter(|_| attempt.at_is == AtIs::Begin)?;
    let ahead = attempt.at.0.saturating_sub(written.0);
    if ahead > AGREE {
        return Some(ahead);
    }
    let behind = written.0.saturating_sub(attempt.ended?.0);
    (behind > AFTER).then_some(-behind)
}

/// A backup that is dated later than now.
fn from_the_future(past: &Past<'_>) -> Option<i64> {
    let ahead = past.attempts.iter().map(|attempt| attempt.at.0.saturating_sub(past.now.0)).max()?;
    (ahead > AGREE).then_some(ahead)
}
