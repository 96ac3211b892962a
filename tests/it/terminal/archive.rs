//! An archive of the demo from its key to one of its databases, in a real terminal.

use std::fs;

use super::{QUIET, SOON, demo};

#[test]
fn one_database_of_a_sealed_archive_is_restored_in_the_console() {
    let (home, mut pty) = demo();
    pty.press_until("5", "vault-age");
    pty.press_until("G", "> vault-cms");
    pty.press_until("\r", "key vault-cms is loaded");
    pty.press_until("1", "all backups");
    pty.press_until("/", "words, or db:");
    pty.type_in("target:vault seal:cms");
    pty.wait_for("1 of 73");
    pty.press_until("\r", "enter open");
    pty.type_in("v");
    pty.wait_for("\u{25aa}\u{25aa}\u{25aa}\u{25aa}\u{25ab} whole");
    pty.wait_for("crm shop");
    pty.press_until("r", "where to?");
    pty.settle(QUIET);
    let out = home.path().join("out");
    pty.type_in(&format!("\u{15}dir:{}\r", out.display()));
    pty.wait_for("b databases");
    pty.press_until("b", "which databases?");
    pty.press_until(" ", "1 of 2 chosen");
    pty.press_until("\r", "only shop");
    pty.settle(QUIET);
    pty.type_in("\u{1b}[6~\u{1b}[6~\u{1b}[6~");
    pty.press_until("\u{13}", "enter open"); // a new folder asks no question
    pty.press_until("6", "done, into");
    pty.settle(QUIET);
    pty.type_in("q");
    if !pty.ends_within(SOON) {
        pty.type_in("y");
    }
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    pty.assert_restored();
    let files: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let sql = fs::read_to_string(&files[0]).unwrap();
    assert!(sql.contains("USE `shop`;") && !sql.contains("`crm`"));
}
