//! Sums over a source in one pass: per table and kind, over time, transaction by transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::change::error::Broken;
use crate::change::gtid::Xid;
use crate::change::query::TableName;
use crate::change::rows::RowsEvent;
use crate::change::table::Table;
use crate::change::transactions::{Back, Ending, Savepoints};
use crate::model::change::{ChangeKind, Place, TransactionFacts};
use crate::model::changes::{Histogram, Rows, TableRef, Totals};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::work::changes::bursts::{Large, Largest};

/// Definitions of one table that are remembered to tell whether its columns have names.
const SHAPES: usize = 16;
/// The most checkpoints; more are thinned out.
const CHECKPOINTS: usize = 8 << 10;

/// What is known of one table.
pub struct TableSums {
    pub table: TableRef,
    pub rows: Rows,
    pub transactions: u64,
    pub bytes: u64,
    pub span: Option<(Moment, Moment)>,
    /// How the log described it, each with the first place.
    pub shapes: Vec<(Arc<Table>, Place)>,
    /// Its definition changed: the next description counts as a new one.
    stale: bool,
}

impl TableSums {
    /// Whether every definition that the log had is among the shapes.
    pub fn has_all_shapes(&self) -> bool {
        self.shapes.len() < SHAPES
    }
}

/// Rows of one table in an open transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: Rows,
    bytes: u64,
}

type Tallies = Vec<(u32, Tally)>;

/// A transaction that is not decided yet.
struct Pending {
    facts: Arc<TransactionFacts>,
    tallies: Tallies,
    marks: Savepoints<Tallies>,
    texts: u64,
    number: u64,
    /// Whether it has rows events at all, be they rolled back or not: then it has a number.
    touched: bool,
}

impl Pending {
    fn rows(&self) -> u64 {
        self.tallies.iter().map(|(_, tally)| tally.rows.all()).sum()
    }
}

/// Where reading can begin again: in front of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the next entry.
    pub entry: u64,
    /// Where its transaction begins, or one without rows in front of it.
    pub place: Place,
    /// The latest commit before it, and that of the transaction there.
    pub at: Moment,
}

/// The sums.
#[derive(Default)]
pub struct Stats {
    pub tables: Vec<TableSums>,
    by_name: HashMap<TableRef, u32>,
    /// The table of the last rows: nearly always the next one's too.
    last: Option<(Arc<Table>, u32)>,
    open: Option<Pending>,
    prepared: BTreeMap<Xid, Pending>,
    pub totals: Totals,
    pub histogram: Histogram,
    pub largest: Largest,
    pub entries: u64,
    pub checkpoints: Vec<Checkpoint>,
    spacing: u64,
    /// The latest commit so far.
    latest: Moment,
    /// The table whose rows were counted last.
    current: u32,
}

impl Stats {
    pub fn begin(&mut self, facts: &Arc<TransactionFacts>, file: u32) {
        let place = Place { file, position: facts.start, inner: 0 };
        self.latest = self.latest.max(facts.committed_at);
        self.checkpoint(place, self.latest);
        let facts = facts.clone();
        self.open =
            Some(Pending { facts, tallies: vec![], marks: Savepoints::default(), texts: 0, number: 0, touched: false });
    }

    fn checkpoint(&mut self, place: Place, at: Moment) {
        let spacing = self.spacing.max(32);
        if self
            .checkpoints
            .last()
            .is_some_and(|last| self.entries < last.entry + spacing && last.place.file == place.file)
        {
            return;
        }
        self.checkpoints.push(Checkpoint { entry: self.entries, place, at });
        if self.checkpoints.len() > CHECKPOINTS {
            let mut nth = 0;
            self.checkpoints.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.spacing = spacing * 2;
        }
    }

    /// Counts the rows of an event.
    pub fn rows(&mut self, event: &RowsEvent<'_>, place: Place) -> Result<(), Broken> {
        let mut walk = event.rows();
        let mut count = 0;
        while walk.skip().or_else(Broken::ends_old_rows)? {
            count += 1;
        }
        let at = self.index_of(event.table, place);
        self.current = at;
        let Some(open) = &mut self.open else { return Ok(()) };
        open.touched = true;
        match open.tallies.iter_mut().find(|(table, _)| *table == at) {
            Some((_, tally)) => tally.rows.add(event.kind, count),
            None => {
                let mut tally = Tally::default();
                tally.rows.add(event.kind, count);
                open.tallies.push((at, tally));
            }
        }
        Ok(())
    }

    /// Adds the bytes of the event whose rows were counted last.
    pub fn bytes(&mut self, bytes: u64) {
        let current = self.current;
        let tally = self.open.as_mut().and_then(|open| open.tallies.iter_mut().find(|(table, _)| *table == current));
        if let Some((_, tally)) = tally {
            tally.bytes += bytes;
        }
    }

    fn index_of(&mut self, table: &Arc<Table>, place: Place) -> u32 {
        if let Some((last, at)) = &self.last
            && Arc::ptr_eq(last, table)
            && !self.tables[*at as usize].stale
        {
            return *at;
        }
        let name = TableRef { schema: table.schema.clone(), table: table.name.clone() };
        let at = match self.by_name.get(&name) {
            Some(at) => *at,
            None => {
                let at = u32::try_from(self.tables.len()).unwrap_or(u32::MAX);
                self.by_name.insert(name.clone(), at);
                self.tables.push(TableSums {
                    table: name,
                    rows: Rows::default(),
                    transactions: 0,
                    bytes: 0,
                    span: None,
                    shapes: vec![],
                    stale: false,
                });
                at
            }
        };
        self.last = Some((table.clone(), at));
        let sums = &mut self.tables[at as usize];
        let is_new = sums.shapes.last().is_none_or(|(known, _)| sums.stale || known.columns != table.columns);
        if is_new && sums.shapes.len() < SHAPES {
            sums.shapes.push((table.clone(), place));
        }
        sums.stale = false;
        at
    }

    /// A definition changed: what was known of these tables is no longer. Without a database, that of any table may have.
    pub fn wall(&mut self, schema: &[u8], table: &[u8]) {
        for sums in &mut self.tables {
            let is_it = schema.is_empty() || sums.table.schema.raw_bytes() == schema;
            if is_it && (table.is_empty() || sums.table.table.raw_bytes() == table) {
                sums.stale = true;
            }
        }
    }

    /// The number of an entry that stands outside of transactions.
    pub fn number(&mut self) -> u64 {
        self.entries += 1;
        self.entries - 1
    }

    /// A statement that the log has as text only; outside of a transaction it is an entry of its own.
    pub fn text(&mut self) {
        self.totals.statements += 1;
        match &mut self.open {
            Some(open) => open.texts += 1,
            None => drop(self.number()),
        }
    }

    pub fn savepoint(&mut self, name: &[u8]) {
        let Some(open) = &mut self.open else { return };
        open.marks.set(name.to_vec(), open.tallies.clone());
    }

    pub fn rolled_back_to(&mut self, name: &[u8]) {
        let Some(open) = &mut self.open else { return };
        let all = open.rows();
        let rows = |tallies: &Tallies| tallies.iter().map(|(_, tally)| tally.rows.all()).sum::<u64>();
        match open.marks.back_to(name) {
            Back::To(tallies) => {
                open.tallies = tallies;
                self.totals.rolled_back += all.saturating_sub(open.rows());
            }
            Back::Perhaps(tallies) => self.totals.undecided += all - tallies.as_ref().map_or(0, rows).min(all),
        }
    }

    pub fn end(&mut self, ending: Ending) {
        let Some(mut open) = self.open.take() else { return };
        let rows = open.rows();
        if !open.touched && open.texts == 0 {
            return;
        }
        open.number = self.number();
        match ending {
            Ending::Committed | Ending::Cut => self.settle(&open),
            Ending::RolledBack => self.totals.rolled_back += rows,
            Ending::Prepared(xid) => drop(self.prepared.insert(xid, open)),
        }
    }

    pub fn decided(&mut self, xid: &Xid, stays: bool, at: Moment) {
        let Some(pending) = self.prepared.remove(xid) else { return };
        match stays {
            true => self.settle_at(&pending, at),
            false => self.totals.rolled_back += pending.rows(),
        }
    }

    /// Everything was read: what is still prepared is undecided, and counts.
    pub fn finish(&mut self) {
        self.end(Ending::Cut);
        for pending in std::mem::take(&mut self.prepared).into_values() {
            self.totals.undecided += pending.rows();
            self.settle(&pending);
        }
    }

    fn settle(&mut self, pending: &Pending) {
        self.settle_at(pending, pending.facts.committed_at);
    }

    fn settle_at(&mut self, pending: &Pending, at: Moment) {
        if pending.rows() > 0 {
            self.totals.transactions += 1;
        }
        for (table, tally) in &pending.tallies {
            let sums = &mut self.tables[*table as usize];
            if tally.rows.all() == 0 {
                continue;
            }
            sums.rows.merge(tally.rows);
            sums.bytes += tally.bytes;
            sums.transactions += 1;
            sums.span = Some(sums.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
            self.totals.rows.merge(tally.rows);
            self.histogram.add(*table, at, tally.rows);
            for kind in [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete] {
                let rows = tally.rows.of(kind);
                if rows > 0 {
                    self.largest.see(Large { table: *table, kind, rows, at, entry: pending.number });
                }
            }
        }
    }

    /// Tables by their rows, the largest first, and what that makes of their indexes.
    pub fn order(&self) -> (Vec<usize>, Vec<u32>) {
        let mut order: Vec<usize> = (0..self.tables.len()).filter(|at| self.tables[*at].rows.all() > 0).collect();
        order.sort_by_key(|at| (std::cmp::Reverse(self.tables[*at].rows.all()), &self.tables[*at].table));
        let mut new = vec![u32::MAX; self.tables.len()];
        for (at, old) in order.iter().enumerate() {
            new[*old] = u32::try_from(at).unwrap_or(u32::MAX);
        }
        (order, new)
    }

    /// All tables of which there are rows.
    pub fn mapped(&self) -> Vec<TableName> {
        self.tables.iter().filter_map(|sums| Some(sums.shapes.first()?.0.full_name())).collect()
    }

    /// The name of a table.
    pub fn name(&self, table: u32) -> TableRef {
        let nothing = || TableRef { schema: Foreign::default(), table: Foreign::default() };
        self.tables.get(table as usize).map_or_else(nothing, |sums| sums.table.clone())
    }
}
