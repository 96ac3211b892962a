//! What the doors show of the past: plain data.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::join::Certainty;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::run::{Day, RunId, RunState};
use crate::model::target::TargetName;
use crate::model::trust::{Finding, Rung};
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::Outcome;
use crate::telemetry::signals::rhythm::Rhythm;
use crate::telemetry::signals::slots::Slot;

/// The code of what is said of a run whose object was removed as it should be.
pub const PRUNED: &str = "pruned";

/// A snapshot of the past; it does not change any more, a newer one replaces it.
#[derive(Debug, Clone, Default)]
pub struct HistoryView {
    /// When it was made.
    pub at: Moment,
    /// By name, then by target.
    pub series: Vec<Arc<SeriesPast>>,
    /// What could not be used, safe to draw: a cron pattern that is none.
    pub remarks: Vec<String>,
    /// Runs that telemetry told of, over all series.
    pub runs: u64,
    /// Targets in which something once lay and nothing does now.
    pub emptied: Vec<Emptied>,
    /// Why what once lay in the targets is not known, safe to draw.
    pub forgotten: Option<String>,
}

/// A target in which something once lay and nothing does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// Its name.
    pub target: TargetName,
    /// How many objects did.
    pub objects: u64,
    /// When that was listed.
    pub seen: Moment,
}

impl HistoryView {
    /// The series of that key.
    pub fn get(&self, key: &SeriesKey) -> Option<&Arc<SeriesPast>> {
        self.series.iter().find(|series| series.key == *key)
    }
}

/// Which series: what its backups are named for, in one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// As the catalog or telemetry names it, or a rule of the estate.
    pub name: Foreign,
    /// `None` for runs that left nothing in any target that is known, and for rules over several.
    pub target: Option<TargetName>,
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{target}:{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// The past of one series.
#[derive(Debug, Clone)]
pub struct SeriesPast {
    /// Which one.
    pub key: SeriesKey,
    /// Its databases, or its name where they are not known. Safe to draw.
    pub label: String,
    /// Databases inside, as far as names, proofs, runs or the estate tell.
    pub databases: Vec<Foreign>,
    /// Databases of which a backup is expected: those that the estate lists, and those of the past month's backups.
    pub expected: Vec<Foreign>,
    /// The server whose runs these are, by its own id.
    pub server: Option<Foreign>,
    /// What is known of it that would make somebody look for its backups.
    pub grounds: Grounds,
    /// When backups are due.
    pub rhythm: Rhythm,
    /// How long after it is due one becomes late, in milliseconds, with the time that it takes.
    pub grace: i64,
    /// What was tried, oldest first: every listed backup, and the newest runs.
    pub points: Vec<Point>,
    /// What became of every time at which one was due, oldest first.
    pub slots: Vec<Slot>,
    /// Runs per day, oldest first: also of those that are too old to be points.
    pub days: Vec<Day>,
    /// What its past says; what stands first.
    pub judgements: Vec<Judgement>,
    /// What is said of single backups, sizes and durations, each with its own figures.
    pub each: Vec<Judgement>,
    /// What joining its runs and objects says.
    pub findings: Vec<Finding>,
    /// The names under which telemetry knows it.
    pub runs: Vec<Foreign>,
    /// It is one of several servers that write under one naming.
    pub beside_others: bool,
    /// The targets into which no more of it are meant to come, as somebody said, and none did since.
    pub retired: Vec<TargetName>,
    /// What of the estate's rule for it could not be used, safe to draw.
    pub remarks: Vec<String>,
    /// Verifications of our own, oldest first, as far as they are read.
    pub checks: Vec<Checked>,
    /// Where those are that are older.
    pub more_checks: MoreChecks,
}

/// Where verifications are kept that are older than those that were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MoreChecks {
    /// The names of their series.
    pub names: Vec<Foreign>,
    /// Before when they began; `None`: there are none.
    pub before: Option<Moment>,
    /// Only those of backups that are listed in the series are of it: others share its names.
    pub own: bool,
}

/// What is known of a series that would make somebody look for its backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// Backups lie or lay there, or the estate expects them.
    Firm,
    /// Only runs tell of it.
    Told,
    /// Only messages tell of it, and none of them names a place or a database.
    Hearsay,
    /// Its runs do not tell what they are of.
    Nameless,
    /// Its runs have only begun.
    Begun,
}

/// One verification of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// When it began.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub took: Option<i64>,
    /// Bytes that it read.
    pub bytes: Option<u64>,
    /// How it ended.
    pub state: RunState,
    /// How far the backup was proven by it, where that was noted.
    pub reached: Option<Rung>,
    /// What it said where it did not end well: `damaged at byte 512`.
    pub said: Option<Foreign>,
    /// Its run.
    pub run: RunId,
    /// The backup, where that is still listed.
    pub backup: Option<BackupId>,
    /// Where that lies or lay.
    pub target: Option<TargetName>,
}

impl Checked {
    /// What it came to, in one word.
    pub fn word(&self) -> &'static str {
        match (self.state, self.reached) {
            (RunState::Ok, Some(Rung::Proven)) => "proven",
            (RunState::Ok, Some(Rung::Whole)) => "verified",
            (RunState::Ok, Some(Rung::Opens)) => "opened",
            (RunState::Ok, Some(Rung::Listed | Rung::Intact) | None) => "checked",
            (RunState::Failed, _) => "damaged",
            (RunState::Unfinished | RunState::Unknown, _) => "undecided",
        }
    }
}

/// One attempt at a backup: a run, the object that it left, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When it began, as far as that is known.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub took: Option<i64>,
    /// The size of what it made.
    pub bytes: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the run says about that; `None` where none is known.
    pub state: Option<RunState>,
    /// What is there of what it made.
    pub kept: Kept,
    /// The run.
    pub run: Option<RunId>,
    /// The object.
    pub backup: Option<BackupId>,
    /// How sure it is that these two belong together.
    pub certainty: Option<Certainty>,
    /// Where the object lies.
    pub target: Option<TargetName>,
    /// What is in it.
    pub inside: Inside,
    /// By its own account the run wrote only into places outside the estate.
    pub elsewhere: bool,
    /// What is odd about the object beside what its run says.
    pub odd: Option<Finding>,
}

/// The databases in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// As its run or a look inside told.
    Known(Vec<Foreign>),
    /// As its name lets one guess; empty where it tells nothing.
    Guessed(Vec<Foreign>),
}

impl Inside {
    /// Whether a database may be in it. A guess speaks against one only by naming another that is `expected` beside it.
    pub fn may_hold(&self, database: &Foreign, expected: &[Foreign]) -> bool {
        match self {
            Self::Known(names) => names.contains(database),
            Self::Guessed(names) => {
                names.is_empty() || names.contains(database) || names.iter().any(|name| !expected.contains(name))
            }
        }
    }
}

/// What is there of what an attempt made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nobody knows, or there was none.
    Unknown,
    /// It is listed no more.
    Gone,
    /// Its last verification speaks against it, or it is empty.
    Bad,
    /// It is listed, and proven so far.
    Listed(Rung),
    /// It is whole or more, and its content is checked.
    Good(Rung),
}

impl Kept {
    /// The word in lists and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Gone => "gone",
            Self::Bad => "damaged",
            Self::Listed(rung) | Self::Good(rung) => rung.word(),
        }
    }

    /// How far it is proven, where it is listed and nothing speaks against it.
    pub fn rung(self) -> Option<Rung> {
        match self {
            Self::Listed(rung) | Self::Good(rung) => Some(rung),
            Self::Unknown | Self::Gone | Self::Bad => None,
        }
    }

    /// Whether it is listed.
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Bad | Self::Listed(_) | Self::Good(_))
    }
}

impl SeriesPast {
    /// The newest backup that was made and is there.
    pub fn newest(&self) -> Option<&Point> {
        let made = |point: &&Point| point.kept != Kept::Bad && point.outcome != Outcome::Open;
        self.points.iter().rev().filter(|point| point.kept.is_listed()).find(made)
    }

    /// The newest good copy.
    pub fn newest_good(&self) -> Option<&Point> {
        self.points.iter().rev().find(|point| matches!(point.kept, Kept::Good(_)))
    }

    /// Those of some verifications under its names that are of it, and not of another series with the same names.
    pub fn own_checks<'a>(&self, checks: &'a [Checked]) -> Vec<&'a Checked> {
        if !self.more_checks.own {
            return checks.iter().collect();
        }
        let listed: HashSet<&BackupId> = self.points.iter().filter_map(|point| point.backup.as_ref()).collect();
        let own = |checked: &&Checked| checked.backup.as_ref().is_some_and(|backup| listed.contains(backup));
        checks.iter().filter(own).collect()
    }

    /// The gravest judgement that stands: what happened, before that nothing of it is known to be good.
    pub fn gravest(&self) -> Option<&Judgement> {
        let standing = || self.judgements.iter().filter(|judged| judged.stands());
        let happened =
            |judged: &&Judgement| judged.severity > Severity::Note && !matches!(judged.what, What::NoGoodBackup { .. });
        standing().find(happened).or_else(|| standing().next())
    }

    /// What is said of the very attempt of that time.
    pub fn said_of(&self, at: Moment) -> impl Iterator<Item = &Judgement> {
        let began = self.judgements.iter().filter(|judged| judged.is_of_one() && !judged.is_figure());
        began.chain(&self.each).filter(move |judged| judged.since == at)
    }

    /// How much what stands matters.
    pub fn severity(&self) -> Option<Severity> {
        self.judgements.iter().filter(|judged| judged.stands()).map(|judged| judged.severity).max()
    }

    /// The points of a span of time: from `from` up to, not with, `to`.
    pub fn within(&self, from: Moment, to: Moment) -> &[Point] {
        let start = self.points.partition_point(|point| point.at < from);
        let end = start + self.points[start..].partition_point(|point| point.at < to);
        &self.points[start..end]
    }
}
