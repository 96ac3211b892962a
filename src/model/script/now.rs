//! Rows as they are now, beside what a change left.

use serde::Serialize;

use crate::model::units::Moment;
use crate::report::Report;

/// How a row stands to the change that is to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Nobody looked.
    #[default]
    Unknown,
    /// As the change left it: the statement applies.
    Matches,
    /// As it was before the change: there is nothing to undo.
    Undone,
    /// Something happened to it since.
    Changed,
    /// It is not there any more.
    Gone,
    /// Another row stands where one would be put back.
    Anew,
    /// It cannot be told: the table is not there, has no key, or has other columns.
    Unknowable,
}

impl RowState {
    /// As the screen and the headless output say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "not looked at",
            Self::Matches => "matches",
            Self::Undone => "already undone",
            Self::Changed => "changed since",
            Self::Gone => "gone",
            Self::Anew => "inserted anew",
            Self::Unknowable => "cannot be told",
        }
    }

    /// Whether a strict statement would apply.
    pub fn applies(self) -> bool {
        self == Self::Matches
    }
}

/// One row as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowNow {
    /// How it stands to the change.
    pub state: RowState,
    /// The columns that are not as the change left them.
    pub columns: Vec<ColumnNow>,
    /// The next change of the same row that the logs know of.
    pub later: Option<Later>,
    /// Why it cannot be told; empty where it can.
    pub why: String,
}

/// One column of a row, three times. Values are safe to draw; `None`: there is no row, or the image has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNow {
    /// Its name, safe to draw.
    pub name: String,
    /// Before the change.
    pub before: Option<String>,
    /// As the change left it.
    pub after: Option<String>,
    /// Now.
    pub now: Option<String>,
}

/// A later change of the same row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// GTID of its transaction, or the place of its begin.
    pub label: String,
    /// When it was committed.
    pub at: Moment,
    /// The connection that ran it.
    pub thread: Option<u32>,
}

/// Changes by the state of their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct StateCounts {
    /// As the changes left them.
    pub matches: u64,
    /// As before.
    pub undone: u64,
    /// Otherwise.
    pub changed: u64,
    /// Not there.
    pub gone: u64,
    /// Another row stands there.
    pub anew: u64,
    /// Cannot be told.
    pub unknowable: u64,
}

impl StateCounts {
    /// One more of this state.
    pub fn add(&mut self, state: RowState) {
        match state {
            RowState::Unknown => {}
            RowState::Matches => self.matches += 1,
            RowState::Undone => self.undone += 1,
            RowState::Changed => self.changed += 1,
            RowState::Gone => self.gone += 1,
            RowState::Anew => self.anew += 1,
            RowState::Unknowable => self.unknowable += 1,
        }
    }

    /// One of them turns out to be of another state.
    pub fn turn(&mut self, was: RowState, state: RowState) {
        match was {
            RowState::Unknown => {}
            RowState::Matches => self.matches -= 1,
            RowState::Undone => self.undone -= 1,
            RowState::Changed => self.changed -= 1,
            RowState::Gone => self.gone -= 1,
            RowState::Anew => self.anew -= 1,
            RowState::Unknowable => self.unknowable -= 1,
        }
        self.add(state);
    }

    /// How many were looked at.
    pub fn looked_at(&self) -> u64 {
        self.matches + self.undone + self.changed + self.gone + self.anew + self.unknowable
    }
}

/// A look at the rows as they are now.
#[derive(Debug, Clone, Default)]
pub struct CheckView {
    /// Which server is or was looked at, in words; empty: none.
    pub server: String,
    /// How many rows were looked at.
    pub done: u64,
    /// When it began.
    pub at: Option<Moment>,
    /// Whether it is still going on.
    pub running: bool,
    /// Why it ended early.
    pub problem: Option<Box<Report>>,
}
