//! What stands beside the list where there is room: the entry under the cursor, and the tables most changed.

use ratatui::layout::Rect;

use crate::model::changes::{Entry, Settled, TransactionLine};
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, Line, below, row, span};
use crate::tui::layers::wall;
use crate::tui::log::Log;
use crate::tui::pane::Scene;
use crate::tui::rows::{counted, fitted};
use crate::tui::theme::Role;
use crate::tui::widgets::body::{Paragraph, lines};

/// The entry under the cursor above, tables below.
pub fn view(log: &Log, entry: Option<&Entry>, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let tables = tables(log, area.width.saturating_sub(1));
    let room = area.height.saturating_sub(tables.len() as u16 + 1);
    let paragraphs = match entry {
        Some(Entry::Transaction(one)) => transaction(one),
        Some(Entry::Wall(one)) => wall::paragraphs(one, scene),
        None => vec![],
    };
    let entry = lines(&paragraphs, area.width.saturating_sub(1));
    for (line, at) in entry.iter().zip(Rect { height: room, ..area }.rows()) {
        canvas.spans(at, line);
    }
    for (line, at) in tables.iter().zip(below(area, area.height.saturating_sub(tables.len() as u16)).rows()) {
        canvas.spans(row(at, 0), line);
    }
}

/// Everything about one transaction.
pub fn transaction(one: &TransactionLine) -> Vec<Paragraph> {
    let facts = &one.facts;
    let mut all = vec![Paragraph::Title(match &facts.gtid {
        Some(gtid) => gtid.to_string(),
        None => format!("{} at {}", one.file, one.place.position),
    })];
    let field = |label, text| Paragraph::Field(label, Role::Text, text);
    all.push(field(
        "committed",
        format!("{} UTC", facts.committed_at.rfc3339().replace('T', " ").trim_end_matches('Z')),
    ));
    let thread =
        facts.thread.map_or_else(|| "its connection is not logged".to_owned(), |thread| format!("connection {thread}"));
    all.push(field("by", format!("{thread} of server {}", facts.server_id)));
    all.push(field("log", format!("{}, position {}, {}", one.file, one.place.position, counted(one.bytes, "byte"))));
    doubts(one, &mut all);
    for (nth, (table, rows)) in one.tables.iter().enumerate() {
        let text = format!(
            "{table}: {} inserted, {} updated, {} deleted",
            grouped(rows.inserts),
            grouped(rows.updates),
            grouped(rows.deletes)
        );
        all.push(field(if nth == 0 { "tables" } else { "" }, text));
    }
    if one.table_count > one.tables.len() as u64 {
        all.push(field("", format!("and {} more", grouped(one.table_count - one.tables.len() as u64))));
    }
    match &one.statement {
        Some(text) => all.push(field("statement", text.to_string())),
        None => all.push(Paragraph::Field(
            "statement",
            Role::Dim,
            "not logged (binlog_rows_query_log_events, binlog_annotate_row_events)".to_owned(),
        )),
    }
    all
}

/// What of it cannot be undone, or is not shown.
fn doubts(one: &TransactionLine, all: &mut Vec<Paragraph>) {
    match one.settled {
        Settled::Committed => {}
        Settled::Undecided => all.push(Paragraph::Field(
            "",
            Role::Warn,
            "prepared (XA); its end is not in this log, so it cannot be undone".to_owned(),
        )),
        Settled::Cut => all.push(Paragraph::Field(
            "",
            Role::Warn,
            "it has no end in this log: it may not have been committed".to_owned(),
        )),
    }
    if one.text_statements > 0 {
        let text = format!(
            "{} in it are logged as text only: they cannot be undone",
            counted(one.text_statements, "statement")
        );
        all.push(Paragraph::Field("", Role::Warn, text));
    }
    if one.rows.all() != one.all_rows {
        let text = format!("{} of its {} pass the filter", grouped(one.rows.all()), counted(one.all_rows, "row"));
        all.push(Paragraph::Field("", Role::Text, text));
    }
}

/// The tables most changed.
fn tables(log: &Log, width: u16) -> Vec<Line> {
    let tables = &log.view.tables;
    let mut all = vec![vec![span(Role::Title, format!("{}, most rows first", counted(tables.len() as u64, "table")))]];
    let name = usize::from(width).saturating_sub(3 * 10).max(10);
    all.push(vec![span(
        Role::Head,
        format!("{}{:>10}{:>10}{:>10}", fitted("TABLE", name), "INSERTED", "UPDATED", "DELETED"),
    )]);
    for totals in tables.iter().take(8) {
        let role = if totals.named { Role::Text } else { Role::Warn };
        let rows = totals.rows;
        all.push(vec![
            span(role, fitted(&totals.table.to_string(), name)),
            span(
                Role::Text,
                format!("{:>10}{:>10}{:>10}", grouped(rows.inserts), grouped(rows.updates), grouped(rows.deletes)),
            ),
        ]);
    }
    if tables.len() > 8 {
        all.push(vec![span(Role::Dim, format!("and {} more", tables.len() - 8))]);
    }
    all
}
