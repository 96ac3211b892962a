//! What undoes a change of a row, as SQL, or the reason why nothing does.

mod table;
mod text;

use std::fmt;

use crate::change::query::TableName;
pub use crate::change::reverse::table::UndoTable;
pub(super) use crate::change::reverse::text::{Ask, Done, Trouble};
use crate::change::schema::Unknown;
use crate::model::change::{BinlogPos, ChangeKey};
use crate::model::changes::Untold;
use crate::model::foreign::Foreign;
use crate::sql::exact::Inexact;

/// Why a change cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its columns have no names.
    Unnamed,
    /// A name is no UTF-8.
    Name,
    /// Whether columns are generated is not known.
    Generated,
    /// What its table's definition was there is not known, though something is known of the table.
    Definition(Unknown),
    /// The log's images leave a column out that is needed.
    Missing(Foreign),
    /// A column's value has no exact literal.
    Inexact(Foreign, Inexact),
    /// The table's engine does not roll back.
    Engine(Foreign),
    /// Whether its transaction was committed, or went back to a savepoint before it, is not in the log.
    Undecided,
    /// The log begins or ends inside its transaction.
    Cut,
    /// Its table keeps old versions of rows: what was done to rows is not what the log's rows say.
    Versions,
    /// It was chosen to overwrite a row, and the table has no key to find it by.
    NoKey,
    /// What a server computes for a column depends on its settings, and without a key nobody can look what it made.
    Computed(Foreign),
    /// The change was logged as a statement: its rows are not in the log.
    Statement(Foreign),
    /// Its table has dates or times in an old form, and the log does not tell the size of its rows.
    OldTimes,
    /// A definition changed, or all rows of a table went.
    Wall(Foreign),
    /// The same, in front of everything that is undone; with the place behind it.
    Early(Foreign, BinlogPos),
    /// A statement that may have changed rows or definitions is not understood.
    Unread(Foreign),
    /// The server that wrote the log lost changes.
    Incident,
    /// Whether its row is asked for cannot be told.
    Untold(Untold),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("the names of its columns are not known"),
            Self::Name => f.write_str("a name in it is not UTF-8"),
            Self::Generated => f.write_str("it is not known which columns are generated: give its definition"),
            Self::Definition(unknown) => write!(f, "{unknown}"),
            Self::Missing(column) => write!(f, "the log does not have the column {column}"),
            Self::Inexact(column, why) => write!(f, "column {column}: {why}"),
            Self::Engine(engine) => write!(f, "tables of the engine {engine} keep changes after ROLLBACK"),
            Self::Undecided => f.write_str(
                "whether it stayed is not known: the end of its transaction is not in the log, or the name of a \
                 savepoint that it went back to is one that only its server can compare",
            ),
            Self::Cut => f.write_str("the log begins or ends inside its transaction"),
            Self::Versions => f.write_str("its table keeps old versions of its rows (SYSTEM VERSIONING)"),
            Self::NoKey => f.write_str("its table has no key by which a row could be found to overwrite it"),
            Self::Computed(column) => write!(
                f,
                "what a server computes for {column} depends on the settings of a session, and the table has no key by \
                 which to look what it made of it"
            ),
            Self::Statement(text) => write!(f, "it was logged as a statement, without rows: {text}"),
            Self::OldTimes => f.write_str(
                "its table has dates or times with fractions in MariaDB's old form: the log does not tell their size",
            ),
            Self::Wall(text) => write!(f, "a definition changed: {text}"),
            Self::Early(text, behind) => write!(
                f,
                "a definition changed in front of everything that would be undone (--from-position with byte {behind} \
                 of this file begins behind it): {text}"
            ),
            Self::Unread(text) => write!(f, "a statement that may have changed anything is not understood: {text}"),
            Self::Incident => f.write_str("the server that wrote the log lost changes here"),
            Self::Untold(why) => write!(f, "whether the filter means it cannot be told: {why}"),
        }
    }
}

/// A change that cannot be undone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which; a statement's or wall's is the place of its event.
    pub key: ChangeKey,
    /// Of which table; `None` for a statement or a wall.
    pub table: Option<TableName>,
    /// Why.
    pub reason: Reason,
}

/// Changes that cannot be undone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusals {
    /// The first [`Refusals::KEPT`] of them.
    pub first: Vec<Refusal>,
    /// How many there are.
    pub total: u64,
    /// All of them, by table and kind of reason; the first [`Refusals::SUMS`] of these.
    pub sums: Vec<Alike>,
}

/// Changes that cannot be undone for one kind of reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The first of them.
    pub first: Refusal,
    /// How many there are.
    pub count: u64,
}

impl Refusals {
    /// How many are kept.
    pub const KEPT: usize = 1000;
    /// How many kinds are told apart.
    pub const SUMS: usize = 200;

    /// One more.
    pub fn push(&mut self, refusal: Refusal) {
        self.total += 1;
        self.sum(&refusal, 1);
        if self.first.len() < Self::KEPT {
            self.first.push(refusal);
        }
    }

    /// Some more.
    pub fn extend(&mut self, others: Self) {
        self.total += others.total;
        others.sums.iter().for_each(|alike| self.sum(&alike.first, alike.count));
        let room = Self::KEPT.saturating_sub(self.first.len());
        self.first.extend(others.first.into_iter().take(room));
    }

    /// All in the order of their places.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.first.sort_by(|one, other| one.key.cmp(&other.key));
        self.sums.sort_by(|one, other| one.first.key.cmp(&other.first.key));
        self
    }

    fn sum(&mut self, refusal: &Refusal, count: u64) {
        let kind = |refusal: &Refusal| std::mem::discriminant(&refusal.reason);
        let is_alike = |alike: &&mut Alike| alike.first.table == refusal.table && kind(&alike.first) == kind(refusal);
        let is_full = self.sums.len() >= Self::SUMS;
        match self.sums.iter_mut().rev().find(is_alike) {
            Some(alike) => {
                alike.count += count;
                if refusal.key < alike.first.key {
                    alike.first = refusal.clone();
                }
            }
            None if !is_full => self.sums.push(Alike { first: refusal.clone(), count }),
            None => {}
        }
    }
}

/// What a reviewer must know of a script that is exact as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// A table without a key: rows that are equal cannot be told apart, so one of them is taken.
    NoKey(Foreign),
    /// Nothing told the table's engine.
    EngineUnknown(Foreign),
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(table) => write!(f, "{table} has no key: of equal rows, any one is taken"),
            Self::EngineUnknown(table) => write!(f, "the engine of {table} is not known; it must be transactional"),
        }
    }
}

#[cfg(test)]
mod tests;
