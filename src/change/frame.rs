//! Framing: where events begin and end, and whether their bytes are what the server wrote.

mod format;
mod input;

use std::io::Read;
use std::ops::Range;

use crate::change::error::BinlogError;
pub use crate::change::frame::format::{Checks, Format, Product};
pub(super) use crate::change::frame::input::Input;
use crate::change::kind;
pub(super) use crate::change::payload::Head;
use crate::change::payload::Payload;
use crate::model::change::BinlogPos;

/// Bytes of an event's header.
pub const HEADER: usize = 19;
const MAGIC: [u8; 4] = *b"\xfebin";
const ENCRYPTED_MAGIC: [u8; 4] = *b"\xfdbin";
/// From this size on an event must agree with its own end position before it is read: a flipped bit in a size
/// must not make us hold what is not there.
const LARGE: u64 = 16 << 20;

/// How much of a log may be held in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the largest single event; servers write at most 1 GiB, and rarely more than 8 KiB and a row.
    pub event: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event: (1 << 30) + (1 << 20) }
    }
}

/// What stands in front of every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970: when the statement began.
    pub timestamp: u32,
    /// See [`kind`].
    pub kind: u8,
    /// The server that ran it first.
    pub server_id: u32,
    /// Bytes of header, body and checksum.
    pub size: u32,
    /// Where the server says that the next event begins, modulo 4 GiB; 0: it does not say.
    pub next: u32,
    /// See [`kind::FLAG_IN_USE`] and its likes.
    pub flags: u16,
}

impl Header {
    /// Reads a header.
    pub fn parse(bytes: &[u8; HEADER]) -> Self {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            timestamp: u32_at(0),
            kind: bytes[4],
            server_id: u32_at(5),
            size: u32_at(9),
            next: u32_at(13),
            flags: u16::from_le_bytes([bytes[17], bytes[18]]),
        }
    }

    /// Left out: what only servers before 5.1 wrote, and rows before their form was final (20 to 22).
    fn is_known(&self) -> bool {
        matches!(self.kind, 2..=5 | 13..=19 | 23..=42 | 160..=171)
    }

    /// Whether it can be an event of a compressed transaction.
    fn is_inner(&self) -> bool {
        let whole = [kind::FORMAT, kind::ROTATE, kind::STOP, kind::TRANSACTION_PAYLOAD, kind::START_ENCRYPTION];
        self.is_known() && !whole.contains(&self.kind)
    }
}

/// One event, where it lies in the reader's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Its header.
    pub header: Header,
    /// Where it begins; inside a compressed payload, where the payload's event begins.
    pub start: BinlogPos,
    /// Where it, or the payload's event, ends.
    pub end: BinlogPos,
    /// Counts the events of a compressed payload from 0; `None` outside one.
    pub inner: Option<u32>,
    /// What is behind the header, without the checksum.
    pub body: &'a [u8],
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEnd {
    /// Not seen yet.
    Unknown,
    /// With a rotation or a shutdown: nothing can be missing behind it.
    Closed,
    /// Between two events: it was copied while in use, or its server crashed.
    Open,
}

/// Reads the events of one file, one at a time, in order.
pub struct Frames<R> {
    input: Input<R>,
    limits: Limits,
    format: Option<Format>,
    payload: Option<Payload>,
    closed: bool,
    end: FileEnd,
    failed: bool,
    /// How far the server's positions are from ours: 0 in a log, something else in a relay log.
    drift: u32,
    last: Option<Found>,
}

/// An event that was found; its body's place in one of two buffers.
#[derive(Clone)]
struct Found {
    header: Header,
    start: u64,
    end: u64,
    inner: Option<u32>,
    body: Range<usize>,
}

/// A place between two events, from which reading can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Where the next event begins; inside a compressed payload, the payload's own event.
    pub at: u64,
    /// In the middle of a compressed payload.
    pub inside: Option<Inside>,
}

/// A place between two events of a compressed payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inside {
    pub head: Head,
    /// Plain bytes in front of it.
    pub plain: u64,
    /// Events in front of it.
    pub count: u32,
}

/// What a reader must know to go on somewhere in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameMark {
    pub spot: Spot,
    pub format: Format,
    drift: u32,
}

impl<R: Read> Frames<R> {
    /// Goes on at a mark: the input has the bytes behind it, inside a payload its plain bytes.
    pub(super) fn go_on_at(self, mark: &FrameMark) -> Self {
        let FrameMark { spot, format, drift } = *mark;
        let payload = spot.inside.map(|inside| Payload::resume(inside.head, inside.plain, inside.count));
        Self { input: self.input.starting_at(spot.at), format: Some(format), payload, drift, ..self }
    }

    /// Puts plain bytes of the compressed payload at the front of the input into `into`.
    pub(super) fn pour(input: R, head: Head, (from, to): (u64, u64), into: &mut Vec<u8>) -> Result<(), BinlogError> {
        let mut input = Input::new(input).starting_at(head.start);
        Payload::open(&mut input, head)?.pour(&mut input, (from, to), into)
    }

    /// Whether the next event lies in a compressed payload that has begun.
    pub(super) fn is_inside(&self) -> bool {
        self.payload.as_ref().is_some_and(|payload| payload.going_on().is_some())
    }

    /// Where the next event is, between two events; `None` before the first one.
    pub(super) fn mark(&self) -> Option<FrameMark> {
        let inside = self.payload.as_ref().and_then(|payload| {
            let count = payload.going_on()?;
            Some(Inside { head: payload.head(), plain: payload.at(), count })
        });
        let at = inside.map_or(self.input.at(), |inside| inside.head.start);
        Some(FrameMark { spot: Spot { at, inside }, format: self.format?, drift: self.drift })
    }

    /// Plain bytes of the payload's events so far; 0 outside.
    pub(super) fn plain_at(&self) -> u64 {
        self.payload.as_ref().map_or(0, Payload::at)
    }

    /// Reads from the first byte of a file on.
    pub fn new(input: R, limits: Limits) -> Self {
        Self {
            input: Input::new(input),
            limits,
            format: None,
            payload: None,
            closed: false,
            end: FileEnd::Unknown,
            failed: false,
            drift: 0,
            last: None,
        }
    }

    /// The same reader, whose input stands at an event of a file of which the first event is known.
    pub(super) fn moved_to(self, at: BinlogPos, format: Format) -> Self {
        Self { input: self.input.starting_at(at.0), format: Some(format), ..self }
    }

    /// What the file's first event says; `None` before it was read.
    pub fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// How the file ended.
    pub fn end(&self) -> FileEnd {
        self.end
    }

    /// How far the file was read.
    pub fn at(&self) -> BinlogPos {
        BinlogPos(self.input.at())
    }

    /// Goes to the next event; `false` at the end of the file, and after an error.
    ///
    /// Checksums are compared before anything is handed out. Events of a compressed payload come one by one; its
    /// own checksum is compared before the last of them.
    ///
    /// # Errors
    ///
    /// Everything in [`BinlogError`] that concerns the file rather than the meaning of an event.
    pub fn advance(&mut self) -> Result<bool, BinlogError> {
        if self.failed || self.end != FileEnd::Unknown {
            self.last = None;
            return Ok(false);
        }
        self.last = self.find().inspect_err(|_| self.failed = true)?;
        if self.last.is_none() {
            self.end = if self.closed { FileEnd::Closed } else { FileEnd::Open };
        }
        Ok(self.last.is_some())
    }

    /// The event that [`Self::advance`] went to; `None` before the first and behind the last.
    pub fn event(&self) -> Option<Event<'_>> {
        let Found { header, start, end, inner, body } = self.last.clone()?;
        let buffer = match (&self.payload, inner) {
            (Some(payload), Some(_)) => payload.buffer(),
            _ => self.input.buffer(),
        };
        let body = buffer.get(body).unwrap_or_default();
        Some(Event { header, start: BinlogPos(start), end: BinlogPos(end), inner, body })
    }

    /// [`Self::advance`] and [`Self::event`] in one.
    ///
    /// # Errors
    ///
    /// As [`Self::advance`].
    #[expect(clippy::should_implement_trait, reason = "an event borrows the reader: no iterator can lend")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, BinlogError> {
        self.advance()?;
        Ok(self.event())
    }

    fn find(&mut self) -> Result<Option<Found>, BinlogError> {
        if self.input.at() == 0 {
            self.magic()?;
        }
        loop {
            if let Some(payload) = &mut self.payload {
                match payload.next(&mut self.input, self.limits)? {
                    Some((header, inner, body)) => {
                        let (start, end) = payload.span();
                        if !header.is_inner() && header.flags & kind::FLAG_IGNORABLE == 0 {
                            return Err(BinlogError::UnknownEvent { at: BinlogPos(start), kind: header.kind });
                        }
                        return Ok(Some(Found { header, start, end, inner: Some(inner), body }));
                    }
                    None => self.payload = None,
                }
            }
            let Some((start, header)) = self.header()? else { return Ok(None) };
            if header.kind == kind::TRANSACTION_PAYLOAD && self.format.is_some() {
                self.open_payload(start, header)?;
                continue;
            }
            return self.whole(start, header).map(Some);
        }
    }

    fn magic(&mut self) -> Result<(), BinlogError> {
        if !self.input.have(MAGIC.len())? {
            return Err(match self.input.waiting() {
                [] => BinlogError::Cut { at: BinlogPos(0), missing: MAGIC.len() as u64 },
                part if MAGIC.starts_with(part) => {
                    BinlogError::Cut { at: BinlogPos(0), missing: (MAGIC.len() - part.len()) as u64 }
                }
                _ => BinlogError::NotABinlog,
            });
        }
        match self.input.waiting().first_chunk::<4>() {
            Some(&MAGIC) => self.input.skip(MAGIC.len()),
            Some(&ENCRYPTED_MAGIC) => return Err(BinlogError::Encrypted { product: "MySQL", at: BinlogPos(0) }),
            _ => return Err(BinlogError::NotABinlog),
        }
        Ok(())
    }

    /// The next header, which stays in the input; `None` when the file ends here.
    fn header(&mut self) -> Result<Option<(u64, Header)>, BinlogError> {
        let start = self.input.at();
        let at = BinlogPos(start);
        if !self.input.have(HEADER)? {
            return match (self.input.waiting().len(), &self.format) {
                (0, Some(_)) => Ok(None),
                (have, _) => Err(BinlogError::Cut { at, missing: (HEADER - have) as u64 }),
            };
        }
        let bytes = self.input.waiting().first_chunk::<HEADER>().copied().unwrap_or([0; HEADER]);
        let header = Header::parse(&bytes);
        if bytes.iter().all(|byte| *byte == 0) {
            let what = "there are zeros where an event should begin, as a crash or a full disk leaves them";
            return Err(BinlogError::Damaged { at, what });
        }
        if self.format.is_none() && header.kind != kind::FORMAT {
            return Err(BinlogError::Damaged { at, what: "the first event is not a format description" });
        }
        self.judge_size(start, &header)?;
        Ok(Some((start, header)))
    }

    fn judge_size(&self, start: u64, header: &Header) -> Result<(), BinlogError> {
        let (at, size) = (BinlogPos(start), u64::from(header.size));
        let trailer = self.format.map_or(0, |format| format.checks.len());
        if size < (HEADER + trailer) as u64 {
            return Err(BinlogError::Damaged { at, what: "an event claims to be smaller than its own header" });
        }
        if size > self.limits.event {
            return Err(BinlogError::TooBig { at, size, limit: self.limits.event });
        }
        let drift = header.next.wrapping_sub((start + size) as u32);
        if size >= LARGE && header.next != 0 && drift != self.drift {
            return Err(BinlogError::Damaged { at, what: "an event's size does not fit its end position" });
        }
        Ok(())
    }

    /// Reads the whole event, compares its checksum and takes it out of the input.
    fn whole(&mut self, start: u64, header: Header) -> Result<Found, BinlogError> {
        let size = header.size as usize;
        let at = BinlogPos(start);
        if !self.input.have(size)? {
            let missing = (size - self.input.waiting().len()) as u64;
            return Err(BinlogError::Cut { at, missing });
        }
        let bytes = &self.input.waiting()[..size];
        if header.kind == kind::FORMAT {
            self.format = Some(Format::parse(bytes, at)?);
        }
        let trailer = match (&self.format, header.kind) {
            (Some(format), kind::FORMAT) => format.own_trailer(),
            (Some(format), _) => format.checks.len(),
            (None, _) => 0,
        };
        if header.kind != kind::FORMAT && trailer == 4 && !format::crc_matches(bytes) {
            return Err(BinlogError::Checksum { at });
        }
        self.note(&header, start, size)?;
        let body = self.input.offset() + HEADER..self.input.offset() + size - trailer;
        self.input.skip(size);
        Ok(Found { header, start, end: start + size as u64, inner: None, body })
    }

    /// What an intact event says about the rest of the file.
    fn note(&mut self, header: &Header, start: u64, size: usize) -> Result<(), BinlogError> {
        let at = BinlogPos(start);
        if header.kind == kind::START_ENCRYPTION {
            return Err(BinlogError::Encrypted { product: "MariaDB", at: BinlogPos(start + size as u64) });
        }
        if !header.is_known() && header.flags & kind::FLAG_IGNORABLE == 0 {
            return Err(BinlogError::UnknownEvent { at, kind: header.kind });
        }
        let is_artificial = header.flags & kind::FLAG_ARTIFICIAL != 0;
        self.closed = matches!(header.kind, kind::ROTATE | kind::STOP) && !is_artificial;
        if header.next != 0 && !is_artificial {
            self.drift = header.next.wrapping_sub((start + size as u64) as u32);
        }
        Ok(())
    }

    fn open_payload(&mut self, start: u64, header: Header) -> Result<(), BinlogError> {
        let checks = self.format.map_or(Checks::None, |format| format.checks);
        self.closed = false;
        let head = Head { start, size: u64::from(header.size), checks };
        self.payload = Some(Payload::open(&mut self.input, head)?);
        Ok(())
    }
}
