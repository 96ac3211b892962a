//! Values as people type them: `--where status=paid`, `--key 17`, `--key 'x,y',x'00ff'`.

use std::borrow::Cow;
use std::fmt;

use crate::model::change::{Charset, ColumnFacts, Plain, Value};
use crate::model::changes::charset::{decoded, is_read};
use crate::model::changes::filter::Passes;
use crate::model::changes::shown::{label, members, timestamp};
use crate::model::changes::untold::Untold;
use crate::model::foreign::Foreign;

/// A value to compare with.
///
/// `NULL` is SQL's NULL, `x'00ff'` are bytes, `'...'` is the text between the quotes (two quotes inside mean one),
/// and everything else is taken as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Literal {
    /// SQL's NULL.
    Null,
    /// A text or a number.
    Text(Foreign),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Literal {
    /// Reads one value; `None` for a quote without an end, or hex digits that are none.
    pub fn parse(text: &str) -> Option<Self> {
        match Self::front(text)? {
            (literal, "") => Some(literal),
            _ => None,
        }
    }

    /// Reads values with commas between them.
    pub fn list(text: &str) -> Option<Vec<Self>> {
        let mut found = vec![];
        let mut rest = text;
        loop {
            let opens = ["'", "x'", "X'"].iter().any(|quote| rest.starts_with(quote));
            let (literal, behind) = match opens.then(|| Self::front(rest)).flatten() {
                Some(quoted) if quoted.1.is_empty() || quoted.1.starts_with(',') => quoted,
                _ if rest.starts_with('\'') => return None,
                _ => {
                    let at = rest.find(',').unwrap_or(rest.len());
                    (Self::plain(&rest[..at]), &rest[at..])
                }
            };
            found.push(literal);
            match behind.strip_prefix(',') {
                Some(behind) => rest = behind,
                None => return Some(found),
            }
        }
    }

    /// One value at the front and what is behind it; without quotes that is nothing.
    fn front(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix('\'') {
            let (inside, behind) = quoted(rest)?;
            return Some((Self::Text(Foreign::from(inside)), behind));
        }
        if let Some(rest) = text.strip_prefix("x'").or(text.strip_prefix("X'")) {
            let (digits, behind) = quoted(rest)?;
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
            return Some((Self::Bytes(bytes), behind));
        }
        Some((Self::plain(text), ""))
    }

    fn plain(text: &str) -> Self {
        if text == "NULL" { Self::Null } else { Self::Text(Foreign::from(text)) }
    }

    /// The value of a column as it would be typed, where it can be.
    pub fn of(value: &Value<'_>, column: &ColumnFacts) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text { bytes, charset } => match decoded(bytes, *charset) {
                Some(text) => Self::Text(Foreign::from(text.into_owned())),
                None => Self::Bytes(bytes.to_vec()),
            },
            Value::Geometry(bytes) | Value::Vector(bytes) => Self::Bytes(bytes.to_vec()),
            value => Self::Text(Foreign::from(text_of(value, column).into_owned())),
        }
    }

    /// Whether that is the value, byte for byte: case, accents and blanks at the end count. Numbers compare by
    /// their value, so `7.50` is `7.5`.
    pub fn meets(&self, value: &Value<'_>, column: &ColumnFacts) -> Passes {
        match self.untold(value, column) {
            Some(why) => Passes::Untold(why),
            None => Passes::of(self.is(value, column)),
        }
    }

    /// Why nothing tells whether a value is meant.
    fn untold(&self, value: &Value<'_>, column: &ColumnFacts) -> Option<Untold> {
        let Self::Text(wanted) = self else { return None };
        let is_number = || wanted.raw_str().is_some_and(|wanted| wanted.parse::<u64>().is_ok());
        match value {
            Value::JsonPatch(_) => Some(Untold::LeftOut(column.name.clone())),
            Value::Enum(_) | Value::Set(_) if column.labels.is_empty() && !is_number() => {
                Some(Untold::Labels(column.name.clone()))
            }
            Value::Text { bytes, charset: Charset::Named(charset) } if !is_read(charset) => {
                let differs = !wanted.raw_bytes().is_ascii() && !bytes.is_ascii();
                (differs || *charset == "swe7").then(|| Untold::Charset(column.name.clone(), charset))
            }
            _ => None,
        }
    }

    fn is(&self, value: &Value<'_>, column: &ColumnFacts) -> bool {
        match (self, value) {
            (Self::Null, value) => *value == Value::Null,
            (_, Value::Null) => false,
            (Self::Bytes(wanted), Value::Text { bytes, .. } | Value::Geometry(bytes) | Value::Vector(bytes)) => {
                wanted[..] == bytes[..]
            }
            (Self::Bytes(_), _) => false,
            (Self::Text(wanted), Value::Text { bytes, charset }) => match charset {
                Charset::Binary | Charset::Unknown => wanted.raw_bytes() == &bytes[..],
                // In what is not read here, ASCII is ASCII; for anything else nobody asks.
                Charset::Named(charset) if !is_read(charset) => wanted.raw_bytes() == &bytes[..],
                charset => decoded(bytes, *charset).is_some_and(|text| text.as_bytes() == wanted.raw_bytes()),
            },
            (Self::Text(wanted), value) => {
                wanted.raw_str().is_some_and(|wanted| is_number_or_text(wanted, value, column))
            }
        }
    }
}

/// The text up to the closing quote, two quotes taken as one, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut rest = text;
    loop {
        let (front, behind) = rest.split_once('\'')?;
        inside.push_str(front);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                inside.push('\'');
                rest = behind;
            }
            None => return Some((inside, behind)),
        }
    }
}

fn is_number_or_text(wanted: &str, value: &Value<'_>, column: &ColumnFacts) -> bool {
    match value {
        Value::Int(number) => wanted.parse() == Ok(*number),
        Value::UInt(number) => wanted.parse() == Ok(*number),
        Value::Bare { bits, size } => {
            let spare = 64 - 8 * u32::from((*size).clamp(1, 8));
            wanted.parse() == Ok(*bits) || wanted.parse() == Ok(((bits << spare) as i64) >> spare)
        }
        Value::Float(bits) => wanted.parse::<f32>().is_ok_and(|number| number == f32::from_bits(*bits)),
        Value::Double(bits) => wanted.parse::<f64>().is_ok_and(|number| number == f64::from_bits(*bits)),
        Value::Decimal(decimal) => same_decimal(wanted, &decimal.to_string()),
        Value::Bit { bits, .. } => wanted.parse() == Ok(*bits) || wanted == Plain(value).to_string(),
        Value::Year(year) => wanted.parse() == Ok(*year),
        Value::Enum(number) => wanted == label(*number, column).unwrap_or_default() || wanted.parse() == Ok(*number),
        Value::Set(bits) => members(*bits, column).is_some_and(|text| text == wanted) || wanted.parse() == Ok(*bits),
        Value::Timestamp { .. } => timestamp(value)
            .is_some_and(|text| text == wanted || text.replace('T', " ").trim_end_matches('Z') == wanted),
        value => text_of(value, column) == wanted,
    }
}

/// Whether two decimals are the same number.
fn same_decimal(one: &str, other: &str) -> bool {
    fn parts(text: &str) -> Option<(bool, &str, &str)> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let sound = !digits.is_empty() && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        sound.then_some((negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction))
    }
    parts(one).is_some_and(|one| Some(one) == parts(other))
}

/// A value's exact text, for everything but texts, bytes and NULL.
fn text_of<'v>(value: &'v Value<'_>, column: &ColumnFacts) -> Cow<'v, str> {
    match value {
        Value::Json { text, .. } | Value::JsonPatch(text) => Cow::Borrowed(text),
        Value::Enum(number) => label(*number, column).map_or_else(|| number.to_string().into(), Cow::Owned),
        Value::Set(bits) => members(*bits, column).unwrap_or_else(|| bits.to_string()).into(),
        Value::Timestamp { .. } => timestamp(value).unwrap_or_default().into(),
        value => Plain(value).to_string().into(),
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.pad("NULL"),
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => f.pad(&format!("x'{}'", data_encoding::HEXLOWER.encode(bytes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Literal {
        Literal::Text(Foreign::from(text))
    }

    #[test]
    fn values_are_read_as_they_are_typed() {
        assert_eq!(Literal::parse("NULL"), Some(Literal::Null));
        assert_eq!(Literal::parse("'NULL'"), Some(text("NULL")));
        assert_eq!(Literal::parse("it's"), Some(text("it's")));
        assert_eq!(Literal::parse("'it''s'"), Some(text("it's")));
        assert_eq!(Literal::parse("x'00fF'"), Some(Literal::Bytes(vec![0, 255])));
        assert_eq!(Literal::parse("x'0g'"), None);
        assert_eq!(Literal::parse("'open"), None);
        assert_eq!(Literal::parse(""), Some(text("")));
        assert_eq!(
            Literal::list("17,'a,b',x'01',NULL"),
            Some(vec![text("17"), text("a,b"), Literal::Bytes(vec![1]), Literal::Null])
        );
        assert_eq!(Literal::list("xylo,b"), Some(vec![text("xylo"), text("b")]));
        assert_eq!(Literal::list("'open,b"), None);
    }

    #[test]
    fn d29_values_are_compared_byte_for_byte() {
        let column = ColumnFacts::default();
        let stored = |bytes: &'static [u8]| Value::Text { bytes: bytes.into(), charset: Charset::Named("utf8mb4") };
        assert!(text("a").is(&stored(b"a"), &column));
        for other in [&b"A"[..], b"a ", "á".as_bytes(), b""] {
            assert!(!text("a").is(&stored(other), &column), "{other:?}");
        }
        assert!(!text("NULL").is(&Value::Null, &column) && Literal::Null.is(&Value::Null, &column));
        assert!(!Literal::Null.is(&stored(b"NULL"), &column));
    }

    #[test]
    fn texts_in_character_sets_that_are_not_read_here_are_compared_where_that_is_fair() {
        let column = ColumnFacts { name: "name".into(), ..ColumnFacts::default() };
        let stored = |bytes: &'static [u8]| Value::Text { bytes: bytes.into(), charset: Charset::Named("cp1251") };
        assert_eq!(text("paid").meets(&stored(b"paid"), &column), Passes::Yes);
        assert_eq!(text("paid").meets(&stored(b"\xef\xe0"), &column), Passes::No);
        assert_eq!(text("п").meets(&stored(b"paid"), &column), Passes::No);
        let untold = Passes::Untold(Untold::Charset("name".into(), "cp1251"));
        assert_eq!(text("п").meets(&stored(b"\xef"), &column), untold);
        assert_eq!(Literal::Bytes(vec![0xef]).meets(&stored(b"\xef"), &column), Passes::Yes);
        let labels = Passes::Untold(Untold::Labels("name".into()));
        assert_eq!(text("red").meets(&Value::Enum(1), &column), labels);
        assert_eq!(text("1").meets(&Value::Enum(1), &column), Passes::Yes);
        let labelled = ColumnFacts { labels: vec!["red".into()], ..column };
        assert_eq!(text("red").meets(&Value::Enum(1), &labelled), Passes::Yes);
    }

    #[test]
    fn numbers_are_compared_by_their_value_and_never_through_a_double() {
        let column = ColumnFacts::default();
        assert!(text("9007199254740993").is(&Value::UInt(9_007_199_254_740_993), &column));
        assert!(!text("9007199254740992").is(&Value::UInt(9_007_199_254_740_993), &column));
        assert!(text("-1").is(&Value::Bare { bits: 0xff, size: 1 }, &column));
        assert!(text("255").is(&Value::Bare { bits: 0xff, size: 1 }, &column));
        assert!(same_decimal("7.50", "7.5") && same_decimal("-0", "0.00") && !same_decimal("7.5", "7.05"));
        assert!(!same_decimal("", "0") && !same_decimal("abc", "0"));
        assert!(text("0.1").is(&Value::Float(0.1_f32.to_bits()), &column));
    }
}
