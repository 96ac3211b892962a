//! What a target's login asks: whether the host is the right one, a passphrase, a hand on the security key.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::model::question::Asks;
use crate::tui::canvas::{Canvas, Line, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::secret_field::{SecretField, SecretText};
use crate::tui::world::World;
use crate::work::questions::Asking;

/// What a target's login asks.
pub struct Question {
    asking: Asking,
    field: SecretField,
}

impl Question {
    /// Poses this question.
    pub fn new(asking: Asking) -> Self {
        Self { asking, field: SecretField::default() }
    }

    fn takes_answer(&self) -> bool {
        matches!(self.asking.question.asks, Asks::Secret { .. })
    }

    fn give(&self, answer: Option<SecretText>) -> Flow {
        Flow::LeaveAnd(vec![Effect::Answer(self.asking.id, answer)])
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let target = &self.asking.question.target;
        let text = |role, text: String| wrap(&text, width).into_iter().map(move |part| vec![span(role, part)]);
        match &self.asking.question.asks {
            Asks::HostKey { host, kind, fingerprint } => {
                let met = format!("This machine has not met {host} before. Its {kind} key is");
                let compare =
                    "Compare it with the one that the server's owner gives you. A yes is kept in known_hosts.";
                let title = text(Role::Title, format!("Target {target}: is this the right server?"));
                let lines = title.chain(text(Role::Text, met)).chain(text(Role::Head, fingerprint.clone()));
                lines.chain(text(Role::Dim, compare.to_owned())).collect()
            }
            Asks::Secret { prompt } => {
                let (role, note) = if self.asking.question.again {
                    (Role::Danger, "That was not accepted: it asks again.")
                } else {
                    (Role::Dim, "It is not shown and not stored: it goes to ssh, which asks for it.")
                };
                let title = text(Role::Title, format!("Target {target} asks"));
                title.chain(text(Role::Text, prompt.to_string())).chain(text(role, note.to_owned())).collect()
            }
            Asks::Touch { text: words } => {
                let title = text(Role::Title, format!("Target {target} waits for your security key"));
                title.chain(text(Role::Text, words.to_string())).collect()
            }
        }
    }
}

impl Pane for Question {
    fn context(&self) -> Context {
        if self.takes_answer() { Context::Field } else { Context::Confirm }
    }

    fn crumb(&self) -> String {
        "Question".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(usize::from(width.saturating_sub(5))).len() as u16 + 3)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn poses(&self) -> Option<u64> {
        Some(self.asking.id)
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match (command, &self.asking.question.asks) {
            (Command::Back | Command::No, _) => self.give(None),
            (Command::Yes, Asks::HostKey { .. }) => self.give(Some(SecretText::taking(String::new()))),
            (Command::Yes, Asks::Touch { .. }) => Flow::Say("touch the key itself: nothing here can".to_owned()),
            (Command::Open, Asks::Secret { .. }) if self.field.is_empty() => {
                Flow::Say("type the answer first, or leave with esc".to_owned())
            }
            (Command::Open, Asks::Secret { .. }) => {
                let answer = self.field.take();
                self.give(Some(answer))
            }
            (Command::Erase, _) => {
                self.field.clear();
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn takes_secret(&self) -> bool {
        self.takes_answer()
    }

    fn takes_text(&self) -> bool {
        self.takes_answer()
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
        if !self.takes_answer() {
            return Flow::Say("pasted text never confirms: press the key".to_owned());
        }
        self.field.paste(&text);
        Flow::Stay
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("answer"),
            Command::Yes => Some("it is the right one"),
            Command::No | Command::Back => Some("do not connect"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        match self.asking.question.asks {
            Asks::HostKey { .. } => &[Command::Yes, Command::No],
            Asks::Secret { .. } => &[Command::Open, Command::Back, Command::Erase],
            Asks::Touch { .. } => &[Command::No],
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let lines = self.lines(usize::from(area.width.saturating_sub(5)));
        for (line, at) in lines.iter().zip(inner.rows()) {
            canvas.spans(at, line);
        }
        let next = row(inner, lines.len() as u16 + 1);
        let no = [span(Role::Selection, "N"), span(Role::Text, " does not connect")];
        match &self.asking.question.asks {
            Asks::HostKey { .. } => {
                let yes = scene.key(Context::Confirm, Command::Yes);
                let yes = [span(Role::Key, yes), span(Role::Text, " it is the right one    ")];
                canvas.spans(next, &[&yes[..], &no[..]].concat());
            }
            Asks::Secret { .. } => {
                let used = canvas.text(next, Role::Head, "answer  ");
                if scene.on_top {
                    self.field.view(Rect { width: next.width.saturating_sub(used + 1), ..indent(next, used) }, canvas);
                }
            }
            Asks::Touch { .. } => _ = canvas.spans(next, &no),
        }
    }
}
