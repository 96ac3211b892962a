//! What `mysql-backup`'s own dumper is known to spoil in a dump, found in passing.
//!
//! It prints some values in ways that no server reads back, drops parts of others, and changes triggers. A
//! dump that suffers from it is whole all the same: these are findings, each with what can be done about it.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::model::dump::{Defect, Remedy};
use crate::model::foreign::Foreign;
use crate::sql::ident;
use crate::sql::lexer::{
    Charset, Dialect, InsertFacts, LexError, Limits, PieceKind, Place, Splitter, StatementEnd, StatementSink, Tail,
    Values,
};
use crate::sql::token::{Token, TokenKind, Tokens};

/// Bytes by which an INSERT that never ends is known.
const HEAD: usize = 256;

/// Tables of which defects are remembered.
const TABLES: usize = 20_000;
/// Their columns that suffer.
const COLUMNS: usize = 100_000;

/// Looks for the defects; feed it as the sink of a splitter.
#[derive(Debug, Default)]
pub struct Defects {
    /// Whether the dump is that tool's: its head says so, or it stands in its archive.
    ours: bool,
    tables: BTreeMap<Foreign, Table>,
    /// Columns of all of them.
    columns: usize,
    /// The piece that is being read.
    piece: Piece,
    /// The last INSERT ended with a comma: rows stand behind its end.
    open_insert: bool,
    charset: Option<String>,
    beyond_ascii: bool,
    loose_rows: Seen,
    renamed_set: Seen,
    before: Seen,
}

/// How often something was seen, and where first.
#[derive(Debug, Default)]
struct Seen {
    times: u64,
    first: Option<Place>,
}

impl Seen {
    fn at(&mut self, place: Place) {
        self.times += 1;
        self.first.get_or_insert(place);
    }
}

#[derive(Debug, Default)]
struct Piece {
    raw_value: bool,
    /// Its first bytes, for a piece that never ends.
    head: Vec<u8>,
    tail: Vec<u8>,
    is_ascii: bool,
}

/// Columns of a table that suffer, by how.
#[derive(Debug, Default)]
struct Table {
    raw: Vec<Foreign>,
    fractions: Vec<Foreign>,
    floats: Vec<Foreign>,
    timestamps: Vec<Foreign>,
    blobs: Vec<Foreign>,
    big: Vec<Foreign>,
    counter: Option<u64>,
    rows: u64,
    raw_values: bool,
}

/// A column as CREATE TABLE says it.
struct Column {
    name: Foreign,
    kind: String,
    digits: Option<u64>,
    unsigned: bool,
    nullable: bool,
}

impl Defects {
    /// `in_archive`: the dump stands in an archive that only this tool writes.
    pub fn new(in_archive: bool) -> Self {
        Self { ours: in_archive, ..Self::default() }
    }

    /// Bytes of the piece that is open.
    pub fn part(&mut self, bytes: &[u8]) {
        if !self.ours {
            return;
        }
        let piece = &mut self.piece;
        let across = piece.tail.last() == Some(&b'\'') && bytes.first() == Some(&b'&');
        piece.raw_value |= across || memmem::find(bytes, b"'&").is_some();
        piece.is_ascii &= self.beyond_ascii || bytes.is_ascii();
        let room = HEAD.saturating_sub(piece.head.len()).min(bytes.len());
        piece.head.extend_from_slice(&bytes[..room]);
        piece.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(16)..]);
        let spare = piece.tail.len().saturating_sub(16);
        piece.tail.drain(..spare);
    }

    /// The piece ended. `true`: these are rows that belong to the INSERT before, and no statement.
    pub fn end(&mut self, end: &StatementEnd<'_>) -> bool {
        let piece = std::mem::replace(&mut self.piece, Piece { is_ascii: true, ..Piece::default() });
        match end.kind {
            PieceKind::Trivia => {
                self.ours |= memmem::find(end.head, b"-- Go SQL Dump").is_some();
                false
            }
            PieceKind::Statement if self.ours => self.statement(end, &piece),
            _ => false,
        }
    }

    fn statement(&mut self, end: &StatementEnd<'_>, piece: &Piece) -> bool {
        let text = piece.tail.len() - end.delimiter.min(piece.tail.len());
        let ends_open = piece.tail[..text].trim_ascii_end().last() == Some(&b',');
        let loose = self.open_insert && end.head.trim_ascii_start().starts_with(b"(") && is_rows(end);
        self.open_insert = ends_open && (loose || end.insert.is_some());
        self.beyond_ascii |= !piece.is_ascii && (loose || end.insert.is_some());
        if loose {
            self.loose_rows.at(end.place());
            return true;
        }
        if let Some(insert) = end.insert {
            if let Some(table) = insert_table(end).and_then(|name| self.tables.get_mut(&name)) {
                table.rows += insert.rows;
                table.raw_values |= piece.raw_value;
            }
            return false;
        }
        let tokens = Tokens::code(end.head, end.dialect);
        match tokens.first() {
            Some(first) if first.is("CREATE") => self.create(&tokens, end),
            Some(first) if first.is("SET") && tokens.get(1).is_some_and(|token| token.is("NAMES")) => {
                if let Some(charset) = tokens.get(2).filter(|_| self.charset.is_none()) {
                    let charset = String::from_utf8_lossy(charset.text).to_ascii_lowercase();
                    self.charset = Some(charset.trim_matches('\'').to_owned());
                    self.renamed_set.at(end.place());
                }
            }
            _ => {}
        }
        false
    }

    fn create(&mut self, tokens: &[Token<'_>], end: &StatementEnd<'_>) {
        let at = |word: &str| tokens.iter().take(16).position(|token| token.is(word));
        if at("TRIGGER").is_some() {
            if is_after(tokens) && sets_new(tokens) {
                self.before.at(end.place());
            }
        } else if let Some(table) =
            at("TABLE").and_then(|at| tokens[at + 1..].iter().find(|token| token.kind == TokenKind::Quoted))
            && self.tables.len() < TABLES
            && self.columns < COLUMNS
        {
            let suffers = Table::of(tokens);
            self.columns += suffers.columns();
            self.tables.insert(Foreign::new(ident::unquote(table.text)), suffers);
        }
    }

    /// What was found in a dump that cannot be read on: the INSERT that is open counts as well.
    pub fn broken(mut self) -> Vec<Defect> {
        let table = table_of(Tokens::new(&self.piece.head, Dialect::default()));
        if let Some(table) = table.and_then(|name| self.tables.get_mut(&name)) {
            table.rows += 1;
            table.raw_values |= self.piece.raw_value;
        }
        self.finish()
    }

    /// What was found, worst first.
    pub fn finish(self) -> Vec<Defect> {
        let mut found = vec![];
        let columns = |pick: fn(&Table) -> &[Foreign], when: fn(&Table) -> bool| {
            let named = self.tables.iter().filter(|(_, table)| table.rows > 0 && when(table));
            let pairs =
                named.flat_map(move |(name, table)| pick(table).iter().map(move |column| format!("{name}.{column}")));
            pairs.collect::<Vec<String>>()
        };
        let mut tell = |code: &str, columns: Vec<String>, words: &str| {
            if !columns.is_empty() {
                found.push(Defect {
                    code: code.to_owned(),
                    text: format!("{words}: {}", listed(&columns)),
                    remedy: None,
                });
            }
        };
        tell(
            "raw_values",
            columns(|table| &table.raw, |table| table.raw_values),
            "written as '& and raw bytes, which no server reads back as they were; take these tables from another backup",
        );
        tell(
            "maybe_cut",
            columns(|table| &table.big, |_| true),
            "a value beyond 2^63-1 in these nullable BIGINT UNSIGNED columns ends a table without an error: \
             compare the row counts with the source",
        );
        tell(
            "shifted_timestamps",
            columns(|table| &table.timestamps, |_| true),
            "TIMESTAMPs were read in the time zone of the source server, and the dump says UTC: they come back \
             shifted unless that server ran in UTC",
        );
        tell("lost_fractions", columns(|table| &table.fractions, |_| true), "fractions of seconds were never written");
        tell("float_digits", columns(|table| &table.floats, |_| true), "only six decimals were written");
        tell("empty_blobs", columns(|table| &table.blobs, |_| true), "empty values were written as NULL");
        found.extend(self.counters());
        found.extend(self.remedied());
        found
    }

    /// A counter far beyond the rows that are there: rows may be missing, or were deleted.
    fn counters(&self) -> Option<Defect> {
        let far = |table: &&Table| {
            table.counter.is_some_and(|counter| counter > 2 * (table.rows + 1)) && !table.big.is_empty()
        };
        let of = self.tables.iter().filter(|(_, table)| far(table));
        let named: Vec<String> = of
            .map(|(name, table)| format!("{name} ({} rows, next number {})", table.rows, table.counter.unwrap_or(0)))
            .collect();
        let text = format!("far fewer rows than the table ever counted, deleted or cut off: {}", listed(&named));
        (!named.is_empty()).then(|| Defect { code: "few_rows".to_owned(), text, remedy: None })
    }

    /// What can be put right exactly, if somebody says so.
    fn remedied(&self) -> Vec<Defect> {
        let place = |seen: &Seen| seen.first.map(|place| format!("statement {}, byte {}", place.statement, place.byte));
        let times = |seen: &Seen| format!("{} times, first at {}", seen.times, place(seen).unwrap_or_default());
        let mut found = vec![];
        let mut offer =
            |code: &str, text: String, remedy| found.push(Defect { code: code.to_owned(), text, remedy: Some(remedy) });
        if let Some(charset) = self.charset.as_ref().filter(|charset| self.beyond_ascii && is_other(charset)) {
            let text = format!(
                "text is UTF-8, but the dump says SET NAMES {charset}: as it stands, letters beyond ASCII come back \
                 garbled. With `utf8mb4` that statement ({}) becomes SET NAMES utf8mb4",
                place(&self.renamed_set).unwrap_or_default()
            );
            offer("mojibake", text, Remedy::ForceUtf8);
        }
        if self.before.times > 0 {
            let text = format!(
                "triggers that change NEW are written as AFTER, which every server refuses ({}). With `before` \
                 exactly these become BEFORE, as they must have been",
                times(&self.before)
            );
            offer("trigger_timing", text, Remedy::TriggersBefore);
        }
        if self.loose_rows.times > 0 {
            let text = format!(
                "rows stand behind the end of their INSERT (`,;` and then a row: {}). With `repair` the stray comma \
                 goes and each gets the head of that INSERT",
                times(&self.loose_rows)
            );
            offer("loose_rows", text, Remedy::RepairRows);
        }
        found
    }
}

/// A character set under which UTF-8 is read byte for byte, and comes back garbled.
fn is_other(charset: &str) -> bool {
    !charset.starts_with("utf8") && Charset::named(charset.as_bytes()) == Some(Charset::Transparent)
}

impl Table {
    fn columns(&self) -> usize {
        [&self.raw, &self.fractions, &self.floats, &self.timestamps, &self.blobs, &self.big].map(Vec::len).iter().sum()
    }

    fn of(tokens: &[Token<'_>]) -> Self {
        let mut table = Self { counter: counter(tokens), ..Self::default() };
        for column in columns(tokens) {
            let exact = column.digits.is_some_and(|digits| digits > 0);
            match column.kind.as_str() {
                "varbinary" | "bit" | "vector" => table.raw.push(column.name),
                "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
                | "geometrycollection" | "geomcollection" => table.raw.push(column.name),
                "timestamp" => {
                    table.timestamps.push(column.name.clone());
                    if exact {
                        table.fractions.push(column.name);
                    }
                }
                "datetime" if exact => table.fractions.push(column.name),
                "float" | "double" | "real" => table.floats.push(column.name),
                "blob" | "tinyblob" | "mediumblob" | "longblob" if column.nullable => table.blobs.push(column.name),
                "bigint" if column.unsigned && column.nullable => table.big.push(column.name),
                _ => {}
            }
        }
        table
    }
}

/// The columns between the outermost parentheses.
fn columns(tokens: &[Token<'_>]) -> Vec<Column> {
    let mut depth = 0;
    let mut found = vec![];
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth -= 1,
            _ => {}
        }
        let begins = depth == 1 && (token.is_sign(b'(') || token.is_sign(b','));
        let Some([name, kind]) = tokens.get(at + 1..at + 3).filter(|_| begins) else { continue };
        if name.kind != TokenKind::Quoted || kind.kind != TokenKind::Word {
            continue;
        }
        let rest: Vec<&Token<'_>> = definition(&tokens[at + 3..]);
        let digits = match rest.as_slice() {
            [open, digits, close, ..] if open.is_sign(b'(') && close.is_sign(b')') => {
                std::str::from_utf8(digits.text).ok().and_then(|text| text.parse().ok())
            }
            _ => None,
        };
        found.push(Column {
            name: Foreign::new(ident::unquote(name.text)),
            kind: String::from_utf8_lossy(kind.text).to_ascii_lowercase(),
            digits,
            unsigned: rest.iter().any(|token| token.is("unsigned")),
            nullable: !rest.windows(2).any(|pair| pair[0].is("NOT") && pair[1].is("NULL")),
        });
    }
    found
}

/// The tokens of one column, up to the comma behind it.
fn definition<'a, 'b>(tokens: &'b [Token<'a>]) -> Vec<&'b Token<'a>> {
    let mut depth = 0;
    let inside = tokens.iter().take_while(|token| {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth -= 1,
            _ => {}
        }
        depth > 0 || depth == 0 && !token.is_sign(b',')
    });
    inside.collect()
}

fn counter(tokens: &[Token<'_>]) -> Option<u64> {
    let at = tokens.windows(2).position(|pair| pair[0].is("AUTO_INCREMENT") && pair[1].is_sign(b'='))?;
    std::str::from_utf8(tokens.get(at + 2)?.text).ok()?.parse().ok()
}

/// The table of an INSERT, from its head.
fn insert_table(end: &StatementEnd<'_>) -> Option<Foreign> {
    table_of(Tokens::new(end.head, end.dialect))
}

fn table_of(tokens: Tokens<'_>) -> Option<Foreign> {
    let name = tokens.take(6).find(|token| token.kind == TokenKind::Quoted)?;
    Some(Foreign::new(ident::unquote(name.text)))
}

fn is_after(tokens: &[Token<'_>]) -> bool {
    tokens.iter().take(24).any(|token| token.is("AFTER"))
}

/// Whether a trigger's body changes the row that is being written: only BEFORE triggers may.
fn sets_new(tokens: &[Token<'_>]) -> bool {
    let assigned = |at: usize| {
        let behind = tokens.get(at + 3);
        let sign = behind.is_some_and(|token| token.is_sign(b'=') || token.is_sign(b':'));
        let led = at > 0 && (tokens[at - 1].is("SET") || tokens[at - 1].is("INTO") || tokens[at - 1].is_sign(b','));
        led && (sign || tokens[at - 1].is("INTO"))
    };
    let new = |at: &usize| tokens[*at].is("NEW") && tokens.get(at + 1).is_some_and(|dot| dot.is_sign(b'.'));
    (0..tokens.len()).filter(new).any(assigned)
}

/// What one INSERT of plain values is, read anew; `None` for anything else, several statements included.
pub fn literal_insert(text: &[u8], dialect: Dialect) -> Option<InsertFacts> {
    let mut splitter = Splitter::new(Limits { dialect, ..Limits::default() });
    let mut only = Only::default();
    splitter.feed(text, &mut only).and_then(|()| splitter.feed(b";", &mut only)).ok()?;
    let clean = splitter.finish(&mut only).ok()? == Tail::Clean;
    only.insert.filter(|insert| clean && only.statements == 1 && insert.values == Values::Literals)
}

#[derive(Default)]
struct Only {
    statements: u64,
    insert: Option<InsertFacts>,
}

impl StatementSink for Only {
    fn part(&mut self, _bytes: &[u8]) {}

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.kind != PieceKind::Trivia {
            self.statements += 1;
            self.insert = end.insert;
        }
        Ok(())
    }
}

/// Whether a piece is rows of plain values, perhaps with a comma behind them, and nothing else.
fn is_rows(end: &StatementEnd<'_>) -> bool {
    let rows = end.head.trim_ascii();
    let rows = rows.strip_suffix(b",").unwrap_or(rows);
    end.is_whole() && literal_insert(&[b"INSERT INTO `t` VALUES ", rows].concat(), end.dialect).is_some()
}

/// A CREATE TRIGGER with BEFORE for AFTER; `None` for any that does not change NEW.
pub fn with_before(text: &[u8], dialect: Dialect) -> Option<Vec<u8>> {
    let tokens = Tokens::code(text, dialect);
    let trigger = tokens.iter().take(16).any(|token| token.is("TRIGGER"));
    let after = tokens.iter().take(24).find(|token| token.is("AFTER"))?;
    let new = || [&text[..after.start], b"BEFORE", &text[after.end()..]].concat();
    (trigger && sets_new(&tokens)).then(new)
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(6);
    let text = names.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
