//! The monitors' question: has every database a fresh backup that can be trusted?
//!
//! Only what was listed just now counts; neither a cache nor telemetry makes a backup exist.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::model::backup::BackupId;
use crate::model::foreign::{Foreign, escape};
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::target::TargetName;
use crate::model::trust::Rung;
use crate::model::units::{Moment, short_span};
use crate::telemetry::signals::attempt::Outcome;
use crate::work::catalog::{Catalog, TargetState};
use crate::work::history::rows::fits;
use crate::work::history::view::{HistoryView, Kept, Point, SeriesPast};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// What is dated so far ahead of now is not believed.
const FUTURE: i64 = 5 * MINUTE;
/// Without an age that was asked for and without a rhythm.
const USUAL_AGE: i64 = 26 * HOUR;
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
    /// Each database, or series whose databases nobody knows.
    pub databases: Vec<Subject>,
    /// Each target that was asked for.
    pub targets: Vec<TargetCheck>,
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
    let rows: Vec<&Arc<SeriesPast>> = history.series.iter().filter(|series| wanted(series, wants)).collect();
    let mut subjects: BTreeMap<String, Vec<&SeriesPast>> = BTreeMap::new();
    for row in rows {
        for name in names(row, wants) {
            subjects.entry(name).or_default().push(row);
        }
    }
    let known: Vec<String> = subjects
        .iter()
        .filter(|(_, rows)| rows.iter().any(|it| it.newest().is_some()))
        .map(|(name, _)| name.clone())
        .collect();
    // Telemetry names by its own words what a target names by others: a series without objects of databases that
    // are all found elsewhere is none of its own.
    let ask = Ask { wants, all_listed, now: history.at };
    let databases: Vec<Subject> = subjects
        .into_iter()
        .filter(|(name, rows)| known.contains(name) || rows.iter().any(|row| !is_echo(row, &known)))
        .map(|(name, rows)| ask.subject(name, &rows))
        .collect();
    let mut state = databases.iter().map(|subject| subject.state).max().unwrap_or(State::Critical);
    if !all_listed {
        state = if databases.is_empty() { State::Unknown } else { state.max(State::Unknown) };
    }
    let words = words(state, &databases, &targets);
    CheckReport { state, words, at: history.at, databases, targets }
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

fn wanted(series: &SeriesPast, wants: &Wants) -> bool {
    let in_target = match &series.key.target {
        Some(target) => wants.targets.is_empty() || wants.targets.contains(target),
        None => {
            wants.targets.is_empty() || !series.points.is_empty() && series.points.iter().any(|it| it.backup.is_some())
        }
    };
    in_target && (wants.series.is_empty() || !names(series, wants).is_empty())
}

/// The databases of a series that are asked for; its label where nobody knows them.
fn names(series: &SeriesPast, wants: &Wants) -> Vec<String> {
    let all: Vec<String> = match &series.databases[..] {
        [] => vec![series.label.clone()],
        known => known.iter().map(Foreign::to_string).collect(),
    };
    let fits_one = |text: &str| wants.series.iter().any(|pattern| fits(pattern, text.as_bytes()));
    let whole = wants.series.is_empty()
        || fits_one(&series.label)
        || fits_one(&series.key.name.to_string())
        || fits_one(&series.key.to_string());
    all.into_iter().filter(|name| whole || fits_one(name)).collect()
}

/// A series of runs without any object, all of whose databases have objects elsewhere.
fn is_echo(series: &SeriesPast, known: &[String]) -> bool {
    let nothing = series.points.iter().all(|point| point.backup.is_none());
    nothing && !series.databases.is_empty() && series.databases.iter().all(|name| known.contains(&name.to_string()))
}

struct Ask<'a> {
    wants: &'a Wants,
    all_listed: bool,
    now: Moment,
}

/// How one series stands for one database.
struct Standing<'a> {
    series: &'a SeriesPast,
    limit: i64,
    newest: Option<&'a Point>,
    trusted: Option<&'a Point>,
    /// The newest of all is damaged or empty.
    bad: Option<&'a Point>,
}

impl Ask<'_> {
    fn subject(&self, name: String, rows: &[&SeriesPast]) -> Subject {
        let standings: Vec<Standing<'_>> = rows.iter().map(|row| self.standing(row)).collect();
        let fresh = |point: Option<&Point>, limit: i64| point.is_some_and(|point| self.age(point) <= limit);
        let best = standings.iter().max_by_key(|it| {
            let (trusted, newest) = (fresh(it.trusted, it.limit), fresh(it.newest, it.limit));
            (trusted, newest, it.trusted.or(it.newest).map(|point| point.at))
        });
        let Some(best) = best else { return self.nothing(name) };
        let (mut state, mut reasons) = self.verdict(best);
        let mut worsen = |to: State, why: String| {
            state = state.max(to);
            reasons.push(why);
        };
        if fresh(best.newest, best.limit) {
            let others = standings.iter().filter(|it| !std::ptr::eq(*it, best) && it.newest.is_some());
            for other in others.filter(|it| !fresh(it.newest, it.limit)) {
                worsen(
                    State::Warning,
                    format!("the copies on {} are {} old", place(other.series), self.aged(other.newest)),
                );
            }
        }
        for judged in best.series.judgements.iter().filter(|judged| matters(judged)) {
            let to = match (&judged.what, judged.severity) {
                (What::Shrunk { .. }, Severity::Critical) => State::Critical,
                _ => State::Warning,
            };
            worsen(to, judged.words());
        }
        let warned =
            best.series.findings.iter().filter(|finding| finding.weight >= crate::model::trust::Weight::Warning);
        warned.for_each(|finding| worsen(State::Warning, finding.text.clone()));
        let newest = best.newest;
        Subject {
            name,
            state,
            reasons,
            newest_at: newest.map(|point| point.at),
            age_seconds: newest.map(|point| self.age(point) / 1000),
            max_age_seconds: best.limit / 1000,
            target: best.series.key.target.clone(),
            id: newest.and_then(|point| point.backup.clone()),
            size_bytes: newest.and_then(|point| point.bytes),
            trust: newest.and_then(|point| rung(point.kept)),
            trusted_at: best.trusted.map(|point| point.at),
        }
    }

    fn nothing(&self, name: String) -> Subject {
        let state = if self.all_listed { State::Critical } else { State::Unknown };
        Subject {
            name,
            state,
            reasons: vec!["there is no backup".to_owned()],
            newest_at: None,
            age_seconds: None,
            max_age_seconds: self
                .wants
                .max_age
                .map_or(USUAL_AGE / 1000, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX)),
            target: None,
            id: None,
            size_bytes: None,
            trust: None,
            trusted_at: None,
        }
    }

    fn standing<'a>(&self, series: &'a SeriesPast) -> Standing<'a> {
        let there = |point: &&Point| point.kept.is_listed() && point.at.0 <= self.now.0.saturating_add(FUTURE);
        let usable = |point: &&Point| point.outcome == Outcome::Made && point.kept != Kept::Bad;
        let listed = || series.points.iter().rev().filter(there);
        let newest = listed().find(usable);
        let bad = listed().next().filter(|point| !usable(point));
        let trusted = listed().filter(usable).find(|point| self.trusts(point.kept));
        Standing { series, limit: self.limit(series), newest, trusted, bad }
    }

    /// Whole and above counts only with its content checked; a damaged one never does.
    fn trusts(&self, kept: Kept) -> bool {
        match kept {
            Kept::Good(reached) => reached >= self.wants.min_trust,
            Kept::Listed(reached) => reached >= self.wants.min_trust && self.wants.min_trust < Rung::Whole,
            Kept::Unknown | Kept::Gone | Kept::Bad => false,
        }
    }

    /// How old a backup of a series may be, in milliseconds.
    fn limit(&self, series: &SeriesPast) -> i64 {
        if let Some(age) = self.wants.max_age {
            return i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        }
        let grace = series.rhythm.grace();
        if let Some(schedule) = series.rhythm.schedule() {
            let due = schedule.previous(Moment(self.now.0.saturating_sub(grace)));
            return due.map_or(USUAL_AGE, |due| self.now.0.saturating_sub(due.0).saturating_add(FUTURE));
        }
        series.rhythm.period().map_or(USUAL_AGE, |period| period.saturating_add(grace))
    }

    fn age(&self, point: &Point) -> i64 {
        self.now.0.saturating_sub(point.at.0).max(0)
    }

    fn aged(&self, point: Option<&Point>) -> String {
        point.map_or_else(|| "infinitely".to_owned(), |point| span(self.age(point)))
    }

    /// The rule: a fresh trusted one is OK; a fresh one that nobody has proven so far is a warning; none that is fresh,
    /// or one that is damaged with none beside it, is critical; none at all is unknown while a target is not listed.
    fn verdict(&self, best: &Standing<'_>) -> (State, Vec<String>) {
        let wanted = self.wants.min_trust.word();
        let allowed = span(best.limit);
        let place = place(best.series);
        let damaged =
            best.bad.map(|point| format!("the newest on {place}, of {} UTC, is damaged or empty", point.at.minute()));
        let mut reasons: Vec<String> = damaged.into_iter().collect();
        let fresh = |point: &&Point| self.age(point) <= best.limit;
        match (best.trusted.filter(fresh), best.newest.filter(fresh), best.newest) {
            (Some(_), _, _) => (if reasons.is_empty() { State::Ok } else { State::Warning }, reasons),
            (None, Some(newest), _) => {
                let reached = rung(newest.kept).unwrap_or_default().word();
                let older = best.trusted.map_or_else(
                    || format!("none is {wanted}"),
                    |trusted| format!("the newest that is {wanted} is {} old", span(self.age(trusted))),
                );
                reasons.push(format!(
                    "the newest on {place}, {} old, is only {reached}; {older}",
                    self.aged(Some(newest))
                ));
                (State::Warning, reasons)
            }
            (None, None, Some(newest)) => {
                reasons
                    .push(format!("the newest on {place} is {} old, {allowed} are allowed", self.aged(Some(newest))));
                (State::Critical, reasons)
            }
            (None, None, None) => {
                let all_gone = best.series.points.iter().rev().any(|point| point.kept == Kept::Gone);
                let unseen = best.series.key.target.is_none() && !best.series.runs.is_empty() && !all_gone;
                reasons.push(match (all_gone, unseen) {
                    (true, _) => "its runs say that they made backups, and none is there".to_owned(),
                    (_, true) => "its runs wrote into no target of this estate".to_owned(),
                    _ => "there is no backup".to_owned(),
                });
                let state = match (unseen, self.all_listed) {
                    (true, _) => State::Warning,
                    (false, true) => State::Critical,
                    (false, false) => State::Unknown,
                };
                (state, reasons)
            }
        }
    }
}

/// Judgements that freshness and trust do not say already.
fn matters(judged: &Judgement) -> bool {
    let said = matches!(judged.what, What::NoGoodBackup { .. });
    judged.stands() && judged.severity >= Severity::Warning && !said
}

fn place(series: &SeriesPast) -> String {
    series.key.target.as_ref().map_or_else(|| "its targets".to_owned(), ToString::to_string)
}

fn rung(kept: Kept) -> Option<Rung> {
    match kept {
        Kept::Listed(rung) | Kept::Good(rung) => Some(rung),
        Kept::Unknown | Kept::Gone | Kept::Bad => None,
    }
}

fn span(millis: i64) -> String {
    short_span(Duration::from_millis(millis.max(0).unsigned_abs()))
}

fn words(state: State, subjects: &[Subject], targets: &[TargetCheck]) -> String {
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
    let fine = subjects.iter().filter(|subject| subject.state == State::Ok);
    let oldest = fine.clone().filter_map(|subject| subject.age_seconds).max();
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
