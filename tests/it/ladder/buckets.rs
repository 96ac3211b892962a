//! Whole small buckets whose metadata is missing, malformed, lying or alone.

use breakglass::model::backup::{Backup, Metadata, TakenFrom};
use breakglass::model::trust::{Answer, Rung, VerdictOutcome, Voucher};
use breakglass::work::session::Session;

use crate::support;

use super::{load, session_over, vectors, verify, verify_to};

const GOOD: &str = "dbacked_shop_290820261040";

async fn bucket(name: &str, state: &std::path::Path) -> Session {
    let session = session_over(&vectors().join("buckets").join(name), state).await;
    load(&session, "dbacked_private_key.pem").await;
    session.settled().await;
    session
}

fn codes(backup: &Backup) -> Vec<&str> {
    backup.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn named(session: &Session, name: &str) -> std::sync::Arc<Backup> {
    session.find(&format!("here:{name}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_metadata_a_backup_is_listed_and_whole_but_only_its_crc_vouches_for_it() {
    let state = support::scratch();
    let session = bucket("metadata-missing", state.path()).await;
    let backup = named(&session, GOOD);
    assert_eq!((backup.metadata.clone(), codes(&backup)), (Metadata::Missing, vec!["no_metadata"]));
    assert_eq!(backup.taken.from, TakenFrom::Name);
    let proof = verify(&session, GOOD).await;
    assert_eq!((proof.outcome, proof.reached(), proof.content), (VerdictOutcome::Ok, Rung::Whole, Voucher::Crc));
    assert_eq!(proof.rungs[1], Answer::NotApplicable);
    assert_eq!(verify_to(&session, GOOD, Rung::Intact).await.outcome, VerdictOutcome::NotComparable);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_metadata_says_why_and_hides_nothing() {
    let state = support::scratch();
    let session = bucket("metadata-malformed", state.path()).await;
    assert_eq!(session.catalog().backups.len(), 7);
    for (letter, reason) in
        [("a", "cut off"), ("b", "empty"), ("c", "null instead of an object"), ("e", "not UTF-8"), ("f", "not JSON")]
    {
        let backup = named(&session, &format!("dbacked_{letter}_010120260000"));
        let Metadata::Unusable(why) = &backup.metadata else { panic!("{letter}: {:?}", backup.metadata) };
        assert!(why.starts_with(reason), "{letter}: {why}");
        assert!(codes(&backup).contains(&"metadata_unusable"), "{letter}: {:?}", codes(&backup));
    }
    let types = named(&session, "dbacked_d_010120260000");
    let Metadata::Read(facts) = &types.metadata else { panic!("{:?}", types.metadata) };
    assert_eq!((&facts.md5, facts.started), (&None, None));
    assert!(codes(&types).contains(&"metadata_remark"));

    let cut = verify(&session, "dbacked_a_010120260000").await;
    assert_eq!((cut.outcome, cut.reached(), cut.content), (VerdictOutcome::Ok, Rung::Whole, Voucher::Crc));
    let md5 = cut.checks.iter().find(|check| check.name == "md5").unwrap();
    assert_eq!((md5.outcome, md5.detail.as_str()), (Answer::Unknown, "metadata unusable: cut off"));
    let small = verify(&session, "dbacked_b_010120260000").await;
    assert!(small.outcome.is_bad(), "{small:?}");

    let good = verify(&session, GOOD).await;
    assert!(good.is_good() && good.content == Voucher::Hash, "{good:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_metadata_is_not_believed() {
    let state = support::scratch();
    let session = bucket("metadata-lies", state.path()).await;
    let lie = |day: u32| format!("dbacked_shop_{day:02}0120260101");
    let hash = verify(&session, &lie(1)).await;
    assert_eq!((hash.outcome, hash.reached()), (VerdictOutcome::Damaged, Rung::Listed), "{hash:?}");
    assert_eq!(hash.rungs[1..4], [Answer::No, Answer::Yes, Answer::Yes]);
    assert!(hash.findings.iter().any(|finding| finding.code == "hash_differs"), "{:?}", hash.findings);
    assert_eq!(verify_to(&session, &lie(1), Rung::Intact).await.outcome, VerdictOutcome::Damaged);

    for (day, remark) in [(2, "filename"), (4, "timestamp")] {
        let backup = named(&session, &lie(day));
        assert!(codes(&backup).contains(&"metadata_remark"), "{day}: {:?}", backup.findings);
        assert!(backup.findings.iter().any(|finding| finding.text.contains(remark)), "{:?}", backup.findings);
        assert!(verify(&session, &lie(day)).await.is_good());
    }
    let escapes = named(&session, &lie(3));
    let Metadata::Read(facts) = &escapes.metadata else { panic!("{:?}", escapes.metadata) };
    let drawn = format!("{} {}", facts.agent.as_ref().unwrap(), facts.db_name.as_ref().unwrap());
    assert!(!drawn.contains(['\u{202e}', '\u{1b}', '\r', '\n']), "{drawn:?}");
    assert_eq!(named(&session, &lie(4)).taken.from, TakenFrom::Name, "an absurd time is not the true one");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_without_its_backup_is_shown_as_that_and_strangers_are_listed_too() {
    let state = support::scratch();
    let session = bucket("orphan-metadata", state.path()).await;
    assert_eq!(session.catalog().backups.len(), 4);
    assert!(codes(&named(&session, GOOD)).contains(&"metadata_only"));
    for stranger in ["dbacked_", "unrelated.txt"] {
        let proof = verify(&session, stranger).await;
        assert_eq!((proof.outcome, proof.reached()), (VerdictOutcome::Inconclusive, Rung::Listed), "{stranger}");
    }
    let undated = verify(&session, "dbacked_shop_notadate").await;
    assert_eq!((undated.outcome, undated.reached()), (VerdictOutcome::Truncated, Rung::Opens));
    let newest = session.catalog().series.iter().filter_map(|series| series.newest.clone()).collect::<Vec<_>>();
    assert!(!newest.contains(&named(&session, GOOD).id), "what is gone is nobody's newest");
}
