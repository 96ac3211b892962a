//! Questions on a real terminal: nothing secret is shown, and the terminal is left as it was.

use portable_pty::CommandBuilder;

use super::{Home, PASSPHRASE, fixture};
use crate::support::pty::Pty;

const NAMED: &str = "local:dbacked_shop_300820261040";

fn start(home: &Home, args: &[&str]) -> Pty {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_breakglass"));
    command.args(args);
    command.env_clear();
    command.env("HOME", home.path(""));
    command.env("BREAKGLASS_ESTATE", home.path("estate.toml"));
    command.env("BREAKGLASS_STATE_DIR", home.path("state"));
    command.cwd(home.path(""));
    Pty::start(command)
}

/// The exit code, and everything that was written.
fn end(mut terminal: Pty) -> (u32, String) {
    (terminal.end(), terminal.seen())
}

fn home() -> Home {
    Home::with_targets(&[("local", &fixture("objects"))])
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let home = home();
    let key = fixture("keys/dbacked_private_key.pem");
    let mut terminal = start(&home, &["verify", NAMED, "--key", key.to_str().unwrap()]);
    terminal.wait_for_written("Passphrase for");
    assert!(!terminal.echoes());
    terminal.type_in("mistyped\r");
    terminal.wait_for_written("does not open this key");
    terminal.wait_for_written("Passphrase for");
    terminal.type_in(&format!("x\u{15}{PASSPHRASE}!\u{7f}\r"));
    terminal.wait_for_written("whole");
    let (code, seen) = end(terminal);
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("correct") && !seen.contains("mistyped"), "{seen}");
}

#[test]
fn ctrl_c_at_the_passphrase_gives_the_terminal_back() {
    let home = home();
    let key = fixture("keys/dbacked_private_key.pem");
    let mut terminal = start(&home, &["verify", NAMED, "--key", key.to_str().unwrap()]);
    terminal.wait_for_written("Passphrase for");
    terminal.type_in("half\u{3}");
    terminal.wait_for_written("stopped by you");
    assert!(terminal.echoes());
    assert_eq!(terminal.end(), 130);
}

#[test]
fn enter_alone_agrees_to_nothing() {
    let home = home();
    std::fs::create_dir(home.path("out")).unwrap();
    std::fs::write(home.path("out/mine.txt"), "mine").unwrap();
    let key = fixture("keys/rsa4096-pkcs1-plain.pem");
    let restore = ["restore", NAMED, "--into", "dir:out", "--key", key.to_str().unwrap()];
    let mut terminal = start(&home, &restore);
    terminal.wait_for_written("[y/N]");
    terminal.type_in("\r");
    let (code, seen) = end(terminal);
    assert_eq!(code, 6, "{seen}");
    assert_eq!(std::fs::read_dir(home.path("out")).unwrap().count(), 1);

    let mut terminal = start(&home, &restore);
    terminal.wait_for_written("[y/N]");
    terminal.type_in("y\r");
    let (code, seen) = end(terminal);
    assert_eq!(code, 0, "{seen}");
    assert_eq!(std::fs::read_dir(home.path("out")).unwrap().count(), 2);
}

#[test]
fn a_table_is_cut_to_the_terminal() {
    let (code, seen) = end(start(&home(), &["ls"]));
    assert_eq!(code, 0, "{seen}");
    let rows: Vec<&str> = seen.lines().filter(|line| line.contains("2026-0") && line.contains('~')).collect();
    assert_eq!(rows.len(), 6, "{seen}");
    assert!(rows.iter().all(|row| row.trim_end().chars().count() <= 80), "{seen}");
    assert!(rows[0].contains("2026-09-02 11:53"), "a time is never cut: {seen}");
}
