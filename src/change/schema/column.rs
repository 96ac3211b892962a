//! Definitions of columns.

use crate::change::charset;
use crate::model::change::Charset;
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::literal::{Backslashes, unquote};
use crate::sql::token::{Token, TokenKind};

/// A column as its table's definition has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Vec<u8>,
    /// The type's first word in lower case: `int`, `varchar`, `uuid`.
    pub kind: String,
    /// The numbers in parentheses behind it.
    pub numbers: Vec<u32>,
    /// Labels of an enum or set, as the definition's own text has them.
    pub labels: Vec<Vec<u8>>,
    /// Whether it has no sign.
    pub unsigned: bool,
    /// Of a text; unknown where the table's default counts.
    pub charset: Charset,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Whether it is computed, or set by the server as the bounds of a row version are.
    pub generated: bool,
    /// Whether the server sets it on every update.
    pub updates_itself: bool,
    /// Whether its definition makes it the primary key.
    pub is_key: bool,
    /// Whether its definition makes it unique.
    pub is_unique: bool,
}

/// Reads a definition: a name, a type, and what follows up to the next column.
pub(super) fn column(tokens: &[Token<'_>], dialect: Dialect) -> Option<ColumnDef> {
    let (name, rest) = tokens.split_first().filter(|(name, _)| name.is_name())?;
    let (kind, mut rest) = rest.split_first().filter(|(kind, _)| kind.kind == TokenKind::Word)?;
    let mut column = ColumnDef {
        name: ident::unquote(name.text),
        kind: String::from_utf8_lossy(kind.text).to_ascii_lowercase(),
        numbers: vec![],
        labels: vec![],
        unsigned: false,
        charset: Charset::Unknown,
        nullable: true,
        generated: false,
        updates_itself: false,
        is_key: false,
        is_unique: false,
    };
    // LONG VARCHAR, NATIONAL CHAR, CHARACTER VARYING, DOUBLE PRECISION
    while let Some((word, behind)) = rest.split_first() {
        match column.kind.as_str() {
            "national" | "long" if word.is_any(&["CHAR", "CHARACTER", "VARCHAR", "VARBINARY"]) => {
                let long = if word.is("VARBINARY") { "mediumblob" } else { "mediumtext" };
                let next = String::from_utf8_lossy(word.text).to_ascii_lowercase();
                column.kind = if column.kind == "long" { long.to_owned() } else { next };
            }
            "char" | "character" | "nchar" if word.is("VARYING") => column.kind = "varchar".to_owned(),
            "double" if word.is("PRECISION") => {}
            _ => break,
        }
        rest = behind;
    }
    if rest.first().is_some_and(|token| token.is_sign(b'(')) {
        let end = closing(rest)?;
        arguments(&mut column, &rest[1..end], dialect)?;
        rest = &rest[end + 1..];
    }
    attributes(&mut column, rest);
    Some(column)
}

fn arguments(column: &mut ColumnDef, tokens: &[Token<'_>], dialect: Dialect) -> Option<()> {
    let backslashes = if dialect.no_backslash_escapes { Backslashes::Plain } else { Backslashes::Escape };
    for token in tokens {
        match token.kind {
            TokenKind::Text => column.labels.push(unquote(token.text, backslashes)),
            TokenKind::Word => column.numbers.push(std::str::from_utf8(token.text).ok()?.parse().ok()?),
            TokenKind::Sign(b',') => {}
            _ => return None,
        }
    }
    Some(())
}

/// Where the parenthesis that opens at the front closes.
pub(super) fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn attributes(column: &mut ColumnDef, tokens: &[Token<'_>]) {
    let mut rest = tokens;
    if column.kind == "serial" {
        (column.unsigned, column.nullable, column.is_unique) = (true, false, true);
    }
    while let Some((token, behind)) = rest.split_first() {
        rest = behind;
        let next = behind.first();
        let follows = |word: &str| next.is_some_and(|next| next.is(word));
        if token.is("REFERENCES") {
            break; // what follows is said of the reference: ON UPDATE CASCADE
        }
        if token.is_sign(b'(') {
            rest = closing(tokens_from(tokens, behind, 1)).and_then(|end| behind.get(end..)).unwrap_or_default();
        } else if token.is_any(&["UNSIGNED", "ZEROFILL"]) {
            column.unsigned = true;
        } else if token.is("NOT") && follows("NULL") {
            column.nullable = false;
        } else if token.is("PRIMARY") || token.is("KEY") && !column.is_unique {
            (column.is_key, column.nullable) = (true, false);
        } else if token.is("UNIQUE") {
            column.is_unique = true;
        } else if token.is_any(&["GENERATED", "AS"]) {
            column.generated = true;
        } else if token.is("ON") && follows("UPDATE") {
            column.updates_itself = true;
        } else if token.is_any(&["CHARSET", "COLLATE"]) || token.is("SET") {
            // CHARACTER SET x, CHARSET x, COLLATE x_general_ci
            column.charset = next.map_or(Charset::Unknown, |name| charset::named(&ident::unquote(name.text)));
        } else if token.is("BINARY") && column.charset == Charset::Unknown {
            continue; // the binary collation of whatever character set it has
        }
    }
}

/// The same tokens with the last `back` ones before `behind` in front.
fn tokens_from<'t, 'a>(all: &'t [Token<'a>], behind: &[Token<'a>], back: usize) -> &'t [Token<'a>] {
    &all[all.len() - behind.len() - back..]
}
