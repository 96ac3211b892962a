//! Changes to the statements that undo them, or to the reasons why nothing can.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::change::schema::{Described, TableFacts};
use crate::change::table::{Layout, Table};
use crate::model::change::{Certainty, Change, ChangeKey, ChangeKind, Charset, RowImage, TransactionFacts, Value};
use crate::model::foreign::Foreign;
use crate::sql::exact::{self, Form, Inexact};
use crate::sql::ident;

/// A table as statements need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoTable {
    /// Its database.
    pub schema: Foreign,
    /// Its name.
    pub name: Foreign,
    columns: Vec<UndoColumn>,
    /// In lower case; empty where nothing told it.
    engine: String,
    named: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct UndoColumn {
    name: Foreign,
    /// In backticks; `None` when the name is not UTF-8.
    quoted: Option<String>,
    is_key: bool,
    generated: Option<bool>,
    updates_itself: bool,
    form: Form,
}

impl UndoTable {
    /// Puts together what is known: `log` as the log itself describes the table, `described` with what a schema
    /// adds, and `facts` the definition, where there is one.
    pub fn new(log: &Table, described: &Described, facts: Option<&TableFacts>) -> Self {
        let columns = described.log.columns.iter().zip(&described.shown.columns).enumerate();
        let columns = columns.map(|(at, (column, shown))| {
            let told = log.columns.get(at).is_some_and(|column| !column.labels.is_empty());
            let is_binary = column.charset == Charset::Binary && matches!(column.layout, Layout::Char(_));
            let may_update_itself = matches!(column.layout, Layout::Timestamp(_) | Layout::DateTime(_));
            UndoColumn {
                name: shown.name.clone(),
                quoted: quoted(&shown.name),
                is_key: shown.key_part.is_some(),
                generated: shown.generated,
                updates_itself: shown.updates_itself.unwrap_or(may_update_itself),
                form: Form {
                    charset: column.charset,
                    labels: column.labels.iter().map(|label| label.raw_bytes().to_vec()).collect(),
                    labels_in: if told { column.charset } else { Charset::Named("utf8mb4") },
                    pad: is_binary.then_some(column.width.into()),
                    is_address: facts
                        .and_then(|facts| facts.columns.get(at))
                        .is_some_and(|def| matches!(def.kind.as_str(), "uuid" | "inet4" | "inet6")),
                },
            }
        });
        Self {
            schema: described.shown.schema.clone(),
            name: described.shown.name.clone(),
            columns: columns.collect(),
            engine: facts.map_or_else(String::new, |facts| facts.engine.clone()),
            named: described.shown.named,
        }
    }

    /// `schema`.`name`, quoted; `None` when a name is not UTF-8.
    pub fn quoted(&self) -> Option<String> {
        Some(format!("{}.{}", quoted(&self.schema)?, quoted(&self.name)?))
    }

    fn has_key(&self) -> bool {
        self.columns.iter().any(|column| column.is_key)
    }
}

fn quoted(name: &Foreign) -> Option<String> {
    String::from_utf8(ident::quote(name.raw_bytes())).ok().filter(|name| !name.contains('\0'))
}

/// Why a change cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its columns have no names.
    Unnamed,
    /// A name is no UTF-8.
    Name,
    /// Whether columns are generated is not known.
    Generated,
    /// The log's images leave a column out that is needed.
    Missing(Foreign),
    /// A column's value has no exact literal.
    Inexact(Foreign, Inexact),
    /// The table's engine does not roll back.
    Engine(Foreign),
    /// Whether its transaction was committed is not in the log.
    Undecided,
    /// The change was logged as a statement: its rows are not in the log.
    Statement(Foreign),
    /// A definition changed, or all rows of a table went.
    Wall(Foreign),
    /// The server that wrote the log lost changes.
    Incident,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("the names of its columns are not known"),
            Self::Name => f.write_str("a name in it is not UTF-8"),
            Self::Generated => f.write_str("it is not known which columns are generated: give its definition"),
            Self::Missing(column) => write!(f, "the log does not have the column {column}"),
            Self::Inexact(column, why) => write!(f, "column {column}: {why}"),
            Self::Engine(engine) => write!(f, "tables of the engine {engine} keep changes after ROLLBACK"),
            Self::Undecided => f.write_str("the end of its transaction is not in the log"),
            Self::Statement(text) => write!(f, "it was logged as a statement, without rows: {text}"),
            Self::Wall(text) => write!(f, "a definition changed: {text}"),
            Self::Incident => f.write_str("the server that wrote the log lost changes here"),
        }
    }
}

/// A change that cannot be undone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which; a statement's or wall's is the place of its event.
    pub key: ChangeKey,
    /// Why.
    pub reason: Reason,
}

/// What a reviewer must know of a script that is exact as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// A table without a key: rows that are equal cannot be told apart, so one of them is taken.
    NoKey(Foreign),
    /// Nothing told the table's engine.
    EngineUnknown(Foreign),
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(table) => write!(f, "{table} has no key: of equal rows, any one is taken"),
            Self::EngineUnknown(table) => write!(f, "the engine of {table} is not known; it must be transactional"),
        }
    }
}

/// What undoes one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A row is put back; rows of the same columns may share one statement.
    Insert {
        /// The column list, quoted.
        columns: String,
        /// The literals.
        row: String,
    },
    /// A row is set back.
    Update {
        /// `column=literal` and so on.
        set: String,
        /// What must hold of the row, without the script's own guard.
        only: String,
    },
    /// A row is taken away.
    Delete {
        /// What must hold of the row, without the script's own guard.
        only: String,
    },
}

impl Action {
    /// What happens to the row.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Insert { .. } => ChangeKind::Insert,
            Self::Update { .. } => ChangeKind::Update,
            Self::Delete { .. } => ChangeKind::Delete,
        }
    }
}

/// One change undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inverse {
    /// The change.
    pub of: ChangeKey,
    /// Its transaction.
    pub transaction: Arc<TransactionFacts>,
    /// The table's quoted name.
    pub table: Arc<str>,
    /// What undoes it.
    pub action: Action,
}

/// What undoes all changes, the last one first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they must run.
    pub inverses: Vec<Inverse>,
    /// What a reviewer must know.
    pub hazards: BTreeSet<Hazard>,
}

/// Takes in changes in the order in which they were committed.
#[derive(Debug, Default)]
pub struct Planner {
    plan: Plan,
    refusals: Vec<Refusal>,
}

impl Planner {
    /// The next change of its log.
    pub fn change(&mut self, change: &Change, table: &UndoTable) {
        match inverse(change, table) {
            Ok(None) => {}
            Ok(Some((name, action))) => {
                let label = Foreign::from(format!("{}.{}", table.schema, table.name));
                if !table.has_key() && action.kind() != ChangeKind::Insert {
                    self.plan.hazards.insert(Hazard::NoKey(label.clone()));
                }
                if table.engine.is_empty() {
                    self.plan.hazards.insert(Hazard::EngineUnknown(label));
                }
                let (of, transaction) = (change.key.clone(), change.transaction.clone());
                self.plan.inverses.push(Inverse { of, transaction, table: name.into(), action });
            }
            Err(reason) => self.refuse(change.key.clone(), reason),
        }
    }

    /// Something in the range that stands against undoing it.
    pub fn refuse(&mut self, key: ChangeKey, reason: Reason) {
        self.refusals.push(Refusal { key, reason });
    }

    /// The plan: all or nothing.
    ///
    /// # Errors
    ///
    /// Every reason why a change cannot be undone.
    pub fn finish(mut self) -> Result<Plan, Vec<Refusal>> {
        if !self.refusals.is_empty() {
            return Err(self.refusals);
        }
        self.plan.inverses.reverse();
        Ok(self.plan)
    }
}

/// What undoes a change; `None` for an update that changed nothing.
fn inverse(change: &Change, table: &UndoTable) -> Result<Option<(String, Action)>, Reason> {
    if !table.named || change.certainty == Certainty::Unnamed {
        return Err(Reason::Unnamed);
    }
    if change.certainty == Certainty::Undecided {
        return Err(Reason::Undecided);
    }
    // Those that roll back; an unknown engine is a hazard and no reason.
    if !matches!(table.engine.as_str(), "" | "innodb" | "rocksdb" | "tokudb" | "ndb" | "ndbcluster") {
        return Err(Reason::Engine(Foreign::from(table.engine.as_str())));
    }
    let name = table.quoted().ok_or(Reason::Name)?;
    let action = match (&change.before, &change.after) {
        (None, Some(after)) => Some(Action::Delete { only: whole(table, after)? }),
        (Some(before), None) => Some(insert(table, before)?),
        (Some(before), Some(after)) => update(table, change, before, after)?,
        (None, None) => None,
    };
    Ok(action.map(|action| (name, action)))
}

fn insert(table: &UndoTable, row: &RowImage) -> Result<Action, Reason> {
    let (mut columns, mut literals) = (vec![], vec![]);
    for (at, column) in table.columns.iter().enumerate() {
        if column.generated.ok_or(Reason::Generated)? {
            continue;
        }
        columns.push(column.quoted()?);
        literals.push(column.literal(column.value(row, at)?)?);
    }
    Ok(Action::Insert { columns: columns.join(","), row: literals.join(",") })
}

fn update(table: &UndoTable, change: &Change, before: &RowImage, after: &RowImage) -> Result<Option<Action>, Reason> {
    let changed = change.changed();
    if changed.is_empty() {
        return Ok(None);
    }
    let (mut set, mut only) = (vec![], vec![]);
    for (at, column) in table.columns.iter().enumerate() {
        let is_set = changed.contains(&at) || column.updates_itself;
        if column.generated.ok_or(Reason::Generated)? || !is_set {
            continue;
        }
        let value = column.value(before, at)?;
        set.push(format!("{}={}", column.quoted()?, column.literal(value)?));
    }
    let after = completed(before, after);
    if !table.has_key() {
        only.push(whole(table, &after)?);
    } else {
        for (at, column) in table.columns.iter().enumerate() {
            let is_compared = changed.contains(&at) && column.generated == Some(false);
            if column.is_key || is_compared {
                column.condition(column.value(&after, at)?, &mut only)?;
            }
        }
    }
    if set.is_empty() {
        return Ok(None); // generated columns alone
    }
    Ok(Some(Action::Update { set: set.join(","), only: only.join(" AND ") }))
}

/// The after image with what it leaves out because it stayed as it was.
fn completed(before: &RowImage, after: &RowImage) -> RowImage {
    let pairs = before.values.iter().zip(&after.values);
    RowImage { values: pairs.map(|(before, after)| after.clone().or_else(|| before.clone())).collect() }
}

/// That a row is exactly this one; without a key, one of those that are.
fn whole(table: &UndoTable, row: &RowImage) -> Result<String, Reason> {
    let mut only = vec![];
    // The key first: a reader sees at once which row is meant.
    for keys in [true, false] {
        for (at, column) in table.columns.iter().enumerate() {
            if column.is_key == keys && column.generated != Some(true) {
                column.condition(column.value(row, at)?, &mut only)?;
            }
        }
    }
    let limit = if table.has_key() { "" } else { " LIMIT 1" };
    Ok(only.join(" AND ") + limit)
}

impl UndoColumn {
    fn quoted(&self) -> Result<&str, Reason> {
        self.quoted.as_deref().ok_or(Reason::Name)
    }

    fn value<'v>(&self, row: &'v RowImage, at: usize) -> Result<&'v Value<'static>, Reason> {
        row.values.get(at).and_then(Option::as_ref).ok_or_else(|| Reason::Missing(self.name.clone()))
    }

    fn literal(&self, value: &Value<'_>) -> Result<String, Reason> {
        exact::literal(value, &self.form).map_err(|why| Reason::Inexact(self.name.clone(), why))
    }

    fn condition(&self, value: &Value<'_>, only: &mut Vec<String>) -> Result<(), Reason> {
        let inexact = |why| Reason::Inexact(self.name.clone(), why);
        let name = self.quoted()?;
        if self.is_key {
            only.extend(exact::lookup(name, value, &self.form).map_err(inexact)?);
        }
        only.push(exact::condition(name, value, &self.form).map_err(inexact)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
