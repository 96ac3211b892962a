//! Texts of a server as text of ours, for the character sets where that is certain.

use std::borrow::Cow;

use crate::model::change::Charset;

/// What the 32 bytes from 0x80 on are in the server's `latin1`, which is Windows' code page 1252 with the five
/// unused places taken as they stand.
const LATIN1: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', // 80
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', // 88
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', // 90
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}', // 98
];

/// Whether texts in a character set are read here.
pub(super) fn is_read(name: &str) -> bool {
    matches!(name, "utf8mb4" | "utf8mb3" | "ascii" | "latin1" | "ucs2" | "utf16" | "utf16le" | "utf32")
}

/// The text, if the character set is one that is read here and the bytes are valid in it: UTF-8, ASCII, `latin1`,
/// `ucs2`, UTF-16 and UTF-32; of an unknown one, bytes that are UTF-8.
///
/// Bytes of other character sets are not guessed at: they are shown as bytes.
pub fn decoded(bytes: &[u8], charset: Charset) -> Option<Cow<'_, str>> {
    let name = match charset {
        Charset::Binary => return None,
        Charset::Unknown => "utf8mb4",
        Charset::Named(name) => name,
    };
    match name {
        "utf8mb4" | "utf8mb3" => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        "ascii" => std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).map(Cow::Borrowed),
        "latin1" => match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => Some(Cow::Borrowed(text)),
            _ => Some(Cow::Owned(bytes.iter().map(|byte| latin1(*byte)).collect())),
        },
        "ucs2" | "utf16" => utf16(bytes, u16::from_be_bytes),
        "utf16le" => utf16(bytes, u16::from_le_bytes),
        "utf32" => {
            let (units, rest) = bytes.as_chunks::<4>();
            let text: Option<String> = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect();
            text.filter(|_| rest.is_empty()).map(Cow::Owned)
        }
        _ => None,
    }
}

fn latin1(byte: u8) -> char {
    match byte {
        0x80..=0x9f => LATIN1[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(units.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>();
    text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_their_own_character_set_and_never_guessed() {
        let read = |bytes: &[u8], name| decoded(bytes, Charset::Named(name)).map(Cow::into_owned);
        assert_eq!(read(b"caf\xe9 \x80", "latin1").as_deref(), Some("café €"));
        assert_eq!(read(b"caf\xe9", "utf8mb4"), None);
        assert_eq!(read(b"\x00a\x20\xac", "ucs2").as_deref(), Some("a€"));
        assert_eq!(read(b"a\x00\x3d\xd8\x00\xde", "utf16le").as_deref(), Some("a\u{1f600}"));
        assert_eq!(read(b"\x00\x01\xf6\x00", "utf32").as_deref(), Some("\u{1f600}"));
        assert_eq!(read(b"\x00a\x20", "utf16"), None);
        assert_eq!(read(b"\xb0\xa1", "gbk"), None);
        assert_eq!(decoded(b"abc", Charset::Binary), None);
    }
}
