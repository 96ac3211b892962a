//! How much of one request becomes memory, whatever it holds: the limits of this room in one file.

use crate::model::foreign::Foreign;
use crate::model::run::{Attribute, AttributeValue};
use crate::telemetry::clean::{BEYOND, clean, is_hidden_key, is_secret_flag, is_secret_key};

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
    cleaned(bytes, NAME)
}

/// A text: cleaned, and cut.
pub(super) fn text(bytes: &[u8]) -> Foreign {
    cleaned(bytes, TEXT)
}

/// What is kept of a text: cleaned, and cut. A long one is cut before it is cleaned, for the work, but far behind what
/// is kept: half a URL would hide its password from the cleaning. What may be half of something goes.
fn cleaned(bytes: &[u8], most: usize) -> Foreign {
    let seen = &bytes[..bytes.len().min(most + BEYOND)];
    let mut text = clean(&String::from_utf8_lossy(seen));
    let whole = seen.len() == bytes.len();
    let sure = if whole { text.len() } else { text.len().saturating_sub(BEYOND) };
    text.truncate(text.floor_char_boundary(sure.min(most)));
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

    /// Adds one. A value under a name such as `password` or `db.statement` is not kept.
    pub fn push(&mut self, key: &[u8], value: Raw<'_>) {
        self.budget.take();
        let name = String::from_utf8_lossy(&key[..key.len().min(NAME + BEYOND)]);
        let value = if is_hidden_key(&name) { hidden() } else { kept(&name, value) };
        self.kept.push(Attribute { key: cleaned(key, NAME), value });
    }
}

fn kept(key: &str, value: Raw<'_>) -> AttributeValue {
    match value {
        Raw::Text(bytes) => {
            let most = if key.ends_with("databases") { LONG_TEXT } else { TEXT };
            AttributeValue::Text(cleaned(bytes, most))
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
        Raw::List(mut values) => {
            hide_behind_flags(&mut values);
            hide_behind_names(&mut values);
            AttributeValue::List(values)
        }
    }
}

fn hidden() -> AttributeValue {
    AttributeValue::Text(Foreign::from("***"))
}

/// A member of a map.
pub(super) fn pair(key: &[u8], value: Option<AttributeValue>) -> AttributeValue {
    let name = String::from_utf8_lossy(&key[..key.len().min(NAME + BEYOND)]);
    let value = match value {
        _ if is_hidden_key(&name) => return AttributeValue::Text(Foreign::from(format!("{}=***", clean(&name)))),
        Some(value) => plain(value),
        None => String::new(),
    };
    AttributeValue::Text(text(format!("{name}={value}").as_bytes()))
}

/// A value as text, nothing escaped: it becomes part of another text that is cleaned as a whole.
fn plain(value: AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => String::from_utf8_lossy(text.raw_bytes()).into_owned(),
        other => other.to_string(),
    }
}

fn text_of(value: &AttributeValue) -> Option<&str> {
    value.text()?.raw_str()
}

/// Arguments of a program: the one behind `--password` is not kept, unless it is the next flag, and of the one behind
/// `--user` only the user.
fn hide_behind_flags(values: &mut [AttributeValue]) {
    for at in 1..values.len() {
        let Some(before) = text_of(&values[at - 1]) else { continue };
        let value = text_of(&values[at]).unwrap_or_default();
        if is_secret_flag(before) && !value.starts_with('-') {
            values[at] = hidden();
        } else if matches!(before, "-u" | "-U" | "--user" | "--proxy-user")
            && let Some((user, _)) = value.split_once([':', '%'])
        {
            values[at] = AttributeValue::Text(Foreign::from(format!("{user}:***")));
        }
    }
}

/// `name=DB_PASS` beside `value=...`: as containers are told of their variables.
fn hide_behind_names(values: &mut [AttributeValue]) {
    let named = |text: &str| {
        let (key, name) = text.split_once('=')?;
        (matches!(key, "name" | "Name" | "key" | "Key") && is_secret_key(name)).then_some(())
    };
    if values.iter().filter_map(text_of).filter_map(named).next().is_none() {
        return;
    }
    for value in values {
        if text_of(value).is_some_and(|text| text.starts_with("value=") || text.starts_with("Value=")) {
            *value = AttributeValue::Text(Foreign::from("value=***"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(value: &AttributeValue) -> String {
        format!("{value:?}")
    }

    fn pushed(key: &str, value: Raw<'_>) -> Attribute {
        let mut budget = Budget::new();
        let mut into = Attributes::new(&mut budget);
        into.push(key.as_bytes(), value);
        into.kept.remove(0)
    }

    #[test]
    fn no_cut_opens_a_secret_wherever_it_falls() {
        let secret = "Zq".repeat(20);
        for before in (0..3 * TEXT).step_by(331) {
            let start = format!("{} ", "x".repeat(before));
            let removed = format!("smb://u:{}@host/p ", "y".repeat(2000)).repeat(8);
            for prefix in [start.clone(), removed + &start] {
                for kind in [format!("smb://u:{secret}@host/p"), format!("password=\"{secret}\"")] {
                    let kept = text(format!("{prefix}{kind}{}", " z".repeat(9000)).as_bytes()).to_string();
                    assert!(!kept.contains("Zq") && kept.len() <= TEXT, "{before}: {kept}");
                }
            }
        }
    }

    #[test]
    fn a_long_text_keeps_its_beginning() {
        assert_eq!(text("x".repeat(1 << 20).as_bytes()).to_string(), "x".repeat(TEXT));
        assert_eq!(text("x".repeat(TEXT + 1).as_bytes()).to_string(), "x".repeat(TEXT));
    }

    #[test]
    fn arguments_behind_a_flag_for_a_secret_are_not_kept() {
        let list = ["mysqldump", "--password", "hunter2", "--host", "db", "--password", "--quick", "-phunter2"];
        let list = list.iter().map(|text| member(Raw::Text(text.as_bytes()))).collect();
        let kept = texts(&pushed("arguments", Raw::List(list)).value);
        assert!(!kept.contains("hunter2"), "{kept}");
        assert!(kept.contains("--host") && kept.contains("db") && kept.contains("--quick"), "{kept}");
    }

    #[test]
    fn names_of_attributes_are_cleaned_too() {
        let kept = pushed("smb://u:hunter2@nas/x", Raw::Int(1));
        assert_eq!(kept.key.to_string(), "smb://nas/x");
    }
}
