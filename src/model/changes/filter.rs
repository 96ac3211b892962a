//! What is asked of changes: the same filter for lists, scripts and screens, and for every kind of source.

mod rows;

use std::collections::BTreeSet;
use std::fmt;

use miette::Diagnostic;
use regex::bytes::Regex;
use thiserror::Error;

use crate::model::change::{BinlogPos, ChangeKind, TransactionFacts};
pub use crate::model::changes::filter::rows::{Passes, RowValue, RowValues};
use crate::model::changes::gtids::GtidSet;
use crate::model::changes::literal::Literal;
use crate::model::changes::untold::Untold;
use crate::model::foreign::{Foreign, escape};
use crate::model::units::Moment;
use crate::report::{Fault, Reportable};

/// Every condition must hold; of a list, one of its members. Names and values are compared byte for byte, so `a`
/// finds neither `A` nor `a `; only names of columns ignore the case of ASCII letters, as servers do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangeFilter {
    /// `--schema-name`.
    pub schemas: Vec<Foreign>,
    /// `--table`.
    pub tables: Vec<TableFilter>,
    /// `--kind`.
    pub kinds: Vec<ChangeKind>,
    /// `--since`: committed then or later.
    pub since: Option<Moment>,
    /// `--until`: committed then or earlier; a time without a fraction means its whole second.
    pub until: Option<Moment>,
    /// `--from-position`: events that begin there or later.
    pub from: Option<PositionBound>,
    /// `--to-position`: events that begin before it.
    pub to: Option<PositionBound>,
    /// `--gtid`.
    pub gtids: Option<GtidSet>,
    /// `--transaction`: the transactions that begin there, for those that have no GTID.
    pub begins: Vec<PositionBound>,
    /// `--thread`.
    pub threads: Vec<u32>,
    /// `--key`: values of the key's columns, in the order of the key; before or after.
    pub keys: Vec<Vec<Literal>>,
    /// `--changed-column`: updates that changed one of them.
    pub changed: Vec<String>,
    /// `--where`: columns with that value, before or after; all must hold.
    pub values: Vec<(String, Literal)>,
    /// `--statement`: a pattern that the statement's text has; of rows whose statement the server did not log, that
    /// cannot be told.
    pub statement: Option<String>,
}

/// A table, perhaps with its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFilter {
    /// The database; `None`: any.
    pub schema: Option<Foreign>,
    /// The table.
    pub table: Foreign,
}

impl TableFilter {
    /// Reads `table` or `schema.table`; the first dot separates.
    pub fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((schema, table)) => Self { schema: Some(schema.into()), table: table.into() },
            None => Self { schema: None, table: text.into() },
        }
    }

    /// Whether it means that table.
    pub fn takes(&self, schema: &Foreign, table: &Foreign) -> bool {
        self.table == *table && self.schema.as_ref().is_none_or(|wanted| wanted == schema)
    }
}

/// A place in the files of a source, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionBound {
    /// The file; `None` where the source has only one.
    pub file: Option<Foreign>,
    /// The byte in it.
    pub position: BinlogPos,
}

impl PositionBound {
    /// Reads `binlog.000412:1234` or `1234`.
    pub fn parse(text: &str) -> Option<Self> {
        let (file, position) = match text.rsplit_once(':') {
            Some((file, position)) if !file.is_empty() => (Some(Foreign::from(file)), position),
            Some(_) => return None,
            None => (None, text),
        };
        Some(Self { file, position: BinlogPos(position.parse().ok()?) })
    }
}

impl fmt::Display for PositionBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}", self.position),
            None => write!(f, "{}", self.position),
        }
    }
}

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum FilterError {
    /// A position names a file that the source does not have.
    #[error("the source has no file {file}")]
    #[diagnostic(code(filter::no_file), help("`breakglass changes SOURCE --summary` lists its files"))]
    NoFile {
        /// Escaped.
        file: String,
    },
    /// A position without a file, for a source of several.
    #[error("a position alone does not say in which of the {files} files")]
    #[diagnostic(code(filter::which_file), help("write FILE:POSITION, such as binlog.000412:1234"))]
    WhichFile {
        /// How many there are.
        files: usize,
    },
    /// A column that no table has.
    #[error("no table that is asked for has a column {column}")]
    #[diagnostic(code(filter::no_column), help("their columns are {known}"))]
    NoColumn {
        /// As it was asked for, escaped.
        column: String,
        /// Those that are there, escaped; the first of them.
        known: String,
    },
    /// A key of another length than the keys of all tables.
    #[error("no table that is asked for has a key of {parts} column{}", if *parts == 1 { "" } else { "s" })]
    #[diagnostic(
        code(filter::no_key),
        help("--key takes the values of a primary key in its order; --where COLUMN=VALUE asks of any column")
    )]
    NoKey {
        /// Values that were given.
        parts: usize,
    },
    /// The pattern is none.
    #[error("the pattern for statements cannot be read: {what}")]
    #[diagnostic(code(filter::pattern), help("patterns are those of Rust's regex crate; (?i) ignores case"))]
    Pattern {
        /// Escaped.
        what: String,
    },
}

impl Reportable for FilterError {
    fn fault(&self) -> Fault {
        Fault::Usage
    }
}

/// What is known of an event before its rows are read.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a> {
    /// Counts the files of the source from 0.
    pub file: u32,
    /// Where the event begins.
    pub position: BinlogPos,
    /// The table's database.
    pub schema: &'a Foreign,
    /// The table.
    pub table: &'a Foreign,
    /// What happened to the rows.
    pub kind: ChangeKind,
    /// Their transaction.
    pub transaction: &'a TransactionFacts,
    /// The statement, where it was logged.
    pub statement: Option<&'a Foreign>,
}

/// A filter that is ready: cheap to ask per event, and of rows only what it needs.
#[derive(Debug, Clone)]
pub struct Compiled {
    filter: ChangeFilter,
    from: (u32, BinlogPos),
    to: (u32, BinlogPos),
    /// Where the wanted transactions begin; empty: anywhere.
    begins: BTreeSet<(u32, BinlogPos)>,
    statement: Option<Statement>,
}

/// A pattern over a statement's text.
#[derive(Debug, Clone)]
pub struct Statement(Regex);

impl ChangeFilter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Makes it ready for a source of these files.
    ///
    /// # Errors
    ///
    /// [`FilterError`].
    pub fn compile(&self, files: &[Foreign]) -> Result<Compiled, FilterError> {
        let place = |bound: &PositionBound| match &bound.file {
            Some(file) => {
                let at = files.iter().position(|known| known == file);
                let at = at.ok_or_else(|| FilterError::NoFile { file: file.to_string() })?;
                Ok((u32::try_from(at).unwrap_or(u32::MAX), bound.position))
            }
            None if files.len() <= 1 => Ok((0, bound.position)),
            None => Err(FilterError::WhichFile { files: files.len() }),
        };
        let pattern = |text: &String| {
            let pattern = Regex::new(text).map_err(|error| FilterError::Pattern { what: escape(&error.to_string()) });
            pattern.map(Statement)
        };
        Ok(Compiled {
            from: self.from.as_ref().map(place).transpose()?.unwrap_or_default(),
            to: self.to.as_ref().map(place).transpose()?.unwrap_or((u32::MAX, BinlogPos(u64::MAX))),
            begins: self.begins.iter().map(place).collect::<Result<_, _>>()?,
            statement: self.statement.as_ref().map(pattern).transpose()?,
            filter: self.clone(),
        })
    }
}

impl Compiled {
    /// The filter it was made of.
    pub fn filter(&self) -> &ChangeFilter {
        &self.filter
    }

    /// Whether a file has anything between the positions.
    pub fn takes_file(&self, file: u32) -> bool {
        (self.from.0..=self.to.0).contains(&file)
    }

    /// Whether a place lies between the positions.
    pub fn takes_place(&self, file: u32, position: BinlogPos) -> bool {
        (self.from..self.to).contains(&(file, position))
    }

    /// Whether a place and its time lie behind the beginning of what is asked for, however far behind.
    pub fn begins_by(&self, file: u32, position: BinlogPos, facts: &TransactionFacts) -> bool {
        let at = facts.or_at.map_or(facts.committed_at, |or_at| or_at.max(facts.committed_at));
        self.from <= (file, position) && self.filter.since.is_none_or(|since| at >= since)
    }

    /// Whether a transaction's own facts pass: its begin in that file, time, GTID, connection.
    pub fn takes_transaction(&self, file: u32, facts: &TransactionFacts) -> bool {
        let filter = &self.filter;
        (self.begins.is_empty() || self.begins.contains(&(file, facts.start)))
            && self.may_take_time(facts)
            && self.takes_gtid(facts)
            && (filter.threads.is_empty() || facts.thread.is_some_and(|thread| filter.threads.contains(&thread)))
    }

    /// Whether a transaction's time passes, or one of the two that it may have.
    pub fn may_take_time(&self, facts: &TransactionFacts) -> bool {
        self.takes_time(facts.committed_at) || facts.or_at.is_some_and(|at| self.takes_time(at))
    }

    /// Whether a time of commit passes.
    pub fn takes_time(&self, at: Moment) -> bool {
        let late = |until: Moment| {
            let whole = until.0.rem_euclid(1000) == 0;
            at.0 > if whole { until.0.saturating_add(999) } else { until.0 }
        };
        self.filter.since.is_none_or(|since| at >= since) && !self.filter.until.is_some_and(late)
    }

    /// Whether a table passes.
    pub fn takes_table(&self, schema: &Foreign, table: &Foreign) -> bool {
        let filter = &self.filter;
        (filter.schemas.is_empty() || filter.schemas.contains(schema))
            && (filter.tables.is_empty() || filter.tables.iter().any(|one| one.takes(schema, table)))
    }

    /// Whether rows of an event may pass; where [`Self::wants_rows`] is not true, all of them do.
    pub fn takes_event(&self, event: &EventFacts<'_>) -> bool {
        self.asks_event(event) == Passes::Yes
    }

    /// The same, and whether that can be told: not every log names connections and statements.
    pub fn asks_event(&self, event: &EventFacts<'_>) -> Passes {
        let (filter, facts) = (&self.filter, event.transaction);
        let is_taken = self.takes_place(event.file, event.position)
            && (filter.kinds.is_empty() || filter.kinds.contains(&event.kind))
            && (filter.changed.is_empty() || event.kind == ChangeKind::Update)
            && self.takes_table(event.schema, event.table)
            && (self.begins.is_empty() || self.begins.contains(&(event.file, facts.start)))
            && self.takes_gtid(facts);
        let is_in_time = self.takes_time(facts.committed_at);
        let time = match facts.or_at {
            Some(at) if self.takes_time(at) != is_in_time => Passes::Untold(Untold::Clock),
            _ => Passes::of(is_in_time),
        };
        let thread = || match facts.thread {
            _ if filter.threads.is_empty() => Passes::Yes,
            Some(thread) => Passes::of(filter.threads.contains(&thread)),
            None => Passes::Untold(Untold::Thread),
        };
        let statement = || match (&self.statement, event.statement) {
            (None, _) => Passes::Yes,
            (Some(pattern), Some(text)) => Passes::of(pattern.0.is_match(text.raw_bytes())),
            (Some(_), None) => Passes::Untold(Untold::Statement),
        };
        Passes::of(is_taken).and(|| time).and(thread).and(statement)
    }

    fn takes_gtid(&self, facts: &TransactionFacts) -> bool {
        let is_in = |set: &GtidSet| facts.gtid.iter().chain(&facts.decided_by).any(|gtid| set.has(gtid));
        self.filter.gtids.as_ref().is_none_or(is_in)
    }
}

#[cfg(test)]
mod tests;
