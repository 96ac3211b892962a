//! The filter line: what is typed narrows the list below at once.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::tui::canvas::Canvas;
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Cover, Flow, LogAct, Pane, Scene};
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// The filter line.
pub struct Filter {
    input: LineInput,
    takes: Takes,
}

/// Who takes what was typed, and when.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// The list of backups, at every key.
    Live,
    /// The list of changes, on enter: it may take a pass over the log.
    Changes,
    /// The statements of a script, on enter.
    Search,
}

impl Filter {
    /// Starts with what is being filtered by.
    pub fn new(text: &str) -> Self {
        Self { input: LineInput::new(text), takes: Takes::Live }
    }

    /// Filters changes once it is complete.
    pub fn on_enter(text: &str) -> Self {
        Self { takes: Takes::Changes, ..Self::new(text) }
    }

    /// Searches statements once it is complete.
    pub fn search(text: &str) -> Self {
        Self { takes: Takes::Search, ..Self::new(text) }
    }

    fn typed(&self) -> Flow {
        if self.takes == Takes::Live { Flow::Filter(self.input.text().to_owned()) } else { Flow::Stay }
    }
}

impl Pane for Filter {
    fn context(&self) -> Context {
        Context::Filter
    }

    fn crumb(&self) -> String {
        String::new()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Line
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Open => match self.takes {
                Takes::Live => Flow::Leave,
                Takes::Changes => Flow::LeaveLog(LogAct::Filter(self.input.text().to_owned())),
                Takes::Search => Flow::LeaveSearch(self.input.text().trim().to_owned()),
            },
            Command::Erase => {
                self.input.set("");
                self.typed()
            }
            Command::Up | Command::Down | Command::PageUp | Command::PageDown => Flow::Below(command),
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if self.input.key(key) { self.typed() } else { Flow::Stay }
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        self.typed()
    }

    fn typing(&self) -> Option<(&str, usize)> {
        Some((self.input.text(), self.input.column()))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some(if self.takes == Takes::Search { "search" } else { "keep" }),
            Command::Erase => Some("erase"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, _scene: &Scene<'_>, _area: Rect, _canvas: &mut Canvas<'_>) {}
}
