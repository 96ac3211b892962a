//! Servers that write into one target under one naming, as mysql-backup's own default has it: their runs tell their
//! backups apart.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::join::Certainty;
use crate::model::run::{EARLIEST, Feed, RunBrief};
use crate::model::units::Moment;
use crate::work::history::points::pair;
use crate::work::history::rows::{Row, Sources};
use crate::work::history::view::SeriesKey;
use crate::work::join::Joined;

/// Fewer runs of an identity are no series of their own.
const ENOUGH: usize = 3;
/// Two identities that follow each other are one server that got another; for so many of their periods both may run.
const PERIODS: i64 = 2;

/// When the runs of one name were.
struct Active<'a> {
    name: &'a Foreign,
    first: Moment,
    last: Moment,
    period: i64,
    runs: usize,
}

impl Active<'_> {
    fn runs_beside(&self, other: &Self) -> bool {
        let both = self.last.min(other.last).0.saturating_sub(self.first.max(other.first).0);
        let enough = self.runs >= ENOUGH && other.runs >= ENOUGH;
        enough && both > self.period.max(other.period).saturating_mul(PERIODS)
    }
}

/// Gives each of several servers in one row a row of its own, and one to a server that tells nothing beside one that
/// does. A rule of the estate says that it is one series.
pub(super) fn split<'a>(
    rows: BTreeMap<SeriesKey, Row<'a>>,
    sources: &'a Sources<'_>,
    joined: &Joined,
) -> BTreeMap<SeriesKey, Row<'a>> {
    let mut found = BTreeMap::new();
    for (key, row) in rows {
        let servers = match row.rule {
            None if row.runs.len() > 1 => servers(&key, &row, sources, joined),
            _ => vec![],
        };
        let known = if row.rule.is_none() && servers.len() < 2 { untold(&row, sources, joined) } else { None };
        match known {
            Some(known) => found.extend(without_runs(key, row, &known)),
            None if servers.len() < 2 => {
                found.insert(key, row);
            }
            None => found.extend(parts(&key, &row, &servers, sources, joined)),
        }
    }
    found
}

/// Whether something writes there, by a rhythm of its own beside that of the runs, that tells of none: whose each
/// backup is (0: of the runs, 1: of the other), as far as that is plain. Telemetry that is lost for some time, or every
/// other night, is no such thing: then nothing lies beside.
fn untold(row: &Row<'_>, sources: &Sources<'_>, joined: &Joined) -> Option<Vec<Option<usize>>> {
    let of_runs = row.runs.iter().filter_map(|name| sources.briefs.get(*name)).flatten();
    let mut briefs: Vec<&RunBrief> = of_runs.filter(|brief| brief.feed <= Feed::TraceStderr).collect();
    briefs.sort_by_key(|brief| (brief.at, brief.feed));
    let told = briefs.first()?.at..=briefs.last()?.at;
    let pairs = pair(&row.backups, &briefs, joined);
    let whose = row.backups.iter().zip(&pairs.of_backup).map(|(backup, run)| match run {
        Some(_) => Some(0),
        None => told.contains(&backup.taken.at).then_some(1),
    });
    let whose: Vec<Option<usize>> = whose.collect();
    let times = |of: usize| -> Vec<i64> {
        let own = row.backups.iter().zip(&whose).filter(|(_, whose)| **whose == Some(of));
        own.map(|(backup, _)| backup.taken.at.0).collect()
    };
    let (own, other) = (times(0), times(1));
    let period = regular(&own)?.min(regular(&other)?);
    let beside = other.iter().filter(|at| {
        let next = own.partition_point(|own| own < *at);
        let near = own[next.saturating_sub(1)..].iter().take(2);
        near.into_iter().any(|own| own.abs_diff(**at) < period.unsigned_abs() / 3)
    });
    (beside.count() * 10 >= other.len() * 9).then_some(whose)
}

/// The middle gap of times most of whose gaps are like it.
fn regular(times: &[i64]) -> Option<i64> {
    let mut gaps: Vec<i64> = times.windows(2).map(|two| two[1].saturating_sub(two[0])).collect();
    gaps.sort_unstable();
    let middle = *gaps.get(gaps.len() / 2).filter(|_| gaps.len() > ENOUGH)?;
    let like = gaps.iter().filter(|gap| (**gap - middle).abs() <= middle / 4).count();
    (like * 5 >= gaps.len() * 4).then_some(middle)
}

fn without_runs<'a>(key: SeriesKey, row: Row<'a>, known: &[Option<usize>]) -> [(SeriesKey, Row<'a>); 2] {
    let name = Foreign::new([key.name.raw_bytes(), b" without runs"].concat());
    let other = (SeriesKey { name, target: key.target.clone() }, Row { untold: true, ..Row::default() });
    let backups = row.backups.clone();
    let mut parts = [(key, Row { backups: vec![], ..row }), other];
    let habits: Vec<Habit<'_>> = (0..parts.len()).map(|nth| Habit::of(nth, &backups, known)).collect();
    for (backup, known) in backups.iter().zip(known) {
        let nearest = || habits.iter().min_by_key(|habit| habit.distance(backup)).map_or(0, |habit| habit.server);
        parts[known.unwrap_or_else(nearest)].1.backups.push(backup);
    }
    parts
}

/// The names of runs by server, where there are several at the same time.
fn servers<'a>(key: &SeriesKey, row: &Row<'a>, sources: &Sources<'_>, joined: &Joined) -> Vec<Vec<&'a Foreign>> {
    let sure = surely(key, row, sources, joined);
    let mut active: Vec<Active<'a>> =
        row.runs.iter().filter(|name| sure.contains(*name)).filter_map(|name| active(name, sources)).collect();
    active.sort_by_key(|it| it.first);
    let mut servers: Vec<Vec<Active<'a>>> = vec![];
    for one in active {
        let free = servers.iter_mut().filter(|server| server.iter().all(|other| !one.runs_beside(other)));
        match free.max_by_key(|server| server.iter().map(|it| it.last).max()) {
            Some(server) => server.push(one),
            None => servers.push(vec![one]),
        }
    }
    servers.into_iter().map(|server| server.into_iter().map(|it| it.name).collect()).collect()
}

/// The names of runs that surely left something here, whether it is still there or not.
fn surely<'s>(key: &SeriesKey, row: &Row<'_>, sources: &'s Sources<'_>, joined: &Joined) -> HashSet<&'s Foreign> {
    let here: HashSet<&BackupId> = row.backups.iter().map(|backup| &backup.id).collect();
    let left = sources.newest.iter().filter(|run| {
        let joints = joined.of_run(&run.id).iter();
        let missing = joined.missing.get(&run.id).into_iter().flatten();
        joints.into_iter().any(|joint| joint.certainty > Certainty::Guess && here.contains(&joint.backup))
            || missing.into_iter().any(|(target, _)| Some(target) == key.target.as_ref())
    });
    left.map(|run| &run.series).collect()
}

/// Only feeds of spans tell who ran.
fn active<'a>(name: &'a Foreign, sources: &Sources<'_>) -> Option<Active<'a>> {
    let believable =
        |brief: &&RunBrief| brief.feed <= Feed::TraceStderr && brief.at >= EARLIEST && brief.at <= sources.now;
    let briefs: Vec<&RunBrief> = sources.briefs.get(name)?.iter().filter(believable).collect();
    let (oldest, newest) = (briefs.first()?.at, briefs.last()?.at);
    let gaps = i64::try_from(briefs.len()).unwrap_or(i64::MAX).saturating_sub(1).max(1);
    let told = sources.told.iter().find(|series| series.name == *name);
    let first = told.and_then(|series| series.first).filter(|first| *first >= EARLIEST);
    Some(Active {
        name,
        first: first.map_or(oldest, |first| first.min(oldest)),
        last: newest,
        period: newest.0.saturating_sub(oldest.0) / gaps,
        runs: briefs.len(),
    })
}

fn parts<'a>(
    key: &SeriesKey,
    row: &Row<'a>,
    servers: &[Vec<&'a Foreign>],
    sources: &'a Sources<'_>,
    joined: &Joined,
) -> Vec<(SeriesKey, Row<'a>)> {
    let of_name: HashMap<&Foreign, usize> =
        servers.iter().enumerate().flat_map(|(nth, names)| names.iter().map(move |name| (*name, nth))).collect();
    let server = |name: &Foreign| of_name.get(name).copied().unwrap_or(0);
    let part = |newest: &&'a Foreign| {
        let name = Foreign::new([key.name.raw_bytes(), b" of ", newest.raw_bytes()].concat());
        (SeriesKey { name, target: key.target.clone() }, Row { server: Some(newest), ..Row::default() })
    };
    let mut parts: Vec<(SeriesKey, Row<'a>)> = servers.iter().filter_map(|names| names.last()).map(part).collect();
    for name in &row.runs {
        parts[server(name)].1.runs.insert(name);
    }
    let mut briefs: Vec<&RunBrief> = row.runs.iter().filter_map(|name| sources.briefs.get(*name)).flatten().collect();
    briefs.sort_by_key(|brief| (brief.at, brief.feed));
    let pairs = pair(&row.backups, &briefs, joined);
    let known: Vec<Option<usize>> = pairs.of_backup.iter().map(|at| at.map(|at| server(&briefs[at].series))).collect();
    let habits: Vec<Habit<'_>> = (0..parts.len()).map(|nth| Habit::of(nth, &row.backups, &known)).collect();
    for (backup, known) in row.backups.iter().zip(&known) {
        let nearest = || habits.iter().min_by_key(|habit| habit.distance(backup)).map_or(0, |habit| habit.server);
        parts[known.unwrap_or_else(nearest)].1.backups.push(backup);
    }
    // What once lay there is missed where nothing does any more.
    if row.backups.is_empty() {
        parts.iter_mut().for_each(|(_, part)| part.seen.clone_from(&row.seen));
    }
    parts
}

/// The backups that are known to be of one server: at what time of its period, and how large.
struct Habit<'r> {
    server: usize,
    known: Vec<&'r Arc<Backup>>,
    period: i64,
}

impl<'r> Habit<'r> {
    fn of(server: usize, backups: &[&'r Arc<Backup>], servers: &[Option<usize>]) -> Self {
        let own = backups.iter().zip(servers).filter(|(_, of)| **of == Some(server));
        let known: Vec<&Arc<Backup>> = own.map(|(backup, _)| *backup).collect();
        let mut gaps: Vec<i64> = known.windows(2).map(|two| two[1].taken.at.0 - two[0].taken.at.0).collect();
        gaps.sort_unstable();
        let period = gaps.get(gaps.len() / 2).copied().unwrap_or(86_400_000).max(60_000);
        Self { server, known, period }
    }

    /// How far a backup is from what this server does: from its time, and, an hour for every factor of e, from its size.
    fn distance(&self, backup: &Backup) -> i64 {
        let at = self.known.partition_point(|known| known.taken.at < backup.taken.at);
        let Some(nearest) = self.known.get(at).or(self.known.last()) else { return i64::MAX };
        let off = backup.taken.at.0.abs_diff(nearest.taken.at.0) % self.period.unsigned_abs();
        let off = off.min(self.period.unsigned_abs() - off);
        let size = |backup: &Backup| (backup.stamp.size.max(1) as f64).ln();
        let ratio = (size(backup) - size(nearest)).abs() * 3_600_000.0;
        i64::try_from(off).unwrap_or(i64::MAX).saturating_add(ratio as i64)
    }
}
