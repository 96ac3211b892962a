//! What statements hold inside: files, engines, and in the bodies of routines whole statements.

use crate::format::statements::risk::{RiskKind, Within};
use crate::format::statements::{settings, shape};
use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// Storage engines that keep their rows in the server and reach nothing else.
const ENGINES: [&str; 17] = [
    "INNODB",
    "MYISAM",
    "MEMORY",
    "HEAP",
    "ARCHIVE",
    "CSV",
    "BLACKHOLE",
    "ARIA",
    "ROCKSDB",
    "TOKUDB",
    "NDB",
    "NDBCLUSTER",
    "COLUMNSTORE",
    "MROONGA",
    "XTRADB",
    "INFINIDB",
    "SEQUENCE",
];

/// Risks anywhere in a statement.
pub(super) fn risks(tokens: &[Token<'_>], within: Within) -> Vec<(RiskKind, Vec<u8>)> {
    let mut risks = vec![];
    for (at, token) in tokens.iter().enumerate() {
        if token.kind != TokenKind::Word {
            continue;
        }
        let rest = &tokens[at..];
        risks.extend(by_word(rest).map(|kind| (kind, token.text.to_ascii_uppercase())));
        if within == Within::Statement {
            risks.extend(table_option(rest));
        }
        if within == Within::Body && at > 0 && begins_statement(&tokens[..at]) {
            risks.extend(inner(rest));
        }
    }
    risks
}

fn by_word(rest: &[Token<'_>]) -> Option<RiskKind> {
    let (first, second) = (rest.first()?, rest.get(1));
    let next = |words: &[&str]| second.is_some_and(|token| token.is_any(words));
    let called = second.is_some_and(|token| token.is_sign(b'('));
    match () {
        () if first.is("INTO") && next(&["OUTFILE", "DUMPFILE"]) => Some(RiskKind::OutFile),
        () if first.is("LOAD") && next(&["DATA", "XML"]) => Some(RiskKind::InFile),
        () if first.is("LOAD_FILE") && called => Some(RiskKind::InFile),
        () => None,
    }
}

/// Options of a table that reach files or other servers.
fn table_option(rest: &[Token<'_>]) -> Option<(RiskKind, Vec<u8>)> {
    let (first, second) = (rest.first()?, rest.get(1));
    let next = |words: &[&str]| second.is_some_and(|token| token.is_any(words));
    let kind = match () {
        () if first.is_any(&["DATA", "INDEX"]) && next(&["DIRECTORY"]) => RiskKind::Files,
        () if first.is_any(&["DISCARD", "IMPORT"]) && next(&["TABLESPACE", "PARTITION"]) => RiskKind::Files,
        () if first.is("TABLESPACE") && second.is_some_and(Token::is_name) => RiskKind::Files,
        () if first.is("CONNECTION")
            && second.is_some_and(|sign| sign.is_sign(b'=') || sign.kind == TokenKind::Text) =>
        {
            RiskKind::Link
        }
        () => return engine(rest),
    };
    Some((kind, first.text.to_ascii_uppercase()))
}

fn engine(rest: &[Token<'_>]) -> Option<(RiskKind, Vec<u8>)> {
    let [first, rest @ ..] = rest else { return None };
    if !first.is("ENGINE") {
        return None;
    }
    let value = match rest {
        [equals, value, ..] if equals.is_sign(b'=') => value,
        [value, ..] => value,
        _ => return None,
    };
    let name = match value.kind {
        TokenKind::Word | TokenKind::Quoted | TokenKind::Text => ident::unquote(value.text),
        _ => return None,
    };
    let known = ENGINES.iter().any(|engine| name.eq_ignore_ascii_case(engine.as_bytes()));
    (!known).then_some((RiskKind::Engine, name))
}

/// Whether a statement of a routine can begin behind these tokens.
fn begins_statement(before: &[Token<'_>]) -> bool {
    let beside = before.len().checked_sub(2).is_some_and(|at| before[at].is_any(&["FOLLOWS", "PRECEDES"]));
    beside
        || ends_handler(before)
        || before.last().is_some_and(|last| {
            last.is_sign(b';')
                || last.is_sign(b':')
                || last.is_any(&[
                    "BEGIN",
                    "THEN",
                    "ELSE",
                    "DO",
                    "LOOP",
                    "REPEAT",
                    "ROW",
                    "ATOMIC",
                    "DETERMINISTIC",
                    "DATA",
                ])
                || last.is_sign(b')')
                || last.kind == TokenKind::Text
                || last.is_any(&[
                    "SQL",
                    "DEFINER",
                    "INVOKER",
                    "AS",
                    "IS",
                    "HANDLER",
                    "FOUND",
                    "SQLEXCEPTION",
                    "SQLWARNING",
                ])
        })
}

/// Whether these tokens end with what a handler is for: numbers, names, SQLSTATEs.
fn ends_handler(before: &[Token<'_>]) -> bool {
    let listed = |token: &&Token<'_>| {
        token.is_sign(b',') || matches!(token.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Text)
    };
    let list = before.iter().rev().take(64).take_while(listed);
    let mut found = false;
    let mut next: Option<&Token<'_>> = None;
    for token in list {
        found |= token.is("HANDLER") && next.is_some_and(|next| next.is("FOR"));
        if token.is_sign(b';') {
            break;
        }
        next = Some(token);
    }
    found && before.last().is_some_and(|last| !last.is("FOR") && !last.is_sign(b','))
}

/// Statements that act on more than rows of the database, inside a body.
fn inner(rest: &[Token<'_>]) -> Vec<(RiskKind, Vec<u8>)> {
    let first = &rest[0];
    let word = first.text.to_ascii_uppercase();
    let end = rest.iter().position(|token| token.is_sign(b';')).unwrap_or(rest.len());
    if word == b"SET" && rest.get(1).is_some_and(|next| next.is("STATEMENT")) {
        return vec![(RiskKind::Unknown, b"SET STATEMENT".to_vec())];
    }
    // No body holds it; behind the end of one, the server would run it as a statement of its own.
    let database = rest.get(1).filter(|next| next.is_name() && !next.is_any(&["INDEX", "KEY"]));
    if let (b"USE", Some(database)) = (word.as_slice(), database) {
        return vec![(RiskKind::Use, ident::unquote(database.text))];
    }
    if word == b"SET" {
        return settings::risks(&rest[1..end])
            .into_iter()
            .filter(|(kind, _)| !matches!(kind, RiskKind::Unknown | RiskKind::SetUnknown))
            .collect();
    }
    let kind = match word.as_slice() {
        b"CREATE" | b"DROP" | b"ALTER" => {
            let shape = shape::of(&rest[..end]);
            let options = (0..end).filter_map(|at| table_option(&rest[at..end]));
            return shape.risks.into_iter().filter(|(kind, _)| *kind != RiskKind::Unknown).chain(options).collect();
        }
        _ => shape::other(&word, rest),
    };
    let plain_word = rest.get(1).is_none_or(|next| {
        matches!(
            next.kind,
            TokenKind::Sign(b'=' | b'(' | b',' | b')' | b'.' | b'+' | b'-' | b':') | TokenKind::Unclosed
        )
    });
    match kind {
        RiskKind::Unknown | RiskKind::ClientCommand => vec![],
        _ if plain_word => vec![],
        kind => vec![(kind, word)],
    }
}
