//! The question before leaving, where leaving would cost something.

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// The question before leaving.
pub struct Leave {
    running: usize,
}

impl Leave {
    /// Says what is lost.
    pub fn new(world: &World) -> Self {
        Self { running: world.running() }
    }
}

impl Pane for Leave {
    fn context(&self) -> Context {
        Context::Quit
    }

    fn crumb(&self) -> String {
        "Leave?".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Yes => Flow::Do(vec![Effect::Quit]),
            Command::No => Flow::Leave,
            _ => Flow::Pass,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Yes, Command::No, Command::Back]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, "Leave breakglass?");
        let (role, text) = match self.running {
            0 => (Role::Text, "No job runs. Keys are wiped.".to_owned()),
            1 => (Role::Warn, "A job runs: it is stopped after its current statement. Keys are wiped.".to_owned()),
            many => (
                Role::Warn,
                format!("{many} jobs run: they are stopped after their current statements. Keys are wiped."),
            ),
        };
        canvas.text(row(inner, 1), role, &text);
        let yes = scene.key(Context::Quit, Command::Yes);
        canvas.spans(
            row(inner, 3),
            &[
                span(Role::Key, yes),
                span(Role::Text, " leaves    "),
                span(Role::Selection, "N"),
                span(Role::Text, " stays"),
            ],
        );
    }
}
