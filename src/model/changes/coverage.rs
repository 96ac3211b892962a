//! What part of history a source covers, file by file, and what is missing or wrong.

use serde::Serialize;

use crate::model::change::BinlogPos;
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// One end of what was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The log file.
    pub file: Foreign,
    /// The byte in it.
    pub position: BinlogPos,
    /// The time of the event there; `None` where there was none.
    pub at: Option<Moment>,
}

/// Why something is missing between two places of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Numbers of the sequence have no file.
    MissingFiles,
    /// A file announces another successor than the one that is there.
    OtherSuccessor,
    /// GTIDs that a file says came before it are not in the files before it.
    MissingGtids,
    /// A file cannot be read to its end: it is cut, damaged or encrypted.
    Unreadable,
    /// A file that is not the last one ends without saying that the log goes on elsewhere.
    OpenEnd,
    /// The server that wrote the log says that it lost events there.
    Incident,
    /// What was committed there, or a part of it, is in an earlier file.
    EarlierFile,
    /// A file does not go on where the one before it ends: it is of another life of the server, or of another server.
    OtherHistory,
}

/// A hole in a source: changes may be missing there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// The last thing before it.
    pub after: Option<Edge>,
    /// The first thing behind it.
    pub before: Option<Edge>,
    /// In words; safe to draw.
    pub words: String,
}

/// What part of history a source covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Coverage {
    /// The first event that was read.
    pub from: Option<Edge>,
    /// Up to where it was read.
    pub to: Option<Edge>,
    /// Holes in between, in order.
    pub gaps: Vec<Gap>,
    /// Whether the last file was still being written, or its server crashed: more may have followed.
    pub open_end: bool,
}

impl Coverage {
    /// In words: `covered 13:00:02 to 14:31:57, no gap`; with the day where the span is longer than one.
    pub fn words(&self) -> String {
        let (Some(from), Some(to)) =
            (self.from.as_ref().and_then(|edge| edge.at), self.to.as_ref().and_then(|edge| edge.at))
        else {
            return "nothing was read".to_owned();
        };
        let same_day = from.day() == to.day();
        let end = if same_day { to.second().split_off(11) } else { to.second() };
        let gaps = match self.gaps.len() {
            0 => "no gap".to_owned(),
            1 => "1 gap".to_owned(),
            n => format!("{n} gaps"),
        };
        let open = if self.open_end { "; the last file was still being written" } else { "" };
        format!("covered {} to {end} UTC, {gaps}{open}", from.second())
    }
}

/// One log file of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// Its name, without the ending of a compression.
    pub name: Foreign,
    /// Its number in the sequence, where the name has one.
    pub sequence: Option<u64>,
    /// Bytes as they are stored.
    pub stored: u64,
    /// Bytes of the log itself, as far as it was read.
    pub size: u64,
    /// `mysql` or `mariadb`, and the version; empty before it was read.
    pub server: String,
    /// The time of its first event.
    pub from: Option<Moment>,
    /// The time of its last event.
    pub to: Option<Moment>,
    /// Whether every event carries a checksum.
    pub checksums: bool,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// Something that is wrong with a log, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The log file.
    pub file: Foreign,
    /// Where in it; for a whole file 0.
    pub position: BinlogPos,
    /// Stable, such as `binlog::checksum`.
    pub code: String,
    /// In words; safe to draw.
    pub words: String,
    /// What to do; safe to draw.
    pub advice: String,
    /// Whether bytes are damaged or missing (exit code 3), and not merely unreadable for us.
    pub damage: bool,
}
