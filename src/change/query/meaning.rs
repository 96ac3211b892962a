//! What the text of a statement means, whatever words stand around it. What is not understood is never nothing.

use crate::change::gtid::Xid;
use crate::change::query::{Ddl, DdlVerb, Meaning, Query, TableName, after_exists, name_at};
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::literal::{Backslashes, unquote};
use crate::sql::token::{Token, TokenKind, Tokens};

/// Statements that change neither rows nor definitions of tables that a log has rows of.
const QUIET: [&str; 32] = [
    "GRANT",
    "REVOKE",
    "SET",
    "FLUSH",
    "OPTIMIZE",
    "REPAIR",
    "CHECK",
    "CHECKSUM",
    "INSTALL",
    "UNINSTALL",
    "USE",
    "SHOW",
    "DESCRIBE",
    "DESC",
    "EXPLAIN",
    "HELP",
    "KILL",
    "PURGE",
    "RESET",
    "STOP",
    "CHANGE",
    "CACHE",
    "LOCK",
    "UNLOCK",
    "BACKUP",
    "HANDLER",
    "PREPARE",
    "DEALLOCATE",
    "RELEASE",
    "SHUTDOWN",
    "RESTART",
    "SIGNAL",
];
/// Statements that change rows, or may call what does.
const ROWS: [&str; 11] =
    ["INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "SELECT", "DO", "TABLE", "VALUES"];
/// What may be created, altered and dropped without a row or a column being another.
const QUIET_OBJECTS: [&str; 25] = [
    "DEFINER",
    "ALGORITHM",
    "SQL",
    "AGGREGATE",
    "VIEW",
    "FUNCTION",
    "PROCEDURE",
    "TRIGGER",
    "EVENT",
    "USER",
    "ROLE",
    "SERVER",
    "TABLESPACE",
    "UNDO",
    "LOGFILE",
    "RESOURCE",
    "REFERENCE",
    "DATABASE",
    "SCHEMA",
    "PACKAGE",
    "INSTANCE",
    "LIBRARY",
    "SEQUENCE",
    "PREPARE",
    "JSON",
];

/// The tokens of a statement, without what may stand around it: `SET STATEMENT .. FOR`, parentheses, a semicolon.
pub(in crate::change) fn tokens<'a>(query: &Query<'a>) -> Vec<Token<'a>> {
    bare(Tokens::code(query.text, query.dialect))
}

/// As a server takes it for which `/*M! .. */` is a comment; `None` where there is none.
pub(in crate::change) fn other_tokens<'a>(query: &Query<'a>) -> Option<Vec<Token<'a>>> {
    memchr::memmem::find(query.text, b"/*M!")?;
    let (mut inside, mut kept) = (false, vec![]);
    for token in Tokens::new(query.text, query.dialect) {
        match token.kind {
            TokenKind::Conditional(_) => inside = token.text.starts_with(b"/*M!"),
            TokenKind::Close => inside = false,
            _ if !inside => kept.push(token),
            _ => {}
        }
    }
    Some(bare(kept))
}

fn bare(mut tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    while tokens.last().is_some_and(|token| token.is_sign(b';')) {
        tokens.pop();
    }
    loop {
        let front = match tokens.as_slice() {
            [open, ..] if open.is_sign(b'(') => 1,
            [set, statement, rest @ ..] if set.is("SET") && statement.is("STATEMENT") => match behind_for(rest) {
                Some(behind) => 2 + behind,
                None => return tokens,
            },
            _ => return tokens,
        };
        tokens.drain(..front);
    }
}

/// Where the statement begins behind `SET STATEMENT name=value, .. FOR`.
fn behind_for(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
            _ if depth == 0 && token.is("FOR") => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Reads what a statement means.
pub fn meaning(query: &Query<'_>) -> Meaning {
    match query.text {
        b"BEGIN" => return Meaning::Begin,
        b"COMMIT" => return Meaning::Commit,
        b"ROLLBACK" => return Meaning::Rollback,
        _ => {}
    }
    let tokens = tokens(query);
    let Some((first, rest)) = tokens.split_first() else { return Meaning::Other };
    if first.kind != TokenKind::Word {
        return unknown();
    }
    let word = String::from_utf8_lossy(first.text).to_ascii_uppercase();
    match word.as_str() {
        "BEGIN" if rest.is_empty() || starts(rest, &["WORK"]) => Meaning::Begin,
        "START" if starts(rest, &["TRANSACTION"]) => Meaning::Begin,
        "START" => Meaning::Other,
        "COMMIT" => Meaning::Commit,
        "SAVEPOINT" => rest.first().map_or(Meaning::Other, |name| Meaning::Savepoint(ident::unquote(name.text))),
        "ROLLBACK" => rollback(rest),
        "XA" => xa(rest, query.dialect).unwrap_or(Meaning::Other),
        "SET" if starts(rest, &["STATEMENT"]) => unknown(),
        "LOAD" if starts(rest, &["INDEX"]) => Meaning::Other,
        "ANALYZE" if starts(rest, &["TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"]) => Meaning::Other,
        "ANALYZE" => Meaning::Dml,
        "CREATE" | "DROP" if is_trigger(rest) => Meaning::Trigger,
        "CREATE" | "ALTER" | "DROP" | "RENAME" | "TRUNCATE" => ddl(&word, rest, query.schema).unwrap_or_else(unknown),
        word if ROWS.contains(&word) => Meaning::Dml,
        word if QUIET.contains(&word) => Meaning::Other,
        _ => unknown(),
    }
}

/// Any table may be another behind it, and any row.
fn unknown() -> Meaning {
    Meaning::Ddl(Ddl { verb: DdlVerb::Unknown, tables: vec![], opens: false, only_if_missing: false })
}

fn starts(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.first().is_some_and(|token| token.is_any(words))
}

/// Whether a trigger is what a definition is of: `[OR REPLACE] [DEFINER=..] TRIGGER`.
fn is_trigger(rest: &[Token<'_>]) -> bool {
    let objects = ["TRIGGER", "TABLE", "VIEW", "PROCEDURE", "FUNCTION", "EVENT", "INDEX", "DATABASE", "SCHEMA", "USER"];
    rest.iter().find(|token| token.is_any(&objects)).is_some_and(|object| object.is("TRIGGER"))
}

fn rollback(rest: &[Token<'_>]) -> Meaning {
    let Some(at) = rest.iter().position(|token| token.is("TO")) else { return Meaning::Rollback };
    let name = rest[at + 1..].iter().find(|token| !token.is("SAVEPOINT"));
    name.map_or(Meaning::Rollback, |name| Meaning::RollbackTo(ident::unquote(name.text)))
}

fn xa(rest: &[Token<'_>], dialect: Dialect) -> Option<Meaning> {
    let (verb, rest) = rest.split_first()?;
    if verb.is("END") {
        return Some(Meaning::XaEnd);
    }
    let mut parts = vec![];
    let mut format = 1;
    let mut is_hex = false;
    for token in rest {
        match token.kind {
            TokenKind::Word if token.is("X") => is_hex = true,
            TokenKind::Text => {
                let backslashes = if dialect.no_backslash_escapes { Backslashes::Plain } else { Backslashes::Escape };
                let text = unquote(token.text, backslashes);
                let hex = data_encoding::HEXUPPER_PERMISSIVE.decode(&text);
                parts.push(if is_hex { hex.ok()? } else { text });
                is_hex = false;
            }
            TokenKind::Word => match std::str::from_utf8(token.text).ok()?.parse() {
                Ok(number) => format = number,
                Err(_) => break,
            },
            TokenKind::Sign(b',') => {}
            _ => return None,
        }
    }
    let mut parts = parts.into_iter();
    let xid = Xid { format, global: parts.next()?, branch: parts.next().unwrap_or_default() };
    match verb {
        verb if verb.is_any(&["START", "BEGIN"]) => Some(Meaning::XaStart(xid)),
        verb if verb.is("COMMIT") => Some(Meaning::XaCommit(xid)),
        verb if verb.is("ROLLBACK") => Some(Meaning::XaRollback(xid)),
        _ => None,
    }
}

/// `None`: it is not understood.
fn ddl(word: &str, rest: &[Token<'_>], schema: &[u8]) -> Option<Meaning> {
    let skipped = ["OR", "REPLACE", "ONLINE", "OFFLINE", "IGNORE", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"];
    let at = rest.iter().position(|token| !token.is_any(&skipped))?;
    let (object, behind) = (&rest[at], &rest[at + 1..]);
    let has = |word: &str| rest[..at].iter().any(|token| token.is(word));
    if word == "TRUNCATE" {
        let behind = if object.is("TABLE") { behind } else { &rest[at..] };
        return one(DdlVerb::Truncate, behind, schema).map(Meaning::Ddl);
    }
    if object.is_any(&["DATABASE", "SCHEMA"]) && (word == "DROP" || word == "CREATE" && has("REPLACE")) {
        let name = name_at(after_exists(behind), b"")?.0;
        let name = TableName { schema: name.table, table: vec![] };
        let tables = vec![name];
        return Some(Meaning::Ddl(Ddl { verb: DdlVerb::DropDatabase, tables, opens: false, only_if_missing: false }));
    }
    if object.is("INDEX") && matches!(word, "CREATE" | "DROP") {
        let on = behind.iter().position(|token| token.is("ON"))?;
        return one(DdlVerb::Alter, &behind[on + 1..], schema).map(Meaning::Ddl);
    }
    if object.is("TEMPORARY") {
        return temporary(word, behind, schema).map(Meaning::Temporary);
    }
    if !object.is_any(&["TABLE", "TABLES"]) {
        return object.is_any(&QUIET_OBJECTS).then_some(Meaning::Other);
    }
    let ddl = match word {
        "CREATE" => {
            let ends = behind.last_chunk::<2>();
            let opens = ends.is_some_and(|[start, what]| start.is("START") && what.is("TRANSACTION"));
            let only_if_missing = behind.len() > after_exists(behind).len();
            let verb = if has("REPLACE") { DdlVerb::Replace } else { DdlVerb::Create };
            Ddl { opens, only_if_missing, ..one(verb, behind, schema)? }
        }
        "ALTER" => alter(has("IGNORE"), behind, schema)?,
        "DROP" => Ddl { tables: names(behind, schema)?, ..one(DdlVerb::Drop, behind, schema)? },
        _ => {
            let tables = names(behind, schema).filter(|names| names.len() % 2 == 0)?;
            Ddl { tables, ..one(DdlVerb::Rename, behind, schema)? }
        }
    };
    Some(Meaning::Ddl(ddl))
}

/// Temporary tables, and sequences, which may have the names of tables.
fn temporary(word: &str, behind: &[Token<'_>], schema: &[u8]) -> Option<Ddl> {
    let behind = if starts(behind, &["TABLE", "TABLES", "SEQUENCE"]) { &behind[1..] } else { behind };
    let (verb, tables) = match word {
        "CREATE" => (DdlVerb::Create, one(DdlVerb::Create, behind, schema).map(|ddl| ddl.tables)),
        "DROP" => (DdlVerb::Drop, names(behind, schema)),
        _ => return None,
    };
    Some(Ddl { verb, tables: tables.unwrap_or_default(), opens: false, only_if_missing: false })
}

fn one(verb: DdlVerb, behind: &[Token<'_>], schema: &[u8]) -> Option<Ddl> {
    let (name, _) = name_at(after_exists(behind), schema)?;
    Some(Ddl { verb, tables: vec![name], opens: false, only_if_missing: false })
}

/// `ALTER TABLE`: with a partition its rows may go, or come from another table and go there.
fn alter(ignores: bool, behind: &[Token<'_>], schema: &[u8]) -> Option<Ddl> {
    let (name, actions) = name_at(after_exists(behind), schema)?;
    let mut ddl = Ddl { verb: DdlVerb::Alter, tables: vec![name], opens: false, only_if_missing: false };
    if ignores {
        ddl.verb = DdlVerb::Purge; // rows that are equal by a new key go
    }
    let mut depth = 0_usize;
    for (at, token) in actions.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let [first, second, rest @ ..] = &actions[at..] else { break };
        let of_rows = second.is_any(&["PARTITION", "TABLESPACE", "TABLE"]);
        if depth > 0 || !of_rows || !first.is_any(&["DROP", "TRUNCATE", "DISCARD", "IMPORT", "EXCHANGE", "CONVERT"]) {
            continue;
        }
        ddl.verb = DdlVerb::Purge;
        let other = if second.is("TABLE") { Some(&actions[at + 1..]) } else { None };
        let other = other.or_else(|| rest.iter().position(|token| token.is("TABLE")).map(|table| &rest[table..]));
        if let Some((other, _)) = other.and_then(|other| name_at(&other[1..], schema)) {
            if first.is("EXCHANGE") {
                ddl.verb = DdlVerb::Exchange;
            }
            ddl.tables.push(other);
        }
    }
    Some(ddl)
}

/// All names of a list; of `RENAME TABLE a TO b, c TO d` old and new ones in turn. `None` when it goes on otherwise.
fn names(tokens: &[Token<'_>], schema: &[u8]) -> Option<Vec<TableName>> {
    let mut found = vec![];
    let mut rest = after_exists(tokens);
    while let Some((name, behind)) = name_at(rest, schema) {
        found.push(name);
        rest = match without_wait(behind) {
            [next, behind @ ..] if next.is_sign(b',') || next.is("TO") => behind,
            [] => return Some(found),
            [last] if last.is_any(&["RESTRICT", "CASCADE"]) => return Some(found),
            [last, wait @ ..] if last.is_any(&["RESTRICT", "CASCADE"]) && without_wait(wait).is_empty() => {
                return Some(found);
            }
            _ => return None,
        };
    }
    None
}

/// Behind MariaDB's `WAIT n` and `NOWAIT`.
pub(in crate::change) fn without_wait<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens {
        [wait, number, rest @ ..] if wait.is("WAIT") && number.text.iter().all(u8::is_ascii_digit) => rest,
        [wait, rest @ ..] if wait.is("NOWAIT") => rest,
        all => all,
    }
}
