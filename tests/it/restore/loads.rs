//! Loads that stop half-way: by a person, by the server, by the rows themselves.

use std::fs;
use std::time::{Duration, Instant};

use breakglass::model::job::{JobId, RestoreOutcome};
use breakglass::server::connect;
use tempfile::TempDir;

use super::console::{Console, approved, over, sink};
use crate::support;
use crate::support::databases::{Database, servers};

const HEAD: &str = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n";
const END: &str = "-- Dump completed on 2026-11-21  3:00:07\n";

/// A folder with one plain dump, `dump.sql`, and a session over it.
async fn dump(body: &str) -> (TempDir, Console) {
    let folder = support::scratch();
    fs::write(folder.path().join("dump.sql"), format!("{HEAD}{body}\n{END}")).unwrap();
    let console = over(folder.path()).await;
    (folder, console)
}

async fn start(console: &Console, database: &Database) -> JobId {
    let plan = console.plan("dump.sql", sink(database)).await.unwrap();
    console.session.start_restore(approved(plan)).unwrap()
}

/// Waits until a session on the server waits for a lock of this database.
pub fn until_blocked(database: &Database) {
    let began = Instant::now();
    let question = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE LIKE 'Waiting for table%'",
        database.name
    );
    while database.server.sql(&question) == "0\n" {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", database.server.sql("SHOW PROCESSLIST"));
    }
}

const LOCKED: &str =
    "CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1),(2);\nINSERT INTO locked VALUES (1);\nCREATE TABLE b (x INT);";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_cancel_lets_the_statement_end_and_the_second_ends_it() {
    for server in servers() {
        for cancels in [1, 2] {
            let (_folder, console) = dump(LOCKED).await;
            let database = server.database();
            database.sql("CREATE TABLE locked (x INT)");
            let mut holder = connect(&server.reference(), None).await.unwrap();
            holder.enter_database(&database.foreign()).await.unwrap();
            holder.load(b"LOCK TABLES locked WRITE").await.unwrap();
            let job = start(&console, &database).await;
            until_blocked(&database);
            console.session.cancel(job);
            if cancels == 1 {
                assert!(console.session.job(job).unwrap().ending.is_none(), "its statement has not ended");
                holder.load(b"UNLOCK TABLES").await.unwrap();
            } else {
                console.session.cancel(job);
            }
            let report = console.report(job).await.unwrap();
            holder.load(b"UNLOCK TABLES").await.unwrap();
            assert_eq!(report.outcome, RestoreOutcome::Cancelled);
            let rows = database.sql("SELECT COUNT(*) FROM a; SELECT COUNT(*) FROM locked; SHOW TABLES LIKE 'b'");
            assert_eq!(rows, if cancels == 1 { "2\n1\n" } else { "2\n0\n" }, "{:?}", report.failures);
            assert!(report.failures[0].starts_with("stopped by you "), "{:?}", report.failures);
            assert_eq!(report.rows, if cancels == 1 { 3 } else { 2 });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_named_and_what_is_there_is_told() {
    for server in servers() {
        let (_folder, console) = dump(LOCKED).await;
        let database = server.database();
        database.sql("CREATE TABLE locked (x INT)");
        let mut holder = connect(&server.reference(), None).await.unwrap();
        holder.enter_database(&database.foreign()).await.unwrap();
        holder.load(b"LOCK TABLES locked WRITE").await.unwrap();
        let job = start(&console, &database).await;
        until_blocked(&database);
        let question = "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%' AND DB = ";
        let thread = server.sql(&format!("{question}'{}'", database.name));
        server.sql(&format!("KILL {thread}"));
        let report = console.report(job).await.unwrap();
        holder.load(b"UNLOCK TABLES").await.unwrap();
        assert_eq!((report.outcome, report.tables, report.rows), (RestoreOutcome::Partly, 1, 2));
        let failure = &report.failures[0];
        assert!(failure.starts_with("statement 4 at byte ") && failure.contains("table locked"), "{failure}");
        assert!(failure.contains("the connection is lost"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_refused_is_named_by_place_and_key_and_never_by_value() {
    let body = "CREATE TABLE t (name VARCHAR(40), UNIQUE KEY by_name (name));\n\
                INSERT INTO t VALUES ('SECRETMARK');\nINSERT INTO t VALUES ('SECRETMARK');\nCREATE TABLE later (x INT);";
    for server in servers() {
        let (_folder, console) = dump(body).await;
        let database = server.unused();
        let job = start(&console, &database).await;
        let report = console.report(job).await.unwrap();
        assert_eq!((report.outcome, report.tables, report.rows), (RestoreOutcome::Partly, 1, 1));
        let [failure] = &report.failures[..] else { panic!("{:?}", report.failures) };
        let byte = format!("{HEAD}{body}").rfind("INSERT").unwrap();
        assert!(failure.starts_with(&format!("statement 4 at byte {byte}, table t: error 1062")), "{failure}");
        assert!(failure.contains("by_name") && !failure.contains("SECRETMARK"), "{failure}");
        let job = console.session.job(job).unwrap();
        assert!(!format!("{job:?}").contains("SECRETMARK"));
        assert!(!format!("{:?}", console.session.audit_tail(50)).contains("SECRETMARK"));
        assert_eq!(database.sql("SHOW TABLES"), "t\n");
    }
}
