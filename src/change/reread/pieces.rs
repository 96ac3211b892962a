//! A script in pieces of equal size, so that several threads can read it.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::change::index::{Cursor, ReadAt};
use crate::change::reread::grammar::Nobody;
use crate::change::reread::lex::Lexed;

/// Bytes of a piece.
pub(super) const CHUNK: u64 = 1 << 20;

/// Memory that was read into before, to be read into again: fresh pages cost more than what is done with them.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub fn put(&self, text: Text) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.bytes);
    }
}

/// The bytes of a piece, and those up to the end of its last line.
pub(super) struct Text {
    bytes: Vec<u8>,
    own: Range<usize>,
}

impl Text {
    /// Those of the piece alone.
    pub fn own(&self) -> &[u8] {
        &self.bytes[self.own.clone()]
    }
}

/// A piece, and the lines that begin in it.
pub(super) struct Piece {
    pub text: Text,
    pub lexed: Lexed,
}

impl Piece {
    /// Reads a piece of what lies behind `from`.
    ///
    /// # Errors
    ///
    /// The script cannot be read.
    pub fn read(script: &dyn ReadAt, from: u64, nth: u64, mut bytes: Vec<u8>) -> io::Result<Self> {
        let start = from + nth * CHUNK;
        let end = (start + CHUNK).min(script.len());
        // One byte more in front tells whether a line begins with the first.
        let front = u64::from(nth > 0);
        bytes.clear();
        Cursor::new(script, start - front, end).read_to_end(&mut bytes)?;
        let own = front as usize..bytes.len();
        let first = if nth == 0 { Some(0) } else { memchr::memchr(b'\n', &bytes).map(|at| at + 1) };
        let mut lexed = Lexed::default();
        if let Some(first) = first.filter(|first| *first < bytes.len()) {
            finish_line(script, end, &mut bytes)?;
            lexed.lines(&bytes[first..], &mut Nobody);
        }
        Ok(Self { text: Text { bytes, own }, lexed })
    }
}

/// Reads on to the end of the line.
fn finish_line(script: &dyn ReadAt, mut at: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut more = vec![0; 4096];
    while bytes.last() != Some(&b'\n') {
        let read = script.read_at(at, &mut more)?;
        let end = memchr::memchr(b'\n', &more[..read]).map_or(read, |end| end + 1);
        bytes.extend_from_slice(&more[..end]);
        at += end as u64;
        if read == 0 {
            break;
        }
        more.resize((more.len() * 2).min(CHUNK as usize), 0);
    }
    Ok(())
}
