//! Statements grouped by the transaction that they undo, or the reasons why nothing can be written.

use std::cell::Cell;
use std::collections::BTreeSet;

use ratatui::layout::Rect;

use crate::model::script::{Choice, Mode, RefusedChange, RowState, ScriptStatement};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span};
use crate::tui::rows::{clock, table, undone, verb};
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::table::{Column, Layout, Side};

/// What is drawn.
pub struct Rows<'a> {
    /// Where statements come from.
    pub undoing: &'a Undoing,
    /// The one under the cursor.
    pub cursor: usize,
    /// Those that are marked.
    pub marked: &'a BTreeSet<u64>,
    /// First visible one and how many lines are visible.
    pub window: &'a Cell<(usize, usize)>,
}

/// The columns of `cells` that say something here, by their places there. Names and rows are cut last: what is dropped
/// stands in full behind `enter`.
fn columns(undoing: &Undoing, width: u16) -> Vec<(usize, Column)> {
    let names = undoing.view.tables.iter().take(200).map(|table| table.table.to_string().chars().count());
    let name = names.max().unwrap_or(0).clamp(8, 32) as u16;
    let rows = undoing.statements.held().map(|(_, statement)| statement.row.chars().count());
    // In steps, so that the columns stay where they are while one moves along.
    let row = rows.max().unwrap_or(0).clamp(8, 40).next_multiple_of(4) as u16;
    let least = if width < 76 { 12 } else { 24 };
    let column = |title, least: u16, most, rank| Column { title, least, most, side: Side::Left, rank };
    let all = [
        column("STATE NOW", 14, 14, 0),
        column("IN", 4, 4, 0),
        column("DOES", 6, 6, 3),
        column("TABLE", name.min(least), name, 2),
        column("ROW", row.min(least), row, 1),
        column("VALUES OR NOTE", 12, 160, 4),
    ];
    let is_looked_at = !undoing.view.check.server.is_empty();
    let one_table = undoing.view.tables.len() <= 1 && width < 100;
    let says = |at: &usize| (*at != STATE || is_looked_at) && (*at != TABLE || !one_table);
    all.into_iter().enumerate().filter(|(at, _)| says(at)).collect()
}

/// Columns that may say nothing: nobody looked at a server yet; the title names the only table.
const STATE: usize = 0;
const TABLE: usize = 3;

/// The columns of reasons. The whole reason of the one under the cursor stands below the list.
fn columns_of_reasons(refused: &[RefusedChange]) -> [Column; 3] {
    let places = refused.iter().take(200).map(|one| one.position().chars().count());
    let place = places.max().unwrap_or(0).clamp(8, 32) as u16;
    let column = |title, least, most, rank| Column { title, least, most, side: Side::Left, rank };
    [column("POSITION", place, place, 1), column("TABLE", 12, 28, 2), column("WHY IT CANNOT BE UNDONE", 24, 200, 0)]
}

/// Columns in front of the cells: the cursor, a mark, a finding.
const MARGIN: u16 = 3;

/// How many rows the list has: statements, or reasons.
pub fn count(undoing: &Undoing) -> usize {
    if undoing.is_refused() { undoing.view.refused.len() } else { undoing.statements.count() }
}

/// How a state is meant.
pub fn role(state: RowState) -> Role {
    match state {
        RowState::Matches => Role::Good,
        RowState::Unknown | RowState::Undone => Role::Dim,
        RowState::Changed | RowState::Gone | RowState::Anew | RowState::Unknowable => Role::Warn,
    }
}

/// `in`, `out`, or `over` for what is overwritten.
pub fn choice(statement: &ScriptStatement) -> (Role, &'static str) {
    match (statement.choice, statement.mode) {
        (Choice::Exclude, _) => (Role::Dim, "out"),
        (Choice::Include, Mode::Strict) => (Role::Text, "in"),
        (Choice::Include, Mode::Overwrite) => (Role::Danger, "over"),
    }
}

/// Heads and rows.
pub fn view(rows: &Rows<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    if rows.undoing.is_refused() {
        return reasons(rows, area, canvas);
    }
    let (places, columns): (Vec<usize>, Vec<Column>) = columns(rows.undoing, area.width).into_iter().unzip();
    let layout = Layout::fit(&columns, area.width.saturating_sub(MARGIN));
    layout.heads(&columns, indent(row(area, 0), MARGIN), canvas);
    let body = below(area, 1);
    let height = usize::from(body.height);
    let top = top(rows, height);
    rows.window.set((top, height));
    let mut used = 0;
    let mut before = None;
    for nth in top..count(rows.undoing) {
        let statement = rows.undoing.statements.get(nth);
        let transaction = statement.map(|statement| statement.transaction);
        if transaction.is_some() && transaction != before {
            group(rows.undoing, transaction, row(body, used), canvas);
            (before, used) = (transaction, used + 1);
        }
        if usize::from(used) >= height {
            break;
        }
        let line = row(body, used);
        match statement {
            Some(statement) => {
                margin(rows, statement, line, canvas);
                let mut cells = cells(statement);
                let cells: Vec<Line> = places.iter().map(|at| std::mem::take(&mut cells[*at])).collect();
                layout.row(&columns, &cells, indent(line, MARGIN), canvas);
            }
            None => {
                canvas.text(indent(line, MARGIN), Role::Dim, "...");
            }
        }
        if nth == rows.cursor {
            canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
            canvas.paint(line, Role::Selection);
        }
        canvas.clickable(line, Hit::Statement(nth as u64));
        used += 1;
    }
}

/// The first visible statement: the cursor stays visible with the headings of the transactions above it.
fn top(rows: &Rows<'_>, height: usize) -> usize {
    let of = |nth: usize| rows.undoing.statements.get(nth).map(|statement| statement.transaction);
    let mut top = rows.window.get().0.min(rows.cursor).max(rows.cursor.saturating_sub(height));
    let headings = |top: usize| {
        let mut before = None;
        let fresh = |nth: &usize| {
            let here = of(*nth);
            let is_new = here.is_some() && here != before;
            before = here;
            is_new
        };
        (top..=rows.cursor).filter(fresh).count()
    };
    while top < rows.cursor && rows.cursor - top + 1 + headings(top) > height {
        top += 1;
    }
    top
}

/// The heading of a transaction.
fn group(undoing: &Undoing, transaction: Option<u64>, line: Rect, canvas: &mut Canvas<'_>) {
    let Some(one) = transaction.and_then(|number| undoing.transaction(number)) else { return };
    let thread = one.thread.map_or_else(String::new, |thread| format!(", connection {thread}"));
    let label = crate::tui::rows::short_gtid(&one.label);
    let words = format!("undoes {label} of {} UTC{thread}, {}", clock(one.committed_at, true), one.file);
    canvas.text(indent(line, 1), Role::Head, &words);
}

fn margin(rows: &Rows<'_>, statement: &ScriptStatement, line: Rect, canvas: &mut Canvas<'_>) {
    let mark = match (statement.now.state, &statement.sql) {
        (_, Err(_)) => span(Role::Danger, "x"),
        (RowState::Unknown | RowState::Matches | RowState::Undone, _) => span(Role::Text, " "),
        _ => span(Role::Warn, "!"),
    };
    canvas.spans(indent(line, 2), &[mark]);
    if rows.marked.contains(&statement.number) {
        canvas.text(Rect { width: 1, ..indent(line, 1) }, Role::Marked, "*");
    }
}

fn cells(statement: &ScriptStatement) -> [Line; 6] {
    let out = statement.choice == Choice::Exclude;
    let text = |text: String| vec![span(if out { Role::Off } else { Role::Text }, text)];
    let (choice_role, choice) = choice(statement);
    let last = match (&statement.sql, statement.note.is_empty()) {
        (_, false) => vec![span(Role::Key, "note "), span(Role::Text, statement.note.clone())],
        (Err(why), _) => vec![span(Role::Danger, why.clone())],
        (Ok(_), _) if !statement.now.columns.is_empty() => vec![span(Role::Warn, since(statement))],
        (Ok(_), _) => text(undone(&statement.change)),
    };
    [
        vec![span(role(statement.now.state), statement.now.state.words())],
        vec![span(choice_role, choice)],
        text(verb(statement.kind).to_owned()),
        text(table(&statement.change)),
        text(statement.row.clone()),
        last,
    ]
}

/// `status by 5c0e..:99180 at 14:20:07`: what changed since, and by whom.
pub fn since(statement: &ScriptStatement) -> String {
    let names = statement.now.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let by = statement.now.later.as_ref().map_or_else(String::new, |later| {
        let thread = later.thread.map_or_else(String::new, |thread| format!(" ({thread})"));
        format!(" by {}{thread} at {}", crate::tui::rows::short_gtid(&later.label), clock(later.at, false))
    });
    format!("{names}{by}")
}

/// Why nothing can be written: every reason that is held.
fn reasons(rows: &Rows<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let refused = &rows.undoing.view.refused;
    let named = refused.iter().any(|one| one.table.is_some());
    let all: Vec<Column> =
        columns_of_reasons(refused).into_iter().filter(|column| named || column.title != "TABLE").collect();
    let layout = Layout::fit(&all, area.width.saturating_sub(MARGIN));
    layout.heads(&all, indent(row(area, 0), MARGIN), canvas);
    let body = below(area, 1);
    let height = usize::from(body.height);
    let top = crate::tui::widgets::table::scrolled(rows.window.get().0, rows.cursor, height);
    rows.window.set((top, height));
    for ((nth, one), line) in refused.iter().enumerate().skip(top).zip(body.rows()) {
        let table = one.table.as_ref().map_or_else(String::new, ToString::to_string);
        let text = |role, text: String| vec![span(role, text)];
        let mut cells = vec![text(Role::Text, one.position()), text(Role::Danger, one.reason.clone())];
        if named {
            cells.insert(1, text(Role::Text, table));
        }
        layout.row(&all, &cells, indent(line, MARGIN), canvas);
        if nth == rows.cursor {
            canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
            canvas.paint(line, Role::Selection);
        }
    }
}
