//! Dumps on real servers: what comes out of a restore, and what keeps one server from taking another's dump.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod archives;
mod archives_more;
mod console;
mod defects;
mod escapes;
mod files;
mod hostile;
mod loads;
mod own_server;
mod plans;

use std::fs;
use std::path::PathBuf;

use breakglass::model::dump::{Construct, DumpUses};
use breakglass::model::foreign::Foreign;
use breakglass::model::plan::Stance;
use breakglass::model::sink::Flavor;
use breakglass::server::compat::foreign_to;
use breakglass::server::{Connection, LoadError, connect};
use breakglass::sql::lexer::{Collect, CollectSink, LexError, Limits, PieceKind, Splitter, StatementEnd, Tail};

use crate::support::databases::{Database, Product, server, servers};
use crate::support::root;

/// A dump of the vectors, and the product that wrote it.
const DUMPS: [(&str, Product); 3] =
    [("mysql97", Product::Mysql), ("mysql97-rsa2048", Product::Mysql), ("mariadb1011", Product::Mariadb)];

fn vector(path: &str) -> PathBuf {
    root().join("tests/it/vectors/dbacked").join(path)
}

fn dump(name: &str) -> Vec<u8> {
    fs::read(vector(&format!("plain/{name}.sql"))).unwrap()
}

fn expected(name: &str) -> String {
    fs::read_to_string(vector(&format!("expected/{name}.canon"))).unwrap()
}

/// Every statement of a dump as the loader gets it.
fn statements(dump: &[u8]) -> Vec<Vec<u8>> {
    #[derive(Default)]
    struct All(Vec<Vec<u8>>);
    impl CollectSink for All {
        fn whole(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError> {
            if end.kind == PieceKind::Statement {
                self.0.push(std::mem::take(text));
            }
            Ok(())
        }
    }
    let (mut splitter, mut all) = (Splitter::new(Limits::default()), Collect::new(1 << 30, All::default()));
    splitter.feed(dump, &mut all).unwrap();
    assert_eq!(splitter.finish(&mut all).unwrap(), Tail::Clean);
    all.into_sink().0
}

async fn inside(database: &Database) -> Connection {
    let mut connection = connect(&database.server.reference(), None).await.unwrap();
    connection.enter_database(&database.foreign()).await.unwrap();
    connection
}

/// Loads everything it can; the numbers of the errors in their order, without repetition.
async fn errors(database: &Database, dump: &[u8]) -> Vec<u16> {
    let mut connection = inside(database).await;
    let mut codes = vec![];
    for statement in statements(dump) {
        match connection.load(&statement).await {
            Ok(_) => {}
            Err(LoadError::Refused(reduced)) if !codes.contains(&reduced.code) => codes.push(reduced.code),
            Err(LoadError::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    connection.still_in(&database.foreign()).await.unwrap();
    codes
}

#[tokio::test]
async fn the_stock_client_restores_each_dump_to_the_expected_rows() {
    for (name, product) in DUMPS {
        let Some(server) = server(product) else { continue };
        let database = server.database();
        database.load_by_client(&dump(name)).unwrap();
        assert_eq!(database.canon(), expected(name), "{name}");
    }
}

#[tokio::test]
async fn the_loader_restores_each_dump_to_the_expected_rows() {
    for (name, product) in DUMPS {
        let Some(server) = server(product) else { continue };
        let database = server.database();
        assert_eq!(errors(&database, &dump(name)).await, [0; 0], "{name}");
        assert_eq!(database.canon(), expected(name), "{name}");
        let theirs = server.database();
        theirs.load_by_client(&dump(name)).unwrap();
        assert_eq!(inventory(&database), inventory(&theirs), "{name}");
    }
}

/// Views, triggers, routines and events with their text, which the rows do not show.
fn inventory(database: &Database) -> String {
    let name = &database.name;
    database
        .sql(&format!(
            "SELECT 'view', TABLE_NAME, VIEW_DEFINITION, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA='{name}' ORDER BY 2;
             SELECT 'trigger', TRIGGER_NAME, ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='{name}' ORDER BY 2;
             SELECT 'routine', ROUTINE_NAME, ROUTINE_DEFINITION, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='{name}' ORDER BY 2;
             SELECT 'event', EVENT_NAME, EVENT_DEFINITION, SQL_MODE FROM information_schema.EVENTS WHERE EVENT_SCHEMA='{name}' ORDER BY 2;"
        ))
        .replace(name, "DATABASE")
}

/// What the fixtures use, as a census would say it.
fn uses(name: &str) -> DumpUses {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mysql = name != "mariadb1011";
    let collations: &[&str] =
        if mysql { &["latin1_swedish_ci", "utf8mb4_0900_ai_ci"] } else { &["latin1_swedish_ci", "utf8mb4_general_ci"] };
    DumpUses {
        made_by: Some(if mysql { Flavor::Mysql } else { Flavor::Mariadb }),
        collations: words(collations),
        charsets: words(&["ascii", "latin1", "utf8mb4"]),
        engines: words(&["innodb"]),
        sql_modes: words(if mysql {
            &["NO_AUTO_VALUE_ON_ZERO"]
        } else {
            &["NO_AUTO_CREATE_USER", "NO_AUTO_VALUE_ON_ZERO"]
        }),
        definers: vec![Foreign::from("root@127.0.0.1")],
        constructs: if name == "mysql97-with-gtid" { vec![Construct::GtidPurged] } else { vec![] },
        generated_tables: vec![Foreign::from("users")],
        longest_statement: 100_000,
    }
}

#[tokio::test]
async fn findings_before_the_restore_are_the_errors_that_it_would_meet() {
    // 1146 only follows from a table that could not be made.
    let cases = [
        ("mysql97", Product::Mariadb, vec!["unknown_collation"], vec![1273, 1146]),
        ("mysql97-with-gtid", Product::Mariadb, vec!["unknown_collation"], vec![1193, 1273, 1146]),
        ("mariadb1011", Product::Mysql, vec!["unknown_sql_mode", "generated_columns"], vec![3105, 1231]),
    ];
    for (name, product, stops, codes) in cases {
        let Some(server) = server(product) else { continue };
        let facts = connect(&server.reference(), None).await.unwrap().probe().await.unwrap();
        let findings = foreign_to(&facts, &uses(name));
        let found: Vec<_> = findings.iter().filter(|f| f.stance == Stance::Stops).map(|f| f.code.as_str()).collect();
        assert_eq!(found, stops, "{name}");
        assert_eq!(errors(&server.database(), &dump(name)).await, codes, "{name}");
    }
}

#[tokio::test]
async fn a_server_finds_nothing_foreign_in_its_own_dump() {
    for server in servers() {
        let facts = connect(&server.reference(), None).await.unwrap().probe().await.unwrap();
        let name = if server.product == Product::Mysql { "mysql97" } else { "mariadb1011" };
        assert_eq!(foreign_to(&facts, &uses(name)), [], "{name}");
    }
}

#[tokio::test]
async fn a_collation_put_in_place_of_the_unknown_one_is_all_that_mariadb_needs() {
    let Some(server) = server(Product::Mariadb) else { return };
    let database = server.database();
    let known = String::from_utf8(dump("mysql97")).unwrap().replace("utf8mb4_0900_ai_ci", "utf8mb4_general_ci");
    assert_eq!(errors(&database, known.as_bytes()).await, [0; 0]);
    assert_eq!(database.canon(), expected("mysql97"));
}

/// A statement that one product understands and the other does not, and the construct it stands for.
const CONSTRUCTS: [(Construct, Product, &str); 8] = [
    (Construct::MariadbTableOptions, Product::Mariadb, "CREATE TABLE t (a INT) ENGINE=InnoDB `PAGE_COMPRESSED`='1'"),
    (Construct::MariadbTypes, Product::Mariadb, "CREATE TABLE t (a uuid DEFAULT NULL, b inet6 DEFAULT NULL)"),
    (Construct::BareDefaultExpressions, Product::Mariadb, "CREATE TABLE t (a varchar(40) DEFAULT uuid())"),
    (Construct::KeysOnExpressions, Product::Mysql, "CREATE TABLE t (a INT, KEY k (((`a` + 1))))"),
    (Construct::Sequences, Product::Mariadb, "CREATE SEQUENCE `s` start with 1 increment by 1 ENGINE=InnoDB"),
    (Construct::SystemVersioning, Product::Mariadb, "CREATE TABLE t (a INT) WITH SYSTEM VERSIONING"),
    (Construct::Vectors, Product::Mysql, "CREATE TABLE t (v vector(3) DEFAULT NULL)"),
    (
        Construct::GtidPurged,
        Product::Mysql,
        "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '23771871-e5ee-11f1-869b-02fc00000001:1-7'",
    ),
];

#[tokio::test]
async fn each_construct_works_where_no_finding_stops_it_and_fails_elsewhere() {
    for server in servers() {
        let facts = connect(&server.reference(), None).await.unwrap().probe().await.unwrap();
        for (construct, product, statement) in CONSTRUCTS {
            let database = server.database();
            let outcome = inside(&database).await.load(statement.as_bytes()).await;
            assert_eq!(outcome.is_ok(), server.product == product, "{statement}: {outcome:?}");
            let found = foreign_to(&facts, &DumpUses { constructs: vec![construct], ..DumpUses::default() });
            let stops = found.iter().any(|finding| finding.stance == Stance::Stops);
            let dropped = found.iter().any(|finding| finding.chosen == "drop");
            assert_eq!(
                stops || dropped,
                outcome.is_err() || construct == Construct::GtidPurged,
                "{construct:?} {found:?}"
            );
        }
    }
}
