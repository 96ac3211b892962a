//! Table maps: what the log says of a table in front of its rows.

mod metadata;

use std::sync::Arc;

use crate::change::bytes::{Bytes, bit};
use crate::change::error::{Broken, OLD_TIMES};
use crate::change::frame::Product;
use crate::change::query::TableName;
use crate::change::temporal::fraction_len;
use crate::model::change::{ChangedTable, Charset, ColumnFacts, Decimal};
use crate::model::foreign::Foreign;

/// The most columns that either product allows.
const COLUMNS: usize = 4096;

/// How the values of a column lie in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Nothing: a column that is always NULL.
    Nothing,
    /// A little-endian integer of 1, 2, 3, 4 or 8 bytes.
    Integer(u8),
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// A packed decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
        /// Bytes.
        size: u8,
    },
    /// So many bits, big-endian.
    Bit(u8),
    /// One byte, counting from 1900.
    Year,
    /// Three bytes.
    Date,
    /// The form before MySQL 5.6.
    OldTime,
    /// The form before MySQL 5.6.
    OldDateTime,
    /// The form before MySQL 5.6.
    OldTimestamp,
    /// With so many digits of a fraction.
    Time(u8),
    /// With so many digits of a fraction.
    DateTime(u8),
    /// With so many digits of a fraction.
    Timestamp(u8),
    /// CHAR and BINARY, with so many bytes of length in front.
    Char(u8),
    /// VARCHAR and VARBINARY, with so many bytes of length in front.
    VarChar(u8),
    /// TEXT and BLOB, with so many bytes of length in front.
    Blob(u8),
    /// MariaDB's compressed VARCHAR, TEXT and BLOB, with so many bytes of length in front.
    Compressed(u8),
    /// The number of a label in so many bytes.
    Enum(u8),
    /// A bit for each label in so many bytes.
    Set(u8),
    /// MySQL's binary JSON, with so many bytes of length in front.
    Json(u8),
    /// A geometry, with so many bytes of length in front.
    Geometry(u8),
    /// A vector, with so many bytes of length in front.
    Vector(u8),
}

impl Layout {
    /// How many bytes the value at the front of `row` takes, and how many of them are its length.
    ///
    /// # Errors
    ///
    /// When the row ends inside the length.
    #[inline]
    pub fn extent(self, row: &[u8]) -> Result<(usize, usize), Broken> {
        let fixed = |size: usize| Ok((0, size));
        match self {
            Self::Nothing => fixed(0),
            Self::Integer(size) | Self::Decimal { size, .. } | Self::Enum(size) | Self::Set(size) => fixed(size.into()),
            Self::Float | Self::OldTimestamp => fixed(4),
            Self::Double | Self::OldDateTime => fixed(8),
            Self::Bit(bits) => fixed(usize::from(bits).div_ceil(8)),
            Self::Year => fixed(1),
            Self::Date | Self::OldTime => fixed(3),
            Self::Time(digits) => fixed(3 + fraction_len(digits)),
            Self::DateTime(digits) => fixed(5 + fraction_len(digits)),
            Self::Timestamp(digits) => fixed(4 + fraction_len(digits)),
            Self::Char(prefix) | Self::VarChar(prefix) | Self::Blob(prefix) | Self::Compressed(prefix) => {
                prefixed(prefix, row)
            }
            Self::Json(prefix) | Self::Geometry(prefix) | Self::Vector(prefix) => prefixed(prefix, row),
        }
    }

    /// Whether the log's signedness flags have a bit for it: both products count YEAR.
    fn is_numeric(self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float | Self::Double | Self::Decimal { .. } | Self::Year)
    }

    /// Whether the log's lists of character sets have an entry for it: for both products vectors are bytes, and for
    /// MariaDB so are geometries.
    fn is_text(self, product: Product) -> bool {
        match self {
            Self::Char(_) | Self::VarChar(_) | Self::Blob(_) | Self::Compressed(_) | Self::Vector(_) => true,
            Self::Geometry(_) => product == Product::MariaDb,
            _ => false,
        }
    }
}

#[inline]
fn prefixed(prefix: u8, row: &[u8]) -> Result<(usize, usize), Broken> {
    let prefix = usize::from(prefix);
    let len = Bytes::new(row).little(prefix)?;
    usize::try_from(len).map(|len| (prefix, len)).map_err(|_| Broken("a value of an impossible length"))
}

/// A column as the table map describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// How its values lie in a row.
    pub layout: Layout,
    /// Whether integers have no sign; `None`: the log does not say.
    pub unsigned: Option<bool>,
    /// Of texts, enums and sets.
    pub charset: Charset,
    /// The longest value in bytes, for CHAR, BINARY, VARCHAR and VARBINARY.
    pub width: u16,
    /// Its name, where the log has it.
    pub name: Option<Foreign>,
    /// Labels of an enum or set, where the log has them.
    pub labels: Vec<Foreign>,
    /// Its part of the primary key, from 0, where the log has it.
    pub key_part: Option<u16>,
    /// The length of that part, if it is only the beginning of the column.
    pub key_prefix: Option<u64>,
    /// Which kind of geometry it holds, by the number of the type.
    pub geometry: Option<u64>,
    /// How many numbers its vectors have.
    pub dimensions: Option<u64>,
    /// Whether `SELECT *` shows it; `None`: the log does not say.
    pub visible: Option<bool>,
    /// Whether it may hold NULL.
    pub nullable: bool,
}

impl Column {
    /// One of which nothing else is known.
    pub(in crate::change) fn of(layout: Layout, width: u16) -> Self {
        Self {
            layout,
            unsigned: None,
            charset: Charset::Unknown,
            width,
            name: None,
            labels: vec![],
            key_part: None,
            key_prefix: None,
            geometry: None,
            dimensions: None,
            visible: None,
            nullable: true,
        }
    }
}

/// A table map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The number by which rows name it, valid in this file until it is given again.
    pub id: u64,
    /// Its database.
    pub schema: Foreign,
    /// Its name.
    pub name: Foreign,
    /// Its columns.
    pub columns: Vec<Column>,
    /// How many of them are JSON.
    pub json_columns: usize,
    /// Whether the log lists the primary key: then a table without listed key columns has none.
    pub tells_key: bool,
    /// The event's body, to know it again.
    body: Vec<u8>,
}

impl Table {
    /// The number alone, of the body of a table map or of a rows event.
    pub(super) fn id_of(body: &[u8]) -> Result<u64, Broken> {
        Bytes::new(body).little(6)
    }

    /// Whether this is the table map of that body.
    pub(super) fn is(&self, body: &[u8]) -> bool {
        self.body == body
    }

    /// Whether it says the same of the same table, whatever its number.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.body.get(6..) == other.body.get(6..)
    }

    /// Why its rows cannot be read: MariaDB's old forms of dates and times have more bytes with a fraction, and the log
    /// does not tell which have one.
    pub(super) fn why(&self, broken: Broken) -> Broken {
        if self.has_old_times() { OLD_TIMES } else { broken }
    }

    /// Whether it has dates or times in the form before MySQL 5.6.
    pub(super) fn has_old_times(&self) -> bool {
        let is_old = |layout| matches!(layout, Layout::OldTime | Layout::OldDateTime | Layout::OldTimestamp);
        self.columns.iter().any(|column| is_old(column.layout))
    }

    /// Its database and name.
    pub fn full_name(&self) -> TableName {
        TableName { schema: self.schema.raw_bytes().to_vec(), table: self.name.raw_bytes().to_vec() }
    }

    /// Reads a table map's body, as that product writes it.
    ///
    /// # Errors
    ///
    /// When it is damaged, or describes a type that no supported server has.
    pub fn parse(body: &[u8], product: Product) -> Result<Self, Broken> {
        let mut rest = Bytes::new(body);
        let id = rest.little(6)?;
        let _flags = rest.u16()?;
        let (schema, name) = (rest.name()?, rest.name()?);
        let count = rest.len()?;
        if count > COLUMNS {
            return Err(Broken("a table of more columns than any server allows"));
        }
        let kinds = rest.take(count)?;
        let mut parameters = Bytes::new(rest.text()?);
        let mut columns = kinds.iter().map(|kind| column(*kind, &mut parameters)).collect::<Result<Vec<_>, _>>()?;
        let nullable = rest.take(count.div_ceil(8))?;
        for (at, column) in columns.iter_mut().enumerate() {
            column.nullable = bit(nullable, at);
        }
        let tells_key = metadata::read(rest, &mut columns, product)?;
        let json_columns = columns.iter().filter(|column| matches!(column.layout, Layout::Json(_))).count();
        let (schema, name) = (Foreign::new(schema), Foreign::new(name));
        Ok(Self { id, schema, name, columns, json_columns, tells_key, body: body.to_vec() })
    }

    /// The table as changes show it, by what the log alone says: `@1` and so on where it has no names.
    pub fn facts(&self) -> Arc<ChangedTable> {
        let named = !self.columns.is_empty() && self.columns.iter().all(|column| column.name.is_some());
        let columns = self.columns.iter().enumerate().map(|(at, column)| ColumnFacts {
            name: column.name.clone().unwrap_or_else(|| Foreign::from(format!("@{}", at + 1))),
            declared: None,
            key_part: column.key_part,
            nullable: column.nullable,
            labels: column.labels.clone(),
            generated: None,
            updates_itself: None,
        });
        let columns = columns.collect();
        Arc::new(ChangedTable { schema: self.schema.clone(), name: self.name.clone(), columns, named })
    }
}

fn column(kind: u8, parameters: &mut Bytes<'_>) -> Result<Column, Broken> {
    let (layout, width) = layout(kind, parameters)?;
    Ok(Column::of(layout, width))
}

/// Layout and width by the type's number and its parameters.
fn layout(kind: u8, parameters: &mut Bytes<'_>) -> Result<(Layout, u16), Broken> {
    let layout = match kind {
        1 => Layout::Integer(1),
        2 => Layout::Integer(2),
        3 => Layout::Integer(4),
        8 => Layout::Integer(8),
        9 => Layout::Integer(3),
        4 => sized(parameters, 4, Layout::Float)?,
        5 => sized(parameters, 8, Layout::Double)?,
        6 => Layout::Nothing,
        7 => Layout::OldTimestamp,
        10 | 14 => Layout::Date,
        11 => Layout::OldTime,
        12 => Layout::OldDateTime,
        13 => Layout::Year,
        15 | 141 => return var_char(kind, parameters),
        16 => bits(parameters)?,
        17 => Layout::Timestamp(digits(parameters)?),
        18 => Layout::DateTime(digits(parameters)?),
        19 => Layout::Time(digits(parameters)?),
        140 => Layout::Compressed(prefix(parameters)?),
        242 => Layout::Vector(prefix(parameters)?),
        245 => Layout::Json(prefix(parameters)?),
        246 => decimal(parameters)?,
        249..=252 => Layout::Blob(prefix(parameters)?),
        255 => Layout::Geometry(prefix(parameters)?),
        247 | 248 | 253 | 254 => return string(parameters),
        _ => return Err(Broken("a column of a type that is not known")),
    };
    Ok((layout, 0))
}

fn sized(parameters: &mut Bytes<'_>, size: u8, layout: Layout) -> Result<Layout, Broken> {
    if parameters.u8()? == size { Ok(layout) } else { Err(Broken("a floating-point column of an unknown size")) }
}

fn digits(parameters: &mut Bytes<'_>) -> Result<u8, Broken> {
    match parameters.u8()? {
        digits @ 0..=6 => Ok(digits),
        _ => Err(Broken("a time of more than microseconds")),
    }
}

fn prefix(parameters: &mut Bytes<'_>) -> Result<u8, Broken> {
    match parameters.u8()? {
        prefix @ 1..=4 => Ok(prefix),
        _ => Err(Broken("a column whose lengths have an impossible size")),
    }
}

fn var_char(kind: u8, parameters: &mut Bytes<'_>) -> Result<(Layout, u16), Broken> {
    let width = parameters.u16()?;
    let prefix = if width > 255 { 2 } else { 1 };
    Ok((if kind == 141 { Layout::Compressed(prefix) } else { Layout::VarChar(prefix) }, width))
}

fn bits(parameters: &mut Bytes<'_>) -> Result<Layout, Broken> {
    let (odd, whole) = (parameters.u8()?, parameters.u8()?);
    match u16::from(whole) * 8 + u16::from(odd) {
        bits @ 1..=64 if odd < 8 => Ok(Layout::Bit(bits as u8)),
        _ => Err(Broken("a bit field of an impossible size")),
    }
}

fn decimal(parameters: &mut Bytes<'_>) -> Result<Layout, Broken> {
    let (precision, scale) = (parameters.u8()?, parameters.u8()?);
    let size = Decimal::size(precision, scale).ok_or(Broken("a decimal of an impossible size"))?;
    Ok(Layout::Decimal { precision, scale, size: size as u8 })
}

/// CHAR, ENUM and SET share a number; the first parameter tells them apart and holds two bits of a length.
fn string(parameters: &mut Bytes<'_>) -> Result<(Layout, u16), Broken> {
    let (first, second) = (parameters.u8()?, parameters.u8()?);
    match (first, second) {
        (247, size @ 1..=2) => Ok((Layout::Enum(size), 0)),
        (248, size @ 1..=8) => Ok((Layout::Set(size), 0)),
        (247 | 248, _) => Err(Broken("an enum or set of an impossible size")),
        _ => {
            let width = u16::from(second) | u16::from(!first & 0x30) << 4;
            match first | 0x30 {
                253 | 254 => Ok((Layout::Char(if width > 255 { 2 } else { 1 }), width)),
                _ => Err(Broken("a column of a type that is not known")),
            }
        }
    }
}
