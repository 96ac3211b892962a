use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Meaning {
    meaning(&Query { server: 1, thread: 1, schema: b"d", text: text.as_bytes(), dialect: Dialect::default() })
}

/// The verb and the tables of a change of definitions.
fn ddl(text: &str) -> (DdlVerb, String) {
    let Meaning::Ddl(ddl) = read(text) else { panic!("{text}: {:?}", read(text)) };
    (ddl.verb, words(&ddl))
}

fn words(ddl: &Ddl) -> String {
    let names = ddl
        .tables
        .iter()
        .map(|name| format!("{}.{}", String::from_utf8_lossy(&name.schema), String::from_utf8_lossy(&name.table)));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_not_understood_may_have_changed_anything() {
    for text in [
        "EXECUTE IMMEDIATE 'DELETE FROM t'",
        "EXECUTE s",
        "label: BEGIN NOT ATOMIC DELETE FROM t; END",
        "BEGIN NOT ATOMIC DELETE FROM t; END",
        "IF 1 THEN DELETE FROM t; END IF",
        "FOR i IN 1..2 DO DELETE FROM t; END FOR",
        "MERGE INTO t USING u",
        "IMPORT TABLE FROM '/tmp/t.sdi'",
        "BINLOG 'AAAA'",
        "SET STATEMENT a=1 DELETE t",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "ALTER TABLE",
        "DROP TABLE a b",
        "RENAME TABLE a TO b, c",
        "'text'",
        "/* no end",
        "@a := f()",
    ] {
        assert_eq!(ddl(text), (DdlVerb::Unknown, String::new()), "{text}");
    }
}

#[test]
fn statements_about_rows_are_seen_behind_whatever_stands_in_front() {
    for text in [
        "DELETE FROM t",
        "(SELECT f())",
        "SET STATEMENT max_statement_time=1, sort_buffer_size=(1+2) FOR INSERT INTO t VALUES (1)",
        "SET STATEMENT a=1 FOR SET STATEMENT b=2 FOR CALL p()",
        "ANALYZE FORMAT=JSON UPDATE t SET a=1",
        "ANALYZE SELECT f()",
        "/*!50000 REPLACE */ INTO t VALUES (1)",
        "/*M!100100 LOAD */ DATA INFILE 'x' INTO TABLE t",
        "/* a */ -- b\nWITH c AS (SELECT 1) UPDATE t, c SET t.a=1",
        "DO f()",
        "TABLE t",
        "VALUES ROW(f())",
    ] {
        assert_eq!(read(text), Meaning::Dml, "{text}");
    }
    for text in ["BEGIN WORK", "START TRANSACTION READ WRITE", "/*!BEGIN*/"] {
        assert_eq!(read(text), Meaning::Begin, "{text}");
    }
}

#[test]
fn statements_that_are_nothing_to_rows_are_let_through() {
    for text in [
        "",
        "# Dummy event",
        "GRANT ALL ON *.* TO u",
        "CREATE USER u",
        "CREATE DATABASE IF NOT EXISTS d",
        "ALTER DATABASE d CHARACTER SET latin1",
        "DROP VIEW v",
        "RENAME USER a TO b",
        "CREATE OR REPLACE SPATIAL REFERENCE SYSTEM 4326 NAME 'x'",
        "ANALYZE TABLE t PERSISTENT FOR ALL",
        "ANALYZE NO_WRITE_TO_BINLOG TABLE t",
        "OPTIMIZE TABLE t",
        "SET PASSWORD FOR u = 'x'",
        "FLUSH PRIVILEGES",
        "LOAD INDEX INTO CACHE t",
        "START SLAVE",
    ] {
        assert_eq!(read(text), Meaning::Other, "{text}");
    }
    for text in [
        "CREATE OR REPLACE DEFINER=`r`@`%` TRIGGER x AFTER INSERT ON t FOR EACH ROW SET @a=1",
        "DROP TRIGGER IF EXISTS d.x",
    ] {
        assert_eq!(read(text), Meaning::Trigger, "{text}");
    }
}

#[test]
fn definitions_and_what_goes_with_them_are_told_by_their_words() {
    let cases = [
        ("SET STATEMENT lock_wait_timeout=9 FOR TRUNCATE t;", DdlVerb::Truncate, "d.t"),
        ("ALTER TABLE IF EXISTS e.t WAIT 5 ADD c INT", DdlVerb::Alter, "e.t"),
        ("ALTER IGNORE TABLE t ADD UNIQUE (a)", DdlVerb::Purge, "d.t"),
        ("ALTER TABLE p DROP PARTITION p0, p1", DdlVerb::Purge, "d.p"),
        ("ALTER TABLE p ALGORITHM=INPLACE, TRUNCATE PARTITION ALL", DdlVerb::Purge, "d.p"),
        ("ALTER TABLE p DISCARD TABLESPACE", DdlVerb::Purge, "d.p"),
        ("ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE e.t WITHOUT VALIDATION", DdlVerb::Exchange, "d.p e.t"),
        ("ALTER TABLE p CONVERT PARTITION p0 TO TABLE t", DdlVerb::Purge, "d.p d.t"),
        ("ALTER TABLE p CONVERT TABLE t TO PARTITION p0 VALUES LESS THAN (9)", DdlVerb::Purge, "d.p d.t"),
        ("ALTER TABLE t CONVERT TO CHARACTER SET latin1", DdlVerb::Alter, "d.t"),
        ("ALTER TABLE t COMMENT 'DROP PARTITION x', DROP `partition`", DdlVerb::Alter, "d.t"),
        ("CREATE OR REPLACE TABLE t (a INT)", DdlVerb::Replace, "d.t"),
        ("CREATE OR REPLACE DATABASE e", DdlVerb::DropDatabase, "e."),
        ("RENAME TABLE a WAIT 5 TO b, c NOWAIT TO e.d", DdlVerb::Rename, "d.a d.b d.c e.d"),
        ("DROP TABLE IF EXISTS a, e.b CASCADE", DdlVerb::Drop, "d.a e.b"),
        ("DROP TABLE a, b RESTRICT NOWAIT", DdlVerb::Drop, "d.a d.b"),
        ("CREATE UNIQUE INDEX i ON t (a)", DdlVerb::Alter, "d.t"),
    ];
    for (text, verb, tables) in cases {
        assert_eq!(ddl(text), (verb, tables.to_owned()), "{text}");
    }
}

#[test]
fn temporary_tables_come_and_go_with_their_names() {
    let cases = [
        ("CREATE TEMPORARY TABLE x (a INT)", DdlVerb::Create, "d.x"),
        ("CREATE OR REPLACE TEMPORARY TABLE e.x SELECT 1", DdlVerb::Create, "e.x"),
        ("CREATE TEMPORARY TABLE IF NOT EXISTS x LIKE y", DdlVerb::Create, "d.x"),
        ("CREATE TEMPORARY SEQUENCE s", DdlVerb::Create, "d.s"),
        ("DROP TEMPORARY TABLE IF EXISTS x", DdlVerb::Drop, "d.x"),
        ("DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `x`,`e`.`y`", DdlVerb::Drop, "d.x e.y"),
        ("DROP TEMPORARY TABLE x y", DdlVerb::Drop, ""),
    ];
    for (text, verb, tables) in cases {
        let Meaning::Temporary(ddl) = read(text) else { panic!("{text}: {:?}", read(text)) };
        assert_eq!((ddl.verb, words(&ddl)), (verb, tables.to_owned()), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_has_a_meaning(text in proptest::collection::vec(any::<u8>(), 0..80), words in proptest::collection::vec(0..20_usize, 0..12)) {
        let all = ["SET", "STATEMENT", "FOR", "ALTER", "TABLE", "t", "DROP", "PARTITION", "(", ")", ",", ";", "EXCHANGE",
            "WITH", "IF", "EXISTS", "RENAME", "TO", "/*!", "*/"];
        let mut bytes = words.iter().map(|word| all[*word]).collect::<Vec<_>>().join(" ").into_bytes();
        bytes.extend(text);
        let _ = meaning(&Query { server: 1, thread: 1, schema: b"d", text: &bytes, dialect: Dialect::default() });
    }
}
