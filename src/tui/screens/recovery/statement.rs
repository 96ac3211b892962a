//! Everything about one statement: what it does, the change, the row as it is now.

use crate::model::script::{Choice, Mode, RowState, ScriptStatement};
use crate::tui::rows::{self, clock, short_gtid, table, verb};
use crate::tui::screens::recovery::list::{role, since};
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::Paragraph;

/// Everything about one statement.
pub fn paragraphs(statement: &ScriptStatement, undoing: &Undoing, width: u16) -> Vec<Paragraph> {
    let now = &statement.now;
    let change = &statement.change;
    let mut all = vec![Paragraph::Title(format!("{} {}  {}", verb(statement.kind), table(change), statement.row))];
    all.push(Paragraph::Field("now", role(now.state), state(statement)));
    if !now.why.is_empty() {
        all.push(Paragraph::Field("", Role::Warn, now.why.clone()));
    }
    all.push(chosen(statement));
    if !statement.note.is_empty() {
        all.push(Paragraph::Field("note", Role::Key, statement.note.clone()));
    }
    match &statement.sql {
        // One that overwrites is made of several.
        Ok(sql) => all.extend(
            sql.lines()
                .enumerate()
                .map(|(nth, one)| Paragraph::Field(if nth == 0 { "runs" } else { "" }, Role::Text, one.to_owned())),
        ),
        Err(why) => all.push(Paragraph::Field("refused", Role::Danger, why.clone())),
    }
    all.push(Paragraph::Blank);
    let looked = now.state != RowState::Unknown && now.state != RowState::Unknowable;
    all.extend(rows::columns(change, looked.then_some(now.columns.as_slice()), usize::from(width)));
    all.push(Paragraph::Blank);
    if let Some(one) = undoing.transaction(statement.transaction) {
        let thread = one.thread.map_or_else(String::new, |thread| format!(", connection {thread}"));
        let text = format!(
            "{} {} of {} UTC{thread}",
            verb(change.kind),
            short_gtid(&one.label),
            clock(one.committed_at, true)
        );
        all.push(Paragraph::Field("undoes", Role::Text, text));
    }
    if let Some(text) = &change.statement {
        all.push(Paragraph::Field("statement", Role::Dim, text.to_string()));
    }
    all
}

fn state(statement: &ScriptStatement) -> String {
    let now = &statement.now;
    match now.state {
        RowState::Unknown => "nobody looked at the row yet".to_owned(),
        RowState::Matches => "the row is as the change left it: this applies".to_owned(),
        RowState::Undone => "the row is as it was before the change: there is nothing to undo".to_owned(),
        RowState::Changed => format!("changed since: {}", since(statement)),
        RowState::Gone => format!("the row is gone{}", by(statement)),
        RowState::Anew => format!("another row stands there{}", by(statement)),
        RowState::Unknowable => "cannot be told".to_owned(),
    }
}

fn by(statement: &ScriptStatement) -> String {
    statement.now.later.as_ref().map_or_else(String::new, |later| {
        let thread = later.thread.map_or_else(String::new, |thread| format!(", connection {thread}"));
        format!(": {} at {} UTC{thread}", short_gtid(&later.label), clock(later.at, true))
    })
}

fn chosen(statement: &ScriptStatement) -> Paragraph {
    match (statement.choice, statement.mode) {
        (Choice::Exclude, _) => Paragraph::Field("script", Role::Warn, "excluded: the row stays as it is".to_owned()),
        (Choice::Include, Mode::Strict) => {
            let text = "included, strict: if the row is not as the change left it, nothing of the script applies";
            Paragraph::Field("script", Role::Text, text.to_owned())
        }
        (Choice::Include, Mode::Overwrite) => {
            let text = "included, overwrite: what happened to these columns since is lost";
            Paragraph::Field("script", Role::Danger, text.to_owned())
        }
    }
}
