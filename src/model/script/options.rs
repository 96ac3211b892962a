//! How a script is written.

use serde::Serialize;

use crate::model::foreign::Foreign;
use crate::model::script::{Choice, Mode};

/// How a script is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptOptions {
    /// Whether transactions are undone as wholes, or only what the filter lets through.
    pub extent: Extent,
    /// What is asked of rows for which nothing else was chosen.
    pub mode: Mode,
    /// One transaction for all, or one for each of those that are undone.
    pub commits: Commits,
    /// Tables that are left as they are, as `schema.table` or `table`.
    pub exclude: Vec<Foreign>,
    /// Whether a script may be written although something of the range is missing.
    pub gaps: Gaps,
    /// What becomes of tables that do not roll back.
    pub lasting: Lasting,
    /// Whether foreign keys are checked while it runs.
    pub keys: Checks,
}

/// How much of a transaction is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All of every transaction of which the filter lets anything through.
    #[default]
    Whole,
    /// Only what the filter lets through.
    Partial,
}

/// How often a script commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Commits {
    /// Once, at its end: all or nothing.
    #[default]
    Once,
    /// Behind each of the transactions that are undone, with marks to resume at.
    PerTransaction,
}

/// Whether a script may be written although something of the range is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// No.
    #[default]
    Refuse,
    /// Yes; it says so in its header.
    Allow,
}

/// What becomes of changes to tables that keep them after ROLLBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasting {
    /// Nothing is written at all.
    #[default]
    Refuse,
    /// They go into a script of their own, which says so.
    Apart,
}

/// Whether foreign keys are checked while a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checks {
    /// As the changes need it: not where the log has rows of cascades.
    #[default]
    AsLogged,
    /// They are.
    On,
    /// They are not.
    Off,
}

/// Which statements a choice is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One, by its place in the script.
    Statement(u64),
    /// All of one transaction, by its place in the script.
    Transaction(u64),
    /// All of a table.
    Table {
        /// Its database.
        schema: Foreign,
        /// Its name.
        name: Foreign,
    },
}

/// What a person chose for one statement, or for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Undo it, or do not.
    Choose(Choice),
    /// What is asked of the row.
    Mode(Mode),
    /// Words beside it.
    Note(String),
}
