//! databacker's archives on real files: every generation and cipher opens to the very dumps, and every hostile
//! twin gives the verdict that its manifest states.

use super::*;

use breakglass::model::trust::Voucher::{Authenticated, Crc};
use sha2::{Digest, Sha256};

fn databacker() -> PathBuf {
    support::root().join("tests/it/vectors/databacker")
}

fn manifest(of: &str) -> Vec<serde_json::Value> {
    let text = fs::read(databacker().join(of)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A session in which every right key is loaded.
async fn with_all_keys(objects: &str, state: &Path) -> Session {
    let session = session_over(&databacker().join(objects), state).await;
    for name in ["aes256.key", "chacha20.key.b64", "pbkdf2.pass", "smime-key-encrypted.pem", "age-identity.txt"] {
        let passphrase = Secret::new(b"smime key pass".to_vec());
        let loaded = session.load_key(KeySource::File(databacker().join("keys").join(name)), Some(passphrase)).await;
        assert!(matches!(loaded, Ok(Loaded::Key(_))), "{name}: {:?}", loaded.err());
    }
    session
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_archive_opens_to_the_very_dumps_that_were_written() {
    let (state, out) = (support::scratch(), support::scratch());
    let session = with_all_keys("objects", state.path()).await;
    for object in manifest("manifest.json") {
        let name = object["object"].as_str().unwrap();
        let proof = verify(&session, name).await;
        assert_eq!(proof.outcome, Sound, "{name}: {:?} {:?}", proof.checks, proof.findings);
        assert_eq!(proof.reached(), Whole, "{name}: {:?}", proof.rungs);
        let members: Vec<(String, u64, &str)> = proof
            .members
            .iter()
            .map(|member| (member.name.to_string(), member.bytes, member.sha256.as_str()))
            .collect();
        let files = object["files"].as_array().unwrap();
        let written: Vec<(String, u64, &str)> = files
            .iter()
            .map(|file| {
                let text = |key: &str| file[key].as_str().unwrap();
                (text("name").to_owned(), file["bytes"].as_u64().unwrap(), text("sha256"))
            })
            .collect();
        assert_eq!(members, written, "{name}");
        let databases: Vec<String> = proof.members.iter().flat_map(|m| &m.database).map(ToString::to_string).collect();
        assert_eq!(databases, ["bakery", "crm"], "{name}");
        let content = match (object["encryption"].as_str(), object["compression"].as_str()) {
            (Some("age-chacha20-poly1305" | "chacha20-poly1305"), _) => Authenticated,
            (_, Some("none")) => Unchecked,
            _ => Crc,
        };
        assert_eq!(proof.content, content, "{name}");

        // Restored from the proof, and restored in one pass by somebody who has none.
        let afresh = support::scratch();
        let other = with_all_keys("objects", afresh.path()).await;
        for (session, folder) in [(&session, "proven"), (&other, "afresh")] {
            let into = out.path().join(folder).join(name.replace(':', "_"));
            let ending = restore(session, name, &into).await;
            assert!(matches!(ending, Some(Ending::Restored(_))), "{name}: {ending:?}");
            let mut restored: Vec<String> =
                left_in(&into).iter().map(|file| sha256(&fs::read(file).unwrap())).collect();
            restored.sort();
            let mut wanted: Vec<String> = written.iter().map(|file| file.2.to_owned()).collect();
            wanted.sort();
            assert_eq!(restored, wanted, "{name} {folder}");
        }
    }
}

type Judged = (VerdictOutcome, Option<u64>, Rung);

/// One line per file: what the manifest expects, in its first words, and the verdict.
#[rustfmt::skip]
const VERDICTS: &[(&str, &str, Judged)] = &[
    ("gz-truncated.tgz", "error", (Truncated, Some(25684), Listed)),
    ("gz-truncated-trailer.tgz", "error", (Truncated, Some(51365), Listed)),
    ("gz-bitflip.tgz", "error", (Damaged, Some(51361), Listed)),
    ("gz-bitflip-crc.tgz", "error", (Damaged, Some(51361), Listed)),
    ("tar-truncated.tar", "error", (Truncated, Some(35072), Listed)),
    ("tar-no-end.tar", "error", (Truncated, Some(69120), Listed)),
    ("tar-bitflip-header.tar", "error", (Damaged, None, Listed)),
    ("tar-bitflip-data.tar", "nothing can tell", (Sound, None, Whole)),
    ("smime-aes256-cbc-truncated.tar", "error", (Truncated, Some(35293), Opens)),
    ("smime-aes256-cbc-last-byte.tar", "error", (Truncated, Some(70586), Opens)),
    ("smime-aes256-cbc-bitflip-start.tar", "error", (Truncated, Some(70587), Opens)),
    ("smime-aes256-cbc-bitflip-mid.tar", "not authenticated", (Sound, None, Whole)),
    ("smime-aes256-cbc-bitflip-end.tar", "error", (Damaged, Some(70571), Opens)),
    ("aes256-cbc-truncated.tar", "error", (Truncated, Some(35072), Opens)),
    ("aes256-cbc-last-byte.tar", "error", (Truncated, Some(70175), Opens)),
    ("aes256-cbc-bitflip-start.tar", "error", (Damaged, None, Opens)),
    ("aes256-cbc-bitflip-mid.tar", "not authenticated", (Sound, None, Whole)),
    ("aes256-cbc-bitflip-end.tar", "error", (Damaged, Some(70160), Opens)),
    ("pbkdf2-aes256-cbc-truncated.tar", "error", (Truncated, Some(35072), Opens)),
    ("pbkdf2-aes256-cbc-last-byte.tar", "error", (Truncated, Some(70175), Opens)),
    ("pbkdf2-aes256-cbc-bitflip-start.tar", "error", (Inconclusive, None, Listed)),
    ("pbkdf2-aes256-cbc-bitflip-mid.tar", "not authenticated", (Sound, None, Whole)),
    ("pbkdf2-aes256-cbc-bitflip-end.tar", "error", (Damaged, Some(70160), Opens)),
    ("age-chacha20-poly1305-truncated.tar", "error", (Damaged, Some(184), Opens)),
    ("age-chacha20-poly1305-last-byte.tar", "error", (Damaged, Some(65736), Opens)),
    ("age-chacha20-poly1305-bitflip-start.tar", "error", (Inconclusive, None, Listed)),
    ("age-chacha20-poly1305-bitflip-mid.tar", "error", (Damaged, Some(184), Opens)),
    ("age-chacha20-poly1305-bitflip-end.tar", "error", (Damaged, Some(65736), Opens)),
    ("age-chacha20-poly1305-bitflip-inside-gzip.tgz", "error", (Damaged, Some(184), Opens)),
    ("chacha20-poly1305-truncated.tar", "error", (Truncated, Some(35070), Opens)),
    ("chacha20-poly1305-last-byte.tar", "error", (Truncated, Some(70155), Opens)),
    ("chacha20-poly1305-bitflip-start.tar", "error", (Inconclusive, None, Listed)),
    ("chacha20-poly1305-bitflip-mid.tar", "error", (Damaged, Some(70156), Opens)),
    ("chacha20-poly1305-bitflip-end.tar", "error", (Damaged, Some(70156), Opens)),
    ("chacha20-poly1305-bitflip-inside-gzip.tgz", "error", (Damaged, Some(70156), Opens)),
    ("zero-length.tgz", "error", (Truncated, Some(0), Listed)),
    ("random.tgz", "error", (Inconclusive, None, Listed)),
    ("evil-dotdot.tgz", "error, or the bad entry is skipped with a warning", (Damaged, None, Listed)),
    ("evil-absolute.tgz", "error, or the bad entry is skipped with a warning", (Damaged, None, Listed)),
    ("evil-symlink.tgz", "error, or the bad entry is skipped with a warning", (Damaged, None, Listed)),
    ("evil-duplicate.tgz", "error, or the bad entry is skipped with a warning", (Damaged, None, Listed)),
    ("evil-empty.tgz", "error, or the bad entry is skipped with a warning", (Inconclusive, None, Listed)),
    ("evil-control-name.tgz", "error, or the bad entry is skipped with a warning", (Inconclusive, None, Listed)),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_archive_gives_the_verdict_of_its_manifest() {
    let (state, out) = (support::scratch(), support::scratch());
    let session = with_all_keys("damaged", state.path()).await;
    let manifest = manifest("damaged/manifest.json");
    assert_eq!(manifest.len(), VERDICTS.len());
    for (object, (file, words, wanted)) in manifest.iter().zip(VERDICTS) {
        let (name, expect) = (object["file"].as_str().unwrap(), object["expect"].as_str().unwrap());
        assert_eq!(name, *file);
        assert!(expect.starts_with(words), "{name}: {expect}");
        let proof = verify(&session, name).await;
        assert_eq!((proof.outcome, proof.at_byte, proof.reached()), *wanted, "{name}: {:?}", proof.findings);
        assert_eq!(proof.content, Unchecked, "{name}");
        assert!(!proof.is_good(), "{name}");

        // Nothing of what is not whole is left behind, and nothing outside of the folder.
        let into = out.path().join(name);
        let _ = restore(&session, name, &into).await;
        let left = left_in(&into).len();
        assert_eq!(left > 0, proof.outcome == Sound, "{name}: {left} files");
    }
    for outside in ["/tmp/breakglass-escape.sql", "/tmp/breakglass-escape-abs.sql"] {
        assert!(!Path::new(outside).exists(), "{outside}");
    }
}
