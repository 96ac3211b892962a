//! The console in a pseudo-terminal: from start to the first frame, and what it holds while idle.
//!
//! `cargo bench --bench start [ROUNDS]`. An estate of four file targets with 250 backups each; the time from
//! spawning the real program to a screen that names its place. Bars: 60 ms; 40 MB idle for `breakglass demo`.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

mod support;

use support::number;

/// How long a first frame may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing may arrive before the screen counts as idle.
const QUIET: Duration = Duration::from_secs(2);

fn main() {
    let home = tempfile::tempdir().expect("a scratch folder");
    estate(home.path());
    let mut times: Vec<Duration> = (0..number(0, 5)).map(|_| first_frame(home.path(), &[]).0).collect();
    times.sort_unstable();
    println!("first frame, four targets: {:.1?} (bar 60 ms)", times[times.len() / 2]);
    let (spent, idle) = first_frame(home.path(), &["demo"]);
    println!("demo: first frame {spent:.1?}, idle memory {idle} (bar 40 MB)");
}

fn estate(home: &Path) {
    let mut text = "name = \"bench\"\n".to_owned();
    for target in ["nas", "offsite", "cold", "old"] {
        let folder = home.join(target);
        fs::create_dir(&folder).expect("room");
        for n in 0..250 {
            let name = format!("shop-2026-{:02}-{:02}-{n}.sql", n % 12 + 1, n % 28 + 1);
            fs::write(folder.join(name), "-- MySQL dump 10.13\n-- Dump completed\n").expect("room");
        }
        text.push_str(&format!("[targets.{target}]\nurl = \"file://{}/\"\n", folder.display()));
    }
    fs::write(home.join("estate.toml"), text).expect("room");
}

/// The time to the first frame, and the memory once it has been quiet for a while.
fn first_frame(home: &Path, args: &[&str]) -> (Duration, String) {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).expect("the system has pseudo-terminals");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_breakglass"));
    command.env_clear();
    command.env("HOME", home);
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    command.env("BREAKGLASS_ESTATE", home.join("estate.toml"));
    command.env("BREAKGLASS_STATE_DIR", home.join("state"));
    command.args(args);
    let mut output = pty.master.try_clone_reader().expect("a terminal can be read");
    let (sender, pieces) = channel();
    std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while let Some(n) = output.read(&mut piece).ok().filter(|n| *n > 0) {
            if sender.send(piece[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    let mut child = pty.slave.spawn_command(command).expect("the program starts");
    let seen = watch(&pieces, start);
    let memory = memory(&*child, &pieces);
    child.kill().expect("it is ours");
    let _ = child.wait();
    (seen, memory)
}

fn watch(pieces: &Receiver<Vec<u8>>, start: Instant) -> Duration {
    let mut screen = vt100::Parser::new(24, 80, 0);
    loop {
        let piece = pieces.recv_timeout(PATIENCE).expect("a first frame appears");
        screen.process(&piece);
        let text = screen.screen().contents();
        if text.contains("breakglass") && text.contains("Backups") {
            return start.elapsed();
        }
    }
}

fn memory(child: &dyn Child, pieces: &Receiver<Vec<u8>>) -> String {
    while pieces.recv_timeout(QUIET).is_ok() {}
    let status = format!("/proc/{}/status", child.process_id().unwrap_or_default());
    let status = fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap_or("unknown").trim().to_owned()
}
