//! A program in a pseudo-terminal: what it writes, what that shows, and how it leaves the terminal.

use std::fs::File;
use std::io::{PipeWriter, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::termios::{LocalModes, Termios, tcgetattr};

/// How long a fact may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a pseudo-terminal of 80x24, and everything that it wrote there.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    input: File,
    output: Receiver<Vec<u8>>,
    reader: thread::JoinHandle<()>,
    stop: PipeWriter,
    before: Termios,
    parser: vt100::Parser,
    /// Every byte that arrived.
    pub raw: Vec<u8>,
    /// How much of that was waited for.
    met: usize,
}

impl Pty {
    pub fn start(command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(size(80, 24)).unwrap();
        let before = tcgetattr(fd(&*pair.master)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, output) = channel();
        let (stopped, stop) = std::io::pipe().unwrap();
        let mut file = File::from(own(&*pair.master));
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let mut fds = [PollFd::new(&file, PollFlags::IN), PollFd::new(&stopped, PollFlags::IN)];
                poll(&mut fds, None).unwrap();
                if !fds[1].revents().is_empty() {
                    return;
                }
                match file.read(&mut bytes) {
                    Ok(read @ 1..) if sender.send(bytes[..read].to_vec()).is_ok() => {}
                    _ => return,
                }
            }
        });
        let input = File::from(own(&*pair.master));
        let parser = vt100::Parser::new(24, 80, 0);
        Self { master: pair.master, child, input, output, reader, stop, before, parser, raw: vec![], met: 0 }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.process_id().unwrap().cast_signed()).unwrap()
    }

    pub fn type_in(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
    }

    pub fn resize(&mut self, cols: u16, rows: u16) {
        self.parser.screen_mut().set_size(rows, cols);
        self.master.resize(size(cols, rows)).unwrap();
    }

    /// What the terminal shows.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Everything written, as text.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Takes what arrives within `limit`; whether anything did.
    pub fn hear(&mut self, limit: Duration) -> bool {
        let Ok(bytes) = self.output.recv_timeout(limit) else { return false };
        self.parser.process(&bytes);
        self.raw.extend(bytes);
        true
    }

    /// Takes everything until nothing came for `limit`: how many bytes.
    pub fn settle(&mut self, limit: Duration) -> usize {
        let before = self.raw.len();
        while self.hear(limit) {}
        self.raw.len() - before
    }

    fn until(&mut self, limit: Duration, is: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !is(self) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || (!self.hear(left) && !is(self)) {
                return false;
            }
        }
        true
    }

    /// Waits until the terminal shows a text.
    pub fn wait_for(&mut self, text: &str) {
        let shown = self.until(PATIENCE, |pty| pty.screen().contains(text));
        assert!(shown, "waited for {text:?}:\n{}", self.screen());
    }

    /// Waits until a text was written, behind the one that was waited for last.
    pub fn wait_for_written(&mut self, text: &str) {
        let at = |pty: &Self| memchr::memmem::find(&pty.raw[pty.met..], text.as_bytes());
        assert!(self.until(PATIENCE, |pty| at(pty).is_some()), "waited for {text:?}: {:?}", self.seen());
        self.met += at(self).unwrap() + text.len();
    }

    /// Types until the terminal shows a text: questions are deaf for a moment after they opened.
    pub fn press_until(&mut self, keys: &str, text: &str) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.type_in(keys);
            if self.until(Duration::from_millis(700), |pty| pty.screen().contains(text)) {
                return;
            }
        }
        panic!("typed {keys:?} and waited for {text:?}:\n{}", self.screen());
    }

    /// Waits for the program's end and for its last byte: the exit code.
    pub fn end(&mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        while self.hear(Duration::from_secs(1)) {}
        code
    }

    /// Whether the program ends within `limit`. It stays in the process table until [`Self::end`].
    pub fn ends_within(&self, limit: Duration) -> bool {
        ends_within(self.pid(), limit)
    }

    /// Closes every handle of the terminal: what a lost connection does. What remains is the child.
    pub fn vanish(self) -> Gone {
        let pid = self.pid();
        drop(self.stop);
        self.reader.join().unwrap();
        Gone { child: self.child, pid }
    }

    pub fn echoes(&self) -> bool {
        tcgetattr(fd(&*self.master)).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Panics unless the terminal is as it was before the program started.
    pub fn assert_restored(&self) {
        let now = tcgetattr(fd(&*self.master)).unwrap();
        assert_eq!(now.local_modes, self.before.local_modes, "local modes");
        assert_eq!(now.input_modes, self.before.input_modes, "input modes");
        assert_eq!(now.output_modes, self.before.output_modes, "output modes");
        assert_eq!(now.control_modes, self.before.control_modes, "control modes");
        assert!(self.seen().contains("\u{1b}[?1049h"), "it never took the screen: {:?}", self.seen());
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was not left");
        assert!(!screen.hide_cursor(), "the cursor stayed hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste stayed on");
    }
}

/// A program whose terminal is gone.
pub struct Gone {
    child: Box<dyn Child + Send + Sync>,
    pub pid: Pid,
}

impl Gone {
    pub fn ends_within(&self, limit: Duration) -> bool {
        ends_within(self.pid, limit)
    }

    pub fn end(mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }
}

fn ends_within(pid: Pid, limit: Duration) -> bool {
    let (sender, ended) = channel();
    thread::spawn(move || {
        let _ = sender.send(waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    });
    ended.recv_timeout(limit).is_ok()
}

/// The processor time of a process, in hundredths of a second.
pub fn cpu_ticks(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn fd(master: &dyn MasterPty) -> BorrowedFd<'_> {
    // SAFETY: the master outlives this borrow.
    unsafe { BorrowedFd::borrow_raw(master.as_raw_fd().unwrap()) }
}

fn own(master: &dyn MasterPty) -> OwnedFd {
    fd(master).try_clone_to_owned().unwrap()
}
