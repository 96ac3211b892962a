//! Files of telemetry into the store: read on a thread of their own, stored piece by piece.

use std::io::Read;

use serde::Serialize;

use super::store::put;
use crate::disk::runs::{HistoryError, Intake, Store, Stored};
use crate::model::run::{Feed, Run, Span};
use crate::model::units::Moment;
use crate::report::{Fault, Report, Reportable};
use crate::telemetry::stream;
use crate::telemetry::stream::{Census, Told};

/// Spans that are stored together.
const SPANS: usize = 4096;
/// Runs of feeds without spans that are stored together.
const RUNS: usize = 1024;

/// What was read, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Imported {
    /// Files, tables or objects that were read to their end.
    pub read: u64,
    /// Files that have not changed since they were last read, and were left alone.
    pub unchanged: u64,
    /// Spans of backups.
    pub spans: u64,
    /// Of those, such as were known already.
    pub spans_known: u64,
    /// Of those, such as are beyond what is kept of one trace.
    pub spans_left_out: u64,
    /// Runs that are new.
    pub runs: u64,
    /// Runs of which more became known.
    pub runs_changed: u64,
    /// Spans that cannot be used.
    pub spans_refused: u64,
    /// Spans of programs that have nothing to do with backups.
    pub spans_foreign: u64,
    /// Lines, objects and messages that are cut or not what they seem.
    pub broken: u64,
    /// Lines and objects that have nothing to do with telemetry.
    pub others: u64,
}

impl Imported {
    pub(super) fn add(&mut self, more: &Self) {
        self.read += more.read;
        self.unchanged += more.unchanged;
        self.spans += more.spans;
        self.spans_known += more.spans_known;
        self.spans_left_out += more.spans_left_out;
        self.runs += more.runs;
        self.runs_changed += more.runs_changed;
        self.spans_refused += more.spans_refused;
        self.spans_foreign += more.spans_foreign;
        self.broken += more.broken;
        self.others += more.others;
    }

    pub(super) fn stored(&mut self, stored: Stored) {
        self.spans_known += stored.known;
        self.spans_left_out += stored.beyond;
        self.runs += stored.runs;
        self.runs_changed += stored.changed;
    }

    fn census(&mut self, census: Census) {
        self.spans += census.spans;
        self.spans_refused += census.refused;
        self.spans_foreign += census.foreign;
        self.broken += census.broken;
        self.others += census.others;
    }
}

/// One source, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// The name in the estate, or the file.
    pub source: String,
    /// What was read and stored; what stands here holds even where something failed.
    #[serde(flatten)]
    pub imported: Imported,
    /// Why the rest of it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Report>,
}

/// Reads a file of telemetry to its end and stores what it tells. Blocking.
pub(super) fn import(store: &Store, source: &mut dyn Read, now: Moment) -> (Imported, Option<Report>) {
    let mut desk =
        Desk { store, now, imported: Imported::default(), failed: None, waiting: vec![], spans: 0, runs: vec![] };
    let read = stream::read(source, &mut |told| desk.take(told));
    desk.flush();
    let (mut imported, failed) = (desk.imported, desk.failed);
    match (read, failed) {
        (Ok(census), None) => {
            imported.census(census);
            imported.read = 1;
            (imported, None)
        }
        (_, Some(error)) => (imported, Some(error.report())),
        (Err(error), None) => {
            let advice = "what was read before is stored; read it again once it can be read to its end";
            (imported, Some(Report::new(Fault::Failed, "collect::unreadable", error, advice)))
        }
    }
}

/// Gathers what is told, and stores it piece by piece.
struct Desk<'s> {
    store: &'s Store,
    now: Moment,
    imported: Imported,
    failed: Option<HistoryError>,
    waiting: Vec<Intake>,
    spans: usize,
    runs: Vec<Run>,
}

impl Desk<'_> {
    fn take(&mut self, told: Told) {
        match told {
            Told::Spans(feed, spans) => {
                self.spans += spans.len();
                self.waiting.push(self.intake(feed, spans, vec![]));
            }
            Told::Run(run) => self.runs.push(*run),
        }
        if self.spans >= SPANS || self.runs.len() >= RUNS {
            self.flush();
        }
    }

    fn intake(&self, feed: Feed, spans: Vec<Span>, runs: Vec<Run>) -> Intake {
        Intake { feed, arrived: self.now, spans, runs }
    }

    fn flush(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        if !runs.is_empty() {
            self.waiting.push(self.intake(Feed::Logrus, vec![], runs));
        }
        self.spans = 0;
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() || self.failed.is_some() {
            return; // a store that failed once is not tried for every piece
        }
        match put(self.store, &waiting) {
            Ok(stored) => self.imported.stored(stored),
            Err(error) => self.failed = Some(error),
        }
    }
}
