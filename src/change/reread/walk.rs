//! A script statement by statement, for people to look at.

use std::io::BufRead;

use crate::change::reread::RereadError;
use crate::model::change::ChangeKind;

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The column's name, without quotes.
    pub column: Vec<u8>,
    /// How it is compared.
    pub form: ConditionForm,
    /// The literal as it stands there; `NULL` for IS NULL.
    pub literal: Vec<u8>,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionForm {
    /// With `<=>` or IS NULL.
    Same,
    /// With `=`: only to find the row by an index.
    Lookup,
    /// As a number.
    Number,
    /// By its bytes.
    Bytes,
    /// By its bytes in utf8mb4.
    Utf8Bytes,
    /// By the hexadecimal digits of its bytes.
    Hex,
}

/// One statement of a script that changes rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStatement {
    /// The line that it begins at, from 1.
    pub line: u64,
    /// What happens to the rows.
    pub kind: ChangeKind,
    /// The table's database, without quotes.
    pub schema: Vec<u8>,
    /// The table's name, without quotes.
    pub table: Vec<u8>,
    /// Columns that get a value, without quotes.
    pub columns: Vec<Vec<u8>>,
    /// The literals that they get: a list for each row; one list for an update.
    pub rows: Vec<Vec<Vec<u8>>>,
    /// What must hold of the row.
    pub conditions: Vec<Condition>,
    /// Whether one of several equal rows is taken (`LIMIT 1`).
    pub is_any: bool,
    /// Whether it overwrites what changed since.
    pub overwrites: bool,
    /// The number of its transaction in the script, where each has one of its own.
    pub transaction: Option<u64>,
    /// The comment in front of its transaction.
    pub comment: Vec<u8>,
}

/// Walks over the statements of a script, whose shape is checked on the way as it is by [`super::prove`].
pub struct Statements<R> {
    input: R,
}

impl<R: BufRead> Statements<R> {
    /// Reads from the beginning of a script.
    pub fn new(input: R) -> Self {
        Self { input }
    }

    /// The next statement; `None` at the end of a script that is whole.
    ///
    /// # Errors
    ///
    /// The first line that may not stand where it does.
    #[expect(clippy::should_implement_trait, reason = "an iterator that goes on behind an error would be misread")]
    pub fn next(&mut self) -> Result<Option<ScriptStatement>, RereadError> {
        let _ = &mut self.input;
        Err(RereadError::Line { line: 1, what: "not read yet" })
    }
}
