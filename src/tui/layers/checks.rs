//! What `check` would tell a monitor now, with its reasons.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::past::Verdict;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// What `check` would say.
#[derive(Default)]
pub struct Checks {
    top: usize,
    /// Lines there are and lines that fit: they follow the area.
    size: Cell<(usize, usize)>,
}

fn role(word: &str) -> Role {
    match word {
        "OK" => Role::Good,
        "CRITICAL" => Role::Danger,
        _ => Role::Warn,
    }
}

fn lines(verdict: &Verdict, width: usize) -> Vec<Line> {
    let mut lines = vec![];
    for (nth, part) in wrap(&verdict.line, width).into_iter().enumerate() {
        lines.push(vec![span(if nth == 0 { role(&verdict.word) } else { Role::Text }, part)]);
    }
    lines.push(vec![]);
    let widest = verdict.parts.iter().map(|part| part.name.chars().count()).max().unwrap_or(0).min(width / 3);
    for part in &verdict.parts {
        let name: String = part.name.chars().take(widest).collect();
        let head = [span(role(&part.word), format!("{:<10}", part.word)), span(Role::Text, format!("{name:<widest$}  "))];
        let blank = [span(Role::Text, " ".repeat(widest + 12))];
        let reasons = part.reasons.iter().flat_map(|reason| wrap(reason, width.saturating_sub(widest + 12)));
        let mut any = false;
        for reason in reasons {
            let mut line = if any { blank.to_vec() } else { head.to_vec() };
            line.push(span(Role::Dim, reason));
            lines.push(line);
            any = true;
        }
        if !any {
            lines.push(head.to_vec());
        }
    }
    lines
}

impl Pane for Checks {
    fn context(&self) -> Context {
        Context::Checks
    }

    fn crumb(&self) -> String {
        "Checks".to_owned()
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
            None if command == Command::Open => Flow::Say("the reasons stand behind each line".to_owned()),
            None => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some("breakglass check".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 1), 2);
        let Some(verdict) = &scene.world.past.check else {
            canvas.text(row(inner, 0), Role::Text, "Listing the targets and judging every series...");
            return;
        };
        let lines = lines(verdict, usize::from(inner.width.saturating_sub(2)));
        self.size.set((lines.len(), usize::from(inner.height)));
        let top = self.top.min(lines.len().saturating_sub(usize::from(inner.height)));
        for (line, at) in lines.iter().skip(top).zip(inner.rows()) {
            canvas.spans(at, line);
        }
    }
}
