//! What rewriting changes: each statement as it stands in the dump, and as it runs.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::plan::Rewrite;
use crate::tui::canvas::{Canvas, Line, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// What rewriting changes.
pub struct Diff {
    rewrites: Vec<Rewrite>,
    top: usize,
    /// Lines there are and lines that fit: they follow the area.
    size: Cell<(usize, usize)>,
}

impl Diff {
    /// Shows these.
    pub fn new(rewrites: Vec<Rewrite>) -> Self {
        Self { rewrites, top: 0, size: Cell::new((0, 0)) }
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
        let (lines, height) = self.size.get();
        match moved(command, self.top, lines.saturating_sub(height) + 1, height) {
            Some(top) => {
                self.top = top;
                Flow::Stay
            }
            None => Flow::Pass,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::PageDown, Command::Palette]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 1);
        let body = Rect { height: inner.height.saturating_sub(1), ..inner };
        let lines = self.lines(usize::from(body.width));
        self.size.set((lines.len(), usize::from(body.height)));
        let top = self.top.min(lines.len().saturating_sub(usize::from(body.height)));
        for (line, at) in lines.iter().skip(top).zip(body.rows()) {
            canvas.spans(at, line);
        }
        let more = lines.len().saturating_sub(top + usize::from(body.height));
        if more > 0 {
            let page = scene.key(Context::Help, Command::PageDown);
            canvas.text(row(inner, inner.height - 1), Role::Dim, &format!("{more} more lines: {page}"));
        }
    }
}
