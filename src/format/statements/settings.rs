//! What a `SET` statement may set unasked: the session settings that dump programs save and restore.

use crate::format::statements::risk::RiskKind;
use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// Session variables that dump programs set.
const KNOWN: [&str; 33] = [
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_results",
    "collation_connection",
    "completion_type",
    "default_storage_engine",
    "storage_engine",
    "foreign_key_checks",
    "unique_checks",
    "check_constraint_checks",
    "information_schema_stats_expiry",
    "lock_wait_timeout",
    "innodb_lock_wait_timeout",
    "max_statement_time",
    "max_execution_time",
    "net_read_timeout",
    "net_write_timeout",
    "wait_timeout",
    "note_verbosity",
    "rocksdb_bulk_load",
    "sql_auto_is_null",
    "sql_mode",
    "sql_notes",
    "sql_quote_show_create",
    "sql_require_primary_key",
    "sql_generate_invisible_primary_key",
    "show_create_table_skip_secondary_engine",
    "system_versioning_insert_history",
    "time_zone",
    "default_collation_for_utf8mb4",
    "tx_isolation",
    "transaction_isolation",
];

/// The risks of one `SET` statement, given what stands behind `SET`.
pub(super) fn risks(tokens: &[Token<'_>]) -> Vec<(RiskKind, Vec<u8>)> {
    let mut risks = vec![];
    match tokens.first() {
        Some(first) if first.is_any(&["PASSWORD", "ROLE"]) => return vec![(RiskKind::Accounts, name(first))],
        Some(first) if first.is_any(&["STATEMENT", "RESOURCE"]) => return vec![(RiskKind::Unknown, name(first))],
        Some(first) if first.is("DEFAULT") => return vec![(RiskKind::Accounts, name(first))],
        Some(first) if first.is("TRANSACTION") => return vec![],
        _ => {}
    }
    if tokens.windows(2).any(|pair| pair[0].is_any(&["GLOBAL", "SESSION", "LOCAL"]) && pair[1].is("TRANSACTION")) {
        let global = tokens.first().is_some_and(|first| first.is("GLOBAL"));
        return if global { vec![(RiskKind::SetGlobal, b"transaction".to_vec())] } else { vec![] };
    }
    let mut depth = 0usize;
    for assignment in tokens.split(|token| {
        depth = match token.kind {
            TokenKind::Sign(b'(') => depth + 1,
            TokenKind::Sign(b')') => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0 && token.is_sign(b',')
    }) {
        risks.extend(assignment_risk(assignment));
    }
    risks
}

fn assignment_risk(tokens: &[Token<'_>]) -> Option<(RiskKind, Vec<u8>)> {
    let first = tokens.first()?;
    if first.is_any(&["NAMES", "CHARACTER", "CHARSET", "CHAR"]) && tokens.len() <= 5 {
        let simple = tokens.iter().all(|token| !matches!(token.kind, TokenKind::Sign(_) | TokenKind::System));
        return (!simple).then(|| (RiskKind::Unknown, name(first)));
    }
    let equals = tokens.iter().position(|token| token.is_sign(b'='));
    let Some(equals) = equals else { return Some((RiskKind::Unknown, name(first))) };
    let (left, value) = (&tokens[..equals], &tokens[equals + 1..]);
    let left = match left {
        [rest @ .., colon] if colon.is_sign(b':') => rest,
        all => all,
    };
    let simple = is_simple(value);
    if simple && matches!(left, [variable] if variable.kind == TokenKind::Variable) {
        return None;
    }
    let variable = left.last().map(|token| name(token).to_ascii_lowercase()).unwrap_or_default();
    let global = left.iter().any(|token| token.is_any(&["GLOBAL", "PERSIST", "PERSIST_ONLY"]));
    let kind = match variable.as_slice() {
        b"gtid_purged" => RiskKind::GtidPurged,
        b"gtid_slave_pos" | b"gtid_next" | b"gtid_binlog_state" | b"gtid_seq_no" | b"gtid_domain_id" | b"server_id"
        | b"pseudo_thread_id" => RiskKind::Replication,
        _ if global => RiskKind::SetGlobal,
        b"sql_log_bin" => RiskKind::BinaryLog,
        _ if !simple => RiskKind::Unknown,
        known if KNOWN.iter().any(|one| one.as_bytes() == known) => return None,
        _ => RiskKind::SetUnknown,
    };
    Some((kind, variable))
}

/// A literal, a variable, a number with a sign, or a list of them: nothing that computes or reads.
fn is_simple(value: &[Token<'_>]) -> bool {
    let reads = value.windows(2).any(|pair| pair[0].kind == TokenKind::Word && pair[1].is_sign(b'('));
    let words = value.iter().filter(|token| token.is_any(&["SELECT", "FROM", "TABLE", "VALUES"])).count();
    !value.is_empty()
        && !reads
        && words == 0
        && value.len() <= 8
        && value.iter().all(|token| !token.is_sign(b'(') && token.kind != TokenKind::Unclosed)
}

/// The name of a variable or a keyword; never the text of a string, which may be a row value.
fn name(token: &Token<'_>) -> Vec<u8> {
    match token.kind {
        TokenKind::Word | TokenKind::Quoted | TokenKind::Variable => ident::unquote(token.text),
        _ => vec![],
    }
}
