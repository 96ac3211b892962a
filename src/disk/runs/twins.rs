//! Runs of which two feeds tell: the one that tells more counts, the other is kept and not shown.

use rusqlite::params;

use super::days::{Dirty, Share, count};
use super::desk::Desk;
use super::row::whole;
use super::write::{Row, row, rows};
use crate::model::run::{Feed, Run, RunState, Tool};
use crate::model::units::Moment;

/// How far the end of an upload may be from what DBacked's table says of it, in milliseconds.
const APART: i64 = 600_000;
/// How far the beginnings of a run's spans and of its log lines may be apart, in milliseconds: lines have whole seconds.
const BEGAN: i64 = 5000;
/// The same of their ends: lines go on for a while behind the last span.
const ENDED: i64 = 30_000;
/// How long a run may take, in milliseconds, to be looked for.
const LONGEST: i64 = 3 * 86_400_000;

/// Settles which of a run and its twins counts, now that `run` of this series is known.
pub(super) fn settle(desk: &Desk<'_>, dirty: &mut Dirty, run: &Run, series: i64) -> rusqlite::Result<()> {
    if let Some(run_id) = &run.run_id {
        let found = desk.all(rows!(" FROM runs WHERE run_id = ?1 LIMIT 16"), [run_id.raw_bytes()], row)?;
        let spans = run.trace.is_some() || found.iter().any(|other| other.feed < Feed::Logrus);
        if spans || run.feed != Feed::Logrus {
            return hide(desk, dirty, &found, Feed::Logrus, spans);
        }
    }
    if run.tool == Tool::Databacker && (run.trace.is_some() || run.feed == Feed::Logrus) {
        return lines_of_spans(desk, dirty, run);
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

/// A run of mysql-backup that may be told of twice: versions before 1.4 write an id to their log lines and none to their
/// spans.
struct Near {
    row: Row,
    run: Run,
    /// Its spans, or its lines, have an id of the run.
    has_id: bool,
}

/// Hides log lines of which the spans of a run without an id tell: one for one, by their objects' names, or where those
/// are not told by when they began and ended, and how.
fn lines_of_spans(desk: &Desk<'_>, dirty: &mut Dirty, run: &Run) -> rusqlite::Result<()> {
    let sql = rows!(
        ", detail FROM runs WHERE at BETWEEN ?1 AND ?2 AND kind = ?3 AND tool = 'databacker' ORDER BY at, id LIMIT 64"
    );
    let read = |found: &rusqlite::Row<'_>| Ok((row(found)?, whole(found, 7)?));
    let reach = (run.at().0.saturating_sub(2 * BEGAN), run.at().0.saturating_add(2 * BEGAN));
    let found = desk.all(sql, params![reach.0, reach.1, run.kind.word()], read)?;
    let near = found.into_iter().map(|(row, run)| Near { row, has_id: run.run_id.is_some(), run });
    let (lines, mut spans): (Vec<Near>, Vec<Near>) =
        near.filter(|it| it.row.feed == Feed::Logrus || !it.has_id).partition(|it| it.row.feed == Feed::Logrus);
    spans.retain(|it| it.row.feed < Feed::Logrus);
    let mut hidden = vec![false; lines.len()];
    for by_name in [true, false] {
        for (line, hidden) in lines.iter().zip(&mut hidden).filter(|(_, hidden)| !**hidden) {
            let twin = spans.iter().position(|it| is_one(&line.run, &it.run, by_name));
            *hidden = twin.map(|at| spans.remove(at)).is_some();
        }
    }
    for (line, twin) in lines.into_iter().zip(hidden) {
        if line.row.share.twin == twin || (!twin && has_spans_by_id(desk, &line.run)?) {
            continue;
        }
        hide(desk, dirty, &[line.row], Feed::Logrus, twin)?;
    }
    Ok(())
}

/// Whether lines and spans tell of one run; `by_name`: since they name the same object.
fn is_one(lines: &Run, spans: &Run, by_name: bool) -> bool {
    let names = |run: &Run| run.objects.iter().filter_map(|object| object.name.clone()).collect::<Vec<_>>();
    let (said, traced) = (names(lines), names(spans));
    let named = !said.is_empty() && !traced.is_empty();
    let silent = |state| matches!(state, RunState::Unfinished | RunState::Unknown);
    let agree = lines.state == spans.state || silent(lines.state) || silent(spans.state);
    let near = |one: Option<Moment>, two: Option<Moment>, apart: i64| {
        one.zip(two).is_none_or(|(one, two)| one.0.abs_diff(two.0) <= apart.unsigned_abs())
    };
    let told_when = lines.started.is_some() && spans.started.is_some();
    let when = told_when && near(lines.started, spans.started, BEGAN) && near(lines.ended, spans.ended, ENDED);
    if by_name { named && said.iter().any(|name| traced.contains(name)) } else { !named && when && agree }
}

fn has_spans_by_id(desk: &Desk<'_>, lines: &Run) -> rusqlite::Result<bool> {
    let Some(id) = &lines.run_id else { return Ok(false) };
    let sql = "SELECT 1 FROM runs WHERE run_id = ?1 AND trace IS NOT NULL LIMIT 1";
    Ok(desk.first(sql, [id.raw_bytes()], |_| Ok(()))?.is_some())
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
