//! The same walk over an archive that is cut or damaged: for salvage, of which nothing is taken for whole.
//!
//! What is refused in a sound archive is refused here. What is damaged is passed over up to the next block
//! that is a header without a doubt; what a salvage finds there may have been part of a member's data.

use std::collections::HashSet;

use tar::Header;

use crate::format::payload::Intake;
use crate::format::tar::{
    BLOCK, Entry, Extension, LONGEST_HEADER, Overrides, Stopped, TarError, is_header, is_marked, padding, register,
};
use crate::model::foreign::Foreign;

/// How a member was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Where the member before it ends.
    InStep,
    /// By its looks, behind a damaged stretch.
    BehindDamage,
}

/// How a member ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberEnd {
    /// With as many bytes as its header says.
    Full,
    /// The archive ends first.
    Cut {
        /// Bytes that its header promised and that are not there.
        missing: u64,
    },
}

/// A stretch that is no archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins in the archive, in bytes.
    pub from: u64,
    /// Where the next member begins, or the archive ends.
    pub to: u64,
    /// What does not hold where it begins.
    pub what: &'static str,
}

/// What a tolerant walk tells about.
pub trait SalvageSink {
    /// Why it wants no more.
    type Error;
    /// A member begins. `name` is relative and has no `..` in it; `size` is what the header claims.
    fn begin(&mut self, name: &Foreign, size: u64, found: Found) -> Result<(), Self::Error>;
    /// More of its bytes.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// No more of its bytes come.
    fn end(&mut self, end: MemberEnd) -> Result<(), Self::Error>;
    /// A stretch was passed over.
    fn gap(&mut self, gap: Gap);
}

/// Where the bytes of an archive stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveEnd {
    /// Behind the archive's own end; so many bytes that are not zero follow it.
    Seen {
        /// Bytes behind it.
        behind: u64,
    },
    /// Before it.
    Cut {
        /// Bytes of the archive that are there.
        at: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Header,
    LastBlock,
    Extension(Extension),
    Data,
    Padding,
    /// Looking for a header, from that byte on.
    Seeking(u64, &'static str),
    Ended,
}

/// Walks a broken archive whose bytes arrive in pieces of any size. Memory does not grow with it.
#[derive(Debug)]
pub struct TolerantWalk {
    state: State,
    intake: Intake,
    names: HashSet<Foreign>,
    next: Overrides,
    found: Found,
    behind: u64,
}

impl Default for TolerantWalk {
    fn default() -> Self {
        let mut intake = Intake::default();
        intake.ask(BLOCK as u64, BLOCK);
        let (names, next) = (HashSet::new(), Overrides::default());
        Self { state: State::Header, intake, names, next, found: Found::InStep, behind: 0 }
    }
}

impl TolerantWalk {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`TarError::Refused`] for a member that no backup program writes, never for damage; or what the sink
    /// says. It must not be fed again then.
    pub fn feed<S: SalvageSink>(&mut self, mut bytes: &[u8], sink: &mut S) -> Result<(), Stopped<S::Error>> {
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

    /// Takes the end of the bytes.
    ///
    /// # Errors
    ///
    /// What the sink says.
    pub fn finish<S: SalvageSink>(&mut self, sink: &mut S) -> Result<ArchiveEnd, S::Error> {
        let at = self.intake.at;
        match self.state {
            State::Ended => return Ok(ArchiveEnd::Seen { behind: self.behind }),
            State::Data => sink.end(MemberEnd::Cut { missing: self.intake.left() })?,
            State::Seeking(from, what) => sink.gap(Gap { from, to: at, what }),
            State::Header | State::LastBlock | State::Extension(_) | State::Padding => {}
        }
        Ok(ArchiveEnd::Cut { at })
    }

    fn step<S: SalvageSink>(&mut self, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        match self.state {
            State::Header | State::LastBlock | State::Seeking(..) => return self.block(sink),
            State::Extension(extension) => {
                let padding = std::mem::take(&mut self.next.padding);
                let at = self.intake.at;
                let held = std::mem::take(&mut self.intake.held);
                if self.next.extend(extension, &held, at).is_err() {
                    self.next = Overrides::default();
                    self.seek(at, "an extended header is broken");
                    return Ok(());
                }
                self.pad(padding);
            }
            State::Data => {
                let padding = std::mem::take(&mut self.next.padding);
                self.pad(padding);
                sink.end(MemberEnd::Full).map_err(Stopped::Sink)?;
            }
            State::Padding => self.ask_block(State::Header),
            State::Ended => {}
        }
        Ok(())
    }

    fn ask_block(&mut self, state: State) {
        self.state = state;
        self.intake.ask(BLOCK as u64, BLOCK);
    }

    fn pad(&mut self, padding: u64) {
        self.state = State::Padding;
        self.intake.ask(padding, 0);
    }

    fn seek(&mut self, from: u64, what: &'static str) {
        self.ask_block(State::Seeking(from, what));
    }

    fn block<S: SalvageSink>(&mut self, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        let at = self.intake.at - BLOCK as u64;
        let held = std::mem::take(&mut self.intake.held);
        if let State::Seeking(from, what) = self.state {
            return self.maybe(&held, at, Gap { from, to: at, what }, sink);
        }
        if held.iter().all(|byte| *byte == 0) {
            let next = if self.state == State::LastBlock { State::Ended } else { State::LastBlock };
            if next == State::Ended {
                self.state = next
            } else {
                self.ask_block(next)
            }
            return Ok(());
        }
        if !is_header(&held) {
            self.seek(at, "a header's checksum is wrong");
            return Ok(());
        }
        match read(&mut self.next, &held, at) {
            Ok(entry) => self.entry(entry, at, sink),
            Err(TarError::Damaged { what, .. }) => {
                self.next = Overrides::default();
                self.seek(at, what);
                Ok(())
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// A block behind damage: taken for a header only if all of it is what a backup program writes.
    fn maybe<S: SalvageSink>(&mut self, held: &[u8], at: u64, gap: Gap, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        let mut fresh = Overrides::default();
        let entry = if is_marked(held) && is_header(held) { read(&mut fresh, held, at).ok() } else { None };
        let known = |entry: &Entry| matches!(entry, Entry::File(name, _) if self.names.contains(name));
        match entry.filter(|entry| !known(entry)) {
            None => {
                self.seek(gap.from, gap.what);
                Ok(())
            }
            Some(entry) => {
                sink.gap(gap);
                self.next = fresh;
                self.found = Found::BehindDamage;
                self.entry(entry, at, sink)
            }
        }
    }

    fn entry<S: SalvageSink>(&mut self, entry: Entry, at: u64, sink: &mut S) -> Result<(), Stopped<S::Error>> {
        match entry {
            Entry::Extension(extension, size) => {
                self.state = State::Extension(extension);
                self.next.padding = padding(size);
                self.intake.ask(size, LONGEST_HEADER as usize);
            }
            Entry::Folder(size) => self.pad(size.saturating_add(padding(size))),
            Entry::File(name, size) => {
                register(&mut self.names, &name, at)?;
                let found = std::mem::replace(&mut self.found, Found::InStep);
                sink.begin(&name, size, found).map_err(Stopped::Sink)?;
                self.state = State::Data;
                self.next.padding = padding(size);
                self.intake.ask(size, 0);
            }
        }
        Ok(())
    }
}

fn read(next: &mut Overrides, block: &[u8], at: u64) -> Result<Entry, TarError> {
    let block: &[u8; BLOCK] = block.first_chunk().ok_or(TarError::Damaged { at, what: "a header is short" })?;
    next.entry(Header::from_byte_slice(block), at)
}
