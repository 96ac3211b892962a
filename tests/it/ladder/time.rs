//! What becomes of a verdict when the object, or time, moves on.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use breakglass::model::job::Ending;
use breakglass::model::plan::ConfirmAnswer;
use breakglass::model::sink::{DirSink, Sink};
use breakglass::model::trust::{Proof, Rung, VerdictOutcome};
use breakglass::model::units::Moment;
use breakglass::seal::keyfile;
use breakglass::work::catalog::Catalog;
use breakglass::work::plan::{Ingredients, PlanRequest, STATEMENT_LIMIT, to_dir};
use breakglass::work::restore::{RestoreError, Task, restore};
use breakglass::work::session::{Session, Settings};
use breakglass::work::verify::Opener;

use crate::support;

use super::memory::{Memory, job};
use super::{left_in, load, session_over, vectors, verify};

const NAME: &str = "dbacked_shop_300820261040";

fn object() -> Vec<u8> {
    fs::read(vectors().join("objects").join(NAME)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_verdict_is_remembered_until_the_object_changes() {
    let scratch = support::scratch();
    let (folder, state) = (scratch.path().join("in"), scratch.path().join("state"));
    fs::create_dir(&folder).unwrap();
    let mut bytes = object();
    bytes[50_000] ^= 1;
    fs::write(folder.join(NAME), &bytes).unwrap();
    let session = session_over(&folder, &state).await;
    load(&session, "dbacked_private_key.pem").await;
    assert_eq!(verify(&session, NAME).await.outcome, VerdictOutcome::Damaged);

    let later = session_over(&folder, &state).await;
    let known = later.find(&format!("here:{NAME}")).unwrap();
    assert_eq!(known.proof.as_ref().unwrap().outcome, VerdictOutcome::Damaged);
    assert!(known.findings.iter().any(|finding| finding.code == "damaged"));

    fs::write(folder.join(NAME), object()).unwrap();
    later.refresh();
    later.settled().await;
    assert_eq!(later.find(&format!("here:{NAME}")).unwrap().proof, None, "another object, another verdict");
}

/// A session over an estate of one folder, with a policy.
async fn session_with(policy: &str, scratch: &Path) -> Session {
    let estate = scratch.join("estate.toml");
    let objects = vectors().join("objects");
    fs::write(&estate, format!("{policy}\n[targets.here]\nurl = \"file://{}/\"\n", objects.display())).unwrap();
    let settings = Settings { estate: Some(estate), state_dir: Some(scratch.join("state")), ..Settings::default() };
    let session = Session::open(settings).await.unwrap();
    session.refresh();
    session.settled().await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_older_than_the_estate_allows_is_stale_and_stays_a_proof() {
    let scratch = support::scratch();
    let session = session_with("proof_max_age = \"1s\"", scratch.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    assert!(verify(&session, NAME).await.is_good());
    loop {
        session.refresh();
        session.settled().await;
        let backup = session.find(&format!("here:{NAME}")).unwrap();
        assert!(backup.is_good(), "age takes nothing back");
        if backup.stale {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_forgotten_when_nobody_has_been_there_for_a_while() {
    let scratch = support::scratch();
    let session = session_with("idle_lock = \"1s\"", scratch.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    assert_eq!(session.keys().len(), 1);
    while !session.keys().is_empty() {
        session.news().changed().await;
    }
    let last = session.audit_tail(1);
    assert_eq!((last[0].action.as_str(), last[0].detail.as_str()), ("key.lock", "idle"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_behind_the_listing_is_not_restored() {
    let scratch = support::scratch();
    let (folder, out) = (scratch.path().join("in"), scratch.path().join("out"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(NAME), object()).unwrap();
    let session = session_over(&folder, &scratch.path().join("state")).await;
    load(&session, "dbacked_private_key.pem").await;
    assert_eq!(verify(&session, NAME).await.reached(), Rung::Whole);

    // Same size, same modification time: only the bytes differ.
    let file = folder.join(NAME);
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let mut bytes = object();
    bytes[60_000] ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let ending = super::restore(&session, NAME, &out).await;
    assert!(!matches!(ending, Some(Ending::Restored(_))), "{ending:?}");
    assert!(left_in(&out).is_empty(), "{:?}", left_in(&out));
}

async fn restored(store: &Arc<Memory>, proof: &Proof, out: &std::path::Path) -> Result<u64, RestoreError> {
    let backup = store.backup(NAME);
    let into = Sink::Dir(DirSink { path: out.to_owned() });
    let request = PlanRequest {
        backup: backup.id.clone(),
        into,
        tables: None,
        choices: Default::default(),
        databases: None,
        renames: vec![],
        statement_limit: STATEMENT_LIMIT,
    };
    let catalog = Catalog::default();
    let from =
        Ingredients { backup: &backup, request: &request, proof: Some(proof), catalog: &catalog, now: Moment(0) };
    let plan = to_dir(&from, &DirSink { path: out.to_owned() }).unwrap().confirm(&ConfirmAnswer::Yes).unwrap();
    let (keys, proof) = (vec![key().into()], Some(proof.clone()));
    let task = Task { store: store.clone(), backup: backup.clone(), keys, proof, out: None, password: None };
    restore(&job(), task, &plan).await.map(|restored| restored.report.bytes.0)
}

fn key() -> breakglass::seal::keyring::PrivateKey {
    let text = fs::read(vectors().join("keys/rsa4096-pkcs8-plain.pem")).unwrap();
    keyfile::load(&text, None, "test".into()).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_that_were_proven_are_the_bytes_that_are_restored_on_every_kind_of_target() {
    let scratch = support::scratch();
    let out = scratch.path().join("out");
    let store = Memory::with(&[(NAME, &object())]);
    let proof = store.verdict(NAME, Opener::Keys(vec![key().into()])).await;
    assert_eq!((proof.reached(), proof.mib_digests.len()), (Rung::Whole, 1));
    assert_eq!(restored(&store, &proof, &out).await.unwrap(), proof.bytes_out);
    left_in(&out).into_iter().for_each(|file| fs::remove_file(file).unwrap());

    // This target says nothing of the overwrite: only the digests can tell. The IV's MTIME byte changes no dump.
    for at in [531, 5_000, 79_270] {
        let mut bytes = object();
        bytes[at] ^= 4;
        store.put(NAME, &bytes);
        let error = restored(&store, &proof, &out).await.unwrap_err();
        assert!(matches!(error, RestoreError::Changed { .. }), "byte {at}: {error:?}");
        assert!(left_in(&out).is_empty(), "byte {at} left {:?}", left_in(&out));
    }
}
