//! Our own sealed format: a stream for one or more RSA keys, authenticated chunk by chunk.
//!
//! This is the specification; all numbers are big-endian.
//!
//! # Layout
//!
//! | Offset | Length | Content |
//! |---|---|---|
//! | 0 | 20 | `breakglass/sealed/1` and a line feed |
//! | 20 | 16 | file salt: random, new for every file |
//! | 36 | 2 | R, the number of recipients: 1 to 64 |
//! | 38 | | R recipients, one behind the other |
//! | | 32 | HMAC-SHA-256 of every byte before it, under the header key |
//! | | rest | chunks |
//!
//! | A recipient | Length | Content |
//! |---|---|---|
//! | | 32 | SHA-256 of the public key's SubjectPublicKeyInfo in DER |
//! | | 2 | K, the size of its modulus in bytes: 128 to 1,024 |
//! | | K | RSA-OAEP of the file key: SHA-256, MGF1-SHA-256, label `breakglass/seal/v1` |
//!
//! # Keys
//!
//! The file key is 32 random bytes, new for every file. With HKDF-SHA-256, 32 bytes each:
//!
//! - header key = HKDF(input = file key, no salt, info = `header`)
//! - payload key = HKDF(input = file key, salt = file salt, info = `payload`)
//!
//! A reader finds itself by fingerprint, unwraps the file key, and checks the HMAC before it does
//! anything else. The HMAC also commits to the file key: no file opens to two different contents
//! for two recipients.
//!
//! # Chunks
//!
//! The plaintext is cut every 65,536 bytes; only the final chunk may be shorter, and it is empty
//! only when it is the only one. Each chunk is AES-256-GCM under the payload key, no associated
//! data, ciphertext followed by its 16-byte tag. The nonce is an 11-byte counter, 0 for the first
//! chunk, and one byte that is 1 for the final chunk and 0 for all others. So chunks cannot be
//! reordered, dropped or repeated, and a file cut between two chunks is missing its final one.
//! A reader with random access opens the final chunk first, and so learns at once whether the
//! file has its end.
//!
//! # What it promises
//!
//! *Integrity*: what comes out is what the writer put in, up to an error. Not *origin*: whoever
//! has a recipient's public key can write another file in its place. Not secrecy of the
//! recipients: their fingerprints are readable. Its length tells the plaintext's.

mod read;
mod write;

use std::io::Read;

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::model::seal::{Fingerprint, Recipient, RecipientSource, SEALED_MAGIC, Seal, SealScheme};
use crate::seal::error::UnsealError;
use crate::seal::keyring::{ContentKey, PrivateKey};

pub use self::read::{SeekUnsealer, Unsealer};
pub use self::write::{Sealer, reseal};

/// Bytes of plaintext in every chunk but the final one.
pub const CHUNK: usize = 64 << 10;
/// The most recipients of one file.
pub const MAX_RECIPIENTS: usize = 64;

const TAG: usize = 16;
const SALT: usize = 16;
const LABEL: &str = "breakglass/seal/v1";
const PREFIX: usize = SEALED_MAGIC.len() + SALT + 2;

/// The header of a sealed file, unauthenticated until [`unwrap`](Self::unwrap) has checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHeader {
    /// Every byte up to the HMAC.
    signed: Vec<u8>,
    mac: [u8; 32],
    recipients: Vec<Fingerprint>,
    /// Where in `signed` each wrapped key stands.
    wrapped: Vec<(usize, usize)>,
}

impl SealedHeader {
    /// Reads a header; afterwards `source` stands at the first chunk. Takes at most 67,782 bytes.
    ///
    /// # Errors
    ///
    /// [`UnsealError::NotSealed`] without the magic, [`UnsealError::Truncated`] when the source ends inside
    /// it, [`UnsealError::DamagedHeader`] for counts and lengths out of bounds, [`UnsealError::Read`] as the source fails.
    pub fn read(source: &mut impl Read) -> Result<Self, UnsealError> {
        let mut signed = Vec::with_capacity(PREFIX + 34 + 512);
        let got = more(source, &mut signed, SEALED_MAGIC.len());
        if !SEALED_MAGIC.starts_with(&signed) {
            return Err(UnsealError::NotSealed);
        }
        got?;
        more(source, &mut signed, PREFIX - SEALED_MAGIC.len())?;
        let count = usize::from(u16::from_be_bytes([signed[PREFIX - 2], signed[PREFIX - 1]]));
        if !(1..=MAX_RECIPIENTS).contains(&count) {
            return Err(UnsealError::DamagedHeader { what: "the number of recipients is absurd" });
        }
        let mut header = Self { signed, mac: [0; 32], recipients: vec![], wrapped: vec![] };
        for _ in 0..count {
            header.read_recipient(source)?;
        }
        let end = header.signed.len();
        more(source, &mut header.signed, header.mac.len())?;
        header.mac.copy_from_slice(&header.signed[end..]);
        header.signed.truncate(end);
        Ok(header)
    }

    fn read_recipient(&mut self, source: &mut impl Read) -> Result<(), UnsealError> {
        let at = self.signed.len();
        more(source, &mut self.signed, 34)?;
        let (digest, len) = self.signed[at..].split_first_chunk::<32>().expect("34 bytes were read");
        self.recipients.push(Fingerprint::from_digest(digest));
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        if !(128..=1024).contains(&len) {
            return Err(UnsealError::DamagedHeader { what: "the length of a key is absurd" });
        }
        self.wrapped.push((at + 34, at + 34 + len));
        more(source, &mut self.signed, len)
    }

    /// What the first bytes of an object say, if they are those of a sealed file. Recipients
    /// beyond the end of `bytes` are missing; 4 KiB hold the first seven or more of 4,096 bits.
    pub fn sniff(bytes: &[u8]) -> Option<Seal> {
        let rest = bytes.strip_prefix(SEALED_MAGIC)?;
        let mut seal = Seal::new(SealScheme::Sealed);
        let Some((count, mut rest)) = rest.get(SALT..).and_then(|rest| rest.split_first_chunk::<2>()) else {
            return Some(seal);
        };
        for _ in 0..usize::from(u16::from_be_bytes(*count)).min(MAX_RECIPIENTS) {
            let Some((digest, tail)) = rest.split_first_chunk::<32>() else { break };
            let Some((len, tail)) = tail.split_first_chunk::<2>() else { break };
            let len = u16::from_be_bytes(*len);
            let fingerprint = Fingerprint::from_digest(digest);
            seal.recipients.push(Recipient { fingerprint, source: RecipientSource::Header });
            seal.modulus_bytes.get_or_insert(len);
            rest = tail.get(usize::from(len)..).unwrap_or(&[]);
        }
        Some(seal)
    }

    /// Who can open it, as the header claims.
    pub fn recipients(&self) -> &[Fingerprint] {
        &self.recipients
    }

    /// Length of the header in bytes: where the first chunk starts.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> u64 {
        (self.signed.len() + self.mac.len()) as u64
    }

    /// The seal as the catalog knows it.
    pub fn seal(&self) -> Seal {
        let source = RecipientSource::Header;
        let recipients = self.recipients.iter().map(|f| Recipient { fingerprint: f.clone(), source }).collect();
        let modulus_bytes = self.wrapped.first().map(|(from, to)| (to - from) as u16);
        Seal { recipients, modulus_bytes, ..Seal::new(SealScheme::Sealed) }
    }

    /// The payload key, once the header has proved to be the one that was written.
    ///
    /// # Errors
    ///
    /// [`UnsealError::WrongKey`] when the key is not among the recipients; [`UnsealError::DamagedHeader`] when it
    /// is, but does not open its part or the HMAC differs.
    pub fn unwrap(&self, key: &PrivateKey) -> Result<ContentKey, UnsealError> {
        let own = key.fingerprint();
        let at = self.recipients.iter().position(|recipient| *recipient == own).ok_or(UnsealError::WrongKey)?;
        let (from, to) = self.wrapped[at];
        let file_key = key
            .unwrap_oaep_sha256(LABEL, &self.signed[from..to])
            .map_err(|_| UnsealError::DamagedHeader { what: "the key does not open its own part" })?;
        header_mac(&file_key, &self.signed)
            .verify_slice(&self.mac)
            .map_err(|_| UnsealError::DamagedHeader { what: "it does not match its tag" })?;
        Ok(payload_key(&file_key, &self.signed[SEALED_MAGIC.len()..][..SALT]))
    }
}

fn more(source: &mut impl Read, bytes: &mut Vec<u8>, len: usize) -> Result<(), UnsealError> {
    let got = source.take(len as u64).read_to_end(bytes);
    match got {
        Ok(got) if got < len => Err(UnsealError::Truncated { at_byte: bytes.len() as u64 }),
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn header_mac(file_key: &ContentKey, signed: &[u8]) -> Hmac<Sha256> {
    let key = derive(file_key, None, b"header");
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.chain_update(signed)
}

fn payload_key(file_key: &ContentKey, salt: &[u8]) -> ContentKey {
    ContentKey::new(&derive(file_key, Some(salt), b"payload"))
}

fn derive(file_key: &ContentKey, salt: Option<&[u8]>, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(salt, file_key.expose());
    hkdf.expand(info, &mut *key).expect("32 bytes are within what HKDF gives");
    key
}

fn nonce(index: u64, place: Place) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&index.to_be_bytes());
    nonce[11] = u8::from(place == Place::Final);
    nonce
}

/// Where a chunk stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Middle,
    Final,
}
