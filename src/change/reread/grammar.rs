//! The only statements that a script may run, read byte by byte.

use crate::change::reread::walk::ConditionForm;
use crate::change::script::{ORPHANS_ARE, ORPHANS_FROM, ORPHANS_LOCKED};
use crate::model::change::ChangeKind;

/// A statement that may stand in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// The table's name as it stands there.
    pub table: &'a [u8],
    pub kind: ChangeKind,
    /// How many rows it must touch.
    pub rows: u64,
    /// Whether it only runs where the row is not there.
    pub if_not_here: bool,
}

/// Who wants to know what is in a statement.
pub(super) trait See {
    /// A column that gets a value: of an INSERT before its rows, of an UPDATE in front of the value.
    fn column(&mut self, _name: &[u8]) {}
    /// A row begins.
    fn row(&mut self) {}
    /// The next value of the row.
    fn value(&mut self, _literal: &[u8]) {}
    /// What must hold of the row.
    fn condition(&mut self, _column: &[u8], _form: ConditionForm, _literal: &[u8]) {}
    /// One of several equal rows is taken.
    fn any(&mut self) {}
}

/// Nobody does.
pub(super) struct Nobody;

impl See for Nobody {}

pub(super) type Read<T> = Result<T, &'static str>;

const GUARD: &[u8] = b"@bg=CONNECTION_ID()";

/// Reads one whole statement, with its semicolon.
pub(super) fn statement<'a>(text: &'a [u8], see: &mut impl See) -> Read<Statement<'a>> {
    let mut cursor = Cursor { rest: text, see };
    let statement = cursor.statement()?;
    cursor.end().map(|()| statement)
}

/// Reads a look at whether a row is there: its table.
pub(super) fn existence(text: &[u8]) -> Read<&[u8]> {
    let mut cursor = Cursor { rest: text, see: &mut Nobody };
    cursor.must(b"SELECT COUNT(*) FROM ")?;
    let table = cursor.table()?;
    cursor.only()?;
    cursor.must(b" FOR UPDATE INTO @bg_here")?;
    cursor.end().map(|()| table)
}

/// Reads a question for rows that refer to nothing: the question without its end, and the variable's name behind `@`.
pub(super) fn orphans(text: &[u8]) -> Read<(&[u8], &[u8])> {
    let mut cursor = Cursor { rest: text, see: &mut Nobody };
    cursor.must(ORPHANS_ARE.as_bytes())?;
    while cursor.eat(b",HEX(c.") {
        cursor.name()?;
        cursor.must(b")")?;
    }
    cursor.must(ORPHANS_FROM.as_bytes())?;
    cursor.table()?;
    cursor.must(b" c LEFT JOIN ")?;
    cursor.table()?;
    cursor.must(b" p ON ")?;
    cursor.list(b" AND ", |cursor| {
        cursor.must(b"c.")?;
        cursor.name()?;
        cursor.must(b"=p.")?;
        cursor.name().map(drop)
    })?;
    cursor.must(b" WHERE ")?;
    while cursor.eat(b"c.") {
        cursor.name()?;
        cursor.must(b" IS NOT NULL AND ")?;
    }
    cursor.must(b"p.")?;
    cursor.name()?;
    cursor.must(b" IS NULL")?;
    cursor.must(ORPHANS_LOCKED.as_bytes())?;
    let question = &text[..text.len() - cursor.rest.len()];
    cursor.must(b" INTO @")?;
    let variable = cursor.run(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
    cursor.end().map(|()| (question, variable))
}

pub(super) struct Cursor<'a, 's, S> {
    pub(super) rest: &'a [u8],
    see: &'s mut S,
}

impl<'a, 's, S: See> Cursor<'a, 's, S> {
    pub(super) fn over(rest: &'a [u8], see: &'s mut S) -> Self {
        Self { rest, see }
    }

    pub(super) fn eat(&mut self, word: &[u8]) -> bool {
        let behind = self.rest.strip_prefix(word);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    pub(super) fn must(&mut self, word: &'static [u8]) -> Read<()> {
        if self.eat(word) { Ok(()) } else { Err(std::str::from_utf8(word).unwrap_or("a word")) }
    }

    pub(super) fn end(&mut self) -> Read<()> {
        self.must(b";")?;
        if self.rest.is_empty() { Ok(()) } else { Err("something stands behind the statement's end") }
    }

    /// As many of these bytes as there are.
    #[inline]
    pub(super) fn run(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !fits(*byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn statement(&mut self) -> Read<Statement<'a>> {
        if self.eat(b"INSERT INTO ") {
            return self.insert();
        }
        if self.eat(b"UPDATE ") {
            let table = self.table()?;
            self.must(b" SET ")?;
            self.see.row();
            self.list(b",", |cursor| {
                let column = cursor.name()?;
                cursor.see.column(column);
                cursor.must(b"=")?;
                let literal = cursor.literal()?;
                cursor.see.value(literal);
                Ok(())
            })?;
            self.only()?;
            return Ok(Statement { table, kind: ChangeKind::Update, rows: 1, if_not_here: false });
        }
        self.must(b"DELETE FROM ")?;
        let table = self.table()?;
        self.only()?;
        Ok(Statement { table, kind: ChangeKind::Delete, rows: 1, if_not_here: false })
    }

    fn insert(&mut self) -> Read<Statement<'a>> {
        let table = self.table()?;
        self.must(b" (")?;
        let columns = self.list(b",", |cursor| {
            let column = cursor.name()?;
            cursor.see.column(column);
            Ok(())
        })?;
        self.must(b") ")?;
        let rows = self.list(b" UNION ALL ", |cursor| {
            cursor.must(b"SELECT ")?;
            cursor.see.row();
            let literals = cursor.list(b",", |cursor| {
                let literal = cursor.literal()?;
                cursor.see.value(literal);
                Ok(())
            })?;
            cursor.must(b" FROM DUAL WHERE ")?;
            cursor.must(GUARD)?;
            if literals == columns { Ok(()) } else { Err("a row has another number of values than there are columns") }
        })?;
        let if_not_here = self.eat(b" AND @bg_here=0");
        if if_not_here && rows != 1 {
            return Err("several rows that depend on whether one is there");
        }
        Ok(Statement { table, kind: ChangeKind::Insert, rows, if_not_here })
    }

    /// The condition: the guard, and at least one more.
    fn only(&mut self) -> Read<()> {
        self.must(b" WHERE ")?;
        self.must(GUARD)?;
        self.must(b" AND ")?;
        self.list(b" AND ", Self::condition)?;
        if self.eat(b" LIMIT 1") {
            self.see.any();
        }
        Ok(())
    }

    fn condition(&mut self) -> Read<()> {
        let (column, form) = self.side()?;
        let (form, literal) = if form == ConditionForm::Same && self.eat(b" IS NULL") {
            (form, &b"NULL"[..])
        } else if form == ConditionForm::Same && self.eat(b"=") {
            (ConditionForm::Lookup, self.literal()?)
        } else {
            self.must(b" <=> ")?;
            (form, self.literal()?)
        };
        self.see.condition(column, form, literal);
        Ok(())
    }

    /// What is compared: a column, in one of a few forms.
    fn side(&mut self) -> Read<(&'a [u8], ConditionForm)> {
        let wrapped = |cursor: &mut Self, behind: &'static [u8], form| {
            let column = cursor.name()?;
            cursor.must(behind).map(|()| (column, form))
        };
        if self.eat(b"CAST(CAST(") {
            return wrapped(self, b" AS CHAR CHARACTER SET utf8mb4) AS BINARY)", ConditionForm::Utf8Bytes);
        }
        if self.eat(b"CAST(CONVERT(") {
            return wrapped(self, b" USING utf8mb4) AS BINARY)", ConditionForm::Utf8Bytes);
        }
        if self.eat(b"CAST(") {
            return wrapped(self, b" AS BINARY)", ConditionForm::Bytes);
        }
        if self.eat(b"HEX(") {
            return wrapped(self, b")", ConditionForm::Hex);
        }
        let column = self.name()?;
        Ok((column, if self.eat(b"+0") { ConditionForm::Number } else { ConditionForm::Same }))
    }

    /// How many there are; at least one.
    pub(super) fn list(&mut self, between: &[u8], mut one: impl FnMut(&mut Self) -> Read<()>) -> Read<u64> {
        let mut count = 0;
        loop {
            one(self)?;
            count += 1;
            if !self.eat(between) {
                return Ok(count);
            }
        }
    }

    fn table(&mut self) -> Read<&'a [u8]> {
        let text = self.rest;
        self.name()?;
        self.must(b".")?;
        self.name()?;
        Ok(&text[..text.len() - self.rest.len()])
    }

    /// A name with its backticks.
    fn name(&mut self) -> Read<&'a [u8]> {
        let text = self.rest;
        self.must(b"`")?;
        loop {
            let end = memchr::memchr(b'`', self.rest).ok_or("a name without an end")?;
            if self.rest[..end].contains(&0) {
                return Err("a name with a NUL");
            }
            self.rest = &self.rest[end + 1..];
            if !self.eat(b"`") {
                return Ok(&text[..text.len() - self.rest.len()]);
            }
        }
    }

    fn literal(&mut self) -> Read<&'a [u8]> {
        let text = self.rest;
        self.any_literal()?;
        Ok(&text[..text.len() - self.rest.len()])
    }

    fn any_literal(&mut self) -> Read<()> {
        match self.rest.first() {
            Some(b'\'') => self.quoted(),
            Some(b'X') if self.eat(b"X'") => self.digits(),
            Some(b'_') => {
                self.rest = &self.rest[1..];
                let charset = self.run(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
                if charset.is_empty() {
                    return Err("a character set without a name");
                }
                if self.eat(b" X'") { self.digits() } else { self.quoted() }
            }
            Some(b'N') => self.must(b"NULL"),
            Some(b'C' | b'J') => self.document(),
            Some(b'b') => {
                self.must(b"b'")?;
                self.run(|byte| matches!(byte, b'0' | b'1'));
                self.must(b"'")
            }
            _ => self.number(),
        }
    }

    pub(super) fn digits(&mut self) -> Read<()> {
        let end = memchr::memchr(b'\'', self.rest).ok_or("bytes without an end")?;
        let digits = &self.rest[..end];
        let is_digit = |byte: &u8| byte.is_ascii_digit() | (b'A'..=b'F').contains(byte);
        if !digits.iter().fold(true, |all, byte| all & is_digit(byte)) {
            return Err("bytes that are not in hexadecimal");
        }
        self.rest = &self.rest[end + 1..];
        if digits.len().is_multiple_of(2) { Ok(()) } else { Err("half a byte") }
    }

    /// A string that reads the same whether backslashes escape or not: there are none.
    pub(super) fn quoted(&mut self) -> Read<()> {
        self.must(b"'")?;
        loop {
            let end = memchr::memchr(b'\'', self.rest).ok_or("a string without an end")?;
            let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) & (*byte != b'\\');
            if !self.rest[..end].iter().fold(true, |all, byte| all & is_plain(byte)) {
                return Err("a string with something else than plain text");
            }
            self.rest = &self.rest[end + 1..];
            if !self.eat(b"'") {
                return Ok(());
            }
        }
    }

    pub(super) fn number(&mut self) -> Read<()> {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        self.eat(b"-");
        if self.run(is_digit).is_empty() {
            return Err("a literal that is none");
        }
        if self.eat(b".") && self.run(is_digit).is_empty() {
            return Err("a number that ends in a point");
        }
        if self.eat(b"e") {
            self.eat(b"-");
            if self.run(is_digit).is_empty() {
                return Err("a number without an exponent");
            }
        }
        Ok(())
    }
}
