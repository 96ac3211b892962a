//! What takes a server of its own: one that accepts only short statements, and one that dies.

use std::fs;
use std::process::{Child, Stdio};

use crate::cli::{Home, Run, finish};
use crate::support::databases::{Database, private_servers};

const HEAD: &str = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n";
const END: &str = "-- Dump completed on 2026-11-21  3:00:07\n";

fn home(body: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path("bak")).unwrap();
    fs::write(home.path("bak/shop.sql"), format!("{HEAD}{body}\n{END}")).unwrap();
    let folder = home.path("bak");
    home.estate(&format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", folder.display()));
    home
}

fn into(database: &Database) -> String {
    format!("mysql://root@127.0.0.1:{}/{}", database.server.port, database.name)
}

#[test]
fn a_statement_longer_than_the_server_takes_stops_the_plan_and_names_the_setting() {
    for server in private_servers() {
        server.sql("SET GLOBAL max_allowed_packet = 1048576");
        let long = format!("CREATE TABLE t (x LONGTEXT);\nINSERT INTO t VALUES ('{}');", "x".repeat(1 << 20));
        let home = home(&long);
        let database = server.unused();
        let args = ["restore", "t:shop.sql", "--into", &into(&database), "--json"];
        let plan = home.run(&[&args[..], &["--plan-only"]].concat()).line();
        let findings = plan["plan"]["findings"].as_array().unwrap_or_else(|| panic!("{plan}"));
        let found = findings.iter().find(|finding| finding["code"] == "statement_too_long").unwrap();
        assert_eq!(found["stance"], "stops");
        let text = found["text"].as_str().unwrap();
        assert!(text.contains("max_allowed_packet") && text.contains("1048574"), "{text}");

        let run = home.run(&[&args[..], &["--yes"]].concat());
        assert_eq!((run.code, run.out.as_str()), (6, ""), "{run:?}");
        assert_eq!(server.sql(&format!("SHOW DATABASES LIKE '{}'", database.name)), "", "nothing was written");

        server.sql("SET GLOBAL max_allowed_packet = 16777216");
        let run = home.run(&[&args[..], &["--yes"]].concat());
        assert_eq!(run.code, 0, "raised, it goes through: {run:?}");
        assert_eq!(database.sql("SELECT LENGTH(x) FROM t"), "1048576\n");
    }
}

/// A session that holds a lock on `locked`.
fn holder(database: &Database) -> Child {
    let sql = format!("USE {}; LOCK TABLES locked WRITE; SELECT SLEEP(100)", database.name);
    let mut client = database.server.client();
    let holder = client.args(["-e", &sql]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(database, "User sleep");
    holder
}

/// Waits until a session in this database is in such a state.
fn until(database: &Database, state: &str) {
    let question = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE LIKE '{state}%'",
        database.name
    );
    while database.server.sql(&question) == "0\n" {}
}

#[test]
fn a_server_that_is_killed_in_mid_load_leaves_a_report_that_says_how_far_it_came() {
    let body = "CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1),(2);\nINSERT INTO locked VALUES (1);";
    for server in private_servers() {
        let home = home(body);
        let database = server.database();
        database.sql("CREATE TABLE locked (x INT)");
        let mut holder = holder(&database);
        let args = ["restore", "t:shop.sql", "--into", &into(&database), "--json", "--confirm", &database.name];
        let child = home.command(&args).spawn().unwrap();
        until(&database, "Waiting for table");
        server.kill();
        let run = finish(child);
        holder.wait().unwrap();
        assert_eq!(run.code, 7, "{run:?}");
        let line = run.line();
        assert_eq!(
            (line["outcome"].as_str(), line["tables"].as_u64(), line["rows"].as_u64()),
            (Some("partly"), Some(1), Some(2))
        );
        let failure = line["failures"][0].as_str().unwrap();
        let byte = format!("{HEAD}{body}").rfind("INSERT").unwrap();
        assert!(failure.starts_with(&format!("statement 4 at byte {byte}, table locked: ")), "{failure}");
        assert!(failure.contains("the connection is lost"), "{failure}");
        assert_recorded(&home);
    }
}

fn assert_recorded(home: &Home) {
    let Run { out, .. } = home.run(&["audit", "--json"]);
    let last = out.lines().rfind(|line| line.contains("\"restore\"")).unwrap();
    assert!(last.contains("\"outcome\"") && last.contains("\"partly\""), "{last}");
    assert_eq!(home.run(&["audit", "verify", "--json"]).line()["open_intents"], serde_json::json!([]));
}
