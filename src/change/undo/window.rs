//! Events of one window that are wanted, and the tables they need.

use std::io::Read;
use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::index::{Index, Segments, Stretch};
use crate::change::reverse::UndoTable;
use crate::change::rows::RowCells;
use crate::change::schema::Described;
use crate::change::table::Table;
use crate::change::transactions::{Fate, Item, RowsItem};
use crate::change::undo::orphans::{Along, along};
use crate::change::undo::{Request, UndoError};
use crate::model::script::Gaps;

/// How many tables a thread knows at a time.
const KNOWN: usize = 256;

/// Shows the wanted events of a window in the log's order, with the numbers of their transactions; what was rolled
/// back is not among them.
pub(super) fn events(
    index: &Index,
    number: usize,
    segments: &Segments,
    gaps: Gaps,
    mut see: impl FnMut(&RowsItem<'_>, u64, Fate) -> Result<(), BinlogError>,
) -> Result<(), UndoError> {
    let Some(window) = index.windows.get(number) else { return Ok(()) };
    let done = match segments.plain(index, number) {
        Ok(Some(plain)) => walk(index, Stretch::over(index, window, plain), window.transaction, &mut see),
        Ok(None) => walk(index, Stretch::outside(index, window), window.transaction, &mut see),
        Err(error) => Err(error),
    };
    let file = &index.files[window.mark.file as usize];
    match done {
        Ok(()) => Ok(()),
        // Pass one came to the same place, and whoever asked knows it. What is wrong in front of it nobody knows yet.
        Err(error) if gaps == Gaps::Allow && file.error.as_ref().is_some_and(|known| known.at() <= error.at()) => {
            Ok(())
        }
        Err(source) => Err(UndoError::Log { file: file.of.name.as_ref().clone(), source }),
    }
}

fn walk<R: Read>(
    index: &Index,
    mut stretch: Stretch<R>,
    before: u64,
    see: &mut impl FnMut(&RowsItem<'_>, u64, Fate) -> Result<(), BinlogError>,
) -> Result<(), BinlogError> {
    let mut transaction = before;
    while stretch.advance()? {
        while let Some(item) = stretch.log.take()? {
            match item {
                Item::Begin(_) => transaction += 1,
                Item::Rows(rows) if index.wants(&rows, transaction) => {
                    let fate = index.fates.of(rows.place);
                    if fate != Fate::RolledBack {
                        see(&rows, transaction, fate)?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A table with what is chosen for it.
#[derive(Clone)]
pub(super) struct Known {
    pub table: Arc<UndoTable>,
    pub described: Arc<Described>,
    pub is_excluded: bool,
    /// What is done to its rows while foreign keys are not checked.
    pub along: Along,
    raw: Arc<Table>,
    epoch: usize,
}

/// The tables that a thread came across.
pub(super) struct Tables<'i> {
    index: &'i Index,
    request: &'i Request<'i>,
    known: Vec<Known>,
    last: usize,
}

impl<'i> Tables<'i> {
    pub fn new(index: &'i Index, request: &'i Request<'i>) -> Self {
        Self { index, request, known: vec![], last: 0 }
    }

    /// The number of the table that an event is of, for [`Self::get`].
    pub fn find(&mut self, rows: &RowsItem<'_>) -> usize {
        let raw = rows.event.table;
        let epoch = self.index.epochs.partition_point(|place| *place <= rows.place);
        let is_it = |known: &Known| Arc::ptr_eq(&known.raw, raw) && known.epoch == epoch;
        if !self.known.get(self.last).is_some_and(is_it) {
            self.last = self.known.iter().position(is_it).unwrap_or_else(|| self.learn(rows, epoch));
        }
        self.last
    }

    pub fn get(&self, number: usize) -> &Known {
        &self.known[number]
    }

    /// Between two windows: what is known does not grow without end.
    pub fn tidy(&mut self) {
        if self.known.len() > KNOWN {
            self.known.clear();
        }
    }

    fn learn(&mut self, rows: &RowsItem<'_>, epoch: usize) -> usize {
        let raw = rows.event.table;
        let like = self.known.iter().find(|known| known.epoch == epoch && known.raw.is_like(raw));
        let known = match like {
            Some(known) => Known { raw: raw.clone(), ..known.clone() },
            None => {
                let described = self.index.timeline.describe(raw, rows.place);
                let facts = self.index.timeline.at(&raw.full_name(), rows.place).ok();
                let table = Arc::new(UndoTable::new(raw, &described, facts.map(|facts| &**facts)));
                let names = (&table.schema, &table.name);
                let is_excluded = self.request.choices.is_some_and(|choices| choices.leaves_out(names));
                let along = along(self.request, names);
                Known { table, described: Arc::new(described), is_excluded, along, raw: raw.clone(), epoch }
            }
        };
        self.known.push(known);
        self.known.len() - 1
    }
}

/// Cells for the rows of an event.
pub(super) fn cells<'a>(rows: &RowsItem<'a>) -> RowCells<'a> {
    let columns = rows.event.table.columns.len();
    RowCells { before: Vec::with_capacity(columns), after: Vec::with_capacity(columns) }
}
