//! A run: one backup, restore or prune as telemetry saw it, whichever feed told of it.
//!
//! What a feed does not tell is `None` or [`RunState::Unknown`], never a guess. All text is [`Foreign`], and
//! passwords have been taken out of it before it became part of any of these types.

mod brief;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::foreign::Foreign;
use crate::model::trust::{Finding, Rung};
use crate::model::units::Moment;

pub use crate::model::run::brief::{Day, DayLast, DayNumber, EARLIEST, Named, RunBrief, RunQuery, RunSeries};
pub use crate::model::span::{Attribute, AttributeValue, Span, SpanEvent, SpanId, SpanStatus, TraceId};

/// Stable across imports of the same telemetry: base32 of the first 75 bits of SHA-256 over what
/// identifies the run. Fifteen characters, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// From what identifies a run: a word for the kind of identity and its parts.
    pub fn of(kind: &str, parts: &[&[u8]]) -> Self {
        let start = Sha256::new().chain_update(kind);
        let whole = parts.iter().fold(start, |hash, part| {
            hash.chain_update([0]).chain_update((part.len() as u64).to_le_bytes()).chain_update(part)
        });
        let mut text = data_encoding::BASE32_NOPAD.encode(&whole.finalize()[..10]).to_lowercase();
        text.truncate(15);
        Self(text)
    }

    /// One that was kept.
    pub fn kept(text: &str) -> Option<Self> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        (text.len() == 15 && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The fifteen characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Gives an enum of plain words its `ALL`, its word and the way back; the words are stable.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in lists, JSON and the store.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The one of that word.
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A backup was made.
    Backup,
    /// A backup was restored.
    Restore,
    /// Old backups were deleted, as a run of its own.
    Prune,
    /// A backup was verified by us.
    Verification,
    /// The feed does not tell.
    Unknown,
}

words!(RunKind { Backup => "backup", Restore => "restore", Prune => "prune", Verification => "verification", Unknown => "unknown" });

/// Who ran it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// databacker's mysql-backup.
    Databacker,
    /// The DBacked agent.
    Dbacked,
    /// This program.
    Breakglass,
    /// Somebody else.
    Unknown,
}

words!(Tool { Databacker => "databacker", Dbacked => "dbacked", Breakglass => "breakglass", Unknown => "unknown" });

/// Which feed told of it. In order of how much it tells: of two feeds with one run, the lesser is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// OTLP, received as it happened.
    Otlp,
    /// A file of an OpenTelemetry Collector.
    CollectorFile,
    /// What mysql-backup prints with `--trace-stderr`.
    TraceStderr,
    /// Log lines of mysql-backup.
    Logrus,
    /// A metadata object beside a DBacked backup.
    DbackedMetadata,
    /// The `dbacked` table of the database.
    DbackedTable,
    /// DBacked's `PUT /backupChecks`.
    Beacon,
    /// DBacked's `PUT /backupAnalytics`.
    Analytics,
    /// A verification of our own.
    Verification,
}

words!(Feed {
    Otlp => "otlp",
    CollectorFile => "collector_file",
    TraceStderr => "trace_stderr",
    Logrus => "logrus",
    DbackedMetadata => "dbacked_metadata",
    DbackedTable => "dbacked_table",
    Beacon => "beacon",
    Analytics => "analytics",
    Verification => "verification",
});

impl Feed {
    /// Whether it arrives while things happen, so that the time of arrival says something about the sender's clock.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Otlp | Self::Beacon | Self::Analytics)
    }
}

/// How a run, or one part of it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It says so, and nothing in it says otherwise.
    Ok,
    /// It, or a part of it, failed.
    Failed,
    /// Its end was not seen: it runs, it died, or the end got lost.
    Unfinished,
    /// It ended, and nothing tells how.
    Unknown,
}

words!(RunState { Ok => "ok", Failed => "failed", Unfinished => "unfinished", Unknown => "unknown" });

/// Where and why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The phase in which the first error arose, deepest span first; `None` when only the whole run says so.
    pub phase: Option<PhaseKind>,
    /// What the tool says.
    pub text: Foreign,
}

/// A part of a run that has a name and a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Scripts before it.
    Before,
    /// Reading the databases.
    Dump,
    /// Packing and sealing.
    Pack,
    /// Writing to one target.
    Upload,
    /// Scripts after it.
    After,
    /// Deleting old backups in one target.
    Prune,
    /// Fetching a backup.
    Fetch,
    /// Unpacking it.
    Unpack,
    /// Running its statements.
    Load,
}

words!(PhaseKind {
    Before => "before",
    Dump => "dump",
    Pack => "pack",
    Upload => "upload",
    After => "after",
    Prune => "prune",
    Fetch => "fetch",
    Unpack => "unpack",
    Load => "load",
});

/// One phase of a run as its span told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Which.
    pub kind: PhaseKind,
    /// What it worked on, where there can be several: a target's URL.
    pub of: Option<Foreign>,
    /// When it began.
    pub started: Option<Moment>,
    /// How long it took, in milliseconds.
    pub millis: Option<u64>,
    /// How it ended.
    pub state: RunState,
}

/// The object that a run left in one target, read, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The target's URL as the tool knows it, without user and password.
    pub target: Option<Foreign>,
    /// What the tool calls that kind of target.
    pub target_kind: Option<Foreign>,
    /// The file's name or key, as the tool says.
    pub name: Option<Foreign>,
    /// Its bytes as the tool counted them. `None` where it counts something else, as DBacked does.
    pub bytes: Option<u64>,
    /// How writing it ended; `None` where nothing tells.
    pub state: Option<RunState>,
    /// Why it failed.
    pub error: Option<Foreign>,
}

/// What pruning one target did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PrunedTarget {
    /// Its URL, without user and password.
    pub target: Option<Foreign>,
    /// Names that were to be deleted.
    pub candidates: Vec<Foreign>,
    /// How many there were, also beyond those kept here.
    pub candidate_count: u64,
    /// Names it left alone, by count.
    pub ignored: u64,
    /// Names whose date it could not read, by count.
    pub invalid: u64,
    /// How it ended.
    pub state: Option<RunState>,
    /// Why it failed.
    pub error: Option<Foreign>,
}

/// What was backed up, as far as telemetry tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The tool's own identity of what it protects: `mysql:all:<server uuid>`; DBacked's `dbId`.
    pub identity: Option<Foreign>,
    /// The server's host or socket.
    pub server: Option<Foreign>,
    /// Its port.
    pub port: Option<u16>,
    /// Its own id.
    pub server_uuid: Option<Foreign>,
    /// `all`, `include` or `exclude`.
    pub selection: Option<Foreign>,
    /// The machine that the tool ran on, or the agent's name.
    pub host: Option<Foreign>,
    /// A cron pattern that the tool itself says it follows, in UTC.
    pub cron: Option<Foreign>,
}

/// One run, whichever feed told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Stable across imports.
    pub id: RunId,
    /// What was done.
    pub kind: RunKind,
    /// Who did it.
    pub tool: Tool,
    /// Which feed told.
    pub feed: Feed,
    /// What groups the runs of one protected thing: the tool's identity of it, else server and databases,
    /// else target and file name without its time. DBacked: the alias or database name.
    pub series: Foreign,
    /// The tool's own id of the run, a UUID.
    pub run_id: Option<Foreign>,
    /// The trace that its spans belong to, and the root span in it where that has been seen.
    pub trace: Option<(TraceId, Option<SpanId>)>,
    /// When it began, by the sender's clock.
    pub started: Option<Moment>,
    /// When it ended, by the sender's clock.
    pub ended: Option<Moment>,
    /// When its last piece arrived, by our clock; only of live feeds.
    pub received: Option<Moment>,
    /// How it ended.
    pub state: RunState,
    /// Where and why it failed.
    pub failure: Option<Failure>,
    /// Bytes that were made, as the tool counted them.
    pub bytes: Option<u64>,
    /// What was backed up.
    pub source: Source,
    /// Databases inside, in the order of the tool; `None` where nothing tells. At most 4,096 are kept.
    pub databases: Option<Vec<Foreign>>,
    /// How many there were.
    pub database_count: Option<u64>,
    /// Its parts, in the order of their beginning. At most 256 are kept.
    pub phases: Vec<Phase>,
    /// What it left, per target.
    pub objects: Vec<ObjectRef>,
    /// What it deleted, per target.
    pub pruned: Vec<PrunedTarget>,
    /// How many spans there are of it.
    pub spans: u32,
    /// What is odd about its telemetry itself: a missing root, a root that lies, a clock that ran backwards.
    pub findings: Vec<Finding>,
    /// How far a verification proved its backup; `None` for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Rung>,
}

impl Run {
    /// A run of which nothing else is known yet.
    pub fn new(id: RunId, kind: RunKind, tool: Tool, feed: Feed, series: impl Into<Foreign>) -> Self {
        Self {
            id,
            kind,
            tool,
            feed,
            series: series.into(),
            run_id: None,
            trace: None,
            started: None,
            ended: None,
            received: None,
            state: RunState::Unknown,
            failure: None,
            bytes: None,
            source: Source::default(),
            databases: None,
            database_count: None,
            phases: vec![],
            objects: vec![],
            pruned: vec![],
            spans: 0,
            findings: vec![],
            reached: None,
        }
    }

    /// The time that it is sorted by: its beginning, else its end, else its arrival, else 1970.
    pub fn at(&self) -> Moment {
        self.started.or(self.ended).or(self.received).unwrap_or_default()
    }

    /// How long it took; `None` where either end is unknown or the clock ran backwards.
    pub fn took(&self) -> Option<Duration> {
        let millis = self.ended?.0.checked_sub(self.started?.0)?;
        u64::try_from(millis).ok().map(Duration::from_millis)
    }

    /// Whether a finding of that code stands on it.
    pub fn has_finding(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_every_part_and_on_where_parts_end() {
        let id = |parts: &[&[u8]]| RunId::of("trace", parts);
        assert_ne!(id(&[b"ab", b"c"]), id(&[b"a", b"bc"]));
        assert_ne!(id(&[b"a"]), RunId::of("uuid", &[b"a"]));
        assert_eq!(RunId::kept(id(&[b"a"]).as_str()), Some(id(&[b"a"])));
        assert_eq!(RunId::kept("../../etc"), None);
    }

    #[test]
    fn words_lead_back() {
        assert!(Feed::ALL.iter().all(|feed| Feed::of_word(feed.word()) == Some(*feed)));
        assert!(RunState::ALL.iter().all(|state| RunState::of_word(state.word()) == Some(*state)));
        let json = serde_json::to_string(&RunState::Unfinished).unwrap();
        assert_eq!(json, format!("\"{}\"", RunState::Unfinished.word()));
    }

    #[test]
    fn a_clock_that_ran_backwards_has_no_duration() {
        let mut run = Run::new(RunId::of("x", &[]), RunKind::Backup, Tool::Unknown, Feed::Otlp, "shop");
        run.started = Some(Moment(5));
        run.ended = Some(Moment(3));
        assert_eq!(run.took(), None);
        run.ended = Some(Moment(i64::MIN));
        assert_eq!(run.took(), None);
        assert_eq!(DayNumber::of(Moment(-1)), DayNumber(-1));
    }
}
