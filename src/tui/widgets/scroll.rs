//! Lines that are read by scrolling.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, row};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;

/// Where one is in lines that may not all fit.
#[derive(Debug, Clone, Default)]
pub struct Scroll {
    top: usize,
    /// Lines there are and lines that fit: they follow the area.
    size: Cell<(usize, usize)>,
}

impl Scroll {
    /// Takes a command that scrolls; `false`: it means nothing here.
    pub fn take(&mut self, command: Command) -> bool {
        let (count, height) = self.size.get();
        match moved(command, self.top, count.saturating_sub(height) + 1, height) {
            Some(top) => self.top = top,
            None => return false,
        }
        true
    }

    /// The same for a sheet on which nothing else can be done.
    pub fn flow(&mut self, command: Command) -> Flow {
        if self.take(command) { Flow::Stay } else { Flow::Pass }
    }

    /// Draws what fits and, in the last line of the area, how much more there is.
    pub fn view(&self, lines: &[Line], scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let body = Rect { height: area.height.saturating_sub(1), ..area };
        let height = usize::from(body.height);
        self.size.set((lines.len(), height));
        let top = self.top.min(lines.len().saturating_sub(height));
        for (line, at) in lines.iter().skip(top).zip(body.rows()) {
            canvas.spans(at, line);
        }
        let more = lines.len().saturating_sub(top + height);
        if more > 0 {
            let page = scene.key(Context::Help, Command::PageDown);
            canvas.text(row(area, body.height), Role::Dim, &format!("{more} more lines: {page}"));
        }
    }
}
