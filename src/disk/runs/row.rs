//! A run as a row: columns for what is searched and counted, JSON for the rest.

use rusqlite::Row;

use super::squeeze::unsqueeze;
use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Run, RunBrief, RunId, RunKind, RunState, Tool};
use crate::model::units::Moment;

/// The columns of a brief, in the order that [`brief`] reads them.
pub(super) const BRIEF: &str = "runs.id, series.name, runs.kind, runs.tool, runs.feed, runs.at, runs.started, \
                                runs.ended, runs.state, runs.bytes, runs.pruned, runs.inside";

/// A brief, and the number of what it named.
pub(super) fn brief(row: &Row<'_>) -> rusqlite::Result<(RunBrief, Option<i64>)> {
    let id: String = row.get(0)?;
    let bytes: Option<i64> = row.get(9)?;
    let brief = RunBrief {
        id: RunId::kept(&id).ok_or_else(|| odd(0, "the id of a run"))?,
        series: Foreign::new(row.get::<_, Vec<u8>>(1)?),
        kind: word(row, 2, RunKind::of_word)?.unwrap_or(RunKind::Unknown),
        tool: word(row, 3, Tool::of_word)?.unwrap_or(Tool::Unknown),
        feed: word(row, 4, Feed::of_word)?.ok_or_else(|| odd(4, "a feed"))?,
        at: Moment(row.get(5)?),
        started: row.get::<_, Option<i64>>(6)?.map(Moment),
        ended: row.get::<_, Option<i64>>(7)?.map(Moment),
        state: word(row, 8, RunState::of_word)?.unwrap_or(RunState::Unknown),
        bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        inside: None,
        pruned: row.get::<_, i64>(10)?.try_into().unwrap_or(0),
    };
    Ok((brief, row.get(11)?))
}

/// The run in the column `detail`.
pub(super) fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<Run> {
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, error);
    let json =
        unsqueeze(row.get_ref(column)?.as_blob()?).ok_or_else(|| failed("a run that cannot be unpacked".into()))?;
    serde_json::from_slice(&json).map_err(|error| failed(error.into()))
}

/// A column that holds one of our words; `None` for a word of a newer version.
pub(super) fn word<T>(row: &Row<'_>, column: usize, of: fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    let word = row.get_ref(column)?;
    Ok(word.as_str_or_null()?.and_then(of))
}

fn odd(column: usize, what: &str) -> rusqlite::Error {
    let text = format!("{what} that this version does not know");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, text.into())
}

/// Bytes as SQLite keeps whole numbers.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
