//! Every generation of databacker's files, made here with the stock tools: known by its bytes, opened and proven.

use super::*;

use std::process::Command;

use breakglass::model::backup::{Compression, Format};
use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SealScheme;

const DUMP: &str = "-- MySQL dump 10.13  Distrib 5.7.20, for Linux (x86_64)\n--\n-- Host: db    Database: shop\n\n\
    CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1),(2);\n-- Dump completed on 2018-03-04  5:06:07\n";

fn run(folder: &Path, line: &str) {
    let output = Command::new("sh").arg("-ec").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The backups that `lines` leave in a folder that holds two dumps, and a session over it with the RSA key.
async fn made(lines: &str) -> (tempfile::TempDir, tempfile::TempDir, Session) {
    let (work, state) = (support::scratch(), support::scratch());
    let all = DUMP.replace("CREATE TABLE", "CREATE DATABASE `shop`;\nUSE `shop`;\nCREATE TABLE")
        + "CREATE DATABASE `crm`;\nUSE `crm`;\nCREATE TABLE `c` (`a` int);\n-- Dump completed on 2018-03-04  5:06:07\n";
    let go = DUMP.replace("-- MySQL dump 10.13  Distrib 5.7.20, for Linux (x86_64)", "-- Go SQL Dump 0.6.0");
    fs::create_dir(work.path().join("out")).unwrap();
    fs::create_dir(work.path().join("dumps")).unwrap();
    fs::write(work.path().join("one.sql"), DUMP).unwrap();
    fs::write(work.path().join("dumps/backup_20180304050607.sql"), all).unwrap();
    fs::write(work.path().join("shop_2026-03-04T05:06:07Z.sql"), go).unwrap();
    let keys = support::root().join("tests/it/vectors/databacker/keys");
    run(work.path(), &lines.replace("KEYS", &keys.display().to_string()));
    let session = session_over(&work.path().join("out"), state.path()).await;
    let loaded = session.load_key(KeySource::File(keys.join("smime-key.pem")), None).await;
    assert!(matches!(loaded, Ok(Loaded::Key(_))), "{:?}", loaded.err());
    (work, state, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_scripts_of_0_5_to_0_9_left_a_gzipped_dump() {
    let (_work, _state, session) = made("gzip -c one.sql >out/db_backup_20180304050607.gz").await;
    let proof = verify(&session, "db_backup_20180304050607.gz").await;
    assert_eq!((proof.outcome, proof.reached(), proof.content), (Sound, Whole, Crc));
    let backup = session.find("here:db_backup_20180304050607.gz").unwrap();
    assert_eq!((backup.shape.format, backup.shape.compression), (Format::Mysqldump, Compression::Gzip));
    assert_eq!(backup.taken.at.minute(), "2018-03-04 05:06");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_0_10_to_0_12_left_a_tar_with_all_databases_in_one_dump() {
    let lines = "tar -C dumps -czf out/db_backup_20200304050607.tgz . && tar -C dumps -cf x.tar . && \
        bzip2 -c x.tar >out/db_backup_2021-03-04T05-06-07Z.tbz2";
    let (_work, _state, session) = made(lines).await;
    for (name, packed) in [
        ("db_backup_20200304050607.tgz", Compression::Gzip),
        ("db_backup_2021-03-04T05-06-07Z.tbz2", Compression::Bzip2),
    ] {
        let proof = verify(&session, name).await;
        assert_eq!((proof.outcome, proof.reached()), (Sound, Whole), "{name}: {:?}", proof.checks);
        let [member] = proof.members.as_slice() else { panic!("{:?}", proof.members) };
        assert_eq!((member.name.to_string().as_str(), &member.database), ("backup_20180304050607.sql", &None));
        assert_eq!(member.inside.databases, [Foreign::from("shop"), Foreign::from("crm")]);
        let backup = session.find(&format!("here:{name}")).unwrap();
        assert_eq!((backup.shape.format, backup.shape.compression), (Format::Databacker, packed), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hook_of_0_12_sealed_the_finished_file() {
    let name = "db_backup_2021-03-04T05:06:07Z.tgz";
    let lines = format!(
        "tar -C dumps -czf x.tgz . && openssl smime -encrypt -binary -aes256 -outform DER -in x.tgz -out 'out/{name}' \
         KEYS/smime-cert.pem"
    );
    let (_work, _state, session) = made(&lines).await;
    let backup = session.find(&format!("here:{name}")).unwrap();
    let seal = backup.shape.seal.clone().unwrap();
    assert_eq!(seal.scheme, SealScheme::Cms);
    assert!(!seal.named.is_empty(), "who can open it is known before it is fetched");
    let proof = verify(&session, name).await;
    assert_eq!((proof.outcome, proof.reached(), proof.content), (Sound, Whole, Crc), "{:?}", proof.checks);
    assert_eq!(proof.members.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_appends_is_seen_and_said() {
    let file = "shop_2026-03-04T05:06:07Z.sql";
    let lines = format!(
        "tar --force-local -czf a.tgz '{file}' && tar -C dumps -czf b.tgz . && cat a.tgz b.tgz >'out/db_backup_2026-03-04T05:06:07Z.tgz'"
    );
    let (_work, _state, session) = made(&lines).await;
    let proof = verify(&session, "db_backup_2026-03-04T05:06:07Z.tgz").await;
    assert_eq!((proof.outcome, proof.members.len()), (Sound, 1));
    assert!(proof.findings.iter().any(|finding| finding.code == "bytes_after_archive"), "{:?}", proof.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_foreign_schema_names_come_through_pax_headers() {
    let schema = "läden_日本_".repeat(8);
    let lines = format!(
        "cp 'shop_2026-03-04T05:06:07Z.sql' '{schema}_2026-03-04T05:06:07Z.sql' && \
         tar --force-local --format=posix -cf 'out/db_backup_2026-03-04T05:06:07+02:00.tar' '{schema}_2026-03-04T05:06:07Z.sql'"
    );
    let (_work, _state, session) = made(&lines).await;
    let proof = verify(&session, "db_backup_2026-03-04T05:06:07+02:00.tar").await;
    assert_eq!((proof.outcome, proof.content), (Sound, Unchecked), "{:?}", proof.checks);
    assert_eq!(proof.members[0].name.raw_str(), Some(format!("{schema}_2026-03-04T05:06:07Z.sql").as_str()));
    let backup = session.find("here:db_backup_2026-03-04T05:06:07+02:00.tar").unwrap();
    assert_eq!(backup.taken.at.minute(), "2026-03-04 03:06", "its offset counts");
}
