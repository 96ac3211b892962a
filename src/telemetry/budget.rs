//! How much of one request becomes memory, whatever it holds: the limits of this room in one file.

use crate::model::foreign::Foreign;
use crate::model::run::{Attribute, AttributeValue};
use crate::telemetry::clean::{clean, is_secret_key};

/// Spans of one request.
pub(super) const SPANS: usize = 32_768;
/// Values of attributes of one request, members of lists included.
const VALUES: usize = 262_144;
/// Attributes of one span or event.
const ATTRIBUTES: usize = 128;
/// Events of one span.
pub(super) const EVENTS: usize = 64;
/// Members of one list.
const MEMBERS: usize = 4096;
/// Lists inside lists that are followed.
pub(super) const DEEPEST: usize = 6;
/// Bytes of a text.
const TEXT: usize = 4 << 10;
/// Bytes of a text that holds a list in JSON.
const LONG_TEXT: usize = 256 << 10;
/// Bytes of a name.
const NAME: usize = 1 << 10;

/// What is left of the room for one request.
pub(super) struct Budget {
    values: usize,
}

impl Budget {
    pub fn new() -> Self {
        Self { values: VALUES }
    }

    /// Takes room for one value, if there is any.
    fn take(&mut self) -> bool {
        let left = self.values > 0;
        self.values = self.values.saturating_sub(1);
        left
    }
}

/// A name: cleaned, and cut to what names need.
pub(super) fn name(bytes: &[u8]) -> Foreign {
    cut(clean(&String::from_utf8_lossy(bytes)), NAME)
}

/// A text: cleaned, and cut.
pub(super) fn text(bytes: &[u8]) -> Foreign {
    cut(clean(&String::from_utf8_lossy(bytes)), TEXT)
}

fn cut(mut text: String, most: usize) -> Foreign {
    // Cut only once it is clean: half a URL would hide its password from the cleaning.
    text.truncate(text.floor_char_boundary(most));
    Foreign::from(text)
}

/// Attributes as they are collected, within the budget.
pub(super) struct Attributes<'b> {
    budget: &'b mut Budget,
    pub kept: Vec<Attribute>,
    pub dropped: u32,
}

/// A value as a parser meets it.
pub(super) enum Raw<'a> {
    Text(&'a [u8]),
    Int(i64),
    Float(f64),
    Flag(bool),
    List(Vec<AttributeValue>),
}

impl<'b> Attributes<'b> {
    pub fn new(budget: &'b mut Budget) -> Self {
        Self { budget, kept: vec![], dropped: 0 }
    }

    /// Whether another one fits; one that does not is counted.
    pub fn has_room(&mut self) -> bool {
        let fits = self.kept.len() < ATTRIBUTES && self.budget.values > 0;
        if !fits {
            self.dropped = self.dropped.saturating_add(1);
        }
        fits
    }

    /// Room for a member of a list that has so many already.
    pub fn has_room_for_member(&mut self, already: usize) -> bool {
        let fits = already < MEMBERS && self.budget.take();
        if !fits {
            self.dropped = self.dropped.saturating_add(1);
        }
        fits
    }

    /// Adds one. A value under a name such as `password` is not kept.
    pub fn push(&mut self, key: &[u8], value: Raw<'_>) {
        self.budget.take();
        let key = String::from_utf8_lossy(key);
        let value = if is_secret_key(&key) { AttributeValue::Text(Foreign::from("***")) } else { kept(&key, value) };
        self.kept.push(Attribute { key: cut(key.into_owned(), NAME), value });
    }
}

fn kept(key: &str, value: Raw<'_>) -> AttributeValue {
    match value {
        Raw::Text(bytes) => {
            let most = if key.ends_with("databases") { LONG_TEXT } else { TEXT };
            AttributeValue::Text(cut(clean(&String::from_utf8_lossy(bytes)), most))
        }
        other => member(other),
    }
}

/// A value inside a list.
pub(super) fn member(value: Raw<'_>) -> AttributeValue {
    match value {
        Raw::Text(bytes) => AttributeValue::Text(text(bytes)),
        Raw::Int(number) => AttributeValue::Int(number),
        Raw::Float(number) => AttributeValue::Float(number),
        Raw::Flag(flag) => AttributeValue::Flag(flag),
        Raw::List(values) => AttributeValue::List(values),
    }
}
