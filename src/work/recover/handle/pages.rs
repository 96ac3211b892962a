//! What is drawn of an open recovery: its statements by the page, and one with what became of its row.

use std::sync::Arc;

use crate::change::undo::Undoing;
use crate::model::change::{Change, ChangeKind};
use crate::model::changes::{Literal, TableRef};
use crate::model::script::{Later, RowNow, ScriptPage, ScriptStatement, ScriptTransaction};
use crate::report::{Report, Reportable};
use crate::work::changes::ChangesHandle;
use crate::work::recover::error::RecoverError;
use crate::work::recover::handle::{RecoveryHandle, aside};
use crate::work::recover::made::{Wish, row_words};
use crate::work::recover::state::{State, label};

impl RecoveryHandle {
    /// Statements from number `first` on, with their transactions; at most [`Self::PAGE`].
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or not yet.
    pub async fn page(&self, first: u64, count: usize) -> Result<ScriptPage, Report> {
        let made = self.ready()?;
        let wish = self.wish(&made);
        let count = count.min(Self::PAGE);
        let rows = aside(move || made.page(&wish, first, count).map_err(|error| error.report())).await?;
        let mut state = self.state();
        state.serve(&rows);
        let mut page = ScriptPage::default();
        for (number, row) in rows {
            if page.transactions.last().is_none_or(|last| last.number != row.transaction) {
                page.transactions.push(transaction(number, &row));
            }
            if let Some(last) = page.transactions.last_mut() {
                last.statements += 1;
            }
            page.statements.push(statement(&state, number, row));
        }
        Ok(page)
    }

    /// The most statements of a page.
    pub const PAGE: usize = 500;

    /// The row of a statement as it is now, with the next change of it that the logs have.
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or the statement was on no page.
    pub async fn explained(&self, number: u64) -> Result<RowNow, Report> {
        let made = self.ready()?;
        let all = Wish::default();
        let mut rows = aside(move || made.page(&all, number, 1).map_err(|error| error.report())).await?;
        let none = || RecoverError::NoSuch { what: format!("statement {number}") }.report();
        let (_, row) = rows.pop().ok_or_else(none)?;
        if let Some(later) = later(self.0.source.as_ref(), &row.change).await? {
            self.state().later(number, later);
        }
        Ok(self.state().beside(number).0)
    }
}

/// The next change of the same row that the logs have.
async fn later(source: Option<&ChangesHandle>, change: &Change) -> Result<Option<Later>, Report> {
    let Some(image) = change.after.as_ref().or(change.before.as_ref()) else { return Ok(None) };
    let (Some(source), true) = (source, change.table.has_key()) else { return Ok(None) };
    let literal = |at: usize| Some(Literal::of(image.values.get(at)?.as_ref()?, change.table.columns.get(at)?));
    let Some(key) = change.table.key_columns().into_iter().map(literal).collect() else { return Ok(None) };
    let table = TableRef { schema: change.table.schema.clone(), table: change.table.name.clone() };
    let life = source.life(table, key).await?;
    let at = life.changes.iter().position(|one| one.key == change.key);
    let next = at.and_then(|at| life.changes.get(at + 1));
    Ok(next.map(|next| Later {
        label: label(&next.key.file.to_string(), &next.transaction),
        at: next.transaction.committed_at,
        thread: next.transaction.thread,
    }))
}

pub(super) fn statement(state: &State, number: u64, row: Undoing) -> ScriptStatement {
    let (now, note) = state.beside(number);
    let sql = match row.sql {
        Ok(sql) => Ok(sql.unwrap_or_default()),
        Err(reason) => Err(reason.to_string()),
    };
    let kind = match row.change.kind {
        ChangeKind::Insert => ChangeKind::Delete,
        ChangeKind::Delete => ChangeKind::Insert,
        kind @ ChangeKind::Update => kind,
    };
    ScriptStatement {
        number,
        transaction: row.transaction,
        kind,
        row: row_words(&row.change),
        change: Arc::new(row.change),
        sql,
        choice: row.choice,
        mode: row.mode,
        note,
        now,
    }
}

fn transaction(number: u64, row: &Undoing) -> ScriptTransaction {
    let facts = &row.change.transaction;
    let file = &row.change.key.file;
    ScriptTransaction {
        number: row.transaction,
        label: label(&file.to_string(), facts),
        file: (**file).clone(),
        committed_at: facts.committed_at,
        thread: facts.thread,
        first: number,
        statements: 0,
    }
}
