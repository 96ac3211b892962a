//! Tables as statements need them.

use std::sync::Arc;

use crate::change::reverse::{Hazard, Reason};
use crate::change::schema::{Described, TableFacts, Unknown};
use crate::change::table::{Layout, Table};
use crate::model::change::{ChangeKind, Charset};
use crate::model::foreign::Foreign;
use crate::sql::exact::Form;
use crate::sql::ident;

/// A table as statements need it.
#[derive(Debug, Clone)]
pub struct UndoTable {
    /// Its database.
    pub schema: Foreign,
    /// Its name.
    pub name: Foreign,
    /// What its cells are read with.
    pub(super) log: Arc<Table>,
    pub(super) columns: Vec<UndoColumn>,
    /// Columns of the key first, then the others; generated ones are not among them.
    pub(super) whole: Vec<usize>,
    /// In lower case; empty where nothing told it.
    pub(super) engine: String,
    pub(super) named: bool,
    /// Whether it keeps old versions of its rows.
    pub(super) is_versioned: bool,
    /// Why its definition is not known, where something else is known of it.
    pub(super) unknown: Option<Unknown>,
    /// `schema`.`name`, quoted; `None` when a name is not UTF-8.
    pub(super) quoted: Option<Arc<str>>,
    /// The column list of an INSERT, quoted.
    pub(super) list: Vec<u8>,
    /// Whether all names are printable ASCII.
    pub(super) is_ascii: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UndoColumn {
    pub name: Foreign,
    /// In backticks; `None` when the name is not UTF-8.
    pub quoted: Option<Vec<u8>>,
    pub is_key: bool,
    pub generated: Option<bool>,
    pub updates_itself: bool,
    /// Whether what the server computes for it must be looked at.
    pub is_looked_at: bool,
    /// Whether different bytes may be the same value.
    pub is_ambiguous: bool,
    pub form: Form,
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
            let is_packed = matches!(column.layout, Layout::Json(_) | Layout::Compressed(_) | Layout::Nothing);
            UndoColumn {
                name: shown.name.clone(),
                quoted: quoted(&shown.name),
                is_key: shown.key_part.is_some(),
                generated: shown.generated,
                updates_itself: shown.updates_itself.unwrap_or(may_update_itself),
                is_looked_at: facts.is_some_and(|facts| facts.follows_settings(at)),
                is_ambiguous: is_binary || is_packed,
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
        let engine = facts.map_or_else(String::new, |facts| facts.engine.clone());
        let (log, shown) = (described.log.clone(), &described.shown);
        let table = Self::of(log, (&shown.schema, &shown.name), columns.collect(), engine, shown.named);
        let unknown = described.unknown.filter(|unknown| *unknown != Unknown::Never);
        Self { is_versioned: facts.is_some_and(|facts| facts.versioned), unknown, ..table }
    }

    pub(super) fn of(
        log: Arc<Table>,
        (schema, name): (&Foreign, &Foreign),
        columns: Vec<UndoColumn>,
        engine: String,
        named: bool,
    ) -> Self {
        let (keys, others): (Vec<_>, Vec<_>) = (0..columns.len()).partition(|at| columns[*at].is_key);
        let all = keys.into_iter().chain(others);
        let whole = all.filter(|at| columns[*at].generated != Some(true)).collect();
        let both = quoted(schema).zip(quoted(name)).map(|(schema, name)| [schema, name].join(&b'.'));
        let both = both.and_then(|both| String::from_utf8(both).ok());
        let stored = columns.iter().filter(|column| column.generated != Some(true));
        let list = stored.map(|column| column.quoted.as_deref().unwrap_or_default()).collect::<Vec<_>>().join(&b',');
        let is_plain = |bytes: &[u8]| bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        let mut names = columns.iter().map(|column| column.name.raw_bytes());
        let is_ascii = names.all(is_plain) && both.as_ref().is_some_and(|both| is_plain(both.as_bytes()));
        let (schema, name, quoted) = (schema.clone(), name.clone(), both.map(Arc::from));
        let (is_versioned, unknown) = (false, None);
        Self { schema, name, log, whole, engine, named, is_versioned, unknown, quoted, list, is_ascii, columns }
    }

    /// `schema`.`name`, quoted; `None` when a name is not UTF-8.
    pub fn quoted(&self) -> Option<&Arc<str>> {
        self.quoted.as_ref()
    }

    /// Whether the server may compute something else for a row than what it had.
    pub(super) fn is_looked_at(&self) -> bool {
        self.columns.iter().any(|column| column.is_looked_at)
    }

    /// Whether a key tells its rows apart.
    pub fn has_key(&self) -> bool {
        self.columns.iter().any(|column| column.is_key)
    }

    /// Whether it keeps changes after ROLLBACK. One whose engine is not known is taken for one that does not.
    pub fn is_lasting(&self) -> bool {
        !matches!(self.engine.as_str(), "" | "innodb" | "rocksdb" | "tokudb" | "ndb" | "ndbcluster")
    }

    /// What a reviewer must know when its rows are put back, set back or taken away.
    pub fn hazards(&self, kind: ChangeKind) -> impl Iterator<Item = Hazard> {
        let no_key = (!self.has_key() && kind != ChangeKind::Insert).then(|| Hazard::NoKey(self.label()));
        no_key.into_iter().chain(self.engine.is_empty().then(|| Hazard::EngineUnknown(self.label())))
    }

    fn label(&self) -> Foreign {
        Foreign::from(format!("{}.{}", self.schema, self.name))
    }

    /// The same, for statements that people read: names stand in them as they are.
    pub(in crate::change) fn for_people(&self) -> Self {
        Self { is_ascii: true, ..self.clone() }
    }

    /// Why nothing of the table can be undone.
    pub(in crate::change) fn refusal(&self) -> Option<Reason> {
        match (self.named, self.is_versioned) {
            (false, _) => Some(self.reason(Reason::Unnamed)),
            (true, true) => Some(Reason::Versions),
            (true, false) => None,
        }
    }

    /// That its columns are not known, with the reason why not.
    pub(in crate::change) fn reason(&self, otherwise: Reason) -> Reason {
        self.unknown.map_or(otherwise, Reason::Definition)
    }

    /// The reason that its engine is, where it keeps changes after ROLLBACK.
    pub(in crate::change) fn engine_reason(&self) -> Option<Reason> {
        self.is_lasting().then(|| Reason::Engine(Foreign::from(self.engine.as_str())))
    }
}

fn quoted(name: &Foreign) -> Option<Vec<u8>> {
    let quoted = ident::quote(name.raw_bytes());
    let is_text = std::str::from_utf8(&quoted).is_ok_and(|name| !name.contains('\0'));
    is_text.then_some(quoted)
}
