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
    /// Of a text; unknown where the table's default counts, and where its own is not known.
    pub charset: Charset,
    /// Whether the table's default says nothing of it.
    pub own_charset: bool,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Whether that is sure: of a TIMESTAMP a setting decides where its definition does not.
    pub tells_null: bool,
    /// Whether it is computed, or set by the server as the bounds of a row version are.
    pub generated: bool,
    /// Of one that is computed and kept: what its expression says.
    pub computed: Option<Computed>,
    /// Whether the server sets it on every update.
    pub updates_itself: bool,
    /// Whether it may do so though the definition does not say it: a setting makes the first TIMESTAMP such a column.
    pub may_update_itself: bool,
    /// Whether its definition makes it the primary key.
    pub is_key: bool,
    /// Whether its definition makes it unique.
    pub is_unique: bool,
}

/// The expression of a computed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// Whether its value is kept, and not computed whenever it is read.
    pub is_stored: bool,
    /// Whether it has something in it whose outcome may depend on the session's settings.
    pub depends: bool,
    /// Words in it, among them all columns that it reads.
    pub words: Vec<Vec<u8>>,
}

/// Functions and types whose outcome depends on their arguments alone, and words in front of parentheses.
#[rustfmt::skip]
const STEADY: [&str; 120] = [
    "AND", "OR", "NOT", "XOR", "IN", "AS", "WHEN", "THEN", "ELSE", "CASE", "BETWEEN", "LIKE", "IS", "DIV",
    "MOD", "INTERVAL", "CONCAT", "CONCAT_WS", "LOWER", "UPPER", "LCASE", "UCASE", "TRIM", "LTRIM", "RTRIM",
    "SUBSTR", "SUBSTRING", "SUBSTRING_INDEX", "LEFT", "RIGHT", "LENGTH", "CHAR_LENGTH", "REPLACE", "REVERSE",
    "LPAD", "RPAD", "IF", "IFNULL", "NULLIF", "COALESCE", "ABS", "FLOOR", "CEIL", "CEILING", "ROUND", "SIGN",
    "GREATEST", "LEAST", "MD5", "SHA1", "SHA2", "CRC32", "HEX", "UNHEX", "JSON_EXTRACT", "JSON_UNQUOTE",
    "JSON_LENGTH", "JSON_TYPE", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "DATE", "TO_DAYS",
    "LAST_DAY", "QUARTER", "CAST", "DECIMAL", "CHAR", "VARCHAR", "OCTET_LENGTH", "CHARACTER_LENGTH",
    "BIT_LENGTH", "ASCII", "ORD", "INSTR", "LOCATE", "MID", "ELT", "FIELD", "FIND_IN_SET", "POW", "POWER",
    "SQRT", "TRUNCATE", "SHA", "BIT_COUNT", "INET_ATON", "INET_NTOA", "INET6_ATON", "INET6_NTOA",
    "UUID_TO_BIN", "BIN_TO_UUID", "IS_UUID", "TO_BASE64", "FROM_BASE64", "JSON_VALUE", "JSON_CONTAINS",
    "JSON_KEYS", "JSON_VALID", "JSON_QUOTE", "DAYOFMONTH", "DAYOFYEAR", "DAYOFWEEK", "WEEKDAY", "DATEDIFF",
    "TO_SECONDS", "TIMESTAMPDIFF", "DATE_ADD", "DATE_SUB", "MAKEDATE", "EXTRACT", "TIME_TO_SEC", "SEC_TO_TIME",
    "MICROSECOND", "BINARY", "SIGNED", "UNSIGNED",
];

impl Computed {
    /// Reads what stands in the parentheses.
    fn of(expression: &[Token<'_>], behind: &[Token<'_>]) -> Self {
        let is_call = |pair: &[Token<'_>]| pair[1].is_sign(b'(') && pair[0].is_name() && !pair[0].is_any(&STEADY);
        let divides = expression.iter().any(|token| token.is_sign(b'/') || matches!(token.kind, TokenKind::System));
        Self {
            is_stored: behind.iter().any(|token| token.is_any(&["STORED", "PERSISTENT"])),
            depends: divides || expression.windows(2).any(is_call),
            words: expression.iter().filter(|token| token.is_name()).map(|token| ident::unquote(token.text)).collect(),
        }
    }
}

impl ColumnDef {
    /// A column of which nothing else is said.
    pub(super) fn of(name: Vec<u8>, kind: String) -> Self {
        Self {
            name,
            kind,
            numbers: vec![],
            labels: vec![],
            unsigned: false,
            charset: Charset::Unknown,
            own_charset: false,
            nullable: true,
            tells_null: true,
            generated: false,
            computed: None,
            updates_itself: false,
            may_update_itself: false,
            is_key: false,
            is_unique: false,
        }
    }

    fn has_charset(&mut self, charset: Charset) {
        (self.charset, self.own_charset) = (charset, true);
    }

    fn has_collation(&mut self, name: &[u8]) {
        match charset::named(name) {
            // MariaDB's short names are of whatever character set it has.
            Charset::Unknown if charset::is_short(name) => {}
            Charset::Unknown => self.own_charset = true,
            charset => self.has_charset(charset),
        }
    }
}

/// Reads a definition: a name, a type, and what follows up to the next column.
pub(super) fn column(tokens: &[Token<'_>], dialect: Dialect) -> Option<ColumnDef> {
    let (name, rest) = tokens.split_first().filter(|(name, _)| name.is_name())?;
    let (kind, rest) = rest.split_first().filter(|(kind, _)| kind.kind == TokenKind::Word)?;
    let kind = String::from_utf8_lossy(kind.text).to_ascii_lowercase();
    let mut column = ColumnDef::of(ident::unquote(name.text), kind);
    let mut rest = words(&mut column, rest);
    if rest.first().is_some_and(|token| token.is_sign(b'(')) {
        let end = closing(rest)?;
        arguments(&mut column, &rest[1..end], dialect)?;
        rest = &rest[end + 1..];
    }
    let rest = character_set(&mut column, rest);
    attributes(&mut column, rest);
    Some(column)
}

/// Types of several words: LONG VARCHAR, NATIONAL CHAR, CHARACTER VARYING, DOUBLE PRECISION. What is behind them.
fn words<'t, 'a>(column: &mut ColumnDef, tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut rest = tokens;
    let is_national = matches!(column.kind.as_str(), "national" | "nchar" | "nvarchar");
    while let Some((word, behind)) = rest.split_first() {
        let kind = match column.kind.as_str() {
            "national" if word.is_any(&["CHAR", "CHARACTER"]) => "char",
            "national" if word.is("VARCHAR") => "varchar",
            "nchar" if word.is_any(&["VARCHAR", "VARYING"]) => "varchar",
            "char" | "character" if word.is("VARYING") => "varchar",
            "long" if word.is("VARBINARY") => "mediumblob",
            "long" if behind.first().is_some_and(|next| next.is("SET")) => break,
            "long" if word.is_any(&["CHAR", "CHARACTER", "VARCHAR"]) => "mediumtext",
            "mediumtext" if word.is("VARYING") => "mediumtext",
            "double" if word.is("PRECISION") => "double",
            _ => break,
        };
        column.kind = kind.to_owned();
        rest = behind;
    }
    if is_national {
        column.has_charset(Charset::Named("utf8mb3"));
    }
    match column.kind.as_str() {
        "long" => column.kind = "mediumtext".to_owned(),
        "nvarchar" => column.kind = "varchar".to_owned(),
        "nchar" => column.kind = "char".to_owned(),
        _ => {}
    }
    rest
}

/// What says which bytes a text has, right behind its type.
fn character_set<'t, 'a>(column: &mut ColumnDef, tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut rest = tokens;
    loop {
        rest = match rest {
            [first, set, name, behind @ ..] if first.is_any(&["CHARACTER", "CHAR"]) && set.is("SET") => {
                column.has_charset(charset::named(&ident::unquote(name.text)));
                behind
            }
            [first, name, behind @ ..] if first.is("CHARSET") => {
                column.has_charset(charset::named(&ident::unquote(name.text)));
                behind
            }
            [first, name, behind @ ..] if first.is("COLLATE") => {
                column.has_collation(&ident::unquote(name.text));
                behind
            }
            [first, behind @ ..] if first.is("BINARY") => behind, // a collation of whatever character set it has
            [first, behind @ ..] if first.is("ASCII") => {
                column.has_charset(Charset::Named("latin1"));
                behind
            }
            [first, behind @ ..] if first.is("UNICODE") => {
                column.has_charset(Charset::Named("ucs2"));
                behind
            }
            [first, behind @ ..] if first.is("BYTE") => {
                column.has_charset(Charset::Binary);
                behind
            }
            _ => return rest,
        };
    }
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
    let (mut says_null, mut says_default) = (false, false);
    if column.kind == "serial" {
        (column.unsigned, column.nullable, column.is_unique) = (true, false, true);
    }
    while let Some((token, behind)) = rest.split_first() {
        let next = behind.first();
        let follows = |word: &str| next.is_some_and(|next| next.is(word));
        rest = behind;
        // What follows is said of the reference, as ON UPDATE CASCADE is, or of the table.
        if token.is("REFERENCES") || token.is("PARTITION") {
            break;
        }
        if token.is_sign(b'(') {
            let opens = &tokens[tokens.len() - behind.len() - 1..];
            rest = behind_closing(opens);
            if column.generated && column.computed.is_none() {
                column.computed = Some(Computed::of(&opens[..opens.len() - rest.len()], rest));
            }
        } else if token.is("DEFAULT") {
            says_default = true;
            if follows("VALUE") {
                (column.nullable, column.is_unique) = (false, true); // SERIAL DEFAULT VALUE
            }
            rest = behind_default(behind);
        } else if token.is_any(&["UNSIGNED", "ZEROFILL"]) {
            column.unsigned = true;
        } else if token.is("NOT") && follows("NULL") {
            (column.nullable, says_null, rest) = (false, true, &behind[1..]);
        } else if token.is("NULL") {
            says_null = true;
        } else if token.is("AUTO_INCREMENT") {
            column.nullable = false;
        } else if token.is("PRIMARY") || token.is("KEY") && !column.is_unique {
            (column.is_key, column.nullable) = (true, false);
        } else if token.is("UNIQUE") {
            column.is_unique = true;
        } else if token.is_any(&["GENERATED", "AS"]) {
            column.generated = true;
        } else if token.is("ON") && follows("UPDATE") {
            column.updates_itself = true;
        } else if token.is("COLLATE") {
            next.iter().for_each(|name| column.has_collation(&ident::unquote(name.text)));
        } else if token.is("CHARSET") || token.is("CHARACTER") && follows("SET") {
            let name = behind.get(usize::from(token.is("CHARACTER")));
            name.iter().for_each(|name| column.has_charset(charset::named(&ident::unquote(name.text))));
        }
    }
    if column.kind == "timestamp" && !column.generated {
        column.tells_null = says_null;
        let is_null = says_null && column.nullable;
        column.may_update_itself = !(column.updates_itself || says_default || is_null);
    }
}

/// Behind the parenthesis that opens at the front.
fn behind_closing<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    closing(tokens).and_then(|end| tokens.get(end + 1..)).unwrap_or_default()
}

/// Behind a default: a literal, its introducer or sign in front of it, a call, or something in parentheses.
fn behind_default<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens {
        [sign, rest @ ..] if sign.is_sign(b'-') || sign.is_sign(b'+') => behind_default(rest),
        [open, ..] if open.is_sign(b'(') => behind_closing(tokens),
        [_, rest @ ..] => match rest {
            [open, ..] if open.is_sign(b'(') => behind_closing(rest),
            [text, rest @ ..] if text.kind == TokenKind::Text => rest,
            _ => rest,
        },
        [] => tokens,
    }
}
