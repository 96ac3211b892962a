//! Which key opens a seal, decided from its first bytes.

use std::sync::Arc;

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::model::seal::SealScheme;
use crate::seal::cbc::{self, Aes, BLOCK};
use crate::seal::chacha;
use crate::seal::databacker::{Content, HEAD, SALTED, Sealing, TRIAL, UnlockError, Unlocked};
use crate::seal::error::UnsealError;
use crate::seal::key::Key;
use crate::seal::keyring::ContentKey;
use crate::seal::rawkey::RawKey;
use crate::seal::secret::LockedBytes;
use crate::seal::{age, cms};

/// Rounds of `openssl enc -pbkdf2`.
pub(super) const ROUNDS: u32 = 10_000;

/// Tells whether up to 512 decrypted bytes begin an archive or a dump.
type Judge<'a> = &'a dyn Fn(&[u8]) -> bool;
type Outcome = Result<Unlocked, UnlockError>;

/// Tries the loaded keys on the first bytes of a seal, in the order given. `head` is all of it, or its
/// first [`HEAD`] bytes.
///
/// `is_head` judges up to 512 decrypted bytes, for the seals that carry no check of the key.
///
/// # Errors
///
/// See [`UnlockError`]. [`SealScheme::Dbacked`] and [`SealScheme::Sealed`] have doors of their own.
pub fn unlock(scheme: SealScheme, head: &[u8], keys: &[Key], is_head: Judge<'_>) -> Outcome {
    match scheme {
        SealScheme::RawKey | SealScheme::Aes256Cbc | SealScheme::ChaCha20Poly1305 => raw(scheme, head, keys, is_head),
        SealScheme::Pbkdf2Cbc => pbkdf2(head, keys, is_head),
        SealScheme::Cms => with_cms(head, keys, is_head),
        SealScheme::Age => with_age(head, keys),
        SealScheme::Dbacked | SealScheme::Sealed => Err(UnlockError::Header(UnsealError::NotDbacked)),
    }
}

fn found(sealing: Sealing, key: &Key, took: Option<&'static str>) -> Unlocked {
    Unlocked { content: Content(sealing), key: key.fingerprint(), label: key.facts().label.clone(), took }
}

fn raws(keys: &[Key]) -> impl Iterator<Item = (&Key, &RawKey)> {
    keys.iter().filter_map(|key| match key {
        Key::Raw(raw) => Some((key, raw)),
        Key::Rsa(_) | Key::Ec(_) | Key::Age(_) => None,
    })
}

fn cut(head: &[u8]) -> UnlockError {
    UnlockError::Header(UnsealError::Truncated { at_byte: head.len() as u64 })
}

fn damaged(what: &'static str) -> UnlockError {
    UnlockError::Header(UnsealError::DamagedHeader { what })
}

/// A header that ends with the head: cut, or longer than any writer makes one.
fn ended(head: &[u8]) -> UnlockError {
    if head.len() < HEAD { cut(head) } else { damaged("it is longer than 64 KiB") }
}

/// The shortest message of each: an IV and a block, a nonce and a tag.
fn shortest(scheme: SealScheme) -> usize {
    if scheme == SealScheme::Aes256Cbc { 32 } else { chacha::NONCE + 16 }
}

fn raw(scheme: SealScheme, head: &[u8], keys: &[Key], is_head: Judge<'_>) -> Outcome {
    if head.len() < shortest(scheme) {
        return Err(cut(head));
    }
    let mut any = false;
    for (key, raw) in raws(keys) {
        for (content, took) in raw.keys() {
            any = true;
            let cbc = scheme != SealScheme::ChaCha20Poly1305 && looks_like_cbc(&content, head, is_head);
            let chacha = || scheme != SealScheme::Aes256Cbc && looks_like_chacha(&content, head, is_head);
            if cbc {
                return Ok(found(Sealing::Cbc(content), key, Some(took)));
            }
            if chacha() {
                return Ok(found(Sealing::ChaCha(content), key, Some(took)));
            }
        }
    }
    Err(if any { UnlockError::Inconclusive } else { UnlockError::NoKey { wants: "a raw key of 32 bytes" } })
}

fn looks_like_cbc(key: &ContentKey, head: &[u8], is_head: Judge<'_>) -> bool {
    let Some((iv, sealed)) = head.split_first_chunk::<BLOCK>() else { return false };
    let Some(cipher) = Aes::new(key.expose()) else { return false };
    let plain = cbc::peek(&cipher, iv, &sealed[..sealed.len().min(TRIAL)]);
    is_head(&plain)
}

fn looks_like_chacha(key: &ContentKey, head: &[u8], is_head: Judge<'_>) -> bool {
    let Some((nonce, sealed)) = head.split_first_chunk::<{ chacha::NONCE }>() else { return false };
    is_head(&chacha::peek(key, nonce, &sealed[..sealed.len().min(TRIAL)]))
}

fn pbkdf2(head: &[u8], keys: &[Key], is_head: Judge<'_>) -> Outcome {
    let start = head.get(..SALTED.len()).ok_or_else(|| cut(head))?;
    if start != SALTED {
        return Err(damaged("it does not begin with `Salted__`"));
    }
    let Some((salt, sealed)) = head[SALTED.len()..].split_first_chunk::<8>().filter(|(_, rest)| rest.len() >= BLOCK)
    else {
        return Err(cut(head));
    };
    let mut any = false;
    for (key, raw) in raws(keys) {
        for reading in raw.passphrases() {
            any = true;
            let derived = derive(&reading.bytes, salt);
            let (aes, iv) = derived.expose().split_at(32);
            let (Some(cipher), Ok(iv)) = (Aes::new(aes), iv.try_into()) else { continue };
            if is_head(&cbc::peek(&cipher, iv, &sealed[..sealed.len().min(TRIAL)])) {
                let sealing = Sealing::Pbkdf2 { salt: *salt, derived: Arc::new(derived) };
                return Ok(found(sealing, key, Some(reading.took)));
            }
        }
    }
    Err(if any { UnlockError::Inconclusive } else { UnlockError::NoKey { wants: "a passphrase" } })
}

/// 32 bytes of key and 16 of IV.
fn derive(passphrase: &[u8], salt: &[u8; 8]) -> LockedBytes {
    let mut derived = LockedBytes::zeroed(48);
    pbkdf2_hmac::<Sha256>(passphrase, salt, ROUNDS, derived.expose_mut());
    derived
}

fn with_cms(head: &[u8], keys: &[Key], is_head: Judge<'_>) -> Outcome {
    let header = cms::Header::parse(head).map_err(|error| match error {
        cms::HeaderError::Cut => ended(head),
        cms::HeaderError::Malformed => damaged("its ASN.1 makes no sense"),
        cms::HeaderError::Unsupported(what) => UnlockError::Unsupported { what: what.to_owned() },
    })?;
    let mut tried = false;
    let mut first = None;
    for key in keys {
        for recipient in ordered(&header, key) {
            tried = true;
            let Some(content) = unwrap(recipient, key).filter(|content| content.len() == header.key_len) else {
                continue;
            };
            let shows = trial(&header, &content, head).is_some_and(|plain| is_head(&plain));
            let sealing = Sealing::Cms {
                head: head[..header.len].into(),
                header: Arc::new(header.clone()),
                key: Arc::new(LockedBytes::copy_of(&content)),
            };
            if shows {
                return Ok(found(sealing, key, None));
            }
            // PKCS#1 v1.5 opens with a wrong key once in a while: another key may show more.
            first.get_or_insert_with(|| found(sealing, key, None));
        }
    }
    first.ok_or_else(|| match (tried, header.recipients.first()) {
        (_, None) => UnlockError::Unsupported { what: "a CMS message for no key, RSA or EC".to_owned() },
        (false, Some(recipient)) => match recipient.wrapping {
            cms::Wrapping::Transport { .. } => UnlockError::NoKey { wants: "an RSA private key" },
            cms::Wrapping::Agreement { .. } => UnlockError::NoKey { wants: "an EC private key" },
        },
        (true, Some(_)) => {
            let names: Vec<String> = header.recipients.iter().take(4).map(|one| one.words().to_string()).collect();
            UnlockError::NoneFits { what: format!("it was made for {}", names.join(" or ")) }
        }
    })
}

/// The recipients of a key's kind, those that its certificates name first.
fn ordered<'a>(header: &'a cms::Header, key: &Key) -> Vec<&'a cms::Recipient> {
    let (certificates, is_rsa) = match key {
        Key::Rsa(key) => (key.certificates(), true),
        Key::Ec(key) => (key.certificates(), false),
        Key::Age(_) | Key::Raw(_) => return vec![],
    };
    let fits = |one: &&cms::Recipient| matches!(one.wrapping, cms::Wrapping::Transport { .. }) == is_rsa;
    let mut fitting: Vec<_> = header.recipients.iter().filter(fits).collect();
    let is_named = |one: &cms::Recipient| match &one.who {
        cms::Who::Issued { issuer, serial } => {
            certificates.iter().any(|own| &own.issuer == issuer && &own.serial == serial)
        }
        cms::Who::KeyIdentifier(id) => certificates.iter().any(|own| own.key_identifier.as_ref() == Some(id)),
    };
    fitting.sort_by_key(|one| !is_named(one));
    fitting
}

fn unwrap(recipient: &cms::Recipient, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    match key {
        Key::Rsa(key) => cms::with_rsa(recipient, key),
        Key::Ec(key) => cms::with_ec(recipient, key),
        Key::Age(_) | Key::Raw(_) => None,
    }
}

/// The first decrypted bytes of a message.
fn trial(header: &cms::Header, content: &[u8], head: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    use std::io::Read;
    let body = cms::Body::new(&head[header.len..], header, cms::Strictness::Lenient);
    let mut sealed = vec![];
    body.take(TRIAL as u64).read_to_end(&mut sealed).ok()?;
    Some(cbc::peek(&Aes::new(content)?, &header.iv, &sealed))
}

fn with_age(head: &[u8], keys: &[Key]) -> Outcome {
    let bytes = age::Head::new(head);
    let header = bytes.header().map_err(|error| in_age(error, head))?;
    let by_passphrase = header.stanzas.iter().any(|stanza| matches!(stanza, age::Stanza::Scrypt { .. }));
    let mut tried = false;
    for key in keys {
        let (file_key, took) = match key {
            Key::Age(identity) if !by_passphrase => (age::unwrap_identity(&header, identity), None),
            Key::Raw(raw) if by_passphrase => by_any_reading(&header, raw).map_err(|error| in_age(error, head))?,
            _ => continue,
        };
        tried = true;
        if let Some(file_key) = file_key {
            let unlocked = bytes.unlock(&header, &file_key).map_err(|error| in_age(error, head))?;
            return Ok(found(Sealing::Age(Arc::new(unlocked)), key, took));
        }
    }
    let names: Vec<String> = age::recipients(&header).iter().take(4).map(ToString::to_string).collect();
    Err(match (tried, by_passphrase) {
        (true, _) => UnlockError::NoneFits { what: format!("it was made for {}", names.join(", ")) },
        (false, true) => UnlockError::NoKey { wants: "a passphrase" },
        (false, false) => UnlockError::NoKey { wants: "an age identity" },
    })
}

type FileKey = (Option<Zeroizing<[u8; 16]>>, Option<&'static str>);

fn by_any_reading(header: &age::Header, raw: &RawKey) -> Result<FileKey, age::HeaderError> {
    for reading in raw.passphrases() {
        if let Some(file_key) = age::unwrap_passphrase(header, &reading.bytes)? {
            return Ok((Some(file_key), Some(reading.took)));
        }
    }
    Ok((None, None))
}

fn in_age(error: age::HeaderError, head: &[u8]) -> UnlockError {
    match error {
        age::HeaderError::Cut { .. } => ended(head),
        age::HeaderError::Malformed => damaged("it does not match its own tag, or makes no sense"),
        age::HeaderError::TooDear { work_factor } => {
            UnlockError::Unsupported { what: format!("a passphrase with the work factor {work_factor}, above 20") }
        }
    }
}
