//! What `mysqlbinlog -vv` and `mariadb-binlog -vv` print of rows: read, and printed a second time from our values.

use breakglass::change::rows::{Cell, RowCells};
use breakglass::change::table::{Column, Layout, Table};
use breakglass::model::change::{ChangeKind, Plain, Value};

#[derive(Clone, Copy, PartialEq)]
pub enum Tool {
    MySql,
    MariaDb,
}

/// One row; columns by their numbers, from 1.
#[derive(Debug)]
pub struct Rendered {
    pub kind: ChangeKind,
    pub table: String,
    pub before: Vec<(usize, Vec<u8>)>,
    pub after: Vec<(usize, Vec<u8>)>,
    /// Which event it is in; not known of their rows.
    pub event: usize,
    /// Whether the tool could not go on.
    pub gave_up: bool,
}

pub fn name_of(table: &Table) -> String {
    let quote = |name: &[u8]| format!("`{}`", std::str::from_utf8(name).unwrap().replace('`', "``"));
    format!("{}.{}", quote(table.schema.raw_bytes()), quote(table.name.raw_bytes()))
}

/// All rows of a decoded log.
pub fn parse(text: &[u8]) -> Vec<Rendered> {
    let mut rows: Vec<Rendered> = vec![];
    let mut is_after = false;
    for line in text.split(|byte| *byte == b'\n') {
        let Some(line) = line.strip_prefix(b"### ") else { continue };
        let heads = [
            (&b"INSERT INTO "[..], ChangeKind::Insert),
            (b"UPDATE ", ChangeKind::Update),
            (b"DELETE FROM ", ChangeKind::Delete),
        ];
        if let Some((head, kind)) = heads.into_iter().find(|(head, _)| line.starts_with(head)) {
            let table = String::from_utf8(line[head.len()..].to_vec()).unwrap();
            rows.push(Rendered { kind, table, before: vec![], after: vec![], event: 0, gave_up: false });
            continue;
        }
        match line {
            b"WHERE" => is_after = false,
            b"SET" => is_after = true,
            _ => {
                let row = rows.last_mut().unwrap();
                if memchr::memmem::find(line, b"=!! Don't know how to handle").is_some() {
                    row.gave_up = true;
                    continue;
                }
                let columns = if is_after { &mut row.after } else { &mut row.before };
                match line.strip_prefix(b"  @") {
                    Some(column) => {
                        let equals = column.iter().position(|byte| *byte == b'=').unwrap();
                        let number = std::str::from_utf8(&column[..equals]).unwrap().parse().unwrap();
                        columns.push((number, without_type(&column[equals + 1..])));
                    }
                    // A JSON difference goes on in the next line.
                    None => columns.last_mut().unwrap().1.extend_from_slice(&without_type(line.trim_ascii_start())),
                }
            }
        }
    }
    rows
}

/// A value without the comment behind it.
fn without_type(value: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::rfind(value, b" /* ").unwrap_or(value.len());
    value[..at].trim_ascii_end().to_vec()
}

pub fn render(tool: Tool, event: usize, kind: ChangeKind, table: &Table, cells: &RowCells<'_>) -> Rendered {
    let image = |cells: &[Cell<'_>], value: &dyn Fn(usize) -> Option<Value<'static>>| {
        let present = cells.iter().enumerate().filter(|(_, cell)| **cell != Cell::Absent);
        present.map(|(at, cell)| (at + 1, text(tool, &table.columns[at], *cell, &value(at).unwrap()))).collect()
    };
    let before = image(&cells.before, &|at| cells.value_before(table, at).unwrap().map(Value::into_owned));
    let after = image(&cells.after, &|at| cells.value_after(table, at).unwrap().map(Value::into_owned));
    Rendered { kind, table: name_of(table), before, after, event, gave_up: false }
}

fn text(tool: Tool, column: &Column, cell: Cell<'_>, value: &Value<'_>) -> Vec<u8> {
    match (value, cell) {
        (Value::Null, _) => b"NULL".to_vec(),
        (_, Cell::Differences(_)) => b"JSON".to_vec(),
        (Value::Int(_) | Value::UInt(_) | Value::Bare { .. }, _) => integer(column, value),
        (Value::Date(date), _) => format!("'{}'", date.to_string().replace('-', ":")).into_bytes(),
        (Value::Time { .. } | Value::DateTime { .. }, _) => format!("'{}'", Plain(value)).into_bytes(),
        (Value::Year(0), _) => b"1900".to_vec(),
        (Value::Set(bits), _) => {
            let Layout::Set(size) = column.layout else { panic!("{column:?}") };
            let bytes = bits.to_le_bytes()[..usize::from(size)].to_vec(); // printed as they lie
            format!("b'{}'", bytes.iter().map(|byte| format!("{byte:08b}")).collect::<String>()).into_bytes()
        }
        (Value::Vector(bytes), _) => vector(bytes),
        (Value::Text { .. } | Value::Geometry(_), Cell::Bytes(bytes)) => quoted(tool, bytes),
        (Value::Json { text, .. }, _) => match serde_json::from_str::<String>(text) {
            Ok(plain) => quoted(tool, plain.as_bytes()), // a text alone is printed as SQL
            Err(_) => quoted(tool, text.as_bytes()),
        },
        _ => Plain(value).to_string().into_bytes(),
    }
}

/// Numbers as C's `%.5e` writes them.
fn vector(bytes: &[u8]) -> Vec<u8> {
    let numbers = bytes.chunks(4).map(|bytes| {
        let text = format!("{:.5e}", f32::from_le_bytes(bytes.try_into().unwrap()));
        let (digits, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    });
    format!("[{}]", numbers.collect::<Vec<_>>().join(",")).into_bytes()
}

/// Signed, and unsigned behind it where that differs: the tools do not know which one it is.
fn integer(column: &Column, value: &Value<'_>) -> Vec<u8> {
    let Layout::Integer(size) = column.layout else { panic!("{column:?}") };
    let bits = match value {
        Value::Int(number) => *number as u64,
        Value::UInt(number) => *number,
        Value::Bare { bits, .. } => *bits,
        _ => unreachable!(),
    };
    let spare = 64 - 8 * u32::from(size);
    let signed = ((bits << spare) as i64) >> spare;
    let unsigned = bits << spare >> spare;
    if signed < 0 { format!("{signed} ({unsigned})").into_bytes() } else { format!("{signed}").into_bytes() }
}

fn quoted(tool: Tool, bytes: &[u8]) -> Vec<u8> {
    let mut text = vec![b'\''];
    for &byte in bytes {
        let letter = match byte {
            b'\'' => '\'',
            b'\\' => '\\',
            b'\n' => 'n',
            b'\r' => 'r',
            b'\t' => 't',
            0x08 => 'b',
            0x0c => 'f',
            _ => ' ',
        };
        match (tool, letter) {
            (Tool::MySql, letter) if letter != ' ' => text.extend_from_slice(&[b'\\', letter as u8]),
            _ if byte < 0x20 => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => text.push(byte),
        }
    }
    text.push(b'\'');
    text
}

pub fn compare(our: &Rendered, their: &Rendered, what: &str) {
    for (ours, theirs) in [(&our.before, &their.before), (&our.after, &their.after)] {
        let numbers = |columns: &[(usize, Vec<u8>)]| columns.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        if their.gave_up {
            assert!(numbers(ours).starts_with(&numbers(theirs)), "{what}");
        } else {
            assert_eq!(numbers(ours), numbers(theirs), "{what}");
        }
        for ((number, our), (_, their)) in ours.iter().zip(theirs) {
            assert!(is_same(our, their), "{what}, @{number}: {} and {}", show(our), show(their));
        }
    }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}

/// Equal; or the same floating-point number in other digits; or a JSON difference, which has its own test.
fn is_same(our: &[u8], their: &[u8]) -> bool {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<f64>().ok();
    let single = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<f32>().ok();
    our == their
        || our == b"JSON" && (their.starts_with(b"JSON_") || their.starts_with(b"@"))
        || our.first() != Some(&b'\'') && number(our).is_some() && number(our) == number(their)
        || our.first() != Some(&b'\'') && our.contains(&b'.') && single(our).is_some() && single(our) == single(their)
}

/// As [`name_of`], for names that damage made.
pub fn name_of_lossy(table: &Table) -> String {
    format!("{}.{}", table.schema, table.name)
}
