//! What stands between a dump and a server: statements that may not run unasked, and what it does
//! not know; each with the choices that a person has.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::format::statements::{Risk, RiskKind, Within};
use crate::model::dump::{Defect, DumpFacts, RiskNote};
use crate::model::foreign::Foreign;
use crate::model::plan::{PlanFinding, Stance};
use crate::model::sink::{ServerFacts, ServerRef};
use crate::model::units::grouped;
use crate::server::compat;
use crate::work::payload::MIXED_SET;
use crate::work::plan::fact;

/// What happens to statements of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They run.
    Run,
    /// They are left out.
    Drop,
    /// The restore stops before them.
    Stop,
}

/// Every kind that a dump can be asked about, with its code.
pub const KINDS: [RiskKind; 23] = [
    RiskKind::Use,
    RiskKind::CreateDatabase,
    RiskKind::DropDatabase,
    RiskKind::AlterDatabase,
    RiskKind::Qualified,
    RiskKind::SetGlobal,
    RiskKind::SetUnknown,
    RiskKind::GtidPurged,
    RiskKind::BinaryLog,
    RiskKind::Accounts,
    RiskKind::Plugin,
    RiskKind::OutFile,
    RiskKind::InFile,
    RiskKind::Replication,
    RiskKind::Server,
    RiskKind::DynamicSql,
    RiskKind::Files,
    RiskKind::Engine,
    RiskKind::Link,
    RiskKind::Expression,
    RiskKind::ClientCommand,
    RiskKind::TooLong,
    RiskKind::Unknown,
];

/// Decisions by kind, read off an approved plan.
#[derive(Debug, Clone, Default)]
pub struct Decisions(HashMap<RiskKind, Decision>);

impl Decisions {
    /// What the findings of a plan say.
    pub fn of(findings: &[PlanFinding]) -> Self {
        let chosen = |kind: RiskKind| findings.iter().find(|finding| finding.code == kind.code());
        let decided = KINDS.into_iter().filter_map(|kind| {
            let decision = match chosen(kind)?.chosen.as_str() {
                "drop" => Decision::Drop,
                "run" | "keep" => Decision::Run,
                _ => Decision::Stop,
            };
            Some((kind, decision))
        });
        Self(decided.collect())
    }

    /// Kinds that are left out.
    pub fn dropped(&self) -> HashSet<RiskKind> {
        self.0.iter().filter(|(_, decision)| **decision == Decision::Drop).map(|(kind, _)| *kind).collect()
    }

    /// What happens to a kind; one that the plan did not know of stops the restore.
    pub fn on(&self, kind: RiskKind) -> Decision {
        self.0.get(&kind).copied().unwrap_or(Decision::Stop)
    }
}

/// The database that a restore fills: what names it is no way out of it.
struct Own {
    name: Foreign,
    folds: bool,
}

impl Own {
    /// That of a sink on a server, which may or may not tell capitals from small letters.
    fn of(database: &Foreign, facts: &ServerFacts) -> Self {
        Self { name: database.clone(), folds: facts.lower_case_table_names > 0 }
    }

    /// Whether a risk stays inside it.
    fn holds(&self, risk: &Risk) -> bool {
        let same = |a: &[u8], b: &[u8]| a == b || self.folds && a.eq_ignore_ascii_case(b);
        risk.stays_in(self.name.raw_bytes(), same)
    }

    /// What of a kind of risk reaches beyond it; `None`: nothing does.
    fn beyond(&self, note: &RiskNote) -> Option<RiskNote> {
        let Some(kind) = KINDS.into_iter().find(|kind| kind.code() == note.code) else { return Some(note.clone()) };
        let named = |name: &Foreign| Risk { kind, within: Within::Statement, name: name.clone() };
        let Some(first) = note.names.iter().map(named).find(|risk| !self.holds(risk)) else {
            return note.names.is_empty().then(|| note.clone());
        };
        let inside = note.names.iter().any(|name| self.holds(&named(name)));
        Some(if inside { RiskNote { text: first.to_string(), ..note.clone() } } else { note.clone() })
    }
}

/// The choices for a kind, the default first.
fn choices(kind: &str) -> &'static [&'static str] {
    match kind {
        "sql_log_bin" => &["drop", "run"],
        MIXED_SET => &[],
        // Never run, whoever asks: they would reach beyond the sink, or nobody knows what they do.
        _ => &["stop", "drop"],
    }
}

/// All findings of a dump against a server, with `chosen` applied.
pub fn findings(
    dump: Option<&DumpFacts>,
    facts: &ServerFacts,
    (server, database): (&ServerRef, Option<&Foreign>),
    chosen: &BTreeMap<String, String>,
) -> Vec<PlanFinding> {
    let Some(dump) = dump else {
        let text = "this is no SQL dump of MySQL or MariaDB: it can be restored to a folder (dir:)";
        return vec![fact("not_mysql", Stance::Stops, text)];
    };
    let foreign = compat::foreign_to(facts, &dump.uses);
    let of_server = |code: &str| foreign.iter().find(|finding| finding.code == code);
    // What the server makes of GTID_PURGED depends on its kind.
    let own = database.map(|database| Own::of(database, facts));
    let beyond = |risk: &RiskNote| own.as_ref().map_or_else(|| Some(risk.clone()), |own| own.beyond(risk));
    let risks = dump.risks.iter().filter(|risk| of_server(&risk.code).is_none());
    let mut findings: Vec<PlanFinding> = risks.filter_map(beyond).map(|risk| of_risk(&risk)).collect();
    findings.extend(foreign.iter().cloned());
    findings.extend(dump.defects.iter().map(of_defect));
    for finding in &mut findings {
        choose(finding, chosen);
    }
    if let Some(wanted) = &server.expect_uuid
        && facts.uuid.as_ref().is_none_or(|uuid| uuid.to_string() != *wanted)
    {
        findings.push(fact(
            "other_server",
            Stance::Stops,
            "this is not the server that the estate expects (server_uuid)",
        ));
    }
    findings
}

/// A defect of the dump program's: known, and put right only where somebody says so.
fn of_defect(defect: &Defect) -> PlanFinding {
    let finding = fact(&defect.code, Stance::Warns, defect.text.clone());
    let Some(remedy) = defect.remedy else { return finding };
    let choices = remedy.choices().map(str::to_owned).to_vec();
    PlanFinding { chosen: choices[0].clone(), choices, ..finding }
}

fn of_risk(risk: &RiskNote) -> PlanFinding {
    let place = format!("statement {}, byte {}", grouped(risk.statement), grouped(risk.at_byte));
    let many = if risk.count == 1 { String::new() } else { format!(", {} in all", grouped(risk.count)) };
    let choices: Vec<String> = choices(&risk.code).iter().map(|choice| (*choice).to_owned()).collect();
    PlanFinding {
        code: risk.code.clone(),
        text: format!("{} ({place}{many})", risk.text),
        stance: Stance::Stops,
        chosen: choices.first().cloned().unwrap_or_default(),
        choices,
    }
}

/// Applies what was chosen to a finding that offers it.
pub fn choose(finding: &mut PlanFinding, chosen: &BTreeMap<String, String>) {
    if let Some(choice) = chosen.get(&finding.code)
        && finding.choices.contains(choice)
    {
        finding.chosen = choice.clone();
    }
    if !finding.choices.is_empty() {
        finding.stance = if finding.chosen == "stop" { Stance::Stops } else { Stance::Warns };
    }
}
