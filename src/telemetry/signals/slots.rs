//! The times at which backups were due, and what became of each.

use crate::model::judgement::{Judgement, Severity, What};
use crate::model::units::Moment;
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::{AtIs, Attempt, Outcome};
use crate::telemetry::signals::rhythm::{Habit, Rhythm, Schedule};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
/// Clocks may differ by so much: what comes so long before it is due has come in time.
const EARLY: i64 = 5 * MINUTE;
/// Half an hour late is worth a note where DBacked is concerned: one of its pages promises an alert then.
const DBACKED_NOTE: i64 = 30 * MINUTE;
/// What is late for so long is critical whatever its rhythm.
const CRITICAL: i64 = 30 * DAY;
/// So many in a row that have not come are critical, if that makes a day.
const MISSED: u32 = 3;
/// So many of a habit that have not come may be what somebody meant.
const CHANGED: u32 = 2;
/// The newest ones, over which it is measured how long they take.
const LENGTHS: usize = 9;
/// Of a rhythm by habit at most so many slots stand in one gap.
const SLOTS_IN_GAP: i64 = 1_000;

/// A time at which a backup was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it was due.
    pub due: Moment,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A backup came in time.
    Kept,
    /// A backup came after the grace.
    CameLate(Moment),
    /// A run failed and none that made a backup followed in time.
    Failed,
    /// Nothing came.
    Missing,
    /// Nothing has come yet, and it is not late.
    Open,
}

/// What became of every slot from `from` on, oldest first. Nothing before the first attempt is a slot.
pub fn slots(past: &Past<'_>, from: Moment) -> Vec<Slot> {
    let Some(first) = past.attempts.first() else { return vec![] };
    let from = from.max(past.dense_from).max(Moment(first.at.0.saturating_sub(EARLY)));
    match past.rhythm {
        Rhythm::Cron(schedule) | Rhythm::Dbacked(schedule) => fired(past, schedule, from),
        Rhythm::Habit(habit) => by_habit(past, habit, from),
        Rhythm::Unknown => vec![],
    }
}

/// From when on the slots of a series say something: where old backups have been thinned out to every few of them, two
/// long gaps stand beside each other with next to nothing in between, and nothing dense before them: outages look like
/// that behind nights on which all went well.
pub fn dense_from(past: &Past<'_>) -> Moment {
    const LONG: usize = 3;
    const FEW: usize = 2;
    let slots = slots(past, Moment(i64::MIN));
    let runs = slots.chunk_by(|a, b| (a.fate == Fate::Missing) == (b.fate == Fate::Missing));
    let runs: Vec<&[Slot]> = runs.collect();
    let is_gap = |run: &[Slot]| run[0].fate == Fate::Missing && run.len() >= LONG;
    let is_dense = |run: &&[Slot]| run[0].fate != Fate::Missing && run.len() > FEW;
    let first_dense = runs.iter().position(is_dense).unwrap_or(runs.len());
    let before = &runs[..first_dense];
    let thinned = before.windows(3).rposition(|three| is_gap(three[0]) && is_gap(three[2]));
    let first_kept = thinned.and_then(|at| runs.get(at + 3)).map(|run| run[0].due);
    first_kept.unwrap_or(past.dense_from)
}

/// How long after it is due a backup of the series becomes late: one that takes hours is not seen before it has ended.
pub fn grace(past: &Past<'_>) -> i64 {
    let lag = past.rhythm.schedule().map_or(0, |schedule| lag(past, schedule));
    past.rhythm.grace().saturating_add(lag.max(usual_length(past)))
}

/// How long the backups of a series usually take, by their runs or by what dates the objects, where that is more than
/// half of the grace. Nothing where most were copied later, or all at once.
fn usual_length(past: &Past<'_>) -> i64 {
    let newest: Vec<&Attempt> =
        past.made().rev().filter(|attempt| attempt.at_is == AtIs::Begin).take(LENGTHS).collect();
    let took = |attempt: &&&Attempt| attempt.written.max(attempt.ended).map_or(-1, |end| end.0 - attempt.at.0);
    let known: Vec<&&Attempt> = newest.iter().filter(|attempt| (0..=DAY).contains(&took(attempt))).collect();
    let mut lengths: Vec<i64> = known.iter().map(took).collect();
    lengths.sort_unstable();
    let span = known.first().zip(known.last()).map_or(0, |(last, first)| last.at.0 - first.at.0);
    let spread = lengths.last().zip(lengths.first()).map_or(0, |(most, least)| most - least);
    let believed = lengths.len() * 2 > newest.len() && (lengths.len() == 1 || spread * 2 <= span);
    let usual = lengths.get(lengths.len() / 2).copied().filter(|_| believed);
    usual.filter(|usual| *usual > past.rhythm.grace() / 2).unwrap_or(0)
}

fn fired(past: &Past<'_>, schedule: &Schedule, from: Moment) -> Vec<Slot> {
    let firings = schedule.firings(from, past.now);
    let graces = (past.rhythm.grace(), grace(past));
    let mut next =
        past.attempts.partition_point(|attempt| firings.first().is_some_and(|due| attempt.at.0 < due.0 - EARLY));
    let mut found = Vec::with_capacity(firings.len());
    for (nth, due) in firings.iter().enumerate() {
        let end = firings.get(nth + 1).map_or(i64::MAX, |after| after.0 - EARLY);
        let rest = &past.attempts[next..];
        let here = &rest[..rest.partition_point(|attempt| attempt.at.0 < end)];
        next += here.len();
        let closed = nth + 1 < firings.len();
        found.push(Slot { due: *due, fate: fate(here, *due, graces, closed, past.now) });
    }
    found
}

/// `graces`: for its beginning, and for its end.
fn fate(here: &[Attempt], due: Moment, graces: (i64, i64), closed: bool, now: Moment) -> Fate {
    let (begin, limit) = (due.0.saturating_add(graces.0), due.0.saturating_add(graces.1));
    match here.iter().find(|attempt| attempt.made()) {
        Some(made) if made.at_is == AtIs::Begin && made.at.0 > begin => Fate::CameLate(made.at),
        Some(made) if made.at_is == AtIs::End && made.at.0 > limit => Fate::CameLate(made.at),
        Some(_) => Fate::Kept,
        None if here.iter().any(Attempt::is_being_written) => Fate::Open,
        None if here.iter().any(|attempt| attempt.outcome == Outcome::Failed) => Fate::Failed,
        None if closed || now.0 > limit => Fate::Missing,
        None => Fate::Open,
    }
}

/// How long after a firing the backups of a series appear, where only their ends are known: a dump of hours is not late.
fn lag(past: &Past<'_>, schedule: &Schedule) -> i64 {
    let newest = past.made().rev().filter(|attempt| attempt.at_is == AtIs::End).take(LENGTHS);
    // What a clock that is behind dates before the firing came with it, not a whole period after the one before it.
    let lag = |attempt: &Attempt| {
        let fired = schedule.previous(Moment(attempt.at.0.saturating_add(EARLY)))?;
        Some(attempt.at.0.saturating_sub(fired.0).max(0))
    };
    let mut lags: Vec<i64> = newest.filter_map(lag).collect();
    lags.sort_unstable();
    lags.get(lags.len() / 2).copied().unwrap_or(0)
}

fn by_habit(past: &Past<'_>, habit: &Habit, from: Moment) -> Vec<Slot> {
    let mut found = vec![];
    let mut last: Option<Moment> = None;
    for made in past.made() {
        if let Some(last) = last {
            found.extend(between(past, habit, last, made.at));
        }
        found.push(Slot { due: made.at, fate: Fate::Kept });
        last = Some(made.at);
    }
    if let Some(last) = last {
        let late = asked_of(past).0.saturating_sub(last.0) > habit.every.saturating_add(grace(past));
        let open = Slot { due: Moment(last.0.saturating_add(habit.every)), fate: Fate::Open };
        let overdue = between(past, habit, last, Moment(past.now.0.saturating_add(habit.every / 2)));
        match late {
            true => found.extend(overdue),
            false if open.due <= past.now => found.push(open),
            false => {}
        }
    }
    found.retain(|slot| slot.due >= from);
    found
}

/// The slots that a gap longer than the habit leaves without a backup.
fn between(past: &Past<'_>, habit: &Habit, last: Moment, next: Moment) -> Vec<Slot> {
    let gap = next.0.saturating_sub(last.0);
    if gap <= habit.longest {
        return vec![];
    }
    let half = habit.every / 2;
    let count = (gap.saturating_add(half) / habit.every.max(1)).saturating_sub(1).clamp(1, SLOTS_IN_GAP);
    let due = |nth: i64| Moment(last.0.saturating_add(habit.every.saturating_mul(nth)));
    let failed = |due: Moment| {
        let start = past.attempts.partition_point(|attempt| attempt.at.0 < due.0.saturating_sub(half));
        let near = past.attempts[start..].iter().take_while(|attempt| attempt.at.0 < due.0.saturating_add(half));
        near.into_iter().any(|attempt| attempt.outcome == Outcome::Failed)
    };
    let fate = |due| if failed(due) { Fate::Failed } else { Fate::Missing };
    (1..=count).map(due).map(|due| Slot { due, fate: fate(due) }).collect()
}

pub(super) fn judge(past: &Past<'_>, from: Moment) -> Vec<Judgement> {
    let slots = slots(past, from);
    let late = late(past);
    let mut found = vec![];
    let mut gap: Vec<Moment> = vec![];
    // What has not come up to now is late, not missing.
    let open_from = match &late {
        Some(Judgement { what: What::Late { due, .. }, .. }) => *due,
        _ => Moment(i64::MAX),
    };
    for slot in slots.iter().filter(|slot| slot.due < open_from) {
        if slot.fate == Fate::Missing {
            gap.push(slot.due);
            continue;
        }
        found.extend(missing(&std::mem::take(&mut gap), slot.due));
        if let Fate::CameLate(came) = slot.fate {
            let what = What::CameLate { due: slot.due, after: came.0 - slot.due.0 };
            found.push(Judgement { what, severity: Severity::Note, since: slot.due, until: Some(came) });
        }
    }
    found.extend(missing(&gap, open_from.min(past.now)));
    found.extend(late);
    found
}

fn missing(gap: &[Moment], until: Moment) -> Option<Judgement> {
    let (first, last) = (*gap.first()?, *gap.last()?);
    let count = u32::try_from(gap.len()).unwrap_or(u32::MAX);
    let what = What::Missing { first, last, count };
    Some(Judgement { what, severity: Severity::Warning, since: first, until: Some(until) })
}

/// The time of which is asked what is late: now, or when what is being written right now began.
fn asked_of(past: &Past<'_>) -> Moment {
    let newest = past.attempts.last().filter(|attempt| attempt.is_being_written());
    newest.map_or(past.now, |attempt| attempt.at.min(past.now))
}

/// Whether a backup is due and has not come.
pub fn late(past: &Past<'_>) -> Option<Judgement> {
    let newest = past.made().next_back();
    let asked_of = asked_of(past);
    let first = past.attempts.first()?;
    let (due, missed, grace) = match past.rhythm {
        Rhythm::Cron(schedule) | Rhythm::Dbacked(schedule) => {
            let after = newest.map_or(first.at.0.saturating_sub(EARLY), |made| made.at.0.saturating_add(EARLY));
            let firings = schedule.firings(Moment(after.saturating_add(1)), asked_of);
            (*firings.first()?, firings.len() as i64, grace(past))
        }
        Rhythm::Habit(habit) => {
            let newest = newest?;
            let gap = asked_of.0.saturating_sub(newest.at.0);
            (Moment(newest.at.0.saturating_add(habit.every)), gap / habit.every.max(1), grace(past))
        }
        Rhythm::Unknown => return None,
    };
    let overdue = asked_of.0.saturating_sub(due.0);
    let missed = u32::try_from(missed.max(1)).unwrap_or(u32::MAX);
    let severity = match past.rhythm {
        // A few gaps say that it is late, and not how much that matters.
        Rhythm::Habit(habit) if habit.every.saturating_add(overdue) <= habit.bearable => {
            graveness(past.rhythm, overdue, missed, grace)?.min(Severity::Warning)
        }
        _ => graveness(past.rhythm, overdue, missed, grace)?,
    };
    let cure = matches!(past.rhythm, Rhythm::Habit(_)) && missed >= CHANGED;
    let cure = if cure { "; if that was changed: cron in [series.NAME]" } else { "" };
    let (newest, rhythm) = (newest.map(|made| made.at), format!("{}{cure}", past.rhythm.words()));
    let what = What::Late { due, overdue, missed, newest, rhythm, only: None };
    Some(Judgement { what, severity, since: due, until: None })
}

fn graveness(rhythm: &Rhythm, overdue: i64, missed: u32, grace: i64) -> Option<Severity> {
    let dbacked = matches!(rhythm, Rhythm::Dbacked(_));
    match overdue {
        _ if overdue >= CRITICAL => Some(Severity::Critical),
        _ if overdue <= grace => {
            let noted = grace.saturating_sub(rhythm.grace()).saturating_add(DBACKED_NOTE);
            (dbacked && overdue > noted).then_some(Severity::Note)
        }
        _ if !dbacked && missed >= MISSED && overdue >= DAY => Some(Severity::Critical),
        _ => Some(Severity::Warning),
    }
}
