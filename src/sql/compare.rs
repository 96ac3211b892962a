//! A column compared with a value. Its text can be nothing else, whoever chose the name and the value.

use crate::model::foreign::Foreign;
use crate::sql::ident;

/// A condition on one column, in printable ASCII and quoted names; only the constructors here make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison(String);

/// A value as a statement of somebody else writes it, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term<'a> {
    /// NULL.
    Null,
    /// A number, as it was written.
    Number(&'a str),
    /// A text and its character set, such as `latin1`; without one: utf8mb4.
    Text(&'a [u8], Option<&'a str>),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// In which way a column is looked at, beside its plain value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// As a number: bits, years, enums.
    Number,
    /// Its bytes as they are stored.
    Bytes,
    /// The bytes of its text in utf8mb4: documents.
    TextBytes,
    /// The bytes of its characters in utf8mb4: labels.
    Utf8Bytes,
    /// The hexadecimal digits of its bytes: shapes.
    Hex,
}

impl Comparison {
    /// That a column is what a statement says, in the way the server compares: `=` for an index.
    ///
    /// `None` when the name or the value cannot be written safely.
    pub fn equals(column: &Foreign, term: &Term<'_>) -> Option<Self> {
        let name = quoted(column)?;
        match term {
            Term::Null => Some(Self(format!("{name} IS NULL"))),
            term => Some(Self(format!("{name}={}", written(term)?))),
        }
    }

    /// As [`equals`](Self::equals), and true of two NULLs.
    pub fn same(column: &Foreign, term: &Term<'_>) -> Option<Self> {
        Some(Self(format!("{} <=> {}", quoted(column)?, written(term)?)))
    }

    /// That a column, seen in one of the ways that show its bytes, is this.
    pub fn seen(column: &Foreign, view: View, term: &Term<'_>) -> Option<Self> {
        let (name, value) = (quoted(column)?, written(term)?);
        Some(Self(match view {
            View::Number => format!("{name}+0 <=> {value}"),
            View::Bytes => format!("CAST({name} AS BINARY) <=> {value}"),
            View::TextBytes => format!("CAST(CAST({name} AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> {value}"),
            View::Utf8Bytes => format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY) <=> {value}"),
            View::Hex => format!("HEX({name}) <=> {value}"),
        }))
    }

    /// That a column is not NULL.
    pub fn not_null(column: &Foreign) -> Option<Self> {
        Some(Self(format!("{} IS NOT NULL", quoted(column)?)))
    }

    /// The text, as it may stand behind WHERE and between ANDs.
    pub fn sql(&self) -> &str {
        &self.0
    }
}

/// A name in backticks, where it is UTF-8 and no server would cut it.
pub fn quoted(name: &Foreign) -> Option<String> {
    let fits = !name.raw_bytes().is_empty() && !name.raw_bytes().contains(&0);
    String::from_utf8(ident::quote(name.raw_bytes())).ok().filter(|_| fits)
}

fn written(term: &Term<'_>) -> Option<String> {
    Some(match term {
        Term::Null => "NULL".to_owned(),
        Term::Number(text) => {
            let fits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            (fits && text.parse::<f64>().is_ok_and(f64::is_finite)).then(|| (*text).to_owned())?
        }
        Term::Text(bytes, charset) => {
            let charset = charset.unwrap_or("utf8mb4");
            let is_word = charset.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            let is_utf8 = !charset.starts_with("utf8") || std::str::from_utf8(bytes).is_ok();
            (is_word && !charset.is_empty() && is_utf8).then(|| format!("_{charset} {}", hex(bytes)))?
        }
        Term::Bytes(bytes) => hex(bytes),
    })
}

fn hex(bytes: &[u8]) -> String {
    format!("X'{}'", data_encoding::HEXUPPER.encode(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sql::lexer::Dialect;
    use crate::sql::token::{TokenKind, Tokens};

    #[test]
    fn comparisons_read_as_they_should() {
        let column = Foreign::from("a`b");
        let sql = |comparison: Option<Comparison>| comparison.unwrap().sql().to_owned();
        assert_eq!(sql(Comparison::equals(&column, &Term::Null)), "`a``b` IS NULL");
        assert_eq!(sql(Comparison::equals(&column, &Term::Number("-1.5e3"))), "`a``b`=-1.5e3");
        assert_eq!(sql(Comparison::same(&column, &Term::Text(b"it's", None))), "`a``b` <=> _utf8mb4 X'69742773'");
        for bad in ["1 OR 1", "", "nan", "inf", "1e999", "0x1", "--"] {
            assert_eq!(Comparison::equals(&column, &Term::Number(bad)), None, "{bad}");
        }
        assert_eq!(Comparison::equals(&column, &Term::Text(b"a", Some("utf8mb4' OR '1"))), None);
        assert_eq!(Comparison::equals(&Foreign::new(vec![0xff]), &Term::Null), None);
    }

    proptest! {
        #[test]
        fn no_name_and_no_value_leaves_its_place(name in any::<String>(), text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let Some(made) = Comparison::equals(&Foreign::from(name), &Term::Text(&text, Some("latin1"))) else { return Ok(()) };
            let tokens = Tokens::code(made.sql().as_bytes(), Dialect::default());
            let kinds: Vec<_> = tokens.iter().map(|token| token.kind).collect();
            prop_assert_eq!(kinds, [TokenKind::Quoted, TokenKind::Sign(b'='), TokenKind::Word, TokenKind::Word, TokenKind::Text]);
        }
    }
}
