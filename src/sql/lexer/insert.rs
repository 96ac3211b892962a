//! Following an INSERT to its values, and seeing that these are values and nothing else.

use crate::sql::lexer::scan::Parens;

/// What is known of an INSERT or REPLACE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsertFacts {
    /// Tuples behind VALUES.
    pub rows: u64,
    /// What they hold.
    pub values: Values,
    /// Where in the dump VALUES stands; `None` when it was not reached.
    pub values_at: Option<u64>,
}

/// What the tuples of an INSERT hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Numbers, strings, NULL and the like: nothing that computes, reads or names anything.
    Literals,
    /// Something else, first seen at this byte of the dump: a function, a subquery, ON DUPLICATE KEY.
    Expressions(u64),
}

/// Where in an INSERT the next token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// No token was seen yet.
    #[default]
    First,
    /// Not an INSERT.
    Other,
    /// Behind INSERT, before the table.
    Head,
    /// Behind the table.
    Table,
    /// Behind the dot of a qualified table.
    Dot,
    Columns,
    /// Behind the columns.
    Listed,
    Tuples(Parens),
    Expressions(u64),
}

/// A token, as far as an INSERT is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sight<'a> {
    /// A word or number and the byte behind it.
    Word(&'a [u8], Option<u8>),
    /// A word longer than any that is allowed.
    /// A number with more digits than are looked at.
    Digits,
    Long,
    Name,
    Text,
    Sign(u8),
}

/// Whether the splitter is among the tuples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InValues {
    Yes(Parens),
    No,
}

/// How much of a statement is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Length {
    #[default]
    Ordinary,
    /// The values of an INSERT began at this byte of the dump, whatever they turned out to be: what is before them.
    Values(u64),
}

/// Follows an INSERT token by token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InsertLane {
    stage: Stage,
    rows: u64,
    length: Length,
}

impl InsertLane {
    pub(super) fn facts(&self) -> Option<InsertFacts> {
        let values = match self.stage {
            Stage::First | Stage::Other => return None,
            Stage::Tuples(Parens::Outside) => Values::Literals,
            Stage::Expressions(at) => Values::Expressions(at),
            // Cut short before its values or inside a tuple: no server runs it.
            _ => Values::Expressions(0),
        };
        let values_at = match self.length {
            Length::Values(at) => Some(at),
            Length::Ordinary => None,
        };
        Some(InsertFacts { rows: self.rows, values, values_at })
    }

    pub(super) fn in_values(&self) -> InValues {
        match self.stage {
            Stage::Tuples(parens) => InValues::Yes(parens),
            _ => InValues::No,
        }
    }

    pub(super) fn length(&self) -> Length {
        self.length
    }

    /// Takes over what the fast lane found.
    pub(super) fn resume(&mut self, parens: Parens, rows: u64) {
        self.stage = Stage::Tuples(parens);
        self.rows += rows;
    }

    pub(super) fn see(&mut self, sight: Sight<'_>, at: u64) {
        self.stage = match (self.stage, sight) {
            (Stage::Other | Stage::Expressions(_), _) => return,
            (Stage::First, Sight::Word(word, _)) if is_any(word, &["INSERT", "REPLACE"]) => Stage::Head,
            (Stage::First, _) => Stage::Other,
            (Stage::Head, Sight::Word(word, _)) if is_any(word, &MODIFIERS) => Stage::Head,
            (Stage::Head | Stage::Dot, Sight::Word(..) | Sight::Name) => Stage::Table,
            // A doubled backtick ends one name and begins another.
            (Stage::Table, Sight::Name) => Stage::Table,
            (Stage::Table, Sight::Sign(b'.')) => Stage::Dot,
            (Stage::Table, Sight::Sign(b'(')) => Stage::Columns,
            (Stage::Columns, Sight::Word(..) | Sight::Name | Sight::Sign(b',')) => Stage::Columns,
            (Stage::Columns, Sight::Sign(b')')) => Stage::Listed,
            (Stage::Table | Stage::Listed, Sight::Word(word, _)) if is_any(word, &["VALUES", "VALUE"]) => {
                self.length = Length::Values(at);
                Stage::Tuples(Parens::Outside)
            }
            (Stage::Tuples(parens), sight) => self.tuple(parens, sight, at),
            _ => Stage::Expressions(at),
        };
    }

    fn tuple(&mut self, parens: Parens, sight: Sight<'_>, at: u64) -> Stage {
        match (sight, parens) {
            (Sight::Sign(b'('), Parens::Outside) => {
                self.rows += 1;
                Stage::Tuples(Parens::Inside)
            }
            (Sight::Sign(b')'), Parens::Inside) => Stage::Tuples(Parens::Outside),
            (Sight::Sign(b',' | b'.' | b'-' | b'+'), _) | (Sight::Text | Sight::Digits, _) => Stage::Tuples(parens),
            (Sight::Word(word, next), _) if is_value(word, next) => Stage::Tuples(parens),
            _ => Stage::Expressions(at),
        }
    }
}

const MODIFIERS: [&str; 5] = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];

fn is_any(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
}

/// Whether a word among values is a value: a number, NULL, or the mark of the string behind it.
pub(super) fn is_value(word: &[u8], next: Option<u8>) -> bool {
    match word {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        [b'0', b'b' | b'B', bits @ ..] if !bits.is_empty() => bits.iter().all(|bit| matches!(bit, b'0' | b'1')),
        [b'0'..=b'9', ..] => is_number(word),
        [b'x' | b'X' | b'b' | b'B' | b'n' | b'N'] => next == Some(b'\''),
        [b'_', charset @ ..] => is_any(charset, &INTRODUCERS),
        _ => is_any(word, &["NULL", "TRUE", "FALSE", "DEFAULT"]),
    }
}

/// Digits, or digits with an exponent whose sign may follow as a token of its own.
fn is_number(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match &word[digits..] {
        [] => true,
        [b'e' | b'E', exponent @ ..] => exponent.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

const INTRODUCERS: [&str; 14] = [
    "binary", "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "gbk", "gb2312", "gb18030", "big5", "sjis", "cp932",
    "ujis", "latin2",
];
