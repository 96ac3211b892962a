//! Private keys as files hold them, and making new ones.

use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use zeroize::Zeroizing;

use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::age;
use crate::seal::agekey::{self, AgeKey};
use crate::seal::certificate::Certificate;
use crate::seal::der::{self, Der, OCTET_STRING, OID, SEQUENCE};
use crate::seal::ec::{Curve, EcKey};
use crate::seal::error::KeyError;
use crate::seal::key::Key;
use crate::seal::keyring::{self, PrivateKey};
use crate::seal::pem::{self, Block, Kind as PemKind};
use crate::seal::pkcs8::{self, DekInfo, Envelope};
use crate::seal::public::PublicKey;
use crate::seal::rawkey::{self, RawKey};
use crate::seal::secret::Secret;

/// Public facts about a key's text, without its passphrase: what `key inspect` shows.
///
/// A public key, a key of another algorithm and one whose numbers contradict each other are
/// described as well; only [`open`] refuses them.
pub fn inspect(text: &[u8], label: Foreign) -> Result<KeyFacts, KeyError> {
    let block = match kind_of(text) {
        Kind::Pem => pem::read(text)?,
        Kind::AgeIdentities => {
            return AgeKey::parse(text, facts(label, AGE_FILE.to_owned())).map(|key| key.facts().clone());
        }
        Kind::AgeSealed => return sealed_identities(text, label).map(|(facts, _)| facts),
        Kind::AgeRecipient => return Err(KeyError::PublicKey),
        Kind::Raw => return rawkey::facts(text, label),
    };
    let mut facts = facts(label, container(&block)?);
    facts.encrypted = block.dek_info.is_some() || block.kind == PemKind::EncryptedPkcs8;
    match block.kind {
        PemKind::Certificate => return Err(KeyError::Certificate),
        PemKind::OtherPrivate(kind) => kind.clone_into(&mut facts.algorithm),
        PemKind::Spki | PemKind::Pkcs1Public => {
            facts.private = false;
            keyring::describe(&mut facts, &PublicKey::from_pem(text)?);
        }
        PemKind::Pkcs1 if facts.encrypted => "RSA".clone_into(&mut facts.algorithm),
        PemKind::Sec1 if facts.encrypted => "EC".clone_into(&mut facts.algorithm),
        _ if facts.encrypted => {}
        _ => match plain(&block).and_then(|inside| loaded(inside, facts.clone(), &[])) {
            Ok(key) => return Ok(key.facts().clone()),
            Err(KeyError::InconsistentNumbers) => {
                "RSA".clone_into(&mut facts.algorithm);
                facts.remarks.push("damaged: its numbers do not belong together".to_owned());
            }
            Err(KeyError::NotRsa { kind }) => kind.clone_into(&mut facts.algorithm),
            Err(error) => return Err(error),
        },
    }
    Ok(facts)
}

/// Loads an RSA private key: PKCS#1, PKCS#8, either of them encrypted, PEM or DER.
///
/// # Errors
///
/// As [`open`], and [`KeyError::NotRsa`] for a key of another kind.
pub fn load(text: &[u8], passphrase: Option<&Secret>, label: Foreign) -> Result<PrivateKey, KeyError> {
    match open(text, passphrase, label)? {
        Key::Rsa(key) => Ok(key),
        Key::Ec(_) => Err(KeyError::NotRsa { kind: "EC" }),
        Key::Age(_) => Err(KeyError::NotRsa { kind: "age" }),
        Key::Raw(_) => Err(KeyError::NotAKey),
    }
}

/// Loads a key of any kind, as its content says: a private key of RSA or EC (PKCS#1, PKCS#8, SEC 1, any of them
/// encrypted, PEM or DER, certificates beside it), age identities (encrypted ones too), or 32 bytes that can be
/// nothing but a raw key: as they are, in base64 or in hex.
///
/// A passphrase is tried as it is, and then, where all its characters allow it, as Latin-1: node-forge,
/// which made DBacked's keys, turns characters into bytes that way. It is ignored for a key that has none.
///
/// # Errors
///
/// Every way to fail is a variant of its own; see [`KeyError`]. [`KeyError::NotAKey`] for anything else, which
/// may be a passphrase: [`raw`] takes those.
pub fn open(text: &[u8], passphrase: Option<&Secret>, label: Foreign) -> Result<Key, KeyError> {
    let block = match kind_of(text) {
        Kind::Pem => pem::read(text)?,
        Kind::AgeIdentities => return AgeKey::parse(text, facts(label, AGE_FILE.to_owned())).map(Key::Age),
        Kind::AgeSealed => return open_identities(text, passphrase, label),
        Kind::AgeRecipient => return Err(KeyError::PublicKey),
        Kind::Raw => return raw(text, label),
    };
    let beside = pem::certificates(text);
    let mut facts = facts(label, container(&block)?);
    match (block.kind, &block.dek_info) {
        (PemKind::Certificate, _) => Err(KeyError::Certificate),
        (PemKind::OtherPrivate(kind), _) => Err(KeyError::NotRsa { kind }),
        (PemKind::Spki | PemKind::Pkcs1Public, _) => Err(KeyError::PublicKey),
        (PemKind::EncryptedPkcs8, _) => {
            facts.encrypted = true;
            let envelope = Envelope::parse(&block.der)?;
            unlock(passphrase, (facts, &beside), |passphrase| {
                envelope.open(passphrase).map(|der| Block { kind: PemKind::Pkcs8, dek_info: None, der })
            })
        }
        (kind, Some(info)) => {
            facts.encrypted = true;
            let info = DekInfo::parse(info)?;
            unlock(passphrase, (facts, &beside), |passphrase| {
                info.open(passphrase, &block.der).map(|der| Block { kind, dek_info: None, der })
            })
        }
        (PemKind::Pkcs1 | PemKind::Pkcs8 | PemKind::Sec1, None) => loaded(plain(&block)?, facts, &beside),
    }
}

/// Takes bytes as a raw key or a passphrase, whatever they are.
///
/// # Errors
///
/// [`KeyError::Empty`] for nothing, [`KeyError::NotAKey`] for more than [`LONGEST_PASSPHRASE`] bytes.
pub fn raw(bytes: &[u8], label: Foreign) -> Result<Key, KeyError> {
    RawKey::new(bytes, label).map(Key::Raw)
}

/// Whether bytes may be taken as a passphrase where a key file was expected: no broken PEM or DER, no public key.
pub fn may_be_passphrase(bytes: &[u8]) -> bool {
    let binary = std::str::from_utf8(bytes).is_err();
    let broken_der = binary && bytes.first() == Some(&SEQUENCE) && bytes.len() > 64;
    !broken_der && !pem::is_meant(bytes) && matches!(pem::read(bytes), Err(KeyError::NotAKey))
}

/// Public facts about bytes that are taken as a raw key or a passphrase.
///
/// # Errors
///
/// As [`raw`].
pub fn inspect_raw(bytes: &[u8], label: Foreign) -> Result<KeyFacts, KeyError> {
    rawkey::facts(bytes, label)
}

/// No passphrase or raw key is longer, in bytes.
pub const LONGEST_PASSPHRASE: usize = rawkey::LONGEST;
const AGE_FILE: &str = "age identity file";

/// What a text is, before it is read.
enum Kind {
    /// PEM or DER, or nothing that is known: the reader of those says what is wrong.
    Pem,
    AgeIdentities,
    /// An age file, which may hold identities.
    AgeSealed,
    AgeRecipient,
    Raw,
}

fn kind_of(text: &[u8]) -> Kind {
    if age::is_age(text) {
        Kind::AgeSealed
    } else if agekey::is_identities(text) {
        Kind::AgeIdentities
    } else if agekey::is_recipient(text) {
        Kind::AgeRecipient
    } else if rawkey::is_key(text) {
        Kind::Raw
    } else {
        Kind::Pem
    }
}

/// An encrypted identity file's facts, and its header.
fn sealed_identities(text: &[u8], label: Foreign) -> Result<(KeyFacts, age::Header), KeyError> {
    let header = age::Head::new(text).header().map_err(|_| KeyError::Malformed)?;
    let Some(words) = age::passphrase_words(&header) else {
        return Err(KeyError::Unsupported { what: "an age file that is for no passphrase" });
    };
    let mut facts = facts(label, format!("encrypted {AGE_FILE} ({words})"));
    facts.encrypted = true;
    "age".clone_into(&mut facts.algorithm);
    Ok((facts, header))
}

fn open_identities(text: &[u8], passphrase: Option<&Secret>, label: Foreign) -> Result<Key, KeyError> {
    let (facts, _) = sealed_identities(text, label)?;
    let passphrase = passphrase.ok_or(KeyError::NeedsPassphrase)?;
    let plain = age::decrypt_small(text, passphrase.expose())?;
    AgeKey::parse(&plain, facts).map(Key::Age)
}

/// Makes an RSA pair of 2,048 to 8,192 bits: the private half as encrypted PKCS#8 (PBES2,
/// PBKDF2-HMAC-SHA256, AES-256-CBC), the public half as SubjectPublicKeyInfo, both in PEM.
///
/// 4,096 bits take a few seconds.
///
/// # Errors
///
/// [`KeyError::NeedsPassphrase`] for an empty passphrase: a private key is never written unprotected.
pub fn generate(bits: usize, passphrase: &Secret) -> Result<(Zeroizing<String>, String, Fingerprint), KeyError> {
    match bits {
        0..2048 => return Err(KeyError::TooSmall { bits: bits as u32 }),
        8193.. => return Err(KeyError::TooLarge { bits: u32::try_from(bits).unwrap_or(u32::MAX) }),
        _ if passphrase.expose().is_empty() => return Err(KeyError::NeedsPassphrase),
        _ => {}
    }
    let key = RsaPrivateKey::new(&mut OsRng, bits).map_err(|_| KeyError::InconsistentNumbers)?;
    let pkcs1 = key.to_pkcs1_der().map_err(|_| KeyError::Malformed)?;
    let inner = Zeroizing::new(der::element(OCTET_STRING, &[pkcs1.as_bytes()]));
    let pkcs8 = Zeroizing::new(der::element(SEQUENCE, &[&der::number(&[]), &der::rsa_algorithm(), &inner]));
    let text = pem::encode("ENCRYPTED PRIVATE KEY", &pkcs8::seal(&pkcs8, passphrase.expose())?);
    let public = keyring::public_half(&key)?;
    Ok((text, public.to_pem(), public.fingerprint()))
}

/// Makes an age identity: the text of its file, and its recipient.
///
/// # Errors
///
/// None that a caller could mend.
pub fn generate_age() -> Result<(Zeroizing<String>, String), KeyError> {
    agekey::generate()
}

fn facts(label: Foreign, container: String) -> KeyFacts {
    KeyFacts {
        label,
        algorithm: "unknown".to_owned(),
        bits: None,
        fingerprint: None,
        container,
        encrypted: false,
        private: true,
        remarks: vec![],
    }
}

fn container(block: &Block) -> Result<String, KeyError> {
    Ok(match (block.kind, &block.dek_info) {
        (PemKind::EncryptedPkcs8, _) => format!("encrypted PKCS#8 ({})", Envelope::parse(&block.der)?.words()),
        (PemKind::Sec1, Some(info)) => format!("encrypted SEC 1 ({})", DekInfo::parse(info)?.words()),
        (PemKind::Sec1, None) => "SEC 1".to_owned(),
        (PemKind::Pkcs1, Some(info)) => format!("encrypted PKCS#1 ({})", DekInfo::parse(info)?.words()),
        (PemKind::Pkcs1, None) => "PKCS#1".to_owned(),
        (PemKind::Pkcs8, _) => "PKCS#8".to_owned(),
        (PemKind::OtherPrivate(kind), _) => kind.to_owned(),
        (PemKind::Spki, _) => "SubjectPublicKeyInfo".to_owned(),
        (PemKind::Pkcs1Public, _) => "PKCS#1 public key".to_owned(),
        (PemKind::Certificate, _) => "X.509 certificate".to_owned(),
    })
}

/// Tries the passphrase in each of its spellings; what opens but is no key was opened wrongly.
fn unlock(
    passphrase: Option<&Secret>,
    (facts, beside): (KeyFacts, &[Certificate]),
    open: impl Fn(&[u8]) -> Result<Block, KeyError>,
) -> Result<Key, KeyError> {
    let typed = passphrase.ok_or(KeyError::NeedsPassphrase)?.expose();
    let attempt = |bytes: &[u8]| {
        let block = open(bytes)?;
        let inside = plain(&block).map_err(or_wrong_passphrase)?;
        loaded(inside, facts.clone(), beside).map_err(or_wrong_passphrase)
    };
    match attempt(typed) {
        Err(KeyError::WrongPassphrase) => match respelled(typed) {
            Some(other) => attempt(&other),
            None => Err(KeyError::WrongPassphrase),
        },
        outcome => outcome,
    }
}

fn or_wrong_passphrase(error: KeyError) -> KeyError {
    if error == KeyError::Malformed { KeyError::WrongPassphrase } else { error }
}

/// UTF-8 as Latin-1, or bytes that are not UTF-8 (taken as Latin-1) as UTF-8; `None` where nothing changes.
fn respelled(typed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut other = Zeroizing::new(Vec::with_capacity(2 * typed.len()));
    match std::str::from_utf8(typed) {
        Ok(text) if text.is_ascii() => return None,
        Ok(text) => {
            for c in text.chars() {
                other.push(u8::try_from(u32::from(c)).ok()?);
            }
        }
        Err(_) => {
            for &byte in typed {
                other.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Some(other)
}

/// What is inside a container.
enum Inside<'a> {
    Pkcs1(&'a [u8]),
    /// With the curve, where the container names it.
    Sec1(&'a [u8], Option<Curve>),
}

fn loaded(inside: Inside<'_>, facts: KeyFacts, beside: &[Certificate]) -> Result<Key, KeyError> {
    match inside {
        Inside::Pkcs1(der) => PrivateKey::from_pkcs1(der, facts, beside).map(Key::Rsa),
        Inside::Sec1(der, curve) => EcKey::from_sec1(der, curve, facts, beside).map(Key::Ec),
    }
}

/// The key inside an unencrypted block.
fn plain(block: &Block) -> Result<Inside<'_>, KeyError> {
    match block.kind {
        PemKind::Pkcs1 => return Ok(Inside::Pkcs1(&block.der)),
        PemKind::Sec1 => return Ok(Inside::Sec1(&block.der, None)),
        _ => {}
    }
    let mut outer = Der::whole_sequence(&block.der).ok_or(KeyError::Malformed)?;
    outer.small().ok_or(KeyError::Malformed)?;
    let mut algorithm = outer.sequence().ok_or(KeyError::Malformed)?;
    match algorithm.take(OID).ok_or(KeyError::Malformed)? {
        der::RSA_OID => outer.take(OCTET_STRING).map(Inside::Pkcs1).ok_or(KeyError::Malformed),
        der::EC_OID => {
            let curve = algorithm.take(OID).and_then(Curve::of_oid);
            let curve = curve.ok_or(KeyError::NotRsa { kind: "EC on another curve" })?;
            let inside = outer.take(OCTET_STRING).ok_or(KeyError::Malformed)?;
            Ok(Inside::Sec1(inside, Some(curve)))
        }
        [0x2b, 0x65, 0x70] => Err(KeyError::NotRsa { kind: "Ed25519" }),
        _ => Err(KeyError::NotRsa { kind: "another algorithm" }),
    }
}
