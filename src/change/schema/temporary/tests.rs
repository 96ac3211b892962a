use super::*;
use crate::change::query::{Meaning, meaning};
use crate::change::schema::{Timeline, Unknown};

/// Statements of connections, one behind the other, each with its server and thread.
fn read(statements: &[(u32, u32, &str)]) -> Timeline {
    let mut timeline = Timeline::default();
    for (at, (server, thread, text)) in (1..).zip(statements) {
        let place = Place { file: at, ..Place::default() };
        if *text == "gap" {
            timeline.next_file(false);
            continue;
        }
        let query = Query {
            server: *server,
            thread: *thread,
            schema: b"d",
            text: text.as_bytes(),
            dialect: Default::default(),
        };
        match meaning(&query) {
            Meaning::Ddl(ddl) => timeline.follow(&ddl, &query, place),
            Meaning::Temporary(ddl) => timeline.temporary(&ddl, &query, place),
            other => panic!("{text}: {other:?}"),
        }
    }
    timeline
}

/// The columns of a table behind everything.
fn columns(timeline: &Timeline, table: &str) -> Result<String, Unknown> {
    let name = TableName { schema: b"d".to_vec(), table: table.into() };
    timeline.at(&name, Place { file: 99, ..Place::default() }).map(|facts| {
        let names = facts.columns.iter().map(|column| String::from_utf8_lossy(&column.name).into_owned());
        names.collect::<Vec<_>>().join(" ")
    })
}

const MADE: (u32, u32, &str) = (1, 1, "CREATE TABLE t (a INT, b INT)");
const TEMPORARY: (u32, u32, &str) = (1, 2, "CREATE TEMPORARY TABLE t (a INT, b INT)");
/// Statements, and what the columns of `t` are afterwards.
type Case<'c> = (&'c [(u32, u32, &'c str)], Result<&'c str, Unknown>);

const SWAPPED: &str = "ALTER TABLE t MODIFY b INT FIRST";

#[test]
fn a_name_is_doubtful_for_the_connection_that_has_a_temporary_table_of_it() {
    let cases: [Case<'_>; 14] = [
        (&[MADE, TEMPORARY, (1, 2, SWAPPED)], Err(Unknown::Lost)),
        (&[MADE, TEMPORARY, (1, 3, SWAPPED)], Ok("b a")),
        (&[MADE, TEMPORARY, (2, 2, SWAPPED)], Ok("b a")),
        (&[MADE, TEMPORARY, (1, 2, "DROP TEMPORARY TABLE t"), (1, 2, SWAPPED)], Ok("b a")),
        (&[MADE, TEMPORARY, (1, 2, "DROP TEMPORARY TABLE x y"), (1, 2, SWAPPED)], Err(Unknown::Lost)),
        (&[MADE, TEMPORARY, (1, 2, "ALTER TABLE t RENAME u, ADD c INT"), (1, 2, SWAPPED)], Err(Unknown::Lost)),
        (&[MADE, TEMPORARY, (1, 2, "TRUNCATE t")], Ok("a b")),
        (&[MADE, (1, 2, "CREATE TEMPORARY TABLE T (a INT)"), (1, 2, SWAPPED)], Err(Unknown::Lost)),
        (&[MADE, (1, 2, "CREATE TEMPORARY TABLE u (a INT)"), (1, 2, SWAPPED)], Ok("b a")),
        (&[TEMPORARY, (1, 2, "CREATE TABLE t (x INT)")], Ok("x")),
        (&[MADE, TEMPORARY, (0, 0, "gap"), (1, 2, SWAPPED)], Err(Unknown::Lost)),
        // It comes out late that it was one.
        (&[MADE, (1, 2, SWAPPED), (1, 2, "DROP TEMPORARY TABLE t")], Err(Unknown::Lost)),
        (&[MADE, (1, 2, SWAPPED), (1, 3, "DROP TEMPORARY TABLE t")], Ok("b a")),
        (&[(1, 2, "CREATE TABLE t (a INT, b INT)"), (1, 2, "DROP TEMPORARY TABLE IF EXISTS t")], Ok("a b")),
    ];
    for (statements, expected) in cases {
        assert_eq!(columns(&read(statements), "t"), expected.map(str::to_owned), "{statements:?}");
    }
}

#[test]
fn doubts_go_along_with_names() {
    let renamed = read(&[
        MADE,
        (1, 2, SWAPPED),
        (1, 3, "RENAME TABLE t TO u"),
        (1, 3, "CREATE TABLE v LIKE u"),
        (1, 2, "DROP TEMPORARY TABLE t"),
    ]);
    for name in ["t", "u", "v"] {
        assert_eq!(columns(&renamed, name), Err(Unknown::Lost), "{name}");
    }
    let like = read(&[MADE, TEMPORARY, (1, 2, "CREATE TABLE n LIKE t"), (1, 3, "CREATE TABLE m LIKE t")]);
    assert_eq!(columns(&like, "n"), Err(Unknown::Lost));
    assert_eq!(columns(&like, "m"), Ok("a b".to_owned()));
    assert_eq!(columns(&like, "t"), Ok("a b".to_owned()));
    let moved = read(&[
        (1, 1, "CREATE TABLE u (a INT, b INT)"),
        TEMPORARY,
        (1, 2, "ALTER TABLE t RENAME TO u"),
        (1, 2, "CREATE INDEX i ON u (a)"),
        (1, 2, "DROP TEMPORARY TABLE u"),
        (1, 2, "CREATE TABLE u (x INT)"),
    ]);
    assert_eq!(columns(&moved, "u"), Ok("x".to_owned()));
}

/// Whether a statement of connection 2 writes into a temporary table alone, behind others.
fn writes(statements: &[(u32, u32, &str)], text: &str) -> bool {
    let query = Query { server: 1, thread: 2, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
    read(statements).writes_temporary(&query)
}

#[test]
fn only_what_is_surely_temporary_hides_a_statement() {
    assert!(writes(&[TEMPORARY], "INSERT INTO t VALUES (1)"));
    assert!(writes(&[TEMPORARY], "UPDATE d.t SET a=1"));
    assert!(!writes(&[TEMPORARY], "UPDATE e.t SET a=1"));
    assert!(!writes(&[TEMPORARY], "INSERT INTO T VALUES (1)"));
    assert!(!writes(&[TEMPORARY, (0, 0, "gap")], "INSERT INTO t VALUES (1)"));
    assert!(!writes(&[TEMPORARY, (1, 2, "DROP TEMPORARY TABLE t")], "INSERT INTO t VALUES (1)"));
    assert!(!writes(&[TEMPORARY, (1, 2, "RENAME TABLE t TO u")], "INSERT INTO t VALUES (1)"));
    assert!(!writes(&[TEMPORARY, (1, 2, "RENAME TABLE t TO u")], "INSERT INTO u VALUES (1)"));
    assert!(writes(&[TEMPORARY, (1, 2, "ALTER TABLE t RENAME u")], "INSERT INTO u VALUES (1)"));
    assert!(!writes(&[TEMPORARY, (1, 2, "ALTER TABLE t RENAME u")], "INSERT INTO t VALUES (1)"));
    assert!(!writes(&[(1, 3, TEMPORARY.2)], "INSERT INTO t VALUES (1)"));
}

#[test]
fn too_many_names_are_no_names() {
    let mut temporaries = Temporaries::default();
    let ddl = |table: u32| Ddl {
        verb: DdlVerb::Create,
        tables: vec![TableName { schema: b"d".to_vec(), table: table.to_string().into() }],
        opens: false,
        only_if_missing: false,
    };
    let query = |thread| Query { server: 1, thread, schema: b"d", text: b"", dialect: Default::default() };
    for thread in 0..=NAMES as u32 {
        temporaries.see(&ddl(thread), &query(thread));
    }
    assert_eq!(temporaries.of(&query(7), &ddl(1).tables[0]), Is::Untold);
}
