//! The real console in a real pseudo-terminal: a night's work, every way out, every byte on the wire.

mod archive;
mod busy;
mod headless;
mod idle;
mod past;
mod salvaging;
mod undoing;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use breakglass::tui::terminal;
use portable_pty::CommandBuilder;
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::support::pty::{Pty, cpu_ticks};
use crate::support::scratch;

/// How long a program may take to leave when it must.
const SOON: Duration = Duration::from_secs(2);

/// A silence after which a screen is complete.
const QUIET: Duration = Duration::from_millis(700);

/// A program that sees this folder and nothing else of the machine.
fn command(home: &Path, words: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(words[0]);
    command.args(&words[1..]);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home);
    command.env("TMPDIR", home);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.cwd(home);
    command
}

const BREAKGLASS: &str = env!("CARGO_BIN_EXE_breakglass");

/// The demo, with its list drawn.
fn demo() -> (TempDir, Pty) {
    let home = scratch();
    let pty = listed(Pty::start(command(home.path(), &[BREAKGLASS, "demo"])));
    (home, pty)
}

fn listed(mut pty: Pty) -> Pty {
    pty.wait_for("73");
    pty.wait_for("shop");
    pty
}

fn sandboxes(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("breakglass-demo-")).collect()
}

#[test]
fn a_backup_is_found_proven_and_restored_in_the_console() {
    let (home, mut pty) = demo();
    assert_eq!(sandboxes(home.path()).len(), 1);
    pty.press_until("/", "words, or db:");
    pty.type_in("db:shop target:offsite");
    pty.wait_for(" of 73");
    pty.press_until("\r", "enter open");
    pty.press_until("K", "Load a key");
    pty.press_until("\r", "Passphrase of");
    pty.wait_for("not shown");
    pty.settle(QUIET);
    pty.type_in("break glass\r");
    pty.wait_for("is loaded");
    pty.type_in("v");
    pty.wait_for("\u{25aa}\u{25aa}\u{25aa}\u{25aa}\u{25ab} whole");
    pty.press_until("r", "where to?");
    pty.settle(QUIET);
    let out = home.path().join("out");
    pty.type_in(&format!("\u{15}dir:{}\r", out.display()));
    pty.wait_for("ctrl-s start");
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
    let files: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(!files.is_empty(), "nothing was restored");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        assert!(file.metadata().unwrap().len() > 0, "{:?}", file.path());
    }
    assert!(sandboxes(home.path()).is_empty());
}

#[test]
fn a_signal_ends_the_console_and_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let (home, mut pty) = demo();
        kill_process(pty.pid(), signal).unwrap();
        assert!(pty.ends_within(SOON), "{signal:?}");
        assert_eq!(pty.end(), 130, "{signal:?}");
        pty.assert_restored();
        assert!(sandboxes(home.path()).is_empty(), "{signal:?}");
    }
}

#[test]
fn a_panic_gives_the_terminal_back() {
    const NAME: &str = "terminal::a_panic_gives_the_terminal_back";
    const MARK: &str = "BREAKGLASS_TEST_PANICS";
    if std::env::var_os(MARK).is_some() {
        terminal::install_panic_hook("/the/log".into());
        terminal::enter(terminal::Mouse::On).unwrap();
        panic!("on purpose");
    }
    let home = scratch();
    let program = std::env::current_exe().unwrap();
    let mut command = command(home.path(), &[program.to_str().unwrap(), NAME, "--exact", "--nocapture"]);
    command.env(MARK, "1");
    let mut pty = Pty::start(command);
    pty.wait_for("stopped on a bug of its own");
    assert_eq!(pty.end(), 101);
    pty.assert_restored();
    assert!(pty.seen().contains("The log is /the/log"), "{}", pty.seen());
}

#[test]
fn a_terminal_that_vanishes_ends_the_console_even_with_sighup_ignored() {
    let home = scratch();
    let line = format!("trap '' HUP; exec {BREAKGLASS} demo");
    let mut pty = listed(Pty::start(command(home.path(), &["sh", "-c", &line])));
    pty.settle(QUIET);
    let before = cpu_ticks(pty.pid());
    let gone = pty.vanish();
    assert!(gone.ends_within(SOON));
    let spent = cpu_ticks(gone.pid) - before;
    assert!(spent < 50, "{spent} hundredths of a second of processor time");
    assert_eq!(gone.end(), 130);
    assert!(sandboxes(home.path()).is_empty());
}

#[test]
fn a_terminal_of_any_size_is_survived() {
    let (_home, mut pty) = demo();
    pty.resize(40, 10);
    pty.wait_for("needs 60x16");
    pty.type_in("j?\u{1b}");
    pty.resize(1, 1);
    pty.resize(120, 36);
    pty.wait_for("shop");
    pty.wait_for("73");
    // Behind an escape the first one may still be taken for alt-q.
    for _ in 0..20 {
        pty.type_in("q");
        if pty.ends_within(Duration::from_millis(700)) {
            break;
        }
    }
    assert_eq!(pty.end(), 0);
    pty.assert_restored();
}

#[test]
fn little_goes_over_the_wire_and_nothing_while_idle() {
    let (_home, mut pty) = demo();
    pty.settle(QUIET);
    pty.type_in("\u{c}");
    let full = pty.settle(QUIET);
    let mut moved = 0;
    for _ in 0..6 {
        pty.type_in("j");
        moved = moved.max(pty.settle(QUIET));
    }
    let idle = pty.hear(Duration::from_secs(5));
    println!("full paint {full} bytes, cursor move at most {moved} bytes");
    assert!((1_000..=6 * 1024).contains(&full), "a full paint took {full} bytes");
    assert!((1..=400).contains(&moved), "a cursor move took {moved} bytes");
    assert!(!idle, "an idle screen is not drawn again");
    pty.type_in("q");
    assert_eq!(pty.end(), 0);
}

/// The parameters of every SGR sequence.
fn sgr(raw: &str) -> Vec<u32> {
    let sequences = raw.split("\u{1b}[").skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once(|c: char| c.is_ascii_alphabetic())?;
        (rest.as_bytes().get(inside.len()) == Some(&b'm')).then(|| inside.to_owned())
    });
    sequences.flat_map(|s| s.split([';', ':']).filter_map(|n| n.parse().ok()).collect::<Vec<_>>()).collect()
}

#[test]
fn no_color_means_no_colour() {
    let is_colour = |n: &u32| matches!(n, 30..=48 | 90..=107);
    let (_home, mut pty) = demo();
    pty.settle(QUIET);
    assert!(sgr(&pty.seen()).iter().any(is_colour), "the check sees colours where there are some");
    let home = scratch();
    let mut command = command(home.path(), &[BREAKGLASS, "demo"]);
    command.env("NO_COLOR", "1");
    let mut pty = listed(Pty::start(command));
    pty.settle(QUIET);
    pty.type_in("\r");
    pty.settle(QUIET);
    let colours: Vec<u32> = sgr(&pty.seen()).into_iter().filter(is_colour).collect();
    assert!(colours.is_empty(), "{colours:?}");
}

#[test]
fn a_dumb_terminal_gets_lines_and_no_escapes() {
    for (term, words) in [("dumb", &[BREAKGLASS, "demo"][..]), ("xterm-256color", &[BREAKGLASS, "--plain", "demo"])] {
        let home = scratch();
        let mut command = command(home.path(), words);
        command.env("TERM", term);
        let mut pty = Pty::start(command);
        pty.wait_for_written("73");
        pty.settle(QUIET);
        pty.type_in("down enter\n");
        pty.settle(QUIET);
        pty.type_in("esc q\n");
        assert_eq!(pty.end(), 0, "{words:?}: {}", pty.seen());
        assert!(!pty.raw.contains(&0x1b), "{words:?}: {:?}", pty.seen());
        assert!(pty.echoes());
        assert!(sandboxes(home.path()).is_empty());
    }
}

#[test]
fn hostile_names_reach_the_wire_escaped() {
    let home = scratch();
    let folder = home.path().join("bak");
    fs::create_dir(&folder).unwrap();
    let names = ["a\x1b]0;owned\x07b", "a\x1b[2Jc", "c\u{202e}lqs.d", "e\u{9b}31mf", "line\nbreak", &"n".repeat(255)];
    for name in names {
        fs::write(folder.join(name), "-- MySQL dump 10.13\n").unwrap();
    }
    let estate = home.path().join("estate.toml");
    fs::write(&estate, format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", folder.display())).unwrap();
    let mut command = command(home.path(), &[BREAKGLASS]);
    command.env("BREAKGLASS_ESTATE", &estate);
    command.env("BREAKGLASS_STATE_DIR", home.path().join("state"));
    let mut pty = Pty::start(command);
    pty.wait_for("newest good copy of");
    for _ in names {
        pty.type_in("\r");
        pty.settle(QUIET);
        pty.type_in("\u{1b}");
        pty.settle(QUIET);
        pty.type_in("j");
    }
    pty.type_in("q");
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    for name in ["owned", "lqs.d", "31mf", "nnnn"] {
        assert!(pty.seen().contains(name), "{name} was never drawn");
    }
    for marker in ["\x1b]0;owned", "\x1b]0", "\x1b[2Jc", "\x07", "\u{202e}", "\u{9b}", "line\n"] {
        assert!(!pty.seen().contains(marker), "{marker:?} reached the terminal");
    }
    pty.assert_restored();
}
