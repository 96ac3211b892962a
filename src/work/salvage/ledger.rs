//! Which tables of a broken dump are there, and how much of each is known to be.

use std::collections::HashMap;

use crate::format::statements;
use crate::format::statements::{Kind, Statement};
use crate::model::foreign::Foreign;
use crate::model::salvage::{SalvagedTable, TableState};
use crate::sql::lexer::{PieceKind, StatementEnd};

/// Tables that are remembered at most.
const TABLES: usize = 20_000;

type Name = (Option<Foreign>, Foreign);

/// Tables in the order of the dump.
#[derive(Default)]
pub struct Ledger {
    tables: Vec<SalvagedTable>,
    index: HashMap<Name, usize>,
    /// The database that unqualified names are in.
    database: Option<Foreign>,
    /// The table whose rows, if any, come now.
    open: Option<usize>,
    /// Whether the last thing so far is the dump's own end mark.
    footer: bool,
    rows: u64,
}

/// Whether anything tells that no more follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The dump ends where it should.
    Proper,
    /// It is cut, or may be.
    Cut,
}

impl Ledger {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether the last thing so far is the dump's own end mark.
    pub fn saw_footer(&self) -> bool {
        self.footer
    }

    /// Takes a piece that ended.
    pub fn see(&mut self, end: &StatementEnd<'_>) {
        match end.kind {
            PieceKind::Statement => {
                self.footer = false;
                let rows = end.insert.map_or(0, |insert| insert.rows);
                self.rows += rows;
                if let Some(statement) = statements::read(end) {
                    self.statement(&statement, rows);
                }
            }
            PieceKind::Trivia => {
                let mark = |line: &[u8]| line.starts_with(b"-- Dump completed");
                self.footer |= end.head.split(|byte| *byte == b'\n').any(mark);
                if let Some(database) = header_database(end.head).filter(|_| self.database.is_none()) {
                    self.database = Some(database);
                }
            }
            PieceKind::Delimiter | PieceKind::Sandbox => {}
        }
    }

    fn statement(&mut self, statement: &Statement, rows: u64) {
        let name = statement.name.as_ref().map(|name| {
            let database = name.database.clone().or_else(|| self.database.clone());
            (database, name.name.clone())
        });
        match (statement.kind, name) {
            (Kind::Insert, Some(name)) => {
                let at = self.entry(name, TableState::Cut);
                if let Some(at) = at {
                    self.tables[at].rows += rows;
                }
                self.open = at;
            }
            (Kind::DropTable, Some(name)) => {
                self.close();
                self.entry(name, TableState::Absent);
            }
            (Kind::CreateTable, Some(name)) => {
                self.close();
                self.open = self.entry(name, TableState::Cut);
            }
            (Kind::CreateView, Some(name)) => {
                self.close();
                self.forget(&name);
            }
            (Kind::Use | Kind::CreateDatabase, Some((_, database))) => {
                self.close();
                self.database = Some(database);
            }
            (
                Kind::DropView
                | Kind::DropOther
                | Kind::DropDatabase
                | Kind::CreateTrigger
                | Kind::CreateRoutine
                | Kind::CreateEvent
                | Kind::Sequence,
                _,
            ) => self.close(),
            _ => {}
        }
    }

    /// What the dump holds next has begun: the rows before it are all there.
    fn close(&mut self) {
        if let Some(at) = self.open.take() {
            self.tables[at].state = TableState::Complete;
        }
    }

    /// The table of that name, in that state from now on.
    fn entry(&mut self, name: Name, state: TableState) -> Option<usize> {
        if let Some(at) = self.index.get(&name) {
            self.tables[*at].state = state;
            return Some(*at);
        }
        if self.tables.len() >= TABLES {
            return None;
        }
        let at = self.tables.len();
        let (database, table) = name.clone();
        self.tables.push(SalvagedTable { database, table, rows: 0, state });
        self.index.insert(name, at);
        Some(at)
    }

    /// A table that only held a view's place.
    fn forget(&mut self, name: &Name) {
        let Some(at) = self.index.remove(name) else { return };
        self.tables.remove(at);
        for other in self.index.values_mut().filter(|other| **other > at) {
            *other -= 1;
        }
    }

    /// All tables, when no more comes.
    pub fn finish(mut self, close: Close) -> Vec<SalvagedTable> {
        if close == Close::Proper {
            self.close();
        }
        self.tables
    }
}

/// The database of `-- Host: h    Database: d`.
fn header_database(text: &[u8]) -> Option<Foreign> {
    let line = text.split(|byte| *byte == b'\n').take(40).find(|line| line.starts_with(b"-- Host: "))?;
    let at = memchr::memmem::find(line, b"Database: ")?;
    let name = line[at + 10..].trim_ascii();
    (!name.is_empty()).then(|| Foreign::new(name))
}
