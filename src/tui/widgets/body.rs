//! Paragraphs with labels, read by scrolling.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, indent, row, span, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::Scene;
use crate::tui::screens::moved;
use crate::tui::theme::Role;

/// Columns of the labels.
const LABEL: usize = 10;

/// One paragraph; its text is safe to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paragraph {
    /// A heading.
    Title(String),
    /// A label, and words that are wrapped beside it.
    Field(&'static str, Role, String),
    /// Words over the whole width, wrapped.
    Text(Role, String),
    /// Lines such as `table        shop.orders: 17 put back`: what is wrapped goes on below its words, not its label.
    Sheet(String),
    /// A line that is cut where it does not fit, so that columns hold.
    Line(Line),
    /// Nothing.
    Blank,
}

impl Paragraph {
    fn lines(&self, width: usize, lines: &mut Vec<Line>) {
        match self {
            Self::Title(text) => lines.push(vec![span(Role::Title, text.clone())]),
            Self::Blank => lines.push(vec![]),
            Self::Line(line) => lines.push(line.clone()),
            Self::Text(role, text) => lines.extend(text.lines().flat_map(|line| {
                wrap(line, width).into_iter().map(|part| vec![span(*role, part)]).collect::<Vec<_>>()
            })),
            Self::Sheet(text) => text.lines().for_each(|line| hanging(line, width, lines)),
            Self::Field(label, role, text) => {
                for (nth, part) in wrap(text, width.saturating_sub(LABEL)).into_iter().enumerate() {
                    let label = if nth == 0 { label } else { "" };
                    lines.push(vec![span(Role::Head, format!("{label:<LABEL$}")), span(*role, part)]);
                }
            }
        }
    }
}

/// Wraps a line, but for its label, which ends where blanks stand side by side.
fn hanging(line: &str, width: usize, lines: &mut Vec<Line>) {
    let words = line.find("  ").map_or(0, |blanks| line.len() - line[blanks..].trim_start().len());
    let words = if words * 2 > width { 0 } else { words };
    let (label, text) = line.split_at(words);
    for (nth, part) in wrap(text, width.saturating_sub(words)).into_iter().enumerate() {
        let label = if nth == 0 { label } else { "" };
        lines.push(vec![span(Role::Head, format!("{label:<words$}")), span(Role::Text, part)]);
    }
}

/// Paragraphs as lines of at most so many columns.
pub fn lines(paragraphs: &[Paragraph], width: u16) -> Vec<Line> {
    let mut lines = vec![];
    for paragraph in paragraphs {
        paragraph.lines(usize::from(width), &mut lines);
    }
    lines
}

/// Paragraphs, read by scrolling.
#[derive(Debug, Clone, Default)]
pub struct Body {
    top: usize,
    /// Lines there are and lines that fit: they follow the area.
    size: Cell<(usize, usize)>,
}

impl Body {
    /// Takes a command that scrolls; `false`: it means nothing here.
    pub fn take(&mut self, command: Command) -> bool {
        let (count, height) = self.size.get();
        match moved(command, self.top, count.saturating_sub(height) + 1, height) {
            Some(top) => self.top = top,
            None => return false,
        }
        true
    }

    /// Draws what fits, and how much more there is.
    pub fn view(&self, paragraphs: &[Paragraph], scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 2);
        let body = Rect { height: inner.height.saturating_sub(1), width: inner.width.saturating_sub(1), ..inner };
        let lines = lines(paragraphs, body.width);
        let height = usize::from(body.height);
        self.size.set((lines.len(), height));
        let top = self.top.min(lines.len().saturating_sub(height));
        for (line, at) in lines.iter().skip(top).zip(body.rows()) {
            canvas.spans(at, line);
        }
        let more = lines.len().saturating_sub(top + height);
        if more > 0 {
            let page = scene.key(Context::Help, Command::PageDown);
            canvas.text(row(inner, inner.height - 1), Role::Dim, &format!("{more} more lines: {page}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, width: u16) -> Vec<String> {
        let all = lines(&[Paragraph::Sheet(text.to_owned())], width);
        all.into_iter().map(|line| line.into_iter().map(|part| part.text).collect()).collect()
    }

    #[test]
    fn what_is_wrapped_in_a_sheet_stands_below_its_words() {
        let text = "coverage     from here to there, no gap\n             5c5c\nSigned by: ____";
        let wanted =
            ["coverage     from here to", "             there, no gap", "             5c5c", "Signed by: ____"];
        assert_eq!(written(text, 28), wanted);
        assert_eq!(written("a label that is long  x y z", 12), ["a label that", "is long  x y", "z"]);
    }
}
