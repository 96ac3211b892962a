//! Names of secrets that somebody wrote in other characters: encoded, of full width, or with letters that look alike.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Letters that nobody needs to encode, as URLs and as HTML write them. `&#61;` is an equals sign, `&#58;` a colon.
static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"%(4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])|&#(?:x([0-9A-Fa-f]{2})|([0-9]{2,3}));").ok()
});

/// Cyrillic and Greek letters that look like Latin ones, each with its own.
const ALIKE: [(char, char); 14] = [
    ('\u{430}', 'a'),
    ('\u{435}', 'e'),
    ('\u{43e}', 'o'),
    ('\u{440}', 'p'),
    ('\u{441}', 'c'),
    ('\u{445}', 'x'),
    ('\u{443}', 'y'),
    ('\u{456}', 'i'),
    ('\u{455}', 's'),
    ('\u{501}', 'd'),
    ('\u{51d}', 'w'),
    ('\u{3bf}', 'o'),
    ('\u{3b1}', 'a'),
    ('\u{4bb}', 'h'),
];

/// The text as it is read.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let mut plain = if text.is_ascii() { Cow::Borrowed(text) } else { folded(text) };
    // What was encoded twice is decoded twice; nobody encodes more often.
    for _ in 0..3 {
        let marked = memchr::memchr2(b'%', b'&', plain.as_bytes()).is_some();
        let Some(pattern) = ENCODED.as_ref().filter(|_| marked) else { break };
        match pattern.replace_all(&plain, |found: &Captures<'_>| decoded(found)) {
            Cow::Borrowed(_) => break,
            Cow::Owned(changed) => plain = Cow::Owned(changed),
        }
    }
    plain
}

fn decoded(found: &Captures<'_>) -> String {
    let number = |nth: usize, radix: u32| found.get(nth).and_then(|it| u8::from_str_radix(it.as_str(), radix).ok());
    let byte = number(1, 16).or_else(|| number(2, 16)).or_else(|| number(3, 10));
    let plain = byte.filter(|byte| byte.is_ascii_alphanumeric() || b"_=:".contains(byte));
    plain.map_or_else(|| found[0].to_owned(), |byte| char::from(byte).to_string())
}

/// Without characters that nobody sees, and letters that look like Latin ones as those where they stand among them.
fn folded(text: &str) -> Cow<'_, str> {
    let unseen = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    let wide = |c: char| matches!(c, '\u{ff01}'..='\u{ff5e}');
    let alike = |c: char| ALIKE.iter().find(|(its, _)| *its == c).map(|(_, latin)| *latin);
    if !text.chars().any(|c| unseen(c) || wide(c) || alike(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let narrow = |c: char| char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
    let seen: String = text.chars().filter(|c| !unseen(*c)).map(|c| if wide(c) { narrow(c) } else { c }).collect();
    let mut folded = String::with_capacity(seen.len());
    for word in seen.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let mixed = word.contains(|c: char| c.is_ascii_alphabetic());
        folded.extend(word.chars().map(|c| alike(c).filter(|_| mixed).unwrap_or(c)));
    }
    Cow::Owned(folded)
}
