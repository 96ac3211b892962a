//! Pass two over logs: what undoes the rows of an index, as a script that is written while it is made.
//!
//! Windows of the index are read from the last to the first, several at a time, and each becomes a piece of text;
//! the pieces are written in their order, so that the script does not depend on how many threads there are.

mod around;
mod body;
mod head;
mod orphans;
mod pages;
mod pieces;
mod threads;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Seek, Write};

use miette::Diagnostic;
use thiserror::Error;

use crate::change::error::BinlogError;
use crate::change::index::{Index, Stopped, Watch};
use crate::change::reread::Doings;
use crate::change::reverse::{Hazard, Refusals};
use crate::change::script::Header;
pub use crate::change::undo::pages::{Undoing, rows};
pub(super) use crate::change::undo::threads::ordered;
use crate::model::change::BinlogPos;
use crate::model::foreign::Foreign;
use crate::model::script::{Checks, Choice, Commits, Gaps, Mode, Surroundings};
use crate::report::{Fault, Reportable};

/// Names a row of the logs that an index is of, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowPlace {
    /// Counts the files from 0.
    pub file: u32,
    /// Where the row's event begins; inside a compressed payload, where the payload's event begins.
    pub position: BinlogPos,
    /// Counts the rows of that event from 0.
    pub row: u32,
}

/// What people chose for rows.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// For all others, the mode.
    pub mode: Mode,
    /// Tables that are left as they are: database and name.
    pub excluded: BTreeSet<(Foreign, Foreign)>,
    /// For transactions, by their number; what is excluded as a table stays excluded.
    pub transactions: BTreeMap<u64, Chosen>,
    /// For single rows.
    pub rows: BTreeMap<RowPlace, Chosen>,
}

/// What people chose; `None`: what holds anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Whether it is in.
    pub choice: Option<Choice>,
    /// What is asked of the row.
    pub mode: Option<Mode>,
}

impl Choices {
    /// What is chosen for a row of a transaction, of a table that is left as it is or not.
    fn chosen(&self, place: RowPlace, transaction: u64, is_left_out: bool) -> (Choice, Mode) {
        let row = self.rows.get(&place).copied().unwrap_or_default();
        let (choice, mode) = self.usual(transaction, is_left_out);
        (row.choice.unwrap_or(choice), row.mode.unwrap_or(mode))
    }

    /// What holds for a row for which nothing was chosen itself.
    pub fn usual(&self, transaction: u64, is_left_out: bool) -> (Choice, Mode) {
        let of = self.transactions.get(&transaction).copied().unwrap_or_default();
        let choice = if is_left_out { Choice::Exclude } else { of.choice.unwrap_or(Choice::Include) };
        (choice, of.mode.unwrap_or(self.mode))
    }

    /// Whether nothing is left out for a table, a transaction or a row, nor asked of it otherwise.
    pub fn is_plain(&self) -> bool {
        self.excluded.is_empty() && self.transactions.is_empty() && self.rows.is_empty()
    }

    fn leaves_out(&self, table: (&Foreign, &Foreign)) -> bool {
        self.excluded.iter().any(|(schema, name)| (schema, name) == table)
    }
}

/// What a script does about the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Undoes them, the last one first.
    #[default]
    Undo,
    /// Does them again, after they were undone.
    Redo,
}

/// Of which tables a script is, by whether their engines roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Engines {
    /// Of those that roll back; others stand in the way.
    #[default]
    OnlyRollingBack,
    /// Of those that roll back; others are left out.
    RollingBack,
    /// Of the others: what was done before a mismatch stays.
    Lasting,
}

/// A foreign key whose children are counted when keys are not checked while a script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Database and name of the table that refers.
    pub child: (Foreign, Foreign),
    /// Its columns.
    pub columns: Vec<Foreign>,
    /// Database and name of the table that is referred to.
    pub parent: (Foreign, Foreign),
    /// Its columns.
    pub keys: Vec<Foreign>,
    /// Whether children go, or lose what they refer to, with a parent that is deleted while keys are checked.
    pub takes_along: bool,
    /// Whether they lose it with a parent that gets another key.
    pub lets_go: bool,
}

/// What a script is to be like.
#[derive(Clone, Default)]
pub struct Request<'r> {
    /// Undo or redo.
    pub direction: Direction,
    /// One transaction for all, or one for each.
    pub commits: Commits,
    /// Of which tables.
    pub engines: Engines,
    /// Whether foreign keys are checked while it runs.
    pub checks: Checks,
    /// Whether it may be written though a log could not be read to its end.
    pub gaps: Gaps,
    /// What people chose; `None`: everything, strictly.
    pub choices: Option<&'r Choices>,
    /// What its header says beside what follows from the changes.
    pub header: Header,
    /// Foreign keys between its tables, as far as they are known.
    pub references: &'r [Reference],
    /// The foreign keys and triggers that are known to stand around its tables: it asks the server that it runs on,
    /// and stops where there are more that would change other rows with it. `None`: it does not ask.
    pub around: Option<&'r Surroundings>,
    /// How many threads make it; 0 is as 1.
    pub threads: usize,
    /// Who watches.
    pub watch: Option<&'r dyn Watch>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// SHA-256 of the header, which has that of everything behind it: whoever compares it compares every byte.
    pub digest: [u8; 32],
    /// SHA-256 of everything behind the header.
    pub body: [u8; 32],
    /// By what the script is known to a run that goes on.
    pub name: String,
    /// Bytes in all.
    pub bytes: u64,
    /// Statements that change rows.
    pub statements: u64,
    /// Transactions that are undone.
    pub transactions: u64,
    /// Rows by table and kind: what reading it again must find.
    pub doings: Doings,
    /// Those of them that are written whatever happened to them since.
    pub overwriting: u64,
    /// What a reviewer must know.
    pub hazards: BTreeSet<Hazard>,
    /// What they must know of the script as a whole.
    pub of_all: Vec<&'static str>,
    /// Bytes of the longest statement.
    pub longest: u64,
    /// Rows of each window, in the order of the script: the last window comes first.
    pub windows: Vec<u64>,
}

/// Why no script was made. What was written so far must be thrown away.
#[derive(Debug, Error, Diagnostic)]
pub enum UndoError {
    /// Changes that cannot be undone; all of them were looked at.
    #[error("{} changes cannot be undone", .0.total)]
    #[diagnostic(
        code(undo::refused),
        help(
            "nothing was written; each reason is listed: leave those changes out by a filter, or give what is missing"
        )
    )]
    Refused(Refusals),
    /// A log could not be read.
    #[error("the log {file} could not be read")]
    #[diagnostic(code(undo::log), help("see the cause below; changes behind it would be missing"))]
    Log {
        /// Its name.
        file: Foreign,
        /// The cause.
        source: BinlogError,
    },
    /// The script could not be written.
    #[error("the script could not be written")]
    #[diagnostic(code(undo::write), help("see the cause below; nothing was kept"))]
    Write(#[source] io::Error),
    /// It was stopped.
    #[error("stopped")]
    #[diagnostic(code(undo::stopped), help("nothing was kept"))]
    Stopped,
}

impl From<Stopped> for UndoError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Reportable for UndoError {
    fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) => Fault::Refused,
            Self::Log { source, .. } => source.fault(),
            Self::Write(_) => Fault::Failed,
            Self::Stopped => Fault::Interrupted,
        }
    }
}

/// Writes the script: its header's room first, its statements, and then the header.
///
/// # Errors
///
/// All or nothing: see [`UndoError`]; `out` may then hold a part.
pub fn write<W: Write + Seek>(index: &Index, request: &Request<'_>, out: &mut W) -> Result<Written, UndoError> {
    body::write(index, request, out)
}

/// The digest of a script whose statements are those of an earlier try, and whose header says what `request` says;
/// `None` if that does not fit. What decides its statements must be as it was then.
pub fn digest(index: &Index, request: &Request<'_>, tried: &Written) -> Option<[u8; 32]> {
    body::digest(index, request, tried)
}

/// Writes the script to where nothing can be gone back to: it is made twice, the first time for its header.
///
/// # Errors
///
/// As [`write()`].
pub fn stream(index: &Index, request: &Request<'_>, out: &mut dyn Write) -> Result<Written, UndoError> {
    body::stream(index, request, out)
}
