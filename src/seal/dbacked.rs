//! The seal of DBacked backups: RSA-OAEP around an AES-256 key, CBC around the gzipped dump.
//!
//! | Offset | Length | Content |
//! |---|---|---|
//! | 0 | 7 | `DBACKED` |
//! | 7 | 3 | version: major, minor, patch |
//! | 10 | 4 | K, the length of the wrapped key: little-endian in every backup seen so far |
//! | 14 | K | RSA-OAEP (SHA-1, MGF1-SHA-1, no label) of the 32-byte AES key |
//! | 14+K | 16 | AES IV |
//! | 30+K | rest | AES-256-CBC, PKCS#7, of one gzip member (version 0.0.1: of the dump itself) |
//!
//! There is no authentication anywhere: whoever has the public key can write such a file, and
//! whoever can write to the target can change one. See [`Release::AfterLastByte`].
//!
//! By hand: cut the header off, `openssl pkeyutl -decrypt -inkey KEY -pkeyopt rsa_padding_mode:oaep`
//! on the K bytes, `openssl enc -d -aes-256-cbc -K HEX -iv HEX` on the rest, `gunzip`.
//!
//! [`Release::AfterLastByte`]: crate::model::seal::Release::AfterLastByte

use std::io::{self, BufRead, ErrorKind, Read, Write};

use aes::cipher::generic_array::GenericArray;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{BlockDecrypt, KeyInit};
use aes::{Aes256Dec, Aes256Enc};
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::model::seal::{DBACKED_MAGIC, Seal, SealScheme};
use crate::seal::error::{Damage, SealError, UnsealError};
use crate::seal::keyring::{ContentKey, PrivateKey};
use crate::seal::public::PublicKey;

/// Bytes decrypted at a time.
const BATCH: usize = 64 << 10;
const BLOCK: usize = 16;
const FIXED: usize = 14;

/// How the length of the wrapped key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    /// As every platform that DBacked shipped for writes it.
    Little,
    /// Worth a finding: never seen outside of tests.
    Big,
}

/// What the first 14 bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderHead {
    /// Major, minor, patch.
    pub version: (u8, u8, u8),
    /// Length of the wrapped key in bytes, 128 to 1,024.
    pub key_len: u16,
    /// How that length is written.
    pub endian: Endian,
}

impl HeaderHead {
    fn parse(bytes: &[u8; FIXED]) -> Result<Self, UnsealError> {
        if !bytes.starts_with(DBACKED_MAGIC) {
            return Err(UnsealError::NotDbacked);
        }
        let [.., major, minor, patch, a, b, c, d] = *bytes;
        let plausible = |len: u32| u16::try_from(len).ok().filter(|len| (128..=1024).contains(len));
        // No length is plausible in both orders, so the key is not needed to decide.
        let (little, big) = (u32::from_le_bytes([a, b, c, d]), u32::from_be_bytes([a, b, c, d]));
        let (key_len, endian) = match (plausible(little), plausible(big)) {
            (Some(len), _) => (len, Endian::Little),
            (None, Some(len)) => (len, Endian::Big),
            (None, None) => return Err(UnsealError::DamagedHeader { what: "the length of the key is absurd" }),
        };
        Ok(Self { version: (major, minor, patch), key_len, endian })
    }

    /// The seal as the catalog knows it. Who the recipient is stands only in the metadata.
    pub fn seal(&self) -> Seal {
        let (modulus_bytes, version) = (Some(self.key_len), Some(self.version));
        Seal { modulus_bytes, version, ..Seal::new(SealScheme::Dbacked) }
    }
}

/// The header of a DBacked backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the first 14 bytes say.
    pub head: HeaderHead,
    /// The wrapped AES key.
    pub wrapped: Vec<u8>,
    /// The first block's IV.
    pub iv: [u8; 16],
}

impl Header {
    /// Reads a header; afterwards `source` stands at the first byte of the ciphertext.
    ///
    /// Takes at most 1,054 bytes, whatever the length field says.
    ///
    /// # Errors
    ///
    /// [`UnsealError::Truncated`] when the source ends inside it, [`UnsealError::NotDbacked`] without
    /// the magic, [`UnsealError::DamagedHeader`] for a length that no key has, [`UnsealError::Read`] as the source fails.
    pub fn read(source: &mut impl Read) -> Result<Self, UnsealError> {
        let mut fixed = [0; FIXED];
        let got = fill(source, &mut fixed)?;
        if got < FIXED {
            let so_far = got.min(DBACKED_MAGIC.len());
            let begun = fixed[..so_far] == DBACKED_MAGIC[..so_far];
            return Err(if begun { UnsealError::Truncated { at_byte: got as u64 } } else { UnsealError::NotDbacked });
        }
        let head = HeaderHead::parse(&fixed)?;
        let mut rest = vec![0; usize::from(head.key_len) + BLOCK];
        let got = fill(source, &mut rest)?;
        if got < rest.len() {
            return Err(UnsealError::Truncated { at_byte: (FIXED + got) as u64 });
        }
        let mut iv = [0; BLOCK];
        iv.copy_from_slice(&rest[usize::from(head.key_len)..]);
        rest.truncate(usize::from(head.key_len));
        Ok(Self { head, wrapped: rest, iv })
    }

    /// What the first bytes of an object say, if they are those of a DBacked backup.
    pub fn sniff(bytes: &[u8]) -> Option<HeaderHead> {
        HeaderHead::parse(bytes.first_chunk()?).ok()
    }

    /// Length of the header in bytes: where the ciphertext starts.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> u64 {
        (FIXED + self.wrapped.len() + BLOCK) as u64
    }

    /// The AES key, unwrapped.
    ///
    /// # Errors
    ///
    /// [`UnsealError::KeySize`] without trying when the key is of another size, else
    /// [`UnsealError::WrongKey`]. Neither tells a wrong key from a damaged header: compare the
    /// fingerprint in the metadata for that.
    pub fn unwrap_key(&self, key: &PrivateKey) -> Result<ContentKey, UnsealError> {
        if key.modulus_bytes() != self.wrapped.len() {
            let bits = |bytes: usize| 8 * bytes as u32;
            return Err(UnsealError::KeySize { header: bits(self.wrapped.len()), key: bits(key.modulus_bytes()) });
        }
        key.unwrap_oaep_sha1(&self.wrapped)
    }
}

/// Reads until `buffer` is full or the source ends; how much there was.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Decrypts AES-256-CBC in large batches and checks the padding at the end.
///
/// Every byte that leaves is unauthenticated: CBC turns any change into other plaintext without
/// noticing. Only the last block is held back. Memory is two batches, 128 KiB.
///
/// # Errors
///
/// `read` fails with [`io::ErrorKind::InvalidData`] wrapping an [`UnsealError`]:
/// [`UnsealError::Truncated`] when there is no ciphertext or it does not end at a block boundary,
/// [`UnsealError::Damaged`] when the padding is wrong. Errors of the source pass through as they
/// are. After a failure of the seal every further `read` repeats it.
pub struct Decrypter<R> {
    source: R,
    cipher: Aes256Dec,
    /// The ciphertext block before the next one: what CBC mixes into it.
    previous: [u8; BLOCK],
    /// Ciphertext that was read and not decrypted yet: the first `filled` bytes.
    sealed: Vec<u8>,
    filled: usize,
    plain: Zeroizing<Vec<u8>>,
    /// How much of `plain` was taken.
    taken: usize,
    /// Offset in the stored file of the first byte that was not read from `source` yet.
    at: u64,
    end: Option<Result<(), UnsealError>>,
}

impl<R: Read> Decrypter<R> {
    /// `start` is the offset in the stored file at which `source` stands: [`Header::len`].
    pub fn new(source: R, key: &ContentKey, iv: &[u8; 16], start: u64) -> Self {
        let (sealed, plain) = (vec![0; BATCH], Zeroizing::new(Vec::with_capacity(BATCH)));
        let cipher = Aes256Dec::new(key.expose().into());
        Self { source, cipher, previous: *iv, sealed, filled: 0, plain, taken: 0, at: start, end: None }
    }

    /// Bytes of the stored file read so far, the header included.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The source, wherever it stands.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Refills `plain`; called only when all of it was taken.
    fn refill(&mut self) -> io::Result<()> {
        let mut ended = false;
        while self.filled < BATCH && !ended {
            match self.source.read(&mut self.sealed[self.filled..]) {
                Ok(0) => ended = true,
                Ok(more) => {
                    self.filled += more;
                    self.at += more as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if ended {
            self.finish()
        } else {
            self.decrypt(BATCH - BLOCK)
        }
        Ok(())
    }

    /// Decrypts the first `len` bytes, whole blocks, and moves what is left to the front.
    ///
    /// The blocks go through AES side by side and are mixed with the ciphertext afterwards: measured
    /// at 3.3 to 4.9 GB/s where the `cbc` crate's own loop gave 2.5.
    fn decrypt(&mut self, len: usize) {
        self.taken = 0;
        self.plain.resize(len, 0);
        let sealed = &self.sealed[..len];
        let both = InOutBuf::new(sealed, &mut self.plain).expect("both are `len` bytes");
        self.cipher.decrypt_blocks_inout(both.into_chunks().0);
        if len >= BLOCK {
            let (first, rest) = self.plain.split_at_mut(BLOCK);
            first.iter_mut().zip(&self.previous).for_each(|(byte, mixed)| *byte ^= mixed);
            rest.iter_mut().zip(sealed).for_each(|(byte, mixed)| *byte ^= mixed);
            self.previous.copy_from_slice(&sealed[len - BLOCK..]);
        }
        self.sealed.copy_within(len..self.filled, 0);
        self.filled -= len;
    }

    fn finish(&mut self) {
        let whole = self.filled / BLOCK * BLOCK;
        if whole == 0 || whole < self.filled {
            self.end = Some(Err(UnsealError::Truncated { at_byte: self.at }));
            return self.decrypt(whole);
        }
        self.decrypt(whole);
        let padding = self.plain[whole - 1];
        let body = whole - usize::from(padding).clamp(1, BLOCK);
        let sound = (1..=BLOCK as u8).contains(&padding) && self.plain[body..].iter().all(|&byte| byte == padding);
        if sound {
            self.plain.truncate(body);
            self.end = Some(Ok(()));
        } else {
            // The last block leaves as it is, the error behind it: whoever reads what is compressed inside
            // can then tell a change (it makes no sense) from a cut (it goes on making sense, and stops).
            let at_byte = self.at - BLOCK as u64;
            self.end = Some(Err(UnsealError::Damaged { at_byte, what: Damage::Padding }));
        }
    }
}

impl<R: Read> BufRead for Decrypter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.plain.len() {
            match &self.end {
                Some(Ok(())) => return Ok(&[]),
                Some(Err(error)) => return Err(error.clone().into()),
                None => self.refill()?,
            }
        }
        Ok(&self.plain[self.taken..])
    }

    fn consume(&mut self, amount: usize) {
        self.taken = (self.taken + amount).min(self.plain.len());
    }
}

impl<R: Read> Read for Decrypter<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let len = ready.len().min(buf.len());
        buf[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

/// Writes a backup as DBacked's agent does, around bytes that are already gzipped. For tests and
/// the demo; new seals should use the authenticated format of [`sealed`](crate::seal::sealed).
///
/// Returns the number of bytes written.
pub fn seal_to(
    recipient: &PublicKey,
    mut gzipped: impl Read,
    mut out: impl Write,
    version: (u8, u8, u8),
) -> Result<u64, SealError> {
    let (mut key, mut iv) = (Zeroizing::new([0; 32]), [0; BLOCK]);
    OsRng.fill_bytes(&mut *key);
    OsRng.fill_bytes(&mut iv);
    let wrapped = recipient.wrap_oaep_sha1(&key)?;
    out.write_all(DBACKED_MAGIC)?;
    out.write_all(&[version.0, version.1, version.2])?;
    out.write_all(&(wrapped.len() as u32).to_le_bytes())?;
    out.write_all(&wrapped)?;
    out.write_all(&iv)?;
    let written = encrypt(&ContentKey::new(&key), &iv, &mut gzipped, &mut out)?;
    Ok((FIXED + wrapped.len() + BLOCK) as u64 + written)
}

fn encrypt(key: &ContentKey, iv: &[u8; 16], plain: &mut impl Read, out: &mut impl Write) -> io::Result<u64> {
    let mut cipher =
        cbc::Encryptor::<Aes256Enc>::new(GenericArray::from_slice(key.expose()), GenericArray::from_slice(iv));
    let mut buffer = Zeroizing::new(vec![0; BATCH]);
    let mut written = 0;
    loop {
        let mut len = fill(plain, &mut buffer)?;
        let last = len < BATCH;
        if last {
            let padding = BLOCK - len % BLOCK;
            buffer[len..len + padding].fill(padding as u8);
            len += padding;
        }
        for block in buffer[..len].chunks_exact_mut(BLOCK) {
            cipher.encrypt_block_mut(GenericArray::from_mut_slice(block));
        }
        out.write_all(&buffer[..len])?;
        written += len as u64;
        if last {
            return Ok(written);
        }
    }
}
