//! JSON documents in statements: a text, and behind it values that have another type than the text tells.

use crate::change::review::literal::Literal;
use crate::change::review::statement::Cursor;
use crate::sql::literal::{Backslashes, unquote};
use crate::sql::token::{Token, TokenKind};

impl Cursor<'_, '_> {
    /// `CAST(literal AS JSON)`, and `JSON_REPLACE` of one with typed values: its text. The cursor stays where it is
    /// when it is none.
    pub(super) fn document(&mut self) -> Option<Literal> {
        let start = self.at;
        let document = if self.eat("JSON_REPLACE") { self.replaced() } else { self.cast() };
        if document.is_none() {
            self.at = start;
        }
        document
    }

    fn replaced(&mut self) -> Option<Literal> {
        let text = self.eat_sign(b'(').then(|| self.cast()).flatten()?;
        while self.eat_sign(b',') {
            self.plain()?;
            self.eat_sign(b',').then(|| self.typed()).flatten()?;
        }
        self.eat_sign(b')').then_some(text)
    }

    fn cast(&mut self) -> Option<Literal> {
        (self.eat("CAST") && self.eat_sign(b'(')).then_some(())?;
        let inner = self.typed()?;
        (self.eat("AS") && self.eat("JSON") && self.eat_sign(b')')).then_some(inner)
    }

    /// A value with a type of its own, as a document prints it.
    fn typed(&mut self) -> Option<Literal> {
        if self.eat_sign(b'(') {
            return self.of_column();
        }
        if !self.eat("CAST") {
            return self.plain();
        }
        let inner = self.eat_sign(b'(').then(|| self.plain()).flatten();
        let typed = self.eat("AS").then(|| self.peek()).flatten().copied();
        self.at += 1;
        let digits = self.eat_sign(b'(');
        if digits {
            self.at += 1;
            self.eat_sign(b')');
        }
        match (inner, typed, self.eat_sign(b')')) {
            (Some(Literal::Number(number)), Some(kind), true) if kind.is_any(&["UNSIGNED", "SIGNED"]) => {
                Some(text(number))
            }
            (Some(Literal::Text { bytes, .. }), Some(kind), true) if kind.is_any(&["DATE", "TIME", "DATETIME"]) => {
                Some(text(format!("\"{}\"", String::from_utf8_lossy(&bytes))))
            }
            _ => None,
        }
    }

    /// Behind the bracket of a question for one column of JSON_TABLE: its value.
    fn of_column(&mut self) -> Option<Literal> {
        let asked = self.eat("SELECT") && self.name().is_some() && self.eat("FROM") && self.eat("JSON_TABLE");
        (asked && self.eat_sign(b'(')).then_some(())?;
        let token = self.peek().copied().filter(|token| token.kind == TokenKind::Text)?;
        let array = String::from_utf8(unquote(token.text, Backslashes::Plain)).ok()?;
        let value = array.strip_prefix("[\"")?.strip_suffix("\"]")?.to_owned();
        let is_moment = self.rest().iter().take(12).any(|token| token.is("TIMESTAMP"));
        let mut depth = 2_usize;
        while depth > 0 {
            let token: &Token<'_> = self.peek()?;
            depth += usize::from(token.is_sign(b'('));
            depth -= usize::from(token.is_sign(b')'));
            self.at += 1;
        }
        Some(text(if is_moment { format!("\"{value}\"") } else { value }))
    }
}

fn text(text: String) -> Literal {
    Literal::Text { bytes: text.into_bytes(), charset: Some("utf8mb4".to_owned()), depends: false }
}
