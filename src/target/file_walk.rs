//! The blocking half of a file target: walking folders and opening files without following links.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat};
use rustix::io::Errno;

use crate::model::foreign::{Foreign, escape};
use crate::model::target::{Object, Stamp};
use crate::model::units::Moment;
use crate::target::error::StoreError;

/// Entries of one page of a listing.
const PAGE: usize = 1000;
/// Each level keeps one folder open.
const DEEPEST: usize = 64;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A pipe that someone put there must not make us wait for a writer.
const PLAIN: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is listed and read, with nothing outside of it in reach.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// The target's name, for errors.
    pub target: String,
    /// Itself may be a link: the estate named it.
    pub path: PathBuf,
}

impl Root {
    /// `target:key`, escaped.
    pub fn place(&self, key: &Foreign) -> String {
        format!("{}:{key}", self.target)
    }

    /// The root itself, to see whether it can be listed.
    pub fn open_root(&self) -> Result<OwnedFd, StoreError> {
        open(&self.path, FOLDER, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR => StoreError::Settings {
                place: self.target.clone(),
                what: format!("{} is not a folder", escape(&self.path.to_string_lossy())),
            },
            error => of_errno(format!("{} ({})", self.target, escape(&self.path.to_string_lossy())), error),
        })
    }

    /// Opens one file, component by component, through no link.
    pub fn open_file(&self, key: &Foreign) -> Result<(File, Stamp), StoreError> {
        let mut parts: Vec<&[u8]> = key.raw_bytes().split(|byte| *byte == b'/').collect();
        let odd = |part: &&[u8]| part.is_empty() || part.contains(&0) || matches!(*part, b"." | b"..");
        if parts.iter().any(odd) {
            return Err(StoreError::NotFound { place: self.place(key) });
        }
        let name = parts.pop().unwrap_or_default();
        let failed = |error| match error {
            Errno::LOOP | Errno::NXIO => StoreError::NotAFile { place: self.place(key) },
            error => of_errno(self.place(key), error),
        };
        let mut folder = self.open_root()?;
        for part in parts {
            folder = openat(&folder, part, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        }
        let file = openat(&folder, name, PLAIN, Mode::empty()).map_err(failed)?;
        let stat = fstat(&file).map_err(failed)?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(StoreError::NotAFile { place: self.place(key) });
        }
        Ok((File::from(file), stamp(&stat)))
    }

    /// Hands every regular file below the root to `give`, a page at a time, until it says stop.
    ///
    /// Folders that cannot be read are given as errors, and the walk goes on beside them. Links are
    /// neither followed nor listed: what they point to inside the root is listed itself.
    pub fn walk(&self, give: &mut dyn FnMut(Result<Vec<Object>, StoreError>) -> ControlFlow<()>) -> ControlFlow<()> {
        let top = self.open_root().and_then(|fd| Dir::new(fd).map_err(|error| of_errno(self.target.clone(), error)));
        match top {
            Ok(dir) => {
                let mut walk = Walk { root: self, page: vec![], give };
                walk.folders(dir)?;
                walk.flush()
            }
            Err(error) => give(Err(error)),
        }
    }
}

/// One folder that is being read.
struct Level {
    dir: Dir,
    /// Relative to the root, with a slash at the end unless it is the root.
    path: Vec<u8>,
    /// One complaint per folder is enough.
    complained: bool,
}

struct Walk<'a> {
    root: &'a Root,
    page: Vec<Object>,
    give: &'a mut dyn FnMut(Result<Vec<Object>, StoreError>) -> ControlFlow<()>,
}

impl Walk<'_> {
    fn folders(&mut self, top: Dir) -> ControlFlow<()> {
        let mut open = vec![Level { dir: top, path: vec![], complained: false }];
        while let Some(level) = open.last_mut() {
            match level.dir.read() {
                None => drop(open.pop()),
                Some(Err(error)) => {
                    let place = self.root.place(&Foreign::new(level.path.clone()));
                    open.pop();
                    self.complain(of_errno(place, error))?;
                }
                Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Some(Ok(entry)) => match self.entry(level, entry.file_name()) {
                    Ok(Some(below)) if open.len() < DEEPEST => open.push(below),
                    Ok(Some(below)) => self.complain(self.too_deep(&below))?,
                    Ok(None) if self.page.len() == PAGE => self.flush()?,
                    Ok(None) => {}
                    Err(error) => self.complain(error)?,
                },
            }
        }
        ControlFlow::Continue(())
    }

    /// Notes a file; a folder is opened and handed back.
    fn entry(&mut self, level: &mut Level, name: &CStr) -> Result<Option<Level>, StoreError> {
        let folder = level.dir.fd().map_err(|error| of_errno(self.root.target.clone(), error))?;
        let path = [&level.path, name.to_bytes()].concat();
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None), // removed meanwhile
            Err(_) if std::mem::replace(&mut level.complained, true) => return Ok(None),
            Err(error) => return Err(of_errno(self.root.place(&Foreign::new(path)), error)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                self.page.push(Object {
                    key: Foreign::new(path),
                    stamp: stamp(&stat),
                    history: Default::default(),
                    storage: Default::default(),
                });
                Ok(None)
            }
            FileType::Directory => {
                let opened = openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()).and_then(Dir::new);
                match opened {
                    Ok(dir) => Ok(Some(Level { dir, path: [&path[..], b"/"].concat(), complained: false })),
                    Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(None), // replaced meanwhile
                    Err(error) => Err(of_errno(self.root.place(&Foreign::new(path)), error)),
                }
            }
            _ => Ok(None),
        }
    }

    fn too_deep(&self, level: &Level) -> StoreError {
        StoreError::Io {
            place: self.root.place(&Foreign::new(level.path.clone())),
            cause: format!("nested more than {DEEPEST} folders deep; not listed"),
        }
    }

    fn complain(&mut self, error: StoreError) -> ControlFlow<()> {
        self.flush()?;
        (self.give)(Err(error))
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if self.page.is_empty() {
            return ControlFlow::Continue(());
        }
        (self.give)(Ok(std::mem::take(&mut self.page)))
    }
}

/// What pins an open file.
pub(super) fn stamp_of(file: &File) -> io::Result<Stamp> {
    Ok(stamp(&fstat(file)?))
}

fn stamp(stat: &Stat) -> Stamp {
    let nanos = |seconds: i64, nanos: i128| i128::from(seconds) * 1_000_000_000 + nanos;
    let modified = nanos(stat.st_mtime, i128::from(stat.st_mtime_nsec)).div_euclid(1_000_000);
    let changed = nanos(stat.st_ctime, i128::from(stat.st_ctime_nsec));
    Stamp {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: i64::try_from(modified).ok().map(Moment),
        inode: Some((stat.st_dev, stat.st_ino, changed)),
        ..Stamp::default()
    }
}

fn of_errno(place: String, error: Errno) -> StoreError {
    of_io(place, &io::Error::from(error))
}

/// What the operating system said, as a target's error.
pub(super) fn of_io(place: String, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { place },
        io::ErrorKind::PermissionDenied => StoreError::Denied { place, cause: "permission denied".to_owned() },
        io::ErrorKind::NotADirectory => StoreError::NotFound { place },
        _ => StoreError::Io { place, cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn root_of(folder: &std::path::Path) -> Root {
        Root { target: "local".into(), path: folder.to_owned() }
    }

    fn listed(root: &Root) -> (Vec<Foreign>, Vec<StoreError>) {
        let (mut keys, mut errors) = (vec![], vec![]);
        let flow = root.walk(&mut |item| {
            match item {
                Ok(page) => keys.extend(page.into_iter().map(|object| object.key)),
                Err(error) => errors.push(error),
            }
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        keys.sort();
        (keys, errors)
    }

    #[test]
    fn links_pipes_and_sockets_are_neither_followed_nor_listed() {
        let (outside, inside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "x").unwrap();
        fs::write(inside.path().join("a"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        std::os::unix::fs::symlink(inside.path(), inside.path().join("loop")).unwrap();
        std::os::unix::fs::symlink("a", inside.path().join("latest")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(inside.path().join("socket")).unwrap();
        let pipe = inside.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();

        let root = root_of(inside.path());
        assert_eq!(listed(&root), (vec![Foreign::from("a")], vec![]));
        for key in ["out/secret", "latest", "pipe", "socket", "../a", "a/", "/etc/passwd", "", ".", "a\0b"] {
            assert!(root.open_file(&Foreign::from(key)).is_err(), "{key}");
        }
    }

    #[test]
    fn a_chain_of_folders_ends_in_a_complaint_not_in_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join(vec!["d"; 70].join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("lost"), "").unwrap();
        fs::write(folder.path().join("found"), "").unwrap();
        let (keys, errors) = listed(&root_of(folder.path()));
        assert_eq!((keys, errors.len()), (vec![Foreign::from("found")], 1));
    }

    #[test]
    fn names_that_are_no_text_are_listed_and_opened_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9 \n\x1b[31m.sql");
        fs::write(folder.path().join(name), "abc").unwrap();
        let root = root_of(folder.path());
        let (keys, _) = listed(&root);
        assert_eq!(keys, [Foreign::new(name.as_bytes())]);
        let (file, stamp) = root.open_file(&keys[0]).unwrap();
        assert_eq!((stamp.size, stamp_of(&file).unwrap()), (3, stamp));
    }
}
