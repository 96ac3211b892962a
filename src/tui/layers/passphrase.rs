//! The passphrase of a key: bullets only, in our own locked buffer.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, indent, row, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::key_source::news_words;
use crate::tui::msg::{Effect, KeyFrom, Msg, Retry};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::secret_field::{SecretField, SecretText};
use crate::tui::world::World;

/// The passphrase of a key.
pub struct Passphrase {
    from: KeyFrom,
    field: SecretField,
    state: State,
}

enum State {
    Typing,
    Trying,
    Refused(String),
}

impl Passphrase {
    /// Asks for the passphrase of this key.
    pub fn new(from: KeyFrom) -> Self {
        Self { from, field: SecretField::default(), state: State::Typing }
    }
}

impl Pane for Passphrase {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        "Passphrase".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(5)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match (command, &self.state) {
            (Command::Open, State::Trying) => Flow::Stay,
            (Command::Open, _) if self.field.is_empty() => Flow::Say("type the passphrase first".to_owned()),
            (Command::Open, _) => {
                self.state = State::Trying;
                Flow::Do(vec![Effect::LoadKey(self.from.clone(), Some(self.field.take()))])
            }
            (Command::Erase, _) => {
                self.field.clear();
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn takes_secret(&self) -> bool {
        true
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        match key.code {
            KeyCode::Char(c) => self.field.push(c),
            KeyCode::Backspace => self.field.pop(),
            _ => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.field.paste(&text);
        Flow::Stay
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::KeyLoaded(_) => Flow::LeaveSaying(news_words(news)),
            Msg::KeyRefused(_, Retry::Passphrase, report) => {
                self.field.clear();
                self.state = State::Refused(report.headline.clone());
                Flow::Stay
            }
            Msg::KeyRefused(_, Retry::Never, report) => {
                Flow::Swap(Box::new(crate::tui::layers::failure::Failure::new((**report).clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("open the key")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let typed = matches!(self.from, KeyFrom::Typed);
        let title =
            if typed { "A passphrase or raw key".to_owned() } else { format!("Passphrase of {}", self.from.words()) };
        canvas.text(row(inner, 0), Role::Title, &title);
        let (role, text) = match &self.state {
            State::Typing if typed => {
                (Role::Dim, "As it is, or 32 bytes in base64 or hex. Not shown, and kept in locked memory only.")
            }
            State::Typing => (Role::Dim, "It is not shown, not stored, and wiped as soon as the key is open."),
            State::Trying => (Role::Dim, "Trying it: old keys ask for many rounds, this can take a second..."),
            State::Refused(why) => (Role::Danger, why.as_str()),
        };
        let line = wrap(text, usize::from(inner.width.saturating_sub(2))).into_iter().next().unwrap_or_default();
        canvas.text(row(inner, 1), role, &line);
        let field = row(inner, 3);
        let used = canvas.text(field, Role::Head, "passphrase  ");
        if scene.on_top {
            self.field.view(Rect { width: field.width.saturating_sub(used + 1), ..indent(field, used) }, canvas);
        }
    }
}
