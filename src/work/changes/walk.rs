//! Reading a surveyed source again, from anywhere: entry by entry, with tables described and fates known.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::frame::{Format, Frames, Limits};
use crate::change::query::Ddl;
use crate::change::rows::RowCells;
use crate::change::schema::{Described, Timeline};
use crate::change::table::Table;
use crate::change::transactions::{Clocks, Ending, Fate, Fates, Item, LogFile, RowsItem, StatementItem, Transactions};
use crate::model::change::{BinlogPos, Certainty, Change, ChangeKey, Place, TransactionFacts};
use crate::model::changes::Compiled;
use crate::model::foreign::Foreign;
use crate::work::changes::columns::TableColumns;
use crate::work::changes::facts::KnownAround;
use crate::work::changes::fetch::{Forward, Log};
use crate::work::changes::stats::Checkpoint;

/// Tables that are remembered while nothing changes their definitions.
const TABLES: usize = 4 << 10;

/// A source that was read once.
pub struct Opened {
    /// As the operator named it.
    pub label: Arc<Foreign>,
    /// The names of the files that were read, in order.
    pub names: Vec<Foreign>,
    /// They themselves, each with its place in that order.
    pub logs: Vec<(u32, Log)>,
    /// What is known of tables.
    pub timeline: Arc<Timeline>,
    /// What became of rows.
    pub fates: Arc<Fates>,
    /// When transactions were committed.
    pub clocks: Arc<Clocks>,
    /// What stands around tables.
    pub around: Arc<KnownAround>,
    /// Where reading can begin again.
    pub checkpoints: Vec<Checkpoint>,
    /// How many entries there are.
    pub entries: u64,
    /// The filter that it was opened with.
    pub filter: Compiled,
    /// What is known of the columns of its tables.
    pub columns: Vec<TableColumns>,
}

/// One thing of an entry.
pub enum Seen<'s> {
    /// A transaction begins.
    Begin(&'s Arc<TransactionFacts>),
    /// Rows of it.
    Rows { item: &'s RowsItem<'s>, table: &'s Described, fate: Fate },
    /// A change of definitions.
    Wall(&'s Ddl, &'s StatementItem<'s>),
    /// A statement as text; `true`: inside of a transaction.
    Text(&'s StatementItem<'s>, bool),
    /// The transaction ends; `true`: it was an entry.
    End(&'s Ending, bool),
}

/// Where something of an entry was seen.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// The entry's number.
    pub entry: u64,
    /// The file and the byte at which reading stood before it.
    pub at: Place,
}

/// What a walk asks.
pub trait Visit {
    /// Takes in one thing.
    ///
    /// # Errors
    ///
    /// What is wrong with the event.
    fn see(&mut self, spot: Spot, seen: Seen<'_>) -> Result<ControlFlow<()>, BinlogError>;

    /// A file cannot be read on: go on with the next one, or stop.
    fn broken(&mut self, file: u32, at: BinlogPos, error: BinlogError) -> ControlFlow<()> {
        let _ = (file, at, error);
        ControlFlow::Continue(())
    }
}

/// What a walk knows of the open transaction.
#[derive(Default)]
struct Open {
    is_open: bool,
    touched: bool,
    texts: u64,
}

impl Opened {
    /// The checkpoint at an entry or before it.
    pub fn checkpoint(&self, entry: u64) -> Checkpoint {
        let at = self.checkpoints.partition_point(|checkpoint| checkpoint.entry <= entry);
        at.checked_sub(1).and_then(|at| self.checkpoints.get(at)).copied().unwrap_or_else(|| self.start())
    }

    /// The beginning.
    pub fn start(&self) -> Checkpoint {
        let file = self.logs.first().map_or(0, |(index, _)| *index);
        Checkpoint { entry: 0, place: Place { file, ..Place::default() }, at: Default::default() }
    }

    /// What names a log in the keys of changes.
    pub fn log_file(&self, file: u32) -> LogFile {
        let name = self.logs.iter().find(|(index, _)| *index == file).map(|(_, log)| log.name.clone());
        LogFile { source: self.label.clone(), name: name.unwrap_or_default() }
    }

    /// Walks from a checkpoint to the end, or until the visitor has enough.
    pub fn walk(&self, from: Checkpoint, visit: &mut impl Visit) {
        let mut entry = from.entry;
        let mut described = Describing { timeline: &self.timeline, known: HashMap::new() };
        for (index, log) in self.logs.iter().filter(|(index, _)| *index >= from.place.file) {
            let start = if *index == from.place.file { from.place } else { Place { file: *index, ..Place::default() } };
            let reader = match reader(log, start) {
                Ok(reader) => reader.with_clocks(self.clocks.clone()),
                Err(error) => match visit.broken(*index, start.position, error) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(()) => return,
                },
            };
            if self.file(reader, &mut entry, &mut described, visit).is_break() {
                return;
            }
        }
    }

    fn file(
        &self,
        mut events: Transactions<Forward>,
        entry: &mut u64,
        tables: &mut Describing<'_>,
        visit: &mut impl Visit,
    ) -> ControlFlow<()> {
        let mut open = Open::default();
        let mut at = events.place();
        loop {
            at.position = events.at();
            let went = match events.next() {
                Ok(Some(item)) => self.item(&item, (entry, at), &mut open, tables, visit),
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => Err(error),
            };
            match went {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return ControlFlow::Break(()),
                Err(error) => {
                    // As the first pass did: what was open is cut here.
                    if open.is_open && (open.touched || open.texts > 0) {
                        let spot = Spot { entry: *entry, at };
                        *entry += 1;
                        if matches!(visit.see(spot, Seen::End(&Ending::Cut, true)), Ok(ControlFlow::Break(()))) {
                            return ControlFlow::Break(());
                        }
                    }
                    return visit.broken(at.file, events.at(), error);
                }
            }
        }
    }

    fn item(
        &self,
        item: &Item<'_>,
        (entry, at): (&mut u64, Place),
        open: &mut Open,
        tables: &mut Describing<'_>,
        visit: &mut impl Visit,
    ) -> Result<ControlFlow<()>, BinlogError> {
        let spot = Spot { entry: *entry, at };
        match item {
            Item::Begin(facts) => {
                *open = Open { is_open: true, ..Open::default() };
                visit.see(spot, Seen::Begin(facts))
            }
            Item::Rows(item) => {
                open.touched = true;
                let fate = if self.fates.is_empty() { Fate::Happened } else { self.fates.of(item.place) };
                let table = tables.of(item.event.table, item.place);
                visit.see(spot, Seen::Rows { item, table, fate })
            }
            Item::Wall(ddl, statement) => {
                *entry += 1;
                tables.known.clear();
                visit.see(spot, Seen::Wall(ddl, statement))
            }
            Item::Statement(statement) => {
                match open.is_open {
                    true => open.texts += 1,
                    false => *entry += 1,
                }
                visit.see(spot, Seen::Text(statement, open.is_open))
            }
            Item::End(ending) => {
                let counts = open.touched || open.texts > 0;
                *open = Open::default();
                *entry += u64::from(counts);
                visit.see(spot, Seen::End(ending, counts))
            }
            _ => Ok(ControlFlow::Continue(())),
        }
    }
}

/// A reader that stands at a place where a transaction begins.
fn reader(log: &Log, at: Place) -> Result<Transactions<Forward>, BinlogError> {
    if at.position == BinlogPos(0) {
        let start = Forward::new(log.bytes.clone(), BinlogPos(0));
        return Ok(Transactions::new(start, at.file, Limits::default()));
    }
    let format = format(log)?;
    Ok(Transactions::from_transaction(Forward::new(log.bytes.clone(), at.position), at, format, Limits::default()))
}

fn format(log: &Log) -> Result<Format, BinlogError> {
    let mut frames = Frames::new(Forward::new(log.bytes.clone(), BinlogPos(0)), Limits::default());
    frames.advance()?;
    frames.format().copied().ok_or(BinlogError::NotABinlog)
}

/// Tables with what is known of them, remembered until a definition changes.
struct Describing<'t> {
    timeline: &'t Timeline,
    known: HashMap<*const Table, (Arc<Table>, Described)>,
}

impl Describing<'_> {
    fn of(&mut self, table: &Arc<Table>, place: Place) -> &Described {
        if self.known.len() > TABLES {
            self.known.clear();
        }
        // The address stays this table's own as long as it is kept beside it.
        let entry = self.known.entry(Arc::as_ptr(table));
        &entry.or_insert_with(|| (table.clone(), self.timeline.describe(table, place))).1
    }
}

/// One row as everything above shows it.
///
/// # Errors
///
/// When a value is not what its column holds.
pub fn change(
    of: &LogFile,
    item: &RowsItem<'_>,
    (cells, row): (&RowCells<'_>, u32),
    table: &Described,
    fate: Fate,
) -> Result<Change, BinlogError> {
    let position = item.place.position;
    let certainty = match (fate, item.event.is_incomplete(), table.shown.named) {
        (Fate::Undecided | Fate::Cut, ..) => Certainty::Undecided,
        (_, true, _) => Certainty::Incomplete,
        (_, false, false) => Certainty::Unnamed,
        (_, false, true) => Certainty::Exact,
    };
    Ok(Change {
        key: ChangeKey {
            source: of.source.clone(),
            file: of.name.clone(),
            position,
            row: item.first_row.saturating_add(row),
        },
        kind: item.event.kind,
        table: table.shown.clone(),
        before: cells.image_before(&table.log).map_err(|broken| broken.at(position))?,
        after: cells.image_after(&table.log).map_err(|broken| broken.at(position))?,
        transaction: item.facts.clone(),
        stated_at: item.stated_at,
        statement: item.statement.cloned(),
        certainty,
    })
}
