//! Logs of real servers as they may be found: written twice, as text, damaged, cut.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use breakglass::change::frame::{Frames, Limits};
use breakglass::change::rows::is_rows;

use crate::recover::Damaged;
use crate::support::databases::{Product, Server};
use crate::undo::alone;

const TABLES: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(200)) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,'paid'),(2,'new'),(3,'sent'); INSERT INTO stock VALUES (1,10),(2,20);";

/// Lets something happen under another global setting.
fn under(server: &Server, setting: &str, otherwise: &str, run: impl FnOnce() -> Damaged) -> Damaged {
    server.sql(&format!("SET GLOBAL {setting}"));
    let damaged = run();
    server.sql(&format!("SET GLOBAL {otherwise}"));
    damaged
}

fn files(damaged: &Damaged) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(&damaged.logs).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn d31_changes_of_several_logs_and_sources_never_share_a_name() {
    for server in alone().iter().copied() {
        let rows: Vec<String> = (10..60).map(|id| format!("({id},REPEAT('x',200))")).collect();
        let inserts = format!("INSERT INTO orders VALUES {};", rows.join(","));
        let damage = format!(
            "BEGIN; {inserts} UPDATE orders SET status='y' WHERE id>=10; DELETE FROM orders WHERE id>=10; COMMIT; \
             FLUSH BINARY LOGS; {inserts} DELETE FROM orders WHERE id>=10;"
        );
        let new = || Damaged::new(server, TABLES, &damage);
        let mut all = vec![new()];
        if server.product == Product::Mysql {
            // Inside of a compressed transaction all events have one position.
            all.push(under(server, "binlog_transaction_compression=ON", "binlog_transaction_compression=OFF", new));
        } else {
            all.push(under(server, "log_bin_compress=ON", "log_bin_compress=OFF", new));
        }
        let mut keys = BTreeSet::new();
        for damaged in &all {
            assert!(files(damaged).len() >= 2);
            let listed = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--json"]).lines();
            assert_eq!(listed.len(), 250, "{:?}", server.product);
            let key = |row: &serde_json::Value| ["source", "file", "position", "row"].map(|part| row[part].to_string());
            keys.extend(listed.iter().map(key));
        }
        assert_eq!(keys.len(), 500, "{:?}", server.product);
    }
}

#[test]
fn d42_every_statement_that_a_server_logged_as_text_is_listed_and_refused_with_its_text() {
    for server in alone().iter().copied() {
        let statements = [
            "INSERT INTO stock SELECT id+100, 1 FROM orders",
            "UPDATE stock SET qty=qty+1",
            "REPLACE INTO stock VALUES (1,5)",
            "DELETE FROM orders WHERE id=2",
            "INSERT INTO stock VALUES (2,1) ON DUPLICATE KEY UPDATE qty=qty+1",
            "UPDATE stock JOIN orders ON item=id SET qty=0",
            "DELETE s FROM stock s JOIN orders ON item=id",
        ];
        let mut damage = format!("SET binlog_format=STATEMENT; {};", statements.join("; "));
        damage.push_str("SET binlog_format=MIXED; UPDATE stock SET qty=3 WHERE item=101; SET binlog_format=ROW;");
        damage.push_str("DELETE FROM orders WHERE id=3;");
        let wanted: Vec<&str> = statements.iter().copied().chain(["UPDATE stock SET qty=3 WHERE item=101"]).collect();
        let damaged = Damaged::new(server, TABLES, &damage);
        let logs = damaged.logs.to_str().unwrap();
        let summary = damaged.home.run(&["changes", logs, "--summary", "--json"]).line();
        let texts: Vec<&str> =
            summary["statements"].as_array().unwrap().iter().map(|one| one["statement"].as_str().unwrap()).collect();
        assert_eq!(texts, wanted, "{:?}", server.product);
        let path = damaged.home.path("none.sql");
        let refused = damaged.recover(&["--json", "-o", path.to_str().unwrap()]);
        assert_eq!((refused.code, path.exists()), (6, false), "{refused:?}");
        let told = refused.line();
        let reasons = told["refused"].as_array().unwrap();
        assert_eq!(reasons.len(), wanted.len(), "{told}");
        for (reason, text) in reasons.iter().zip(&wanted) {
            let why = reason["reason"].as_str().unwrap();
            assert!(why.contains("logged as a statement") && why.contains(text), "{why}");
        }
    }
}

/// Where the events with rows begin, and how long they are.
fn rows_events(log: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Frames::new(log, Limits::default());
    let mut found = vec![];
    while frames.advance().unwrap() {
        let event = frames.event().unwrap();
        if is_rows(event.header.kind) {
            found.push((event.start.0 as usize, event.header.size as usize));
        }
    }
    found
}

#[test]
fn d51_an_image_that_a_server_never_wrote_is_an_error_with_its_place() {
    for server in alone().iter().copied() {
        // Without checksums nothing but the rows themselves can tell.
        let json = if server.product == Product::Mysql { "JSON" } else { "TEXT" };
        let tables = format!(
            "{TABLES} CREATE TABLE doc (id INT PRIMARY KEY, d {json}) ENGINE=InnoDB; INSERT INTO doc VALUES (1,'[1,2]');"
        );
        let damaged = under(server, "binlog_checksum=NONE", "binlog_checksum=CRC32", || {
            Damaged::new(server, &tables, "DELETE FROM orders WHERE id=1; DELETE FROM doc; UPDATE stock SET qty=1;")
        });
        let file = files(&damaged).remove(0);
        let log = fs::read(&file).unwrap();
        let events = rows_events(&log);
        assert_eq!(events.len(), 3);
        let (at, size) = events[0];
        let mut short = log.clone();
        short.remove(at + size - 1);
        short[at + 9..at + 13].copy_from_slice(&(size as u32 - 1).to_le_bytes());
        let mut broken = vec![(short, at)];
        if server.product == Product::Mysql {
            // A document of a kind that there is not: its first byte stands behind its length.
            let (at, size) = events[1];
            let mut other = log.clone();
            let array = log[at..at + size].windows(5).position(|bytes| bytes == [11, 0, 0, 0, 2]).unwrap();
            other[at + array + 4] = 0x77;
            broken.push((other, at));
        }
        for (bytes, at) in broken {
            fs::write(&file, &bytes).unwrap();
            let path = damaged.home.path("none.sql");
            let run = damaged.recover(&["--json", "-o", path.to_str().unwrap()]);
            assert!(matches!(run.code, 3 | 6) && !path.exists(), "{run:?}");
            assert!([&run.out[..], &run.err].concat().contains(&at.to_string()), "{at}: {run:?}");
            let listed = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--json"]);
            assert_eq!(listed.code, 3, "{listed:?}");
            assert!(listed.err.contains(&at.to_string()), "{at}: {listed:?}");
        }
    }
}

#[test]
fn d53_a_log_that_is_cut_or_flipped_anywhere_in_its_rows_makes_no_script_and_says_where() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, TABLES, "DELETE FROM orders; UPDATE stock SET qty=0;");
        let file = files(&damaged).remove(0);
        let log = fs::read(&file).unwrap();
        let path = damaged.home.path("none.sql");
        for (at, size) in rows_events(&log) {
            let cut = |len: usize| (log[..len].to_vec(), "binlog::cut");
            let mut flipped = log.clone();
            flipped[at + size / 2] ^= 1;
            for (bytes, code) in [cut(at + 7), cut(at + size / 2), cut(at + size - 1), (flipped, "binlog::checksum")] {
                fs::write(&file, &bytes).unwrap();
                let listed = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--json"]);
                assert_eq!((listed.code, listed.error_code().as_str()), (3, code), "{listed:?}");
                assert!(listed.err.contains(&at.to_string()), "{at}: {listed:?}");
                let run = damaged.recover(&["--json", "-o", path.to_str().unwrap()]);
                assert!(matches!(run.code, 3 | 6) && !path.exists(), "{run:?}");
                assert!([&run.out[..], &run.err].concat().contains(&at.to_string()), "{at}: {run:?}");
            }
        }
        // A log of another program, and one that only its server can read.
        for (bytes, code, exit) in
            [([b"\xfdbin", &log[4..]].concat(), "binlog::encrypted", 4), (log[4..].to_vec(), "binlog::not_one", 2)]
        {
            fs::write(&file, &bytes).unwrap();
            let run = damaged.recover(&["--json", "-o", path.to_str().unwrap()]);
            assert_eq!((run.code, run.error_code().as_str(), path.exists()), (exit, code, false), "{run:?}");
        }
    }
}
