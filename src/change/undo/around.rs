//! A question in front of a script whose makers knew of no foreign keys and triggers: whether the server has any that
//! would change other rows with it.

use crate::change::index::{Index, Undone};
use crate::change::script::{self, AROUND_END, AROUND_NONE, Lines, NARROW};
use crate::change::undo::{Direction, Request};
use crate::model::foreign::Foreign;
use crate::model::script::{Checks, Mode};
use crate::sql::exact;

/// The most tables that one list names; of more, any in the server counts.
const NAMED: usize = 1000;
/// Rows of others go along, or lose what they refer to. (What an update takes along is what undoing it must bring
/// back: a key that goes on to its children comes back to them the same way.)
const KEYS: [(Verb, &str); 2] = [
    (Verb::Delete, "DELETE_RULE IN('CASCADE','SET NULL','SET DEFAULT')"),
    (Verb::Update, "UPDATE_RULE IN('SET NULL','SET DEFAULT')"),
];
const TRIGGERS: [(Verb, &str); 3] = [
    (Verb::Delete, "INSTR(EVENT_MANIPULATION,'DELETE')>0"),
    (Verb::Update, "INSTR(EVENT_MANIPULATION,'UPDATE')>0"),
    (Verb::Insert, "INSTR(EVENT_MANIPULATION,'INSERT')>0"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
}

/// Asks, and stops the script unless there are none; whether there was anything to ask.
pub(super) fn ask(out: &mut Vec<u8>, index: &Index, request: &Request<'_>, style: Lines) -> bool {
    let tables: Vec<Table<'_>> = request.unknown.iter().filter_map(|table| Table::of(table, index, request)).collect();
    let keys = if request.checks == Checks::Off { vec![] } else { conditions(&KEYS, &tables, "UNIQUE_CONSTRAINT") };
    let triggers = conditions(&TRIGGERS, &tables, "EVENT_OBJECT");
    let mut counts = vec![];
    for (from, conditions) in [("REFERENTIAL_CONSTRAINTS", keys), ("TRIGGERS", triggers)] {
        if !conditions.is_empty() {
            let front = format!("(SELECT COUNT(*) FROM information_schema.{from} WHERE ");
            counts.push([front.as_bytes(), &conditions.join(&b" OR "[..]), b")"].concat());
        }
    }
    if counts.is_empty() {
        return false;
    }
    script::lines(out, &[AROUND_NONE]);
    out.extend_from_slice(b"SELECT ");
    out.extend_from_slice(&counts.join(&b'+'));
    out.extend_from_slice(b" INTO @bg_around;\n");
    script::lines(out, AROUND_END);
    if style == Lines::Lasting {
        script::lines(out, &[NARROW]);
    }
    script::lines(out, &[script::stop(style)]);
    true
}

/// A table of which nothing is known, and what the script does with its rows.
struct Table<'t> {
    names: (&'t str, &'t str),
    undone: Undone,
    request: &'t Request<'t>,
}

impl<'t> Table<'t> {
    fn of((schema, name): &'t (Foreign, Foreign), index: &Index, request: &'t Request<'t>) -> Option<Self> {
        if request.choices.is_some_and(|choices| choices.leaves_out((schema, name))) {
            return None;
        }
        let is_it = |table: &[u8], of: &Foreign| table == of.raw_bytes();
        let mut undone = index.undone.iter();
        let (_, undone) = undone.find(|(table, _)| is_it(&table.schema, schema) && is_it(&table.table, name))?;
        Some(Self { names: (schema.raw_str()?, name.raw_str()?), undone: *undone, request })
    }

    fn has(&self, verb: Verb) -> bool {
        let events = self.undone.events;
        let (back, away) = match self.request.direction {
            Direction::Undo => (events.deletes, events.inserts),
            Direction::Redo => (events.inserts, events.deletes),
        };
        match verb {
            Verb::Insert => back > 0,
            Verb::Delete => away > 0,
            // A row that is put back over another is set.
            Verb::Update => events.updates > 0 || back > 0 && self.overwrites(),
        }
    }

    fn overwrites(&self) -> bool {
        let over = Some(Mode::Overwrite);
        self.request.choices.is_some_and(|choices| {
            let mut chosen = choices.transactions.values().chain(choices.rows.values());
            choices.mode == Mode::Overwrite || chosen.any(|chosen| chosen.mode == over)
        })
    }
}

/// What is looked for, for each verb that the script has.
fn conditions(of: &[(Verb, &str)], tables: &[Table<'_>], column: &str) -> Vec<Vec<u8>> {
    let mut found = vec![];
    for (verb, what) in of {
        let named: Vec<_> = tables.iter().filter(|table| table.has(*verb)).map(|table| table.names).collect();
        if named.is_empty() {
            continue;
        }
        let mut text = what.as_bytes().to_vec();
        if named.len() <= NAMED {
            let (schema, name) = match column {
                "EVENT_OBJECT" => ("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE"),
                _ => ("UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_NAME"),
            };
            text.extend_from_slice(format!(" AND ({schema},{name}) IN(").as_bytes());
            for (nth, (schema, name)) in named.into_iter().enumerate() {
                text.extend_from_slice(if nth == 0 { b"(" } else { b",(" });
                exact::utf8(&mut text, schema);
                text.push(b',');
                exact::utf8(&mut text, name);
                text.push(b')');
            }
            text.push(b')');
        }
        found.push(text);
    }
    found
}
