//! Leaving while a job runs that does not end by itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use portable_pty::CommandBuilder;
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::{BREAKGLASS, QUIET, command};
use crate::support::databases::{Database, Product, server};
use crate::support::pty::{Pty, cpu_ticks};
use crate::support::s3::{Bucket, bucket};
use crate::support::scratch;

/// How long a program with a job may take to leave.
const WITH_JOB: Duration = Duration::from_secs(10);

/// Hundredths of a second of processor time that leaving may take: spinning would take a thousand.
const CALM: u64 = 150;

const DUMP: &str = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n\
    CREATE TABLE a (x INT);\nINSERT INTO locked VALUES (1);\n-- Dump completed on 2026-11-21  3:00:07\n";

/// The console over an estate of its own, started by a shell that ignores SIGHUP where `line` says so.
fn over(home: &Path, target: &str, line: &str) -> CommandBuilder {
    let estate = home.join("estate.toml");
    fs::write(&estate, format!("name = \"test\"\n[targets.t]\n{target}\n")).unwrap();
    let mut command = command(home, &["sh", "-c", &format!("{line} exec {BREAKGLASS}")]);
    command.env("BREAKGLASS_ESTATE", &estate);
    command.env("BREAKGLASS_STATE_DIR", home.join("state"));
    command.env("AWS_ACCESS_KEY_ID", "breakglass");
    command.env("AWS_SECRET_ACCESS_KEY", "breakglass-secret");
    command
}

/// The audit log of the one estate below this home.
fn audit(home: &Path) -> String {
    let estates = fs::read_dir(home.join("state")).unwrap();
    let logs = estates.filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("audit.jsonl")).ok());
    logs.collect()
}

/// A verification that waits for bytes which never come.
fn stalled(line: &str) -> Option<(TempDir, Bucket, Pty)> {
    let bucket = bucket()?;
    let (home, body) = (scratch(), DUMP.repeat(20_000));
    bucket.put("shop.sql", body.as_bytes());
    let target =
        format!("url = \"s3://{}/\"\nregion = \"us-east-1\"\nendpoint = \"{}\"", bucket.name(), bucket.endpoint());
    let mut pty = Pty::start(over(home.path(), &target, line));
    pty.wait_for("newest good copy of");
    pty.settle(QUIET);
    bucket.fault("GET", "shop.sql", "* stall 2000000");
    pty.type_in("v");
    pty.wait_for("verifying");
    pty.type_in("j");
    pty.wait_for("stalled");
    Some((home, bucket, pty))
}

#[test]
fn a_signal_ends_a_stalled_job_and_the_console_in_order() {
    for signal in [Signal::TERM, Signal::HUP] {
        let Some((home, _bucket, mut pty)) = stalled("") else { return };
        kill_process(pty.pid(), signal).unwrap();
        assert!(pty.ends_within(WITH_JOB), "{signal:?}");
        assert_eq!(pty.end(), 130, "{signal:?}");
        pty.assert_restored();
        assert!(audit(home.path()).contains("\"cancelled\""), "{signal:?}: how it ended stands in the audit log");
    }
}

#[test]
fn a_terminal_that_vanishes_ends_a_stalled_job_too() {
    for line in ["", "trap '' HUP;"] {
        let Some((home, _bucket, pty)) = stalled(line) else { return };
        let before = cpu_ticks(pty.pid());
        let gone = pty.vanish();
        assert!(gone.ends_within(WITH_JOB), "{line}");
        let spent = cpu_ticks(gone.pid) - before;
        assert!(spent < CALM, "{line}: {spent} hundredths of a second of processor time");
        assert_eq!(gone.end(), 130, "{line}");
        assert!(audit(home.path()).contains("\"cancelled\""), "{line}: how it ended stands in the audit log");
    }
}

/// A session that holds a lock until it is killed.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A restore whose statement waits for a lock that nobody gives back.
fn waiting(line: &str) -> Option<(TempDir, Database, Holder, Pty)> {
    let server = server(Product::Mariadb)?;
    let database = server.database();
    database.sql("CREATE TABLE locked (x INT)");
    let holder = format!("USE {}; LOCK TABLES locked WRITE; SELECT SLEEP(100)", database.name);
    let holder = Holder(server.client().args(["-e", &holder]).stderr(Stdio::null()).spawn().unwrap());
    let processes = |state: &str| {
        server.sql(&format!(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE LIKE '{state}%'",
            database.name
        ))
    };
    while processes("User sleep") == "0\n" {
        std::thread::yield_now();
    }
    let home = scratch();
    fs::create_dir(home.path().join("bak")).unwrap();
    fs::write(home.path().join("bak/shop.sql"), DUMP).unwrap();
    let target = format!("url = \"file://{}/bak/\"", home.path().display());
    let mut pty = Pty::start(over(home.path(), &target, line));
    pty.wait_for("newest good copy of");
    pty.press_until("r", "where to?");
    pty.settle(QUIET);
    pty.type_in(&format!("\u{15}mysql://root@127.0.0.1:{}/{}\r", server.port, database.name));
    pty.wait_for("ctrl-s start");
    pty.settle(QUIET);
    pty.press_until("\u{13}", "and press ctrl-s");
    pty.settle(QUIET);
    pty.type_in(&format!("{}\u{13}", database.name));
    pty.wait_for("restore t:shop.sql");
    while processes("Waiting for table") == "0\n" {
        pty.hear(Duration::from_millis(50));
        assert!(!pty.screen().contains("failed"), "{}", pty.screen());
    }
    Some((home, database, holder, pty))
}

#[test]
fn a_load_that_waits_for_a_lock_is_killed_recorded_and_left() {
    for line in ["", "trap '' HUP;"] {
        let Some((home, database, holder, pty)) = waiting(line) else { return };
        let before = cpu_ticks(pty.pid());
        let gone = pty.vanish();
        assert!(gone.ends_within(WITH_JOB), "{line}");
        let spent = cpu_ticks(gone.pid) - before;
        assert!(spent < CALM, "{line}: {spent} hundredths of a second of processor time");
        assert_eq!(gone.end(), 130, "{line}");
        drop(holder);
        let log = audit(home.path());
        let last = log.lines().last().unwrap();
        assert!(
            last.contains("\"outcome\"") && last.contains("\"restore\"") && last.contains("\"cancelled\""),
            "{last}"
        );
        assert_eq!(database.sql("SELECT COUNT(*) FROM locked"), "0\n", "{line}: the statement was killed");
    }
}
