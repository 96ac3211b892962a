//! A sealed spool: bytes that must be read more than once, and backward, and do not lie here as they are.
//!
//! What a log holds is plaintext of the operator's rows, so no copy of it rests on a disk: every MiB is sealed under
//! a random key that lives only in locked memory, and the file has no name from its first byte on.

use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::change::index::ReadAt;
use crate::seal::chunks::{ChunkKey, TAG};

/// Plain bytes of one chunk.
const CHUNK: usize = 1 << 20;
/// Opened chunks that are kept.
const KEPT: usize = 4;

type Plain = Arc<Zeroizing<Vec<u8>>>;

/// A spool that is being filled.
pub struct SpoolWriter {
    file: File,
    key: ChunkKey,
    chunk: Zeroizing<Vec<u8>>,
    chunks: u64,
    size: u64,
}

impl SpoolWriter {
    /// A new spool in `folder`, 0600 and without a name.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".breakglass-spool-{}-{number}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        remove_file(&path)?;
        Ok(Self { file, key: ChunkKey::random(), chunk: Zeroizing::new(buffer()), chunks: 0, size: 0 })
    }

    /// Bytes that were put in.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The spool, to be read.
    ///
    /// # Errors
    ///
    /// When the last chunk cannot be written.
    pub fn finish(mut self) -> io::Result<Spool> {
        if !self.chunk.is_empty() {
            self.put()?;
        }
        Ok(Spool { file: self.file, key: self.key, size: self.size, kept: Mutex::default() })
    }

    fn put(&mut self) -> io::Result<()> {
        self.key.seal(self.chunks, &mut self.chunk);
        self.file.write_all_at(&self.chunk, self.chunks * (CHUNK + TAG) as u64)?;
        self.chunks += 1;
        self.chunk.clear();
        Ok(())
    }
}

/// Room for a chunk and its tag: growing would leave copies behind.
fn buffer() -> Vec<u8> {
    Vec::with_capacity(CHUNK + TAG)
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..n]);
        self.size += n as u64;
        if self.chunk.len() == CHUNK {
            self.put()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A filled spool. Its file is gone when it is dropped, and its bytes are worthless before.
pub struct Spool {
    file: File,
    key: ChunkKey,
    size: u64,
    /// Chunks that were opened last, the newest at the end.
    kept: Mutex<Vec<(u64, Plain)>>,
}

impl Spool {
    fn chunk(&self, number: u64) -> io::Result<Plain> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| *known == number) {
            let found = kept.remove(at);
            let plain = found.1.clone();
            kept.push(found);
            return Ok(plain);
        }
        drop(kept);
        let plain = Arc::new(self.open(number)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((number, plain.clone()));
        Ok(plain)
    }

    fn open(&self, number: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let start = number * CHUNK as u64;
        let size = usize::try_from(self.size.saturating_sub(start)).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = Zeroizing::new(vec![0; size + TAG]);
        self.file.read_exact_at(&mut chunk, number * (CHUNK + TAG) as u64)?;
        let altered = |_| io::Error::new(io::ErrorKind::InvalidData, "the spool was altered by somebody else");
        self.key.open(number, &mut chunk).map_err(altered)?;
        Ok(chunk)
    }
}

impl ReadAt for Spool {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        if at >= self.size || into.is_empty() {
            return Ok(0);
        }
        let chunk = self.chunk(at / CHUNK as u64)?;
        let rest = &chunk[(at % CHUNK as u64) as usize..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn len(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn what_goes_in_comes_out_at_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let plain = noise(CHUNK * 2 + 12_345);
        let mut writer = SpoolWriter::create(folder.path()).unwrap();
        plain.chunks(100_003).for_each(|part| writer.write_all(part).unwrap());
        let spool = writer.finish().unwrap();
        assert_eq!(spool.len(), plain.len() as u64);
        for at in [0, 1, CHUNK - 1, CHUNK, CHUNK * 2 - 3, plain.len() - 1, plain.len(), plain.len() + 9] {
            let mut read = vec![];
            let mut buffer = [0; 70_000];
            while let Ok(n @ 1..) = spool.read_at((at + read.len()) as u64, &mut buffer) {
                read.extend_from_slice(&buffer[..n]);
                if read.len() > 200_000 {
                    break;
                }
            }
            assert_eq!(read, plain[at.min(plain.len())..][..read.len()], "{at}");
            assert!(at >= plain.len() || !read.is_empty());
        }
    }

    #[test]
    fn no_file_is_left_and_nothing_readable_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::create(folder.path()).unwrap();
        let plain = b"a row of the operator's".repeat(60_000);
        writer.write_all(&plain).unwrap();
        let spool = writer.finish().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let mut stored = vec![0; plain.len()];
        let n = spool.file.read_at(&mut stored, 0).unwrap();
        assert!(memchr::memmem::find(&stored[..n], b"operator").is_none());
        spool.file.write_all_at(b"x", 77).unwrap();
        assert_eq!(spool.read_at(0, &mut [0; 8]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
