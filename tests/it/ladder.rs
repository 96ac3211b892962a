//! The trust ladder on real files: every fixture gives the verdict that its manifest states, and nothing
//! that is not whole leaves anything behind.

mod archives;
mod buckets;
mod generations;
mod matrix;
mod memory;
mod time;

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::model::job::Ending;
use breakglass::model::plan::ConfirmAnswer;
use breakglass::model::sink::{DirSink, Sink};
use breakglass::model::trust::{Proof, Rung, VerdictOutcome, Voucher};
use breakglass::seal::secret::Secret;
use breakglass::work::keys::{KeySource, Loaded};
use breakglass::work::plan::{PlanRequest, STATEMENT_LIMIT};
use breakglass::work::session::{Session, Settings};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support;

use self::Rung::{Listed, Opens, Whole};
use self::VerdictOutcome::{Damaged, Inconclusive, Ok as Sound, Truncated, WrongKey};
use self::Voucher::{Crc, None as Unchecked};

const SOURCE: &str = "dbacked_shop_290820261040";

pub fn vectors() -> PathBuf {
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

async fn verify_to(session: &Session, name: &str, to: Rung) -> Proof {
    let backup = session.find(&format!("here:{name}")).unwrap();
    let job = session.start_verify(&backup.id, to).unwrap();
    match session.ended(job).await.unwrap().ending {
        Some(Ending::Verified(proof)) => *proof,
        other => panic!("{name}: {other:?}"),
    }
}

async fn verify(session: &Session, name: &str) -> Proof {
    verify_to(session, name, Whole).await
}

/// Restores into a folder, as far as the plan lets it.
async fn restore(session: &Session, name: &str, into: &Path) -> Option<Ending> {
    let backup = session.find(&format!("here:{name}")).unwrap();
    let into = Sink::Dir(DirSink { path: into.to_owned() });
    let request = PlanRequest {
        backup: backup.id.clone(),
        into,
        tables: None,
        choices: Default::default(),
        databases: None,
        renames: vec![],
        statement_limit: STATEMENT_LIMIT,
    };
    let plan = session.plan(request).await.ok()?.confirm(&ConfirmAnswer::Yes).ok()?;
    let job = session.start_restore(plan).ok()?;
    session.ended(job).await.unwrap().ending
}

fn left_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_good_object_is_whole_and_its_dump_is_the_one_that_was_written() {
    let state = support::scratch();
    let session = session_over(&vectors().join("objects"), state.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    load(&session, "rsa2048-pkcs8-plain.pem").await;
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(vectors().join("manifest.json")).unwrap()).unwrap();
    for object in manifest.as_array().unwrap() {
        let name = object["object"].as_str().unwrap();
        let proof = verify(&session, name).await;
        assert_eq!(proof.outcome, Sound, "{name}: {:?} {:?}", proof.checks, proof.findings);
        assert_eq!(proof.reached(), Whole, "{name}: {:?}", proof.rungs);
        assert_eq!(proof.sha256_out.as_deref(), object["plain_sha256"].as_str(), "{name}");
        assert_eq!(proof.content, Voucher::Hash, "{name}");
        assert!(proof.is_good(), "{name}: {:?}", proof.content);
    }
    let findings = session.settled().await.backups.iter().map(|backup| backup.findings.len()).sum::<usize>();
    assert_eq!(findings, 0, "{:?}", session.catalog().backups.iter().map(|b| &b.findings).collect::<Vec<_>>());
}

type Verdict = (VerdictOutcome, Option<u64>, Rung, Voucher);

/// One line per file: what the manifest expects, and the verdict on it alone, as `name.bin`, with nothing recorded.
#[rustfmt::skip]
const DAMAGED: &[(&str, &str, Verdict)] = &[
    ("truncated-magic.bin", "error", (Truncated, Some(5), Listed, Unchecked)),
    ("truncated-version.bin", "error", (Truncated, Some(9), Listed, Unchecked)),
    ("truncated-length.bin", "error", (Truncated, Some(12), Listed, Unchecked)),
    ("truncated-header-only.bin", "error", (Truncated, Some(14), Listed, Unchecked)),
    ("truncated-rsa.bin", "error", (Truncated, Some(114), Listed, Unchecked)),
    ("truncated-no-iv.bin", "error", (Truncated, Some(526), Listed, Unchecked)),
    ("truncated-in-iv.bin", "error", (Truncated, Some(534), Listed, Unchecked)),
    ("truncated-no-ciphertext.bin", "error", (Truncated, Some(542), Opens, Unchecked)),
    ("truncated-aligned.bin", "error", (Truncated, Some(40_734), Opens, Unchecked)),
    ("truncated-unaligned.bin", "error", (Truncated, Some(40_757), Opens, Unchecked)),
    ("truncated-last-block.bin", "error", (Truncated, Some(80_941), Opens, Unchecked)),
    ("truncated-last-byte.bin", "error", (Truncated, Some(80_957), Opens, Unchecked)),
    ("bitflip-magic.bin", "error: not a DBacked backup", (Inconclusive, None, Listed, Unchecked)),
    ("bitflip-version.bin", "readable", (Sound, None, Whole, Crc)),
    ("bitflip-length.bin", "error", (Damaged, Some(0), Listed, Unchecked)),
    ("length-huge.bin", "error", (Damaged, Some(0), Listed, Unchecked)),
    ("length-big-endian.bin", "opens as whole", (Sound, None, Whole, Crc)),
    ("length-256.bin", "error", (WrongKey, None, Listed, Unchecked)),
    ("bitflip-rsa.bin", "error: key does not open it", (WrongKey, None, Listed, Unchecked)),
    ("bitflip-iv-gzip-magic.bin", "error", (Damaged, Some(542), Opens, Unchecked)),
    ("bitflip-iv-mtime.bin", "only the MD5 in _metadata can tell", (Sound, None, Whole, Crc)),
    ("bitflip-first-block.bin", "error", (Damaged, None, Opens, Unchecked)),
    ("bitflip-mid.bin", "error (gzip)", (Damaged, None, Opens, Unchecked)),
    ("bitflip-before-last-block.bin", "error (gzip trailer or padding)", (Truncated, Some(80_942), Opens, Unchecked)),
    ("bitflip-last-block.bin", "error (padding)", (Damaged, None, Opens, Unchecked)),
    ("trailing-16-bytes.bin", "error (padding)", (Damaged, None, Opens, Unchecked)),
    ("trailing-1-byte.bin", "error", (Damaged, Some(80_943), Opens, Unchecked)),
    ("blocks-swapped.bin", "error (gzip)", (Damaged, None, Opens, Unchecked)),
    ("wrong-magic.bin", "error: not a DBacked backup", (Inconclusive, None, Listed, Unchecked)),
    ("zero-length.bin", "error", (Truncated, Some(0), Listed, Unchecked)),
    ("random.bin", "error: not a DBacked backup", (Inconclusive, None, Listed, Unchecked)),
    ("plain-sql.sql", "error: not a DBacked backup", (Inconclusive, None, Listed, Unchecked)),
];

fn passes(expect: &str) -> bool {
    ["readable", "opens as whole", "only the MD5"].iter().any(|words| expect.starts_with(words))
}

#[test]
fn the_table_follows_the_manifest_to_the_last_file() {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(vectors().join("damaged/manifest.json")).unwrap()).unwrap();
    let stated = manifest["files"].as_array().unwrap().iter().filter(|entry| entry["file"].is_string());
    let stated: Vec<(&str, &str)> =
        stated.map(|entry| (entry["file"].as_str().unwrap(), entry["expect"].as_str().unwrap())).collect();
    assert_eq!(stated.len(), DAMAGED.len());
    for ((file, expect), (name, words, verdict)) in stated.into_iter().zip(DAMAGED) {
        assert_eq!(file, *name);
        assert!(expect.starts_with(words), "{file}: {expect}");
        assert_eq!(verdict.0 == Sound, passes(expect), "{file}: {expect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_object_gets_the_verdict_that_the_manifest_states() {
    let state = support::scratch();
    let session = session_over(&vectors().join("damaged"), state.path()).await;
    load(&session, "dbacked_private_key.pem").await;
    let empty = session.find("here:zero-length.bin").unwrap();
    assert!(empty.findings.iter().any(|finding| finding.code == "empty"), "{:?}", empty.findings);
    let mut wrong = vec![];
    for (name, expect, (outcome, at_byte, reached, content)) in DAMAGED {
        let proof = verify(&session, name).await;
        let told = (proof.outcome, proof.at_byte, proof.reached(), proof.content);
        // Where gzip notices is zlib's business; that it is inside the object is ours.
        let placed = match at_byte {
            None if *outcome == Damaged => proof.at_byte.is_some_and(|at| (542..=80_974).contains(&at)),
            at => proof.at_byte == *at,
        };
        if (*outcome, *reached, *content) != (told.0, told.2, told.3) || !placed {
            wrong.push(format!("{name} ({expect}): {told:?} {:?}", proof.findings));
        }
        let fatal = proof.findings.iter().any(|finding| matches!(finding.code.as_str(), "damaged" | "truncated"));
        assert_eq!(fatal, outcome.is_bad(), "{name}: {:?}", proof.findings);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let big = verify(&session, "length-big-endian.bin").await;
    assert!(big.findings.iter().any(|finding| finding.code == "big_endian"), "{:?}", big.findings);
}

/// Each file in a folder of its own, under the name of the object that it was made from.
fn as_object(bytes: &[u8], folder: &Path, metadata: Option<&[u8]>) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(SOURCE), bytes).unwrap();
    if let Some(metadata) = metadata {
        fs::write(folder.join(format!("{SOURCE}_metadata")), metadata).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_its_own_name_and_beside_its_metadata_no_damaged_object_passes() {
    let scratch = support::scratch();
    let metadata = fs::read(vectors().join("objects").join(format!("{SOURCE}_metadata"))).unwrap();
    for (name, _, (alone, ..)) in DAMAGED {
        let bytes = fs::read(vectors().join("damaged").join(name)).unwrap();
        let folder = scratch.path().join(name);
        as_object(&bytes, &folder, None);
        let session = session_over(&folder, &scratch.path().join("state")).await;
        load(&session, "dbacked_private_key.pem").await;
        let outcome = verify(&session, SOURCE).await.outcome;
        let expected =
            if name.contains("magic.bin") || *name == "random.bin" { [Damaged, Truncated] } else { [*alone; 2] };
        assert!(expected.contains(&outcome), "{name} without metadata: {outcome:?}");

        as_object(&bytes, &folder, Some(&metadata));
        session.refresh();
        session.settled().await;
        let proof = verify(&session, SOURCE).await;
        assert!(proof.outcome.is_bad(), "{name}: {proof:?}");
        assert!(proof.reached() == Listed && !proof.is_good(), "{name}: {proof:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_leaves_nothing_in_a_folder() {
    let scratch = support::scratch();
    let out = scratch.path().join("out");
    let session = session_over(&vectors().join("damaged"), &scratch.path().join("state")).await;
    load(&session, "dbacked_private_key.pem").await;
    for (name, _, (outcome, ..)) in DAMAGED {
        let ending = restore(&session, name, &out).await;
        if *outcome == Sound {
            assert!(matches!(ending, Some(Ending::Restored(_))), "{name}: {ending:?}");
            for file in left_in(&out) {
                let same = fs::read(&file).unwrap() == fs::read(vectors().join("plain/mysql97-with-gtid.sql")).unwrap();
                assert!(same, "{name} left another dump");
                fs::remove_file(file).unwrap();
            }
        } else {
            assert!(!matches!(ending, Some(Ending::Restored(_))), "{name}: {ending:?}");
            assert!(left_in(&out).is_empty(), "{name} left {:?}", left_in(&out));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flips_and_cuts_of_a_real_object_leave_nothing_in_a_folder() {
    let scratch = support::scratch();
    let (folder, out) = (scratch.path().join("in"), scratch.path().join("out"));
    let object = fs::read(vectors().join("objects").join(SOURCE)).unwrap();
    let mut random = StdRng::seed_from_u64(40);
    fs::create_dir_all(&folder).unwrap();
    for n in 0..30 {
        let mut bytes = object.clone();
        if n % 3 == 0 {
            bytes.truncate(random.gen_range(1..object.len()));
        } else {
            bytes[random.gen_range(542..object.len())] ^= 1 << random.gen_range(0..8);
        }
        fs::write(folder.join(format!("flip-{n}")), bytes).unwrap();
    }
    let session = session_over(&folder, &scratch.path().join("state")).await;
    load(&session, "dbacked_private_key.pem").await;
    for n in 0..30 {
        let ending = restore(&session, &format!("flip-{n}"), &out).await;
        assert!(matches!(ending, Some(Ending::Failed(Some(_)))), "{n}: {ending:?}");
        assert!(left_in(&out).is_empty(), "{n} left {:?}", left_in(&out));
    }
    session.refresh();
    let bad = session.settled().await.backups.iter().filter(|backup| backup.proof.is_some()).count();
    assert_eq!(bad, 30, "a verdict that a restore came to is remembered");
}
