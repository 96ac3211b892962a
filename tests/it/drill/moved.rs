//! Definitions that only the log tells: random CREATE and ALTER statements, then work, and only the work is undone. The
//! state before it comes back, or the script is refused; another state is never right.

use std::collections::BTreeMap;

use crate::drill::columns::{self, Kind};
use crate::drill::random::Random;
use crate::drill::state::{difference, state};
use crate::drill::tables::{Column, Table, tables};
use crate::drill::work::{rows, work};
use crate::drill::{Ask, Stopped, alone, apply, logs_since, mark, run, undo};
use crate::support::databases::{Product, Server};

const DATABASE: &str = "moved";

/// Spellings of types that say less, or more, than they seem to.
const SPELLINGS: [&str; 38] = [
    "NATIONAL VARCHAR(20)",
    "NCHAR(9)",
    "NVARCHAR(8)",
    "NATIONAL CHAR VARYING(7)",
    "CHAR(9) BYTE",
    "CHARACTER VARYING(12)",
    "VARCHAR(10) ASCII",
    "VARCHAR(10) UNICODE",
    "VARCHAR(9) BINARY",
    "TEXT BINARY",
    "LONG VARCHAR",
    "LONG",
    "TEXT(300)",
    "TEXT(70000)",
    "CHAR",
    "LONG VARBINARY",
    "BLOB(300)",
    "BINARY",
    "CHAR(5) CHARSET ucs2",
    "VARCHAR(20) CHARSET binary",
    "ENUM('a','b') CHARSET binary",
    "INT1",
    "INT2 UNSIGNED",
    "INT3",
    "MIDDLEINT UNSIGNED",
    "INT8",
    "BOOL",
    "DEC(9,2)",
    "FIXED(8,3)",
    "NUMERIC(7)",
    "FLOAT4",
    "FLOAT8",
    "DOUBLE PRECISION",
    "REAL",
    "FLOAT(30)",
    "TIMESTAMP",
    "DATE",
    "VARCHAR(20) COLLATE latin1_german2_ci",
];

/// Modes in which the same text may define another table.
const MODES: [&str; 7] =
    ["", "", "ANSI_QUOTES", "REAL_AS_FLOAT", "NO_BACKSLASH_ESCAPES", "PAD_CHAR_TO_FULL_LENGTH", "ANSI"];

/// What holds a value for a type of [`SPELLINGS`].
fn kind_of(declared: &str) -> Kind {
    match declared.split(['(', ' ']).next().unwrap() {
        "INT1" | "BOOL" => Kind::Int { bits: 8, unsigned: false },
        "INT2" => Kind::Int { bits: 16, unsigned: true },
        "INT3" => Kind::Int { bits: 24, unsigned: false },
        "MIDDLEINT" => Kind::Int { bits: 24, unsigned: true },
        "INT8" => Kind::Int { bits: 64, unsigned: false },
        "DEC" => Kind::Decimal { precision: 9, scale: 2, unsigned: false },
        "FIXED" => Kind::Decimal { precision: 8, scale: 3, unsigned: false },
        "NUMERIC" => Kind::Decimal { precision: 7, scale: 0, unsigned: false },
        "FLOAT4" | "FLOAT8" | "DOUBLE" | "REAL" | "FLOAT" => Kind::Float,
        "TIMESTAMP" => Kind::Timestamp(0),
        "DATE" => Kind::Date,
        "BLOB" | "BINARY" => Kind::Bytes { longest: 1, fixed: false },
        "ENUM" => Kind::Enum(vec!["a".into(), "b".into()]),
        _ if declared.contains("BYTE") || declared.contains("VARBINARY") || declared.contains("binary") => {
            Kind::Bytes { longest: 9, fixed: false }
        }
        _ => Kind::Text { charset: "latin1", longest: if declared == "CHAR" { 1 } else { 5 } },
    }
}

fn any(random: &mut Random, product: Product) -> (Kind, String) {
    if random.one_in(2) {
        return columns::any(random, product);
    }
    let declared = match (product, random.below(12)) {
        (Product::Mariadb, 0) => "VARCHAR(9) COLLATE uca1400_ai_ci",
        (Product::Mariadb, 1) => "VARCHAR(9) CHARACTER SET ucs2 COLLATE uca1400_as_cs",
        _ => *random.pick(&SPELLINGS),
    };
    (kind_of(declared), declared.to_owned())
}

/// Statements around definitions, each with what it makes of a table if the server takes it.
fn alter(random: &mut Random, product: Product, table: &Table, nth: u64) -> (String, Vec<Column>, String) {
    let mut columns: Vec<Column> = table.columns.iter().map(copied).collect();
    let (name, mut actions) = (table.name.clone(), vec![]);
    for step in 0..random.between(1, 3) {
        actions.push(action(random, product, &mut columns, nth * 10 + step));
    }
    (actions.join(", "), columns, name)
}

fn copied(column: &Column) -> Column {
    Column { name: column.name.clone(), kind: column.kind.clone(), ..*column }
}

fn place(random: &mut Random, columns: &[Column]) -> String {
    match random.below(3) {
        0 => String::new(),
        1 => " FIRST".to_owned(),
        _ => format!(" AFTER {}", random.pick::<Column>(columns).name),
    }
}

fn action(random: &mut Random, product: Product, columns: &mut Vec<Column>, id: u64) -> String {
    let at = random.below(columns.len() as u64) as usize;
    let (name, fresh) = (columns[at].name.clone(), format!("`n{id}`"));
    match random.below(14) {
        0..=3 => {
            let ((kind, declared), place) = (any(random, product), place(random, columns));
            let (required, is_auto, in_key) = (false, false, false);
            columns.push(Column { name: fresh.clone(), kind: Some(kind), required, is_auto, in_key });
            format!("ADD COLUMN {fresh} {declared}{place}")
        }
        4 | 5 => {
            columns.remove(at);
            format!("DROP COLUMN {name}")
        }
        6 => {
            columns[at].name.clone_from(&fresh);
            format!("RENAME COLUMN {name} TO {fresh}")
        }
        7 => {
            let ((kind, declared), place) = (any(random, product), place(random, columns));
            columns[at].name.clone_from(&fresh);
            columns[at].kind = Some(kind);
            format!("CHANGE {name} {fresh} {declared}{place}")
        }
        8 | 9 => {
            let ((kind, declared), place) = (any(random, product), place(random, columns));
            columns[at].kind = Some(kind);
            format!("MODIFY {name} {declared}{place}")
        }
        10 => format!("DEFAULT CHARACTER SET {}", random.pick(&["latin1", "utf8mb4", "ucs2", "utf8mb3"])),
        11 => format!("CONVERT TO CHARACTER SET {}", random.pick(&["utf8mb4", "utf8mb3", "utf16"])),
        12 => {
            (*random.pick(&["DROP PRIMARY KEY", "COMMENT 'it''s, DROP COLUMN x'", "FORCE", "AUTO_INCREMENT=77"])).into()
        }
        _ => format!("ADD KEY {fresh} ({name})"),
    }
}

/// What a connection does to a temporary table that has the name of another: nothing happens to that one.
fn temporary(random: &mut Random, product: Product, table: &Table, nth: u64) -> String {
    let name = &table.name;
    let (actions, ..) = alter(random, product, table, nth);
    let format = random.pick(&["MIXED", "STATEMENT"]);
    let end = match random.below(4) {
        0 => String::new(),
        1 => format!("DROP TABLE {name}"),
        2 => format!("ALTER TABLE {name} RENAME `passed`"),
        _ => format!("DROP TEMPORARY TABLE {name}"),
    };
    format!(
        "SET SESSION binlog_format={format};\nCREATE TEMPORARY TABLE `passing` LIKE {name};\n\
         ALTER TABLE `passing` RENAME {name};\nALTER TABLE {name} {actions};\n{end}"
    )
}

/// Defines tables in a log; what they are then.
fn define(server: &Server, random: &mut Random, session: &str) -> Vec<Table> {
    let charset = *random.pick(&["", " CHARACTER SET latin1", " CHARACTER SET utf8mb4", " CHARACTER SET gbk"]);
    server.sql(&format!("DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE}{charset}"));
    let takes = |text: &str| {
        let text = format!("{session}USE {DATABASE};\n{text};\n");
        run(server, &["--default-character-set=utf8mb4"], &text).status.success()
    };
    let mut made = vec![];
    for mut table in tables(random, server.product) {
        for nth in 0..random.below(3) {
            let (kind, declared) = any(random, server.product);
            let name = format!("`s{nth}`");
            let with = table.create.replacen("(\n", &format!("(\n  {name} {declared},\n"), 1);
            table.create = with;
            table.columns.push(Column { name, kind: Some(kind), required: false, is_auto: false, in_key: false });
        }
        if takes(table.create.trim_end().trim_end_matches(';')) {
            made.push(table);
        }
    }
    let filled = rows(random, &made);
    run(server, &["--force", "--default-character-set=utf8mb4"], &format!("USE {DATABASE};\n{filled}"));
    for nth in 0..random.between(1, 6) {
        if made.is_empty() {
            break;
        }
        let at = random.below(made.len() as u64) as usize;
        if random.one_in(6) {
            let name = format!("`r{nth}`");
            let old = made[at].name.clone();
            let text = match random.below(3) {
                0 => format!("RENAME TABLE {old} TO {name}"),
                1 => format!("ALTER TABLE {old} RENAME {name}"),
                _ => format!("RENAME TABLE {old} TO `passing`, `passing` TO {name}"),
            };
            if takes(&text) {
                made[at].name = name;
            }
            continue;
        }
        if random.one_in(8) {
            takes(&temporary(random, server.product, &made[at], nth));
            continue;
        }
        let (actions, columns, name) = alter(random, server.product, &made[at], nth);
        let front = match (server.product, random.below(6)) {
            (Product::Mariadb, 0) => "SET STATEMENT max_statement_time=60 FOR ALTER TABLE",
            (Product::Mariadb, 1) => "ALTER ONLINE TABLE",
            (Product::Mariadb, 2) => "ALTER TABLE IF EXISTS",
            (_, 3) => "ALTER /* TABLE x */ TABLE",
            (_, 4) => "ALTER /*!50000 TABLE */",
            _ => "ALTER TABLE",
        };
        if takes(&format!("{front} {name} {actions}")) {
            made[at].columns = columns;
        }
    }
    made
}

fn settings(random: &mut Random, product: Product) -> (String, String) {
    let metadata = match (product, random.below(4)) {
        (_, 0) => "FULL",
        (Product::Mariadb, 1 | 2) => "NO_LOG",
        _ => "MINIMAL",
    };
    let explicit = u8::from(!random.one_in(3));
    let (mode, phases) = (*random.pick(&MODES), random.below(2));
    let more = match (product, random.one_in(3)) {
        (Product::Mariadb, _) => format!("SET SESSION binlog_alter_two_phase={phases};\n"),
        (Product::Mysql, true) => "SET SESSION sql_generate_invisible_primary_key=1;\n".to_owned(),
        (Product::Mysql, false) => String::new(),
    };
    let session = format!("SET SESSION explicit_defaults_for_timestamp={explicit}, sql_mode='{mode}';\n{more}");
    (format!("SET GLOBAL binlog_row_metadata={metadata}"), session)
}

fn drill(server: &Server, seed: u64, told: &mut BTreeMap<String, usize>) {
    let mut random = Random::new(seed ^ 0x006d_6f76_6564);
    let (globals, session) = settings(&mut random, server.product);
    server.sql(&globals);
    let first = mark(server);
    let tables = define(server, &mut random, &session);
    assert!(!tables.is_empty(), "{:?}, seed {seed}: no table was made", server.product);
    let (second, before) = (mark(server), state(server, DATABASE));
    let work = work(&mut random, server.product, &tables, "one");
    let image = "SET sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES', foreign_key_checks=1;\n";
    run(server, &["--force", "--default-character-set=utf8mb4"], &format!("{image}USE {DATABASE};\n{work}"));
    let number = |log: &str| log.rsplit('.').next().and_then(|digits| digits.parse::<u32>().ok()).unwrap();
    let logs = logs_since(server, &first);
    let ask = Ask { from_file: number(&second) - number(&first), ..Ask::default() };
    let story = || {
        let text = |log: &Vec<u8>| {
            let text = String::from_utf8_lossy(log).into_owned();
            let lines = text.split(['\0', '\u{1}']).filter(|line| line.contains("TABLE") && line.len() > 12);
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        format!("{:?}, seed {seed}, {globals}, {session}{}", server.product, logs.iter().map(text).collect::<String>())
    };
    let undone = match undo(&logs, b"", &ask) {
        Ok(undone) if undone.changes == 0 => return,
        Ok(undone) => undone,
        Err(Stopped::Refused(refused)) => {
            refused.iter().take(1).for_each(|refusal| *told.entry(refusal.reason.to_string()).or_default() += 1);
            return;
        }
        Err(Stopped::Damaged(error)) => panic!("{error}: {}", story()),
    };
    if let Err(why) = apply(server, &undone.text) {
        let why = why.chars().take(300).collect::<String>();
        panic!("not applied: {why}\n{}", story());
    }
    let now = state(server, DATABASE);
    assert!(now == before, "another state: {}{}", difference(&before, &now), story());
    *told.entry("undone".to_owned()).or_default() += 1;
}

/// `BREAKGLASS_SEEDS` says how many, `BREAKGLASS_SEED` names a single one.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("BREAKGLASS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BREAKGLASS_SEEDS").unwrap_or(12),
    }
}

fn drilled(server: &Server) -> Vec<String> {
    let (mut told, mut failed) = (BTreeMap::new(), vec![]);
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drill(server, seed, &mut told)));
        if let Err(why) = outcome {
            failed.push(why.downcast_ref::<String>().cloned().unwrap_or_default());
        }
    }
    println!("{:?}: {told:#?}, {} failed", server.product, failed.len());
    let undone = told.get("undone").copied().unwrap_or_default();
    let all = told.values().sum::<usize>();
    if failed.is_empty() && all > 6 {
        assert!(2 * undone >= all, "most definitions can be followed: {told:#?}");
    }
    failed
}

#[test]
fn definitions_that_only_the_log_tells_undo_exactly_or_refuse() {
    let servers = alone();
    let failed: Vec<_> = servers.iter().flat_map(|server| drilled(server)).collect();
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n\n"));
}
