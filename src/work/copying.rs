//! What was proven, copied out as it is: a dump, or the members of an archive that are wanted.

use std::collections::HashMap;
use std::io;
use std::io::Write;

use sha2::{Digest, Sha256};

use crate::format::tar::{Stopped, TarSink, TarWalk};
use crate::model::foreign::Foreign;
use crate::model::plan::RestorePlan;
use crate::model::trust::Proof;
use crate::work::keep::Keep;
use crate::work::opening::Plaintext;
use crate::work::restore;
use crate::work::restore::RestoreError;

/// Where copied bytes go.
pub trait Outlet {
    /// A member begins.
    fn begin(&mut self, name: &Foreign) -> io::Result<()>;
    /// Bytes of it, or of the dump.
    fn data(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The member is complete.
    fn end(&mut self) -> io::Result<()>;
}

impl Outlet for Keep {
    fn begin(&mut self, name: &Foreign) -> io::Result<()> {
        Self::begin(self, name)
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        Self::end(self)
    }
}

/// A pipe: dumps one after the other.
pub struct Pipe {
    /// Its writing end.
    pub out: Box<dyn Write + Send>,
    /// Bytes that went into it.
    pub written: u64,
}

impl Outlet for Pipe {
    fn begin(&mut self, _name: &Foreign) -> io::Result<()> {
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// The last line of databacker's dumps has no end of its own.
    fn end(&mut self) -> io::Result<()> {
        self.data(b"\n")
    }
}

/// What is copied, and the digests that it must come to.
pub enum Wanted {
    /// The one dump.
    Dump(Option<String>),
    /// Members by name; others are passed over.
    Members(HashMap<Foreign, String>),
}

impl Wanted {
    /// What a plan wants of a proven backup.
    pub fn of(proof: &Proof, plan: &RestorePlan) -> Self {
        if proof.members.is_empty() {
            return Self::Dump(proof.sha256_out.clone());
        }
        let chosen = proof.members.iter().filter(|member| match (&plan.databases, &member.database) {
            (None, _) => true,
            (Some(names), Some(database)) => names.contains(database),
            (Some(_), None) => false,
        });
        Self::Members(chosen.map(|member| (member.name.clone(), member.sha256.clone())).collect())
    }

    /// Copies it; the SHA-256 of the dump comes back with the outlet.
    ///
    /// # Errors
    ///
    /// When the bytes are not those that were proven, or cannot be written.
    pub fn copy<O: Outlet>(
        self,
        backup: &str,
        mut plain: Plaintext,
        out: O,
    ) -> Result<(O, Option<String>), RestoreError> {
        let mut copy = Copy { out, hash: Sha256::new(), current: None, wanted: self, backup: backup.to_owned() };
        let mut walk = TarWalk::default();
        let archive = matches!(copy.wanted, Self::Members(_));
        loop {
            let chunk = plain.bytes.chunk().map_err(|error| restore::changed(backup, &error))?;
            if chunk.is_empty() {
                break;
            }
            let n = chunk.len();
            if archive {
                walk.feed(chunk, &mut copy).map_err(|stopped| match stopped {
                    Stopped::Archive(error) => restore::changed(backup, &io::Error::other(error)),
                    Stopped::Sink(error) => error,
                })?;
            } else {
                copy.bytes(chunk)?;
            }
            plain.bytes.consume(n);
        }
        if archive {
            walk.finish().map_err(|error| restore::changed(backup, &io::Error::other(error)))?;
            return Ok((copy.out, None));
        }
        let proven = match &copy.wanted {
            Self::Dump(proven) => proven.clone(),
            Self::Members(_) => None,
        };
        let hash = copy.compare(proven)?;
        Ok((copy.out, Some(hash)))
    }
}

struct Copy<O> {
    out: O,
    hash: Sha256,
    /// The digest that the member that is being copied must have.
    current: Option<String>,
    wanted: Wanted,
    backup: String,
}

impl<O: Outlet> Copy<O> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        self.hash.update(bytes);
        self.out.data(bytes).map_err(restore::unwritten)
    }

    fn compare(&mut self, proven: Option<String>) -> Result<String, RestoreError> {
        let hash = data_encoding::HEXLOWER.encode(&std::mem::take(&mut self.hash).finalize());
        if proven.is_some_and(|proven| proven != hash) {
            let what = "the dump that came out is not the one that was proven".to_owned();
            return Err(RestoreError::Changed { backup: self.backup.clone(), what });
        }
        Ok(hash)
    }
}

impl<O: Outlet> TarSink for Copy<O> {
    type Error = RestoreError;

    fn begin(&mut self, name: &Foreign, _size: u64) -> Result<(), RestoreError> {
        let Wanted::Members(wanted) = &self.wanted else { return Ok(()) };
        self.current = wanted.get(name).cloned();
        if self.current.is_some() { self.out.begin(name).map_err(restore::unwritten) } else { Ok(()) }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        if self.current.is_some() { self.bytes(bytes) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), RestoreError> {
        let Some(proven) = self.current.take() else { return Ok(()) };
        self.compare(Some(proven))?;
        self.out.end().map_err(restore::unwritten)
    }
}
