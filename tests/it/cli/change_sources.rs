//! `changes` where logs come from elsewhere: S3, SFTP, and servers that write them now.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use flate2::write::GzEncoder;
use serde_json::Value;

use super::changes::plain;
use super::{Home, Run, finish};
use crate::support::databases::{Product, Server, private_servers};
use crate::support::s3::bucket;
use crate::support::sftp::vault;

/// Servers of this file's own: their logs hold nothing else.
fn alone() -> MutexGuard<'static, Vec<&'static Server>> {
    static SERVERS: OnceLock<Mutex<Vec<&'static Server>>> = OnceLock::new();
    SERVERS.get_or_init(|| Mutex::new(private_servers())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs SQL in a database made anew; the log that has what `work` did, alone.
fn logged(server: &Server, before: &str, work: &str) -> PathBuf {
    server.sql(&format!("DROP DATABASE IF EXISTS life; CREATE DATABASE life; USE life; {before}"));
    server.sql("FLUSH BINARY LOGS");
    let logs = server.sql("SHOW BINARY LOGS");
    let log = logs.lines().last().unwrap().split('\t').next().unwrap().to_owned();
    server.sql(&format!("USE life; {work}"));
    server.sql("FLUSH BINARY LOGS");
    server.folder.join("data").join(log)
}

fn url_of(server: &Server) -> String {
    format!("mysql://root@127.0.0.1:{}/", server.port)
}

fn ok(run: Run) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}", run.err);
    run.lines()
}

#[test]
fn d28_the_life_of_a_row_follows_its_key_both_ways() {
    for server in alone().iter().copied() {
        let home = Home::new();
        let log = logged(
            server,
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB;",
            "INSERT INTO t VALUES (1,'other'),(5,'ours'); UPDATE t SET v='ours, changed' WHERE id=5;
             UPDATE t SET id=7 WHERE id=5; UPDATE t SET v='seven' WHERE id=7; UPDATE t SET id=9 WHERE id=7;
             INSERT INTO t VALUES (5,'another under the old key'); UPDATE t SET v='still another' WHERE id=5;
             UPDATE t SET v='nine' WHERE id=9; DELETE FROM t WHERE id=9; INSERT INTO t VALUES (9,'a third');",
        );
        let (log, url) = (log.to_str().unwrap().to_owned(), url_of(server));
        let life = |key: &str| {
            let key = format!("life.t:{key}");
            let lines = ok(home.run(&["changes", &log, "--schema", &url, "--life", &key, "--json"]));
            let image = |line: &Value| match line["after"].is_null() {
                true => format!("{} gone", line["before"]["v"].as_str().unwrap()),
                false => format!("{} {}", line["after"]["id"], line["after"]["v"].as_str().unwrap()),
            };
            lines.iter().map(image).collect::<Vec<_>>()
        };
        let ours = ["5 ours", "5 ours, changed", "7 ours, changed", "7 seven", "9 seven", "9 nine", "nine gone"];
        assert_eq!(life("7"), ours, "{:?}", server.product);
        // Under its last key there came another row, under its first one too.
        assert_eq!(life("9")[..7], ours);
        assert_eq!(life("9")[7..], ["9 a third"]);
        assert_eq!(life("5")[..7].len(), 7);
        assert!(life("5").contains(&"5 another under the old key".to_owned()));
        assert_eq!(life("1"), ["1 other"]);
        assert_eq!(life("4"), [""; 0]);
        let wrong = home.run(&["changes", &log, "--schema", &url, "--life", "life.t:1,2", "--json"]);
        assert_eq!((wrong.code, wrong.error_code().as_str()), (2, "changes::key"));
        let unnamed = home.run(&["changes", &log, "--life", "life.t:1", "--json"]);
        if server.product == Product::Mariadb {
            assert_eq!(unnamed.error_code(), "changes::no_key");
        }
    }
}

#[test]
fn d22_d45_a_server_s_definitions_hold_back_to_the_last_change_and_no_further() {
    for server in alone().iter().copied() {
        let home = Home::new();
        let log = logged(
            server,
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;
             CREATE TABLE calm (id INT PRIMARY KEY, a INT) ENGINE=InnoDB;",
            "INSERT INTO t VALUES (1,10,20); INSERT INTO calm VALUES (1,1);
             ALTER TABLE t CHANGE a x INT, CHANGE b a INT, ALGORITHM=COPY; ALTER TABLE t CHANGE x b INT;
             INSERT INTO t VALUES (2,30,40);",
        );
        let lines = ok(home.run(&[
            "changes",
            log.to_str().unwrap(),
            "--schema",
            &url_of(server),
            "--json",
            "--schema-name",
            "life",
        ]));
        let of = |table: &str, id: usize| {
            let line = lines.iter().filter(|line| line["table"] == table).nth(id).unwrap();
            (line["certainty"].as_str().unwrap().to_owned(), line["after"].clone())
        };
        // Names were swapped in between: what is true now would name the first row's columns wrongly.
        let (certainty, after) = of("t", 0);
        assert_eq!(certainty, "unnamed", "{after}");
        assert_eq!(of("t", 1), ("exact".to_owned(), serde_json::json!({"id": 2, "b": 30, "a": 40})));
        assert_eq!(of("calm", 0).0, "exact");
    }
}

#[test]
fn d22_a_dump_with_its_position_is_followed_from_there() {
    for server in alone().iter().copied() {
        let home = Home::new();
        let create = "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;";
        let log = logged(
            server,
            create,
            "INSERT INTO t VALUES (1,10,20); ALTER TABLE t ADD COLUMN c INT AFTER id; INSERT INTO t VALUES (2,5,30,40);
             TRUNCATE TABLE t;",
        );
        let name = log.file_name().unwrap().to_str().unwrap();
        let dump = format!(
            "-- Host: h    Database: life\n-- CHANGE MASTER TO MASTER_LOG_FILE='{name}', MASTER_LOG_POS=4;\n{create}\n"
        );
        fs::write(home.path("dump.sql"), dump).unwrap();
        let lines = ok(home.run(&["changes", log.to_str().unwrap(), "--schema", "./dump.sql", "--json"]));
        assert_eq!(lines[0]["after"], serde_json::json!({"id": 1, "a": 10, "b": 20}));
        assert_eq!(lines[1]["after"], serde_json::json!({"id": 2, "c": 5, "a": 30, "b": 40}));
        let summary =
            home.run(&["changes", log.to_str().unwrap(), "--schema", "./dump.sql", "--json", "--summary"]).line();
        let truncate = summary["walls"].as_array().unwrap().iter().find(|wall| wall["verb"] == "truncate").unwrap();
        assert!(truncate["destroyed"].as_str().unwrap().contains("life.t"));
    }
}

#[test]
fn d44_an_xa_transaction_counts_when_it_is_committed_and_not_when_it_is_rolled_back() {
    for server in alone().iter().copied() {
        let home = Home::new();
        let log = logged(
            server,
            "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB;",
            "XA START 'kept'; INSERT INTO t VALUES (1); XA END 'kept'; XA PREPARE 'kept'; XA COMMIT 'kept';
             XA START 'gone'; INSERT INTO t VALUES (2); XA END 'gone'; XA PREPARE 'gone'; XA ROLLBACK 'gone';",
        );
        let lines = ok(home.run(&["changes", log.to_str().unwrap(), "--json", "--schema", &url_of(server)]));
        let ids: Vec<_> = lines.iter().map(|line| line["after"]["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, [1], "{:?}", server.product);
    }
}

#[test]
fn logs_in_a_bucket_are_read_as_those_on_disk() {
    let Some(bucket) = bucket() else { return };
    let home = Home::new();
    let (folder, files) = plain(&home, "mysql-multi");
    let there = home.run(&["changes", folder.to_str().unwrap(), "--json"]);
    for (at, file) in files.iter().enumerate() {
        let (name, bytes) = (file.file_name().unwrap().to_str().unwrap(), fs::read(file).unwrap());
        match at {
            0 => {
                let mut gz = GzEncoder::new(vec![], flate2::Compression::fast());
                gz.write_all(&bytes).unwrap();
                bucket.put(&format!("logs/{name}.gz"), &gz.finish().unwrap());
            }
            _ => bucket.put(&format!("logs/{name}"), &bytes),
        }
    }
    bucket.put("logs/dump.sql", b"-- not a log");
    home.estate(&format!(
        "name = \"test\"\n[targets.bak]\nurl = \"s3://{}/\"\nendpoint = \"{}\"\nregion = \"us-east-1\"\n\
         [changes.prod]\ntarget = \"bak\"\npath = \"logs/\"\n",
        bucket.name(),
        bucket.endpoint()
    ));
    let keys = crate::support::s3::credentials();
    let run = |source: &str| {
        let mut command = home.command(&["changes", source, "--json"]);
        command.env("AWS_ACCESS_KEY_ID", &keys.access_key).env("AWS_SECRET_ACCESS_KEY", keys.secret.as_str());
        finish(command.spawn().unwrap())
    };
    let images = |run: &Run| {
        run.lines().into_iter().map(|line| (line["after"].clone(), line["before"].clone())).collect::<Vec<_>>()
    };
    for source in [
        "prod".to_owned(),
        format!("binlog+s3://{}/logs/?endpoint={}&region=us-east-1", bucket.name(), bucket.endpoint()),
        format!("binlog+s3://{}/logs?endpoint={}&region=us-east-1", bucket.name(), bucket.endpoint()),
    ] {
        let here = run(&source);
        assert_eq!(here.code, 0, "{source}: {}", here.err);
        assert_eq!(images(&here), images(&there), "{source}");
    }
    let gone = run(&format!("binlog+s3://{}/nothing/?endpoint={}&region=us-east-1", bucket.name(), bucket.endpoint()));
    assert_eq!(gone.error_code(), "changes::none");
}

#[test]
fn logs_behind_ssh_are_read_as_those_on_disk() {
    let Some(vault) = vault() else { return };
    let home = Home::new();
    let (folder, files) = plain(&home, "mariadb-multi");
    let there = home.run(&["changes", folder.to_str().unwrap(), "--json"]);
    for file in &files {
        vault.put(&format!("logs/{}", file.file_name().unwrap().to_str().unwrap()), &fs::read(file).unwrap());
    }
    for end in ["logs/", "logs"] {
        let source = format!("binlog+sftp://vault{}/{end}", vault.files().display());
        let mut command = home.command(&["changes", &source, "--json"]);
        let here = finish(command.env("BREAKGLASS_SSH", vault.program()).spawn().unwrap());
        assert_eq!(here.code, 0, "{end}: {}", here.err);
        assert_eq!(here.lines().len(), there.lines().len());
    }
}
