//! age identities.

use std::sync::Arc;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::age::{derive, open_body};
use crate::seal::error::KeyError;
use crate::seal::secret::{LockedBytes, Locking};

const SECRET: &[u8] = b"AGE-SECRET-KEY-";
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// More identities than anyone keeps in one file.
const MOST: usize = 128;

/// The X25519 identities of one file. Clones share them; the last one wipes them.
#[derive(Clone)]
pub struct AgeKey(Arc<Inner>);

struct Inner {
    /// 32 bytes each.
    secrets: LockedBytes,
    recipients: Vec<String>,
    fingerprint: Fingerprint,
    facts: KeyFacts,
}

/// A new identity as its file holds it, and its recipient.
pub(super) fn generate() -> Result<(Zeroizing<String>, String), KeyError> {
    let secret = StaticSecret::random_from_rng(OsRng);
    let prefix = Hrp::parse("age-secret-key-").map_err(|_| KeyError::Malformed)?;
    let text = bech32::encode_upper::<Bech32>(prefix, secret.as_bytes()).map_err(|_| KeyError::Malformed)?;
    let text = Zeroizing::new(text);
    let recipient = recipient(secret.as_bytes())?;
    Ok((Zeroizing::new(format!("# public key: {recipient}\n{}\n", *text)), recipient))
}

/// The public key that an `age1...` stands for.
pub(super) fn public_key(recipient: &str) -> Option<PublicKey> {
    let decoded = CheckedHrpstring::new::<Bech32>(recipient).ok()?;
    let bytes: Vec<u8> = decoded.byte_iter().collect();
    let ours = decoded.hrp() == Hrp::parse("age").ok()?;
    ours.then_some(PublicKey::from(<[u8; 32]>::try_from(bytes).ok()?))
}

/// The key under which a file key is sealed for a recipient.
pub(super) fn wrap_key(shared: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(shared, &[&share[..], recipient].concat(), X25519_LABEL)
}

/// Whether a text holds age identities.
pub(super) fn is_identities(text: &[u8]) -> bool {
    lines(text).any(|(_, line)| line.starts_with(SECRET) || line.starts_with(b"AGE-PLUGIN-"))
}

/// Whether a text is an age recipient: the public half.
pub(super) fn is_recipient(text: &[u8]) -> bool {
    lines(text).next().is_some_and(|(_, line)| line.starts_with(b"age1") && line.len() > 50)
}

fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let numbered = text.split(|&byte| byte == b'\n').enumerate();
    let numbered = numbered.map(|(at, line)| (at + 1, line.trim_ascii()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
}

impl AgeKey {
    /// Reads an identity file: one identity a line, comments and blank lines between them.
    pub(super) fn parse(text: &[u8], mut facts: KeyFacts) -> Result<Self, KeyError> {
        let count = lines(text).count();
        if count == 0 || count > MOST {
            return Err(KeyError::Malformed);
        }
        let mut secrets = LockedBytes::zeroed(32 * count);
        let mut recipients = vec![];
        for ((number, line), room) in lines(text).zip(secrets.expose_mut().chunks_exact_mut(32)) {
            room.copy_from_slice(&*identity(line, number)?);
            recipients.push(recipient(room)?);
        }
        let fingerprint = Fingerprint::from_digest(&Sha256::digest(recipients.join("\n")).into());
        "age X25519".clone_into(&mut facts.algorithm);
        facts.fingerprint = Some(fingerprint.clone());
        facts.container = format!("{} for {}", facts.container, recipients.join(", "));
        Ok(Self(Arc::new(Inner { secrets, recipients, fingerprint, facts })))
    }

    /// SHA-256 of the recipients' text, one a line.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint.clone()
    }

    /// Public facts about it.
    pub fn facts(&self) -> &KeyFacts {
        &self.0.facts
    }

    /// The public halves, as `age1...`.
    pub fn recipients(&self) -> &[String] {
        &self.0.recipients
    }

    pub(super) fn facts_mut(&mut self) -> Option<&mut KeyFacts> {
        Arc::get_mut(&mut self.0).map(|inner| &mut inner.facts)
    }

    pub(super) fn locking(&self) -> Locking {
        self.0.secrets.locking()
    }

    /// The file key of a stanza, if one of the identities is its recipient.
    pub(super) fn unwrap(&self, share: &[u8; 32], body: &[u8; 32]) -> Option<Zeroizing<[u8; 16]>> {
        self.0.secrets.expose().chunks_exact(32).find_map(|secret| {
            let secret = static_secret(secret);
            let shared = secret.diffie_hellman(&PublicKey::from(*share));
            if !shared.was_contributory() {
                return None;
            }
            open_body(&wrap_key(shared.as_bytes(), share, PublicKey::from(&secret).as_bytes()), body)
        })
    }
}

fn static_secret(bytes: &[u8]) -> StaticSecret {
    let mut copy = Zeroizing::new([0; 32]);
    copy.copy_from_slice(bytes);
    StaticSecret::from(*copy)
}

fn identity(line: &[u8], number: usize) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let damaged = || KeyError::Damaged { line: number };
    let text = std::str::from_utf8(line).map_err(|_| damaged())?;
    if text.starts_with("AGE-PLUGIN-") {
        return Err(KeyError::NotRsa { kind: "age plugin" });
    }
    if text.starts_with("AGE-SECRET-KEY-PQ-") {
        return Err(KeyError::NotRsa { kind: "age post-quantum" });
    }
    let decoded = CheckedHrpstring::new::<Bech32>(text).map_err(|_| damaged())?;
    let ours = Hrp::parse("age-secret-key-").map_err(|_| damaged())?;
    if decoded.hrp() != ours {
        return Err(damaged());
    }
    let mut secret = Zeroizing::new([0; 32]);
    let mut len = 0;
    for byte in decoded.byte_iter() {
        *secret.get_mut(len).ok_or_else(damaged)? = byte;
        len += 1;
    }
    if len == 32 { Ok(secret) } else { Err(damaged()) }
}

fn recipient(secret: &[u8]) -> Result<String, KeyError> {
    let public = PublicKey::from(&static_secret(secret));
    let prefix = Hrp::parse("age").map_err(|_| KeyError::Malformed)?;
    bech32::encode::<Bech32>(prefix, public.as_bytes()).map_err(|_| KeyError::Malformed)
}
