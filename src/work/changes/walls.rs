//! Walls: what a change of definitions destroyed, and the newest good backup that still has it.

use crate::change::query::{Ddl, TableName};
use crate::change::transactions::StatementItem;
use crate::model::change::Place;
use crate::model::changes::{TableRef, Wall, WallBackup, WallVerb};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::work::catalog::Catalog;
use crate::work::ladder;

/// The longest text of a statement that is kept to be shown.
pub const TEXT: usize = 4 << 10;

/// A statement's text, cut where it is too long to be shown.
pub fn text(bytes: &[u8]) -> Foreign {
    Foreign::new(&bytes[..bytes.len().min(TEXT)])
}

/// The names of a table of the log.
pub fn table_ref(name: &TableName) -> TableRef {
    TableRef { schema: Foreign::new(name.schema.clone()), table: Foreign::new(name.table.clone()) }
}

/// Said of what happened to a temporary table.
const TEMPORARY: &str = "nothing that stays: it was a temporary table of its connection";

/// A wall as it is shown; its backup is looked for later.
pub fn wall(
    (ddl, is_temporary): (&Ddl, bool),
    statement: &StatementItem<'_>,
    (file, place): (&Foreign, Place),
    entry: u64,
) -> Wall {
    let tables: Vec<TableRef> = ddl.tables.iter().map(table_ref).collect();
    Wall {
        entry,
        file: file.clone(),
        place,
        at: statement.facts.committed_at,
        thread: statement.facts.thread,
        gtid: statement.facts.gtid.clone(),
        verb: ddl.verb,
        destroyed: if is_temporary { TEMPORARY.to_owned() } else { destroyed(ddl.verb, &tables) },
        tables,
        statement: text(statement.query.text),
        backup: None,
    }
}

fn destroyed(verb: WallVerb, tables: &[TableRef]) -> String {
    let name = |table: &TableRef| match table.table.raw_bytes() {
        [] if verb != WallVerb::DropDatabase => format!("a table of {}, whose name cannot be read,", table.schema),
        _ => table.to_string(),
    };
    let names: Vec<String> = tables.iter().take(4).map(name).collect();
    let more = tables.len().saturating_sub(names.len());
    let names = match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    };
    let names = if tables.is_empty() { "a table whose name cannot be read".to_owned() } else { names };
    match verb {
        WallVerb::Truncate => format!("all rows of {names}: the log does not have them"),
        WallVerb::Drop => format!("{names} with all rows: the log does not have them"),
        WallVerb::DropDatabase => format!("the database {names} with all tables: the log does not have their rows"),
        WallVerb::Replace => format!("{names} with all rows, where it was there: the log does not have them"),
        WallVerb::Purge => format!("rows of {names}, which the statement tells: the log does not have them"),
        WallVerb::Exchange => format!("no rows; some of {names} are in the other table now"),
        WallVerb::Unknown => "not known: the statement is not understood".to_owned(),
        WallVerb::Alter => format!("no rows; what columns {names} had before it cannot be written back as it was"),
        WallVerb::Rename => "no rows; names before and behind it differ".to_owned(),
        WallVerb::Create => "nothing".to_owned(),
    }
}

/// The newest good backup from before the wall that has what it destroyed.
pub fn backup_for(wall: &Wall, catalog: &Catalog) -> Option<WallBackup> {
    if wall.verb.destroys() && wall.destroyed != TEMPORARY { newest_with(catalog, &wall.tables, wall.at) } else { None }
}

/// The newest good backup from before a moment that has all of these tables; one without a name stands for its
/// database.
pub fn newest_with(catalog: &Catalog, wanted: &[TableRef], before: Moment) -> Option<WallBackup> {
    let has = |table: &TableRef, databases: &[Foreign], tables: Option<&[Foreign]>| {
        let listed = |tables: &[Foreign]| table.table.raw_bytes().is_empty() || tables.contains(&table.table);
        databases.contains(&table.schema) && tables.is_none_or(listed)
    };
    let fits = catalog.backups.iter().filter(|backup| backup.is_good() && backup.taken.at < before).find(|backup| {
        let inside = backup.proof.as_ref().and_then(|proof| proof.inside.as_ref());
        // The list of tables is cut at a thousand: then it says nothing of the others.
        let whole = inside.filter(|inside| inside.tables.len() as u64 == inside.table_count);
        let tables: Option<Vec<Foreign>> =
            whole.map(|inside| inside.tables.iter().map(|table| table.name.clone()).collect());
        wanted.iter().all(|table| has(table, &backup.databases, tables.as_deref()))
    })?;
    let trust = fits.proof.as_ref().map_or_else(String::new, |proof| ladder::in_words(proof));
    Some(WallBackup { id: fits.id.clone(), label: fits.label(), taken: fits.taken.at, trust })
}
