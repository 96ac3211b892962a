//! JSON documents as scripts write them: a text, and behind it values with a type of their own at their places.

use crate::change::reread::grammar::{Cursor, Read, See};

/// A decimal or a point in time, read as the type of a column.
const COLUMN: &[u8] = b"(SELECT v FROM JSON_TABLE('[\"";
const COLUMN_TYPE: &[u8] = b"\"]','$[0]' COLUMNS(v ";
const COLUMN_END: &[u8] = b" PATH '$' ERROR ON EMPTY ERROR ON ERROR)) d)";

impl<'a, S: See> Cursor<'a, '_, S> {
    pub(super) fn document(&mut self) -> Read<()> {
        if !self.eat(b"JSON_REPLACE(") {
            self.must(b"CAST(")?;
            if self.rest.first() == Some(&b'_') {
                self.utf8()?;
            } else {
                self.typed()?;
            }
            return self.must(b" AS JSON)");
        }
        self.must(b"CAST(")?;
        self.utf8()?;
        self.must(b" AS JSON)")?;
        loop {
            self.must(b",")?;
            if !is_path(&self.utf8()?) {
                return Err("a path that is not of one value inside a document");
            }
            self.must(b",")?;
            self.typed()?;
            if self.eat(b")") {
                return Ok(());
            }
        }
    }

    /// A text in UTF-8: what stands between its quotes, or what its digits are of.
    pub(super) fn utf8(&mut self) -> Read<Vec<u8>> {
        self.must(b"_utf8mb4")?;
        if self.eat(b" X'") {
            let digits = self.taken(Self::digits)?;
            let digits = digits.strip_suffix(b"'").unwrap_or(digits);
            return data_encoding::HEXUPPER.decode(digits).map_err(|_| "bytes that are not in hexadecimal");
        }
        let quoted = self.taken(Self::quoted)?;
        let mut text = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_vec();
        let mut is_second = false;
        text.retain(|byte| {
            is_second = *byte == b'\'' && !is_second;
            *byte != b'\'' || is_second
        });
        Ok(text)
    }

    /// What a reader takes.
    fn taken(&mut self, read: impl FnOnce(&mut Self) -> Read<()>) -> Read<&'a [u8]> {
        let text = self.rest;
        read(self)?;
        Ok(&text[..text.len() - self.rest.len()])
    }

    /// A value that has the type that it should.
    fn typed(&mut self) -> Read<()> {
        if self.eat(b"X'") {
            return self.digits();
        }
        if self.eat(COLUMN) {
            return self.of_column();
        }
        self.must(b"CAST(")?;
        if !self.eat(b"'") {
            self.some_digits()?;
            return if self.eat(b" AS SIGNED)") { Ok(()) } else { self.must(b" AS UNSIGNED)") };
        }
        self.clock()?;
        self.must(b"' AS ")?;
        if self.eat(b"DATE)") || self.eat(b"TIME(6))") { Ok(()) } else { self.must(b"DATETIME(6))") }
    }

    fn of_column(&mut self) -> Read<()> {
        let before = self.rest;
        self.clock()?;
        self.must(COLUMN_TYPE)?;
        if !self.eat(b"TIMESTAMP(6)") {
            self.rest = before;
            self.decimal()?;
            self.must(COLUMN_TYPE)?;
            self.must(b"DECIMAL(")?;
            self.some_digits()?;
            self.must(b",")?;
            self.some_digits()?;
            self.must(b")")?;
        }
        self.must(COLUMN_END)
    }

    fn decimal(&mut self) -> Read<()> {
        self.eat(b"-");
        self.some_digits()?;
        if self.eat(b".") { self.some_digits() } else { Ok(()) }
    }

    /// A day, a time of day, or both.
    fn clock(&mut self) -> Read<()> {
        let run = self.run(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b' '));
        if run.is_empty() { Err("a day or time that is none") } else { Ok(()) }
    }

    fn some_digits(&mut self) -> Read<()> {
        if self.run(|byte| byte.is_ascii_digit()).is_empty() { Err("a number that is none") } else { Ok(()) }
    }
}

/// Whether a path leads to one value inside a document: cells by their number and members by their quoted keys.
fn is_path(path: &[u8]) -> bool {
    let Some(mut rest) = path.strip_prefix(b"$").filter(|rest| !rest.is_empty()) else { return false };
    while !rest.is_empty() {
        let behind = rest.strip_prefix(b"[").and_then(cell).or_else(|| rest.strip_prefix(b".\"").and_then(key));
        let Some(behind) = behind else { return false };
        rest = behind;
    }
    true
}

fn cell(text: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b']', text)?;
    let is_number = end > 0 && text[..end].iter().all(u8::is_ascii_digit);
    is_number.then_some(&text[end + 1..])
}

fn key(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        let end = memchr::memchr2(b'"', b'\\', text)?;
        let is_end = text[end] == b'"';
        text = text.get(end + if is_end { 1 } else { 2 }..)?;
        if is_end {
            return Some(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::change::reread::grammar::{Nobody, statement};

    fn reads(literal: &str) -> bool {
        let text = format!("UPDATE `s`.`t` SET `a`={literal} WHERE @bg=CONNECTION_ID() AND `k` <=> 1;");
        statement(text.as_bytes(), &mut Nobody).is_ok()
    }

    const DECIMAL: &str = "(SELECT v FROM JSON_TABLE('[\"-1.50\"]','$[0]' COLUMNS(v DECIMAL(10,2) PATH '$' ERROR ON \
        EMPTY ERROR ON ERROR)) d)";

    #[test]
    fn documents_are_read_in_their_few_forms_and_in_no_other() {
        let typed = [
            "CAST(5 AS UNSIGNED)",
            "CAST(5000000000 AS SIGNED)",
            "CAST('2020-01-02' AS DATE)",
            "CAST('-11:12:13.500000' AS TIME(6))",
            "CAST('2020-01-02 03:04:05.000000' AS DATETIME(6))",
            DECIMAL,
            &DECIMAL.replace("-1.50", "2020-01-02 03:04:05.000000").replace("DECIMAL(10,2)", "TIMESTAMP(6)"),
            "X'00FF'",
        ];
        for value in typed {
            assert!(reads(&format!("CAST({value} AS JSON)")), "{value}");
            assert!(reads(&format!("JSON_REPLACE(CAST(_utf8mb4'{{}}' AS JSON),_utf8mb4'$[0]',{value})")), "{value}");
            let twice = format!("_utf8mb4'$.\"it''s\"[10]',{value},_utf8mb4 X'242E225C2222',{value}");
            assert!(reads(&format!("JSON_REPLACE(CAST(_utf8mb4 X'7B7D' AS JSON),{twice})")), "{value}");
            assert_eq!(reads(value), value.starts_with("X'"), "{value} by itself");
            assert!(!reads(&format!("CAST(CAST({value} AS JSON) AS JSON)")), "{value}");
        }
        let with =
            |path: &str, value: &str| reads(&format!("JSON_REPLACE(CAST(_utf8mb4'{{}}' AS JSON),{path},{value})"));
        for path in
            ["$", "$.a", "$[*]", "$[last]", "$[]", "$**.\"a\"", "$.\"a", "$.\"a\"b", "[0]", "", "$[0 to 1]", "$.*"]
        {
            assert!(!with(&format!("_utf8mb4'{path}'"), "X''"), "{path}");
        }
        for path in ["'$[0]'", "_latin1'$[0]'", "_utf8mb4 X'24", "@path", "_utf8mb4'$[0]'||'x'"] {
            assert!(!with(path, "X''"), "{path}");
        }
        let values =
            ["5", "NULL", "CAST(-5 AS UNSIGNED)", "CAST('' AS DATE)", "CAST('x' AS DATE)", "CAST(5 AS INT)", "@v"];
        for value in values.iter().copied().chain(["SLEEP(9)", "(SELECT 1)", "'a'", "CAST(5 AS UNSIGNED),"]) {
            assert!(!with("_utf8mb4'$[0]'", value), "{value}");
        }
        for (from, to) in
            [("-1.50", "1e5"), ("-1.50", "a"), (",2)", ")"), ("ERROR ON EMPTY ", ""), (" d)", ")"), ("10", "")]
        {
            assert!(!with("_utf8mb4'$[0]'", &DECIMAL.replacen(from, to, 1)), "{from} became {to}");
        }
        assert!(!reads("JSON_REPLACE(CAST(_utf8mb4'{}' AS JSON))"));
        assert!(!reads("JSON_REPLACE(CAST('{}' AS JSON),_utf8mb4'$[0]',X'')"));
        assert!(!reads("JSON_SET(CAST(_utf8mb4'{}' AS JSON),_utf8mb4'$[0]',X'')"));
        assert!(!reads("CAST(_latin1'{}' AS JSON)") && !reads("CAST('{}' AS JSON)") && !reads("CAST(NULL AS JSON)"));
    }
}
