//! What a pass over logs found of the transactions that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::change::query::TableName;
use crate::change::reverse::Refusal;
use crate::model::change::{BinlogPos, ChangeKind, TransactionFacts};
use crate::model::units::Moment;

/// Connections of transactions.
#[derive(Debug, Clone, Default)]
pub struct Threads(BTreeSet<u32>);

impl Threads {
    /// The most that are kept.
    const KEPT: usize = 1 << 16;

    pub(super) fn add(&mut self, thread: Option<u32>) {
        if self.0.len() < Self::KEPT {
            self.0.extend(thread);
        }
    }

    /// Whether a connection may be among them: of very many not all are kept.
    pub fn may_have(&self, thread: u32) -> bool {
        self.0.len() == Self::KEPT || self.0.contains(&thread)
    }
}

/// How much the rows of transactions take up in a log, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// Of all that is undone.
    pub bytes: u64,
    /// Of the transaction that has most.
    pub largest: u64,
}

/// Statements without rows that do not stand in the way, as far as their text tells.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// How many there are.
    pub total: u64,
    /// The first of them.
    pub first: Option<Refusal>,
}

impl Beside {
    pub(super) fn add(&mut self, statement: Refusal) {
        self.total += 1;
        self.first.get_or_insert(statement);
    }
}

/// A table with rows that are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// When the first transaction with such rows was committed.
    pub at: Moment,
    /// The number of its file.
    pub file: u32,
    /// Where it begins there.
    pub start: BinlogPos,
    /// Whether the server that logged its rows logs what cascades change as well.
    pub logs_cascades: bool,
    /// Events with its rows.
    pub events: EventCounts,
}

/// Events of rows, by what happened to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts {
    /// Rows came to be.
    pub inserts: u64,
    /// Rows changed.
    pub updates: u64,
    /// Rows went.
    pub deletes: u64,
}

/// Transactions of which a part is wanted.
#[derive(Debug, Clone, Default)]
pub struct Partial {
    /// The first [`Partial::KEPT`] of them.
    pub first: Vec<PartOf>,
    /// How many there are.
    pub total: u64,
}

impl Partial {
    /// How many are kept.
    pub const KEPT: usize = 1000;
}

/// A transaction of which a part is wanted.
#[derive(Debug, Clone)]
pub struct PartOf {
    /// The number of its file.
    pub file: u32,
    /// The transaction.
    pub transaction: Arc<TransactionFacts>,
    /// Rows that are wanted, as far as the events tell.
    pub wanted: u64,
    /// Rows that are not, by table.
    pub left: BTreeMap<TableName, u64>,
}

impl EventCounts {
    pub(super) fn join(&mut self, other: Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
    }

    pub(super) fn add(&mut self, kind: ChangeKind) {
        match kind {
            ChangeKind::Insert => self.inserts += 1,
            ChangeKind::Update => self.updates += 1,
            ChangeKind::Delete => self.deletes += 1,
        }
    }
}
