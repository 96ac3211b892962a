//! What stands behind WHERE: comparisons of columns with values, and what is none.

use crate::change::review::literal::Literal;
use crate::change::review::statement::{Cursor, How, Pair, RowStatement};
use crate::model::foreign::Foreign;
use crate::sql::compare::View;
use crate::sql::token::{Token, TokenKind};

impl Cursor<'_, '_> {
    pub(super) fn condition(&mut self, statement: &mut RowStatement) {
        if self.eat("WHERE") {
            self.traits.has_where = true;
            loop {
                if !self.guard() && !self.comparison(&mut statement.only) {
                    self.traits.computes = true;
                    let ahead = self.rest();
                    let loose = ["OR", "IN", "LIKE", "BETWEEN", "REGEXP", "RLIKE", "XOR", "NOT"];
                    let orders = |token: &Token<'_>| matches!(token.kind, TokenKind::Sign(b'<' | b'>' | b'|' | b'!'));
                    self.traits.is_loose |= ahead.iter().any(|token| token.is_any(&loose) || orders(token));
                    self.skip_to(&["LIMIT", "ORDER"]);
                    break;
                }
                if !self.eat("AND") {
                    break;
                }
            }
        }
        if self.peek().is_some_and(|token| token.is("ORDER")) {
            self.skip_to(&["LIMIT"]);
        }
        if self.eat("LIMIT") {
            let number = self.peek().and_then(|token| std::str::from_utf8(token.text).ok()?.parse().ok());
            self.traits.limit = number;
            self.at += 1;
        }
        if self.at < self.tokens.len() {
            self.traits.computes = true;
            let loose = ["OR", "XOR"];
            self.traits.is_loose |= self.rest().iter().any(|token| token.is_any(&loose));
        }
    }

    /// `@bg=CONNECTION_ID()`.
    pub(super) fn guard(&mut self) -> bool {
        let [variable, equals, call, open, close, ..] = self.rest() else { return false };
        let is = variable.kind == TokenKind::Variable
            && variable.text == b"@bg"
            && equals.is_sign(b'=')
            && call.is("CONNECTION_ID")
            && open.is_sign(b'(')
            && close.is_sign(b')');
        if is {
            self.at += 5;
            self.traits.is_guarded = true;
        }
        is
    }

    /// `column = literal` and its like; the cursor stays where it is when it is none.
    fn comparison(&mut self, only: &mut Vec<Pair>) -> bool {
        let start = self.at;
        let pair = self.pair();
        match pair {
            Some(pair) => only.push(pair),
            None => self.at = start,
        }
        self.at > start
    }

    fn pair(&mut self) -> Option<Pair> {
        let parens = (0..).take_while(|_| self.eat_sign(b'(')).count();
        let (column, view) = self.operand()?;
        let (how, value) = if self.eat("IS") {
            self.eat("NULL").then_some((How::Same, Literal::Null))?
        } else if self.eat_sign(b'=') {
            (How::Equals, self.literal()?)
        } else {
            let same = self.eat_sign(b'<') && self.eat_sign(b'=') && self.eat_sign(b'>');
            (How::Same, same.then(|| self.literal()).flatten()?)
        };
        for _ in 0..parens {
            self.eat_sign(b')').then_some(())?;
        }
        // The next word must end the comparison: `a = 1 + b` is none.
        let ends = self.peek().is_none_or(|token| token.is_any(&["AND", "LIMIT", "ORDER", "OR", "XOR"]));
        ends.then_some(Pair { column, how: view.map_or(how, How::Seen), value })
    }

    /// A column, by itself or in one of the ways that show its bytes.
    fn operand(&mut self) -> Option<(Foreign, Option<View>)> {
        let calls = self.tokens.get(self.at + 1).is_some_and(|token| token.is_sign(b'('));
        if calls && self.peek()?.is("HEX") {
            self.at += 2;
            let column = self.column()?;
            return self.eat_sign(b')').then_some((column, Some(View::Hex)));
        }
        if calls && self.peek()?.is("CAST") {
            self.at += 2;
            return self.bytes_of();
        }
        if self.peek()?.is("BINARY") && self.tokens.get(self.at + 1).is_some_and(Token::is_name) {
            self.at += 1;
            return Some((self.column()?, Some(View::Bytes)));
        }
        let column = self.column()?;
        let zero = matches!(self.rest(), [plus, zero, ..] if plus.is_sign(b'+') && zero.text == b"0");
        self.at += if zero { 2 } else { 0 };
        Some((column, zero.then_some(View::Number)))
    }

    /// Behind `CAST(`: what is cast to bytes.
    fn bytes_of(&mut self) -> Option<(Foreign, Option<View>)> {
        let calls = self.tokens.get(self.at + 1).is_some_and(|token| token.is_sign(b'('));
        let (column, view) = if calls && self.peek()?.is("CAST") {
            self.at += 2;
            let column = self.column()?;
            self.words(&["AS", "CHAR", "CHARACTER", "SET", "utf8mb4"]).then_some(())?;
            (column, View::TextBytes)
        } else if calls && self.peek()?.is("CONVERT") {
            self.at += 2;
            let column = self.column()?;
            self.words(&["USING", "utf8mb4"]).then_some(())?;
            (column, View::Utf8Bytes)
        } else {
            (self.column()?, View::Bytes)
        };
        if view != View::Bytes {
            self.eat_sign(b')').then_some(())?;
        }
        (self.words(&["AS", "BINARY"]) && self.eat_sign(b')')).then_some((column, Some(view)))
    }

    fn words(&mut self, words: &[&str]) -> bool {
        words.iter().all(|word| self.eat(word))
    }
}
