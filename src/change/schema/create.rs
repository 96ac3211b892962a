//! `CREATE TABLE`.

use crate::change::charset;
use crate::change::query::{TableName, after_exists, name_at};
use crate::change::schema::column::{ColumnDef, closing, column};
use crate::model::change::Charset;
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::token::{Token, TokenKind};

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// Its name.
    pub name: TableName,
    /// Its columns, in the order in which rows have them.
    pub columns: Vec<ColumnDef>,
    /// The primary key's columns; empty without one.
    pub primary: Vec<Vec<u8>>,
    /// Unique keys.
    pub unique: Vec<Key>,
    /// The default of its texts.
    pub charset: Charset,
    /// The storage engine in lower case; empty where nothing told it.
    pub engine: String,
    /// Whether MariaDB keeps old versions of its rows.
    pub versioned: bool,
}

impl TableFacts {
    /// The columns that tell one row from all others: the primary key, else the first unique key without NULLs,
    /// which servers then take for it; empty where there is none.
    pub fn row_key(&self) -> &[Vec<u8>] {
        let is_full = |name: &Vec<u8>| {
            self.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name) && !column.nullable)
        };
        let mut unique = self.unique.iter().filter_map(|key| key.columns.as_deref());
        match self.primary.as_slice() {
            [] => unique.find(|columns| columns.iter().all(is_full)).unwrap_or_default(),
            primary => primary,
        }
    }
}

impl TableFacts {
    /// Whether what a column keeps was computed in a way that may come out otherwise under other settings: of the time
    /// zone, of the language, of modes. What is computed when it is read is never wrong in a row.
    pub fn follows_settings(&self, at: usize) -> bool {
        let column = self.columns.get(at);
        column.is_some_and(|column| {
            column.computed.as_ref().is_some_and(|one| one.is_stored) && self.is_unsteady(column, 0)
        })
    }

    fn is_unsteady(&self, column: &ColumnDef, depth: usize) -> bool {
        let Some(computed) = &column.computed else { return column.kind == "timestamp" };
        let reads = |other: &&ColumnDef| computed.words.iter().any(|word| word.eq_ignore_ascii_case(&other.name));
        depth > self.columns.len()
            || computed.depends
            || column.kind == "timestamp"
            || self.columns.iter().filter(reads).any(|other| self.is_unsteady(other, depth + 1))
    }
}

/// A unique key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name; empty where it has none.
    pub name: Vec<u8>,
    /// Its columns; `None` where a part is an expression.
    pub columns: Option<Vec<Vec<u8>>>,
}

/// `CREATE SEQUENCE`: MariaDB logs what is taken from one as rows of a table of eight columns.
pub(super) fn sequence(tokens: &[Token<'_>], schema: &[u8]) -> Option<TableFacts> {
    let at = tokens.iter().position(|token| token.is("SEQUENCE")).filter(|at| *at <= 3)?;
    if !tokens.first()?.is("CREATE") {
        return None;
    }
    let (name, _) = name_at(after_exists(&tokens[at + 1..]), schema)?;
    let column = |name: &str, kind: &str, unsigned| ColumnDef {
        unsigned,
        nullable: false,
        ..ColumnDef::of(name.into(), kind.to_owned())
    };
    let limits = ["next_not_cached_value", "minimum_value", "maximum_value", "start_value", "increment"];
    let mut columns: Vec<_> = limits.iter().map(|name| column(name, "bigint", false)).collect();
    columns.push(column("cache_size", "bigint", true));
    columns.push(column("cycle_option", "tinyint", true));
    columns.push(column("cycle_count", "bigint", false));
    let (primary, unique, engine) = (vec![], vec![], SEQUENCE.to_owned());
    Some(TableFacts { name, columns, primary, unique, charset: Charset::Unknown, engine, versioned: false })
}

/// What stands for the engine of a sequence: whatever keeps it, what is taken from it stays taken.
pub const SEQUENCE: &str = "sequence";

/// `CREATE TABLE a LIKE b`: the other table's name.
pub(super) fn like(tokens: &[Token<'_>], schema: &[u8]) -> Option<TableName> {
    let (_, rest) = head(tokens, schema)?;
    let rest = rest.strip_prefix_sign(b'(').unwrap_or(rest);
    match rest.split_first() {
        Some((word, behind)) if word.is("LIKE") => name_at(behind, schema).map(|(name, _)| name),
        _ => None,
    }
}

/// Reads a definition; `None` when it is none, or takes its columns from a query.
pub(super) fn table(tokens: &[Token<'_>], schema: &[u8], dialect: Dialect) -> Option<TableFacts> {
    let (name, rest) = head(tokens, schema)?;
    if !rest.first()?.is_sign(b'(') {
        return None;
    }
    let end = closing(rest)?;
    let (inside, options) = (&rest[1..end], &rest[end + 1..]);
    if options.iter().chain(inside.first()).any(|token| token.is_any(&["SELECT", "LIKE"])) {
        return None;
    }
    let mut facts = TableFacts {
        name,
        columns: vec![],
        primary: vec![],
        unique: vec![],
        charset: Charset::Unknown,
        engine: String::new(),
        versioned: false,
    };
    let parts = parts(inside);
    for part in &parts {
        element(&mut facts, part, dialect)?;
    }
    parts.iter().for_each(|part| bounds(&mut facts, part));
    table_options(&mut facts, options);
    finish(&mut facts);
    primary_is_full(&mut facts);
    Some(facts)
}

/// The name, and what is behind it.
fn head<'t, 'a>(tokens: &'t [Token<'a>], schema: &[u8]) -> Option<(TableName, &'t [Token<'a>])> {
    let at = tokens.iter().position(|token| token.is("TABLE")).filter(|at| *at <= 3)?;
    let is_create = tokens.first()?.is("CREATE") && !tokens[..at].iter().any(|token| token.is("TEMPORARY"));
    if is_create { name_at(after_exists(&tokens[at + 1..]), schema) } else { None }
}

trait Strip {
    fn strip_prefix_sign(&self, sign: u8) -> Option<&Self>;
}

impl Strip for [Token<'_>] {
    fn strip_prefix_sign(&self, sign: u8) -> Option<&Self> {
        self.split_first().filter(|(first, _)| first.is_sign(sign)).map(|(_, rest)| rest)
    }
}

/// What stands between the commas that are not inside parentheses.
pub(super) fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let (mut parts, mut from, mut depth) = (vec![], 0, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
            TokenKind::Sign(b',') if depth == 0 => {
                parts.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts
}

/// Takes in a column or a key; `None` when it is neither.
pub(super) fn element(facts: &mut TableFacts, part: &[Token<'_>], dialect: Dialect) -> Option<()> {
    part.first()?;
    if is_key(part) {
        key(facts, part);
    } else {
        let column = column(part, dialect)?;
        add_keys(facts, &column);
        facts.columns.push(column);
    }
    Some(())
}

/// Words that begin something else than a column.
pub(super) const KEY_WORDS: [&str; 11] =
    ["PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PERIOD", "VECTOR"];

/// Whether it is something else than a column. A column may be called `period` without quotes.
pub(super) fn is_key(part: &[Token<'_>]) -> bool {
    part.first().is_some_and(|first| first.kind == TokenKind::Word && first.is_any(&KEY_WORDS))
        && (!part[0].is("PERIOD") || part.get(1).is_some_and(|next| next.is("FOR")))
}

/// `PERIOD FOR p (a, b)`: its bounds are never NULL.
pub(super) fn bounds(facts: &mut TableFacts, part: &[Token<'_>]) {
    let [period, of, _, open, first, comma, second, ..] = part else { return };
    if period.is("PERIOD") && of.is("FOR") && open.is_sign(b'(') && comma.is_sign(b',') {
        not_null(facts, &[ident::unquote(first.text), ident::unquote(second.text)]);
    }
}

/// Columns of a primary key are never NULL, and stay so without it.
pub(super) fn primary_is_full(facts: &mut TableFacts) {
    let primary = facts.primary.clone();
    not_null(facts, &primary);
}

fn not_null(facts: &mut TableFacts, names: &[Vec<u8>]) {
    let is_named = |column: &&mut ColumnDef| names.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
    facts.columns.iter_mut().filter(is_named).for_each(|column| (column.nullable, column.tells_null) = (false, true));
}

/// Keys that stand in a column's own definition.
pub(super) fn add_keys(facts: &mut TableFacts, column: &ColumnDef) {
    if column.is_key {
        facts.primary = vec![column.name.clone()];
    }
    if column.is_unique {
        let columns = vec![column.name.clone()];
        facts.unique.push(Key { name: key_name(facts, Some(&columns)), columns: Some(columns) });
    }
}

fn key(facts: &mut TableFacts, part: &[Token<'_>]) {
    let Some(open) = part.iter().position(|token| token.is_sign(b'(')) else { return };
    let words = &part[..open];
    let is_primary = words.iter().any(|token| token.is("PRIMARY"));
    let is_unique = words.iter().any(|token| token.is("UNIQUE"));
    let Some(end) = closing(&part[open..]) else { return };
    let columns = key_columns(&part[open + 1..open + end]);
    if is_primary {
        facts.primary = columns.unwrap_or_default();
    } else if is_unique {
        const WORDS: [&str; 10] =
            ["CONSTRAINT", "UNIQUE", "KEY", "INDEX", "IF", "NOT", "EXISTS", "USING", "BTREE", "HASH"];
        let name = words.iter().rev().find(|token| token.is_name() && !token.is_any(&WORDS));
        let name = name.map_or_else(|| key_name(facts, columns.as_deref()), |name| ident::unquote(name.text));
        facts.unique.push(Key { name, columns });
    }
}

/// What a server calls a key without a name after, where it is over an expression.
const FUNCTIONAL: &[u8] = b"functional_index";

impl Key {
    /// Whether a statement may mean it by that name. How servers call a key without a name depends on other keys, not
    /// all of which are known here: whichever of the like it may be, it is not counted on any more.
    pub(super) fn may_be(&self, name: &[u8]) -> bool {
        let base = self.columns.as_deref().and_then(<[_]>::first).map_or(FUNCTIONAL, Vec::as_slice);
        let is_made = |name: &[u8]| match name.split_at_checked(base.len()) {
            Some((front, rest)) if front.eq_ignore_ascii_case(base) => {
                rest.is_empty() || rest.strip_prefix(b"_").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
            }
            _ => false,
        };
        self.name.eq_ignore_ascii_case(name) || is_made(&self.name) && is_made(name)
    }
}

/// What a server calls a key without a name: after its first column, with a number where that is taken.
fn key_name(facts: &TableFacts, columns: Option<&[Vec<u8>]>) -> Vec<u8> {
    let functional = FUNCTIONAL.to_vec();
    let first = columns.and_then(<[_]>::first).unwrap_or(&functional);
    let numbered = (2..).map(|number| [first, format!("_{number}").as_bytes()].concat());
    let is_free = |name: &Vec<u8>| {
        !name.eq_ignore_ascii_case(b"PRIMARY") && !facts.unique.iter().any(|key| key.name.eq_ignore_ascii_case(name))
    };
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or_default()
}

/// Names of a key's columns; `None` for a key over a part of a column or an expression.
fn key_columns(tokens: &[Token<'_>]) -> Option<Vec<Vec<u8>>> {
    let parts = parts(tokens);
    let column = |part: &[Token<'_>]| match part {
        [name] | [name, _] if name.is_name() => Some(ident::unquote(name.text)),
        [name, open, ..] if name.is_name() && open.is_sign(b'(') => Some(ident::unquote(name.text)),
        _ => None,
    };
    parts.into_iter().map(column).collect()
}

pub(super) fn table_options(facts: &mut TableFacts, options: &[Token<'_>]) {
    for (at, token) in options.iter().enumerate() {
        let value = options[at + 1..].iter().find(|token| !token.is_sign(b'='));
        if token.is("CHARSET") || token.is("SET") {
            facts.charset = value.map_or(Charset::Unknown, |name| charset::named(&ident::unquote(name.text)));
        } else if token.is("COLLATE") {
            let name = value.map_or(vec![], |name| ident::unquote(name.text));
            facts.charset = match charset::named(&name) {
                Charset::Unknown if charset::is_short(&name) => facts.charset,
                charset => charset,
            };
        } else if token.is_any(&["ENGINE", "TYPE"]) {
            let engine =
                value.map_or(String::new(), |name| String::from_utf8_lossy(&ident::unquote(name.text)).into_owned());
            facts.engine = engine.to_ascii_lowercase();
        } else if token.is("VERSIONING") && at > 0 && options[at - 1].is("SYSTEM") {
            facts.versioned = true;
        } else if token.is("PARTITION") {
            break;
        }
    }
}

/// Rows of a versioned table end in two columns that its definition may leave out.
fn finish(facts: &mut TableFacts) {
    if facts.versioned && !facts.columns.iter().any(|column| column.generated && column.kind == "timestamp") {
        for name in ["row_start", "row_end"] {
            let column = ColumnDef::of(name.into(), "timestamp".to_owned());
            facts.columns.push(ColumnDef { numbers: vec![6], nullable: false, generated: true, ..column });
        }
    }
}
