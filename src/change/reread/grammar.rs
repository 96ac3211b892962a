//! The only three statements that a script may run, read character by character.

use crate::model::change::ChangeKind;

/// A statement that may stand in a script.
pub(super) struct Statement {
    /// The table's name as it stands there.
    pub table: String,
    pub kind: ChangeKind,
    /// How many rows it must touch.
    pub rows: u64,
}

type Read<T> = Result<T, &'static str>;

/// How deep a literal may wrap another: `CAST(.. AS JSON)`.
const DEPTH: u8 = 2;

/// Reads one whole statement, with its semicolon.
pub(super) fn statement(text: &str) -> Read<Statement> {
    let mut cursor = Cursor { text, rest: text };
    let statement = cursor.statement()?;
    cursor.must(";")?;
    if cursor.rest.is_empty() { Ok(statement) } else { Err("something stands behind the statement's end") }
}

struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, word: &str) -> bool {
        let behind = self.rest.strip_prefix(word);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn must(&mut self, word: &'static str) -> Read<()> {
        if self.eat(word) { Ok(()) } else { Err(word) }
    }

    /// As many of these characters as there are.
    fn run(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !fits(byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn statement(&mut self) -> Read<Statement> {
        if self.eat("INSERT INTO ") {
            return self.insert();
        }
        if self.eat("UPDATE ") {
            let table = self.table()?;
            self.must(" SET ")?;
            self.list(",", |cursor| {
                cursor.name()?;
                cursor.must("=")?;
                cursor.literal(0)
            })?;
            self.only()?;
            return Ok(Statement { table, kind: ChangeKind::Update, rows: 1 });
        }
        self.must("DELETE FROM ")?;
        let table = self.table()?;
        self.only()?;
        Ok(Statement { table, kind: ChangeKind::Delete, rows: 1 })
    }

    fn insert(&mut self) -> Read<Statement> {
        let table = self.table()?;
        self.must(" (")?;
        let columns = self.list(",", Self::name)?;
        self.must(") ")?;
        let rows = self.list(" UNION ALL ", |cursor| {
            cursor.must("SELECT ")?;
            let literals = cursor.list(",", |cursor| cursor.literal(0))?;
            cursor.must(" FROM DUAL WHERE @bg=CONNECTION_ID()")?;
            if literals == columns { Ok(()) } else { Err("a row has another number of values than there are columns") }
        })?;
        Ok(Statement { table, kind: ChangeKind::Insert, rows })
    }

    /// The condition: the guard, and at least one more.
    fn only(&mut self) -> Read<()> {
        self.must(" WHERE @bg=CONNECTION_ID() AND ")?;
        self.list(" AND ", Self::condition)?;
        self.eat(" LIMIT 1");
        Ok(())
    }

    fn condition(&mut self) -> Read<()> {
        let is_wrapped = if self.eat("CAST(CAST(") {
            self.name()?;
            self.must(" AS CHAR CHARACTER SET utf8mb4) AS BINARY)")?;
            true
        } else if self.eat("CAST(CONVERT(") {
            self.name()?;
            self.must(" USING utf8mb4) AS BINARY)")?;
            true
        } else if self.eat("CAST(") {
            self.name()?;
            self.must(" AS BINARY)")?;
            true
        } else if self.eat("HEX(") {
            self.name()?;
            self.must(")")?;
            true
        } else {
            self.name()?;
            self.eat("+0")
        };
        if !is_wrapped && (self.eat(" IS NULL") || self.eat("=") && self.literal(0).is_ok()) {
            return Ok(());
        }
        self.must(" <=> ")?;
        self.literal(0)
    }

    /// How many there are; at least one.
    fn list(&mut self, between: &str, mut one: impl FnMut(&mut Self) -> Read<()>) -> Read<u64> {
        let mut count = 0;
        loop {
            one(self)?;
            count += 1;
            if !self.eat(between) {
                return Ok(count);
            }
        }
    }

    fn table(&mut self) -> Read<String> {
        let start = self.text.len() - self.rest.len();
        self.name()?;
        self.must(".")?;
        self.name()?;
        let end = self.text.len() - self.rest.len();
        Ok(self.text[start..end].to_owned())
    }

    fn name(&mut self) -> Read<()> {
        self.must("`")?;
        loop {
            let run = self.run(|byte| byte != b'`');
            if run.bytes().any(|byte| byte == 0) {
                return Err("a name with a NUL");
            }
            self.must("`")?;
            if !self.eat("`") {
                return Ok(());
            }
        }
    }

    fn literal(&mut self, depth: u8) -> Read<()> {
        if self.eat("NULL") {
            return Ok(());
        }
        if self.eat("CAST(") {
            if depth >= DEPTH {
                return Err("a literal inside too many others");
            }
            self.literal(depth + 1)?;
            return self.must(" AS JSON)");
        }
        if self.eat("b'") {
            self.run(|byte| matches!(byte, b'0' | b'1'));
            return self.must("'");
        }
        if self.eat("X'") {
            return self.digits();
        }
        if self.eat("_") {
            let charset = self.run(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            if charset.is_empty() {
                return Err("a character set without a name");
            }
            return if self.eat(" X'") { self.digits() } else { self.quoted() };
        }
        if self.rest.starts_with('\'') { self.quoted() } else { self.number() }
    }

    fn digits(&mut self) -> Read<()> {
        let digits = self.run(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        if digits.len().is_multiple_of(2) { self.must("'") } else { Err("half a byte") }
    }

    /// A string that reads the same whether backslashes escape or not: there are none.
    fn quoted(&mut self) -> Read<()> {
        self.must("'")?;
        loop {
            self.run(|byte| (b' '..=b'~').contains(&byte) && byte != b'\'' && byte != b'\\');
            self.must("'")?;
            if !self.eat("'") {
                return Ok(());
            }
        }
    }

    fn number(&mut self) -> Read<()> {
        self.eat("-");
        if self.run(|byte| byte.is_ascii_digit()).is_empty() {
            return Err("a literal that is none");
        }
        if self.eat(".") && self.run(|byte| byte.is_ascii_digit()).is_empty() {
            return Err("a number that ends in a point");
        }
        if self.eat("e") {
            self.eat("-");
            if self.run(|byte| byte.is_ascii_digit()).is_empty() {
                return Err("a number without an exponent");
            }
        }
        Ok(())
    }
}
