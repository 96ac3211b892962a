//! A question in front of a script: whether the server that it runs on has foreign keys or triggers that would change
//! other rows with it, beyond those that whoever made it knew. No dump proves that there are none: those of other
//! databases are in others, triggers may have been left out, and either may have come since.

use crate::change::index::{Index, Undone};
use crate::change::query::TableName;
use crate::change::script::{self, AROUND_END, AROUND_NONE, Lines, NARROW};
use crate::change::undo::{Direction, Request};
use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::script::{Checks, ForeignKey, Mode, Trigger, acts};
use crate::sql::exact;

/// Rows of others go along, or lose what they refer to. (What an update takes along is what undoing it must bring
/// back: a key that goes on to its children comes back to them the same way.)
const KEYS: [(Verb, &str); 2] = [
    (Verb::Delete, "DELETE_RULE IN('CASCADE','SET NULL','SET DEFAULT')"),
    (Verb::Update, "UPDATE_RULE IN('SET NULL','SET DEFAULT')"),
];
const KEY_NAMES: &str = "UNIQUE_CONSTRAINT_SCHEMA,REFERENCED_TABLE_NAME";
const TRIGGERS: [(Verb, &str); 3] = [
    (Verb::Delete, "INSTR(EVENT_MANIPULATION,'DELETE')>0"),
    (Verb::Update, "INSTR(EVENT_MANIPULATION,'UPDATE')>0"),
    (Verb::Insert, "INSTR(EVENT_MANIPULATION,'INSERT')>0"),
];

const TRIGGER_NAMES: &str = "EVENT_OBJECT_SCHEMA,EVENT_OBJECT_TABLE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
}

/// Asks, and stops the script where there are more than are known; whether there was anything to ask.
pub(super) fn ask(out: &mut Vec<u8>, index: &Index, request: &Request<'_>, style: Lines) -> bool {
    let Some(known) = request.around else { return false };
    let tables: Vec<Table<'_>> = index.undone.iter().filter_map(|table| Table::of(table, request)).collect();
    let keys = if request.checks == Checks::Off { vec![] } else { conditions(&KEYS, &tables, KEY_NAMES) };
    let triggers = conditions(&TRIGGERS, &tables, TRIGGER_NAMES);
    let asked: [(&str, Vec<Vec<u8>>, usize); 2] = [
        ("REFERENTIAL_CONSTRAINTS", keys, known.keys.iter().filter(|key| acting(key, &tables)).count()),
        ("TRIGGERS", triggers, known.triggers.iter().filter(|trigger| firing(trigger, &tables)).count()),
    ];
    let counts: Vec<_> =
        asked.into_iter().filter_map(|(from, conditions, known)| count(from, &conditions, known)).collect();
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

/// How many there are beyond those that are known.
fn count(from: &str, conditions: &[Vec<u8>], known: usize) -> Option<Vec<u8>> {
    let all = [
        format!("(SELECT COUNT(*) FROM information_schema.{from} WHERE ").as_bytes(),
        &conditions.join(&b" OR "[..]),
        b")",
    ]
    .concat();
    match (conditions.is_empty(), known) {
        (true, _) => None,
        (false, 0) => Some(all),
        (false, _) => Some([b"GREATEST(", &all[..], format!("-{known},0)").as_bytes()].concat()),
    }
}

/// Whether the question counts a foreign key.
fn acting(key: &ForeignKey, tables: &[Table<'_>]) -> bool {
    let parent = tables.iter().find(|table| table.is(&key.parent));
    parent.is_some_and(|parent| {
        parent.has(Verb::Delete) && acts(&key.on_delete)
            || parent.has(Verb::Update) && acts(&key.on_update) && key.on_update != "CASCADE"
    })
}

/// Whether the question counts a trigger.
fn firing(trigger: &Trigger, tables: &[Table<'_>]) -> bool {
    let table = tables.iter().find(|table| table.is(&trigger.table));
    let verbs = [(Verb::Insert, "insert"), (Verb::Update, "update"), (Verb::Delete, "delete")];
    let mut fires = verbs.into_iter().filter(|(_, word)| trigger.event.eq_ignore_ascii_case(word));
    table.is_some_and(|table| fires.any(|(verb, _)| table.has(verb)))
}

/// A table, and what the script does with its rows.
struct Table<'t> {
    names: (&'t str, &'t str),
    undone: Undone,
    request: &'t Request<'t>,
}

impl<'t> Table<'t> {
    fn of((table, undone): (&'t TableName, &Undone), request: &'t Request<'t>) -> Option<Self> {
        let (schema, name) = (Foreign::new(table.schema.clone()), Foreign::new(table.table.clone()));
        if request.choices.is_some_and(|choices| choices.leaves_out((&schema, &name))) {
            return None;
        }
        let text = |name: &'t [u8]| std::str::from_utf8(name).ok();
        Some(Self { names: (text(&table.schema)?, text(&table.table)?), undone: *undone, request })
    }

    fn is(&self, table: &TableRef) -> bool {
        (Some(self.names.0), Some(self.names.1)) == (table.schema.raw_str(), table.table.raw_str())
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
fn conditions(of: &[(Verb, &str)], tables: &[Table<'_>], columns: &str) -> Vec<Vec<u8>> {
    let mut found = vec![];
    for (verb, what) in of {
        let named: Vec<_> = tables.iter().filter(|table| table.has(*verb)).map(|table| table.names).collect();
        if named.is_empty() {
            continue;
        }
        let mut text = format!("{what} AND ({columns}) IN(").into_bytes();
        for (nth, (schema, name)) in named.into_iter().enumerate() {
            text.extend_from_slice(if nth == 0 { b"(" } else { b",(" });
            exact::utf8(&mut text, schema);
            text.push(b',');
            exact::utf8(&mut text, name);
            text.push(b')');
        }
        text.push(b')');
        found.push(text);
    }
    found
}
