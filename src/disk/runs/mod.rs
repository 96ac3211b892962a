//! The history of runs: one SQLite file in the estate's state folder, for several consoles and collectors at once.
//!
//! Spans are kept packed per trace; what lists and strips need of a run stands in columns, and what the strips need
//! of a day is counted as runs arrive, so that no screen ever reads spans in bulk.
//!
//! A write that has returned is in the write-ahead log and that log has been synced (`synchronous = FULL`): neither
//! a killed process nor a power cut takes it back, as far as the disk keeps its own promises.

mod days;
mod desk;
mod error;
mod inside;
mod keep;
mod open;
mod pack;
mod pieces;
mod read;
mod row;
mod schema;
mod squeeze;
mod twins;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::disk::state::State;
use crate::model::foreign::Foreign;
use crate::model::run::{DayNumber, Feed, Named, Run, RunBrief, RunId, RunQuery, RunSeries, Span, TraceId};
use crate::model::units::Moment;

pub use self::error::HistoryError;
pub use self::keep::{Keep, Pruned};
pub use self::write::MOST_SPANS;

#[cfg(test)]
mod tests;

/// What has arrived in one piece. It is stored as a whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// Which feed told.
    pub feed: Feed,
    /// When it arrived, by our clock.
    pub arrived: Moment,
    /// Spans of any number of traces, in any order, also ones that are known already.
    pub spans: Vec<Span>,
    /// Runs of feeds without spans.
    pub runs: Vec<Run>,
}

/// All spans of one trace that are known, for whoever makes runs of them.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// Which trace.
    pub trace: TraceId,
    /// The best of the feeds that told of it.
    pub feed: Feed,
    /// When its last piece arrived; only of live feeds.
    pub received: Option<Moment>,
    /// In the order of their arrival, each id once.
    pub spans: &'a [Span],
}

/// Makes runs of a trace; called inside the transaction, so it must not be slow.
pub type Assemble<'a> = &'a dyn Fn(Traced<'_>) -> Vec<Run>;

/// What a write changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Spans that were not known.
    pub spans: u64,
    /// Spans that were known already and were left as they are.
    pub known: u64,
    /// Spans beyond what is kept of one trace: they are not stored.
    pub beyond: u64,
    /// Runs that are new.
    pub runs: u64,
    /// Runs of which more is known now.
    pub changed: u64,
}

impl std::ops::AddAssign for Stored {
    fn add_assign(&mut self, more: Self) {
        self.spans += more.spans;
        self.known += more.known;
        self.beyond += more.beyond;
        self.runs += more.runs;
        self.changed += more.changed;
    }
}

/// The history of one estate. Cheap to share behind an `Arc`; every call may block for a few milliseconds, and
/// a writer for as long as another process writes.
pub struct Store {
    path: PathBuf,
    keep: Keep,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

fn held(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the history, makes it where there is none, and brings an older layout up to date.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Newer`] for the file of a newer version, [`HistoryError::Damaged`] for one that is no
    /// database; otherwise what the file system says.
    pub fn open(state: &State, keep: Keep) -> Result<Self, HistoryError> {
        let path = state.dir().join("history.sqlite");
        let writer = open::writer(&path)?;
        let reader = open::reader(&path)?;
        Ok(Self { path, keep, writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores what has arrived, all of it or nothing. Spans and runs that are known change nothing.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Busy`] when another process writes for a minute; otherwise what the database says.
    pub fn put(&self, intakes: &[Intake], assemble: Assemble<'_>) -> Result<Stored, HistoryError> {
        self.put_each(intakes, assemble).map(|(stored, _)| stored)
    }

    /// As [`put`](Self::put), and how many spans of each intake are beyond what is kept of their traces.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn put_each(&self, intakes: &[Intake], assemble: Assemble<'_>) -> Result<(Stored, Vec<u64>), HistoryError> {
        let mut writer = held(&self.writer);
        write::in_transaction(&mut writer, &self.path, |desk| write::put(desk, intakes, assemble))
    }

    /// Runs, newest first, with everything that is known of them.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, HistoryError> {
        read::runs(&held(&self.reader), query).map_err(HistoryError::at(&self.path))
    }

    /// Runs, newest first, with what stands in columns: some microseconds each.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn briefs(&self, query: &RunQuery) -> Result<Vec<RunBrief>, HistoryError> {
        read::briefs(&held(&self.reader), query).map_err(HistoryError::at(&self.path))
    }

    /// What the backups of a series named, from `from` up to, not with, `until`: each set of databases once, the newest
    /// first. Of many runs it takes a fraction of a microsecond each.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn named(&self, series: &Foreign, from: Moment, until: Moment) -> Result<Vec<Arc<Named>>, HistoryError> {
        inside::within(&held(&self.reader), series, from, until).map_err(HistoryError::at(&self.path))
    }

    /// One run.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, HistoryError> {
        read::run(&held(&self.reader), id).map_err(HistoryError::at(&self.path))
    }

    /// The spans of the trace that a run belongs to, by their beginning; none for feeds without spans.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn spans(&self, id: &RunId) -> Result<Vec<Span>, HistoryError> {
        read::spans(&held(&self.reader), id).map_err(HistoryError::at(&self.path))
    }

    /// Every series, the one with the newest run first, with its days of that range (both ends included).
    /// At most 2,000 series.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn strips(&self, from: DayNumber, to: DayNumber) -> Result<Vec<RunSeries>, HistoryError> {
        read::strips(&held(&self.reader), from, to).map_err(HistoryError::at(&self.path))
    }

    /// A number that differs once anybody has written since it was last asked for.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn version(&self) -> Result<i64, HistoryError> {
        read::version(&held(&self.reader)).map_err(HistoryError::at(&self.path))
    }

    /// Deletes what is older than is to be kept, and the oldest runs while the file is larger than it may be.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn prune(&self, now: Moment) -> Result<Pruned, HistoryError> {
        keep::prune(&mut held(&self.writer), &self.path, self.keep, now)
    }

    /// How a source of telemetry looked when it was last read to its end.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn source_mark(&self, source: &str) -> Result<Option<String>, HistoryError> {
        read::source_mark(&held(&self.reader), source).map_err(HistoryError::at(&self.path))
    }

    /// Notes how a source of telemetry looked, after everything in it has been stored.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn mark_source(&self, source: &str, mark: &str, now: Moment) -> Result<(), HistoryError> {
        let mut writer = held(&self.writer);
        write::in_transaction(&mut writer, &self.path, |desk| write::mark_source(desk, source, mark, now))
    }
}
