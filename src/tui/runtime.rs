//! The loop: signals, input, facts, progress in; at most one drawing out. The only async file here.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::model::backup::BackupId;
use crate::tui::app::App;
use crate::tui::msg::{Backend, Effect, Msg};
use crate::tui::terminal::{self, Mouse, Printer};
use crate::tui::update::update;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::wire::Wire;

/// How often progress is drawn, while a job runs.
const PROGRESS: Duration = Duration::from_secs(1);

/// How long an orderly end may take without a job, and with one.
const GRACE: [Duration; 2] = [Duration::from_millis(1500), Duration::from_secs(9)];

/// How the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Quit,
    /// By a signal, with its number.
    Signal(i32),
    /// The terminal is gone.
    TerminalGone,
}

/// Runs the console until it ends; the terminal is given back on every way out.
///
/// Call [`terminal::install_panic_hook`] before. After [`Ended::TerminalGone`] crossterm's own thread may
/// spin: leave with `std::process::exit`.
///
/// # Errors
///
/// When there is no terminal.
pub async fn run(app: App, mut backend: impl Backend, mouse: Mouse) -> io::Result<Ended> {
    let mut gone = terminal::watch()?;
    let signals = Signals::new()?;
    let printer = Printer::start()?;
    terminal::enter(mouse)?;
    let messages = backend.messages();
    let mut console = Console {
        app,
        backend,
        printer,
        wire: Wire::new(size()),
        mouse,
        ready: Ready::Free,
        copied: vec![],
        sniffed: vec![],
    };
    let ended = console.turn(signals, &mut gone, messages).await;
    let jobs = usize::from(console.app.world.running() > 0);
    let mut closing = pin!(timeout(GRACE[jobs], console.backend.shut_down()));
    tokio::select! {
        _ = &mut closing => {}
        _ = gone.recv() => {
            terminal::silence();
            let _ = closing.await;
        }
    }
    if ended != Ended::TerminalGone {
        terminal::leave_within(Duration::from_millis(300));
    }
    Ok(ended)
}

struct Signals {
    term: Signal,
    hup: Signal,
    int: Signal,
    cont: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            cont: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.term.recv() => SignalKind::terminate(),
            _ = self.hup.recv() => SignalKind::hangup(),
            _ = self.int.recv() => SignalKind::interrupt(),
            _ = self.cont.recv() => SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()),
        }
    }
}

/// Whether the printer takes a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    Free,
    Busy,
}

struct Console<B> {
    app: App,
    backend: B,
    printer: Printer,
    wire: Wire,
    mouse: Mouse,
    ready: Ready,
    /// Bytes for the clipboard, to go with the next frame.
    copied: Vec<u8>,
    sniffed: Vec<BackupId>,
}

/// What a turn of the loop saw.
enum Seen {
    Signal(SignalKind),
    Gone,
    Written(io::Result<()>),
    Input(Event),
    News(Msg),
    Tick,
}

impl<B: Backend> Console<B> {
    async fn turn(
        &mut self,
        mut signals: Signals,
        gone: &mut mpsc::Receiver<()>,
        mut messages: mpsc::Receiver<Msg>,
    ) -> Ended {
        let mut input = EventStream::new();
        let mut tick = Instant::now() + PROGRESS;
        self.draw();
        loop {
            let running = self.app.world.running() > 0;
            let seen = tokio::select! {
                biased;
                signal = signals.next() => Seen::Signal(signal),
                _ = gone.recv() => Seen::Gone,
                written = self.printer.written.recv() => Seen::Written(written.unwrap_or(Ok(()))),
                event = input.next() => match event {
                    Some(Ok(event)) => Seen::Input(event),
                    _ => Seen::Gone,
                },
                Some(msg) = messages.recv() => Seen::News(msg),
                () = sleep_until(tick), if running => Seen::Tick,
            };
            self.app.world.now = self.backend.now();
            match seen {
                Seen::Signal(kind) if kind == SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()) => {
                    self.back_again()
                }
                Seen::Signal(kind) => return Ended::Signal(kind.as_raw_value()),
                Seen::Gone | Seen::Written(Err(_)) => return Ended::TerminalGone,
                Seen::Written(Ok(())) => self.ready = Ready::Free,
                Seen::Input(event) => self.take(event),
                Seen::News(msg) => self.act(msg),
                Seen::Tick => {
                    tick = Instant::now() + PROGRESS;
                    for (job, progress) in self.backend.progress() {
                        self.act(Msg::Progress(job, progress));
                    }
                }
            }
            while let Some(event) = waiting(&mut input).await {
                self.take(event);
            }
            while let Ok(msg) = messages.try_recv() {
                self.act(msg);
            }
            if self.app.done {
                return Ended::Quit;
            }
            self.draw();
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Key(key) => {
                if key.kind != KeyEventKind::Release {
                    self.backend.touched();
                }
                self.act(Msg::Key(key));
            }
            Event::Paste(text) => {
                self.backend.touched();
                self.act(Msg::Paste(SecretText::taking(text)));
            }
            Event::Mouse(mouse) => self.act(Msg::Mouse(mouse)),
            Event::Resize(..) => self.wire.forget(size()),
            Event::FocusGained | Event::FocusLost => {}
        }
    }

    fn act(&mut self, msg: Msg) {
        for effect in update(&mut self.app, msg) {
            match effect {
                Effect::Quit => self.app.done = true,
                Effect::Redraw => self.wire.forget(size()),
                Effect::Suspend => self.suspend(),
                Effect::Copy(text) => {
                    let text = data_encoding::BASE64.encode(text.as_bytes());
                    self.copied.extend_from_slice(format!("\x1b]52;c;{text}\x07").as_bytes());
                }
                effect => self.backend.perform(effect),
            }
        }
    }

    /// Leaves the terminal to the shell until the process is continued.
    fn suspend(&mut self) {
        terminal::leave();
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        // The stop may reach another thread first; a process group without a shell is not stopped at all.
        std::thread::sleep(Duration::from_millis(50));
        self.back_again();
    }

    fn back_again(&mut self) {
        let _ = terminal::enter(self.mouse);
        self.wire.forget(size());
    }

    /// Draws if the printer is free; what changes meanwhile goes into the next frame.
    fn draw(&mut self) {
        if self.ready == Ready::Busy {
            return;
        }
        let area = size();
        let mut buffer = Buffer::empty(area);
        let cursor = self.app.draw(&mut buffer);
        let mut frame = self.wire.frame(buffer, cursor);
        frame.append(&mut self.copied);
        if !frame.is_empty() {
            self.ready = Ready::Busy;
            self.printer.print(frame);
        }
        let guessed = self.app.guessed();
        if !guessed.is_empty() && guessed != self.sniffed {
            self.sniffed.clone_from(&guessed);
            self.backend.perform(Effect::SniffFirst(guessed));
        }
    }
}

/// An event that waits already, if there is one.
///
/// Polled with the task's own waker: `now_or_never` would register a waker that wakes nobody, and crossterm
/// keeps the first one it is given.
async fn waiting(input: &mut EventStream) -> Option<Event> {
    poll_fn(|context| match input.poll_next_unpin(context) {
        Poll::Ready(Some(Ok(event))) => Poll::Ready(Some(event)),
        Poll::Ready(_) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn size() -> Rect {
    let (width, height) = crossterm::terminal::size().unwrap_or((80, 24));
    Rect::new(0, 0, width.clamp(1, 500), height.clamp(1, 300))
}

/// A boxed future that does nothing, for backends with nothing to end.
pub fn nothing() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(std::future::ready(()))
}
