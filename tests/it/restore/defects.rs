//! What mysql-backup's dumper is known to spoil: found while verifying, shown in the plan, and put right only
//! where that is exact and somebody says so.

use std::fs;

use breakglass::model::job::{Ending, RestoreOutcome, RestoreReport};
use breakglass::model::plan::{RestorePlan, Stance};
use breakglass::model::trust::{Proof, Rung, VerdictOutcome};
use tempfile::TempDir;

use super::console::{Console, finding, over, sink, stops};
use crate::support;
use crate::support::databases::{Database, servers};

const NAME: &str = "shop.sql";

/// A dump by that tool's own hand, and a session over it.
async fn dump(charset: &str, body: &str) -> (TempDir, Console) {
    let folder = support::scratch();
    let head = format!("-- Go SQL Dump 0.6.0\n--\n-- Host: db    Database: shop\n\n/*!50503 SET NAMES {charset} */;\n");
    let text = format!("{head}{body}\n-- Dump completed on 2026-10-05 01:00:00");
    fs::write(folder.path().join(NAME), text).unwrap();
    let console = over(folder.path()).await;
    (folder, console)
}

async fn verify(console: &Console, name: &str) -> Proof {
    let backup = console.backup(name);
    let job = console.session.start_verify(&backup.id, Rung::Whole).unwrap();
    match console.session.ended(job).await.unwrap().ending {
        Some(Ending::Verified(proof)) => *proof,
        other => panic!("{other:?}"),
    }
}

fn codes(proof: &Proof) -> Vec<&str> {
    proof.findings.iter().map(|finding| finding.code.as_str()).collect()
}

async fn plan(console: &Console, into: &Database, choice: Option<(&str, &str)>) -> RestorePlan {
    let mut request = console.request(NAME, sink(into));
    request.choices = choice.into_iter().map(|(code, choice)| (code.to_owned(), choice.to_owned())).collect();
    console.session.plan(request).await.unwrap()
}

async fn restored(console: &Console, into: &Database, choice: Option<(&str, &str)>) -> RestoreReport {
    let plan = plan(console, into, choice).await;
    assert_eq!(stops(&plan), Vec::<&str>::new(), "{:?}", plan.findings);
    console.run(plan).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_would_come_back_garbled_come_back_right_where_somebody_says_so() {
    let body = "CREATE TABLE `t` (`a` varchar(20) CHARACTER SET utf8mb4) ENGINE=InnoDB;\nINSERT INTO `t` (`a`) VALUES ('caf\u{e9}');";
    let (_folder, console) = dump("latin1", body).await;
    assert_eq!(codes(&verify(&console, NAME).await), ["mojibake"]);
    for server in servers() {
        let (kept, forced) = (server.unused(), server.unused());
        let shown = plan(&console, &kept, None).await;
        let offer = finding(&shown, "mojibake");
        assert_eq!((offer.stance, offer.chosen.as_str()), (Stance::Warns, "keep"));
        assert!(offer.text.contains("statement 1, byte 55) becomes SET NAMES utf8mb4"), "{}", offer.text);
        restored(&console, &kept, None).await;
        assert_eq!(kept.sql("SELECT HEX(a) FROM t"), "636166C383C2A9\n");
        restored(&console, &forced, Some(("mojibake", "utf8mb4"))).await;
        assert_eq!(forced.sql("SELECT HEX(a) FROM t"), "636166C3A9\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_says_what_it_is_is_left_alone() {
    let body = "CREATE TABLE `t` (`a` varchar(20)) ENGINE=InnoDB;\nINSERT INTO `t` (`a`) VALUES ('caf\u{e9}');";
    let (_folder, console) = dump("utf8mb4", body).await;
    assert_eq!(codes(&verify(&console, NAME).await), Vec::<&str>::new());
    let plain = body.replace('\u{e9}', "e");
    let (_folder, console) = dump("latin1", &plain).await;
    assert_eq!(codes(&verify(&console, NAME).await), Vec::<&str>::new());
}

const TRIGGERS: &str = "CREATE TABLE `t` (`a` int, `b` int) ENGINE=InnoDB;\nDELIMITER ;;\n\
    /*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `fills` AFTER INSERT ON `t` FOR EACH ROW BEGIN\n  SET NEW.b = NEW.a + 1;\nEND */;;\n\
    /*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `notes` AFTER INSERT ON `t` FOR EACH ROW BEGIN\n  SET @seen = NEW.b;\nEND */;;\nDELIMITER ;";

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_can_only_have_been_before_becomes_that_again_and_no_other_does() {
    let (_folder, console) = dump("utf8mb4", TRIGGERS).await;
    assert_eq!(codes(&verify(&console, NAME).await), ["trigger_timing"]);
    for server in servers() {
        let (kept, mended) = (server.unused(), server.unused());
        let report = restored(&console, &kept, None).await;
        assert_eq!(report.outcome, RestoreOutcome::Partly);
        assert!(report.failures[0].contains("1362"), "{:?}", report.failures);
        let report = restored(&console, &mended, Some(("trigger_timing", "before"))).await;
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        let timing = "SELECT TRIGGER_NAME, ACTION_TIMING FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1";
        assert_eq!(mended.sql(timing), "fills\tBEFORE\nnotes\tAFTER\n");
        assert_eq!(mended.sql("INSERT INTO t (a) VALUES (4); SELECT b, @seen FROM t"), "5\t5\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_behind_the_end_of_their_insert_stop_the_plan_until_they_are_repaired() {
    let body = "CREATE TABLE `t` (`a` int, `b` varchar(9)) ENGINE=InnoDB;\n\
        INSERT INTO `t` (`a`, `b`) VALUES (1,'x,;'),(2,'(y'),;\n(3,'z'),;\n(4,NULL);\nINSERT INTO `t` (`a`, `b`) VALUES (5,'w');";
    let (_folder, console) = dump("utf8mb4", body).await;
    assert_eq!(codes(&verify(&console, NAME).await), ["loose_rows"]);
    for server in servers() {
        let database = server.unused();
        let shown = plan(&console, &database, None).await;
        assert_eq!(stops(&shown), ["loose_rows"]);
        assert!(finding(&shown, "loose_rows").text.contains("2 times"), "{:?}", finding(&shown, "loose_rows"));
        let report = restored(&console, &database, Some(("loose_rows", "repair"))).await;
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(database.sql("SELECT a, b FROM t ORDER BY a"), "1\tx,;\n2\t(y\n3\tz\n4\tNULL\n5\tw\n");
        assert_eq!(report.rows, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tool_lost_is_said_with_its_columns() {
    let folder = support::root().join("tests/it/vectors/databacker/lossy");
    let console = over(&folder).await;
    let proof = verify(&console, "db_backup_2026-10-05T17:00:00Z.tgz").await;
    // Quotes inside of raw values break the statement: it cannot be read on, and the findings say why.
    assert_eq!(proof.outcome, VerdictOutcome::Inconclusive, "{:?}", proof.checks);
    let text = |code: &str| {
        let finding = proof.findings.iter().find(|finding| finding.code == code);
        finding.unwrap_or_else(|| panic!("{code}: {:?}", proof.findings)).text.clone()
    };
    assert!(text("raw_values").ends_with(": products.place"), "{}", text("raw_values"));
    assert!(text("lost_fractions").ends_with(": audit_log.at"), "{}", text("lost_fractions"));
    assert!(text("float_digits").ends_with(": products.weight, products.rating"), "{}", text("float_digits"));
    assert!(text("empty_blobs").ends_with(": documents.body"), "{}", text("empty_blobs"));
    assert!(text("maybe_cut").ends_with(": products.big"), "{}", text("maybe_cut"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shifted_times_and_tables_that_may_be_cut_are_said_of_a_dump_that_reads_well() {
    let body = "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `at` timestamp(3) NULL DEFAULT NULL,\n  \
        `big` bigint unsigned DEFAULT NULL,\n  `f` bit(3) DEFAULT NULL,\n  KEY `k` (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=901;\n\
        INSERT INTO `t` (`id`, `at`, `big`, `f`) VALUES (1,'2026-01-01 00:00:00',7,NULL),(2,NULL,8,'&\u{1}');\n\
        CREATE TABLE `empty` (`at` timestamp NULL, `f` bit(3));";
    let (_folder, console) = dump("utf8mb4", body).await;
    let proof = verify(&console, NAME).await;
    assert_eq!(proof.outcome, VerdictOutcome::Ok, "{:?}", proof.checks);
    assert_eq!(codes(&proof), ["raw_values", "maybe_cut", "shifted_timestamps", "lost_fractions", "few_rows"]);
    assert!(proof.findings.iter().any(|f| f.text.contains("t (2 rows, next number 901)")), "{:?}", proof.findings);
}
