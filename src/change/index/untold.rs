//! Events of which nobody can tell whether they are wanted.

use std::collections::BTreeMap;

use crate::change::query::TableName;
use crate::change::reverse::{Refusal, Refusals};
use crate::change::transactions::{Fate, Fates};
use crate::model::change::Place;

/// How many are held with their places, so that those that never happened can be taken out again.
const PLACED: usize = 10_000;

/// Such events, while logs are read.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    first: Vec<(Place, TableName, Refusal)>,
    /// All others.
    more: BTreeMap<TableName, Refusals>,
}

impl Doubts {
    /// One more, of a table.
    pub fn push(&mut self, place: Place, table: TableName, refusal: Refusal) {
        match self.first.len() < PLACED {
            true => self.first.push((place, table, refusal)),
            false => self.more.entry(table).or_default().push(refusal),
        }
    }

    /// All of others.
    pub fn append(&mut self, others: Self) {
        others.first.into_iter().for_each(|(place, table, refusal)| self.push(place, table, refusal));
        for (table, refusals) in others.more {
            self.more.entry(table).or_default().extend(refusals);
        }
    }

    /// By table, without those that never happened.
    pub fn by_table(self, fates: &Fates) -> BTreeMap<TableName, Refusals> {
        let mut tables = BTreeMap::<TableName, Refusals>::new();
        for (_, table, refusal) in self.first.into_iter().filter(|(place, ..)| fates.of(*place) != Fate::RolledBack) {
            tables.entry(table).or_default().push(refusal);
        }
        for (table, refusals) in self.more {
            tables.entry(table).or_default().extend(refusals);
        }
        tables
    }
}
