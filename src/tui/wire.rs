//! Cells to bytes: only what changed, in one synchronized update.
//!
//! Our own instead of crossterm's: `NO_COLOR` there writes `ESC[;m`, which erases bold and reverse, and
//! on a slow line every byte counts.

use std::io::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

/// What the terminal shows, as far as we know.
pub struct Wire {
    shown: Buffer,
    cursor: Option<Position>,
    /// Nothing is known: everything is painted.
    fresh: bool,
}

impl Wire {
    /// A terminal of which nothing is known.
    pub fn new(area: Rect) -> Self {
        Self { shown: Buffer::empty(area), cursor: None, fresh: true }
    }

    /// Forgets what is shown, as after a resize or another program.
    pub fn forget(&mut self, area: Rect) {
        *self = Self::new(area);
    }

    /// The bytes that turn what is shown into `next`; empty when nothing changed.
    pub fn frame(&mut self, next: Buffer, cursor: Option<Position>) -> Vec<u8> {
        if self.shown.area != next.area {
            self.forget(next.area);
        }
        let changes: Vec<(u16, u16, &Cell)> = self.shown.diff(&next);
        if changes.is_empty() && cursor == self.cursor && !self.fresh {
            return vec![];
        }
        let mut out = Writer {
            bytes: b"\x1b[?2026h".to_vec(),
            at: None,
            pen: Pen::default(),
            width: next.area.width,
            erased: None,
        };
        if self.fresh {
            out.raw(b"\x1b[0m\x1b[2J");
        }
        if self.cursor.is_some() || self.fresh {
            out.raw(b"\x1b[?25l");
        }
        let mut tail: Option<(u16, u16)> = None;
        for (x, y, cell) in changes {
            let (_, end) = tail.filter(|(row, _)| *row == y).unwrap_or_else(|| (y, end_of(&next, y)));
            tail = Some((y, end));
            if x < end {
                out.bridge(&next, x, y);
                out.cell(x, y, cell);
            } else if out.erased != Some(y) {
                out.erase(x, y);
            }
        }
        out.pen(Pen::default());
        if let Some(place) = cursor {
            out.go(place.x, place.y);
            out.raw(b"\x1b[?25h");
        }
        out.raw(b"\x1b[?2026l");
        let bytes = out.bytes;
        (self.shown, self.cursor, self.fresh) = (next, cursor, false);
        bytes
    }
}

/// The column from which on a row is blank.
fn end_of(buffer: &Buffer, y: u16) -> u16 {
    let inked = |x: &u16| !is_blank(&buffer[(*x, y)]);
    (buffer.area.left()..buffer.area.right()).rev().find(inked).map_or(buffer.area.left(), |x| x + 1)
}

/// A blank whose colour of ink nobody sees.
fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " "
        && cell.bg == Color::Reset
        && !cell.modifier.intersects(Modifier::UNDERLINED | Modifier::REVERSED)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    mods: Modifier,
}

impl Default for Pen {
    fn default() -> Self {
        Self { fg: Color::Reset, bg: Color::Reset, mods: Modifier::empty() }
    }
}

struct Writer {
    bytes: Vec<u8>,
    /// Where the terminal's cursor is, if that is certain.
    at: Option<(u16, u16)>,
    pen: Pen,
    width: u16,
    /// The row whose end was erased last.
    erased: Option<u16>,
}

impl Writer {
    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.bytes.write_fmt(text).expect("a Vec takes every byte");
    }

    fn cell(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        let bare = self.pen.bg == Color::Reset && !self.pen.mods.intersects(Modifier::UNDERLINED | Modifier::REVERSED);
        if !(bare && is_blank(cell)) {
            self.pen(Pen { fg: cell.fg, bg: cell.bg, mods: cell.modifier });
        }
        self.raw(cell.symbol().as_bytes());
        let width = unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1) as u16;
        // Behind the last column terminals disagree about where the cursor is.
        self.at = (x + width < self.width).then_some((x + width, y));
    }

    /// Writes the few cells up to `x` again where that takes fewer bytes than to step over them.
    fn bridge(&mut self, next: &Buffer, x: u16, y: u16) {
        let Some((from, line)) = self.at else { return };
        if line != y || from >= x || x - from > 3 {
            return;
        }
        let bare = self.pen.bg == Color::Reset && !self.pen.mods.intersects(Modifier::UNDERLINED | Modifier::REVERSED);
        let is_plain = |x: u16| {
            let cell = &next[(x, y)];
            let same = Pen { fg: cell.fg, bg: cell.bg, mods: cell.modifier } == self.pen;
            cell.symbol().len() == 1 && (same || (bare && is_blank(cell)))
        };
        if (from..x).all(is_plain) {
            (from..x).for_each(|x| self.cell(x, y, &next[(x, y)]));
        }
    }

    /// Blanks the row from here to its end.
    fn erase(&mut self, x: u16, y: u16) {
        self.go(x, y);
        self.pen(Pen::default());
        self.raw(b"\x1b[K");
        self.erased = Some(y);
    }

    fn go(&mut self, x: u16, y: u16) {
        match self.at {
            Some(at) if at == (x, y) => return,
            Some((from, line)) if line == y && from < x => match x - from {
                1 => self.raw(b"\x1b[C"),
                gap => self.put(format_args!("\x1b[{gap}C")),
            },
            _ if x == 0 => self.put(format_args!("\x1b[{}H", y + 1)),
            _ => self.put(format_args!("\x1b[{};{}H", y + 1, x + 1)),
        }
        self.at = Some((x, y));
    }

    /// Turns the pen into another one, by what differs or from nothing, whichever takes fewer bytes.
    fn pen(&mut self, pen: Pen) {
        if pen == self.pen {
            return;
        }
        let (anew, changed) = (anew(pen), changed(self.pen, pen));
        let codes = if changed.len() < anew.len() { changed } else { anew };
        self.put(format_args!("\x1b[{codes}m"));
        self.pen = pen;
    }
}

/// The pen from nothing.
fn anew(pen: Pen) -> String {
    let mut codes = String::from("0");
    for (modifier, on, _) in MODIFIERS {
        if pen.mods.contains(modifier) {
            codes.push_str(&format!(";{on}"));
        }
    }
    for (colour, ground) in [(pen.fg, Ground::Fore), (pen.bg, Ground::Back)] {
        if colour != Color::Reset {
            codes.push(';');
            codes.push_str(&code(colour, ground));
        }
    }
    codes
}

/// What has to change.
fn changed(old: Pen, new: Pen) -> String {
    let mut codes: Vec<String> = vec![];
    let (gone, come) = (old.mods - new.mods, new.mods - old.mods);
    let weight = Modifier::BOLD | Modifier::DIM;
    for (modifier, on, off) in MODIFIERS {
        if gone.contains(modifier) {
            codes.push(off.to_string());
        }
        // What ends bold ends dim as well.
        if come.contains(modifier)
            || weight.contains(modifier) && gone.intersects(weight) && new.mods.contains(modifier)
        {
            codes.push(on.to_string());
        }
    }
    // What ends something must stand before what begins something.
    codes.sort_by_key(|code| code.len() < 2);
    for (now, before, ground) in [(new.fg, old.fg, Ground::Fore), (new.bg, old.bg, Ground::Back)] {
        if now != before {
            codes.push(code(now, ground));
        }
    }
    codes.join(";")
}

/// Modifiers that are drawn, how they begin and how they end.
const MODIFIERS: [(Modifier, u8, u8); 4] =
    [(Modifier::BOLD, 1, 22), (Modifier::DIM, 2, 22), (Modifier::UNDERLINED, 4, 24), (Modifier::REVERSED, 7, 27)];

fn code(colour: Color, ground: Ground) -> String {
    let base = if ground == Ground::Fore { 30 } else { 40 };
    let plain = match colour {
        Color::Reset => 9,
        Color::Rgb(r, g, b) => return format!("{};2;{r};{g};{b}", base + 8),
        Color::Indexed(index) => return format!("{};5;{index}", base + 8),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
    };
    format!("{}", base + plain)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    Fore,
    Back,
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn the_same_picture_twice_costs_nothing() {
        let area = Rect::new(0, 0, 10, 2);
        let mut wire = Wire::new(area);
        let mut picture = Buffer::empty(area);
        picture.set_string(1, 1, "abc", Style::new());
        assert!(!wire.frame(picture.clone(), None).is_empty());
        assert!(wire.frame(picture.clone(), None).is_empty());
        picture.set_string(3, 1, "d", Style::new().add_modifier(Modifier::REVERSED));
        let bytes = String::from_utf8(wire.frame(picture, None)).unwrap();
        assert_eq!(bytes, "\u{1b}[?2026h\u{1b}[2;4H\u{1b}[7md\u{1b}[0m\u{1b}[?2026l");
    }

    #[test]
    fn a_pen_changes_by_the_fewest_bytes_and_every_frame_ends_without_one() {
        let area = Rect::new(0, 0, 4, 1);
        let mut picture = Buffer::empty(area);
        picture.set_string(0, 0, "a", Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD));
        picture.set_string(1, 0, "b", Style::new().fg(Color::Indexed(9)).bg(Color::Rgb(1, 2, 3)));
        let bytes = String::from_utf8(Wire::new(area).frame(picture, None)).unwrap();
        assert!(bytes.contains("\u{1b}[1;91ma\u{1b}[0;38;5;9;48;2;1;2;3mb\u{1b}[0m"), "{bytes:?}");
        assert!(!bytes.contains("\u{1b}[;m"));
    }

    #[test]
    fn what_ends_bold_does_not_end_dim() {
        let pen = |mods| Pen { mods, ..Pen::default() };
        let both = Modifier::BOLD | Modifier::DIM;
        assert_eq!(changed(pen(both | Modifier::REVERSED), pen(Modifier::DIM)), "22;27;2");
        assert_eq!(changed(pen(Modifier::DIM), pen(Modifier::BOLD)), "22;1");
        assert_eq!(changed(pen(Modifier::empty()), pen(both)), "1;2");
    }
}
