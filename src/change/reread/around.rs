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
    let keys = cursor.eat(KEYS);
    if keys {
        cursor.rules(&KEY_RULES, KEY_NAMES)?;
    }
    if !keys || cursor.eat(b"+") {
        cursor.must(TRIGGERS)?;
        cursor.rules(&TRIGGER_RULES, TRIGGER_NAMES)?;
    }
    cursor.must(b" INTO @bg_around")?;
    cursor.end()
}

impl<S: See> Cursor<'_, '_, S> {
    /// Some of the rules in their order, each with its tables or for all of them, and the closing bracket.
    fn rules(&mut self, rules: &[&'static [u8]], names: &'static [u8]) -> Read<()> {
        let mut left = rules.iter();
        loop {
            if !left.by_ref().any(|rule| self.eat(rule)) {
                return Err("a rule that is not asked for");
            }
            if self.eat(names) {
                self.list(b",", Self::pair)?;
                self.must(b")")?;
            }
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
        IN((_utf8mb4'a',_utf8mb4'it''s'),(_utf8mb4'a',_utf8mb4 X'C3A9')) OR UPDATE_RULE IN('SET NULL','SET DEFAULT'))\
        +(SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE INSTR(EVENT_MANIPULATION,'DELETE')>0 AND \
        (EVENT_OBJECT_SCHEMA,EVENT_OBJECT_TABLE) IN((_utf8mb4'a',_utf8mb4'b'))) INTO @bg_around;";

    #[test]
    fn the_question_is_read_as_it_is_written_and_not_otherwise() {
        let reads = |text: &str| question(text.as_bytes()).is_ok();
        assert!(reads(BOTH));
        assert!(reads(&BOTH.replace(&BOTH[7..BOTH.find("+(").unwrap() + 1], "")), "triggers alone");
        assert!(reads(&BOTH.replace(&BOTH[BOTH.find("+(").unwrap()..BOTH.find(" INTO").unwrap()], "")), "keys alone");
        for (from, to) in [
            ("COUNT(*)", "SLEEP(9)"),
            ("_utf8mb4'a'", "'a'"),
            ("_utf8mb4'a'", "(SELECT 1)"),
            (" OR UPDATE", " AND UPDATE"),
            ("'CASCADE',", ""),
            (" INTO @bg_around", ""),
            ("@bg_around", "@bg"),
            ("+(", "-("),
            ("'DELETE'", "'X'"),
            (";", "; DROP TABLE t;"),
            (",(_utf8mb4'a',_utf8mb4 X'C3A9')", ",()"),
        ] {
            assert!(BOTH.contains(from) && !reads(&BOTH.replacen(from, to, 1)), "{from} became {to}");
        }
    }
}
