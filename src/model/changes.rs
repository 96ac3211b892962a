//! What a change source holds, as screens and verbs show it: coverage, totals, a histogram over time, walls,
//! transactions by the page. Plain data; whoever has it holds no file open.

mod charset;
mod coverage;
mod filter;
mod gtids;
mod histogram;
mod literal;
mod pages;
mod shown;
mod untold;
mod view;
mod walls;

use serde::Serialize;

use crate::model::change::ChangeKind;
pub use crate::model::changes::charset::decoded;
pub use crate::model::changes::coverage::{Coverage, Edge, Gap, GapKind, LogFacts, Problem};
pub use crate::model::changes::filter::{
    ChangeFilter, Compiled, EventFacts, FilterError, Passes, PositionBound, RowValue, RowValues, Statement, TableFilter,
};
pub use crate::model::changes::gtids::GtidSet;
pub use crate::model::changes::histogram::{Bar, Histogram};
pub use crate::model::changes::literal::Literal;
pub use crate::model::changes::pages::{
    Direction, Entry, EntryPage, Life, PageFrom, PageRequest, RowCursor, RowsOf, RowsPage, RowsRequest, Settled,
    TransactionLine,
};
pub use crate::model::changes::shown::{ChangeLine, Image, Shown};
pub use crate::model::changes::untold::{Untold, UntoldTable, Untolds};
pub use crate::model::changes::view::{Burst, ChangesView, FactsSource, TableTotals, Totals, ViewState};
pub use crate::model::changes::walls::{TextStatement, Wall, WallBackup, WallVerb};
use crate::model::foreign::Foreign;

/// What a change source is opened with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangesRequest {
    /// SOURCE as it was typed: a name of the estate, a URL, a path.
    pub source: String,
    /// `--schema` as it was typed, in that order: later ones win over earlier ones.
    pub schemas: Vec<String>,
    /// What is asked for. Its positions decide which files are read at all.
    pub filter: ChangeFilter,
}

/// A table's name with its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TableRef {
    /// The database.
    pub schema: Foreign,
    /// The table; empty where a whole database is meant.
    pub table: Foreign,
}

impl std::fmt::Display for TableRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.table.raw_bytes() {
            [] => write!(f, "{}", self.schema),
            _ => f.pad(&format!("{}.{}", self.schema, self.table)),
        }
    }
}

/// Rows by what happened to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rows {
    /// Inserted.
    pub inserts: u64,
    /// Updated.
    pub updates: u64,
    /// Deleted.
    pub deletes: u64,
}

impl Rows {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Those of one kind.
    pub fn of(&self, kind: ChangeKind) -> u64 {
        match kind {
            ChangeKind::Insert => self.inserts,
            ChangeKind::Update => self.updates,
            ChangeKind::Delete => self.deletes,
        }
    }

    /// Adds rows of one kind.
    pub fn add(&mut self, kind: ChangeKind, rows: u64) {
        let count = match kind {
            ChangeKind::Insert => &mut self.inserts,
            ChangeKind::Update => &mut self.updates,
            ChangeKind::Delete => &mut self.deletes,
        };
        *count = count.saturating_add(rows);
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: Self) {
        for kind in [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete] {
            self.add(kind, other.of(kind));
        }
    }
}
