//! The JSON of `recover`.

use std::path::PathBuf;

use serde::Serialize;

use crate::model::changes::{Coverage, TableRef};
use crate::model::foreign::{Foreign, escape};
use crate::model::script::{
    Choice, PartialTransaction, RecoveryView, RefusedChange, RefusedSum, ScriptHazard, ScriptWall, StateCounts,
};
use crate::work::recover::Recovered;

/// What `recover` wrote, or would have written.
#[derive(Debug, Serialize)]
pub struct RecoverLine<'a> {
    script: Option<String>,
    statements: Option<u64>,
    transactions: u64,
    changes: u64,
    excluded: u64,
    refused: Vec<RefusedLine<'a>>,
    refusals: u64,
    reasons: Vec<ReasonLine>,
    refused_more: Option<MoreLine>,
    digest: Option<String>,
    sha256: Option<String>,
    coverage: &'a Coverage,
    tables: Vec<RecoveredTable<'a>>,
    hazards: &'a [ScriptHazard],
    partial: &'a [PartialTransaction],
    walls: &'a [ScriptWall],
    rows_now: Option<StateCounts>,
    beside: Vec<String>,
}

/// Something that cannot be undone.
#[derive(Debug, Serialize)]
struct RefusedLine<'a> {
    position: String,
    table: Option<&'a TableRef>,
    reason: String,
}

impl<'a> From<&'a RefusedChange> for RefusedLine<'a> {
    fn from(one: &'a RefusedChange) -> Self {
        Self { position: one.position(), table: one.table.as_ref(), reason: one.reason.clone() }
    }
}

/// What cannot be undone for one kind of reason.
#[derive(Debug, Serialize)]
struct ReasonLine {
    table: Option<TableRef>,
    count: u64,
    first: String,
    reason: String,
}

/// Reasons that are not listed one by one.
#[derive(Debug, Serialize)]
struct MoreLine {
    count: u64,
    how: String,
}

/// What becomes of one table.
#[derive(Debug, Serialize)]
struct RecoveredTable<'a> {
    schema: &'a Foreign,
    table: &'a Foreign,
    included: bool,
    put_back: u64,
    set_back: u64,
    taken_away: u64,
}

impl<'a> RecoverLine<'a> {
    /// Of a script that was not written.
    pub fn planned(view: &'a RecoveryView) -> Self {
        let refused = view.refused.iter();
        let tables = view.tables.iter().map(|table| RecoveredTable {
            schema: &table.table.schema,
            table: &table.table.table,
            included: table.choice == Choice::Include,
            put_back: table.rows.deletes,
            set_back: table.rows.updates,
            taken_away: table.rows.inserts,
        });
        Self {
            script: None,
            statements: None,
            transactions: view.transactions,
            changes: view.changes,
            excluded: view.counts.excluded,
            refused: refused.map(RefusedLine::from).collect(),
            refusals: view.refusals,
            reasons: vec![],
            refused_more: more(view),
            digest: view.digest.map(|digest| digest.words()),
            sha256: view.digest.map(|digest| digest.hex()),
            coverage: &view.coverage,
            tables: tables.collect(),
            hazards: &view.hazards,
            partial: &view.partial,
            walls: &view.walls,
            rows_now: (view.states.looked_at() > 0).then_some(view.states),
            beside: vec![],
        }
    }

    /// With everything that cannot be undone, by table and kind of reason.
    pub fn with_reasons(self, reasons: &[RefusedSum]) -> Self {
        let line = |sum: &RefusedSum| ReasonLine {
            table: sum.first.table.clone(),
            count: sum.count,
            first: sum.first.position(),
            reason: sum.first.reason.clone(),
        };
        Self { reasons: reasons.iter().map(line).collect(), ..self }
    }

    /// Of one that was.
    pub fn written(recovered: &'a Recovered, view: &'a RecoveryView) -> Self {
        let path = |path: &PathBuf| escape(&path.to_string_lossy());
        Self {
            script: Some(path(&recovered.script)),
            statements: Some(recovered.statements),
            transactions: recovered.transactions,
            excluded: recovered.excluded,
            digest: Some(recovered.digest.words()),
            sha256: Some(recovered.digest.hex()),
            coverage: &recovered.coverage,
            beside: recovered.beside.iter().map(path).collect(),
            ..Self::planned(view)
        }
    }
}

/// How many reasons there are beside those that a view holds, and how to come by them.
fn more(view: &RecoveryView) -> Option<MoreLine> {
    let count = view.refusals.checked_sub(view.refused.len() as u64).filter(|count| *count > 0)?;
    let last = &view.refused.last()?.key;
    Some(MoreLine { count, how: format!("ask again with --from-position {}:{}", last.file, last.position) })
}
