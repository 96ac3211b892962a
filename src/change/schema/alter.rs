//! `ALTER TABLE`, as far as it can be followed: what is not understood ends what is known.

use crate::change::query::{TableName, after_exists, name_at};
use crate::change::schema::column::{ColumnDef, column};
use crate::change::schema::create::{KEY_WORDS, TableFacts, add_keys, element, parts, table_options};
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::token::Token;

/// The definition after the statement; `None` when it cannot be told.
pub(super) fn follow(facts: &TableFacts, tokens: &[Token<'_>], dialect: Dialect) -> Option<TableFacts> {
    let mut after = facts.clone();
    if tokens.first()?.is_any(&["CREATE", "DROP"]) {
        return index(after, tokens);
    }
    let at = tokens.iter().position(|token| token.is("TABLE"))?;
    let (_, actions) = name_at(after_exists(&tokens[at + 1..]), &facts.name.schema)?;
    let names: Vec<_> = facts.columns.iter().map(|column| column.name.clone()).collect();
    for part in parts(actions) {
        action(&mut after, part, dialect)?;
    }
    // A versioned table's two last columns come and go with words that are not followed.
    let is_sound = after
        .columns
        .iter()
        .enumerate()
        .all(|(at, column)| !after.columns[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)));
    (is_sound && !names.is_empty()).then_some(after)
}

/// `CREATE INDEX` and `DROP INDEX`: only unique ones matter here.
fn index(mut facts: TableFacts, tokens: &[Token<'_>]) -> Option<TableFacts> {
    let at = tokens.iter().position(|token| token.is("INDEX"))?;
    let name = after_exists(&tokens[at + 1..]).first().map(|name| ident::unquote(name.text))?;
    facts.unique.retain(|key| !key.name.eq_ignore_ascii_case(&name));
    if tokens.first()?.is("DROP") && name.eq_ignore_ascii_case(b"PRIMARY") {
        facts.primary.clear();
    }
    Some(facts)
}

fn action(facts: &mut TableFacts, part: &[Token<'_>], dialect: Dialect) -> Option<()> {
    let (first, rest) = part.split_first()?;
    let word = String::from_utf8_lossy(first.text).to_ascii_uppercase();
    match word.as_str() {
        "ADD" => add(facts, rest, dialect),
        "DROP" => drop_part(facts, rest),
        "MODIFY" => {
            let rest = after_exists(without(rest, "COLUMN"));
            let name = ident::unquote(rest.first()?.text);
            replace(facts, &name, column(rest, dialect)?, rest)
        }
        "CHANGE" => {
            let rest = after_exists(without(rest, "COLUMN"));
            let (old, new) = rest.split_first()?;
            replace(facts, &ident::unquote(old.text), column(new, dialect)?, new)
        }
        "RENAME" => rename(facts, rest),
        "ALTER" => Some(()), // defaults, visibility: rows look the same
        "ENGINE" | "COMMENT" | "AUTO_INCREMENT" | "ROW_FORMAT" | "KEY_BLOCK_SIZE" | "ALGORITHM" | "LOCK" | "FORCE"
        | "ENABLE" | "DISABLE" | "STATS_PERSISTENT" | "STATS_AUTO_RECALC" | "STATS_SAMPLE_PAGES" | "MAX_ROWS"
        | "MIN_ROWS" | "AVG_ROW_LENGTH" | "CHECKSUM" | "ENCRYPTION" | "COMPRESSION" | "ANALYZE" | "OPTIMIZE"
        | "REBUILD" | "DEFAULT" | "CHARSET" | "CHARACTER" | "COLLATE" | "NOWAIT" | "WAIT" => {
            table_options(facts, part);
            Some(())
        }
        _ => None, // CONVERT TO, ORDER BY, PARTITION, SYSTEM VERSIONING, words of newer servers
    }
}

fn without<'t, 'a>(tokens: &'t [Token<'a>], word: &str) -> &'t [Token<'a>] {
    match tokens {
        [first, rest @ ..] if first.is(word) => rest,
        all => all,
    }
}

fn position(facts: &TableFacts, name: &[u8]) -> Option<usize> {
    facts.columns.iter().position(|column| same(&column.name, name))
}

/// Column names ignore case; beyond ASCII they would need a collation, and then nothing is followed.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Where `FIRST` or `AFTER name` puts a column; `None` when the place is not there.
fn place(facts: &TableFacts, tokens: &[Token<'_>], otherwise: usize) -> Option<usize> {
    match tokens {
        [.., last] if last.is("FIRST") => Some(0),
        [.., after, name] if after.is("AFTER") => position(facts, &ident::unquote(name.text)).map(|at| at + 1),
        _ => Some(otherwise),
    }
}

fn add(facts: &mut TableFacts, tokens: &[Token<'_>], dialect: Dialect) -> Option<()> {
    let first = tokens.first()?;
    if first.is_any(&KEY_WORDS) {
        return element(facts, tokens, dialect);
    }
    if first.is_any(&["PARTITION", "SYSTEM"]) {
        return None;
    }
    let is_conditional = after_exists(without(tokens, "COLUMN")).len() < without(tokens, "COLUMN").len();
    let rest = after_exists(without(tokens, "COLUMN"));
    if let [open, inside @ .., close] = rest
        && open.is_sign(b'(')
        && close.is_sign(b')')
    {
        return parts(inside).into_iter().try_for_each(|part| element(facts, part, dialect));
    }
    let column = column(rest, dialect)?;
    if position(facts, &column.name).is_some() {
        return is_conditional.then_some(());
    }
    // The bounds of a row version stay last.
    let hidden = facts.columns.iter().rev().take_while(|column| facts.versioned && column.generated).count();
    let at = place(facts, rest, facts.columns.len() - hidden)?;
    add_keys(facts, &column);
    facts.columns.insert(at, column);
    Some(())
}

fn drop_part(facts: &mut TableFacts, tokens: &[Token<'_>]) -> Option<()> {
    let (first, rest) = tokens.split_first()?;
    if first.is("PRIMARY") {
        facts.primary.clear();
        return Some(());
    }
    if first.is_any(&["KEY", "INDEX", "CONSTRAINT"]) {
        let name = ident::unquote(after_exists(rest).first()?.text);
        facts.unique.retain(|key| !same(&key.name, &name));
        return Some(());
    }
    if first.is_any(&["FOREIGN", "CHECK"]) {
        return Some(());
    }
    if first.is_any(&["PARTITION", "SYSTEM", "PERIOD"]) {
        return None;
    }
    let column = without(tokens, "COLUMN");
    let is_conditional = after_exists(column).len() < column.len();
    let name = ident::unquote(after_exists(column).first()?.text);
    let Some(at) = position(facts, &name) else { return is_conditional.then_some(()) };
    facts.columns.remove(at);
    facts.primary.retain(|part| !same(part, &name));
    facts
        .unique
        .retain(|key| key.columns.as_ref().is_some_and(|columns| !columns.iter().any(|part| same(part, &name))));
    Some(())
}

/// `MODIFY` and `CHANGE`: another definition, and perhaps another name and place.
fn replace(facts: &mut TableFacts, old: &[u8], column: ColumnDef, tokens: &[Token<'_>]) -> Option<()> {
    let at = position(facts, old)?;
    let key = facts.columns[at].is_key;
    facts.columns.remove(at);
    renamed(facts, old, &column.name);
    let to = place(facts, tokens, at)?;
    add_keys(facts, &column);
    facts.columns.insert(to, ColumnDef { is_key: key || column.is_key, ..column });
    Some(())
}

fn renamed(facts: &mut TableFacts, old: &[u8], new: &[u8]) {
    let unique = facts.unique.iter_mut().filter_map(|key| key.columns.as_mut()).flatten();
    for part in facts.primary.iter_mut().chain(unique).filter(|part| same(part, old)) {
        *part = new.to_vec();
    }
}

fn rename(facts: &mut TableFacts, tokens: &[Token<'_>]) -> Option<()> {
    match tokens {
        [column, old, to, new] if column.is("COLUMN") && to.is("TO") => {
            let (old, new) = (ident::unquote(old.text), ident::unquote(new.text));
            let at = position(facts, &old)?;
            facts.columns[at].name.clone_from(&new);
            renamed(facts, &old, &new);
            Some(())
        }
        [kind, old, to, new] if kind.is_any(&["KEY", "INDEX"]) && to.is("TO") => {
            let (old, new) = (ident::unquote(old.text), ident::unquote(new.text));
            facts.unique.iter_mut().filter(|key| same(&key.name, &old)).for_each(|key| key.name.clone_from(&new));
            Some(())
        }
        [to, rest @ ..] => {
            let rest = if to.is_any(&["TO", "AS"]) { rest } else { tokens };
            let (name, behind): (TableName, _) = name_at(rest, &facts.name.schema)?;
            facts.name = name;
            behind.is_empty().then_some(())
        }
        [] => None,
    }
}
