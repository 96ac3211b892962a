//! Text from outside, and the one way in which it may be drawn.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes that somebody else chose: an object's name, a table's name, a server's message.
///
/// `Display` and `Serialize` give the escaped form, which is safe to draw, to log and to print:
/// control characters, bidirectional marks and bytes that are not UTF-8 become `\x1b`, `\u{202e}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Foreign(Vec<u8>);

impl Foreign {
    /// Wraps the bytes as they came.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they came. Never draw, log or print these.
    pub fn raw_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as it came, if it is UTF-8. Never draw, log or print it.
    pub fn raw_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Foreign {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Foreign {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape_bytes(&self.0))
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", escape_bytes(&self.0))
    }
}

impl Serialize for Foreign {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape_bytes(&self.0))
    }
}

impl<'de> Deserialize<'de> for Foreign {
    /// Undoes the escaping, so that state files keep names exactly.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unescape(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a broken escape"))
    }
}

/// Escapes what a terminal or a reader could misunderstand; a backslash becomes two.
pub fn escape(text: &str) -> String {
    if text.chars().all(|c| is_plain(c) && c != '\\') {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_escaped(&mut safe, c, Backslash::Kept);
    }
    safe
}

fn escape_bytes(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut safe, c, Backslash::Doubled);
        }
        for byte in chunk.invalid() {
            safe.push_str(&format!("\\x{byte:02x}"));
        }
    }
    safe
}

#[derive(Clone, Copy, PartialEq)]
enum Backslash {
    Kept,
    Doubled,
}

fn push_escaped(safe: &mut String, c: char, backslash: Backslash) {
    match c {
        '\\' if backslash == Backslash::Doubled => safe.push_str("\\\\"),
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        c if is_plain(c) => safe.push(c),
        c => safe.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
    }
}

/// Whether a character may stand on a terminal as it is: no control, no format or
/// bidirectional mark, no separator that breaks lines, nothing unassigned to a glyph.
pub fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'))
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let tail = &rest[at + 1..];
        let taken = match tail.chars().next()? {
            '\\' => push(&mut bytes, b"\\", 1),
            'n' => push(&mut bytes, b"\n", 1),
            'r' => push(&mut bytes, b"\r", 1),
            't' => push(&mut bytes, b"\t", 1),
            'x' => push(&mut bytes, &[u8::from_str_radix(tail.get(1..3)?, 16).ok()?], 3),
            'u' => {
                let end = tail.find('}')?;
                let c = char::from_u32(u32::from_str_radix(tail.get(2..end)?, 16).ok()?)?;
                push(&mut bytes, c.encode_utf8(&mut [0; 4]).as_bytes(), end + 1)
            }
            _ => return None,
        };
        rest = &tail[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

fn push(bytes: &mut Vec<u8>, more: &[u8], taken: usize) -> usize {
    bytes.extend_from_slice(more);
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_and_marks_lose_their_power() {
        let hostile = Foreign::from("a\x1b]0;x\x07\u{202e}b\u{9b}c\nd");
        assert_eq!(hostile.to_string(), "a\\u{1b}]0;x\\u{7}\\u{202e}b\\u{9b}c\\nd");
        assert_eq!(Foreign::new([b'a', 0xff, b'\\']).to_string(), "a\\xff\\\\");
        assert_eq!(escape("plain ümlaut \u{4e2d}"), "plain ümlaut \u{4e2d}");
    }

    proptest! {
        #[test]
        fn state_files_keep_every_name(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let name = Foreign::new(bytes);
            let json = serde_json::to_string(&name).unwrap();
            prop_assert!(name.to_string().chars().all(is_plain));
            prop_assert_eq!(serde_json::from_str::<Foreign>(&json).unwrap(), name);
        }
    }
}
