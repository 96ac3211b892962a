//! A table of text: columns as wide as what stands in them, cut only where a terminal would wrap.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// On which side a column's text stands, and whether it gives way where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words and times, which are useless when cut.
    Left,
    /// Numbers, which are wrong when cut.
    Right,
    /// Names, at the left: they are cut where a terminal would wrap.
    Name,
}

/// Rows under a line of titles. Cells must be safe to draw.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";
/// A name is not cut below this many columns.
const NARROWEST: usize = 6;

impl Table {
    /// An empty table.
    pub fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: vec![] }
    }

    /// Appends a row; missing cells are empty.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The text, names cut until a line fits into `width` where one is given: the widest column gives way first.
    pub fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut text =
            self.line(&self.columns.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
        }
        text
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let cell = |row: &Vec<String>, at: usize| row.get(at).map_or(0, |cell| cell.width());
        let widest = |at: usize| self.rows.iter().map(|row| cell(row, at)).max().unwrap_or(0);
        let mut widths: Vec<usize> =
            self.columns.iter().enumerate().map(|(at, (title, _))| widest(at).max(title.width())).collect();
        if let Some(width) = width {
            let gaps = GAP.len() * widths.len().saturating_sub(1);
            while widths.iter().sum::<usize>() + gaps > width {
                let names = widths.iter_mut().zip(&self.columns).filter(|(_, (_, side))| *side == Side::Name);
                match names.map(|(width, _)| width).max() {
                    Some(widest) if *widest > NARROWEST => *widest -= 1,
                    _ => break,
                }
            }
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, ((_, side), width)) in self.columns.iter().zip(widths).enumerate() {
            let cell = cut(cells.get(at).map_or("", String::as_str), *width);
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let gap = if at == 0 { "" } else { GAP };
            line.push_str(&match side {
                Side::Left | Side::Name => format!("{gap}{cell}{pad}"),
                Side::Right => format!("{gap}{pad}{cell}"),
            });
        }
        format!("{}\n", line.trim_end())
    }
}

/// Cuts a text to so many columns between graphemes, with `~` where something is missing.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        if kept.width() + grapheme.width() + 1 > width {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.push('~');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("NAME", Side::Name), ("SIZE", Side::Right)]);
        table.row(["shop".to_owned(), "4.2G".to_owned()]);
        table.row(["\u{5e97}\u{8217}".to_owned(), "97M".to_owned()]);
        table.row(["a_rather_long_name_of_a_backup".to_owned(), "0B".to_owned()]);
        table
    }

    #[test]
    fn columns_count_what_the_terminal_counts() {
        let text = table().render(None);
        assert_eq!(text.lines().nth(1), Some("shop                            4.2G"));
        assert_eq!(text.lines().nth(2), Some("\u{5e97}\u{8217}                             97M"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = table().render(Some(20));
        assert!(text.lines().all(|line| line.width() <= 20));
        assert!(text.contains("a_rather_long~"), "{text}");
    }
}
