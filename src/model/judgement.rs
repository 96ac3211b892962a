//! What the past of a series says: judgements with their evidence, and the words for them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::units::{ByteSize, Moment, long_span, short_span};

/// Something that the past of one series says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it is, with the figures that it rests on.
    #[serde(flatten)]
    pub what: What,
    /// How much it matters.
    pub severity: Severity,
    /// From when on.
    pub since: Moment,
    /// Until when; `None` while it is still so.
    pub until: Option<Moment>,
}

/// How much a judgement matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Worth a look today.
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// The word in lists and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Why a prune should not have removed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneFault {
    /// It was younger than the rule allows.
    TooYoung,
    /// It was among the newest ones that the rule keeps.
    AmongTheNewest,
    /// An older one of the same series was kept.
    OlderWasKept,
    /// It belongs to another series.
    OfAnotherSeries,
    /// It was the last good copy.
    LastGoodCopy,
}

impl PruneFault {
    fn words(self) -> &'static str {
        match self {
            Self::TooYoung => "younger than its retention allows",
            Self::AmongTheNewest => "among the newest that its retention keeps",
            Self::OlderWasKept => "while an older one was kept",
            Self::OfAnotherSeries => "of another series",
            Self::LastGoodCopy => "the last good copy",
        }
    }
}

/// What a judgement is, with its figures. Spans are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum What {
    /// A backup is due and has not come.
    Late {
        /// When the oldest of those that have not come was due.
        due: Moment,
        /// How long it has been due.
        overdue: i64,
        /// How many have not come.
        missed: u32,
        /// The newest that did.
        newest: Option<Moment>,
        /// The rhythm that says so: `daily, as its cron says`.
        rhythm: String,
        /// The database of which that is said, where there are backups of others; `None`: all of the series.
        only: Option<Foreign>,
    },
    /// A backup came after its time.
    CameLate {
        /// When it was due.
        due: Moment,
        /// How long after that it came.
        after: i64,
    },
    /// Backups never came.
    Missing {
        /// When the first of them was due.
        first: Moment,
        /// When the last of them was due.
        last: Moment,
        /// How many.
        count: u32,
    },
    /// A run failed.
    Failed {
        /// What it said.
        reason: Option<Foreign>,
    },
    /// Runs fail again and again.
    RepeatedFailure {
        /// How many failed.
        failed: u32,
        /// Of how many in a row.
        of: u32,
        /// What the last of them said.
        reason: Option<Foreign>,
    },
    /// A backup is smaller than the habit of its series allows.
    Shrunk {
        /// Its size.
        bytes: u64,
        /// What was to be expected.
        usual: u64,
        /// The least that would have been no news.
        bound: u64,
        /// How many backups say so.
        over: u32,
    },
    /// A backup is larger than the habit of its series allows.
    Grown {
        /// Its size.
        bytes: u64,
        /// What was to be expected.
        usual: u64,
        /// The most that would have been no news.
        bound: u64,
        /// How many backups say so.
        over: u32,
    },
    /// A run took longer than the habit of its series allows.
    Slower {
        /// How long it took.
        took: i64,
        /// What was to be expected.
        usual: i64,
        /// The most that would have been no news.
        bound: i64,
        /// How many runs say so.
        over: u32,
    },
    /// Databases are in the backups that were not there before.
    DatabaseAppeared {
        /// Their names.
        names: Vec<Foreign>,
    },
    /// Databases are no longer in the backups.
    DatabaseVanished {
        /// Their names.
        names: Vec<Foreign>,
        /// In how many backups in a row before that they were.
        before: u32,
    },
    /// The clock that names and dates the backups does not agree with that of the target.
    ClockSkew {
        /// How far it is ahead; negative where it is behind.
        ahead: i64,
        /// Over how many backups that was measured.
        over: u32,
    },
    /// A prune removed what it should not have.
    PrunedWrongly {
        /// How many.
        removed: u32,
        /// One of them.
        example: Foreign,
        /// Why not.
        fault: PruneFault,
    },
    /// Every backup of the series that lay in a target is gone from it.
    Wiped {
        /// The target's name.
        target: String,
        /// How many there were.
        backups: u64,
        /// When the newest of them was taken.
        newest: Moment,
        /// When they were listed last.
        seen: Moment,
        /// The databases of which that is said, or the naming, where backups of others lie there; empty: all.
        only: Vec<Foreign>,
    },
    /// For a long time there has been no backup that is whole with its content checked.
    NoGoodBackup {
        /// When the newest such backup was taken.
        newest: Option<Moment>,
        /// How old it is, or how long the series has been there without any.
        age: i64,
        /// How old it may be.
        limit: i64,
    },
}

impl What {
    /// Stable, as in the JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Late { .. } => "late",
            Self::CameLate { .. } => "came_late",
            Self::Missing { .. } => "missing",
            Self::Failed { .. } => "failed",
            Self::RepeatedFailure { .. } => "repeated_failure",
            Self::Shrunk { .. } => "shrunk",
            Self::Grown { .. } => "grown",
            Self::Slower { .. } => "slower",
            Self::DatabaseAppeared { .. } => "database_appeared",
            Self::DatabaseVanished { .. } => "database_vanished",
            Self::ClockSkew { .. } => "clock_skew",
            Self::PrunedWrongly { .. } => "pruned_wrongly",
            Self::Wiped { .. } => "wiped",
            Self::NoGoodBackup { .. } => "no_good_backup",
        }
    }
}

impl Judgement {
    /// Whether it is about the very backup or run that it began with.
    pub fn is_of_one(&self) -> bool {
        use What as W;
        match self.what {
            W::Failed { .. } | W::RepeatedFailure { .. } | W::Shrunk { .. } | W::Grown { .. } | W::Slower { .. } => {
                true
            }
            W::DatabaseAppeared { .. } | W::DatabaseVanished { .. } => true,
            W::Late { .. } | W::CameLate { .. } | W::Missing { .. } => false,
            W::ClockSkew { .. } | W::PrunedWrongly { .. } | W::Wiped { .. } | W::NoGoodBackup { .. } => false,
        }
    }

    /// Whether it compares a size or a duration with what is usual: of every single one on its own.
    pub fn is_figure(&self) -> bool {
        matches!(self.what, What::Shrunk { .. } | What::Grown { .. } | What::Slower { .. })
    }

    /// Whether it is still so.
    pub fn stands(&self) -> bool {
        self.until.is_none()
    }

    /// In few words, for a column: `late by 8h`, `97% smaller`.
    pub fn short(&self) -> String {
        match &self.what {
            What::Late { overdue, only, .. } => format!("{}late by {}", of(only), short(*overdue)),
            What::CameLate { after, .. } => format!("came {} late", short(*after)),
            What::Missing { count: 1, .. } => "missing".to_owned(),
            What::Missing { count, .. } => format!("{count} missing"),
            What::Failed { .. } => "failed".to_owned(),
            What::RepeatedFailure { failed, of, .. } if failed == of => format!("failed {failed} times"),
            What::RepeatedFailure { failed, of, .. } => format!("{failed} of {of} failed"),
            What::Shrunk { bytes, usual, .. } => format!("{} smaller", percent(usual - bytes.min(usual), *usual)),
            What::Grown { bytes, usual, .. } => times(*bytes as f64, *usual as f64, "larger"),
            What::Slower { took, usual, .. } => times(*took as f64, *usual as f64, "slower"),
            What::DatabaseAppeared { names } => format!("new: {}", listed(names, 1)),
            What::DatabaseVanished { names, .. } => format!("gone: {}", listed(names, 1)),
            What::ClockSkew { ahead, .. } if *ahead < 0 => format!("clock {} behind", short(-ahead)),
            What::ClockSkew { ahead, .. } => format!("clock {} ahead", short(*ahead)),
            What::PrunedWrongly { .. } => "pruned wrongly".to_owned(),
            What::Wiped { backups, .. } => format!("{backups} gone"),
            What::NoGoodBackup { newest: None, .. } => "none known good".to_owned(),
            What::NoGoodBackup { age, .. } => format!("good copy {} old", short(*age)),
        }
    }

    /// One sentence with the evidence. Safe to draw.
    pub fn words(&self) -> String {
        match &self.what {
            What::Late { due, overdue, missed, newest, rhythm, only } => {
                format!("{}{}", of(only), late(*due, *overdue, *missed, *newest, rhythm))
            }
            What::CameLate { due, after } => {
                format!("the backup due {} UTC came {} late", due.minute(), long(*after))
            }
            What::Missing { first, count: 1, .. } => format!("the backup due {} UTC never came", first.minute()),
            What::Missing { first, last, count } => {
                format!("{count} backups never came, due {} to {} UTC", first.minute(), last.minute())
            }
            What::Failed { reason } => format!("the run of {} UTC failed{}", self.since.minute(), said(reason)),
            What::RepeatedFailure { failed, of, reason } => {
                format!("{failed} of {of} runs since {} UTC failed{}", self.since.minute(), said(reason))
            }
            What::Shrunk { bytes, usual, bound, over } => {
                let percent = percent(usual - bytes.min(usual), *usual);
                let (size, usual, bound) = (ByteSize(*bytes), ByteSize(*usual), ByteSize(*bound));
                format!("{size}, {percent} smaller than usual: {usual} expected, {bound} at least, by {over} before it")
            }
            What::Grown { bytes, usual, bound, over } => {
                let times = times(*bytes as f64, *usual as f64, "larger");
                let (size, usual, bound) = (ByteSize(*bytes), ByteSize(*usual), ByteSize(*bound));
                format!("{size}, {times} than usual: {usual} expected, {bound} at most, by {over} before it")
            }
            What::Slower { took, usual, bound, over } => {
                let (took, usual, bound) = (long(*took), long(*usual), long(*bound));
                format!("took {took}: {usual} expected, {bound} at most, by {over} runs before it")
            }
            What::DatabaseAppeared { names } => format!("in the backups since then: {}", listed(names, 8)),
            What::DatabaseVanished { names, before } => {
                format!("no longer in the backups: {}, which the {before} before it held", listed(names, 8))
            }
            What::ClockSkew { ahead, over } => skew(*ahead, *over),
            What::PrunedWrongly { removed, example, fault } => {
                format!("prune removed {removed} that it should not have: {example}, {}", fault.words())
            }
            What::NoGoodBackup { newest: Some(at), age, limit } => {
                let (age, limit) = (short(*age), short(*limit));
                format!("the newest good copy is of {} UTC, {age} old; {limit} are allowed", at.minute())
            }
            What::NoGoodBackup { newest: None, age, .. } => {
                format!("none is known to be good in the {} that backups are known of", short(*age))
            }
            What::Wiped { target, backups, newest, seen, only } => {
                let of = if only.is_empty() { String::new() } else { format!(" of {}", listed(only, 8)) };
                wiped(target, &of, *backups, *newest, *seen)
            }
        }
    }
}

fn of(database: &Option<Foreign>) -> String {
    database.as_ref().map_or_else(String::new, |name| format!("{name}: "))
}

fn late(due: Moment, overdue: i64, missed: u32, newest: Option<Moment>, rhythm: &str) -> String {
    let newest = newest.map_or_else(|| "none ever came".to_owned(), |at| format!("the newest is of {}", at.minute()));
    let more = if missed > 1 { format!(", {missed} in a row") } else { String::new() };
    format!("late by {}: due {} UTC ({rhythm}){more}; {newest}", long(overdue), due.minute())
}

fn wiped(target: &str, of: &str, backups: u64, newest: Moment, seen: Moment) -> String {
    let (all, are) = match backups {
        1 => (format!("the 1 backup{of}"), "is gone: it lay"),
        more => (format!("all {more} backups{of}"), "are gone: they lay"),
    };
    format!("{all} on {target} {are} there {} UTC, the newest of {}", seen.minute(), newest.minute())
}

fn skew(ahead: i64, over: u32) -> String {
    const QUARTER: i64 = 900_000;
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    let rest = ahead.abs() % QUARTER;
    let zone = ahead.abs() >= QUARTER - 60_000 && rest.min(QUARTER - rest) <= 120_000;
    let guess = if zone { "; a local time taken for UTC looks like that" } else { "" };
    format!("its clock is {} {side} the target's, over {over} backups{guess}", long(ahead.abs()))
}

fn said(reason: &Option<Foreign>) -> String {
    reason.as_ref().map_or_else(String::new, |text| format!(": {text}"))
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0).unsigned_abs())
}

fn short(millis: i64) -> String {
    short_span(span(millis))
}

fn long(millis: i64) -> String {
    long_span(span(millis))
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.0}%", (part as f64 / whole.max(1) as f64 * 100.0).floor())
}

/// `40% larger` below double, else `3.2 times larger`.
fn times(value: f64, usual: f64, word: &str) -> String {
    let ratio = value / usual.max(1.0);
    match ratio < 2.0 {
        true => format!("{:.0}% {word}", (ratio - 1.0) * 100.0),
        false => format!("{ratio:.1} times {word}"),
    }
}

fn listed(names: &[Foreign], most: usize) -> String {
    let mut text: Vec<String> = names.iter().take(most).map(ToString::to_string).collect();
    if names.len() > most {
        text.push(format!("{} more", names.len() - most));
    }
    text.join(", ")
}
