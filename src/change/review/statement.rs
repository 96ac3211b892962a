//! INSERT, UPDATE and DELETE, as far as they compare columns with values.

mod condition;
mod document;

use crate::change::review::literal::{self, Literal};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;
use crate::sql::compare::View;
use crate::sql::ident;
use crate::sql::lexer::Dialect;
use crate::sql::token::Token;

/// The most tuples of one INSERT that are kept; all are counted.
const TUPLES: usize = 500;

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    /// Its database, where the statement says one or `USE` did before.
    pub schema: Option<Foreign>,
    /// Its name.
    pub name: Foreign,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `=`.
    Equals,
    /// `<=>`, or `IS NULL`.
    Same,
    /// `<=>`, of the column in one of the ways that show its bytes.
    Seen(View),
}

/// A column compared with a value, or set to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The column.
    pub column: Foreign,
    /// How it is compared; of no meaning where it is set.
    pub how: How,
    /// With what.
    pub value: Literal,
}

/// A statement that changes rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowStatement {
    /// What it does to rows.
    pub kind: ChangeKind,
    /// Which table.
    pub table: Named,
    /// Rows of an INSERT; else 1.
    pub rows: u64,
    /// What a row must be.
    pub only: Vec<Pair>,
    /// Columns and what an UPDATE sets them to.
    pub set: Vec<Pair>,
    /// Columns of an INSERT, as far as it names them.
    pub columns: Vec<Foreign>,
    /// Rows of an INSERT with literals only: the first 500.
    pub tuples: Vec<Vec<Literal>>,
    /// What else is true of it.
    pub traits: Traits,
}

/// What else is true of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// There is a WHERE.
    pub has_where: bool,
    /// It carries the condition that a silently reconnected session fails.
    pub is_guarded: bool,
    /// Some of it is no comparison with a value, and no value that is set.
    pub computes: bool,
    /// OR, IN, LIKE, a comparison by order: more rows than one may fit.
    pub is_loose: bool,
    /// REPLACE, IGNORE, ON DUPLICATE KEY.
    pub upserts: bool,
    /// `LIMIT` and its number.
    pub limit: Option<u64>,
}

/// Reads a statement that begins with INSERT, REPLACE, UPDATE or DELETE; `None` when it names no table.
pub(super) fn read(tokens: &[Token<'_>], dialect: Dialect, schema: Option<&Foreign>) -> Option<RowStatement> {
    let mut cursor = Cursor { tokens, at: 1, dialect, traits: Traits::default() };
    let first = tokens.first()?;
    let kind = match () {
        () if first.is("UPDATE") => ChangeKind::Update,
        () if first.is("DELETE") => ChangeKind::Delete,
        () if first.is_any(&["INSERT", "REPLACE"]) => ChangeKind::Insert,
        () => return None,
    };
    cursor.traits.upserts = first.is("REPLACE");
    while let Some(word) = cursor.peek().filter(|token| token.is_any(&MODIFIERS)) {
        cursor.traits.upserts |= word.is("IGNORE");
        cursor.at += 1;
    }
    let table = cursor.table(schema)?;
    let mut statement = RowStatement {
        kind,
        table,
        rows: 1,
        only: vec![],
        set: vec![],
        columns: vec![],
        tuples: vec![],
        traits: Traits::default(),
    };
    match kind {
        ChangeKind::Insert => cursor.insert(&mut statement),
        ChangeKind::Update => {
            cursor.set(&mut statement);
            cursor.condition(&mut statement);
        }
        ChangeKind::Delete => cursor.condition(&mut statement),
    }
    statement.traits = cursor.traits;
    Some(statement)
}

const MODIFIERS: [&str; 7] = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "QUICK", "INTO", "FROM"];

struct Cursor<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    dialect: Dialect,
    traits: Traits,
}

impl<'t, 'a> Cursor<'t, 'a> {
    fn rest(&self) -> &'t [Token<'a>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    fn eat_sign(&mut self, sign: u8) -> bool {
        let is = self.peek().is_some_and(|token| token.is_sign(sign));
        self.at += usize::from(is);
        is
    }

    fn eat(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Option<Foreign> {
        let token = self.peek().filter(|token| token.is_name())?;
        self.at += 1;
        Some(Foreign::new(ident::unquote(token.text)))
    }

    fn table(&mut self, schema: Option<&Foreign>) -> Option<Named> {
        let first = self.name()?;
        if !self.eat_sign(b'.') {
            return Some(Named { schema: schema.cloned(), name: first });
        }
        Some(Named { schema: Some(first), name: self.name()? })
    }

    fn literal(&mut self) -> Option<Literal> {
        if self.peek().is_some_and(|token| token.is_any(&["CAST", "JSON_REPLACE"])) {
            return self.document();
        }
        self.plain()
    }

    fn plain(&mut self) -> Option<Literal> {
        let (literal, taken) = literal::read(self.rest(), self.dialect)?;
        self.at += taken;
        Some(literal)
    }

    fn set(&mut self, statement: &mut RowStatement) {
        if !self.eat("SET") {
            self.traits.computes = true;
            return;
        }
        loop {
            let column = self.column();
            let is_set = self.eat_sign(b'=');
            match (column, is_set.then(|| self.literal()).flatten()) {
                (Some(column), Some(value)) => statement.set.push(Pair { column, how: How::Equals, value }),
                _ => {
                    self.traits.computes = true;
                    self.skip_to(&["WHERE", "LIMIT", "ORDER"]);
                    return;
                }
            }
            if !self.eat_sign(b',') {
                return;
            }
        }
    }

    /// A column, without the tables in front of it.
    fn column(&mut self) -> Option<Foreign> {
        let mut name = self.name()?;
        while self.eat_sign(b'.') {
            name = self.name()?;
        }
        Some(name)
    }

    fn skip_to(&mut self, words: &[&str]) {
        let found = self.rest().iter().position(|token| token.is_any(words));
        self.at = found.map_or(self.tokens.len(), |ahead| self.at + ahead);
    }

    fn insert(&mut self, statement: &mut RowStatement) {
        statement.rows = 0;
        if self.eat_sign(b'(') {
            while let Some(column) = self.column() {
                statement.columns.push(column);
                if !self.eat_sign(b',') {
                    break;
                }
            }
            self.eat_sign(b')');
        }
        if self.peek().is_some_and(|token| token.is("SET")) {
            self.set(statement);
            let set = std::mem::take(&mut statement.set);
            statement.columns = set.iter().map(|pair| pair.column.clone()).collect();
            statement.tuples = vec![set.into_iter().map(|pair| pair.value).collect()];
            statement.rows = 1;
        } else if self.eat("VALUES") || self.eat("VALUE") {
            self.tuples(statement);
        } else {
            self.selects(statement);
        }
        let behind = self.rest();
        self.traits.upserts |= behind.windows(2).any(|pair| pair[0].is("ON") && pair[1].is("DUPLICATE"));
        self.traits.computes |= !behind.is_empty() && !self.traits.upserts;
    }

    fn tuples(&mut self, statement: &mut RowStatement) {
        while self.eat_sign(b'(') {
            statement.rows += 1;
            let mut tuple = vec![];
            while let Some(value) = self.literal() {
                tuple.push(value);
                if !self.eat_sign(b',') {
                    break;
                }
            }
            if !self.eat_sign(b')') {
                return;
            }
            if statement.tuples.len() < TUPLES {
                statement.tuples.push(tuple);
            }
            if !self.eat_sign(b',') {
                return;
            }
        }
    }

    /// `SELECT literals FROM DUAL WHERE guard UNION ALL ..`: as breakglass writes rows.
    fn selects(&mut self, statement: &mut RowStatement) {
        while self.eat("SELECT") {
            let mut tuple = vec![];
            while let Some(value) = self.literal() {
                tuple.push(value);
                if !self.eat_sign(b',') {
                    break;
                }
            }
            let is_dual = self.eat("FROM") && self.eat("DUAL");
            if !is_dual || !self.eat("WHERE") || !self.guard() {
                self.traits.computes = true;
                return;
            }
            statement.rows += 1;
            if statement.tuples.len() < TUPLES {
                statement.tuples.push(tuple);
            }
            if !(self.eat("UNION") && self.eat("ALL")) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::token::Tokens;

    fn one(text: &str) -> RowStatement {
        read(&Tokens::code(text.as_bytes(), Dialect::default()), Dialect::default(), None).unwrap()
    }

    #[test]
    fn statements_of_all_makers_are_read() {
        let update = one("UPDATE `shop`.`t` SET `a`=1, `b`='x' WHERE `id`=5 AND `c` IS NULL LIMIT 1");
        assert_eq!((update.kind, update.table.to_string().as_str()), (ChangeKind::Update, "shop.t"));
        assert_eq!((update.set.len(), update.only.len(), update.traits.limit), (2, 2, Some(1)));
        assert!(!update.traits.computes && update.traits.has_where);

        let ours = one(
            "UPDATE `d`.`t` SET `s`=_utf8mb4'a' WHERE @bg=CONNECTION_ID() AND `k`=_latin1'x' AND CAST(`k` AS BINARY) <=> X'78' \
             AND CAST(CAST(`j` AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> X'7B7D' AND `y`+0 <=> 1999 AND HEX(`g`) <=> '00'",
        );
        assert!(ours.traits.is_guarded && !ours.traits.computes, "{ours:?}");
        let hows: Vec<How> = ours.only.iter().map(|pair| pair.how).collect();
        let seen = [View::Bytes, View::TextBytes, View::Number, View::Hex].map(How::Seen);
        assert_eq!(hows, [&[How::Equals][..], &seen].concat());

        let column = "(SELECT v FROM JSON_TABLE('[\"1.50\"]','$[0]' COLUMNS(v DECIMAL(10,2) PATH '$' ERROR ON EMPTY \
            ERROR ON ERROR)) d)";
        for (document, printed) in [
            ("CAST(_utf8mb4'{}' AS JSON)".to_owned(), "{}"),
            ("CAST(CAST(5 AS UNSIGNED) AS JSON)".to_owned(), "5"),
            ("CAST(CAST('2020-01-02' AS DATE) AS JSON)".to_owned(), "\"2020-01-02\""),
            (format!("CAST({column} AS JSON)"), "1.50"),
            (
                format!(
                    "JSON_REPLACE(CAST(_utf8mb4'[5, 1.50]' AS JSON),_utf8mb4'$[0]',CAST(5 AS UNSIGNED),_utf8mb4'$[1]',\
                     {column})"
                ),
                "[5, 1.50]",
            ),
        ] {
            let read = one(&format!("UPDATE `d`.`t` SET `j`={document},`n`=1 WHERE @bg=CONNECTION_ID() AND `k`=1"));
            assert!(!read.traits.computes && read.set.len() == 2, "{document}: {read:?}");
            assert_eq!(read.set[0].value.text(), Some(printed.as_bytes()), "{document}");
        }

        let rows = one("INSERT INTO t (a,b) VALUES (1,'x'),(2,NULL)");
        assert_eq!((rows.rows, rows.tuples.len(), rows.columns.len()), (2, 2, 2));
        assert!(!rows.traits.computes);
        let select = one(
            "INSERT INTO `d`.`t` (`a`) SELECT 1 FROM DUAL WHERE @bg=CONNECTION_ID() UNION ALL SELECT 2 FROM DUAL WHERE @bg=CONNECTION_ID()",
        );
        assert_eq!((select.rows, select.traits.is_guarded, select.traits.computes), (2, true, false));
        assert!(one("REPLACE INTO t VALUES (1)").traits.upserts);
        assert!(one("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a=2").traits.upserts);
    }

    #[test]
    fn what_is_no_comparison_is_not_taken_for_one() {
        for (text, loose) in [
            ("DELETE FROM t WHERE id=1 OR 1=1", true),
            ("DELETE FROM t WHERE id>1", true),
            ("DELETE FROM t WHERE id=1+a", false),
            ("DELETE FROM t WHERE id=(SELECT 1)", false),
            ("DELETE FROM t WHERE f(id)=1", false),
            ("UPDATE t SET a=JSON_REPLACE(CAST('[]' AS JSON),'$[0]',SLEEP(9)) WHERE id=1", false),
            ("UPDATE t SET a=JSON_REPLACE(b,'$[0]',1) WHERE id=1", false),
            ("UPDATE t SET a=CAST(SLEEP(9) AS JSON) WHERE id=1", false),
            ("UPDATE t SET a=a+1 WHERE id=1", false),
            ("DELETE FROM t WHERE id=1 AND b IN (1,2)", true),
            ("DELETE FROM t WHERE (id=1) || b", true),
        ] {
            let statement = one(text);
            assert!(statement.traits.computes, "{text}");
            assert_eq!(statement.traits.is_loose, loose, "{text}");
        }
        assert!(!one("DELETE FROM t").traits.has_where);
        assert_eq!(one("DELETE FROM t WHERE (id=1) AND (a=2)").only.len(), 2);
    }
}
