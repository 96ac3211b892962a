//! Making a plan: everything a restore will do, found out before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::backup::{Backup, Format, Metadata};
use crate::model::dump::DumpFacts;
use crate::model::foreign::Foreign;
use crate::model::plan::{Estimate, PlanFinding, PlanSource, RestorePlan, SinkState, Stance, Step, StepEffect};
use crate::model::sink::{DirSink, MysqlSink, ServerFacts, Sink};
use crate::model::trust::{Inside, Proof, Rung, Voucher};
use crate::model::units::{ByteSize, Moment, grouped, short_span};
use crate::report::{Fault, Report};
use crate::work::catalog::Catalog;
use crate::work::hazards;
use crate::work::rewrite::DBACKED_TABLE;
use crate::work::sink;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRequest {
    /// Which backup.
    pub backup: crate::model::backup::BackupId,
    /// Where to.
    pub into: Sink,
    /// Only these tables; `None`: everything.
    pub tables: Option<Vec<Foreign>>,
    /// Choices by the code of the finding that offers them.
    pub choices: BTreeMap<String, String>,
    /// The longest statement that may be held in memory.
    pub statement_limit: ByteSize,
}

/// The longest statement that is held in memory, unless somebody says otherwise.
pub const STATEMENT_LIMIT: ByteSize = ByteSize(64 << 20);

/// What a plan is made of.
pub struct Ingredients<'a> {
    /// The backup as the catalog knows it.
    pub backup: &'a Arc<Backup>,
    /// What is asked for.
    pub request: &'a PlanRequest,
    /// The proof of these bytes, if there is one.
    pub proof: Option<&'a Proof>,
    /// The other backups, for the newer good copy.
    pub catalog: &'a Catalog,
    /// Now.
    pub now: Moment,
}

impl Ingredients<'_> {
    fn source(&self) -> PlanSource {
        let proof = self.proof;
        PlanSource {
            id: self.backup.id.clone(),
            label: self.backup.label(),
            stamp: self.backup.stamp.clone(),
            taken_at: self.backup.taken.at,
            trust: proof.map_or(Rung::Listed, Proof::reached),
            content: proof.map_or(Voucher::None, |proof| proof.content),
            made_by: self.inside().map(|inside| inside.made_by.clone()).unwrap_or_default(),
            sha256: proof.and_then(|proof| proof.sha256_out.clone()),
        }
    }

    fn inside(&self) -> Option<&Inside> {
        self.proof.and_then(|proof| proof.inside.as_ref())
    }

    fn estimate(&self) -> Estimate {
        let newer = self.catalog.backups.iter().find(|other| {
            other.series == self.backup.series && other.taken.at > self.backup.taken.at && other.is_good()
        });
        let took = self.proof.map(|proof| (proof.millis.div_ceil(1000), "as long as its last verification".to_owned()));
        Estimate {
            bytes_out: self.proof.map(|proof| ByteSize(proof.bytes_out)).filter(|size| size.0 > 0),
            free: None,
            seconds: took,
            server: None,
            age_seconds: self.backup.taken.at.age_at(self.now).as_secs(),
            newer_good: newer.map(|other| format!("{} on {}", other.taken.at.minute(), other.target)),
        }
    }

    /// Findings that hold for every sink.
    fn common_findings(&self) -> Vec<PlanFinding> {
        let mut findings = vec![];
        match self.proof {
            None => {
                let text = "not proven yet: it is read and judged to its last byte before anything gets its final name";
                findings.push(fact("not_proven", Stance::Warns, text));
            }
            Some(proof) if proof.content == Voucher::None => {
                let text = "nothing vouches for the content: changes would not be noticed";
                findings.push(fact("content_unchecked", Stance::Warns, text));
            }
            Some(_) => {}
        }
        for finding in self.backup.findings.iter().filter(|finding| finding.code != "gap") {
            findings.push(fact(&finding.code, Stance::Warns, finding.text.clone()));
        }
        if self.backup.history == crate::model::target::History::Older {
            findings.push(fact("older", Stance::Warns, "an older version: overwritten or deleted since"));
        }
        findings
    }

    fn newer_good_finding(&self, estimate: &Estimate) -> Option<PlanFinding> {
        let newer = estimate.newer_good.as_ref()?;
        Some(fact("newer_good", Stance::Warns, format!("a newer good copy exists: {newer}")))
    }
}

/// A finding without a choice.
pub fn fact(code: &str, stance: Stance, text: impl Into<String>) -> PlanFinding {
    PlanFinding { code: code.to_owned(), text: text.into(), stance, choices: vec![], chosen: String::new() }
}

fn step(effect: StepEffect, text: impl Into<String>) -> Step {
    Step { effect, text: text.into() }
}

/// What a dump holds, in one line.
pub fn contents(inside: &Inside) -> String {
    let mut parts = vec![count(inside.table_count, "table")];
    let others =
        [(inside.views, "view"), (inside.routines, "routine"), (inside.triggers, "trigger"), (inside.events, "event")];
    parts.extend(others.into_iter().filter(|(number, _)| *number > 0).map(|(number, word)| count(number, word)));
    parts.join(", ")
}

fn count(number: u64, word: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {word}{s}", grouped(number))
}

/// The file that a backup becomes in a folder: its own name with the ending of what is inside.
pub fn file_name(backup: &Backup) -> String {
    let raw = backup.key.raw_bytes();
    let base = raw.rsplit(|byte| *byte == b'/').next().unwrap_or(raw);
    let mut stem: String = String::from_utf8_lossy(base)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+') { c } else { '_' })
        .collect();
    for ending in [".sealed", ".gz", ".zst", ".zstd", ".bz2", ".xz", ".sql"] {
        if let Some(rest) = stem.strip_suffix(ending).filter(|rest| !rest.is_empty()) {
            stem = rest.to_owned();
        }
    }
    stem.truncate(200);
    let stem = stem.trim_start_matches('.');
    let made_by = backup.proof.as_ref().and_then(|proof| proof.inside.as_ref()).map(|inside| inside.made_by.as_str());
    let db_type = match &backup.metadata {
        Metadata::Read(facts) => facts.db_type.as_ref().and_then(Foreign::raw_str),
        _ => None,
    };
    let ending = match (made_by, db_type) {
        (Some(made_by), _) if made_by.starts_with("pg_dump") => "pgdump",
        (Some(made_by), _) if made_by.starts_with("mongodump") => "archive",
        (None, Some("pg")) => "pgdump",
        (None, Some("mongodb")) => "archive",
        (None, None) if backup.shape.format == Format::Sealed => "plain",
        _ => "sql",
    };
    if stem.is_empty() { format!("{}.{ending}", backup.id) } else { format!("{stem}.{ending}") }
}

/// A plan to write into a folder.
///
/// # Errors
///
/// When the folder cannot be looked at.
pub fn to_dir(from: &Ingredients<'_>, dir: &DirSink) -> Result<RestorePlan, Report> {
    let looked = sink::entries(&dir.path).map_err(|error| {
        let text = format!("folder {} cannot be used: {error}", dir.path.display());
        Report::new(Fault::Failed, "plan::folder", text, "name another folder: --into dir:PATH")
    })?;
    let there = match looked {
        None | Some(0) => SinkState::New,
        Some(entries) => SinkState::FolderInUse { entries },
    };
    let name = file_name(from.backup);
    let mut estimate = from.estimate();
    estimate.free = free_bytes(&dir.path);
    let mut findings = from.common_findings();
    findings.extend(from.newer_good_finding(&estimate));
    if dir.path.join(&name).exists() {
        let text = format!("{name} is there already and will not be replaced: name another folder");
        findings.push(fact("file_exists", Stance::Stops, text));
    }
    if let (Some(free), Some(needed)) = (estimate.free, estimate.bytes_out)
        && free < needed
    {
        let text = format!("{} needed, {} free", needed.words(), free.words());
        findings.push(fact("no_space", Stance::Stops, text));
    }
    if from.request.tables.is_some() {
        let text = "single tables can be chosen only when restoring into a server";
        findings.push(fact("tables_not_here", Stance::Stops, text));
    }
    let mut will = vec![];
    if looked.is_none() {
        will.push(step(StepEffect::Creates, format!("create folder {}", dir.path.display())));
    }
    will.push(step(StepEffect::Reads, proof_step(from.proof)));
    let whole = estimate.bytes_out.map(|size| format!(", {}", size.words())).unwrap_or_default();
    will.push(step(StepEffect::Creates, format!("write {name} (mode 0600{whole}), named only when whole")));
    let will_not = vec!["replace any file".to_owned(), "connect to any server".to_owned()];
    let tables = from.request.tables.clone();
    Ok(RestorePlan {
        from: from.source(),
        into: Sink::Dir(dir.clone()),
        there,
        will,
        will_not,
        findings,
        tables,
        statement_limit: ByteSize(0),
        estimate,
    })
}

/// A plan to write to standard output.
pub fn to_stdout(from: &Ingredients<'_>) -> RestorePlan {
    let mut findings = from.common_findings();
    if from.request.tables.is_some() {
        let text = "single tables can be chosen only when restoring into a server";
        findings.push(fact("tables_not_here", Stance::Stops, text));
    }
    let mut will = vec![];
    if from.proof.is_none() {
        will.push(step(StepEffect::Reads, "read the backup once and prove it whole"));
    }
    will.push(step(StepEffect::Reads, proof_step(from.proof)));
    will.push(step(StepEffect::Creates, "write the dump to standard output, MiB by MiB as each digest matches"));
    RestorePlan {
        from: from.source(),
        into: Sink::Stdout,
        there: SinkState::New,
        will,
        will_not: vec!["write any file".to_owned(), "connect to any server".to_owned()],
        findings,
        tables: from.request.tables.clone(),
        statement_limit: ByteSize(0),
        estimate: from.estimate(),
    }
}

fn proof_step(proof: Option<&Proof>) -> String {
    match proof {
        Some(proof) => {
            format!("read it again; only bytes whose digests match the proof of {} leave", proof.at.minute())
        }
        None => "read it to its last byte: decrypt, unpack, check every checksum and the end mark".to_owned(),
    }
}

/// Bytes free for us on the file system of the nearest folder that exists.
fn free_bytes(path: &std::path::Path) -> Option<ByteSize> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    let facts = rustix::fs::statvfs(existing).ok()?;
    Some(ByteSize(facts.f_bavail.saturating_mul(facts.f_frsize)))
}

/// What the server is and what stands in the database now.
pub struct ServerSide {
    /// As it reports itself.
    pub facts: ServerFacts,
    /// Tables and views of the database, if it exists.
    pub tables: Option<Vec<Foreign>>,
    /// Findings of the census against this server, with choices applied.
    pub findings: Vec<PlanFinding>,
}

/// A plan to load into a database.
pub fn to_server(from: &Ingredients<'_>, into: &MysqlSink, server: ServerSide) -> RestorePlan {
    let name = &into.database;
    let facts = &server.facts;
    let there = match &server.tables {
        None => SinkState::New,
        Some(tables) => SinkState::DatabaseExists { tables: tables.clone() },
    };
    let mut findings = server.findings;
    findings.extend(from.statement_finding());
    findings.extend(from.dbacked_finding());
    findings.extend(from.missing_tables());
    findings.extend(from.common_findings());
    if facts.read_only {
        findings.push(fact("server_read_only", Stance::Stops, "the server is read-only"));
    }
    let mut estimate = from.estimate();
    findings.extend(from.newer_good_finding(&estimate));
    let mut will = vec![step(StepEffect::Reads, connection(into, facts))];
    if server.tables.is_none() {
        will.push(step(StepEffect::Creates, format!("create database {name}")));
    }
    if let Some(inside) = from.inside() {
        will.push(match &from.request.tables {
            Some(tables) => step(StepEffect::Creates, format!("only {}", listed(tables))),
            None => step(StepEffect::Creates, contents(inside)),
        });
        will.extend(from.overwrites(inside, server.tables.as_deref()));
    }
    let size = estimate.bytes_out.map(|size| size.words()).unwrap_or_default();
    will.push(step(StepEffect::Creates, format!("load {size} of SQL through one connection")));
    let mut will_not = vec![
        format!("touch any database but {name}"),
        "create accounts, change server settings, read or write files of the server".to_owned(),
    ];
    if server.tables.is_none() {
        will_not.push("overwrite any table".to_owned());
    }
    estimate.server = Some(server.facts);
    RestorePlan {
        from: from.source(),
        into: Sink::Mysql(into.clone()),
        there,
        will,
        will_not,
        findings,
        tables: from.request.tables.clone(),
        statement_limit: from.request.statement_limit,
        estimate,
    }
}

/// Who answers, as the server says itself: part of what is approved.
fn connection(into: &MysqlSink, facts: &ServerFacts) -> String {
    let uuid = facts.uuid.as_ref().map(|uuid| format!(", {uuid}")).unwrap_or_default();
    let (label, flavor) = (into.server.label(), facts.flavor.word());
    let (version, hostname, account) = (&facts.version, &facts.hostname, &facts.account);
    format!("connect to {label} as {account}: {flavor} {version} on {hostname}{uuid}")
}

impl Ingredients<'_> {
    fn dump(&self) -> Option<&DumpFacts> {
        self.proof.and_then(|proof| proof.dump.as_deref())
    }

    /// A statement that does not fit into the memory it may have.
    fn statement_finding(&self) -> Option<PlanFinding> {
        let longest = self.dump()?.uses.longest_statement;
        let limit = self.request.statement_limit;
        let words = || {
            let (longest, limit) = (ByteSize(longest).words(), limit.words());
            format!("the longest statement has {longest}, more than the limit of {limit}: raise it (--statement-limit)")
        };
        (longest > limit.0).then(|| fact("statement_limit", Stance::Stops, words()))
    }

    /// DBacked's own table: an old one makes the agent start a backup at once.
    fn dbacked_finding(&self) -> Option<PlanFinding> {
        let named = |name: &Foreign| name.raw_bytes() == DBACKED_TABLE.as_bytes();
        let held = self.inside()?.tables.iter().any(|table| named(&table.name));
        if self.backup.shape.format != Format::Dbacked || !held || self.request.tables.is_some() {
            return None;
        }
        let mut finding = PlanFinding {
            choices: ["keep", "skip"].map(str::to_owned).to_vec(),
            chosen: "keep".to_owned(),
            ..fact(
                "dbacked_table",
                Stance::Warns,
                "holds DBacked's own table `dbacked`: restored, it rewinds the agent's last backup date",
            )
        };
        hazards::choose(&mut finding, &self.request.choices);
        Some(finding)
    }

    /// Tables that were asked for and are not in the dump, as far as its table list is complete.
    fn missing_tables(&self) -> Option<PlanFinding> {
        let (inside, wanted) = (self.inside()?, self.request.tables.as_ref()?);
        let held = |name: &&Foreign| inside.tables.iter().any(|table| table.name == **name);
        let views = self.dump().map(|dump| dump.replaces.as_slice()).unwrap_or_default();
        let complete = inside.table_count == inside.tables.len() as u64;
        let missing: Vec<Foreign> =
            wanted.iter().filter(|name| !held(name) && !views.contains(name)).cloned().collect();
        let words = || format!("the dump has no table {}", listed(&missing));
        (complete && !missing.is_empty()).then(|| fact("no_such_table", Stance::Stops, words()))
    }

    /// What of an existing database is replaced.
    fn overwrites(&self, inside: &Inside, there: Option<&[Foreign]>) -> Vec<Step> {
        let Some(there) = there else { return vec![] };
        let wanted = |name: &Foreign| self.request.tables.as_ref().is_none_or(|tables| tables.contains(name));
        let replaces = self.dump().map(|dump| dump.replaces.as_slice()).unwrap_or_default();
        let names: BTreeSet<&Foreign> =
            inside.tables.iter().map(|table| &table.name).chain(replaces).filter(|name| wanted(name)).collect();
        let names: Vec<Foreign> = names.into_iter().filter(|name| there.contains(name)).cloned().collect();
        let mut steps = vec![];
        if !names.is_empty() {
            let text = format!("drop, replace or fill {}: {}", count(names.len() as u64, "table"), listed(&names));
            steps.push(step(StepEffect::Overwrites, text));
        }
        if inside.routines + inside.triggers + inside.events > 0 && self.request.tables.is_none() {
            let text = "replace routines, triggers and events of the same names";
            steps.push(step(StepEffect::Overwrites, text));
        }
        steps
    }
}

fn listed(names: &[Foreign]) -> String {
    let mut text = names.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if names.len() > 8 {
        text.push_str(&format!(" and {} more", names.len() - 8));
    }
    text
}

/// The age of a backup, in words.
pub fn age_words(seconds: u64) -> String {
    short_span(std::time::Duration::from_secs(seconds))
}
