//! What different servers make of one statement whose conditional comments only some of them run.

use crate::sql::lexer::Dialect;
use crate::sql::token::{Condition, Runs, Token, TokenKind, Tokens};

/// Different conditions that are followed; dump programs write one or two in a statement.
const CONDITIONS: usize = 8;

/// Versions that MariaDB leaves to MySQL in `/*!NNNNN */`.
const NOT_MARIADB: std::ops::RangeInclusive<u32> = 50_700..=99_999;

/// The tokens as each kind and version of server reads them, beside the reading in which everything is live.
///
/// Empty for most statements; `None` when there are too many readings to follow.
pub(super) fn of<'a>(text: &'a [u8], dialect: Dialect) -> Option<Vec<Vec<Token<'a>>>> {
    if memchr::memmem::find(text, b"!").is_none() {
        return Some(vec![]);
    }
    let tokens: Vec<Token<'a>> = Tokens::new(text, dialect).collect();
    let mut versions = vec![];
    for token in &tokens {
        if let TokenKind::Conditional(condition) = token.kind
            && condition.runs == Runs::Somewhere
            && !versions.contains(&condition.version)
        {
            versions.push(condition.version);
        }
    }
    if versions.is_empty() {
        return Some(vec![]);
    }
    if versions.len() > CONDITIONS {
        return None;
    }
    // One server below each of them, one at each.
    let servers = versions.iter().map(|version| version.saturating_sub(1)).chain(versions.iter().copied());
    let servers: Vec<u32> = servers.collect();
    let mysql = servers.iter().map(|server| read(&tokens, |maria, condition| !maria && condition.version <= *server));
    let mariadb = servers.iter().map(|server| {
        read(&tokens, |maria, condition| {
            condition.version <= *server && (maria || !NOT_MARIADB.contains(&condition.version))
        })
    });
    Some(mysql.chain(mariadb).collect())
}

/// The tokens outside of comments that `lives` does not let live.
fn read<'a>(tokens: &[Token<'a>], lives: impl Fn(bool, Condition) -> bool) -> Vec<Token<'a>> {
    let mut live = true;
    let mut read = vec![];
    for token in tokens {
        match token.kind {
            TokenKind::Conditional(condition) => {
                live = condition.runs == Runs::Everywhere || lives(token.text.get(2) == Some(&b'M'), condition);
            }
            TokenKind::Close => live = true,
            _ if live => read.push(*token),
            _ => {}
        }
    }
    read
}
