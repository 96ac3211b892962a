//! Sealing for one X25519 recipient, as `age -r` does.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use data_encoding::BASE64_NOPAD;
use rand::RngCore;
use rand::rngs::OsRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::seal::age::header::{NONCE, mac, payload_key};
use crate::seal::age::{MAGIC, stream};
use crate::seal::agekey;

/// The whole file; `None` when `recipient` is not an `age1...`.
pub(in crate::seal) fn seal(recipient: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let recipient = agekey::public_key(recipient)?;
    let mut file_key = Zeroizing::new([0; 16]);
    OsRng.fill_bytes(&mut *file_key);
    let sender = StaticSecret::random_from_rng(OsRng);
    let share = PublicKey::from(&sender);
    let shared = sender.diffie_hellman(&recipient);
    let wrap_key = agekey::wrap_key(shared.as_bytes(), share.as_bytes(), recipient.as_bytes());
    let mut body = file_key.to_vec();
    let tag = ChaCha20Poly1305::new((&*wrap_key).into());
    let tag = tag.encrypt_in_place_detached(&Nonce::default(), b"", &mut body).ok()?;
    body.extend_from_slice(&tag);

    let text = |bytes: &[u8]| BASE64_NOPAD.encode(bytes);
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(format!("-> X25519 {}\n{}\n---", text(share.as_bytes()), text(&body)).as_bytes());
    let mac = mac(&file, &file_key)?;
    file.extend_from_slice(format!(" {}\n", text(&mac)).as_bytes());
    let mut nonce = [0; NONCE];
    OsRng.fill_bytes(&mut nonce);
    file.extend_from_slice(&nonce);
    file.extend_from_slice(&stream::seal(&payload_key(&file_key, &nonce), plain)?);
    Some(file)
}
