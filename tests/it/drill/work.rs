//! Random statements in random transactions.

use crate::drill::columns::{self, Kind};
use crate::drill::random::Random;
use crate::drill::tables::{Column, Table};
use crate::support::databases::Product;

/// Rows to begin with.
pub fn rows(random: &mut Random, tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        for _ in 0..3 {
            let count = random.between(2, 8);
            text += &insert(random, "INSERT", table, count);
        }
        if random.one_in(3) {
            text += &doubled(table, 3);
        }
    }
    text
}

/// Work of a session: statements, transactions, savepoints, XA.
pub fn work(random: &mut Random, product: Product, tables: &[Table]) -> String {
    let mut text = String::new();
    for nth in 0..random.between(4, 9) {
        let inside: String = (0..random.between(1, 5)).map(|_| statement(random, product, tables)).collect();
        let more = statement(random, product, tables);
        text += &match random.below(8) {
            0 | 1 => inside,
            2 | 3 => format!("BEGIN;\n{inside}COMMIT;\n"),
            4 => format!("BEGIN;\n{inside}ROLLBACK;\n"),
            5 => format!("BEGIN;\n{more}SAVEPOINT a;\n{inside}ROLLBACK TO SAVEPOINT a;\n{more}COMMIT;\n"),
            6 => {
                format!("BEGIN;\nSAVEPOINT `b c`;\n{inside}SAVEPOINT z;\n{more}RELEASE SAVEPOINT `b c`;\nCOMMIT;\n")
            }
            _ => {
                let end = if random.one_in(3) { "ROLLBACK" } else { "COMMIT" };
                format!(
                    "XA START 'x{nth}','b';\n{inside}XA END 'x{nth}','b';\nXA PREPARE 'x{nth}','b';\nXA {end} 'x{nth}','b';\n"
                )
            }
        };
    }
    text
}

fn statement(random: &mut Random, product: Product, tables: &[Table]) -> String {
    let table = random.pick(tables);
    match random.below(16) {
        0..=2 => {
            let count = random.between(1, 6);
            insert(random, "INSERT", table, count)
        }
        3 => insert(random, "REPLACE", table, 3),
        4 => upsert(random, table),
        5 => doubled(table, random.between(1, 4)),
        6..=10 => update(random, product, table),
        11 => shifted(random, table),
        12..=14 => delete(random, table),
        _ => joined(random, table, random_other(tables, table)),
    }
}

fn random_other<'t>(tables: &'t [Table], not: &Table) -> &'t Table {
    tables.iter().find(|table| table.name != not.name).unwrap_or(&tables[0])
}

fn values(random: &mut Random, chosen: &[(&Column, &Kind)]) -> String {
    let values = chosen.iter().map(|(column, kind)| {
        if !column.required && !column.is_auto && !column.in_key && random.one_in(5) && column.name != "`upd`" {
            return "NULL".to_owned();
        }
        if matches!(kind, Kind::Bit(4 | 8)) && matches!(column.name.as_str(), "`id`" | "`pid`") {
            return random.below(12).to_string();
        }
        columns::value(random, kind)
    });
    values.collect::<Vec<_>>().join(",")
}

fn insert(random: &mut Random, verb: &str, table: &Table, count: u64) -> String {
    let chosen: Vec<_> = table
        .settable()
        .filter(|(column, _)| column.required || random.below(4) > u64::from(column.is_auto) * 2)
        .collect();
    if chosen.is_empty() {
        return format!("{verb} INTO {} () VALUES ();\n", table.name);
    }
    let names: Vec<_> = chosen.iter().map(|(column, _)| column.name.as_str()).collect();
    let rows: Vec<_> = (0..count).map(|_| format!("({})", values(random, &chosen))).collect();
    format!("{verb} INTO {} ({}) VALUES {};\n", table.name, names.join(","), rows.join(","))
}

fn upsert(random: &mut Random, table: &Table) -> String {
    let insert = insert(random, "INSERT", table, 2);
    let set = assignments(random, table, 2);
    if set.is_empty() {
        return insert;
    }
    format!("{} ON DUPLICATE KEY UPDATE {set};\n", insert.trim_end().trim_end_matches(';'))
}

/// The same rows once more: where nothing is unique, equal ones.
fn doubled(table: &Table, limit: u64) -> String {
    let names: Vec<_> =
        table.settable().filter(|(column, _)| !column.is_auto).map(|(column, _)| &*column.name).collect();
    let names = names.join(",");
    format!("INSERT INTO {0} ({names}) SELECT {names} FROM {0} LIMIT {limit};\n", table.name)
}

fn assignments(random: &mut Random, table: &Table, most: u64) -> String {
    let all: Vec<_> = table.settable().filter(|(column, _)| !column.in_key || random.one_in(6)).collect();
    if all.is_empty() {
        return String::new();
    }
    let chosen: Vec<_> = (0..random.between(1, most)).map(|_| *random.pick(&all)).collect();
    let set = chosen.iter().map(|one| format!("{}={}", one.0.name, values(random, std::slice::from_ref(one))));
    set.collect::<Vec<_>>().join(",")
}

fn filter(random: &mut Random) -> String {
    match random.below(5) {
        0 => String::new(),
        1 => " LIMIT 1".into(),
        _ => format!(" ORDER BY RAND({}) LIMIT {}", random.below(1000), random.between(1, 5)),
    }
}

fn update(random: &mut Random, product: Product, table: &Table) -> String {
    let documents: Vec<_> = table.settable().filter(|(_, kind)| **kind == Kind::Json).collect();
    if let (Product::Mysql, Some((column, _)), true) = (product, documents.first(), random.one_in(2)) {
        let name = &column.name;
        let change = match random.below(5) {
            0 => format!("JSON_SET({name}, '$.a', {}, '$.\"longer key\"', 'x')", random.below(100_000)),
            1 => format!("JSON_REPLACE({name}, '$.b', JSON_ARRAY(1, 'two', NULL), '$[0]', TRUE)"),
            2 => format!("JSON_REMOVE({name}, '$.a', '$[1]')"),
            3 => format!("JSON_REPLACE({name}, '$.a', 'y', '$.zz', REPEAT('z', {}))", random.below(300)),
            _ => format!("JSON_SET({name}, '$[2]', 1.5e0, '$.new', JSON_OBJECT('k', 9007199254740993))"),
        };
        return format!("UPDATE {} SET {name}={change}{};\n", table.name, filter(random));
    }
    let set = assignments(random, table, 3);
    if set.is_empty() { String::new() } else { format!("UPDATE {} SET {set}{};\n", table.name, filter(random)) }
}

/// Keys that move, all in one statement.
fn shifted(random: &mut Random, table: &Table) -> String {
    let numbers = table.settable().filter(|(column, kind)| {
        column.in_key && (matches!(kind, Kind::Int { .. } | Kind::Decimal { .. }) || column.name == "`id`")
    });
    let Some((column, _)) = numbers.last() else { return delete(random, table) };
    let (name, by) = (&column.name, random.between(1, 3));
    let (sign, order) = if random.one_in(2) { ("+", "DESC") } else { ("-", "ASC") };
    format!("UPDATE {} SET {name}={name}{sign}{by} ORDER BY {name} {order};\n", table.name)
}

fn delete(random: &mut Random, table: &Table) -> String {
    format!("DELETE FROM {}{};\n", table.name, if random.one_in(4) { String::new() } else { filter(random) })
}

/// One statement on two tables.
fn joined(random: &mut Random, table: &Table, other: &Table) -> String {
    let (set, theirs) = (table.settable().find(|(column, _)| !column.in_key), other.settable().next());
    let (Some((column, kind)), Some((their, their_kind))) = (set, theirs) else { return String::new() };
    if table.name == other.name {
        return String::new();
    }
    let (mine, theirs) = (columns::value(random, kind), columns::value(random, their_kind));
    format!(
        "UPDATE {0} JOIN {1} SET {0}.{2}={mine}, {1}.{3}={theirs} WHERE RAND({4}) < 0.3;\n",
        table.name,
        other.name,
        column.name,
        their.name,
        random.below(1000)
    )
}
