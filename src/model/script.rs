//! Recovery scripts as people review them: what undoes each change, what stands there now, and what was chosen.

mod around;
mod now;
mod options;
mod review;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::model::change::{Change, ChangeKey, ChangeKind};
use crate::model::changes::{Coverage, Rows, TableRef, Wall};
use crate::model::foreign::Foreign;
use crate::model::plan::words;
pub use crate::model::script::around::{ColumnNowFacts, ForeignKey, Surroundings, TableNow, Trigger, acts, lets_go};
pub use crate::model::script::now::{CheckView, ColumnNow, Later, RowNow, RowState, StateCounts};
pub use crate::model::script::options::{Checks, Commits, Decision, Extent, Gaps, Lasting, ScriptOptions, Which};
pub use crate::model::script::review::{Origin, Review, ReviewHazard, ReviewedTable, StatementHazard};
use crate::model::units::Moment;
use crate::report::Report;

/// Whether a change is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// It is.
    #[default]
    Include,
    /// It is not: its row stays as it is.
    Exclude,
}

/// What a statement asks of the row before it touches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// That it is as the change left it; else nothing of the script applies.
    #[default]
    Strict,
    /// Only that it exists: what happened to its columns since is overwritten.
    Overwrite,
}

/// SHA-256 of a script's statements; as people compare it, eight words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptDigest(pub [u8; 32]);

impl ScriptDigest {
    /// 64 hexadecimal digits, as the script's header has them.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Eight words with hyphens between.
    pub fn words(&self) -> String {
        words(&self.0)
    }
}

impl fmt::Display for ScriptDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

/// How far a recovery is. Everything that it shows is a snapshot: ask again when the session has news.
#[derive(Debug, Clone)]
pub enum RecoveryPhase {
    /// The logs are read: bytes of all bytes.
    Reading {
        /// So many.
        done: u64,
        /// Of so many; 0: not known yet.
        total: u64,
    },
    /// Everything can be undone.
    Ready,
    /// Something in the range cannot be undone: [`RecoveryView::refused`] says what.
    Refused,
    /// It could not be read.
    Failed(Box<Report>),
}

/// A recovery script before it is a file.
#[derive(Debug, Clone)]
pub struct RecoveryView {
    /// What it undoes, in words: `5c0e..:99120, shop.orders`.
    pub title: String,
    /// The change source, as the operator named it.
    pub source: Arc<Foreign>,
    /// How far it is.
    pub phase: RecoveryPhase,
    /// What of the logs was read.
    pub coverage: Coverage,
    /// Changes that could be undone, one row each, whatever is chosen.
    pub changes: u64,
    /// Of how many transactions.
    pub transactions: u64,
    /// How many of the changes are in, out, and not looked at.
    pub counts: ChoiceCounts,
    /// What is known of the rows as they are now.
    pub states: StateCounts,
    /// By table, in the order of their names.
    pub tables: Vec<ScriptTable>,
    /// Why it cannot be undone; the first [`REASONS`](Self::REASONS) of `refusals`.
    pub refused: Vec<RefusedChange>,
    /// How many reasons there are.
    pub refusals: u64,
    /// What a reviewer must know.
    pub hazards: Vec<ScriptHazard>,
    /// Where definitions changed in the range.
    pub walls: Vec<ScriptWall>,
    /// Transactions of which only a part is undone; the first [`REASONS`](Self::REASONS) of them.
    pub partial: Vec<PartialTransaction>,
    /// How many there are of those.
    pub partials: u64,
    /// Of the script as it is chosen now; `None` while that is worked out.
    pub digest: Option<ScriptDigest>,
    /// The look at the rows as they are now.
    pub check: CheckView,
    /// Where the script was written to last.
    pub written: Option<PathBuf>,
}

impl RecoveryView {
    /// The most reasons, and the most partial transactions, that a view holds.
    pub const REASONS: usize = 1000;
}

/// Changes by what was chosen for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ChoiceCounts {
    /// Undone.
    pub included: u64,
    /// Left as they are.
    pub excluded: u64,
    /// Included, and nobody looked at their rows.
    pub unknown: u64,
    /// Included, whatever happened to their columns since.
    pub overwrite: u64,
}

/// One table of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptTable {
    /// Which.
    pub table: TableRef,
    /// Whether its changes are undone unless something else is said of one.
    pub choice: Choice,
    /// Changes by their kind: what was inserted is taken away, and so on.
    pub rows: Rows,
}

/// One change and what undoes it.
#[derive(Debug, Clone)]
pub struct ScriptStatement {
    /// Its place in the script, from 0; the newest change comes first.
    pub number: u64,
    /// Its transaction, by the number that it has in the logs.
    pub transaction: u64,
    /// The change, with both images.
    pub change: Arc<Change>,
    /// What happens to the row.
    pub kind: ChangeKind,
    /// Which row: its key's columns and values, or all of them. Safe to draw.
    pub row: String,
    /// What undoes it, in printable ASCII; the reason where nothing does.
    pub sql: Result<String, String>,
    /// Whether it is undone.
    pub choice: Choice,
    /// What is asked of the row.
    pub mode: Mode,
    /// What a person wrote beside it; empty: nothing. Safe to draw.
    pub note: String,
    /// The row as it is now.
    pub now: RowNow,
}

/// One transaction that is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptTransaction {
    /// Its number in the logs.
    pub number: u64,
    /// Its GTID or the place of its begin, in words.
    pub label: String,
    /// The log it lies in.
    pub file: Foreign,
    /// When it was committed.
    pub committed_at: Moment,
    /// The connection that ran it.
    pub thread: Option<u32>,
    /// The first of its statements on this page.
    pub first: u64,
    /// How many of them are on this page.
    pub statements: u64,
}

/// A run of statements, and the transactions that they belong to.
#[derive(Debug, Clone, Default)]
pub struct ScriptPage {
    /// In the script's order.
    pub statements: Vec<ScriptStatement>,
    /// In the script's order.
    pub transactions: Vec<ScriptTransaction>,
}

/// Changes that cannot be undone for one kind of reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSum {
    /// The first of them.
    pub first: RefusedChange,
    /// How many there are.
    pub count: u64,
}

/// Something that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedChange {
    /// Which change; of a statement or a definition, the place of its event.
    pub key: ChangeKey,
    /// The table, where there is one.
    pub table: Option<TableRef>,
    /// Why. Safe to draw, and without row values.
    pub reason: String,
}

impl RefusedChange {
    /// `FILE:POSITION`, with the row behind it where it is not the first.
    pub fn position(&self) -> String {
        let ChangeKey { file, position, row, .. } = &self.key;
        if *row == 0 { format!("{file}:{position}") } else { format!("{file}:{position} row {row}") }
    }
}

/// What a reviewer must know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ScriptHazard {
    /// Stable, such as `no_key`, `triggers`, `cascade`.
    pub code: &'static str,
    /// In words. Safe to draw.
    pub text: String,
    /// SQL for both choices, where there are two. Nothing of it is in the script.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
}

/// Statements that a person may want to run by hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Offer {
    /// What they are for.
    pub what: String,
    /// In printable ASCII, one statement each.
    pub sql: Vec<String>,
}

/// A statement in the range that changed a definition, or took all rows of a table: an undo stops there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptWall {
    /// The statement, what it destroyed, and the newest backup that still has it.
    #[serde(flatten)]
    pub wall: Wall,
    /// `FILE:POSITION`: changes up to there can be replayed on top of the backup.
    pub replay_to: String,
    /// Whether the logs reach back to before the backup was taken, so that nothing is missing in between.
    pub reaches: bool,
}

/// A transaction of which only a part is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartialTransaction {
    /// Its GTID or the place of its begin, in words.
    pub label: String,
    /// Changes of it that are undone.
    pub undone: u64,
    /// Changes of it that are not, by table.
    pub left: Vec<(TableRef, u64)>,
}
