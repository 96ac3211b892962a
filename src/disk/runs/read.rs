//! Reading: every question is answered from an index, a day's counts, or one packed trace.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::inside::Insides;
use super::pack;
use super::row::{BRIEF, brief, whole, word};
use crate::model::foreign::Foreign;
use crate::model::run::{
    Day, DayLast, DayNumber, Run, RunBrief, RunId, RunQuery, RunSeries, RunState, Span, Tool, TraceId,
};
use crate::model::units::Moment;

/// Runs in one answer when nobody says how many.
const USUAL: usize = 1000;
/// Series in one answer. Where there are more, those stay away of which only beacons tell, which anybody makes up, and
/// of which there are fewer than three runs.
const SERIES: i64 = 2000;

pub(super) fn runs(connection: &Connection, query: &RunQuery) -> rusqlite::Result<Vec<Run>> {
    listed(connection, query, "runs.detail", |row| whole(row, 0))
}

pub(super) fn briefs(connection: &Connection, query: &RunQuery) -> rusqlite::Result<Vec<RunBrief>> {
    let mut insides = Insides::default();
    let found = listed(connection, query, BRIEF, brief)?.into_iter();
    found.map(|(brief, number)| Ok(RunBrief { inside: insides.get(connection, number)?, ..brief })).collect()
}

fn listed<T>(
    connection: &Connection,
    query: &RunQuery,
    columns: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut wanted = "runs.twin = 0".to_owned();
    let mut values: Vec<Value> = vec![];
    let mut demand = |condition: &str, given: Vec<Value>| {
        wanted.push_str(" AND ");
        wanted.push_str(condition);
        values.extend(given);
    };
    if let Some(series) = &query.series {
        demand("runs.series = (SELECT number FROM series WHERE name = ?)", vec![series.raw_bytes().to_vec().into()]);
    }
    if !query.kinds.is_empty() {
        let holes = vec!["?"; query.kinds.len()].join(", ");
        let kinds = query.kinds.iter().map(|kind| kind.word().to_owned().into()).collect();
        demand(&format!("runs.kind IN ({holes})"), kinds);
    }
    if let Some(from) = query.from {
        demand("runs.at >= ?", vec![from.0.into()]);
    }
    if let Some(until) = query.until {
        demand("runs.at < ?", vec![until.0.into()]);
    }
    if let Some((at, id)) = &query.after {
        demand("(runs.at, runs.id) < (?, ?)", vec![at.0.into(), id.as_str().to_owned().into()]);
    }
    let limit = if query.limit == 0 { USUAL } else { query.limit };
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT {columns} FROM runs JOIN series ON series.number = runs.series \
         WHERE {wanted} ORDER BY runs.at DESC, runs.id DESC LIMIT ?"
    );
    let mut statement = connection.prepare(&sql)?;
    statement.query_map(params_from_iter(values), read)?.collect()
}

pub(super) fn run(connection: &Connection, id: &RunId) -> rusqlite::Result<Option<Run>> {
    let mut statement = connection.prepare("SELECT detail FROM runs WHERE id = ?1")?;
    statement.query_row([id.as_str()], |row| whole(row, 0)).optional()
}

pub(super) fn spans(connection: &Connection, id: &RunId) -> rusqlite::Result<Vec<Span>> {
    let sql =
        "SELECT traces.trace, traces.packed FROM runs JOIN traces ON traces.number = runs.trace WHERE runs.id = ?1";
    let mut statement = connection.prepare(sql)?;
    let found = statement
        .query_row([id.as_str()], |row| {
            let trace = TraceId::of(row.get_ref(0)?.as_blob()?);
            Ok(trace.and_then(|trace| pack::unpack(trace, row.get_ref(1).ok()?.as_blob().ok()?)))
        })
        .optional()?;
    let mut spans = found.flatten().unwrap_or_default();
    spans.sort_by_key(|span| (span.start_ns, std::cmp::Reverse(span.end_ns)));
    Ok(spans)
}

pub(super) fn strips(connection: &Connection, from: DayNumber, to: DayNumber) -> rusqlite::Result<Vec<RunSeries>> {
    let sql = "SELECT number, name, tool, runs, \
               (SELECT MIN(at) FROM runs WHERE runs.series = series.number), last, \
               (SELECT MAX(at) FROM runs WHERE runs.series = series.number \
                AND kind = 'backup' AND state = 'ok' AND twin = 0) \
               FROM series ORDER BY \
               EXISTS (SELECT 1 FROM runs WHERE runs.series = series.number AND feed NOT IN ('beacon', 'analytics')) DESC, \
               runs > 2 DESC, last DESC LIMIT ?1";
    let mut statement = connection.prepare(sql)?;
    let all = statement.query_map([SERIES], |row| {
        let series = RunSeries {
            name: Foreign::new(row.get::<_, Vec<u8>>(1)?),
            tool: word(row, 2, Tool::of_word)?.unwrap_or(Tool::Unknown),
            runs: row.get::<_, i64>(3)?.try_into().unwrap_or(0),
            first: row.get::<_, Option<i64>>(4)?.map(Moment),
            last: row.get::<_, Option<i64>>(5)?.map(Moment),
            last_ok: row.get::<_, Option<i64>>(6)?.map(Moment),
            days: vec![],
        };
        Ok((row.get::<_, i64>(0)?, series))
    })?;
    let mut strips = vec![];
    for found in all {
        let (number, mut series) = found?;
        series.days = days(connection, number, from, to)?;
        strips.push(series);
    }
    strips.sort_by_key(|series| std::cmp::Reverse(series.last));
    Ok(strips)
}

fn days(connection: &Connection, series: i64, from: DayNumber, to: DayNumber) -> rusqlite::Result<Vec<Day>> {
    let sql = "SELECT day, ok, failed, unfinished, unknown, others, last_at, last_state, last_bytes, last_millis \
               FROM days WHERE series = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day";
    let mut statement = connection.prepare(sql)?;
    statement.query_map(params![series, from.0, to.0], day)?.collect()
}

fn day(row: &Row<'_>) -> rusqlite::Result<Day> {
    let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.try_into().unwrap_or(0));
    let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.and_then(|n| n.try_into().ok()));
    let last = match row.get::<_, Option<i64>>(6)? {
        None => None,
        Some(at) => Some(DayLast {
            at: Moment(at),
            state: word(row, 7, RunState::of_word)?.unwrap_or(RunState::Unknown),
            bytes: number(8)?,
            millis: number(9)?,
        }),
    };
    Ok(Day {
        day: DayNumber(row.get(0)?),
        ok: count(1)?,
        failed: count(2)?,
        unfinished: count(3)?,
        unknown: count(4)?,
        others: count(5)?,
        last,
    })
}

/// Changes with every commit of another connection; our writer is another one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA data_version", [], |row| row.get(0))
}

pub(super) fn source_mark(connection: &Connection, source: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare("SELECT mark FROM sources WHERE source = ?1")?;
    statement.query_row([source], |row| row.get(0)).optional()
}
