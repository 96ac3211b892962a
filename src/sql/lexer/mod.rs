//! A streaming splitter of SQL dumps: bytes are pushed in, statements come out, no byte is lost.
//!
//! It reads as the *server* will, following the dump's own `SET NAMES`, `character_set_client` and `sql_mode`,
//! and as the stock clients do where only they know (`DELIMITER`). Where the two readings of a text could
//! differ, or a setting cannot be followed, it stops with the reason: splitting in the wrong place is how
//! data becomes statements.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod charset;
mod code;
mod collect;
mod dialect;
mod error;
mod insert;
mod scan;
mod session;

pub use charset::Charset;
pub use code::word_end;
pub use collect::{Collect, CollectSink};
pub use dialect::Dialect;
pub use error::{Ambiguity, LexError, Place};
pub use insert::{InsertFacts, Values};

use crate::sql::lexer::code::{LOOKAHEAD, Spot, Step};
use crate::sql::lexer::insert::InsertLane;
use crate::sql::lexer::session::{Extent, Session};
use crate::sql::token::Runs;

/// What the splitter may hold in memory, and what it assumes at the start.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes kept of an INSERT with values, 4 KiB by default; what stands before VALUES is kept whole.
    pub head: usize,
    /// Bytes kept of any other statement, 1 MiB by default.
    pub text: usize,
    /// How the session reads before the dump says otherwise. The loader must see to it that this is true.
    pub dialect: Dialect,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 4 << 10, text: 1 << 20, dialect: Dialect::default() }
    }
}

/// What a piece of a dump is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// A statement with its delimiter; the only pieces that a server should see.
    Statement,
    /// Blanks, plain comments and empty statements between statements.
    Trivia,
    /// A `DELIMITER` line, up to and without its newline.
    Delimiter,
    /// MariaDB's `/*M!999999\- enable the sandbox mode */`, an order to its client.
    Sandbox,
}

/// The end of a piece, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct StatementEnd<'a> {
    /// Statements up to here, this one included; the first is 1.
    pub number: u64,
    /// Where it begins in the dump, in bytes.
    pub start: u64,
    /// Where it ends, delimiter included.
    pub end: u64,
    /// What it is.
    pub kind: PieceKind,
    /// How many bytes at its end are the delimiter.
    pub delimiter: usize,
    /// Its text without the delimiter, or the beginning of it: see [`Limits`].
    pub head: &'a [u8],
    /// Set for INSERT and REPLACE.
    pub insert: Option<InsertFacts>,
    /// How the session read it.
    pub dialect: Dialect,
}

impl StatementEnd<'_> {
    /// Bytes of the piece, delimiter included.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Where it begins, for errors.
    pub fn place(&self) -> Place {
        Place { statement: self.number, byte: self.start }
    }

    /// Whether it has no bytes; never, as pieces go.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Whether `head` is all of it.
    pub fn is_whole(&self) -> bool {
        self.head.len() as u64 + self.delimiter as u64 == self.len()
    }
}

/// Who receives the pieces.
pub trait StatementSink {
    /// The next bytes of the piece that is open. All parts together are the dump, byte for byte.
    fn part(&mut self, bytes: &[u8]);

    /// The piece ends here.
    ///
    /// # Errors
    ///
    /// Whatever makes it useless to read on.
    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError>;
}

/// How a dump ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Behind a statement, in blanks or in a comment of one line.
    Clean,
    /// In a statement without its delimiter, begun at this byte.
    Statement(u64),
    /// In a string or quoted name of a statement begun at this byte.
    Quoted(u64),
    /// In a comment that began at or behind this byte.
    Comment(u64),
}

/// Where in the language the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    /// In the rest of a word that is longer than any we look at.
    Word,
    /// In the rest of a hexadecimal number.
    Hex,
    /// In the rest of a decimal number.
    Digits,
    Quoted(u8),
    /// Behind a backslash in a string.
    Escaped(u8),
    /// Behind a byte that may begin a two-byte character in a string.
    Lead(u8, u8),
    LineComment,
    BlockComment,
    DelimiterLine,
}

/// A conditional comment that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conditional {
    No,
    Open(Runs),
}

/// The splitter. Push bytes with [`feed`](Self::feed), then call [`finish`](Self::finish) once.
#[derive(Debug)]
pub struct Splitter {
    limits: Limits,
    session: Session,
    delimiter: Vec<u8>,
    state: State,
    kind: PieceKind,
    conditional: Conditional,
    insert: InsertLane,
    /// Offset in the dump of the byte that is read next.
    at: u64,
    start: u64,
    number: u64,
    head: Vec<u8>,
    /// Bytes that were pushed but need what follows them to be understood; at most [`LOOKAHEAD`] of them.
    pending: Vec<u8>,
    scanner: scan::Scanner,
}

impl Splitter {
    /// A splitter at the first byte of a dump.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            session: Session::new(limits.dialect),
            delimiter: b";".to_vec(),
            state: State::Code,
            kind: PieceKind::Trivia,
            conditional: Conditional::No,
            insert: InsertLane::default(),
            at: 0,
            start: 0,
            number: 0,
            head: Vec::new(),
            pending: Vec::new(),
            scanner: scan::Scanner::best(),
        }
    }

    /// Reads the next bytes of the dump. How they are cut into calls makes no difference.
    ///
    /// # Errors
    ///
    /// Where the dump cannot be followed safely, or what the sink returned. The splitter is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn StatementSink) -> Result<(), LexError> {
        let mut rest = bytes;
        if !self.pending.is_empty() {
            let mut joined = std::mem::take(&mut self.pending);
            let kept = joined.len();
            let more = rest.len().min(2 * LOOKAHEAD);
            joined.extend_from_slice(&rest[..more]);
            let taken = self.run(&joined, Until { at_least: kept, more: More::MayCome }, sink)?;
            if taken < kept {
                joined.drain(..taken);
                self.pending = joined;
                return self.feed_more(&rest[more..], sink);
            }
            rest = &rest[taken - kept..];
        }
        let taken = self.run(rest, Until { at_least: rest.len(), more: More::MayCome }, sink)?;
        self.pending.extend_from_slice(&rest[taken..]);
        Ok(())
    }

    /// A short push did not suffice to get past what was pending; only possible when nothing is left of it.
    fn feed_more(&mut self, rest: &[u8], sink: &mut dyn StatementSink) -> Result<(), LexError> {
        if rest.is_empty() { Ok(()) } else { self.feed(rest, sink) }
    }

    /// Says that the dump ends here, and tells how.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn finish(&mut self, sink: &mut dyn StatementSink) -> Result<Tail, LexError> {
        let last = std::mem::take(&mut self.pending);
        self.run(&last, Until { at_least: last.len(), more: More::NeverComes }, sink)?;
        if self.state == State::DelimiterLine {
            self.end_delimiter_line(sink)?;
        }
        let tail = match (self.state, self.kind) {
            (State::Quoted(_) | State::Escaped(_) | State::Lead(..), _) => Tail::Quoted(self.start),
            (State::BlockComment, _) => Tail::Comment(self.start),
            (_, PieceKind::Statement) => Tail::Statement(self.start),
            _ => Tail::Clean,
        };
        if self.kind != PieceKind::Statement && self.at > self.start {
            self.end_piece(0, PieceKind::Trivia, sink)?;
        }
        Ok(tail)
    }

    /// Bytes read and understood so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Statements that ended so far.
    pub fn statements(&self) -> u64 {
        self.number
    }

    /// How the session reads at this point of the dump.
    pub fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Reads on in `bytes` until at least `until.at_least` bytes are consumed or more are needed;
    /// returns how many were.
    fn run(&mut self, bytes: &[u8], until: Until, sink: &mut dyn StatementSink) -> Result<usize, LexError> {
        // Bytes before `given` were handed to the sink.
        let (mut at, mut given) = (0, 0);
        while at < until.at_least {
            let step = self.step(Spot { bytes, at, more: until.more })?;
            match step {
                Step::Took(taken) => {
                    at += taken;
                    self.at += taken as u64;
                }
                Step::NeedsMore => break,
                Step::Begins(kind) => {
                    self.give(&bytes[given..at], sink);
                    given = at;
                    if self.at > self.start {
                        self.end_piece(0, PieceKind::Trivia, sink)?;
                    }
                    self.begin(kind);
                }
                Step::Ends(taken) => {
                    at += taken;
                    self.at += taken as u64;
                    self.give(&bytes[given..at], sink);
                    given = at;
                    self.end_of(taken, sink)?;
                }
            }
        }
        self.give(&bytes[given..at], sink);
        Ok(at)
    }

    fn end_of(&mut self, taken: usize, sink: &mut dyn StatementSink) -> Result<(), LexError> {
        match self.kind {
            PieceKind::Statement => {
                self.number += 1;
                self.end_piece(self.delimiter.len(), PieceKind::Trivia, sink)
            }
            PieceKind::Delimiter => self.end_delimiter_line(sink),
            PieceKind::Sandbox | PieceKind::Trivia => {
                debug_assert!(taken > 0, "a piece that ends has bytes");
                self.end_piece(0, PieceKind::Trivia, sink)
            }
        }
    }

    fn end_delimiter_line(&mut self, sink: &mut dyn StatementSink) -> Result<(), LexError> {
        self.delimiter = code::delimiter_of(&self.head).ok_or(LexError::BadDelimiter(self.place()))?;
        self.state = State::Code;
        self.end_piece(0, PieceKind::Trivia, sink)
    }

    fn begin(&mut self, kind: PieceKind) {
        self.kind = kind;
        self.start = self.at;
        self.head.clear();
        self.insert = InsertLane::default();
        if kind == PieceKind::Delimiter {
            self.state = State::DelimiterLine;
        }
    }

    fn give(&mut self, bytes: &[u8], sink: &mut dyn StatementSink) {
        if bytes.is_empty() {
            return;
        }
        let limit = match (self.kind, self.insert.length()) {
            (PieceKind::Statement, insert::Length::Ordinary) => self.limits.text,
            (PieceKind::Statement, insert::Length::Values(at)) => {
                let before = usize::try_from(at - self.start).unwrap_or(usize::MAX);
                self.limits.head.max(before.min(self.limits.text))
            }
            _ => self.limits.head,
        };
        let room = limit.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        sink.part(bytes);
    }

    fn end_piece(&mut self, delimiter: usize, next: PieceKind, sink: &mut dyn StatementSink) -> Result<(), LexError> {
        let whole = self.at - self.start;
        let text = usize::try_from(whole).map_or(self.head.len(), |len| self.head.len().min(len - delimiter));
        let dialect = self.session.dialect();
        sink.end(&StatementEnd {
            number: self.number,
            start: self.start,
            end: self.at,
            kind: self.kind,
            delimiter,
            head: &self.head[..text],
            insert: self.insert.facts(),
            dialect,
        })?;
        if self.kind == PieceKind::Statement {
            let place = error::Place { statement: self.number, byte: self.start };
            let extent = if self.head.len() as u64 >= whole { Extent::Whole } else { Extent::Beginning };
            self.session.follow(&self.head[..text], extent, place)?;
        }
        self.begin(next);
        Ok(())
    }

    /// The piece that is open, for errors.
    fn place(&self) -> error::Place {
        error::Place { statement: self.number + 1, byte: self.start }
    }
}

#[derive(Debug, Clone, Copy)]
struct Until {
    at_least: usize,
    more: More,
}

/// Whether bytes may follow those that are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    NeverComes,
}

#[cfg(test)]
mod tests;
