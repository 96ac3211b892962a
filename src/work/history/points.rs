//! Attempts: listed backups and told runs, each pair once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::names;
use crate::model::backup::{Backup, Basis, Format, Metadata, TakenFrom, Zone};
use crate::model::foreign::Foreign;
use crate::model::join::Certainty;
use crate::model::run::{Failure, Feed, Named, Run, RunBrief, RunId, RunKind, RunState};
use crate::model::target::TargetName;
use crate::model::trust::{Finding, Proof, Rung, VerdictOutcome, Weight};
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::{AtIs, Attempt, Copy, Like, Outcome, Sealed};
use crate::work::catalog::end_of_day;
use crate::work::history::view::{Inside, Kept, Point};
use crate::work::join::Joined;

const MINUTE: i64 = 60_000;
/// What a run made is dated so long before its beginning at most, and so long after its end.
const AROUND: i64 = 30 * MINUTE;
/// A run whose end was not seen for so long has died.
const DIED: i64 = 24 * 60 * MINUTE;
/// What was written to so short a time ago may still grow.
const GROWS: i64 = 15 * MINUTE;
/// Clocks may differ by so much.
const AGREE: i64 = 5 * MINUTE;

/// Which run belongs to which backup of a series.
pub(super) struct Pairs {
    /// The place of the run of each backup.
    pub of_backup: Vec<Option<usize>>,
    /// Which runs need no place of their own any more.
    pub taken: Vec<bool>,
}

pub(super) fn pair(backups: &[&Arc<Backup>], briefs: &[&RunBrief], joined: &Joined) -> Pairs {
    let mut pairs = Pairs { of_backup: vec![None; backups.len()], taken: vec![false; briefs.len()] };
    let by_id: HashMap<&RunId, usize> = briefs.iter().enumerate().map(|(at, brief)| (&brief.id, at)).collect();
    for (nth, backup) in backups.iter().enumerate() {
        let named = joined.backups.get(&backup.id).and_then(|(run, _)| by_id.get(run));
        if let Some(at) = named.copied() {
            pairs.of_backup[nth] = Some(at);
            pairs.taken[at] = true;
        }
    }
    // Older runs have no names at hand: within a series the time is as good.
    for (nth, backup) in
        backups.iter().enumerate().filter(|(nth, _)| pairs.of_backup[*nth].is_none()).collect::<Vec<_>>()
    {
        let at = backup.taken.at.0;
        let near = briefs.partition_point(|brief| brief.at.0 < at.saturating_sub(DIED));
        let made = |(nth, brief): &(usize, &&RunBrief)| {
            let (from, to) = (brief.started.unwrap_or(brief.at).0, brief.ended.unwrap_or(brief.at).0);
            let spans = at >= from.saturating_sub(AROUND) && at <= to.saturating_add(AROUND);
            // A run that failed after its backup was made, in its prune say, counted what it made.
            let made = brief.state != RunState::Failed || brief.bytes == Some(backup.stamp.size);
            !pairs.taken[*nth] && brief.kind == RunKind::Backup && made && spans
        };
        let ahead =
            briefs.iter().enumerate().skip(near).take_while(|(_, brief)| brief.at.0 <= at.saturating_add(AROUND));
        let best = ahead.filter(made).min_by_key(|(_, brief)| brief.at.0.abs_diff(at)).map(|(nth, _)| nth);
        if let Some(best) = best {
            pairs.of_backup[nth] = Some(best);
            pairs.taken[best] = true;
        }
    }
    // What two feeds tell of is one run: of those within the span of a taken one only that one counts.
    let covered: Vec<(i64, i64)> = briefs
        .iter()
        .zip(&pairs.taken)
        .filter(|(_, taken)| **taken)
        .map(|(brief, _)| (brief.started.unwrap_or(brief.at).0, brief.ended.unwrap_or(brief.at).0))
        .collect();
    for (nth, brief) in briefs.iter().enumerate() {
        let lesser = brief.feed >= Feed::DbackedMetadata && !pairs.taken[nth];
        let end = brief.ended.unwrap_or(brief.at).0;
        let same = |(from, to): &(i64, i64)| end >= from.saturating_sub(AROUND) && end <= to.saturating_add(AROUND);
        if lesser && covered.iter().any(same) {
            pairs.taken[nth] = true;
        }
    }
    pairs
}

/// Whether something is being written right now: the newest of its naming in its target, smaller than the one before it,
/// written to a moment ago and long after that was, of which neither a run nor a verification says that it is complete.
pub(super) struct Writing {
    /// For each backup of a row.
    pub of_backup: Vec<bool>,
}

impl Writing {
    /// Of the backups of a row, oldest first, and what their runs say.
    pub fn among(backups: &[&Arc<Backup>], states: &[Option<RunState>], now: Moment) -> Self {
        let mut of_backup = vec![false; backups.len()];
        // The newest of each, and the one before it.
        let mut newest: HashMap<(&TargetName, &Foreign), (usize, Option<usize>)> = HashMap::new();
        for (nth, backup) in backups.iter().enumerate() {
            let known = newest.entry((&backup.target, &backup.series)).or_insert((nth, None));
            *known = (nth, Some(known.0).filter(|before| *before != nth));
        }
        for (nth, before) in newest.into_values() {
            let ended = matches!(states[nth], Some(RunState::Ok | RunState::Failed));
            of_backup[nth] = !ended && before.is_some_and(|before| grows(backups[nth], backups[before], now));
        }
        Self { of_backup }
    }
}

/// Objects with an ETag appear as a whole. What got its time together with the one before it was copied.
fn grows(backup: &Backup, before: &Backup, now: Moment) -> bool {
    let times = backup.stamp.modified.zip(before.stamp.modified);
    let Some((written, written_before)) = times.filter(|_| backup.stamp.etag.is_none()) else { return false };
    let small = backup.stamp.size < before.stamp.size / 10 * 9;
    let told = backup.proof.is_some() || matches!(backup.metadata, Metadata::Read(_));
    let began = backup.taken.at.0;
    small
        && !told
        && (-AGREE..GROWS).contains(&(now.0.saturating_sub(written.0)))
        && (-AGREE..DIED).contains(&(now.0.saturating_sub(began)))
        && written_before.0 <= began.saturating_add(AGREE)
}

pub(super) fn of_backup(
    backup: &Backup,
    brief: Option<&RunBrief>,
    run: Option<&Run>,
    joined: &Joined,
    now: Moment,
    writing: bool,
) -> (Point, Attempt) {
    let started = brief.and_then(|brief| brief.started);
    let (at, at_is) = when(backup, started, now);
    let ended = brief.and_then(|brief| brief.ended);
    let empty = backup.stamp.size == 0 && !writing;
    let kept = if writing { Kept::Listed(Rung::Listed) } else { kept(backup) };
    let outcome = match () {
        () if writing => Outcome::Open,
        () if empty => Outcome::Failed,
        () => Outcome::Made,
    };
    let told = named(brief, run);
    let inside = match &told {
        _ if backup.databases_known => Inside::Known(backup.databases.clone()),
        Some(told) if told.all => Inside::Known(told.names.clone()),
        _ => Inside::Guessed(backup.databases.clone()),
    };
    let failure = brief.filter(|brief| brief.state == RunState::Failed && !empty).map(|_| run.and_then(failure_of));
    let point = Point {
        at,
        took: ended.zip(started).and_then(|(to, from)| to.0.checked_sub(from.0)).filter(|took| *took >= 0),
        bytes: Some(backup.stamp.size),
        outcome,
        state: brief.map(|brief| brief.state),
        kept,
        run: brief.map(|brief| brief.id.clone()),
        backup: Some(backup.id.clone()),
        certainty: brief.map(|brief| certainty(backup, brief, joined)),
        target: Some(backup.target.clone()),
        inside,
        elsewhere: false,
        odd: odd(backup, joined).or_else(|| failure.map(run_failed)).filter(|_| !writing),
    };
    let attempt = Attempt {
        at,
        at_is,
        ended: ended.filter(|ended| *ended >= at),
        outcome: point.outcome,
        complained: failure.is_some(),
        reason: if empty { Some(Foreign::from("empty object")) } else { failure.flatten().map(|it| it.text.clone()) },
        bytes: (!empty).then_some(backup.stamp.size),
        databases: told.map_or_else(|| looked_at(backup), |told| Some(told.names.clone())),
        written: backup.stamp.modified,
        copy: if kept.is_listed() && backup.is_good() { Copy::Good } else { Copy::Listed },
        like: Some(Like { seal: sealed(backup), ..like(&backup.series, &backup.key) }),
    };
    (point, attempt)
}

fn kept(backup: &Backup) -> Kept {
    let proof = backup.proof.as_deref();
    let bad = proof.is_some_and(|proof| proof.outcome.is_bad());
    let rung = proof.filter(|proof| proof.outcome == VerdictOutcome::Ok).map_or(Rung::Listed, Proof::reached);
    match () {
        () if backup.stamp.size == 0 || bad => Kept::Bad,
        () if backup.is_good() => Kept::Good(rung),
        () => Kept::Listed(rung),
    }
}

/// When a backup was taken, and what that time is.
fn when(backup: &Backup, started: Option<Moment>, now: Moment) -> (Moment, AtIs) {
    // A clock of which nobody wrote down the zone: its run knows better, and after that the target.
    match (backup.taken.zone, started, backup.stamp.modified.filter(|at| may_end(backup, *at))) {
        (Zone::Written, ..) | (Zone::Assumed | Zone::Shown, None, _) | (Zone::Unclear, None, None) => {}
        (_, Some(started), _) => return (started, AtIs::Begin),
        (Zone::Unclear, None, Some(written)) => return (written, AtIs::End),
    }
    let day = end_of_day(backup).map(|end| end.min(now));
    match (backup.taken.from, started, day) {
        (TakenFrom::Metadata | TakenFrom::Name, _, None) => (backup.taken.at, AtIs::Begin),
        (_, Some(started), _) => (started, AtIs::Begin),
        (_, None, Some(day)) => (day, AtIs::Day),
        (TakenFrom::Object, None, None) => (backup.taken.at, AtIs::End),
    }
}

/// Whether it was written within a day after the time of its name, or that of another zone.
fn may_end(backup: &Backup, written: Moment) -> bool {
    written.0.abs_diff(backup.taken.at.0) <= 24 * 60 * MINUTE.unsigned_abs()
}

/// What a run named, also where the store knows it only as a whole.
fn named(brief: Option<&RunBrief>, run: Option<&Run>) -> Option<Arc<Named>> {
    let brief = brief.and_then(|brief| brief.inside.clone());
    brief.or_else(|| run.and_then(Named::of).map(Arc::new))
}

/// What is odd about an object itself.
fn odd(backup: &Backup, joined: &Joined) -> Option<Finding> {
    let bad = backup.proof.as_deref().filter(|proof| proof.outcome.is_bad());
    let damaged = |proof: &Proof| {
        let text = format!("its verification of {} UTC says: {}", proof.at.minute(), proof.outcome.word());
        Finding::new(Weight::Warning, "damaged", text)
    };
    // Nobody who is to restore it may be able to open it.
    let other_key = || backup.findings.iter().find(|finding| finding.code == "other_key").cloned();
    bad.map(damaged).or_else(other_key).or_else(|| joined.odd.get(&backup.id).cloned())
}

fn looked_at(backup: &Backup) -> Option<Vec<Foreign>> {
    backup.databases_known.then(|| sorted(backup.databases.clone()))
}

fn failure_of(run: &Run) -> Option<&Failure> {
    run.failure.as_ref()
}

/// A run that left its backup and failed nevertheless.
fn run_failed(failure: Option<&Failure>) -> Finding {
    let phase = failure.and_then(|failure| failure.phase);
    let phase = phase.map_or_else(String::new, |phase| format!(" in {}", phase.word()));
    let text = failure.map_or_else(String::new, |failure| format!(": {}", failure.text));
    Finding::new(Weight::Warning, "run_failed", format!("its run failed{phase}{text}"))
}

fn like(series: &Foreign, key: &Foreign) -> Like {
    let named = names::guess(key);
    Like { series: series.clone(), named_as: (named.format, named.compression), seal: Sealed::Unknown }
}

fn sealed(backup: &Backup) -> Sealed {
    match (&backup.shape.seal, backup.shape.basis) {
        (Some(seal), Basis::Bytes) => Sealed::By(seal.scheme),
        (None, Basis::Bytes) if backup.shape.format != Format::Unknown => Sealed::No,
        _ => Sealed::Unknown,
    }
}

fn certainty(backup: &Backup, brief: &RunBrief, joined: &Joined) -> Certainty {
    let named = joined.backups.get(&backup.id).filter(|(run, _)| *run == brief.id).map(|(_, certainty)| *certainty);
    let sized = brief.bytes == Some(backup.stamp.size);
    named.unwrap_or(if sized { Certainty::Likely } else { Certainty::Guess })
}

/// What is known of a run that no listed object belongs to.
pub(super) struct Alone<'a> {
    /// Everything about it, where that was read.
    pub run: Option<&'a Run>,
    /// It did not write into this target, by its own account.
    pub unwritten: bool,
    /// What it made is listed no more; else nobody knows.
    pub gone: bool,
    /// What joining says of an object that it names and that is not there.
    pub missing: Option<&'a Finding>,
    /// What its backups are named for, where all of them are named alike.
    pub series: Option<&'a Foreign>,
    /// By its own account it wrote only into places outside the estate.
    pub elsewhere: bool,
    /// Now.
    pub now: Moment,
}

pub(super) fn of_run(brief: &RunBrief, known: &Alone<'_>) -> (Point, Attempt) {
    let Alone { run, unwritten, gone, missing, series, elsewhere, now } = *known;
    let age = now.0.saturating_sub(brief.at.0);
    let outcome = match brief.state {
        _ if unwritten => Outcome::Failed,
        RunState::Ok | RunState::Unknown => Outcome::Made,
        RunState::Failed => Outcome::Failed,
        RunState::Unfinished if age > DIED => Outcome::Failed,
        RunState::Unfinished => Outcome::Open,
    };
    let reason = match brief.state {
        RunState::Unfinished => Some(Foreign::from("its end was never seen")),
        _ => run.and_then(|run| run.failure.as_ref()).map(|failure| failure.text.clone()),
    };
    let took = brief.took().and_then(|took| i64::try_from(took.as_millis()).ok());
    let made = outcome == Outcome::Made;
    let point = Point {
        at: brief.at,
        took,
        bytes: brief.bytes,
        outcome,
        state: Some(brief.state),
        kept: if made && gone { Kept::Gone } else { Kept::Unknown },
        run: Some(brief.id.clone()),
        backup: None,
        certainty: None,
        target: None,
        inside: Inside::Guessed(vec![]),
        elsewhere,
        odd: (made && gone).then(|| missing.cloned().unwrap_or_else(not_there)),
    };
    let attempt = Attempt {
        at: brief.at,
        at_is: if brief.started.is_some() { AtIs::Begin } else { AtIs::End },
        ended: brief.ended.filter(|ended| *ended >= brief.at),
        outcome,
        complained: false,
        reason: reason.filter(|_| outcome == Outcome::Failed),
        bytes: brief.bytes.filter(|_| made),
        databases: named(Some(brief), run).filter(|_| made).map(|told| told.names.clone()),
        written: None,
        copy: if made && gone { Copy::Gone } else { Copy::Unknown },
        like: series
            .zip(run.and_then(|run| run.objects.iter().find_map(|left| left.name.as_ref())))
            .map(|(a, b)| like(a, b)),
    };
    (point, attempt)
}

fn not_there() -> Finding {
    Finding::new(Weight::Note, "object_gone", "it says that it made a backup, which is not there")
}

/// Says of objects that lie between runs of which telemetry told that none of those made them. DBacked's metadata lies
/// beside its own backup and its table knows only the last one: neither tells that there was no run. How many they are.
pub(super) fn mark_silent(points: &mut [Point], feeds: &HashMap<&RunId, Feed>) -> usize {
    let tells = |point: &Point| {
        let feed = point.run.as_ref().and_then(|run| feeds.get(run));
        feed.is_some_and(|feed| *feed < Feed::DbackedMetadata || *feed == Feed::Beacon)
    };
    let (first, last) = (points.iter().position(tells), points.iter().rposition(tells));
    let Some(between) = first.zip(last).and_then(|(first, last)| points.get_mut(first..last)) else { return 0 };
    let silent = between.iter_mut().filter(|point| point.run.is_none() && point.backup.is_some());
    silent.map(|point| point.odd.get_or_insert_with(no_run)).count()
}

fn no_run() -> Finding {
    Finding::new(Weight::Warning, "no_run", "none of the runs that telemetry told of made it")
}

fn sorted(mut names: Vec<Foreign>) -> Vec<Foreign> {
    names.sort();
    names.dedup();
    names
}
