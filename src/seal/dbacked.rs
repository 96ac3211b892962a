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

use std::io::{self, Read, Write};

use aes::Aes256Enc;
use aes::cipher::generic_array::GenericArray;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::model::seal::{DBACKED_MAGIC, Seal, SealScheme};
use crate::seal::cbc::{BATCH, BLOCK, fill};
use crate::seal::error::{SealError, UnsealError};
use crate::seal::keyring::{ContentKey, PrivateKey};
use crate::seal::public::PublicKey;

pub use crate::seal::cbc::Decrypter;

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

/// Encrypts everything under AES-256-CBC with PKCS#7; how many bytes were written.
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
