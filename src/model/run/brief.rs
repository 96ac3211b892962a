//! What is known of many runs without opening each: briefs, days and series of them, and what one asks for.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Run, RunId, RunKind, RunState, Tool};
use crate::model::units::Moment;

/// The databases that a run named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Their names, sorted, each once.
    pub names: Vec<Foreign>,
    /// Whether they are all that it had.
    pub all: bool,
}

impl Named {
    /// What a run named; `None` where it named nothing.
    pub fn of(run: &Run) -> Option<Self> {
        let told = run.databases.as_ref().filter(|names| !names.is_empty())?;
        let all = run.database_count.is_none_or(|count| count <= told.len() as u64);
        let mut names = told.clone();
        names.sort();
        names.dedup();
        Some(Self { names, all })
    }
}

/// From 2015 on: a run that says it was earlier has a wrong clock.
pub const EARLIEST: Moment = Moment(1_420_070_400_000);

/// What lists, strips and judgements need of a run: read from columns, without opening the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunBrief {
    /// Which run.
    pub id: RunId,
    /// Its series.
    pub series: Foreign,
    /// What was done.
    pub kind: RunKind,
    /// Who did it.
    pub tool: Tool,
    /// Which feed told.
    pub feed: Feed,
    /// What it is sorted by.
    pub at: Moment,
    /// When it began.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How it ended.
    pub state: RunState,
    /// Bytes that were made.
    pub bytes: Option<u64>,
    /// The databases that it named.
    pub inside: Option<Arc<Named>>,
    /// How many backups its prunes were to delete.
    pub pruned: u64,
}

impl RunBrief {
    /// How long it took; `None` where either end is unknown or the clock ran backwards.
    pub fn took(&self) -> Option<Duration> {
        let millis = self.ended?.0.checked_sub(self.started?.0)?;
        u64::try_from(millis).ok().map(Duration::from_millis)
    }
}

/// A day in UTC: whole days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DayNumber(pub i64);

impl DayNumber {
    /// The day of a moment.
    pub fn of(moment: Moment) -> Self {
        Self(moment.0.div_euclid(86_400_000))
    }

    /// Its first millisecond.
    pub fn start(self) -> Moment {
        Moment(self.0.saturating_mul(86_400_000))
    }
}

/// The runs of one series on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Which day, in UTC.
    pub day: DayNumber,
    /// Backups that ended well.
    pub ok: u32,
    /// Backups that failed.
    pub failed: u32,
    /// Backups whose end was not seen.
    pub unfinished: u32,
    /// Backups that ended, nobody knows how.
    pub unknown: u32,
    /// Everything that is no backup: restores, prunes, verifications.
    pub others: u32,
    /// The last backup of the day.
    pub last: Option<DayLast>,
}

/// The last backup of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayLast {
    /// When.
    pub at: Moment,
    /// How it ended.
    pub state: RunState,
    /// Its bytes.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub millis: Option<u64>,
}

/// One series as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSeries {
    /// What groups its runs.
    pub name: Foreign,
    /// Who runs them.
    pub tool: Tool,
    /// How many runs are kept.
    pub runs: u64,
    /// Its oldest run that is kept.
    pub first: Option<Moment>,
    /// Its newest run of any kind.
    pub last: Option<Moment>,
    /// Its newest backup that ended well.
    pub last_ok: Option<Moment>,
    /// Days with runs, oldest first, as far as they were asked for.
    pub days: Vec<Day>,
}

/// Which runs are wanted; newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunQuery {
    /// Of this series only.
    pub series: Option<Foreign>,
    /// Of these kinds only; empty for all.
    pub kinds: Vec<RunKind>,
    /// Not before.
    pub from: Option<Moment>,
    /// Before.
    pub until: Option<Moment>,
    /// Only what stands after this one in the list: the next page.
    pub after: Option<(Moment, RunId)>,
    /// How many at most; 0 for 1,000.
    pub limit: usize,
}
