//! The five seals of mysql-backup, written: small files in memory, for the demo only.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use data_encoding::BASE64_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Rounds of `openssl enc -pbkdf2`.
const ROUNDS: u32 = 10_000;
/// Bytes of an age chunk before it is sealed.
const CHUNK: usize = 64 << 10;

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// `aes256-cbc`: a random IV, then the ciphertext.
pub fn aes256_cbc(key: &[u8; 32], plain: &[u8]) -> Vec<u8> {
    let iv: [u8; 16] = random();
    [&iv[..], &cbc256(key, &iv, plain)].concat()
}

/// `pbkdf2-aes256-cbc`: what `openssl enc -aes-256-cbc -pbkdf2` writes.
pub fn pbkdf2_cbc(passphrase: &[u8], plain: &[u8]) -> Vec<u8> {
    let salt: [u8; 8] = random();
    let mut derived = Zeroizing::new([0; 48]);
    pbkdf2_hmac::<Sha256>(passphrase, &salt, ROUNDS, &mut *derived);
    let (mut key, mut iv) = (Zeroizing::new([0; 32]), [0; 16]);
    key.copy_from_slice(&derived[..32]);
    iv.copy_from_slice(&derived[32..]);
    [&b"Salted__"[..], &salt, &cbc256(&key, &iv, plain)].concat()
}

fn cbc256(key: &[u8; 32], iv: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(key.into(), iv.into()).encrypt_padded_vec_mut::<Pkcs7>(plain)
}

/// `chacha20-poly1305`: a random nonce, then one message with its tag.
pub fn chacha20_poly1305(key: &[u8; 32], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; 12] = random();
    [&nonce[..], &sealed(key, nonce, plain)].concat()
}

/// `age-chacha20-poly1305`: an age file of one X25519 recipient.
pub fn age(recipient: &PublicKey, plain: &[u8]) -> Vec<u8> {
    let (file_key, sender) = (Zeroizing::new(random::<16>()), StaticSecret::random_from_rng(OsRng));
    let (share, shared) = (PublicKey::from(&sender), sender.diffie_hellman(recipient));
    let salt = [share.as_bytes().as_slice(), recipient.as_bytes()].concat();
    let wrap = derive(shared.as_bytes(), &salt, b"age-encryption.org/v1/X25519");
    let body = BASE64_NOPAD.encode(&sealed(&wrap, [0; 12], &*file_key));
    let share = BASE64_NOPAD.encode(share.as_bytes());
    let mut file = format!("age-encryption.org/v1\n-> X25519 {share}\n{body}\n---").into_bytes();
    let mac_key = derive(&*file_key, &[], b"header");
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(&*mac_key).expect("an HMAC takes a key of any length");
    let mac = mac.chain_update(&file).finalize().into_bytes();
    file.extend(format!(" {}\n", BASE64_NOPAD.encode(&mac)).bytes());
    let nonce: [u8; 16] = random();
    file.extend(nonce);
    let key = derive(&*file_key, &nonce, b"payload");
    let mut chunks = plain.chunks(CHUNK).enumerate().peekable();
    while let Some((index, chunk)) = chunks.next() {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&(index as u64).to_be_bytes());
        nonce[11] = u8::from(chunks.peek().is_none());
        file.extend(sealed(&key, nonce, chunk));
    }
    file
}

fn sealed(key: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Vec<u8> {
    let cipher = <ChaCha20Poly1305 as KeyInit>::new(key.into());
    cipher.encrypt(&Nonce::from(nonce), plain).expect("a demo's dump is far from the cipher's limit")
}

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut *key).expect("32 bytes are a length that HKDF gives");
    key
}
