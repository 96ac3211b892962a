//! Raw keys and passphrases: a file's bytes, of which nothing says what they are until they open something.

use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::error::KeyError;
use crate::seal::keyring::ContentKey;
use crate::seal::secret::{Locking, Secret};

/// No passphrase or raw key is longer, in bytes.
pub const LONGEST: usize = 4096;
/// Keeps the fingerprint of a key apart from any other hash over the same bytes.
const DOMAIN: &[u8] = b"breakglass raw key 1\0";

/// A raw key or a passphrase. Clones share it; the last one wipes it.
#[derive(Clone)]
pub struct RawKey(Arc<Inner>);

struct Inner {
    bytes: Secret,
    /// Names it while it is loaded; says nothing about it.
    handle: Fingerprint,
    facts: KeyFacts,
}

/// One way of taking the bytes.
pub(super) struct Reading {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// How they were taken, in our words.
    pub(super) took: &'static str,
}

impl RawKey {
    /// Takes up to 4 KiB of anything.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`] for nothing, [`KeyError::NotAKey`] for more.
    pub(super) fn new(bytes: &[u8], label: Foreign) -> Result<Self, KeyError> {
        let facts = facts(bytes, label)?;
        let mut handle = [0; 32];
        OsRng.fill_bytes(&mut handle);
        let handle = Fingerprint::from_digest(&handle);
        Ok(Self(Arc::new(Inner { bytes: Secret::new(bytes.to_vec()), handle, facts })))
    }

    /// Public facts about it.
    pub fn facts(&self) -> &KeyFacts {
        &self.0.facts
    }

    /// Names it while it is loaded: random for everything that could be guessed from a fingerprint.
    pub fn handle(&self) -> Fingerprint {
        self.0.facts.fingerprint.clone().unwrap_or_else(|| self.0.handle.clone())
    }

    pub(super) fn facts_mut(&mut self) -> Option<&mut KeyFacts> {
        Arc::get_mut(&mut self.0).map(|inner| &mut inner.facts)
    }

    pub(super) fn locking(&self) -> Locking {
        self.0.bytes.locking()
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.0.bytes.expose() == other.0.bytes.expose()
    }

    /// Each way of taking it as a key of 32 bytes.
    pub(super) fn keys(&self) -> Vec<(ContentKey, &'static str)> {
        let readings = keys(self.0.bytes.expose()).into_iter();
        readings.filter_map(|one| Some((ContentKey::new(one.bytes[..].try_into().ok()?), one.took))).collect()
    }

    /// Each way of taking it as a passphrase.
    pub(super) fn passphrases(&self) -> Vec<Reading> {
        let bytes = self.0.bytes.expose();
        let trimmed = without_line_end(bytes);
        let mut ways = vec![Reading { bytes: Zeroizing::new(bytes.to_vec()), took: "as a passphrase, byte for byte" }];
        if trimmed.len() < bytes.len() && !trimmed.is_empty() {
            let took = "as a passphrase without its trailing newline";
            ways.push(Reading { bytes: Zeroizing::new(trimmed.to_vec()), took });
        }
        let decoded = BASE64.decode(trimmed.trim_ascii()).ok().filter(|plain| !plain.is_empty());
        ways.extend(
            decoded.map(|plain| Reading { bytes: Zeroizing::new(plain), took: "as the base64 of a passphrase" }),
        );
        ways
    }
}

fn keys(bytes: &[u8]) -> Vec<Reading> {
    let trimmed = without_line_end(bytes);
    let text = bytes.trim_ascii();
    let raw = |bytes: &[u8], took| Reading { bytes: Zeroizing::new(bytes.to_vec()), took };
    let mut ways = vec![];
    if bytes.len() == 32 {
        ways.push(raw(bytes, "as 32 raw bytes"));
    } else if trimmed.len() == 32 {
        ways.push(raw(trimmed, "as 32 raw bytes without the line end"));
    }
    if let Ok(plain) = BASE64.decode(text) {
        ways.push(Reading { bytes: Zeroizing::new(plain), took: "as base64 of 32 bytes" });
    }
    if text.len() == 64
        && let Ok(plain) = HEXLOWER_PERMISSIVE.decode(text)
    {
        ways.push(Reading { bytes: Zeroizing::new(plain), took: "as hex of 32 bytes" });
    }
    ways.retain(|way| way.bytes.len() == 32);
    ways
}

/// Whether the bytes look like a key and nothing else: 32 bytes that nobody types, or 32 bytes in base64 or hex.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    key_of(bytes).is_some()
}

/// The one reading as a key that is not a typed text.
fn key_of(bytes: &[u8]) -> Option<Reading> {
    keys(bytes).into_iter().find(|way| !way.bytes.iter().all(|byte| (b' '..=b'~').contains(byte)))
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Public facts. The fingerprint is that of random bytes only: a passphrase could be guessed from one.
pub(super) fn facts(bytes: &[u8], label: Foreign) -> Result<KeyFacts, KeyError> {
    if bytes.trim_ascii().is_empty() && bytes.len() != 32 {
        return Err(KeyError::Empty);
    }
    if bytes.len() > LONGEST {
        return Err(KeyError::NotAKey);
    }
    let key = key_of(bytes);
    let digest = |way: &Reading| Sha256::new().chain_update(DOMAIN).chain_update(&way.bytes).finalize().into();
    Ok(KeyFacts {
        label,
        algorithm: if key.is_some() { "raw key" } else { KeyFacts::PASSPHRASE }.to_owned(),
        bits: key.as_ref().map(|_| 256),
        fingerprint: key.as_ref().map(|way| Fingerprint::from_digest(&digest(way))),
        container: key.map_or("bytes of a passphrase", |way| way.took.trim_start_matches("as ")).to_owned(),
        encrypted: false,
        private: true,
        remarks: vec![],
    })
}
