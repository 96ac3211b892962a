//! Stored bytes that leave MiB by MiB, each only when its digest is the one that was proven.

use std::io;
use std::io::Read;

use bytes::Bytes;

use crate::work::pipe::Drain;

/// Bytes that one digest of a proof covers.
pub const MIB: usize = 1 << 20;

/// Reads stored bytes that were proven before. Memory stays at one MiB and one chunk.
///
/// So the bytes that were proven are the bytes that are restored, whatever happened to the object
/// between two reads, on every kind of target.
pub struct Released {
    source: Drain,
    digests: std::vec::IntoIter<[u8; 32]>,
    waiting: Bytes,
    block: Vec<u8>,
    taken: usize,
    at: u64,
    ended: bool,
}

impl Released {
    /// A reader over the stored bytes from their start, and the digests of all of them.
    pub fn new(source: Drain, digests: Vec<[u8; 32]>) -> Self {
        let block = Vec::with_capacity(MIB);
        Self { source, digests: digests.into_iter(), waiting: Bytes::new(), block, taken: 0, at: 0, ended: false }
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.block.clear();
        self.taken = 0;
        while self.block.len() < MIB {
            if self.waiting.is_empty() {
                match self.source.next_chunk()? {
                    Some(bytes) => self.waiting = bytes,
                    None => break,
                }
            }
            let n = self.waiting.len().min(MIB - self.block.len());
            self.block.extend_from_slice(&self.waiting.split_to(n));
        }
        if self.block.is_empty() {
            self.ended = true;
            return if self.digests.next().is_some() { Err(self.differs("it ends early")) } else { Ok(()) };
        }
        match self.digests.next() {
            Some(digest) if digest == *blake3::hash(&self.block).as_bytes() => {
                self.at += self.block.len() as u64;
                Ok(())
            }
            Some(_) => Err(self.differs("these bytes are not those that were proven")),
            None => Err(self.differs("more bytes than were proven")),
        }
    }

    fn differs(&mut self, what: &str) -> io::Error {
        self.block.clear();
        self.ended = true;
        let text = format!("the backup changed since it was proven: from byte {} on, {what}", self.at);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

impl Read for Released {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.block.len() && !self.ended {
            self.next_block()?;
        }
        let n = buf.len().min(self.block.len() - self.taken);
        buf[..n].copy_from_slice(&self.block[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use crate::work::pipe::bridge;

    use super::*;

    fn released(stored: &[u8], proven: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let digests = proven.chunks(MIB).map(|block| *blake3::hash(block).as_bytes()).collect();
        let (feed, drain) = bridge();
        let bytes = Bytes::copy_from_slice(stored);
        let sender = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async move {
                for piece in bytes.chunks(70_001) {
                    if feed.data(bytes.slice_ref(piece)).await.is_err() {
                        return;
                    }
                }
                feed.finish().await;
            });
        });
        let mut out = vec![];
        let result = Released::new(drain, digests).read_to_end(&mut out);
        sender.join().unwrap();
        (out, result)
    }

    #[test]
    fn only_the_bytes_that_were_proven_leave() {
        let proven: Vec<u8> = (0..3 * MIB + 5).map(|i| (i % 251) as u8).collect();
        let (out, result) = released(&proven, &proven);
        assert_eq!((out.len(), result.unwrap()), (proven.len(), proven.len()));

        let mut changed = proven.clone();
        changed[2 * MIB + 1] ^= 1;
        let (out, result) = released(&changed, &proven);
        assert_eq!(out.len(), 2 * MIB);
        assert!(result.unwrap_err().to_string().contains("from byte 2097152 on"));

        let (out, result) = released(&proven[..2 * MIB], &proven);
        assert!(out.len() == 2 * MIB && result.is_err());
        let longer = [proven.as_slice(), &[0; MIB]].concat();
        assert!(released(&longer, &proven).1.is_err());
    }
}
