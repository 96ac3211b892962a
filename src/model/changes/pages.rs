//! Pages of entries and rows: how they are asked for, and what they hold.

use std::sync::Arc;

use serde::Serialize;

use crate::model::change::{Change, ChangedTable, Place, TransactionFacts};
use crate::model::changes::{ChangeFilter, Literal, Rows, TableRef, Untolds, Wall};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// One line of the list: a transaction, or a wall between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A transaction that changed rows.
    Transaction(TransactionLine),
    /// A change of definitions.
    Wall(Wall),
}

impl Entry {
    /// Its number.
    pub fn number(&self) -> u64 {
        match self {
            Self::Transaction(line) => line.number,
            Self::Wall(wall) => wall.entry,
        }
    }

    /// When it was committed.
    pub fn at(&self) -> Moment {
        match self {
            Self::Transaction(line) => line.facts.committed_at,
            Self::Wall(wall) => wall.at,
        }
    }
}

/// Whether a transaction's rows stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// They did.
    Committed,
    /// It was prepared (XA), and nothing that was read decides about it.
    Undecided,
    /// It has no end in the log.
    Cut,
}

/// A transaction in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionLine {
    /// Counts the source's entries from 0.
    pub number: u64,
    /// Where it begins.
    pub place: Place,
    /// The file that it stands in.
    pub file: Arc<Foreign>,
    /// GTID, connection, commit time.
    pub facts: Arc<TransactionFacts>,
    /// Whether it stayed.
    pub settled: Settled,
    /// Its rows that pass the filter.
    pub rows: Rows,
    /// All its rows.
    pub all_rows: u64,
    /// Bytes of its events.
    pub bytes: u64,
    /// Tables with rows that pass, by number of rows, at most [`Self::TABLES`] of them.
    pub tables: Vec<(TableRef, Rows)>,
    /// How many tables there were in all.
    pub table_count: u64,
    /// Its first statement, where the server logged it.
    pub statement: Option<Arc<Foreign>>,
    /// Statements in it that the log has as text only.
    pub text_statements: u64,
}

impl TransactionLine {
    /// Tables that are named.
    pub const TABLES: usize = 8;
}

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Later entries.
    #[default]
    Forward,
    /// Earlier entries; they still come in the order of the log.
    Backward,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// With this entry; backward: up to and with this one.
    Entry(u64),
    /// With the first entry that was committed at that time or later; backward: the last one before it.
    Time(Moment),
    /// With the last entry; backward only.
    End,
}

/// Asks for entries.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRequest {
    /// Where to begin.
    pub from: PageFrom,
    /// Which way.
    pub direction: Direction,
    /// How many at most; a page has never more than [`Self::MOST`].
    pub count: usize,
    /// Only entries with rows that pass; walls pass when their tables do.
    pub filter: ChangeFilter,
}

impl PageRequest {
    /// The most entries of a page.
    pub const MOST: usize = 500;
}

/// Some entries in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The entry with which the next page forward begins, where there may be one.
    pub next: Option<u64>,
    /// The entry with which the next page backward ends, where there may be one.
    pub previous: Option<u64>,
    /// Rows that were passed over on this page though the filter may mean them.
    pub untold: Untolds,
}

/// Of what rows are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsOf {
    /// Of one entry.
    Entry(u64),
    /// Of all that passes the filter.
    Everything,
}

/// Where the next page of rows begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RowCursor {
    /// The entry.
    pub entry: u64,
    /// Rows of it that were passed over.
    pub rows: u64,
}

/// Asks for rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsRequest {
    /// Of what.
    pub of: RowsOf,
    /// Where to begin.
    pub from: RowCursor,
    /// How many at most; a page has never more than [`Self::MOST`].
    pub count: usize,
    /// Only rows that pass.
    pub filter: ChangeFilter,
}

impl RowsRequest {
    /// The most rows of a page.
    pub const MOST: usize = 2_000;
}

/// Some rows in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsPage {
    /// The rows.
    pub changes: Vec<Change>,
    /// Where the next page begins; `None`: there are no more.
    pub next: Option<RowCursor>,
}

/// The life of one row, followed through changes of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The table as the log last describes it.
    pub table: Arc<ChangedTable>,
    /// All its changes in the order of the log.
    pub changes: Vec<Change>,
    /// Every key that it had, in order.
    pub keys: Vec<Vec<Literal>>,
    /// Whether there were more changes than are kept.
    pub cut: bool,
    /// What is worth knowing; safe to draw.
    pub remarks: Vec<String>,
}
