//! Private folders, locks between processes, and files that are replaced in one step.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags};

/// Makes a folder and its missing parents, each 0700. One that exists is left as it is.
///
/// # Errors
///
/// Whatever the operating system says; also when the path is something else than a folder.
pub fn ensure_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder for our own state, or checks that one which exists is ours alone.
///
/// # Errors
///
/// [`io::ErrorKind::PermissionDenied`] with the reason where others may write to it or own it.
pub fn ensure_own_dir(path: &Path) -> io::Result<()> {
    ensure_dir(path)?;
    let facts = fs::metadata(path)?;
    let (owner, me) = (facts.uid(), rustix::process::geteuid().as_raw());
    if owner != me {
        return Err(denied(format!("it belongs to user {owner}, not to user {me}")));
    }
    match facts.mode() & 0o777 {
        mode if mode & 0o022 != 0 => Err(denied(format!("others may write to it (mode {mode:04o})"))),
        mode if mode & 0o055 != 0 => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        _ => Ok(()),
    }
}

fn denied(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Opens a file of ours for reading and writing, made 0600 if missing. Links are not followed.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn open_own_file(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
}

/// Opens a file of ours for appending only, made 0600 if missing. Links are not followed.
///
/// # Errors
///
/// Whatever the operating system says.
pub fn append_own_file(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// An exclusive lock between processes, and between threads of one; held until dropped.
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as this file is open")] File);

/// How long to wait for another process before giving up; its critical sections take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the lock file at `path`, waiting a few seconds for whoever holds it.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] when it stays held; otherwise what the operating system says.
pub fn lock(path: &Path) -> io::Result<Lock> {
    let file = open_own_file(path)?;
    lock_file(&file)?;
    Ok(Lock(file))
}

/// Takes the lock on an open file; it lasts until the file is closed or unlocked.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] when it stays held; otherwise what the operating system says.
pub fn lock_file(file: &File) -> io::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(200);
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < give_up => thread::sleep(pause),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock for 10 seconds"));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Replaces a file of ours in one step: a reader sees the old bytes or the new ones.
///
/// # Errors
///
/// Whatever the operating system says; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::Builder::new().prefix(".breakglass-").suffix(".new").tempfile_in(folder)?;
    aside.write_all(bytes)?;
    aside.as_file().sync_all()?;
    aside.persist(path).map_err(|failed| failed.error)?;
    sync_dir(folder)
}

/// Makes a rename or a new name in this folder durable.
///
/// # Errors
///
/// Whatever the operating system says, except that a file system may not know how.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Reads a file that must not be larger than `limit` bytes.
///
/// # Errors
///
/// [`io::ErrorKind::FileTooLarge`] beyond the limit; otherwise what the operating system says.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}
