//! Making a plan: everything a restore will do, found out before it is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::backup::{Backup, Format, Metadata};
use crate::model::foreign::Foreign;
use crate::model::plan::{Estimate, PlanFinding, PlanSource, RestorePlan, SinkState, Stance, Step, StepEffect};
use crate::model::sink::{DirSink, Sink};
use crate::model::trust::{Inside, MemberProof, Proof, Rung, Voucher};
use crate::model::units::{ByteSize, Moment, grouped, short_span};
use crate::report::{Fault, Report};
use crate::work::catalog::Catalog;
use crate::work::parts;
use crate::work::parts::Rename;
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
    /// Only these databases of an archive; `None`: all of them.
    pub databases: Option<Vec<Foreign>>,
    /// Databases that are to be called otherwise.
    pub renames: Vec<Rename>,
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
    pub(super) fn source(&self) -> PlanSource {
        let proof = self.proof;
        PlanSource {
            id: self.backup.id.clone(),
            label: self.backup.label(),
            stamp: self.backup.stamp.clone(),
            taken_at: self.backup.taken.at,
            trust: proof.map_or(Rung::Listed, Proof::reached),
            content: proof.map_or(Voucher::None, |proof| proof.content),
            made_by: self.inside().map(|inside| inside.made_by.clone()).unwrap_or_default(),
            sha256: proof.and_then(Proof::content_sha256),
        }
    }

    pub(super) fn inside(&self) -> Option<&Inside> {
        self.proof.and_then(|proof| proof.inside.as_ref())
    }

    pub(super) fn estimate(&self) -> Estimate {
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
    pub(super) fn common_findings(&self) -> Vec<PlanFinding> {
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

    pub(super) fn newer_good_finding(&self, estimate: &Estimate) -> Option<PlanFinding> {
        let newer = estimate.newer_good.as_ref()?;
        Some(fact("newer_good", Stance::Warns, format!("a newer good copy exists: {newer}")))
    }
}

/// A finding without a choice.
pub fn fact(code: &str, stance: Stance, text: impl Into<String>) -> PlanFinding {
    PlanFinding { code: code.to_owned(), text: text.into(), stance, choices: vec![], chosen: String::new() }
}

pub(super) fn step(effect: StepEffect, text: impl Into<String>) -> Step {
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

pub(super) fn count(number: u64, word: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {word}{s}", grouped(number))
}

/// The file that a backup becomes in a folder: its own name with the ending of what is inside.
pub fn file_name(backup: &Backup) -> String {
    let raw = backup.key.raw_bytes();
    let mut stem = harmless(raw.rsplit(|byte| *byte == b'/').next().unwrap_or(raw));
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

/// Whether several dumps come out of a backup.
pub fn is_archive(backup: &Backup) -> bool {
    match &backup.proof {
        Some(proof) if proof.reached() >= Rung::Whole => !proof.members.is_empty(),
        _ => backup.shape.format == Format::Databacker,
    }
}

/// The file that a member of an archive becomes in a folder.
pub fn member_file(name: &Foreign) -> String {
    let mut plain = harmless(name.raw_bytes());
    plain.truncate(200);
    let plain = plain.trim_start_matches('.');
    if plain.is_empty() { "member.sql".to_owned() } else { plain.to_owned() }
}

/// A name of which only letters, digits and a few marks are left.
fn harmless(name: &[u8]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    String::from_utf8_lossy(name).chars().map(|c| if plain(c) { c } else { '_' }).collect()
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
    let files = from.files();
    let mut estimate = from.estimate();
    estimate.bytes_out = from.chosen_bytes().or(estimate.bytes_out);
    estimate.free = free_bytes(&dir.path);
    let mut findings = from.common_findings();
    findings.extend(from.newer_good_finding(&estimate));
    if let Some(name) = files.iter().flatten().find(|name| dir.path.join(name).exists()) {
        let text = format!("{name} is there already and will not be replaced: name another folder");
        findings.push(fact("file_exists", Stance::Stops, text));
    }
    findings.extend(from.absent_databases());
    findings.extend(parts::unused_renames(from.proof, from.request));
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
    will.push(step(
        StepEffect::Creates,
        match files.as_deref() {
            Some([name]) => format!("write {name} (mode 0600{whole}), named only when whole"),
            Some(names) => format!("write {} (mode 0600{whole}), named only when whole", some(names)),
            None => format!("write a .sql file of each database (mode 0600{whole}), named only when whole"),
        },
    ));
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
        databases: from.request.databases.clone(),
        parts: vec![],
        rewrites: vec![],
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
    findings.extend(from.absent_databases());
    findings.extend(parts::unused_renames(from.proof, from.request));
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
        databases: from.request.databases.clone(),
        parts: vec![],
        rewrites: vec![],
        statement_limit: ByteSize(0),
        estimate: from.estimate(),
    }
}

pub(super) fn proof_step(proof: Option<&Proof>) -> String {
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

/// Up to eight names, and how many more there are.
pub fn some<T: std::fmt::Display>(names: &[T]) -> String {
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

impl Ingredients<'_> {
    /// The files that a folder gets; `None` while the archive has not been read.
    fn files(&self) -> Option<Vec<String>> {
        if !is_archive(self.backup) {
            return Some(vec![file_name(self.backup)]);
        }
        Some(self.chosen_members()?.map(|member| member_file(&member.name)).collect())
    }

    /// The members that are asked for; `None` while the archive has not been read.
    fn chosen_members(&self) -> Option<impl Iterator<Item = &MemberProof>> {
        let members = self.proof.map(|proof| proof.members.as_slice()).filter(|members| !members.is_empty())?;
        Some(members.iter().filter(|member| match (&self.request.databases, &member.database) {
            (None, _) => true,
            (Some(names), database) => database.as_ref().is_some_and(|database| names.contains(database)),
        }))
    }

    /// What comes out of an archive of which not everything is asked for.
    fn chosen_bytes(&self) -> Option<ByteSize> {
        self.request.databases.as_ref()?;
        Some(ByteSize(self.chosen_members()?.map(|member| member.bytes).sum()))
    }

    /// Databases that were asked for and are not in the backup, or cannot be told apart in it.
    fn absent_databases(&self) -> Option<PlanFinding> {
        let wanted = self.request.databases.as_ref()?;
        if !is_archive(self.backup) {
            let text = "this backup is one dump: single databases can be chosen only of an archive";
            return Some(fact("databases_not_here", Stance::Stops, text));
        }
        let members = self.proof.map(|proof| proof.members.as_slice()).filter(|members| !members.is_empty())?;
        let held = |name: &&Foreign| members.iter().any(|member| member.database.as_ref() == Some(*name));
        let missing: Vec<&Foreign> = wanted.iter().filter(|name| !held(name)).collect();
        let text = format!("the backup holds no database {}", some(&missing));
        (!missing.is_empty()).then(|| fact("no_such_database", Stance::Stops, text))
    }
}
