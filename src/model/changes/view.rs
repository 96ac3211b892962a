//! Everything known about a change source: sums, tables, what stands out.

use std::sync::Arc;

use serde::Serialize;

use crate::model::change::ChangeKind;
use crate::model::changes::{Coverage, Histogram, LogFacts, Problem, Rows, TableRef, TextStatement, Wall};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// What was changed in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableTotals {
    /// The table.
    pub table: TableRef,
    /// Rows that were changed.
    pub rows: Rows,
    /// Transactions that changed some.
    pub transactions: u64,
    /// Bytes of the events that say so.
    pub bytes: u64,
    /// The first and the last commit.
    pub from: Moment,
    /// As above.
    pub to: Moment,
    /// Whether columns have names that were true at every place; else it cannot become SQL.
    pub named: bool,
    /// Why not; safe to draw.
    pub unnamed_because: Option<String>,
}

/// Sums over a whole source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Transactions that changed rows.
    pub transactions: u64,
    /// Rows.
    pub rows: Rows,
    /// Rows that were rolled back, by themselves or with XA ROLLBACK, and so are not counted above.
    pub rolled_back: u64,
    /// Rows of XA transactions that were prepared, and whose end lies beyond what was read; counted above.
    pub undecided: u64,
    /// Statements that the log has as text only.
    pub statements: u64,
    /// Bytes of the logs.
    pub bytes: u64,
}

/// Many rows of one kind in one table within a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Burst {
    /// The table.
    pub table: TableRef,
    /// What happened to the rows.
    pub kind: ChangeKind,
    /// How many.
    pub rows: u64,
    /// From when.
    pub from: Moment,
    /// To when.
    pub to: Moment,
    /// How many transactions it was.
    pub transactions: u64,
    /// The largest of them: its entry's number, for [`PageRequest`](crate::model::changes::PageRequest).
    pub entry: u64,
    /// In words: `shop.orders: 1,204,331 deletes at 14:02:11 in one transaction`.
    pub words: String,
}

/// Where the names of columns came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactsSource {
    /// As it was typed, without secrets; `the log itself` for FULL metadata.
    pub from: String,
    /// How many tables it described.
    pub tables: usize,
    /// From where on it is taken to be true, in words.
    pub valid: String,
    /// Why it could not be used; safe to draw.
    pub problem: Option<String>,
}

/// How far a view has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// Files are being listed, fetched or read: the numbers still grow.
    #[default]
    Reading,
    /// Everything that can be read was read.
    Complete,
    /// Stopped by a person.
    Cancelled,
    /// It could not be done; the job's ending says why.
    Failed,
}

/// Everything known about a change source; a snapshot that is never changed.
#[derive(Debug, Clone, Default)]
pub struct ChangesView {
    /// The source, as the operator named it.
    pub source: Arc<Foreign>,
    /// How far it has come.
    pub state: ViewState,
    /// What part of history it covers.
    pub coverage: Coverage,
    /// Its files in order.
    pub files: Vec<LogFacts>,
    /// Sums.
    pub totals: Totals,
    /// Tables, the one with most rows first.
    pub tables: Vec<TableTotals>,
    /// Rows over time, per table and kind; tables by their index in [`Self::tables`].
    pub histogram: Arc<Histogram>,
    /// What stands out, the greatest first.
    pub bursts: Vec<Burst>,
    /// Changes of definitions, in order.
    pub walls: Vec<Wall>,
    /// How many walls there were beyond those.
    pub more_walls: u64,
    /// Statements that the log has as text only, the first of them.
    pub statements: Vec<TextStatement>,
    /// How many entries there are: transactions and walls.
    pub entries: u64,
    /// What is wrong, in order.
    pub problems: Vec<Problem>,
    /// Where the names of columns came from.
    pub facts: Vec<FactsSource>,
}

impl ChangesView {
    /// Whether nothing is missing and nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.coverage.gaps.is_empty() && self.problems.is_empty()
    }
}
