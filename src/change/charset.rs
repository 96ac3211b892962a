//! Character sets by the numbers of their collations and by their names.

use crate::model::change::Charset;

/// Character sets of the collations 1 to 99; empty where there is none.
const FIRST: [&str; 100] = [
    "", "big5", "latin2", "dec8", "cp850", "latin1", "hp8", "koi8r", "latin1", "latin2", // 0
    "swe7", "ascii", "ujis", "sjis", "cp1251", "latin1", "hebrew", "", "tis620", "euckr", // 10
    "latin7", "latin2", "koi8u", "cp1251", "gb2312", "greek", "cp1250", "latin2", "gbk", "cp1257", // 20
    "latin5", "latin1", "armscii8", "utf8mb3", "cp1250", "ucs2", "cp866", "keybcs2", "macce", "macroman", // 30
    "cp852", "latin7", "latin7", "macce", "cp1250", "utf8mb4", "utf8mb4", "latin1", "latin1", "latin1", // 40
    "cp1251", "cp1251", "cp1251", "macroman", "utf16", "utf16", "utf16le", "cp1256", "cp1257", "cp1257", // 50
    "utf32", "utf32", "utf16le", "binary", "armscii8", "ascii", "cp1250", "cp1256", "cp866", "dec8", // 60
    "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "utf8mb3", "latin2", "latin5", "latin7", // 70
    "cp850", "cp852", "swe7", "utf8mb3", "big5", "euckr", "gb2312", "gbk", "sjis", "tis620", // 80
    "ucs2", "ujis", "geostd8", "geostd8", "latin1", "cp932", "cp932", "eucjpms", "eucjpms", "cp1250", // 90
];

/// The character set that a collation's number stands for, in both products.
pub fn of_collation(id: u64) -> Charset {
    let name = match id {
        0..=99 => FIRST[id as usize],
        101..=124 | 672..=703 => "utf16",
        128..=159 | 640..=671 => "ucs2",
        160..=183 | 736..=767 => "utf32",
        192..=223 | 576..=607 => "utf8mb3",
        224..=247 | 255..=323 | 608..=639 => "utf8mb4",
        248..=250 => "gb18030",
        1024..=2047 => return of_collation(id - 1024), // MariaDB's NOPAD twins
        2048..=3327 => ["utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"][((id - 2048) >> 8) as usize],
        _ => "",
    };
    match name {
        "" => Charset::Unknown,
        "binary" => Charset::Binary,
        name => Charset::Named(name),
    }
}

/// The character set of that name, or of a collation of that name (`latin1_swedish_ci`).
pub fn named(name: &[u8]) -> Charset {
    let Ok(name) = std::str::from_utf8(name) else { return Charset::Unknown };
    let name = name.to_ascii_lowercase();
    let first = name.split('_').next().unwrap_or_default();
    match first {
        "binary" => Charset::Binary,
        "utf8" => Charset::Named("utf8mb3"),
        "gb18030" => Charset::Named("gb18030"),
        first => FIRST
            .iter()
            .find(|known| **known == first && !first.is_empty())
            .map_or(Charset::Unknown, |name| Charset::Named(name)),
    }
}

/// Whether a collation's name leaves its character set out, as MariaDB allows it (`uca1400_ai_ci`).
pub(super) fn is_short(collation: &[u8]) -> bool {
    collation.get(..8).is_some_and(|front| front.eq_ignore_ascii_case(b"uca1400_"))
}

/// The most bytes that a character has; `None` where the character set is not known.
pub(super) fn widest(charset: Charset) -> Option<u32> {
    let Charset::Named(name) = charset else { return (charset == Charset::Binary).then_some(1) };
    Some(match name {
        "utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030" => 4,
        "utf8mb3" | "ujis" | "eucjpms" => 3,
        "big5" | "sjis" | "cp932" | "euckr" | "gb2312" | "gbk" | "ucs2" => 2,
        _ => 1,
    })
}
