//! Query events: statements as text, and what they mean for rows.

mod meaning;

use crate::change::bytes::Bytes;
use crate::change::charset::of_collation;
use crate::change::error::Broken;
use crate::change::gtid::Xid;
pub use crate::change::query::meaning::meaning;
pub(in crate::change) use crate::change::query::meaning::{other_tokens, tokens, without_wait};
use crate::change::spoken;
use crate::model::change as model;
pub use crate::model::changes::WallVerb as DdlVerb;
use crate::sql::ident;
use crate::sql::lexer::{Charset, Dialect};
use crate::sql::token::Token;

/// A statement as the log has it.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The server that ran it.
    pub server: u32,
    /// The connection that ran it.
    pub thread: u32,
    /// Its default database; may be empty.
    pub schema: &'a [u8],
    /// Its text.
    pub text: &'a [u8],
    /// How its text is to be read.
    pub dialect: Dialect,
}

/// The front of a query event; the text may have to be unpacked.
pub(super) struct QueryHead<'a> {
    pub thread: u32,
    pub schema: &'a [u8],
    pub dialect: Dialect,
    pub client: model::Charset,
    pub rest: &'a [u8],
}

impl<'a> QueryHead<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Self, Broken> {
        let mut rest = Bytes::new(body);
        let (thread, _seconds) = (rest.u32()?, rest.u32()?);
        let schema = usize::from(rest.u8()?);
        let _error = rest.u16()?;
        let variables = usize::from(rest.u16()?);
        let (dialect, client) = dialect(rest.take(variables)?);
        let schema = rest.take(schema)?;
        rest.u8()?;
        Ok(Self { thread, schema, dialect, client, rest: rest.rest() })
    }

    /// The statement, with its text unpacked, as it was sent to a server.
    pub fn with(&self, text: &'a [u8], server: u32) -> Query<'a> {
        let dialect = Dialect { garbled: spoken::is_garbled(text, self.client), ..self.dialect };
        Query { server, thread: self.thread, schema: self.schema, text, dialect }
    }
}

impl<'a> Query<'a> {
    /// The same with its text in UTF-8.
    pub(super) fn in_utf8(self, text: &'a [u8]) -> Self {
        let dialect = Dialect { charset: Charset::default(), garbled: false, ..self.dialect };
        Self { text, dialect, ..self }
    }
}

/// The statement of a LOAD DATA event, whose header is longer: a file's number, two offsets, how to treat duplicates.
pub(super) fn load(body: &[u8]) -> Result<QueryHead<'_>, Broken> {
    let (front, rest) = body.split_at_checked(13).ok_or(Broken("it ends too early"))?;
    let mut front = Bytes::new(front);
    let (thread, _seconds, schema) = (front.u32()?, front.u32()?, usize::from(front.u8()?));
    let (_error, variables) = (front.u16()?, usize::from(front.u16()?));
    let mut rest = Bytes::new(rest);
    rest.take(13)?;
    let (dialect, client) = dialect(rest.take(variables)?);
    let schema = rest.take(schema)?;
    rest.u8()?;
    Ok(QueryHead { thread, schema, dialect, client, rest: rest.rest() })
}

/// The session's settings, as far as they decide how the text is read.
fn dialect(variables: &[u8]) -> (Dialect, model::Charset) {
    let mut rest = Bytes::new(variables);
    let mut dialect = Dialect::default();
    // A variable of a newer server ends the walk: those that concern us come first.
    while let Ok(code) = rest.u8() {
        let step = match code {
            0 | 10 => rest.take(4),
            1 => rest.u64().map(|mode| {
                dialect.ansi_quotes = mode & 4 != 0;
                dialect.no_backslash_escapes = mode & (1 << 20) != 0;
                &[][..]
            }),
            3 => rest.take(4),
            4 => return with_client_charset(dialect, rest),
            5 => rest.u8().and_then(|len| rest.take(len.into())),
            6 => rest.u8().and_then(|len| rest.take(len.into())),
            2 => rest.u8().and_then(|len| rest.take(usize::from(len) + 1)),
            7 | 8 => rest.take(2),
            9 => rest.take(8),
            _ => break,
        };
        if step.is_err() {
            break;
        }
    }
    (dialect, model::Charset::Unknown)
}

fn with_client_charset(mut dialect: Dialect, mut rest: Bytes<'_>) -> (Dialect, model::Charset) {
    let client = rest.u16().map_or(model::Charset::Unknown, |id| of_collation(id.into()));
    if let model::Charset::Named(name) = client {
        dialect.charset = Charset::named(name.as_bytes()).unwrap_or_default();
    }
    (dialect, client)
}

/// What a statement in the log means for the rows around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A transaction begins.
    Begin,
    /// It ends, and what it did stays.
    Commit,
    /// It ends, and what it did to transactional tables does not stay.
    Rollback,
    /// A point to go back to.
    Savepoint(Vec<u8>),
    /// Back to that point.
    RollbackTo(Vec<u8>),
    /// An XA transaction begins.
    XaStart(Xid),
    /// It has done its work.
    XaEnd,
    /// A prepared XA transaction is committed.
    XaCommit(Xid),
    /// A prepared XA transaction is rolled back.
    XaRollback(Xid),
    /// A definition changes, or with it all rows go: see [`Ddl`].
    Ddl(Ddl),
    /// Rows were changed, and the log has only the statement.
    Dml,
    /// A trigger comes or goes.
    Trigger,
    /// Temporary tables of the connection come (`Create`) or go (`Drop`); without names, whichever.
    Temporary(Ddl),
    /// Nothing for rows of tables: accounts, views, settings.
    Other,
}

/// A change of definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ddl {
    /// What it does.
    pub verb: DdlVerb,
    /// The tables it names, with the databases it names or ran in; for a database: its name and no table. None of a
    /// statement that is not understood.
    pub tables: Vec<TableName>,
    /// Whether rows follow it in the same transaction: `CREATE TABLE .. SELECT`.
    pub opens: bool,
    /// Whether it does nothing where the table is there already: `CREATE TABLE IF NOT EXISTS`. Servers log it then too.
    pub only_if_missing: bool,
}

/// A table's name with its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The database.
    pub schema: Vec<u8>,
    /// The table.
    pub table: Vec<u8>,
}

impl TableName {
    /// What stands for all tables of its database.
    #[must_use]
    pub fn database(&self) -> Self {
        Self { schema: self.schema.clone(), table: vec![] }
    }

    /// Whether both may name one table: a server that folds names logs statements as they were typed, and rows with
    /// names in lower case.
    pub fn is_like(&self, other: &Self) -> bool {
        alike(&self.schema, &other.schema) && alike(&self.table, &other.table)
    }

    /// As a server that folds names has it.
    #[must_use]
    pub fn folded(&self) -> Self {
        let folded = |name: &[u8]| match std::str::from_utf8(name) {
            Ok(name) => name.to_lowercase().into_bytes(),
            Err(_) => name.to_ascii_lowercase(),
        };
        Self { schema: folded(&self.schema), table: folded(&self.table) }
    }
}

/// Whether two names are the same but for the case of their letters.
fn alike(one: &[u8], other: &[u8]) -> bool {
    let both = || Some((std::str::from_utf8(one).ok()?, std::str::from_utf8(other).ok()?));
    one.eq_ignore_ascii_case(other)
        || !one.is_ascii() && both().is_some_and(|(one, other)| one.to_lowercase() == other.to_lowercase())
}

impl Ddl {
    /// With the names that its tables have in rows where the server folds names.
    #[must_use]
    pub fn with_folded(&self) -> Self {
        let mut all = self.clone();
        let folded = self.tables.iter().map(TableName::folded);
        all.tables.extend(folded.filter(|name| !self.tables.contains(name)));
        all
    }
}

/// Behind `IF EXISTS` and `IF NOT EXISTS`.
pub(super) fn after_exists<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens {
        [first, second, rest @ ..] if first.is("IF") && second.is("EXISTS") => rest,
        [first, second, third, rest @ ..] if first.is("IF") && second.is("NOT") && third.is("EXISTS") => rest,
        all => all,
    }
}

/// A table's name at the front, and what is behind it.
pub(super) fn name_at<'t, 'a>(tokens: &'t [Token<'a>], schema: &[u8]) -> Option<(TableName, &'t [Token<'a>])> {
    match tokens {
        [first, dot, second, rest @ ..] if first.is_name() && dot.is_sign(b'.') => {
            let (schema, table) = (ident::unquote(first.text), ident::unquote(second.text));
            Some((TableName { schema, table }, rest))
        }
        [first, rest @ ..] if first.is_name() => {
            Some((TableName { schema: schema.to_vec(), table: ident::unquote(first.text) }, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
