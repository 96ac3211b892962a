//! One step of the splitter: the slow, careful lane, a token at a time.

use crate::sql::lexer::charset::Charset;
use crate::sql::lexer::error::{Ambiguity, LexError};
use crate::sql::lexer::insert::{InValues, Sight};
use crate::sql::lexer::{Conditional, More, PieceKind, Splitter, State, scan};
use crate::sql::token::{Condition, Runs, is_dash_comment};

/// Bytes that a step in code wants to see, unless the dump ends: longer than any delimiter, any word that
/// we look at, and the line that switches the sandbox on.
pub(super) const LOOKAHEAD: usize = 128;

/// The longest word that is looked at as a whole.
const WORD: usize = 80;

/// Where a step begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) more: More,
}

impl<'a> Spot<'a> {
    fn rest(self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Consumed bytes of the piece that is open.
    Took(usize),
    /// Nothing can be said before more bytes come.
    NeedsMore,
    /// The piece that is open ends before this byte, and one of this kind begins with it.
    Begins(PieceKind),
    /// Consumed bytes, and with them the piece ends.
    Ends(usize),
}

/// Whether a byte can be part of an unquoted name, a keyword or a number.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Where the run of word bytes that begins at `from` ends.
pub fn word_end(text: &[u8], from: usize, charset: Charset) -> usize {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        if charset.is_lead(byte) && text.get(at + 1).is_some_and(|trail| charset.is_trail(*trail)) {
            at += 2;
        } else if is_word(byte) {
            at += 1;
        } else {
            break;
        }
    }
    at.min(text.len())
}

/// What a `DELIMITER` line sets, as the stock clients read it.
pub(super) fn delimiter_of(line: &[u8]) -> Option<Vec<u8>> {
    let argument = line.get("delimiter".len()..)?.trim_ascii();
    let end = match argument.first()? {
        quote @ (b'\'' | b'"' | b'`') => {
            let end = memchr::memchr(*quote, &argument[1..])? + 1;
            return usable(&argument[1..end]);
        }
        _ => argument.iter().position(u8::is_ascii_whitespace).unwrap_or(argument.len()),
    };
    usable(&argument[..end])
}

fn usable(delimiter: &[u8]) -> Option<Vec<u8>> {
    let fits = (1..=64).contains(&delimiter.len()) && !delimiter.contains(&b'\\');
    fits.then(|| delimiter.to_vec())
}

impl Splitter {
    pub(super) fn step(&mut self, spot: Spot<'_>) -> Result<Step, LexError> {
        let rest = spot.rest();
        match self.state {
            State::Quoted(quote) => return self.quoted(spot, quote),
            State::Escaped(quote) => {
                self.state = State::Quoted(quote);
                return Ok(Step::Took(1));
            }
            State::Lead(quote, lead) => {
                debug_assert!(self.session.dialect().charset.is_lead(lead), "only such bytes lead here");
                self.state = State::Quoted(quote);
                return Ok(Step::Took(usize::from(self.session.dialect().charset.is_trail(rest[0]))));
            }
            State::LineComment => return self.line_comment(rest),
            State::BlockComment => return Ok(self.block_comment(spot)),
            State::DelimiterLine => return Ok(self.delimiter_line(rest)),
            State::Code | State::Word | State::Hex | State::Digits => {}
        }
        if rest.len() < LOOKAHEAD && spot.more == More::MayCome {
            return Ok(Step::NeedsMore);
        }
        match (self.state, self.kind) {
            (State::Code, PieceKind::Statement) => self.code(spot),
            (State::Code, _) => self.between(rest),
            (state, _) => Ok(self.word_rest(rest, state)),
        }
    }

    /// Between statements.
    fn between(&mut self, rest: &[u8]) -> Result<Step, LexError> {
        if rest[0].is_ascii_whitespace() || rest[0] == 0x0b {
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
            // Never to the end of what is seen, so that the next step looks as far ahead as it wants.
            return Ok(Step::Took(blank));
        }
        if self.at == 0 && rest.starts_with(b"\xef\xbb\xbf") {
            return Ok(Step::Took(3));
        }
        if rest.starts_with(&self.delimiter) {
            return Ok(Step::Took(self.delimiter.len()));
        }
        if rest[0] == b'#' || rest.starts_with(b"--") {
            self.state = State::LineComment;
            return Ok(Step::Took(1));
        }
        if rest.starts_with(b"/*") && Condition::open(rest).is_none() {
            self.state = State::BlockComment;
            return Ok(Step::Took(2));
        }
        if rest.starts_with(b"/*M!999999\\-") || rest.starts_with(b"/*!999999\\-") {
            return self.sandbox(rest);
        }
        let word = rest.get(..9).is_some_and(|word| word.eq_ignore_ascii_case(b"delimiter"));
        if word && rest.get(9).is_none_or(u8::is_ascii_whitespace) {
            return Ok(Step::Begins(PieceKind::Delimiter));
        }
        Ok(Step::Begins(PieceKind::Statement))
    }

    fn sandbox(&mut self, rest: &[u8]) -> Result<Step, LexError> {
        let seen = &rest[..rest.len().min(LOOKAHEAD)];
        let end = memchr::memmem::find(seen, b"*/").ok_or(LexError::ClientCommand(self.place()))?;
        let words_only = seen[12..end].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b' ');
        match self.kind {
            _ if !words_only => Err(LexError::ClientCommand(self.place())),
            PieceKind::Sandbox => Ok(Step::Ends(end + 2)),
            _ => Ok(Step::Begins(PieceKind::Sandbox)),
        }
    }

    /// In a statement, outside of strings and plain comments.
    fn code(&mut self, spot: Spot<'_>) -> Result<Step, LexError> {
        if let Some(taken) = self.fast(spot, scan::Inside::No) {
            return Ok(Step::Took(taken));
        }
        let rest = spot.rest();
        if rest.starts_with(&self.delimiter) {
            return match self.conditional {
                Conditional::No => Ok(Step::Ends(self.delimiter.len())),
                Conditional::Open(_) => Err(self.ambiguous(Ambiguity::DelimiterInComment)),
            };
        }
        let byte = rest[0];
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Ok(Step::Took(1)),
            b'\'' | b'"' | b'`' => {
                self.state = State::Quoted(byte);
                let name = byte == b'`' || byte == b'"' && self.session.dialect().ansi_quotes;
                self.insert.see(if name { Sight::Name } else { Sight::Text }, self.at);
                Ok(Step::Took(1))
            }
            b'#' => Ok(self.enter(State::LineComment, 1)),
            b'-' if is_dash_comment(rest) => Ok(self.enter(State::LineComment, 2)),
            b'/' if rest.starts_with(b"/*") => self.comment(rest),
            b'*' if self.conditional != Conditional::No && rest.starts_with(b"*/") => {
                self.conditional = Conditional::No;
                Ok(Step::Took(2))
            }
            b'\\' if rest.get(1) != Some(&b'N') => Err(LexError::ClientCommand(self.place())),
            _ if is_word(byte) => Ok(self.word(rest)),
            _ => {
                self.insert.see(Sight::Sign(byte), self.at);
                Ok(Step::Took(1))
            }
        }
    }

    fn enter(&mut self, state: State, taken: usize) -> Step {
        self.state = state;
        Step::Took(taken)
    }

    fn comment(&mut self, rest: &[u8]) -> Result<Step, LexError> {
        match (Condition::open(rest), self.conditional) {
            (None, _) => Ok(self.enter(State::BlockComment, 2)),
            (Some(_), Conditional::Open(_)) => Err(self.ambiguous(Ambiguity::Nested)),
            (Some(condition), Conditional::No) => {
                self.conditional = Conditional::Open(condition.runs);
                Ok(Step::Took(condition.len))
            }
        }
    }

    /// A word, up to the delimiter if that begins inside it.
    fn word(&mut self, rest: &[u8]) -> Step {
        let seen = &rest[..rest.len().min(WORD + 1)];
        let mut end = word_end(seen, 0, self.session.dialect().charset);
        if is_word(self.delimiter[0]) {
            end = (1..end).find(|at| rest[*at..].starts_with(&self.delimiter)).unwrap_or(end);
        }
        let word = &seen[..end];
        let hex = matches!(word, [b'0', b'x' | b'X', rest @ ..] if rest.iter().all(u8::is_ascii_hexdigit));
        let sight = match end > WORD {
            false => Sight::Word(word, rest.get(end).copied()),
            true if hex || word.iter().all(u8::is_ascii_digit) => Sight::Digits,
            true => Sight::Long,
        };
        if end > WORD {
            self.state = match sight {
                Sight::Digits if hex => State::Hex,
                Sight::Digits => State::Digits,
                _ => State::Word,
            };
        }
        self.insert.see(sight, self.at);
        Step::Took(end)
    }

    fn word_rest(&mut self, rest: &[u8], state: State) -> Step {
        // A character of two bytes must not be cut by the end of what is seen.
        let seen = if rest.len() > LOOKAHEAD { &rest[..rest.len() - 1] } else { rest };
        let end = match state {
            State::Hex => scan::hex_len(seen),
            State::Digits => seen.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(seen.len()),
            _ => word_end(seen, 0, self.session.dialect().charset),
        };
        let end = match is_word(self.delimiter[0]) {
            true => (0..end).find(|at| rest[*at..].starts_with(&self.delimiter)).unwrap_or(end),
            false => end,
        };
        if end < seen.len() {
            self.state = State::Code;
            if state != State::Word && is_word(seen[end]) {
                self.insert.see(Sight::Long, self.at + end as u64);
                self.state = State::Word;
            }
        }
        Step::Took(end)
    }

    fn quoted(&mut self, spot: Spot<'_>, quote: u8) -> Result<Step, LexError> {
        if quote == b'\''
            && let Some(taken) = self.fast(spot, scan::Inside::Yes)
        {
            return Ok(Step::Took(taken));
        }
        let rest = spot.rest();
        let dialect = self.session.dialect();
        let end = match (dialect.charset, dialect.escapes_in(quote), self.conditional) {
            (Charset::Transparent, true, Conditional::No) => memchr::memchr2(quote, b'\\', rest),
            (Charset::Transparent, false, Conditional::No) => memchr::memchr(quote, rest),
            _ => rest
                .iter()
                .position(|byte| *byte == quote || *byte == b'\\' || *byte == b'*' || dialect.charset.is_lead(*byte)),
        };
        let Some(end) = end else { return Ok(Step::Took(rest.len())) };
        let byte = rest[end];
        if dialect.charset.is_lead(byte) {
            self.state = State::Lead(quote, byte);
        } else if byte == b'\\' && dialect.escapes_in(quote) {
            self.state = State::Escaped(quote);
        } else if byte == quote {
            self.state = State::Code;
        } else if byte == b'*' && self.conditional == Conditional::Open(Runs::Somewhere) {
            match (rest.get(end + 1), spot.more, end) {
                (Some(b'/'), ..) => return Err(self.ambiguous(Ambiguity::EndInQuotes)),
                (None, More::MayCome, 0) => return Ok(Step::NeedsMore),
                (None, More::MayCome, _) => return Ok(Step::Took(end)),
                _ => {}
            }
        }
        Ok(Step::Took(end + 1))
    }

    fn line_comment(&mut self, rest: &[u8]) -> Result<Step, LexError> {
        let end = memchr::memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        // Inside `/*! */` even a lone `*` before the end of the push stops it: no dump program writes either.
        if self.conditional != Conditional::No && memchr::memchr(b'*', line).is_some() {
            return Err(self.ambiguous(Ambiguity::EndInQuotes));
        }
        Ok(match end {
            Some(end) => self.enter(State::Code, end + 1),
            None => Step::Took(rest.len()),
        })
    }

    fn block_comment(&mut self, spot: Spot<'_>) -> Step {
        let rest = spot.rest();
        match memchr::memmem::find(rest, b"*/") {
            Some(end) => self.enter(State::Code, end + 2),
            None if spot.more == More::MayCome && rest == b"*" => Step::NeedsMore,
            None if spot.more == More::MayCome && rest.ends_with(b"*") => Step::Took(rest.len() - 1),
            None => Step::Took(rest.len()),
        }
    }

    fn delimiter_line(&mut self, rest: &[u8]) -> Step {
        match memchr::memchr(b'\n', rest) {
            Some(0) => Step::Ends(0),
            Some(end) => Step::Ends(end),
            None => Step::Took(rest.len()),
        }
    }

    /// The fast lane, where it may be used: tuples of an INSERT in an ordinary session.
    fn fast(&mut self, spot: Spot<'_>, inside: scan::Inside) -> Option<usize> {
        let dialect = self.session.dialect();
        let plain = self.conditional == Conditional::No && dialect.charset == Charset::Transparent;
        if !plain || !scan::may_delimit(self.delimiter[0]) {
            return None;
        }
        let InValues::Yes(parens) = self.insert.in_values() else { return None };
        let lane = scan::Lane { inside, parens, escapes: dialect.escapes_in(b'\'') };
        let ran = self.scanner.run(spot.rest(), lane)?;
        self.insert.resume(ran.parens, ran.rows);
        self.state = match ran.ends {
            scan::Ends::Code => State::Code,
            scan::Ends::Quoted => State::Quoted(b'\''),
            scan::Ends::Escaped => State::Escaped(b'\''),
        };
        Some(ran.taken)
    }

    fn ambiguous(&self, what: Ambiguity) -> LexError {
        LexError::Ambiguous { place: self.place(), what }
    }
}
