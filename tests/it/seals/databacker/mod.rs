//! The seals of databacker: what its packages wrote, what other tools write, and what is wrong with either.

mod hostile;
mod tools;

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SealScheme;
use breakglass::seal::UnsealError;
use breakglass::seal::databacker::{Content, UnlockError, Unlocked, describe, unlock};
use breakglass::seal::key::Key;
use breakglass::seal::keyfile;

use super::drain;

pub(super) fn vectors() -> PathBuf {
    super::vectors().with_file_name("databacker")
}

pub(super) fn vector(name: &str) -> Vec<u8> {
    fs::read(vectors().join(name)).unwrap()
}

fn manifest(name: &str) -> serde_json::Value {
    serde_json::from_slice(&vector(name)).unwrap()
}

/// A key file of any kind, as the command line takes it.
pub(super) fn key_of(text: &[u8]) -> Key {
    let label = || Foreign::from("test");
    keyfile::open(text, None, label())
        .or_else(|_| keyfile::raw(text, label()))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn key(name: &str) -> Key {
    key_of(&vector(&format!("keys/{name}")))
}

/// A tar header with its checksum, or SQL.
pub(super) fn is_head(bytes: &[u8]) -> bool {
    let sum = |block: &[u8]| -> u64 {
        let byte = |(at, byte): (usize, &u8)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte });
        block.iter().enumerate().map(byte).sum()
    };
    let digits = |field: &[u8]| u64::from_str_radix(std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']), 8).ok();
    let written = bytes.get(148..156).and_then(digits);
    bytes.starts_with(b"-- ") || (bytes.len() >= 512 && written == Some(sum(&bytes[..512])))
}

pub(super) fn unlocked(scheme: SealScheme, sealed: &[u8], keys: &[Key]) -> Result<Unlocked, UnlockError> {
    unlock(scheme, &sealed[..sealed.len().min(64 << 10)], keys, &is_head)
}

/// `Content` has no `Debug`.
pub(super) fn refusal(outcome: Result<Unlocked, UnlockError>) -> UnlockError {
    outcome.err().expect("it opened")
}

pub(super) fn plain(content: &Content, sealed: &[u8]) -> (Vec<u8>, Result<(), UnsealError>) {
    match content.open(Cursor::new(sealed.to_vec())) {
        Ok(reader) => drain(reader),
        Err(error) => (vec![], Err(error.into())),
    }
}

pub(super) fn opened(scheme: SealScheme, sealed: &[u8], key: &Key) -> Vec<u8> {
    let unlocked =
        unlocked(scheme, sealed, std::slice::from_ref(key)).unwrap_or_else(|error| panic!("{scheme:?}: {error}"));
    let (bytes, outcome) = plain(&unlocked.content, sealed);
    outcome.unwrap_or_else(|error| panic!("{scheme:?}: {error}"));
    bytes
}

fn scheme(word: &str) -> SealScheme {
    match word {
        "aes256-cbc" | "chacha20-poly1305" => SealScheme::RawKey,
        "pbkdf2-aes256-cbc" => SealScheme::Pbkdf2Cbc,
        "smime-aes256-cbc" => SealScheme::Cms,
        "age-chacha20-poly1305" => SealScheme::Age,
        other => panic!("{other}"),
    }
}

fn found(word: &str) -> SealScheme {
    match word {
        "aes256-cbc" => SealScheme::Aes256Cbc,
        "chacha20-poly1305" => SealScheme::ChaCha20Poly1305,
        other => scheme(other),
    }
}

/// What is inside the compressor, as far as it goes.
fn decompressed(stored: &[u8], compression: &str) -> Vec<u8> {
    let mut sealed = vec![];
    let read: io::Result<usize> = match compression {
        "gzip" => flate2::read::MultiGzDecoder::new(stored).read_to_end(&mut sealed),
        "bzip2" => bzip2::read::BzDecoder::new(stored).read_to_end(&mut sealed),
        _ => Cursor::new(stored).read_to_end(&mut sealed),
    };
    read.unwrap();
    sealed
}

#[test]
fn every_sealed_object_opens_to_the_tar_that_was_sealed() {
    let mut seen = 0;
    for entry in manifest("manifest.json").as_array().unwrap() {
        let (Some(word), Some(key_name)) = (entry["encryption"].as_str(), entry["decrypt_with"].as_str()) else {
            continue;
        };
        let name = entry["object"].as_str().unwrap();
        let sealed = decompressed(&vector(&format!("objects/{name}")), entry["compression"].as_str().unwrap());
        let key = key(key_name);
        let unlocked = unlocked(scheme(word), &sealed, std::slice::from_ref(&key))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(unlocked.content.scheme(), found(word), "{name}");
        assert_eq!(unlocked.key, key.fingerprint());
        let (tar, outcome) = plain(&unlocked.content, &sealed);
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tar.len() as u64, entry["tar_bytes"].as_u64().unwrap(), "{name}");
        let mut members = tar::Archive::new(&tar[..]);
        let mut files = members.entries().unwrap().map(Result::unwrap);
        for expected in entry["files"].as_array().unwrap() {
            let mut file = files.next().unwrap();
            assert_eq!(file.path().unwrap().to_str(), expected["name"].as_str());
            let mut sql = vec![];
            file.read_to_end(&mut sql).unwrap();
            let schema = expected["name"].as_str().unwrap().split('_').next().unwrap();
            assert!(sql == vector(&format!("plain/{schema}_2026-10-05T01:00:00Z.sql")), "{name}: {schema}");
        }
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn a_key_of_another_backup_is_refused_as_each_seal_can_tell() {
    let (raw, stranger) = (SealScheme::RawKey, || [key("wrong.key")]);
    for name in ["06-00-00Z.tgz", "09-00-00Z.tgz"] {
        let sealed = decompressed(&vector(&format!("objects/db_backup_2026-10-05T{name}")), "gzip");
        assert!(matches!(refusal(unlocked(raw, &sealed, &stranger())), UnlockError::Inconclusive), "{name}");
        assert!(matches!(refusal(unlocked(raw, &sealed, &[])), UnlockError::NoKey { .. }), "{name}");
        let unfit = [key("pbkdf2.pass"), key("age-identity.txt"), key("smime-key.pem")];
        assert!(matches!(refusal(unlocked(raw, &sealed, &unfit)), UnlockError::NoKey { .. }), "{name}");
    }
    let sealed = vector("objects/db_backup_2026-10-05T12-00-00Z.tar");
    assert!(sealed.starts_with(b"Salted__"), "the fixture changed");
    assert!(matches!(refusal(unlocked(SealScheme::Pbkdf2Cbc, &sealed, &stranger())), UnlockError::Inconclusive));

    let cms = vector("objects/db_backup_2026-10-05T10-00-00Z.tar");
    let error = refusal(unlocked(SealScheme::Cms, &cms, &[key("wrong-smime-key.pem")]));
    let words = error.to_string();
    assert!(matches!(error, UnlockError::NoneFits { .. }) && words.contains("CN="), "{words}");
    assert!(matches!(refusal(unlocked(SealScheme::Cms, &cms, &stranger())), UnlockError::NoKey { .. }));

    let age = vector("objects/db_backup_2026-10-05T13-00-00Z.tar");
    let error = refusal(unlocked(SealScheme::Age, &age, &[key("wrong-age-identity.txt")]));
    assert!(matches!(error, UnlockError::NoneFits { .. }), "{error}");
    assert!(matches!(refusal(unlocked(SealScheme::Age, &age, &stranger())), UnlockError::NoKey { .. }));
}

#[test]
fn the_right_key_is_found_among_others_and_named() {
    let all = ["wrong.key", "wrong-smime-key.pem", "wrong-age-identity.txt", "pbkdf2.pass", "smime-key.pem"];
    let rest = ["age-identity.txt", "chacha20.key.b64", "aes256.key.hex"];
    let keys: Vec<Key> = all.into_iter().chain(rest).map(key).collect();
    for (name, scheme, took) in [
        ("11-00-00Z.tar", SealScheme::Aes256Cbc, Some("as hex of 32 bytes")),
        ("14-00-00Z.tar", SealScheme::ChaCha20Poly1305, Some("as base64 of 32 bytes")),
        ("12-00-00Z.tar", SealScheme::Pbkdf2Cbc, Some("as a passphrase, byte for byte")),
        ("10-00-00Z.tar", SealScheme::Cms, None),
        ("13-00-00Z.tar", SealScheme::Age, None),
    ] {
        let sealed = vector(&format!("objects/db_backup_2026-10-05T{name}"));
        let asked = match scheme {
            SealScheme::Aes256Cbc | SealScheme::ChaCha20Poly1305 => SealScheme::RawKey,
            other => other,
        };
        let unlocked = unlocked(asked, &sealed, &keys).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((unlocked.content.scheme(), unlocked.took), (scheme, took), "{name}");
    }
}

#[test]
fn what_can_be_said_without_a_key_is_said() {
    let named = |scheme, name: &str| -> Vec<String> {
        let seal = describe(scheme, &vector(&format!("objects/db_backup_2026-10-05T{name}"))).unwrap();
        seal.named.iter().map(ToString::to_string).collect()
    };
    let cms = named(SealScheme::Cms, "10-00-00Z.tar");
    assert!(cms[0].starts_with("CN=") && cms[0].contains(", serial ") && cms[0].ends_with("(RSA)"), "{cms:?}");
    assert_eq!(cms[1], "content AES-128-CBC"); // whatever the tool calls it
    assert_eq!(named(SealScheme::Age, "13-00-00Z.tar"), ["age X25519"]);
    assert!(describe(SealScheme::Cms, b"age-encryption.org/v1\n").is_none());
    assert!(describe(SealScheme::Age, b"Salted__").is_none());
}
