//! age, version 1: X25519 and passphrase recipients, binary and armored.
//!
//! # Source
//!
//! The age file encryption format, <https://age-encryption.org/v1>: a text header with one stanza per
//! recipient and an HMAC over it, 16 bytes of nonce, then chunks of 64 KiB under ChaCha20-Poly1305
//! with a counter and a mark on the last one.

mod armor;
mod header;
mod stream;
mod write;

use std::io::{self, Read};

use zeroize::Zeroizing;

use crate::model::foreign::Foreign;
use crate::seal::agekey::AgeKey;
use crate::seal::error::{KeyError, UnsealError};
use crate::seal::keyring::ContentKey;

use self::armor::Dearmor;
pub(super) use self::header::{Header, HeaderError, Stanza, derive, open_body, unwrap_passphrase};
pub(super) use self::stream::Chunks;
pub(super) use self::write::seal;

/// The first line of a binary file.
pub const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// The first line of an armored one.
pub const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Whether bytes begin as an age file does, armored or not.
pub fn is_age(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || is_armored(head)
}

fn is_armored(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(ARMOR)
}

/// An age file that was unlocked: its header, and the key of its chunks.
#[derive(Clone)]
pub(super) struct Unlocked {
    armored: bool,
    /// The header and the nonce, as they were read when the key was unwrapped.
    head: Vec<u8>,
    payload: ContentKey,
}

/// The first bytes of an age file, out of their armor.
pub(super) struct Head {
    armored: bool,
    bytes: Vec<u8>,
}

impl Head {
    /// Takes the first bytes; of an armored file as many whole lines as there are.
    pub(super) fn new(head: &[u8]) -> Self {
        if !is_armored(head) {
            return Self { armored: false, bytes: head.to_vec() };
        }
        let mut bytes = vec![];
        let _ = Dearmor::new(head).read_to_end(&mut bytes); // a cut or broken end is the reader's matter
        Self { armored: true, bytes }
    }

    /// The recipients and what they hold.
    pub(super) fn header(&self) -> Result<Header, HeaderError> {
        Header::parse(&self.bytes)
    }

    /// With the file key: the header proven, and the key of the chunks.
    pub(super) fn unlock(&self, header: &Header, file_key: &[u8; 16]) -> Result<Unlocked, HeaderError> {
        header.prove(&self.bytes, file_key)?;
        let end = header.len() + header::NONCE;
        let cut = HeaderError::Cut { at: self.bytes.len() };
        let nonce = self.bytes.get(header.len()..end).and_then(|nonce| nonce.try_into().ok()).ok_or(cut)?;
        let payload = header::payload_key(file_key, nonce);
        Ok(Unlocked { armored: self.armored, head: self.bytes[..end].to_vec(), payload })
    }
}

impl Unlocked {
    /// The chunks of a file that begins with the same header.
    pub(super) fn open<R: Read + Send + 'static>(&self, sealed: R) -> io::Result<Chunks<Box<dyn Read + Send>>> {
        let mut source: Box<dyn Read + Send> =
            if self.armored { Box::new(Dearmor::new(sealed)) } else { Box::new(sealed) };
        let mut head = vec![0; self.head.len()];
        source.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => UnsealError::Truncated { at_byte: 0 }.into(),
            _ => error,
        })?;
        if head != self.head {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the header changed between two reads"));
        }
        let place: fn(u64) -> u64 = if self.armored { armor::stored } else { |at| at };
        Ok(Chunks::new(source, &self.payload, self.head.len() as u64, place))
    }
}

/// The content of a small age file under a passphrase: an encrypted identity file.
pub(super) fn decrypt_small(bytes: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let of_header = |error| match error {
        HeaderError::Cut { .. } | HeaderError::Malformed => KeyError::Malformed,
        HeaderError::TooDear { .. } => KeyError::Unsupported { what: "scrypt with a work factor above 20" },
    };
    let head = Head::new(bytes);
    let header = head.header().map_err(of_header)?;
    let file_key = unwrap_passphrase(&header, passphrase).map_err(of_header)?.ok_or(KeyError::WrongPassphrase)?;
    let opened = head.unlock(&header, &file_key).map_err(of_header)?;
    // One allocation: a vector that grows leaves copies behind. No plaintext is longer than its file.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    let mut chunks = opened.open(io::Cursor::new(bytes.to_vec())).map_err(|_| KeyError::Malformed)?;
    chunks.read_to_end(&mut plain).map_err(|_| KeyError::Malformed)?;
    Ok(plain)
}

/// `passphrase (work factor 18)`, where a passphrase is what opens it.
pub(super) fn passphrase_words(header: &Header) -> Option<String> {
    let is_passphrase = |stanza: &&Stanza| matches!(stanza, Stanza::Scrypt { .. });
    header.stanzas.iter().find(is_passphrase).map(Stanza::words)
}

/// The recipients in words: `X25519`, `passphrase (work factor 18)`.
pub(super) fn recipients(header: &Header) -> Vec<Foreign> {
    header.stanzas.iter().map(|stanza| Foreign::from(format!("age {}", stanza.words()))).collect()
}

/// The file key, by whichever identity fits.
pub(super) fn unwrap_identity(header: &Header, key: &AgeKey) -> Option<Zeroizing<[u8; 16]>> {
    header.stanzas.iter().find_map(|stanza| match stanza {
        Stanza::X25519 { share, body } => key.unwrap(share, body),
        Stanza::Scrypt { .. } | Stanza::Other(_) => None,
    })
}
