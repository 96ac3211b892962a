//! Hostile names, closed pipes, and secrets that must not appear anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Home, finish, fixture};

fn is_harmless(text: &str) -> bool {
    let harmful =
        |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    !text.contains(harmful)
}

#[test]
fn hostile_names_reach_no_terminal_raw() {
    let home = Home::new();
    let folder = home.path("bak");
    fs::create_dir(&folder).unwrap();
    let names = ["a\x1b]0;owned\x07b", "c\u{202e}lqs.d", "e\u{9b}31mf", "line\nbreak", &"n".repeat(255)];
    for name in names {
        fs::write(folder.join(name), "-- MySQL dump 10.13\n").unwrap();
    }
    home.estate(&format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", folder.display()));
    for args in [&["ls"][..], &["ls", "--json"], &["show", "t:a\x1b]0;owned\x07b"], &["show", "x\x1b[2J"]] {
        let run = home.run(args);
        assert!(is_harmless(&run.out) && is_harmless(&run.err), "{args:?}: {run:?}");
    }
    assert_eq!(home.run(&["ls", "--json"]).lines().len(), names.len());
}

#[test]
fn what_was_typed_is_not_repeated_raw_either() {
    let home = Home::new();
    for args in [["\x1b]0;x\x07", "--json"], ["ls", "--\x1b[31m"], ["verify", "\u{202e}x"]] {
        let run = home.run(&args);
        assert!(run.code == 2 && is_harmless(&run.err), "{run:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let home = Home::with_targets(&[("local", &fixture("objects"))]);
    let mut child = home.command(&["ls"]).spawn().unwrap();
    drop(child.stdout.take());
    let run = finish(child);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.err.contains("panic") && !run.err.contains("pipe"), "{run:?}");
}

#[test]
fn at_the_highest_log_level_no_secret_is_written_anywhere() {
    let home = Home::with_targets(&[("local", &fixture("objects"))]);
    let backup = "local:dbacked_shop_300820261040";
    for args in [
        &["--log", "trace", "verify", backup, "--json"][..],
        &["--log", "trace", "restore", backup, "--into", "dir:out", "--json"],
        &["--log", "trace", "audit", "export"],
    ] {
        let run = home.run_with_key(args);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(secrets().iter().all(|secret| !run.out.contains(secret) && !run.err.contains(secret)));
    }
    let mut files = 0;
    every_file(&home.path("state"), &mut |path| {
        files += 1;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        assert!(secrets().iter().all(|secret| !text.contains(secret)), "{}", path.display());
    });
    assert!(files >= 2, "the audit log and the log at least");
}

/// The passphrase, a line of the key, and a row value of the dump.
fn secrets() -> Vec<String> {
    let pem = fs::read_to_string(fixture("keys/dbacked_private_key.pem")).unwrap();
    let row = "it''s";
    let dump = fs::read_to_string(fixture("plain/mysql97.sql")).unwrap();
    let value = dump.lines().find(|line| line.starts_with("INSERT INTO")).unwrap();
    let value = value.split('\'').nth(1).filter(|text| text.len() > 5).unwrap_or(row);
    vec![super::PASSPHRASE.to_owned(), pem.lines().nth(5).unwrap().trim().to_owned(), value.to_owned()]
}

fn every_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { every_file(&path, look) } else { look(&path) }
    }
}
