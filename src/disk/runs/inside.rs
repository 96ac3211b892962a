//! The databases of runs: each set of names once, since nearly all runs of a series name the same.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::desk::Desk;
use super::squeeze::{squeeze, unsqueeze};
use super::write::no_memory;
use crate::model::foreign::Foreign;
use crate::model::run::{Named, Run, RunKind};
use crate::model::units::Moment;

/// Sets of one series that are looked at.
const MOST: i64 = 1000;

/// The number of what a backup named, written down where it is new.
pub(super) fn number(desk: &Desk<'_>, run: &Run) -> rusqlite::Result<Option<i64>> {
    let Some(named) = Named::of(run).filter(|_| run.kind == RunKind::Backup) else { return Ok(None) };
    let json = serde_json::to_vec(&named).map_err(|error| no_memory(error.into()))?;
    let digest = Sha256::digest(&json);
    let known = desk.first("SELECT number FROM insides WHERE digest = ?1", [&digest[..16]], |row| row.get(0))?;
    if known.is_some() {
        return Ok(known);
    }
    let packed = squeeze(&json).map_err(no_memory)?;
    desk.insert("INSERT INTO insides (digest, named) VALUES (?1, ?2)", params![&digest[..16], packed]).map(Some)
}

/// The number that a kept run has.
pub(super) fn of_run(desk: &Desk<'_>, id: &str) -> rusqlite::Result<Option<i64>> {
    Ok(desk.first("SELECT inside FROM runs WHERE id = ?1", [id], |row| row.get(0))?.flatten())
}

/// Drops what no run names any more.
pub(super) fn drop_unused(desk: &Desk<'_>, number: Option<i64>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM insides WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE inside = ?1)";
    number.map_or(Ok(()), |number| desk.execute(sql, [number]).map(drop))
}

/// What was read so far, by number.
#[derive(Default)]
pub(super) struct Insides(HashMap<i64, Option<Arc<Named>>>);

impl Insides {
    pub fn get(&mut self, connection: &Connection, number: Option<i64>) -> rusqlite::Result<Option<Arc<Named>>> {
        let Some(number) = number else { return Ok(None) };
        if let Some(known) = self.0.get(&number) {
            return Ok(known.clone());
        }
        let sql = "SELECT named FROM insides WHERE number = ?1";
        let named = connection.query_row(sql, [number], named).optional()?.flatten();
        self.0.insert(number, named.clone());
        Ok(named)
    }
}

/// The set in the first column; `None` for one that is none of ours.
fn named(row: &Row<'_>) -> rusqlite::Result<Option<Arc<Named>>> {
    let json = unsqueeze(row.get_ref(0)?.as_blob()?);
    Ok(json.and_then(|json| serde_json::from_slice(&json).ok()).map(Arc::new))
}

/// Every set that backups of a series named in a span of time, the newest first.
pub(super) fn within(
    connection: &Connection,
    series: &Foreign,
    from: Moment,
    until: Moment,
) -> rusqlite::Result<Vec<Arc<Named>>> {
    let sql = "SELECT insides.named FROM (\
               SELECT inside, MAX(at) AS newest FROM runs \
               WHERE series = (SELECT number FROM series WHERE name = ?1) AND at >= ?2 AND at < ?3 \
               AND inside IS NOT NULL GROUP BY inside) AS sets \
               JOIN insides ON insides.number = sets.inside ORDER BY sets.newest DESC LIMIT ?4";
    let mut statement = connection.prepare(sql)?;
    let values = params![series.raw_bytes(), from.0, until.0, MOST];
    let sets = statement.query_map(values, named)?;
    Ok(sets.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}
