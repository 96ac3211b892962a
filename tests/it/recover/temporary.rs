//! Temporary tables: while a connection has one, the name means it there, and the real table is what it was.

use crate::recover::definitions::Outcome::{Refused, Restored};
use crate::recover::definitions::{NOTHING, Story, tell};
use crate::support::databases::Product;

const ONE: &str = "DELETE FROM t WHERE id=1;";

/// A story that begins with the table and its rows in the log, and goes on with what a connection does there.
fn early(name: &'static str, connection: &str) -> Story {
    let table =
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; INSERT INTO t VALUES (1,10,20),(2,30,40);";
    let early: &'static str = Box::leak(format!("{table} {connection} SET binlog_format=ROW;").into_boxed_str());
    Story { name, early, damage: ONE, outcome: Refused("cannot be followed"), ..NOTHING }
}

/// A story of a table that no log defines, and of what a connection does there among the damage.
fn late(name: &'static str, format: &str, connection: &str, outcome: super::definitions::Outcome) -> Story {
    let damage = format!("SET binlog_format={format}; {connection} SET binlog_format=ROW; {ONE}");
    Story {
        name,
        stage: "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; INSERT INTO t VALUES (1,10,20),(2,30,40),(3,5,6);",
        damage: Box::leak(damage.into_boxed_str()),
        schema: Some("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;"),
        position: "@end",
        outcome,
        ..NOTHING
    }
}

const SAME: &str = "CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, a INT, b INT);";

#[test]
fn d22_what_happens_to_a_temporary_table_does_not_happen_to_the_real_one() {
    for format in ["MIXED", "STATEMENT"] {
        let story = |name, rest: &str| early(name, &format!("SET binlog_format={format}; {SAME} {rest}"));
        let stories = [
            story("altered", "ALTER TABLE t MODIFY b INT AFTER id; DROP TEMPORARY TABLE t;"),
            story("altered, dropped as any other", "ALTER TABLE t MODIFY b INT AFTER id; DROP TABLE t;"),
            story("until the connection ends", "ALTER TABLE t MODIFY b INT AFTER id;"),
            story("renamed", "RENAME TABLE t TO u; ALTER TABLE u MODIFY b INT AFTER id, RENAME t;"),
            story(
                "renamed with others",
                "CREATE TABLE o (id INT PRIMARY KEY, b INT, a INT); RENAME TABLE o TO p, t TO u;",
            ),
            story("index", "CREATE INDEX i ON t (a); DROP TEMPORARY TABLE t;"),
        ];
        tell(Some(Product::Mariadb), &stories);
    }
    let stories = [
        early(
            "statements",
            &format!(
                "SET binlog_format=STATEMENT; {SAME} ALTER TABLE t MODIFY b INT AFTER id; DROP TEMPORARY TABLE t;"
            ),
        ),
        early(
            "dropped",
            &format!("SET binlog_format=STATEMENT; {SAME} ALTER TABLE t MODIFY b INT AFTER id; DROP TABLE t;"),
        ),
        early(
            "renamed",
            &format!(
                "SET binlog_format=STATEMENT; {SAME} ALTER TABLE t RENAME u; ALTER TABLE u MODIFY b INT AFTER id, RENAME t; DROP TEMPORARY TABLE t;"
            ),
        ),
    ];
    tell(None, &stories);
}

#[test]
fn d22_that_a_table_was_a_temporary_one_may_come_out_late() {
    let hidden = |format: &str| {
        format!(
            "SET binlog_format={format}; SET sql_log_bin=0; {SAME} SET sql_log_bin=1; ALTER TABLE t MODIFY b INT AFTER id; DROP TEMPORARY TABLE t;"
        )
    };
    tell(None, &[early("dropped", &hidden("STATEMENT"))]);
    let moved = hidden("MIXED").replace("DROP", "ALTER TABLE t RENAME u; ALTER TABLE u RENAME t; DROP");
    tell(Some(Product::Mariadb), &[early("dropped", &hidden("MIXED")), early("moved", &moved)]);
}

#[test]
fn d22_a_table_made_like_a_temporary_one_is_not_like_the_real_one() {
    let made = "SET binlog_format=STATEMENT; CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, b INT, a INT); CREATE TABLE n LIKE t; \
        DROP TEMPORARY TABLE t; SET binlog_format=ROW; INSERT INTO n VALUES (1,7,8);";
    tell(None, &[Story { damage: "DELETE FROM n WHERE id=1;", ..early("like", made) }]);
}

#[test]
fn d21_what_is_written_into_a_temporary_table_is_no_damage_and_hides_none() {
    let writes =
        "INSERT INTO t VALUES (1,2,3); UPDATE t SET a=9; REPLACE INTO t VALUES (1,5,5); DELETE FROM t WHERE id=1;";
    let as_statement = Refused("logged as a statement");
    let dropped = format!("{SAME} {writes} DROP TEMPORARY TABLE t;");
    let stories = |format: &str| {
        [
            late("written", format, &dropped, Restored),
            late("among rows", format, &format!("{SAME} BEGIN; {writes} COMMIT; DROP TEMPORARY TABLE t;"), Restored),
            late(
                "emptied",
                format,
                &format!("{SAME} INSERT INTO t VALUES (1,2,3); TRUNCATE t; DROP TEMPORARY TABLE t;"),
                Restored,
            ),
            late("real again", "STATEMENT", &format!("{dropped} DELETE FROM t WHERE id=2;"), as_statement),
            late(
                "several",
                "STATEMENT",
                "CREATE TEMPORARY TABLE x (id INT PRIMARY KEY); INSERT INTO x VALUES (2); DELETE t FROM t JOIN x ON t.id=x.id; DROP TEMPORARY TABLE x;",
                as_statement,
            ),
            late(
                "copied",
                "STATEMENT",
                "CREATE TEMPORARY TABLE x (id INT PRIMARY KEY); INSERT INTO x VALUES (9); INSERT INTO t SELECT id, 1, 1 FROM x; DROP TEMPORARY TABLE x;",
                as_statement,
            ),
        ]
    };
    tell(None, &stories("STATEMENT"));
    tell(Some(Product::Mariadb), &stories("MIXED"));
}

#[test]
fn d27_names_of_any_characters_are_undone() {
    let table = "CREATE TABLE t (`i\nd` INT PRIMARY KEY, `v\tw` INT, `\u{1}` INT) ENGINE=InnoDB;";
    let stage: &'static str = Box::leak(format!("{table} INSERT INTO t VALUES (1,2,3),(4,5,6);").into_boxed_str());
    let story = Story {
        name: "controls",
        stage,
        damage: "DELETE FROM t; INSERT INTO t VALUES (7,8,9); UPDATE t SET `v\tw`=1;",
        schema: Some(table),
        position: "@end",
        ..NOTHING
    };
    tell(None, &[story]);
}
