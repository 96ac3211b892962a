//! Whether a definition is of the table that the log describes, and both together.

use crate::change::schema::column::ColumnDef;
use crate::change::schema::create::TableFacts;
use crate::change::table::{Column, Layout, Table};
use crate::model::change::{ChangedTable, Charset, ColumnFacts};
use crate::model::foreign::Foreign;

/// Why a definition is not of the table that the log describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// Another number of columns.
    Count,
    /// The column with that number, from 0, has another type.
    Type(usize),
    /// The column with that number, from 0, has another name.
    Name(usize),
}

/// The log's table with what the definition adds, and the table as changes show it.
pub(super) fn described(facts: &TableFacts, table: &Table) -> Result<(Table, ChangedTable), Misfit> {
    if facts.columns.len() != table.columns.len() {
        return Err(Misfit::Count);
    }
    let mut log = table.clone();
    let mut shown = vec![];
    for (at, (def, column)) in facts.columns.iter().zip(&mut log.columns).enumerate() {
        if !is_laid_out(def, column) {
            return Err(Misfit::Type(at));
        }
        if column.name.as_ref().is_some_and(|name| name.raw_bytes() != def.name) {
            return Err(Misfit::Name(at));
        }
        complete(column, def, facts);
        let part = facts.row_key().iter().position(|part| part.eq_ignore_ascii_case(&def.name));
        let part = part.and_then(|part| u16::try_from(part).ok());
        shown.push(ColumnFacts {
            name: Foreign::new(def.name.clone()),
            declared: Some(def.kind.as_str().into()),
            key_part: if table.tells_key { column.key_part } else { part },
            nullable: column.nullable,
            labels: column.labels.clone(),
            generated: Some(def.generated),
            updates_itself: Some(def.updates_itself),
        });
    }
    let shown = ChangedTable { schema: table.schema.clone(), name: table.name.clone(), columns: shown, named: true };
    Ok((log, shown))
}

/// What the log does not say of a column.
fn complete(column: &mut Column, def: &ColumnDef, facts: &TableFacts) {
    column.name = Some(Foreign::new(def.name.clone()));
    column.unsigned = column.unsigned.or(Some(def.unsigned || def.kind == "year")); // logs say so of YEAR
    if column.labels.is_empty() {
        column.labels = def.labels.iter().map(|label| Foreign::new(label.clone())).collect();
    }
    if column.charset == Charset::Unknown {
        column.charset = match def.kind.as_str() {
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Charset::Binary,
            "inet4" | "inet6" | "uuid" => Charset::Binary,
            _ if matches!(column.layout, Layout::Geometry(_) | Layout::Vector(_)) => Charset::Binary,
            "nchar" | "nvarchar" | "national" => Charset::Named("utf8mb3"),
            "json" => Charset::Named("utf8mb4"),
            _ if def.charset != Charset::Unknown => def.charset,
            _ => facts.charset,
        };
    }
}

/// Whether values of that type lie in rows as the log says.
fn is_laid_out(def: &ColumnDef, column: &Column) -> bool {
    let number = |at: usize, default: u32| def.numbers.get(at).copied().unwrap_or(default);
    match (def.kind.as_str(), column.layout) {
        ("tinyint" | "bool" | "boolean" | "int1", Layout::Integer(1)) => true,
        ("smallint" | "int2", Layout::Integer(2)) => true,
        ("mediumint" | "int3" | "middleint", Layout::Integer(3)) => true,
        ("int" | "integer" | "int4", Layout::Integer(4)) => true,
        ("bigint" | "int8" | "serial", Layout::Integer(8)) => true,
        ("float" | "float4", Layout::Float) => number(0, 0) <= 24 || def.numbers.len() == 2,
        ("double" | "real" | "float8" | "float", Layout::Double) => true,
        ("decimal" | "numeric" | "dec" | "fixed", Layout::Decimal { precision, scale, .. }) => {
            let wide = number(0, 10).max(1);
            (u32::from(precision), u32::from(scale)) == (if number(0, 10) == 0 { 10 } else { wide }, number(1, 0))
        }
        ("bit", Layout::Bit(bits)) => u32::from(bits) == number(0, 1),
        ("year", Layout::Year) | ("date", Layout::Date) => true,
        ("time", Layout::OldTime) | ("datetime", Layout::OldDateTime) | ("timestamp", Layout::OldTimestamp) => true,
        ("time", Layout::Time(digits)) => u32::from(digits) == number(0, 0),
        ("datetime", Layout::DateTime(digits)) => u32::from(digits) == number(0, 0),
        ("timestamp", Layout::Timestamp(digits)) => u32::from(digits) == number(0, 0),
        ("enum", Layout::Enum(size)) => usize::from(size) == if def.labels.len() > 255 { 2 } else { 1 },
        ("set", Layout::Set(size)) => usize::from(size) == set_size(def.labels.len()),
        ("json", Layout::Json(_) | Layout::Blob(4)) => true,
        ("inet6" | "uuid", Layout::Char(_)) => column.width == 16,
        ("inet4", Layout::Char(_)) => column.width == 4,
        ("vector", Layout::Vector(_) | Layout::VarChar(_)) => true,
        (kind, layout) => is_text(kind, layout, column.width, number(0, 1)) || is_geometry(kind, layout),
    }
}

fn set_size(labels: usize) -> usize {
    match labels.div_ceil(8) {
        size @ 0..=4 => size.max(1),
        _ => 8,
    }
}

/// A text's width is in bytes in the log and in characters in the definition: 1 to 4 bytes each.
fn is_text(kind: &str, layout: Layout, width: u16, number: u32) -> bool {
    let width = u32::from(width);
    let is_wide = |bytes: u32| (number..=number.saturating_mul(4)).contains(&bytes);
    match (kind, layout) {
        ("char" | "character" | "nchar" | "national", Layout::Char(_)) => is_wide(width),
        ("binary", Layout::Char(_)) => width == number,
        ("varchar" | "nvarchar", Layout::VarChar(_)) => is_wide(width),
        ("varbinary", Layout::VarChar(_)) => width == number,
        ("varchar" | "varbinary", Layout::Compressed(1 | 2)) => true,
        ("tinytext" | "tinyblob", Layout::Blob(1) | Layout::Compressed(1)) => true,
        // With a number, TEXT and BLOB are as large as it needs.
        ("text" | "blob", Layout::Blob(_) | Layout::Compressed(_)) => true,
        ("mediumtext" | "mediumblob", Layout::Blob(3) | Layout::Compressed(3)) => true,
        ("longtext" | "longblob", Layout::Blob(4) | Layout::Compressed(4)) => true,
        _ => false,
    }
}

fn is_geometry(kind: &str, layout: Layout) -> bool {
    let kinds = [
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    ];
    matches!(layout, Layout::Geometry(_)) && kinds.contains(&kind)
}
