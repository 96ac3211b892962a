//! The settings of a session that decide how its statements are read.

use crate::sql::lexer::charset::Charset;

/// The settings of a session that decide how its statements are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dialect {
    /// Of `character_set_client`.
    pub charset: Charset,
    /// Double quotes enclose names, not strings.
    pub ansi_quotes: bool,
    /// A backslash in a string is a character.
    pub no_backslash_escapes: bool,
    /// Bytes beyond ASCII stand for characters that nobody here can tell: their character set is not read.
    pub garbled: bool,
}

impl Dialect {
    /// Whether a backslash escapes the byte behind it inside this kind of quotes.
    pub fn escapes_in(self, quote: u8) -> bool {
        match quote {
            b'\'' => !self.no_backslash_escapes,
            b'"' => !self.no_backslash_escapes && !self.ansi_quotes,
            _ => false,
        }
    }

    /// This dialect under another `sql_mode`, given as its text or its number.
    ///
    /// `None` when a word of it is not a mode that MySQL or MariaDB know.
    pub(crate) fn with_mode(self, mode: &[u8]) -> Option<Self> {
        let mut next = Self { ansi_quotes: false, no_backslash_escapes: false, ..self };
        let text = std::str::from_utf8(mode).ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits: u64 = text.parse().ok()?;
            next.ansi_quotes = bits & 4 != 0;
            next.no_backslash_escapes = bits & (1 << 20) != 0;
            return Some(next);
        }
        for word in text.split(',').map(|word| word.trim().to_ascii_uppercase()) {
            match word.as_str() {
                "ANSI_QUOTES" | "ANSI" | "ORACLE" | "MSSQL" | "DB2" | "POSTGRESQL" | "MAXDB" => {
                    next.ansi_quotes = true;
                }
                "NO_BACKSLASH_ESCAPES" => next.no_backslash_escapes = true,
                other if other.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') => {}
                _ => return None,
            }
        }
        Some(next)
    }
}
