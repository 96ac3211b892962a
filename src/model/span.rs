//! A span: one timed piece of a run, as OpenTelemetry knows it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// Which trace: 16 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Which span of it: 8 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

macro_rules! hex_id {
    ($name:ident, $size:literal) => {
        impl $name {
            /// From bytes of the right number that are not all zero.
            pub fn of(bytes: &[u8]) -> Option<Self> {
                let id: [u8; $size] = bytes.try_into().ok()?;
                (id != [0; $size]).then_some(Self(id))
            }

            /// From hex of either case.
            pub fn parse(hex: &str) -> Option<Self> {
                Self::of(&data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an id in hex"))
            }
        }
    };
}

hex_id!(TraceId, 16);
hex_id!(SpanId, 8);

/// How a span ended by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    /// It does not say.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Not well.
    Error,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeValue {
    /// Text, with passwords taken out.
    Text(Foreign),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Yes or no.
    Flag(bool),
    /// Several; also the members of a map, each as `key=value`.
    List(Vec<AttributeValue>),
}

impl AttributeValue {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&Foreign> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes of memory it takes beside itself.
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.raw_bytes().len(),
            Self::List(values) => values.iter().map(|value| size_of::<Self>() + value.weight()).sum(),
            Self::Int(_) | Self::Float(_) | Self::Flag(_) => 0,
        }
    }

    /// The number, if it is a whole one, also one that was written as text.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.raw_str()?.parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Display::fmt(text, f),
            Self::Int(number) => fmt::Display::fmt(number, f),
            Self::Float(number) => fmt::Display::fmt(number, f),
            Self::Flag(flag) => fmt::Display::fmt(flag, f),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    fmt::Display::fmt(value, f)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A named value on a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub key: Foreign,
    /// Its value.
    pub value: AttributeValue,
}

/// Something that happened in the course of a span, such as `exception`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    /// Nanoseconds since 1970; 0 where unknown.
    pub at_ns: u64,
    /// Its name.
    pub name: Foreign,
    /// What it says.
    pub attributes: Vec<Attribute>,
}

/// One timed piece of a run. Passwords have been taken out of every text of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Its id in there.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// Its name.
    pub name: Foreign,
    /// The part of the program that made it: `mysql-backup/dump`.
    pub scope: Foreign,
    /// What the program calls itself.
    pub service: Foreign,
    /// The machine, where it tells.
    pub host: Foreign,
    /// Nanoseconds since 1970; 0 where unknown.
    pub start_ns: u64,
    /// Nanoseconds since 1970; 0 where unknown.
    pub end_ns: u64,
    /// How it ended.
    pub status: SpanStatus,
    /// What it says about that.
    pub message: Foreign,
    /// What it says about itself.
    pub attributes: Vec<Attribute>,
    /// What happened in its course.
    pub events: Vec<SpanEvent>,
    /// How many attributes and events were left out, by the sender or for their size.
    pub dropped: u32,
}

impl Span {
    /// When it began.
    pub fn started(&self) -> Option<Moment> {
        moment(self.start_ns)
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Moment> {
        moment(self.end_ns)
    }

    /// How long it took; `None` where either end is unknown or the clock ran backwards.
    pub fn took(&self) -> Option<Duration> {
        let known = self.start_ns != 0 && self.end_ns != 0;
        self.end_ns.checked_sub(self.start_ns).filter(|_| known).map(Duration::from_nanos)
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let texts = [&self.name, &self.scope, &self.service, &self.host, &self.message];
        let events = self.events.iter().map(|event| event.name.raw_bytes().len() + weight_of(&event.attributes));
        size_of::<Self>()
            + texts.iter().map(|text| text.raw_bytes().len()).sum::<usize>()
            + weight_of(&self.attributes)
            + events.sum::<usize>()
    }

    /// The value of an attribute; the first of that name counts.
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|known| known.key.raw_bytes() == key.as_bytes()).map(|known| &known.value)
    }

    /// The text of an attribute that is one and is not empty.
    pub fn text(&self, key: &str) -> Option<&Foreign> {
        self.attribute(key)?.text().filter(|text| !text.raw_bytes().is_empty())
    }
}

fn weight_of(attributes: &[Attribute]) -> usize {
    let one = |attribute: &Attribute| attribute.key.raw_bytes().len() + attribute.value.weight();
    attributes.iter().map(|attribute| size_of::<Attribute>() + one(attribute)).sum()
}

fn moment(nanos: u64) -> Option<Moment> {
    (nanos != 0).then(|| Moment(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_zeros_or_of_another_length_are_none() {
        assert_eq!(SpanId::of(&[0; 8]), None);
        assert_eq!(SpanId::of(&[1; 7]), None);
        assert_eq!(
            TraceId::parse("0AF7651916CD43DD8448EB211C80319C").unwrap().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(TraceId::parse("0af7"), None);
    }

    #[test]
    fn numbers_that_were_written_as_text_are_numbers() {
        assert_eq!(AttributeValue::Text(Foreign::from("4711")).int(), Some(4711));
        assert_eq!(
            AttributeValue::List(vec![AttributeValue::Int(1), AttributeValue::Flag(true)]).to_string(),
            "[1, true]"
        );
    }
}
