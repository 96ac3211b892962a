//! Cells and hit areas: the only way in which views draw.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::model::backup::BackupId;
use crate::model::job::JobId;
use crate::model::units::Moment;
use crate::tui::command::Command;
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::{Role, Theme};
use crate::work::history::SeriesKey;

/// What a click on an area means. Ids, never row numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// Puts the cursor on a backup.
    Backup(BackupId),
    /// Puts the cursor on a job.
    Job(JobId),
    /// Puts the cursor on a series of the history.
    Series(SeriesKey),
    /// Puts the cursor on what happened then.
    At(Moment),
    /// Puts the cursor on one of several lines that never change their place while they are shown.
    Line(usize),
    /// Runs a command.
    Run(Command),
}

/// A piece of text in one role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// What it says.
    pub text: String,
    /// What it means.
    pub role: Role,
}

/// A piece of text in a role.
pub fn span(role: Role, text: impl Into<String>) -> Span {
    Span { text: text.into(), role }
}

/// One line of text.
pub type Line = Vec<Span>;

/// A buffer seen through a theme.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    /// The symbols of this terminal.
    pub glyphs: &'static Glyphs,
    /// Areas that answer to the mouse, later ones on top.
    pub hits: Vec<(Rect, Hit)>,
    /// Where the terminal's cursor stands, if something is being typed.
    pub cursor: Option<Position>,
}

impl<'a> Canvas<'a> {
    /// Draws on `buffer`.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme, glyphs: &'static Glyphs) -> Self {
        Self { buffer, theme, glyphs, hits: vec![], cursor: None }
    }

    /// All of the buffer.
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Writes one text at the left of `area`'s first row, cut with an ellipsis; returns the columns used.
    pub fn text(&mut self, area: Rect, role: Role, text: &str) -> u16 {
        self.spans(area, &[span(role, text)])
    }

    /// Writes spans one behind the other, cut with an ellipsis; returns the columns used.
    pub fn spans(&mut self, area: Rect, spans: &[Span]) -> u16 {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return 0;
        }
        let needed: usize = spans.iter().map(|span| span.text.width()).sum();
        let room = usize::from(area.width);
        let tail = self.glyphs.ellipsis;
        let limit = if needed > room { room.saturating_sub(tail.width()) } else { room };
        let mut used = 0;
        for span in spans {
            let (width, whole) = self.put(area, used, limit, span);
            used = width;
            if !whole {
                if needed > room {
                    self.cell(area.x + used as u16, area.y, tail, span.role);
                    used += tail.width();
                }
                break;
            }
        }
        used as u16
    }

    fn put(&mut self, area: Rect, start: usize, limit: usize, span: &Span) -> (usize, bool) {
        let mut used = start;
        for grapheme in span.text.graphemes(true) {
            let shown = if grapheme.chars().any(char::is_control) { "?" } else { grapheme };
            let width = shown.width();
            if width == 0 {
                continue;
            }
            if used + width > limit {
                return (used, false);
            }
            self.cell(area.x + used as u16, area.y, shown, span.role);
            used += width;
        }
        (used, true)
    }

    fn cell(&mut self, x: u16, y: u16, symbol: &str, role: Role) {
        let style = self.theme.style(role);
        let wide = symbol.width() > 1;
        if let Some(cell) = self.buffer.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(style);
        }
        if wide && let Some(cell) = self.buffer.cell_mut((x + 1, y)) {
            cell.reset();
            cell.set_style(style);
        }
    }

    /// Gives every cell of `area` a role, keeping what stands there.
    pub fn paint(&mut self, area: Rect, role: Role) {
        let area = area.intersection(self.buffer.area);
        let style = self.theme.style(role);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                let symbol = cell.symbol().to_owned();
                cell.reset();
                cell.set_symbol(&symbol).set_style(style);
            }
        }
    }

    /// Empties `area`.
    pub fn clear(&mut self, area: Rect) {
        for position in area.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
                cell.set_style(self.theme.style(Role::Text));
            }
        }
    }

    /// A rule along the first row of `area`.
    pub fn rule(&mut self, area: Rect) {
        let line = self.glyphs.rule.to_string().repeat(usize::from(area.width));
        self.text(area, Role::Rule, &line);
    }

    /// A rule down the first column of `area`, hanging from the rule above it and standing on the one below.
    pub fn divider(&mut self, area: Rect) {
        let glyphs = self.glyphs;
        for y in area.top()..area.bottom() {
            self.cell(area.x, y, &glyphs.bar.to_string(), Role::Rule);
        }
        for (y, glyph) in [(area.top().wrapping_sub(1), glyphs.tee), (area.bottom(), glyphs.foot)] {
            if self.buffer.area.contains(Position { x: area.x, y }) {
                self.cell(area.x, y, &glyph.to_string(), Role::Rule);
            }
        }
    }

    /// Lets the mouse do what a key does.
    pub fn clickable(&mut self, area: Rect, hit: Hit) {
        self.hits.push((area, hit));
    }
}

/// One row of an area, counted from its top; empty beyond its end.
pub fn row(area: Rect, nth: u16) -> Rect {
    if nth < area.height { Rect { y: area.y + nth, height: 1, ..area } } else { Rect { height: 0, ..area } }
}

/// The part of an area from the `nth` row on.
pub fn below(area: Rect, nth: u16) -> Rect {
    let nth = nth.min(area.height);
    Rect { y: area.y + nth, height: area.height - nth, ..area }
}

/// The part of an area from the `nth` column on.
pub fn indent(area: Rect, nth: u16) -> Rect {
    let nth = nth.min(area.width);
    Rect { x: area.x + nth, width: area.width - nth, ..area }
}

/// Breaks a text into lines of at most `width` columns, at blanks where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let gap = usize::from(!line.is_empty());
            if line.width() + gap + word.width() <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(word);
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            let cut = word.char_indices().take_while(|(at, c)| word[..at + c.len_utf8()].width() <= width).last();
            let end = cut.map_or(word.len(), |(at, c)| at + c.len_utf8());
            line.push_str(&word[..end]);
            word = &word[end..];
            lines.push(String::new());
        }
    }
    if lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::UNICODE;

    fn drawn(width: u16, text: &str) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        let theme = Theme::probe();
        Canvas::new(&mut buffer, &theme, &UNICODE).text(area, Role::Text, text);
        buffer.content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn texts_are_cut_between_characters_by_columns() {
        assert_eq!(drawn(6, "abcdef"), "abcdef");
        assert_eq!(drawn(6, "abcdefg"), "abcde…");
        assert_eq!(drawn(6, "備份備份"), "備 份 … ");
        assert_eq!(drawn(4, "\u{1b}[31mx"), "?[3…");
        assert_eq!(drawn(1, "ab"), "…");
    }

    #[test]
    fn wrapping_breaks_at_blanks_and_inside_endless_words() {
        assert_eq!(wrap("do not restore it", 10), ["do not", "restore it"]);
        assert_eq!(wrap("abcdefghijklmnop", 8), ["abcdefgh", "ijklmnop"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
