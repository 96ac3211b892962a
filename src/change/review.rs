//! Reads a finished script that somebody wrote, with the lexer that follows a server's reading: what it does to
//! which tables, and what is wrong with it. Memory is bounded whatever the size of the file.

mod events;
mod hazards;
mod literal;
mod statement;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

pub use crate::change::review::hazards::looks_like_base64;
pub use crate::change::review::literal::Literal;
pub use crate::change::review::statement::{How, Named, Pair, RowStatement, Traits};

use crate::change::review::events::Events;
use crate::change::review::hazards::Other;
use crate::change::script::{CLOSING, OPENING};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;
use crate::model::script::{Origin, StatementHazard as Hazard};
use crate::sql::lexer::{Dialect, LexError, Limits, PieceKind, Splitter, StatementEnd, StatementSink};
use crate::sql::token::{Runs, Token, TokenKind, Tokens};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// Bytes of a statement that are looked at.
const STATEMENT: usize = 4 << 20;
/// How often reading goes on behind a statement that cannot be followed.
const RESUMES: u32 = 10_000;
/// The most tables that are told apart.
const TABLES: usize = 10_000;

/// Rows by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rows {
    /// Rows inserted.
    pub insert: u64,
    /// Statements that update, or rows of events that do.
    pub update: u64,
    /// Statements that delete, or rows of events that do.
    pub delete: u64,
}

/// What a script is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Who wrote it, by its looks alone: [`Origin::Breakglass`] is not proved here.
    pub origin: Origin,
    /// Bytes.
    pub bytes: u64,
    /// Statements of all kinds.
    pub statements: u64,
    /// By table.
    pub tables: BTreeMap<Named, Rows>,
    /// What is wrong: how often, and the first line of it, from 1.
    pub hazards: BTreeMap<Hazard, (u64, u64)>,
    /// Why it was not read to its end.
    pub ended: Option<LexError>,
}

/// Reads a script; `each` is given every statement that changes rows, with the line on which it begins.
///
/// # Errors
///
/// What the file says. A script that cannot be understood is no error: [`Reading::ended`] says why.
pub fn read(file: &mut (impl Read + Seek), each: &mut dyn FnMut(&RowStatement, u64)) -> io::Result<Reading> {
    let mut reader = Reader::new(each);
    reader.reading.bytes = file.seek(SeekFrom::End(0))?;
    let mut from = 0;
    for _ in 0..RESUMES {
        file.seek(SeekFrom::Start(from))?;
        match reader.pass(file, from)? {
            Some(next) => from = next,
            None => return Ok(reader.finish()),
        }
    }
    reader.hazard(Hazard::Unread);
    Ok(reader.finish())
}

/// Reads one statement that changes rows, as breakglass writes it; `None` for anything else.
pub fn of_statement(text: &[u8]) -> Option<RowStatement> {
    let dialect = Dialect::default();
    statement::read(&Tokens::code(text.strip_suffix(b";").unwrap_or(text), dialect), dialect, None)
}

struct Reader<'e> {
    each: &'e mut dyn FnMut(&RowStatement, u64),
    reading: Reading,
    events: Events,
    /// Where the pass began in the file.
    from: u64,
    /// Bytes put in front of the pass, which are not the file's, and how many of them are still to come.
    front: u64,
    ahead: usize,
    delimiter: Vec<u8>,
    dialect: Dialect,
    schema: Option<Foreign>,
    /// The line on which the current piece begins, and the lines in it.
    line: u64,
    lines: u64,
    /// What stands raw in the current piece.
    odd: bool,
    /// Where the last piece ended, and the text of the last statement.
    end: u64,
    last: Vec<u8>,
    shape: Shape,
}

/// What is known of a script as a whole.
#[derive(Debug, Default)]
struct Shape {
    /// Settings, and how often each was set.
    settings: BTreeMap<Vec<u8>, u64>,
    in_transaction: bool,
    counts_rows: bool,
    guarded: u64,
    changes: u64,
    commits: u64,
    outside: u64,
}

impl<'e> Reader<'e> {
    fn new(each: &'e mut dyn FnMut(&RowStatement, u64)) -> Self {
        let reading = Reading {
            origin: Origin::Unknown,
            bytes: 0,
            statements: 0,
            tables: BTreeMap::new(),
            hazards: BTreeMap::new(),
            ended: None,
        };
        Self {
            each,
            reading,
            events: Events::default(),
            from: 0,
            front: 0,
            ahead: 0,
            delimiter: b";".to_vec(),
            dialect: Dialect::default(),
            schema: None,
            line: 1,
            lines: 0,
            odd: false,
            end: 0,
            last: vec![],
            shape: Shape::default(),
        }
    }

    /// Reads on from a place between two statements; where to go on after something that stopped it.
    fn pass(&mut self, file: &mut impl Read, from: u64) -> io::Result<Option<u64>> {
        let limits = Limits { head: 1 << 20, text: STATEMENT, dialect: self.dialect };
        let mut splitter = Splitter::new(limits);
        let mut front = vec![];
        if self.delimiter != b";" {
            front = [b"DELIMITER ", &self.delimiter[..], b"\n"].concat();
        }
        (self.from, self.front, self.ahead) = (from, front.len() as u64, front.len());
        (self.lines, self.odd) = (0, false);
        let mut stopped = splitter.feed(&front, self).err();
        let mut piece = vec![0; PIECE];
        while stopped.is_none() {
            let read = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                // A client sends what stands at the end without a delimiter too.
                let close = [b"\n", &self.delimiter[..]].concat();
                stopped = splitter.feed(&close, self).and_then(|()| splitter.finish(self)).map_or_else(Some, |tail| {
                    if tail != crate::sql::lexer::Tail::Clean {
                        self.hazard(Hazard::Unread);
                    }
                    None
                });
                break;
            }
            stopped = splitter.feed(&piece[..read], self).err();
        }
        Ok(stopped.and_then(|error| self.resume(error)))
    }

    /// Where to go on behind what the lexer could not follow; `None`: nowhere, and that is said.
    fn resume(&mut self, error: LexError) -> Option<u64> {
        let last = std::mem::take(&mut self.last);
        if let LexError::CannotFollow { .. } = error {
            // The statement has ended: what stands behind it is read as it was before.
            let ours = self.reading.origin == Origin::Breakglass && is_ours(&last);
            let known = ours || is_of_mysqlbinlog(&last);
            if !known {
                self.hazard(Hazard::UnknownSetting);
            }
            return Some(self.end);
        }
        self.hazard(if matches!(error, LexError::ClientCommand(_)) { Hazard::ClientCommand } else { Hazard::Unread });
        self.reading.ended = Some(error);
        None
    }

    fn hazard(&mut self, hazard: Hazard) {
        self.reading.hazards.entry(hazard).or_insert((0, self.line)).0 += 1;
    }

    fn finish(mut self) -> Reading {
        let Shape { settings, counts_rows, guarded, changes, commits, outside, .. } = &self.shape;
        let (guarded, changes, commits, outside) = (*guarded, *changes, *commits, *outside);
        let has = |name: &[u8]| settings.contains_key(name);
        let pinned = has(b"sql_mode") && has(b"time_zone") && (has(b"names") || has(b"character_set_client"));
        let kept: [&[u8]; 5] =
            [b"sql_mode", b"time_zone", b"foreign_key_checks", b"unique_checks", b"sql_safe_updates"];
        let leaks = settings.iter().any(|(name, times)| *times == 1 && kept.contains(&name.as_slice()));
        let counted = *counts_rows;
        if changes > 0 {
            self.line = 1; // of the script as a whole
            let is_ours = guarded == changes && counted;
            for (hazard, is) in [
                (Hazard::Autocommit, outside > 0),
                (Hazard::UnguardedCommit, commits > 0 && !is_ours),
                (Hazard::NoRowCheck, !counted),
                (Hazard::SettingsMissing, !pinned),
                (Hazard::SettingsLeak, leaks),
            ] {
                if is {
                    self.hazard(hazard);
                }
            }
        }
        self.reading
    }

    fn comment(&mut self, text: &[u8]) {
        let has = |what: &[u8]| memchr::memmem::find(text, what).is_some();
        if self.odd {
            self.hazard(Hazard::CommentTrick);
        }
        if has(b"-- ERROR") {
            self.hazard(Hazard::ErrorComment);
        }
        let maker = match () {
            () if has(b"-- breakglass undo script") || has(b"-- breakglass redo script") => Origin::Breakglass,
            () if has(b"] reverse ") || has(b"bintrail") || has(b"dbtrail") => Origin::Bintrail,
            () if has(b"# datetime=") && has(b"startpos=") => Origin::My2sql,
            () if has(b"#start ") && has(b" end ") => Origin::Binlog2sql,
            () if has(b"end_log_pos ") => Origin::Binlog,
            () => return,
        };
        if self.reading.origin == Origin::Unknown {
            self.reading.origin = maker;
        }
    }

    fn statement(&mut self, end: &StatementEnd<'_>) {
        self.reading.statements += 1;
        let all: Vec<Token<'_>> = Tokens::new(end.head, end.dialect).collect();
        let hides = |token: &Token<'_>| matches!(token.kind, TokenKind::Conditional(condition) if condition.runs == Runs::Somewhere);
        if all.iter().any(hides) {
            self.hazard(Hazard::HiddenCode);
        }
        let marks = |token: &Token<'_>| matches!(token.kind, TokenKind::Conditional(_) | TokenKind::Close);
        let tokens: Vec<Token<'_>> = all.into_iter().filter(|token| !marks(token)).collect();
        if self.odd {
            self.hazard(Hazard::CommentTrick);
        }
        if memchr::memmem::find(end.head, b"ROW_COUNT()").is_some() {
            self.shape.counts_rows = true;
        }
        let first = tokens.first();
        if first.is_some_and(|first| first.is_any(&["INSERT", "REPLACE", "UPDATE", "DELETE"])) {
            return self.rows(&tokens, end);
        }
        if !end.is_whole() {
            self.hazard(Hazard::TooLong);
        }
        if first.is_some_and(|first| first.is("BINLOG")) {
            return self.binlog(&tokens);
        }
        self.other(&tokens, end);
    }

    fn rows(&mut self, tokens: &[Token<'_>], end: &StatementEnd<'_>) {
        let Some(mut statement) = statement::read(tokens, end.dialect, self.schema.as_ref()) else {
            return self.hazard(Hazard::NotARowChange);
        };
        if !end.is_whole() {
            self.hazard(Hazard::TooLong);
        }
        // The lexer counts the rows of an INSERT that is too long to be kept.
        if let Some(insert) = end.insert.filter(|insert| insert.rows > statement.rows) {
            statement.rows = insert.rows;
        }
        let settings = &self.shape.settings;
        let pinned = settings.contains_key(&b"sql_mode"[..]) && settings.contains_key(&b"names"[..]);
        for hazard in hazards::of_rows(&statement, pinned) {
            self.hazard(hazard);
        }
        let begun = self.shape.in_transaction;
        self.shape.outside += u64::from(!begun);
        self.shape.changes += 1;
        self.shape.guarded += u64::from(statement.traits.is_guarded);
        self.count(statement.table.clone(), statement.kind, statement.rows);
        (self.each)(&statement, self.line);
    }

    fn count(&mut self, table: Named, kind: ChangeKind, rows: u64) {
        if self.reading.tables.len() >= TABLES && !self.reading.tables.contains_key(&table) {
            return self.hazard(Hazard::TooLong);
        }
        let counts = self.reading.tables.entry(table).or_default();
        match kind {
            ChangeKind::Insert => counts.insert += rows,
            ChangeKind::Update => counts.update += rows,
            ChangeKind::Delete => counts.delete += rows,
        }
    }

    fn binlog(&mut self, tokens: &[Token<'_>]) {
        self.reading.origin = Origin::Binlog;
        let text = tokens.get(1).filter(|token| token.kind == TokenKind::Text && token.text.len() > 2);
        let inner = text.map(|token| &token.text[1..token.text.len() - 1]);
        match inner.and_then(|inner| self.events.read(inner)) {
            Some(rows) => {
                for event in rows {
                    self.hazard(Hazard::BinlogEvent);
                    self.count(event.table, event.kind, event.rows);
                }
            }
            None => self.hazard(Hazard::Unread),
        }
    }

    fn other(&mut self, tokens: &[Token<'_>], end: &StatementEnd<'_>) {
        match hazards::of_other(tokens) {
            Other::Set(names) => {
                let off = |set: &[Token<'_>]| set[0].is("autocommit") && set[1].is_sign(b'=') && set[2].text == b"0";
                self.shape.in_transaction |= tokens.windows(3).any(off);
                for name in names {
                    *self.shape.settings.entry(name).or_default() += 1;
                }
            }
            Other::Begin => {
                self.hazard(Hazard::Transaction);
                self.shape.in_transaction = true;
            }
            Other::Commit => {
                self.shape.commits += 1;
                self.shape.in_transaction = self.shape.settings.contains_key(&b"autocommit"[..]);
            }
            Other::Rollback | Other::Asks => {}
            Other::Use(name) => self.schema = Some(Foreign::new(name)),
            // The frame of our own scripts decides by a prepared statement; that all of one is ours is proved elsewhere.
            Other::Wrong(_) if is_ours(end.head) && self.reading.origin == Origin::Breakglass => {}
            Other::Wrong(hazard) => self.hazard(hazard),
        }
    }
}

/// Whether a statement is one of the fixed lines of our own scripts.
fn is_ours(text: &[u8]) -> bool {
    OPENING.iter().chain(CLOSING).any(|line| line.as_bytes().strip_suffix(b";") == Some(text))
}

/// `SET @@session.character_set_client=255,...`: the character set by its number.
fn is_of_mysqlbinlog(text: &[u8]) -> bool {
    text.starts_with(b"SET @@session.character_set_client=") && !text.contains(&b'(')
}

impl StatementSink for Reader<'_> {
    fn part(&mut self, bytes: &[u8]) {
        let foreign = bytes.len().min(self.ahead);
        self.ahead -= foreign;
        let bytes = &bytes[foreign..];
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        // Other ends of lines and controls: some readers see a line end where others see none.
        let odd = |at: usize| bytes[at] != b'\r' || bytes.get(at + 1).is_some_and(|next| *next != b'\n');
        self.odd |=
            bytes.iter().enumerate().any(|(at, byte)| *byte < b' ' && !matches!(byte, b'\n' | b'\t') && odd(at));
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        self.end = self.from + end.end.saturating_sub(self.front);
        self.last.clear();
        if matches!(end.head.first(), Some(b'S' | b's' | b'/')) {
            self.last.extend_from_slice(end.head);
        }
        match end.kind {
            PieceKind::Statement => self.statement(end),
            PieceKind::Trivia => self.comment(end.head),
            PieceKind::Delimiter => {
                if let Some(delimiter) = end.head.get(10..).map(<[u8]>::trim_ascii).filter(|text| !text.is_empty()) {
                    self.delimiter = delimiter.to_vec();
                }
            }
            PieceKind::Sandbox => self.hazard(Hazard::ClientCommand),
        }
        self.dialect = end.dialect;
        self.line += std::mem::take(&mut self.lines);
        self.odd = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
