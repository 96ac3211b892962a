//! Opening: front to back, or anywhere.

use std::io::{self, Read, Seek, SeekFrom};

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use zeroize::{Zeroize, Zeroizing};

use crate::seal::error::{Damage, UnsealError};
use crate::seal::keyring::ContentKey;
use crate::seal::sealed::{CHUNK, Place, TAG, nonce};

const SEALED: usize = CHUNK + TAG;

/// Opens chunks by their number.
struct Opener {
    cipher: Aes256Gcm,
    /// Offset of the first chunk in the stored file.
    start: u64,
}

impl Opener {
    fn new(key: &ContentKey, start: u64) -> Self {
        Self { cipher: Aes256Gcm::new(key.expose().into()), start }
    }

    fn offset(&self, index: u64) -> u64 {
        self.start + index * SEALED as u64
    }

    /// Opens `chunk` in place, which then holds the plaintext; on failure it holds nothing.
    fn open(&self, chunk: &mut Vec<u8>, index: u64, place: Place) -> Result<(), UnsealError> {
        if place == Place::Final && chunk.is_empty() && index > 0 {
            return Err(UnsealError::Truncated { at_byte: self.offset(index) });
        }
        let Some(len) = chunk.len().checked_sub(TAG) else {
            return Err(UnsealError::Truncated { at_byte: self.offset(index) + chunk.len() as u64 });
        };
        if self.fits(chunk, len, index, place) && (len > 0 || index == 0) {
            chunk.truncate(len);
            return Ok(());
        }
        // The tag is checked before a byte is decrypted, so the chunk is still what was read.
        let error = self.explain(chunk, len, index, place);
        chunk.zeroize();
        Err(error)
    }

    fn fits(&self, chunk: &mut [u8], len: usize, index: u64, place: Place) -> bool {
        let (body, tag) = chunk.split_at_mut(len);
        let nonce = nonce(index, place);
        self.cipher.decrypt_in_place_detached(Nonce::from_slice(&nonce), b"", body, Tag::from_slice(tag)).is_ok()
    }

    /// Tells a cut between two chunks and bytes behind the end from damage.
    fn explain(&self, chunk: &mut [u8], len: usize, index: u64, place: Place) -> UnsealError {
        let at_byte = self.offset(index);
        let end = at_byte + chunk.len() as u64;
        match place {
            Place::Final if len == CHUNK && self.fits(chunk, len, index, Place::Middle) => {
                UnsealError::Truncated { at_byte: end }
            }
            Place::Middle if self.fits(chunk, len, index, Place::Final) => {
                UnsealError::Damaged { at_byte: end, what: Damage::TrailingBytes }
            }
            Place::Final if len < CHUNK => UnsealError::Damaged { at_byte, what: Damage::LastChunk },
            _ => UnsealError::Damaged { at_byte, what: Damage::Chunk },
        }
    }
}

/// Reads the plaintext of a sealed stream, one authenticated chunk at a time.
///
/// No byte of a chunk leaves before that chunk's tag has been checked, and the end of the stream is
/// only reported after a chunk that was sealed *as the final one*. Memory stays at two chunks
/// however large the file is.
///
/// # Errors
///
/// `read` fails with [`io::ErrorKind::InvalidData`] wrapping an [`UnsealError`]; errors of the
/// source pass through as they are. After a failure of the seal every further `read` repeats it;
/// there is no way to skip a bad chunk.
pub struct Unsealer<R> {
    source: R,
    opener: Opener,
    /// Ciphertext read and not opened yet: at most one chunk and one byte.
    ahead: Zeroizing<Vec<u8>>,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    index: u64,
    end: Option<Result<(), UnsealError>>,
}

impl<R: Read> Unsealer<R> {
    /// `source` stands at the first chunk, which is byte `start` of the stored file
    /// ([`SealedHeader::len`](super::SealedHeader::len)).
    pub fn new(source: R, key: &ContentKey, start: u64) -> Self {
        let ahead = Zeroizing::new(Vec::with_capacity(SEALED + 1));
        let plain = Zeroizing::new(Vec::with_capacity(SEALED + 1));
        Self { source, opener: Opener::new(key, start), ahead, plain, taken: 0, index: 0, end: None }
    }

    /// Opens the next chunk into `plain`.
    ///
    /// One byte beyond the chunk is read first: its presence is what tells a middle chunk from
    /// the final one, so a cut at a chunk boundary is caught by the seal.
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
        match self.opener.open(&mut self.plain, self.index, place) {
            Ok(()) if place == Place::Final => self.end = Some(Ok(())),
            Ok(()) => self.index += 1,
            Err(error) => {
                self.plain.clear();
                self.end = Some(Err(error));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Unsealer<R> {
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

/// Reads the plaintext of a sealed file from any place.
///
/// The final chunk is opened first, so that a file without its end is refused before a byte leaves.
pub struct SeekUnsealer<R> {
    source: R,
    opener: Opener,
    /// Number of the final chunk.
    last: u64,
    /// Length of the plaintext.
    len: u64,
    position: u64,
    /// The chunk that is open, and its number.
    plain: Zeroizing<Vec<u8>>,
    opened: u64,
}

impl<R: Read + Seek> SeekUnsealer<R> {
    /// `source` is the stored file from its first byte; its chunks begin at byte `start`.
    ///
    /// # Errors
    ///
    /// As [`Unsealer`], for the final chunk.
    pub fn new(mut source: R, key: &ContentKey, start: u64) -> Result<Self, UnsealError> {
        let stored = source.seek(SeekFrom::End(0))?;
        let payload = stored.checked_sub(start).filter(|&len| len > 0);
        let payload = payload.ok_or(UnsealError::Truncated { at_byte: stored })?;
        let last = (payload - 1) / SEALED as u64;
        let opener = Opener::new(key, start);
        let mut opened = Self { source, opener, last, len: 0, position: 0, plain: Zeroizing::new(vec![]), opened: 0 };
        opened.open(last)?;
        opened.len = last * CHUNK as u64 + opened.plain.len() as u64;
        Ok(opened)
    }

    /// Length of the plaintext in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no plaintext.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn open(&mut self, index: u64) -> Result<(), UnsealError> {
        self.plain.zeroize();
        self.source.seek(SeekFrom::Start(self.opener.offset(index)))?;
        self.source.by_ref().take(SEALED as u64).read_to_end(&mut self.plain)?;
        let place = if index == self.last { Place::Final } else { Place::Middle };
        if place == Place::Middle && self.plain.len() < SEALED {
            let at_byte = self.opener.offset(index) + self.plain.len() as u64;
            self.plain.zeroize();
            return Err(UnsealError::Truncated { at_byte });
        }
        self.opener.open(&mut self.plain, index, place).inspect_err(|_| self.plain.zeroize())?;
        self.opened = index;
        Ok(())
    }
}

impl<R: Read + Seek> Read for SeekUnsealer<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.len || buf.is_empty() {
            return Ok(0);
        }
        let index = self.position / CHUNK as u64;
        if self.opened != index || self.plain.is_empty() {
            self.open(index)?;
        }
        let within = (self.position % CHUNK as u64) as usize;
        let ready = self.plain.get(within..).unwrap_or(&[]);
        let len = ready.len().min(buf.len());
        buf[..len].copy_from_slice(&ready[..len]);
        self.position += len as u64;
        Ok(len)
    }
}

impl<R: Read + Seek> Seek for SeekUnsealer<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
