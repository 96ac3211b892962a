//! Plain mode: the same state machine as numbered lines, for screen readers and serial consoles.
//!
//! Every change of state prints the lines that changed, each with its number on the screen, and nothing
//! else: no cursor movement, no colour, no repainting. What is typed on a line is a key (`v`, `enter`,
//! `ctrl-s`), several of them (`down down v`), or text for the line being typed, after a quote (`"crm`).

use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use crate::tui::app::App;
use crate::tui::keymap::Stroke;
use crate::tui::msg::{Backend, Effect, Msg};
use crate::tui::update::update;
use crate::tui::widgets::secret_field::SecretText;

/// The screen that plain mode reads aloud.
const SIZE: (u16, u16) = (100, 30);

/// Remembers what was printed.
#[derive(Default)]
pub struct Reader {
    shown: Vec<String>,
}

impl Reader {
    /// Lines that differ from what was printed last, with their numbers.
    pub fn changes(&mut self, app: &mut App) -> Vec<String> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        app.draw(&mut buffer);
        let row = |y: u16| (0..SIZE.0).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        let lines: Vec<String> = (0..SIZE.1).map(row).collect();
        let is_rule = |line: &str| line.chars().all(|c| "-+─┬┴".contains(c));
        let changed = lines.iter().enumerate().filter(|(at, line)| {
            !line.trim().is_empty() && !is_rule(line.trim()) && self.shown.get(*at) != Some(*line)
        });
        let said = changed.map(|(at, line)| format!("{:>2} {}", at + 1, line.trim_start())).collect();
        self.shown = lines;
        said
    }
}

/// A line that answers a question for a secret: all of it is the secret, then enter.
fn secret(mut line: String) -> Vec<Msg> {
    let paste = Msg::Paste(SecretText::taking(std::mem::take(&mut line)));
    vec![paste, Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))]
}

/// Turns the terminal's echo on or off; nothing happens where input is no terminal.
fn echo(state: Echo) {
    let Ok(mut modes) = tcgetattr(io::stdin()) else { return };
    modes.local_modes.set(LocalModes::ECHO, state == Echo::On);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

/// The messages that one typed line stands for.
pub fn messages(line: &str) -> Vec<Msg> {
    if let Some(text) = line.strip_prefix('"') {
        let key = |c| Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        return text.chars().map(key).collect();
    }
    if line.trim().is_empty() {
        return vec![Msg::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))];
    }
    line.split_whitespace().filter_map(Stroke::parse).map(|stroke| Msg::Key(stroke.event())).collect()
}

/// Runs the console on standard input and output, line by line, until it ends.
///
/// # Errors
///
/// When standard output is gone.
pub async fn run(mut app: App, mut backend: impl Backend) -> io::Result<()> {
    let mut news = backend.messages();
    let (typed, mut lines) = mpsc::channel(8);
    thread::Builder::new().name("plain-input".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    let mut reader = Reader::default();
    while !app.done {
        let said = reader.changes(&mut app);
        let mut out = io::stdout().lock();
        for line in said {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        drop(out);
        let running = app.world.running() > 0;
        let hidden = app.top().takes_secret();
        echo(if hidden { Echo::Off } else { Echo::On });
        let msgs = tokio::select! {
            line = lines.recv() => line.map_or_else(|| vec![Msg::End], |line| if hidden { secret(line) } else { messages(&line) }),
            Some(msg) = news.recv() => vec![msg],
            () = tokio::time::sleep(Duration::from_secs(10)), if running => {
                backend.progress().into_iter().map(|(job, progress)| Msg::Progress(job, progress)).collect()
            }
        };
        app.world.now = backend.now();
        app.hush = None; // a line is typed as a whole: nothing of it waited
        for msg in msgs {
            perform(&mut app, &mut backend, msg);
        }
    }
    echo(Echo::On);
    backend.shut_down().await;
    Ok(())
}

fn perform(app: &mut App, backend: &mut impl Backend, msg: Msg) {
    backend.touched();
    for effect in update(app, msg) {
        match effect {
            Effect::Quit => app.done = true,
            Effect::Redraw | Effect::Suspend | Effect::Copy(_) => {}
            effect => backend.perform(effect),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_keys_or_quoted_text() {
        assert_eq!(messages("down down v").len(), 3);
        assert_eq!(messages("\"db:shop").len(), 7);
        assert_eq!(messages("").len(), 1);
        assert_eq!(messages("nonsense").len(), 0);
    }
}
