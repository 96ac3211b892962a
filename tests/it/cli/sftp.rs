//! SFTP targets from the command line: found, shown and verified; asked about on a terminal, and only there.

use std::process::Command;

use portable_pty::CommandBuilder;

use super::{Home, Run, finish};
use crate::support::pty::Pty;
use crate::support::sftp::{Vault, vault};

const DUMP: &[u8] =
    b"-- MySQL dump 10.13  Distrib 8.0.36\n--\nCREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1);\n\
    -- Dump completed on 2026-11-21  3:00:07\n";

/// A home whose estate names the vault's folder, in which one dump lies.
fn home(vault: &Vault) -> Home {
    vault.put("shop.sql", DUMP);
    let home = Home::new();
    home.estate(&format!("name = \"test\"\n[targets.vault]\nurl = \"sftp://vault{}/\"\n", vault.files().display()));
    home
}

fn run(vault: &Vault, home: &Home, args: &[&str]) -> Run {
    let mut command: Command = home.command(args);
    finish(command.env("BREAKGLASS_SSH", vault.program()).spawn().unwrap())
}

fn start(vault: &Vault, home: &Home, args: &[&str]) -> Pty {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_breakglass"));
    command.args(args);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home.path(""));
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("BREAKGLASS_ESTATE", home.path("estate.toml"));
    command.env("BREAKGLASS_STATE_DIR", home.path("state"));
    command.env("BREAKGLASS_SSH", vault.program());
    command.cwd(home.path(""));
    Pty::start(command)
}

/// A vault that is met for the first time, with a key that has a passphrase.
fn stranger() -> Option<Vault> {
    let vault = vault()?;
    let known = format!("UserKnownHostsFile {}", vault.home().join("known_hosts").display());
    vault.configure_as(&format!("IdentityFile {}", vault.of_server("id_locked").display()), &known);
    Some(vault)
}

/// Words of `ssh` that none of ours contain: a terminal that shows them was written to by `ssh`.
fn assert_untouched(seen: &str) {
    for word in ["can't be established", "[fingerprint]", "Warning: Permanently added", "Permission denied"] {
        assert!(!seen.contains(word), "ssh wrote to the terminal: {seen}");
    }
}

#[test]
fn a_backup_behind_ssh_is_listed_and_verified_by_name_and_by_url() {
    let Some(vault) = vault() else { return };
    let home = home(&vault);
    let listed = run(&vault, &home, &["ls", "--json"]);
    assert_eq!((listed.code, listed.line()["name"].as_str()), (0, Some("shop.sql")), "{listed:?}");
    let url = format!("sftp://vault{}/shop.sql", vault.files().display());
    let by_url = run(&vault, &home, &["show", &url, "--json"]);
    assert_eq!(by_url.line()["id"], listed.line()["id"], "an id does not depend on the estate");
    for name in ["vault:shop.sql", &url] {
        let verified = run(&vault, &home, &["verify", name, "--json"]);
        assert_eq!((verified.code, verified.line()["reached"].as_str()), (0, Some("whole")), "{name}: {verified:?}");
    }
}

#[test]
fn without_a_terminal_nothing_is_asked_and_the_error_says_what_to_do() {
    let Some(vault) = stranger() else { return };
    let home = home(&vault);
    let listed = run(&vault, &home, &["ls"]);
    assert_eq!(listed.code, 5, "{listed:?}");
    assert!(listed.err.contains("host key of the server is not known"), "{listed:?}");
    let url = format!("sftp://vault{}/shop.sql", vault.files().display());
    let shown = run(&vault, &home, &["show", &url, "--json"]);
    assert!(shown.code == 5 && shown.err.contains("compare its fingerprint"), "{shown:?}");
}

#[test]
fn a_password_in_a_url_is_refused_and_repeated_nowhere() {
    let home = Home::new();
    for url in ["sftp://ops:hunter2@vault/x", "scp://ops:hunter2@vault:22/x"] {
        let shown = home.run(&["show", url]);
        assert_eq!(shown.code, 2, "{shown:?}");
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
    }
}

#[test]
fn on_a_terminal_the_host_key_and_the_passphrase_are_asked_for_in_our_words() {
    let Some(vault) = stranger() else { return };
    let home = home(&vault);
    let mut terminal = start(&vault, &home, &["ls"]);
    terminal.wait_for_written("SHA256:");
    terminal.wait_for_written("[y/N]");
    terminal.type_in("y\r");
    terminal.wait_for_written("Target vault asks: Enter passphrase for key");
    assert!(!terminal.echoes());
    terminal.type_in("mistyped\r");
    terminal.wait_for_written("not accepted");
    terminal.type_in("sftp-key-pass\r");
    terminal.wait_for_written("136B");
    let code = terminal.end();
    let seen = terminal.seen();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("mistyped") && !seen.contains("key-pass"), "{seen}");
    assert_untouched(&seen);
    assert!(terminal.echoes());
}

#[test]
fn enter_alone_trusts_no_host() {
    let Some(vault) = stranger() else { return };
    let home = home(&vault);
    let mut terminal = start(&vault, &home, &["ls"]);
    terminal.wait_for_written("[y/N]");
    terminal.type_in("\r");
    terminal.wait_for_written("was declined");
    assert_eq!(terminal.end(), 6, "{}", terminal.seen());
    assert!(!vault.home().join("known_hosts").exists());
}

#[test]
fn doctor_asks_nothing_and_says_what_is_missing() {
    let Some(vault) = stranger() else { return };
    let home = home(&vault);
    let mut terminal = start(&vault, &home, &["doctor"]);
    terminal.wait_for_written("is not known");
    let _ = terminal.end();
    let seen = terminal.seen();
    assert!(seen.contains("fingerprint") && !seen.contains("[y/N]"), "{seen}");
    assert_untouched(&seen);
}

#[test]
fn an_scp_url_of_a_backup_finds_it_where_its_writer_put_it() {
    let Some(vault) = vault() else { return };
    let home = home(&vault);
    std::fs::write(vault.login().join("db.sql"), DUMP).unwrap();
    for (name, shown) in [("db.sql", "~/db.sql"), ("shop.sql", "shop.sql")] {
        let url = format!("scp://vault{}/{name}", vault.files().display());
        let found = run(&vault, &home, &["show", &url, "--json"]);
        assert_eq!((found.code, found.line()["name"].as_str()), (0, Some(shown)), "{found:?}");
    }
}

#[test]
fn doctor_says_where_the_backups_of_an_scp_url_lie() {
    let Some(vault) = vault() else { return };
    let home = home(&vault);
    std::fs::write(vault.login().join("db.sql"), DUMP).unwrap();
    home.estate(&format!("name = \"test\"\n[targets.vault]\nurl = \"scp://vault{}/\"\n", vault.files().display()));
    let found = run(&vault, &home, &["doctor"]);
    assert!(found.out.contains("1 of its files lie in the login folder (~/), 1 in the folder"), "{found:?}");
    assert!(found.out.contains("can be listed and read"), "{found:?}");
}

#[test]
fn in_the_console_both_are_layers_and_ssh_never_touches_the_screen() {
    let Some(vault) = stranger() else { return };
    let home = home(&vault);
    let mut terminal = start(&vault, &home, &[]);
    terminal.wait_for("is this the right server?");
    terminal.wait_for("SHA256:");
    terminal.press_until("y", "Enter passphrase for key");
    terminal.settle(std::time::Duration::from_millis(700));
    terminal.type_in("mistyped\r");
    terminal.wait_for("That was not accepted");
    terminal.settle(std::time::Duration::from_millis(700));
    terminal.type_in("sftp-key-pass\r");
    terminal.wait_for("136B");
    terminal.type_in("q");
    assert!(terminal.ends_within(std::time::Duration::from_secs(20)), "{}", terminal.screen());
    assert_eq!(terminal.end(), 0);
    let seen = terminal.seen();
    assert!(!seen.contains("mistyped") && !seen.contains("key-pass"), "{seen}");
    assert_untouched(&seen);
    terminal.assert_restored();
}
