//! Files that are written where the operator asked for them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use thiserror::Error;

use crate::disk::behind::Behind;
use crate::disk::folder;
use crate::report::{Fault, Reportable};

pub use crate::disk::folder::ensure_dir;

/// How the file is called until it is whole: `.NAME.breakglass-partial`.
const PARTIAL: &str = ".breakglass-partial";

/// Why a file was not written. Nothing that looks whole is left behind.
#[derive(Debug, Error, Diagnostic)]
pub enum OutputError {
    /// The final name is taken.
    #[error("{} exists already", path.display())]
    #[diagnostic(code(output::exists), help("nothing was changed; name another file, or move this one away first"))]
    Exists {
        /// The final name.
        path: PathBuf,
    },

    /// No room, or a limit on size or quota.
    #[error("there is no room for {} after {written} bytes", path.display())]
    #[diagnostic(
        code(output::no_space),
        help("the partial file was removed; free some space or choose another folder")
    )]
    NoSpace {
        /// The final name.
        path: PathBuf,
        /// How much had been written.
        written: u64,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// Another process is writing it, or was killed while it did.
    #[error("{} is being written, or was left behind by a run that was killed", path.display())]
    #[diagnostic(
        code(output::partial),
        help("if no other breakglass is at work there, remove that partial file and try again")
    )]
    Partial {
        /// The partial file.
        path: PathBuf,
    },

    /// The path has no file name, or one that leaves no room for the partial name.
    #[error("{} cannot be the name of a file", path.display())]
    #[diagnostic(code(output::bad_name), help("name a file, not a folder, of at most 230 bytes"))]
    BadName {
        /// As given.
        path: PathBuf,
    },

    /// Anything else.
    #[error("{} cannot be written", path.display())]
    #[diagnostic(code(output::unwritable), help("see the cause; nothing that looks whole was left behind"))]
    Io {
        /// The final name.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

impl Reportable for OutputError {
    fn fault(&self) -> Fault {
        match self {
            Self::Exists { .. } | Self::Partial { .. } => Fault::Refused,
            Self::BadName { .. } => Fault::Usage,
            Self::NoSpace { .. } | Self::Io { .. } => Fault::Failed,
        }
    }
}

/// A file that gets its name only when it is whole.
///
/// It is written with mode 0600 beside its final place, under a name that begins with a dot and ends
/// in `.breakglass-partial`, and removed when dropped before [`finish`](Self::finish).
pub struct OutputFile {
    file: File,
    partial: Unfinished,
    path: PathBuf,
    /// Where the next byte goes; behind all others unless it went back.
    at: u64,
    written: u64,
    behind: Behind,
}

/// The partial file; removed on drop.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nobody is left to tell; the name says what it is.
            let _ = fs::remove_file(path);
        }
    }
}

impl OutputFile {
    /// Starts a file; its folder must exist, its final name must not.
    ///
    /// # Errors
    ///
    /// [`OutputError::Exists`] for a taken name, [`OutputError::Partial`] where another run is (or
    /// died) writing the same one.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let bad_name = || OutputError::BadName { path: path.to_owned() };
        let name = path.file_name().filter(|name| name.len() <= 230).ok_or_else(bad_name)?;
        if fs::symlink_metadata(path).is_ok() {
            return Err(OutputError::Exists { path: path.to_owned() });
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(PARTIAL);
        let partial = path.with_file_name(hidden);
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(
                |source| match source.kind() {
                    io::ErrorKind::AlreadyExists => OutputError::Partial { path: partial.clone() },
                    _ => named(path, 0, source),
                },
            )?;
        Ok(Self {
            file,
            partial: Unfinished(Some(partial)),
            path: path.to_owned(),
            at: 0,
            written: 0,
            behind: Behind::default(),
        })
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Takes back everything behind the first `length` bytes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn cut_back(&mut self, length: u64) -> io::Result<()> {
        if length < self.written {
            self.file.set_len(length)?;
            self.file.seek(SeekFrom::Start(length))?;
            (self.at, self.written) = (length, length);
        }
        Ok(())
    }

    /// Names an error that [`Write`] gave.
    pub fn explain(&self, source: io::Error) -> OutputError {
        named(&self.path, self.written, source)
    }

    /// Makes the bytes durable, then gives them their name, without ever replacing another file.
    ///
    /// # Errors
    ///
    /// [`OutputError::Exists`] when the name was taken meanwhile; the partial file is then removed.
    pub fn finish(self) -> Result<u64, OutputError> {
        self.park()?.finish()
    }

    /// Makes the bytes durable and closes the file; it gets its name later, together with others.
    ///
    /// # Errors
    ///
    /// What the operating system said when bytes could not be written back.
    pub fn park(mut self) -> Result<Parked, OutputError> {
        let behind = std::mem::take(&mut self.behind);
        behind.finish().and_then(|()| self.file.sync_all()).map_err(|source| self.explain(source))?;
        Ok(Parked { partial: self.partial, path: self.path, written: self.written })
    }
}

/// A file whose bytes are on the disk, without its name yet; removed on drop.
pub struct Parked {
    partial: Unfinished,
    path: PathBuf,
    written: u64,
}

impl Parked {
    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the bytes to be read again, from their beginning, before they have their name.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn reopen(&self) -> Result<File, OutputError> {
        let partial = self.partial.0.as_deref().unwrap_or(&self.path);
        File::open(partial).map_err(|source| named(&self.path, self.written, source))
    }

    /// Gives the bytes their name, without ever replacing another file.
    ///
    /// # Errors
    ///
    /// [`OutputError::Exists`] when the name was taken meanwhile; the partial file is then removed.
    pub fn finish(mut self) -> Result<u64, OutputError> {
        let explain = |source| named(&self.path, self.written, source);
        if let Some(partial) = self.partial.0.as_deref() {
            rename_new(partial, &self.path).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => OutputError::Exists { path: self.path.clone() },
                _ => explain(source),
            })?;
        }
        // A name that may not last is taken away again.
        self.partial.0 = Some(self.path.clone());
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder::sync_dir(parent).map_err(explain)?;
        self.partial.0 = None;
        Ok(self.written)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.at += taken as u64;
        self.written = self.written.max(self.at);
        self.behind.reached(&self.file, self.written);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

fn named(path: &Path, written: u64, source: io::Error) -> OutputError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            OutputError::NoSpace { path, written, source }
        }
        _ => OutputError::Io { path, source },
    }
}

/// Renames without replacing; file systems that cannot (some network ones) get a link and an unlink.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_new(from, to),
        Err(errno) => Err(errno.into()),
    }
}

fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.sql");
        let mut output = OutputFile::create(&path).unwrap();
        output.write_all(b"SELECT 1;").unwrap();
        assert_eq!(names(folder.path()), [".shop.sql.breakglass-partial"]);
        assert_eq!(output.finish().unwrap(), 9);
        assert_eq!(names(folder.path()), ["shop.sql"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_goes_on_from_where_it_was_cut_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.sql");
        let mut output = OutputFile::create(&path).unwrap();
        output.write_all(b"SELECT 1;\nSELECT").unwrap();
        output.cut_back(9).unwrap();
        output.cut_back(4000).unwrap();
        output.write_all(b"\n-- cut\n").unwrap();
        assert_eq!(output.finish().unwrap(), 17);
        assert_eq!(fs::read_to_string(&path).unwrap(), "SELECT 1;\n-- cut\n");
    }

    #[test]
    fn what_stands_at_the_front_may_be_written_last_and_is_read_again_before_it_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = OutputFile::create(&folder.path().join("undo.sql")).unwrap();
        output.write_all(b"....DELETE").unwrap();
        output.seek(SeekFrom::Start(0)).unwrap();
        output.write_all(b"-- a").unwrap();
        assert_eq!(output.written(), 10);
        let parked = output.park().unwrap();
        assert_eq!(io::read_to_string(parked.reopen().unwrap()).unwrap(), "-- aDELETE");
        assert_eq!(parked.finish().unwrap(), 10);
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = OutputFile::create(&folder.path().join("shop.sql")).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.sql");
        let output = OutputFile::create(&path).unwrap();
        assert!(matches!(OutputFile::create(&path), Err(OutputError::Partial { .. })), "two runs at once");
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(output.finish(), Err(OutputError::Exists { .. })), "taken while writing");
        assert!(matches!(OutputFile::create(&path), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["shop.sql"]);
        let dangling = folder.path().join("link");
        std::os::unix::fs::symlink("/nowhere/else", &dangling).unwrap();
        assert!(matches!(OutputFile::create(&dangling), Err(OutputError::Exists { .. })), "a link is not followed");
    }

    #[test]
    fn where_renaming_may_only_replace_a_link_does_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        link_new(&from, &to).unwrap();
        assert_eq!(names(folder.path()), ["to"]);
        fs::write(&from, "newer").unwrap();
        assert_eq!(link_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    }

    #[test]
    fn a_full_disk_is_named() {
        let path = Path::new("/x/shop.sql");
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge] {
            assert!(matches!(named(path, 7, kind.into()), OutputError::NoSpace { written: 7, .. }));
        }
        assert!(matches!(OutputFile::create(Path::new("/")), Err(OutputError::BadName { .. })));
        assert!(matches!(OutputFile::create(Path::new("/nowhere/x")), Err(OutputError::Io { .. })));
        assert!(OutputFile::create(&tempfile::tempdir().unwrap().path().join("n".repeat(231))).is_err());
    }
}
