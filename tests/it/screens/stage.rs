//! A console without a terminal: press keys, read the state, the effects and the picture.

use breakglass::tui::app::{App, Look};
use breakglass::tui::glyphs::{Glyphs, UNICODE};
use breakglass::tui::keymap::Keymap;
use breakglass::tui::msg::{Effect, Msg};
use breakglass::tui::theme::{Role, Theme};
use breakglass::tui::update::update;
use breakglass::tui::widgets::secret_field::SecretText;
use breakglass::tui::world::World;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

/// One letter per role, in the order of `Role::ALL`; `.` is ordinary text.
const LETTERS: &[u8; 17] = b".dTrHSM+gwDKhIG!o";

/// A console without a terminal.
pub struct Stage {
    pub app: App,
    /// Effects that were asked for, in words.
    pub asked: Vec<String>,
    size: (u16, u16),
    /// Answers what lists ask for.
    answers: fn(&Effect) -> Option<Msg>,
}

impl Stage {
    pub fn new(world: World, size: (u16, u16)) -> Self {
        Self::with_glyphs(world, size, &UNICODE)
    }

    pub fn with_glyphs(world: World, size: (u16, u16), glyphs: &'static Glyphs) -> Self {
        let app = App::new(world, Keymap::built_in(), Look { theme: Theme::probe(), glyphs });
        let mut stage = Self { app, asked: vec![], size, answers: |_| None };
        stage.buffer(); // views learn how many rows are visible
        stage
    }

    pub fn send(mut self, msg: Msg) -> Self {
        let mut msgs = std::collections::VecDeque::from([msg]);
        while let Some(msg) = msgs.pop_front() {
            for effect in update(&mut self.app, msg) {
                if let Some(answer) = (self.answers)(&effect) {
                    msgs.push_back(answer);
                } else if !matches!(effect, Effect::SniffFirst(_)) {
                    self.asked.push(effect.words());
                }
            }
            self.buffer();
        }
        self
    }

    /// From now on, this answers what lists ask for; what it answers is not among what was asked.
    pub fn answering(mut self, answers: fn(&Effect) -> Option<Msg>) -> Self {
        self.answers = answers;
        self
    }

    /// Presses keys: words as in key maps, separated by blanks.
    pub fn press(mut self, keys: &str) -> Self {
        for word in keys.split_whitespace() {
            let now = self.app.world.now;
            self = self.send(Msg::Now(breakglass::model::units::Moment(now.0 + 400))).send(Msg::Key(key(word)));
        }
        self
    }

    /// Types every character of a text.
    pub fn type_text(mut self, text: &str) -> Self {
        for c in text.chars() {
            let now = self.app.world.now;
            self = self
                .send(Msg::Now(breakglass::model::units::Moment(now.0 + 400)))
                .send(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
        self
    }

    pub fn paste(self, text: &str) -> Self {
        self.send(Msg::Paste(SecretText::taking(text.to_owned())))
    }

    pub fn buffer(&mut self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        self.app.draw(&mut buffer);
        buffer
    }

    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
    }

    /// What is written.
    pub fn text(&mut self) -> String {
        plane(&self.buffer(), |symbol, _| symbol.to_owned())
    }

    /// What is written, and below it what it means: one letter per cell.
    pub fn picture(&mut self) -> String {
        let buffer = self.buffer();
        let roles = plane(&buffer, |_, letter| letter.to_string());
        format!("{}\n{}\n{roles}", plane(&buffer, |symbol, _| symbol.to_owned()), "~".repeat(usize::from(self.size.0)))
    }
}

fn plane(buffer: &Buffer, cell: impl Fn(&str, char) -> String) -> String {
    let area = buffer.area;
    let mut lines = vec![];
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            let at = &buffer[(x, y)];
            let letter = match at.fg {
                Color::Indexed(n) => char::from(LETTERS[usize::from(n)]),
                _ => '?',
            };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = unicode_width::UnicodeWidthStr::width(at.symbol()).saturating_sub(1);
            line.push_str(&cell(at.symbol(), letter));
        }
        lines.push(line.trim_end().to_owned());
    }
    assert_eq!(LETTERS.len(), Role::ALL.len());
    lines.join("\n")
}

/// A key by its word in key maps.
pub fn key(word: &str) -> KeyEvent {
    let (modifiers, rest) = match word.strip_prefix("ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, word),
    };
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "backspace" => KeyCode::Backspace,
        one => KeyCode::Char(one.chars().next().expect("a key has a name")),
    };
    KeyEvent::new(code, modifiers)
}
