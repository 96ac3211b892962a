//! What stands around the tables of a recovery by their definitions, and where rows are that no log has.

use std::collections::BTreeSet;

use crate::change::index::Undone;
use crate::change::query::TableName;
use crate::change::undo::Reference;
use crate::model::changes::{ChangesView, TableRef};
use crate::model::foreign::Foreign;
use crate::model::script::{Checks, ForeignKey, Offer, ScriptHazard, Surroundings, Trigger, acts, lets_go};
use crate::model::units::Moment;
use crate::sql::compare::quoted;
use crate::work::catalog::Catalog;
use crate::work::changes::newest_with;
use crate::work::recover::made::Made;

/// The most tables that are named where nothing is known of them.
const NAMED: usize = 10;

/// Hazards of foreign keys.
pub const CASCADES: [&str; 2] = ["cascade", "cascade_away"];

/// What definitions tell of what stands around the tables, where no server was asked.
pub fn told(made: &Made, catalog: &Catalog) -> Vec<ScriptHazard> {
    let tables = tables(made);
    let known = surroundings(made);
    let mut found: Vec<ScriptHazard> = tables.iter().filter_map(|table| triggers(table, &known)).collect();
    found.extend(cascades(made, &known, catalog));
    found.extend(of_unknown(made));
    found
}

/// The triggers of a table, as far as they are known.
pub fn triggers(table: &TableRef, around: &Surroundings) -> Option<ScriptHazard> {
    let triggers: Vec<&Trigger> = around.triggers.iter().filter(|one| one.table == *table).collect();
    if triggers.is_empty() { None } else { Some(of_triggers(table, &triggers)) }
}

/// Foreign keys through which a change of a table changed others, or an undo of it would.
pub fn cascades(made: &Made, around: &Surroundings, catalog: &Catalog) -> Vec<ScriptHazard> {
    let mut found = vec![];
    for (table, undone) in &made.index.undone {
        let parent = table_ref(table);
        let changed = undone.events.updates + undone.events.deletes > 0;
        if changed && !undone.logs_cascades {
            // A key that went on to its children comes back to them the same way, unless nothing is checked.
            let stays = |rule: &str| acts(rule) && (rule != "CASCADE" || made.options.keys == Checks::Off);
            let lost = |key: &&ForeignKey| {
                undone.events.deletes > 0 && acts(&key.on_delete) || undone.events.updates > 0 && stays(&key.on_update)
            };
            for key in followed(around, &parent, lost) {
                let hazard = lost_rows(made, key, (undone, catalog));
                if !found.contains(&hazard) {
                    found.push(hazard);
                }
            }
        }
        if undone.events.inserts > 0 && made.options.keys == Checks::On {
            let taken = followed(around, &parent, |key| acts(&key.on_delete));
            found.extend(taken.into_iter().map(|key| taken_along(&parent, key)));
        }
    }
    found
}

/// Keys between tables that are there at the end: rows that refer to nothing are counted by them.
pub fn references(keys: &[ForeignKey]) -> Vec<Reference> {
    let name = |table: &TableRef| (table.schema.clone(), table.table.clone());
    let reference = |key: &ForeignKey| Reference {
        child: name(&key.child),
        columns: key.columns.clone(),
        parent: name(&key.parent),
        keys: key.refers_to.clone(),
        takes_along: acts(&key.on_delete),
        lets_go: lets_go(&key.on_update),
    };
    keys.iter().map(reference).collect()
}

/// The same by definitions alone: of the script's tables, and where both tables are known.
pub fn defined_references(made: &Made) -> Vec<Reference> {
    let around = &made.around.around;
    let tables = tables(made);
    let touches = |key: &&ForeignKey| tables.contains(&key.child) || tables.contains(&key.parent);
    let is_there = |key: &&ForeignKey| around.tables.contains(&key.child) && around.tables.contains(&key.parent);
    let keys: Vec<ForeignKey> = around.keys.iter().filter(touches).filter(is_there).cloned().collect();
    references(&keys)
}

/// What a server tells, and beside it the foreign keys that only definitions tell: they were there when it happened.
pub fn joined(made: &Made, now: &Surroundings) -> Surroundings {
    let mut all = now.clone();
    let is_new = |key: &&ForeignKey| !now.keys.iter().any(|one| one.child == key.child && one.columns == key.columns);
    all.keys.extend(made.around.around.keys.iter().filter(is_new).cloned());
    all
}

/// How far what stands around the tables is known, in words.
pub fn known_words(made: &Made, server: Option<&str>) -> String {
    let around = &made.around.around;
    match server {
        Some(server) => format!("triggers and foreign keys as {server} has them"),
        None if made.around.is_whole => "triggers and foreign keys as the server of --schema has them".to_owned(),
        None => format!(
            "triggers and foreign keys as far as definitions tell: {} triggers, {} foreign keys; --server SERVER asks a \
             server",
            around.triggers.len(),
            around.keys.len()
        ),
    }
}

/// Triggers fire on undo and write again; nothing here takes that decision from a person.
fn of_triggers(table: &TableRef, triggers: &[&Trigger]) -> ScriptHazard {
    let names: Vec<String> =
        triggers.iter().map(|one| format!("{} ({} {})", one.name, one.timing, one.event)).collect();
    let many = if triggers.len() == 1 { "1 trigger" } else { &format!("{} triggers", triggers.len()) };
    let text = format!("{many} would fire on {table}: {}", names.join(", "));
    let full = |one: &Trigger| Some(format!("{}.{}", quoted(&one.table.schema)?, quoted(&one.name)?));
    let drops = triggers.iter().filter_map(|one| Some(format!("DROP TRIGGER {};", full(one)?)));
    let makes = triggers.iter().filter_map(|one| {
        let create = one.create.as_ref()?.to_string();
        Some(format!("SET sql_mode='{}'; {create};", one.sql_mode))
    });
    let again = match triggers.iter().all(|one| one.create.is_some()) {
        true => "and behind it, under another DELIMITER",
        false => "and behind it, what SHOW CREATE TRIGGER says in front of it",
    };
    let offers = vec![
        Offer { what: "to let them fire: nothing; what they write is then written once more".to_owned(), sql: vec![] },
        Offer { what: "to keep them silent: before the script".to_owned(), sql: drops.collect() },
        Offer { what: again.to_owned(), sql: makes.collect() },
    ];
    ScriptHazard { code: "triggers", text, offers }
}

/// Triggers and foreign keys, as far as definitions tell.
pub fn surroundings(made: &Made) -> Surroundings {
    let around = &made.around.around;
    Surroundings { tables: vec![], triggers: around.triggers.clone(), keys: around.keys.clone() }
}

fn tables(made: &Made) -> BTreeSet<TableRef> {
    made.index.undone.keys().map(table_ref).collect()
}

fn table_ref(name: &TableName) -> TableRef {
    TableRef { schema: Foreign::new(name.schema.clone()), table: Foreign::new(name.table.clone()) }
}

/// The keys of a table that `first` means, and those of whatever goes with it.
fn followed<'k>(
    around: &'k Surroundings,
    parent: &TableRef,
    first: impl Fn(&&ForeignKey) -> bool,
) -> Vec<&'k ForeignKey> {
    let of = |parent: &TableRef| around.keys.iter().filter(|key| key.parent == *parent).collect::<Vec<_>>();
    let mut found: Vec<&ForeignKey> = of(parent).into_iter().filter(first).collect();
    let mut at = 0;
    while let Some(key) = found.get(at) {
        // Only rows that go take others along.
        let next = if key.on_delete == "CASCADE" { of(&key.child) } else { vec![] };
        for key in next.into_iter().filter(|key| acts(&key.on_delete)) {
            if !found.contains(&key) {
                found.push(key);
            }
        }
        at += 1;
    }
    found
}

/// Rows that a cascade changed, which the log does not have.
fn lost_rows(made: &Made, key: &ForeignKey, (undone, catalog): (&Undone, &Catalog)) -> ScriptHazard {
    let child = &key.child;
    let mut text = format!(
        "{}: the log does not have what that did to rows of {child}, and this script does not bring it back; find them \
         in a backup from before {}",
        words(key),
        undone.at
    );
    match newest_with(catalog, std::slice::from_ref(child), undone.at) {
        Some(backup) => {
            let place = format!("{}:{}", file_name(made, undone.file), undone.start);
            let then = match reaches(&made.view, backup.taken) {
                true => format!("changes can be replayed up to {place}"),
                false => format!("these logs do not reach from there to {place} without a gap"),
            };
            text.push_str(&format!(
                "; the newest good one that has it is {} of {}: {then}",
                backup.label, backup.taken
            ));
        }
        None if !catalog.backups.is_empty() => text.push_str("; the catalog knows no good one that has it"),
        None => {}
    }
    ScriptHazard { code: "cascade", text, offers: vec![] }
}

/// Rows that go when the script takes others away.
fn taken_along(parent: &TableRef, key: &ForeignKey) -> ScriptHazard {
    let child = &key.child;
    let what = if key.on_delete == "CASCADE" { "go with them" } else { "lose what they refer to" };
    let text = format!(
        "{}: rows of {child} that refer to rows of {parent} which this script takes away {what}, those that came since \
         as well",
        words(key)
    );
    ScriptHazard { code: "cascade_away", text, offers: vec![] }
}

fn words(key: &ForeignKey) -> String {
    let ForeignKey { name, child, columns, parent, on_delete, on_update, .. } = key;
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let name = if name.raw_bytes().is_empty() { "a foreign key".to_owned() } else { name.to_string() };
    format!(
        "{child} ({}) follows {parent} by {name} (on delete {on_delete}, on update {on_update})",
        columns.join(", ")
    )
}

fn file_name(made: &Made, file: u32) -> String {
    made.index.files.get(file as usize).map(|file| file.of.name.to_string()).unwrap_or_default()
}

/// Whether the logs have everything from a moment on.
fn reaches(view: &ChangesView, taken: Moment) -> bool {
    let from = view.coverage.from.as_ref().and_then(|edge| edge.at);
    from.is_some_and(|from| from <= taken) && view.coverage.gaps.is_empty()
}

/// Tables of which the definitions at hand tell nothing but their own columns: triggers, and other tables that follow
/// them, would be told by others.
fn unknown(made: &Made) -> Vec<TableRef> {
    let (around, tables) = (&made.around.around, tables(made));
    let is_beside = |other: &TableRef, table: &TableRef| other.schema == table.schema && !tables.contains(other);
    let is_known = |table: &&TableRef| {
        around.tables.iter().any(|other| is_beside(other, table))
            || around.keys.iter().any(|key| key.parent == **table)
            || around.triggers.iter().any(|trigger| trigger.table == **table)
    };
    if made.around.is_whole {
        return vec![];
    }
    tables.iter().filter(|table| !is_known(table)).cloned().collect()
}

fn of_unknown(made: &Made) -> Option<ScriptHazard> {
    let missing: Vec<String> = unknown(made).iter().map(TableRef::to_string).collect();
    if missing.is_empty() {
        return None;
    }
    let more = missing.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = missing.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let text = format!(
        "unknown: whether triggers would fire on {names}{more}, and whether foreign keys with CASCADE or SET NULL \
         changed other tables beyond the log, or would take rows of them along with this script: the definitions at \
         hand are of these tables alone; the script asks the server that it runs on, and stops before anything else \
         where there are any; --server SERVER asks now, or --schema gives a dump of all tables with their triggers"
    );
    Some(ScriptHazard { code: "around_unknown", text, offers: vec![] })
}
