//! The session that a dump builds up: its dialect, and the user variables in which it saves settings.

use std::collections::HashMap;

use crate::sql::ident;
use crate::sql::lexer::charset::Charset;
use crate::sql::lexer::dialect::Dialect;
use crate::sql::lexer::error::{LexError, Place};
use crate::sql::literal::{self, Backslashes};
use crate::sql::token::{Runs, Token, TokenKind, Tokens};

/// Variables that are remembered at most; a dump uses about ten.
const VARIABLES: usize = 1024;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// A character set, read from `@@character_set_client`.
    Charset(Charset),
    /// An `sql_mode`, read from `@@sql_mode`; only its effect on reading is kept.
    Mode(Dialect),
    /// A text or number.
    Text(Vec<u8>),
    Nothing,
}

/// The settings that decide how statements are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Charset,
    Mode,
}

impl Setting {
    fn named(name: &[u8]) -> Option<Self> {
        match name.to_ascii_lowercase().as_slice() {
            b"sql_mode" => Some(Self::Mode),
            b"character_set_client" => Some(Self::Charset),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Charset => "character_set_client",
            Self::Mode => "sql_mode",
        }
    }
}

/// What an assignment sets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Variable(Vec<u8>),
    Setting(Setting),
    /// Something without influence on reading.
    Other,
}

/// How much of a statement is there to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Beginning,
}

#[derive(Debug)]
pub(super) struct Session {
    dialect: Dialect,
    variables: HashMap<Vec<u8>, Known>,
}

impl Session {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, variables: HashMap::new() }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Follows a statement that just ended.
    pub(super) fn follow(&mut self, text: &[u8], extent: Extent, place: Place) -> Result<(), LexError> {
        // Most statements of a dump begin with an I, and hardly any of the others is a SET.
        if matches!(text.first(), Some(b'I' | b'i' | b'R' | b'r')) {
            return Ok(());
        }
        let mut tokens = Tokens::new(text, self.dialect);
        let mut runs = Runs::Everywhere;
        let first = tokens.find(|token| match token.kind {
            TokenKind::Conditional(condition) => {
                runs = condition.runs;
                false
            }
            kind => kind != TokenKind::Close,
        });
        if !first.is_some_and(|token| token.is("SET")) {
            // Where a server skips the comment, a SET behind it is what runs.
            let hidden = runs == Runs::Somewhere && touches(&tokens.collect::<Vec<_>>()).is_some();
            let setting = "sql_mode or character_set_client";
            return if hidden { Err(LexError::CannotFollow { place, setting }) } else { Ok(()) };
        }
        let mut rest = vec![];
        for token in tokens {
            match token.kind {
                TokenKind::Conditional(condition) if condition.runs == Runs::Somewhere => runs = Runs::Somewhere,
                TokenKind::Conditional(_) | TokenKind::Close => {}
                _ => rest.push(token),
            }
        }
        if extent == Extent::Beginning && touches(&rest).is_some() {
            return Err(LexError::CannotFollow { place, setting: "sql_mode or character_set_client" });
        }
        let before = self.dialect;
        self.assign_all(&rest, runs).map_err(|setting| LexError::CannotFollow { place, setting: setting.word() })?;
        if runs == Runs::Somewhere && before != self.dialect {
            return Err(LexError::CannotFollow { place, setting: "sql_mode or character_set_client" });
        }
        Ok(())
    }

    fn assign_all(&mut self, tokens: &[Token<'_>], runs: Runs) -> Result<(), Setting> {
        if tokens.first().is_some_and(|token| token.is("STATEMENT")) {
            return Ok(()); // MariaDB: for one statement only, which is already read
        }
        let mut depth = 0usize;
        for assignment in tokens.split(|token| {
            match token.kind {
                TokenKind::Sign(b'(') => depth += 1,
                TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is_sign(b',')
        }) {
            self.assign(assignment, runs)?;
        }
        Ok(())
    }

    fn assign(&mut self, tokens: &[Token<'_>], runs: Runs) -> Result<(), Setting> {
        if let [names, charset, rest @ ..] = tokens
            && names.is("NAMES")
        {
            let collated = matches!(rest, [collate, _] if collate.is("COLLATE"));
            return self.charset(charset, if collated { &[] } else { rest });
        }
        match tokens {
            [character, set, charset, rest @ ..] if character.is_any(&["CHARACTER", "CHAR"]) && set.is("SET") => {
                return self.charset(charset, rest);
            }
            [set, charset, rest @ ..] if set.is("CHARSET") => return self.charset(charset, rest),
            _ => {}
        }
        let Some((target, value)) = self.target(tokens) else {
            return touches(tokens).map_or(Ok(()), Err);
        };
        match target {
            Target::Other => touches_value(value),
            Target::Variable(name) => {
                let known = match runs {
                    Runs::Everywhere => self.value(value),
                    Runs::Somewhere => Known::Nothing,
                };
                if self.variables.len() < VARIABLES || self.variables.contains_key(&name) {
                    self.variables.insert(name, known);
                }
                Ok(())
            }
            Target::Setting(setting) => {
                let known = self.value(value);
                self.set(setting, &known).ok_or(setting)
            }
        }
    }

    fn charset(&mut self, token: &Token<'_>, rest: &[Token<'_>]) -> Result<(), Setting> {
        let name = match token.kind {
            TokenKind::Word | TokenKind::Quoted | TokenKind::Text => self.plain(token),
            TokenKind::Variable => match self.variables.get(&variable(token)) {
                Some(Known::Text(text)) => text.clone(),
                _ => return Err(Setting::Charset),
            },
            _ => return Err(Setting::Charset),
        };
        let charset = Charset::named(&name).filter(|_| rest.is_empty()).ok_or(Setting::Charset)?;
        self.dialect.charset = charset;
        Ok(())
    }

    /// Splits an assignment at its `=` or `:=`.
    fn target<'t, 'a>(&self, tokens: &'t [Token<'a>]) -> Option<(Target, &'t [Token<'a>])> {
        let equals = tokens.iter().position(|token| token.is_sign(b'='))?;
        let (mut left, right) = (&tokens[..equals], &tokens[equals + 1..]);
        if let [rest @ .., colon] = left
            && colon.is_sign(b':')
        {
            left = rest;
        }
        if let [name] = left
            && name.kind == TokenKind::Variable
        {
            return Some((Target::Variable(variable(name)), right));
        }
        let elsewhere = ["GLOBAL", "PERSIST", "PERSIST_ONLY"];
        let here = ["SESSION", "LOCAL"];
        let name = match left {
            [scope, ..] | [_, scope, ..] if scope.is_any(&elsewhere) => return Some((Target::Other, right)),
            [name] => name,
            [scope, name] if scope.is_any(&here) || scope.kind == TokenKind::System => name,
            [system, scope, dot, name]
                if system.kind == TokenKind::System && scope.is_any(&here) && dot.is_sign(b'.') =>
            {
                name
            }
            _ => return None,
        };
        Some((Setting::named(&self.plain(name)).map_or(Target::Other, Target::Setting), right))
    }

    fn value(&self, tokens: &[Token<'_>]) -> Known {
        let here = ["SESSION", "LOCAL"];
        let system = match tokens {
            [token] => return self.single(token),
            [system, name] if system.kind == TokenKind::System => name,
            [system, scope, dot, name]
                if system.kind == TokenKind::System && scope.is_any(&here) && dot.is_sign(b'.') =>
            {
                name
            }
            _ => return Known::Nothing,
        };
        match Setting::named(&self.plain(system)) {
            Some(Setting::Charset) => Known::Charset(self.dialect.charset),
            Some(Setting::Mode) => Known::Mode(self.dialect),
            None => Known::Nothing,
        }
    }

    fn single(&self, token: &Token<'_>) -> Known {
        match token.kind {
            TokenKind::Text => Known::Text(self.plain(token)),
            TokenKind::Word | TokenKind::Quoted if !token.is("DEFAULT") => Known::Text(self.plain(token)),
            TokenKind::Variable => self.variables.get(&variable(token)).cloned().unwrap_or(Known::Nothing),
            _ => Known::Nothing,
        }
    }

    fn set(&mut self, setting: Setting, known: &Known) -> Option<()> {
        match (setting, known) {
            (Setting::Charset, Known::Charset(charset)) => self.dialect.charset = *charset,
            (Setting::Charset, Known::Text(name)) => self.dialect.charset = Charset::named(name)?,
            (Setting::Mode, Known::Mode(mode)) => {
                self.dialect = Dialect { charset: self.dialect.charset, ..*mode };
            }
            (Setting::Mode, Known::Text(mode)) => self.dialect = self.dialect.with_mode(mode)?,
            _ => return None,
        }
        Some(())
    }

    fn plain(&self, token: &Token<'_>) -> Vec<u8> {
        match token.kind {
            TokenKind::Text if self.dialect.no_backslash_escapes => literal::unquote(token.text, Backslashes::Plain),
            TokenKind::Text => literal::unquote(token.text, Backslashes::Escape),
            _ => ident::unquote(token.text),
        }
    }
}

/// The name of a user variable, which has no case.
fn variable(token: &Token<'_>) -> Vec<u8> {
    ident::unquote(&token.text[1..]).to_ascii_lowercase()
}

/// The first word that could change how statements are read, in an assignment we do not understand.
fn touches(tokens: &[Token<'_>]) -> Option<Setting> {
    tokens.iter().find_map(|token| {
        let name = ident::unquote(token.text);
        match Setting::named(&name) {
            Some(setting) => Some(setting),
            None if token.is_any(&["NAMES", "CHARSET", "CHARACTER"]) => Some(Setting::Charset),
            None => None,
        }
    })
}

/// An expression assigned to something else must not itself assign: `SET a = (@b := ...)` is followed nowhere.
fn touches_value(value: &[Token<'_>]) -> Result<(), Setting> {
    let assigns = value.windows(2).any(|pair| pair[0].is_sign(b':') && pair[1].is_sign(b'='));
    if assigns { Err(Setting::Mode) } else { Ok(()) }
}
