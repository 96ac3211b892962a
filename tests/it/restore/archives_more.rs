//! Archives and dumps whose shape, names or databases are not what they seem.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use breakglass::model::job::{Ending, RestoreOutcome};
use breakglass::model::plan::{Part, SinkState};
use breakglass::model::sink::{MysqlSink, ServerFacts, Sink};
use breakglass::model::trust::{Proof, Rung, VerdictOutcome};
use breakglass::seal::public::PublicKey;
use breakglass::seal::sealed::Sealer;
use breakglass::server::connect;
use breakglass::work::keys::KeySource;
use breakglass::work::parts::{Rename, folded};
use tempfile::TempDir;

use super::console::{Console, approved, dir, finding, over, sink, stops};
use super::loads::until_blocked;
use super::vector;
use crate::support;
use crate::support::databases::{Product, server, servers};

const DUMP: &str = include_str!("../vectors/sql/databacker-archive.sql");
const ARCHIVE: &str = "db_backup_2026-10-05T01:00:00Z.tgz";

fn dump_of(name: &str) -> String {
    DUMP.replace("@SHOP@", name)
}

fn member(database: &str) -> String {
    format!("{database}_2026-10-05T01:00:00Z.sql")
}

/// Files in a gzipped archive, made by `tar`.
fn tar(files: &[(String, String)]) -> Vec<u8> {
    let dumps = support::scratch();
    for (name, text) in files {
        fs::write(dumps.path().join(name), text).unwrap();
    }
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(dumps.path()).args(["--force-local", "-czf", "-"]).args(files.iter().map(|(name, _)| name));
    let made = tar.output().unwrap();
    assert!(made.status.success());
    made.stdout
}

async fn holding(name: &str, bytes: &[u8]) -> (TempDir, Console) {
    let folder = support::scratch();
    fs::write(folder.path().join(name), bytes).unwrap();
    let console = over(folder.path()).await;
    (folder, console)
}

async fn archive(files: &[(String, String)]) -> (TempDir, Console) {
    holding(ARCHIVE, &tar(files)).await
}

async fn verified(console: &Console, name: &str) -> Proof {
    let job = console.session.start_verify(&console.backup(name).id, Rung::Whole).unwrap();
    match console.session.ended(job).await.unwrap().ending {
        Some(Ending::Verified(proof)) => *proof,
        other => panic!("{name}: {other:?}"),
    }
}

/// What a folder holds: names and texts.
fn held(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut held: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    held.sort();
    held
}

fn age(plain: &[u8]) -> Option<Vec<u8>> {
    let recipient = support::root().join("tests/it/vectors/databacker/keys/age-recipient.txt");
    let child = Command::new("age").arg("-R").arg(recipient).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            support::skip_or_fail("age", &error.to_string());
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(plain).unwrap();
    Some(child.wait_with_output().unwrap().stdout)
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    let recipient = PublicKey::from_pem(&fs::read(vector("keys/rsa2048-public.pem")).unwrap()).unwrap();
    let mut sealer = Sealer::new(vec![], &[recipient]).unwrap();
    sealer.write_all(plain).unwrap();
    sealer.finish().unwrap()
}

async fn load_keys(console: &Console) {
    console.load_keys().await;
    let path = support::root().join("tests/it/vectors/databacker/keys/age-identity.txt");
    assert!(console.session.load_key(KeySource::File(path), None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_of_a_seal_decides_what_is_written_not_the_seal() {
    let shop = [(member("shop"), dump_of("shop")), (member("crm"), dump_of("crm"))];
    let Some(aged) = age(dump_of("shop").as_bytes()) else { return };
    let single = vec![("shop.sql.age.sql".to_owned(), dump_of("shop"))];
    let mut several: Vec<_> = shop.iter().map(|(name, text)| (name.replace(':', "_"), text.clone())).collect();
    several.sort();
    for (name, stored, expected) in
        [("shop.sql.age", aged, single), ("db_backup.tgz.sealed", sealed(&tar(&shop)), several)]
    {
        let (_folder, console) = holding(name, &stored).await;
        load_keys(&console).await;
        let out = support::scratch();
        // Unproven, then released by the proof that was made on the way.
        for folder in ["unproven", "proven"] {
            let into = out.path().join(folder);
            let report = console.run(console.plan(name, dir(&into)).await.unwrap()).await.unwrap();
            assert_eq!((report.outcome, report.files.len()), (RestoreOutcome::Done, expected.len()), "{name}");
            assert!(held(&into) == expected, "{name} {folder}: {:?}", report.files);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_chosen_by_what_the_dumps_say_not_by_the_names_of_files() {
    let files = [(member("one"), dump_of("shop")), (member("two"), dump_of("crm"))];
    for into in ["dir", "stdout"] {
        for (wanted, stopped) in [("crm", vec![]), ("two", vec!["no_such_database"])] {
            let (_folder, console) = archive(&files).await;
            let out = support::scratch();
            let folder = out.path().join("new");
            let place = if into == "dir" { dir(&folder) } else { Sink::Stdout };
            let mut request = console.request(ARCHIVE, place);
            request.databases = Some(vec![wanted.into()]);
            let plan = console.session.plan(request).await.unwrap();
            assert_eq!(stops(&plan), stopped, "{into} {wanted}");
            assert_eq!(plan.from.trust, Rung::Whole);
            if into == "dir" && stopped.is_empty() {
                console.run(plan).await.unwrap();
                assert!(held(&folder) == [(member("two").replace(':', "_"), dump_of("crm"))]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_called_a_dump_and_holds_none_is_no_warning() {
    for (text, outcome) in [("", VerdictOutcome::Truncated), ("\u{1}\u{2}no dump at all", VerdictOutcome::Inconclusive)]
    {
        for name in [member("crm"), "crm.sql".to_owned()] {
            let files = [(name.clone(), text.to_owned()), (member("shop"), dump_of("shop"))];
            let (_folder, console) = archive(&files).await;
            let proof = verified(&console, ARCHIVE).await;
            assert_eq!((proof.outcome, proof.at_byte), (outcome, None), "{name}: {:?}", proof.findings);
            assert!(proof.findings.iter().any(|finding| finding.text.contains("crm")), "{:?}", proof.findings);
        }
    }
    let files = [("README".to_owned(), "not a dump".to_owned()), (member("shop"), dump_of("shop"))];
    let (_folder, console) = archive(&files).await;
    assert_eq!(verified(&console, ARCHIVE).await.outcome, VerdictOutcome::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stops_early_says_no_byte_of_the_archive() {
    let whole = dump_of("crm");
    let cut = whole[..whole.find("-- Dump completed").unwrap() - 40].to_owned();
    let (_folder, console) = archive(&[(member("crm"), cut), (member("shop"), dump_of("shop"))]).await;
    let proof = verified(&console, ARCHIVE).await;
    assert_eq!((proof.outcome, proof.at_byte), (VerdictOutcome::Truncated, None), "{:?}", proof.findings);
}

fn rename(from: &str, to: &str) -> Rename {
    Rename { from: from.into(), to: to.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_changes_nothing_stops_a_plan_for_files() {
    let (_folder, console) = archive(&[(member("shop"), dump_of("shop"))]).await;
    let out = support::scratch();
    for place in [dir(out.path()), Sink::Stdout] {
        let mut request = console.request(ARCHIVE, place);
        request.renames = vec![rename("shop", "shop2")];
        assert_eq!(stops(&console.session.plan(request).await.unwrap()), ["rename_unused"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_is_not_used_or_contradicted_stops_a_plan_for_a_server() {
    let Some(server) = server(Product::Mariadb) else { return };
    let (into, other) = (server.unused(), server.unused());
    let files = [(member("shop"), dump_of("shop")), (member("crm"), dump_of("crm"))];
    let (_folder, several) = archive(&files).await;
    let (_folder, one) = holding("shop.sql", dump_of("shop").as_bytes()).await;
    let any = || Sink::Databases(server.reference());
    let to = |from: &str| rename(from, &into.name);
    let (used, not) = (vec![], vec!["rename_unused"]);
    type Case<'a> = (&'a Console, &'a str, Sink, Option<&'a str>, Vec<Rename>, Vec<&'a str>);
    let cases: Vec<Case<'_>> = vec![
        (&several, ARCHIVE, any(), Some("shop"), vec![to("shop")], used.clone()),
        (&several, ARCHIVE, any(), Some("crm"), vec![to("shop")], not.clone()),
        (&several, ARCHIVE, sink(&into), Some("shop"), vec![to("shop")], used.clone()),
        (&several, ARCHIVE, sink(&into), Some("shop"), vec![rename("shop", &other.name)], not.clone()),
        (&several, ARCHIVE, any(), Some("shop"), vec![to("shop"), rename("shop", &other.name)], not.clone()),
        (&one, "shop.sql", any(), None, vec![to("shop")], used.clone()),
        (&one, "shop.sql", sink(&into), None, vec![to("shop")], used),
        (&one, "shop.sql", sink(&into), None, vec![rename("shop", &other.name)], not.clone()),
        (&one, "shop.sql", sink(&into), None, vec![to("shpo")], not),
    ];
    for (console, name, place, database, renames, expected) in cases {
        let mut request = console.request(name, place);
        request.databases = database.map(|database| vec![database.into()]);
        request.renames = renames.clone();
        let plan = console.session.plan(request).await.unwrap();
        // A dump by itself may have more against it: it enters a database of its own.
        let unused: Vec<&str> = stops(&plan).into_iter().filter(|code| *code == "rename_unused").collect();
        assert_eq!(unused, expected, "{name} into {} {renames:?}: {:?}", plan.into, plan.findings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_databases_are_never_written_to() {
    for server in servers() {
        let (_folder, several) = archive(&[(member("shop"), dump_of("shop")), (member("Sys"), dump_of("Sys"))]).await;
        let (_folder, one) = holding("shop.sql", dump_of("shop").as_bytes()).await;
        for (console, name) in [(&several, ARCHIVE), (&one, "shop.sql")] {
            let mut request = console.request(name, Sink::Databases(server.reference()));
            request.renames = vec![rename("shop", "MySQL")];
            let plan = console.session.plan(request).await.unwrap();
            let text = &finding(&plan, "system_database").text;
            assert_eq!((stops(&plan).contains(&"system_database"), text.contains("MySQL")), (true, true), "{text}");
            assert_eq!(text.contains("Sys"), name == ARCHIVE, "{text}");
        }
        let mysql = MysqlSink { server: server.reference(), database: "performance_schema".into() };
        let plan = one.plan("shop.sql", Sink::Mysql(mysql)).await.unwrap();
        assert!(stops(&plan).contains(&"system_database"), "{:?}", plan.findings);
    }
}

#[test]
fn names_that_a_server_takes_for_the_same_are_one_database() {
    let part = |from: &str, into: &str| Part {
        member: member(from).as_str().into(),
        from: from.into(),
        into: into.into(),
        there: SinkState::New,
        defaults: None,
    };
    let on = |folds: u8, parts: &[Part], renames: &[Rename]| {
        let facts = ServerFacts { lower_case_table_names: folds, ..ServerFacts::default() };
        folded(parts, renames, &facts).into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    let twins = [part("Größe", "Größe"), part("GRÖSSE", "GRÖßE")];
    let moved = [part("Shop", "shop")];
    let apart = [part("shop", "shop2"), part("crm", "crm2")];
    for folds in [1, 2] {
        assert_eq!(on(folds, &twins, &[]), ["same_database"]);
        assert_eq!(on(folds, &moved, &[]), ["same_database"]);
        assert_eq!(on(folds, &[], &[rename("Shop", "SHOP")]), ["same_database"]);
        assert_eq!(on(folds, &apart, &[rename("shop", "shop2")]), Vec::<String>::new());
    }
    assert_eq!(on(0, &twins, &[rename("Shop", "SHOP")]), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_stops_lists_the_databases_that_were_begun_and_no_other() {
    for server in servers() {
        let (first, second) = (server.unused(), server.unused());
        let bad =
            dump_of(&first.name).replace("\nUNLOCK TABLES;\n", "\nUNLOCK TABLES;\nINSERT INTO `nowhere` VALUES (1);\n");
        assert!(bad.contains("nowhere"));
        let files = [(member(&first.name), bad), (member(&second.name), dump_of(&second.name))];
        let (_folder, console) = archive(&files).await;
        let plan = console.plan(ARCHIVE, Sink::Databases(server.reference())).await.unwrap();
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Partly, "{:?}", report.failures);
        assert_eq!(report.databases, std::slice::from_ref(&first.name));
        assert!(report.failures[0].contains(&first.name), "{:?}", report.failures);
        assert!(!server.sql("SHOW DATABASES").contains(&format!("{}\n", second.name)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_appears_while_another_is_loaded_is_not_written_to() {
    for server in servers() {
        let (first, second) = (server.database(), server.unused());
        first.sql("CREATE TABLE orders (id INT)");
        let files = [&first, &second].map(|database| (member(&database.name), dump_of(&database.name)));
        let (_folder, console) = archive(&files).await;
        let plan = console.plan(ARCHIVE, Sink::Databases(server.reference())).await.unwrap();
        let mut holder = connect(&server.reference(), None).await.unwrap();
        holder.enter_database(&first.foreign()).await.unwrap();
        holder.load(b"LOCK TABLES orders WRITE").await.unwrap();
        let job = console.session.start_restore(approved(plan)).unwrap();
        until_blocked(&first);
        server.sql(&format!("CREATE DATABASE `{}`; CREATE TABLE `{0}`.theirs (x INT)", second.name));
        holder.load(b"UNLOCK TABLES").await.unwrap();
        let report = console.report(job).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Partly, "{:?}", report.failures);
        assert_eq!(report.databases, std::slice::from_ref(&first.name));
        assert!(report.failures[0].contains(&second.name), "{:?}", report.failures);
        assert_eq!(
            (first.sql("SELECT COUNT(*) FROM orders"), second.sql("SHOW TABLES")),
            ("3\n".into(), "theirs\n".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_no_text_has_a_digest_of_its_own() {
    let (_folder, console) = archive(&[(member("shop"), dump_of("shop"))]).await;
    let out = support::scratch();
    let named = |name: &[u8]| -> PathBuf { out.path().join(OsStr::from_bytes(name)) };
    let mut digests = vec![];
    for name in [b"a\xff".as_slice(), b"a\xfe", b"a"] {
        digests.push(console.plan(ARCHIVE, dir(&named(name))).await.unwrap().digest());
    }
    let again = console.plan(ARCHIVE, dir(&named(b"a\xff"))).await.unwrap().digest();
    assert_eq!(digests[0], again);
    assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
}

/// What is kept of many members together is what a proof that is read again can hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_many_members_is_read_again() {
    let views = |database: &str| -> String {
        let view = |n: usize| {
            let long = "x".repeat(3_500);
            format!("CREATE DEFINER=`root`@`localhost` VIEW `v{n}` AS select '{long}' AS `a`;\n")
        };
        let head = format!("-- Go SQL Dump 0.6.0\n-- Host: db    Database: {database}\nUSE `{database}`;\n");
        let drops: String = (0..400).map(|n| format!("DROP TABLE IF EXISTS `a_rather_long_name_{n}`;\n")).collect();
        let views: String = (0..64).map(view).collect();
        format!("{head}{drops}{views}\n-- Dump completed on 2026-10-05 01:00:00")
    };
    let files: Vec<_> = (0..80).map(|n| format!("db{n}")).map(|name| (member(&name), views(&name))).collect();
    let (_folder, console) = archive(&files).await;
    let proof = verified(&console, ARCHIVE).await;
    assert_eq!((proof.outcome, proof.members.len()), (VerdictOutcome::Ok, 80), "{:?}", proof.findings);
    let dumps = || proof.members.iter().map(|member| member.dump.as_deref().unwrap());
    let kept: usize = dumps().map(|dump| dump.samples.kept.len()).sum();
    let seen: u64 = dumps().map(|dump| dump.samples.kept.len() as u64 + dump.samples.more).sum();
    assert!(kept > 0 && kept <= 512, "{kept}");
    assert!(seen >= 80 * 64, "{seen}");
    assert!(dumps().map(|dump| dump.replaces.len()).sum::<usize>() <= 20_000);
    let out = support::scratch();
    let plan = console.plan(ARCHIVE, dir(out.path())).await.unwrap();
    assert_eq!(plan.from.trust, Rung::Whole, "it is read again");
}
