//! The demo's ninety days in a real terminal.

use std::time::Duration;

use super::{BREAKGLASS, QUIET, command, demo};
use crate::cli::Home;
use crate::cli::verified::verified_hourly;
use crate::support::pty::Pty;
use crate::support::scratch;

#[test]
fn the_past_of_the_demo_is_read_and_walked_through_to_a_backup() {
    let (_home, mut pty) = demo();
    pty.press_until("2", "last run");
    pty.wait_for("late by"); // its telemetry has been read from the collector's file
    pty.press_until("/", "words, or db:");
    pty.type_in("target:vault\r");
    pty.wait_for("1 of 7");
    pty.settle(QUIET);
    pty.press_until("\r", "STARTED UTC");
    pty.settle(QUIET);
    pty.press_until("\r", "database_dump");
    pty.press_until("b", "not tried yet");
    pty.settle(QUIET);
    for _ in 0..4 {
        pty.type_in("\u{1b}"); // the backup, the run, the runs, the filter
        pty.settle(QUIET);
    }
    pty.wait_for("all series");
    pty.press_until("c", "exit code 2");
    pty.type_in("q");
    if !pty.ends_within(Duration::from_secs(2)) {
        pty.type_in("y");
    }
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    pty.assert_restored();
}

#[test]
fn a_move_through_the_past_costs_little_and_idle_nothing() {
    let (_home, mut pty) = demo();
    pty.press_until("2", "last run");
    pty.wait_for("late by");
    pty.settle(QUIET);
    let mut moved = 0;
    for _ in 0..6 {
        pty.type_in("j");
        moved = moved.max(pty.settle(QUIET));
    }
    let idle = pty.hear(Duration::from_secs(3));
    println!("a cursor move took at most {moved} bytes");
    assert!((1..=700).contains(&moved), "a cursor move took {moved} bytes");
    assert!(!idle, "an idle screen is not drawn again");
    pty.type_in("q");
    assert_eq!(pty.end(), 0);
}

#[test]
fn the_past_is_read_aloud_line_by_line() {
    let home = scratch();
    let mut pty = Pty::start(command(home.path(), &[BREAKGLASS, "--plain", "demo"]));
    pty.wait_for_written("73");
    pty.type_in("2\n");
    pty.wait_for_written("late by");
    pty.settle(QUIET);
    pty.type_in("down enter\n");
    pty.wait_for_written("STARTED UTC");
    pty.type_in("esc esc q\n");
    assert_eq!(pty.end(), 0, "{}", pty.seen());
    assert!(!pty.raw.contains(&0x1b), "{:?}", pty.seen());
}

/// One night of a database in a folder.
fn lay(home: &Home) {
    std::fs::create_dir(home.path("nas")).unwrap();
    let text = "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n-- Dump completed on 2026-11-21\n";
    std::fs::write(home.path("nas/shop-2026-11-21.sql"), text).unwrap();
    home.estate(&format!("name = \"test\"\n[targets.nas]\nurl = \"file://{}/\"\n", home.path("nas").display()));
}

/// The same, and the console on its past.
fn one_night(home: &Home) -> Pty {
    lay(home);
    opened(home)
}

fn opened(home: &Home) -> Pty {
    let (estate, state) = (home.path("estate.toml"), home.path("state"));
    let words = ["--estate", estate.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
    let folder = estate.parent().unwrap();
    let mut pty = Pty::start(command(folder, &[&[BREAKGLASS][..], &words].concat()));
    pty.wait_for("shop");
    pty.press_until("2", "1 series");
    pty.settle(QUIET);
    pty
}

#[test]
fn the_past_follows_what_another_process_stores_without_a_key() {
    let home = Home::new();
    let mut pty = one_night(&home);
    let lines = [
        r#"{"run":"aaa","timestamp":"2026-11-21T03:00:00Z","level":"info","fields":{},"message":"beginning dump 20261121030000"}"#,
        r#"{"run":"aaa","timestamp":"2026-11-21T03:00:09Z","level":"fatal","fields":{},"message":"error running dump: no"}"#,
    ];
    std::fs::write(home.path("lines.log"), lines.join("\n")).unwrap();
    let collected = home.run(&["collect", "lines.log"]);
    assert_eq!(collected.code, 0, "{collected:?}");
    pty.wait_for("2 series");
    pty.wait_for("last run");
    pty.type_in("q");
    assert_eq!(pty.end(), 0);
}

#[test]
fn a_verification_of_our_own_is_a_line_as_soon_as_it_has_ended() {
    let home = Home::new();
    let mut pty = one_night(&home);
    pty.press_until("\r", "STARTED UTC");
    pty.settle(QUIET);
    pty.type_in("v");
    pty.wait_for("verified");
    pty.type_in("q");
    if !pty.ends_within(Duration::from_secs(2)) {
        pty.type_in("y"); // its outcome is still being recorded
    }
    assert_eq!(pty.end(), 0);
}

#[test]
fn the_first_of_many_verifications_is_at_the_end_of_the_list() {
    let home = Home::new();
    lay(&home);
    let first = verified_hourly(&home, "nas:shop-2026-11-21.sql", 1500);
    let mut pty = opened(&home);
    pty.press_until("\r", "STARTED UTC");
    pty.settle(QUIET);
    pty.type_in("G"); // what is read at first ends here, and the rest is asked for
    pty.settle(QUIET);
    pty.press_until("G", &first.minute());
    pty.type_in("q");
    if !pty.ends_within(Duration::from_secs(2)) {
        pty.type_in("y"); // above the list of series it asks
    }
    assert_eq!(pty.end(), 0);
}
