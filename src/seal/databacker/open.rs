//! From the first byte of a seal to its plaintext.

use std::io::{self, Read};

use crate::seal::cbc::{Aes, BLOCK, Decrypter, fill};
use crate::seal::chacha::{Message, NONCE, Tail};
use crate::seal::cms::{self, Strictness};
use crate::seal::databacker::{Missed, SALTED, Sealing};
use crate::seal::error::UnsealError;

pub(super) fn open<R: Read + Send + 'static>(
    sealing: &Sealing,
    mut sealed: R,
    strictness: Strictness,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match sealing {
        Sealing::Cbc(key) => {
            let iv: [u8; BLOCK] = first(&mut sealed)?;
            Box::new(Decrypter::new(sealed, key, &iv, BLOCK as u64))
        }
        Sealing::ChaCha(key) => {
            let nonce: [u8; NONCE] = first(&mut sealed)?;
            let tail = if strictness == Strictness::Lenient { Tail::Ciphertext } else { Tail::Tag };
            Box::new(Message::new(sealed, key, &nonce, NONCE as u64, tail))
        }
        Sealing::Pbkdf2 { salt, derived } => {
            let head: [u8; 16] = first(&mut sealed)?;
            unchanged(head.starts_with(SALTED) && head.ends_with(salt))?;
            let (key, iv) = derived.expose().split_at(32);
            Box::new(Decrypter::with_cipher(sealed, aes(key)?, iv.try_into().map_err(io::Error::other)?, 16))
        }
        Sealing::Cms { head, header, key } => {
            let mut again = vec![0; head.len()];
            let got = fill(&mut sealed, &mut again)?;
            truncated(got, again.len())?;
            unchanged(again[..] == head[..])?;
            Box::new(cms::Content::new(sealed, header, aes(key.expose())?, strictness))
        }
        Sealing::Age(unlocked) => Box::new(unlocked.open(sealed)?),
    })
}

fn aes(key: &[u8]) -> io::Result<Aes> {
    Aes::new(key).ok_or_else(|| io::Error::other("a key of a length that AES does not have"))
}

fn first<const N: usize>(sealed: &mut impl Read) -> io::Result<[u8; N]> {
    let mut head = [0; N];
    let got = fill(sealed, &mut head)?;
    truncated(got, N)?;
    Ok(head)
}

fn truncated(got: usize, wanted: usize) -> io::Result<()> {
    if got < wanted { Err(UnsealError::Truncated { at_byte: got as u64 }.into()) } else { Ok(()) }
}

fn unchanged(same: bool) -> io::Result<()> {
    let changed = || io::Error::new(io::ErrorKind::InvalidData, "the header changed between two reads");
    if same { Ok(()) } else { Err(changed()) }
}

/// Ends where its source fails as a seal.
pub(super) struct Forgiving {
    pub(super) source: Box<dyn Read + Send>,
    pub(super) missed: Missed,
}

impl Read for Forgiving {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.missed.what().is_some() {
            return Ok(0);
        }
        match self.source.read(buf) {
            Err(error) if UnsealError::from_io(&error).is_some() => {
                let _ = self.missed.0.set(error.into());
                Ok(0)
            }
            outcome => outcome,
        }
    }
}
