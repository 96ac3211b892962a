//! What rewriting changes: each statement as it stands in the dump, and as it runs.

use ratatui::layout::Rect;

use crate::model::plan::Rewrite;
use crate::tui::canvas::{Canvas, Line, indent, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::scroll::Scroll;
use crate::tui::world::World;

/// What rewriting changes.
pub struct Diff {
    rewrites: Vec<Rewrite>,
    scroll: Scroll,
}

impl Diff {
    /// Shows these.
    pub fn new(rewrites: Vec<Rewrite>) -> Self {
        Self { rewrites, scroll: Scroll::default() }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let count = self.rewrites.len();
        let s = if count == 1 { "" } else { "s" };
        let mut lines = vec![vec![
            span(Role::Text, format!("{count} statement{s} of the dump, ")),
            span(Role::Danger, "- as it stands, "),
            span(Role::Good, "+ as it runs"),
        ]];
        for rewrite in &self.rewrites {
            lines.push(vec![]);
            let fate = if rewrite.after.is_none() { ": left out" } else { "" };
            lines.push(vec![span(Role::Title, format!("{}{fate}", rewrite.place))]);
            side(&mut lines, Role::Danger, '-', &rewrite.before, width);
            side(&mut lines, Role::Good, '+', rewrite.after.as_deref().unwrap_or_default(), width);
        }
        lines
    }
}

fn side(lines: &mut Vec<Line>, role: Role, sign: char, text: &[String], width: usize) {
    for line in text {
        for (nth, piece) in wrap(line, width.saturating_sub(2)).into_iter().enumerate() {
            let sign = if nth == 0 { sign } else { ' ' };
            lines.push(vec![span(role, format!("{sign} {piece}"))]);
        }
    }
}

impl Pane for Diff {
    fn context(&self) -> Context {
        Context::Help
    }

    fn crumb(&self) -> String {
        "Rewritten SQL".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        self.scroll.flow(command)
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::PageDown, Command::Palette]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 1);
        self.scroll.view(&self.lines(usize::from(inner.width)), scene, inner, canvas);
    }
}
