//! `ALTER TABLE`, as far as it can be followed: what is not understood ends what is known.

use crate::change::query::{TableName, after_exists, name_at, without_wait};
use crate::change::schema::column::{ColumnDef, column};
use crate::change::schema::create::{
    TableFacts, add_keys, bounds, element, is_key, parts, primary_is_full, table_options,
};
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::token::{Token, TokenKind};

/// A definition while the actions of one statement change it. They mean the columns as they were before all of them.
struct Altered {
    facts: TableFacts,
    /// What each column was called before; `None` for one that came.
    was: Vec<Option<Vec<u8>>>,
    /// Old and new names of those that are called something else.
    moved: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The definition after the statement; `None` when it cannot be told.
pub(super) fn follow(facts: &TableFacts, tokens: &[Token<'_>], dialect: Dialect) -> Option<TableFacts> {
    if tokens.first()?.is_any(&["CREATE", "DROP"]) {
        return index(facts.clone(), tokens);
    }
    let actions = actions(tokens)?;
    let mut altered = Altered::begin(facts, &actions);
    for part in actions.into_iter().filter(|part| !part.is_empty()) {
        altered.action(part, dialect)?;
    }
    let mut after = altered.facts;
    primary_is_full(&mut after);
    // A versioned table's two last columns come and go with words that are not followed.
    let is_sound = after
        .columns
        .iter()
        .enumerate()
        .all(|(at, column)| !after.columns[..at].iter().any(|other| same(&other.name, &column.name)));
    (is_sound && !facts.columns.is_empty()).then_some(after)
}

/// What a statement calls its table then, where it is otherwise than before.
pub(super) fn new_name(tokens: &[Token<'_>], schema: &[u8]) -> Option<TableName> {
    let (first, rest) = tokens.split_first()?;
    let at = rest.iter().position(|token| token.is("TABLE")).filter(|_| first.is("ALTER"))?;
    let (name, _) = name_at(after_exists(&rest[at + 1..]), schema)?;
    let called = |part: &[Token<'_>]| -> Option<TableName> {
        let new = match part {
            [rename, to, rest @ ..] if rename.is("RENAME") && to.is_any(&["TO", "AS"]) => rest,
            [rename, new, ..] if rename.is("RENAME") && !new.is_any(&["COLUMN", "KEY", "INDEX"]) => &part[1..],
            _ => return None,
        };
        name_at(new, &name.schema).map(|(name, _)| name)
    };
    actions(tokens)?.into_iter().find_map(called)
}

fn actions<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<Vec<&'t [Token<'a>]>> {
    let at = tokens.iter().position(|token| token.is("TABLE"))?;
    let (_, actions) = name_at(after_exists(&tokens[at + 1..]), b"")?;
    Some(parts(without_partitioning(without_wait(actions))))
}

/// Whether a statement is about partitions or the file of a table alone: such an action has no others beside it.
pub(super) fn is_about_partitions(tokens: &[Token<'_>]) -> bool {
    actions(tokens).is_some_and(|actions| {
        let is_option =
            |part: &&[Token<'_>]| part.is_empty() || part[0].is_any(&["ALGORITHM", "LOCK", "WITH", "WITHOUT"]);
        actions.iter().find(|part| !is_option(part)).is_none_or(|part| is_of_partitions(part))
    })
}

/// Without what follows the actions and is said of partitions: where rows lie is nothing to columns.
fn without_partitioning<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut depth = 0_usize;
    for (at, pair) in tokens.windows(2).enumerate() {
        match pair[0].kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = pair[0].is("PARTITION") && pair[1].is("BY") || pair[0].is("REMOVE") && pair[1].is("PARTITIONING");
        if depth == 0 && begins {
            let front = &tokens[..at];
            return front.strip_suffix_sign(b',').unwrap_or(front);
        }
    }
    tokens
}

/// Whether an action is about partitions or the file of a table: columns stay what they are.
fn is_of_partitions(part: &[Token<'_>]) -> bool {
    let [first, second, ..] = part else { return false };
    let verbs = [
        "ADD",
        "DROP",
        "TRUNCATE",
        "REORGANIZE",
        "COALESCE",
        "EXCHANGE",
        "CONVERT",
        "DISCARD",
        "IMPORT",
        "ANALYZE",
        "CHECK",
        "OPTIMIZE",
        "REBUILD",
        "REPAIR",
    ];
    first.is_any(&verbs) && second.is("PARTITION")
        || first.is_any(&["DISCARD", "IMPORT"]) && second.is("TABLESPACE")
        || first.is("CONVERT") && second.is("TABLE")
}

trait Strip {
    fn strip_suffix_sign(&self, sign: u8) -> Option<&Self>;
}

impl Strip for [Token<'_>] {
    fn strip_suffix_sign(&self, sign: u8) -> Option<&Self> {
        self.split_last().filter(|(last, _)| last.is_sign(sign)).map(|(_, rest)| rest)
    }
}

/// What an action does to the name of a column.
enum Fate {
    Gone(Vec<u8>),
    Moved(Vec<u8>, Vec<u8>),
}

fn fate(part: &[Token<'_>]) -> Option<Fate> {
    let (first, rest) = part.split_first()?;
    let name = |token: &Token<'_>| ident::unquote(token.text);
    match rest {
        [column, old, to, new] if first.is("RENAME") && column.is("COLUMN") && to.is("TO") => {
            Some(Fate::Moved(name(old), name(new)))
        }
        _ if first.is("CHANGE") => match after_exists(without(rest, "COLUMN")) {
            [old, new, ..] => Some(Fate::Moved(name(old), name(new))),
            _ => None,
        },
        [word, ..] if first.is("DROP") && !word.is_any(&NOT_COLUMNS) => {
            after_exists(without(rest, "COLUMN")).first().map(|token| Fate::Gone(name(token)))
        }
        _ => None,
    }
}

/// What `DROP` takes away beside columns.
const NOT_COLUMNS: [&str; 9] =
    ["PRIMARY", "KEY", "INDEX", "CONSTRAINT", "FOREIGN", "CHECK", "PARTITION", "SYSTEM", "PERIOD"];

/// `CREATE INDEX` and `DROP INDEX`: only unique ones matter here.
fn index(mut facts: TableFacts, tokens: &[Token<'_>]) -> Option<TableFacts> {
    let at = tokens.iter().position(|token| token.is("INDEX"))?;
    let name = after_exists(&tokens[at + 1..]).first().map(|name| ident::unquote(name.text))?;
    facts.unique.retain(|key| !key.may_be(&name));
    if tokens.first()?.is("DROP") && name.eq_ignore_ascii_case(b"PRIMARY") {
        facts.primary.clear();
    }
    Some(facts)
}

impl Altered {
    /// The keys that are there lose what goes, and take the new names; those that come have the new names already.
    fn begin(facts: &TableFacts, actions: &[&[Token<'_>]]) -> Self {
        let mut facts = facts.clone();
        // Another default is one of columns that come.
        for column in facts.columns.iter_mut().filter(|column| !column.own_charset) {
            (column.charset, column.own_charset) = (facts.charset, true);
        }
        let was = facts.columns.iter().map(|column| Some(column.name.clone())).collect();
        let mut moved = vec![];
        for fate in actions.iter().filter_map(|part| fate(part)) {
            match fate {
                Fate::Moved(old, new) => moved.push((old, new)),
                Fate::Gone(name) => {
                    let has = |parts: &Vec<Vec<u8>>| parts.iter().any(|part| same(part, &name));
                    facts.primary.retain(|part| !same(part, &name));
                    facts.unique.retain(|key| key.columns.as_ref().is_some_and(|columns| !has(columns)));
                }
            }
        }
        let unique = facts.unique.iter_mut().filter_map(|key| key.columns.as_mut()).flatten();
        for part in facts.primary.iter_mut().chain(unique) {
            if let Some((_, new)) = moved.iter().find(|(old, _)| same(old, part)) {
                part.clone_from(new);
            }
        }
        Self { facts, was, moved }
    }

    fn action(&mut self, part: &[Token<'_>], dialect: Dialect) -> Option<()> {
        let (first, rest) = part.split_first()?;
        let word = String::from_utf8_lossy(first.text).to_ascii_uppercase();
        match word.as_str() {
            "ADD" => self.add(rest, dialect),
            "DROP" => self.drop_part(rest),
            "MODIFY" => {
                let rest = after_exists(without(rest, "COLUMN"));
                let name = ident::unquote(rest.first()?.text);
                self.replace(&name, column(rest, dialect)?, rest)
            }
            "CHANGE" => {
                let rest = after_exists(without(rest, "COLUMN"));
                let (old, new) = rest.split_first()?;
                self.replace(&ident::unquote(old.text), column(new, dialect)?, new)
            }
            "RENAME" => self.rename(rest),
            "ALTER" => Some(()), // defaults, visibility: rows look the same
            "ENGINE" | "COMMENT" | "AUTO_INCREMENT" | "ROW_FORMAT" | "KEY_BLOCK_SIZE" | "ALGORITHM" | "LOCK"
            | "FORCE" | "ENABLE" | "DISABLE" | "STATS_PERSISTENT" | "STATS_AUTO_RECALC" | "STATS_SAMPLE_PAGES"
            | "MAX_ROWS" | "MIN_ROWS" | "AVG_ROW_LENGTH" | "CHECKSUM" | "ENCRYPTION" | "COMPRESSION" | "ANALYZE"
            | "OPTIMIZE" | "REBUILD" | "DEFAULT" | "CHARSET" | "CHARACTER" | "COLLATE" => {
                table_options(&mut self.facts, part);
                Some(())
            }
            _ => None, // CONVERT TO, ORDER BY, SYSTEM VERSIONING, words of newer servers
        }
    }

    /// A column by what it is called now.
    fn position(&self, name: &[u8]) -> Option<usize> {
        self.facts.columns.iter().position(|column| same(&column.name, name))
    }

    /// A column by what it was called before the statement.
    fn original(&self, name: &[u8]) -> Option<usize> {
        self.was.iter().position(|was| was.as_ref().is_some_and(|was| same(was, name)))
    }

    /// Where `FIRST` or `AFTER name` puts a column; `None` when the place is not there, or the name means two.
    fn place(&self, tokens: &[Token<'_>], otherwise: usize) -> Option<usize> {
        match tokens {
            [.., after, name] if after.is("AFTER") => {
                let name = ident::unquote(name.text);
                let is_old = self.moved.iter().any(|(old, new)| same(old, &name) && !same(old, new));
                let is_new = self.moved.iter().any(|(old, new)| same(new, &name) && !same(old, new));
                self.position(&name).filter(|_| !(is_old && is_new)).map(|at| at + 1)
            }
            [.., last] if last.is("FIRST") => Some(0),
            _ => Some(otherwise),
        }
    }

    fn add(&mut self, tokens: &[Token<'_>], dialect: Dialect) -> Option<()> {
        let first = tokens.first()?;
        if is_key(tokens) {
            element(&mut self.facts, tokens, dialect)?;
            bounds(&mut self.facts, tokens);
            return Some(());
        }
        if first.is("SYSTEM") {
            return None;
        }
        let rest = after_exists(without(tokens, "COLUMN"));
        let is_conditional = rest.len() < without(tokens, "COLUMN").len();
        if let [open, inside @ .., close] = rest
            && open.is_sign(b'(')
            && close.is_sign(b')')
        {
            parts(inside).into_iter().try_for_each(|part| element(&mut self.facts, part, dialect))?;
            self.was.resize(self.facts.columns.len(), None);
            return Some(());
        }
        let column = column(rest, dialect)?;
        match (self.position(&column.name), self.original(&column.name)) {
            (Some(now), Some(before)) if now == before => return is_conditional.then_some(()),
            (None, Some(_)) if is_conditional => return None, // whether it is there depends on what is asked when
            (None, _) => {}
            _ => return None,
        }
        // The bounds of a row version stay last.
        let columns = &self.facts.columns;
        let hidden = columns.iter().rev().take_while(|column| self.facts.versioned && column.generated).count();
        let at = self.place(rest, columns.len() - hidden)?;
        add_keys(&mut self.facts, &column);
        self.facts.columns.insert(at, column);
        self.was.insert(at, None);
        Some(())
    }

    fn drop_part(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        let (first, rest) = tokens.split_first()?;
        if first.is("PRIMARY") {
            self.facts.primary.clear();
            return Some(());
        }
        if first.is_any(&["KEY", "INDEX", "CONSTRAINT"]) {
            let name = ident::unquote(after_exists(rest).first()?.text);
            self.facts.unique.retain(|key| !key.may_be(&name));
            if same(&name, b"PRIMARY") {
                self.facts.primary.clear();
            }
            return Some(());
        }
        if first.is_any(&["FOREIGN", "CHECK"]) {
            return Some(());
        }
        if first.is_any(&["SYSTEM", "PERIOD"]) {
            return None;
        }
        let column = without(tokens, "COLUMN");
        let is_conditional = after_exists(column).len() < column.len();
        let name = ident::unquote(after_exists(column).first()?.text);
        let Some(at) = self.original(&name) else { return is_conditional.then_some(()) };
        self.facts.columns.remove(at);
        self.was.remove(at);
        Some(())
    }

    /// `MODIFY` and `CHANGE`: another definition, and perhaps another name and place.
    fn replace(&mut self, old: &[u8], column: ColumnDef, tokens: &[Token<'_>]) -> Option<()> {
        let at = self.original(old)?;
        let key = self.facts.columns.remove(at).is_key;
        let was = self.was.remove(at);
        let to = self.place(tokens, at)?;
        add_keys(&mut self.facts, &column);
        self.facts.columns.insert(to, ColumnDef { is_key: key || column.is_key, ..column });
        self.was.insert(to, was);
        Some(())
    }

    fn rename(&mut self, tokens: &[Token<'_>]) -> Option<()> {
        match tokens {
            [column, old, to, new] if column.is("COLUMN") && to.is("TO") => {
                let at = self.original(&ident::unquote(old.text))?;
                self.facts.columns[at].name = ident::unquote(new.text);
                Some(())
            }
            [kind, old, to, new] if kind.is_any(&["KEY", "INDEX"]) && to.is("TO") => {
                let (old, new) = (ident::unquote(old.text), ident::unquote(new.text));
                // Of several that it may mean, nobody can tell which has the new name now.
                let unique = &mut self.facts.unique;
                match unique.iter().filter(|key| key.may_be(&old)).count() {
                    1 => {
                        let keys = unique.iter_mut().filter(|key| key.may_be(&old));
                        keys.for_each(|key| key.name.clone_from(&new));
                    }
                    _ => unique.retain(|key| !key.may_be(&old)),
                }
                Some(())
            }
            [to, rest @ ..] => {
                let rest = if to.is_any(&["TO", "AS"]) { rest } else { tokens };
                let (name, behind): (TableName, _) = name_at(rest, &self.facts.name.schema)?;
                self.facts.name = name;
                behind.is_empty().then_some(())
            }
            [] => None,
        }
    }
}

fn without<'t, 'a>(tokens: &'t [Token<'a>], word: &str) -> &'t [Token<'a>] {
    match tokens {
        [first, rest @ ..] if first.is(word) => rest,
        all => all,
    }
}

/// Column names ignore case; beyond ASCII they would need a collation, and then nothing is followed.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}
