//! An accident found in a real log and undone in the console, up to the file that a person runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{BREAKGLASS, QUIET, SOON, command};
use crate::support::pty::Pty;
use crate::support::scratch;
use crate::support::vectors::{fixture_file, fixture_logs, vectors, without_gtids};

/// The demo with a log opened on Changes, and the definitions of its tables.
fn opened(home: &Path, log: &Path) -> Pty {
    let mut pty = Pty::start(command(home, &[BREAKGLASS, "demo"]));
    pty.wait_for("73");
    pty.press_until("3", "No change source is open");
    pty.press_until("o", "Open a change source");
    pty.settle(QUIET);
    pty.type_in(&format!("\u{15}{}\r", log.display()));
    pty.wait_for("changes /");
    pty.press_until("c", "names of columns come from");
    pty.settle(QUIET);
    let schema = home.join("schema.sql");
    fs::write(&schema, fixture_file("mysql-alltypes-fullmeta", "schema.sql.gz")).unwrap();
    pty.type_in(&format!("\u{15}{}\r", schema.display()));
    pty.wait_for("changes /"); // said when the second pass has ended; keys took the first one away
    pty
}

/// Writes the script under review and returns its text.
fn written(pty: &mut Pty, script: &Path) -> String {
    pty.press_until("w", "ctrl-s write it");
    pty.settle(QUIET);
    pty.type_in(&format!("\u{15}{}", script.display()));
    pty.press_until("\u{13}", "Nothing here runs it");
    fs::read_to_string(script).unwrap()
}

fn left(mut pty: Pty) {
    pty.type_in("\u{1b}");
    pty.settle(QUIET);
    pty.type_in("q");
    if !pty.ends_within(SOON) {
        pty.type_in("y");
    }
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    pty.assert_restored();
}

/// Servers with `gtid_mode=OFF` name no transaction, and what is marked need not stand side by side.
#[test]
fn marked_transactions_without_gtids_become_one_script() {
    let home = scratch();
    let logs = home.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let log = without_gtids(fixture_logs("mysql-alltypes-fullmeta").remove(0));
    fs::write(logs.join("binlog.000001"), log).unwrap();
    let mut pty = opened(home.path(), &logs);
    pty.press_until("/", "table:");
    pty.type_in("bg_types.ints\r");
    pty.wait_for("/ bg_types.ints");
    pty.wait_for("INSERT");
    pty.press_until(" ", "1 marked");
    pty.type_in("j");
    pty.settle(QUIET);
    pty.press_until(" ", "2 marked");
    pty.press_until("u", "the 2 transactions marked");
    pty.press_until("\r", "Recovery");
    pty.wait_for("of 2 transactions");
    let text = written(&mut pty, &home.path().join("undo.sql"));
    let begins = text.lines().filter(|line| line.starts_with("-- filter: transaction binlog.000001:"));
    assert_eq!(begins.count(), 2, "{}", &text[..2000]);
    let undone: Vec<&str> = text.lines().filter(|line| line.starts_with("-- transaction at ")).collect();
    assert_eq!(undone.len(), 2, "{undone:?}");
    assert!(undone.iter().all(|line| !line.contains("GTID")), "{undone:?}");
    left(pty);
}

/// The accident of the demo has more rows than a list holds at once.
#[test]
fn the_last_row_of_the_accident_is_searched_and_all_of_it_left_out() {
    let home = scratch();
    let mut pty = Pty::start(command(home.path(), &[BREAKGLASS, "demo"]));
    pty.wait_for("73");
    pty.press_until("3", "No change source is open");
    pty.press_until("\r", "most (n)");
    pty.wait_for("no gap");
    pty.wait_for("changes shop: ");
    pty.type_in("n");
    pty.settle(QUIET);
    pty.press_until("\r", "DELETE FROM order_items");
    pty.wait_for("order_id 1 line 1");
    pty.press_until("u", "Undo what?");
    pty.press_until("\r", "digest   ");
    pty.wait_for("INSERT");
    pty.press_until("/", "enter search");
    pty.type_in("order_id 1, line 1\r");
    pty.wait_for("order_id 1, line 1 ");
    pty.type_in("T");
    pty.wait_for("0 in, ");
    pty.wait_for("none: everything is excluded");
    pty.type_in("T");
    pty.wait_for(" 0 out, ");
    pty.type_in("\u{1b}"); // what was searched for goes first
    left(pty);
}

#[test]
fn a_transaction_is_found_in_a_log_and_becomes_a_script() {
    let home = scratch();
    let mut pty = opened(home.path(), &vectors().join("mysql-alltypes-fullmeta"));
    pty.press_until("/", "table:");
    pty.type_in("bg_types.ints kind:delete\r");
    pty.wait_for("/ bg_types.ints kind:delete");
    pty.press_until("\r", "bg_types.ints, ");
    pty.wait_for("DELETE");
    pty.press_until("u", "Undo what?");
    pty.press_until("\r", "Recovery");
    pty.wait_for("digest   ");
    pty.wait_for("INSERT");
    let script = home.path().join("undo.sql");
    let text = written(&mut pty, &script);
    assert!(text.is_ascii() && text.contains("INSERT INTO `bg_types`.`ints`"), "{text}");
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o600);
    left(pty);
}
