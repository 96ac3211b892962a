//! What is wrong with a statement, or with a script as a whole.

use crate::change::review::literal::Literal;
use crate::change::review::statement::{How, Pair, RowStatement};
use crate::model::change::ChangeKind;
use crate::model::script::StatementHazard as Hazard;
use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// What is wrong with a statement that changes rows; `pinned`: the script has set mode and character set itself.
pub(super) fn of_rows(statement: &RowStatement, pinned: bool) -> Vec<Hazard> {
    let mut found = vec![];
    let mut add = |hazard, is: bool| {
        if is {
            found.push(hazard);
        }
    };
    let RowStatement { kind, only, set, tuples, traits, .. } = statement;
    let one = traits.limit == Some(1);
    if *kind != ChangeKind::Insert {
        add(Hazard::NoWhere, !traits.has_where);
        let equal = only.iter().filter(|pair| pair.value != Literal::Null);
        let compared = equal.count();
        add(Hazard::NoKeyPredicate, traits.has_where && compared == 0);
        let loose = traits.is_loose || traits.limit.is_some_and(|limit| limit > 1);
        add(Hazard::SeveralRows, traits.has_where && compared > 0 && loose && !one);
        add(Hazard::NoCheck, traits.has_where && compared == 1 && only.len() == 1 && !traits.computes);
    }
    add(Hazard::Expression, traits.computes);
    add(Hazard::Upsert, traits.upserts);
    add(Hazard::NoColumns, *kind == ChangeKind::Insert && statement.columns.is_empty());
    add(Hazard::NoDatabase, statement.table.schema.is_none());
    add(Hazard::EqualsNull, only.iter().any(|pair| pair.how == How::Equals && pair.value == Literal::Null));
    add(Hazard::FloatEquals, only.iter().any(|pair| pair.how == How::Equals && pair.value.is_fraction()));
    let pairs = only.iter().chain(set).map(|pair: &Pair| &pair.value);
    let values: Vec<&Literal> = pairs.chain(tuples.iter().flatten()).collect();
    add(Hazard::InexactNumber, values.iter().any(|value| value.is_inexact()));
    let texts = || values.iter().filter_map(|value| value.text());
    add(Hazard::Base64Text, texts().any(looks_like_base64));
    add(Hazard::ReplacementCharacter, texts().any(|text| memchr::memmem::find(text, "\u{fffd}".as_bytes()).is_some()));
    add(Hazard::ZeroDate, texts().any(|text| text.starts_with(b"0000-00-00")));
    let depends = |value: &&Literal| matches!(value, Literal::Text { depends: true, .. });
    add(Hazard::SessionText, !pinned && values.iter().any(depends));
    found
}

/// Whether a text is base64 of something, beyond what a word or a number would be by accident.
pub fn looks_like_base64(text: &[u8]) -> bool {
    if text.len() < 4 || !text.len().is_multiple_of(4) || data_encoding::BASE64.decode(text).is_err() {
        return false;
    }
    let has = |fits: fn(&u8) -> bool| text.iter().any(fits);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    text.ends_with(b"=") && mixed || text.len() >= 24 && mixed && has(u8::is_ascii_digit)
}

/// What a statement that changes no rows does to the session, or beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Other {
    /// Sets variables of the session; in lower case.
    Set(Vec<Vec<u8>>),
    /// Opens a transaction.
    Begin,
    /// Ends it.
    Commit,
    /// Ends it, or goes back in it.
    Rollback,
    /// Other statements are about this database from here on.
    Use(Vec<u8>),
    /// Asks something, and changes nothing.
    Asks,
    /// Something that this is wrong with.
    Wrong(Hazard),
}

/// Reads a statement that is none of INSERT, UPDATE and DELETE.
pub(super) fn of_other(tokens: &[Token<'_>]) -> Other {
    let Some(first) = tokens.first() else { return Other::Asks };
    let second = |word: &str| tokens.get(1).is_some_and(|token| token.is(word));
    let word = first.text.to_ascii_uppercase();
    match word.as_slice() {
        b"SET" => set(tokens.get(1..).unwrap_or_default()),
        b"BEGIN" => Other::Begin,
        b"START" if second("TRANSACTION") => Other::Begin,
        b"COMMIT" => Other::Commit,
        b"ROLLBACK" | b"SAVEPOINT" | b"RELEASE" => Other::Rollback,
        b"USE" => {
            tokens.get(1).map_or(Other::Wrong(Hazard::NotARowChange), |name| Other::Use(ident::unquote(name.text)))
        }
        b"CREATE" | b"ALTER" | b"DROP" | b"TRUNCATE" | b"RENAME" => Other::Wrong(Hazard::Definition),
        b"PREPARE" | b"EXECUTE" | b"DEALLOCATE" => Other::Wrong(Hazard::DynamicSql),
        b"SELECT" | b"SHOW" if asks(tokens) => Other::Asks,
        _ => Other::Wrong(Hazard::NotARowChange),
    }
}

/// Whether a SELECT calls nothing that could do something, and writes no file.
fn asks(tokens: &[Token<'_>]) -> bool {
    const HARMLESS: [&str; 9] =
        ["ROW_COUNT", "CONNECTION_ID", "IF", "IFNULL", "CONCAT", "NOW", "DATABASE", "VERSION", "COUNT"];
    let calls = tokens.windows(2).any(|pair| {
        let is_call = matches!(pair[0].kind, TokenKind::Word | TokenKind::Quoted) && pair[1].is_sign(b'(');
        is_call && !pair[0].is_any(&HARMLESS)
    });
    let locks = tokens.windows(2).any(|pair| pair[0].is("FOR") && pair[1].is_any(&["UPDATE", "SHARE"]));
    !calls && !locks && !tokens.iter().any(|token| token.is("INTO")) && !assigns(tokens)
}

fn assigns(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|pair| pair[0].is_sign(b':') && pair[1].is_sign(b'='))
}

fn set(tokens: &[Token<'_>]) -> Other {
    let wide = ["GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "ROLE", "STATEMENT", "RESOURCE"];
    if tokens.iter().any(|token| token.is_any(&wide)) {
        return Other::Wrong(Hazard::NotARowChange);
    }
    let mut names = vec![];
    let mut depth = 0_u32;
    for assignment in tokens.split(|token| {
        match token.kind {
            TokenKind::Sign(b'(') => depth += 1,
            TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is_sign(b',')
    }) {
        let equals = assignment.iter().position(|token| token.is_sign(b'=')).unwrap_or(assignment.len());
        let left = assignment.iter().take(equals).rfind(|token| !token.is_sign(b':'));
        let first = assignment.first();
        let name = match (first, left) {
            (Some(first), _) if first.is_any(&["NAMES", "CHARACTER", "CHARSET", "CHAR"]) => b"names".to_vec(),
            (_, Some(left)) => ident::unquote(left.text).to_ascii_lowercase(),
            _ => continue,
        };
        let hidden: [&[u8]; 5] = [b"sql_log_bin", b"gtid_next", b"gtid_seq_no", b"server_id", b"gtid_purged"];
        if hidden.contains(&name.as_slice()) {
            return Other::Wrong(Hazard::NotARowChange);
        }
        names.push(name);
    }
    Other::Set(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::Dialect;
    use crate::sql::token::Tokens;

    fn other(text: &str) -> Other {
        of_other(&Tokens::code(text.as_bytes(), Dialect::default()))
    }

    #[test]
    fn what_changes_no_rows_is_told_apart() {
        assert_eq!(other("BEGIN"), Other::Begin);
        assert_eq!(other("START TRANSACTION"), Other::Begin);
        assert_eq!(
            other("SET NAMES utf8mb4, time_zone='+00:00'"),
            Other::Set(vec![b"names".to_vec(), b"time_zone".to_vec()])
        );
        assert_eq!(other("SET @@session.sql_mode = ''"), Other::Set(vec![b"sql_mode".to_vec()]));
        for wrong in
            ["SET GLOBAL x=1", "SET @@global.read_only=0", "SET sql_log_bin=0", "CALL p()", "GRANT ALL ON *.* TO a"]
        {
            assert_eq!(other(wrong), Other::Wrong(Hazard::NotARowChange), "{wrong}");
        }
        for wrong in ["SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT SLEEP(1)", "SELECT * FROM t FOR UPDATE", "SELECT @a:=1"]
        {
            assert_eq!(other(wrong), Other::Wrong(Hazard::NotARowChange), "{wrong}");
        }
        assert_eq!(other("TRUNCATE t"), Other::Wrong(Hazard::Definition));
        assert_eq!(other("SELECT ROW_COUNT()"), Other::Asks);
    }

    #[test]
    fn d01_base64_is_told_from_words() {
        for text in ["aGVsbG8=", "SGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0MTIz"] {
            assert!(looks_like_base64(text.as_bytes()), "{text}");
        }
        for text in ["paid", "password", "2025", "PAID====", "CamelCaseWord", "", "0123456789abcdef0123456789abcdef"] {
            assert!(!looks_like_base64(text.as_bytes()), "{text}");
        }
    }
}
