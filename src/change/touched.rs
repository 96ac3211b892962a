//! Which tables a statement may change of which the log has only the text.

use crate::change::query::{Query, TableName, tokens};
use crate::sql::ident;
use crate::sql::token::TokenKind;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(text: &str, table: &str) -> bool {
        let query = Query { thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
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
