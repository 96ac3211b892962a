//! Tokens of one whole statement, as a server reads them: the bodies of conditional comments are code.

use crate::sql::lexer::{Dialect, word_end};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword, an unquoted identifier, or a number: a run of word bytes.
    Word,
    /// An identifier in backticks, or in double quotes under ANSI_QUOTES.
    Quoted,
    /// A string.
    Text,
    /// `@name`, `@'name'`: a user variable, or the host of an account.
    Variable,
    /// `@@`, followed by words and dots.
    System,
    /// One byte of punctuation.
    Sign(u8),
    /// `/*!50003`: what follows is live on servers of at least that version (0: on all).
    Conditional(Condition),
    /// The `*/` of a conditional comment.
    Close,
    /// A string, quoted name or comment that has no end.
    Unclosed,
}

/// On which servers the body of a conditional comment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The digits behind `!`; 0 when there are none.
    pub version: u32,
    /// Bytes of the opening, `/*!50003`.
    pub len: usize,
    /// Whether every server that may meet the dump runs it, or only some.
    pub runs: Runs,
}

/// Whether every server that may meet a dump runs a conditional comment's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// MySQL since 5.7 and MariaDB since 10 both do.
    Everywhere,
    /// Some do, some take it for a comment: its end must be the same in both readings.
    Somewhere,
}

impl Condition {
    /// Reads the opening of a conditional comment: `/*!`, `/*M!`, `/*!50003`, `/*M!100616`.
    pub fn open(text: &[u8]) -> Option<Self> {
        let (marker, maria) = match text {
            [b'/', b'*', b'!', ..] => (3, false),
            [b'/', b'*', b'M', b'!', ..] => (4, true),
            _ => return None,
        };
        let digits = text[marker..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let taken = if digits >= 5 { digits } else { 0 };
        let version = text[marker..marker + taken].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        // MariaDB skips versions from 5.7 to 9.99.99 that MySQL runs; MySQL takes `/*M!` for a comment.
        let runs = if maria || version >= 50_700 { Runs::Somewhere } else { Runs::Everywhere };
        Some(Self { version, len: marker + taken, runs })
    }
}

/// A token and where it lies in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes, quotes included.
    pub text: &'a [u8],
    /// Where it begins.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this word, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether it is one of these words, in any case.
    pub fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether it is this sign.
    pub fn is_sign(&self, sign: u8) -> bool {
        self.kind == TokenKind::Sign(sign)
    }

    /// Whether it can be a name: quoted, or a word that does not begin like a number.
    pub fn is_name(&self) -> bool {
        match self.kind {
            TokenKind::Quoted => true,
            TokenKind::Word => !self.text.iter().all(u8::is_ascii_digit),
            _ => false,
        }
    }
}

/// Walks over the tokens of a statement; comments and blanks are left out.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
    conditional: bool,
}

impl<'a> Tokens<'a> {
    /// Reads `text` under the dialect that was in force when it was sent.
    pub fn new(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, at: 0, dialect, conditional: false }
    }

    /// All tokens, without the marks of conditional comments.
    pub fn code(text: &'a [u8], dialect: Dialect) -> Vec<Token<'a>> {
        Self::new(text, dialect)
            .filter(|token| !matches!(token.kind, TokenKind::Conditional(_) | TokenKind::Close))
            .collect()
    }

    fn take(&mut self, kind: TokenKind, end: usize) -> Option<Token<'a>> {
        let start = self.at;
        self.at = end;
        Some(Token { kind, text: &self.text[start..end], start })
    }

    /// Skips blanks and plain comments; `false` when a comment has no end.
    fn skip_blank(&mut self) -> bool {
        while let Some(&byte) = self.text.get(self.at) {
            let rest = &self.text[self.at..];
            if byte.is_ascii_whitespace() || byte == 0x0b {
                self.at += 1;
            } else if byte == b'#' || is_dash_comment(rest) {
                self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            } else if rest.starts_with(b"/*") && Condition::open(rest).is_none() {
                match memchr::memmem::find(&rest[2..], b"*/") {
                    Some(end) => self.at += end + 4,
                    None => return false,
                }
            } else {
                break;
            }
        }
        true
    }

    fn quoted(&mut self, from: usize, quote: u8) -> (usize, bool) {
        let escapes = self.dialect.escapes_in(quote);
        let mut at = from + 1;
        while let Some(&byte) = self.text.get(at) {
            let next = self.text.get(at + 1).copied();
            let charset = self.dialect.charset;
            let pair = charset.is_lead(byte) && next.is_some_and(|trail| charset.is_trail(trail));
            if pair || byte == b'\\' && escapes {
                at += 2;
            } else if byte == quote {
                if next != Some(quote) {
                    return (at + 1, true);
                }
                at += 2;
            } else {
                at += 1;
            }
        }
        (self.text.len(), false)
    }

    fn quote(&mut self, kind: TokenKind, from: usize) -> Option<Token<'a>> {
        let (end, closed) = self.quoted(from, self.text[from]);
        self.take(if closed { kind } else { TokenKind::Unclosed }, end)
    }

    fn variable(&mut self) -> Option<Token<'a>> {
        match self.text.get(self.at + 1) {
            Some(b'@') => self.take(TokenKind::System, self.at + 2),
            Some(b'\'' | b'"' | b'`') => self.quote(TokenKind::Variable, self.at + 1),
            _ => {
                let mut end = word_end(self.text, self.at + 1, self.dialect.charset);
                while self.text.get(end) == Some(&b'.') {
                    end = word_end(self.text, end + 1, self.dialect.charset);
                }
                self.take(TokenKind::Variable, end)
            }
        }
    }
}

/// Whether text begins with `--` as a server takes it for a comment: a blank, a control or the end behind it.
pub fn is_dash_comment(text: &[u8]) -> bool {
    text.starts_with(b"--") && text.get(2).is_none_or(|byte| *byte <= b' ' || *byte == 0x7f)
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip_blank() {
            return self.take(TokenKind::Unclosed, self.text.len());
        }
        let rest = &self.text[self.at..];
        let byte = *rest.first()?;
        if let Some(condition) = Condition::open(rest) {
            self.conditional = true;
            return self.take(TokenKind::Conditional(condition), self.at + condition.len);
        }
        if self.conditional && rest.starts_with(b"*/") {
            self.conditional = false;
            return self.take(TokenKind::Close, self.at + 2);
        }
        match byte {
            b'\'' => self.quote(TokenKind::Text, self.at),
            b'"' if !self.dialect.ansi_quotes => self.quote(TokenKind::Text, self.at),
            b'"' | b'`' => self.quote(TokenKind::Quoted, self.at),
            b'@' => self.variable(),
            _ => match word_end(self.text, self.at, self.dialect.charset) {
                end if end > self.at => self.take(TokenKind::Word, end),
                _ => self.take(TokenKind::Sign(byte), self.at + 1),
            },
        }
    }
}
