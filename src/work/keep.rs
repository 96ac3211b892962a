//! What of a dump is written on the way, aside: one file, or one for each member of an archive.

use std::collections::HashSet;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::disk::output::{OutputError, OutputFile, Parked};
use crate::model::foreign::Foreign;
use crate::work::plan;

/// Files that get their names only when everything has been judged; dropped before, nothing is left.
pub struct Keep {
    folder: PathBuf,
    /// The name of the one file that a dump by itself becomes.
    single: String,
    what: What,
}

enum What {
    /// What comes out of the backup is not known yet.
    Undecided,
    /// One file.
    File(Box<OutputFile>),
    /// One for each member that comes.
    Folder(Box<Folder>),
}

/// Files of an archive's members.
struct Folder {
    path: PathBuf,
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

/// Why not every file got its name.
pub enum Unfinished {
    /// These have theirs, the next one could not get its own.
    Stopped(Vec<Kept>, OutputError),
    /// There was nothing to name.
    Nothing,
}

impl Keep {
    /// Into a folder that exists. Whether a dump (then the file is called `single`) or an archive comes is said by
    /// [`dump`](Self::dump) or [`archive`](Self::archive) before anything is written.
    pub fn new(folder: &Path, single: String) -> Self {
        Self { folder: folder.to_owned(), single, what: What::Undecided }
    }

    /// A dump by itself comes: one file.
    ///
    /// # Errors
    ///
    /// When the file cannot be made; an [`OutputError`] is inside.
    pub fn dump(&mut self) -> io::Result<()> {
        let file = OutputFile::create(&self.folder.join(&self.single)).map_err(io::Error::other)?;
        self.what = What::File(Box::new(file));
        Ok(())
    }

    /// An archive comes: a file of each member.
    pub fn archive(&mut self) {
        let path = self.folder.clone();
        self.what = What::Folder(Box::new(Folder { path, names: HashSet::new(), open: None, done: vec![] }));
    }

    /// Takes bytes, of the dump or of the member that began.
    ///
    /// # Errors
    ///
    /// What the system says; [`OutputError`] names it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.what {
            What::Undecided => Err(io::Error::other("nothing said what is to be written")),
            What::File(file) => file.write_all(bytes).map_err(|error| io::Error::other(file.explain(error))),
            What::Folder(folder) => folder.data(bytes),
        }
    }

    /// A member begins.
    ///
    /// # Errors
    ///
    /// When its file cannot be made; an [`OutputError`] is inside.
    pub fn begin(&mut self, name: &Foreign) -> io::Result<()> {
        match &mut self.what {
            What::Folder(folder) => folder.begin(name),
            What::Undecided | What::File(_) => Err(io::Error::other("a member came where a dump was to be written")),
        }
    }

    /// The member is complete.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn end(&mut self) -> io::Result<()> {
        match &mut self.what {
            What::Folder(folder) => folder.end(),
            What::Undecided | What::File(_) => Ok(()),
        }
    }

    /// Gives everything its name; at least one file.
    ///
    /// # Errors
    ///
    /// The first file that cannot get it, and those before it, which have theirs.
    pub fn finish(self) -> Result<Vec<Kept>, Unfinished> {
        let parked = match self.what {
            What::Undecided => vec![],
            What::File(file) => vec![file.park().map_err(|error| Unfinished::Stopped(vec![], error))?],
            What::Folder(folder) => folder.done,
        };
        let mut kept = vec![];
        for file in parked {
            let path = file.path().to_owned();
            match file.finish() {
                Ok(bytes) => kept.push(Kept { path, bytes }),
                Err(error) => return Err(Unfinished::Stopped(kept, error)),
            }
        }
        if kept.is_empty() { Err(Unfinished::Nothing) } else { Ok(kept) }
    }
}

impl Folder {
    fn begin(&mut self, name: &Foreign) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn members(folder: &Path) -> Keep {
        let mut keep = Keep::new(folder, "one.sql".to_owned());
        keep.archive();
        for name in ["a.sql", "b.sql"] {
            keep.begin(&Foreign::from(name)).unwrap();
            keep.write(b"SELECT 1;").unwrap();
            keep.end().unwrap();
        }
        keep
    }

    #[test]
    fn files_that_got_their_names_before_one_could_not_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let keep = members(folder.path());
        fs::write(folder.path().join("b.sql"), "theirs").unwrap();
        let Err(Unfinished::Stopped(kept, OutputError::Exists { .. })) = keep.finish() else { panic!() };
        assert_eq!(kept, [Kept { path: folder.path().join("a.sql"), bytes: 9 }]);
        assert_eq!(fs::read_to_string(folder.path().join("b.sql")).unwrap(), "theirs");
    }

    #[test]
    fn nothing_written_is_never_finished() {
        let folder = tempfile::tempdir().unwrap();
        let mut keep = Keep::new(folder.path(), "one.sql".to_owned());
        assert!(keep.write(b"x").is_err(), "nothing said what comes");
        keep.archive();
        assert!(matches!(keep.finish(), Err(Unfinished::Nothing)));
        let mut keep = Keep::new(folder.path(), "one.sql".to_owned());
        keep.dump().unwrap();
        assert!(keep.begin(&Foreign::from("a.sql")).is_err(), "a member is no dump");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "its partial file");
        drop(keep);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
