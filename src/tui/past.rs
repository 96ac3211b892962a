//! What the console knows of the past: plain data that messages replace. No I/O, no clock.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::run::{Feed, RunBrief, RunId, RunKind, RunState, Tool};
use crate::model::units::Moment;
use crate::report::Report;
use crate::work::check::CheckReport;
use crate::work::history::{Checked, HistoryView, Kept, Outcome, PRUNED, Point, RunDetail, SeriesKey, SeriesPast};

/// Everything that the History screen and its layers show.
#[derive(Default)]
pub struct Past {
    /// All series; `None` until they have been read once.
    pub view: Option<Arc<HistoryView>>,
    /// Why it could not be read when it was last asked for.
    pub unreadable: Option<Box<Report>>,
    /// Runs of one series that are older than those of the view, as far as they were asked for.
    pub older: Option<Older>,
    /// The same of verifications of our own.
    pub older_checks: Option<OlderChecks>,
    /// The run that was opened last.
    pub run: Option<Arc<RunDetail>>,
    /// What `check` said last.
    pub check: Option<Arc<CheckReport>>,
}

/// Older runs of one series, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Older {
    /// Which series.
    pub series: SeriesKey,
    /// Newest first.
    pub runs: Vec<RunBrief>,
    /// Whether there are none that are older still.
    pub complete: bool,
}

/// Older verifications of one series, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderChecks {
    /// Which series.
    pub series: SeriesKey,
    /// Newest first.
    pub checks: Vec<Checked>,
    /// Before when those began that are older still; `None`: there are none.
    pub before: Option<Moment>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastAsk {
    /// All series.
    View,
    /// Runs of a series that began before this.
    Older {
        /// Which series.
        series: SeriesKey,
        /// The names by which telemetry knows it.
        names: Vec<Foreign>,
        /// Before when.
        before: Moment,
        /// How many.
        limit: usize,
    },
    /// Verifications of a series that began before this.
    Checks {
        /// Which series.
        series: SeriesKey,
        /// The names under which they are kept.
        names: Vec<Foreign>,
        /// Before when.
        before: Moment,
        /// How many.
        limit: usize,
    },
    /// One run.
    Run(RunId),
    /// What `check` would say of a listing that is made now.
    Check,
}

impl PastAsk {
    /// In words, for logs and tests.
    pub fn words(&self) -> String {
        match self {
            Self::View => "history".to_owned(),
            Self::Older { series, before, .. } => format!("runs of {series} before {}", before.minute()),
            Self::Checks { series, before, .. } => format!("verifications of {series} before {}", before.minute()),
            Self::Run(id) => format!("run {id}"),
            Self::Check => "check".to_owned(),
        }
    }
}

/// What was asked for, read.
pub enum PastNews {
    /// All series.
    View(Arc<HistoryView>),
    /// Why they cannot be read.
    Unreadable(Box<Report>),
    /// More of the older runs of a series.
    Older(Older),
    /// More of the older verifications of a series.
    Checks(OlderChecks),
    /// One run.
    Run(Arc<RunDetail>),
    /// What `check` says.
    Check(Arc<CheckReport>),
}

impl Past {
    /// Takes over what was read.
    pub fn take(&mut self, news: PastNews) {
        match news {
            PastNews::View(view) => {
                self.older = self.older.take().and_then(|older| carried(older, self.view.as_deref(), &view));
                self.older_checks =
                    self.older_checks.take().and_then(|it| carried_checks(it, self.view.as_deref(), &view));
                self.unreadable = None;
                self.view = Some(view);
            }
            PastNews::Unreadable(report) => self.unreadable = Some(report),
            PastNews::Older(more) => match self.older.as_mut().filter(|known| known.series == more.series) {
                Some(known) => {
                    known.runs.extend(more.runs);
                    known.complete = more.complete;
                }
                None => self.older = Some(more),
            },
            PastNews::Checks(more) => match self.older_checks.as_mut().filter(|known| known.series == more.series) {
                Some(known) => {
                    known.checks.extend(more.checks);
                    known.before = more.before;
                }
                None => self.older_checks = Some(more),
            },
            PastNews::Run(run) => self.run = Some(run),
            PastNews::Check(report) => self.check = Some(report),
        }
    }

    /// A series.
    pub fn series(&self, key: &SeriesKey) -> Option<&Arc<SeriesPast>> {
        self.view.as_ref()?.get(key)
    }
}

/// Older runs behind a newer view: with those that the view before still had and this one does not.
fn carried(mut older: Older, before: Option<&HistoryView>, now: &HistoryView) -> Option<Older> {
    let (before, now) = (before?.get(&older.series)?, now.get(&older.series)?);
    let (from, until) = (older_than(before, None)?, older_than(now, None)?);
    let dropped = before.points.iter().rev().filter(|point| point.at >= from && point.at < until);
    let dropped: Vec<RunBrief> = dropped.filter_map(|point| brief(&older.series, point)).collect();
    older.runs.splice(0..0, dropped);
    (from <= until).then_some(older)
}

/// The same for verifications.
fn carried_checks(mut older: OlderChecks, before: Option<&HistoryView>, now: &HistoryView) -> Option<OlderChecks> {
    let (before, now) = (before?.get(&older.series)?, now.get(&older.series)?);
    let until = now.more_checks.before?;
    older.checks.splice(0..0, before.checks.iter().rev().cloned());
    older.checks.retain(|checked| checked.at < until);
    // Where more came meanwhile than one reading holds, nobody knows what lies between the two.
    before.checks.last().is_some_and(|newest| newest.at >= until).then_some(older)
}

/// A run that left nothing which is listed, as the list of older ones has it.
fn brief(series: &SeriesKey, point: &Point) -> Option<RunBrief> {
    let (id, state) = (point.run.clone()?, point.state?);
    let ended = point.took.map(|took| Moment(point.at.0.saturating_add(took)));
    let (tool, feed) = (Tool::Unknown, Feed::Otlp);
    let (started, bytes, at) = (Some(point.at), point.bytes, point.at);
    let one = RunBrief {
        id,
        series: series.name.clone(),
        kind: RunKind::Backup,
        tool,
        feed,
        at,
        started,
        ended,
        state,
        bytes,
        inside: None,
        pruned: 0,
    };
    point.backup.is_none().then_some(one)
}

/// How much a series needs a look: what happened before that nothing of it has ever been verified.
pub fn trouble(series: &SeriesPast) -> (Option<Severity>, Option<Severity>) {
    let standing = || series.judgements.iter().filter(|it| it.stands() && it.severity > Severity::Note);
    let events = standing().filter(|it| !matches!(it.what, What::NoGoodBackup { .. }));
    (events.map(|it| it.severity).max(), standing().map(|it| it.severity).max())
}

/// What stands against a series and matters most; what is only worth knowing is not it.
pub fn gravest(series: &SeriesPast) -> Option<&Judgement> {
    series.gravest().filter(|judged| judged.severity > Severity::Note)
}

/// Whether a series is late now.
pub fn is_late(series: &SeriesPast) -> bool {
    series.judgements.iter().any(|judged| judged.stands() && matches!(judged.what, What::Late { .. }))
}

/// The newest backup that was made and is not known to be bad, listed or not.
pub fn newest_made(series: &SeriesPast) -> Option<&Point> {
    let made = |point: &&Point| point.outcome == Outcome::Made && point.kept != Kept::Bad;
    series.newest().or_else(|| series.points.iter().rev().find(made))
}

/// Bytes of what was made, oldest first.
pub fn sizes(series: &SeriesPast) -> Vec<Option<u64>> {
    series.points.iter().map(|point| point.bytes.filter(|_| point.outcome == Outcome::Made)).collect()
}

/// How long runs took in milliseconds, oldest first.
pub fn durations(series: &SeriesPast) -> Vec<Option<u64>> {
    series.points.iter().map(|point| point.took.and_then(|took| u64::try_from(took).ok())).collect()
}

/// One line of the list of runs: a run, an object that no run is known of, or both joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// When it began; of an object alone, when it was taken.
    pub at: Moment,
    /// The run, where one is known.
    pub run: Option<RunId>,
    /// How it ended; `None`: no run is known, only what it left.
    pub state: Option<RunState>,
    /// Bytes that were made.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub took: Option<u64>,
    /// What it left, as far as it was listed.
    pub backup: Option<BackupId>,
    /// What is there of that.
    pub kept: Kept,
    /// Whether a backup came of it.
    pub outcome: Outcome,
    /// What a verification of our own came to; `None` for backups.
    pub check: Option<&'static str>,
    /// What is odd about it, in few words; of what is gone, why that is as it should be.
    pub odd: Option<String>,
}

impl From<&Checked> for RunLine {
    fn from(checked: &Checked) -> Self {
        Self {
            at: checked.at,
            run: Some(checked.run.clone()),
            state: Some(checked.state),
            bytes: checked.bytes,
            took: checked.took.and_then(|took| u64::try_from(took).ok()),
            backup: checked.backup.clone(),
            kept: Kept::Unknown,
            outcome: if checked.state == RunState::Failed { Outcome::Failed } else { Outcome::Made },
            check: Some(checked.word()),
            odd: checked.said.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&Point> for RunLine {
    fn from(point: &Point) -> Self {
        Self {
            at: point.at,
            run: point.run.clone(),
            state: point.state,
            bytes: point.bytes,
            took: point.took.and_then(|took| u64::try_from(took).ok()),
            backup: point.backup.clone(),
            kept: point.kept,
            outcome: point.outcome,
            check: None,
            odd: point.odd.as_ref().and_then(|finding| odd(&finding.code)).map(str::to_owned),
        }
    }
}

impl From<&RunBrief> for RunLine {
    fn from(run: &RunBrief) -> Self {
        let made = matches!(run.state, RunState::Ok | RunState::Unknown);
        Self {
            at: run.at,
            run: Some(run.id.clone()),
            state: Some(run.state),
            bytes: run.bytes,
            took: run.took().and_then(|took| u64::try_from(took.as_millis()).ok()),
            backup: None,
            kept: Kept::Unknown,
            outcome: if made { Outcome::Made } else { Outcome::Failed },
            check: None,
            odd: None,
        }
    }
}

/// What is odd about an object, for a column; of one that is gone the column beside it says so.
fn odd(code: &str) -> Option<&'static str> {
    match code {
        "no_run" => Some("made by no run"),
        "size_differs" => Some("its run counted otherwise"),
        PRUNED => Some("by a prune"),
        _ => None,
    }
}

/// All lines of a series that are known, newest first.
pub fn lines(series: &SeriesPast, past: &Past) -> Vec<RunLine> {
    let older = past.older.as_ref().filter(|older| older.series == series.key);
    let mut lines: Vec<RunLine> = series.points.iter().map(RunLine::from).collect();
    lines.extend(series.checks.iter().map(RunLine::from));
    lines.sort_by_key(|line| line.at);
    lines.reverse();
    lines.extend(older.into_iter().flat_map(|older| older.runs.iter().map(RunLine::from)));
    if let Some(older) = past.older_checks.as_ref().filter(|older| older.series == series.key) {
        lines.extend(series.own_checks(&older.checks).into_iter().map(RunLine::from));
        lines.sort_by_key(|line| Reverse(line.at));
    }
    lines
}

/// Before which time older verifications are to be asked for; `None`: all of them are known, or there are none.
pub fn checks_before(series: &SeriesPast, older: Option<&OlderChecks>) -> Option<Moment> {
    let read = older.filter(|older| older.series == series.key);
    read.map_or(series.more_checks.before, |older| older.before)
}

/// Before which time older runs are to be asked for; `None`: all of them are known, or there are none.
pub fn older_than(series: &SeriesPast, older: Option<&Older>) -> Option<Moment> {
    if series.runs.is_empty() {
        return None;
    }
    if let Some(older) = older.filter(|older| older.series == series.key) {
        return older.runs.last().map(|run| run.at).filter(|_| !older.complete);
    }
    let told = series.points.iter().find(|point| point.run.is_some());
    told.map(|point| point.at)
}
