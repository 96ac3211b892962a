//! How one database stands in each place where it is backed up to.

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::target::TargetName;
use crate::model::trust::{Finding, Rung, Weight};
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::Outcome;
use crate::telemetry::signals::rhythm::{Rhythm, sparse};
use crate::work::check::subjects::Name;
use crate::work::check::{AGAIN, FUTURE, State, Subject, TargetCheck, USUAL_AGE, WEEK, Wants, span};
use crate::work::history::view::{Emptied, Grounds, Kept, Point, SeriesPast};

pub(super) struct Ask<'a> {
    pub wants: &'a Wants,
    pub targets: &'a [TargetCheck],
    pub emptied: &'a [Emptied],
    pub all_listed: bool,
    pub now: Moment,
}

/// How one series stands for one database in one place.
struct Standing<'a> {
    series: &'a SeriesPast,
    /// `None` for runs that left nothing in any target.
    place: Option<&'a TargetName>,
    limit: i64,
    /// Beyond that it is critical: little may be known of how old it may be.
    bearable: i64,
    newest: Option<&'a Point>,
    trusted: Option<&'a Point>,
    /// The newest of all is damaged or empty.
    bad: Option<&'a Point>,
    /// There are backups, and none of them holds the database.
    without: bool,
    /// Right now: it says nothing yet, and the one before it counts.
    writing: Option<&'a Point>,
}

impl Ask<'_> {
    pub fn subject(&self, name: &Name, rows: &[&SeriesPast]) -> Subject {
        let standings: Vec<Standing<'_>> = rows.iter().flat_map(|row| self.standings(name, row)).collect();
        let best = standings.iter().max_by_key(|it| {
            let (trusted, newest) = (self.fresh(it.trusted, it.limit), self.fresh(it.newest, it.limit));
            (trusted, newest, it.trusted.or(it.newest).map(|point| point.at))
        });
        let Some(best) = best else { return self.nothing(name.shown.clone(), "there is no backup".to_owned()) };
        let (mut state, mut reasons) = self.verdict(name, best);
        let wiped = standings.iter().filter_map(|it| Some((State::Critical, wiped(it, name)?)));
        for (to, why) in wiped.chain(self.others(name, best, &standings)).chain(remarks(name, best)) {
            state = state.max(to);
            if !reasons.contains(&why) {
                reasons.push(why);
            }
        }
        let newest = best.newest;
        Subject {
            name: name.shown.clone(),
            state,
            reasons,
            newest_at: newest.map(|point| point.at),
            age_seconds: newest.map(|point| self.age(point) / 1000),
            max_age_seconds: best.limit / 1000,
            target: best.place.cloned(),
            id: newest.and_then(|point| point.backup.clone()),
            size_bytes: newest.and_then(|point| point.bytes),
            trust: newest.and_then(|point| point.kept.rung()),
            trusted_at: best.trusted.map(|point| point.at),
        }
    }

    /// What is to be said of the copies beside a fresh one.
    fn others(&self, name: &Name, best: &Standing<'_>, standings: &[Standing<'_>]) -> Vec<(State, String)> {
        if !self.fresh(best.newest, best.limit) {
            return vec![];
        }
        let others = standings.iter().filter(|it| !std::ptr::eq(*it, best));
        let said = |other: &Standing<'_>| {
            // What lies there under another rule is not missed there.
            let held = standings.iter().any(|it| it.place == other.place && it.newest.is_some());
            let missed = other.place.filter(|_| !held && other.newest.is_none() && wiped(other, name).is_none());
            let missed = missed.filter(|place| self.targets.iter().any(|it| it.listed && it.name == **place));
            let missed = missed.map(|place| format!("there is no copy on {place}"));
            missed.into_iter().chain(self.beside(name, best, other)).collect::<Vec<_>>()
        };
        others.flat_map(said).map(|why| (State::Warning, why)).collect()
    }

    /// What is to be said of one of them.
    fn beside(&self, name: &Name, best: &Standing<'_>, other: &Standing<'_>) -> Vec<String> {
        let Some(place) = other.place else {
            // Runs that left nothing in any target: whether that is late is said of what they left elsewhere.
            let found = other.series.findings.iter().filter(|finding| finding.code == "newest_gone");
            return found.map(|finding| format!("{}: {}", other.series.label, finding.text)).collect();
        };
        let mut said: Vec<String> = other.bad.map(|point| damaged(place.as_str(), point)).into_iter().collect();
        let fresh = self.fresh(other.newest, other.limit);
        match other.newest {
            Some(_) if fresh => {}
            Some(newest) if best.place == other.place => {
                let (label, age) = (&other.series.label, span(self.age(newest)));
                said.push(format!("the copies of {label} on {place} are {age} old"));
            }
            Some(newest) => said.push(format!("the copies on {place} are {} old", span(self.age(newest)))),
            None => {}
        }
        // What stands against a series that is the best one's own is said of that.
        let own = std::ptr::eq(other.series, best.series);
        let judged = standing(other.series, name).filter(|judged| !own && (fresh || !is_late(judged)));
        said.extend(judged.map(|judged| format!("on {place}: {}", judged.words())));
        let odd = other.newest.filter(|_| fresh).and_then(|point| point.odd.as_ref());
        let found = about_all(other.series).filter(|_| !own && fresh).chain(odd.filter(|odd| !is_told(odd)));
        said.extend(found.map(|finding| format!("on {place}: {}", finding.text)));
        said
    }

    /// No backup of what was asked for.
    pub fn nothing(&self, name: String, why: String) -> Subject {
        let state = if self.all_listed { State::Critical } else { State::Unknown };
        Subject {
            name,
            state,
            reasons: vec![why],
            newest_at: None,
            age_seconds: None,
            max_age_seconds: self
                .wants
                .max_age
                .map_or(USUAL_AGE / 1000, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX)),
            target: None,
            id: None::<BackupId>,
            size_bytes: None,
            trust: None,
            trusted_at: None,
        }
    }

    pub fn asked(&self, target: &TargetName) -> bool {
        self.wants.targets.is_empty() || self.wants.targets.contains(target)
    }

    /// One for each target: a copy in one says nothing about another.
    fn standings<'a>(&'a self, name: &Name, series: &'a SeriesPast) -> Vec<Standing<'a>> {
        let mut places: Vec<Option<&TargetName>> = vec![];
        let lie = series.points.iter().filter(|point| point.kept.is_listed()).filter_map(|point| point.target.as_ref());
        // Where all of it is gone it is missed, too, whatever lies elsewhere.
        let gone = self.targets.iter().map(|target| &target.name).filter(|target| is_wiped(series, target));
        for place in series.key.target.iter().chain(lie).chain(gone).filter(|place| self.asked(place)) {
            let retired = series.retired.contains(place) && !is_wiped(series, place);
            if !retired && !places.contains(&Some(place)) {
                places.push(Some(place));
            }
        }
        if places.is_empty() && series.retired.is_empty() {
            places.push(None);
        }
        places.into_iter().map(|place| self.standing(name, series, place)).collect()
    }

    fn standing<'a>(&self, name: &Name, series: &'a SeriesPast, place: Option<&'a TargetName>) -> Standing<'a> {
        let until = self.now.0.saturating_add(FUTURE);
        let lies = |point: &&Point| point.kept.is_listed() && point.target.as_ref() == place && point.at.0 <= until;
        let there = |point: &&Point| lies(point) && point.outcome != Outcome::Open;
        let holds = |point: &&Point| {
            let holds = |database: &Foreign| point.inside.may_hold(database, &series.expected);
            name.database.as_ref().is_none_or(holds)
        };
        let usable = |point: &&Point| point.outcome == Outcome::Made && point.kept != Kept::Bad;
        let listed = || series.points.iter().rev().filter(there).filter(holds);
        let newest = listed().find(usable);
        let bad = listed().next().filter(|point| !usable(point));
        let trusted = listed().filter(usable).find(|point| self.trusts(point.kept));
        let without = listed().next().is_none() && series.points.iter().any(|point| there(&point));
        let writing = series.points.iter().rev().filter(lies).find(holds).filter(|it| it.outcome == Outcome::Open);
        // Whether the one before it was too old is asked of when it began.
        let asked_of = writing.map_or(self.now, |point| point.at.min(self.now));
        let since = self.now.0 - asked_of.0;
        let (limit, bearable) = self.limits(series, asked_of);
        let (limit, bearable) = (limit.saturating_add(since), bearable.saturating_add(since));
        Standing { series, place, limit, bearable, newest, trusted, bad, without, writing }
    }

    fn fresh(&self, point: Option<&Point>, limit: i64) -> bool {
        point.is_some_and(|point| self.age(point) <= limit)
    }

    /// Whole and above counts only with its content checked; a damaged one never does.
    fn trusts(&self, kept: Kept) -> bool {
        match kept {
            Kept::Good(reached) => reached >= self.wants.min_trust,
            Kept::Listed(reached) => reached >= self.wants.min_trust && self.wants.min_trust < Rung::Whole,
            Kept::Unknown | Kept::Gone | Kept::Bad => false,
        }
    }

    /// How old a backup of a series might be at some time, and how old without waking anybody, in milliseconds.
    fn limits(&self, series: &SeriesPast, at: Moment) -> (i64, i64) {
        let same = |limit: i64| (limit, limit);
        if let Some(age) = self.wants.max_age {
            return same(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        }
        let grace = series.grace;
        match &series.rhythm {
            Rhythm::Cron(schedule) | Rhythm::Dbacked(schedule) => {
                let due = schedule.previous(Moment(at.0.saturating_sub(grace).saturating_sub(1)));
                same(due.map_or(USUAL_AGE, |due| at.0.saturating_sub(due.0).saturating_add(FUTURE)))
            }
            Rhythm::Habit(habit) => {
                let limit = habit.every.saturating_add(grace);
                (limit, limit.max(habit.bearable))
            }
            Rhythm::Unknown => {
                let until = self.now.0.saturating_add(FUTURE);
                let made = series.points.iter().filter(|it| it.outcome == Outcome::Made && it.at.0 <= until);
                let (usual, longest) = sparse(made.map(|it| it.at)).unwrap_or_default();
                (usual.max(USUAL_AGE), longest.max(USUAL_AGE))
            }
        }
    }

    /// Whether the last that was tried failed.
    pub fn newest_failed(&self, series: &SeriesPast) -> bool {
        let until = self.now.0.saturating_add(FUTURE);
        let newest = series.points.iter().rev().find(|point| point.at.0 <= until);
        newest.is_some_and(|point| point.outcome == Outcome::Failed)
    }

    /// Whether anything of it was tried within so long.
    pub fn is_recent(&self, series: &SeriesPast, within: i64) -> bool {
        series.points.iter().any(|point| self.age(point) <= within)
    }

    fn age(&self, point: &Point) -> i64 {
        self.now.0.saturating_sub(point.at.0).max(0)
    }

    fn aged(&self, point: Option<&Point>) -> String {
        point.map_or_else(|| "infinitely".to_owned(), |point| span(self.age(point)))
    }

    /// The rule: a fresh trusted one is OK; a fresh one that nobody has proven so far is a warning; none that is fresh,
    /// or one that is damaged with none beside it, is critical; none at all is unknown while a target is not listed.
    fn verdict(&self, name: &Name, best: &Standing<'_>) -> (State, Vec<String>) {
        let wanted = self.wants.min_trust.word();
        let place = best.place.map_or_else(|| "its targets".to_owned(), ToString::to_string);
        let damaged = best.bad.map(|point| damaged(&place, point));
        let mut reasons: Vec<String> = damaged.into_iter().collect();
        let fresh = |point: &&Point| self.age(point) <= best.limit;
        match (best.trusted.filter(fresh), best.newest.filter(fresh), best.newest) {
            (Some(_), _, _) => (if reasons.is_empty() { State::Ok } else { State::Warning }, reasons),
            (None, Some(newest), _) => {
                let reached = newest.kept.rung().unwrap_or_default().word();
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
                let (age, allowed) = unlike(self.age(newest), best.limit);
                reasons.push(format!("the newest on {place} is {age} old, {allowed} are allowed"));
                reasons.extend(self.way_out(best, newest));
                (if self.age(newest) > best.bearable { State::Critical } else { State::Warning }, reasons)
            }
            (None, None, None) => {
                let (state, why) = self.absent(name, best, &place);
                reasons.push(why);
                (state, reasons)
            }
        }
    }

    /// What has not come for long may not be meant to come.
    fn way_out(&self, best: &Standing<'_>, newest: &Point) -> Option<String> {
        let long = self.age(newest) > (2 * WEEK).max(best.bearable.saturating_mul(3));
        let place = best.place.filter(|_| long && !best.series.beside_others)?;
        let key = &best.series.key;
        let named = if key.target.is_some() { key.to_string() } else { format!("{place}:{}", key.name) };
        Some(format!("if no more are meant to come: --retire {named}"))
    }

    /// Why there is none. Only a newest run that made one somewhere else makes that no alarm.
    fn absent(&self, name: &Name, best: &Standing<'_>, place: &str) -> (State, String) {
        let points = &best.series.points;
        let all_gone = points.iter().any(|point| point.kept == Kept::Gone);
        let newest = points.iter().rev().find(|point| point.at.0 <= self.now.0.saturating_add(FUTURE));
        let elsewhere =
            newest.filter(|point| point.outcome == Outcome::Made && point.elsewhere && best.place.is_none());
        let failed = self.newest_failed(best.series);
        let state = if self.all_listed { State::Critical } else { State::Unknown };
        if let Some(why) = wiped(best, name) {
            return (State::Critical, why);
        }
        match () {
            () if best.without => (state, format!("none of the backups on {place} holds it")),
            () if elsewhere.is_some() => {
                let fresh = self.fresh(elsewhere, best.limit);
                let why = "its runs wrote into no target of this estate".to_owned();
                let old = || format!("{why}, the newest {} ago", self.aged(elsewhere));
                match fresh {
                    true => (State::Warning, why),
                    false if came_again(best.series) => (state, old()),
                    false => (State::Warning, old()),
                }
            }
            () if all_gone => (state, "its runs say that they made backups, and none is there".to_owned()),
            () if failed && !matches!(best.series.grounds, Grounds::Firm | Grounds::Told) => {
                (State::Warning, only_runs(best.series.grounds).to_owned())
            }
            () if failed && best.series.grounds == Grounds::Told && !came_again(best.series) => {
                (State::Warning, "its only run failed, and no backup is there".to_owned())
            }
            () if failed => (state, "its newest run failed, and no backup is there".to_owned()),
            () => (state, "there is no backup".to_owned()),
        }
    }
}

/// All of a series that lay in a place is gone from it, whatever lies elsewhere.
fn wiped(standing: &Standing<'_>, name: &Name) -> Option<String> {
    let of_others = |only: &[Foreign]| {
        let asked = name.database.as_ref().is_none_or(|database| only.contains(database));
        !only.is_empty() && !asked && only.iter().any(|other| standing.series.expected.contains(other))
    };
    let judged = wiping(standing.series, standing.place?)
        .find(|judged| !matches!(&judged.what, What::Wiped { only, .. } if of_others(only)))?;
    Some(format!("{} (if that was meant: --forget {})", judged.words(), standing.series.key))
}

/// Two spans, the longer one first, in words that differ.
fn unlike(longer: i64, shorter: i64) -> (String, String) {
    let units = [(3_600_000, 'h'), (60_000, 'm'), (1000, 's')];
    let words =
        |(millis, unit): (i64, char)| (format!("{}{unit}", longer / millis), format!("{}{unit}", shorter / millis));
    let all = std::iter::once((span(longer), span(shorter))).chain(units.map(words));
    let mut unlike = all.filter(|(longer, shorter)| longer != shorter);
    unlike.next().unwrap_or_else(|| (span(longer), span(shorter)))
}

fn wiping<'a>(series: &'a SeriesPast, place: &'a TargetName) -> impl Iterator<Item = &'a Judgement> {
    let here = |judged: &&Judgement| matches!(&judged.what, What::Wiped { target, .. } if target == place.as_str());
    series.judgements.iter().filter(here)
}

/// Whether all of a series that lay in a target is gone from it.
pub(super) fn is_wiped(series: &SeriesPast, place: &TargetName) -> bool {
    wiping(series, place).next().is_some()
}

/// What is known where nobody can look for backups.
fn only_runs(grounds: Grounds) -> &'static str {
    match grounds {
        Grounds::Nameless => "its newest run failed before it told what it is of",
        Grounds::Begun => "its runs began, and the end of none was seen",
        Grounds::Hearsay | Grounds::Told | Grounds::Firm => {
            "the newest run that its log lines tell of failed; they name no place"
        }
    }
}

/// Whether there were runs on several days: what somebody tried once, or twice within the hour, is no series.
pub(super) fn came_again(series: &SeriesPast) -> bool {
    let ends = series.points.first().zip(series.points.last());
    ends.is_some_and(|(first, last)| last.at.0.saturating_sub(first.at.0) >= AGAIN)
}

fn damaged(place: &str, point: &Point) -> String {
    format!("the newest on {place}, of {} UTC, is damaged or empty", point.at.minute())
}

/// What the past of a series says beside its age.
fn remarks(name: &Name, best: &Standing<'_>) -> Vec<(State, String)> {
    let judged = standing(best.series, name).map(|judged| {
        let to = match (&judged.what, judged.severity) {
            (What::Shrunk { .. }, Severity::Critical) => State::Critical,
            _ => State::Warning,
        };
        (to, judged.words())
    });
    // What is odd about one object is said of the copy that counts, not of the newest anywhere.
    let odd = best.newest.and_then(|point| point.odd.as_ref()).filter(|odd| !is_told(odd));
    let found = about_all(best.series).chain(odd).filter(|finding| finding.weight >= Weight::Warning);
    let place = best.place.map_or_else(String::new, |place| format!(" on {place}"));
    let writing = best
        .writing
        .map(|point| format!("the one{place} of {} UTC is being written: the one before it counts", point.at.minute()));
    let found = found.map(|finding| (State::Warning, finding.text.clone()));
    judged.chain(found).chain(writing.map(|why| (State::Ok, why))).collect()
}

/// Judgements that freshness and trust do not say already.
fn standing<'a>(series: &'a SeriesPast, name: &'a Name) -> impl Iterator<Item = &'a Judgement> {
    let said = |judged: &Judgement| match &judged.what {
        What::NoGoodBackup { .. } | What::Wiped { .. } => true,
        What::Late { only: Some(_), newest: None, .. } => true,
        What::Late { only: Some(of), .. } => name.database.as_ref().is_some_and(|database| database != of),
        _ => false,
    };
    let matters = move |judged: &&Judgement| judged.stands() && judged.severity >= Severity::Warning && !said(judged);
    series.judgements.iter().filter(matters)
}

fn is_late(judged: &Judgement) -> bool {
    matches!(judged.what, What::Late { .. })
}

/// Findings about the whole of a series.
fn about_all(series: &SeriesPast) -> impl Iterator<Item = &Finding> {
    let of_one =
        |finding: &&Finding| matches!(finding.code.as_str(), "size_differs" | "no_run" | "run_failed" | "damaged");
    series.findings.iter().filter(move |finding| !of_one(finding) && finding.weight >= Weight::Warning)
}

/// A failed run stands among the judgements.
fn is_told(odd: &Finding) -> bool {
    odd.code == "run_failed" || odd.weight < Weight::Warning
}
