//! Logs that begin too late: what was committed in them and lies in an earlier one is told, and is no silence.

use std::fs;

use crate::cli::Home;
use crate::support::databases::Server;
use crate::undo::alone;

const TABLES: &str = "DROP DATABASE IF EXISTS early; CREATE DATABASE early; USE early; \
    CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; INSERT INTO t VALUES (1,1),(2,2),(3,3); FLUSH BINARY LOGS;";

fn newest(server: &Server) -> String {
    let logs = server.sql("SHOW BINARY LOGS");
    logs.lines().last().unwrap().split('\t').next().unwrap().to_owned()
}

/// What the doors say of the logs in a folder: both say that something is in an earlier one, and nothing is written.
fn told(home: &Home, what: &str) {
    let logs = home.path("logs");
    let schema = home.path("schema.sql");
    fs::write(&schema, "USE early; CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;\n").unwrap();
    let summary = home.run(&["changes", logs.to_str().unwrap(), "--summary", "--json"]).line();
    let gaps = &summary["coverage"]["gaps"];
    assert_eq!(gaps[0]["kind"], "earlier_file", "{gaps}");
    assert!(gaps[0]["words"].as_str().unwrap().contains(what), "{gaps}");
    let script = home.path("undo.sql");
    let made = home.run(&[
        "recover",
        logs.to_str().unwrap(),
        "--schema",
        &format!("{}@end", schema.display()),
        "-o",
        script.to_str().unwrap(),
    ]);
    assert_eq!((made.code, script.exists()), (6, false), "{made:?}");
}

#[test]
fn d42_a_commit_of_rows_that_an_earlier_log_has_is_a_gap() {
    for server in alone().iter().copied() {
        server.sql(&format!("{TABLES} XA START 'x'; DELETE FROM t WHERE id=1; XA END 'x'; XA PREPARE 'x';"));
        server.sql("FLUSH BINARY LOGS");
        let log = newest(server);
        server.sql("XA COMMIT 'x'; DELETE FROM early.t WHERE id=2; FLUSH BINARY LOGS");
        let home = Home::new();
        fs::create_dir(home.path("logs")).unwrap();
        fs::copy(server.folder.join("data").join(&log), home.path("logs").join(&log)).unwrap();
        told(&home, "XA transaction");
    }
}

/// The events of a log, each with its type and where it begins and ends.
fn events(log: &[u8]) -> Vec<(u8, usize, usize)> {
    let (mut events, mut at) = (vec![], 4);
    while at + 19 <= log.len() {
        let size = u32::from_le_bytes(log[at + 9..at + 13].try_into().unwrap()) as usize;
        events.push((log[at + 4], at, at + size));
        at += size;
    }
    events
}

#[test]
fn d42_a_log_that_begins_inside_a_transaction_says_so() {
    for server in alone().iter().copied() {
        server.sql(TABLES);
        let log = newest(server);
        server.sql(
            "USE early; BEGIN; DELETE FROM t WHERE id=1; DELETE FROM t WHERE id=2; COMMIT; DELETE FROM t WHERE id=3; \
             FLUSH BINARY LOGS",
        );
        let bytes = fs::read(server.folder.join("data").join(&log)).unwrap();
        let all = events(&bytes);
        let rows: Vec<usize> = (0..all.len()).filter(|at| matches!(all[*at].0, 25 | 32)).collect();
        let begins = all.iter().position(|(kind, ..)| matches!(kind, 2 | 33 | 34 | 162)).unwrap();
        let ends = all.iter().position(|(kind, ..)| *kind == 16).unwrap();
        // Behind the first row, and behind both of them.
        for from in [rows[0] + 1, ends] {
            let home = Home::new();
            fs::create_dir(home.path("logs")).unwrap();
            let cut = [&bytes[..all[begins].1], &bytes[all[from].1..]].concat();
            fs::write(home.path("logs").join(&log), cut).unwrap();
            told(&home, "inside a transaction");
        }
    }
}
