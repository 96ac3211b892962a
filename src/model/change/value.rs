//! Values of columns, exactly as the server stored them.

use std::borrow::Cow;
use std::fmt;

use crate::model::change::decimal::Decimal;

/// What is known about the character set of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// Nothing told it: text and bytes cannot be told apart either.
    #[default]
    Unknown,
    /// Not text: bytes.
    Binary,
    /// Its name, such as `utf8mb4`.
    Named(&'static str),
}

/// A calendar day; year, month and day may be zero, as servers allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Values inside a JSON document of which its text does not tell the types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum JsonTypes {
    /// There are none: a server that reads the text again gets the same document.
    #[default]
    Plain,
    /// These, in the document's order.
    At(Box<[JsonPlace]>),
    /// Some that no expression makes, such as bytes out of a BLOB column.
    Untold,
    /// More than one statement should have.
    Many,
}

/// A value inside a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPlace {
    /// Its path, with all keys in quotes: `$."a"[3]`; `$` is the whole document.
    pub path: Box<str>,
    /// What it is.
    pub value: JsonScalar,
}

/// A value whose type the text of a JSON document does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonScalar {
    /// A number without a sign that is small enough to be read as one with a sign.
    Unsigned(u64),
    /// A number with a sign that is large enough to be read as one without.
    Signed(i64),
    /// A decimal.
    Decimal {
        /// All digits of its scale.
        text: Box<str>,
        /// Digits that it keeps: 1 to 65.
        precision: u8,
        /// Digits behind the point: 0 to 30.
        scale: u8,
    },
    /// `YYYY-MM-DD`.
    Date(Box<str>),
    /// `HH:MM:SS.ffffff`.
    Time(Box<str>),
    /// `YYYY-MM-DD HH:MM:SS.ffffff`.
    DateTime(Box<str>),
    /// As well, out of a column of points in time.
    Timestamp(Box<str>),
    /// Bytes of a VARBINARY.
    Bytes(Box<[u8]>),
}

/// One value of one column. `'a` is the binary log's own bytes; [`Value::into_owned`] lets go of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// An integer whose column may be signed or unsigned: nothing told it.
    Bare {
        /// Its bits.
        bits: u64,
        /// How many bytes it takes: 1, 2, 3, 4 or 8.
        size: u8,
    },
    /// A decimal.
    Decimal(Decimal<'a>),
    /// The bits of an IEEE 754 single.
    Float(u32),
    /// The bits of an IEEE 754 double.
    Double(u64),
    /// A bit field.
    Bit {
        /// Its bits.
        bits: u64,
        /// How many of them the column has: 1 to 64.
        width: u8,
    },
    /// A year; 0 is the year `0000`.
    Year(u16),
    /// A day.
    Date(Date),
    /// A span of time.
    Time {
        /// Below zero.
        negative: bool,
        /// 0 to 838.
        hours: u16,
        /// 0 to 59.
        minutes: u8,
        /// 0 to 59.
        seconds: u8,
        /// Microseconds.
        micros: u32,
        /// How many digits of the fraction the column keeps: 0 to 6.
        digits: u8,
    },
    /// A day and a time, in no zone.
    DateTime {
        /// The day.
        date: Date,
        /// 0 to 23.
        hours: u8,
        /// 0 to 59.
        minutes: u8,
        /// 0 to 59.
        seconds: u8,
        /// Microseconds.
        micros: u32,
        /// How many digits of the fraction the column keeps: 0 to 6.
        digits: u8,
    },
    /// A point in time.
    Timestamp {
        /// Since 1970 in UTC; 0 is the timestamp `0000-00-00 00:00:00`.
        seconds: u32,
        /// Microseconds.
        micros: u32,
        /// How many digits of the fraction the column keeps: 0 to 6.
        digits: u8,
    },
    /// Text, or bytes where `charset` says so.
    Text {
        /// As stored: blanks at the end of a CHAR are cut off; so are zeros at the end of a BINARY, unless it is
        /// known to be one (`charset`).
        bytes: Cow<'a, [u8]>,
        /// Their character set.
        charset: Charset,
    },
    /// The number of an enum's label, from 1; 0 is the error value `''`.
    Enum(u16),
    /// One bit for each label of a set.
    Set(u64),
    /// A JSON document.
    Json {
        /// As the server prints it.
        text: Cow<'a, str>,
        /// What a server that reads the text again would take for something else.
        types: JsonTypes,
    },
    /// What an update did to a JSON document whose earlier state is not in the log, one operation a line.
    JsonPatch(Cow<'a, str>),
    /// A geometry: its SRID and WKB, as stored.
    Geometry(Cow<'a, [u8]>),
    /// A vector: its 32-bit floats, as stored.
    Vector(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// Owns its bytes.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(number),
            Self::UInt(number) => Value::UInt(number),
            Self::Bare { bits, size } => Value::Bare { bits, size },
            Self::Decimal(decimal) => Value::Decimal(decimal.into_owned()),
            Self::Float(bits) => Value::Float(bits),
            Self::Double(bits) => Value::Double(bits),
            Self::Bit { bits, width } => Value::Bit { bits, width },
            Self::Year(year) => Value::Year(year),
            Self::Date(date) => Value::Date(date),
            Self::Time { negative, hours, minutes, seconds, micros, digits } => {
                Value::Time { negative, hours, minutes, seconds, micros, digits }
            }
            Self::DateTime { date, hours, minutes, seconds, micros, digits } => {
                Value::DateTime { date, hours, minutes, seconds, micros, digits }
            }
            Self::Timestamp { seconds, micros, digits } => Value::Timestamp { seconds, micros, digits },
            Self::Text { bytes, charset } => Value::Text { bytes: Cow::Owned(bytes.into_owned()), charset },
            Self::Enum(number) => Value::Enum(number),
            Self::Set(bits) => Value::Set(bits),
            Self::Json { text, types } => Value::Json { text: Cow::Owned(text.into_owned()), types },
            Self::JsonPatch(text) => Value::JsonPatch(Cow::Owned(text.into_owned())),
            Self::Geometry(bytes) => Value::Geometry(Cow::Owned(bytes.into_owned())),
            Self::Vector(bytes) => Value::Vector(Cow::Owned(bytes.into_owned())),
        }
    }
}

/// The digits of a fraction that a column keeps, with the point; nothing for a column that keeps none.
fn write_fraction(f: &mut fmt::Formatter<'_>, micros: u32, digits: u8) -> fmt::Result {
    match digits {
        0 => Ok(()),
        1..=6 => {
            let width = usize::from(digits);
            write!(f, ".{:0width$}", micros / 10_u32.pow(6 - u32::from(digits)))
        }
        _ => Err(fmt::Error),
    }
}

/// A value that has a text of its own without knowing more: numbers, dates and times; timestamps as seconds.
///
/// Text and bytes are not among them: they are foreign, and go through `Foreign`.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'v, 'a>(pub &'v Value<'a>);

impl fmt::Display for Plain<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("NULL"),
            Value::Int(number) => write!(f, "{number}"),
            Value::UInt(number) => write!(f, "{number}"),
            Value::Bare { bits, .. } => write!(f, "{bits}"),
            Value::Decimal(decimal) => write!(f, "{decimal}"),
            Value::Float(bits) => write!(f, "{:?}", f32::from_bits(*bits)),
            Value::Double(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Value::Bit { bits, width } => write!(f, "b'{bits:0width$b}'", width = usize::from(*width)),
            Value::Year(year) => write!(f, "{year:04}"),
            Value::Date(date) => write!(f, "{date}"),
            Value::Time { negative, hours, minutes, seconds, micros, digits } => {
                let sign = if *negative { "-" } else { "" };
                write!(f, "{sign}{hours:02}:{minutes:02}:{seconds:02}")?;
                write_fraction(f, *micros, *digits)
            }
            Value::DateTime { date, hours, minutes, seconds, micros, digits } => {
                write!(f, "{date} {hours:02}:{minutes:02}:{seconds:02}")?;
                write_fraction(f, *micros, *digits)
            }
            Value::Timestamp { seconds, micros, digits } => {
                write!(f, "{seconds}")?;
                write_fraction(f, *micros, *digits)
            }
            Value::Enum(number) => write!(f, "{number}"),
            Value::Set(bits) => write!(f, "{bits}"),
            Value::Text { bytes, .. } | Value::Geometry(bytes) | Value::Vector(bytes) => {
                write!(f, "{} bytes", bytes.len())
            }
            Value::Json { text, .. } | Value::JsonPatch(text) => write!(f, "{} bytes", text.len()),
        }
    }
}
