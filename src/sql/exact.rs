//! Values to literals that give a server back exactly what it had stored; printable ASCII only.

use std::fmt::Write;

use crate::model::change::{Charset, Value};

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
    /// A document with decimals, dates or bytes inside, which have no text of their own.
    #[error("a JSON document with values inside that have no text")]
    Document,
    /// Only what was done to a document.
    #[error("the log only has what was done to the JSON document")]
    Patch,
}

/// The literal to store a value with.
///
/// Literals of one column always have the same type and character set, so that they may stand in one UNION.
///
/// # Errors
///
/// When there is none that is exact.
pub fn literal(value: &Value<'_>, form: &Form) -> Result<String, Inexact> {
    Ok(match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Bare { .. } => return Err(Inexact::Sign),
        Value::Decimal(decimal) => decimal.to_string(),
        // All digits of the wider type: it is the same number, and rounding it back is exact.
        Value::Float(bits) => float(f64::from(f32::from_bits(*bits)))?,
        Value::Double(bits) => float(f64::from_bits(*bits))?,
        Value::Bit { bits, width } => format!("b'{bits:0width$b}'", width = usize::from(*width)),
        Value::Year(year) => year.to_string(),
        Value::Date(_) | Value::Time { .. } | Value::DateTime { .. } => temporal(value),
        Value::Timestamp { seconds, micros, digits } => timestamp(*seconds, *micros, *digits),
        Value::Text { bytes, .. } => text(bytes, form)?,
        Value::Enum(number) => {
            let (bytes, charset) = label(*number, form)?;
            introduced(bytes, charset)?
        }
        Value::Set(bits) => introduced(&labels(*bits, form)?, form.labels_in)?,
        Value::Json { exact: false, .. } => return Err(Inexact::Document),
        Value::Json { text, .. } => format!("CAST({} AS JSON)", introduced(text.as_bytes(), UTF8)?),
        Value::JsonPatch(_) => return Err(Inexact::Patch),
        Value::Geometry(bytes) | Value::Vector(bytes) => hex(bytes),
    })
}

/// The condition that a column holds exactly this value, byte for byte where it is text.
///
/// `name` is the column's quoted name.
///
/// # Errors
///
/// When the value is not known well enough to compare with.
pub fn condition(name: &str, value: &Value<'_>, form: &Form) -> Result<String, Inexact> {
    Ok(match value {
        Value::Null => format!("{name} IS NULL"),
        Value::Bit { bits, .. } => format!("{name}+0 <=> {bits}"),
        Value::Year(year) => format!("{name}+0 <=> {year}"),
        Value::Enum(0) => format!("{name}+0 <=> 0"),
        Value::Enum(number) => labelled(name, label(*number, form)?.0, form),
        Value::Set(bits) => labelled(name, &labels(*bits, form)?, form),
        Value::Text { bytes, .. } if form.is_address => format!("{name} <=> {}", hex(&padded(bytes, form))),
        Value::Text { bytes, .. } => format!("CAST({name} AS BINARY) <=> {}", hex(&padded(bytes, form))),
        Value::Json { text, .. } => {
            format!("CAST(CAST({name} AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> {}", hex(text.as_bytes()))
        }
        Value::Geometry(bytes) | Value::Vector(bytes) => format!("HEX({name}) <=> '{}'", digits(bytes)),
        _ => format!("{name} <=> {}", literal(value, form)?),
    })
}

/// The condition on a column of a key, in a form for which servers use the index; it may hold for other rows
/// too, so [`condition`] goes with it. `None` where that is of such a form itself.
///
/// # Errors
///
/// As [`literal`].
pub fn lookup(name: &str, value: &Value<'_>, form: &Form) -> Result<Option<String>, Inexact> {
    match value {
        Value::Text { .. } if form.is_address => Ok(None),
        Value::Text { .. } | Value::Enum(1..) | Value::Set(_) | Value::Bit { .. } | Value::Year(_) => {
            Ok(Some(format!("{name}={}", literal(value, form)?)))
        }
        _ => Ok(None),
    }
}

const UTF8: Charset = Charset::Named("utf8mb4");

fn labelled(name: &str, label: &[u8], form: &Form) -> String {
    if form.labels_in == form.charset {
        return format!("CAST({name} AS BINARY) <=> {}", hex(label));
    }
    format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY) <=> {}", hex(label))
}

/// Shortest digits that read back as the same number, always with an exponent: without one, a literal is a
/// decimal, and large ones are cut. (MariaDB stores no -0, whatever it is given.)
fn float(number: f64) -> Result<String, Inexact> {
    if number.is_finite() { Ok(format!("{number:e}")) } else { Err(Inexact::NoNumber) }
}

fn temporal(value: &Value<'_>) -> String {
    format!("'{}'", crate::model::change::Plain(value))
}

/// In UTC: the session's time zone must be `+00:00`.
fn timestamp(seconds: u32, micros: u32, digits: u8) -> String {
    let mut text = if seconds == 0 {
        "'0000-00-00 00:00:00".to_owned()
    } else {
        let (days, rest) = (i64::from(seconds / 86_400), seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        format!("'{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    };
    if let width @ 1..=6 = usize::from(digits) {
        let _ = write!(text, ".{:0width$}", micros / 10_u32.pow(6 - width as u32));
    }
    text.push('\'');
    text
}

/// The day of a count of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn padded(bytes: &[u8], form: &Form) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(width) = form.pad.filter(|width| *width > bytes.len()) {
        bytes.resize(width, 0);
    }
    bytes
}

fn text(bytes: &[u8], form: &Form) -> Result<String, Inexact> {
    match form.charset {
        Charset::Unknown => Err(Inexact::Charset),
        Charset::Binary => Ok(hex(&padded(bytes, form))),
        named @ Charset::Named(_) => introduced(bytes, named),
    }
}

/// A text with its character set in front: in quotes where all of it is plain ASCII, else in hexadecimal.
fn introduced(bytes: &[u8], charset: Charset) -> Result<String, Inexact> {
    let Charset::Named(charset) = charset else { return Err(Inexact::Charset) };
    if matches!(charset, "utf8mb4" | "utf8mb3") && std::str::from_utf8(bytes).is_err() {
        return Err(Inexact::Malformed);
    }
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'\\';
    let is_ascii = matches!(charset, "utf8mb4" | "utf8mb3" | "ascii" | "binary") || charset.starts_with("latin");
    match std::str::from_utf8(bytes) {
        Ok(text) if is_ascii && bytes.iter().all(is_plain) => Ok(format!("_{charset}'{}'", text.replace('\'', "''"))),
        _ => Ok(format!("_{charset} {}", hex(bytes))),
    }
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

fn digits(bytes: &[u8]) -> String {
    data_encoding::HEXUPPER.encode(bytes)
}

fn hex(bytes: &[u8]) -> String {
    format!("X'{}'", digits(bytes))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn named(charset: &'static str) -> Form {
        Form { charset: Charset::Named(charset), labels_in: Charset::Named(charset), ..Form::default() }
    }

    fn text_of(bytes: &[u8]) -> Value<'_> {
        Value::Text { bytes: Cow::Borrowed(bytes), charset: Charset::Unknown }
    }

    #[test]
    fn d05_d08_numbers_keep_all_their_digits() {
        let number = |value: Value<'_>| literal(&value, &Form::default()).unwrap();
        assert_eq!(number(Value::UInt(u64::MAX)), "18446744073709551615");
        assert_eq!(number(Value::Int(9_007_199_254_740_993)), "9007199254740993");
        assert_eq!(number(Value::Double((-0.0_f64).to_bits())), "-0e0");
        assert_eq!(number(Value::Double(1e300_f64.to_bits())), "1e300");
        assert_eq!(number(Value::Float(0.1_f32.to_bits())), "1.0000000149011612e-1");
        assert_eq!(literal(&Value::Double(f64::NAN.to_bits()), &Form::default()), Err(Inexact::NoNumber));
        assert_eq!(literal(&Value::Bare { bits: 255, size: 1 }, &Form::default()), Err(Inexact::Sign));
    }

    #[test]
    fn d07_timestamps_are_in_utc() {
        let at =
            |seconds, micros, digits| literal(&Value::Timestamp { seconds, micros, digits }, &Form::default()).unwrap();
        assert_eq!(at(0, 0, 0), "'0000-00-00 00:00:00'");
        assert_eq!(at(951_782_400, 120_000, 2), "'2000-02-29 00:00:00.12'");
        assert_eq!(at(u32::MAX, 999_999, 6), "'2106-02-07 06:28:15.999999'");
    }

    #[test]
    fn d01_d06_d15_texts_carry_their_character_set_and_bytes_their_width() {
        assert_eq!(literal(&text_of(b"it's"), &named("utf8mb4")).unwrap(), "_utf8mb4'it''s'");
        assert_eq!(literal(&text_of(b"\xe9"), &named("latin1")).unwrap(), "_latin1 X'E9'");
        assert_eq!(literal(&text_of(b"a"), &named("sjis")).unwrap(), "_sjis X'61'");
        let binary = Form { charset: Charset::Binary, pad: Some(4), ..Form::default() };
        assert_eq!(literal(&text_of(b"ab"), &binary).unwrap(), "X'61620000'");
        assert_eq!(literal(&text_of(b"ab"), &Form::default()), Err(Inexact::Charset));
        assert_eq!(literal(&text_of(b"\xff"), &named("utf8mb4")), Err(Inexact::Malformed));
    }

    #[test]
    fn d14_enums_and_sets_are_written_by_label() {
        let form = Form { labels: vec![b"new".to_vec(), b"paid".to_vec()], ..named("latin1") };
        assert_eq!(literal(&Value::Enum(2), &form).unwrap(), "_latin1'paid'");
        assert_eq!(literal(&Value::Set(3), &form).unwrap(), "_latin1'new,paid'");
        assert_eq!(literal(&Value::Enum(0), &form), Err(Inexact::ErrorValue));
        assert_eq!(literal(&Value::Enum(3), &form), Err(Inexact::Label));
        assert_eq!(literal(&Value::Set(4), &form), Err(Inexact::Label));
    }

    #[test]
    fn d02_documents_that_lose_something_are_refused() {
        let json = |exact| Value::Json { text: Cow::Borrowed("{\"a\": 1.0}"), exact };
        assert_eq!(literal(&json(true), &Form::default()).unwrap(), "CAST(_utf8mb4'{\"a\": 1.0}' AS JSON)");
        assert_eq!(literal(&json(false), &Form::default()), Err(Inexact::Document));
        assert_eq!(literal(&Value::JsonPatch(Cow::Borrowed("x")), &Form::default()), Err(Inexact::Patch));
    }

    proptest! {
        #[test]
        fn d16_no_text_leaves_printable_ascii(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0..4_usize) {
            let form = named(["latin1", "utf8mb4", "gbk", "utf16"][at]);
            if let Ok(written) = literal(&text_of(&bytes), &form) {
                prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written}");
                prop_assert!(!written.contains('\\'));
            }
            let compared = condition("`c`", &text_of(&bytes), &form).unwrap();
            prop_assert!(compared.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }

        #[test]
        fn d08_every_finite_number_reads_back(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let written = literal(&Value::Double(bits), &Form::default()).unwrap();
            prop_assert!(written.contains('e'));
            prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
