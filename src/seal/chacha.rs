//! One ChaCha20-Poly1305 message over everything, in bounded memory: decrypted as it comes, proven at its end.
//!
//! What leaves before the end is unauthenticated. See [`Release::AfterLastByte`].
//!
//! [`Release::AfterLastByte`]: crate::model::seal::Release::AfterLastByte

use std::io::{self, ErrorKind, Read};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use zeroize::Zeroizing;

use crate::seal::error::{Damage, UnsealError};
use crate::seal::keyring::ContentKey;

pub(super) const NONCE: usize = 12;
const TAG: usize = 16;
/// The first block of the keystream is the tag's key.
const FIRST: u64 = 64;
/// Bytes decrypted at a time, a multiple of both ciphers' blocks: they stay in the cache between the two.
const BATCH: usize = 128 << 10;

fn keystream(key: &ContentKey, nonce: &[u8; NONCE]) -> ChaCha20 {
    ChaCha20::new(key.expose().into(), nonce.into())
}

/// The first bytes of a message, decrypted: what a trial looks at.
pub(super) fn peek(key: &ContentKey, nonce: &[u8; NONCE], sealed: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(sealed.to_vec());
    let mut cipher = keystream(key, nonce);
    cipher.seek(FIRST);
    cipher.apply_keystream(&mut plain);
    plain
}

/// What becomes of the last 16 bytes, which are the tag of a whole message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// They are the tag and nothing else.
    Tag,
    /// Where they are not the tag, the message was cut: they are ciphertext.
    Ciphertext,
}

/// Decrypts a message and checks its tag at the end.
///
/// # Errors
///
/// `read` fails with [`io::ErrorKind::InvalidData`] wrapping an [`UnsealError`]: [`UnsealError::Truncated`]
/// when there is not even a tag, [`UnsealError::Damaged`] with [`Damage::Tag`] when it does not match. Errors of
/// the source pass through as they are. After a failure of the seal every further `read` repeats it.
pub(super) struct Message<R> {
    source: R,
    cipher: ChaCha20,
    mac: Poly1305,
    tail: Tail,
    /// Ciphertext read and not decrypted yet: the first `filled` bytes.
    sealed: Vec<u8>,
    filled: usize,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    /// Bytes of ciphertext that were decrypted.
    done: u64,
    /// Offset of the ciphertext in the stored file.
    start: u64,
    end: Option<Result<(), UnsealError>>,
}

impl<R: Read> Message<R> {
    /// `source` stands behind the nonce, at byte `start` of the stored file.
    pub(super) fn new(source: R, key: &ContentKey, nonce: &[u8; NONCE], start: u64, tail: Tail) -> Self {
        let mut cipher = keystream(key, nonce);
        let mut mac_key = Zeroizing::new([0; 32]);
        cipher.apply_keystream(&mut *mac_key);
        cipher.seek(FIRST);
        let mac = Poly1305::new((&*mac_key).into());
        let plain = Zeroizing::new(Vec::with_capacity(BATCH + TAG));
        let sealed = vec![0; BATCH + TAG];
        Self { source, cipher, mac, tail, sealed, filled: 0, plain, taken: 0, done: 0, start, end: None }
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.filled < self.sealed.len() {
            match self.source.read(&mut self.sealed[self.filled..]) {
                Ok(0) => {
                    self.finish();
                    return Ok(());
                }
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.decrypt(BATCH);
        Ok(())
    }

    /// Takes the first `len` bytes into the tag and decrypts them; what is left moves to the front.
    fn decrypt(&mut self, len: usize) {
        let sealed = &self.sealed[..len];
        self.mac.update_padded(sealed); // whole blocks, except at the very end, where the padding belongs
        self.reveal(len);
    }

    fn reveal(&mut self, len: usize) {
        self.plain.resize(len, 0);
        self.taken = 0;
        if self.cipher.apply_keystream_b2b(&self.sealed[..len], &mut self.plain).is_err() {
            // 256 GiB: no message is longer, so this is none.
            self.plain.clear();
            self.end = Some(Err(UnsealError::Damaged { at_byte: self.start + self.done, what: Damage::Tag }));
        }
        self.done += len as u64;
        self.sealed.copy_within(len..self.filled, 0);
        self.filled -= len;
    }

    fn finish(&mut self) {
        let Some(len) = self.filled.checked_sub(TAG) else {
            let at_byte = self.start + self.done + self.filled as u64;
            if self.tail == Tail::Ciphertext {
                self.reveal(self.filled);
            }
            self.end = Some(Err(UnsealError::Truncated { at_byte }));
            return;
        };
        self.decrypt(len);
        let mut lengths = [0; 16]; // no additional data, then the ciphertext's length
        lengths[8..].copy_from_slice(&self.done.to_le_bytes());
        let mut mac = self.mac.clone();
        mac.update(&[lengths.into()]);
        let fits = mac.verify(self.sealed[..TAG].into()).is_ok();
        let failed = UnsealError::Damaged { at_byte: self.start + self.done, what: Damage::Tag };
        if !fits && self.tail == Tail::Ciphertext {
            let tail = Zeroizing::new(peek_on(&mut self.cipher, &self.sealed[..TAG]));
            self.plain.extend_from_slice(&tail);
        }
        if self.end.is_none() {
            self.end = Some(if fits { Ok(()) } else { Err(failed) });
        }
    }
}

fn peek_on(cipher: &mut ChaCha20, sealed: &[u8]) -> Vec<u8> {
    let mut plain = sealed.to_vec();
    if cipher.try_apply_keystream(&mut plain).is_err() {
        plain.clear();
    }
    plain
}

impl<R: Read> Read for Message<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.plain.len() {
            match &self.end {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => return Err(error.clone().into()),
                None => self.refill()?,
            }
        }
        let len = buf.len().min(self.plain.len() - self.taken);
        buf[..len].copy_from_slice(&self.plain[self.taken..][..len]);
        self.taken += len;
        Ok(len)
    }
}
