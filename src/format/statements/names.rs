//! Names that carry their database: `prod.users` may reach beyond the sink, `u.id` does not.

use std::collections::HashSet;

use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// Words behind which a table, view or routine is named, so that what stands before a dot is a database.
const BEFORE_TABLE: [&str; 29] = [
    "FROM",
    "JOIN",
    "INTO",
    "UPDATE",
    "TABLE",
    "TABLES",
    "REFERENCES",
    "VIEW",
    "PROCEDURE",
    "FUNCTION",
    "TRIGGER",
    "EVENT",
    "CALL",
    "LIKE",
    "TRUNCATE",
    "STRAIGHT_JOIN",
    "SEQUENCE",
    "PACKAGE",
    "BODY",
    "EXISTS",
    "INSERT",
    "REPLACE",
    "DELETE",
    "USING",
    "RENAME",
    "TO",
    "NEXTVAL",
    "LASTVAL",
    "SETVAL",
];

/// Words that may stand between such a word and the name.
const BETWEEN: [&str; 13] = [
    "AS",
    "HIGH_PRIORITY",
    "IF",
    "NOT",
    "EXISTS",
    "IGNORE",
    "LOW_PRIORITY",
    "DELAYED",
    "QUICK",
    "ONLY",
    "LATERAL",
    "INTO",
    "OJ",
];

/// Words that end a list of tables: reserved ones only, since any other may be the alias of a table.
const ENDS_LIST: [&str; 10] =
    ["WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SET", "SELECT", "VALUES", "UNION", "RETURN"];

/// Databases that qualified names of a statement mention, in order, each once.
///
/// A name with two parts counts when it stands where a table or routine is named, or when its first part is
/// nowhere else in the statement a name of its own (a table, an alias, a cursor). One with three parts always counts.
pub(super) fn databases(tokens: &[Token<'_>]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = vec![];
    for at in mentions(tokens) {
        let first = ident::unquote(tokens[at].text);
        if !found.contains(&first) && found.len() < 64 {
            found.push(first);
        }
    }
    found
}

/// Where the databases of qualified names stand.
pub(super) fn mentions(tokens: &[Token<'_>]) -> Vec<usize> {
    let alone = introduced(tokens);
    let mut walk = Walk::default();
    let mut found = vec![];
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.kind == TokenKind::System {
            at += 2; // the scope of `@@session.sql_mode` is no database
            while tokens.get(at).is_some_and(|dot| dot.is_sign(b'.')) {
                at += 2;
            }
            continue;
        }
        let parts = parts(&tokens[at..]);
        if parts >= 2 {
            let first = ident::unquote(token.text);
            let called = tokens.get(at + 2 * parts - 1).is_some_and(|next| next.is_sign(b'('));
            let row = first.eq_ignore_ascii_case(b"new") || first.eq_ignore_ascii_case(b"old");
            let names = parts > 2 || walk.expects == Expects::Table || called;
            let unknown = !row && !alone.contains(&first.to_ascii_lowercase());
            if names || unknown {
                found.push(at);
            }
            walk.expects = Expects::Anything;
            at += 2 * parts - 1;
            continue;
        }
        walk.see(tokens, at);
        at += 1;
    }
    found
}

/// How many parts the name that begins here has; 0 when none does.
fn parts(tokens: &[Token<'_>]) -> usize {
    let mut parts = usize::from(tokens.first().is_some_and(Token::is_name));
    while parts > 0
        && tokens.get(2 * parts - 1).is_some_and(|dot| dot.is_sign(b'.'))
        && tokens.get(2 * parts).is_some_and(|name| matches!(name.kind, TokenKind::Quoted | TokenKind::Word))
    {
        parts += 1;
    }
    parts
}

/// Names that may stand before a dot without being a database: tables where tables are named, their aliases,
/// those of subqueries and columns, and the rows of loops.
fn introduced(tokens: &[Token<'_>]) -> HashSet<Vec<u8>> {
    let mut names = HashSet::new();
    let mut walk = Walk::default();
    let mut at = 0;
    while at < tokens.len() {
        let parts = parts(&tokens[at..]);
        let (last, behind) = (at + 2 * parts.max(1) - 2, at + 2 * parts.max(1) - 1);
        let mut take = |at: usize| {
            if let Some(token) = tokens.get(at).filter(|token| token.is_name()) {
                names.insert(ident::unquote(token.text).to_ascii_lowercase());
            }
        };
        let between = walk.expects == Expects::Table && tokens[at].is_any(&BETWEEN);
        if parts >= 1 && walk.expects == Expects::Table && !between {
            take(last);
            take(if tokens.get(behind).is_some_and(|token| token.is("AS")) { behind + 1 } else { behind });
        } else if parts == 1 && at > 0 {
            let before = &tokens[at - 1];
            let row = before.is("DECLARE") && tokens.get(at + 1).is_some_and(|next| next.is("ROW"));
            if row || before.is_sign(b')') || before.is_any(&["AS", "FOR"]) {
                take(at);
            }
        }
        if parts >= 2 {
            walk.expects = Expects::Anything;
            at = behind;
        } else {
            walk.see(tokens, at);
            at += 1;
        }
    }
    names
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    /// A comma is followed by another table.
    Tables,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Table,
    Anything,
}

/// Follows the places where tables are named, parenthesis by parenthesis.
struct Walk {
    lists: Vec<List>,
    expects: Expects,
}

impl Default for Walk {
    fn default() -> Self {
        Self { lists: vec![List::No], expects: Expects::Anything }
    }
}

impl Walk {
    fn see(&mut self, tokens: &[Token<'_>], at: usize) {
        let token = &tokens[at];
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let kind_of_index = tokens.get(at + 1).is_some_and(|next| next.is_any(&["BTREE", "HASH", "RTREE"]));
        let verb = before.is_some_and(|token| token.is_any(&["INSERT", "UPDATE", "DELETE"]));
        let list = self.lists.last().copied().unwrap_or(List::No);
        self.expects = match token.kind {
            TokenKind::Sign(b'(') => {
                let tables = if self.expects == Expects::Table { List::Tables } else { List::No };
                if self.lists.len() < 4096 {
                    self.lists.push(tables);
                }
                self.expects
            }
            TokenKind::Sign(b')') => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.lists.push(List::No);
                }
                Expects::Anything
            }
            TokenKind::Sign(b';') => {
                self.list(List::No);
                Expects::Anything
            }
            TokenKind::Sign(b',') if list == List::Tables => Expects::Table,
            // `RENAME = db.table`, `FROM {OJ db.table ...}`
            TokenKind::Sign(b'=' | b'{') if self.expects == Expects::Table => Expects::Table,
            TokenKind::Word if token.is("USING") && kind_of_index => Expects::Anything,
            TokenKind::Word if token.is_any(&BEFORE_TABLE) => {
                self.list(List::Tables);
                Expects::Table
            }
            TokenKind::Word if self.expects == Expects::Table && token.is_any(&BETWEEN) => Expects::Table,
            // MariaDB: `NEXT VALUE FOR db.sequence`
            TokenKind::Word if token.is("FOR") && before.is_some_and(|token| token.is("VALUE")) => Expects::Table,
            TokenKind::Word if token.is_any(&ENDS_LIST) => {
                self.list(List::No);
                Expects::Anything
            }
            // Behind ON stands a condition in a list of tables, else the table of a trigger or an index.
            TokenKind::Word if token.is("ON") && (verb || list == List::No) => Expects::Table,
            _ => Expects::Anything,
        };
    }

    fn list(&mut self, list: List) {
        if let Some(last) = self.lists.last_mut() {
            *last = list;
        }
    }
}
