//! Values as a statement writes them, by its tokens.

use crate::sql::lexer::Dialect;
use crate::sql::literal::{Backslashes, unquote};
use crate::sql::token::{Token, TokenKind};

/// A value in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// NULL.
    Null,
    /// A number, as it is written.
    Number(String),
    /// A string and the character set in front of it, in lower case.
    Text {
        /// What it stands for under the dialect in force.
        bytes: Vec<u8>,
        /// `_latin1` without the underscore.
        charset: Option<String>,
        /// Whether another mode or character set of the session would read it otherwise.
        depends: bool,
    },
    /// `X'..'`, `0x..`, with the character set in front of it.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
        /// `_latin1` without the underscore.
        charset: Option<String>,
    },
    /// `b'01'`, digits only.
    Bits(String),
    /// `DEFAULT`.
    Default,
}

/// Reads the literal at the front of `tokens`: it, and how many tokens it takes.
pub(super) fn read(tokens: &[Token<'_>], dialect: Dialect) -> Option<(Literal, usize)> {
    let first = tokens.first()?;
    match first.kind {
        TokenKind::Text => strings(tokens, 0, None, dialect),
        TokenKind::Word if first.is("NULL") => Some((Literal::Null, 1)),
        TokenKind::Word if first.is_any(&["TRUE", "FALSE"]) => {
            Some((Literal::Number(if first.is("TRUE") { "1" } else { "0" }.to_owned()), 1))
        }
        TokenKind::Word if first.is("DEFAULT") => Some((Literal::Default, 1)),
        TokenKind::Word if first.text.first() == Some(&b'_') => {
            let charset = std::str::from_utf8(&first.text[1..]).ok()?.to_ascii_lowercase();
            let (literal, taken) = match tokens.get(1)?.kind {
                TokenKind::Text => strings(tokens, 1, Some(charset), dialect)?,
                _ => hex(&tokens[1..], Some(charset))?,
            };
            Some((literal, taken + 1))
        }
        TokenKind::Word if first.is("N") && tokens.get(1).is_some_and(|text| adjacent(first, text)) => {
            strings(tokens, 1, Some("utf8".to_owned()), dialect).map(|(literal, taken)| (literal, taken + 1))
        }
        TokenKind::Word => hex(tokens, None).or_else(|| bits(tokens)).or_else(|| number(tokens)),
        TokenKind::Sign(b'-' | b'+' | b'.') => number(tokens),
        _ => None,
    }
}

fn adjacent(first: &Token<'_>, next: &Token<'_>) -> bool {
    first.end() == next.start && next.kind == TokenKind::Text
}

/// One string, or several beside each other, which are one.
fn strings(tokens: &[Token<'_>], from: usize, charset: Option<String>, dialect: Dialect) -> Option<(Literal, usize)> {
    let backslashes = if dialect.no_backslash_escapes { Backslashes::Plain } else { Backslashes::Escape };
    let (mut bytes, mut depends, mut at) = (vec![], false, from);
    while let Some(token) = tokens.get(at).filter(|token| token.kind == TokenKind::Text) {
        depends |= token.text.iter().any(|byte| *byte == b'\\' || !byte.is_ascii());
        bytes.extend(unquote(token.text, backslashes));
        at += 1;
    }
    (at > from).then_some((Literal::Text { bytes, charset, depends }, at - from))
}

fn hex(tokens: &[Token<'_>], charset: Option<String>) -> Option<(Literal, usize)> {
    let first = tokens.first()?;
    let (digits, taken) = match first.text {
        [b'0', b'x', digits @ ..] => (digits, 1),
        b"x" | b"X" => {
            let quoted = tokens.get(1).filter(|next| adjacent(first, next))?;
            (quoted.text.get(1..quoted.text.len() - 1)?, 2)
        }
        _ => return None,
    };
    let mut even = Vec::with_capacity(digits.len() + 1);
    if digits.len() % 2 == 1 {
        even.push(b'0');
    }
    even.extend_from_slice(digits);
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(&even).ok()?;
    Some((Literal::Bytes { bytes, charset }, taken))
}

fn bits(tokens: &[Token<'_>]) -> Option<(Literal, usize)> {
    let first = tokens.first()?;
    let (digits, taken) = match first.text {
        [b'0', b'b', digits @ ..] => (digits, 1),
        b"b" | b"B" => {
            let quoted = tokens.get(1).filter(|next| adjacent(first, next))?;
            (quoted.text.get(1..quoted.text.len() - 1)?, 2)
        }
        _ => return None,
    };
    let fits = digits.len() <= 64 && digits.iter().all(|digit| matches!(digit, b'0' | b'1'));
    fits.then(|| (Literal::Bits(String::from_utf8_lossy(digits).into_owned()), taken))
}

/// A number whose sign, point and exponent are tokens of their own: they must touch each other.
fn number(tokens: &[Token<'_>]) -> Option<(Literal, usize)> {
    let mut text = String::new();
    let mut at = 0;
    let push = |token: &Token<'_>, text: &mut String| {
        text.push_str(&String::from_utf8_lossy(token.text));
        token.end()
    };
    if tokens.first()?.is_sign(b'-') || tokens.first()?.is_sign(b'+') {
        push(&tokens[0], &mut text);
        at = 1;
    }
    let mut end = tokens.get(at)?.start;
    let mut digits = false;
    while let Some(token) = tokens.get(at).filter(|token| token.start == end) {
        let fits = match token.kind {
            TokenKind::Word => token.text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'e' | b'E')),
            TokenKind::Sign(b'.') => !text.contains(['.', 'e', 'E']),
            TokenKind::Sign(b'-' | b'+') => text.ends_with(['e', 'E']),
            _ => false,
        };
        if !fits {
            break;
        }
        digits |= token.text.iter().any(u8::is_ascii_digit);
        end = push(token, &mut text);
        at += 1;
    }
    (digits && text.parse::<f64>().is_ok()).then_some((Literal::Number(text), at))
}

impl Literal {
    /// Whether it is a number with a fraction or an exponent.
    pub fn is_fraction(&self) -> bool {
        matches!(self, Self::Number(text) if text.contains(['.', 'e', 'E']))
    }

    /// Whether it is a whole number beyond 2^53 that somebody wrote as a fraction or power: digits were lost.
    pub fn is_inexact(&self) -> bool {
        let text = match self {
            Self::Number(text) => text.as_str(),
            Self::Text { bytes, .. } => match std::str::from_utf8(bytes) {
                Ok(text) if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => text,
                _ => return false,
            },
            _ => return false,
        };
        let spelled =
            text.contains(['e', 'E']) || text.split_once('.').is_some_and(|(_, rest)| rest.bytes().all(|d| d == b'0'));
        let number = text.parse::<f64>().unwrap_or(0.0).abs();
        spelled && (9_007_199_254_740_992.0..1e19).contains(&number)
    }

    /// Its bytes as a text, where it is one.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::token::Tokens;

    fn one(text: &str) -> Option<(Literal, usize)> {
        read(&Tokens::code(text.as_bytes(), Dialect::default()), Dialect::default())
    }

    fn text(bytes: &[u8], charset: Option<&str>, depends: bool) -> Literal {
        Literal::Text { bytes: bytes.to_vec(), charset: charset.map(str::to_owned), depends }
    }

    #[test]
    fn literals_are_read_with_all_their_tokens() {
        for number in ["1", "-1", "1.5", "-0.5", ".5", "1e300", "1.5e-7", "+3", "18446744073709551615"] {
            let (literal, taken) = one(&format!("{number}, 2")).unwrap();
            assert_eq!(literal, Literal::Number(number.to_owned()));
            assert_eq!(taken, Tokens::code(number.as_bytes(), Dialect::default()).len(), "{number}");
        }
        assert_eq!(one("'it''s' 'x' = 1"), Some((text(b"it'sx", None, false), 2)));
        assert_eq!(one(r"'a\nb'"), Some((text(b"a\nb", None, true), 1)));
        assert_eq!(one("_latin1 'a'"), Some((text(b"a", Some("latin1"), false), 2)));
        let bytes = |charset: Option<&str>| Literal::Bytes { bytes: vec![0xe9], charset: charset.map(str::to_owned) };
        assert_eq!(one("X'E9'"), Some((bytes(None), 2)));
        assert_eq!(one("0xe9"), Some((bytes(None), 1)));
        assert_eq!(one("_latin1 X'e9'"), Some((bytes(Some("latin1")), 3)));
        assert_eq!(one("b'01'"), Some((Literal::Bits("01".to_owned()), 2)));
        assert_eq!(one("NULL)"), Some((Literal::Null, 1)));
        for none in ["NOW()", "id", "(1)", "-id", "1x", "@a", "x 'E9'"] {
            assert!(!matches!(one(none), Some((Literal::Number(_) | Literal::Bytes { .. }, _))), "{none}");
        }
    }

    #[test]
    fn d05_whole_numbers_that_passed_through_a_double_are_known_by_their_spelling() {
        for lost in ["9.223372036854776e18", "9007199254740992.0", "'9.007199254740993e15'"] {
            assert!(one(lost).unwrap().0.is_inexact(), "{lost}");
        }
        for kept in ["9007199254740993", "1.5", "1e300", "0.0", "'9007199254740993'", "'text e18'"] {
            assert!(!one(kept).unwrap().0.is_inexact(), "{kept}");
        }
    }
}
