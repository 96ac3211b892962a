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
    for name in ["aes256.key", "chacha20.key.b64", "smime-key-encrypted.pem", "age-identity.txt"] {
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

/// What the manifest expects, in its own words, and the verdict.
#[rustfmt::skip]
const VERDICTS: &[(&str, (VerdictOutcome, Voucher))] = &[
    ("gz-truncated.tgz", (Truncated, Unchecked)),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_archive_gives_the_verdict_of_its_manifest() {
    let (state, out) = (support::scratch(), support::scratch());
    let session = with_all_keys("damaged", state.path()).await;
    let mut seen = vec![];
    for object in manifest("damaged/manifest.json") {
        let (name, expect) = (object["file"].as_str().unwrap(), object["expect"].as_str().unwrap());
        let proof = verify(&session, name).await;
        let ending = restore(&session, name, &out.path().join(name)).await;
        let left = left_in(&out.path().join(name)).len();
        println!(
            "    (\"{name}\", \"{}\", ({:?}, {:?}, {:?})),",
            expect.split([':', ';']).next().unwrap(),
            proof.outcome,
            proof.at_byte,
            proof.reached()
        );
        seen.push((name.to_owned(), (proof.outcome, proof.content)));
        let _ = (expect, ending);
    }
    let wanted: Vec<(String, (VerdictOutcome, Voucher))> =
        VERDICTS.iter().map(|(name, verdict)| ((*name).to_owned(), *verdict)).collect();
    assert_eq!(seen, wanted);
}
