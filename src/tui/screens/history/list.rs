//! The list of series with their strips.

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::judgement::Severity;
use crate::model::units::{ByteSize, long_span, short_span};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::screens::history::marks;
use crate::tui::screens::history::window::Window;
use crate::tui::screens::history::concern;
use crate::tui::theme::Role;
use crate::tui::widgets::spark::spark;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;
use crate::work::history::SeriesPast;
use crate::work::history::strip::{Mark, strip};

/// The place of the strip among the columns.
const STRIP: usize = 3;
/// Sizes in the small chart of a row.
const SIZES: usize = 9;

/// What was drawn.
pub struct Shown {
    /// The first row.
    pub top: usize,
    /// How many rows there was room for.
    pub rows: usize,
    /// Columns of the strip.
    pub columns: u16,
    /// Marks that stand on the screen.
    pub seen: Vec<Mark>,
}

/// Draws heads and rows; `cursor` is the row under it and the first row of the last picture.
pub fn draw(
    series: &[Arc<SeriesPast>],
    (cursor, top): (usize, usize),
    window: Window,
    world: &World,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> Shown {
    let columns = columns(series);
    let layout = Layout::fit(&columns, area.width.saturating_sub(4));
    layout.heads(&columns, indent(row(area, 0), 3), canvas);
    let width = layout.width(STRIP);
    let ticks = vec![span(Role::Head, window.ticks(width, world.now))];
    layout.row(&columns, &only_strip(ticks), indent(row(area, 0), 3), canvas);
    let rows = below(area, 1);
    let height = usize::from(rows.height);
    let top = scrolled(top, cursor, height);
    let from = window.from(width, world.now);
    let mut seen = vec![];
    for ((at, one), line) in series.iter().enumerate().skip(top).zip(rows.rows()) {
        let drawn = strip(one, window.zoom, from, usize::from(width), world.now);
        layout.row(&columns, &cells(one, series, &drawn, world, canvas), indent(line, 3), canvas);
        seen.extend(drawn);
        if let Some((severity, _)) = concern(one) {
            let mark = if severity == Severity::Critical { "x" } else { "!" };
            canvas.text(indent(line, 1), marks::severity(severity), mark);
        }
        if at == cursor {
            canvas.text(line, Role::Text, ">");
            canvas.paint(line, Role::Selection);
        }
    }
    Shown { top, rows: height, columns: width, seen }
}

fn columns(series: &[Arc<SeriesPast>]) -> [Column; 7] {
    let widest = series.iter().map(|one| name(one, series).chars().count()).max().unwrap_or(0);
    let column = |title, least, most, side, rank| Column { title, least, most, side, rank };
    [
        column("DATABASE", 10, u16::try_from(widest.clamp(10, 24)).unwrap_or(24), Side::Left, 1),
        column("RHYTHM", 7, 9, Side::Left, 5),
        column("LAST GOOD", 14, 20, Side::Left, 2),
        column("", 20, 62, Side::Left, 0),
        column("SIZE", 5, 5, Side::Right, 3),
        column("", SIZES as u16, SIZES as u16, Side::Left, 6),
        column("TOOK", 7, 7, Side::Right, 4),
    ]
}

fn only_strip(line: Line) -> [Line; 7] {
    let mut cells: [Line; 7] = Default::default();
    cells[STRIP] = line;
    cells
}

/// Its label, and its target where another series is labelled alike.
fn name(one: &SeriesPast, all: &[Arc<SeriesPast>]) -> String {
    let alike = all.iter().filter(|other| other.label == one.label).count();
    match &one.key.target {
        Some(target) if alike > 1 => format!("{} {target}", one.label),
        _ => one.label.clone(),
    }
}

fn cells(one: &SeriesPast, all: &[Arc<SeriesPast>], drawn: &[Mark], world: &World, canvas: &Canvas<'_>) -> [Line; 7] {
    let newest = one.newest();
    let took = one.points.iter().rev().find_map(|point| point.took);
    let took = took.map(|took| long_span(std::time::Duration::from_millis(took.max(0).unsigned_abs())));
    let mut sizes: Vec<u64> = one.points.iter().rev().filter_map(|point| point.bytes).take(SIZES).collect();
    sizes.reverse();
    let text = |text: String| vec![span(Role::Text, text)];
    [
        text(name(one, all)),
        text(one.rhythm.word()),
        good(one, world),
        marks::drawn(drawn),
        text(newest.and_then(|point| point.bytes).map_or_else(String::new, |bytes| ByteSize(bytes).to_string())),
        vec![span(Role::Dim, spark(canvas.glyphs, &sizes, SIZES))],
        text(took.unwrap_or_default()),
    ]
}

/// The age of the newest copy, and how good it is, or what is worse than that.
fn good(one: &SeriesPast, world: &World) -> Line {
    let newest = one.newest();
    let age = newest.map_or_else(|| "-".to_owned(), |point| short_span(point.at.age_at(world.now)));
    let mut line = vec![span(Role::Text, format!("{age:>4} "))];
    line.push(match (concern(one), newest) {
        (Some((severity, words)), _) => span(marks::severity(severity), words),
        (None, Some(point)) => marks::kept(point.kept),
        (None, None) => span(Role::Dim, "none there"),
    });
    line
}
