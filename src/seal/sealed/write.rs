//! Sealing.

use std::io::{self, Read, Write};

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hmac::Mac;
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::{Zeroize, Zeroizing};

use crate::model::seal::SEALED_MAGIC;
use crate::seal::error::SealError;
use crate::seal::keyring::{ContentKey, PrivateKey};
use crate::seal::public::PublicKey;
use crate::seal::sealed::{
    CHUNK, LABEL, MAX_RECIPIENTS, Place, SALT, SealedHeader, TAG, Unsealer, header_mac, nonce, payload_key,
};

/// Seals what is written to it. The file is whole only after [`finish`](Self::finish): one that was
/// merely dropped lacks its final chunk and is refused by every reader.
pub struct Sealer<W> {
    out: W,
    cipher: Aes256Gcm,
    /// Plaintext of the chunk being filled.
    chunk: Zeroizing<Vec<u8>>,
    index: u64,
}

impl<W: Write> Sealer<W> {
    /// Writes the header for these recipients, under a new file key. A recipient named twice counts once.
    pub fn new(mut out: W, recipients: &[PublicKey]) -> Result<Self, SealError> {
        let mut unique: Vec<&PublicKey> = vec![];
        for key in recipients {
            if key.bits() < 2048 {
                return Err(SealError::WeakRecipient { bits: key.bits() });
            }
            if !unique.contains(&key) {
                unique.push(key);
            }
        }
        match unique.len() {
            0 => return Err(SealError::NoRecipient),
            1..=MAX_RECIPIENTS => {}
            _ => return Err(SealError::TooManyRecipients),
        }
        let (mut bytes, mut salt) = (Zeroizing::new([0; 32]), [0; SALT]);
        OsRng.fill_bytes(&mut *bytes);
        OsRng.fill_bytes(&mut salt);
        let mut header = [&SEALED_MAGIC[..], &salt, &(unique.len() as u16).to_be_bytes()].concat();
        for key in unique {
            let wrapped = key.wrap_oaep_sha256(LABEL, &bytes)?;
            header.extend_from_slice(key.digest());
            header.extend_from_slice(&(wrapped.len() as u16).to_be_bytes());
            header.extend_from_slice(&wrapped);
        }
        let file_key = ContentKey::new(&bytes);
        let mac = header_mac(&file_key, &header).finalize().into_bytes();
        out.write_all(&header)?;
        out.write_all(&mac)?;
        let cipher = Aes256Gcm::new(payload_key(&file_key, &salt).expose().into());
        Ok(Self { out, cipher, chunk: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)), index: 0 })
    }

    /// Seals the final chunk and gives the writer back, not flushed.
    pub fn finish(mut self) -> Result<W, SealError> {
        self.write_chunk(Place::Final)?;
        Ok(self.out)
    }

    fn write_chunk(&mut self, place: Place) -> io::Result<()> {
        let nonce = nonce(self.index, place);
        let tag = self.cipher.encrypt_in_place_detached(Nonce::from_slice(&nonce), b"", &mut self.chunk);
        self.chunk.extend_from_slice(&tag.expect("a chunk is far below what GCM takes"));
        let written = self.out.write_all(&self.chunk);
        self.chunk.zeroize();
        self.index += 1;
        written
    }
}

impl<W: Write> Write for Sealer<W> {
    /// A full chunk waits for the next byte: until then it may be the final one.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.chunk.len() == CHUNK {
            self.write_chunk(Place::Middle)?;
        }
        let len = buf.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&buf[..len]);
        Ok(len)
    }

    /// Flushes what was sealed; the chunk being filled stays.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens a sealed stream and seals it for other recipients, under a new file key, as a stream.
///
/// Returns the length of the plaintext. On an error `out` holds a file without its end.
pub fn reseal(
    mut source: impl Read,
    key: &PrivateKey,
    recipients: &[PublicKey],
    out: impl Write,
) -> Result<u64, SealError> {
    let header = SealedHeader::read(&mut source)?;
    let mut plain = Unsealer::new(source, &header.unwrap(key)?, header.len());
    let mut sealer = Sealer::new(out, recipients)?;
    let mut buffer = Zeroizing::new(vec![0; CHUNK]);
    let mut total = 0;
    loop {
        let len = plain.read(&mut buffer)?;
        if len == 0 {
            break;
        }
        sealer.write_all(&buffer[..len])?;
        total += len as u64;
    }
    sealer.finish()?.flush()?;
    Ok(total)
}
