//! Everything that the past of all series says: what stands first, then what is over.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::judgement::{Judgement, Severity};
use crate::tui::canvas::{Canvas, Line, indent, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::marks;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::World;
use crate::work::history::SeriesPast;

/// Everything that the past says.
pub struct Checks {
    top: usize,
    /// Lines there are and lines that fit.
    size: Cell<(usize, usize)>,
}

impl Checks {
    /// At its top.
    pub fn new() -> Self {
        Self { top: 0, size: Cell::new((0, 0)) }
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self::new()
    }
}

fn lines(world: &World, width: usize) -> Vec<Line> {
    let mut all: Vec<(&SeriesPast, &Judgement)> =
        world.past.series().iter().flat_map(|series| series.judgements.iter().map(move |judged| (&**series, judged))).collect();
    all.sort_by_key(|(_, judged)| {
        let severity = if judged.stands() { judged.severity } else { Severity::Note };
        (!judged.stands(), std::cmp::Reverse((severity, judged.since)))
    });
    if all.is_empty() {
        return vec![vec![span(Role::Good, "Nothing is late, failed, or beyond its habit.")]];
    }
    let mut lines: Vec<Line> = vec![];
    let mut over = false;
    for (series, judged) in all {
        if !judged.stands() && !over {
            over = true;
            lines.push(vec![]);
            lines.push(vec![span(Role::Head, "over")]);
        }
        let place = series.key.target.as_ref().map_or_else(String::new, |target| format!(" on {target}"));
        let role = if judged.stands() { marks::severity(judged.severity) } else { Role::Dim };
        let head = format!("{}  ", judged.since.minute());
        let text = format!("{}{place}: {}", series.label, judged.words());
        for (nth, part) in wrap(&text, width.saturating_sub(head.len())).into_iter().enumerate() {
            let lead = if nth == 0 { head.clone() } else { " ".repeat(head.len()) };
            lines.push(vec![span(Role::Dim, lead), span(role, part)]);
        }
    }
    lines
}

impl Pane for Checks {
    fn context(&self) -> Context {
        Context::Help
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
            None => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some("breakglass history --judgements".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 2);
        let lines = lines(scene.world, usize::from(inner.width.saturating_sub(2)));
        self.size.set((lines.len(), usize::from(inner.height)));
        let top = self.top.min(lines.len().saturating_sub(usize::from(inner.height)));
        for (line, at) in lines.iter().skip(top).zip(inner.rows()) {
            canvas.spans(at, line);
        }
    }
}
