//! The header: stanzas, and the HMAC that proves them.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use data_encoding::BASE64_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::model::foreign::escape;
use crate::seal::age::MAGIC;
use crate::seal::keyring::ContentKey;

pub(super) const NONCE: usize = 16;
/// More recipients than any writer names.
const MAX_STANZAS: usize = 256;
const MAX_BODY: usize = 4096;
/// N = 2^20 takes a GiB and some seconds: age itself writes 2^18.
const MAX_WORK: u8 = 20;
const SCRYPT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::seal) enum HeaderError {
    /// It ends too early.
    Cut { at: usize },
    /// Its text makes no sense, or its HMAC does not match.
    Malformed,
    /// A passphrase that is made to take forever.
    TooDear { work_factor: u8 },
}

/// One recipient.
pub(in crate::seal) enum Stanza {
    X25519 {
        share: [u8; 32],
        /// The file key, sealed.
        body: [u8; 32],
    },
    Scrypt {
        salt: [u8; 16],
        /// The logarithm of N.
        work_factor: u8,
        body: [u8; 32],
    },
    /// Of another type: a plugin's, an SSH key's, or bait.
    Other(String),
}

impl Stanza {
    /// What kind of recipient this is; safe to draw.
    pub(super) fn words(&self) -> String {
        match self {
            Self::X25519 { .. } => "X25519".to_owned(),
            Self::Scrypt { work_factor, .. } => format!("passphrase (work factor {work_factor})"),
            Self::Other(kind) => escape(kind),
        }
    }
}

/// A parsed header, not proven yet.
pub(in crate::seal) struct Header {
    pub(in crate::seal) stanzas: Vec<Stanza>,
    /// Bytes that the HMAC covers: up to and including `---`.
    covered: usize,
    mac: [u8; 32],
    len: usize,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut lines = Lines { bytes, at: 0 };
        let magic = &MAGIC[..MAGIC.len() - 1];
        if lines.next()? != magic {
            return Err(HeaderError::Malformed);
        }
        let mut stanzas = vec![];
        loop {
            let start = lines.at;
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix(b"--- ") {
                let mac = decode(mac).ok_or(HeaderError::Malformed)?;
                return if stanzas.is_empty() {
                    Err(HeaderError::Malformed)
                } else {
                    Ok(Self { stanzas, covered: start + 3, mac, len: lines.at })
                };
            }
            let words = line.strip_prefix(b"-> ").ok_or(HeaderError::Malformed)?;
            if stanzas.len() == MAX_STANZAS {
                return Err(HeaderError::Malformed);
            }
            let body = body(&mut lines)?;
            stanzas.push(stanza(words, &body)?);
        }
    }

    /// Bytes up to the nonce.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Checks the HMAC: a header that was changed is never used, even where a key fits.
    pub(super) fn prove(&self, bytes: &[u8], file_key: &[u8; 16]) -> Result<(), HeaderError> {
        let key = derive(file_key, &[], b"header");
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&*key).map_err(|_| HeaderError::Malformed)?;
        mac.update(&bytes[..self.covered]);
        mac.verify_slice(&self.mac).map_err(|_| HeaderError::Malformed)
    }
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], HeaderError> {
        let rest = &self.bytes[self.at..];
        let len = memchr::memchr(b'\n', rest).ok_or(HeaderError::Cut { at: self.bytes.len() })?;
        self.at += len + 1;
        Ok(&rest[..len])
    }
}

/// Lines of 64 characters and a shorter last one, decoded.
fn body(lines: &mut Lines<'_>) -> Result<Vec<u8>, HeaderError> {
    let mut text = vec![];
    loop {
        let line = lines.next()?;
        text.extend_from_slice(line);
        if line.len() > 64 || text.len() > MAX_BODY {
            return Err(HeaderError::Malformed);
        }
        if line.len() < 64 {
            return BASE64_NOPAD.decode(&text).map_err(|_| HeaderError::Malformed);
        }
    }
}

fn stanza(words: &[u8], body: &[u8]) -> Result<Stanza, HeaderError> {
    let words = std::str::from_utf8(words).map_err(|_| HeaderError::Malformed)?;
    let mut words = words.split(' ');
    let kind = words.next().filter(|kind| !kind.is_empty()).ok_or(HeaderError::Malformed)?;
    let mut next = || words.next().ok_or(HeaderError::Malformed);
    let fixed = |body: &[u8]| body.try_into().map_err(|_| HeaderError::Malformed);
    match kind {
        "X25519" => {
            let share = decode(next()?.as_bytes()).ok_or(HeaderError::Malformed)?;
            Ok(Stanza::X25519 { share, body: fixed(body)? })
        }
        "scrypt" => {
            let salt = decode(next()?.as_bytes()).ok_or(HeaderError::Malformed)?;
            let factor = next()?;
            let canonical = factor.len() <= 2 && factor.bytes().all(|c| c.is_ascii_digit()) && !factor.starts_with('0');
            let work_factor = factor.parse().ok().filter(|_| canonical).ok_or(HeaderError::Malformed)?;
            Ok(Stanza::Scrypt { salt, work_factor, body: fixed(body)? })
        }
        other => Ok(Stanza::Other(other.chars().take(40).collect())),
    }
}

fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    BASE64_NOPAD.decode(text).ok()?.try_into().ok()
}

/// HKDF-SHA-256, 32 bytes.
pub(in crate::seal) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut *key).expect("32 bytes are a length that HKDF gives");
    key
}

pub(super) fn payload_key(file_key: &[u8; 16], nonce: &[u8; NONCE]) -> ContentKey {
    ContentKey::new(&derive(file_key, nonce, b"payload"))
}

/// The HMAC of a header, over everything up to and including `---`.
pub(super) fn mac(covered: &[u8], file_key: &[u8; 16]) -> Option<[u8; 32]> {
    let key = derive(file_key, &[], b"header");
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&*key).ok()?;
    mac.update(covered);
    Some(mac.finalize().into_bytes().into())
}

/// Opens a stanza's body under the key that its recipient derives.
pub(in crate::seal) fn open_body(wrap_key: &[u8; 32], body: &[u8; 32]) -> Option<Zeroizing<[u8; 16]>> {
    let mut file_key = Zeroizing::new([0; 16]);
    file_key.copy_from_slice(&body[..16]);
    let cipher = ChaCha20Poly1305::new(wrap_key.into());
    let opened = cipher.decrypt_in_place_detached(&Nonce::default(), b"", &mut *file_key, Tag::from_slice(&body[16..]));
    opened.is_ok().then_some(file_key)
}

/// The file key under a passphrase; `None` when it does not fit, or the file is for no passphrase.
pub(in crate::seal) fn unwrap_passphrase(
    header: &Header,
    passphrase: &[u8],
) -> Result<Option<Zeroizing<[u8; 16]>>, HeaderError> {
    let [Stanza::Scrypt { salt, work_factor, body }] = &header.stanzas[..] else { return Ok(None) };
    if *work_factor > MAX_WORK {
        return Err(HeaderError::TooDear { work_factor: *work_factor });
    }
    let params = scrypt::Params::new(*work_factor, 8, 1, 32).map_err(|_| HeaderError::Malformed)?;
    let mut wrap_key = Zeroizing::new([0; 32]);
    let salt = [SCRYPT_LABEL, salt].concat();
    scrypt::scrypt(passphrase, &salt, &params, &mut *wrap_key).map_err(|_| HeaderError::Malformed)?;
    Ok(open_body(&wrap_key, body))
}
