//! Sealing as databacker does, the whole archive in memory as it does too. For the demo and tests: new seals
//! should use the authenticated format of [`sealed`](crate::seal::sealed).

use std::io;

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use pbkdf2::pbkdf2_hmac;
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::seal::age;
use crate::seal::databacker::SALTED;
use crate::seal::databacker::unlock::ROUNDS;
use crate::seal::der::{self, INTEGER, OCTET_STRING, OID, SEQUENCE};
use crate::seal::error::SealError;
use crate::seal::public::PublicKey;

const SET: u8 = 0x31;
const UTF8: u8 = 0x0c;
/// `1.2.840.113549.1.7`
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 2];

/// Which seal, and for whom.
#[derive(Clone, Copy)]
pub enum SealFor<'a> {
    /// `aes256-cbc`.
    Aes256Cbc(&'a [u8; 32]),
    /// `chacha20-poly1305`.
    ChaCha20Poly1305(&'a [u8; 32]),
    /// `pbkdf2-aes256-cbc`, under a passphrase.
    Pbkdf2Cbc(&'a [u8]),
    /// `smime-aes256-cbc`: in truth AES-128-CBC, as that tool writes it.
    Cms {
        /// Who can open it.
        recipient: &'a PublicKey,
        /// The common name in their certificate.
        name: &'a str,
    },
    /// `age-chacha20-poly1305`, for an `age1...`.
    Age(&'a str),
}

/// The sealed bytes of an archive.
///
/// # Errors
///
/// [`SealError::NoRecipient`] for a text that is no age recipient, [`SealError::WeakRecipient`] for an RSA key
/// that is too small.
pub fn seal(how: SealFor<'_>, archive: &[u8]) -> Result<Vec<u8>, SealError> {
    match how {
        SealFor::Aes256Cbc(key) => {
            let iv: [u8; 16] = random();
            let sealed = cbc::Encryptor::<aes::Aes256Enc>::new(key.into(), &iv.into());
            Ok([&iv[..], &sealed.encrypt_padded_vec_mut::<Pkcs7>(archive)].concat())
        }
        SealFor::ChaCha20Poly1305(key) => {
            let nonce: [u8; 12] = random();
            let sealed = ChaCha20Poly1305::new(key.into()).encrypt(Nonce::from_slice(&nonce), archive);
            let sealed = sealed.map_err(|_| SealError::Io(io::ErrorKind::FileTooLarge.into()))?;
            Ok([&nonce[..], &sealed].concat())
        }
        SealFor::Pbkdf2Cbc(passphrase) => {
            let salt: [u8; 8] = random();
            let mut derived = Zeroizing::new([0; 48]);
            pbkdf2_hmac::<Sha256>(passphrase, &salt, ROUNDS, &mut *derived);
            let (key, iv) = derived.split_at(32);
            let sealed = cbc::Encryptor::<aes::Aes256Enc>::new(key.into(), iv.into());
            Ok([SALTED, &salt[..], &sealed.encrypt_padded_vec_mut::<Pkcs7>(archive)].concat())
        }
        SealFor::Cms { recipient, name } => cms(recipient, name, archive),
        SealFor::Age(recipient) => age::seal(recipient, archive).ok_or(SealError::NoRecipient),
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn cms(recipient: &PublicKey, name: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let (key, iv) = (Zeroizing::new(random::<16>()), random::<16>());
    let sealed =
        cbc::Encryptor::<aes::Aes128Enc>::new((&*key).into(), &iv.into()).encrypt_padded_vec_mut::<Pkcs7>(plain);
    let wrapped = recipient.wrap_pkcs1(&*key)?;

    let common_name = [&der::element(OID, &[COMMON_NAME])[..], &der::element(UTF8, &[name.as_bytes()])];
    let issuer = der::element(SEQUENCE, &[&der::element(SET, &[&der::element(SEQUENCE, &common_name)])]);
    let issued = der::element(SEQUENCE, &[&issuer, &der::number(&recipient.digest()[..8])]);
    let rsa = der::element(SEQUENCE, &[&der::element(OID, &[der::RSA_OID])]); // its parameters are missing there too
    let zero = der::element(INTEGER, &[&[0]]);
    let transport = der::element(SEQUENCE, &[&zero, &issued, &rsa, &der::element(OCTET_STRING, &[&wrapped])]);
    let aes = [&der::element(OID, &[AES_128_CBC])[..], &der::element(OCTET_STRING, &[&iv])];
    let content =
        [&der::element(OID, &[PKCS7, &[1]])[..], &der::element(SEQUENCE, &aes), &der::element(0x80, &[&sealed])];
    let enveloped = [&zero[..], &der::element(SET, &[&transport]), &der::element(SEQUENCE, &content)];
    let inner = der::element(0xa0, &[&der::element(SEQUENCE, &enveloped)]);
    Ok(der::element(SEQUENCE, &[&der::element(OID, &[PKCS7, &[3]]), &inner]))
}
