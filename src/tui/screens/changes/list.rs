//! Transactions and walls in the order of the log.

use std::cell::Cell;
use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::model::change::ChangeKind;
use crate::model::changes::{Entry, Rows as Counts, Settled, TransactionLine, Wall};
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span};
use crate::tui::log::Log;
use crate::tui::rows::{clock, label, verb};
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};

/// Columns in front of the cells: the cursor, a mark, a finding.
const MARGIN: u16 = 3;

/// Columns that not every log can fill.
const THREAD: usize = 6;
const STATEMENT: usize = 7;

/// What is drawn.
pub struct Rows<'a> {
    /// Where entries come from.
    pub log: &'a Log,
    /// The row under the cursor.
    pub cursor: usize,
    /// Entries that are marked.
    pub marked: &'a BTreeMap<u64, TransactionLine>,
    /// First visible row and how many are visible.
    pub window: &'a Cell<(usize, usize)>,
    /// The key that tells everything about a wall.
    pub wall_key: String,
}

/// The columns, those that the log has nothing for being left out.
fn columns(log: &Log, with_day: bool, width: u16) -> Vec<(usize, Column)> {
    let widest = widest(log);
    let any = |fits: fn(&TransactionLine) -> bool| {
        (0..log.held()).any(|row| matches!(log.at(row), Some(Entry::Transaction(line)) if fits(line)))
    };
    let threads = any(|line| line.facts.thread.is_some());
    let statements = any(|line| line.statement.is_some());
    let all = every_column(with_day, widest, width).into_iter().enumerate();
    all.filter(|(at, _)| (*at != THREAD || threads) && (*at != STATEMENT || statements)).collect()
}

/// Names of tables are cut last; what was run says more than its number, which the detail has too.
fn every_column(with_day: bool, widest: u16, width: u16) -> [Column; 8] {
    let column = |title, least, most, side, rank| Column { title, least, most, side, rank };
    let time = if with_day { 18 } else { 12 };
    let (least, text) = if width < 76 { (14, 14) } else { (24, 20) };
    [
        column("TIME UTC", time, time, Side::Left, 0),
        column("KIND", 6, 6, Side::Left, 0),
        column("TABLE", widest.min(least), widest, Side::Left, 1),
        column("ROWS", 9, 11, Side::Right, 0),
        column("SIZE", 5, 5, Side::Right, 5),
        column("TRANSACTION", 12, 14, Side::Left, 4),
        column("THREAD", 6, 8, Side::Right, 6),
        column("STATEMENT", text, 160, Side::Left, 2),
    ]
}

/// Whether times need their day.
pub fn with_day(log: &Log) -> bool {
    let day = |edge: &Option<crate::model::changes::Edge>| edge.as_ref().and_then(|edge| edge.at).map(|at| at.day());
    day(&log.view.coverage.from) != day(&log.view.coverage.to)
}

/// The columns that the longest name of a table takes, within reason.
fn widest(log: &Log) -> u16 {
    let names = log.view.tables.iter().take(200).map(|totals| totals.table.to_string().chars().count());
    names.max().unwrap_or(0).clamp(8, 32) as u16 + 3
}

/// Heads and rows.
pub fn view(rows: &Rows<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let log = rows.log;
    let with_day = with_day(log);
    let (places, columns): (Vec<usize>, Vec<Column>) = columns(log, with_day, area.width).into_iter().unzip();
    let layout = Layout::fit(&columns, area.width.saturating_sub(MARGIN));
    layout.heads(&columns, indent(row(area, 0), MARGIN), canvas);
    let body = below(area, 1);
    let height = usize::from(body.height);
    let top = scrolled(rows.window.get().0, rows.cursor, height).min(log.held().saturating_sub(1));
    rows.window.set((top, height));
    for (line, nth) in body.rows().zip(top..log.held()) {
        let Some(entry) = log.at(nth) else { break };
        match entry {
            Entry::Transaction(one) => {
                canvas.spans(indent(line, 2), &[margin(one)]);
                let mut cells = cells(one, with_day);
                let cells: Vec<Line> = places.iter().map(|at| std::mem::take(&mut cells[*at])).collect();
                layout.row(&columns, &cells, indent(line, MARGIN), canvas);
                if rows.marked.contains_key(&one.number) {
                    canvas.text(Rect { width: 1, ..indent(line, 1) }, Role::Marked, "*");
                }
            }
            Entry::Wall(wall) => wall_line(wall, with_day, &rows.wall_key, line, canvas),
        }
        if nth == rows.cursor {
            canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
            canvas.paint(line, Role::Selection);
        }
        canvas.clickable(line, Hit::Entry(entry.number()));
    }
}

/// `!` where something of it cannot be undone.
fn margin(one: &TransactionLine) -> crate::tui::canvas::Span {
    let sound = one.settled == Settled::Committed && one.text_statements == 0;
    if sound { span(Role::Text, " ") } else { span(Role::Warn, "!") }
}

/// The one kind of a count, if there is only one.
pub fn only(rows: Counts) -> Option<ChangeKind> {
    [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete].into_iter().find(|kind| rows.of(*kind) == rows.all())
}

fn cells(one: &TransactionLine, with_day: bool) -> [Line; 8] {
    let kind = only(one.rows).map_or("mixed", verb);
    let kind_role = if one.rows.deletes > 0 { Role::Danger } else { Role::Text };
    let table = match one.tables.first() {
        Some((table, _)) if one.table_count > 1 => format!("{table} +{}", one.table_count - 1),
        Some((table, _)) => table.to_string(),
        None => String::new(),
    };
    let text = |text: String| vec![span(Role::Text, text)];
    let statement = one.statement.as_ref().map_or_else(String::new, |text| text.to_string());
    [
        text(clock(one.facts.committed_at, with_day)),
        vec![span(kind_role, kind)],
        text(table),
        text(grouped(one.rows.all())),
        text(ByteSize(one.bytes).to_string()),
        text(label(&one.facts)),
        text(one.facts.thread.map_or_else(String::new, |thread| thread.to_string())),
        vec![span(Role::Dim, statement)],
    ]
}

/// `14:02:31.000 wall   ALTER TABLE shop.stock ...   undo stops here: d`.
fn wall_line(wall: &Wall, with_day: bool, key: &str, line: Rect, canvas: &mut Canvas<'_>) {
    let role = if wall.verb.destroys() { Role::Danger } else { Role::Warn };
    let end = format!("  undo stops here: {key}");
    let room = line.width.saturating_sub(end.len() as u16 + 1);
    let words = [
        span(Role::Text, format!("{}  ", clock(wall.at, with_day))),
        span(role, "wall    "),
        span(role, wall.statement.to_string()),
    ];
    let used = canvas.spans(Rect { width: room.saturating_sub(MARGIN), ..indent(line, MARGIN) }, &words);
    canvas.text(indent(line, MARGIN + used), Role::Dim, &end);
}
