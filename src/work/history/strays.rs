//! Runs that do not tell what they back up: mysql-backup before 1.4 names nothing but the files that it left, so that a
//! run in progress, or one that was killed, names nothing at all. They belong to a series of the same host.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Run, RunBrief, RunId, RunKind, RunState, Tool};
use crate::work::history::rows::{Row, Sources};
use crate::work::history::view::SeriesKey;

/// A run of another series of that host is not placed where none of several is near its hour.
const NEAR: i64 = 2 * 3_600_000;
const DAY: i64 = 86_400_000;

/// Who ran: what is known of a run that names nothing.
type Who<'a> = (Tool, Option<&'a Foreign>);

fn who(run: &Run) -> Who<'_> {
    (run.tool, run.source.host.as_ref())
}

/// Whether a run tells nothing of what it backs up: its series is called as its host is, or as its tool.
fn is_nameless(run: &Run) -> bool {
    let named = run.objects.iter().any(|object| object.target.is_some() || object.name.is_some());
    let source = &run.source;
    let told = source.identity.is_some() || source.server.is_some() || source.server_uuid.is_some();
    let called = match &source.host {
        Some(host) => run.series == *host,
        None => run.series.raw_bytes() == run.tool.word().as_bytes(),
    };
    called && !told && !named && run.pruned.is_empty()
}

/// Puts such runs that began and were not seen to end well into the rows of the series whose hour they fit. What fits
/// none stays in a row of its own that nobody looks for.
pub(super) fn place<'a>(rows: &mut BTreeMap<SeriesKey, Row<'a>>, sources: &'a Sources<'_>) {
    let backups = || sources.newest.iter().filter(|run| run.kind == RunKind::Backup);
    let told: HashSet<&Foreign> = backups().filter(|run| !is_nameless(run)).map(|run| &run.series).collect();
    let nameless: BTreeMap<&Foreign, Who<'_>> =
        backups().filter(|run| !told.contains(&run.series)).map(|run| (&run.series, who(run))).collect();
    for (name, who) in nameless {
        let of_host: BTreeSet<&Foreign> = backups()
            .filter(|run| told.contains(&run.series) && self::who(run) == who)
            .map(|run| &run.series)
            .collect();
        let known: Vec<Hours<'_>> = of_host.into_iter().filter_map(|name| Hours::of(name, sources)).collect();
        let briefs = sources.briefs.get(name).into_iter().flatten();
        let placed: HashMap<&RunId, (&RunBrief, &Foreign)> =
            briefs.filter_map(|brief| Some((&brief.id, (brief, nearest(brief, &known)?)))).collect();
        for row in rows.values_mut() {
            let own = placed.values().filter(|(_, series)| row.runs.contains(series));
            row.strays.extend(own.map(|(brief, _)| *brief));
        }
        let key = SeriesKey { name: name.clone(), target: None };
        if let Some(row) = rows.get_mut(&key).filter(|row| row.rule.is_none() && row.backups.is_empty()) {
            row.nameless = !known.is_empty() || !failed_by_its_word(name, sources);
            row.placed = placed.into_keys().collect();
            let all = sources.briefs.get(name).map_or(0, Vec::len);
            if row.placed.len() == all {
                rows.remove(&key);
            }
        }
    }
}

/// Whether the newest run of a series says itself that it failed.
fn failed_by_its_word(series: &Foreign, sources: &Sources<'_>) -> bool {
    let newest = sources.briefs.get(series).and_then(|briefs| briefs.last());
    newest.is_some_and(|brief| brief.state == RunState::Failed)
}

/// When the runs of one series begin.
struct Hours<'a> {
    series: &'a Foreign,
    began: Vec<i64>,
    period: i64,
}

impl<'a> Hours<'a> {
    fn of(series: &'a Foreign, sources: &Sources<'_>) -> Option<Self> {
        let briefs = sources.briefs.get(series)?;
        let began: Vec<i64> = briefs.iter().map(|brief| brief.at.0).collect();
        let mut gaps: Vec<i64> = began.windows(2).map(|two| two[1].saturating_sub(two[0])).collect();
        gaps.sort_unstable();
        let period = gaps.get(gaps.len() / 2).copied().unwrap_or(DAY).max(60_000);
        Some(Self { series, began, period }).filter(|hours| !hours.began.is_empty())
    }

    /// How far a time is from those at which it runs; `None` before the first that is known.
    fn distance(&self, at: i64) -> Option<i64> {
        let next = self.began.partition_point(|began| *began <= at);
        let since = at.saturating_sub(*self.began.get(next.checked_sub(1)?)?) % self.period;
        let until = self.began.get(next).map_or(i64::MAX, |began| began.saturating_sub(at));
        Some(since.min(self.period - since).min(until))
    }
}

/// The series that a run is of: the only one of its host, or the one whose hour it is.
fn nearest<'a>(brief: &RunBrief, known: &[Hours<'a>]) -> Option<&'a Foreign> {
    let lost = brief.feed <= Feed::TraceStderr
        && brief.kind == RunKind::Backup
        && matches!(brief.state, RunState::Unfinished | RunState::Failed);
    let far = known.iter().filter(|_| lost).filter_map(|hours| Some((hours.distance(brief.at.0)?, hours)));
    let (distance, hours) = far.min_by_key(|(distance, _)| *distance)?;
    (known.len() == 1 || distance <= NEAR.min(hours.period / 3)).then_some(hours.series)
}
