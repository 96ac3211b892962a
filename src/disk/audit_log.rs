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

mod chain;

use std::fs::{self, File};
use std::io::{self, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::Diagnostic;
use rustix::fs::FlockOperation;
use thiserror::Error;

use crate::disk::audit_chain::{self, GENESIS, Lines, Piece};
use crate::disk::audit_log::chain::{Chain, Trouble};
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
        self.inner.lock().expect("no test panics inside").room = chain::Room::Blanks;
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

/// Escapes, then cuts to so many bytes.
fn cut(text: &str, limit: usize) -> String {
    let mut safe = escape(text);
    if safe.len() > limit {
        safe.truncate(safe.floor_char_boundary(limit - 3));
        safe.push_str("...");
    }
    safe
}
