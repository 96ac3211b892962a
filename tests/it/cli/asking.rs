//! Questions on a real terminal: nothing secret is shown, and the terminal is left as it was.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{Home, PASSPHRASE, fixture};

const NAMED: &str = "local:dbacked_shop_300820261040";

/// The binary in a pseudo-terminal, and everything that it wrote there.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(home: &Home, args: &[&str]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_breakglass"));
        command.args(args);
        command.env_clear();
        command.env("HOME", home.path(""));
        command.env("BREAKGLASS_ESTATE", home.path("estate.toml"));
        command.env("BREAKGLASS_STATE_DIR", home.path("state"));
        command.cwd(home.path(""));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, output) = channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let input = pair.master.take_writer().unwrap();
        Self { master: pair.master, child, input, output, seen: String::new() }
    }

    fn wait_for(&mut self, text: &str) {
        self.wait_for_times(text, 1);
    }

    fn wait_for_times(&mut self, text: &str, times: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.seen.matches(text).count() < times {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("waited for {text:?}, saw {:?}", self.seen),
            }
        }
    }

    fn type_in(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// The exit code, once everything that was written has been seen.
    fn end(mut self) -> (u32, String) {
        let code = self.child.wait().unwrap().exit_code();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code, self.seen)
    }

    fn echoes(&self) -> bool {
        let fd = self.master.as_raw_fd().unwrap();
        // SAFETY: the master outlives this borrow.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        rustix::termios::tcgetattr(fd).unwrap().local_modes.contains(rustix::termios::LocalModes::ECHO)
    }
}

fn home() -> Home {
    Home::with_targets(&[("local", &fixture("objects"))])
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let home = home();
    let key = fixture("keys/dbacked_private_key.pem");
    let mut terminal = Terminal::start(&home, &["verify", NAMED, "--key", key.to_str().unwrap()]);
    terminal.wait_for("Passphrase for");
    assert!(!terminal.echoes());
    terminal.type_in("mistyped\r");
    terminal.wait_for("does not open this key");
    terminal.wait_for_times("Passphrase for", 2);
    terminal.type_in(&format!("x\u{15}{PASSPHRASE}!\u{7f}\r"));
    terminal.wait_for("whole");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("correct") && !seen.contains("mistyped"), "{seen}");
}

#[test]
fn ctrl_c_at_the_passphrase_gives_the_terminal_back() {
    let home = home();
    let key = fixture("keys/dbacked_private_key.pem");
    let mut terminal = Terminal::start(&home, &["verify", NAMED, "--key", key.to_str().unwrap()]);
    terminal.wait_for("Passphrase for");
    terminal.type_in("half\u{3}");
    terminal.wait_for("stopped by you");
    assert!(terminal.echoes());
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn enter_alone_agrees_to_nothing() {
    let home = home();
    std::fs::create_dir(home.path("out")).unwrap();
    std::fs::write(home.path("out/mine.txt"), "mine").unwrap();
    let key = fixture("keys/rsa4096-pkcs1-plain.pem");
    let restore = ["restore", NAMED, "--into", "dir:out", "--key", key.to_str().unwrap()];
    let mut terminal = Terminal::start(&home, &restore);
    terminal.wait_for("[y/N]");
    terminal.type_in("\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, 6, "{seen}");
    assert_eq!(std::fs::read_dir(home.path("out")).unwrap().count(), 1);

    let mut terminal = Terminal::start(&home, &restore);
    terminal.wait_for("[y/N]");
    terminal.type_in("y\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert_eq!(std::fs::read_dir(home.path("out")).unwrap().count(), 2);
}

#[test]
fn a_table_is_cut_to_the_terminal() {
    let (code, seen) = Terminal::start(&home(), &["ls"]).end();
    assert_eq!(code, 0, "{seen}");
    let rows: Vec<&str> = seen.lines().filter(|line| line.contains("2026-0") && line.contains('~')).collect();
    assert_eq!(rows.len(), 6, "{seen}");
    assert!(rows.iter().all(|row| row.trim_end().chars().count() <= 80), "{seen}");
    assert!(rows[0].contains("2026-09-02 11:53"), "a time is never cut: {seen}");
}
