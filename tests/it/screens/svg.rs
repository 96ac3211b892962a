//! Pictures for the README, from the same cells that a terminal gets.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const CELL: (f32, f32) = (8.4, 18.0);
const MARGIN: f32 = 14.0;
const BACKGROUND: &str = "#14181e";
const TEXT: &str = "#c9ced6";

/// A picture of a screen.
pub fn svg(buffer: &Buffer, title: &str) -> String {
    let area = buffer.area;
    let width = f32::from(area.width) * CELL.0 + 2.0 * MARGIN;
    let height = f32::from(area.height) * CELL.1 + 2.0 * MARGIN;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for y in area.top()..area.bottom() {
        line(&mut out, buffer, y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

struct Look {
    fg: String,
    bg: Option<String>,
    bold: &'static str,
    under: &'static str,
}

impl PartialEq for Look {
    fn eq(&self, other: &Self) -> bool {
        (&self.fg, &self.bg, self.bold, self.under) == (&other.fg, &other.bg, other.bold, other.under)
    }
}

fn look(cell: &Cell) -> Look {
    let (mut fg, mut bg) = (hex(cell.fg).unwrap_or(TEXT.to_owned()), hex(cell.bg));
    if cell.modifier.contains(Modifier::REVERSED) {
        let ground = bg.unwrap_or(BACKGROUND.to_owned());
        bg = Some(std::mem::replace(&mut fg, ground));
    }
    let bold = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let under = if cell.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    Look { fg, bg, bold, under }
}

fn hex(colour: Color) -> Option<String> {
    match colour {
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        _ => None,
    }
}

fn line(out: &mut String, buffer: &Buffer, y: u16) {
    let (top, base) = (MARGIN + f32::from(y) * CELL.1, MARGIN + f32::from(y) * CELL.1 + 13.5);
    let mut x = buffer.area.left();
    while x < buffer.area.right() {
        let start = x;
        let style = look(&buffer[(x, y)]);
        let mut text = String::new();
        while x < buffer.area.right() && look(&buffer[(x, y)]) == style {
            text.push_str(buffer[(x, y)].symbol());
            x += 1;
        }
        let left = MARGIN + f32::from(start) * CELL.0;
        let long = f32::from(x - start) * CELL.0;
        if let Some(bg) = &style.bg {
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{}\" fill=\"{bg}\"/>",
                CELL.1
            );
        }
        if text.chars().all(|c| c == '─') {
            rule(out, left, top + CELL.1 / 2.0, long, &style.fg);
        } else if let [bar @ ('│' | '┬' | '┴')] = text.chars().collect::<Vec<_>>()[..] {
            divider(out, bar, left, top, &style.fg);
        } else if !text.trim().is_empty() {
            let shown = escape(&text);
            let _ = writeln!(
                out,
                "<text x=\"{left:.1}\" y=\"{base:.1}\" fill=\"{}\"{}{} textLength=\"{long:.1}\">{shown}</text>",
                style.fg, style.bold, style.under
            );
        }
    }
}

/// Rules are drawn as lines: fonts leave gaps between box characters.
fn rule(out: &mut String, x: f32, y: f32, long: f32, fill: &str) {
    let _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{long:.1}\" height=\"1\" fill=\"{fill}\"/>");
}

fn divider(out: &mut String, bar: char, x: f32, top: f32, fill: &str) {
    let (from, long) = match bar {
        '┬' => (top + CELL.1 / 2.0, CELL.1 / 2.0),
        '┴' => (top, CELL.1 / 2.0),
        _ => (top, CELL.1),
    };
    let middle = x + CELL.0 / 2.0;
    let _ = writeln!(out, "<rect x=\"{middle:.1}\" y=\"{from:.1}\" width=\"1\" height=\"{long:.1}\" fill=\"{fill}\"/>");
    if bar != '│' {
        rule(out, x, top + CELL.1 / 2.0, CELL.0, fill);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}")
}
