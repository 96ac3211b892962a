//! The monitors' question: has every database a fresh backup that can be trusted?
//!
//! Only what was listed just now counts; neither a cache nor telemetry makes a backup exist.

mod cures;
mod forget;
mod standing;
mod subjects;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::model::backup::BackupId;
use crate::model::foreign::escape;
use crate::model::target::TargetName;
use crate::model::trust::Rung;
use crate::model::units::{Moment, short_span};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::check::standing::Ask;
use crate::work::history::view::{HistoryView, SeriesPast};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// What is dated so far ahead of now is not believed.
const FUTURE: i64 = 5 * MINUTE;
/// Without an age that was asked for and without a rhythm.
const USUAL_AGE: i64 = 26 * HOUR;
/// So long a failure of something that nobody can name is told.
const WEEK: i64 = 7 * 24 * HOUR;
/// So long one of something that left no backup is.
const MONTH: i64 = 30 * 24 * HOUR;
/// The same of something that made backups elsewhere, on several days.
const QUARTER: i64 = 92 * 24 * HOUR;
/// What came again after so long is no single attempt of somebody.
const AGAIN: i64 = 20 * HOUR;
/// Subjects that are named in the one line of output.
const NAMED: usize = 4;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// How old the newest trusted backup may be; `None`: as old as the rhythm of its series allows.
    pub max_age: Option<Duration>,
    /// How far it must be proven.
    pub min_trust: Rung,
    /// Only these targets; empty: all.
    pub targets: Vec<TargetName>,
    /// Only series whose name, label or database fits one of these patterns; empty: all.
    pub series: Vec<String>,
}

/// What monitors understand, in the order of how much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Fresh and trusted.
    Ok,
    /// Fresh, and something about it is worth a look.
    Warning,
    /// Something could not be looked at.
    Unknown,
    /// There is no fresh one, or it is damaged.
    Critical,
}

impl State {
    /// The word at the beginning of the line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code that monitors expect.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The gravest of all.
    pub state: State,
    /// The one line, without its figures.
    pub words: String,
    /// When the targets were listed.
    pub at: Moment,
    /// Whether what telemetry told of the past could be read.
    pub history: Heard,
    /// Each database, or series whose databases nobody knows.
    pub databases: Vec<Subject>,
    /// Each target that was asked for.
    pub targets: Vec<TargetCheck>,
    /// What keeps it from knowing all that it should.
    pub remarks: Vec<String>,
}

/// Whether what telemetry told of the past had a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Heard {
    /// It had.
    Read,
    /// It could not be read: what it would have said against a backup is not known.
    Unreadable,
}

/// One database, over all targets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subject {
    /// Its name, safe to draw.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// Why.
    pub reasons: Vec<String>,
    /// The newest backup that is there and not damaged.
    pub newest_at: Option<Moment>,
    /// Its age in seconds.
    pub age_seconds: Option<i64>,
    /// How old it may be, in seconds.
    pub max_age_seconds: i64,
    /// Where it lies.
    pub target: Option<TargetName>,
    /// Which one it is.
    pub id: Option<BackupId>,
    /// Its bytes.
    pub size_bytes: Option<u64>,
    /// How far it is proven.
    pub trust: Option<Rung>,
    /// The newest one that is proven far enough.
    pub trusted_at: Option<Moment>,
}

impl Subject {
    /// The age of the newest one that is proven far enough, in seconds: a newer one that is not is no reason to praise.
    fn trusted_age(&self) -> Option<i64> {
        let (newest, trusted) = (self.newest_at?, self.trusted_at?);
        Some(self.age_seconds?.saturating_add(newest.0.saturating_sub(trusted.0) / 1000))
    }
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetCheck {
    /// Its name.
    pub name: TargetName,
    /// Whether all of it was listed.
    pub listed: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// Answers, from what was listed just now.
pub fn check(catalog: &Catalog, history: &HistoryView, wants: &Wants) -> CheckReport {
    let targets = targets(catalog, wants);
    let all_listed = targets.iter().all(|target| target.listed);
    let ask = Ask { wants, targets: &targets, emptied: &history.emptied, all_listed, now: history.at };
    let wanted = history.series.iter().map(Arc::as_ref).filter(|row| ask.wanted(row));
    let (retired, rows): (Vec<&SeriesPast>, Vec<&SeriesPast>) = wanted.partition(|row| ask.is_retired(row));
    let mut databases: Vec<Subject> = ask.subjects(&rows).iter().map(|(name, rows)| ask.subject(name, rows)).collect();
    cures::explain(&mut databases, history);
    let found = !databases.is_empty();
    databases.extend(ask.unmet(&[&rows[..], &retired].concat(), catalog, found));
    // What was meant to end leaves nothing to be asked for.
    let none = if retired.is_empty() { State::Critical } else { State::Ok };
    let mut state = databases.iter().map(|subject| subject.state).max().unwrap_or(none);
    if !all_listed {
        state = if found || !retired.is_empty() { state.max(State::Unknown) } else { State::Unknown };
    }
    let forgotten = history.forgotten.iter().map(|why| format!("what was wiped is not known: {why}"));
    let remarks: Vec<String> = forgotten.chain(rows.iter().flat_map(|row| row.remarks.iter().cloned())).collect();
    if !remarks.is_empty() {
        state = state.max(State::Warning);
    }
    let mut words = words(state, &databases, &targets, &remarks);
    if !retired.is_empty() {
        words = format!("{words}; {} series retired", retired.len());
    }
    CheckReport { state, words, at: history.at, history: Heard::Read, databases, targets, remarks }
}

fn targets(catalog: &Catalog, wants: &Wants) -> Vec<TargetCheck> {
    let asked = |name: &TargetName| wants.targets.is_empty() || wants.targets.contains(name);
    let one = |name: &TargetName, state: &TargetState| {
        let reason = match state {
            TargetState::Listed { .. } => None,
            TargetState::Failed(report) => Some(report.headline.clone()),
            TargetState::NotYet(why) => Some(why.clone()),
            TargetState::Waiting | TargetState::Listing { .. } => Some("its listing was not finished".to_owned()),
        };
        TargetCheck { name: name.clone(), listed: reason.is_none(), reason }
    };
    let views = catalog.targets.iter().filter(|target| asked(&target.name));
    views.map(|target| one(&target.name, &target.state)).collect()
}

fn span(millis: i64) -> String {
    short_span(Duration::from_millis(millis.max(0).unsigned_abs()))
}

fn words(state: State, subjects: &[Subject], targets: &[TargetCheck], remarks: &[String]) -> String {
    let unlisted = targets
        .iter()
        .filter(|target| !target.listed)
        .map(|target| format!("{} could not be listed: {}", target.name, target.reason.as_deref().unwrap_or_default()));
    let mut worst: Vec<&Subject> = subjects.iter().filter(|subject| subject.state != State::Ok).collect();
    worst.sort_by_key(|subject| std::cmp::Reverse(subject.state));
    let named = worst.iter().take(NAMED).map(|it| format!("{}: {}", it.name, it.reasons.join(", ")));
    let mut parts: Vec<String> =
        if state == State::Unknown { unlisted.chain(named).collect() } else { named.chain(unlisted).collect() };
    if worst.len() > NAMED {
        parts.push(format!("{} more", worst.len() - NAMED));
    }
    parts.extend(remarks.iter().cloned());
    let fine = subjects.iter().filter(|subject| subject.state == State::Ok);
    let oldest = fine.clone().filter_map(Subject::trusted_age).max();
    parts.push(match (fine.count(), oldest) {
        (0, _) if subjects.is_empty() => "no backup of any database is listed".to_owned(),
        (count, Some(oldest)) => format!(
            "{count} of {} databases fresh and trusted, the oldest {}",
            subjects.len(),
            span(oldest.saturating_mul(1000))
        ),
        (count, None) => format!("{count} of {} databases fresh and trusted", subjects.len()),
    });
    // One line, and the bar begins the figures.
    escape(&parts.join("; ")).replace('|', "/")
}

impl CheckReport {
    /// The same where the history of runs could not be read: its loss takes no backup away, and is worth a look.
    pub fn without_history(self) -> Self {
        let words = format!("the history of runs cannot be read; {}", self.words);
        Self { state: self.state.max(State::Warning), words, history: Heard::Unreadable, ..self }
    }

    /// The one line that monitors read, with figures for their graphs behind a bar.
    pub fn line(&self) -> String {
        let count = |state: State| self.databases.iter().filter(|subject| subject.state == state).count();
        let mut figures = vec![
            format!("databases={}", self.databases.len()),
            format!("warning={}", count(State::Warning)),
            format!("critical={}", count(State::Critical)),
            format!("unlisted={}", self.targets.iter().filter(|target| !target.listed).count()),
        ];
        for subject in &self.databases {
            let label: String = subject.name.chars().map(|c| if "'=|;".contains(c) { '_' } else { c }).collect();
            if let Some(age) = subject.age_seconds {
                figures.push(format!("'{label} age'={age}s;;{};0;", subject.max_age_seconds));
            }
            if let Some(size) = subject.size_bytes {
                figures.push(format!("'{label} size'={size}B;;;0;"));
            }
        }
        format!("{}: {} | {}", self.state.word(), self.words, figures.join(" "))
    }
}

#[cfg(test)]
mod tests;
