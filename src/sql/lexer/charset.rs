//! Client character sets, as far as they decide where a string ends.

/// How bytes of the client's character set group into characters, as far as it matters to a lexer.
///
/// In five character sets the second byte of a character may be 0x5C (a backslash) or 0x60 (a backtick).
/// Everything else, UTF-8 and EUC forms included, never hides an ASCII byte that ends or escapes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// No byte of a character can be mistaken for ASCII punctuation.
    #[default]
    Transparent,
    /// `sjis` and `cp932`.
    Sjis,
    /// `big5`.
    Big5,
    /// `gbk` and `gb18030` (whose four-byte characters hide nothing but digits).
    Gbk,
}

/// Names that a server accepts for `character_set_client` and that are [`Charset::Transparent`].
const TRANSPARENT: [&str; 36] = [
    "armscii8", "ascii", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "dec8",
    "eucjpms", "euckr", "gb2312", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2",
    "latin5", "latin7", "macce", "macroman", "swe7", "tis620", "ujis", "utf8", "utf8mb3", "utf8mb4", "cp1253",
    "cp1254", "cp1255",
];

impl Charset {
    /// The character set of that name; `None` when it is unknown or cannot be a client's (`ucs2`, `utf16`).
    pub fn named(name: &[u8]) -> Option<Self> {
        let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
        match name.as_str() {
            "sjis" | "cp932" => Some(Self::Sjis),
            "big5" => Some(Self::Big5),
            "gbk" | "gb18030" => Some(Self::Gbk),
            other => TRANSPARENT.contains(&other).then_some(Self::Transparent),
        }
    }

    /// Whether a byte can begin a two-byte character that hides punctuation.
    pub fn is_lead(self, byte: u8) -> bool {
        match self {
            Self::Transparent => false,
            Self::Sjis => matches!(byte, 0x81..=0x9f | 0xe0..=0xfc),
            Self::Big5 => matches!(byte, 0xa1..=0xf9),
            Self::Gbk => matches!(byte, 0x81..=0xfe),
        }
    }

    /// Whether a byte behind a lead byte completes the character; if not, the server takes each byte for itself.
    pub fn is_trail(self, byte: u8) -> bool {
        match self {
            Self::Transparent => false,
            Self::Sjis => matches!(byte, 0x40..=0x7e | 0x80..=0xfc),
            Self::Big5 => matches!(byte, 0x40..=0x7e | 0xa1..=0xfe),
            Self::Gbk => matches!(byte, 0x40..=0x7e | 0x80..=0xfe),
        }
    }
}
