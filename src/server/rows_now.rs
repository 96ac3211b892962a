//! Rows as they are now: a session that the server itself keeps from writing, and questions that are SELECTs.
//!
//! What is asked is put together here from quoted names and [`Comparison`]s, which can be nothing else; no caller
//! hands over SQL. The session is in a READ ONLY transaction from its first question to its last one.

use std::fmt::Write;

use miette::Diagnostic;
use mysql_async::Row;
use thiserror::Error;

use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::script::{ColumnNowFacts, ForeignKey, Surroundings, TableNow, Trigger};
use crate::model::sink::ServerRef;
use crate::report::{Fault, Reportable};
use crate::server::connect::{self, Connection, bytes, name, number};
use crate::server::error::ServerError;
use crate::sql::compare::{Comparison, quoted};
use crate::sql::lexer::Dialect;
use crate::sql::literal::{Backslashes, unquote};
use crate::sql::token::{TokenKind, Tokens};

/// Questions in one statement.
pub const BATCH: usize = 200;
/// Bytes of one statement: far below every server's limit.
const LONGEST: usize = 1 << 20;
/// Bytes of a value that are brought, at most.
const SHOWN: usize = 512;

/// Why rows cannot be looked at.
#[derive(Debug, Error, Diagnostic)]
pub enum LookError {
    /// The server does not keep this session from writing.
    #[error("{server} does not make the session read-only")]
    #[diagnostic(
        code(look::not_read_only),
        help("nothing was asked; rows are only looked at in a session that cannot write")
    )]
    NotReadOnly {
        /// Which server.
        server: String,
    },
    /// A name that cannot be written.
    #[error("a name cannot be written in a question")]
    #[diagnostic(code(look::name), help("names have 1 to 64 characters of UTF-8 and no NUL"))]
    Name,
    /// The server cannot be asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Server(#[from] ServerError),
}

impl Reportable for LookError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotReadOnly { .. } => Fault::Refused,
            Self::Name => Fault::Usage,
            Self::Server(error) => error.fault(),
        }
    }
}

/// A session that can only look.
pub struct RowsNow {
    connection: Connection,
}

/// Asks of the rows that fit `find` what holds of them.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which row; all must hold. Never empty.
    pub find: Vec<Comparison>,
    /// What is asked of it.
    pub ask: Vec<Comparison>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Rows that fit: 0, 1, or 2 for several.
    pub rows: u8,
    /// What holds of the first of them, one for each thing asked.
    pub holds: Vec<bool>,
}

impl RowsNow {
    /// Logs in, and has the server forbid writes in this session, before anything else is asked.
    ///
    /// # Errors
    ///
    /// [`LookError::NotReadOnly`] when it does not; else as [`connect`](crate::server::connect()).
    pub async fn open(server: &ServerRef, password: Option<&[u8]>) -> Result<Self, LookError> {
        let mut connection = connect::connect(server, password).await?;
        connection.run("SET SESSION TRANSACTION READ ONLY").await?;
        connection.run("SET SESSION time_zone = '+00:00'").await?;
        // MySQL counts milliseconds, MariaDB seconds; each refuses the other's name.
        for limit in ["SET SESSION max_execution_time = 25000", "SET SESSION max_statement_time = 25"] {
            match connection.run(limit).await {
                Ok(()) | Err(ServerError::Query { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        connection.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
        let told = "SHOW SESSION VARIABLES WHERE Variable_name IN ('transaction_read_only', 'tx_read_only')";
        let told = connection.ask(told).await?;
        let is_on = |row: &Row| bytes(row, 1).is_some_and(|value| value.eq_ignore_ascii_case(b"ON") || value == b"1");
        if !told.iter().any(is_on) {
            return Err(LookError::NotReadOnly { server: connection.label().to_owned() });
        }
        Ok(Self { connection })
    }

    /// What errors call the server.
    pub fn label(&self) -> &str {
        self.connection.label()
    }

    /// Takes leave of the server.
    pub async fn close(self) {
        self.connection.close().await;
    }

    /// Asks about rows of one table; an answer for each question, in their order.
    ///
    /// # Errors
    ///
    /// [`LookError`]; with none of the values that were asked about.
    pub async fn rows(&mut self, table: &TableRef, questions: &[Question]) -> Result<Vec<Answer>, LookError> {
        let from = named(table)?;
        let mut answers = vec![Answer::default(); questions.len()];
        let (mut sql, mut asked) = (String::new(), 0);
        for (at, question) in questions.iter().enumerate() {
            let one = select(&from, at, question);
            if asked == BATCH || asked > 0 && sql.len() + one.len() > LONGEST {
                self.batch(&sql, &mut answers).await?;
                (sql, asked) = (String::new(), 0);
            }
            if asked > 0 {
                sql.push_str(" UNION ALL ");
            }
            sql.push_str(&one);
            asked += 1;
        }
        if asked > 0 {
            self.batch(&sql, &mut answers).await?;
        }
        Ok(answers)
    }

    async fn batch(&mut self, sql: &str, answers: &mut [Answer]) -> Result<(), LookError> {
        for row in self.connection.ask(sql).await? {
            let at = number(&row, 0).and_then(|at| usize::try_from(at).ok());
            let Some(answer) = at.and_then(|at| answers.get_mut(at)) else { continue };
            if answer.rows == 0 {
                answer.holds = bytes(&row, 1).unwrap_or_default().iter().map(|flag| *flag == b'1').collect();
            }
            answer.rows += 1;
        }
        Ok(())
    }

    /// Some columns of the row that fits, to be shown: text as UTF-8, bytes as hexadecimal, cut after some
    /// hundred bytes; `None` without such a row, and in it for NULL.
    ///
    /// # Errors
    ///
    /// [`LookError`].
    pub async fn values(
        &mut self,
        table: &TableNow,
        find: &[Comparison],
        columns: &[Foreign],
    ) -> Result<Option<Vec<Option<Foreign>>>, LookError> {
        let mut wanted = vec![];
        for column in columns {
            let name = quoted(column).ok_or(LookError::Name)?;
            let is_bytes = table.columns.iter().any(|facts| facts.name == *column && facts.is_bytes());
            wanted.push(match is_bytes {
                true => format!("CONCAT('x''',HEX(LEFT(CAST({name} AS BINARY),{SHOWN})),'''')"),
                false => format!("LEFT(CAST({name} AS CHAR CHARACTER SET utf8mb4),{SHOWN})"),
            });
        }
        let sql = format!("SELECT {} FROM {} WHERE {} LIMIT 1", wanted.join(","), named(&table.table)?, all_of(find));
        let rows = self.connection.ask(&sql).await?;
        let value = |row: &Row, at| bytes(row, at).map(Foreign::new);
        Ok(rows.first().map(|row| (0..columns.len()).map(|at| value(row, at)).collect()))
    }

    /// What stands around tables: their columns, triggers, foreign keys. Tables that are not there are left out.
    ///
    /// # Errors
    ///
    /// [`LookError`].
    pub async fn surroundings(&mut self, tables: &[TableRef]) -> Result<Surroundings, LookError> {
        let mut found = Surroundings::default();
        for table in tables {
            let Some(now) = self.table(table).await? else { continue };
            found.tables.push(now);
            found.triggers.extend(self.triggers(table).await?);
            for key in self.foreign_keys(table).await? {
                if !found.keys.contains(&key) {
                    found.keys.push(key);
                }
            }
        }
        Ok(found)
    }

    async fn table(&mut self, table: &TableRef) -> Result<Option<TableNow>, LookError> {
        let which = of("TABLE", table);
        let facts = "SELECT ENGINE, AUTO_INCREMENT FROM information_schema.TABLES WHERE";
        let facts = self.connection.ask(&format!("{facts} {which}")).await?;
        let Some(facts) = facts.first() else { return Ok(None) };
        let columns = "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT IS NOT NULL, EXTRA, CHARACTER_SET_NAME, \
            CHARACTER_OCTET_LENGTH \
            FROM information_schema.COLUMNS WHERE";
        let columns = self.connection.ask(&format!("{columns} {which} ORDER BY ORDINAL_POSITION")).await?;
        let columns: Vec<ColumnNowFacts> = columns.iter().map(column).collect();
        let keys = "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND";
        let order = "ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX";
        let parts = self.connection.ask(&format!("{keys} {which} {order}")).await?;
        let key = row_key(&parts, &columns);
        Ok(Some(TableNow {
            table: table.clone(),
            engine: lower(facts, 0),
            columns,
            key,
            auto_increment: number(facts, 1),
        }))
    }

    async fn triggers(&mut self, table: &TableRef) -> Result<Vec<Trigger>, LookError> {
        let which = of("EVENT_OBJECT", table);
        let sql = "SELECT TRIGGER_NAME, EVENT_MANIPULATION, ACTION_TIMING FROM information_schema.TRIGGERS WHERE";
        let rows = self.connection.ask(&format!("{sql} {which} ORDER BY ACTION_TIMING, ACTION_ORDER")).await?;
        let mut triggers = vec![];
        for row in rows {
            let called = name(&row, 0);
            let schema = quoted(&table.schema).ok_or(LookError::Name)?;
            let full = format!("{schema}.{}", quoted(&called).ok_or(LookError::Name)?);
            let made = match self.connection.ask(&format!("SHOW CREATE TRIGGER {full}")).await {
                Ok(rows) => rows,
                Err(ServerError::Query { .. }) => vec![], // the account may not see it
                Err(error) => return Err(error.into()),
            };
            triggers.push(Trigger {
                table: table.clone(),
                name: called,
                event: lower(&row, 1),
                timing: lower(&row, 2),
                create: made.first().and_then(|made| bytes(made, 2)).map(Foreign::new),
                sql_mode: made.first().map(|made| name(made, 1)).unwrap_or_default(),
            });
        }
        Ok(triggers)
    }

    async fn foreign_keys(&mut self, table: &TableRef) -> Result<Vec<ForeignKey>, LookError> {
        let (own, referred) = (of("k.TABLE", table), of("k.REFERENCED_TABLE", table));
        let sql = format!(
            "SELECT k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
             k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
             ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             AND r.TABLE_NAME = k.TABLE_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND ({own} OR {referred}) \
             ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
        );
        let mut keys: Vec<ForeignKey> = vec![];
        for row in self.connection.ask(&sql).await? {
            let child = TableRef { schema: name(&row, 1), table: name(&row, 2) };
            match keys.last_mut().filter(|key| key.name == name(&row, 0) && key.child == child) {
                Some(key) => {
                    key.columns.push(name(&row, 3));
                    key.refers_to.push(name(&row, 6));
                }
                None => keys.push(ForeignKey {
                    name: name(&row, 0),
                    child,
                    columns: vec![name(&row, 3)],
                    parent: TableRef { schema: name(&row, 4), table: name(&row, 5) },
                    refers_to: vec![name(&row, 6)],
                    on_delete: name(&row, 7).to_string(),
                    on_update: name(&row, 8).to_string(),
                }),
            }
        }
        Ok(keys)
    }
}

fn select(from: &str, at: usize, question: &Question) -> String {
    let mut flags = String::from("''");
    for (n, ask) in question.ask.iter().enumerate() {
        if n == 0 {
            flags.clear();
            flags.push_str("CONCAT(");
        } else {
            flags.push(',');
        }
        let _ = write!(flags, "IF({},'1','0')", ask.sql());
    }
    if !question.ask.is_empty() {
        flags.push(')');
    }
    format!("(SELECT {at},{flags} FROM {from} WHERE {} LIMIT 2)", all_of(&question.find))
}

/// All of them; of none, no row at all: a question without a condition is none.
fn all_of(find: &[Comparison]) -> String {
    let all: Vec<&str> = find.iter().map(Comparison::sql).collect();
    if all.is_empty() { "FALSE".to_owned() } else { all.join(" AND ") }
}

fn named(table: &TableRef) -> Result<String, LookError> {
    let both = quoted(&table.schema).zip(quoted(&table.table));
    both.map(|(schema, table)| format!("{schema}.{table}")).ok_or(LookError::Name)
}

/// `PREFIX_SCHEMA = .. AND PREFIX_NAME = ..`, for tables that describe others.
fn of(prefix: &str, table: &TableRef) -> String {
    let hex = |text: &Foreign| format!("_utf8mb4 X'{}'", data_encoding::HEXUPPER.encode(text.raw_bytes()));
    // The columns are called TABLE_SCHEMA and TABLE_NAME, but EVENT_OBJECT_TABLE.
    let last = if prefix == "EVENT_OBJECT" { "TABLE" } else { "NAME" };
    format!("({prefix}_SCHEMA = {} AND {prefix}_{last} = {})", hex(&table.schema), hex(&table.table))
}

fn lower(row: &Row, at: usize) -> String {
    name(row, at).to_string().to_ascii_lowercase()
}

fn column(row: &Row) -> ColumnNowFacts {
    let extra = lower(row, 5);
    let is = |word: &str| extra.contains(word);
    ColumnNowFacts {
        name: name(row, 0),
        kind: lower(row, 1),
        full: lower(row, 2),
        charset: bytes(row, 6).map(|charset| Foreign::new(charset).to_string()),
        bytes: number(row, 7),
        labels: if matches!(lower(row, 1).as_str(), "enum" | "set") { labels(row) } else { vec![] },
        nullable: lower(row, 3) == "yes",
        has_default: number(row, 4) == Some(1) || lower(row, 3) == "yes" || is("auto_increment"),
        // `DEFAULT_GENERATED` is a default that is computed, and no column that is.
        generated: is("virtual generated") || is("stored generated") || is("persistent"),
    }
}

/// The labels in the whole type, as the server writes them there.
fn labels(row: &Row) -> Vec<Foreign> {
    let full = bytes(row, 2).unwrap_or_default();
    let tokens = Tokens::code(&full, Dialect::default());
    let texts = tokens.iter().filter(|token| token.kind == TokenKind::Text);
    texts.map(|token| Foreign::new(unquote(token.text, Backslashes::Escape))).collect()
}

/// The primary key's columns, else those of the first unique key without NULLs.
fn row_key(parts: &[Row], columns: &[ColumnNowFacts]) -> Vec<Foreign> {
    let mut keys: Vec<(Foreign, Vec<Foreign>)> = vec![];
    for part in parts {
        let (key, column) = (name(part, 0), name(part, 1));
        match keys.last_mut().filter(|(last, _)| *last == key) {
            Some((_, columns)) => columns.push(column),
            None => keys.push((key, vec![column])),
        }
    }
    let is_full = |name: &Foreign| columns.iter().any(|column| column.name == *name && !column.nullable);
    let full = keys.into_iter().find(|(_, columns)| columns.iter().all(is_full));
    full.map(|(_, columns)| columns).unwrap_or_default()
}
