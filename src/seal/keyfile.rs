//! Private keys as files hold them, and making new ones.

use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use zeroize::Zeroizing;

use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::der::{self, Der, OCTET_STRING, OID, SEQUENCE};
use crate::seal::error::KeyError;
use crate::seal::keyring::{self, PrivateKey};
use crate::seal::pem::{self, Block, Kind};
use crate::seal::pkcs8::{self, DekInfo, Envelope};
use crate::seal::public::PublicKey;
use crate::seal::secret::Secret;

/// Public facts about a key's text, without its passphrase: what `key inspect` shows.
///
/// A public key, a key of another algorithm and one whose numbers contradict each other are
/// described as well; only [`load`] refuses them.
pub fn inspect(text: &[u8], label: Foreign) -> Result<KeyFacts, KeyError> {
    let block = pem::read(text)?;
    let mut facts = facts(label, container(&block)?);
    facts.encrypted = block.dek_info.is_some() || block.kind == Kind::EncryptedPkcs8;
    match block.kind {
        Kind::Certificate => return Err(KeyError::Certificate),
        Kind::OtherPrivate(kind) => kind.clone_into(&mut facts.algorithm),
        Kind::Spki | Kind::Pkcs1Public => {
            facts.private = false;
            keyring::describe(&mut facts, &PublicKey::from_pem(text)?);
        }
        Kind::Pkcs1 | Kind::Pkcs8 | Kind::EncryptedPkcs8 if facts.encrypted => {
            if block.kind == Kind::Pkcs1 {
                "RSA".clone_into(&mut facts.algorithm);
            }
        }
        Kind::Pkcs1 | Kind::Pkcs8 | Kind::EncryptedPkcs8 => match plain(&block).and_then(keyring::numbers) {
            Ok(key) => keyring::describe(&mut facts, &keyring::public_half(&key)?),
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

/// Loads a private key: PKCS#1, PKCS#8, either of them encrypted, PEM or DER.
///
/// A passphrase is tried as it is, and then, where all its characters allow it, as Latin-1: node-forge,
/// which made DBacked's keys, turns characters into bytes that way. It is ignored for a key that has none.
///
/// # Errors
///
/// Every way to fail is a variant of its own; see [`KeyError`].
pub fn load(text: &[u8], passphrase: Option<&Secret>, label: Foreign) -> Result<PrivateKey, KeyError> {
    let block = pem::read(text)?;
    let mut facts = facts(label, container(&block)?);
    match (block.kind, &block.dek_info) {
        (Kind::Certificate, _) => Err(KeyError::Certificate),
        (Kind::OtherPrivate(kind), _) => Err(KeyError::NotRsa { kind }),
        (Kind::Spki | Kind::Pkcs1Public, _) => Err(KeyError::PublicKey),
        (Kind::EncryptedPkcs8, _) => {
            facts.encrypted = true;
            let envelope = Envelope::parse(&block.der)?;
            unlock(passphrase, facts, |passphrase| {
                envelope.open(passphrase).map(|der| Block { kind: Kind::Pkcs8, dek_info: None, der })
            })
        }
        (kind @ (Kind::Pkcs1 | Kind::Pkcs8), Some(info)) => {
            facts.encrypted = true;
            let info = DekInfo::parse(info)?;
            unlock(passphrase, facts, |passphrase| {
                info.open(passphrase, &block.der).map(|der| Block { kind, dek_info: None, der })
            })
        }
        (Kind::Pkcs1 | Kind::Pkcs8, None) => PrivateKey::from_pkcs1(plain(&block)?, facts),
    }
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
        (Kind::EncryptedPkcs8, _) => format!("encrypted PKCS#8 ({})", Envelope::parse(&block.der)?.words()),
        (Kind::Pkcs1, Some(info)) => format!("encrypted PKCS#1 ({})", DekInfo::parse(info)?.words()),
        (Kind::Pkcs1, None) => "PKCS#1".to_owned(),
        (Kind::Pkcs8, _) => "PKCS#8".to_owned(),
        (Kind::OtherPrivate(kind), _) => kind.to_owned(),
        (Kind::Spki, _) => "SubjectPublicKeyInfo".to_owned(),
        (Kind::Pkcs1Public, _) => "PKCS#1 public key".to_owned(),
        (Kind::Certificate, _) => "X.509 certificate".to_owned(),
    })
}

/// Tries the passphrase in each of its spellings; what opens but is no key was opened wrongly.
fn unlock(
    passphrase: Option<&Secret>,
    facts: KeyFacts,
    open: impl Fn(&[u8]) -> Result<Block, KeyError>,
) -> Result<PrivateKey, KeyError> {
    let typed = passphrase.ok_or(KeyError::NeedsPassphrase)?.expose();
    let attempt = |bytes: &[u8]| {
        let block = open(bytes)?;
        let pkcs1 = plain(&block).map_err(or_wrong_passphrase)?;
        PrivateKey::from_pkcs1(pkcs1, facts.clone()).map_err(or_wrong_passphrase)
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

/// The PKCS#1 key inside an unencrypted block.
fn plain(block: &Block) -> Result<&[u8], KeyError> {
    if block.kind == Kind::Pkcs1 {
        return Ok(&block.der);
    }
    let mut outer = Der::whole_sequence(&block.der).ok_or(KeyError::Malformed)?;
    outer.small().ok_or(KeyError::Malformed)?;
    let mut algorithm = outer.sequence().ok_or(KeyError::Malformed)?;
    match algorithm.take(OID).ok_or(KeyError::Malformed)? {
        der::RSA_OID => outer.take(OCTET_STRING).ok_or(KeyError::Malformed),
        der::EC_OID => Err(KeyError::NotRsa { kind: "EC" }),
        [0x2b, 0x65, 0x70] => Err(KeyError::NotRsa { kind: "Ed25519" }),
        _ => Err(KeyError::NotRsa { kind: "another algorithm" }),
    }
}
