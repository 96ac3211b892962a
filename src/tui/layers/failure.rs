//! Something failed: what, what it means, what to do next, and on request why.

use ratatui::layout::Rect;

use crate::report::Report;
use crate::tui::canvas::{Canvas, Line, indent, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Something failed.
pub struct Failure {
    report: Report,
    causes: Causes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Causes {
    Hidden,
    Shown,
}

impl Failure {
    /// Shows this report.
    pub fn new(report: Report) -> Self {
        Self { report, causes: Causes::Hidden }
    }

    fn lines(&self, width: u16) -> Vec<Line> {
        let room = usize::from(width.saturating_sub(5));
        let mut lines: Vec<Line> =
            wrap(&self.report.headline, room).into_iter().map(|part| vec![span(Role::Danger, part)]).collect();
        if !self.report.advice.is_empty() {
            lines.push(vec![]);
            lines.extend(wrap(&self.report.advice, room).into_iter().map(|part| vec![span(Role::Text, part)]));
        }
        if self.causes == Causes::Shown {
            lines.push(vec![]);
            for (nth, cause) in self.report.causes.iter().enumerate() {
                let head = if nth == 0 { "because  " } else { "         " };
                for (at, part) in wrap(cause, room.saturating_sub(9)).into_iter().enumerate() {
                    lines
                        .push(vec![span(Role::Head, if at == 0 { head } else { "         " }), span(Role::Text, part)]);
                }
            }
            lines.push(vec![span(Role::Head, "code     "), span(Role::Dim, self.report.code.clone())]);
        }
        lines
    }
}

impl Pane for Failure {
    fn context(&self) -> Context {
        Context::Failure
    }

    fn crumb(&self) -> String {
        "Failed".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(width).len() as u16 + 1)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match (command, self.causes) {
            (Command::Open, Causes::Hidden) => {
                self.causes = Causes::Shown;
                Flow::Stay
            }
            (Command::Open, Causes::Shown) => Flow::Leave,
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some(if self.causes == Causes::Hidden { "why" } else { "close" })
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Help]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        for (line, at) in self.lines(area.width).iter().zip(indent(area, 3).rows()) {
            canvas.spans(at, line);
        }
    }
}
