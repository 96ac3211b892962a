//! Which statements of a dump go to the server, and in which words: the choices of an approved plan.

use std::collections::HashSet;

use crate::format::rewrite::{Choices, Definer, Tables};
use crate::model::dump::Remedy;
use crate::model::foreign::Foreign;
use crate::model::plan::RestorePlan;
use crate::work::hazards::Decisions;

/// The table in which DBacked's agent remembers its last backup.
pub const DBACKED_TABLE: &str = "dbacked";

/// What a plan says about single statements.
pub fn choices(plan: &RestorePlan, decisions: &Decisions) -> Choices {
    let chosen = |code: &str| {
        let finding = plan.findings.iter().find(|finding| finding.code == code);
        finding.map(|finding| finding.chosen.as_str())
    };
    let definer = match chosen("definer_missing") {
        Some("me") => Definer::Me,
        Some("drop") => Definer::Drop,
        _ => Definer::Keep,
    };
    let tables = match &plan.tables {
        Some(tables) => Tables::Only(tables.iter().cloned().collect()),
        None if chosen("dbacked_table") == Some("skip") => {
            Tables::Except(HashSet::from([Foreign::from(DBACKED_TABLE)]))
        }
        None => Tables::All,
    };
    let remedies = [Remedy::ForceUtf8, Remedy::TriggersBefore, Remedy::RepairRows];
    let remedies = remedies.into_iter().filter(|remedy| chosen(remedy.code()) == Some(remedy.choices()[1])).collect();
    Choices { definer, tables, without: decisions.dropped(), scope: None, remedies }
}
