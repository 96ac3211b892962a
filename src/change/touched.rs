//! Which tables a statement may change of which the log has only the text.

use crate::change::query::{Query, TableName, name_at, other_tokens, tokens};
use crate::sql::ident;
use crate::sql::token::{Token, TokenKind};

/// Every table that a statement can name, among them all that it changes itself; `None`: it may change any. What
/// follows from it (triggers, functions, foreign keys, a view's own tables) is not in its text.
///
/// A word that can be a table is taken for one: too many are better than one too few.
pub fn named(query: &Query<'_>) -> Option<Vec<TableName>> {
    let tokens = tokens(query);
    let first = tokens.first().filter(|_| !query.dialect.garbled)?;
    if !first.is_any(&["INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "ANALYZE"]) {
        return None; // CALL, DO and SELECT run functions and procedures
    }
    let mut names = vec![];
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.is_name()) {
        let table = ident::unquote(token.text);
        let dot_before = at.checked_sub(1).is_some_and(|at| tokens[at].kind == TokenKind::Sign(b'.'));
        let database = at.checked_sub(2).filter(|_| dot_before).map(|at| ident::unquote(tokens[at].text));
        names.push(TableName { schema: database.unwrap_or_else(|| query.schema.to_vec()), table });
    }
    Some(names)
}

/// The one table whose rows a statement itself changes; `None`: there may be several, or its text does not tell.
pub fn target(query: &Query<'_>) -> Option<TableName> {
    let all = tokens(query);
    let found = target_of(&all, query.schema).filter(|_| !query.dialect.garbled)?;
    let is_sure = other_tokens(query).is_none_or(|other| target_of(&other, query.schema).as_ref() == Some(&found));
    is_sure.then_some(found)
}

fn target_of(tokens: &[Token<'_>], schema: &[u8]) -> Option<TableName> {
    let (verb, rest) = tokens.split_first()?;
    let how = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"];
    let behind = &rest[rest.iter().take_while(|token| token.is_any(&how)).count()..];
    match behind {
        [into, behind @ ..] if verb.is_any(&["INSERT", "REPLACE"]) && into.is("INTO") => {
            Some(name_at(behind, schema)?.0)
        }
        _ if verb.is_any(&["INSERT", "REPLACE"]) => Some(name_at(behind, schema)?.0),
        [from, behind @ ..] if verb.is("DELETE") && from.is("FROM") => {
            let (name, behind) = name_at(behind, schema)?;
            let ends = ["WHERE", "ORDER", "LIMIT", "RETURNING"];
            behind.first().is_none_or(|next| next.is_any(&ends)).then_some(name)
        }
        _ if verb.is("UPDATE") => {
            let (name, behind) = name_at(behind, schema)?;
            behind.first().is_some_and(|next| next.is("SET")).then_some(name)
        }
        _ if verb.is("LOAD") => {
            let at = rest.windows(2).position(|pair| pair[0].is("INTO") && pair[1].is("TABLE"))?;
            Some(name_at(&rest[at + 2..], schema)?.0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_table_that_a_statement_writes_is_told_where_its_text_tells_it() {
        for (text, expected) in [
            ("INSERT INTO t VALUES (1)", Some("d.t")),
            ("INSERT IGNORE e.t SELECT * FROM o", Some("e.t")),
            ("SET STATEMENT max_statement_time=1 FOR REPLACE LOW_PRIORITY INTO t SET a=1", Some("d.t")),
            ("DELETE QUICK FROM t WHERE a=1", Some("d.t")),
            ("DELETE FROM t", Some("d.t")),
            ("DELETE FROM t, o USING t JOIN o", None),
            ("DELETE FROM t USING t JOIN o", None),
            ("DELETE t FROM t JOIN o", None),
            ("UPDATE IGNORE t SET a=1", Some("d.t")),
            ("UPDATE t, o SET o.a=1", None),
            ("UPDATE t JOIN o SET o.a=1", None),
            ("LOAD DATA LOCAL INFILE 'INTO TABLE o' REPLACE INTO TABLE `t` (a)", Some("d.t")),
            ("WITH c AS (SELECT 1) DELETE FROM t", None),
            ("INSERT INTO /*M! x */ t VALUES (1)", None),
            ("CALL p()", None),
        ] {
            let query =
                Query { server: 1, thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
            let name =
                |name: TableName| [name.schema, name.table].map(|part| String::from_utf8(part).unwrap()).join(".");
            assert_eq!(target(&query).map(name).as_deref(), expected, "{text}");
        }
    }

    fn touches(text: &str, table: &str) -> bool {
        let query = Query { server: 1, thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
        let (schema, table) = table.split_once('.').unwrap();
        named(&query).is_none_or(|names| {
            names.iter().any(|name| name.schema == schema.as_bytes() && name.table == table.as_bytes())
        })
    }

    #[test]
    fn a_statement_touches_what_it_names_and_what_runs_code_touches_all() {
        for (text, table, expected) in [
            ("INSERT INTO o VALUES (1)", "d.t", false),
            ("INSERT INTO o VALUES (1)", "d.o", true),
            ("INSERT INTO e.o VALUES (1)", "d.o", false),
            ("INSERT INTO `e` . `o` VALUES (1)", "e.o", true),
            ("UPDATE o, t SET t.a = 1", "d.t", true),
            ("UPDATE o JOIN e.t SET e.t.a = 1", "e.t", true),
            ("DELETE t FROM o JOIN t", "d.t", true),
            ("WITH x AS (SELECT 1) DELETE FROM t", "d.t", true),
            ("SET STATEMENT max_statement_time=1 FOR DELETE FROM t", "d.t", true),
            ("SET STATEMENT max_statement_time=1 FOR DELETE FROM o", "d.t", false),
            ("LOAD DATA INFILE 't' INTO TABLE `t` (a)", "d.t", true),
            ("INSERT INTO o VALUES ('t')", "d.t", false),
            ("CALL p()", "d.t", true),
            ("SELECT `d`.`f`()", "d.t", true),
            ("DO f()", "d.t", true),
        ] {
            assert_eq!(touches(text, table), expected, "{text}: {table}");
        }
    }
}
