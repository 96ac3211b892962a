//! A file that is read at any place, by several threads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::change::index::ReadAt;

/// An open file of a size that does not change.
pub struct FileAt {
    file: File,
    len: u64,
}

impl FileAt {
    /// Takes the file as it is now.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

impl ReadAt for FileAt {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn len(&self) -> u64 {
        self.len
    }
}
