//! MySQL's compressed transactions: events out of a zstd stream, as they come, never the whole of it.

use std::io::Read;
use std::ops::Range;

use crc32fast::Hasher;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::change::bytes::Bytes;
use crate::change::error::{BinlogError, Broken};
use crate::change::frame::{Checks, HEADER, Header, Input, Limits};
use crate::model::change::BinlogPos;

/// How much is taken from the file, and made, at once.
const CHUNK: usize = 128 << 10;
/// The fields before the compressed bytes are a few dozen bytes.
const FIELDS: usize = 128;

/// The event that holds a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub start: u64,
    pub size: u64,
    pub checks: Checks,
}

/// A payload that is being read.
pub(super) struct Payload {
    head: Head,
    /// `None`: the bytes are not compressed.
    decoder: Option<Decoder<'static>>,
    /// Compressed bytes that are still in the file.
    left: u64,
    sum: Hasher,
    plain: Vec<u8>,
    start: usize,
    filled: usize,
    /// Whether the zstd frame has ended.
    ended: bool,
    verified: bool,
    count: u32,
    /// Plain bytes of the events that were handed out.
    at: u64,
}

impl Payload {
    /// Reads the header and the fields off the input; the compressed bytes stay there.
    pub fn open<R: Read>(input: &mut Input<R>, head: Head) -> Result<Self, BinlogError> {
        let at = BinlogPos(head.start);
        let body = head.size as usize - HEADER - head.checks.len();
        let wanted = HEADER + body.min(FIELDS);
        if !input.have(wanted)? {
            return Err(BinlogError::Cut { at, missing: head.size - input.waiting().len() as u64 });
        }
        let bytes = &input.waiting()[HEADER..wanted];
        let (is_packed, fields) = fields(bytes).map_err(|broken| broken.at(at))?;
        let mut sum = Hasher::new();
        sum.update(&input.waiting()[..HEADER + fields]);
        input.skip(HEADER + fields);
        let decoder =
            if is_packed { Some(Decoder::new().map_err(|source| BinlogError::Io { at, source })?) } else { None };
        Ok(Self {
            head,
            decoder,
            left: (body - fields) as u64,
            sum,
            plain: vec![0; CHUNK],
            start: 0,
            filled: 0,
            ended: false,
            verified: false,
            count: 0,
            at: 0,
        })
    }

    /// Goes on in the middle of a payload: the input has its plain bytes from `at` on, behind `count` events.
    pub fn resume(head: Head, at: u64, count: u32) -> Self {
        let head = Head { checks: Checks::None, ..head };
        Self {
            head,
            decoder: None,
            left: u64::MAX,
            sum: Hasher::new(),
            plain: vec![0; CHUNK],
            start: 0,
            filled: 0,
            ended: false,
            verified: false,
            count,
            at,
        }
    }

    /// Puts the plain bytes from `from` to `to` into `into`, or as many of them as there are.
    pub fn pour<R: Read>(
        &mut self,
        input: &mut Input<R>,
        (from, to): (u64, u64),
        into: &mut Vec<u8>,
    ) -> Result<(), BinlogError> {
        let mut at = 0;
        while at < to {
            (self.start, self.filled) = (0, 0);
            if !self.more(input)? {
                break;
            }
            let made = self.filled as u64;
            let part = |bound: u64| bound.saturating_sub(at).min(made) as usize;
            into.extend_from_slice(&self.plain[part(from)..part(to)]);
            at += made;
        }
        Ok(())
    }

    /// The event that holds it.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Plain bytes of the events that were handed out.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// How many events were handed out; `None` when there are no more.
    pub fn going_on(&self) -> Option<u32> {
        (!self.verified).then_some(self.count)
    }

    pub fn buffer(&self) -> &[u8] {
        &self.plain[..self.filled]
    }

    /// Where the payload's event begins and ends.
    pub fn span(&self) -> (u64, u64) {
        (self.head.start, self.head.start + self.head.size)
    }

    /// The next event's header, number and body; `None` at the payload's end, which has then been checked.
    pub fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
        limits: Limits,
    ) -> Result<Option<(Header, u32, Range<usize>)>, BinlogError> {
        let at = BinlogPos(self.head.start);
        if !self.have(HEADER, input)? {
            return match self.filled - self.start {
                0 => self.verify(input).map(|()| None),
                _ => Err(BinlogError::Malformed { at, what: "its compressed events end inside a header" }),
            };
        }
        let bytes = self.plain[self.start..].first_chunk::<HEADER>().copied().unwrap_or([0; HEADER]);
        let header = Header::parse(&bytes);
        let size = header.size as usize;
        if size < HEADER {
            return Err(BinlogError::Malformed { at, what: "a compressed event is smaller than its own header" });
        }
        if u64::from(header.size) > limits.event {
            return Err(BinlogError::TooBig { at, size: u64::from(header.size), limit: limits.event });
        }
        // One byte more is asked for: if there is none, this is the last event, and the sum must match first.
        if !self.have(size + 1, input)? {
            if self.filled - self.start < size {
                return Err(BinlogError::Malformed { at, what: "its compressed events end inside an event" });
            }
            self.verify(input)?;
        }
        let body = self.start + HEADER..self.start + size;
        self.start += size;
        self.count += 1;
        self.at += size as u64;
        Ok(Some((header, self.count - 1, body)))
    }

    /// Decompresses until `len` bytes wait; `false` when there are no more.
    fn have<R: Read>(&mut self, len: usize, input: &mut Input<R>) -> Result<bool, BinlogError> {
        while self.filled - self.start < len {
            self.make_room(len);
            if !self.more(input)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn make_room(&mut self, len: usize) {
        if self.filled < self.plain.len() && self.start + len <= self.plain.len() {
            return;
        }
        if self.start > 0 {
            self.plain.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled == self.plain.len() {
            self.plain.resize(self.plain.len() * 2, 0);
        }
    }

    /// Makes some more plain bytes; `false` when all are made.
    fn more<R: Read>(&mut self, input: &mut Input<R>) -> Result<bool, BinlogError> {
        let at = BinlogPos(self.head.start);
        let room = self.filled;
        loop {
            let wanted = self.left.min(CHUNK as u64) as usize;
            if wanted > 0 && !input.have(1)? {
                if self.left > u64::MAX / 2 {
                    return Ok(false); // resumed: the input ends where its part ends
                }
                return Err(BinlogError::Cut { at, missing: self.left + self.head.checks.len() as u64 });
            }
            let waiting = input.waiting();
            let source = &waiting[..wanted.min(waiting.len())];
            let eaten = self.run(source).ok_or(BinlogError::Malformed { at, what: "its zstd data is damaged" })?;
            self.sum.update(&source[..eaten]);
            input.skip(eaten);
            self.left -= eaten as u64;
            if self.filled > room {
                return Ok(true);
            }
            if self.left == 0 && eaten == 0 {
                return match self.ended || self.decoder.is_none() {
                    true => Ok(false),
                    false => Err(BinlogError::Malformed { at, what: "its zstd data ends too early" }),
                };
            }
            if eaten == 0 {
                return Err(BinlogError::Malformed { at, what: "its zstd data does not go on" });
            }
        }
    }

    /// Feeds the decoder once and says how much it ate.
    fn run(&mut self, source: &[u8]) -> Option<usize> {
        let Some(decoder) = &mut self.decoder else {
            let len = source.len().min(self.plain.len() - self.filled);
            self.plain[self.filled..self.filled + len].copy_from_slice(&source[..len]);
            self.filled += len;
            return Some(len);
        };
        let mut from = InBuffer::around(source);
        let mut to = OutBuffer::around(&mut self.plain[self.filled..]);
        let hint = decoder.run(&mut from, &mut to).ok()?;
        let (eaten, made) = (from.pos(), to.pos());
        self.filled += made;
        if eaten + made > 0 {
            self.ended = hint == 0;
        }
        Some(eaten)
    }

    fn verify<R: Read>(&mut self, input: &mut Input<R>) -> Result<(), BinlogError> {
        if self.verified {
            return Ok(());
        }
        let at = BinlogPos(self.head.start);
        self.verified = true;
        let trailer = self.head.checks.len();
        if !input.have(trailer)? {
            return Err(BinlogError::Cut { at, missing: (trailer - input.waiting().len()) as u64 });
        }
        let said = input.waiting().first_chunk::<4>().copied();
        input.skip(trailer);
        let made = std::mem::replace(&mut self.sum, Hasher::new()).finalize();
        match self.head.checks {
            Checks::Crc32 if said.map(u32::from_le_bytes) != Some(made) => Err(BinlogError::Checksum { at }),
            _ => Ok(()),
        }
    }
}

/// Whether the payload is compressed, and how many bytes the fields take.
fn fields(bytes: &[u8]) -> Result<(bool, usize), Broken> {
    let mut rest = Bytes::new(bytes);
    let mut is_packed = true;
    loop {
        let field = rest.lenenc()?;
        if field == 0 {
            return Ok((is_packed, bytes.len() - rest.rest().len()));
        }
        let mut value = Bytes::new(rest.text()?);
        if field == 2 {
            is_packed = match value.lenenc()? {
                0 => true,
                255 => false,
                _ => return Err(Broken("its events are compressed by an unknown method")),
            };
        }
    }
}
