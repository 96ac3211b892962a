//! SHA-256 on a thread of its own: of a dump, or of one member of an archive after the other.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Chunks that may wait to be hashed.
const WAITING: usize = 8;

enum Piece {
    Data(Bytes),
    /// What comes next is another one.
    Next,
}

/// Hashes what it is fed.
pub struct Hashing {
    pieces: SyncSender<Piece>,
    worker: JoinHandle<Vec<String>>,
}

impl Hashing {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system refuses another thread.
    pub fn start() -> io::Result<Self> {
        let (pieces, waiting) = sync_channel(WAITING);
        let worker = Builder::new().name("hash".to_owned()).spawn(move || hash(&waiting))?;
        Ok(Self { pieces, worker })
    }

    /// Takes the next bytes.
    pub fn feed(&self, bytes: Bytes) {
        let _ = self.pieces.send(Piece::Data(bytes)); // a thread that died is noticed at the end
    }

    /// The bytes so far are complete: others follow.
    pub fn next(&self) {
        let _ = self.pieces.send(Piece::Next);
    }

    /// In hex: a digest for each call of [`next`](Self::next), and one for the bytes since.
    ///
    /// # Errors
    ///
    /// When the thread died.
    pub fn finish(self) -> io::Result<Vec<String>> {
        drop(self.pieces);
        self.worker.join().map_err(|_| io::Error::other("the thread that hashes died; the log names the place"))
    }
}

fn hash(pieces: &Receiver<Piece>) -> Vec<String> {
    let (mut digests, mut hash) = (vec![], Sha256::new());
    let mut done = |hash: Sha256| digests.push(data_encoding::HEXLOWER.encode(&hash.finalize()));
    while let Ok(piece) = pieces.recv() {
        match piece {
            Piece::Data(bytes) => hash.update(&bytes),
            Piece::Next => done(std::mem::take(&mut hash)),
        }
    }
    done(hash);
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_gets_its_own_digest() {
        let hashing = Hashing::start().unwrap();
        hashing.feed(Bytes::from_static(b"ab"));
        hashing.feed(Bytes::from_static(b"c"));
        hashing.next();
        hashing.next();
        hashing.feed(Bytes::from_static(b"abc"));
        let digests = hashing.finish().unwrap();
        let of = |text: &[u8]| data_encoding::HEXLOWER.encode(&Sha256::digest(text));
        assert_eq!(digests, [of(b"abc"), of(b""), of(b"abc")]);
    }
}
