//! Who did what, when, with what result.

use serde::{Deserialize, Serialize};

use crate::model::seal::Fingerprint;
use crate::model::units::Moment;

/// One line of the audit log. Holds no secret and no row value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Position in the chain, from 0.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Intent before a write, outcome after it, or an event without both.
    pub kind: AuditKind,
    /// For outcomes: the sequence number of the intent.
    pub of: Option<u64>,
    /// What: `key.load`, `key.lock`, `verify`, `plan`, `restore`, `seal`, `export`, ...
    pub action: String,
    /// On what, escaped: a backup's label, a sink.
    pub subject: String,
    /// `ok`, `failed`, a verdict's word; empty for intents.
    pub result: String,
    /// Further facts, escaped: digest of the plan, counts.
    pub detail: String,
    /// The key used.
    pub key: Option<Fingerprint>,
    /// Who.
    pub actor: Actor,
    /// Hash of the record before, 64 hex digits; zeros for the first.
    pub prev: String,
    /// SHA-256 over this record with this field empty, 64 hex digits.
    pub hash: String,
}

/// What kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Written before the first write of a job; reserves the room for its outcome.
    Intent,
    /// How that ended.
    Outcome,
    /// Something that needs no intent.
    Event,
}

/// Who acts, as far as the machine knows. All escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// Name of the effective user.
    pub user: String,
    /// The login user behind `sudo`, from the kernel's loginuid.
    pub login: Option<String>,
    /// `SUDO_USER`.
    pub sudo_user: Option<String>,
    /// This machine.
    pub host: String,
    /// Where the SSH session comes from (`SSH_CONNECTION`).
    pub ssh_from: Option<String>,
    /// Process id.
    pub pid: u32,
    /// This program's version.
    pub program: String,
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainState {
    /// Records read.
    pub records: u64,
    /// Hash of the last good record.
    pub head: String,
    /// The first break: record number and what is wrong with it.
    pub broken: Option<(u64, String)>,
    /// Intents without an outcome: a job is running, or the program died.
    pub open_intents: Vec<u64>,
}
