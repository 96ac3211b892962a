//! One statement of a script in full.

use ratatui::layout::Rect;

use crate::model::script::{ScriptStatement, Which};
use crate::tui::canvas::{Canvas, indent, row};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::ask::Ask;
use crate::tui::msg::{Effect, RecoveryNo};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::recovery::{decision, reasons, statement};
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::Body;
use crate::tui::world::World;

/// One statement of a script in full.
pub struct OneStatement {
    id: RecoveryNo,
    number: u64,
    body: Body,
}

impl OneStatement {
    /// The statement of that number.
    pub fn new(id: RecoveryNo, number: u64) -> Self {
        Self { id, number, body: Body::default() }
    }

    fn find<'a>(&self, world: &'a World) -> Option<(&'a Undoing, &'a ScriptStatement)> {
        let undoing = world.recovery.as_ref().filter(|undoing| undoing.id == self.id)?;
        let at = usize::try_from(self.number).ok()?;
        Some((undoing, undoing.statements.get(at)?))
    }
}

impl Pane for OneStatement {
    fn context(&self) -> Context {
        Context::Statement
    }

    fn crumb(&self) -> String {
        format!("Statement {}", self.number + 1)
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let Some((undoing, _)) = self.find(world) else { return vec![] };
        [Command::Exclude, Command::Overwrite, Command::Note].map(|command| (command, reasons(undoing, command))).into()
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let last = world.recovery.as_ref().map_or(0, |undoing| undoing.view.changes.saturating_sub(1));
        match command {
            Command::Next | Command::Right => {
                self.number = (self.number + 1).min(last);
                self.body = Body::default();
                return Flow::Stay;
            }
            Command::Previous | Command::Left => {
                self.number = self.number.saturating_sub(1);
                self.body = Body::default();
                return Flow::Stay;
            }
            _ => {}
        }
        if self.body.take(command) {
            return Flow::Stay;
        }
        let Some((_, statement)) = self.find(world) else { return Flow::Pass };
        match command {
            Command::Exclude | Command::Overwrite => {
                let which = Which::Statement(self.number);
                Flow::Do(vec![Effect::Decide(self.id, vec![(which, decision(command, statement))])])
            }
            Command::Note => {
                Flow::Open(Box::new(Ask::note(self.id, vec![Which::Statement(self.number)], &statement.note)))
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        Some(world.recovery.as_ref()?.twin())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Right).then_some("next")
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Back,
            Command::Exclude,
            Command::Overwrite,
            Command::Note,
            Command::Right,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        match self.find(scene.world) {
            Some((undoing, statement)) => {
                let paragraphs = statement::paragraphs(statement, undoing, area.width.saturating_sub(3));
                self.body.view(&paragraphs, scene, area, canvas);
            }
            None => {
                let words = "This statement is on its way, or its recovery is not open any more.";
                canvas.text(indent(row(area, 1), 3), Role::Text, words);
            }
        }
    }
}
