//! Reading what the past is made of: the store of runs, and the catalog.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::disk::estate::Estate;
use crate::disk::runs::{HistoryError, Store};
use crate::model::foreign::Foreign;
use crate::model::run::{DayNumber, Named, Run, RunBrief, RunKind, RunQuery, RunSeries, RunState};
use crate::model::seen::SeenTarget;
use crate::model::target::TargetName;
use crate::model::units::Moment;
use crate::work::catalog::Catalog;
use crate::work::history::checks::VERIFIED;
use crate::work::history::rows::{Depth, Sources, build};
use crate::work::history::view::HistoryView;

/// Days of which the counts are read.
const DAYS: i64 = 400;
/// Runs over all series that are read in brief, and the least and the most of one.
const BRIEFS: (usize, usize, usize) = (8_000, 24, 160);
/// The same of those that are read whole.
const WHOLE: (usize, usize, usize) = (1_200, 2, 16);
/// Runs that failed or pruned something, read whole beside those: over all series, and how long ago.
const TELLING: usize = 600;
const WEEK: i64 = 7 * 86_400_000;
/// What was backed up within it is expected to be.
const MONTH: i64 = 30 * 86_400_000;
/// Runs that a wrong clock dates later than this are no past: a few are read, to tell of that clock.
const AHEAD: i64 = 5 * 60_000;
const FUTURE: usize = 2;

/// What the store of runs told.
#[derive(Debug, Default)]
pub struct Told {
    /// Series with their days.
    pub series: Vec<RunSeries>,
    /// The newest backups of each, oldest first.
    pub briefs: HashMap<Foreign, Vec<RunBrief>>,
    /// The very newest, whole, those before them that failed or pruned something, and verifications of our own.
    pub newest: Vec<Run>,
    /// What the backups of each named within a month.
    pub named: HashMap<Foreign, Vec<Arc<Named>>>,
}

/// Reads what the judges need. Blocks; some tens of milliseconds over a million spans.
///
/// # Errors
///
/// What the database says.
pub fn told(store: &Store, depth: Depth, now: Moment) -> Result<Told, HistoryError> {
    let today = DayNumber::of(now);
    let from = match depth {
        Depth::All => DayNumber(today.0 - DAYS),
        Depth::Standing => today,
    };
    let series = store.strips(from, DayNumber(today.0 + 1))?;
    let share = |(all, least, most): (usize, usize, usize)| (all / series.len().max(1)).clamp(least, most);
    let shares = Shares { in_brief: share(BRIEFS), whole: share(WHOLE), telling: share((TELLING, 2, TELLING)) };
    let mut told = Told { series, ..Told::default() };
    for one in &told.series {
        let backups = Backups { store, series: one, depth, now };
        let briefs = backups.briefs(shares.in_brief)?;
        if !briefs.is_empty() {
            told.newest.extend(backups.whole(&briefs, &shares)?);
            told.named.insert(one.name.clone(), backups.named()?);
        }
        if let Some(query) = verifications(one).filter(|_| depth == Depth::All) {
            told.newest.extend(store.runs(&query)?);
        }
        told.briefs.insert(one.name.clone(), briefs);
    }
    Ok(told)
}

/// How much is read of each series.
struct Shares {
    in_brief: usize,
    whole: usize,
    telling: usize,
}

/// The backups of one series in the store.
struct Backups<'a> {
    store: &'a Store,
    series: &'a RunSeries,
    depth: Depth,
    now: Moment,
}

impl Backups<'_> {
    fn query(&self, limit: usize) -> RunQuery {
        let (series, until) = (Some(self.series.name.clone()), Some(self.ahead()));
        RunQuery { series, kinds: vec![RunKind::Backup], until, limit, ..RunQuery::default() }
    }

    fn ahead(&self) -> Moment {
        Moment(self.now.0.saturating_add(AHEAD))
    }

    /// The newest, oldest first.
    fn briefs(&self, limit: usize) -> Result<Vec<RunBrief>, HistoryError> {
        let mut briefs = match self.series.last {
            Some(last) if last >= self.ahead() => {
                let query = RunQuery { from: Some(self.ahead()), until: None, ..self.query(FUTURE) };
                self.store.briefs(&query)?
            }
            _ => vec![],
        };
        briefs.extend(self.store.briefs(&self.query(limit))?);
        briefs.reverse();
        Ok(briefs)
    }

    /// The newest with everything that is known of them, and those before them that tell something.
    fn whole(&self, briefs: &[RunBrief], shares: &Shares) -> Result<Vec<Run>, HistoryError> {
        let mut whole = self.store.runs(&self.query(shares.whole))?;
        let known: HashSet<_> = whole.iter().map(|run| run.id.clone()).collect();
        let telling = |brief: &&RunBrief| {
            let failed = brief.state == RunState::Failed && self.depth == Depth::All;
            let pruned = brief.pruned > 0 && brief.at.0 >= self.now.0.saturating_sub(WEEK);
            (failed || pruned) && !known.contains(&brief.id)
        };
        for brief in briefs.iter().rev().filter(telling).take(shares.telling) {
            whole.extend(self.store.run(&brief.id)?);
        }
        Ok(whole)
    }

    fn named(&self) -> Result<Vec<Arc<Named>>, HistoryError> {
        let newest = self.series.last.map_or(self.now, |last| last.min(self.now));
        self.store.named(&self.series.name, Moment(newest.0.saturating_sub(MONTH)), self.ahead())
    }
}

/// Where verifications of a series may be: in the days on which something else than backups ran.
fn verifications(series: &RunSeries) -> Option<RunQuery> {
    let mut days = series.days.iter().filter(|day| day.others > 0).map(|day| day.day);
    let first = days.next()?;
    let last = days.next_back().unwrap_or(first);
    Some(RunQuery {
        series: Some(series.name.clone()),
        kinds: vec![RunKind::Verification],
        from: Some(first.start()),
        until: Some(DayNumber(last.0.saturating_add(1)).start()),
        limit: VERIFIED,
        ..RunQuery::default()
    })
}

/// What is known beside what the store of runs told.
pub struct Ground<'a> {
    /// What is expected.
    pub estate: &'a Estate,
    /// What is listed.
    pub catalog: &'a Catalog,
    /// Whether what once lay in a target under a name was good.
    pub was_good: &'a dyn Fn(&TargetName, &Foreign) -> bool,
    /// What once lay in the targets, or why that is not known.
    pub seen: Result<Vec<SeenTarget>, String>,
}

/// The past of every series of an estate.
pub fn view(ground: &Ground<'_>, told: Told, depth: Depth, now: Moment) -> HistoryView {
    let Ground { estate, catalog, was_good, ref seen } = *ground;
    let keep = |target: &_| Some(estate.habits_of(target)?.retention.as_ref()?.keep());
    let mut view = build(&Sources {
        catalog,
        rules: &estate.series,
        keep: &keep,
        was_good,
        told: told.series,
        briefs: told.briefs,
        newest: told.newest,
        named: told.named,
        seen: seen.clone().unwrap_or_default(),
        good_within: i64::try_from(estate.good_within.as_millis()).unwrap_or(i64::MAX),
        depth,
        now,
    });
    view.forgotten = seen.as_ref().err().cloned();
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::runs::{Intake, Keep};
    use crate::disk::state::State;
    use crate::model::run::{Feed, Run, RunState};
    use crate::work::history::samples::{DAY, at, catalog, leaving, nightly, now, run};
    use crate::work::history::strip::{Mark, Zoom, strip};

    fn stored(runs: Vec<Run>) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path(), "abc").unwrap();
        let store = Store::open(&state, Keep::default()).unwrap();
        let intake = Intake { feed: Feed::Logrus, arrived: now(), spans: vec![], runs };
        store.put(&[intake], &|_| vec![]).unwrap();
        (folder, store)
    }

    #[test]
    fn the_store_and_the_catalog_become_one_past() {
        let lies = nightly("shop", 40, "2026-11-21 03:00");
        let one = |(nth, lies): (usize, &crate::work::history::samples::Lies)| {
            let state = if nth == 30 { RunState::Failed } else { RunState::Ok };
            leaving(run("mysql:all:5c0e", Moment(lies.written.0 - 660_000), state), "offsite", &lies.key)
        };
        let runs: Vec<Run> = lies.iter().enumerate().map(one).collect();
        let (_folder, store) = stored(runs);
        let mut kept = lies;
        kept.remove(30);
        // Only the last week of objects is still there; the runs tell of the rest.
        let kept = kept.split_off(32);
        let estate = Estate::empty("test", crate::disk::estate::EstateId::of_file(std::path::Path::new("/nowhere")));
        let listed = catalog(&[("offsite", kept)]);
        let ground = Ground { estate: &estate, catalog: &listed, was_good: &|_, _| false, seen: Ok(vec![]) };
        let past = view(&ground, told(&store, Depth::All, now()).unwrap(), Depth::All, now());
        let [shop] = &past.series[..] else { panic!("{past:?}") };
        assert_eq!((shop.points.len(), shop.days.len(), past.runs), (40, 40, 40));
        let marks = strip(shop, Zoom::Day, Zoom::Day.floor(at("2026-10-12")), 42, now());
        let drawn: String = marks.into_iter().map(Mark::symbol).collect();
        assert_eq!(drawn, format!(" {}X{} ", "o".repeat(30), "o".repeat(9)));
        // Monitors get what stands, and nothing else.
        let standing = view(&ground, told(&store, Depth::Standing, now()).unwrap(), Depth::Standing, now());
        assert!(standing.series[0].judgements.iter().all(|judged| judged.stands()));
        assert!(standing.series[0].days.len() <= 2);
        let later = Moment(now().0 + 3 * DAY);
        let patient = Estate { good_within: std::time::Duration::from_secs(60 * 86_400), ..estate.clone() };
        let allowed = Ground { estate: &patient, seen: Ok(vec![]), ..ground };
        let allowed = view(&allowed, told(&store, Depth::Standing, now()).unwrap(), Depth::Standing, now());
        let bad = |past: &HistoryView| past.series[0].judgements.iter().any(|it| it.what.code() == "no_good_backup");
        assert!(bad(&standing) && !bad(&allowed), "the estate says how old the newest good copy may be");
        let late = view(&ground, told(&store, Depth::Standing, later).unwrap(), Depth::Standing, later);
        assert_eq!(late.series[0].judgements[0].what.code(), "late");
    }
}
