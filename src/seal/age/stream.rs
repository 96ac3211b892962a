//! The chunks, opened one by one.

use std::io::{self, Read};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use zeroize::{Zeroize, Zeroizing};

use crate::seal::error::{Damage, UnsealError};
use crate::seal::keyring::ContentKey;

const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const SEALED: usize = CHUNK + TAG;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Middle,
    Final,
}

/// Reads the plaintext of an age file, one authenticated chunk at a time. Memory is two chunks.
///
/// # Errors
///
/// `read` fails with [`io::ErrorKind::InvalidData`] wrapping an [`UnsealError`]; errors of the source
/// pass through as they are. After a failure of the seal every further `read` repeats it.
pub(in crate::seal) struct Chunks<R> {
    source: R,
    cipher: ChaCha20Poly1305,
    /// Offset of the first chunk in the file, out of its armor.
    start: u64,
    /// From an offset out of the armor to one in the stored file.
    stored: fn(u64) -> u64,
    /// Ciphertext read and not opened yet: at most one chunk and one byte.
    ahead: Zeroizing<Vec<u8>>,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    index: u64,
    end: Option<Result<(), UnsealError>>,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(source: R, key: &ContentKey, start: u64, stored: fn(u64) -> u64) -> Self {
        let ahead = Zeroizing::new(Vec::with_capacity(SEALED + 1));
        let plain = Zeroizing::new(Vec::with_capacity(SEALED + 1));
        let cipher = ChaCha20Poly1305::new(key.expose().into());
        Self { source, cipher, start, stored, ahead, plain, taken: 0, index: 0, end: None }
    }

    /// Opens the next chunk into `plain`. One byte beyond it is read first: its presence is what
    /// tells a middle chunk from the final one.
    fn open_next(&mut self) -> io::Result<()> {
        let missing = (SEALED + 1 - self.ahead.len()) as u64;
        self.source.by_ref().take(missing).read_to_end(&mut self.ahead)?;
        let next = (self.ahead.len() > SEALED).then(|| self.ahead[SEALED]);
        self.ahead.truncate(SEALED);
        std::mem::swap(&mut self.ahead, &mut self.plain);
        self.ahead.clear();
        self.ahead.extend(next);
        self.taken = 0;
        let place = if next.is_some() { Place::Middle } else { Place::Final };
        let mut chunk = std::mem::take(&mut self.plain);
        match self.open(&mut chunk, place) {
            Ok(()) => {
                self.plain = chunk;
                self.index += 1;
                self.end = (place == Place::Final).then_some(Ok(()));
            }
            Err(error) => {
                chunk.zeroize();
                self.end = Some(Err(error));
            }
        }
        Ok(())
    }

    /// Opens `chunk` in place, which then holds the plaintext; on failure it is what it was.
    fn open(&self, chunk: &mut Vec<u8>, place: Place) -> Result<(), UnsealError> {
        let at = self.start + self.index * SEALED as u64;
        let truncated = |len: usize| UnsealError::Truncated { at_byte: (self.stored)(at + len as u64) };
        if chunk.len() < TAG {
            return Err(truncated(chunk.len()));
        }
        let len = chunk.len() - TAG;
        // Only the first chunk may be empty: a final one without content stands for a file that was cut and mended.
        if self.fits(chunk, len, place) && (len > 0 || self.index == 0) {
            chunk.truncate(len);
            return Ok(());
        }
        let at_byte = (self.stored)(at);
        Err(match place {
            Place::Final if len == CHUNK && self.fits(chunk, len, Place::Middle) => truncated(chunk.len()),
            Place::Middle if self.fits(chunk, len, Place::Final) => {
                let at_byte = (self.stored)(at + chunk.len() as u64);
                UnsealError::Damaged { at_byte, what: Damage::TrailingBytes }
            }
            Place::Final if len < CHUNK => UnsealError::Damaged { at_byte, what: Damage::LastChunk },
            _ => UnsealError::Damaged { at_byte, what: Damage::Chunk },
        })
    }

    fn fits(&self, chunk: &mut [u8], len: usize, place: Place) -> bool {
        let (body, tag) = chunk.split_at_mut(len);
        let tag = *Tag::from_slice(tag);
        self.cipher.decrypt_in_place_detached(&nonce(self.index, place), b"", body, &tag).is_ok()
    }
}

fn nonce(index: u64, place: Place) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = u8::from(place == Place::Final);
    Nonce::from(nonce)
}

/// Seals everything in chunks; `None` past what one key may seal.
pub(super) fn seal(key: &ContentKey, plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(key.expose().into());
    let mut sealed = Vec::with_capacity(plain.len() + (plain.len() / CHUNK + 1) * TAG);
    let last = plain.len().saturating_sub(1) / CHUNK;
    for index in 0..=last {
        let place = if index == last { Place::Final } else { Place::Middle };
        let from = sealed.len();
        sealed.extend_from_slice(&plain[index * CHUNK..plain.len().min((index + 1) * CHUNK)]);
        let tag = cipher.encrypt_in_place_detached(&nonce(index as u64, place), b"", &mut sealed[from..]).ok()?;
        sealed.extend_from_slice(&tag);
    }
    Some(sealed)
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.plain.len() {
            match &self.end {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(error.clone().into()),
                None => self.open_next()?,
            }
        }
        let len = buf.len().min(self.plain.len() - self.taken);
        buf[..len].copy_from_slice(&self.plain[self.taken..][..len]);
        self.taken += len;
        Ok(len)
    }
}
