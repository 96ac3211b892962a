//! One line of ordinary text. Never for secrets: the type inside prints its value.

use crossterm::event::{Event, KeyEvent};
use ratatui::layout::{Position, Rect};
use tui_input::backend::crossterm::EventHandler;
use tui_input::{Input, InputRequest};

use crate::model::foreign::escape;
use crate::tui::canvas::Canvas;
use crate::tui::theme::Role;

/// The longest text that is taken.
const LIMIT: usize = 1024;

/// One line of text being typed.
#[derive(Default, Clone)]
pub struct LineInput(Input);

impl LineInput {
    /// Starts with a text and the cursor behind it.
    pub fn new(text: &str) -> Self {
        Self(Input::new(text.to_owned()))
    }

    /// What stands there.
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// The column of the cursor.
    pub fn column(&self) -> usize {
        self.0.visual_cursor()
    }

    /// Takes a key; says whether the text changed.
    pub fn key(&mut self, key: &KeyEvent) -> bool {
        if self.text().len() >= LIMIT && matches!(key.code, crossterm::event::KeyCode::Char(_)) {
            return false;
        }
        let before = self.text().to_owned();
        self.0.handle_event(&Event::Key(*key));
        before != self.text()
    }

    /// Takes pasted text, without its control characters.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim().chars().filter(|c| !c.is_control()).take(LIMIT.saturating_sub(self.text().len())) {
            self.0.handle(InputRequest::InsertChar(c));
        }
    }

    /// Replaces the text.
    pub fn set(&mut self, text: &str) {
        self.0 = Input::new(text.to_owned());
    }

    /// Draws the text, scrolled so that the cursor is visible, and places the terminal's cursor.
    pub fn view(&self, area: Rect, canvas: &mut Canvas<'_>) {
        if area.is_empty() {
            return;
        }
        let scroll = self.0.visual_scroll(usize::from(area.width.max(2)) - 1);
        let mut columns = 0;
        let from = self.text().char_indices().find(|(_, c)| {
            let here = columns;
            columns += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            here >= scroll
        });
        let tail = from.map_or("", |(at, _)| &self.text()[at..]);
        canvas.text(area, Role::Input, &escape(tail));
        let x = area.x + (self.column().saturating_sub(scroll) as u16).min(area.width - 1);
        canvas.cursor = Some(Position { x, y: area.y });
    }
}
