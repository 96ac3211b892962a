//! JSON documents with values of every type, undone: what comes back is the same in every byte of its binary form.

use std::collections::BTreeMap;
use std::fmt::Write;

use breakglass::change::frame::Limits;
use breakglass::change::rows::{Cell, RowCells};
use breakglass::change::transactions::{Item, Transactions};
use breakglass::change::undo::{Direction, Request};

use crate::drill::random::Random;
use crate::drill::scene::{SCENE, Scene, each};
use crate::drill::{apply, logs_since, mark};
use crate::support::databases::{Product, Server};

/// Keys as SQL writes them: quotes, backslashes, controls, what is beyond 16 bits, nothing, long.
const KEYS: [&str; 12] = [
    "'a'",
    "''",
    "' '",
    "'it''s'",
    "_utf8mb4 X'61225C2262'",
    "_utf8mb4 X'5C5C'",
    "_utf8mb4 X'00010A0D1F7F'",
    "_utf8mb4 X'F09F9880E8A1A8'",
    "'$.a[0]'",
    "_utf8mb4 X'5C7530303431'",
    "'*'",
    "REPEAT('long ',40)",
];

fn leaf(random: &mut Random) -> String {
    let number = random.bits() >> random.below(64);
    let time = |random: &mut Random| {
        let (minutes, seconds, micros) = (random.below(60), random.below(60), random.below(1_000_000));
        format!("{minutes:02}:{seconds:02}.{micros:06}")
    };
    let day = |random: &mut Random| {
        let (year, month, day) = (random.between(1971, 2037), random.between(1, 12), random.between(1, 28));
        format!("{year:04}-{month:02}-{day:02}")
    };
    match random.below(16) {
        0..=3 => format!("CAST({number} AS UNSIGNED)"),
        4 => (number as i64).to_string(),
        5 => {
            let number = f64::from_bits(random.bits());
            if number.is_finite() { format!("{number:e}") } else { "-0e0".to_owned() }
        }
        6 => {
            let (whole, scale) = (random.between(1, 35), random.below(31));
            let fraction = "5".repeat(random.between(1, scale.max(1)) as usize);
            let sign = if random.one_in(2) { "-" } else { "" };
            // Once by itself, once out of a column: casts keep zeros in front that only their size tells of.
            if random.one_in(2) {
                format!("{sign}{}.{fraction}", 1 + number % 999)
            } else {
                let (digit, precision) = (number % 10, whole + scale);
                format!(
                    "(SELECT v FROM JSON_TABLE('[\"{sign}{digit}.{fraction}\"]','$[0]' COLUMNS(v \
                     DECIMAL({precision},{scale}) PATH '$')) d)"
                )
            }
        }
        7 => format!("CAST('{}' AS DATE)", random.pick(&["2020-02-29", "0000-00-00", "2021-02-31", "9999-12-31"])),
        8 => {
            let hours = random.below(838);
            format!("CAST('{}{hours}:{}' AS TIME(6))", random.pick(&["", "-"]), time(random))
        }
        9 => format!("CAST('{} {:02}:{}' AS DATETIME(6))", day(random), random.below(24), time(random)),
        10 => format!(
            "(SELECT v FROM JSON_TABLE('[\"{} {:02}:{}\"]','$[0]' COLUMNS(v TIMESTAMP(6) PATH '$')) d)",
            day(random),
            random.below(24),
            time(random)
        ),
        11 => format!("X'{}'", "00FF27".repeat(random.below(40) as usize)),
        12 => (*random.pick(&["TRUE", "FALSE", "NULL", "CAST('null' AS JSON)"])).to_owned(),
        13 => {
            (*random.pick(&["18446744073709551615", "9223372036854775808", "0e0", "-0e0", "1e300", "1e0"])).to_owned()
        }
        14 => (*random.pick(&["CAST(0 AS UNSIGNED)", "CAST(9223372036854775807 AS UNSIGNED)"])).to_owned(),
        _ => (*random.pick(&["'text'", "''", "'5'", "_utf8mb4 X'225C0A27F09F9880'"])).to_owned(),
    }
}

fn document(random: &mut Random, depth: u32) -> String {
    if depth > 4 || random.one_in(3) {
        return leaf(random);
    }
    let count = random.below(6);
    let is_object = random.one_in(2);
    let member = |random: &mut Random| {
        let value = document(random, depth + 1);
        if is_object { format!("{},{value}", random.pick(&KEYS)) } else { value }
    };
    let members: Vec<String> = (0..count).map(|_| member(random)).collect();
    format!("{}({})", if is_object { "JSON_OBJECT" } else { "JSON_ARRAY" }, members.join(","))
}

/// As a whole document: a value by itself needs a cast, and NULL is none.
fn whole(random: &mut Random) -> String {
    match document(random, 0) {
        text if text.starts_with("JSON_") => text,
        text if text == "TRUE" || text == "FALSE" || text.contains('\'') && !text.starts_with(['C', 'X', '(']) => {
            format!("JSON_EXTRACT(JSON_ARRAY({text}),'$[0]')")
        }
        text => format!("CAST({text} AS JSON)"),
    }
}

/// The binary forms of the column behind the number, by that number, as logs have them in one of their images.
fn binaries(logs: &[Vec<u8>], is_before: bool) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for log in logs {
        let mut log = Transactions::new(&log[..], 0, Limits::default());
        while let Some(item) = log.next().unwrap() {
            let Item::Rows(item) = item else { continue };
            let (mut rows, mut cells) = (item.event.rows(), RowCells { before: vec![], after: vec![] });
            while rows.read(&mut cells).unwrap() {
                let image = if is_before { &cells.before } else { &cells.after };
                let bytes = |at: usize| match image.get(at) {
                    Some(Cell::Bytes(bytes)) => Some(bytes.to_vec()),
                    _ => None,
                };
                if let Some(id) = bytes(0) {
                    found.insert(id, bytes(1));
                }
            }
        }
    }
    found
}

fn types(server: &Server) -> String {
    server.sql(&format!(
        "SELECT id, JSON_TYPE(j), j, JSON_TYPE(JSON_EXTRACT(j,'$[0]')), JSON_TYPE(JSON_EXTRACT(j,'$[1]')), \
         JSON_TYPE(JSON_EXTRACT(j,'$.a')), JSON_TYPE(JSON_EXTRACT(j,'$.b')) FROM {SCENE}.t ORDER BY id"
    ))
}

/// What was deleted comes back the same in every byte, and as each value's type.
fn assert_same(server: &'static Server, stage: &str, damage: &str) -> String {
    let scene = Scene::new(server, stage, damage);
    let (undo, first) = (scene.script(), mark(server));
    apply(server, &undo.text).unwrap_or_else(|why| panic!("{why}"));
    scene.assert_restored();
    let (then, now) = (binaries(&scene.logs, true), binaries(&logs_since(server, &first), false));
    assert!(!then.is_empty());
    for (id, document) in &then {
        assert_eq!(now.get(id), Some(document), "{id:?}");
    }
    undo.text
}

fn mysql(with: impl Fn(&'static Server)) {
    each(|server| {
        if server.product == Product::Mysql {
            with(server);
        }
    });
}

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, j JSON);";

#[test]
fn d09_values_of_all_types_in_documents_come_back_in_every_byte() {
    let seeds = std::env::var("BREAKGLASS_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    mysql(|server| {
        for seed in 0..seeds {
            let mut random = Random::new(seed);
            let mut stage = format!("SET time_zone='+00:00'; {TABLE}");
            for id in 0..60 {
                let _ = write!(stage, "INSERT INTO t SELECT {id}, {};", whole(&mut random));
            }
            server.sql(&format!("DROP DATABASE IF EXISTS {SCENE}; CREATE DATABASE {SCENE};"));
            let text = assert_same(server, &stage, "DELETE FROM t;");
            assert!(text.contains("JSON_REPLACE("));
        }
    });
}

#[test]
fn d09_an_update_that_changes_nothing_but_types_is_undone_and_done_again() {
    mysql(|server| {
        let stage = format!(
            "{TABLE} ALTER TABLE t ADD n INT; INSERT INTO t SELECT 1, JSON_ARRAY(CAST(5 AS UNSIGNED), -5), 0; \
             INSERT INTO t SELECT 2, CAST(CAST(7 AS UNSIGNED) AS JSON), 0; \
             INSERT INTO t SELECT 3, JSON_OBJECT('a', X'00', 'b', 1.50), 0;"
        );
        // To a server the documents by themselves are equal, and it would not log anything.
        let damage = "UPDATE t SET n=1, j='[5, -5]' WHERE id=1; UPDATE t SET n=1, j='7' WHERE id=2; \
            UPDATE t SET n=1, j=JSON_SET(j,'$.c',CAST(1 AS UNSIGNED)) WHERE id=3;";
        let text = assert_same(server, &stage, damage);
        assert_eq!(text.matches("UPDATE ").count(), 3, "{text}");
        assert!(types(server).starts_with("1\tARRAY\t[5, -5]\tUNSIGNED INTEGER\tINTEGER"), "{}", types(server));
        let scene = Scene::new(server, &stage, damage);
        let then = types(server);
        let redo = scene.undo_by(Request { direction: Direction::Redo, ..Request::default() }).unwrap();
        scene.restore();
        apply(server, &redo.text).unwrap();
        assert_eq!(types(server), then);
        // And with only what was done to a document in the log.
        let partial = format!("SET SESSION binlog_row_value_options='PARTIAL_JSON'; {damage}");
        Scene::new(server, &stage, &partial).restore();
        assert!(types(server).contains("2\tUNSIGNED INTEGER\t7"), "{}", types(server));
    });
}

#[test]
fn d09_deep_documents_and_those_with_many_such_values_come_back_and_too_many_are_refused() {
    mysql(|server| {
        let nested = |depth: usize, value: &str| format!("{}{value}{}", "JSON_ARRAY(".repeat(depth), ")".repeat(depth));
        let (deep, flat) = (nested(100, "CAST(5 AS UNSIGNED)"), nested(99, "JSON_OBJECT('k',CAST(5 AS UNSIGNED))"));
        let numbers = |count: usize| {
            format!(
                "WITH RECURSIVE n AS (SELECT CAST(1 AS UNSIGNED) v UNION ALL SELECT v+1 FROM n WHERE v<{count}) SELECT"
            )
        };
        let stage = format!(
            "SET cte_max_recursion_depth=100000; {TABLE} INSERT INTO t SELECT 1, {deep}; INSERT INTO t SELECT 2, {flat}; \
             INSERT INTO t {} 3, JSON_ARRAYAGG(v) FROM n; INSERT INTO t {} 4, JSON_OBJECTAGG(v, v) FROM n; \
             INSERT INTO t SELECT 5, JSON_ARRAY(X'{}', CAST(1 AS UNSIGNED));",
            numbers(5000),
            numbers(20_000),
            "00".repeat(65_535),
        );
        assert_same(server, &stage, "DELETE FROM t;");
        let many = format!(
            "SET cte_max_recursion_depth=100000; {TABLE} INSERT INTO t {} 1, JSON_ARRAYAGG(v) FROM n;",
            numbers(20_001)
        );
        let reasons = Scene::new(server, &many, "DELETE FROM t;").reasons();
        assert!(reasons.len() == 1 && reasons[0].contains("more values inside"), "{reasons:?}");
        let none = format!(
            "{TABLE} CREATE TABLE b (b BLOB, i BIT(9)); INSERT INTO b VALUES (X'00',b'1'); \
            INSERT INTO t SELECT 1, JSON_ARRAY(b) FROM b; INSERT INTO t SELECT 2, JSON_ARRAY(i) FROM b;"
        );
        let reasons = Scene::new(server, &none, "DELETE FROM t;").reasons();
        assert!(reasons.len() == 2 && reasons[0].contains("no expression makes"), "{reasons:?}");
    });
}
