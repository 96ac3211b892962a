//! An accident found in a real log and undone in the console, up to the file that a person runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{BREAKGLASS, QUIET, SOON, command};
use crate::support::pty::Pty;
use crate::support::{root, scratch};

fn unpack(from: &Path, to: &Path) {
    let output = Command::new("gzip").arg("-dc").arg(from).output().unwrap();
    assert!(output.status.success());
    fs::write(to, output.stdout).unwrap();
}

#[test]
fn a_transaction_is_found_in_a_log_and_becomes_a_script() {
    let home = scratch();
    let mut pty = Pty::start(command(home.path(), &[BREAKGLASS, "demo"]));
    pty.wait_for("73");
    let log = root().join("tests/it/vectors/binlog/mysql-alltypes-fullmeta");
    pty.press_until("3", "No change source is open");
    pty.press_until("o", "Open a change source");
    pty.settle(QUIET);
    pty.type_in(&format!("\u{15}{}\r", log.display()));
    pty.wait_for("changes /");
    pty.press_until("c", "names of columns come from");
    pty.settle(QUIET);
    let schema = home.path().join("schema.sql");
    unpack(&log.join("schema.sql.gz"), &schema);
    pty.type_in(&format!("\u{15}{}\r", schema.display()));
    pty.wait_for("changes /"); // said when the second pass has ended; keys took the first one away
    pty.press_until("/", "table:");
    pty.type_in("bg_types.ints kind:delete\r");
    pty.wait_for("/ bg_types.ints kind:delete");
    pty.press_until("\r", "bg_types.ints, ");
    pty.wait_for("DELETE");
    pty.press_until("u", "Undo what?");
    pty.press_until("\r", "Recovery");
    pty.wait_for("digest   ");
    pty.wait_for("INSERT");
    pty.press_until("w", "ctrl-s write it");
    pty.settle(QUIET);
    let script = home.path().join("undo.sql");
    pty.type_in(&format!("\u{15}{}", script.display()));
    pty.press_until("\u{13}", "Nothing here runs it");
    let text = fs::read_to_string(&script).unwrap();
    assert!(text.is_ascii() && text.contains("INSERT INTO `bg_types`.`ints`"), "{text}");
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o600);
    pty.type_in("\u{1b}");
    pty.settle(QUIET);
    pty.type_in("q");
    if !pty.ends_within(SOON) {
        pty.type_in("y");
    }
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    pty.assert_restored();
}
