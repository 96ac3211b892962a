//! Opening the file: whose it is, how it is shared, which layout it has.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::HistoryError;
use super::schema;
use crate::disk::folder;

/// How long one statement waits for another process before it reports that it is busy, in steps; writers then try again.
const STEPS: i32 = 2500;
/// SQLite's own handler waits longer from step to step: whoever came last would get in before.
const STEP: Duration = Duration::from_millis(2);

/// What holds for every connection. A negative cache size counts KiB.
const SHARED: &str = "
PRAGMA synchronous = FULL;
PRAGMA cache_size = -8192;
PRAGMA temp_store = MEMORY;
PRAGMA mmap_size = 0;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA journal_size_limit = 33554432;
";

/// The connection that writes. Its file is ours alone (0600), and so are those that the database makes beside it.
pub(super) fn writer(path: &Path) -> Result<Connection, HistoryError> {
    let beside = path.with_extension("lock");
    let _held = folder::lock(&beside).map_err(HistoryError::io(&beside))?;
    make(path).map_err(HistoryError::io(path))?;
    let mut connection = open(path).map_err(HistoryError::at(path))?;
    settle(&mut connection, path)?;
    Ok(connection)
}

/// A connection that reads, whatever the writing one does meanwhile.
pub(super) fn reader(path: &Path) -> Result<Connection, HistoryError> {
    let connection = open(path).map_err(HistoryError::at(path))?;
    connection.pragma_update(None, "query_only", true).map_err(HistoryError::at(path))?;
    Ok(connection)
}

/// Makes an empty file of ours where there is none. One that exists is not opened: closing it again would take
/// the database's locks from every other connection of this process.
fn make(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_file() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no plain file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => folder::open_own_file(path).map(drop),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(|steps| {
        std::thread::sleep(STEP);
        steps < STEPS
    }))?;
    connection.execute_batch(SHARED)?;
    Ok(connection)
}

/// Chooses how the file is kept while it is new, and brings its layout up to date.
fn settle(connection: &mut Connection, path: &Path) -> Result<(), HistoryError> {
    let at = HistoryError::at(path);
    let found = schema::found(connection).map_err(&at)?;
    if found > schema::LAYOUT {
        return Err(HistoryError::Newer { path: path.to_owned(), found, known: schema::LAYOUT });
    }
    if found == 0 {
        // Before the first table: afterwards it would take rewriting the whole file.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(&at)?;
    }
    let _mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(&at)?;
    if found < schema::LAYOUT {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&at)?;
        schema::migrate(&transaction, found, schema::LAYOUT).map_err(&at)?;
        transaction.commit().map_err(&at)?;
    }
    Ok(())
}
