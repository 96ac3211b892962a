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
PRAGMA user_version = 1;
INSERT INTO series (number, name, tool, runs, last) VALUES (1, CAST('shop' AS BLOB), 'dbacked', 2, 1795316400000);
INSERT INTO runs (number, id, series, kind, tool, feed, state, at, started, ended, aged, bytes, detail) VALUES
    (1, 'aaaaaaaaaaaaaa2', 1, 'backup', 'dbacked', 'dbacked_metadata', 'ok', 1795230000000, 1795230000000, 1795230041000, 1795230000000, 4711, x''),
    (2, 'aaaaaaaaaaaaaa3', 1, 'backup', 'dbacked', 'dbacked_metadata', 'failed', 1795316400000, 1795316400000, NULL, 1795316400000, NULL, x'');
INSERT INTO days (series, day, ok, failed, last_at, last_state, last_bytes, last_millis) VALUES
    (1, 20778, 1, 0, 1795230000000, 'ok', 4711, 41000),
    (1, 20779, 0, 1, 1795316400000, 'failed', NULL, NULL);
