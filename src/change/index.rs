//! Bytes of a log at any place.

use std::io;

/// One log file's uncompressed bytes, which can be read at any place, by several threads at a time.
pub trait ReadAt: Send + Sync {
    /// Reads bytes from `at` on; 0 only at the end.
    ///
    /// # Errors
    ///
    /// Those of whatever holds the bytes.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
