//! What the strips show: the runs of a series counted by day, kept right as runs come, change and go.

use std::collections::BTreeSet;

use rusqlite::params;

use super::desk::Desk;

use crate::model::run::{DayNumber, RunKind, RunState};
use crate::model::units::Moment;

/// What one run adds to its day and its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Its series, by number.
    pub series: i64,
    /// When it was.
    pub at: Moment,
    /// What it was.
    pub kind: RunKind,
    /// How it ended.
    pub state: RunState,
    /// A better feed tells of the same run: then it counts for nothing.
    pub twin: bool,
}

/// Days whose last backup has to be looked up once the transaction has done everything else.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    days: BTreeSet<(i64, i64)>,
    series: BTreeSet<i64>,
}

impl Share {
    /// What it adds to the columns `ok`, `failed`, `unfinished`, `unknown` and `others`.
    fn columns(self, step: i64) -> [i64; 5] {
        let column = match (self.kind, self.state) {
            (RunKind::Backup, RunState::Ok) => 0,
            (RunKind::Backup, RunState::Failed) => 1,
            (RunKind::Backup, RunState::Unfinished) => 2,
            (RunKind::Backup, RunState::Unknown) => 3,
            _ => 4,
        };
        std::array::from_fn(|at| if at == column { step } else { 0 })
    }
}

/// Adds a run's share (`step` 1) or takes it away (-1).
pub(super) fn count(desk: &Desk<'_>, dirty: &mut Dirty, share: Share, step: i64) -> rusqlite::Result<()> {
    dirty.series.insert(share.series);
    if share.twin {
        return Ok(());
    }
    let day = DayNumber::of(share.at).0;
    dirty.days.insert((share.series, day));
    let [ok, failed, unfinished, unknown, others] = share.columns(step);
    let sql = "INSERT INTO days (series, day, ok, failed, unfinished, unknown, others) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (series, day) DO UPDATE SET ok = ok + ?3, \
               failed = failed + ?4, unfinished = unfinished + ?5, unknown = unknown + ?6, others = others + ?7";
    desk.execute(sql, params![share.series, day, ok, failed, unfinished, unknown, others])?;
    desk.execute("UPDATE series SET runs = runs + ?2 WHERE number = ?1", params![share.series, step])?;
    Ok(())
}

/// Settles what the counting touched: the last backup of each day, the last run of each series, empty days.
pub(super) fn settle(desk: &Desk<'_>, dirty: &Dirty) -> rusqlite::Result<()> {
    for &(series, day) in &dirty.days {
        let (from, until) = (DayNumber(day).start().0, DayNumber(day.saturating_add(1)).start().0);
        let sql = "UPDATE days SET (last_at, last_state, last_bytes, last_millis) = (\
                   SELECT at, state, bytes, ended - started FROM runs \
                   WHERE series = ?1 AND at >= ?3 AND at < ?4 AND kind = 'backup' AND twin = 0 \
                   ORDER BY at DESC, number DESC LIMIT 1) WHERE series = ?1 AND day = ?2";
        desk.execute(sql, params![series, day, from, until])?;
        let sql = "DELETE FROM days WHERE series = ?1 AND day = ?2 AND ok + failed + unfinished + unknown + others = 0";
        desk.execute(sql, params![series, day])?;
    }
    for series in &dirty.series {
        let sql = "UPDATE series SET last = (SELECT MAX(at) FROM runs WHERE series = ?1) WHERE number = ?1";
        desk.execute(sql, [series])?;
        let sql = "DELETE FROM series WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE series = ?1)";
        desk.execute(sql, [series])?;
    }
    Ok(())
}
