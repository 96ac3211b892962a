//! What of a dump is written on the way, aside: one file, or one for each member of an archive.

use std::collections::HashSet;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::disk::output::{OutputError, OutputFile, Parked};
use crate::format::names;
use crate::model::foreign::Foreign;
use crate::work::plan;

/// Files that get their names only when everything has been judged; dropped before, nothing is left.
pub enum Keep {
    /// One file of a name that is known beforehand.
    File(Box<OutputFile>),
    /// One for each member that is wanted.
    Folder(Box<Folder>),
}

/// Files of an archive's members.
pub struct Folder {
    path: PathBuf,
    only: Option<HashSet<Foreign>>,
    names: HashSet<String>,
    open: Option<OutputFile>,
    done: Vec<Parked>,
}

/// A file that was given its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

impl Keep {
    /// Members into a folder that exists; `only`: those of these databases, as their names say.
    pub fn folder(path: &Path, only: Option<HashSet<Foreign>>) -> Self {
        let path = path.to_owned();
        Self::Folder(Box::new(Folder { path, only, names: HashSet::new(), open: None, done: vec![] }))
    }

    /// Takes bytes of a dump that is no archive.
    ///
    /// # Errors
    ///
    /// What the system says; [`OutputError`] names it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(bytes).map_err(|error| io::Error::other(file.explain(error))),
            Self::Folder(folder) => folder.data(bytes),
        }
    }

    /// A member begins.
    ///
    /// # Errors
    ///
    /// When its file cannot be made; an [`OutputError`] is inside.
    pub fn begin(&mut self, name: &Foreign) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Folder(folder) => folder.begin(name),
        }
    }

    /// Bytes of that member.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Folder(folder) => folder.data(bytes),
        }
    }

    /// The member is complete.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn end(&mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Folder(folder) => folder.end(),
        }
    }

    /// Gives everything its name.
    ///
    /// # Errors
    ///
    /// The first file that cannot get it; those before it have theirs.
    pub fn finish(self) -> Result<Vec<Kept>, OutputError> {
        match self {
            Self::File(file) => {
                let path = file.path().to_owned();
                Ok(vec![Kept { path, bytes: file.finish()? }])
            }
            Self::Folder(folder) => folder
                .done
                .into_iter()
                .map(|file| {
                    let path = file.path().to_owned();
                    Ok(Kept { path, bytes: file.finish()? })
                })
                .collect(),
        }
    }
}

impl Folder {
    fn begin(&mut self, name: &Foreign) -> io::Result<()> {
        let chosen = |only: &HashSet<Foreign>| {
            names::member_schema(name.raw_bytes()).is_some_and(|schema| only.contains(&schema))
        };
        if !self.only.as_ref().is_none_or(chosen) {
            return Ok(());
        }
        let mut plain = plan::member_file(name);
        while !self.names.insert(plain.clone()) {
            plain.insert(0, '_');
        }
        self.open = Some(OutputFile::create(&self.path.join(plain)).map_err(io::Error::other)?);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some(file) => file.write_all(bytes).map_err(|error| io::Error::other(file.explain(error))),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(file) = self.open.take() {
            self.done.push(file.park().map_err(io::Error::other)?);
        }
        Ok(())
    }
}
