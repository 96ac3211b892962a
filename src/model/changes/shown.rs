//! Changes as JSON and as text: every value exactly, nothing that could be taken for something else.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::model::change::{Change, ChangedTable, Charset, ColumnFacts, Plain, RowImage, Value};
use crate::model::changes::charset::decoded;
use crate::model::foreign::Foreign;

/// Integers up to here are JSON numbers; readers that keep numbers as doubles change larger ones.
const EXACT: u64 = (1 << 53) - 1;

/// A value of a column, to be shown.
///
/// As JSON: integers are numbers up to 9,007,199,254,740,991 on either side of zero and strings beyond; decimals,
/// dates and times are strings; floats are numbers in their shortest exact form; enums and sets are their labels;
/// texts are strings where their character set is one that is read here, everything else is `{"hex": ".."}`, with
/// `charset` where it is a text; timestamps are RFC 3339 in UTC.
///
/// `Display` is for lines of text: escaped, texts in quotes, bytes as `x'..'`, safe to draw.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'v, 'a>(pub &'v Value<'a>, pub &'v ColumnFacts);

/// An enum's label; `None` where labels are unknown or are no UTF-8.
pub(super) fn label(number: u16, column: &ColumnFacts) -> Option<String> {
    match number {
        0 if !column.labels.is_empty() => Some(String::new()),
        number => column.labels.get(usize::from(number).checked_sub(1)?)?.raw_str().map(str::to_owned),
    }
}

/// A set's labels with commas between them.
pub(super) fn members(bits: u64, column: &ColumnFacts) -> Option<String> {
    if bits.checked_shr(column.labels.len() as u32).is_some_and(|beyond| beyond != 0) {
        return None;
    }
    let chosen = column.labels.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    let labels: Option<Vec<_>> = chosen.map(|(_, label)| label.raw_str()).collect();
    labels.filter(|_| !column.labels.is_empty()).map(|labels| labels.join(","))
}

/// A timestamp in UTC.
pub(super) fn timestamp(value: &Value<'_>) -> Option<String> {
    let Value::Timestamp { seconds, micros, digits } = value else { return None };
    let width = usize::from(*digits);
    let fraction = match width {
        0 => String::new(),
        _ => format!(".{:0width$}", micros / 10_u32.pow(6_u32.saturating_sub(width as u32))),
    };
    if *seconds == 0 && *micros == 0 {
        return Some(format!("0000-00-00 00:00:00{fraction}"));
    }
    let stamp = jiff::Timestamp::from_second(i64::from(*seconds)).ok()?;
    Some(format!("{}{fraction}Z", stamp.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// What stands for a value that is no plain JSON.
struct Tagged<'t>(&'t [(&'t str, String)]);

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unsigned<S: Serializer>(number: u64, serializer: S) -> Result<S::Ok, S::Error> {
    if number <= EXACT { serializer.serialize_u64(number) } else { serializer.collect_str(&number) }
}

fn signed<S: Serializer>(number: i64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.unsigned_abs() <= EXACT { serializer.serialize_i64(number) } else { serializer.collect_str(&number) }
}

impl Serialize for Shown<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, column) = self;
        match value {
            Value::Null => serializer.serialize_unit(),
            Value::Int(number) => signed(*number, serializer),
            Value::UInt(number) => unsigned(*number, serializer),
            Value::Bit { bits, .. } => unsigned(*bits, serializer),
            Value::Year(year) => unsigned(u64::from(*year), serializer),
            Value::Bare { bits, size } => bare(*bits, *size, serializer),
            Value::Float(bits) => match f32::from_bits(*bits) {
                number if number.is_finite() => serializer.serialize_f32(number),
                number => serializer.collect_str(&number),
            },
            Value::Double(bits) => match f64::from_bits(*bits) {
                number if number.is_finite() => serializer.serialize_f64(number),
                number => serializer.collect_str(&number),
            },
            Value::Text { bytes, charset } => match (decoded(bytes, *charset), charset) {
                (Some(text), _) => serializer.serialize_str(&text),
                (None, Charset::Named(name)) => {
                    Tagged(&[("hex", hex(bytes)), ("charset", (*name).to_owned())]).serialize(serializer)
                }
                (None, _) => Tagged(&[("hex", hex(bytes))]).serialize(serializer),
            },
            Value::Geometry(bytes) | Value::Vector(bytes) => Tagged(&[("hex", hex(bytes))]).serialize(serializer),
            Value::Enum(number) => match label(*number, column) {
                Some(label) => serializer.serialize_str(&label),
                None => Tagged(&[("enum", number.to_string())]).serialize(serializer),
            },
            Value::Set(bits) => match members(*bits, column) {
                Some(labels) => serializer.serialize_str(&labels),
                None => Tagged(&[("set", bits.to_string())]).serialize(serializer),
            },
            Value::Json { text, .. } => serializer.serialize_str(text),
            Value::JsonPatch(text) => Tagged(&[("json_patch", text.clone().into_owned())]).serialize(serializer),
            Value::Timestamp { .. } => serializer.serialize_str(&timestamp(value).unwrap_or_default()),
            Value::Decimal(_) | Value::Date(_) | Value::Time { .. } | Value::DateTime { .. } => {
                serializer.collect_str(&Plain(value))
            }
        }
    }
}

/// The two numbers that an integer of unknown sign may be.
fn bare<S: Serializer>(bits: u64, size: u8, serializer: S) -> Result<S::Ok, S::Error> {
    let spare = 64 - 8 * u32::from(size.clamp(1, 8));
    let negative = ((bits << spare) as i64) >> spare;
    Tagged(&[("unsigned", bits.to_string()), ("signed", negative.to_string())]).serialize(serializer)
}

impl fmt::Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, column) = self;
        let quoted = |f: &mut fmt::Formatter<'_>, text: &str| write!(f, "'{}'", Foreign::from(text));
        match value {
            Value::Text { bytes, charset } => match decoded(bytes, *charset) {
                Some(text) => quoted(f, &text),
                None => write!(f, "x'{}'", hex(bytes)),
            },
            Value::Geometry(bytes) | Value::Vector(bytes) => write!(f, "x'{}'", hex(bytes)),
            Value::Json { text, .. } | Value::JsonPatch(text) => quoted(f, text),
            Value::Enum(number) => match label(*number, column) {
                Some(label) => quoted(f, &label),
                None => write!(f, "#{number}"),
            },
            Value::Set(bits) => match members(*bits, column) {
                Some(labels) => quoted(f, &labels),
                None => write!(f, "#{bits}"),
            },
            Value::Timestamp { .. } => f.write_str(&timestamp(value).unwrap_or_default()),
            Value::Bare { bits, size } => {
                let spare = 64 - 8 * u32::from((*size).clamp(1, 8));
                write!(f, "{bits} or {}", ((bits << spare) as i64) >> spare)
            }
            value => write!(f, "{}", Plain(value)),
        }
    }
}

/// An image of a row as a JSON object; columns that the log leaves out are left out.
#[derive(Debug, Clone, Copy)]
pub struct Image<'c> {
    /// The table.
    pub table: &'c ChangedTable,
    /// The image.
    pub image: &'c RowImage,
    /// Only columns of the key, in their order in the table.
    pub only_key: bool,
}

impl Serialize for Image<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, value) in self.table.columns.iter().zip(&self.image.values) {
            if let Some(value) = value
                && (!self.only_key || column.key_part.is_some())
            {
                map.serialize_entry(&column.name, &Shown(value, column))?;
            }
        }
        map.end()
    }
}

/// A change as a line of JSON, with the fields that the README documents.
#[derive(Debug, Clone, Copy)]
pub struct ChangeLine<'c>(pub &'c Change);

impl Serialize for ChangeLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let change = self.0;
        let table = &*change.table;
        let image = |image| Image { table, image, only_key: false };
        let key = change.before.as_ref().or(change.after.as_ref()).filter(|_| table.has_key());
        let changed: Vec<&Foreign> =
            change.changed().into_iter().filter_map(|at| table.columns.get(at)).map(|column| &column.name).collect();
        let mut line = serializer.serialize_struct("change", 18)?;
        line.serialize_field("source", &*change.key.source)?;
        line.serialize_field("file", &*change.key.file)?;
        line.serialize_field("position", &change.key.position)?;
        line.serialize_field("row", &change.key.row)?;
        line.serialize_field("gtid", &change.transaction.gtid)?;
        line.serialize_field("thread", &change.transaction.thread)?;
        line.serialize_field("committed_at", &change.transaction.committed_at)?;
        line.serialize_field("kind", &change.kind)?;
        line.serialize_field("schema", &table.schema)?;
        line.serialize_field("table", &table.name)?;
        line.serialize_field("key", &key.map(|image| Image { table, image, only_key: true }))?;
        line.serialize_field("before", &change.before.as_ref().map(image))?;
        line.serialize_field("after", &change.after.as_ref().map(image))?;
        line.serialize_field("changed", &changed)?;
        line.serialize_field("certainty", &change.certainty)?;
        line.serialize_field("stated_at", &change.stated_at)?;
        line.serialize_field("transaction", &change.transaction.start)?;
        line.serialize_field("statement", &change.statement.as_deref())?;
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &Value<'_>) -> String {
        let column = ColumnFacts { labels: vec!["a".into(), "b".into()], ..ColumnFacts::default() };
        serde_json::to_string(&Shown(value, &column)).unwrap()
    }

    #[test]
    fn d5_integers_that_a_double_would_change_are_strings() {
        assert_eq!(json(&Value::UInt(9_007_199_254_740_991)), "9007199254740991");
        assert_eq!(json(&Value::UInt(9_007_199_254_740_992)), "\"9007199254740992\"");
        assert_eq!(json(&Value::Int(-9_007_199_254_740_992)), "\"-9007199254740992\"");
        assert_eq!(json(&Value::UInt(u64::MAX)), "\"18446744073709551615\"");
    }

    #[test]
    fn values_are_shown_exactly() {
        let text = |bytes: &'static [u8], charset| Value::Text { bytes: bytes.into(), charset };
        assert_eq!(json(&text(b"caf\xe9", Charset::Named("latin1"))), "\"café\"");
        assert_eq!(json(&text(b"\xb0\xa1", Charset::Named("gbk"))), r#"{"hex":"b0a1","charset":"gbk"}"#);
        assert_eq!(json(&text(b"ab", Charset::Binary)), r#"{"hex":"6162"}"#);
        assert_eq!(json(&text(b"\xff", Charset::Unknown)), r#"{"hex":"ff"}"#);
        assert_eq!(json(&Value::Null), "null");
        assert_eq!(json(&Value::Bare { bits: 255, size: 1 }), r#"{"unsigned":"255","signed":"-1"}"#);
        assert_eq!(json(&Value::Float(0.1_f32.to_bits())), "0.1");
        assert_eq!(json(&Value::Double(1e300_f64.to_bits())), "1e+300");
        assert_eq!(json(&Value::Enum(2)), "\"b\"");
        assert_eq!(json(&Value::Enum(0)), "\"\"");
        assert_eq!(json(&Value::Enum(3)), r#"{"enum":"3"}"#);
        assert_eq!(json(&Value::Set(3)), "\"a,b\"");
        assert_eq!(json(&Value::Set(4)), r#"{"set":"4"}"#);
        let stamp = Value::Timestamp { seconds: 1_795_230_007, micros: 120_000, digits: 2 };
        assert_eq!(json(&stamp), "\"2026-11-21T03:00:07.12Z\"");
        assert_eq!(json(&Value::Timestamp { seconds: 0, micros: 0, digits: 0 }), "\"0000-00-00 00:00:00\"");
    }
}
