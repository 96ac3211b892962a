//! A script statement by statement, for people to look at.

use std::io::BufRead;

use sha2::{Digest, Sha256};

use crate::change::reread::grammar::See;
use crate::change::reread::lex::{Lexed, Token};
use crate::change::reread::shape::{Counted, Shape};
use crate::change::reread::{Front, RereadError};
use crate::model::change::ChangeKind;
use crate::sql::ident;

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
///
/// What was handed out stands only when the walk comes to the end without an error: the digest is compared last.
pub struct Statements<R> {
    input: R,
    shape: Shape,
    /// Of what is behind the header.
    hash: Sha256,
    header: Front,
    /// The digest that the header has of it; `None` while the header is being read.
    body: Option<Vec<u8>>,
    line: Vec<u8>,
    comment: Vec<u8>,
    found: Option<ScriptStatement>,
}

impl<R: BufRead> Statements<R> {
    /// Reads from the beginning of a script.
    pub fn new(input: R) -> Self {
        Self {
            input,
            shape: Shape::new(),
            hash: Sha256::new(),
            header: Front::default(),
            body: None,
            line: vec![],
            comment: vec![],
            found: None,
        }
    }

    /// The next statement; `None` at the end of a script that is whole.
    ///
    /// # Errors
    ///
    /// The first line that may not stand where it does, and at the end a digest that does not match.
    #[expect(clippy::should_implement_trait, reason = "an iterator that goes on behind an error would be misread")]
    pub fn next(&mut self) -> Result<Option<ScriptStatement>, RereadError> {
        loop {
            self.line.clear();
            let read = self.input.read_until(b'\n', &mut self.line);
            if read.map_err(|error| RereadError::Read(error.kind()))? == 0 {
                self.shape.finish()?;
                let digest: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
                return if self.body.as_deref() == Some(&digest) { Ok(None) } else { Err(RereadError::Digest) };
            }
            if self.body.is_none() && self.line.starts_with(b"-- ") {
                self.header.line(&mut self.line)?;
                continue;
            }
            if self.body.is_none() {
                self.body = Some(self.header.end()?);
                self.shape.taken = self.header.lines;
            }
            if let Some(statement) = self.take()? {
                return Ok(Some(statement));
            }
        }
    }

    /// Takes the current line in; a statement is whole when it was counted.
    fn take(&mut self) -> Result<Option<ScriptStatement>, RereadError> {
        self.hash.update(&self.line);
        let mut lexed = Lexed::default();
        let mut seen = Seen::default();
        lexed.lines(&self.line, &mut seen);
        let Some(token) = lexed.tokens.first() else {
            return Err(self.shape.broken(lexed.error.unwrap_or("it ends inside a line")));
        };
        let line = self.shape.taken + 1;
        let counted = self.shape.line(token, &lexed)?;
        match token {
            Token::Comment if self.found.is_none() && !self.line.starts_with(b"-- transaction ") => {}
            Token::Comment => self.comment = self.line[3..].trim_ascii_end().to_vec(),
            Token::Statement { table, kind, .. } => {
                let name = lexed.tables.get(*table).map_or("", |name| name);
                self.found = Some(seen.statement(name, *kind, line));
            }
            _ => {}
        }
        match counted {
            Counted::No => return Ok(None),
            Counted::Half => self.found = None,
            Counted::Whole { overwrites } => {
                let (transaction, comment) = (self.shape.transaction(), self.comment.clone());
                let found = self.found.take();
                return Ok(found.map(|found| ScriptStatement { overwrites, transaction, comment, ..found }));
            }
        }
        Ok(None)
    }
}

/// What is in one statement.
#[derive(Default)]
struct Seen {
    columns: Vec<Vec<u8>>,
    rows: Vec<Vec<Vec<u8>>>,
    conditions: Vec<Condition>,
    is_any: bool,
}

impl See for Seen {
    fn column(&mut self, name: &[u8]) {
        self.columns.push(ident::unquote(name));
    }

    fn row(&mut self) {
        self.rows.push(vec![]);
    }

    fn value(&mut self, literal: &[u8]) {
        self.rows.last_mut().into_iter().for_each(|row| row.push(literal.to_vec()));
    }

    fn condition(&mut self, column: &[u8], form: ConditionForm, literal: &[u8]) {
        self.conditions.push(Condition { column: ident::unquote(column), form, literal: literal.to_vec() });
    }

    fn any(&mut self) {
        self.is_any = true;
    }
}

impl Seen {
    fn statement(self, name: &str, kind: ChangeKind, line: u64) -> ScriptStatement {
        let (schema, table) = name.split_at(border(name.as_bytes()));
        let table = table.strip_prefix('.').unwrap_or(table);
        ScriptStatement {
            line,
            kind,
            schema: ident::unquote(schema.as_bytes()),
            table: ident::unquote(table.as_bytes()),
            columns: self.columns,
            rows: self.rows,
            conditions: self.conditions,
            is_any: self.is_any,
            overwrites: false,
            transaction: None,
            comment: vec![],
        }
    }
}

/// Where the first of two quoted names ends.
fn border(names: &[u8]) -> usize {
    let mut at = 1;
    while let Some(end) = names.get(at..).and_then(|rest| memchr::memchr(b'`', rest)) {
        at += end + 1;
        if names.get(at) != Some(&b'`') {
            return at;
        }
        at += 1;
    }
    names.len()
}
