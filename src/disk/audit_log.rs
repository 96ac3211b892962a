//! The audit log: who did what, in one chain that several processes share.
//!
//! `audit.jsonl` holds one JSON record a line. Each carries the hash of the one before and ends with its
//! own: SHA-256 over its text with the value of `hash` left empty. An edited, removed, moved or doubled
//! record breaks the chain and is named; a tail that was cut off is invisible unless somebody kept a
//! later head, which is why every verb prints it and `audit verify --head` takes it.
//!
//! An intent reserves the room of its outcome, so that a full disk cannot hide how a restore ended: the
//! log keeps [`RESERVE`] bytes behind its end for every open intent, of any process, and refuses a record
//! that would eat into them. The room is allocated by `fallocate` beyond the end of the file; where the
//! file system cannot do that, by blanks written there, which the next records overwrite. (File systems
//! that copy on write, such as ZFS, may still find no room for an overwrite.)

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::Diagnostic;
use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use thiserror::Error;

use crate::disk::audit_chain::{self, GENESIS, Lines, Link, Piece};
use crate::disk::audit_syslog::Syslog;
use crate::disk::folder;
use crate::disk::state::State;
use crate::model::audit::{Actor, AuditKind, AuditRecord, ChainState};
use crate::model::foreign::escape;
use crate::model::seal::Fingerprint;
use crate::model::units::Moment;
use crate::report::{Fault, Reportable};

/// Room kept for each outcome: no record is longer, see `SUBJECT` and `DETAIL`.
pub const RESERVE: u64 = 16 << 10;

/// Bytes of a subject and of a detail that are kept.
const SUBJECT: usize = 2048;
const DETAIL: usize = 3072;

/// Why nothing was recorded. Whatever was to be recorded must then not be done.
#[derive(Debug, Error, Diagnostic)]
pub enum AuditError {
    /// The last record cannot be understood, so nothing can follow it.
    #[error("the audit log {} is broken: record {record} {what}", path.display())]
    #[diagnostic(
        code(audit::broken),
        help(
            "nothing was done. `breakglass audit verify` says more; keep the file as evidence under another \
              name, and a new chain begins"
        )
    )]
    Broken {
        /// The log.
        path: PathBuf,
        /// Its number, from 0.
        record: u64,
        /// What is wrong with it.
        what: String,
    },

    /// There is no room for the record and the outcomes that are still to come.
    #[error("there is no room in the audit log {}", path.display())]
    #[diagnostic(
        code(audit::no_space),
        help(
            "nothing was done: what cannot be recorded is not started. Free some space, or move the state \
              with --state-dir"
        )
    )]
    NoSpace {
        /// The log.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// Anything else.
    #[error("the audit log {} cannot be written", path.display())]
    #[diagnostic(
        code(audit::unwritable),
        help("nothing was done: what cannot be recorded is not started. See the cause")
    )]
    Io {
        /// The log.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

impl Reportable for AuditError {
    fn fault(&self) -> Fault {
        match self {
            Self::Broken { .. } => Fault::Integrity,
            Self::NoSpace { .. } | Self::Io { .. } => Fault::Failed,
        }
    }
}

/// What is to be recorded. Texts are escaped and cut here; none may hold a secret or a row value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// When.
    pub at: Moment,
    /// `key.load`, `restore`, ...
    pub action: String,
    /// On what.
    pub subject: String,
    /// `ok`, `failed`, a verdict's word; empty for intents.
    pub result: String,
    /// Further facts.
    pub detail: String,
    /// The key used.
    pub key: Option<Fingerprint>,
}

/// An intent that was recorded; [`AuditLog::outcome`] wants it back.
#[must_use = "an intent without an outcome reads as if the program had died"]
#[derive(Debug)]
pub struct IntentToken {
    seq: u64,
    action: String,
    subject: String,
    key: Option<Fingerprint>,
}

impl IntentToken {
    /// Its record's number.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Its outcome will name this key: the one that opened the backup, once that is known.
    pub fn opened_by(self, key: Option<Fingerprint>) -> Self {
        Self { key: key.or(self.key), ..self }
    }
}

/// Whether records are copied to the machine's syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogCopy {
    /// No.
    Off,
    /// Yes, as well as it goes: an unreachable syslog stops nothing.
    On,
}

/// The lines of a log, one after the other.
pub struct Export(Lines<BufReader<io::Take<File>>>);

impl Export {
    /// The next line without its newline; what is unfinished at the end is no line.
    ///
    /// # Errors
    ///
    /// Where the log cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        match self.0.next()? {
            Piece::Line(line) => Ok(Some(line)),
            Piece::Torn(_) | Piece::End => Ok(None),
        }
    }
}

/// The audit log of one estate. Shared between threads by reference, between processes by its file.
pub struct AuditLog {
    path: PathBuf,
    actor: Actor,
    syslog: Option<Syslog>,
    inner: Mutex<Chain>,
}

/// The open file and what has been read of it.
struct Chain {
    file: File,
    /// Where the last known record begins, and where the next one goes.
    last: u64,
    end: u64,
    link: Option<Link>,
    open: BTreeSet<u64>,
    room: Room,
    /// Bytes behind `end` that were left by a process that was killed while writing.
    torn: usize,
}

/// How room is reserved behind the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Blocks that do not show: `fallocate`.
    Allocated,
    /// Blanks that the next records overwrite.
    Blanks,
}

impl AuditLog {
    /// Opens or begins the log.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened or made.
    pub fn open(state: &State, actor: Actor, copy: SyslogCopy) -> Result<Self, AuditError> {
        let path = state.dir().join("audit.jsonl");
        let failed = |source| AuditError::Io { path: path.clone(), source };
        let file = folder::open_own_file(&path).map_err(failed)?;
        folder::sync_dir(state.dir()).map_err(failed)?;
        let syslog = (copy == SyslogCopy::On).then(Syslog::open);
        Ok(Self { actor, syslog, inner: Mutex::new(Chain::new(file)), path })
    }

    /// As on a file system that cannot allocate behind the end of a file.
    #[cfg(test)]
    pub(super) fn with_blanks(self) -> Self {
        self.inner.lock().expect("no test panics inside").room = Room::Blanks;
        self
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records something that needs no intent.
    ///
    /// # Errors
    ///
    /// Where it cannot be made durable.
    pub fn event(&self, entry: Entry) -> Result<AuditRecord, AuditError> {
        self.append(AuditKind::Event, None, entry)
    }

    /// Records what is about to be done, durably, and reserves the room of its outcome.
    ///
    /// # Errors
    ///
    /// Where it cannot be made durable or the room cannot be had: then it must not be done.
    pub fn intent(&self, entry: Entry) -> Result<IntentToken, AuditError> {
        let (action, subject, key) = (entry.action.clone(), entry.subject.clone(), entry.key.clone());
        let record = self.append(AuditKind::Intent, None, entry)?;
        Ok(IntentToken { seq: record.seq, action, subject, key })
    }

    /// Records how an intent ended.
    ///
    /// # Errors
    ///
    /// Only where the file itself fails: its room is there.
    pub fn outcome(&self, of: IntentToken, at: Moment, result: &str, detail: &str) -> Result<AuditRecord, AuditError> {
        let IntentToken { seq, action, subject, key } = of;
        let entry = Entry { at, action, subject, key, result: result.to_owned(), detail: detail.to_owned() };
        self.append(AuditKind::Outcome, Some(seq), entry)
    }

    /// Checks the whole chain; `head`, at least 16 digits of a hash that was kept elsewhere, must be in it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read; a broken chain is no error but an answer.
    pub fn verify(&self, head: Option<&str>) -> Result<ChainState, AuditError> {
        self.locked(|chain| {
            chain.file.seek(SeekFrom::Start(0))?;
            Ok(audit_chain::verify(BufReader::new(&chain.file), head)?)
        })
    }

    /// A reader over every line as it stands now, broken ones included. Others may go on appending.
    ///
    /// # Errors
    ///
    /// Where the log cannot be read.
    pub fn export(&self) -> Result<Export, AuditError> {
        self.locked(|chain| {
            let length = chain.file.metadata()?.len();
            let file = File::open(&self.path)?;
            Ok(Export(Lines::new(BufReader::new(io::Read::take(file, length)))))
        })
    }

    /// The hash of the last record; zeros while there is none.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or its last record cannot be understood.
    pub fn head(&self) -> Result<String, AuditError> {
        self.locked(|chain| {
            chain.catch_up()?;
            Ok(chain.link.as_ref().map_or_else(|| GENESIS.to_owned(), |link| link.hash.clone()))
        })
    }

    /// The last `n` records, oldest first. Lines that cannot be understood are left out: `verify` names them.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn read_tail(&self, n: usize) -> Result<Vec<AuditRecord>, AuditError> {
        let from = |chain: &mut Chain, reach: u64| -> io::Result<(u64, Vec<AuditRecord>)> {
            let start = chain.file.metadata()?.len().saturating_sub(reach);
            chain.file.seek(SeekFrom::Start(start))?;
            let mut lines = Lines::new(BufReader::new(&chain.file));
            let mut records = vec![];
            while let Piece::Line(line) = lines.next()? {
                records.extend(serde_json::from_slice(line).ok());
            }
            Ok((start, records))
        };
        self.locked(|chain| {
            let mut reach = RESERVE.saturating_mul(n as u64).clamp(64 << 10, 1 << 20);
            loop {
                let (start, mut records) = from(chain, reach)?;
                if start == 0 || records.len() >= n {
                    return Ok(records.split_off(records.len().saturating_sub(n)));
                }
                reach = reach.saturating_mul(4);
            }
        })
    }

    fn append(&self, kind: AuditKind, of: Option<u64>, entry: Entry) -> Result<AuditRecord, AuditError> {
        let record = self.locked(|chain| {
            chain.catch_up()?;
            let mut record = self.record(kind, of, entry);
            if chain.torn > 0 {
                // Nothing that was recorded is lost: its process died before it was durable, so nothing followed it.
                let note = format!("healed: {} bytes of an unfinished record were removed. ", chain.torn);
                record.detail = cut(&(note + &record.detail), DETAIL);
                chain.blank(chain.torn as u64)?;
            }
            chain.append(record)
        })?;
        if let Some(syslog) = &self.syslog {
            syslog.send(&record);
        }
        Ok(record)
    }

    fn record(&self, kind: AuditKind, of: Option<u64>, entry: Entry) -> AuditRecord {
        AuditRecord {
            seq: 0,
            at: entry.at,
            kind,
            of,
            action: cut(&entry.action, 64),
            subject: cut(&entry.subject, SUBJECT),
            result: cut(&entry.result, 64),
            detail: cut(&entry.detail, DETAIL),
            key: entry.key,
            actor: self.actor.clone(),
            prev: String::new(),
            hash: String::new(),
        }
    }

    /// Runs with the file locked against other processes and other threads.
    fn locked<T>(&self, work: impl FnOnce(&mut Chain) -> Result<T, Trouble>) -> Result<T, AuditError> {
        // A thread that panicked here left the file as consistent as a killed process would have.
        let mut chain = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.lock_current(&mut chain).map_err(Trouble::from).and_then(|()| work(&mut chain));
        let _ = rustix::fs::flock(&chain.file, FlockOperation::Unlock);
        done.map_err(|trouble| trouble.named(&self.path))
    }

    /// Locks the file that has the name now: somebody may have moved the old one away.
    fn lock_current(&self, chain: &mut MutexGuard<'_, Chain>) -> io::Result<()> {
        for _ in 0..8 {
            folder::lock_file(&chain.file)?;
            let held = chain.file.metadata()?;
            match fs::symlink_metadata(&self.path) {
                Ok(named) if (named.dev(), named.ino()) == (held.dev(), held.ino()) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => **chain = Chain::new(folder::open_own_file(&self.path)?),
            }
        }
        Err(io::Error::other("the file is being replaced again and again"))
    }
}

impl Chain {
    fn new(file: File) -> Self {
        Self { file, last: 0, end: 0, link: None, open: BTreeSet::new(), room: Room::Allocated, torn: 0 }
    }

    /// Reads what other processes appended, beginning with the last record that is known.
    fn catch_up(&mut self) -> Result<(), Trouble> {
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
    fn append(&mut self, mut record: AuditRecord) -> Result<AuditRecord, Trouble> {
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
    fn blank(&self, bytes: u64) -> io::Result<()> {
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
enum Trouble {
    Broken(u64, &'static str),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    fn named(self, path: &Path) -> AuditError {
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

/// Escapes, then cuts to so many bytes.
fn cut(text: &str, limit: usize) -> String {
    let mut safe = escape(text);
    if safe.len() > limit {
        safe.truncate(safe.floor_char_boundary(limit - 3));
        safe.push_str("...");
    }
    safe
}
