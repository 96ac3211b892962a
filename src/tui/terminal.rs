//! The terminal itself: entering, leaving in every way, noticing that it is gone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

/// Whether the mouse does what keys do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mouse {
    /// The terminal keeps its own selection.
    #[default]
    Off,
    /// Clicks and the wheel reach us.
    On,
}

const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// The thread whose panic must restore the terminal; `None` while it is ours no longer.
static ENTERED: Mutex<Option<ThreadId>> = Mutex::new(None);

fn entered() -> std::sync::MutexGuard<'static, Option<ThreadId>> {
    ENTERED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes the terminal over.
///
/// # Errors
///
/// Whatever the terminal answers to raw mode.
pub fn enter(mouse: Mouse) -> io::Result<()> {
    enable_raw_mode()?;
    *entered() = Some(thread::current().id());
    let mut out = io::stdout().lock();
    out.write_all(ENTER)?;
    if mouse == Mouse::On {
        out.write_all(MOUSE_ON)?;
    }
    out.flush()
}

/// Gives the terminal back. Harmless when it is not ours.
pub fn leave() {
    if entered().take().is_none() {
        return;
    }
    let mut out = io::stdout().lock();
    let _ = out.write_all(MOUSE_OFF).and_then(|()| out.write_all(LEAVE)).and_then(|()| out.flush());
    drop(out);
    let _ = disable_raw_mode();
}

/// Gives the terminal back from a thread of its own: one that takes no more bytes must not hold us up.
pub fn leave_within(limit: Duration) {
    let (done, waiting) = sync_channel::<()>(1);
    let leaver = thread::Builder::new().name("leave".to_owned()).spawn(move || {
        leave();
        let _ = done.send(());
    });
    if leaver.is_ok() {
        let _ = waiting.recv_timeout(limit);
    }
    let _ = disable_raw_mode();
}

/// Makes panics restore the terminal before they say where the log is.
///
/// Panics of other threads do not touch the screen: whoever waits for those threads reports them.
pub fn install_panic_hook(log_file: PathBuf) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "panic");
        let ours = *entered();
        match ours {
            Some(console) if console == thread::current().id() => {
                leave();
                eprintln!("breakglass stopped on a bug of its own at {place}. The log is {}", log_file.display());
            }
            Some(_) => {}
            None => before(info),
        }
    }));
}

/// Watches the terminal from a thread of its own; one message when it is gone.
///
/// crossterm does not notice (its issue 793): with SIGHUP ignored its reader spins and never returns.
/// `poll` without any wanted event wakes for nothing but the end.
///
/// # Errors
///
/// When there is no terminal, or no thread can be started.
pub fn watch() -> io::Result<mpsc::Receiver<()>> {
    if !rustix::termios::isatty(io::stdin()) {
        // crossterm would open it for itself, out of reach of `silence`.
        rustix::stdio::dup2_stdin(File::options().read(true).write(true).open("/dev/tty")?)?;
    }
    let terminal: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let (gone, watched) = mpsc::channel(1);
    thread::Builder::new().name("terminal-watch".to_owned()).spawn(move || {
        loop {
            let mut fds = [PollFd::new(&terminal, PollFlags::empty())];
            let answer = poll(&mut fds, None);
            let ended = fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
            let failed = answer.is_err_and(|error| error != rustix::io::Errno::INTR);
            if ended || failed {
                let _ = gone.blocking_send(());
                return;
            }
        }
    })?;
    Ok(watched)
}

/// Puts a pipe that stays empty in the place of a terminal that is gone: crossterm's reader, which would spin
/// on it for as long as a job takes to end, waits there instead.
pub fn silence() {
    if let Ok((empty, never_written)) = io::pipe() {
        let _ = rustix::stdio::dup2_stdin(empty);
        std::mem::forget(never_written);
    }
}

/// Writes frames from a thread of its own, so that a terminal that takes no bytes blocks nothing else.
pub struct Printer {
    frames: SyncSender<Vec<u8>>,
    /// One message per frame written: how it went.
    pub written: mpsc::Receiver<io::Result<()>>,
}

impl Printer {
    /// Writes to standard output.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (frames, waiting): (SyncSender<Vec<u8>>, Receiver<Vec<u8>>) = sync_channel(1);
        let (done, written) = mpsc::channel(2);
        thread::Builder::new().name("printer".to_owned()).spawn(move || {
            while let Ok(frame) = waiting.recv() {
                let mut out = io::stdout().lock();
                let result = out.write_all(&frame).and_then(|()| out.flush());
                drop(out);
                if done.blocking_send(result).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { frames, written })
    }

    /// Hands a frame over; call only when the one before was written.
    pub fn print(&self, frame: Vec<u8>) {
        let _ = self.frames.try_send(frame);
    }
}
