//! Columns and values as row images hold them.

use jiff::civil;

/// A column of the demo's tables.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may hold NULL.
    pub nullable: bool,
}

/// The types that the demo's tables use.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `tinyint unsigned`
    Tiny,
    /// `smallint`
    Small,
    /// `int`
    Int,
    /// `int unsigned`
    Unsigned,
    /// `decimal(10,2)`
    Money,
    /// `datetime`
    DateTime,
    /// `varchar` of utf8mb4, with so many characters; always more than 63.
    Varchar(u16),
    /// `char` of latin1
    Char(u8),
    /// `text` of utf8mb4
    Text,
    /// `enum`
    Enum(&'static [&'static str]),
}

impl Kind {
    /// The type's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Tiny => 1,
            Self::Small => 2,
            Self::Int | Self::Unsigned => 3,
            Self::Varchar(_) => 15,
            Self::DateTime => 18,
            Self::Money => 246,
            Self::Text => 252,
            Self::Char(_) | Self::Enum(_) => 254,
        }
    }

    /// What the table map adds to the number.
    pub fn details(self) -> Vec<u8> {
        match self {
            Self::Varchar(characters) => (characters * 4).to_le_bytes().to_vec(),
            Self::DateTime => vec![0],
            Self::Money => vec![10, 2],
            Self::Text => vec![2],
            Self::Char(characters) => vec![254, characters],
            Self::Enum(_) => vec![247, 1],
            _ => vec![],
        }
    }

    /// Whether it has a sign.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Tiny | Self::Small | Self::Int | Self::Unsigned | Self::Money)
    }

    /// Whether it has none below zero.
    pub fn is_unsigned(self) -> bool {
        matches!(self, Self::Tiny | Self::Unsigned)
    }

    /// The number of its collation; `None`: no text.
    pub fn collation(self) -> Option<u8> {
        match self {
            Self::Varchar(_) | Self::Text => Some(255), // utf8mb4_0900_ai_ci
            Self::Char(_) => Some(8),                   // latin1_swedish_ci
            _ => None,
        }
    }

    /// The labels of an enum.
    pub fn labels(self) -> Option<&'static [&'static str]> {
        if let Self::Enum(labels) = self { Some(labels) } else { None }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL
    Null,
    /// `tinyint unsigned`
    Tiny(u8),
    /// `smallint`
    Small(i16),
    /// `int`
    Int(i32),
    /// `int unsigned`
    Unsigned(u32),
    /// `decimal(10,2)` in hundredths, not below zero.
    Money(u32),
    /// `datetime`
    DateTime(civil::DateTime),
    /// `varchar` and `text`
    Text(String),
    /// `char`
    Char(String),
    /// An enum's label, from 1.
    Label(u8),
}

impl Cell {
    /// Adds its bytes to a row image.
    pub fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Tiny(number) | Self::Label(number) => bytes.push(*number),
            Self::Small(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Self::Int(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Self::Unsigned(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Self::Money(cents) => {
                // Eight digits in four bytes, two in one; the highest bit says that it is not below zero.
                bytes.extend_from_slice(&((cents / 100) | (1 << 31)).to_be_bytes());
                bytes.push((cents % 100) as u8);
            }
            Self::DateTime(at) => {
                let months = i64::from(at.year()) * 13 + i64::from(at.month());
                let clock = i64::from(at.hour()) << 12 | i64::from(at.minute()) << 6 | i64::from(at.second());
                let packed = (months << 5 | i64::from(at.day())) << 17 | clock | 1 << 39;
                bytes.extend_from_slice(&packed.to_be_bytes()[3..]);
            }
            Self::Text(text) => {
                bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Self::Char(text) => packed(bytes, text.as_bytes()),
        }
    }
}

/// Bytes behind their count; the demo has none above 250 but for the names of columns, which have not either.
pub fn packed(into: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() < 251, "the demo packs short texts only");
    into.push(bytes.len() as u8);
    into.extend_from_slice(bytes);
}
