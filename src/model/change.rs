//! Row changes: what a binary log says was inserted, updated and deleted, value by value.

mod decimal;
mod gtid;
mod value;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use crate::model::change::decimal::Decimal;
pub use crate::model::change::gtid::Gtid;
pub use crate::model::change::value::{Charset, Date, JsonPlace, JsonScalar, JsonTypes, Plain, Value};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// Where something lies in a binary log: bytes from the beginning of the file, counted by us, so that files
/// above 4 GiB have no two places of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct BinlogPos(pub u64);

impl fmt::Display for BinlogPos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Names one row change for good: no two changes of all sources share a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeKey {
    /// The change source, as the operator named it.
    pub source: Arc<Foreign>,
    /// The binary log's name.
    pub file: Arc<Foreign>,
    /// Where its event begins; for an event in a compressed payload, where the payload's event begins.
    pub position: BinlogPos,
    /// Counts the rows of that event from 0.
    pub row: u32,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It came to be: there is an after image only.
    Insert,
    /// It changed: both images.
    Update,
    /// It went: there is a before image only.
    Delete,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// One row change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub key: ChangeKey,
    /// What happened.
    pub kind: ChangeKind,
    /// The table as it was then.
    pub table: Arc<ChangedTable>,
    /// The row before; none for an insert.
    pub before: Option<RowImage>,
    /// The row after; none for a delete.
    pub after: Option<RowImage>,
    /// The transaction it belongs to.
    pub transaction: Arc<TransactionFacts>,
    /// When the statement began, to the second: what `SET TIMESTAMP` moves.
    pub stated_at: Moment,
    /// The statement, where the server logged it (`binlog_rows_query_log_events`, `binlog_annotate_row_events`).
    pub statement: Option<Arc<Foreign>>,
    /// How much of it is beyond doubt.
    pub certainty: Certainty,
}

impl Change {
    /// Indexes of the columns that differ between the images; empty for inserts and deletes.
    ///
    /// A column that only one image has counts as changed: a log with minimal images leaves out of the
    /// after image what stayed as it was.
    pub fn changed(&self) -> Vec<usize> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return vec![] };
        let pairs = before.values.iter().zip(&after.values).enumerate();
        pairs.filter(|(_, (before, after))| after.is_some() && before != after).map(|(at, _)| at).collect()
    }
}

/// The columns of a row; `None` where the log's image leaves a column out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowImage {
    /// One per column of the table, in the table's order.
    pub values: Vec<Option<Value<'static>>>,
}

/// How much of a change is beyond doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Every value is what the server wrote, and its transaction was committed.
    Exact,
    /// Exact, but the columns have no names: it cannot become SQL.
    Unnamed,
    /// Columns are missing from the images.
    Incomplete,
    /// The end of its transaction lies beyond what was read: it was prepared (XA), or the log was cut there.
    Undecided,
}

/// A table at the time of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTable {
    /// Its database.
    pub schema: Foreign,
    /// Its name.
    pub name: Foreign,
    /// Its columns in order.
    pub columns: Vec<ColumnFacts>,
    /// Whether all columns have names that were true at the time.
    pub named: bool,
}

/// What is known about a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnFacts {
    /// Its name; `@1`, `@2` and so on where nothing told it.
    pub name: Foreign,
    /// The type's first word in lower case, such as `uuid`; `None` where nothing told it.
    pub declared: Option<Box<str>>,
    /// Its part of the primary key, from 0.
    pub key_part: Option<u16>,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Labels of an enum or set, in the column's character set.
    pub labels: Vec<Foreign>,
    /// Whether it is computed from others, and so in no statement's column list; `None`: unknown.
    pub generated: Option<bool>,
    /// Whether the server sets it on every update by itself; `None`: unknown.
    pub updates_itself: Option<bool>,
}

/// What is known about a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransactionFacts {
    /// Its GTID, where GTIDs are on.
    pub gtid: Option<Gtid>,
    /// The connection that ran it; MariaDB logs it from 11.5 on.
    pub thread: Option<u32>,
    /// The GTID of the commit of a transaction that was prepared first (XA).
    pub decided_by: Option<Gtid>,
    /// When it was committed: to the microsecond in MySQL's GTID events, else the second of the GTID event; never before
    /// what is committed in front of it.
    pub committed_at: Moment,
    /// Or then: a clock was set, and which time is right cannot be told.
    pub or_at: Option<Moment>,
    /// The server that ran it first.
    pub server_id: u32,
    /// Where it begins.
    pub start: BinlogPos,
}

/// One change source file's place in a sequence of files, and a position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Counts the files from 0.
    pub file: u32,
    /// Where the event begins.
    pub position: BinlogPos,
    /// Counts the events inside a compressed payload from 0.
    pub inner: u32,
}
