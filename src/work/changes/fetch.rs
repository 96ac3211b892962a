//! From stored objects to bytes that can be read at any place: plain local files as they lie, everything else
//! through a sealed spool.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;

use crate::change::index::ReadAt;
use crate::format::sniff;
use crate::format::unpack::{Limits, Strictness, UnpackError, Unpacker};
use crate::model::backup::Compression;
use crate::model::change::BinlogPos;
use crate::model::changes::Problem;
use crate::model::foreign::Foreign;
use crate::model::target::{Object, Stamp};
use crate::report::{Fault, Report, Reportable};
use crate::target::{Store, StoreError};
use crate::work::changes::error::ChangesError;
use crate::work::changes::listing::Found;
use crate::work::jobs::JobCtx;
use crate::work::pipe::bridge;
use crate::work::spool::SpoolWriter;
use crate::work::verify::on_thread;

/// Bytes that tell a compression.
const MAGIC: usize = 6;

/// A log whose bytes are at hand.
#[derive(Clone)]
pub struct Log {
    /// Its name as the server knows it.
    pub name: Arc<Foreign>,
    /// Its number, where the name has one.
    pub sequence: Option<u64>,
    /// Bytes as they are stored.
    pub stored: u64,
    /// The log itself, uncompressed.
    pub bytes: Arc<dyn ReadAt>,
    /// Why not all of it could be unpacked.
    pub broken: Option<Problem>,
    /// Pins a file that is read where it lies.
    pinned: Option<Arc<Pinned>>,
}

/// A file that is read where it lies, and what it was at first.
struct Pinned {
    file: File,
    stamp: Pin,
}

/// What must stay the same: device, inode, and, unless the file only grew, size and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pin {
    inode: (u64, u64),
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Pinned {
    fn open(path: &Path, wanted: &Stamp) -> io::Result<Self> {
        let file = File::open(path)?;
        let facts = file.metadata()?;
        let inode = (facts.dev(), facts.ino());
        if wanted.inode.is_some_and(|(device, inode, _)| (device, inode) != (facts.dev(), facts.ino())) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is another file than the one that was listed"));
        }
        Ok(Self { file, stamp: Pin { inode, size: facts.len(), modified: modified(&facts) } })
    }

    /// Whether what was read is still there: a log that is being written may have grown, and nothing else.
    fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|facts| {
            let as_it_was = facts.len() == self.stamp.size && modified(&facts) == self.stamp.modified;
            (facts.dev(), facts.ino()) == self.stamp.inode && (as_it_was || facts.len() > self.stamp.size)
        })
    }
}

fn modified(facts: &std::fs::Metadata) -> (i64, i64) {
    (facts.mtime(), facts.mtime_nsec())
}

impl ReadAt for Pinned {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        // Only what was there at first: a log that grows meanwhile must not end inside an event.
        let most = usize::try_from(self.stamp.size.saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        self.file.read_at(&mut into[..most], at)
    }

    fn len(&self) -> u64 {
        self.stamp.size
    }
}

impl Log {
    /// Whether the file that is read where it lies is still the one that was opened.
    pub fn is_unchanged(&self) -> bool {
        self.pinned.as_ref().is_none_or(|pinned| pinned.is_unchanged())
    }
}

/// Where things are brought from, and where spools may lie.
pub struct Fetching<'f> {
    pub ctx: &'f JobCtx,
    pub store: &'f Arc<dyn Store>,
    /// The source's folder, on this machine.
    pub folder: Option<&'f Path>,
    /// Where spools are made.
    pub spools: &'f Path,
}

impl Fetching<'_> {
    /// Brings one log.
    ///
    /// # Errors
    ///
    /// When it cannot be read at all; what is cut or damaged comes as far as it goes, with a problem.
    pub async fn bring(&self, found: &Found) -> Result<Log, Report> {
        let name = Arc::new(found.name.clone());
        let log = |bytes, broken, pinned| Log {
            name: name.clone(),
            sequence: found.sequence,
            stored: found.object.stamp.size,
            bytes,
            broken,
            pinned,
        };
        let Some(folder) = self.folder else {
            let (bytes, broken) = self.spooled(found).await?;
            return Ok(log(bytes, broken, None));
        };
        let path = folder.join(path_of(&found.object.key));
        let pinned = Pinned::open(&path, &found.object.stamp).map_err(|error| unreadable(&found.object, &error))?;
        let mut magic = [0; MAGIC];
        let n = pinned.read_at(0, &mut magic).map_err(|error| unreadable(&found.object, &error))?;
        if sniff::compression(&magic[..n]) == Compression::None {
            let pinned = Arc::new(pinned);
            return Ok(log(pinned.clone(), None, Some(pinned)));
        }
        let spools = self.spools.to_owned();
        let (file, name) = (pinned.file, found.name.clone());
        let ctx = self.ctx.clone();
        let unpacked = on_thread("unpack", move || unpack(Counted { inner: file, ctx }, &spools, &name));
        let (bytes, broken) = joined(unpacked).await?;
        Ok(log(bytes, broken, None))
    }

    async fn spooled(&self, found: &Found) -> Result<(Arc<dyn ReadAt>, Option<Problem>), Report> {
        let (feed, drain) = bridge();
        let (spools, name) = (self.spools.to_owned(), found.name.clone());
        let unpacked = on_thread("unpack", move || unpack(drain, &spools, &name));
        let watch = self.ctx.watch_waiting();
        let cancel = self.ctx.cancel.clone();
        let mut pieces = crate::target::read_watched(self.store.clone(), found.object.clone(), 0, cancel, watch);
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(bytes) => {
                    self.ctx.advance(bytes.len() as u64);
                    if feed.data(bytes).await.is_err() {
                        break; // it failed first, and says why
                    }
                }
                Err(StoreError::Cancelled) => return Err(ChangesError::Cancelled.report()),
                Err(error) => return Err(error.report()),
            }
        }
        feed.finish().await;
        joined(unpacked).await
    }
}

type Unpacked = Result<(Arc<dyn ReadAt>, Option<Problem>), Report>;

async fn joined(work: io::Result<tokio::sync::oneshot::Receiver<Unpacked>>) -> Unpacked {
    let died = || Report::new(Fault::Failed, "changes::died", "a thread died", "this is a bug in breakglass");
    work.map_err(|_| died())?.await.map_err(|_| died())?
}

fn path_of(key: &Foreign) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(key.raw_bytes()).into()
}

fn unreadable(object: &Object, error: &io::Error) -> Report {
    let text = format!("{} cannot be read: {error}", object.key);
    Report::new(Fault::Failed, "changes::unreadable", text, "check its permissions, and whether it is still there")
}

/// Counts what is read of a file towards a job's progress.
struct Counted<R> {
    inner: R,
    ctx: JobCtx,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ctx.cancel.is_cancelled() {
            return Err(io::Error::other("stopped")); // `Interrupted` would be tried again
        }
        let n = self.inner.read(buf)?;
        self.ctx.advance(n as u64);
        Ok(n)
    }
}

/// Unpacks a stream into a spool; whatever is wrong with it, what came before stays readable.
fn unpack(mut stored: impl Read, spools: &Path, name: &Foreign) -> Unpacked {
    let no_room = |error: io::Error| {
        let text = format!("{name} cannot be spooled: {error}");
        let advice = "spools lie sealed in the state folder: free some space, or choose another with --state-dir";
        Report::new(Fault::Failed, "changes::spool", text, advice)
    };
    let lost = |error: io::Error| {
        let text = format!("{name} cannot be fetched: {error}");
        Report::new(Fault::Unreachable, "changes::fetch", text, "try again; nothing was written")
    };
    let mut spool = SpoolWriter::create(spools).map_err(no_room)?;
    let mut magic = vec![];
    stored.by_ref().take(MAGIC as u64).read_to_end(&mut magic).map_err(lost)?;
    let compression = sniff::compression(&magic);
    let whole = io::Cursor::new(magic).chain(stored);
    let mut unpacker = Unpacker::new(compression, whole, Strictness::Salvage, Limits::default());
    let mut buffer = zeroize::Zeroizing::new(vec![0; 256 << 10]);
    let broken = loop {
        match unpacker.read(&mut buffer) {
            Ok(0) => break None,
            Ok(n) => spool.write_all(&buffer[..n]).map_err(no_room)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => match UnpackError::from_io(&error) {
                Some(wrong) => break Some(cut(name, spool.size(), wrong)),
                None => return Err(lost(error)),
            },
        }
    };
    let spool = spool.finish().map_err(no_room)?;
    Ok((Arc::new(spool), broken))
}

fn cut(name: &Foreign, size: u64, wrong: &UnpackError) -> Problem {
    let report = wrong.report();
    Problem {
        file: name.clone(),
        position: BinlogPos(size),
        code: report.code,
        words: report.headline,
        advice: "what came out before was read; copy the file again, or fetch it from the server".to_owned(),
        damage: true,
    }
}

/// Reads a log from a byte on.
pub struct Forward {
    bytes: Arc<dyn ReadAt>,
    at: u64,
}

impl Forward {
    /// From `at` to the end.
    pub fn new(bytes: Arc<dyn ReadAt>, at: BinlogPos) -> Self {
        Self { bytes, at: at.0 }
    }
}

impl Read for Forward {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read_at(self.at, buf)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn d53_a_log_that_was_written_over_is_another_one_and_one_that_grew_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binlog.000001");
        fs::write(&path, b"as it was").unwrap();
        let earlier = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
        let open = || Pinned::open(&path, &Stamp::default()).unwrap();
        let pinned = open();
        assert!(pinned.is_unchanged());
        // As many bytes, and other ones: only the time tells.
        fs::write(&path, b"IS IT NOT").unwrap();
        assert!(!pinned.is_unchanged());
        let pinned = open();
        fs::write(&path, b"IS IT NOT, and more").unwrap();
        assert!(pinned.is_unchanged(), "a server that goes on writing");
        fs::write(&path, b"IS").unwrap();
        assert!(!pinned.is_unchanged(), "cut");
        let pinned = open();
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"IS").unwrap();
        assert!(pinned.is_unchanged(), "whoever holds the file reads what it was");
    }
}
