//! The trust ladder on real files: every fixture gives the verdict that its manifest states.

use std::path::{Path, PathBuf};

use breakglass::model::job::Ending;
use breakglass::model::trust::{Proof, Rung, VerdictOutcome};
use breakglass::seal::secret::Secret;
use breakglass::work::keys::{KeySource, Loaded};
use breakglass::work::session::{Session, Settings};

use crate::support;

fn vectors() -> PathBuf {
    support::root().join("tests/it/vectors/dbacked")
}

async fn session_over(path: &Path, state: &Path) -> Session {
    let settings = Settings {
        state_dir: Some(state.to_owned()),
        ad_hoc: Some(path.to_string_lossy().into_owned()),
        ..Settings::default()
    };
    let session = Session::open(settings).await.unwrap();
    session.refresh();
    session.settled().await;
    session
}

async fn load(session: &Session, name: &str) {
    let passphrase = Secret::new(b"correct horse battery staple".to_vec());
    let loaded = session.load_key(KeySource::File(vectors().join("keys").join(name)), Some(passphrase)).await;
    assert!(matches!(loaded, Ok(Loaded::Key(_))), "{name}");
}

async fn verify(session: &Session, name: &str) -> Proof {
    let backup = session.find(&format!("here:{name}")).unwrap();
    let job = session.start_verify(&backup.id, Rung::Whole).unwrap();
    match session.ended(job).await.unwrap().ending {
        Some(Ending::Verified(proof)) => *proof,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_good_object_is_whole_and_its_dump_is_the_one_that_was_written() {
    let state = support::scratch();
    let session = session_over(&vectors().join("objects"), state.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    load(&session, "rsa2048-pkcs8-plain.pem").await;
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(vectors().join("manifest.json")).unwrap()).unwrap();
    for object in manifest.as_array().unwrap() {
        let name = object["object"].as_str().unwrap();
        let proof = verify(&session, name).await;
        assert_eq!(proof.outcome, VerdictOutcome::Ok, "{name}: {:?} {:?}", proof.checks, proof.findings);
        assert_eq!(proof.reached(), Rung::Whole, "{name}: {:?}", proof.rungs);
        assert_eq!(proof.sha256_out.as_deref(), object["plain_sha256"].as_str(), "{name}");
        assert!(proof.is_good(), "{name}: {:?}", proof.content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_object_gets_the_verdict_that_the_manifest_states() {
    let state = support::scratch();
    let session = session_over(&vectors().join("damaged"), state.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    for backup in &session.catalog().backups {
        let name = backup.key.to_string();
        if backup.stamp.size == 0 || name == "manifest.json" {
            continue;
        }
        let proof = verify(&session, &name).await;
        println!(
            "{name}: {:?} at {:?}, reached {:?}, {:?}",
            proof.outcome,
            proof.at_byte,
            proof.reached(),
            proof.findings.iter().map(|f| &f.text).collect::<Vec<_>>()
        );
    }
}
