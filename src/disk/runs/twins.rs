//! Runs of which two feeds tell: the one that tells more counts, the other is kept and not shown.

use rusqlite::params;

use super::days::{Dirty, Share, count};
use super::desk::Desk;
use super::write::{Row, row, rows};
use crate::model::run::{Feed, Run};

/// How far the end of an upload may be from what DBacked's table says of it, in milliseconds.
const APART: i64 = 600_000;
/// How long a run may take, in milliseconds, to be looked for.
const LONGEST: i64 = 3 * 86_400_000;

/// Settles which of a run and its twins counts, now that `run` of this series is known.
pub(super) fn settle(desk: &Desk<'_>, dirty: &mut Dirty, run: &Run, series: i64) -> rusqlite::Result<()> {
    if let Some(run_id) = &run.run_id {
        let found = desk.all(rows!(" FROM runs WHERE run_id = ?1 LIMIT 16"), [run_id.raw_bytes()], row)?;
        let spans = run.trace.is_some() || found.iter().any(|other| other.feed < Feed::Logrus);
        return hide(desk, dirty, &found, Feed::Logrus, spans);
    }
    if let (Feed::DbackedMetadata | Feed::DbackedTable, Some(ended)) = (run.feed, run.ended) {
        let sql = rows!(" FROM runs WHERE series = ?1 AND at BETWEEN ?2 AND ?4 AND ended BETWEEN ?3 AND ?4 LIMIT 64");
        let near = (ended.0.saturating_sub(APART), ended.0.saturating_add(APART));
        let found = desk.all(sql, params![series, ended.0.saturating_sub(LONGEST), near.0, near.1], row)?;
        let metadata = found.iter().any(|other| other.feed == Feed::DbackedMetadata);
        return hide(desk, dirty, &found, Feed::DbackedTable, metadata);
    }
    Ok(())
}

/// Lets the runs of the lesser feed count, or not.
fn hide(desk: &Desk<'_>, dirty: &mut Dirty, found: &[Row], lesser: Feed, twin: bool) -> rusqlite::Result<()> {
    for other in found.iter().filter(|other| other.feed == lesser && other.share.twin != twin) {
        count(desk, dirty, other.share, -1)?;
        count(desk, dirty, Share { twin, ..other.share }, 1)?;
        desk.execute("UPDATE runs SET twin = ?2 WHERE number = ?1", params![other.number, twin])?;
    }
    Ok(())
}
