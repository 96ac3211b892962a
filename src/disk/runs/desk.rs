//! A transaction with its statements: each is prepared once, however many runs are written.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{OptionalExtension, Params, Row, Statement, Transaction};

/// A transaction and the statements that it has used so far.
pub(super) struct Desk<'c> {
    transaction: &'c Transaction<'c>,
    statements: RefCell<HashMap<&'static str, Statement<'c>>>,
}

impl<'c> Desk<'c> {
    pub fn new(transaction: &'c Transaction<'c>) -> Self {
        Self { transaction, statements: RefCell::default() }
    }

    fn with<T>(
        &self,
        sql: &'static str,
        work: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let taken = self.statements.borrow_mut().remove(sql);
        let mut statement = match taken {
            Some(statement) => statement,
            None => self.transaction.prepare(sql)?,
        };
        let done = work(&mut statement);
        self.statements.borrow_mut().insert(sql, statement);
        done
    }

    /// Runs a statement; how many rows it changed.
    pub fn execute(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(values))
    }

    /// Inserts one row; its number.
    pub fn insert(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<i64> {
        self.with(sql, |statement| statement.insert(values))
    }

    /// The first row, if there is one.
    pub fn first<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.with(sql, |statement| statement.query_row(values, read).optional())
    }

    /// All rows.
    pub fn all<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.with(sql, |statement| statement.query_map(values, read)?.collect())
    }
}
