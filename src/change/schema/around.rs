//! What stands around tables by their definitions: foreign keys, which change other rows without a word in most logs,
//! and triggers, which write again when a change is undone.

use std::collections::BTreeSet;

use crate::change::query::{TableName, after_exists, name_at};
use crate::change::schema::column::closing;
use crate::change::schema::create::parts;
use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::script::{ForeignKey, Trigger};
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::token::{Token, Tokens};

/// Foreign keys and triggers, as statements make them and take them away again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Around {
    /// Tables that some statement defined: of others, nothing is known.
    pub tables: BTreeSet<TableRef>,
    /// Foreign keys.
    pub keys: Vec<ForeignKey>,
    /// Triggers. How they were made is not kept: the mode that they were made under is not known.
    pub triggers: Vec<Trigger>,
}

impl Around {
    /// Takes in a statement of any kind; names without a database belong to `schema`, which may be empty.
    pub fn see(&mut self, text: &[u8], schema: &[u8], dialect: Dialect) {
        let front = text.trim_ascii_start();
        // Most statements are rows: they are not taken apart.
        let verbs: [&[u8]; 4] = [b"CREATE", b"ALTER", b"DROP", b"RENAME"];
        let is_verb = |verb: &[u8]| front.get(..verb.len()).is_some_and(|word| word.eq_ignore_ascii_case(verb));
        if verbs.into_iter().any(is_verb) || front.starts_with(b"/*") {
            self.statement(&Tokens::code(text, dialect), schema);
        }
    }

    pub(super) fn statement(&mut self, tokens: &[Token<'_>], schema: &[u8]) {
        let Some((verb, rest)) = tokens.split_first() else { return };
        let objects = ["TABLE", "TABLES", "TRIGGER", "VIEW", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "DATABASE"];
        let Some(at) = rest.iter().position(|token| token.is_any(&objects)) else { return };
        let (object, behind) = (&rest[at], after_exists(&rest[at + 1..]));
        let is_table = object.is_any(&["TABLE", "TABLES"]) && !rest[..at].iter().any(|word| word.is("TEMPORARY"));
        match () {
            () if object.is("TRIGGER") && verb.is("CREATE") => self.trigger(behind, schema),
            () if object.is("TRIGGER") && verb.is("DROP") => {
                if let Some((name, _)) = name_at(behind, schema) {
                    let name = table_ref(&name);
                    self.triggers.retain(|one| (&one.table.schema, &one.name) != (&name.schema, &name.table));
                }
            }
            () if is_table && verb.is("CREATE") => self.create(behind, schema),
            () if is_table && verb.is("ALTER") => self.alter(behind, schema),
            () if is_table && verb.is("DROP") => self.drop_tables(behind, schema),
            () if is_table && verb.is("RENAME") => self.rename_all(behind, schema),
            () => {}
        }
    }

    fn create(&mut self, tokens: &[Token<'_>], schema: &[u8]) {
        let Some((name, rest)) = name_at(tokens, schema) else { return };
        let child = table_ref(&name);
        self.tables.insert(child.clone());
        let Some(end) = rest.first().filter(|token| token.is_sign(b'(')).and_then(|_| closing(rest)) else { return };
        let keys: Vec<_> = parts(&rest[1..end]).into_iter().filter_map(|part| foreign_key(&child, part)).collect();
        self.keys.retain(|key| key.child != child);
        self.keys.extend(keys);
    }

    fn alter(&mut self, tokens: &[Token<'_>], schema: &[u8]) {
        let Some((name, rest)) = name_at(tokens, schema) else { return };
        let child = table_ref(&name);
        for action in parts(rest) {
            match action {
                [add, part @ ..] if add.is_any(&["ADD", "MODIFY", "CHANGE"]) => {
                    self.keys.extend(foreign_key(&child, part));
                }
                [drop, what, rest @ ..] if drop.is("DROP") && what.is_any(&["FOREIGN", "CONSTRAINT"]) => {
                    let rest = if what.is("FOREIGN") { rest.get(1..).unwrap_or_default() } else { rest };
                    let Some(gone) = after_exists(rest).first().map(|token| Foreign::new(ident::unquote(token.text)))
                    else {
                        continue;
                    };
                    self.keys.retain(|key| key.child != child || key.name != gone);
                }
                [rename, to, rest @ ..] if rename.is("RENAME") && !to.is_any(&["COLUMN", "KEY", "INDEX"]) => {
                    let rest = if to.is_any(&["TO", "AS"]) { rest } else { &action[1..] };
                    if let Some((to, _)) = name_at(rest, &name.schema) {
                        self.rename(&child, &table_ref(&to));
                    }
                }
                _ => {}
            }
        }
    }

    fn drop_tables(&mut self, mut tokens: &[Token<'_>], schema: &[u8]) {
        while let Some((name, rest)) = name_at(tokens, schema) {
            let gone = table_ref(&name);
            self.keys.retain(|key| key.child != gone);
            self.triggers.retain(|trigger| trigger.table != gone);
            match rest.split_first() {
                Some((comma, rest)) if comma.is_sign(b',') => tokens = rest,
                _ => break,
            }
        }
    }

    fn rename_all(&mut self, tokens: &[Token<'_>], schema: &[u8]) {
        for pair in parts(tokens) {
            let Some((from, rest)) = name_at(pair, schema) else { continue };
            let to = rest.split_first().filter(|(to, _)| to.is("TO")).and_then(|(_, rest)| name_at(rest, schema));
            if let Some((to, _)) = to {
                self.rename(&table_ref(&from), &table_ref(&to));
            }
        }
    }

    /// Keys and triggers go with their table, under whatever name.
    fn rename(&mut self, from: &TableRef, to: &TableRef) {
        let names = self.keys.iter_mut().flat_map(|key| [&mut key.child, &mut key.parent]);
        let names = names.chain(self.triggers.iter_mut().map(|trigger| &mut trigger.table));
        names.filter(|name| *name == from).for_each(|name| name.clone_from(to));
        if self.tables.remove(from) {
            self.tables.insert(to.clone());
        }
    }

    /// `name BEFORE INSERT ON table ..`; MariaDB knows `INSERT OR UPDATE`.
    fn trigger(&mut self, tokens: &[Token<'_>], schema: &[u8]) {
        let Some((name, rest)) = name_at(tokens, schema) else { return };
        let Some((timing, rest)) = rest.split_first().filter(|(word, _)| word.is_any(&["BEFORE", "AFTER"])) else {
            return;
        };
        let Some(on) = rest.iter().position(|token| token.is("ON")) else { return };
        let Some((table, _)) = name_at(&rest[on + 1..], &name.schema) else { return };
        let word = |token: &Token<'_>| String::from_utf8_lossy(token.text).to_ascii_lowercase();
        let trigger = Trigger {
            table: table_ref(&table),
            name: Foreign::new(name.table),
            event: rest[..on].iter().map(word).collect::<Vec<_>>().join(" "),
            timing: word(timing),
            create: None,
            sql_mode: Foreign::default(),
        };
        self.triggers.retain(|other| (&other.table.schema, &other.name) != (&trigger.table.schema, &trigger.name));
        self.triggers.push(trigger);
    }

    /// Takes in what another source says: it wins where both know a table.
    pub fn add(&mut self, other: Self) {
        let Self { tables, keys, triggers } = other;
        let is_named = |known: &Trigger| {
            triggers.iter().any(|one| (&one.table.schema, &one.name) == (&known.table.schema, &known.name))
        };
        self.keys.retain(|key| !tables.contains(&key.child));
        self.triggers.retain(|known| !is_named(known));
        self.tables.extend(tables);
        self.keys.extend(keys);
        self.triggers.extend(triggers);
    }

    /// Takes back what is gone since, and keeps what came.
    pub fn keep(&mut self, before: Self) {
        let Self { tables, keys, triggers } = before;
        let keys = keys.into_iter().filter(|key| !self.keys.contains(key)).collect::<Vec<_>>();
        let triggers = triggers.into_iter().filter(|one| !self.triggers.contains(one)).collect::<Vec<_>>();
        self.tables.extend(tables);
        self.keys.extend(keys);
        self.triggers.extend(triggers);
    }

    /// Whatever was said of tables without a database holds for all tables of these names.
    pub fn settle(&mut self, homes: &[TableRef]) {
        let home = |table: &TableRef| table.schema.raw_bytes().is_empty();
        let of = |names: &[&TableRef]| -> BTreeSet<Foreign> {
            let named = homes.iter().filter(|one| names.iter().any(|name| name.table == one.table));
            named.map(|one| one.schema.clone()).collect()
        };
        let at = |table: &TableRef, schema: &Foreign| match home(table) {
            true => TableRef { schema: schema.clone(), table: table.table.clone() },
            false => table.clone(),
        };
        for table in std::mem::take(&mut self.tables) {
            let schemas = if home(&table) { of(&[&table]) } else { BTreeSet::from([table.schema.clone()]) };
            self.tables.extend(schemas.iter().map(|schema| at(&table, schema)));
        }
        for key in std::mem::take(&mut self.keys) {
            let schemas =
                if home(&key.child) { of(&[&key.child, &key.parent]) } else { BTreeSet::from([Foreign::default()]) };
            let placed =
                |schema| ForeignKey { child: at(&key.child, schema), parent: at(&key.parent, schema), ..key.clone() };
            self.keys.extend(schemas.iter().map(placed));
        }
        for trigger in std::mem::take(&mut self.triggers) {
            let schemas =
                if home(&trigger.table) { of(&[&trigger.table]) } else { BTreeSet::from([Foreign::default()]) };
            let placed = |schema| Trigger { table: at(&trigger.table, schema), ..trigger.clone() };
            self.triggers.extend(schemas.iter().map(placed));
        }
    }
}

fn table_ref(name: &TableName) -> TableRef {
    TableRef { schema: Foreign::new(name.schema.clone()), table: Foreign::new(name.table.clone()) }
}

/// `[CONSTRAINT name] FOREIGN KEY [name] (columns) REFERENCES parent [(columns)] ..`, or a column's own `REFERENCES`.
fn foreign_key(child: &TableRef, part: &[Token<'_>]) -> Option<ForeignKey> {
    let at = part.iter().position(|token| token.is("REFERENCES"))?;
    let (front, behind) = part.split_at(at);
    let foreign = front.iter().position(|token| token.is("FOREIGN"));
    let columns = match foreign {
        Some(foreign) => {
            let open = foreign + front[foreign..].iter().position(|token| token.is_sign(b'('))?;
            names(&front[open..])?
        }
        None => {
            let first = front.iter().find(|token| !token.is_any(&["COLUMN", "IF", "NOT", "EXISTS"]))?;
            vec![Foreign::new(ident::unquote(first.text))]
        }
    };
    let named = |word: &str| {
        let at = front.iter().position(|token| token.is(word))?;
        after_exists(&front[at + 1..]).first().filter(|token| token.is_name() && !token.is_any(&["FOREIGN", "KEY"]))
    };
    let name = foreign.and_then(|_| named("CONSTRAINT").or_else(|| named("KEY")));
    let (parent, rest) = name_at(&behind[1..], child.schema.raw_bytes())?;
    let is_listed = rest.first().is_some_and(|token| token.is_sign(b'('));
    let refers_to = if is_listed { names(rest)? } else { columns.clone() };
    let rule = |event: &str| {
        let at = rest.windows(2).position(|two| two[0].is("ON") && two[1].is(event));
        let words: Vec<String> = rest[at.map_or(rest.len(), |at| at + 2)..]
            .iter()
            .take(2)
            .map(|token| String::from_utf8_lossy(token.text).to_ascii_uppercase())
            .collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["CASCADE", ..] => "CASCADE",
            ["SET", "NULL"] => "SET NULL",
            ["SET", "DEFAULT"] => "SET DEFAULT",
            ["RESTRICT", ..] => "RESTRICT",
            _ => "NO ACTION",
        }
        .to_owned()
    };
    Some(ForeignKey {
        name: name.map_or_else(Foreign::default, |name| Foreign::new(ident::unquote(name.text))),
        child: child.clone(),
        columns,
        parent: table_ref(&parent),
        refers_to,
        on_delete: rule("DELETE"),
        on_update: rule("UPDATE"),
    })
}

/// The names of a list in parentheses.
fn names(tokens: &[Token<'_>]) -> Option<Vec<Foreign>> {
    let end = closing(tokens)?;
    let one = |part: &[Token<'_>]| part.first().map(|token| Foreign::new(ident::unquote(token.text)));
    parts(&tokens[1..end]).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests;
