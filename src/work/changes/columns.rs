//! What the columns of a source's tables are called: a filter that asks for others finds nothing, and says so.

use std::collections::BTreeSet;

use crate::change::schema::Timeline;
use crate::model::changes::{ChangeFilter, Compiled, FilterError, TableRef};
use crate::model::foreign::Foreign;
use crate::report::{Report, Reportable};
use crate::work::changes::stats::{Stats, TableSums};
use crate::work::changes::walk::Opened;

/// Names that an error lists.
const LISTED: usize = 20;

/// What is known of the columns of one table, over all its definitions.
#[derive(Debug, Clone)]
pub struct TableColumns {
    table: TableRef,
    names: BTreeSet<Foreign>,
    /// How many columns its key had.
    keys: BTreeSet<usize>,
    /// Whether all of it is known.
    is_complete: bool,
}

/// Of all tables of a source that was read.
pub fn of(stats: &Stats, timeline: &Timeline) -> Vec<TableColumns> {
    stats.tables.iter().map(|sums| of_table(sums, timeline)).collect()
}

fn of_table(sums: &TableSums, timeline: &Timeline) -> TableColumns {
    let mut known = TableColumns {
        table: sums.table.clone(),
        names: BTreeSet::new(),
        keys: BTreeSet::new(),
        is_complete: sums.has_all_shapes(),
    };
    for (table, place) in &sums.shapes {
        let shown = timeline.describe(table, *place).shown;
        known.is_complete &= shown.named;
        known.keys.insert(shown.key_columns().len());
        known.names.extend(shown.columns.iter().map(|column| column.name.clone()));
    }
    known
}

impl TableColumns {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.raw_bytes().eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl Opened {
    /// Makes a filter ready for its files.
    ///
    /// # Errors
    ///
    /// When it names a file, a column or a key that is nowhere in what it asks for.
    pub fn compile(&self, filter: &ChangeFilter) -> Result<Compiled, Report> {
        let compiled = filter.compile(&self.names).map_err(|error| error.report())?;
        self.check(&compiled)?;
        Ok(compiled)
    }

    /// Whether the columns that a filter asks for are in any of the tables that it asks for. Where one of these has
    /// columns without names, that is nothing to be told here.
    ///
    /// # Errors
    ///
    /// [`FilterError::NoColumn`] and [`FilterError::NoKey`].
    pub fn check(&self, filter: &Compiled) -> Result<(), Report> {
        let asked = self.columns.iter().filter(|one| filter.takes_table(&one.table.schema, &one.table.table));
        let asked: Vec<&TableColumns> = asked.collect();
        if asked.iter().any(|one| !one.is_complete) || asked.is_empty() {
            return Ok(());
        }
        let ChangeFilter { keys, changed, values, .. } = filter.filter();
        let mut named = changed.iter().chain(values.iter().map(|(name, _)| name));
        if let Some(name) = named.find(|name| !asked.iter().any(|one| one.has(name))) {
            return Err(no_column(name, &asked).report());
        }
        match keys.iter().find(|key| !asked.iter().any(|one| one.keys.contains(&key.len()))) {
            Some(key) => Err(FilterError::NoKey { parts: key.len() }.report()),
            None => Ok(()),
        }
    }
}

fn no_column(name: &str, asked: &[&TableColumns]) -> FilterError {
    let all: BTreeSet<&Foreign> = asked.iter().flat_map(|one| &one.names).collect();
    let mut known = all.iter().take(LISTED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if all.len() > LISTED {
        known.push_str(&format!(" and {} more", all.len() - LISTED));
    }
    FilterError::NoColumn { column: Foreign::from(name).to_string(), known }
}
