//! Whether a column still holds what it held when a log was written: rows that are put back must come out the same.

use std::fmt;

use crate::change::charset;
use crate::change::table::{Column, Layout};
use crate::model::change::{Charset, ColumnFacts};
use crate::model::changes::decoded;
use crate::model::foreign::Foreign;
use crate::model::script::ColumnNowFacts;

/// How a column is otherwise now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// It is of another type.
    Type,
    /// It had a sign and has none, or the other way round.
    Sign,
    /// It holds less: fewer digits, bits or bytes.
    Narrower,
    /// Its text is in another character set, which decides its bytes.
    Charset(&'static str),
    /// It lacks a label that rows may have.
    Label(Foreign),
    /// It takes no NULL any more.
    NoNull,
}

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type => f.write_str("it was of another type"),
            Self::Sign => f.write_str("its sign is another one"),
            Self::Narrower => f.write_str("it held more"),
            Self::Charset(charset) => write!(f, "its text was in {charset}"),
            Self::Label(label) => write!(f, "it had the label {label}"),
            Self::NoNull => f.write_str("it took NULL"),
        }
    }
}

/// How a column is otherwise than where its rows were logged; `None`: every value of then is the same value now.
/// `then` and `shown` are what the log and its definition say of it.
pub fn since(then: &Column, shown: &ColumnFacts, now: &ColumnNowFacts) -> Option<Otherwise> {
    let kind = shown.declared.as_deref().unwrap_or_default();
    let found = of_layout(then, kind, now).err();
    found.or_else(|| (then.nullable && !now.nullable && !now.generated).then_some(Otherwise::NoNull))
}

type Same = Result<(), Otherwise>;

fn of_layout(then: &Column, kind: &str, now: &ColumnNowFacts) -> Same {
    let is = |kinds: &[&str]| must(kinds.contains(&now.kind.as_str()), Otherwise::Type);
    match then.layout {
        Layout::Nothing => Ok(()),
        Layout::Integer(size) => integer(size, then.unsigned, now),
        Layout::Float => is(&["float"]).and_then(|()| sign(then, now)),
        Layout::Double => is(&["double"]).and_then(|()| sign(then, now)),
        Layout::Decimal { precision, scale, .. } => {
            is(&["decimal"])?;
            let (whole, behind) = (number(now, 0, 10), number(now, 1, 0));
            let holds =
                behind >= scale.into() && whole.saturating_sub(behind) >= u32::from(precision - scale.min(precision));
            must(holds, Otherwise::Narrower).and_then(|()| sign(then, now))
        }
        Layout::Bit(bits) => is(&["bit"]).and_then(|()| must(number(now, 0, 1) >= bits.into(), Otherwise::Narrower)),
        Layout::Year => is(&["year"]),
        Layout::Date => is(&["date"]),
        Layout::OldTime => is(&["time"]),
        Layout::OldDateTime => is(&["datetime"]),
        Layout::OldTimestamp => is(&["timestamp"]),
        Layout::Time(digits) => is(&["time"]).and_then(|()| fraction(digits, now)),
        Layout::DateTime(digits) => is(&["datetime"]).and_then(|()| fraction(digits, now)),
        Layout::Timestamp(digits) => is(&["timestamp"]).and_then(|()| fraction(digits, now)),
        Layout::Enum(_) => is(&["enum"]).and_then(|()| labels(then, now)),
        Layout::Set(_) => is(&["set"]).and_then(|()| labels(then, now)),
        Layout::Json(_) => is(&["json"]),
        Layout::Geometry(_) => {
            let alike = kind.starts_with("geom") && kind.ends_with("collection") && now.kind.ends_with("collection");
            let same = now.kind == kind || now.kind == "geometry" || kind.is_empty() && now.is_shape();
            must(same || alike, Otherwise::Type)
        }
        Layout::Vector(_) => is(&["vector"]),
        Layout::Char(_) => fixed(then, kind, now),
        Layout::VarChar(_) if kind == "vector" || kind.is_empty() && now.kind == "vector" => is(&["vector"]),
        Layout::VarChar(_) => text(then, then.width.into(), now),
        Layout::Blob(size) => text(then, longest(size), now),
        Layout::Compressed(size) => text(then, longest(size), now),
    }
}

fn must(holds: bool, otherwise: Otherwise) -> Same {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The longest text that so many bytes of length can tell.
fn longest(size: u8) -> u64 {
    (1 << (8 * u32::from(size.clamp(1, 4)))) - 1
}

fn number(now: &ColumnNowFacts, at: usize, otherwise: u32) -> u32 {
    let inside = now.full.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let number = inside.and_then(|(inside, _)| inside.split(',').nth(at)?.trim().parse().ok());
    number.unwrap_or(otherwise)
}

fn is_unsigned(now: &ColumnNowFacts) -> bool {
    now.full.contains("unsigned") || now.full.contains("zerofill")
}

/// An integer without a sign fits into a larger one with one, and nothing else does across signs.
fn integer(size: u8, unsigned: Option<bool>, now: &ColumnNowFacts) -> Same {
    let wide = match now.kind.as_str() {
        "tinyint" => 1,
        "smallint" => 2,
        "mediumint" => 3,
        "int" => 4,
        "bigint" => 8,
        _ => return Err(Otherwise::Type),
    };
    match (unsigned, is_unsigned(now)) {
        (Some(true), false) if wide > size => Ok(()),
        (Some(then), now) if then != now => Err(Otherwise::Sign),
        _ => must(wide >= size, Otherwise::Narrower),
    }
}

/// Fractions: one that may be below zero is not one that may not.
fn sign(then: &Column, now: &ColumnNowFacts) -> Same {
    must(then.unsigned != Some(false) || !is_unsigned(now), Otherwise::Sign)
}

fn fraction(digits: u8, now: &ColumnNowFacts) -> Same {
    must(number(now, 0, 0) >= digits.into(), Otherwise::Narrower)
}

/// CHAR, BINARY, and what MariaDB keeps as such. BINARY is filled up to its length, so another length is another value.
fn fixed(then: &Column, kind: &str, now: &ColumnNowFacts) -> Same {
    let addresses = ["uuid", "inet4", "inet6"];
    if addresses.contains(&kind) || addresses.contains(&now.kind.as_str()) {
        let width = if now.kind == "inet4" { 4 } else { 16 };
        return must(now.kind == kind || kind.is_empty() && then.width == width, Otherwise::Type);
    }
    if then.charset == Charset::Binary {
        must(now.kind == "binary", Otherwise::Type)?;
        return must(now.bytes == Some(then.width.into()), Otherwise::Narrower);
    }
    must(now.kind == "char", Otherwise::Type)?;
    text(then, then.width.into(), now)
}

/// Texts and bytes of any length: one that is longer, or called otherwise, holds the same.
fn text(then: &Column, bytes: u64, now: &ColumnNowFacts) -> Same {
    let texts = ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"];
    let blobs = ["varbinary", "tinyblob", "blob", "mediumblob", "longblob"];
    // Spaces at the end of CHAR are cut off: what had them has others.
    let is_char = matches!(then.layout, Layout::Char(_));
    let is_text = texts.contains(&now.kind.as_str()) && (is_char || now.kind != "char");
    match then.charset {
        Charset::Binary => must(blobs.contains(&now.kind.as_str()), Otherwise::Type)?,
        Charset::Named(name) => must(is_text, Otherwise::Type).and_then(|()| same_bytes(name, now))?,
        Charset::Unknown => {}
    }
    // utf8mb3 in the log takes three bytes where utf8mb4 takes four: only fewer bytes are narrower.
    must(now.kind == "json" || now.bytes.is_none_or(|room| room >= bytes), Otherwise::Narrower)
}

/// Whether every text has the same bytes in the character set that the column has now.
fn same_bytes(then: &'static str, now: &ColumnNowFacts) -> Same {
    let Some(name) = now.charset.as_deref() else { return Ok(()) };
    let Charset::Named(now) = charset::named(name.as_bytes()) else { return Err(Otherwise::Charset(then)) };
    let wider = match then {
        "ascii" => matches!(now, "utf8mb3" | "utf8mb4" | "latin1"),
        "utf8mb3" => now == "utf8mb4",
        "ucs2" => now == "utf16",
        _ => false,
    };
    must(wider || then == now, Otherwise::Charset(then))
}

/// Labels are written by their names: each that a row may have must still be there.
fn labels(then: &Column, now: &ColumnNowFacts) -> Same {
    if now.labels.is_empty() {
        return Ok(());
    }
    let is_there = |label: &Foreign| {
        let as_text = decoded(label.raw_bytes(), then.charset);
        let bytes = as_text.as_ref().map_or(label.raw_bytes(), |text| text.as_bytes());
        let raw = label.raw_bytes();
        now.labels.iter().any(|known| known.raw_bytes() == bytes || known.raw_bytes() == raw)
    };
    match then.labels.iter().find(|label| !is_there(label)) {
        Some(label) => Err(Otherwise::Label(label.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
