//! Lines of a script, each for itself.

use crate::change::reread::around;
use crate::change::reread::grammar::{self, See, Statement};
use crate::change::script::{
    COUNT, COUNT_EACH, HIDDEN, ONE, ORPHANS_ARE, PUT_OR_NOT, SET_OR_NOT, SET_OVER, TAKEN_OVER,
};
use crate::model::change::ChangeKind;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Nothing that runs.
    Comment,
    /// Changes rows.
    Statement {
        /// The number of the table among those of the same [`Lexed`].
        table: usize,
        kind: ChangeKind,
        rows: u64,
        if_not_here: bool,
        /// Whether it is only prepared by this line.
        is_hidden: bool,
    },
    /// Looks whether a row is there.
    Existence { table: usize, is_hidden: bool },
    /// Counts rows that refer to nothing: the question, and the variable it goes to.
    Orphans { question: Vec<u8>, variable: Vec<u8>, is_hidden: bool },
    /// Asks for triggers and foreign keys.
    Around,
    /// Counts the statement in front, in one of the two forms.
    Count { off: Off, is_each: bool },
    /// Some other line, which must be one that is expected there.
    Other(Box<str>),
}

impl Token {
    /// Whether it is only prepared by its line.
    pub fn is_hidden(&self) -> bool {
        match self {
            Self::Statement { is_hidden, .. } | Self::Existence { is_hidden, .. } | Self::Orphans { is_hidden, .. } => {
                *is_hidden
            }
            Self::Comment | Self::Around | Self::Count { .. } | Self::Other(_) => false,
        }
    }
}

/// What must not be, behind a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Off {
    /// Another number of rows.
    Rows(u64),
    SetOver,
    TakenOver,
    SetOrNot,
    PutOrNot,
}

/// Some lines of a script.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub tokens: Vec<Token>,
    /// Quoted names of tables.
    pub tables: Vec<Box<str>>,
    /// What is wrong with the line behind the last token.
    pub error: Option<&'static str>,
}

impl Lexed {
    /// Reads lines, each of which ends in a newline; nothing behind one that is wrong.
    pub fn lines(&mut self, mut text: &[u8], see: &mut impl See) {
        let is_allowed = |byte: &u8| (*byte == b'\n') | (b' '..=b'~').contains(byte);
        let is_plain = text.iter().fold(true, |all, byte| all & is_allowed(byte));
        while let Some(end) = memchr::memchr(b'\n', text) {
            let line = &text[..end];
            text = &text[end + 1..];
            let plain = is_plain || line.iter().all(is_allowed);
            let token = if plain { self.token(line, see) } else { Err("it is not a line of printable ASCII") };
            match token {
                Ok(token) => self.tokens.push(token),
                Err(what) => {
                    self.error = Some(what);
                    return;
                }
            }
        }
        if !text.is_empty() {
            self.error = Some("a line without an end");
        }
    }

    fn token(&mut self, line: &[u8], see: &mut impl See) -> Result<Token, &'static str> {
        if line.starts_with(b"-- ") {
            return Ok(Token::Comment);
        }
        if let Some(digits) = line.strip_prefix(HIDDEN.as_bytes()).and_then(|rest| rest.strip_suffix(b"';")) {
            let bytes =
                data_encoding::HEXUPPER.decode(digits).map_err(|_| "a statement in hexadecimal that is none")?;
            let text = String::from_utf8(bytes).map_err(|_| "a statement that is not UTF-8")? + ";";
            if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err("a statement is hidden that need not be");
            }
            return self.running(text.as_bytes(), true, see)?.ok_or("a statement of another kind");
        }
        if line.starts_with(b"SELECT (") || line.starts_with(b"SELECT GREATEST(") {
            return around::question(line).map(|()| Token::Around);
        }
        if let Some(token) = self.running(line, false, see)? {
            return Ok(token);
        }
        let text = std::str::from_utf8(line).map_err(|_| "it is not a line of printable ASCII")?;
        Ok(count(text).unwrap_or_else(|| Token::Other(text.into())))
    }

    /// A line that asks or changes something about rows.
    fn running(&mut self, line: &[u8], is_hidden: bool, see: &mut impl See) -> Result<Option<Token>, &'static str> {
        let is_change = [&b"INSERT"[..], b"UPDATE", b"DELETE"].iter().any(|word| line.starts_with(word));
        if is_change {
            let Statement { table, kind, rows, if_not_here } = grammar::statement(line, see)?;
            let table = self.table(table)?;
            return Ok(Some(Token::Statement { table, kind, rows, if_not_here, is_hidden }));
        }
        if line.starts_with(ORPHANS_ARE.as_bytes()) {
            let (question, variable) = grammar::orphans(line)?;
            let (question, variable) = (question.to_vec(), variable.to_vec());
            return Ok(Some(Token::Orphans { question, variable, is_hidden }));
        }
        if !line.starts_with(b"SELECT COUNT(*) FROM ") {
            return Ok(None);
        }
        let table = self.table(grammar::existence(line)?)?;
        Ok(Some(Token::Existence { table, is_hidden }))
    }

    fn table(&mut self, name: &[u8]) -> Result<usize, &'static str> {
        // Mostly it is the one that came last.
        if let Some(at) = self.tables.iter().rposition(|other| other.as_bytes() == name) {
            return Ok(at);
        }
        let name = std::str::from_utf8(name).map_err(|_| "a name that is not UTF-8")?;
        self.tables.push(name.into());
        Ok(self.tables.len() - 1)
    }
}

fn count(line: &str) -> Option<Token> {
    let each = line.strip_prefix(COUNT_EACH).and_then(|rest| rest.strip_suffix("));"));
    let (what, is_each) = match each {
        Some(what) => (what, true),
        None => (line.strip_prefix(COUNT)?.strip_suffix(");")?, false),
    };
    let off = match what {
        ONE => Off::Rows(1),
        SET_OVER => Off::SetOver,
        TAKEN_OVER => Off::TakenOver,
        SET_OR_NOT => Off::SetOrNot,
        PUT_OR_NOT => Off::PutOrNot,
        _ => {
            let digits = what.strip_prefix("ROW_COUNT()<>")?;
            let number = digits.parse().ok()?;
            // Nothing but the number as it is written: no sign, no zeros in front.
            Off::Rows(Some(number).filter(|number: &u64| number.to_string() == digits)?)
        }
    };
    Some(Token::Count { off, is_each })
}
