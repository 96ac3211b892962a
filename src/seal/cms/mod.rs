//! CMS EnvelopedData: what `openssl smime -encrypt` and databacker's `smime-aes256-cbc` write.
//!
//! The content is AES in CBC mode: there is no authentication anywhere.

mod ber;
mod body;
mod header;
mod name;
mod unwrap;

use std::io::{self, Read};

use crate::seal::cbc::{Aes, Decrypter};
use crate::seal::error::UnsealError;

pub(super) use self::body::{Body, Strictness};
pub(super) use self::header::{Header, HeaderError, Recipient, Who, Wrapping};
pub(super) use self::unwrap::{with_ec, with_rsa};

/// Decrypts the content of a message and checks its padding at the end.
///
/// Errors are those of [`Decrypter`] and of [`Body`], with offsets in the stored message.
pub(super) struct Content<R> {
    decrypter: Decrypter<Body<R>>,
}

impl<R: Read> Content<R> {
    /// `source` stands behind the header.
    pub(super) fn new(source: R, header: &Header, cipher: Aes, strictness: Strictness) -> Self {
        let body = Body::new(source, header, strictness);
        Self { decrypter: Decrypter::with_cipher(body, cipher, &header.iv, 0) }
    }

    /// The decrypter counts bytes of ciphertext; between those may stand heads of pieces.
    fn placed(&self, error: UnsealError) -> UnsealError {
        let body = self.decrypter.source();
        match error {
            UnsealError::Truncated { at_byte } => UnsealError::Truncated { at_byte: body.stored(at_byte) },
            UnsealError::Damaged { at_byte, what } => UnsealError::Damaged { at_byte: body.stored(at_byte), what },
            other => other,
        }
    }
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.decrypter.read(buf).map_err(|error| match error.downcast::<UnsealError>() {
            Ok(error) if self.decrypter.has_failed() => self.placed(error).into(),
            Ok(error) => error.into(),
            Err(error) => error,
        })
    }
}
