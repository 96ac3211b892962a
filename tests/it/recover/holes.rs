//! Logs that do not hold all of what they tell of: parts in earlier files, files of another life, copies that are cut,
//! names and clocks that only the server knows.

use std::fs;
use std::io::Write;
use std::path::Path;

use breakglass::change::frame::{Frames, Limits};
use breakglass::change::kind;
use breakglass::change::rows::is_rows;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cli::{Home, Run};
use crate::recover::Damaged;
use crate::support::databases::{Product, Server};
use crate::undo::alone;

const TABLES: &str = "CREATE TABLE orders (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    CREATE TABLE notes (id INT PRIMARY KEY) ENGINE=MyISAM;
    INSERT INTO orders VALUES (1,10,20),(2,30,40),(3,50,60); INSERT INTO stock VALUES (1,10),(2,20);";

/// The kinds of the gaps that a summary tells.
fn gaps(damaged: &Damaged) -> Vec<String> {
    gaps_in(&damaged.home, &damaged.logs)
}

fn gaps_in(home: &Home, logs: &Path) -> Vec<String> {
    let summary = home.run(&["changes", logs.to_str().unwrap(), "--summary", "--json"]).line();
    let gaps = summary["coverage"]["gaps"].as_array().unwrap();
    gaps.iter().map(|gap| gap["kind"].as_str().unwrap().to_owned()).collect()
}

/// Nothing is written unless holes are allowed, and then the script says so.
fn stops_at_a_gap(damaged: &Damaged, words: &str) {
    let path = damaged.home.path("holes.sql");
    let run = damaged.recover(&["-o", path.to_str().unwrap()]);
    assert_eq!((run.code, path.exists()), (6, false), "{run:?}");
    assert!(run.err.contains("recover::gaps"), "{run:?}");
    let run = damaged.recover(&["--allow-gaps", "-o", path.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let script = fs::read_to_string(&path).unwrap();
    assert!(script.contains("-- gap") && script.contains(words), "{}", script.lines().take(40).collect::<String>());
}

fn undoes(damaged: &Damaged, arguments: &[&str]) -> String {
    let path = damaged.home.path("undo.sql");
    let _ = fs::remove_file(&path);
    let run = damaged.recover(&[arguments, &["-o", path.to_str().unwrap()]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    fs::read_to_string(&path).unwrap()
}

fn files(damaged: &Damaged) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(&damaged.logs).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn d44_an_xa_commit_whose_rows_are_in_an_earlier_file_is_a_hole() {
    for server in alone().iter().copied() {
        let begun = |end: &str| {
            Damaged::by(server, TABLES, || {
                server
                    .sql("USE accident; XA START 'far'; DELETE FROM orders WHERE id=1; XA END 'far'; XA PREPARE 'far'");
                server.sql("FLUSH BINARY LOGS");
                server.sql(&format!("XA {end} 'far'; DELETE FROM accident.orders WHERE id=2;"));
                server.sql("XA START 'none'; SELECT 1; XA END 'none'; XA PREPARE 'none'; XA COMMIT 'none'");
            })
        };
        let damaged = begun("COMMIT");
        assert!(gaps(&damaged).is_empty());
        assert_eq!(undoes(&damaged, &[]).matches("INSERT INTO").count(), 2, "{:?}", server.product);
        fs::remove_file(&files(&damaged)[0]).unwrap();
        assert_eq!(gaps(&damaged), ["earlier_file"], "{:?}", server.product);
        stops_at_a_gap(&damaged, "prepared in an earlier log");
        // What was rolled back is nowhere missing.
        let damaged = begun("ROLLBACK");
        fs::remove_file(&files(&damaged)[0]).unwrap();
        assert!(gaps(&damaged).is_empty());
        undoes(&damaged, &[]);
    }
}

/// Every event's place, length and kind.
fn events(log: &[u8]) -> Vec<(usize, usize, u8)> {
    let mut frames = Frames::new(log, Limits::default());
    let mut found = vec![];
    while frames.advance().unwrap() {
        let event = frames.event().unwrap();
        found.push((event.start.0 as usize, event.header.size as usize, event.header.kind));
    }
    found
}

#[test]
fn d44_a_log_that_begins_inside_of_a_transaction_is_a_hole() {
    for server in alone().iter().copied() {
        let damage =
            "BEGIN; DELETE FROM orders WHERE id=1; DELETE FROM orders WHERE id=2; COMMIT; UPDATE stock SET qty=5;";
        let damaged = Damaged::new(server, TABLES, damage);
        let file = files(&damaged).remove(0);
        let log = fs::read(&file).unwrap();
        let all = events(&log);
        let ends: Vec<usize> = all.iter().filter(|(.., kind)| is_rows(*kind)).map(|(at, size, _)| at + size).collect();
        let format = &log[..all[0].0 + all[0].1];
        // Behind the first rows, and behind the last ones: then only the commit is left of it.
        for cut in [ends[0], ends[1]] {
            let late = [format, &log[cut..]].concat();
            fs::write(&file, late).unwrap();
            assert_eq!(gaps(&damaged), ["earlier_file"], "{:?}", server.product);
            let path = damaged.home.path("none.sql");
            let run = damaged.recover(&["-o", path.to_str().unwrap()]);
            assert_eq!((run.code, path.exists()), (6, false), "{run:?}");
            // What of it is there is shown, and can be gone to.
            let listed = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--json", "--allow-gaps"]);
            assert_eq!(listed.code, 0, "{listed:?}");
            assert_eq!(listed.lines().len(), if cut == ends[0] { 3 } else { 2 }, "{listed:?}");
        }
    }
}

fn current(server: &Server) -> String {
    server.sql("SHOW BINARY LOGS").lines().last().unwrap().split('\t').next().unwrap().to_owned()
}

#[test]
fn d48_a_file_from_before_the_logs_began_anew_is_no_continuation() {
    for server in alone().iter().copied() {
        let reset = if server.product == Product::Mysql { "RESET BINARY LOGS AND GTIDS" } else { "RESET MASTER" };
        let home = Home::new();
        let logs = home.path("logs");
        fs::create_dir(&logs).unwrap();
        let keep = |name: &str| assert!(fs::copy(server.folder.join("data").join(name), logs.join(name)).is_ok());
        server.sql(&format!(
            "DROP DATABASE IF EXISTS accident; CREATE DATABASE accident; USE accident; {TABLES} {reset};"
        ));
        server.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS; UPDATE accident.stock SET qty=3");
        let old = current(server);
        server.sql("FLUSH BINARY LOGS");
        keep(&old);
        server.sql(reset);
        let first = current(server);
        server.sql("UPDATE accident.stock SET qty=4; FLUSH BINARY LOGS");
        let second = current(server);
        server.sql("DELETE FROM accident.orders WHERE id=1; FLUSH BINARY LOGS");
        keep(&first);
        keep(&second);
        assert!(first < second && second < old);
        let damaged = Damaged { server, home, logs, before: String::new() };
        assert_eq!(gaps(&damaged), ["other_history"], "{:?}", server.product);
        stops_at_a_gap(&damaged, "no continuation");
        fs::remove_file(damaged.logs.join(&old)).unwrap();
        assert!(gaps(&damaged).is_empty());
        undoes(&damaged, &[]);
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(vec![], Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn d48_of_a_log_that_is_there_twice_the_whole_copy_is_read() {
    for server in alone().iter().copied() {
        let damage = "DELETE FROM orders WHERE id=1; DELETE FROM orders WHERE id=2; UPDATE stock SET qty=5;";
        let damaged = Damaged::new(server, TABLES, damage);
        let file = files(&damaged).remove(0);
        let other = file.with_extension(format!("{}.gz", file.extension().unwrap().to_str().unwrap()));
        let log = fs::read(&file).unwrap();
        let all = events(&log);
        // Copied while the server still wrote it: the flag that says so is in its first event.
        let rows = all.iter().position(|(.., kind)| is_rows(*kind)).unwrap();
        let (at, size, _) = all[rows..].iter().find(|(.., of)| *of == kind::XID).copied().unwrap();
        let mut short = log[..at + size].to_vec();
        short[4 + 17] |= 1;
        for (plain, gz) in [(&short[..], packed(&log)), (&log[..], packed(&short))] {
            fs::write(&file, plain).unwrap();
            fs::write(&other, gz).unwrap();
            let script = undoes(&damaged, &[]);
            assert_eq!(script.matches("INSERT INTO").count(), 2, "{:?}", server.product);
            assert!(script.contains("there twice"), "{script}");
        }
        // Two logs of one name that tell different things.
        let mut wrong = log.clone();
        let (at, size, _) = *all.last().unwrap();
        wrong.truncate(at);
        wrong.extend_from_slice(&log[all[1].0..all[1].0 + all[1].1]);
        assert_ne!(size, 0);
        fs::write(&other, packed(&wrong)).unwrap();
        fs::write(&file, &log).unwrap();
        let path = damaged.home.path("none.sql");
        let run = damaged.recover(&["-o", path.to_str().unwrap()]);
        assert_eq!((run.code, path.exists()), (3, false), "{run:?}");
        assert!(run.err.contains("there twice"), "{run:?}");
    }
}

#[test]
fn d44_a_savepoint_whose_name_only_the_server_can_compare_makes_its_rows_undecided() {
    let plain = "SAVEPOINT `one two`; UPDATE orders SET a=2; INSERT INTO notes VALUES (1); ROLLBACK TO `ONE two`";
    let accent = "SAVEPOINT `é`; UPDATE orders SET a=2; INSERT INTO notes VALUES (1); ROLLBACK TO `É`";
    let folded = "SAVEPOINT e; UPDATE orders SET a=3; SAVEPOINT `é`; UPDATE orders SET a=2; INSERT INTO notes VALUES (1); \
                  ROLLBACK TO e";
    // MySQL has no such transactions while it keeps GTIDs consistent.
    for server in alone().iter().copied().filter(|server| server.product == Product::Mariadb) {
        for (steps, is_told) in [(plain, true), (accent, false), (folded, false)] {
            let damage = format!("BEGIN; UPDATE orders SET a=1; {steps}; UPDATE orders SET b=5; COMMIT;");
            let damaged = Damaged::new(server, TABLES, &damage);
            let path = damaged.home.path("points.sql");
            let run = damaged.recover(&["--partial", "--table", "accident.orders", "-o", path.to_str().unwrap()]);
            if run.code == 0 {
                let script = fs::read_to_string(&path).unwrap();
                let applied = server.sql(&script);
                assert!(applied.contains("APPLIED"), "{applied}");
                let now = server.sql("SELECT * FROM accident.orders ORDER BY id");
                assert!(damaged.before.starts_with(&now), "{:?} {steps}: {now}", server.product);
            }
            let expected = if is_told { 0 } else { 6 };
            assert_eq!(run.code, expected, "{:?} {steps}: {run:?}", server.product);
            assert!(is_told || run.out.contains("savepoint") || run.err.contains("savepoint"), "{run:?}");
        }
    }
}

/// What `changes --json` lists.
fn listed(damaged: &Damaged, arguments: &[&str]) -> Vec<serde_json::Value> {
    let run: Run = damaged.home.run(&[&["changes", damaged.logs.to_str().unwrap(), "--json"], arguments].concat());
    assert_eq!(run.code, 0, "{run:?}");
    run.lines()
}

#[test]
fn d49_a_prepared_transaction_is_of_the_time_and_the_gtid_of_its_commit() {
    for server in alone().iter().copied() {
        let damaged = Damaged::by(server, TABLES, || {
            server.sql(
                "USE accident; SET TIMESTAMP=1700000000; XA START 'x'; DELETE FROM orders WHERE id=1; XA END 'x'; \
                 XA PREPARE 'x'; SET TIMESTAMP=1700000100",
            );
            server.sql("SET TIMESTAMP=1700000100; DELETE FROM accident.orders WHERE id=2");
            server.sql("SET TIMESTAMP=1700000200; XA COMMIT 'x'");
        });
        let rows = listed(&damaged, &[]);
        assert_eq!(rows.len(), 2);
        let at = |row: &serde_json::Value| row["committed_at"].as_str().unwrap().to_owned();
        assert!(at(&rows[0]) >= at(&rows[1]), "{:?}: {rows:?}", server.product);
        let times = [at(&rows[0]), at(&rows[1])];
        if times[0] > times[1] {
            let script = undoes(&damaged, &["--since", &times[0]]);
            assert_eq!(script.matches("INSERT INTO").count(), 1, "{script}");
            let script = undoes(&damaged, &["--until", &times[1]]);
            assert_eq!(script.matches("INSERT INTO").count(), 1, "{script}");
        }
        // The GTID behind the other transaction's is the commit's.
        let other = rows[1]["gtid"].as_str().unwrap();
        let at = other.rfind([':', '-']).unwrap() + 1;
        let number: u64 = other[at..].parse().unwrap();
        let commit = format!("{}{}", &other[..at], number + 1);
        let script = undoes(&damaged, &["--gtid", &commit]);
        assert_eq!(script.matches("INSERT INTO").count(), 1, "{:?}: {script}", server.product);
    }
}

#[test]
fn d49_a_statement_that_waited_is_of_the_time_at_which_it_was_committed() {
    let servers = alone();
    let server = servers.iter().copied().find(|server| server.product == Product::Mariadb).unwrap();
    let at = |seconds: i64, sql: &str| format!("SET TIMESTAMP={}; {sql};", 1_700_000_000 + seconds);
    let damaged = Damaged::new(
        server,
        TABLES,
        &[
            at(0, "UPDATE stock SET qty=5 WHERE item=1"),
            at(60, "UPDATE stock SET qty=6 WHERE item=2"),
            at(20, "DELETE FROM orders WHERE id=1"),
            at(70, "DELETE FROM orders WHERE id=2"),
        ]
        .concat(),
    );
    let times: Vec<_> =
        listed(&damaged, &[]).iter().map(|row| row["committed_at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let since = "2023-11-14T22:14:00Z"; // 40 seconds on
    let script = undoes(&damaged, &["--since", since]);
    assert_eq!(script.matches("INSERT INTO").count(), 2, "{script}");
    let script = undoes(&damaged, &["--until", since]);
    assert_eq!(script.matches("INSERT INTO").count(), 0, "{script}");
}

#[test]
fn d49_a_clock_that_was_set_back_or_forward_is_told_where_a_time_is_asked_for() {
    let servers = alone();
    let server = servers.iter().copied().find(|server| server.product == Product::Mariadb).unwrap();
    for other in ["1000000000", "2100000000"] {
        let damage = format!(
            "SET TIMESTAMP=1700000000; DELETE FROM orders WHERE id=1; SET TIMESTAMP={other}; DELETE FROM orders WHERE \
             id=2; SET TIMESTAMP=1700000010; DELETE FROM orders WHERE id=3;"
        );
        let damaged = Damaged::new(server, TABLES, &damage);
        let path = damaged.home.path("none.sql");
        let bound = if other < "17" { ["--since", "2020-01-01"] } else { ["--until", "2030-01-01"] };
        let run = damaged.recover(&[&bound[..], &["-o", path.to_str().unwrap()]].concat());
        assert_eq!((run.code, path.exists()), (6, false), "{run:?}");
        assert!([&run.out[..], &run.err].concat().contains("clock"), "{run:?}");
        let listed = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--json", bound[0], bound[1]]);
        assert!(listed.err.contains("clock"), "{listed:?}");
        // Where nobody asks for a time, none is in question.
        assert_eq!(undoes(&damaged, &[]).matches("INSERT INTO").count(), 3);
        assert_eq!(undoes(&damaged, &["--since", "1990-01-01"]).matches("INSERT INTO").count(), 3);
    }
}

#[test]
fn what_is_asked_for_and_is_nowhere_is_told() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, TABLES, "DELETE FROM orders WHERE id=1; DELETE FROM orders WHERE id=2;");
        let gtid = listed(&damaged, &[])[0]["gtid"].as_str().unwrap().to_owned();
        let at = gtid.rfind([':', '-']).unwrap() + 1;
        let other = format!("{}99999999", &gtid[..at]);
        let script = undoes(&damaged, &["--table", "orders", "--table", "order"]);
        assert!(script.contains("--table order:"), "{script}");
        let script = undoes(&damaged, &["--gtid", &format!("{gtid},{other}")]);
        assert!(
            script.contains(&format!("--gtid {other}")) && !script.contains(&format!("of --gtid {gtid}")),
            "{script}"
        );
        let script = undoes(&damaged, &["--gtid", &gtid]);
        assert!(!script.contains("mistyped"), "{script}");
    }
}
