//! Paragraphs with labels, read by scrolling.

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, indent, span, wrap};
use crate::tui::command::Command;
use crate::tui::pane::Scene;
use crate::tui::theme::Role;
use crate::tui::widgets::scroll::Scroll;

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
pub struct Body(Scroll);

impl Body {
    /// Takes a command that scrolls; `false`: it means nothing here.
    pub fn take(&mut self, command: Command) -> bool {
        self.0.take(command)
    }

    /// Draws what fits, and how much more there is.
    pub fn view(&self, paragraphs: &[Paragraph], scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 2);
        let inner = Rect { width: inner.width.saturating_sub(1), ..inner };
        self.0.view(&lines(paragraphs, inner.width), scene, inner, canvas);
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
