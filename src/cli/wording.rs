//! How facts about backups read in tables and in `show`.

use crate::model::backup::{Backup, Basis, Compression, Metadata, Opens};
use crate::model::target::{Access, History, Storage};
use crate::model::trust::{Proof, Rung, VerdictOutcome, Voucher, Weight};
use crate::model::units::grouped;
use crate::work::catalog::{Catalog, TargetState};

/// The mark in the margin: the heaviest finding.
pub fn mark(backup: &Backup) -> &'static str {
    match backup.findings.iter().map(|finding| finding.weight).max() {
        Some(Weight::Fatal) => "x",
        Some(Weight::Warning) => "!",
        Some(Weight::Note) | None => "",
    }
}

/// The databases inside; a guess from names carries a question mark.
pub fn databases(backup: &Backup) -> String {
    let names: Vec<String> = backup.databases.iter().map(ToString::to_string).collect();
    match (names.is_empty(), backup.databases_known) {
        (true, _) => "-".to_owned(),
        (false, true) => names.join(" "),
        (false, false) => format!("{}?", names.join(" ")),
    }
}

/// The seal, and whether a loaded key is known not to open it.
pub fn seal(backup: &Backup) -> String {
    match (&backup.shape.seal, backup.opens) {
        (None, _) => "-".to_owned(),
        (Some(seal), Opens::No) => format!("{} other", seal.scheme.word()),
        (Some(seal), _) => seal.scheme.word().to_owned(),
    }
}

/// The word of the trust ladder, or the verdict that stands against it.
pub fn trust(backup: &Backup) -> String {
    let Some(proof) = &backup.proof else { return Rung::Listed.word().to_owned() };
    let word = verdict(proof);
    if backup.stale { format!("{word}, stale") } else { word }
}

/// What one verification came to, in a few words.
pub fn verdict(proof: &Proof) -> String {
    let reached = proof.reached();
    match proof.outcome {
        VerdictOutcome::Ok if reached >= Rung::Whole && proof.content == Voucher::None => {
            format!("{}, content unchecked", reached.word())
        }
        VerdictOutcome::Ok => reached.word().to_owned(),
        outcome => outcome.word().to_owned(),
    }
}

/// Format and compression, with a question mark while only the name says so.
pub fn format(backup: &Backup) -> String {
    let compression = match backup.shape.compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Zstd => ", zstd",
        Compression::Bzip2 => ", bzip2",
        Compression::Xz => ", xz",
    };
    let doubt = if backup.shape.basis == Basis::Name { "?" } else { "" };
    format!("{}{compression}{doubt}", backup.shape.format.word())
}

/// Whether it is the current version, and what has to happen before it can be read.
pub fn history(history: History) -> &'static str {
    match history {
        History::Current => "current",
        History::Older => "an older version",
        History::Deleted => "a delete marker: nothing to read, older versions may be",
    }
}

/// The storage class and how to thaw it.
pub fn storage(storage: &Storage) -> String {
    let class = storage.class.as_deref().unwrap_or("standard");
    match storage.access {
        Access::Ready => class.to_owned(),
        Access::Frozen => format!("{class}: must be thawed first (aws s3api restore-object)"),
        Access::Thawing => format!("{class}: is being thawed"),
        Access::Thawed(None) => format!("{class}: thawed"),
        Access::Thawed(Some(until)) => format!("{class}: thawed until {} UTC", until.minute()),
    }
}

/// What the metadata object says, or why it says nothing.
pub fn metadata(metadata: &Metadata) -> String {
    match metadata {
        Metadata::NotApplicable => "not expected for this format".to_owned(),
        Metadata::Pending => "listed, not read".to_owned(),
        Metadata::Missing => "missing".to_owned(),
        Metadata::Unusable(why) => format!("unusable: {why}"),
        Metadata::Read(facts) => {
            let mut lines = vec![];
            let mut note =
                |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("{name} {value}")));
            note("md5", facts.md5.clone());
            note("key", facts.fingerprint.as_ref().map(|fingerprint| fingerprint.short()));
            note("agent", facts.agent.as_ref().map(ToString::to_string));
            note("started", facts.started.map(|at| format!("{} UTC", at.second())));
            note("database", facts.db_name.as_ref().map(ToString::to_string));
            note("kind", facts.db_type.as_ref().map(ToString::to_string));
            lines.extend(facts.remarks.iter().cloned());
            lines.join("\n")
        }
    }
}

/// How far the listing of all targets is.
pub fn listing(catalog: &Catalog) -> String {
    let objects = |state: &TargetState| match state {
        TargetState::Listing { objects } | TargetState::Listed { objects } => *objects as u64,
        TargetState::Waiting | TargetState::Failed(_) | TargetState::NotYet(_) => 0,
    };
    let listed = grouped(catalog.targets.iter().map(|target| objects(&target.state)).sum());
    let open = |state: &TargetState| matches!(state, TargetState::Waiting | TargetState::Listing { .. });
    let waiting: Vec<&str> =
        catalog.targets.iter().filter(|target| open(&target.state)).map(|target| target.name.as_str()).collect();
    match waiting[..] {
        [] => format!("{listed} objects listed, {} to be looked at", grouped(catalog.pending_heads as u64)),
        _ => format!("listing {}: {listed} objects", waiting.join(", ")),
    }
}
