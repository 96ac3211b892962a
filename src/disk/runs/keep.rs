//! How much history is kept.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::error::HistoryError;
use super::write::{delete_oldest, forget_sources, in_transaction, is_busy};
use crate::model::units::Moment;

/// Runs that one transaction deletes: others may write in between.
const STEP: u64 = 1000;
/// The least that one transaction deletes to make room.
const LEAST: u64 = 20;
/// Pages that one pruning gives back to the file system.
const PAGES: u32 = 4096;

/// How much history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Runs older than this go.
    pub age: Duration,
    /// While the file holds more than so many bytes, the oldest runs go.
    pub size: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { age: Duration::from_secs(400 * 86_400), size: 2 << 30 }
    }
}

/// What pruning deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// For their age.
    pub old: u64,
    /// For the size of the file.
    pub for_room: u64,
}

pub(super) fn prune(connection: &mut Connection, path: &Path, keep: Keep, now: Moment) -> Result<Pruned, HistoryError> {
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let before = Moment(now.0.saturating_sub(age));
    let mut pruned = Pruned::default();
    loop {
        let gone = in_transaction(connection, path, |desk| delete_oldest(desk, before, STEP))?;
        pruned.old += gone;
        if gone < STEP {
            break;
        }
    }
    let at = HistoryError::at(path);
    while let Some(step) = too_many(connection, keep.size).map_err(&at)? {
        let end = Moment(i64::MAX);
        let gone = in_transaction(connection, path, |desk| delete_oldest(desk, end, step))?;
        pruned.for_room += gone;
        if gone == 0 {
            break;
        }
    }
    in_transaction(connection, path, |desk| forget_sources(desk, before))?;
    if pruned != Pruned::default() {
        match give_back(connection) {
            Err(error) if !is_busy(&error) => return Err(at(error)),
            _ => {} // somebody else writes: the room is used again anyhow
        }
    }
    Ok(pruned)
}

/// Gives pages to the file system: each step of the statement gives one.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// How many runs to delete next while the file holds more than it may; about as many as are too many.
fn too_many(connection: &Connection, size: u64) -> rusqlite::Result<Option<u64>> {
    let used = used(connection)?;
    if used <= size {
        return Ok(None);
    }
    let runs: i64 = connection.query_row("SELECT COUNT(*) FROM runs", [], |row| row.get(0))?;
    let share = (used - size) as f64 / used as f64;
    Ok(Some(((runs as f64 * share) as u64).clamp(LEAST, STEP)))
}

/// Bytes of the file that hold something.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |what: &str| connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get::<_, i64>(0));
    let pages = ask("page_count")?.saturating_sub(ask("freelist_count")?);
    Ok(u64::try_from(pages.saturating_mul(ask("page_size")?)).unwrap_or(0))
}
