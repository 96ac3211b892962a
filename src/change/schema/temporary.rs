//! Temporary tables: while a connection has one, its name means that one there, and no log says so where it is used.

use std::collections::HashMap;

use crate::change::query::{Ddl, DdlVerb, Query, TableName, tokens};
use crate::change::schema::{alter, create};
use crate::model::change::Place;

/// The most names that are remembered; beyond, any name may be a temporary table's.
const NAMES: usize = 1 << 16;

/// A server's number and one of its connections.
type Whose = (u32, u32);

/// What a name means to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Is {
    /// A table that stays.
    Real,
    /// Nobody can tell.
    Untold,
    /// A temporary table.
    Temporary,
}

/// What statements said of temporary tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Temporaries {
    of: HashMap<Whose, Vec<(TableName, Is)>>,
    names: usize,
    /// There were too many.
    is_lost: bool,
}

/// Tables that a change of definitions names.
pub(super) struct Named {
    /// Those that may be temporary ones: what is created is not.
    pub meant: Vec<TableName>,
    /// All of them, new names too.
    pub all: Vec<TableName>,
    /// Whether one of them is called otherwise then.
    renames: bool,
}

/// Reads which tables a change of definitions names. `DROP TABLE` is of real ones: servers log the others apart.
pub(super) fn named(ddl: &Ddl, query: &Query<'_>) -> Named {
    let tokens = || tokens(query);
    let (mut meant, mut all) = (ddl.tables.clone(), ddl.tables.clone());
    let mut renames = ddl.verb == DdlVerb::Rename;
    match ddl.verb {
        DdlVerb::Create | DdlVerb::Replace => {
            if ddl.verb == DdlVerb::Create {
                meant.clear();
            }
            meant.extend(create::like(&tokens(), query.schema));
        }
        DdlVerb::Alter => {
            let new = alter::new_name(&tokens(), query.schema);
            renames = new.is_some();
            all.extend(new);
        }
        DdlVerb::DropDatabase | DdlVerb::Unknown => meant.clear(),
        _ => {}
    }
    Named { meant, all, renames }
}

fn whose(query: &Query<'_>) -> Whose {
    (query.server, query.thread)
}

impl Temporaries {
    pub fn is_empty(&self) -> bool {
        self.of.is_empty() && !self.is_lost
    }

    /// What a name means to the connection of a statement.
    pub fn of(&self, query: &Query<'_>, name: &TableName) -> Is {
        let known = self.of.get(&whose(query)).map(Vec::as_slice).unwrap_or_default();
        let of_one = |(known, is): &(TableName, Is)| match () {
            () if known == name => *is,
            () if known.is_like(name)
                || known.table.is_empty() && (known.schema.is_empty() || known.schema == name.schema) =>
            {
                Is::Untold
            }
            () => Is::Real,
        };
        let least = if self.is_lost { Is::Untold } else { Is::Real };
        known.iter().map(of_one).max().unwrap_or(Is::Real).max(least)
    }

    /// Temporary tables come or go. Says which ones go that nobody saw come.
    pub fn see(&mut self, ddl: &Ddl, query: &Query<'_>) -> Vec<TableName> {
        let names = &ddl.tables;
        let mut unseen = vec![];
        match ddl.verb {
            // Whichever it is, it may be any.
            _ if names.is_empty() => self.note(query, TableName { schema: vec![], table: vec![] }, Is::Untold),
            DdlVerb::Drop => {
                for name in names {
                    match self.of(query, name) {
                        Is::Real => unseen.push(name.clone()),
                        _ => self.forget(query, name),
                    }
                }
            }
            _ => {
                for name in names {
                    let is = if name.table.is_empty() { Is::Untold } else { Is::Temporary };
                    self.note(query, name.clone(), is);
                }
            }
        }
        unseen
    }

    /// Takes in a change of definitions; what the most temporary of its tables is.
    pub fn take(&mut self, ddl: &Ddl, query: &Query<'_>, named: &Named) -> Is {
        if self.is_empty() {
            return Is::Real;
        }
        let most = named.meant.iter().map(|name| self.of(query, name)).max().unwrap_or(Is::Real);
        if most == Is::Real || !named.renames {
            return most;
        }
        match &named.all[..] {
            // The server looks for temporary tables first.
            [from, to] if ddl.verb == DdlVerb::Alter && most == Is::Temporary => {
                self.forget(query, from);
                self.note(query, to.clone(), Is::Temporary);
            }
            // MariaDB renames temporary tables so, and MySQL does not.
            all => all.iter().for_each(|name| self.note(query, name.clone(), Is::Untold)),
        }
        most
    }

    /// Connections may have ended, and others may have their numbers.
    pub fn doubt_all(&mut self) {
        self.of.values_mut().flatten().for_each(|(_, is)| *is = Is::Untold);
    }

    fn note(&mut self, query: &Query<'_>, name: TableName, is: Is) {
        self.forget(query, &name);
        if self.names >= NAMES {
            (self.is_lost, self.names) = (true, 0);
            self.of.clear();
        }
        self.names += 1;
        self.of.entry(whose(query)).or_default().push((name, is));
    }

    fn forget(&mut self, query: &Query<'_>, name: &TableName) {
        let Some(known) = self.of.get_mut(&whose(query)) else { return };
        let before = known.len();
        known.retain(|(known, _)| known != name);
        self.names -= before - known.len();
        if known.is_empty() {
            self.of.remove(&whose(query));
        }
    }
}

/// Changes of definitions that were followed, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Followed(Vec<(Place, Whose, Vec<TableName>)>);

impl Followed {
    pub fn push(&mut self, query: &Query<'_>, named: &Named, place: Place) {
        let mut names = named.all.clone();
        names.extend(named.meant.iter().filter(|name| !named.all.contains(name)).cloned());
        // What is created is a table that stays, and no other is another for it.
        if !named.meant.is_empty() {
            self.0.push((place, whose(query), names));
        }
    }

    /// Tables of which nothing that was followed is sure, with the place from which on: the connection of a statement had
    /// a temporary table of that name.
    pub fn doubtful(&self, query: &Query<'_>, name: &TableName) -> Vec<(TableName, Place)> {
        let mut doubtful: Vec<(TableName, Place)> = vec![];
        for (place, by, names) in &self.0 {
            let is_hers = *by == whose(query) && names.iter().any(|one| one.is_like(name));
            let is_doubtful = names.iter().any(|one| doubtful.iter().any(|(known, _)| known == one));
            let moves = is_doubtful && names.len() > 1;
            for name in names.iter().filter(|_| is_hers || moves) {
                if !doubtful.iter().any(|(known, _)| known == name) {
                    doubtful.push((name.clone(), *place));
                }
            }
        }
        doubtful
    }
}

#[cfg(test)]
mod tests;
