//! What is asked about: which databases, by which series, and what of the question nothing fits.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::foreign::Foreign;
use crate::model::target::TargetName;
use crate::model::units::counted;
use crate::telemetry::signals::attempt::Outcome;
use crate::work::catalog::{Catalog, TargetState};
use crate::work::check::standing::{Ask, came_again, is_wiped};
use crate::work::check::{MONTH, QUARTER, State, Subject, WEEK};
use crate::work::history::rows::fits;
use crate::work::history::view::{Grounds, SeriesPast};

/// What one answer is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Safe to draw.
    pub shown: String,
    /// `None` for a series whose databases nobody knows.
    pub database: Option<Foreign>,
}

/// A name, and the series that back it up.
type About<'a> = (Name, Vec<&'a SeriesPast>);

impl Ask<'_> {
    /// Whether the question is about a series at all.
    pub fn wanted(&self, series: &SeriesPast) -> bool {
        let lies = || {
            let here = |target: &TargetName| self.asked(target);
            series.points.iter().any(|it| it.target.as_ref().is_some_and(here))
                || self.targets.iter().any(|target| is_wiped(series, &target.name))
        };
        let in_target = match &series.key.target {
            Some(target) => self.asked(target),
            None => self.wants.targets.is_empty() || lies(),
        };
        // What is only heard of says nothing about a database, unless the last that was heard of it is a failure.
        let heard = match series.grounds {
            Grounds::Firm => true,
            Grounds::Hearsay => self.newest_failed(series),
            Grounds::Nameless => self.newest_failed(series) && self.is_recent(series, WEEK),
            Grounds::Begun => self.newest_failed(series) && self.is_recent(series, MONTH),
            // What somebody tried, and what once went on elsewhere, comes to its end.
            Grounds::Told => {
                let made = series.points.iter().any(|point| point.outcome == Outcome::Made);
                let period = series.rhythm.period().unwrap_or_default();
                let least = if made && came_again(series) { QUARTER } else { MONTH };
                self.is_recent(series, least.max(period.saturating_mul(3)))
            }
        };
        in_target && heard && !names(series, &self.wants.series).is_empty()
    }

    /// Whether somebody said that no more of it are meant to come, wherever it lies.
    pub fn is_retired(&self, series: &SeriesPast) -> bool {
        let lies = series.points.iter().filter_map(|point| point.target.as_ref()).filter(|target| self.asked(target));
        let gone = self.targets.iter().any(|target| is_wiped(series, &target.name));
        !series.retired.is_empty()
            && !gone
            && lies.clone().next().is_some()
            && lies.into_iter().all(|it| series.retired.contains(it))
    }

    /// Every database with the series that back it up. Databases of one name on two servers are two.
    pub fn subjects<'a>(&self, rows: &[&'a SeriesPast]) -> Vec<About<'a>> {
        let mut by_name: BTreeMap<Name, Vec<&SeriesPast>> = BTreeMap::new();
        for row in rows {
            for name in names(row, &self.wants.series) {
                by_name.entry(name).or_default().push(row);
            }
        }
        let about: Vec<About<'a>> = by_name.into_iter().flat_map(of_each_server).collect();
        let there = about.iter().filter(|(_, rows)| rows.iter().any(|it| it.newest().is_some()));
        let known: BTreeSet<Name> = there.map(|(name, _)| name.clone()).collect();
        // Telemetry names by its own words what a target names by others: a series without objects of databases that
        // are all found elsewhere is none of its own.
        let own = |(name, rows): &About<'_>| known.contains(name) || rows.iter().any(|row| !is_echo(row, name, &known));
        about.into_iter().filter(own).collect()
    }

    /// What was asked for by name and nothing fits, and targets in which nothing lies any more.
    pub fn unmet(&self, rows: &[&SeriesPast], catalog: &Catalog, found: bool) -> Vec<Subject> {
        let mut unmet = vec![];
        for pattern in &self.wants.series {
            let one = std::slice::from_ref(pattern);
            if rows.iter().all(|row| names(row, one).is_empty()) {
                unmet.push(self.nothing(Foreign::from(pattern.as_str()).to_string(), "nothing fits that".to_owned()));
            }
        }
        for target in self.targets.iter().filter(|target| target.listed) {
            let lies = |row: &&SeriesPast| {
                row.points.iter().any(|it| it.kept.is_listed() && it.target.as_ref() == Some(&target.name))
                    || is_wiped(row, &target.name)
            };
            let view = catalog.targets.iter().find(|view| view.name == target.name);
            let empty = view.is_some_and(|view| matches!(view.state, TargetState::Listed { objects: 0 }));
            let named = self.wants.targets.contains(&target.name);
            let emptied = self.emptied.iter().find(|it| it.target == target.name && self.wants.series.is_empty());
            if let Some(emptied) = emptied {
                let (objects, at) = (counted(emptied.objects, "object"), emptied.seen.minute());
                let why = format!(
                    "nothing lies in this target any more, and {objects} did {at} UTC (if that was meant: --forget {})",
                    target.name
                );
                unmet.push(Subject { state: State::Critical, ..self.nothing(target.name.to_string(), why) });
            } else if named && !rows.iter().any(lies) {
                let why = "none of the backups that were asked for lies in this target".to_owned();
                unmet.push(self.nothing(target.name.to_string(), why));
            } else if empty && found && self.wants.series.is_empty() {
                let subject = self.nothing(target.name.to_string(), "nothing lies in this target".to_owned());
                unmet.push(Subject { state: State::Warning, ..subject });
            }
        }
        unmet
    }
}

/// The databases of a series that fit one of the patterns; its label where nobody knows them.
fn names(series: &SeriesPast, patterns: &[String]) -> Vec<Name> {
    let named = |name: &Foreign| Name { shown: name.to_string(), database: Some(name.clone()) };
    let all: Vec<Name> = match &series.expected[..] {
        [] => vec![Name { shown: series.label.clone(), database: None }],
        known => known.iter().map(named).collect(),
    };
    let name = series.key.name.to_string();
    let fits_one = |text: &str| patterns.iter().any(|pattern| fits(pattern, text.as_bytes()));
    let whole = patterns.is_empty()
        || fits_one(&series.label)
        || fits_one(&name)
        // As it is shown before anybody has looked inside.
        || name.strip_prefix("databacker:").is_some_and(fits_one)
        || fits_one(&series.key.to_string());
    all.into_iter().filter(|name| whole || fits_one(&name.shown)).collect()
}

fn of_each_server((name, rows): About<'_>) -> Vec<About<'_>> {
    let servers: BTreeSet<&Foreign> = rows.iter().filter_map(|row| row.server.as_ref()).collect();
    if servers.len() < 2 {
        return vec![(name, rows)];
    }
    let mut split: BTreeMap<Name, Vec<&SeriesPast>> = BTreeMap::new();
    for row in rows {
        let shown = row.server.as_ref().map_or_else(|| name.shown.clone(), |server| on(&name.shown, server));
        split.entry(Name { shown, database: name.database.clone() }).or_default().push(row);
    }
    split.into_iter().collect()
}

fn on(shown: &str, server: &Foreign) -> String {
    format!("{shown} of server {server}")
}

/// A series of runs without any object, all of whose databases have objects elsewhere: of its own server, where that
/// is known.
fn is_echo(series: &SeriesPast, subject: &Name, known: &BTreeSet<Name>) -> bool {
    let nothing = series.points.iter().all(|point| point.backup.is_none());
    let split = series.server.as_ref().is_some_and(|server| {
        subject.database.as_ref().is_some_and(|database| subject.shown == on(&database.to_string(), server))
    });
    let found = |database: &Foreign| known.iter().any(|it| it.database.as_ref() == Some(database));
    nothing && !split && !series.expected.is_empty() && series.expected.iter().all(found)
}
