//! The same accident in tables whose names and rows do harm.

use std::sync::Arc;

use breakglass::model::change::{Change, Charset, Value};
use breakglass::model::changes::{ChangesRequest, Entry, TableRef};
use breakglass::model::foreign::Foreign;
use breakglass::model::script::ScriptOptions;
use breakglass::tui::msg::{Effect, Msg, Opened};

use super::{LOG, UNDO, answers, recovery, view, world};
use crate::screens::stage::Stage;

/// A name that somebody chose to do harm.
fn evil() -> Foreign {
    let name = "esc\u{1b}]0;owned\u{7}\u{202e}gpj\u{9b}2J\u{85}名\u{2066}\n\t\0".as_bytes();
    Foreign::new([name, b"\xff\xfe\x1b[2J"].concat())
}

fn evil_table() -> TableRef {
    TableRef { schema: evil(), table: evil() }
}

fn evil_change(mut change: Change) -> Change {
    let mut table = (*change.table).clone();
    (table.schema, table.name) = (evil(), evil());
    for column in &mut table.columns {
        column.name = evil();
    }
    change.table = Arc::new(table);
    change.key.file = Arc::new(evil());
    change.statement = Some(Arc::new(evil()));
    for image in [&mut change.before, &mut change.after].into_iter().flatten() {
        let bytes = evil().raw_bytes().to_vec().into();
        image.values[2] = Some(Value::Text { bytes, charset: Charset::Named("utf8mb4") });
        image.values[3] =
            Some(Value::Text { bytes: evil().raw_bytes()[..20].to_vec().into(), charset: Charset::Named("utf8mb4") });
    }
    change
}

fn evil_answers(effect: &Effect) -> Option<Msg> {
    Some(match answers(effect)? {
        Msg::Entries(job, request, Ok(mut page)) => {
            for entry in &mut page.entries {
                match entry {
                    Entry::Transaction(line) => {
                        line.tables[0].0 = evil_table();
                        line.file = Arc::new(evil());
                        line.statement = Some(Arc::new(evil()));
                    }
                    Entry::Wall(wall) => {
                        (wall.file, wall.statement) = (evil(), evil());
                        wall.tables = vec![evil_table()];
                    }
                }
            }
            Msg::Entries(job, request, Ok(page))
        }
        Msg::Rows(job, request, Ok(mut page)) => {
            page.changes = page.changes.into_iter().map(evil_change).collect();
            Msg::Rows(job, request, Ok(page))
        }
        Msg::Statements(id, page, Ok(mut content)) => {
            for statement in &mut content.statements {
                statement.change = Arc::new(evil_change((*statement.change).clone()));
            }
            content.transactions.iter_mut().for_each(|one| one.file = evil());
            Msg::Statements(id, page, Ok(content))
        }
        other => other,
    })
}

/// Both screens over a log whose names do harm.
pub fn hostile(size: (u16, u16)) -> Stage {
    let mut log = view(true);
    log.source = Arc::new(evil());
    for table in &mut log.tables {
        table.table = evil_table();
    }
    for file in &mut log.files {
        file.name = evil();
    }
    log.walls[0].statement = evil();
    let mut script = recovery();
    script.tables.iter_mut().for_each(|table| table.table = evil_table());
    script.walls[0].wall.statement = evil();
    let source = String::from_utf8_lossy(evil().raw_bytes()).into_owned();
    let request = ChangesRequest { source, ..ChangesRequest::default() };
    let opened =
        Opened { id: UNDO, title: "all".into(), twin: "breakglass recover".into(), options: ScriptOptions::default() };
    Stage::new(world(), size)
        .answering(evil_answers)
        .press("3")
        .send(Msg::LogOpened(LOG, Box::new(request)))
        .send(Msg::Log(LOG, Arc::new(log)))
        .send(Msg::RecoveryOpened(Box::new(opened), Arc::new(script)))
}
