//! What the columns of tables were called, and which were computed, at which place of a log.

mod alter;
mod around;
mod column;
mod create;
mod fit;
mod reader;
mod since;
mod temporary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::change::query::{Ddl, DdlVerb, Query, TableName, other_tokens, tokens};
pub use crate::change::schema::around::Around;
pub use crate::change::schema::column::ColumnDef;
pub use crate::change::schema::create::{Key, TableFacts};
pub use crate::change::schema::fit::Misfit;
pub use crate::change::schema::reader::DefinitionReader;
use crate::change::schema::reader::definitions;
pub use crate::change::schema::since::{Otherwise, since};
use crate::change::schema::temporary::{Followed, Is, Temporaries};
use crate::change::spoken;
use crate::change::table::Table;
use crate::change::touched;
use crate::model::change::{ChangedTable, Place};
use crate::sql::lexer::LexError;
use crate::sql::token::Token;

/// Why nothing is known of a table at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// No source named it.
    Never,
    /// It did not exist there.
    Gone,
    /// A statement changed it in a way that cannot be followed.
    Lost,
    /// The log changes it, and the definition given does not say at which place it was true.
    Placeless,
    /// There is a definition of a table whose name differs by the case of its letters.
    Alike,
    /// What is known does not fit the log's own description.
    Misfit(Misfit),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => {
                f.write_str("the log has no column names (binlog_row_metadata=FULL writes them); give --schema")
            }
            Self::Gone => f.write_str("the log says that the table did not exist there"),
            Self::Lost => f.write_str(
                "a statement changed its definition in a way that cannot be followed: give what it was behind that, \
                 --schema FILE@LOG:POSITION, or logs with binlog_row_metadata=FULL",
            ),
            Self::Placeless => f.write_str(
                "the log changes its definition, and the one given does not say at which place of the log it was true: \
                 write --schema FILE@LOG:POSITION (dumps made with --source-data or --master-data say it themselves), \
                 FILE@end if it is what the table is at the end of the log, or ask its server",
            ),
            Self::Alike => f.write_str(
                "there is only a definition of a name with other letters, small or capital, and whether that is the same \
                 table its server knows: ask it with --schema mysql://.., or give --schema FILE with the name as the log \
                 has it",
            ),
            Self::Misfit(misfit) => write!(f, "the definition given does not fit: {misfit} than in the log"),
        }
    }
}

/// A table as the log describes it, and as changes show it.
#[derive(Debug, Clone)]
pub struct Described {
    /// To read values with: with signs, character sets and labels where they are known.
    pub log: Arc<Table>,
    /// To show.
    pub shown: Arc<ChangedTable>,
    /// Why the schema could not help; `None` where it did, or where the log says all by itself.
    pub unknown: Option<Unknown>,
}

impl Described {
    /// By what the log alone says.
    pub fn by_log(table: &Arc<Table>, unknown: Option<Unknown>) -> Self {
        Self { log: table.clone(), shown: table.facts(), unknown }
    }
}

#[derive(Debug, Clone)]
enum State {
    Known(Arc<TableFacts>),
    Gone,
    Lost,
}

/// Tables by name, each with the places from which something else is true of it.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    tables: BTreeMap<TableName, BTreeMap<Place, State>>,
    /// What is true behind the last change in the logs.
    last: Vec<TableFacts>,
    /// Tables with a definition that says nothing of its place, and that the logs change.
    placeless: BTreeSet<TableName>,
    /// Tables of which nothing is known but a definition of a name with other letters.
    alike: BTreeSet<TableName>,
    /// The last statement that was not understood.
    unsure: Option<Place>,
    /// All changes of the logs are in it: whoever reads them again moves nothing.
    complete: bool,
    /// What stands for temporary tables where the logs are read.
    temporaries: Temporaries,
    /// Statements that were followed.
    followed: Followed,
}

impl Timeline {
    /// Takes in a definition that is true from `from` on.
    pub fn learn(&mut self, facts: TableFacts, from: Place) {
        let name = facts.name.clone();
        self.set(name, from, State::Known(Arc::new(facts)));
    }

    /// Takes in a definition that is true where the logs end, as a server has it now: it is true from the table's
    /// last change in the logs on, which [`Self::settle`] knows when they were read.
    pub fn learn_last(&mut self, facts: TableFacts) {
        self.last.push(facts);
    }

    /// There is a definition of a table that the logs change, and nothing says at which place it was true: it is not
    /// used.
    pub fn doubt(&mut self, name: TableName) {
        self.placeless.insert(name);
    }

    /// Takes in all tables of a dump, or of the text of `SHOW CREATE TABLE`; unqualified names belong to the
    /// database of the last USE, or to `schema`. Says how many there were.
    ///
    /// # Errors
    ///
    /// When the text cannot be split into statements.
    pub fn read(&mut self, text: &[u8], schema: &[u8], from: Place) -> Result<usize, LexError> {
        let found = definitions(text, schema)?;
        let count = found.len();
        found.into_iter().for_each(|facts| self.learn(facts, from));
        Ok(count)
    }

    /// The same, for definitions that are true where the logs end.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_last(&mut self, text: &[u8], schema: &[u8]) -> Result<usize, LexError> {
        let found = definitions(text, schema)?;
        let count = found.len();
        self.last.extend(found);
        Ok(count)
    }

    /// The logs were read to their end: definitions that are true there begin where the logs last changed their
    /// tables.
    pub fn settle(&mut self) {
        for facts in std::mem::take(&mut self.last) {
            let like = self.tables.iter().filter(|(name, _)| name.is_like(&facts.name));
            let like = like.chain(self.tables.get_key_value(&facts.name.database()));
            let from = like.filter_map(|(_, states)| states.keys().next_back()).max().copied();
            self.learn(facts, from.max(self.unsure).unwrap_or_default());
        }
    }

    /// Notes tables that only definitions of a name with other letters may be of: a server that folds names logs
    /// statements as they were typed, and rows with names in lower case. Another has two tables then, and no log says
    /// which server wrote it. `mapped` are all tables of which there are rows.
    pub fn note_alike(&mut self, mapped: &[TableName]) {
        let is_known = |name: &TableName| self.states(name).any(|(_, state)| matches!(state, State::Known(_)));
        let has_like = |name: &&TableName| {
            self.tables.keys().any(|known| known != *name && known.is_like(name) && is_known(known))
        };
        self.alike = mapped.iter().filter(|name| !is_known(name)).filter(has_like).cloned().collect();
    }

    fn states(&self, name: &TableName) -> impl Iterator<Item = (&Place, &State)> {
        self.tables.get(name).into_iter().flatten()
    }

    /// All logs were read, and every change in them was followed: from now on [`Self::follow`] changes nothing, so
    /// that the same logs can be read again.
    pub fn complete(&mut self) {
        self.settle();
        self.complete = true;
        (self.temporaries, self.followed) = Default::default();
    }

    /// Moves along with a change of definitions in the log, which is true from `place` on.
    pub fn follow(&mut self, ddl: &Ddl, query: &Query<'_>, place: Place) {
        let named = temporary::named(ddl, query);
        let is_real = self.temporaries.take(ddl, query, &named) == Is::Real;
        if self.complete || keeps_columns(ddl, query) || is_real && self.is_moot(ddl, place) {
            return;
        }
        if !is_real {
            return self.lose_unless_complete(&named.all, place);
        }
        if spoken::is_doubtful(ddl, query) {
            return self.lose(&ddl.tables, place);
        }
        self.followed.push(query, &named, place);
        self.lose_others(ddl, place);
        match (ddl.verb, ddl.tables.as_slice()) {
            (DdlVerb::Unknown, _) | (_, []) => self.lose_all(place),
            (DdlVerb::Truncate | DdlVerb::Exchange, _) => {}
            (DdlVerb::Drop, tables) => tables.iter().for_each(|name| self.set(name.clone(), place, State::Gone)),
            (DdlVerb::DropDatabase, tables) => tables.iter().for_each(|name| self.drop_database(&name.schema, place)),
            (DdlVerb::Create | DdlVerb::Replace, [name, ..]) => self.create(name, query, place),
            (DdlVerb::Rename, tables) => {
                for pair in tables.chunks_exact(2) {
                    self.rename(&pair[0], &pair[1], place);
                }
            }
            (DdlVerb::Alter | DdlVerb::Purge, [name, others @ ..]) => {
                self.alter(name, query, place);
                // A partition became a table, or a table a partition.
                others.iter().for_each(|name| self.set(name.clone(), place, State::Lost));
            }
        }
    }

    /// Temporary tables come or go. What was done to a name is doubtful from there on where it comes out now that the
    /// connection had a temporary table of that name: it was made in front of the logs, or where they say nothing.
    pub fn temporary(&mut self, ddl: &Ddl, query: &Query<'_>, place: Place) {
        for name in self.temporaries.see(ddl, query) {
            for (name, from) in self.followed.doubtful(query, &name) {
                let states = self.tables.get_mut(&name).into_iter().flat_map(|states| states.range_mut(from..));
                states.for_each(|(_, state)| *state = State::Lost);
                self.lose_unless_complete(&[name], place);
            }
        }
    }

    /// The next file begins. Where it does not go on where the last one ended, connections may have ended between them.
    pub fn next_file(&mut self, goes_on: bool) {
        if !goes_on {
            self.temporaries.doubt_all();
        }
    }

    /// Whether a change of definitions is one of a temporary table alone, as far as the logs tell.
    pub fn is_of_temporary(&self, ddl: &Ddl, query: &Query<'_>) -> bool {
        matches!(ddl.verb, DdlVerb::Truncate | DdlVerb::Alter | DdlVerb::Purge)
            && matches!(&ddl.tables[..], [name] if self.temporaries.of(query, name) == Is::Temporary)
    }

    /// Whether a change of definitions may be one of a temporary table.
    pub fn may_be_of_temporary(&self, ddl: &Ddl, query: &Query<'_>) -> bool {
        let named = temporary::named(ddl, query);
        named.meant.iter().any(|name| self.temporaries.of(query, name) != Is::Real)
    }

    /// Whether a statement changes rows of a temporary table alone, as far as the logs and its text tell.
    pub fn writes_temporary(&self, query: &Query<'_>) -> bool {
        !self.temporaries.is_empty()
            && touched::target(query).is_some_and(|name| self.temporaries.of(query, &name) == Is::Temporary)
    }

    /// Whether a statement may have done nothing: it creates a table only if that is missing, and nothing says that
    /// the table was.
    pub fn is_moot(&self, ddl: &Ddl, place: Place) -> bool {
        let was_gone = |name: &TableName| {
            let states = self.tables.get(name);
            let before = states.and_then(|states| states.range(..place).next_back());
            matches!(before, Some((_, State::Gone)))
        };
        ddl.only_if_missing && ddl.tables.first().is_none_or(|name| !was_gone(name))
    }

    /// Tables whose names differ from those of a statement by the case of their letters alone: on a server that folds
    /// names it is about them, and on another it is not. Nothing is claimed of them from there on.
    fn lose_others(&mut self, ddl: &Ddl, place: Place) {
        let is_like = |known: &TableName, name: &TableName| match ddl.verb {
            DdlVerb::DropDatabase => {
                let database = TableName { schema: known.schema.clone(), table: vec![] };
                database != *name && database.is_like(name)
            }
            _ => known != name && known.is_like(name),
        };
        let known = self.tables.keys();
        let others = known.filter(|known| ddl.tables.iter().any(|name| is_like(known, name)));
        let others: Vec<_> = others.cloned().collect();
        others.into_iter().for_each(|name| self.set(name, place, State::Lost));
    }

    fn lose_unless_complete(&mut self, names: &[TableName], place: Place) {
        if self.complete {
            return;
        }
        self.lose(names, place);
        for name in names {
            let like = self.tables.keys().filter(|known| *known != name && known.is_like(name));
            let like: Vec<_> = like.cloned().collect();
            like.into_iter().for_each(|name| self.set(name, place, State::Lost));
        }
    }

    /// Nothing is claimed of some tables from there on: a name without a table is all of a database, none is all.
    fn lose(&mut self, names: &[TableName], place: Place) {
        if names.is_empty() {
            self.lose_all(place);
        }
        for name in names {
            let is_in = |known: &&TableName| name.table.is_empty() && known.schema == name.schema;
            let inside: Vec<_> = self.tables.keys().filter(is_in).cloned().collect();
            inside.into_iter().chain([name.clone()]).for_each(|name| self.set(name, place, State::Lost));
        }
    }

    /// What is true of a table at a place.
    ///
    /// # Errors
    ///
    /// Why nothing is known.
    pub fn at(&self, name: &TableName, place: Place) -> Result<&Arc<TableFacts>, Unknown> {
        let states = self.tables.get(name).ok_or(Unknown::Never)?;
        match states.range(..=place).next_back() {
            None => Err(Unknown::Never),
            Some((_, State::Known(facts))) => Ok(facts),
            Some((_, State::Gone)) => Err(Unknown::Gone),
            Some((_, State::Lost)) => Err(Unknown::Lost),
        }
    }

    /// The table of rows at a place, with all that is known of it: what the log says comes first, and what does
    /// not fit the log is not used.
    pub fn describe(&self, table: &Arc<Table>, place: Place) -> Described {
        let name = TableName { schema: table.schema.raw_bytes().to_vec(), table: table.name.raw_bytes().to_vec() };
        match self.at(&name, place) {
            Err(Unknown::Never | Unknown::Lost) if self.placeless.contains(&name) => {
                Described::by_log(table, Some(Unknown::Placeless))
            }
            Err(Unknown::Never | Unknown::Lost) if self.alike.contains(&name) => {
                Described::by_log(table, Some(Unknown::Alike))
            }
            Ok(facts) => match fit::described(facts, table) {
                Ok((log, shown)) => Described { log: Arc::new(log), shown: Arc::new(shown), unknown: None },
                Err(misfit) => Described::by_log(table, Some(Unknown::Misfit(misfit))),
            },
            Err(unknown) => Described::by_log(table, Some(unknown)),
        }
    }

    /// The same for a sequence that begins with file number `first` of this one.
    #[must_use]
    pub fn beginning_with(&self, first: u32) -> Self {
        let mut tables = BTreeMap::new();
        for (name, states) in &self.tables {
            let moved: &mut BTreeMap<Place, State> = tables.entry(name.clone()).or_default();
            for (place, state) in states {
                let place = match place.file.checked_sub(first) {
                    Some(file) => Place { file, ..*place },
                    None => Place::default(), // the last of those before the first file counts
                };
                moved.insert(place, state.clone());
            }
        }
        let moved =
            |place: Place| place.file.checked_sub(first).map_or(Place::default(), |file| Place { file, ..place });
        Self { tables, unsure: self.unsure.map(moved), ..self.clone() }
    }

    /// Places from which something else is true of any table, in their order.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = self.tables.values().flat_map(BTreeMap::keys).copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn set(&mut self, name: TableName, place: Place, state: State) {
        self.tables.entry(name).or_default().insert(place, state);
    }

    fn create(&mut self, name: &TableName, query: &Query<'_>, place: Place) {
        let read = |tokens: &[Token<'_>]| match create::like(tokens, query.schema) {
            Some(model) => self.at(&model, place).map(|facts| facts.as_ref().clone()).ok(),
            None => create::table(tokens, query.schema, query.dialect),
        };
        let renamed = both(query, read).map(|facts| Arc::new(TableFacts { name: name.clone(), ..facts }));
        self.set(name.clone(), place, renamed.map_or(State::Lost, State::Known));
    }

    /// A statement that may have done anything.
    fn lose_all(&mut self, place: Place) {
        self.unsure = self.unsure.max(Some(place));
        let all: Vec<_> = self.tables.keys().cloned().collect();
        all.into_iter().for_each(|name| self.set(name, place, State::Lost));
    }

    fn rename(&mut self, from: &TableName, to: &TableName, place: Place) {
        let state = match self.at(from, place) {
            Ok(facts) => State::Known(Arc::new(TableFacts { name: to.clone(), ..facts.as_ref().clone() })),
            Err(_) => State::Lost,
        };
        self.set(from.clone(), place, State::Gone);
        self.set(to.clone(), place, state);
    }

    fn alter(&mut self, name: &TableName, query: &Query<'_>, place: Place) {
        let Ok(facts) = self.at(name, place) else {
            // What it was is not known, and neither is what it is now: but it is something else.
            return self.set(name.clone(), place, State::Lost);
        };
        match both(query, |tokens| alter::follow(facts, tokens, query.dialect)) {
            Some(facts) if facts.name != *name => {
                self.set(name.clone(), place, State::Gone);
                self.learn(facts, place);
            }
            Some(facts) => self.learn(facts, place),
            None => self.set(name.clone(), place, State::Lost),
        }
    }

    fn drop_database(&mut self, schema: &[u8], place: Place) {
        let inside: Vec<_> = self.tables.keys().filter(|name| name.schema == schema).cloned().collect();
        inside.into_iter().for_each(|name| self.set(name, place, State::Gone));
    }
}

/// Whether a statement leaves all definitions as they are: it is about rows, or about where they lie. Servers exchange
/// a partition only with a table of the same columns.
pub fn keeps_columns(ddl: &Ddl, query: &Query<'_>) -> bool {
    match ddl.verb {
        DdlVerb::Truncate | DdlVerb::Exchange => true,
        DdlVerb::Alter | DdlVerb::Purge => ddl.tables.len() == 1 && alter::is_about_partitions(&tokens(query)),
        _ => false,
    }
}

/// What a statement gives, if it gives the same to both products.
fn both(query: &Query<'_>, read: impl Fn(&[Token<'_>]) -> Option<TableFacts>) -> Option<TableFacts> {
    let facts = read(&tokens(query))?;
    let is_same = other_tokens(query).is_none_or(|tokens| read(&tokens).is_some_and(|other| other == facts));
    is_same.then_some(facts)
}
