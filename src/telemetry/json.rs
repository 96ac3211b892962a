//! JSON as slices of its text: one walks objects and lists without building them, however large they are.

use std::borrow::Cow;

/// The text is no JSON from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Odd {
    /// Bytes from the start of what was walked.
    pub at: usize,
}

/// Objects and lists inside each other that become a tree; `serde_json` follows 127.
const DEEPEST: usize = 96;

/// Walks over one object or list.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        if found { Ok(()) } else { Err(Odd { at: self.at }) }
    }

    fn string(&mut self) -> Result<&'a [u8], Odd> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(next) = memchr::memchr2(b'"', b'\\', rest) else { return Err(Odd { at: start }) };
            self.at += next + 1;
            if rest[next] == b'"' {
                return Ok(&self.text[start..self.at]);
            }
            self.at += 1; // whatever is escaped
        }
    }

    /// Steps over one value; what is inside it may still be wrong.
    fn value(&mut self) -> Result<&'a [u8], Odd> {
        let first = self.peek().ok_or(Odd { at: self.at })?;
        let start = self.at;
        match first {
            b'"' => return self.string(),
            b'{' | b'[' => self.nested()?,
            b',' | b':' | b'}' | b']' => return Err(Odd { at: start }),
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                self.at = self.text[start..].iter().position(ends).map_or(self.text.len(), |length| start + length);
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn nested(&mut self) -> Result<(), Odd> {
        let start = self.at;
        let mut depth = 0_usize; // however deep: nothing here calls itself
        loop {
            match self.text.get(self.at) {
                None => return Err(Odd { at: start }),
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// One value as a tree, in which `null` stands for what lies too deep in it; `None` if it is no JSON.
pub(super) fn tree(text: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(&shallow(text).ok()?).ok()
}

fn shallow(text: &[u8]) -> Result<Cow<'_, [u8]>, Odd> {
    let (mut cursor, mut depth) = (Cursor { text, at: 0 }, 0_usize);
    let (mut kept, mut from) = (vec![], 0);
    while let Some(byte) = text.get(cursor.at) {
        match byte {
            b'"' => {
                cursor.string()?;
                continue;
            }
            b'{' | b'[' if depth == DEEPEST => {
                kept.extend_from_slice(&text[from..cursor.at]);
                kept.extend_from_slice(b"null");
                cursor.nested()?;
                from = cursor.at;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        cursor.at += 1;
    }
    if from == 0 {
        return Ok(Cow::Borrowed(text));
    }
    kept.extend_from_slice(&text[from..]);
    Ok(Cow::Owned(kept))
}

/// The members of an object, each as its name (escapes left as they are) and the slice of its value.
pub(super) fn members<'a>(
    object: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), Odd>,
) -> Result<(), Odd> {
    let mut cursor = Cursor { text: object, at: 0 };
    cursor.expect(b'{')?;
    if cursor.peek() == Some(b'}') {
        return Ok(());
    }
    loop {
        if cursor.peek() != Some(b'"') {
            return Err(Odd { at: cursor.at });
        }
        let name = cursor.string()?;
        cursor.expect(b':')?;
        let value = cursor.value()?;
        each(&name[1..name.len() - 1], value)?;
        match cursor.peek() {
            Some(b',') => cursor.at += 1,
            _ => return cursor.expect(b'}'),
        }
    }
}

/// The values of a list; nothing for `null`.
pub(super) fn elements<'a>(list: &'a [u8], mut each: impl FnMut(&'a [u8]) -> Result<(), Odd>) -> Result<(), Odd> {
    if list == b"null" {
        return Ok(());
    }
    let mut cursor = Cursor { text: list, at: 0 };
    cursor.expect(b'[')?;
    if cursor.peek() == Some(b']') {
        return Ok(());
    }
    loop {
        each(cursor.value()?)?;
        match cursor.peek() {
            Some(b',') => cursor.at += 1,
            _ => return cursor.expect(b']'),
        }
    }
}

/// Whether an object or list that begins in `text` ends in it, as text arrives piece by piece.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Balance {
    depth: usize,
    /// The innermost of what is open, as bits: 1 for a list.
    lists: u128,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    /// Whether another object may begin here, as a member of a list.
    pub fn in_list(&self) -> bool {
        !self.in_string && self.lists & 1 == 1
    }

    /// Takes the next piece; the place behind the end once everything that was opened is closed.
    pub fn feed(&mut self, piece: &[u8]) -> Option<usize> {
        for (at, &byte) in piece.iter().enumerate() {
            if self.in_string {
                self.in_string = byte != b'"' || self.escaped;
                self.escaped = byte == b'\\' && !self.escaped;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.lists = self.lists << 1 | u128::from(byte == b'[');
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.lists >>= 1;
                }
                _ => continue,
            }
            if self.depth == 0 && !self.in_string {
                return Some(at + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<(String, String)>, Odd> {
        let mut found = vec![];
        let text_of = |slice: &[u8]| String::from_utf8_lossy(slice).into_owned();
        members(text.as_bytes(), |name, value| {
            found.push((text_of(name), text_of(value)));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn values_are_stepped_over_whatever_they_hold() {
        let found = names(r#" { "a" : {"x":"}\"]"} , "b":[1,[2,{}]], "c":-1.5e3,"d":"é\\" } "#).unwrap();
        let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, [r#"{"x":"}\"]"}"#, "[1,[2,{}]]", "-1.5e3", r#""é\\""#]);
        assert_eq!(names("{}").unwrap(), vec![]);
    }

    #[test]
    fn what_is_cut_is_odd() {
        for text in ["{", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":[1", "{\"a\":1", "[1]", "", "{1:2}"] {
            assert!(names(text).is_err(), "{text}");
        }
        assert!(names(&format!("{{\"a\":{}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn what_lies_too_deep_is_left_out_and_takes_nothing_with_it() {
        for levels in [1, 30, 33, 200, 20_000] {
            let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels));
            let deep = format!(r#"{{"key":"deep","value":{open}{{"stringValue":"x"}}{close}}}"#);
            let span = |id: u32, attributes: &str| {
                format!(r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"n","attributes":[{attributes}]}}"#)
            };
            let spans = [span(1, &deep), span(2, "")].join(",");
            let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
            let read = crate::telemetry::otlp_json::read(body.as_bytes()).unwrap();
            assert_eq!((read.spans.len() as u64 + read.foreign, read.refused), (2, 0), "{levels}");
        }
        assert_eq!(tree(br#"{"a":[1,"]}"],"b":{}}"#), serde_json::from_str(r#"{"a":[1,"]}"],"b":{}}"#).ok());
        assert_eq!(tree(b"{\"a\":["), None);
    }

    #[test]
    fn an_object_in_pieces_ends_where_its_last_brace_is() {
        let mut balance = Balance::default();
        assert_eq!(balance.feed(b"{ \"a}\\\"\": ["), None);
        assert_eq!(balance.feed(b"] "), None);
        assert_eq!(balance.feed(b"} tail"), Some(1));
    }
}
