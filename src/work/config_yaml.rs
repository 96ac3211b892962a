//! YAML (and JSON, which is YAML) as a tree of texts with their lines, within tight budgets.
//!
//! Every scalar is kept as it is written: a password `0123` is no number. Texts go into memory that is
//! wiped; what the parser holds on the way is not (see the README's threat model).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Budget, Options, Spanned};
use zeroize::Zeroizing;

/// Bounds that no honest configuration comes near.
const MOST_EVENTS: usize = 50_000;
const MOST_ALIASES: usize = 200;
const DEEPEST: usize = 32;

/// A value and the line on which it is written, from 1.
pub(super) struct Node {
    pub line: usize,
    pub value: Value,
}

/// A value.
pub(super) enum Value {
    /// Empty or `null`.
    Absent,
    /// Any scalar, as it is written.
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A plain scalar whose text is still to be taken from the document.
    Plain,
}

/// One line of a map.
pub(super) struct Entry {
    pub key: String,
    /// The line of the key.
    pub line: usize,
    pub node: Node,
}

/// Reads the first document of a text.
///
/// # Errors
///
/// The line at which reading stopped. Nothing else of the parser's message may be shown: it may hold a secret.
pub(super) fn read(text: &str) -> Result<Node, usize> {
    let text = text.trim_start_matches('\u{feff}');
    let first = first_document(text);
    let read: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(first, options());
    let spanned = read.map_err(|error| error.location().map_or(1, |place| place.line().max(1) as usize))?;
    Ok(made(spanned, first))
}

fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_events = MOST_EVENTS;
    budget.max_aliases = MOST_ALIASES;
    budget.max_anchors = MOST_ALIASES;
    budget.max_depth = DEEPEST;
    budget.flow_nesting_limit = DEEPEST;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = MOST_EVENTS;
    options.alias_limits.max_replay_stack_depth = DEEPEST;
    options.alias_limits.max_alias_expansions_per_anchor = MOST_ALIASES;
    options.with_snippet = false;
    options
}

/// The tool reads the first document only; whatever stands behind it may even be broken.
fn first_document(text: &str) -> &str {
    let (mut begun, mut at) = (false, 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let starts = bare == "---" || bare.starts_with("--- ");
        if bare == "..." || (starts && begun) {
            return &text[..at];
        }
        let silent = bare.trim_start().is_empty() || bare.trim_start().starts_with('#') || bare.starts_with('%');
        begun |= starts || !silent;
        at += line.len();
    }
    text
}

/// As the parser hands it over, with places instead of texts for plain scalars.
enum Raw {
    Absent,
    Text(Zeroizing<String>),
    Plain,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn made(spanned: Spanned<Raw>, text: &str) -> Node {
    let line = spanned.referenced.line().max(1) as usize;
    let value = match spanned.value {
        Raw::Absent => Value::Absent,
        Raw::Text(text) => Value::Text(text),
        Raw::Plain => {
            let span = spanned.defined.span();
            let place = span.byte_offset().zip(span.byte_len());
            let written = place.and_then(|(at, length)| text.get(at as usize..(at + length) as usize));
            written.map_or(Value::Plain, |written| Value::Text(Zeroizing::new(written.trim().to_owned())))
        }
        Raw::List(items) => Value::List(items.into_iter().map(|item| made(item, text)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, node): (Spanned<String>, Spanned<Raw>)| {
                let line = key.referenced.line().max(1) as usize;
                Entry { key: key.value, line, node: made(node, text) }
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { line, value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(Zeroizing::new(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Absent)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = vec![];
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = vec![];
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Raw::Map(entries))
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Raw, A::Error> {
        let _ = data.variant::<IgnoredAny>()?;
        Ok(Raw::Plain)
    }
}

impl Node {
    /// What stands below a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        self.entries().iter().find(|entry| entry.key == *first)?.node.at(rest)
    }

    /// The lines of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// A text that is there and not empty.
    pub fn text(&self) -> Option<&Zeroizing<String>> {
        match &self.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// One text or a list of them.
    pub fn texts(&self) -> Vec<&Zeroizing<String>> {
        match &self.value {
            Value::List(items) => items.iter().filter_map(Node::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(node: &Node) -> String {
        match &node.value {
            Value::Absent => "-".to_owned(),
            Value::Plain => "?".to_owned(),
            Value::Text(text) => format!("{}@{}", **text, node.line),
            Value::List(items) => format!("[{}]", items.iter().map(told).collect::<Vec<_>>().join(" ")),
            Value::Map(entries) => {
                let told = entries.iter().map(|entry| format!("{}@{}={}", entry.key, entry.line, told(&entry.node)));
                format!("{{{}}}", told.collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn tree(text: &str) -> Result<String, usize> {
        read(text).map(|node| told(&node))
    }

    #[test]
    fn scalars_stay_as_they_are_written_and_keep_their_lines() {
        let text = "# words\na: 0123\nb:\n  c: 1e3\n  d: \"yes\"\n  e: yes\n  f: ~\n  g:\nh: [true, x, 0x10]\n";
        let expected = "{a@2=0123@2 b@3={c@4=1e3@4 d@5=yes@5 e@6=yes@6 f@7=- g@8=-} h@9=[true@9 x@9 0x10@9]}";
        assert_eq!(tree(text), Ok(expected.to_owned()));
    }

    #[test]
    fn json_is_read_too_tabs_included() {
        assert_eq!(tree("{\"a\": {\"b\": 1,\n \"c\": null}}"), Ok("{a@1={b@1=1@1 c@2=-}}".to_owned()));
        assert_eq!(tree("{\n\t\"a\":\t1,\n\t\"b\": \"x\"\n}\n"), Ok("{a@2=1@2 b@3=x@3}".to_owned()));
    }

    #[test]
    fn only_the_first_document_counts() {
        let one = Ok("{a@2=1@2}".to_owned());
        assert_eq!(tree("---\na: 1\n---\nb: : : [\n"), one);
        assert_eq!(tree("# c\na: 1\n...\n}{"), one);
    }

    #[test]
    fn aliases_are_followed_and_bombs_are_not() {
        assert_eq!(tree("a: &x 0123\nb: *x\n"), Ok("{a@1=0123@1 b@2=0123@2}".to_owned()));
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 'b'..='i' {
            let before = char::from(level as u8 - 1);
            let ten = vec![format!("*{before}"); 10].join(",");
            bomb.push_str(&format!("{level}: &{level} [{ten}]\n"));
        }
        assert!(tree(&bomb).is_err());
        assert!(tree(&"[".repeat(10_000)).is_err());
        assert!(tree(&"- ".repeat(5_000)).is_err());
        let long: String = (0..MOST_EVENTS).map(|nth| format!("k{nth}: 1\n")).collect();
        assert!(tree(&long).is_err());
    }

    #[test]
    fn a_broken_text_gives_its_line_only() {
        assert!(tree("a: 1\nb: [1\nc: }\n").err().filter(|line| (2..=4).contains(line)).is_some());
        assert!(tree("a: 1\na: 2\n").is_err(), "the tool refuses a key that stands twice as well");
    }
}
