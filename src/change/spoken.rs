//! Statements of clients that do not speak UTF-8. A log has them as they were sent, and its rows name tables in UTF-8.

use crate::change::query::{Ddl, DdlVerb, Query, TableName};
use crate::model::change::Charset;
use crate::model::changes::decoded;

/// The text of a statement in UTF-8, where it is in another character set that is read here; `None`: it can stay as
/// it is.
pub(super) fn in_utf8(text: &[u8], client: Charset) -> Option<Vec<u8>> {
    if is_utf8(client) || is_plain(text, client) {
        return None;
    }
    decoded(text, client).map(|text| text.into_owned().into_bytes())
}

/// Whether nobody here can say which characters some bytes of a statement stand for.
pub(super) fn is_garbled(text: &[u8], client: Charset) -> bool {
    !is_utf8(client) && !is_plain(text, client) && decoded(text, client).is_none()
}

/// For a client of `binary`, servers take names as they are: in UTF-8.
fn is_utf8(client: Charset) -> bool {
    matches!(client, Charset::Unknown | Charset::Binary | Charset::Named("utf8mb3" | "utf8mb4"))
}

/// Whether all bytes stand for what they do in ASCII; in `swe7` some letters have the places of brackets.
fn is_plain(text: &[u8], client: Charset) -> bool {
    text.is_ascii() && (client != Charset::Named("swe7") || !text.iter().any(|byte| b"@[\\]^`{|}~".contains(byte)))
}

/// A change of definitions whose names cannot all be read: in place of a table that it may name otherwise stands its
/// whole database, as a name without a table; no name at all where not even the database is known.
pub(super) fn with_doubts(ddl: Ddl, query: &Query<'_>) -> Ddl {
    if !query.dialect.garbled {
        return ddl;
    }
    let is_odd = |name: &[u8]| !is_plain(name, Charset::Named("swe7"));
    let is_lost = |name: &TableName| is_odd(&name.schema) && name.schema != query.schema;
    if ddl.tables.iter().any(is_lost) {
        return Ddl { tables: vec![], ..ddl };
    }
    let mut tables = vec![];
    for name in ddl.tables {
        let name = if is_odd(&name.table) { TableName { table: vec![], ..name } } else { name };
        // Old and new names of RENAME stand in turn: none is left out.
        if ddl.verb == DdlVerb::Rename || !tables.contains(&name) {
            tables.push(name);
        }
    }
    Ddl { tables, ..ddl }
}

/// Whether what such a statement leaves cannot be told: names are missing, or its text is the definition.
pub(super) fn is_doubtful(ddl: &Ddl, query: &Query<'_>) -> bool {
    let is_whole = |name: &TableName| name.table.is_empty() && ddl.verb != DdlVerb::DropDatabase;
    let moves_or_ends = matches!(ddl.verb, DdlVerb::Rename | DdlVerb::Drop | DdlVerb::DropDatabase);
    query.dialect.garbled && (!moves_or_ends || ddl.tables.is_empty() || ddl.tables.iter().any(is_whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::Dialect;

    #[test]
    fn statements_are_read_in_the_character_set_of_their_client_and_never_guessed() {
        let named = |name| Charset::Named(name);
        assert_eq!(in_utf8(b"TRUNCATE gr\xf6\xdfe", named("latin1")).unwrap(), "TRUNCATE größe".as_bytes());
        assert_eq!(in_utf8("TRUNCATE größe".as_bytes(), named("utf8mb4")), None);
        assert_eq!(in_utf8(b"TRUNCATE t", named("latin1")), None);
        assert_eq!(in_utf8(b"TRUNCATE \xc7\xd1", named("gbk")), None);
        assert!(is_garbled(b"TRUNCATE \xc7\xd1", named("gbk")));
        assert!(is_garbled(b"TRUNCATE \x83\\", named("sjis")));
        assert!(!is_garbled(b"TRUNCATE t /* x */", named("gbk")));
        assert!(!is_garbled(b"TRUNCATE \xff", Charset::Binary));
        assert!(is_garbled(b"TRUNCATE k{nd", named("swe7")));
        assert!(!is_garbled(b"TRUNCATE gr\xf6\xdfe", named("latin1")));
    }

    #[test]
    fn a_name_that_cannot_be_read_stands_for_every_table_of_its_database() {
        let query = |text: &'static [u8]| Query {
            server: 1,
            thread: 1,
            schema: "größe".as_bytes(),
            text,
            dialect: Dialect { garbled: true, ..Dialect::default() },
        };
        let name = |schema: &[u8], table: &[u8]| TableName { schema: schema.to_vec(), table: table.to_vec() };
        let ddl = |verb, tables| Ddl { verb, tables, opens: false, only_if_missing: false };
        let doubted = |verb, tables: Vec<TableName>| with_doubts(ddl(verb, tables), &query(b"")).tables;
        let here = "größe".as_bytes();
        assert_eq!(doubted(DdlVerb::Alter, vec![name(here, b"\xc7\xd1")]), [name(here, b"")]);
        assert_eq!(doubted(DdlVerb::Alter, vec![name(here, b"t")]), [name(here, b"t")]);
        assert_eq!(doubted(DdlVerb::Drop, vec![name(b"a", b"\xc7"), name(b"a", b"\xd1")]), [name(b"a", b"")]);
        assert_eq!(doubted(DdlVerb::Rename, vec![name(b"a", b"\xc7"), name(b"a", b"\xd1")]).len(), 2);
        assert!(doubted(DdlVerb::DropDatabase, vec![name(b"\xc7\xd1", b"")]).is_empty());
    }
}
