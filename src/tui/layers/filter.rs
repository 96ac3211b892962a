//! The filter line: what is typed narrows the list below at once.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::tui::canvas::Canvas;
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// The filter line.
pub struct Filter {
    input: LineInput,
}

impl Filter {
    /// Starts with what is being filtered by.
    pub fn new(text: &str) -> Self {
        Self { input: LineInput::new(text) }
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
            Command::Open => Flow::Leave,
            Command::Erase => {
                self.input.set("");
                Flow::Filter(String::new())
            }
            Command::Up | Command::Down | Command::PageUp | Command::PageDown => Flow::Below(command),
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if self.input.key(key) { Flow::Filter(self.input.text().to_owned()) } else { Flow::Stay }
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        Flow::Filter(self.input.text().to_owned())
    }

    fn typing(&self) -> Option<(&str, usize)> {
        Some((self.input.text(), self.input.column()))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("keep"),
            Command::Erase => Some("erase"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, _scene: &Scene<'_>, _area: Rect, _canvas: &mut Canvas<'_>) {}
}
