//! The JSON of each verb: stable fields, documented in the README, only ever extended.

use serde::Serialize;

use crate::model::backup::{Backup, Basis, Compression, Metadata, MetadataFacts, Opens, TakenFrom};
use crate::model::job::{RestoreOutcome, RestoreReport};
use crate::model::plan::{Ask, RestorePlan};
use crate::model::retention::Nearness;
use crate::model::salvage::{SalvageReport, TableState};
use crate::model::seal::Fingerprint;
use crate::model::target::{History, Stamp, Storage};
use crate::model::trust::{Answer, Check, Finding, Inside, MemberProof, Proof, Rung, VerdictOutcome, Voucher};
use crate::model::units::Moment;

/// One backup, as `ls` and `show` print it.
#[derive(Debug, Serialize)]
pub struct BackupLine {
    id: String,
    target: String,
    name: String,
    taken_at: Moment,
    taken_from: TakenFrom,
    databases: Vec<String>,
    format: &'static str,
    seal: Option<&'static str>,
    size_bytes: u64,
    series: String,
    databases_known: bool,
    key_fingerprints: Vec<String>,
    opens: Opens,
    trust: Rung,
    content: Voucher,
    verdict: Option<VerdictLine>,
    stale: bool,
    findings: Vec<FindingLine>,
    taken_offset: Option<String>,
    prune_rule: Option<String>,
    prune_at: Option<Moment>,
    prune_at_true: Option<Moment>,
    prune_due: bool,
    seal_recipients: Vec<String>,
}

/// The newest verdict.
#[derive(Debug, Serialize)]
struct VerdictLine {
    outcome: VerdictOutcome,
    at: Moment,
}

/// Something worth knowing.
#[derive(Debug, Serialize)]
pub struct FindingLine {
    code: String,
    text: String,
}

impl FindingLine {
    /// A code and its words.
    pub fn new(code: &str, text: String) -> Self {
        Self { code: code.to_owned(), text }
    }
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        Self { code: finding.code.clone(), text: finding.text.clone() }
    }
}

impl From<&Backup> for BackupLine {
    fn from(backup: &Backup) -> Self {
        let proof = backup.proof.as_deref();
        Self {
            id: backup.id.to_string(),
            target: backup.target.to_string(),
            name: backup.key.to_string(),
            taken_at: backup.taken.at,
            taken_from: backup.taken.from,
            databases: backup.databases.iter().map(ToString::to_string).collect(),
            format: backup.shape.format.word(),
            seal: backup.shape.seal.as_ref().map(|seal| seal.scheme.word()),
            size_bytes: backup.stamp.size,
            series: backup.series.to_string(),
            databases_known: backup.databases_known,
            key_fingerprints: backup.recipients().map(ToString::to_string).collect(),
            opens: backup.opens,
            trust: proof.map_or(Rung::Listed, Proof::reached),
            content: proof.map_or(Voucher::None, |proof| proof.content),
            verdict: proof.map(|proof| VerdictLine { outcome: proof.outcome, at: proof.at }),
            stale: backup.stale,
            findings: backup.findings.iter().map(FindingLine::from).collect(),
            taken_offset: backup.taken.offset_words(),
            prune_rule: backup.prune.as_ref().map(|prune| prune.rule.clone()),
            prune_at: backup.prune.as_ref().and_then(|prune| prune.at()),
            prune_at_true: backup.prune.as_ref().and_then(|prune| prune.true_at()),
            seal_recipients: recipients(backup),
            prune_due: backup.prune.as_ref().is_some_and(|prune| prune.when == Nearness::Due),
        }
    }
}

/// Who can open it in the seal's own words, as its header says before any download: unauthenticated.
fn recipients(backup: &Backup) -> Vec<String> {
    backup.shape.seal.iter().flat_map(|seal| &seal.named).map(ToString::to_string).collect()
}

/// One verification, as `verify` prints it.
#[derive(Debug, Serialize)]
pub struct VerifyLine {
    id: String,
    reached: Rung,
    content: Voucher,
    outcome: VerdictOutcome,
    at_byte: Option<u64>,
    checks: Vec<CheckLine>,
    statements: Option<u64>,
    bytes_in: u64,
    bytes_out: u64,
    sha256_out: Option<String>,
    members: Vec<MemberLine>,
    seconds: f64,
    findings: Vec<FindingLine>,
}

/// One file of an archive.
#[derive(Debug, Serialize)]
struct MemberLine {
    name: String,
    database: Option<String>,
    bytes: u64,
    sha256: String,
    statements: u64,
    tables: u64,
}

impl From<&MemberProof> for MemberLine {
    fn from(member: &MemberProof) -> Self {
        Self {
            name: member.name.to_string(),
            database: member.database.as_ref().map(ToString::to_string),
            bytes: member.bytes,
            sha256: member.sha256.clone(),
            statements: member.statements,
            tables: member.inside.table_count,
        }
    }
}

#[derive(Debug, Serialize)]
struct CheckLine {
    name: String,
    outcome: &'static str,
    detail: String,
}

impl From<&Check> for CheckLine {
    fn from(check: &Check) -> Self {
        Self { name: check.name.clone(), outcome: answer_word(check.outcome), detail: check.detail.clone() }
    }
}

impl VerifyLine {
    /// What one verification found out.
    pub fn new(backup: &Backup, proof: &Proof) -> Self {
        Self {
            id: backup.id.to_string(),
            reached: proof.reached(),
            content: proof.content,
            outcome: proof.outcome,
            at_byte: proof.at_byte,
            checks: proof.checks.iter().map(CheckLine::from).collect(),
            statements: proof.statements,
            bytes_in: proof.bytes_in,
            bytes_out: proof.bytes_out,
            sha256_out: proof.sha256_out.clone(),
            members: proof.members.iter().map(MemberLine::from).collect(),
            seconds: proof.millis as f64 / 1000.0,
            findings: proof.findings.iter().map(FindingLine::from).collect(),
        }
    }
}

/// The words of an answer in JSON and in `show`.
pub fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::NotApplicable => "n/a",
        Answer::Unknown => "unknown",
    }
}

/// A plan, as `restore --plan-only` prints it.
#[derive(Debug, Serialize)]
pub struct PlanLine<'a> {
    plan: &'a RestorePlan,
    digest: String,
    ask: Ask,
    stopped_by: Option<&'a str>,
}

impl<'a> From<&'a RestorePlan> for PlanLine<'a> {
    fn from(plan: &'a RestorePlan) -> Self {
        Self {
            plan,
            digest: plan.digest().to_string(),
            ask: plan.ask(),
            stopped_by: plan.stopped_by().map(|finding| finding.code.as_str()),
        }
    }
}

/// A restore that ended, with its plan.
#[derive(Debug, Serialize)]
pub struct RestoreLine<'a> {
    #[serde(flatten)]
    plan: PlanLine<'a>,
    outcome: RestoreOutcome,
    into: &'a str,
    file: Option<&'a str>,
    files: &'a [String],
    databases: &'a [String],
    tables: u64,
    rows: u64,
    statements: u64,
    bytes: u64,
    sha256: Option<&'a str>,
    seconds: f64,
    failures: &'a [String],
}

impl<'a> RestoreLine<'a> {
    /// What was approved, and what came of it.
    pub fn new(plan: &'a RestorePlan, report: &'a RestoreReport) -> Self {
        Self {
            plan: plan.into(),
            outcome: report.outcome,
            into: &report.into,
            file: report.file.as_deref(),
            files: &report.files,
            databases: &report.databases,
            tables: report.tables,
            rows: report.rows,
            statements: report.statements,
            bytes: report.bytes.0,
            sha256: report.sha256.as_deref(),
            seconds: report.seconds,
            failures: &report.failures,
        }
    }
}

/// What a salvage came to: the fields of `report.json`, and the tables counted.
#[derive(Debug, Serialize)]
pub struct SalvageLine<'a> {
    #[serde(flatten)]
    report: &'a SalvageReport,
    tables_complete: usize,
    tables_suspect: usize,
    tables_cut: usize,
    tables_absent: usize,
}

impl<'a> From<&'a SalvageReport> for SalvageLine<'a> {
    fn from(report: &'a SalvageReport) -> Self {
        Self {
            report,
            tables_complete: report.tables(TableState::Complete),
            tables_suspect: report.tables(TableState::Suspect),
            tables_cut: report.tables(TableState::Cut),
            tables_absent: report.tables(TableState::Absent),
        }
    }
}

/// Everything known about one backup.
#[derive(Debug, Serialize)]
pub struct ShowLine<'a> {
    #[serde(flatten)]
    backup: BackupLine,
    compression: Compression,
    format_known: bool,
    stamp: &'a Stamp,
    history: History,
    storage: &'a Storage,
    metadata: MetadataLine<'a>,
    proof: Option<ProofLine<'a>>,
    inside: Option<&'a Inside>,
}

/// What the metadata object claims.
#[derive(Debug, Serialize)]
struct MetadataLine<'a> {
    state: &'static str,
    reason: Option<&'a str>,
    #[serde(flatten)]
    claims: Option<&'a MetadataFacts>,
}

/// A proof, as `verify` prints it, and how it came about.
#[derive(Debug, Serialize)]
struct ProofLine<'a> {
    #[serde(flatten)]
    verdict: VerifyLine,
    at: Moment,
    program: &'a str,
    key: Option<&'a Fingerprint>,
    tried: Rung,
    rungs: RungsLine,
}

/// The answer per rung.
#[derive(Debug, Serialize)]
struct RungsLine {
    listed: &'static str,
    intact: &'static str,
    opens: &'static str,
    whole: &'static str,
    proven: &'static str,
}

impl<'a> From<&'a Backup> for ShowLine<'a> {
    fn from(backup: &'a Backup) -> Self {
        let proof = backup.proof.as_deref();
        Self {
            backup: backup.into(),
            compression: backup.shape.compression,
            format_known: backup.shape.basis == Basis::Bytes,
            stamp: &backup.stamp,
            history: backup.history,
            storage: &backup.storage,
            metadata: (&backup.metadata).into(),
            proof: proof.map(|proof| ProofLine::new(backup, proof)),
            inside: proof.and_then(|proof| proof.inside.as_ref()),
        }
    }
}

impl<'a> From<&'a Metadata> for MetadataLine<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        let (state, reason, claims) = match metadata {
            Metadata::NotApplicable => ("not_applicable", None, None),
            Metadata::Pending => ("pending", None, None),
            Metadata::Missing => ("missing", None, None),
            Metadata::Unusable(why) => ("unusable", Some(why.as_str()), None),
            Metadata::Read(facts) => ("read", None, Some(&**facts)),
        };
        Self { state, reason, claims }
    }
}

impl<'a> ProofLine<'a> {
    fn new(backup: &Backup, proof: &'a Proof) -> Self {
        let [listed, intact, opens, whole, proven] = proof.rungs.map(answer_word);
        Self {
            verdict: VerifyLine::new(backup, proof),
            at: proof.at,
            program: &proof.program,
            key: proof.key.as_ref(),
            tried: proof.tried,
            rungs: RungsLine { listed, intact, opens, whole, proven },
        }
    }
}
