//! What undoes the rows of one window, one by one, for people to look at.

use crate::change::index::Index;
use crate::change::reverse::Reason;
use crate::change::undo::{Request, RowPlace, UndoError};
use crate::model::change::Change;
use crate::model::script::{Choice, Mode};

/// One change and what undoes it.
#[derive(Debug, Clone)]
pub struct Undoing {
    /// Its place in the logs.
    pub place: RowPlace,
    /// The number of its transaction, which counts all of the logs from 1; the same for all of a transaction.
    pub transaction: u64,
    /// The change, with both images.
    pub change: Change,
    /// The statement alone, without its count, in ASCII where its names are; `Ok(None)` for an update that changed
    /// nothing; the reason where nothing undoes it.
    pub sql: Result<Option<String>, Reason>,
    /// What was chosen.
    pub choice: Choice,
    /// What is asked of the row.
    pub mode: Mode,
}

/// What undoes the rows of one window, in the script's order; windows count from the script's beginning. Changes
/// that are excluded, and those that cannot be undone, are among them; only those that never happened are not.
///
/// # Errors
///
/// When the log is no longer what it was.
pub fn rows(_: &Index, _: &Request<'_>, _: usize) -> Result<Vec<Undoing>, UndoError> {
    Err(UndoError::Stopped)
}
