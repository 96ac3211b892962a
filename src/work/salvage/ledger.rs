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

#[cfg(test)]
mod tests {
    use crate::sql::lexer::{LexError, Limits, Splitter, StatementSink};

    use super::*;

    struct Feeds(Ledger);

    impl StatementSink for Feeds {
        fn part(&mut self, _bytes: &[u8]) {}

        fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
            self.0.see(end);
            Ok(())
        }
    }

    fn states(dump: &str, close: Close) -> Vec<(String, u64, TableState)> {
        let (mut splitter, mut feeds) = (Splitter::new(Limits::default()), Feeds(Ledger::default()));
        splitter.feed(dump.as_bytes(), &mut feeds).unwrap();
        splitter.finish(&mut feeds).unwrap();
        let name = |table: &SalvagedTable| match &table.database {
            Some(database) => format!("{database}.{}", table.table),
            None => table.table.to_string(),
        };
        feeds.0.finish(close).iter().map(|table| (name(table), table.rows, table.state)).collect()
    }

    const DUMP: &str = "-- Host: db    Database: shop\n\nDROP TABLE IF EXISTS `a`;\nCREATE TABLE `a` (x int);\n\
        INSERT INTO `a` VALUES (1),(2);\nINSERT INTO `a` VALUES (3);\nUNLOCK TABLES;\n";

    #[test]
    fn rows_are_all_there_only_when_what_the_dump_holds_next_follows_them() {
        let a = |state| vec![("shop.a".to_owned(), 3, state)];
        assert_eq!(states(DUMP, Close::Cut), a(TableState::Cut), "UNLOCK TABLES alone is no proof");
        assert_eq!(states(DUMP, Close::Proper), a(TableState::Complete));
        for next in ["CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW SET @x = 1;", "USE `other`;", "DROP VIEW v;"] {
            assert_eq!(states(&format!("{DUMP}{next}"), Close::Cut), a(TableState::Complete), "{next}");
        }
    }

    #[test]
    fn a_table_that_is_only_named_is_absent_and_another_s_rows_end_nothing() {
        let named = states(&format!("{DUMP}DROP TABLE IF EXISTS `b`;\nCREATE TABLE `b` (x in"), Close::Cut);
        assert_eq!(named[1], ("shop.b".to_owned(), 0, TableState::Absent));
        assert_eq!(named[0].2, TableState::Complete);
        // Without structure nothing says where one table's rows end.
        let bare = states("INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nINSERT INTO b VA", Close::Cut);
        assert!(bare.iter().all(|(_, rows, state)| (*rows, *state) == (1, TableState::Cut)), "{bare:?}");
    }

    #[test]
    fn a_table_that_held_a_view_s_place_is_none_and_databases_are_told_apart() {
        let dump = "USE `one`;\nCREATE TABLE `v` (x int);\nCREATE TABLE `t` (x int);\nINSERT INTO `t` VALUES (1);\n\
            DROP TABLE IF EXISTS `v`;\nCREATE VIEW `v` AS SELECT 1 AS x;\nUSE `two`;\nCREATE TABLE `t` (x int);\n\
            INSERT INTO `t` VALUES (1),(2);\n";
        let found = states(dump, Close::Cut);
        let wanted = [("one.t", 1, TableState::Complete), ("two.t", 2, TableState::Cut)];
        assert_eq!(found, wanted.map(|(name, rows, state)| (name.to_owned(), rows, state)));
    }
}
