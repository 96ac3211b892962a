//! Reads a finished script again, with a grammar of its own, and proves that nothing else is in it than was meant.
//!
//! It knows nothing of how literals and names are written elsewhere: what the writer gets wrong, this does not
//! get wrong in the same way. Every line must be one of a few; whatever is not fails.

mod around;
mod document;
mod grammar;
mod lex;
mod pieces;
mod shape;
mod walk;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::sync::mpsc::{Receiver, sync_channel};

use sha2::{Digest, Sha256};

use crate::change::index::{Cursor, ReadAt};
use crate::change::reread::pieces::{Buffers, CHUNK, Piece, Text};
use crate::change::reread::shape::Shape;
pub use crate::change::reread::walk::{Condition, ConditionForm, ScriptStatement, Statements};
use crate::change::undo::ordered;
use crate::model::change::ChangeKind;

/// In front of the digest of everything behind the header.
const BODY: &str = "-- body: ";
/// In front of the digest of all lines of the header in front of it, in its last line.
const DIGEST: &str = "-- digest: ";

/// What a script does: rows by table (its quoted name) and kind.
pub type Doings = BTreeMap<(String, ChangeKind), u64>;

/// Why a script is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum RereadError {
    /// A line is not one of those that may stand there.
    #[error("line {line} of the script is not what may stand there: {what}")]
    #[diagnostic(code(undo::reread), help("nothing was kept; please report this with the change that it is of"))]
    Line {
        /// Counts from 1; one behind the last when something is missing.
        line: usize,
        /// What does not hold.
        what: &'static str,
    },
    /// It cannot be read.
    #[error("the script cannot be read: {0}")]
    #[diagnostic(code(undo::script_unreadable), help("look at the file and its folder, and try again"))]
    Read(io::ErrorKind),
    /// The digest in the header is not of what follows it.
    #[error("the script's digest does not match its statements")]
    #[diagnostic(code(undo::digest), help("it was changed after it was written; write it again"))]
    Digest,
    /// The digest at the end of the header is not of the lines in front of it.
    #[error("the script's digest does not match its header")]
    #[diagnostic(code(undo::header), help("what it says of itself was changed after it was written; write it again"))]
    Header,
    /// It does not do what the plan says.
    #[error("the script does not do what was planned")]
    #[diagnostic(code(undo::doings), help("nothing was kept; please report this with the change that it is of"))]
    Doings,
}

impl crate::report::Reportable for RereadError {
    fn fault(&self) -> crate::report::Fault {
        match self {
            Self::Read(_) => crate::report::Fault::Failed,
            _ => crate::report::Fault::Integrity,
        }
    }
}

/// Proves that a script is whole, of the expected shape, and does exactly this and nothing else.
///
/// # Errors
///
/// The first thing that does not hold.
pub fn prove(script: &dyn ReadAt, expected: &Doings, threads: usize) -> Result<(), RereadError> {
    if read(script, threads)? == *expected { Ok(()) } else { Err(RereadError::Doings) }
}

/// Reads a whole script, some of it at a time: what it does.
///
/// # Errors
///
/// The first line that may not stand where it does, and a digest that does not match.
pub fn read(script: &dyn ReadAt, threads: usize) -> Result<Doings, RereadError> {
    let Head { lines, end, body } = Head::read(script)?;
    let mut shape = Shape::new();
    shape.taken = lines;
    let len = script.len().saturating_sub(end);
    let count = usize::try_from(len.div_ceil(CHUNK)).map_err(|_| shape.broken("it is too large"))?;
    let buffers = Buffers::default();
    let found = std::thread::scope(|scope| {
        // The digest is of the bytes in their order: it has a thread of its own, beside the lines in theirs.
        let (hand, handed) = sync_channel(threads);
        let hash = scope.spawn(|| hashed(handed, &buffers));
        ordered(
            (count, threads),
            || (),
            |(), nth| Piece::read(script, end, nth as u64, buffers.take()),
            |piece| {
                let Piece { text, lexed } = piece.map_err(|error| RereadError::Read(error.kind()))?;
                let _ = hand.send(text); // whoever takes it has ended: its panic is told below
                shape.lexed(&lexed)
            },
        )?;
        drop(hand);
        Ok(hash.join())
    })?;
    if found.map_err(|_| RereadError::Digest)?.as_slice() != body {
        return Err(RereadError::Digest);
    }
    shape.finish()?;
    Ok(shape.doings())
}

fn hashed(texts: Receiver<Text>, buffers: &Buffers) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.own());
        buffers.put(text);
    }
    hash.finalize().into()
}

/// A script's header.
struct Head {
    /// How many lines it has.
    lines: u64,
    /// Where it ends.
    end: u64,
    /// The digest of what is behind it.
    body: Vec<u8>,
}

impl Head {
    fn read(script: &dyn ReadAt) -> Result<Self, RereadError> {
        let mut input = BufReader::new(Cursor::new(script, 0, u64::MAX));
        let (mut front, mut end, mut line) = (Front::default(), 0, vec![]);
        loop {
            line.clear();
            let read = input.read_until(b'\n', &mut line).map_err(|error| RereadError::Read(error.kind()))?;
            if !line.starts_with(b"-- ") {
                break;
            }
            front.line(&mut line)?;
            end += read as u64;
        }
        Ok(Self { lines: front.lines, end, body: front.end()? })
    }
}

/// The comments at the front, line by line: the last one is the digest of those in front of it, and the one before it
/// the digest of everything behind them.
#[derive(Default)]
struct Front {
    lines: u64,
    /// Of all lines but the last.
    hash: Sha256,
    last_but_one: Vec<u8>,
    last: Vec<u8>,
}

impl Front {
    /// Takes a line in, and leaves another buffer in its place.
    fn line(&mut self, line: &mut Vec<u8>) -> Result<(), RereadError> {
        self.lines += 1;
        let is_printable = line.iter().all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte));
        if !is_printable {
            return Err(self.broken("it is not a line of printable ASCII"));
        }
        self.hash.update(&self.last);
        std::mem::swap(&mut self.last_but_one, &mut self.last);
        std::mem::swap(&mut self.last, line);
        Ok(())
    }

    /// The header is over: the digest of what is behind it.
    fn end(&self) -> Result<Vec<u8>, RereadError> {
        let digest = |line: &[u8], label: &str| {
            let digits = line.strip_suffix(b"\n")?.strip_prefix(label.as_bytes())?;
            data_encoding::HEXLOWER.decode(digits).ok()
        };
        let own = digest(&self.last, DIGEST).ok_or_else(|| self.broken("the header has no digest"))?;
        if self.hash.clone().finalize().as_slice() != own {
            return Err(RereadError::Header);
        }
        digest(&self.last_but_one, BODY).ok_or_else(|| self.broken("the header has no digest of what is behind it"))
    }

    fn broken(&self, what: &'static str) -> RereadError {
        RereadError::Line { line: self.lines.max(1) as usize, what }
    }
}

#[cfg(test)]
mod tests;
