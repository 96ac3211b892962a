//! The encrypted content as a stream, whatever lengths its writer chose.

use std::io::{self, ErrorKind, Read};

use crate::seal::cms::ber::{self, BerError, Head};
use crate::seal::cms::header::Header;
use crate::seal::error::{Damage, UnsealError};

/// Deeper than pieces of an octet string are nested.
const DEPTH: usize = 8;
const IN_ONE_PIECE: u8 = 0x80;
const IN_PIECES: u8 = 0xa0;
const OCTETS: u8 = 0x04;
const CONSTRUCTED_OCTETS: u8 = 0x24;
const UNPROTECTED_ATTRIBUTES: u8 = 0xa1;
/// More than any writer adds behind the content.
const MOST_ATTRIBUTES: u64 = 64 << 10;

/// What a cut means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::seal) enum Strictness {
    /// An error.
    Strict,
    /// The end: lengths are believed as far as bytes reach.
    Lenient,
}

/// Reads the ciphertext of a message that stands at the element of its encrypted content.
///
/// # Errors
///
/// [`UnsealError::Truncated`] where bytes are missing, [`UnsealError::Damaged`] where the framing makes no
/// sense or bytes follow the message. Errors repeat.
pub(in crate::seal) struct Body<R> {
    source: R,
    /// Offset in the stored message of the next byte of `source`.
    at: u64,
    /// Bytes of ciphertext handed out, and the offset behind the last of them.
    given: u64,
    given_to: u64,
    /// Bytes left of the piece that is being read.
    piece: u64,
    /// Where each open element ends; `None`: at an end mark. The first `around` stand around the content.
    open: Vec<Option<u64>>,
    around: usize,
    strictness: Strictness,
    begun: bool,
    end: Option<Result<(), UnsealError>>,
}

impl<R: Read> Body<R> {
    pub(in crate::seal) fn new(source: R, header: &Header, strictness: Strictness) -> Self {
        let (at, open, around) = (header.len as u64, header.ends.clone(), header.ends.len());
        Self { source, at, given: 0, given_to: at, piece: 0, open, around, strictness, begun: false, end: None }
    }

    /// Where in the stored message the byte of ciphertext at `at` stands, seen from the end of what was read.
    pub(in crate::seal) fn stored(&self, at: u64) -> u64 {
        self.given_to.saturating_sub(self.given.saturating_sub(at))
    }

    fn damaged(&self, at_byte: u64) -> UnsealError {
        UnsealError::Damaged { at_byte, what: Damage::Encoding }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(buffer) {
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        match self.fill(&mut byte)? {
            0 => Err(UnsealError::Truncated { at_byte: self.at }.into()),
            _ => Ok(byte[0]),
        }
    }

    /// The identifier and length of the next element, which must fit into the one around it.
    fn head(&mut self) -> io::Result<Head> {
        let from = self.at;
        let (mut bytes, mut len) = ([0; 10], 0);
        loop {
            *bytes.get_mut(len).ok_or_else(|| self.damaged(from))? = self.byte()?;
            len += 1;
            match ber::head(&bytes[..len]) {
                Ok(head) => {
                    let end = head.len.map(|len| self.at + len);
                    let around = self.open.iter().flatten().next_back();
                    let fits = around.is_none_or(|&around| end.is_none_or(|end| end <= around) && self.at <= around);
                    return if fits { Ok(head) } else { Err(self.damaged(from).into()) };
                }
                Err(BerError::Cut) => {}
                Err(BerError::Malformed) => return Err(self.damaged(from).into()),
            }
        }
    }

    /// Steps to the next piece of ciphertext, or to the end.
    fn advance(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            let from = self.at;
            let head = self.head()?;
            match (head.tag, head.len) {
                (IN_ONE_PIECE, Some(len)) => self.piece = len,
                (IN_PIECES, len) => self.open.push(len.map(|len| self.at + len)),
                _ => return Err(self.damaged(from).into()),
            }
            if head.tag == IN_ONE_PIECE {
                self.open.push(Some(self.at + self.piece));
            }
            return Ok(());
        }
        if self.open.len() > self.around {
            return self.next_piece();
        }
        self.close_around()?;
        self.end = Some(Ok(()));
        Ok(())
    }

    fn next_piece(&mut self) -> io::Result<()> {
        if self.open.last() == Some(&Some(self.at)) {
            self.open.pop();
            return Ok(());
        }
        let from = self.at;
        let head = self.head()?;
        match (head.tag, head.len) {
            (0, Some(0)) if self.open.last() == Some(&None) => {
                self.open.pop();
            }
            (OCTETS, Some(len)) => self.piece = len,
            (CONSTRUCTED_OCTETS, len) if self.open.len() < self.around + DEPTH => {
                self.open.push(len.map(|len| self.at + len));
            }
            _ => return Err(self.damaged(from).into()),
        }
        Ok(())
    }

    /// The ends of everything around the content, and then the end of the source.
    fn close_around(&mut self) -> io::Result<()> {
        while let Some(end) = self.open.last().copied() {
            let from = self.at;
            if end == Some(self.at) {
                self.open.pop();
                continue;
            }
            let head = self.head()?;
            match (head.tag, head.len) {
                (0, Some(0)) if end.is_none() => {
                    self.open.pop();
                }
                // Inside EnvelopedData, behind its EncryptedContentInfo.
                (UNPROTECTED_ATTRIBUTES, Some(len)) if self.open.len() == 3 && len <= MOST_ATTRIBUTES => {
                    for _ in 0..len {
                        self.byte()?;
                    }
                }
                _ => return Err(self.damaged(from).into()),
            }
        }
        let at_byte = self.at;
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(UnsealError::Damaged { at_byte, what: Damage::TrailingBytes }.into()),
        }
    }

    /// Keeps an error of the seal, to repeat it; others pass.
    fn fail(&mut self, error: io::Error) -> io::Result<()> {
        if UnsealError::from_io(&error).is_none() {
            return Err(error);
        }
        let lenient = self.strictness == Strictness::Lenient;
        self.end = Some(if lenient { Ok(()) } else { Err(error.into()) });
        Ok(())
    }
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.end {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(error.clone().into()),
                None => {}
            }
            if self.piece == 0 {
                if let Err(error) = self.advance() {
                    self.fail(error)?;
                }
                continue;
            }
            let room = buf.len().min(usize::try_from(self.piece).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(0);
            }
            let read = self.fill(&mut buf[..room])?;
            if read == 0 {
                self.fail(UnsealError::Truncated { at_byte: self.at }.into())?;
                continue;
            }
            self.piece -= read as u64;
            self.given += read as u64;
            self.given_to = self.at;
            return Ok(read);
        }
    }
}
