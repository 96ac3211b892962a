//! What only some servers understand, found in passing in the statements of a dump.

use std::collections::BTreeSet;

use crate::format::rewrite;
use crate::format::statements;
use crate::format::statements::Kind;
use crate::model::dump::Construct;
use crate::model::foreign::Foreign;
use crate::sql::ident;
use crate::sql::lexer::{PieceKind, Place, StatementEnd};
use crate::sql::token::{Token, TokenKind, Tokens};

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Constructs {
    /// Constructs that not every server understands.
    pub seen: BTreeSet<Construct>,
    /// Words of every `sql_mode`, upper case.
    pub sql_modes: BTreeSet<String>,
    /// Tables and views that are dropped, emptied or altered.
    pub replaces: BTreeSet<Foreign>,
    /// Default character set and collation of the database that it makes.
    pub defaults: (Option<String>, Option<String>),
    /// The first SET that can neither run nor be left out, and how many there are.
    pub stuck: Option<(Place, u64)>,
}

/// Names that are remembered at most.
const NAMES: usize = 20_000;

impl Constructs {
    /// Looks at a statement; INSERTs are passed over, as they hold values only.
    pub fn see(&mut self, end: &StatementEnd<'_>) {
        if end.kind != PieceKind::Statement || end.insert.is_some() {
            return;
        }
        let tokens = Tokens::code(end.head, end.dialect);
        match tokens.first() {
            Some(first) if first.is("CREATE") => {
                self.create(&tokens);
                self.named(end);
            }
            Some(first) if first.is("SET") => {
                self.set(&tokens);
                self.stuck(&tokens, end);
            }
            Some(first) if first.is("DROP") => self.dropped(&tokens),
            Some(first) if first.is_any(&["ALTER", "TRUNCATE"]) => self.named(end),
            _ => {}
        }
    }

    /// What a statement changes that may stand there already.
    fn named(&mut self, end: &StatementEnd<'_>) {
        let Some(statement) = statements::read(end) else { return };
        if matches!(statement.kind, Kind::AlterTable | Kind::CreateView)
            && let Some(name) = statement.name
        {
            self.replaced(name.name);
        }
    }

    fn dropped(&mut self, tokens: &[Token<'_>]) {
        let what = tokens.iter().take(3).position(|token| token.is_any(&["TABLE", "TABLES", "VIEW"]));
        let Some(what) = what else { return };
        let behind = tokens[what + 1..].iter().filter(|token| !token.is_any(&["IF", "EXISTS"]));
        for token in behind.take_while(|token| token.is_name() || token.is_sign(b',') || token.is_sign(b'.')) {
            if token.is_name() {
                self.replaced(Foreign::new(ident::unquote(token.text)));
            }
        }
    }

    fn replaced(&mut self, name: Foreign) {
        if self.replaces.len() < NAMES {
            self.replaces.insert(name);
        }
    }

    /// A SET that sets something it may not, and in the same breath what later strings are read by.
    fn stuck(&mut self, tokens: &[Token<'_>], end: &StatementEnd<'_>) {
        let risky = || statements::read(end).is_some_and(|statement| !statement.risks.is_empty());
        if rewrite::sets_more(tokens) && risky() {
            let (_, count) = self.stuck.get_or_insert((end.place(), 0));
            *count += 1;
        }
    }

    fn create(&mut self, tokens: &[Token<'_>]) {
        if tokens.get(1).is_some_and(|token| token.is_any(&["DATABASE", "SCHEMA"])) {
            self.defaults = defaults(tokens);
        }
        if tokens.iter().take(4).any(|token| token.is("SEQUENCE")) {
            self.seen.insert(Construct::Sequences);
        }
        if !tokens.iter().take(4).any(|token| token.is("TABLE")) {
            return;
        }
        for (at, token) in tokens.iter().enumerate() {
            let next = |n: usize| tokens.get(at + n);
            let then = |word: &str| next(1).is_some_and(|token| token.is(word));
            let found = match token {
                t if t.is("PAGE_CHECKSUM") || t.is("PAGE_COMPRESSED") || t.is("TRANSACTIONAL") => {
                    Construct::MariadbTableOptions
                }
                t if t.is("WITH") && then("SYSTEM") => Construct::SystemVersioning,
                t if t.is("DEFAULT")
                    && next(1).is_some_and(is_function)
                    && next(2).is_some_and(|t| t.is_sign(b'(')) =>
                {
                    Construct::BareDefaultExpressions
                }
                t if is_name(t) && ["uuid", "inet4", "inet6"].iter().any(|kind| then(kind)) => Construct::MariadbTypes,
                t if is_name(t) && then("vector") => Construct::Vectors,
                t if (t.is("KEY") || t.is("INDEX")) && opens_twice(&tokens[at + 1..]) => Construct::KeysOnExpressions,
                _ => continue,
            };
            self.seen.insert(found);
        }
    }

    fn set(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate() {
            let text = token.text.to_ascii_lowercase();
            if text.ends_with(b"gtid_purged") {
                self.seen.insert(Construct::GtidPurged);
            }
            if token.is("sql_mode")
                && let Some(value) = tokens[at + 1..].iter().find(|token| token.kind == TokenKind::Text)
            {
                let words = String::from_utf8_lossy(value.text).to_uppercase();
                let words =
                    words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
                self.sql_modes.extend(words.take(64).map(str::to_owned));
            }
        }
    }
}

/// `DEFAULT CHARACTER SET c COLLATE k` of a CREATE DATABASE, as plain words.
fn defaults(tokens: &[Token<'_>]) -> (Option<String>, Option<String>) {
    let plain = |token: &&Token<'_>| token.text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let behind = |at: usize| {
        let value = tokens.get(at + 1..)?.iter().find(|token| !token.is_sign(b'=')).filter(plain)?;
        Some(String::from_utf8_lossy(value.text).to_ascii_lowercase())
    };
    let charset = tokens.windows(2).position(|pair| pair[0].is_any(&["CHARACTER", "CHAR"]) && pair[1].is("SET"));
    let collate = tokens.iter().position(|token| token.is("COLLATE"));
    (charset.and_then(|at| behind(at + 1)), collate.and_then(behind))
}

fn is_name(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Quoted
}

/// A function that only MariaDB writes as a default without parentheses around it.
fn is_function(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word
        && !["current_timestamp", "now", "localtimestamp", "localtime"].iter().any(|f| token.is(f))
}

/// `((`, perhaps behind the key's name: an expression instead of columns.
fn opens_twice(tokens: &[Token<'_>]) -> bool {
    let rest = if tokens.first().is_some_and(is_name) { &tokens[1..] } else { tokens };
    rest.first().is_some_and(|token| token.is_sign(b'(')) && rest.get(1).is_some_and(|token| token.is_sign(b'('))
}
