//! Allowing writes to a protected server for a while: which one, and why.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, below, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// Allowing writes to a protected server.
pub struct Arm {
    servers: Vec<(String, String)>,
    chosen: usize,
    input: LineInput,
}

impl Arm {
    /// `None` where the estate protects no server.
    pub fn new(world: &World) -> Option<Self> {
        let protected = world.servers.iter().filter(|server| server.protected);
        let servers: Vec<_> = protected.map(|server| (server.name.clone(), server.address.clone())).collect();
        (!servers.is_empty()).then(|| Self { servers, chosen: 0, input: LineInput::default() })
    }
}

impl Pane for Arm {
    fn context(&self) -> Context {
        Context::Typed
    }

    fn crumb(&self) -> String {
        "Arm".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(self.servers.len() as u16 + 4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Up => self.chosen = self.chosen.saturating_sub(1),
            Command::Down => self.chosen = (self.chosen + 1).min(self.servers.len() - 1),
            Command::Erase => self.input.set(""),
            Command::Start if self.input.text().trim().len() < 4 => {
                return Flow::Say("the audit log wants a reason: type it first".to_owned());
            }
            Command::Start => {
                let server = self.servers[self.chosen].0.clone();
                return Flow::LeaveAnd(vec![Effect::Arm(server, self.input.text().trim().to_owned())]);
            }
            Command::Open => return Flow::Say("enter arms nothing: ctrl-s does".to_owned()),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, _text: SecretText, _world: &World) -> Flow {
        Flow::Say("pasted text never confirms: type the reason".to_owned())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Start).then_some("arm for 10 minutes")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Start, Command::Erase, Command::Back]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, "Allow writes to a protected server for 10 minutes");
        for (nth, ((name, address), at)) in self.servers.iter().zip(below(inner, 1).rows()).enumerate() {
            let (sign, role) = if nth == self.chosen { ("> ", Role::Selection) } else { ("  ", Role::Text) };
            canvas.spans(at, &[span(role, format!("{sign}{name}")), span(Role::Dim, format!("  {address}"))]);
        }
        let field = row(inner, 2 + self.servers.len() as u16);
        let used = canvas.text(field, Role::Head, "reason  ");
        if scene.on_top {
            self.input.view(Rect { width: field.width.saturating_sub(used + 1), ..indent(field, used) }, canvas);
        }
    }
}
