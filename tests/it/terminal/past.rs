//! The demo's ninety days in a real terminal.

use std::time::Duration;

use super::{BREAKGLASS, QUIET, command, demo};
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
    pty.press_until("c", "exit code 1");
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
    assert!((1..=400).contains(&moved), "a cursor move took {moved} bytes");
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
