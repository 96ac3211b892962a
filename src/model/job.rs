//! Running work: what is asked for, how far it is, how it ended. Serde types that hold no key.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::backup::BackupId;
use crate::model::plan::PlanDigest;
use crate::model::salvage::SalvageReport;
use crate::model::trust::{Proof, Rung};
use crate::model::units::{ByteSize, Rate};
use crate::report::Report;

/// A job of this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("#{}", self.0))
    }
}

/// What a job is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobSpec {
    /// Climb the trust ladder.
    Verify {
        /// Which backup.
        backup: BackupId,
        /// How high.
        to: Rung,
    },
    /// Run a confirmed plan.
    Restore {
        /// Which backup.
        backup: BackupId,
        /// Where to, in words.
        into: String,
        /// The plan that was approved.
        digest: PlanDigest,
    },
    /// Get out of a broken backup what is there.
    Salvage {
        /// Which backup.
        backup: BackupId,
        /// The folder, as `--into` takes it.
        into: String,
    },
    /// Read a change source.
    Changes {
        /// SOURCE, escaped.
        source: String,
    },
}

impl JobSpec {
    /// The verb, for lists.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::Restore { .. } => "restore",
            Self::Salvage { .. } => "salvage",
            Self::Changes { .. } => "changes",
        }
    }

    /// The backup it works on, where it is one.
    pub fn backup(&self) -> Option<&BackupId> {
        match self {
            Self::Verify { backup, .. } | Self::Restore { backup, .. } | Self::Salvage { backup, .. } => Some(backup),
            Self::Changes { .. } => None,
        }
    }
}

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not started.
    #[default]
    Waiting,
    /// Asking the target and the sink.
    Probing,
    /// Reading, proving, writing nothing.
    Verifying,
    /// Writing to the sink.
    Restoring,
    /// Writing what comes out of a broken backup.
    Salvaging,
    /// Bringing files that do not lie here.
    Fetching,
    /// Reading binary logs.
    Reading,
    /// Comparing, syncing, renaming.
    Finishing,
}

impl Phase {
    /// The word on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Probing => "probing",
            Self::Verifying => "verifying",
            Self::Restoring => "restoring",
            Self::Salvaging => "salvaging",
            Self::Fetching => "fetching",
            Self::Reading => "reading",
            Self::Finishing => "finishing",
        }
    }
}

/// How far a job is. The newest value wins; older ones may be lost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Stored bytes read in this phase.
    pub done: ByteSize,
    /// Stored bytes there are.
    pub total: Option<ByteSize>,
    /// Over the last seconds; `None` until it is known.
    pub rate: Option<Rate>,
    /// Only while the rate has been steady.
    pub left: Option<Duration>,
    /// Nothing has moved for this long, and why as far as known.
    pub stalled: Option<(Duration, String)>,
    /// Where the work is, safe to draw: a table, a statement number.
    pub at: String,
    /// Time since the job started.
    pub elapsed: Duration,
}

impl Progress {
    /// 0.0 to 1.0, where the total is known.
    pub fn fraction(&self) -> Option<f64> {
        let total = self.total?.0;
        (total > 0).then(|| (self.done.0 as f64 / total as f64).min(1.0))
    }
}

/// Something a job reports that must not be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// It began.
    Started(JobSpec),
    /// A line for its log, safe to draw.
    Line(String),
    /// It ended.
    Ended(Ending),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A verification came to a verdict (which may be a bad one).
    Verified(Box<Proof>),
    /// A restore ended: done, partly, or cancelled with what it wrote.
    Restored(Box<RestoreReport>),
    /// A salvage brought something out, never known to be everything.
    Salvaged(Box<SalvageReport>),
    /// A change source was read.
    Surveyed {
        /// Transactions that changed rows.
        transactions: u64,
        /// Rows.
        rows: u64,
        /// Holes.
        gaps: u64,
        /// What is wrong with files.
        problems: u64,
    },
    /// It could not be done.
    Failed(#[serde(skip)] Option<Box<Report>>),
    /// Stopped before anything was written.
    Cancelled,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RestoreReport {
    /// How it ended.
    pub outcome: RestoreOutcome,
    /// Where to, in words.
    pub into: String,
    /// The file written, for `dir:`; the folder where there are several.
    pub file: Option<String>,
    /// Every file written, for `dir:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Databases filled.
    pub databases: Vec<String>,
    /// Tables created.
    pub tables: u64,
    /// Rows inserted, as the server counted them.
    pub rows: u64,
    /// Statements executed.
    pub statements: u64,
    /// Bytes of SQL written.
    pub bytes: ByteSize,
    /// How long it took.
    pub seconds: f64,
    /// What did not work, with statement number and byte; safe to draw, no row values.
    pub failures: Vec<String>,
    /// SHA-256 of what was written, for `dir:` and `stdout`.
    pub sha256: Option<String>,
}

/// How a restore ended. Stable words of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreOutcome {
    /// Everything is there.
    Done,
    /// Some of it is there.
    Partly,
    /// Nothing usable is there.
    #[default]
    Failed,
    /// Stopped; the report says what had been written.
    Cancelled,
}
