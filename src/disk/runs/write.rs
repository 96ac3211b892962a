//! Writing: one transaction for whatever has arrived, tried again while somebody else writes.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::days::{Dirty, Share, count, settle};
use super::desk::Desk;
use super::error::HistoryError;
use super::inside;
use super::pack;
use super::pieces;
use super::row::{signed, word};
use super::squeeze::squeeze;
use super::twins;
use super::{Assemble, Intake, Stored, Traced};
use crate::model::run::{Feed, Run, RunKind, RunState, Span, TraceId};
use crate::model::units::Moment;

/// How long writers wait for each other altogether; each writes for milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Spans that are kept of one trace; a run of mysql-backup has some ten.
pub const MOST_SPANS: usize = 20_000;
/// Bytes of memory that they may take.
const MOST_BYTES: usize = 16 << 20;
/// Spans of whole runs that are kept beyond that, in twice as much memory: they come last, and tell more than the rest.
const MOST_ROOTS: usize = 1000;
/// From 2015 on: a run that says it was earlier has a wrong clock, and ages from its arrival.
const PLAUSIBLE: i64 = 1_420_070_400_000;

/// Runs `work` in a transaction that holds the write lock from its start, so that it cannot fail half way for
/// somebody else's writing.
///
/// # Errors
///
/// [`HistoryError::Busy`] after a minute; otherwise what the database says. Nothing was written then.
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    path: &Path,
    work: impl Fn(&Desk<'_>) -> rusqlite::Result<T>,
) -> Result<T, HistoryError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let done = work(&Desk::new(&transaction))?;
            transaction.commit()?;
            Ok(done)
        });
        match done {
            Err(error) if is_busy(&error) && Instant::now() < give_up => {}
            done => return done.map_err(HistoryError::at(path)),
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What has arrived of one trace.
struct Piece<'a> {
    feed: Feed,
    arrived: Moment,
    /// Each with the number of the intake that it came with.
    spans: Vec<(usize, &'a Span)>,
}

/// What a write has come to so far.
pub(super) struct Tally {
    stored: Stored,
    dirty: Dirty,
    /// Spans of each intake beyond what is kept of their traces.
    beyond: Vec<u64>,
}

/// Stores what has arrived. What that changed, and how many spans of each intake were not kept.
pub(super) fn put(desk: &Desk<'_>, intakes: &[Intake], assemble: Assemble<'_>) -> rusqlite::Result<(Stored, Vec<u64>)> {
    let mut tally = Tally { stored: Stored::default(), dirty: Dirty::default(), beyond: vec![0; intakes.len()] };
    for (trace, piece) in by_trace(intakes) {
        put_trace(desk, &mut tally, (trace, piece), assemble)?;
    }
    for intake in intakes {
        for run in &intake.runs {
            let place = Place { trace: None, arrived: intake.arrived };
            put_run(desk, &mut tally, run, place)?;
        }
    }
    settle(desk, &tally.dirty)?;
    Ok((tally.stored, tally.beyond))
}

fn by_trace(intakes: &[Intake]) -> Vec<(TraceId, Piece<'_>)> {
    let mut places: HashMap<TraceId, usize> = HashMap::new();
    let mut pieces: Vec<(TraceId, Piece<'_>)> = vec![];
    for (nth, intake) in intakes.iter().enumerate() {
        for span in &intake.spans {
            let at = *places.entry(span.trace).or_insert_with(|| {
                pieces.push((span.trace, Piece { feed: intake.feed, arrived: intake.arrived, spans: vec![] }));
                pieces.len() - 1
            });
            let piece = &mut pieces[at].1;
            piece.feed = piece.feed.min(intake.feed);
            piece.arrived = piece.arrived.max(intake.arrived);
            piece.spans.push((nth, span));
        }
    }
    pieces
}

/// A trace as it lies in the file.
struct Known {
    number: i64,
    feed: Feed,
    received: Option<Moment>,
    /// `None` where they cannot be unpacked: what is known of the trace stays as it is.
    spans: Option<Vec<Span>>,
}

fn known(desk: &Desk<'_>, trace: TraceId) -> rusqlite::Result<Option<Known>> {
    let sql = "SELECT number, feed, received, packed FROM traces WHERE trace = ?1";
    desk.first(sql, [trace.0.as_slice()], |row| {
        Ok(Known {
            number: row.get(0)?,
            feed: word(row, 1, Feed::of_word)?.unwrap_or(Feed::Otlp),
            received: row.get::<_, Option<i64>>(2)?.map(Moment),
            spans: pack::unpack(trace, row.get_ref(3)?.as_blob()?),
        })
    })
}

fn put_trace(
    desk: &Desk<'_>,
    tally: &mut Tally,
    (trace, piece): (TraceId, Piece<'_>),
    assemble: Assemble<'_>,
) -> rusqlite::Result<()> {
    let known = known(desk, trace)?;
    let received = piece.feed.is_live().then_some(piece.arrived);
    let (number, spans, feed, received) = match known {
        Some(known) => {
            let better = known.feed.min(piece.feed);
            (Some(known.number), known.spans, better, known.received.or(received).max(received))
        }
        None => (None, Some(vec![]), piece.feed, received),
    };
    let Some(mut spans) = spans else {
        piece.spans.iter().for_each(|(from, _)| tally.leave_out(*from));
        return Ok(());
    };
    let before = spans.len();
    merge(&mut spans, &piece.spans, tally);
    if spans.len() == before {
        return Ok(()); // all of it was known: whoever sends again must not move the time of arrival
    }
    let runs = assemble(Traced { trace, feed, received, spans: &spans });
    if runs.is_empty() && number.is_none() {
        return Ok(());
    }
    let packed = pack::pack(&spans).map_err(no_memory)?;
    let values = params![trace.0.as_slice(), feed.word(), received.map(|at| at.0), signed(spans.len() as u64), packed];
    let number = match number {
        Some(number) => {
            let sql = "UPDATE traces SET feed = ?2, received = ?3, spans = ?4, packed = ?5 WHERE trace = ?1";
            desk.execute(sql, values)?;
            drop_others(desk, &mut tally.dirty, number, &runs)?;
            number
        }
        None => {
            let sql = "INSERT INTO traces (trace, feed, received, spans, packed) VALUES (?1, ?2, ?3, ?4, ?5)";
            desk.insert(sql, values)?
        }
    };
    let place = Place { trace: Some(number), arrived: piece.arrived };
    runs.iter().try_for_each(|run| put_run(desk, tally, run, place))
}

impl Tally {
    fn leave_out(&mut self, intake: usize) {
        self.stored.beyond += 1;
        self.beyond[intake] += 1;
    }
}

/// Adds the spans whose ids are new, as far as there is room.
fn merge(spans: &mut Vec<Span>, more: &[(usize, &Span)], tally: &mut Tally) {
    let mut ids: HashSet<_> = spans.iter().map(|span| span.id).collect();
    let mut weight: usize = spans.iter().map(Span::weight).sum();
    for &(from, span) in more {
        if ids.contains(&span.id) {
            tally.stored.known += 1;
            continue;
        }
        let (roots, times) = if may_be_whole(span) { (MOST_ROOTS, 2) } else { (0, 1) };
        if spans.len() >= MOST_SPANS + roots || weight + span.weight() > times * MOST_BYTES {
            tally.leave_out(from);
            continue;
        }
        ids.insert(span.id);
        weight += span.weight();
        tally.stored.spans += 1;
        spans.push(span.clone());
    }
}

/// Whether a span may be that of a whole run: it has no parent, or is called so inside a trace of somebody else.
fn may_be_whole(span: &Span) -> bool {
    span.parent.is_none() || matches!(span.name.raw_bytes(), b"run" | b"restore")
}

pub(super) fn no_memory(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// Where a run belongs.
#[derive(Clone, Copy)]
struct Place {
    trace: Option<i64>,
    arrived: Moment,
}

/// A run as it is counted now.
pub(super) struct Row {
    pub number: i64,
    pub share: Share,
    pub feed: Feed,
}

/// A statement for rows as [`row`] reads them.
macro_rules! rows {
    ($rest:literal) => {
        concat!("SELECT number, series, at, kind, state, twin, feed", $rest)
    };
}
pub(super) use rows;

pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let share = Share {
        series: row.get(1)?,
        at: Moment(row.get(2)?),
        kind: word(row, 3, RunKind::of_word)?.unwrap_or(RunKind::Unknown),
        state: word(row, 4, RunState::of_word)?.unwrap_or(RunState::Unknown),
        twin: row.get(5)?,
    };
    Ok(Row { number: row.get(0)?, share, feed: word(row, 6, Feed::of_word)?.unwrap_or(Feed::Otlp) })
}

/// Once more of a trace is known, what looked like one run may be another: those that are none any more go.
fn drop_others(desk: &Desk<'_>, dirty: &mut Dirty, trace: i64, runs: &[Run]) -> rusqlite::Result<()> {
    let ids: Vec<String> = desk.all("SELECT id FROM runs WHERE trace = ?1", [trace], |row| row.get(0))?;
    for id in ids.iter().filter(|id| runs.iter().all(|run| run.id.as_str() != id.as_str())) {
        if let Some(old) = desk.first(rows!(" FROM runs WHERE id = ?1"), [id], row)? {
            remove(desk, dirty, &old)?;
        }
    }
    Ok(())
}

fn remove(desk: &Desk<'_>, dirty: &mut Dirty, old: &Row) -> rusqlite::Result<()> {
    count(desk, dirty, old.share, -1)?;
    let sql = "SELECT inside FROM runs WHERE number = ?1";
    let named = desk.first(sql, [old.number], |row| row.get::<_, Option<i64>>(0))?.flatten();
    desk.execute("DELETE FROM runs WHERE number = ?1", [old.number])?;
    inside::drop_unused(desk, named)
}

/// Deletes up to `most` runs that aged before `before`, their traces with them. How many they were.
pub(super) fn delete_oldest(desk: &Desk<'_>, before: Moment, most: u64) -> rusqlite::Result<u64> {
    let mut dirty = Dirty::default();
    let sql = rows!(", trace FROM runs WHERE aged < ?1 ORDER BY aged LIMIT ?2");
    let read = |found: &rusqlite::Row<'_>| Ok((row(found)?, found.get::<_, Option<i64>>(7)?));
    let old = desk.all(sql, params![before.0, signed(most)], read)?;
    for (run, trace) in &old {
        remove(desk, &mut dirty, run)?;
        if let Some(trace) = trace {
            let sql = "DELETE FROM traces WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE trace = ?1)";
            desk.execute(sql, [trace])?;
        }
    }
    settle(desk, &dirty)?;
    Ok(old.len() as u64)
}

fn put_run(desk: &Desk<'_>, tally: &mut Tally, run: &Run, place: Place) -> rusqlite::Result<()> {
    let Tally { stored, dirty, .. } = tally;
    let read = |found: &rusqlite::Row<'_>| Ok((row(found)?, found.get::<_, Vec<u8>>(7)?));
    let old = desk.first(rows!(", detail FROM runs WHERE id = ?1"), [run.id.as_str()], read)?;
    let completed = old.as_ref().filter(|_| place.trace.is_none()).and_then(|(_, kept)| pieces::together(run, kept));
    let run = completed.as_ref().unwrap_or(run);
    let detail = packed(run)?;
    if let Some((old, kept)) = &old {
        let backwards = old.share.state != RunState::Unfinished && run.state == RunState::Unfinished;
        if *kept == detail || (place.trace.is_none() && backwards) {
            return Ok(());
        }
        count(desk, dirty, old.share, -1)?;
    }
    let series = series_number(desk, run)?;
    let named = inside::of_run(desk, run.id.as_str())?;
    write_row(desk, run, place, series, &detail)?;
    inside::drop_unused(desk, named)?;
    match old {
        Some(_) => stored.changed += 1,
        None => stored.runs += 1,
    }
    let twin = old.is_some_and(|(old, _)| old.share.twin);
    let share = Share { series, at: run.at(), kind: run.kind, state: run.state, twin };
    count(desk, dirty, share, 1)?;
    twins::settle(desk, dirty, run, series)
}

fn packed(run: &Run) -> rusqlite::Result<Vec<u8>> {
    let json = serde_json::to_vec(run).map_err(|error| no_memory(error.into()))?;
    squeeze(&json).map_err(no_memory)
}

fn series_number(desk: &Desk<'_>, run: &Run) -> rusqlite::Result<i64> {
    let name = run.series.raw_bytes();
    if let Some(number) = desk.first("SELECT number FROM series WHERE name = ?1", [name], |row| row.get(0))? {
        return Ok(number);
    }
    let sql = "INSERT INTO series (name, tool) VALUES (?1, ?2)";
    desk.insert(sql, params![name, run.tool.word()])
}

fn write_row(desk: &Desk<'_>, run: &Run, place: Place, series: i64, detail: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO runs \
        (id, series, trace, kind, tool, feed, state, at, started, ended, aged, bytes, run_id, detail, inside, pruned) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
        ON CONFLICT (id) DO UPDATE SET series = ?2, trace = ?3, kind = ?4, tool = ?5, feed = ?6, state = ?7, \
        at = ?8, started = ?9, ended = ?10, aged = ?11, bytes = ?12, run_id = ?13, detail = ?14, \
        inside = ?15, pruned = ?16";
    let millis = |moment: Option<Moment>| moment.map(|moment| moment.0);
    let values = params![
        run.id.as_str(),
        series,
        place.trace,
        run.kind.word(),
        run.tool.word(),
        run.feed.word(),
        run.state.word(),
        run.at().0,
        millis(run.started),
        millis(run.ended),
        aged(run, place.arrived).0,
        run.bytes.map(signed),
        run.run_id.as_ref().map(|id| id.raw_bytes()),
        detail,
        inside::number(desk, run)?,
        signed(run.pruned.iter().map(|pruned| pruned.candidate_count).fold(0, u64::saturating_add)),
    ];
    desk.execute(sql, values)?;
    Ok(())
}

/// From when on a run grows old: a sender's clock must neither keep its runs for ever nor delete them at once.
fn aged(run: &Run, arrived: Moment) -> Moment {
    let believable = !run.feed.is_live() && run.at().0 >= PLAUSIBLE;
    if believable { run.at().min(arrived) } else { arrived }
}

pub(super) fn mark_source(desk: &Desk<'_>, source: &str, mark: &str, now: Moment) -> rusqlite::Result<()> {
    let sql = "INSERT INTO sources (source, mark, at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (source) DO UPDATE SET mark = ?2, at = ?3";
    desk.execute(sql, params![source, mark, now.0])?;
    Ok(())
}

/// Forgets sources that were read before a time: their runs are as old, and whoever still has them reads them once more.
pub(super) fn forget_sources(desk: &Desk<'_>, before: Moment) -> rusqlite::Result<()> {
    desk.execute("DELETE FROM sources WHERE at < ?1", [before.0])?;
    Ok(())
}
