//! An hour without anybody, and the day that it belongs to, by a clock that runs fast for the whole process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::{BREAKGLASS, QUIET, command, listed};
use crate::support::pty::Pty;
use crate::support::{root, scratch, skip_or_fail};

/// Seconds of the program per second of ours: ten hours each. A day shows in the age of every backup.
const SPEED: u32 = 36_000;

/// Compiles the clock; whether that was possible here.
fn fast_clock(library: &Path) -> bool {
    let source = root().join("tests/it/support/fast_clock.c");
    let compiled = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(library).arg(source).output();
    match compiled {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            skip_or_fail("a clock of its own", &String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            skip_or_fail("a C compiler", &error.to_string());
            false
        }
    }
}

/// The age of the first backup in the list, in hours: `5h`, or `1d` for any number of them.
fn age(screen: &str) -> u32 {
    let row = screen.lines().find(|line| line.contains("shop")).unwrap();
    let word = row.split_whitespace().find(|word| word.ends_with(['h', 'd'])).unwrap();
    let number = |text: &str| text.parse::<u32>().unwrap();
    match word.strip_suffix('h') {
        Some(hours) => number(hours),
        None => 24 * number(word.trim_end_matches('d')),
    }
}

#[test]
fn an_idle_hour_writes_nothing_nor_does_the_day_around_it() {
    let home = scratch();
    let library = home.path().join("fast_clock.so");
    if !fast_clock(&library) {
        return;
    }
    let mut command = command(home.path(), &[BREAKGLASS, "demo"]);
    command.env("LD_PRELOAD", &library);
    command.env("FAST_CLOCK", SPEED.to_string());
    let mut pty = listed(Pty::start(command));
    pty.settle(QUIET);
    let before = age(&pty.screen());
    kill_process(pty.pid(), Signal::USR2).unwrap();
    let heard = pty.hear(Duration::from_secs(3)); // thirty hours there
    assert!(!heard, "an idle screen was drawn again:\n{}", pty.screen());
    pty.type_in("\u{c}");
    pty.settle(QUIET);
    let after = age(&pty.screen());
    assert!(after > before, "the clock did run: {before}h, then {after}h");
    pty.type_in("q");
    assert_eq!(pty.end(), 0);
}
