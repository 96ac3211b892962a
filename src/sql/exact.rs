//! Values to literals that give a server back exactly what it had stored; printable ASCII only.

use std::io::Write;

use crate::model::change::{Charset, JsonPlace, JsonScalar, JsonTypes, Value};

/// What a column's type says of its literals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Of a text, enum or set.
    pub charset: Charset,
    /// Labels of an enum or set.
    pub labels: Vec<Vec<u8>>,
    /// The character set that the labels are written in: the column's own in logs, another in definitions.
    pub labels_in: Charset,
    /// The width of a BINARY column: rows leave trailing zeros out, and literals must have them.
    pub pad: Option<usize>,
    /// MariaDB's UUID, INET4 or INET6: bytes to store with, but a text when it is cast to bytes.
    pub is_address: bool,
}

/// Why a value has no exact literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inexact {
    /// Nothing tells whether the integer has a sign.
    #[error("nothing tells whether the number has a sign")]
    Sign,
    /// Nothing tells the character set.
    #[error("nothing tells the character set of the text")]
    Charset,
    /// Text that is malformed in its own character set.
    #[error("the text is malformed in its own character set, and a server would not take it again")]
    Malformed,
    /// No number at all.
    #[error("an infinite number, or none")]
    NoNumber,
    /// An enum's error value: only a statement outside strict mode can store it.
    #[error("the enum's error value, which only a statement outside strict mode can store")]
    ErrorValue,
    /// No label of that number is known.
    #[error("no label of that number is known")]
    Label,
    /// A document with values inside that neither text nor an expression makes, such as bytes out of a BLOB column.
    #[error("a JSON document with values inside that no expression makes")]
    Document,
    /// A document with more such values as its text does not tell than one statement should have.
    #[error("a JSON document with more values inside whose types its text does not tell than a statement can have")]
    Places,
    /// Only what was done to a document.
    #[error("the log only has what was done to the JSON document")]
    Patch,
}

/// Writes the literal to store a value with behind what `out` already has.
///
/// Literals of one column always have the same type and character set, so that they may stand in one UNION.
///
/// # Errors
///
/// When there is none that is exact; `out` may then have a part of one.
pub fn write_literal(out: &mut Vec<u8>, value: &Value<'_>, form: &Form) -> Result<(), Inexact> {
    match value {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Int(number) => signed(out, *number),
        Value::UInt(number) => unsigned(out, *number),
        Value::Bare { .. } => return Err(Inexact::Sign),
        Value::Decimal(decimal) => decimal.write_into(out),
        // All digits of the wider type: it is the same number, and rounding it back is exact.
        Value::Float(bits) => float(out, f64::from(f32::from_bits(*bits)))?,
        Value::Double(bits) => float(out, f64::from_bits(*bits))?,
        Value::Bit { bits, width } => {
            out.extend_from_slice(b"b'");
            out.extend((0..*width).rev().map(|at| b'0' + (bits >> at & 1) as u8));
            out.push(b'\'');
        }
        Value::Year(year) => unsigned(out, (*year).into()),
        Value::Date(_) | Value::Time { .. } | Value::DateTime { .. } => temporal(out, value),
        Value::Timestamp { seconds, micros, digits } => timestamp(out, *seconds, *micros, *digits),
        Value::Text { bytes, .. } => text(out, bytes, form)?,
        Value::Enum(number) => {
            let (bytes, charset) = label(*number, form)?;
            introduced(out, bytes, charset)?;
        }
        Value::Set(bits) => introduced(out, &labels(*bits, form)?, form.labels_in)?,
        Value::Json { text, types } => document(out, text, types)?,
        Value::JsonPatch(_) => return Err(Inexact::Patch),
        Value::Geometry(bytes) | Value::Vector(bytes) => hex(out, bytes, 0),
    }
    Ok(())
}

/// Writes the condition that a column holds exactly this value, byte for byte where it is text.
///
/// `name` is the column's quoted name.
///
/// # Errors
///
/// When the value is not known well enough to compare with; `out` may then have a part of the condition.
pub fn write_condition(out: &mut Vec<u8>, name: &[u8], value: &Value<'_>, form: &Form) -> Result<(), Inexact> {
    match value {
        Value::Null => wrapped(out, b"", name, b" IS NULL"),
        Value::Bit { bits, .. } => number(out, name, *bits),
        Value::Year(year) => number(out, name, (*year).into()),
        Value::Enum(0) => number(out, name, 0),
        Value::Enum(number) => labelled(out, name, label(*number, form)?.0, form),
        Value::Set(bits) => labelled(out, name, &labels(*bits, form)?, form),
        Value::Text { bytes, .. } if form.is_address => {
            wrapped(out, b"", name, b" <=> ");
            hex(out, bytes, width(form));
        }
        Value::Text { bytes, .. } => {
            wrapped(out, b"CAST(", name, b" AS BINARY) <=> ");
            hex(out, bytes, width(form));
        }
        Value::Json { text, .. } => {
            wrapped(out, b"CAST(CAST(", name, b" AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> ");
            hex(out, text.as_bytes(), 0);
        }
        Value::Geometry(bytes) | Value::Vector(bytes) => {
            wrapped(out, b"HEX(", name, b") <=> '");
            digits(out, bytes);
            out.push(b'\'');
        }
        _ => {
            wrapped(out, b"", name, b" <=> ");
            write_literal(out, value, form)?;
        }
    }
    Ok(())
}

/// Writes the condition on a column of a key in a form for which servers use the index; it may hold for other rows
/// too, so the one of [`write_condition`] goes with it. `false` where that is of such a form itself.
///
/// # Errors
///
/// As [`write_literal`].
pub fn write_lookup(out: &mut Vec<u8>, name: &[u8], value: &Value<'_>, form: &Form) -> Result<bool, Inexact> {
    let is_needed = match value {
        Value::Text { .. } => !form.is_address,
        Value::Enum(1..) | Value::Set(_) | Value::Bit { .. } | Value::Year(_) => true,
        _ => false,
    };
    if is_needed {
        wrapped(out, b"", name, b"=");
        write_literal(out, value, form)?;
    }
    Ok(is_needed)
}

/// A document by its text, and behind it the values whose types the text does not tell, each at its place.
fn document(out: &mut Vec<u8>, text: &str, types: &JsonTypes) -> Result<(), Inexact> {
    let places: &[JsonPlace] = match types {
        JsonTypes::Plain => &[],
        JsonTypes::At(places) => places,
        JsonTypes::Untold => return Err(Inexact::Document),
        JsonTypes::Many => return Err(Inexact::Places),
    };
    if let Some(whole) = places.iter().find(|place| &*place.path == "$") {
        out.extend_from_slice(b"CAST(");
        typed(out, &whole.value);
        out.extend_from_slice(b" AS JSON)");
        return Ok(());
    }
    if !places.is_empty() {
        out.extend_from_slice(b"JSON_REPLACE(");
    }
    out.extend_from_slice(b"CAST(");
    introduced(out, text.as_bytes(), UTF8)?;
    out.extend_from_slice(b" AS JSON)");
    for place in places {
        out.push(b',');
        introduced(out, place.path.as_bytes(), UTF8)?;
        out.push(b',');
        typed(out, &place.value);
    }
    if !places.is_empty() {
        out.push(b')');
    }
    Ok(())
}

/// An expression that has a value's type. A decimal comes out of a column: whatever else makes one gives it another
/// number of digits.
fn typed(out: &mut Vec<u8>, value: &JsonScalar) {
    let mut parts = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    match value {
        JsonScalar::Unsigned(number) => parts(&["CAST(", &number.to_string(), " AS UNSIGNED)"]),
        JsonScalar::Signed(number) => parts(&["CAST(", &number.to_string(), " AS SIGNED)"]),
        JsonScalar::Date(text) => parts(&["CAST('", text, "' AS DATE)"]),
        JsonScalar::Time(text) => parts(&["CAST('", text, "' AS TIME(6))"]),
        JsonScalar::DateTime(text) => parts(&["CAST('", text, "' AS DATETIME(6))"]),
        JsonScalar::Timestamp(text) => parts(&[COLUMN[0], text, COLUMN[1], "TIMESTAMP(6)", COLUMN[2]]),
        JsonScalar::Decimal { text, precision, scale } => {
            parts(&[COLUMN[0], text, COLUMN[1], &format!("DECIMAL({precision},{scale})"), COLUMN[2]]);
        }
        JsonScalar::Bytes(bytes) => hex(out, bytes, 0),
    }
}

/// Around a text and the type of the column that it is read into: not being one is an error.
const COLUMN: [&str; 3] =
    ["(SELECT v FROM JSON_TABLE('[\"", "\"]','$[0]' COLUMNS(v ", " PATH '$' ERROR ON EMPTY ERROR ON ERROR)) d)"];

const UTF8: Charset = Charset::Named("utf8mb4");

fn wrapped(out: &mut Vec<u8>, front: &[u8], name: &[u8], behind: &[u8]) {
    out.extend_from_slice(front);
    out.extend_from_slice(name);
    out.extend_from_slice(behind);
}

fn number(out: &mut Vec<u8>, name: &[u8], number: u64) {
    wrapped(out, b"", name, b"+0 <=> ");
    unsigned(out, number);
}

fn labelled(out: &mut Vec<u8>, name: &[u8], label: &[u8], form: &Form) {
    if form.labels_in == form.charset {
        wrapped(out, b"CAST(", name, b" AS BINARY) <=> ");
    } else {
        wrapped(out, b"CAST(CONVERT(", name, b" USING utf8mb4) AS BINARY) <=> ");
    }
    hex(out, label, 0);
}

/// Writes an integer in decimal digits.
pub fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    let (mut digits, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    unsigned(out, number.unsigned_abs());
}

/// Shortest digits that read back as the same number, always with an exponent: without one, a literal is a
/// decimal, and large ones are cut. (MariaDB stores no -0, whatever it is given.)
fn float(out: &mut Vec<u8>, number: f64) -> Result<(), Inexact> {
    if !number.is_finite() {
        return Err(Inexact::NoNumber);
    }
    // Writing into memory does not fail.
    let _ = write!(out, "{number:e}");
    Ok(())
}

/// At least `width` decimal digits of a number, with zeros in front.
fn fixed(out: &mut Vec<u8>, mut number: u32, width: usize) {
    if number >= 10_u32.pow(width as u32) {
        return unsigned(out, number.into());
    }
    let mut digits = [b'0'; 10];
    for digit in digits[..width].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[..width]);
}

fn day(out: &mut Vec<u8>, (year, month, day): (u16, u8, u8)) {
    fixed(out, year.into(), 4);
    out.push(b'-');
    fixed(out, month.into(), 2);
    out.push(b'-');
    fixed(out, day.into(), 2);
}

fn clock(out: &mut Vec<u8>, (minutes, seconds): (u8, u8), micros: u32, digits: u8) {
    out.push(b':');
    fixed(out, minutes.into(), 2);
    out.push(b':');
    fixed(out, seconds.into(), 2);
    if let width @ 1..=6 = usize::from(digits) {
        out.push(b'.');
        fixed(out, micros / 10_u32.pow(6 - width as u32), width);
    }
}

fn temporal(out: &mut Vec<u8>, value: &Value<'_>) {
    out.push(b'\'');
    match value {
        Value::Date(date) => day(out, (date.year, date.month, date.day)),
        Value::Time { negative, hours, minutes, seconds, micros, digits } => {
            if *negative {
                out.push(b'-');
            }
            fixed(out, (*hours).into(), 2);
            clock(out, (*minutes, *seconds), *micros, *digits);
        }
        Value::DateTime { date, hours, minutes, seconds, micros, digits } => {
            day(out, (date.year, date.month, date.day));
            out.push(b' ');
            fixed(out, (*hours).into(), 2);
            clock(out, (*minutes, *seconds), *micros, *digits);
        }
        _ => {}
    }
    out.push(b'\'');
}

/// In UTC: the session's time zone must be `+00:00`.
fn timestamp(out: &mut Vec<u8>, seconds: u32, micros: u32, digits: u8) {
    out.push(b'\'');
    // MariaDB keeps fractions of the first second; without one it is no time at all.
    if seconds == 0 && micros == 0 {
        out.extend_from_slice(b"0000-00-00 00");
    } else {
        day(out, civil(i64::from(seconds / 86_400)));
        out.push(b' ');
        fixed(out, seconds % 86_400 / 3600, 2);
    }
    let rest = seconds % 3600;
    clock(out, ((rest / 60) as u8, (rest % 60) as u8), micros, digits);
    out.push(b'\'');
}

/// The day of a count of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (u16, u8, u8) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    ((year + era * 400 + i64::from(month <= 2)) as u16, month as u8, day as u8)
}

fn width(form: &Form) -> usize {
    form.pad.unwrap_or(0)
}

fn text(out: &mut Vec<u8>, bytes: &[u8], form: &Form) -> Result<(), Inexact> {
    match form.charset {
        Charset::Unknown => Err(Inexact::Charset),
        Charset::Binary => {
            hex(out, bytes, width(form));
            Ok(())
        }
        named @ Charset::Named(_) => introduced(out, bytes, named),
    }
}

/// A text with its character set in front: in quotes where all of it is plain ASCII, else in hexadecimal.
fn introduced(out: &mut Vec<u8>, bytes: &[u8], charset: Charset) -> Result<(), Inexact> {
    let Charset::Named(charset) = charset else { return Err(Inexact::Charset) };
    // All bytes are looked at, whatever was found: that goes many at a time.
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) & (*byte != b'\\');
    let is_ascii = matches!(charset, "utf8mb4" | "utf8mb3" | "ascii" | "binary") || charset.starts_with("latin");
    out.push(b'_');
    // The same bytes, and MySQL warns of `utf8mb3`: a client that shows warnings asks for them, and the count of rows
    // that were touched is gone.
    out.extend_from_slice(if charset == "utf8mb3" { b"utf8mb4" } else { charset.as_bytes() });
    if is_ascii && bytes.iter().fold(true, |plain, byte| plain & is_plain(byte)) {
        quoted(out, bytes);
        return Ok(());
    }
    // A server would fill what is not a whole character up with zeros in front.
    let is_whole = match charset {
        "utf8mb4" | "utf8mb3" => std::str::from_utf8(bytes).is_ok(),
        "ucs2" | "utf16" | "utf16le" => bytes.len().is_multiple_of(2),
        "utf32" => bytes.len().is_multiple_of(4),
        _ => true,
    };
    if !is_whole {
        return Err(Inexact::Malformed);
    }
    out.push(b' ');
    hex(out, bytes, 0);
    Ok(())
}

/// Writes a text in UTF-8.
pub fn utf8(out: &mut Vec<u8>, text: &str) {
    // What is UTF-8 is never malformed in it.
    let _ = introduced(out, text.as_bytes(), UTF8);
}

fn quoted(out: &mut Vec<u8>, mut bytes: &[u8]) {
    out.push(b'\'');
    while let Some(at) = memchr::memchr(b'\'', bytes) {
        out.extend_from_slice(&bytes[..=at]);
        out.push(b'\'');
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
    out.push(b'\'');
}

fn label(number: u16, form: &Form) -> Result<(&[u8], Charset), Inexact> {
    let at = usize::from(number).checked_sub(1).ok_or(Inexact::ErrorValue)?;
    form.labels.get(at).map(|label| (label.as_slice(), form.labels_in)).ok_or(Inexact::Label)
}

/// The labels of a set with commas between them, as its value reads.
fn labels(bits: u64, form: &Form) -> Result<Vec<u8>, Inexact> {
    let comma: &[u8] = match form.labels_in {
        Charset::Named("ucs2" | "utf16") => &[0, b','],
        Charset::Named("utf16le") => &[b',', 0],
        Charset::Named("utf32") => &[0, 0, 0, b','],
        _ => b",",
    };
    let set = (0..64).filter(|at| bits >> at & 1 == 1);
    let labels = set.map(|at| form.labels.get(at).map(Vec::as_slice).ok_or(Inexact::Label));
    Ok(labels.collect::<Result<Vec<_>, _>>()?.join(comma))
}

/// Upper-case hexadecimal digits.
pub fn digits(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |half: u8| half + if half > 9 { b'A' - 10 } else { b'0' };
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    for (pair, byte) in out[start..].chunks_exact_mut(2).zip(bytes) {
        (pair[0], pair[1]) = (digit(byte >> 4), digit(byte & 15));
    }
}

/// `X'..'`, with zero bytes behind it up to a width.
fn hex(out: &mut Vec<u8>, bytes: &[u8], width: usize) {
    out.extend_from_slice(b"X'");
    digits(out, bytes);
    out.resize(out.len() + 2 * width.saturating_sub(bytes.len()), b'0');
    out.push(b'\'');
}

#[cfg(test)]
mod tests;
