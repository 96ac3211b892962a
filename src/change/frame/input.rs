//! The bytes of a file in a buffer that grows only by what really came.

use std::io::{ErrorKind, Read};

use crate::change::error::BinlogError;
use crate::model::change::BinlogPos;

/// How much is asked for at once.
const CHUNK: usize = 256 << 10;

/// A reader with what it gave and nobody took yet.
pub struct Input<R> {
    from: R,
    buffer: Vec<u8>,
    /// Where what waits begins in the buffer.
    start: usize,
    /// Where it ends; behind it the buffer is room.
    filled: usize,
    /// Bytes that were taken.
    at: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    pub fn new(from: R) -> Self {
        Self { from, buffer: vec![], start: 0, filled: 0, at: 0, ended: false }
    }

    /// The same, when `at` bytes of the file were taken elsewhere.
    pub fn starting_at(self, at: u64) -> Self {
        Self { at, ..self }
    }

    /// Bytes of the file that were taken.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where in [`Self::buffer`] the next byte lies.
    pub fn offset(&self) -> usize {
        self.start
    }

    /// All that is held: what was taken last stays until the next [`Self::have`].
    pub fn buffer(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// What came and was not taken.
    pub fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    pub fn skip(&mut self, len: usize) {
        let len = len.min(self.filled - self.start);
        self.start += len;
        self.at += len as u64;
    }

    /// Reads until `len` bytes wait; `false` when the file ends before.
    ///
    /// # Errors
    ///
    /// [`BinlogError::Io`].
    pub fn have(&mut self, len: usize) -> Result<bool, BinlogError> {
        while self.filled - self.start < len && !self.ended {
            self.make_room(len);
            match self.from.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    let at = BinlogPos(self.at + (self.filled - self.start) as u64);
                    return Err(BinlogError::Io { at, source });
                }
            }
        }
        Ok(self.filled - self.start >= len)
    }

    /// Moves what waits to the front and sees that there is room behind it: never more than twice of what came.
    fn make_room(&mut self, len: usize) {
        if self.buffer.len() - self.filled > 0 && self.start + len <= self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled == self.buffer.len() || self.buffer.is_empty() {
            self.buffer.resize((self.buffer.len() * 2).max(CHUNK), 0);
        }
    }
}
