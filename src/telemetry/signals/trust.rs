//! How long it is since there was a backup that is whole with its content checked.

use crate::model::judgement::{Judgement, Severity, What};
use crate::model::units::Moment;
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::Copy;
use crate::telemetry::signals::slots;

/// From here on it is critical, whatever is allowed.
const CRITICAL: i64 = 30 * 86_400_000;

pub(super) fn judge(past: &Past<'_>) -> Option<Judgement> {
    let first = past.attempts.first()?;
    let good = past.attempts.iter().rev().find(|attempt| attempt.copy == Copy::Good && attempt.at <= past.now);
    let newest = good.map(|attempt| attempt.at);
    let begin = newest.unwrap_or(first.at);
    let age = past.now.0.saturating_sub(begin.0);
    // None is older than the next one is due: the newest of a monthly series is a month old.
    let due = past.rhythm.period().map_or(0, |period| period.saturating_add(slots::grace(past)));
    let limit = past.good_within.max(due);
    if age <= limit {
        return None;
    }
    let severity = if age >= CRITICAL { Severity::Critical } else { Severity::Warning };
    let since = Moment(begin.0.saturating_add(limit));
    let what = What::NoGoodBackup { newest, age, limit };
    Some(Judgement { what, severity, since, until: None })
}
