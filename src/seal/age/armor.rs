//! The armor: base64 in lines of 64 characters between two marks.

use std::io::{self, BufRead, BufReader, Read};

use data_encoding::BASE64;

use crate::seal::age::ARMOR;
use crate::seal::error::{Damage, UnsealError};

const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
/// Characters of a full line, and the bytes that it holds.
const LINE: usize = 64;
const BYTES: u64 = 48;
/// Longer than any line that is right; blanks before the first one included.
const LONGEST: u64 = 1024;

/// Where in the armored text a byte of the file stands, for the usual line ends.
pub(super) fn stored(at: u64) -> u64 {
    let in_line = (at % BYTES) * LINE as u64 / BYTES;
    ARMOR.len() as u64 + 1 + at / BYTES * (LINE as u64 + 1) + in_line
}

/// Reads the bytes out of the armor, line by line. What is wrong is an [`UnsealError`] with its offset.
pub(super) struct Dearmor<R> {
    source: BufReader<R>,
    /// Offset of the next line in the stored text.
    at: u64,
    begun: bool,
    /// Set by a line that is shorter than the others: only the end may follow.
    short: bool,
    ended: Option<Result<(), UnsealError>>,
    bytes: Vec<u8>,
    taken: usize,
}

impl<R: Read> Dearmor<R> {
    pub(super) fn new(source: R) -> Self {
        let source = BufReader::with_capacity(64 << 10, source);
        Self { source, at: 0, begun: false, short: false, ended: None, bytes: vec![], taken: 0 }
    }

    /// The next line without its end; `None` at the end of the source.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = vec![];
        let read = self.source.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.at += read as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        Ok(Some(text.strip_suffix(b"\r").unwrap_or(text).to_vec()))
    }

    fn refill(&mut self) -> io::Result<()> {
        let from = self.at;
        let Some(line) = self.line()? else {
            self.ended = Some(Err(UnsealError::Truncated { at_byte: self.at }));
            return Ok(());
        };
        let broken = Some(Err(UnsealError::Damaged { at_byte: from, what: Damage::Encoding }));
        if !self.begun {
            self.begun = line.trim_ascii() == ARMOR;
            if !self.begun && !line.trim_ascii().is_empty() {
                self.ended = broken;
            }
            return Ok(());
        }
        if line.trim_ascii() == END {
            self.ended = Some(self.only_blanks_follow()?);
            return Ok(());
        }
        let fits = !self.short && !line.is_empty() && line.len() <= LINE;
        self.short = line.len() < LINE;
        match BASE64.decode(&line) {
            Ok(bytes) if fits => (self.bytes, self.taken) = (bytes, 0),
            // A line that stops in the middle, with nothing behind it, is a cut and no damage.
            _ if line.len() < LINE && self.source.fill_buf()?.is_empty() => {
                self.ended = Some(Err(UnsealError::Truncated { at_byte: self.at }));
            }
            _ => self.ended = broken,
        }
        Ok(())
    }

    fn only_blanks_follow(&mut self) -> io::Result<Result<(), UnsealError>> {
        loop {
            let from = self.at;
            match self.line()? {
                None => return Ok(Ok(())),
                Some(line) if line.trim_ascii().is_empty() => {}
                Some(_) => return Ok(Err(UnsealError::Damaged { at_byte: from, what: Damage::TrailingBytes })),
            }
        }
    }
}

impl<R: Read> Read for Dearmor<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.bytes.len() {
            match &self.ended {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(error.clone().into()),
                None => self.refill()?,
            }
        }
        let len = buf.len().min(self.bytes.len() - self.taken);
        buf[..len].copy_from_slice(&self.bytes[self.taken..][..len]);
        self.taken += len;
        Ok(len)
    }
}
