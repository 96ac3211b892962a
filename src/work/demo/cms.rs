//! CMS as mysql-backup's `smime-aes256-cbc` writes it for an EC certificate, and that certificate: a key for it is
//! made at once, where one of RSA takes a second.
//!
//! # Source
//!
//! RFC 5652 (EnvelopedData), RFC 5753 (elliptic curves), RFC 5280 (certificates).

use aes::Aes128;
use aes_kw::KekAes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use p256::{PublicKey, SecretKey};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::units::Moment;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// `2.5.4.3`, commonName.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
/// `1.2.840.10045.4.3.2`, ecdsa-with-SHA256.
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// `1.2.840.10045.2.1`, ecPublicKey.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `1.2.840.113549.1.7.3` and `.1`, envelopedData and data.
const ENVELOPED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// `1.3.132.1.11.1`, dhSinglePass-stdDH-sha256kdf-scheme.
const STD_DH_SHA256: &[u8] = &[0x06, 0x06, 0x2b, 0x81, 0x04, 0x01, 0x0b, 0x01];
/// `2.16.840.1.101.3.4.1.5` and `.2`, aes128-wrap and aes128-CBC: what the tool writes, whatever its option says.
const AES128_WRAP: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x05];
const AES128_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// `[n]`, constructed.
const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Somebody who can open a CMS message.
pub struct Recipient {
    secret: SecretKey,
    name: Vec<u8>,
    serial: Vec<u8>,
}

impl Recipient {
    /// A new key under this name.
    pub fn new(common_name: &str) -> Self {
        let attribute = der(SEQUENCE, &[COMMON_NAME, &der(UTF8_STRING, &[common_name.as_bytes()])]);
        let name = der(SEQUENCE, &[&der(SET, &[&attribute])]);
        // A serial number is positive: its first bit is not set, and its first byte is no padding.
        let mut serial: [u8; 8] = random();
        serial[0] = serial[0] & 0x3f | 0x40;
        Self { secret: SecretKey::random(&mut OsRng), name, serial: der(INTEGER, &[&serial]) }
    }

    /// The private key and its certificate, which it signed itself, as PEM; `None` where no text can be made.
    pub fn pem(&self, now: Moment) -> Option<Zeroizing<String>> {
        let key = self.secret.to_pkcs8_pem(LineEnding::LF).ok()?;
        let certificate = data_encoding::BASE64.encode(&self.certificate(now)?);
        let lines: Vec<&str> =
            certificate.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let certificate = lines.join("\n");
        let text = format!("{}-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n", *key);
        Some(Zeroizing::new(text))
    }

    fn certificate(&self, now: Moment) -> Option<Vec<u8>> {
        const DAY: i64 = 86_400_000;
        let algorithm = der(SEQUENCE, &[ECDSA_SHA256]);
        let valid = [utc_time(Moment(now.0 - 400 * DAY)), utc_time(Moment(now.0 + 3650 * DAY))];
        let valid = der(SEQUENCE, &[&valid[0], &valid[1]]);
        let key = self.secret.public_key().to_public_key_der().ok()?;
        let fields = [&self.serial[..], &algorithm, &self.name, &valid, &self.name, key.as_bytes()];
        let signed = der(SEQUENCE, &fields);
        let signature: Signature = SigningKey::from(&self.secret).sign(&signed);
        let signature = der(BIT_STRING, &[&[0], signature.to_der().as_bytes()]);
        Some(der(SEQUENCE, &[&signed, &algorithm, &signature]))
    }

    /// EnvelopedData of AES-128-CBC; the content key is agreed upon with a fresh key of the sender.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let (key, iv) = (Zeroizing::new(random::<16>()), random::<16>());
        let content = cbc::Encryptor::<Aes128>::new((&*key).into(), &iv.into()).encrypt_padded_vec_mut::<Pkcs7>(plain);
        let cipher = der(SEQUENCE, &[AES128_CBC, &der(OCTET_STRING, &[&iv])]);
        let content = der(SEQUENCE, &[DATA, &cipher, &der(0x80, &[&content])]);
        let recipients = der(SET, &[&self.agreement(&key)]);
        let enveloped = der(SEQUENCE, &[&der(INTEGER, &[&[2]]), &recipients, &content]);
        der(SEQUENCE, &[ENVELOPED_DATA, &der(context(0), &[&enveloped])])
    }

    /// `KeyAgreeRecipientInfo`.
    fn agreement(&self, content_key: &[u8; 16]) -> Vec<u8> {
        let sender = SecretKey::random(&mut OsRng);
        let ukm = der(OCTET_STRING, &[&random::<8>()]);
        let wrap = der(SEQUENCE, &[AES128_WRAP]);
        let kek = kek(&sender, &self.secret.public_key(), &wrap, &ukm);
        let mut wrapped = [0; 24];
        KekAes128::from(*kek).wrap(content_key, &mut wrapped).expect("16 bytes and room for 8 more");
        let point = sender.public_key().to_encoded_point(false);
        let algorithm = der(SEQUENCE, &[EC_PUBLIC_KEY]);
        let originator = der(context(1), &[&algorithm, &der(BIT_STRING, &[&[0], point.as_bytes()])]);
        let who = der(SEQUENCE, &[&self.name, &self.serial]);
        let keys = der(SEQUENCE, &[&der(SEQUENCE, &[&who, &der(OCTET_STRING, &[&wrapped])])]);
        let fields = [
            &der(INTEGER, &[&[3]])[..],
            &der(context(0), &[&originator]),
            &der(context(1), &[&ukm]),
            &der(SEQUENCE, &[STD_DH_SHA256, &wrap]),
            &keys,
        ];
        der(context(1), &fields)
    }
}

/// The key that wraps the content key: X9.63 over what both sides can compute.
fn kek(sender: &SecretKey, recipient: &PublicKey, wrap: &[u8], ukm: &[u8]) -> Zeroizing<[u8; 16]> {
    let shared = diffie_hellman(sender.to_nonzero_scalar(), recipient.as_affine());
    let length = der(context(2), &[&der(OCTET_STRING, &[&128_u32.to_be_bytes()])]);
    let info = der(SEQUENCE, &[wrap, &der(context(0), &[ukm]), &length]);
    let secret = shared.raw_secret_bytes();
    let hash = Sha256::new().chain_update(secret).chain_update(1_u32.to_be_bytes()).chain_update(&info).finalize();
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&hash[..16]);
    key
}

/// `YYMMDDHHMMSSZ`: good for the years up to 2049.
fn utc_time(at: Moment) -> Vec<u8> {
    let digits: String = at.second().chars().filter(char::is_ascii_digit).skip(2).collect();
    der(UTC_TIME, &[digits.as_bytes(), b"Z"])
}

/// One element: tag, length and the parts of its content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let digits = len.to_be_bytes();
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let mut bytes = vec![tag];
    if len < 0x80 {
        bytes.push(len as u8);
    } else {
        bytes.push(0x80 | (digits.len() - zeros) as u8);
        bytes.extend_from_slice(&digits[zeros..]);
    }
    bytes.extend(parts.concat());
    bytes
}
