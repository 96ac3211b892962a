//! The head of a statement: its kind, what it is about, who it runs as.

use crate::format::statements::Kind;
use crate::format::statements::risk::RiskKind;
use crate::model::foreign::Foreign;
use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// Words that may stand between INSERT and the table.
pub(super) const INSERT_WORDS: [&str; 5] = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];

/// A name, with its database where it carries one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// The database, if it is qualified.
    pub database: Option<Foreign>,
    /// The table, view, routine.
    pub name: Foreign,
}

/// An account as a DEFINER names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// User; a role in MariaDB; or `CURRENT_USER`.
    pub user: Foreign,
    /// Host, where there is one.
    pub host: Option<Foreign>,
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.user),
            None => self.user.fmt(f),
        }
    }
}

/// What the head of a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) name: Option<Name>,
    pub(super) definer: Option<Account>,
    pub(super) risks: Vec<(RiskKind, Vec<u8>)>,
}

impl Shape {
    fn known(kind: Kind, name: Option<Name>) -> Self {
        Self { kind, name, definer: None, risks: vec![] }
    }

    fn risk(kind: Kind, name: Option<Name>, risk: RiskKind, about: &[u8]) -> Self {
        Self { kind, name, definer: None, risks: vec![(risk, about.to_vec())] }
    }
}

/// The name that begins at a token, with its database.
pub(super) fn name_at(tokens: &[Token<'_>], at: usize) -> Option<Name> {
    let first = tokens.get(at).filter(|token| token.is_name())?;
    let plain = |token: &Token<'_>| Foreign::new(ident::unquote(token.text));
    match tokens.get(at + 1..at + 3) {
        Some([dot, second]) if dot.is_sign(b'.') => Some(Name { database: Some(plain(first)), name: plain(second) }),
        _ => Some(Name { database: None, name: plain(first) }),
    }
}

/// Reads the head of a statement.
pub(super) fn of(tokens: &[Token<'_>]) -> Shape {
    let Some(first) = tokens.first() else { return Shape::known(Kind::Nothing, None) };
    let second = |word: &str| tokens.get(1).is_some_and(|token| token.is(word));
    if first.kind != TokenKind::Word {
        return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"");
    }
    let word = first.text.to_ascii_uppercase();
    match word.as_slice() {
        b"CREATE" => create(tokens),
        b"DROP" => drop(tokens),
        b"SET" => Shape::known(Kind::Set, None),
        b"LOCK" if second("TABLES") || second("TABLE") => Shape::known(Kind::Lock, name_at(tokens, 2)),
        b"UNLOCK" if second("TABLES") || second("TABLE") => Shape::known(Kind::Unlock, None),
        b"ALTER" => alter(tokens),
        b"ANALYZE" => analyze(tokens),
        b"TRUNCATE" => Shape::known(Kind::AlterTable, name_at(tokens, if second("TABLE") { 2 } else { 1 })),
        b"START" if second("TRANSACTION") => Shape::known(Kind::Transaction, None),
        b"BEGIN" | b"COMMIT" | b"ROLLBACK" if tokens.len() <= 2 => Shape::known(Kind::Transaction, None),
        b"SELECT" | b"DO" if is_setval(tokens) => Shape::known(Kind::Sequence, name_at(tokens, 3)),
        b"USE" => {
            let name = name_at(tokens, 1);
            let database = name.as_ref().map_or(vec![], |name| name.name.raw_bytes().to_vec());
            Shape::risk(Kind::Use, name, RiskKind::Use, &database)
        }
        _ => Shape::risk(Kind::Other, None, other(&word, tokens), &word),
    }
}

/// `SELECT SETVAL(seq, n, 0)`, `DO SETVAL(...)`: how MariaDB restores a sequence.
fn is_setval(tokens: &[Token<'_>]) -> bool {
    let called = matches!(tokens, [_, name, open, ..] if name.is("SETVAL") && open.is_sign(b'('));
    let simple = tokens.iter().skip(3).all(|token| match token.kind {
        TokenKind::Word | TokenKind::Quoted => !token.is_any(&["SELECT", "FROM", "INTO"]),
        TokenKind::Sign(sign) => matches!(sign, b',' | b')' | b'.' | b'-'),
        _ => false,
    });
    called && simple && tokens.iter().filter(|token| token.is_sign(b')')).count() == 1
}

fn analyze(tokens: &[Token<'_>]) -> Shape {
    let table = tokens.iter().take(4).position(|token| token.is_any(&["TABLE", "TABLES"]));
    match table {
        Some(at) => Shape::known(Kind::AlterTable, name_at(tokens, at + 1)),
        None => Shape::risk(Kind::Other, None, RiskKind::Unknown, b"ANALYZE"),
    }
}

fn alter(tokens: &[Token<'_>]) -> Shape {
    let Some(what) = tokens.get(1) else { return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"ALTER") };
    if what.is_any(&["TABLE", "IGNORE", "ONLINE"]) {
        let at = tokens.iter().position(|token| token.is("TABLE")).unwrap_or(1) + 1;
        return Shape::known(Kind::AlterTable, name_at(tokens, past_if(tokens, at)));
    }
    if what.is_any(&["DATABASE", "SCHEMA"]) {
        let options = ["CHARACTER", "CHARSET", "DEFAULT", "COLLATE", "ENCRYPTION", "READ"];
        let unnamed = tokens.get(2).is_some_and(|token| token.is_any(&options));
        let name = if unnamed { None } else { name_at(tokens, 2) };
        let mut shape = Shape::known(Kind::AlterDatabase, name);
        if let Some(name) = &shape.name {
            shape.risks.push((RiskKind::AlterDatabase, name.name.raw_bytes().to_vec()));
        }
        return shape;
    }
    let risk = match () {
        () if what.is_any(&["USER", "ROLE"]) => RiskKind::Accounts,
        () if what.is("SERVER") => RiskKind::Link,
        () if what.is_any(&["TABLESPACE", "LOGFILE", "UNDO"]) => RiskKind::Files,
        () if what.is("INSTANCE") => RiskKind::Server,
        () => RiskKind::Unknown,
    };
    Shape::risk(Kind::Other, None, risk, b"ALTER")
}

/// Steps over `IF [NOT] EXISTS`.
fn past_if(tokens: &[Token<'_>], at: usize) -> usize {
    match tokens.get(at..) {
        Some([first, not, exists, ..]) if first.is("IF") && not.is("NOT") && exists.is("EXISTS") => at + 3,
        Some([first, exists, ..]) if first.is("IF") && exists.is("EXISTS") => at + 2,
        _ => at,
    }
}

fn create(tokens: &[Token<'_>]) -> Shape {
    let mut definer = None;
    let mut at = 1;
    while let Some(token) = tokens.get(at) {
        at += match () {
            () if token.is("OR") => 2,
            () if token.is_any(&["TEMPORARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "AGGREGATE"]) => 1,
            () if token.is("ALGORITHM") => 3,
            () if token.is("SQL") => 3,
            () if token.is("DEFINER") => {
                let (account, len) = account(tokens, at + 2);
                definer = Some(account);
                2 + len
            }
            () => break,
        };
    }
    let Some(what) = tokens.get(at) else { return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"CREATE") };
    let body = usize::from(what.is("PACKAGE") && tokens.get(at + 1).is_some_and(|token| token.is("BODY")));
    let name = name_at(tokens, past_if(tokens, at + 1 + body));
    let mut shape = created(tokens, what, name);
    shape.definer = definer;
    shape
}

fn created(tokens: &[Token<'_>], what: &Token<'_>, name: Option<Name>) -> Shape {
    let database = || name.as_ref().map_or(vec![], |name| name.name.raw_bytes().to_vec());
    let kind = match what.text.to_ascii_uppercase().as_slice() {
        b"TABLE" => Kind::CreateTable,
        b"VIEW" => Kind::CreateView,
        b"TRIGGER" => Kind::CreateTrigger,
        b"FUNCTION" if tokens.iter().any(|token| token.is("SONAME")) => {
            return Shape::risk(Kind::Other, name, RiskKind::Plugin, b"SONAME");
        }
        b"PROCEDURE" | b"FUNCTION" | b"PACKAGE" => Kind::CreateRoutine,
        b"EVENT" => Kind::CreateEvent,
        b"SEQUENCE" => Kind::Sequence,
        b"INDEX" => Kind::AlterTable,
        b"DATABASE" | b"SCHEMA" => {
            let about = database();
            return Shape::risk(Kind::CreateDatabase, name, RiskKind::CreateDatabase, &about);
        }
        b"USER" | b"ROLE" => return Shape::risk(Kind::Other, None, RiskKind::Accounts, what.text),
        b"SERVER" => return Shape::risk(Kind::Other, None, RiskKind::Link, what.text),
        b"TABLESPACE" | b"LOGFILE" | b"UNDO" => return Shape::risk(Kind::Other, None, RiskKind::Files, what.text),
        _ => return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"CREATE"),
    };
    Shape::known(kind, name)
}

/// The account behind `DEFINER =`, and how many tokens it takes.
fn account(tokens: &[Token<'_>], at: usize) -> (Account, usize) {
    let plain = |token: &Token<'_>| Foreign::new(ident::unquote(token.text));
    let Some(user) = tokens.get(at) else { return (Account { user: Foreign::default(), host: None }, 1) };
    match (tokens.get(at + 1), tokens.get(at + 2)) {
        (Some(host), _) if host.kind == TokenKind::Variable => {
            let host = Foreign::new(ident::unquote(&host.text[1..]));
            (Account { user: plain(user), host: Some(host) }, 2)
        }
        (Some(open), Some(close)) if open.is_sign(b'(') && close.is_sign(b')') => {
            (Account { user: plain(user), host: None }, 3)
        }
        _ => (Account { user: plain(user), host: None }, 1),
    }
}

fn drop(tokens: &[Token<'_>]) -> Shape {
    let temporary = usize::from(tokens.get(1).is_some_and(|token| token.is("TEMPORARY")));
    let Some(what) = tokens.get(1 + temporary) else {
        return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"DROP");
    };
    let body = usize::from(tokens.get(2 + temporary).is_some_and(|token| what.is("PACKAGE") && token.is("BODY")));
    let name = name_at(tokens, past_if(tokens, 2 + temporary + body));
    let kind = match what.text.to_ascii_uppercase().as_slice() {
        b"TABLE" | b"TABLES" => Kind::DropTable,
        b"VIEW" => Kind::DropView,
        b"TRIGGER" | b"PROCEDURE" | b"FUNCTION" | b"PACKAGE" | b"EVENT" | b"SEQUENCE" => Kind::DropOther,
        b"INDEX" => Kind::AlterTable,
        b"DATABASE" | b"SCHEMA" => {
            let about = name.as_ref().map_or(vec![], |name| name.name.raw_bytes().to_vec());
            return Shape::risk(Kind::DropDatabase, name, RiskKind::DropDatabase, &about);
        }
        b"USER" | b"ROLE" => return Shape::risk(Kind::Other, None, RiskKind::Accounts, what.text),
        b"SERVER" => return Shape::risk(Kind::Other, None, RiskKind::Link, what.text),
        b"TABLESPACE" | b"LOGFILE" | b"UNDO" => return Shape::risk(Kind::Other, None, RiskKind::Files, what.text),
        _ => return Shape::risk(Kind::Other, None, RiskKind::Unknown, b"DROP"),
    };
    Shape::known(kind, name)
}

/// The risk of a statement that no dump begins with.
pub(super) fn other(word: &[u8], tokens: &[Token<'_>]) -> RiskKind {
    let second = tokens.get(1).map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    match word {
        b"GRANT" | b"REVOKE" => RiskKind::Accounts,
        b"RENAME" if second == b"USER" => RiskKind::Accounts,
        b"INSTALL" | b"UNINSTALL" => RiskKind::Plugin,
        b"LOAD" => RiskKind::InFile,
        b"CHANGE" | b"BINLOG" => RiskKind::Replication,
        b"START" | b"STOP" if [&b"SLAVE"[..], b"REPLICA", b"ALL", b"GROUP_REPLICATION"].contains(&&second[..]) => {
            RiskKind::Replication
        }
        b"SHUTDOWN" | b"RESTART" | b"KILL" | b"FLUSH" | b"RESET" | b"PURGE" | b"CACHE" | b"CLONE" | b"IMPORT" => {
            RiskKind::Server
        }
        b"PREPARE" | b"EXECUTE" | b"DEALLOCATE" => RiskKind::DynamicSql,
        b"SOURCE" | b"SYSTEM" | b"TEE" | b"NOTEE" | b"PAGER" | b"NOPAGER" | b"EDIT" | b"PROMPT" | b"PRINT"
        | b"QUIT" | b"EXIT" | b"GO" | b"EGO" | b"CLEAR" | b"CONNECT" | b"REHASH" | b"STATUS" | b"WARNINGS"
        | b"NOWARNING" | b"CHARSET" | b"RESETCONNECTION" | b"QUERY_ATTRIBUTES" | b"DELIMITER" => {
            RiskKind::ClientCommand
        }
        _ => RiskKind::Unknown,
    }
}
