//! Tar archives as a stream of members: what databacker puts around its dumps.
//!
//! Regular files with plain names, and nothing else: what an archive could use to reach out of a folder
//! (`..`, absolute paths, links, devices) or to be read in two ways (duplicates, sparse files) is refused
//! with the member's name. Headers are read with the `tar` crate; walking is ours, because a cut archive
//! must not pass for a whole one.

pub mod tolerant;

use std::collections::HashSet;

use miette::Diagnostic;
use tar::{EntryType, Header};
use thiserror::Error;

use crate::format::payload::Intake;
use crate::model::foreign::Foreign;
use crate::report::{Fault, Reportable};

/// Bytes of a block: headers are one, data is padded to whole ones.
const BLOCK: usize = 512;
/// Longest name or PAX header.
const LONGEST_HEADER: u64 = 64 << 10;
/// Members at most.
const MEMBERS: usize = 4096;

/// What is wrong with an archive. Offsets count the bytes of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum TarError {
    /// It ends too early.
    #[error("the archive is cut at its byte {at}: {what}")]
    #[diagnostic(code(tar::truncated), help("pick another backup; `breakglass salvage` gets out what is there"))]
    Truncated {
        /// Bytes of the archive that are there.
        at: u64,
        /// What is missing, safe to draw.
        what: String,
    },
    /// It is not what an archiver wrote.
    #[error("the archive is damaged at its byte {at}: {what}")]
    #[diagnostic(code(tar::damaged), help("do not restore it; pick another backup of the series"))]
    Damaged {
        /// Where the header begins that does not hold.
        at: u64,
        /// What does not hold.
        what: &'static str,
    },
    /// A member that no backup program writes.
    #[error("the archive's member {name} is refused: {what}")]
    #[diagnostic(code(tar::refused), help("no backup program writes that: look at who else can write to the target"))]
    Refused {
        /// Where its header begins.
        at: u64,
        /// Its name.
        name: Foreign,
        /// Why.
        what: &'static str,
    },
}

impl Reportable for TarError {
    fn fault(&self) -> Fault {
        Fault::Integrity
    }
}

/// What a walk tells about.
pub trait TarSink {
    /// Why it wants no more.
    type Error;
    /// A member begins. `name` is relative and has no `..` in it.
    fn begin(&mut self, name: &Foreign, size: u64) -> Result<(), Self::Error>;
    /// More of its bytes.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// All of its bytes have come.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Why a walk stopped.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The archive is bad.
    Archive(TarError),
    /// The sink wants no more.
    Sink(E),
}

impl<E> From<TarError> for Stopped<E> {
    fn from(error: TarError) -> Self {
        Self::Archive(error)
    }
}

/// Walks an archive whose bytes arrive in pieces of any size. Memory does not grow with it.
#[derive(Debug)]
pub struct TarWalk {
    state: State,
    intake: Intake,
    names: HashSet<Foreign>,
    next: Overrides,
    /// Bytes behind the archive's end that are not zero.
    behind: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A header, or the first block of zeros.
    Header,
    /// A header that speaks of the next one.
    Extension(Extension),
    Data,
    Padding,
    /// One block of zeros was there: another must follow.
    LastBlock,
    /// The archive's own end was seen.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    /// PAX records.
    Pax,
    /// GNU's long name.
    LongName,
    /// PAX records for all that follow; nothing in them concerns us.
    Global,
}

/// What extension headers say of the next member.
#[derive(Debug, Default)]
struct Overrides {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    /// Something that makes the member one that we refuse.
    refuse: Option<&'static str>,
    padding: u64,
}

impl Default for TarWalk {
    fn default() -> Self {
        let mut intake = Intake::default();
        intake.ask(BLOCK as u64, BLOCK);
        Self { state: State::Header, intake, names: HashSet::new(), next: Overrides::default(), behind: 0 }
    }
}

/// Whether a block is a tar header: its checksum says so.
pub fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else { return false };
    let header = Header::from_byte_slice(block);
    block.iter().any(|byte| *byte != 0) && header.cksum().is_ok_and(|said| said == checksum(block))
}

/// Whether a block says that it is a tar header, whatever its checksum says.
pub fn is_marked(block: &[u8]) -> bool {
    block.get(257..262) == Some(b"ustar")
}

/// The sum of all bytes, those of the checksum's own field counted as blanks.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

impl TarWalk {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// As soon as something does not hold, or the sink wants no more. It must not be fed again then.
    pub fn feed<S: TarSink>(&mut self, mut bytes: &[u8], sink: &mut S) -> Result<(), Stopped<S::Error>> {
        while !bytes.is_empty() {
            if self.state == State::Ended {
                self.behind += bytes.iter().filter(|byte| **byte != 0).count() as u64;
                return Ok(());
            }
            let piece = self.intake.take(&mut bytes);
            if self.state == State::Data && !piece.is_empty() {
                sink.data(piece).map_err(Stopped::Sink)?;
            }
            while self.intake.complete() && self.state != State::Ended {
                self.step(sink)?;
            }
        }
        Ok(())
    }

    /// Takes the end of the bytes; how many that are not zero follow the archive's own end.
    ///
    /// # Errors
    ///
    /// [`TarError::Truncated`] when that end was not seen.
    pub fn finish(&self) -> Result<u64, TarError> {
        let at = self.intake.at;
        let what = match self.state {
            State::Ended => return Ok(self.behind),
            State::Header if self.intake.untouched() && at > 0 => "every member is complete, but the end is missing",
            State::Header | State::LastBlock => "inside a header",
            State::Extension(_) => "inside an extended header",
            State::Data | State::Padding => "inside a member",
        };
        Err(TarError::Truncated { at, what: what.to_owned() })
    }

    /// Whether the archive's own end was seen.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// What was asked for is there.
    fn step<S: TarSink>(&mut self, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        match self.state {
            State::Header | State::LastBlock => self.header(sink),
            State::Extension(extension) => {
                let padding = std::mem::take(&mut self.next.padding);
                self.extension(extension)?;
                self.pad(padding);
                Ok(())
            }
            State::Data => {
                let padding = std::mem::take(&mut self.next.padding);
                self.pad(padding);
                sink.end().map_err(Stopped::Sink)
            }
            State::Padding => {
                self.expect_header();
                Ok(())
            }
            State::Ended => Ok(()),
        }
    }

    fn expect_header(&mut self) {
        self.state = State::Header;
        self.intake.ask(BLOCK as u64, BLOCK);
    }

    fn pad(&mut self, padding: u64) {
        self.state = State::Padding;
        self.intake.ask(padding, 0);
    }

    fn header<S: TarSink>(&mut self, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        let at = self.intake.at - BLOCK as u64;
        let held = std::mem::take(&mut self.intake.held);
        let block: &[u8; BLOCK] = held.first_chunk().ok_or(TarError::Damaged { at, what: "a header is short" })?;
        if block.iter().all(|byte| *byte == 0) {
            if self.state == State::LastBlock {
                self.state = State::Ended;
            } else {
                self.state = State::LastBlock;
                self.intake.ask(BLOCK as u64, BLOCK);
            }
            return Ok(());
        }
        if self.state == State::LastBlock {
            return Err(TarError::Damaged { at, what: "a single block of zeros, then more" }.into());
        }
        if !is_header(block) {
            return Err(TarError::Damaged { at, what: "a header's checksum is wrong" }.into());
        }
        self.entry(Header::from_byte_slice(block), at, sink)
    }

    fn entry<S: TarSink>(&mut self, header: &Header, at: u64, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        match self.next.entry(header, at)? {
            Entry::Extension(extension, size) => {
                self.state = State::Extension(extension);
                self.next.padding = padding(size);
                self.intake.ask(size, LONGEST_HEADER as usize);
            }
            Entry::Folder(size) => self.pad(size.saturating_add(padding(size))),
            Entry::File(name, size) => {
                register(&mut self.names, &name, at)?;
                sink.begin(&name, size).map_err(Stopped::Sink)?;
                self.state = State::Data;
                self.next.padding = padding(size);
                self.intake.ask(size, 0);
            }
        }
        Ok(())
    }

    fn extension(&mut self, extension: Extension) -> Result<(), TarError> {
        let at = self.intake.at;
        let held = std::mem::take(&mut self.intake.held);
        self.next.extend(extension, &held, at)
    }
}

/// What a header announces.
enum Entry {
    /// More about the next header, of that many bytes.
    Extension(Extension, u64),
    /// A folder, and the bytes that may stand behind it.
    Folder(u64),
    /// A regular file with a plain name, and its bytes.
    File(Foreign, u64),
}

impl Overrides {
    /// Reads a header whose checksum is right.
    fn entry(&mut self, header: &Header, at: u64) -> Result<Entry, TarError> {
        let size = header.entry_size().map_err(|_| TarError::Damaged { at, what: "a member's size is no number" })?;
        let extension = match header.entry_type() {
            EntryType::XHeader => Some(Extension::Pax),
            EntryType::XGlobalHeader => Some(Extension::Global),
            EntryType::GNULongName => Some(Extension::LongName),
            _ => None,
        };
        if let Some(extension) = extension {
            if size > LONGEST_HEADER {
                return Err(TarError::Damaged { at, what: "an extended header is longer than any name" });
            }
            return Ok(Entry::Extension(extension, size));
        }
        let next = std::mem::take(self);
        let size = next.size.unwrap_or(size);
        let name = next.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let refused = |what| TarError::Refused { at, name: Foreign::new(name.clone()), what };
        if let Some(what) = next.refuse.or_else(|| odd_type(header.entry_type())) {
            return Err(refused(what));
        }
        let plain = plain_name(&name).map_err(refused)?;
        if header.entry_type().is_dir() {
            return Ok(Entry::Folder(size));
        }
        Ok(Entry::File(plain.ok_or_else(|| refused("it has no name"))?, size))
    }

    /// Takes what an extended header says.
    fn extend(&mut self, extension: Extension, held: &[u8], at: u64) -> Result<(), TarError> {
        match extension {
            Extension::Global => {}
            Extension::LongName => {
                let end = held.iter().position(|byte| *byte == 0).unwrap_or(held.len());
                self.name = Some(held[..end].to_vec());
            }
            Extension::Pax => pax(held, self).ok_or(TarError::Damaged { at, what: "a PAX header is broken" })?,
        }
        Ok(())
    }
}

/// Takes note of a member's name: each may be there once.
fn register(names: &mut HashSet<Foreign>, name: &Foreign, at: u64) -> Result<(), TarError> {
    let refused = |what| TarError::Refused { at, name: name.clone(), what };
    if names.len() >= MEMBERS {
        return Err(refused("there are more members than any server has databases"));
    }
    if names.insert(name.clone()) { Ok(()) } else { Err(refused("it is there twice")) }
}

fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn odd_type(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => None,
        EntryType::Symlink | EntryType::Link | EntryType::GNULongLink => Some("it is a link"),
        EntryType::GNUSparse => Some("it is a sparse file"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Some("it is a device or a pipe"),
        _ => Some("it is no regular file"),
    }
}

/// The name without `./`; `None` for the archive's own folder.
fn plain_name(name: &[u8]) -> Result<Option<Foreign>, &'static str> {
    if name.starts_with(b"/") {
        return Err("its path is absolute");
    }
    if name.contains(&0) || name.len() > 4096 {
        return Err("its name is no file's name");
    }
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.iter().any(|part| *part == b"..") {
        return Err("its path leads out of its folder (..)");
    }
    Ok((!parts.is_empty()).then(|| Foreign::new(parts.join(&b'/'))))
}

/// PAX records: `LENGTH KEY=VALUE\n`, the length counting itself.
fn pax(mut records: &[u8], next: &mut Overrides) -> Option<()> {
    while !records.is_empty() {
        let blank = records.iter().take(8).position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
        let record = records.get(blank + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => next.name = Some(value.to_vec()),
            b"size" => next.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            b"linkpath" => next.refuse = Some("it is a link"),
            key if key.starts_with(b"GNU.sparse") => next.refuse = Some("it is a sparse file"),
            _ => {}
        }
        records = &records[length..];
    }
    Some(())
}

#[cfg(test)]
#[path = "tar/tests.rs"]
mod tests;
