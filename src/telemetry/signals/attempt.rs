//! One attempt at a backup: a run, the object that it left, or both joined.

use crate::model::backup::{Compression, Format};
use crate::model::foreign::Foreign;
use crate::model::seal::SealScheme;
use crate::model::units::Moment;

/// One attempt at a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began; where only the end is known, that.
    pub at: Moment,
    /// What `at` is.
    pub at_is: AtIs,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How it ended.
    pub outcome: Outcome,
    /// Its run says that it failed, whatever it made: a prune after it, say.
    pub complained: bool,
    /// What it said when it failed. No secrets.
    pub reason: Option<Foreign>,
    /// The size of what it made.
    pub bytes: Option<u64>,
    /// The names of the databases in it, sorted; `None` where nobody knows.
    pub databases: Option<Vec<Foreign>>,
    /// When the object that it left was written, by the target's clock.
    pub written: Option<Moment>,
    /// How much the object that it left can be trusted.
    pub copy: Copy,
    /// What it can be measured by; `None` where nobody knows.
    pub like: Option<Like>,
}

/// What makes two sizes comparable: dumps of one naming that are packed and sealed in one way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Like {
    /// What they are named for.
    pub series: Foreign,
    /// As their names say: damaged bytes change no name.
    pub named_as: (Format, Compression),
    /// Around or within that packing.
    pub seal: Sealed,
}

/// How a backup is sealed, by its bytes: what is packed once it is sealed stays as large as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sealed {
    /// Nobody has looked.
    Unknown,
    /// Not at all.
    No,
    /// In that way.
    By(SealScheme),
}

/// Which end of an attempt its time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtIs {
    /// Its beginning.
    Begin,
    /// Its end: the object's own time.
    End,
    /// The end of the day on which it was: nothing else is known.
    Day,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It made a backup.
    Made,
    /// It failed.
    Failed,
    /// It began, and nothing says how it ended.
    Open,
}

/// What is there of what an attempt made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copy {
    /// Nobody knows, or there was none.
    Unknown,
    /// It is gone.
    Gone,
    /// It is listed.
    Listed,
    /// It is whole, and its content is checked.
    Good,
}

impl Attempt {
    /// Whether it made a backup.
    pub fn made(&self) -> bool {
        self.outcome == Outcome::Made
    }

    /// Whether it failed, or its run says so.
    pub fn failed(&self) -> bool {
        self.outcome == Outcome::Failed || self.complained
    }

    /// Whether an object grows there right now.
    pub fn is_being_written(&self) -> bool {
        self.outcome == Outcome::Open && self.written.is_some()
    }

    /// How long it took, in milliseconds; nothing for what ended before it began.
    pub fn took(&self) -> Option<i64> {
        let took = self.ended?.0.checked_sub(self.at.0)?;
        (self.at_is == AtIs::Begin && took >= 0).then_some(took)
    }

    pub(super) fn day(&self) -> f64 {
        self.at.0 as f64 / 86_400_000.0
    }
}

/// Something that a prune removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// When.
    pub at: Moment,
    /// Its name.
    pub name: Foreign,
    /// When it had been taken.
    pub taken: Option<Moment>,
    /// Whether it belongs to the series of the run that pruned.
    pub belongs: Belongs,
    /// Newer ones of its series that were there at that time.
    pub newer: u32,
    /// Older ones of its series that were kept.
    pub older_kept: u32,
    /// Whether it was the last good copy of its series.
    pub last_good: LastGood,
}

/// Whether a removed backup belongs to the series of the run that pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// It does.
    Here,
    /// It is of another series.
    Elsewhere,
}

/// Whether a removed backup was the last good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastGood {
    /// It was.
    Yes,
    /// It was not, or nobody knows.
    No,
}
