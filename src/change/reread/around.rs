//! The question for triggers and foreign keys in front of a script, read byte by byte.

use crate::change::reread::grammar::{Cursor, Nobody, Read, See};

const KEYS: &[u8] = b"(SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE ";
const KEY_NAMES: &[u8] = b" AND (UNIQUE_CONSTRAINT_SCHEMA,REFERENCED_TABLE_NAME) IN(";
const KEY_RULES: [&[u8]; 2] =
    [b"DELETE_RULE IN('CASCADE','SET NULL','SET DEFAULT')", b"UPDATE_RULE IN('SET NULL','SET DEFAULT')"];
const TRIGGERS: &[u8] = b"(SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE ";
const TRIGGER_NAMES: &[u8] = b" AND (EVENT_OBJECT_SCHEMA,EVENT_OBJECT_TABLE) IN(";
const TRIGGER_RULES: [&[u8]; 3] = [
    b"INSTR(EVENT_MANIPULATION,'DELETE')>0",
    b"INSTR(EVENT_MANIPULATION,'UPDATE')>0",
    b"INSTR(EVENT_MANIPULATION,'INSERT')>0",
];

/// Reads the whole line.
pub(super) fn question(text: &[u8]) -> Read<()> {
    let mut nobody = Nobody;
    let mut cursor = Cursor::over(text, &mut nobody);
    cursor.must(b"SELECT ")?;
    let keys = cursor.beyond(KEYS, &KEY_RULES, KEY_NAMES)?;
    if !keys || cursor.eat(b"+") {
        let triggers = cursor.beyond(TRIGGERS, &TRIGGER_RULES, TRIGGER_NAMES)?;
        if !triggers {
            return Err("a question that is not asked");
        }
    }
    cursor.must(b" INTO @bg_around")?;
    cursor.end()
}

impl<S: See> Cursor<'_, '_, S> {
    /// A count, or what it is beyond a number that is known; `false` where it is another count.
    fn beyond(&mut self, front: &[u8], rules: &[&'static [u8]], names: &'static [u8]) -> Read<bool> {
        let known = [b"GREATEST(", front].concat();
        if self.eat(front) {
            return self.rules(rules, names).map(|()| true);
        }
        if !self.eat(&known) {
            return Ok(false);
        }
        self.rules(rules, names)?;
        self.must(b"-")?;
        let number = self.run(|byte| byte.is_ascii_digit());
        if number.is_empty() || number[0] == b'0' {
            return Err("a number that is not written so");
        }
        self.must(b",0)").map(|()| true)
    }

    /// Some of the rules in their order, each with its tables, and the closing bracket.
    fn rules(&mut self, rules: &[&'static [u8]], names: &'static [u8]) -> Read<()> {
        let mut left = rules.iter();
        loop {
            if !left.by_ref().any(|rule| self.eat(rule)) {
                return Err("a rule that is not asked for");
            }
            self.must(names)?;
            self.list(b",", Self::pair)?;
            self.must(b")")?;
            if !self.eat(b" OR ") {
                return self.must(b")");
            }
        }
    }

    fn pair(&mut self) -> Read<()> {
        self.must(b"(")?;
        self.utf8()?;
        self.must(b",")?;
        self.utf8()?;
        self.must(b")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "SELECT (SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE DELETE_RULE \
        IN('CASCADE','SET NULL','SET DEFAULT') AND (UNIQUE_CONSTRAINT_SCHEMA,REFERENCED_TABLE_NAME) \
        IN((_utf8mb4'a',_utf8mb4'it''s'),(_utf8mb4'a',_utf8mb4 X'C3A9')) OR UPDATE_RULE IN('SET NULL','SET DEFAULT') AND \
        (UNIQUE_CONSTRAINT_SCHEMA,REFERENCED_TABLE_NAME) IN((_utf8mb4'a',_utf8mb4'c')))\
        +GREATEST((SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE INSTR(EVENT_MANIPULATION,'DELETE')>0 AND \
        (EVENT_OBJECT_SCHEMA,EVENT_OBJECT_TABLE) IN((_utf8mb4'a',_utf8mb4'b')))-12,0) INTO @bg_around;";

    #[test]
    fn the_question_is_read_as_it_is_written_and_not_otherwise() {
        let reads = |text: &str| question(text.as_bytes()).is_ok();
        assert!(reads(BOTH));
        assert!(reads(&BOTH.replace(&BOTH[7..BOTH.find("+G").unwrap() + 1], "")), "triggers alone");
        assert!(reads(&BOTH.replace(&BOTH[BOTH.find("+G").unwrap()..BOTH.find(" INTO").unwrap()], "")), "keys alone");
        for (from, to) in [
            ("COUNT(*)", "SLEEP(9)"),
            ("_utf8mb4'a'", "'a'"),
            ("_utf8mb4'a'", "(SELECT 1)"),
            (" OR UPDATE", " AND UPDATE"),
            ("'CASCADE',", ""),
            (" INTO @bg_around", ""),
            ("@bg_around", "@bg"),
            ("+G", "-G"),
            ("-12", ""),
            ("-12", "-0"),
            ("-12,0", "-12,9"),
            ("-12", "+12"),
            ("'DELETE'", "'X'"),
            (";", "; DROP TABLE t;"),
            (",(_utf8mb4'a',_utf8mb4 X'C3A9')", ",()"),
        ] {
            assert!(BOTH.contains(from) && !reads(&BOTH.replacen(from, to, 1)), "{from} became {to}");
        }
    }
}
