//! What a statement is, and in which ways it reaches beyond the database it is restored into.
//!
//! Known is what dump programs write; everything else is a risk. The bodies of conditional comments count as
//! code, and so do the bodies of views, routines, triggers and events.

mod body;
mod names;
mod readings;
mod risk;
mod settings;
mod shape;

pub use risk::{Risk, RiskKind, Within};
pub use shape::{Account, Name};

use crate::model::foreign::Foreign;
use crate::sql::ident;
use crate::sql::lexer::{Dialect, PieceKind, StatementEnd, Values};
use crate::sql::token::{Runs, Token, TokenKind, Tokens};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// INSERT or REPLACE.
    Insert,
    /// CREATE TABLE.
    CreateTable,
    /// DROP TABLE.
    DropTable,
    /// ALTER TABLE, `DISABLE KEYS` and `ENABLE KEYS` included; CREATE and DROP INDEX; TRUNCATE; ANALYZE.
    AlterTable,
    /// CREATE VIEW.
    CreateView,
    /// DROP VIEW.
    DropView,
    /// CREATE TRIGGER.
    CreateTrigger,
    /// CREATE PROCEDURE, FUNCTION, PACKAGE.
    CreateRoutine,
    /// CREATE EVENT.
    CreateEvent,
    /// CREATE SEQUENCE, and setting its value.
    Sequence,
    /// DROP TRIGGER, PROCEDURE, FUNCTION, PACKAGE, EVENT, SEQUENCE.
    DropOther,
    /// LOCK TABLES.
    Lock,
    /// UNLOCK TABLES.
    Unlock,
    /// SET.
    Set,
    /// ALTER DATABASE, as it stands around routines.
    AlterDatabase,
    /// START TRANSACTION, COMMIT.
    Transaction,
    /// USE.
    Use,
    /// CREATE DATABASE.
    CreateDatabase,
    /// DROP DATABASE.
    DropDatabase,
    /// A conditional comment with nothing in it.
    Nothing,
    /// Anything else; always with a risk.
    Other,
}

/// A statement, understood as far as its effects go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub kind: Kind,
    /// The table, view, routine, database it is about.
    pub name: Option<Name>,
    /// Who a view, routine, trigger or event runs as.
    pub definer: Option<Account>,
    /// How it reaches beyond its sink; empty for most.
    pub risks: Vec<Risk>,
}

/// Reads a statement that ended; `None` for pieces that are no statements.
pub fn read(end: &StatementEnd<'_>) -> Option<Statement> {
    if end.kind != PieceKind::Statement {
        return None;
    }
    if let Some(insert) = end.insert {
        let mut statement = insert_of(end.head, end.dialect);
        // What stands before the values must have been looked at as a whole.
        if insert.values_at.is_some_and(|at| at - end.start > end.head.len() as u64) {
            statement.risk(RiskKind::TooLong, Within::Statement, b"");
        }
        if let Values::Expressions(_) = insert.values {
            statement.risk(RiskKind::Expression, Within::Statement, b"");
        }
        return Some(statement);
    }
    let tokens = Tokens::code(end.head, end.dialect);
    let mut statement = of_tokens(&tokens);
    // A comment that only some servers run may hide the verb from us, or a verb of ours from them.
    match readings::of(end.head, end.dialect) {
        Some(readings) => {
            for read in readings.iter().map(|tokens| of_tokens(tokens)) {
                // Some server would do another thing altogether, or do it as somebody else.
                if read.kind != Kind::Nothing && (read.kind, &read.definer) != (statement.kind, &statement.definer) {
                    statement.risk(RiskKind::Unknown, Within::Statement, b"/*!");
                }
                for risk in read.risks {
                    statement.risk(risk.kind, risk.within, risk.name.raw_bytes());
                }
            }
        }
        None => statement.risk(RiskKind::Unknown, Within::Statement, b"/*!"),
    }
    if !end.is_whole() {
        statement.risk(RiskKind::TooLong, Within::Statement, b"");
    }
    if tokens.iter().any(|token| token.kind == TokenKind::Unclosed) && end.is_whole() {
        statement.risk(RiskKind::Unknown, Within::Statement, b"");
    }
    Some(statement)
}

/// The statement with every name in the database that `from` knows moved into the database `to`; `None` when it
/// has none.
///
/// Of an INSERT only what stands before its values is looked at: they are literals and name nothing.
pub fn moved(
    (text, kind): (&[u8], Kind),
    dialect: Dialect,
    from: impl Fn(&[u8]) -> bool,
    to: &[u8],
) -> Option<Vec<u8>> {
    let tokens = match kind {
        Kind::Insert => Tokens::new(text, dialect).take_while(|token| !token.is_any(&["VALUES", "VALUE"])).collect(),
        _ => Tokens::code(text, dialect),
    };
    let mut new = vec![];
    let mut done = 0;
    for at in names::mentions(&tokens) {
        let token = &tokens[at];
        if from(&ident::unquote(token.text)) {
            new.extend_from_slice(&text[done..token.start]);
            new.extend_from_slice(&ident::quote(to));
            done = token.end();
        }
    }
    new.extend_from_slice(&text[done..]);
    (done > 0).then_some(new)
}

/// Whether a statement names anything in the database that `from` knows.
///
/// As any server reads it: where there are too many readings to follow, it may.
pub fn mentions(text: &[u8], dialect: Dialect, from: impl Fn(&[u8]) -> bool) -> bool {
    let names = |tokens: &[Token<'_>]| names::databases(tokens).iter().any(|name| from(name));
    let read = readings::of(text, dialect);
    names(&Tokens::code(text, dialect)) || read.is_none_or(|readings| readings.iter().any(|tokens| names(tokens)))
}

/// Reads an INSERT up to its values.
fn insert_of(head: &[u8], dialect: Dialect) -> Statement {
    let before_values =
        || Tokens::new(head, dialect).take_while(|token| !token.is_any(&["VALUES", "VALUE", "SELECT", "SET"]));
    let marks = |token: &Token<'_>| matches!(token.kind, TokenKind::Conditional(_) | TokenKind::Close);
    let somewhere = |token: Token<'_>| match token.kind {
        TokenKind::Conditional(condition) => condition.runs == Runs::Somewhere,
        _ => false,
    };
    let tokens: Vec<Token<'_>> = before_values().filter(|token| !marks(token)).collect();
    let at = tokens.iter().skip(1).position(|token| !token.is_any(&shape::INSERT_WORDS)).map_or(1, |at| at + 1);
    let name = shape::name_at(&tokens, at);
    let mut statement = Statement { kind: Kind::Insert, name, definer: None, risks: vec![] };
    if before_values().any(somewhere) {
        // No dump program writes it, and servers would not agree on the table.
        statement.risk(RiskKind::Unknown, Within::Statement, b"/*!");
    }
    statement.qualified(&tokens);
    statement
}

fn of_tokens(tokens: &[Token<'_>]) -> Statement {
    let shape = shape::of(tokens);
    let mut statement = Statement { kind: shape.kind, name: shape.name, definer: shape.definer, risks: vec![] };
    for (kind, name) in shape.risks {
        statement.risk(kind, Within::Statement, &name);
    }
    let bodied = matches!(statement.kind, Kind::CreateTrigger | Kind::CreateRoutine | Kind::CreateEvent);
    if !bodied && tokens.iter().any(|token| token.is_sign(b';')) {
        // Under another delimiter the server would run what stands behind it as a statement of its own.
        statement.risk(RiskKind::Unknown, Within::Statement, b";");
    }
    let within = match statement.kind {
        Kind::CreateView | Kind::CreateTrigger | Kind::CreateRoutine | Kind::CreateEvent => Within::Body,
        Kind::Set => {
            for (kind, name) in settings::risks(tokens.get(1..).unwrap_or_default()) {
                statement.risk(kind, Within::Statement, &name);
            }
            return statement;
        }
        Kind::Use | Kind::CreateDatabase | Kind::DropDatabase | Kind::AlterDatabase | Kind::Nothing => {
            return statement;
        }
        _ => Within::Statement,
    };
    statement.qualified(tokens);
    for (kind, name) in body::risks(tokens, within) {
        statement.risk(kind, within, &name);
    }
    statement
}

impl Statement {
    fn risk(&mut self, kind: RiskKind, within: Within, name: &[u8]) {
        const LONGEST_NAME: usize = 256;
        let name = Foreign::new(&name[..name.len().min(LONGEST_NAME)]);
        let risk = Risk { kind, within, name };
        if !self.risks.contains(&risk) && self.risks.len() < 256 {
            self.risks.push(risk);
        }
    }

    fn qualified(&mut self, tokens: &[Token<'_>]) {
        let own = self.name.as_ref().and_then(|name| name.database.clone());
        for database in names::databases(tokens) {
            let now = own.as_ref().is_some_and(|own| own.raw_bytes() == database);
            let body =
                matches!(self.kind, Kind::CreateView | Kind::CreateTrigger | Kind::CreateRoutine | Kind::CreateEvent);
            let within = if body && !now { Within::Body } else { Within::Statement };
            self.risk(RiskKind::Qualified, within, &database);
        }
    }
}

#[cfg(test)]
mod tests;
