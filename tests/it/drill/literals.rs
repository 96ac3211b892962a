//! Every kind of value, written as a literal, stored by a real server, and read back from its log: the same bytes.

use std::borrow::Cow;
use std::sync::Arc;

use breakglass::change::frame::Limits;
use breakglass::change::schema::{ColumnDef, Timeline};
use breakglass::change::transactions::{Fate, Item, LogFile, Transactions};
use breakglass::model::change::{Charset, Date, Decimal, JsonTypes, Place, Value};
use breakglass::model::foreign::Foreign;
use breakglass::sql::exact::{self, Form, Inexact};

use crate::drill::random::Random;
use crate::drill::{alone, definitions, logs_since, mark};
use crate::support::databases::{Product, Server};

/// A column, and values of it.
struct Case {
    declared: String,
    form: Form,
    values: Vec<Value<'static>>,
}

impl Case {
    fn new(declared: impl Into<String>, values: Vec<Value<'static>>) -> Self {
        Self { declared: declared.into(), form: Form::default(), values }
    }

    fn of(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

fn many<T>(count: usize, mut one: impl FnMut() -> T) -> Vec<T> {
    (0..count).map(|_| one()).collect()
}

fn numbers(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    for (name, bits) in [("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)] {
        let all = u64::MAX >> (64 - bits);
        let mut raws = vec![0, 1, all, all >> 1, (all >> 1) + 1];
        raws.extend(many(20, || random.bits() >> (64 - bits)));
        let signed = |raw: &u64| Value::Int(((raw << (64 - bits)) as i64) >> (64 - bits));
        cases.push(Case::new(name, raws.iter().map(signed).collect()));
        cases.push(Case::new(format!("{name} UNSIGNED"), raws.iter().map(|raw| Value::UInt(*raw)).collect()));
    }
    for (precision, scale) in [(1, 0), (1, 1), (5, 2), (9, 9), (10, 0), (18, 9), (38, 30), (65, 0), (65, 30), (30, 30)]
    {
        let plain = packed_digits(random, precision, scale);
        cases.push(Case::new(format!("DECIMAL({precision},{scale})"), plain));
    }
    let mut doubles: Vec<u64> =
        [0.1, 1e22, 1e81, 1e300, 9_007_199_254_740_993.0, 1e-80, 5e-324, f64::MAX, -1.5, 0.0].map(f64::to_bits).into();
    doubles.extend(many(60, || random.bits()).into_iter().filter(|bits| f64::from_bits(*bits).is_finite()));
    let mut floats: Vec<u32> =
        [0.1_f32, 16_777_217.0, f32::MAX, f32::MIN_POSITIVE, -2.5, 0.0, 1e-45].map(f32::to_bits).into();
    floats.extend(many(60, || random.bits() as u32).into_iter().filter(|bits| f32::from_bits(*bits).is_finite()));
    cases.push(Case::new("DOUBLE", doubles.into_iter().map(Value::Double).collect()));
    cases.push(Case::new("FLOAT", floats.into_iter().map(Value::Float).collect()));
    for width in [1, 7, 8, 9, 33, 63, 64] {
        let mut bits = vec![0, 1, u64::MAX >> (64 - width)];
        bits.extend(many(10, || random.bits() >> (64 - width)));
        let bit = |bits| Value::Bit { bits, width: width as u8 };
        cases.push(Case::new(format!("BIT({width})"), bits.into_iter().map(bit).collect()));
    }
    cases.push(Case::new("YEAR", [0, 1901, 1970, 2000, 2069, 2155].map(Value::Year).into()));
    cases
}

/// Decimals by their digits: as servers pack them.
fn packed_digits(random: &mut Random, precision: u8, scale: u8) -> Vec<Value<'static>> {
    let sizes = [0_usize, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let groups = |digits: usize, is_left: bool| {
        let mut groups = vec![9; digits / 9];
        if !digits.is_multiple_of(9) {
            groups.insert(if is_left { 0 } else { groups.len() }, digits % 9);
        }
        groups
    };
    let layout: Vec<usize> =
        groups(usize::from(precision - scale), true).into_iter().chain(groups(usize::from(scale), false)).collect();
    let mut values = vec![];
    for nth in 0..24 {
        let mut bytes = vec![];
        for digits in &layout {
            let most = 10_u64.pow(*digits as u32) - 1;
            let group = match nth {
                0 => 0,
                1 => most,
                2 => 1,
                _ => random.below(most + 1),
            };
            bytes.extend_from_slice(&group.to_be_bytes()[8 - sizes[*digits]..]);
        }
        // Below zero all bits are turned; and the highest one always is. There is no zero below zero.
        if nth % 2 == 1 && bytes.iter().any(|byte| *byte != 0) {
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
        bytes[0] ^= 0x80;
        values.push(Value::Decimal(Decimal::packed(&bytes, precision, scale).unwrap().into_owned()));
    }
    values
}

fn temporals(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    let day = |random: &mut Random| match random.below(5) {
        0 => Date::default(),
        1 => Date { year: 2021, month: 2, day: 31 },
        2 => Date { year: 9999, month: 12, day: 31 },
        3 => Date { year: 2020, month: random.below(13) as u8, day: 0 },
        _ => Date {
            year: random.below(10_000) as u16,
            month: 1 + random.below(12) as u8,
            day: 1 + random.below(28) as u8,
        },
    };
    cases.push(Case::new("DATE", many(30, || Value::Date(day(random)))));
    for digits in 0..=6_u8 {
        let step = 10_u32.pow(6 - u32::from(digits));
        let micros = |random: &mut Random| random.below(1_000_000) as u32 / step * step;
        let sixty = |random: &mut Random| random.below(60) as u8;
        let times = many(20, || {
            let hours = random.below(839) as u16;
            let (minutes, seconds) = (sixty(random), sixty(random));
            let micros = if hours == 838 { 0 } else { micros(random) };
            Value::Time { negative: random.one_in(2) && hours > 0, hours, minutes, seconds, micros, digits }
        });
        let dates = many(20, || {
            let (date, hours) = (day(random), random.below(24) as u8);
            let (minutes, seconds) = (sixty(random), sixty(random));
            Value::DateTime { date, hours, minutes, seconds, micros: micros(random), digits }
        });
        let mut points = many(20, || {
            let seconds = 1 + random.below(0x7fff_fff0) as u32;
            Value::Timestamp { seconds, micros: micros(random), digits }
        });
        points.push(Value::Timestamp { seconds: 0, micros: 0, digits });
        cases.push(Case::new(format!("TIME({digits})"), times));
        cases.push(Case::new(format!("DATETIME({digits})"), dates));
        cases.push(Case::new(format!("TIMESTAMP({digits}) NULL"), points));
    }
    cases
}

/// Characters as they are stored, by character set; the traps of each among them.
const STORED: [(&str, &[&[u8]]); 16] = [
    ("latin1", &[b"a", b"'", b"\\", b"\0", b"\n", b"\x1a", b"\x80", b"\x81", b"\xe9", b"\xff", b"%"]),
    ("utf8mb4", &[b"a", b"'", b"\\", b"\0", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"e\xcc\x81", b"\xe2\x80\xae"]),
    ("utf8mb3", &[b"a", b"'", b"\\", b"\xc3\xa9", b"\xe8\xa1\xa8"]),
    ("gbk", &[b"a", b"'", b"\\", b"\xd6\xd0", b"\xbf\x5c", b"\x81\x5c"]),
    ("sjis", &[b"a", b"'", b"\x95\x5c", b"\x83\x5c", b"\xb1", b"\x94\x5c"]),
    ("cp932", &[b"a", b"'", b"\\", b"\x95\x5c", b"\x83\x5c", b"\xb1"]),
    ("big5", &[b"a", b"'", b"\\", b"\xa5\x5c", b"\xb3\x5c", b"\xa4\xa4"]),
    ("euckr", &[b"a", b"'", b"\\", b"\xc7\xd1", b"\xb1\xdb"]),
    ("ujis", &[b"a", b"'", b"\\", b"\xc9\xbd", b"\x8e\xb1"]),
    ("gb2312", &[b"a", b"'", b"\xd6\xd0"]),
    ("cp1251", &[b"a", b"'", b"\\", b"\xc6", b"\xff"]),
    ("koi8r", &[b"a", b"'", b"\\", b"\xf6", b"\xff"]),
    ("ucs2", &[b"\0a", b"\0'", b"\0\\", b"\0\0", b"\x88\x68", b"\x5c\x27"]),
    ("utf16", &[b"\0a", b"\0'", b"\0\\", b"\xd8\x3d\xde\x00", b"\x88\x68"]),
    ("utf16le", &[b"a\0", b"'\0", b"\\\0", b"\x3d\xd8\x00\xde", b"\x68\x88"]),
    ("utf32", &[b"\0\0\0a", b"\0\0\0'", b"\0\x01\xf6\x00", b"\0\0\x88\x68"]),
];

fn text(bytes: Vec<u8>, charset: Charset) -> Value<'static> {
    Value::Text { bytes: Cow::Owned(bytes), charset }
}

fn texts(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    for (name, pool) in STORED {
        let charset = Charset::Named(name);
        let form = Form { charset, labels_in: charset, ..Form::default() };
        for declared in ["VARCHAR(20)", "CHAR(20)", "TEXT", "LONGTEXT"] {
            let mut some = many(16, || {
                let len = random.below(8) as usize;
                text(many(len, || *random.pick(pool)).concat(), charset)
            });
            some.push(text(vec![], charset));
            cases.push(Case::new(format!("{declared} CHARACTER SET {name}"), some).of(form.clone()));
        }
    }
    for (declared, pad) in [("VARBINARY(20)", None), ("BLOB", None), ("BINARY(8)", Some(8)), ("BINARY(255)", Some(255))]
    {
        let mut some = many(16, || {
            let len = pad.unwrap_or_else(|| random.below(20) as usize);
            text(many(len, || if random.one_in(3) { 0 } else { random.bits() as u8 }), Charset::Binary)
        });
        some.push(text(vec![0; pad.unwrap_or(0)], Charset::Binary));
        cases.push(Case::new(declared, some).of(Form { charset: Charset::Binary, pad, ..Form::default() }));
    }
    cases
}

fn labelled() -> Vec<Case> {
    let labels = ["plain", "it''s", "two words", "é", "z"];
    let list = labels.map(|label| format!("'{label}'")).join(",");
    let form = |charset| Form {
        charset: Charset::Named(charset),
        labels: labels.iter().map(|label| label.replace("''", "'").into_bytes()).collect(),
        labels_in: Charset::Named("utf8mb4"),
        ..Form::default()
    };
    let mut cases = vec![];
    for charset in ["latin1", "utf8mb4", "utf16", "ucs2"] {
        let with = format!("({list}) CHARACTER SET {charset}");
        cases.push(Case::new(format!("ENUM{with}"), (1..=5).map(Value::Enum).collect()).of(form(charset)));
        cases.push(Case::new(format!("SET{with}"), (0..32).map(Value::Set).collect()).of(form(charset)));
    }
    let most: Vec<String> = (0..64).map(|nth| format!("l{nth}")).collect();
    let list: Vec<_> = most.iter().map(|label| format!("'{label}'")).collect();
    let form = Form { labels: most.into_iter().map(String::into_bytes).collect(), ..form("latin1") };
    let all = vec![Value::Set(u64::MAX), Value::Set(1 << 63), Value::Set(0x8000_0001_0000_0001)];
    cases.push(Case::new(format!("SET({}) CHARACTER SET latin1", list.join(",")), all).of(form));
    cases
}

fn shapes(random: &mut Random, product: Product) -> Vec<Case> {
    let point = |srid: u32, x: f64, y: f64| {
        let mut bytes = srid.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[1, 1, 0, 0, 0]);
        bytes.extend_from_slice(&x.to_le_bytes());
        bytes.extend_from_slice(&y.to_le_bytes());
        Value::Geometry(Cow::Owned(bytes))
    };
    let points = vec![point(0, 1.5, -2.0), point(4326, 10.0, 20.0), point(0, 1e300, 0.1)];
    let mut cases = vec![Case::new("GEOMETRY", points.clone()), Case::new("POINT", points)];
    match product {
        Product::Mysql => {
            let floats = |random: &mut Random| many(3, || (random.below(100) as f32 / 3.0).to_le_bytes()).concat();
            let vectors = many(9, || Value::Vector(Cow::Owned(floats(random))));
            cases.push(Case::new("VECTOR(3)", vectors));
            let documents = [
                "null",
                "true",
                "[]",
                "{}",
                "-9223372036854775808",
                "18446744073709551615",
                "9007199254740993",
                "1.5",
                "1e300",
                "1.0",
                "\"\"",
                "\"it's \\\\ \\\" \\n \\u0000 \u{1f600}\"",
                "{\"a\": 1, \"bb\": [true, null, \"x\"], \"ccc\": {\"d\": -1.25}}",
            ];
            let json = |text: &&str| Value::Json { text: Cow::Owned((*text).to_owned()), types: JsonTypes::Plain };
            cases.push(Case::new("JSON", documents.iter().map(json).collect()));
        }
        Product::Mariadb => {
            let form = |width| Form { charset: Charset::Binary, pad: Some(width), is_address: true, ..Form::default() };
            for (declared, width) in [("UUID", 16), ("INET4", 4), ("INET6", 16)] {
                let mut some = many(12, || {
                    let mut bytes: Vec<u8> = many(width, || random.bits() as u8);
                    if declared == "UUID" {
                        bytes[8] = bytes[8] & 0x3f | 0x80; // the only variant that there is
                    }
                    text(bytes, Charset::Binary)
                });
                some.push(text(vec![0; width], Charset::Binary));
                if declared != "UUID" {
                    some.push(text([vec![0; width - 1], vec![1]].concat(), Charset::Binary));
                    some.push(text([vec![32], vec![0; width - 1]].concat(), Charset::Binary));
                }
                cases.push(Case::new(declared, some).of(form(width)));
            }
        }
    }
    cases
}

/// What the log has of the rows that were inserted, by their number.
fn logged(server: &Server, mark: &str, schema: &str) -> Vec<(String, i64, Value<'static>)> {
    let mut timeline = Timeline::default();
    timeline.read(&definitions(server, schema), b"", Place::default()).unwrap();
    let of = LogFile { source: Arc::new(Foreign::from("drill")), name: Arc::new(Foreign::from("log")) };
    let mut rows = vec![];
    for log in logs_since(server, mark) {
        let mut log = Transactions::new(&log[..], 0, Limits::default());
        while let Some(item) = log.next().unwrap() {
            let Item::Rows(item) = item else { continue };
            let described = timeline.describe(item.event.table, Place::default());
            assert_eq!(described.unknown, None, "{}", item.event.table.name);
            for change in item.changes(&of, &described, Fate::Happened).unwrap() {
                let mut values = change.after.unwrap().values.into_iter().flatten();
                let (Some(Value::Int(id)), Some(value)) = (values.next(), values.next()) else { panic!() };
                rows.push((item.event.table.name.to_string(), id, value));
            }
        }
    }
    rows
}

/// The numbers that compare as equal whatever their bits.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Double(one), Value::Double(other)) => f64::from_bits(*one) == f64::from_bits(*other),
        (Value::Float(one), Value::Float(other)) => f32::from_bits(*one) == f32::from_bits(*other),
        _ => one == other,
    }
}

const SETTINGS: &str = "SET NAMES utf8mb4; SET time_zone='+00:00', \
    sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION';\n";

#[test]
fn d01_d05_d06_d07_d08_d09_d12_d13_d14_d15_every_literal_stores_the_very_bytes_that_it_was_written_from() {
    for server in alone().iter().copied() {
        let mut random = Random::new(7);
        let mut cases = numbers(&mut random);
        cases.extend(temporals(&mut random));
        cases.extend(texts(&mut random));
        cases.extend(labelled());
        cases.extend(shapes(&mut random, server.product));
        let mut text = String::from("DROP DATABASE IF EXISTS literals; CREATE DATABASE literals; USE literals;\n");
        text += SETTINGS;
        for (nth, case) in cases.iter().enumerate() {
            text += &format!("CREATE TABLE t{nth} (id INT PRIMARY KEY, c {}) ENGINE=InnoDB;\n", case.declared);
        }
        server.sql(&text);
        let first = mark(server);
        let mut text = format!("USE literals;\n{SETTINGS}");
        for (nth, case) in cases.iter().enumerate() {
            let rows = case.values.iter().enumerate().map(|(id, value)| {
                let literal = text_of(|out| exact::write_literal(out, value, &case.form));
                format!("SELECT {id},{literal} FROM DUAL WHERE 1=1")
            });
            let rows: Vec<_> = rows.chain(["SELECT 1000,NULL FROM DUAL WHERE 1=1".to_owned()]).collect();
            text += &format!("INSERT INTO t{nth} (id,c) {};\n", rows.join(" UNION ALL "));
        }
        server.sql(&text);
        let rows = logged(server, &first, "literals");
        let expected: usize = cases.iter().map(|case| case.values.len() + 1).sum();
        assert_eq!(rows.len(), expected);
        for (table, id, value) in rows {
            let case = &cases[table[1..].parse::<usize>().unwrap()];
            let written = case.values.get(id as usize).unwrap_or(&Value::Null);
            let is_zero = matches!(written, Value::Double(bits) if f64::from_bits(*bits) == 0.0);
            assert!(
                value == *written || is_zero && same(&value, written),
                "{:?} {}: {written:?} came back as {value:?}",
                server.product,
                case.declared
            );
        }
        finds(server, &cases);
    }
}

fn text_of(write: impl FnOnce(&mut Vec<u8>) -> Result<(), Inexact>) -> String {
    let mut out = vec![];
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The condition of each value finds the rows that hold it, and no other.
fn finds(server: &Server, cases: &[Case]) {
    let mut text = format!("USE literals;\n{SETTINGS}SET SESSION group_concat_max_len=1000000;\n");
    let mut expected = vec![];
    for (nth, case) in cases.iter().enumerate() {
        for value in &case.values {
            let condition = text_of(|out| exact::write_condition(out, b"`c`", value, &case.form));
            let lookup = text_of(|out| exact::write_lookup(out, b"`c`", value, &case.form).map(drop));
            let all = [lookup, condition].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" AND ");
            text += &format!("SELECT IFNULL(GROUP_CONCAT(id ORDER BY id),'none') FROM t{nth} WHERE {all};\n");
            let ids = case.values.iter().enumerate().filter(|(_, other)| same(value, other));
            let ids: Vec<_> = ids.map(|(id, _)| id.to_string()).collect();
            expected.push((ids.join(","), format!("{} {all}", case.declared)));
        }
    }
    let found = server.sql(&text);
    assert_eq!(found.lines().count(), expected.len());
    for (found, (ids, what)) in found.lines().zip(expected) {
        assert_eq!(found, ids, "{:?} {what}", server.product);
    }
}

#[test]
fn definitions_of_addresses_are_told_from_bytes() {
    // What `is_address` rests on: the type's word in the definition.
    let mut timeline = Timeline::default();
    timeline.read(b"CREATE TABLE d.t (u UUID, i INET6, f INET4, b BINARY(16))", b"", Place::default()).unwrap();
    let name = breakglass::change::query::TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
    let facts = timeline.at(&name, Place::default()).unwrap();
    let kinds: Vec<_> = facts.columns.iter().map(|column: &ColumnDef| column.kind.as_str()).collect();
    assert_eq!(kinds, ["uuid", "inet6", "inet4", "binary"]);
}
