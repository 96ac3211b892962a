//! Whether a definition is of the table that the log describes, and both together.

use std::fmt;

use crate::change::charset::widest;
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
    /// The column with that number, from 0, has a sign in one of them alone.
    Sign(usize),
    /// The column with that number, from 0, has another character set.
    Charset(usize),
    /// The column with that number, from 0, may be NULL in one of them alone.
    Null(usize),
    /// The column with that number, from 0, has other labels.
    Labels(usize),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, what) = match self {
            Self::Count => return f.write_str("it has another number of columns"),
            Self::Type(at) => (at, "is of another type or width"),
            Self::Name(at) => (at, "has another name"),
            Self::Sign(at) => (at, "has another sign"),
            Self::Charset(at) => (at, "has another character set"),
            Self::Null(at) => (at, "is otherwise about NULL"),
            Self::Labels(at) => (at, "has other labels"),
        };
        write!(f, "column {} {what}", at + 1)
    }
}

/// The log's table with what the definition adds, and the table as changes show it.
pub(super) fn described(facts: &TableFacts, table: &Table) -> Result<(Table, ChangedTable), Misfit> {
    if facts.columns.len() != table.columns.len() {
        return Err(Misfit::Count);
    }
    let mut log = table.clone();
    let mut shown = vec![];
    for (at, (def, column)) in facts.columns.iter().zip(&mut log.columns).enumerate() {
        compare(at, def, column, facts)?;
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
            updates_itself: (!def.may_update_itself).then_some(def.updates_itself),
        });
    }
    let shown = ChangedTable { schema: table.schema.clone(), name: table.name.clone(), columns: shown, named: true };
    Ok((log, shown))
}

/// Whether a definition says of a column what the log says of it.
fn compare(at: usize, def: &ColumnDef, column: &Column, facts: &TableFacts) -> Result<(), Misfit> {
    let (charset, unsigned) = (charset_of(def, column.layout, facts), def.unsigned || def.kind == "year");
    let is_named = |name: &Foreign| name.raw_bytes() == def.name;
    let is_null = def.nullable == column.nullable || def.generated || !def.tells_null;
    let is_same = charset == Charset::Unknown || column.charset == Charset::Unknown || charset == column.charset;
    match () {
        () if !is_laid_out(def, column, charset) => Err(Misfit::Type(at)),
        () if !column.name.as_ref().is_none_or(is_named) => Err(Misfit::Name(at)),
        () if column.unsigned.is_some_and(|said| said != unsigned) => Err(Misfit::Sign(at)),
        () if !is_same => Err(Misfit::Charset(at)),
        () if !is_null => Err(Misfit::Null(at)),
        () if !has_labels(def, column) => Err(Misfit::Labels(at)),
        () => Ok(()),
    }
}

/// Whether labels that the log has are those of the definition, as far as both are written with the same bytes.
fn has_labels(def: &ColumnDef, column: &Column) -> bool {
    let is_wide = matches!(column.charset, Charset::Named("ucs2" | "utf16" | "utf16le" | "utf32"));
    let is_other = |(said, told): (&Foreign, &Vec<u8>)| {
        said.raw_bytes().is_ascii() && !is_wide && told.is_ascii() && said.raw_bytes() != told.trim_ascii_end()
    };
    column.labels.is_empty()
        || column.labels.len() == def.labels.len() && !column.labels.iter().zip(&def.labels).any(is_other)
}

/// What the log does not say of a column.
fn complete(column: &mut Column, def: &ColumnDef, facts: &TableFacts) {
    column.name = Some(Foreign::new(def.name.clone()));
    column.unsigned = column.unsigned.or(Some(def.unsigned || def.kind == "year")); // logs say so of YEAR
    if column.labels.is_empty() {
        column.labels = def.labels.iter().map(|label| Foreign::new(label.clone())).collect();
    }
    if column.charset == Charset::Unknown {
        column.charset = charset_of(def, column.layout, facts);
    }
}

/// The character set of a column by its definition.
fn charset_of(def: &ColumnDef, layout: Layout, facts: &TableFacts) -> Charset {
    match def.kind.as_str() {
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Charset::Binary,
        "inet4" | "inet6" | "uuid" => Charset::Binary,
        _ if matches!(layout, Layout::Geometry(_) | Layout::Vector(_)) => Charset::Binary,
        "json" => Charset::Named("utf8mb4"),
        _ if def.own_charset => def.charset,
        _ => facts.charset,
    }
}

/// Whether values of that type lie in rows as the log says.
fn is_laid_out(def: &ColumnDef, column: &Column, charset: Charset) -> bool {
    let number = |at: usize, default: u32| def.numbers.get(at).copied().unwrap_or(default);
    match (def.kind.as_str(), column.layout) {
        ("tinyint" | "bool" | "boolean" | "int1", Layout::Integer(1)) => true,
        ("smallint" | "int2", Layout::Integer(2)) => true,
        ("mediumint" | "int3" | "middleint", Layout::Integer(3)) => true,
        ("int" | "integer" | "int4", Layout::Integer(4)) => true,
        ("bigint" | "int8" | "serial", Layout::Integer(8)) => true,
        ("float" | "float4", Layout::Float) => number(0, 0) <= 24 || def.numbers.len() == 2,
        ("float", Layout::Double) => number(0, 0) > 24 && def.numbers.len() == 1,
        ("double" | "real" | "float8", Layout::Double) => true,
        ("decimal" | "numeric" | "dec" | "fixed", Layout::Decimal { precision, scale, .. }) => {
            let wide = number(0, 10).max(1);
            (u32::from(precision), u32::from(scale)) == (if number(0, 10) == 0 { 10 } else { wide }, number(1, 0))
        }
        ("bit", Layout::Bit(bits)) => u32::from(bits) == number(0, 1),
        ("year", Layout::Year) | ("date", Layout::Date) => true,
        // With a fraction the old forms are of another size, which no log tells.
        ("time", Layout::OldTime) | ("datetime", Layout::OldDateTime) | ("timestamp", Layout::OldTimestamp) => {
            number(0, 0) == 0
        }
        ("time", Layout::Time(digits)) => u32::from(digits) == number(0, 0),
        ("datetime", Layout::DateTime(digits)) => u32::from(digits) == number(0, 0),
        ("timestamp", Layout::Timestamp(digits)) => u32::from(digits) == number(0, 0),
        ("enum", Layout::Enum(size)) => usize::from(size) == if def.labels.len() > 255 { 2 } else { 1 },
        ("set", Layout::Set(size)) => usize::from(size) == set_size(def.labels.len()),
        ("json", Layout::Json(_) | Layout::Blob(4)) => true,
        ("inet6" | "uuid", Layout::Char(_)) => column.width == 16,
        ("inet4", Layout::Char(_)) => column.width == 4,
        ("vector", Layout::Vector(_) | Layout::VarChar(_)) => true,
        (kind, layout) => is_text(def, column, charset) || is_geometry(kind, layout),
    }
}

fn set_size(labels: usize) -> usize {
    match labels.div_ceil(8) {
        size @ 0..=4 => size.max(1),
        _ => 8,
    }
}

/// A text's width is in bytes in the log and in characters in the definition; where nothing tells how many bytes a
/// character has, any number of them that some character set has will do.
fn is_text(def: &ColumnDef, column: &Column, charset: Charset) -> bool {
    let candidates = widest(charset).map_or(1..=4, |bytes| bytes..=bytes);
    let is_any = |fits: &dyn Fn(u64) -> bool| candidates.clone().any(|bytes| fits(bytes.into()));
    let number = def.numbers.first().copied().map(u64::from);
    let is_wide = || is_any(&|bytes| number.unwrap_or(1) * bytes == u64::from(column.width));
    let is_as_wide = || number.unwrap_or(1) == u64::from(column.width);
    // With a number, TEXT and BLOB are as large as it needs.
    let is_large = |prefix: u8| match number.filter(|number| *number > 0) {
        Some(number) => is_any(&|bytes| prefix_of(number * bytes) == prefix),
        None => prefix == 2,
    };
    match (def.kind.as_str(), column.layout) {
        ("char" | "character", Layout::Char(_)) => is_wide(),
        ("binary", Layout::Char(_)) => is_as_wide(),
        ("varchar", Layout::VarChar(_)) => is_wide(),
        ("varbinary", Layout::VarChar(_)) => is_as_wide(),
        ("varchar" | "varbinary", Layout::Compressed(1 | 2)) => true,
        ("tinytext" | "tinyblob", Layout::Blob(1) | Layout::Compressed(1)) => true,
        ("text" | "blob", Layout::Blob(prefix)) => is_large(prefix),
        ("text" | "blob", Layout::Compressed(_)) => true,
        ("mediumtext" | "mediumblob", Layout::Blob(3) | Layout::Compressed(3)) => true,
        ("longtext" | "longblob", Layout::Blob(4) | Layout::Compressed(4)) => true,
        _ => false,
    }
}

/// Bytes of the length of a TEXT that has room for so many.
fn prefix_of(bytes: u64) -> u8 {
    match bytes {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
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
