//! What only some servers understand, found in passing in the statements of a dump.

use std::collections::BTreeSet;

use crate::model::dump::Construct;
use crate::sql::lexer::{PieceKind, StatementEnd};
use crate::sql::token::{Token, TokenKind, Tokens};

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Constructs {
    /// Constructs that not every server understands.
    pub seen: BTreeSet<Construct>,
    /// Words of every `sql_mode`, upper case.
    pub sql_modes: BTreeSet<String>,
}

impl Constructs {
    /// Looks at a statement; INSERTs are passed over, as they hold values only.
    pub fn see(&mut self, end: &StatementEnd<'_>) {
        if end.kind != PieceKind::Statement || end.insert.is_some() {
            return;
        }
        let tokens = Tokens::code(end.head, end.dialect);
        match tokens.first() {
            Some(first) if first.is("CREATE") => self.create(&tokens),
            Some(first) if first.is("SET") => self.set(&tokens),
            _ => {}
        }
    }

    fn create(&mut self, tokens: &[Token<'_>]) {
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
