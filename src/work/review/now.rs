//! Statements of a script that somebody wrote, as questions about the rows that they mean.

use crate::change::review::{How, Literal, Pair, RowStatement};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;
use crate::model::script::{RowState, StatementHazard, TableNow};
use crate::server::rows_now::{Answer, Question};
use crate::sql::compare::{Comparison, Term, View};
use crate::work::review::chains::{self, Keys};

/// A question about the row of a statement, and how its answer is read.
pub(super) struct Asked {
    pub(super) question: Question,
    /// Under which key it finds the row, and under which it leaves it.
    pub(super) keys: Option<Keys>,
    kind: ChangeKind,
    /// How many of the things asked are the statement's own conditions; the others are what it would store.
    conditions: usize,
}

/// The questions of a statement: one, or one for each row of an INSERT; `None` where its rows cannot be found by
/// a key.
pub(super) fn questions(statement: &RowStatement, table: &TableNow) -> Option<Vec<Asked>> {
    if table.key.is_empty() {
        return None;
    }
    match statement.kind {
        ChangeKind::Insert => {
            let whole = statement.tuples.len() as u64 == statement.rows;
            let rows = statement.tuples.iter().map(|tuple| inserted(statement, tuple, table));
            whole.then(|| rows.collect::<Option<Vec<_>>>()).flatten()
        }
        ChangeKind::Update | ChangeKind::Delete => found(statement, table).map(|asked| vec![asked]),
    }
}

fn found(statement: &RowStatement, table: &TableNow) -> Option<Asked> {
    if statement.traits.computes {
        return None;
    }
    let mut find = vec![];
    for part in &table.key {
        let own = statement.only.iter().filter(|pair| same(&pair.column, part) && pair.value != Literal::Null);
        let own: Vec<_> = own.filter_map(comparison).collect();
        if own.is_empty() {
            return None;
        }
        find.extend(own);
    }
    let is_key = |pair: &&Pair| table.key.iter().any(|part| same(&pair.column, part));
    let conditions: Vec<_> = statement.only.iter().filter(|pair| !is_key(pair)).collect();
    let mut ask = conditions.iter().map(|pair| comparison(pair)).collect::<Option<Vec<_>>>()?;
    let conditions = ask.len();
    for pair in &statement.set {
        ask.push(stored(pair, table)?);
    }
    let keys = chains::keys(statement, None, table);
    Some(Asked { question: Question { find, ask }, keys, kind: statement.kind, conditions })
}

fn inserted(statement: &RowStatement, tuple: &[Literal], table: &TableNow) -> Option<Asked> {
    let columns: Vec<_> = match statement.columns.is_empty() {
        false => statement.columns.clone(),
        true => table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect(),
    };
    let pairs = || columns.iter().zip(tuple);
    let pair =
        |(column, value): (&Foreign, &Literal)| Pair { column: column.clone(), how: How::Same, value: value.clone() };
    let mut find = vec![];
    for part in &table.key {
        let own = pairs().find(|(column, value)| same(column, part) && **value != Literal::Null)?;
        find.push(comparison(&Pair { how: How::Equals, ..pair(own) })?);
    }
    let ask = pairs().map(|one| stored(&pair(one), table)).collect::<Option<Vec<_>>>()?;
    let keys = chains::keys(statement, Some(tuple), table);
    Some(Asked { question: Question { find, ask }, keys, kind: ChangeKind::Insert, conditions: 0 })
}

fn same(one: &Foreign, other: &Foreign) -> bool {
    one.raw_bytes().eq_ignore_ascii_case(other.raw_bytes())
}

fn term(value: &Literal) -> Option<Term<'_>> {
    Some(match value {
        Literal::Null => Term::Null,
        Literal::Number(text) => Term::Number(text),
        Literal::Text { bytes, charset, .. } => Term::Text(bytes, charset.as_deref()),
        Literal::Bytes { bytes, charset: Some(charset) } => Term::Text(bytes, Some(charset)),
        Literal::Bytes { bytes, charset: None } => Term::Bytes(bytes),
        Literal::Bits(_) | Literal::Default => return None,
    })
}

/// The condition as the statement has it.
fn comparison(pair: &Pair) -> Option<Comparison> {
    match (pair.how, &pair.value) {
        (How::Seen(view), Literal::Bytes { bytes, .. }) => Comparison::seen(&pair.column, view, &Term::Bytes(bytes)),
        (How::Seen(view), value) => Comparison::seen(&pair.column, view, &term(value)?),
        (How::Equals, value) => Comparison::equals(&pair.column, &term(value)?),
        (_, value) => Comparison::same(&pair.column, &term(value)?),
    }
}

/// Whether a column already holds what a statement would store: by its bytes where the literal is in the column's
/// own character set.
fn stored(pair: &Pair, table: &TableNow) -> Option<Comparison> {
    let facts = table.columns.iter().find(|column| same(&column.name, &pair.column))?;
    let (bytes, charset) = match &pair.value {
        Literal::Text { bytes, charset, .. } | Literal::Bytes { bytes, charset } => (bytes, charset.as_deref()),
        value => return Comparison::same(&pair.column, &term(value)?),
    };
    let raw = Term::Bytes(bytes);
    match facts.charset.as_deref() {
        _ if facts.kind == "json" => Comparison::seen(&pair.column, View::TextBytes, &raw),
        _ if matches!(facts.kind.as_str(), "enum" | "set") => Comparison::same(&pair.column, &term(&pair.value)?),
        None if facts.is_bytes() => Comparison::seen(&pair.column, View::Bytes, &raw),
        Some(own) if charset == Some(own) => Comparison::seen(&pair.column, View::Bytes, &raw),
        _ => Comparison::same(&pair.column, &term(&pair.value)?),
    }
}

impl Asked {
    /// How the row stands to the statement.
    pub(super) fn state(&self, answer: &Answer) -> RowState {
        let (conditions, stored) = answer.holds.split_at(self.conditions.min(answer.holds.len()));
        let is_stored = !stored.is_empty() && stored.iter().all(|holds| *holds);
        match (self.kind, answer.rows) {
            (_, 2..) => RowState::Unknowable,
            (ChangeKind::Insert, 0) => RowState::Matches,
            (ChangeKind::Insert, _) if is_stored => RowState::Undone,
            (ChangeKind::Insert, _) => RowState::Anew,
            (ChangeKind::Update, 0) => RowState::Gone,
            (ChangeKind::Delete, 0) => RowState::Undone,
            (ChangeKind::Update, _) if is_stored => RowState::Undone,
            _ if conditions.iter().all(|holds| *holds) => RowState::Matches,
            _ => RowState::Changed,
        }
    }
}

/// What only the table's definition tells about a statement.
pub(super) fn hazards(statement: &RowStatement, table: &TableNow) -> Vec<StatementHazard> {
    let mut found = vec![];
    let facts = |pair: &Pair| table.columns.iter().find(|column| same(&column.name, &pair.column));
    let is_negative = |value: &Literal| matches!(value, Literal::Number(text) if text.starts_with('-'));
    let pairs = || statement.only.iter().chain(&statement.set);
    let lost =
        |pair: &Pair| is_negative(&pair.value) && facts(pair).is_some_and(|column| column.full.contains("unsigned"));
    if pairs().any(lost) {
        found.push(StatementHazard::SignLost);
    }
    let covers = |part| statement.only.iter().any(|pair| same(&pair.column, part) && pair.value != Literal::Null);
    let by_key = !table.key.is_empty() && table.key.iter().all(covers);
    if statement.kind != ChangeKind::Insert && !by_key && statement.traits.limit != Some(1) {
        found.push(StatementHazard::SeveralRows);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(kind: ChangeKind, conditions: usize, rows: u8, holds: &[bool]) -> RowState {
        let asked = Asked { question: Question { find: vec![], ask: vec![] }, keys: None, kind, conditions };
        asked.state(&Answer { rows, holds: holds.to_vec() })
    }

    #[test]
    fn answers_become_states() {
        use ChangeKind::{Delete, Insert, Update};
        assert_eq!(state(Insert, 0, 0, &[]), RowState::Matches);
        assert_eq!(state(Insert, 0, 1, &[true, true]), RowState::Undone);
        assert_eq!(state(Insert, 0, 1, &[true, false]), RowState::Anew);
        assert_eq!(state(Update, 1, 0, &[]), RowState::Gone);
        assert_eq!(state(Update, 1, 1, &[true, false]), RowState::Matches);
        assert_eq!(state(Update, 1, 1, &[false, true]), RowState::Undone);
        assert_eq!(state(Update, 1, 1, &[false, false]), RowState::Changed);
        assert_eq!(state(Delete, 2, 0, &[]), RowState::Undone);
        assert_eq!(state(Delete, 2, 1, &[true, true]), RowState::Matches);
        assert_eq!(state(Delete, 2, 1, &[true, false]), RowState::Changed);
        assert_eq!(state(Delete, 0, 2, &[]), RowState::Unknowable);
    }
}
