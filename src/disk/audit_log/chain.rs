//! The chain's file: what other processes appended, records behind it, and the room that is kept for outcomes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::disk::audit_chain::{self, GENESIS, Lines, Link, Piece};
use crate::disk::audit_log::{AuditError, RESERVE};
use crate::model::audit::{AuditKind, AuditRecord};

/// The open file and what has been read of it.
pub(super) struct Chain {
    pub file: File,
    /// Where the last known record begins, and where the next one goes.
    last: u64,
    pub end: u64,
    pub link: Option<Link>,
    open: BTreeSet<u64>,
    pub room: Room,
    /// Bytes behind `end` that were left by a process that was killed while writing.
    pub torn: usize,
}

/// How room is reserved behind the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Blocks that do not show: `fallocate`.
    Allocated,
    /// Blanks that the next records overwrite.
    Blanks,
}

impl Chain {
    pub fn new(file: File) -> Self {
        Self { file, last: 0, end: 0, link: None, open: BTreeSet::new(), room: Room::Allocated, torn: 0 }
    }

    /// Reads what other processes appended, beginning with the last record that is known.
    pub fn catch_up(&mut self) -> Result<(), Trouble> {
        let known = self.link.take();
        self.file.seek(SeekFrom::Start(self.last))?;
        let mut lines = Lines::new(BufReader::new(&self.file));
        if let Some(known) = known {
            match lines.next()? {
                Piece::Line(line) if Link::read(line).as_ref() == Ok(&known) => self.link = Some(known),
                _ => {
                    // The file is not what it was: begin anew.
                    (self.last, self.end, self.open) = (0, 0, BTreeSet::new());
                    return self.catch_up();
                }
            }
        }
        self.torn = 0;
        loop {
            match lines.next()? {
                Piece::End => return Ok(()),
                Piece::Torn(bytes) => {
                    self.torn = bytes;
                    return Ok(());
                }
                Piece::Line(line) => {
                    let record = self.link.as_ref().map_or(0, |link| link.seq + 1);
                    let link = Link::read(line).map_err(|what| Trouble::Broken(record, what))?;
                    self.last = self.end;
                    self.end += line.len() as u64 + 1;
                    audit_chain::count(&mut self.open, &link);
                    self.link = Some(link);
                }
            }
        }
    }

    /// Appends behind the last record; the lock is held and `catch_up` has run.
    pub fn append(&mut self, mut record: AuditRecord) -> Result<AuditRecord, Trouble> {
        record.seq = self.link.as_ref().map_or(0, |link| link.seq + 1);
        record.prev = self.link.as_ref().map_or_else(|| GENESIS.to_owned(), |link| link.hash.clone());
        let line = audit_chain::line_of(&mut record)?;
        let link = Link::read(line.trim_ascii_end()).map_err(io::Error::other)?;
        let mut open = self.open.clone();
        audit_chain::count(&mut open, &link);
        if record.kind != AuditKind::Outcome || !self.open.contains(&record.of.unwrap_or(u64::MAX)) {
            self.reserve(line.len() as u64 + RESERVE * open.len() as u64)?;
        }
        self.file.write_all_at(&line, self.end).and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // What is half written would be healed by the next append; better now.
            let _ = self.blank(line.len() as u64);
        })?;
        (self.last, self.end) = (self.end, self.end + line.len() as u64);
        (self.link, self.open) = (Some(link), open);
        if self.open.is_empty() && self.file.metadata()?.len() > self.end {
            let _ = self.file.set_len(self.end); // blanks that nobody needs any more
        }
        Ok(record)
    }

    /// Makes sure that `bytes` behind the last record can be written whatever happens to the disk.
    fn reserve(&mut self, bytes: u64) -> Result<(), Trouble> {
        let wanted = self.end + bytes;
        // `fallocate` does not look at this limit, a later write would.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| wanted > limit) {
            return Err(Trouble::Io(io::ErrorKind::FileTooLarge.into()));
        }
        if self.room == Room::Allocated {
            match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.end, bytes) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.room = Room::Blanks,
                done => return done.map_err(|errno| Trouble::Io(errno.into())),
            }
        }
        Ok(self.write_blanks(wanted)?)
    }

    /// Blanks what stands behind the last record. Cutting it off would give away the reserved room.
    pub fn blank(&self, bytes: u64) -> io::Result<()> {
        let there = self.file.metadata()?.len().saturating_sub(self.end).min(bytes);
        let blanks = vec![b' '; usize::try_from(there).unwrap_or(0)];
        self.file.write_all_at(&blanks, self.end)
    }

    fn write_blanks(&mut self, wanted: u64) -> io::Result<()> {
        let had = self.file.metadata()?.len();
        let Some(missing) = wanted.checked_sub(had).filter(|missing| *missing > 0) else { return Ok(()) };
        self.file.seek(SeekFrom::Start(had))?;
        io::copy(&mut io::Read::take(io::repeat(b' '), missing), &mut &self.file)
            .and_then(|_| (&self.file).flush())
            .and_then(|()| self.file.sync_data())
            .inspect_err(|_| {
                // The outcomes that are due keep the room they had.
                let _ = self.file.set_len(had);
            })
    }
}

/// What went wrong inside the lock, before it has the log's name.
pub(super) enum Trouble {
    Broken(u64, &'static str),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    pub fn named(self, path: &Path) -> AuditError {
        let path = path.to_owned();
        match self {
            Self::Broken(record, what) => AuditError::Broken { path, record, what: what.to_owned() },
            Self::Io(source) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    AuditError::NoSpace { path, source }
                }
                _ => AuditError::Io { path, source },
            },
        }
    }
}
