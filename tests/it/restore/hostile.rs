//! Dumps made to reach beyond their sink, on real servers with something to lose.

use std::fs;

use breakglass::model::job::RestoreOutcome;

use super::console::{Console, over, sink};
use crate::support;
use crate::support::databases::{Database, Server, servers};

const HEAD: &str = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n\
                    CREATE TABLE own (a INT);\nINSERT INTO own VALUES (1),(2);\n";
const END: &str = "\nCREATE TABLE last (a INT);\n-- Dump completed on 2026-11-21  3:00:07\n";

/// Statements that reach for the canary: database PROD, account CANARY, file FILE, a global variable.
const REACHING: [&str; 46] = [
    "USE PROD",
    "CREATE DATABASE CANARY",
    "DROP DATABASE PROD",
    "ALTER DATABASE PROD CHARACTER SET latin1",
    "SET GLOBAL net_retry_count = 77",
    "SET @@global.net_retry_count = 77",
    "SET @a = 1, @@GLOBAL.net_retry_count = 77",
    "SET sql_mode = '', GLOBAL net_retry_count = 77",
    "SET PERSIST net_retry_count = 77",
    "SET STATEMENT max_statement_time = 1 FOR DROP DATABASE PROD",
    "CREATE USER CANARY",
    "GRANT ALL ON *.* TO CANARY",
    "CREATE ROLE CANARY",
    "SELECT 1 INTO OUTFILE 'FILE'",
    "SELECT a FROM own INTO DUMPFILE 'FILE'",
    "SELECT a INTO OUTFILE 'FILE' FROM own",
    "TABLE own INTO OUTFILE 'FILE'",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE own",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE PROD.t",
    "INSERT INTO PROD.t VALUES (2)",
    "INSERT IGNORE INTO `PROD` . `t` (`a`) VALUES (2)",
    "INSERT INTO own SELECT LOAD_FILE('/etc/passwd')",
    "INSERT INTO own VALUES ((SELECT a FROM PROD.t))",
    "REPLACE INTO PROD.t VALUES (2)",
    "UPDATE PROD.t SET a = 2",
    "DELETE FROM PROD.t",
    "DELETE x FROM own AS o JOIN PROD.t AS x",
    "TRUNCATE PROD.t",
    "DROP TABLE PROD.t",
    "DROP TABLE own, PROD.t",
    "ALTER TABLE PROD.t ADD b INT",
    "RENAME TABLE own TO PROD.own",
    "ALTER TABLE own RENAME TO PROD.own",
    "CREATE TABLE PROD.x (a INT)",
    "CREATE VIEW PROD.v AS SELECT 1",
    "CREATE PROCEDURE PROD.p() SELECT 1",
    "CREATE TRIGGER PROD.tr BEFORE INSERT ON PROD.t FOR EACH ROW SET NEW.a = 9",
    "CREATE INDEX i ON PROD.t (a)",
    "LOCK TABLES PROD.t WRITE",
    "EXECUTE IMMEDIATE 'DROP DATABASE PROD'",
    "BEGIN NOT ATOMIC DROP DATABASE PROD; END",
    "CREATE TRIGGER tr AFTER INSERT ON own FOR EACH ROW INSERT INTO PROD.t VALUES (2)",
    "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DROP TABLE PROD.t",
    "CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN DELETE FROM PROD.t; RETURN 1; END",
    "CREATE PROCEDURE p() BEGIN SET GLOBAL net_retry_count = 77; END",
    "CREATE VIEW v AS SELECT * FROM PROD.t",
];

/// The same statement as nobody would write it who has nothing to hide.
fn disguises(statement: &str) -> Vec<String> {
    let words: Vec<&str> = statement.split(' ').collect();
    let (first, rest) = (words[0], words[1..].join(" "));
    let mixed: String = first
        .chars()
        .zip([true, false].into_iter().cycle())
        .map(|(c, up)| if up { c } else { c.to_ascii_lowercase() })
        .collect();
    let inner = statement.contains(';');
    let open = if inner { "DELIMITER ;;\n" } else { "" };
    let close = if inner { ";;\nDELIMITER ;\n" } else { ";\n" };
    let mut all = vec![format!("{open}{statement}{close}")];
    for text in [
        format!("{mixed} {rest}"),
        format!("{first}/* x */ # y\n{rest}"),
        format!("/*!50000 {statement} */"),
        format!("/*M! {statement} */"),
        format!("/*!50000 {first}*/ {rest}"),
        format!("/*!99999 CREATE TABLE c SELECT */ {statement}"),
    ] {
        all.push(format!("{open}{text}{close}"));
    }
    all.push(format!("DELIMITER ;;\nCREATE TABLE z (a INT); {statement};;\nDELIMITER ;\n"));
    all.push(format!("DELIMITER ;;\nCREATE PROCEDURE q() BEGIN END; {statement};;\nDELIMITER ;\n"));
    all
}

/// What must be the same afterwards.
fn canary(server: &Server, prod: &Database, file: &str) -> String {
    let name = &prod.name;
    let state = server.sql(&format!(
        "SELECT @@global.net_retry_count; SHOW CREATE DATABASE `{name}`; SELECT * FROM `{name}`.t; \
         SHOW CREATE TABLE `{name}`.t; SHOW FULL TABLES FROM `{name}`; \
         SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{name}'; \
         SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{name}'; \
         SELECT User FROM mysql.user WHERE User LIKE 'canary%'; SHOW DATABASES LIKE 'canary%'"
    ));
    format!("{state}{}", fs::exists(file).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reaches_beyond_its_sink_however_it_is_written() {
    for server in servers() {
        let prod = server.database();
        prod.sql("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)");
        let file = server.folder.join("canary-file").display().to_string();
        let before = canary(server, &prod, &file);
        let folder = support::scratch();
        let mut names = vec![];
        for (nth, statement) in REACHING.iter().enumerate() {
            let account = format!("canary_{}", server.port);
            let text = statement.replace("PROD", &prod.name).replace("CANARY", &account);
            let text = text.replace("'FILE'", &format!("'{file}'"));
            // As it is, and in some of the disguises: each of those meets enough statements.
            let some = disguises(&text).into_iter().enumerate().filter(|(how, _)| *how == 0 || how % 3 == nth % 3);
            for (how, text) in some {
                let name = format!("reaching-{nth:02}-{how}.sql");
                fs::write(folder.path().join(&name), format!("{HEAD}{text}{END}")).unwrap();
                names.push((name, text));
            }
        }
        let console = over(folder.path()).await;
        for some in names.chunks(4) {
            for (name, text) in some {
                attempt(&console, server, name, text).await;
            }
            assert_eq!(canary(server, &prod, &file), before, "{:?}: {some:?}", server.product);
        }
    }
}

/// Plans it as it is, which must not be allowed; then without everything that may be left out.
async fn attempt(console: &Console, server: &'static Server, name: &str, text: &str) {
    let database = server.unused();
    let Ok(plan) = console.plan(name, sink(&database)).await else { return };
    assert!(plan.stopped_by().is_some(), "{:?} would run {text}", server.product);
    let plan = console.plan_dropping(name, &plan).await.unwrap();
    if plan.stopped_by().is_some() {
        return;
    }
    let report = console.run(plan).await.unwrap();
    assert_eq!(report.outcome, RestoreOutcome::Done, "{text}: {:?}", report.failures);
    assert_eq!(database.sql("SELECT COUNT(*) FROM own"), "2\n", "{text}");
    assert_eq!(database.sql("SHOW TABLES LIKE 'last'"), "last\n", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_statement_is_not_lost_behind_a_thousand_others() {
    let Some(server) = servers().into_iter().next() else { return };
    let many: String = (0..1_200).map(|nth| format!("DROP TABLE db{nth}.t;\n")).collect();
    let folder = support::scratch();
    fs::write(folder.path().join("many.sql"), format!("{HEAD}{many}GRANT ALL ON *.* TO x;{END}")).unwrap();
    let console = over(folder.path()).await;
    let plan = console.plan("many.sql", sink(&server.unused())).await.unwrap();
    let codes: Vec<&str> = plan.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"qualified_name") && codes.contains(&"accounts"), "{codes:?}");
}
