//! The layout of the history, and how older ones become it.

use rusqlite::{Connection, Transaction};

/// The layout that this version writes; it stands in the file as `user_version`.
pub(super) const LAYOUT: i64 = 3;

/// Layout 1, as the first version made it.
const FIRST: &str = "
CREATE TABLE traces (
    number INTEGER PRIMARY KEY,
    trace BLOB NOT NULL UNIQUE,
    feed TEXT NOT NULL,
    received INTEGER,
    spans INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;
CREATE TABLE series (
    number INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    tool TEXT NOT NULL,
    runs INTEGER NOT NULL DEFAULT 0,
    last INTEGER
) STRICT;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    series INTEGER NOT NULL REFERENCES series (number),
    trace INTEGER,
    kind TEXT NOT NULL,
    tool TEXT NOT NULL,
    feed TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    aged INTEGER NOT NULL,
    bytes INTEGER,
    run_id BLOB,
    twin INTEGER NOT NULL DEFAULT 0,
    detail BLOB NOT NULL
) STRICT;
CREATE INDEX runs_by_series ON runs (series, at);
CREATE INDEX runs_by_time ON runs (at);
CREATE INDEX runs_by_age ON runs (aged);
CREATE INDEX runs_by_trace ON runs (trace) WHERE trace IS NOT NULL;
CREATE INDEX runs_by_run_id ON runs (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX runs_good ON runs (series, at) WHERE kind = 'backup' AND state = 'ok' AND twin = 0;
CREATE TABLE days (
    series INTEGER NOT NULL,
    day INTEGER NOT NULL,
    ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    unfinished INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    others INTEGER NOT NULL DEFAULT 0,
    last_at INTEGER,
    last_state TEXT,
    last_bytes INTEGER,
    last_millis INTEGER,
    PRIMARY KEY (series, day)
) WITHOUT ROWID, STRICT;
";

/// Layout 2: what was read from files is remembered, so that they are not read again for nothing.
const SOURCES: &str = "
CREATE TABLE sources (
    source TEXT PRIMARY KEY,
    mark TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX series_by_last ON series (last);
";

/// Layout 3: which databases a run named, and whether it pruned, without opening it.
const INSIDE: &str = "
CREATE TABLE insides (
    number INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    named BLOB NOT NULL
) STRICT;
ALTER TABLE runs ADD COLUMN inside INTEGER;
ALTER TABLE runs ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_by_series_inside ON runs (series, at, inside) WHERE inside IS NOT NULL;
CREATE INDEX runs_by_inside ON runs (inside) WHERE inside IS NOT NULL;
";

const STEPS: [&str; LAYOUT as usize] = [FIRST, SOURCES, INSIDE];

/// Which layout the file has; 0 for a new one.
pub(super) fn found(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the file from one layout to another, inside the caller's transaction.
pub(super) fn migrate(transaction: &Transaction<'_>, from: i64, to: i64) -> rusqlite::Result<()> {
    let steps = STEPS.iter().zip(1..).filter(|(_, becomes)| *becomes > from && *becomes <= to);
    for (step, _) in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", to)
}
