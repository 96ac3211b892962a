//! Pass one over logs: in which stretches rows lie that are wanted, what became of them, and what stands in the way.
//!
//! What is kept of a log is one window for some hundred KB of it, whatever its events are: pass two reads the
//! windows again, from the last to the first, and several at a time.

mod build;
mod found;
mod gtids;
mod segments;
mod untold;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::frame::{FileEnd, Limits};
pub use crate::change::index::found::{Beside, EventCounts, PartOf, Partial, Threads, Undone, Weight};
pub use crate::change::index::gtids::{Gtids, Span};
pub(super) use crate::change::index::segments::Segments;
pub(super) use crate::change::index::window::{Stretch, WINDOW, Window};
use crate::change::query::{Ddl, TableName};
use crate::change::reverse::Refusals;
use crate::change::rows::{RowCells, RowsEvent};
use crate::change::schema::{Described, Timeline};
use crate::change::table::Table;
use crate::change::transactions::{Clocks, Fates, LogFile, RowsItem, StatementItem};
use crate::model::change::{ChangeKind, Place, TransactionFacts};
use crate::model::changes::{Passes, Untold};
use crate::model::foreign::Foreign;
use crate::model::script::Extent;
use crate::model::units::Moment;

/// One log file as plain bytes that can be read anywhere.
pub trait ReadAt: Send + Sync {
    /// Reads what there is from byte `at` on, at most as much as there is room; 0 at the end.
    ///
    /// # Errors
    ///
    /// As reading a file.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Bytes in all.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }
}

/// One file of a sequence of logs; the files of a sequence stand in their order.
#[derive(Clone)]
pub struct Log {
    /// Its names.
    pub of: LogFile,
    /// Its bytes, unpacked.
    pub bytes: Arc<dyn ReadAt>,
}

/// A stretch of a log, read forward.
pub(super) struct Cursor<'l> {
    from: &'l dyn ReadAt,
    at: u64,
    end: u64,
}

impl<'l> Cursor<'l> {
    pub fn new(from: &'l dyn ReadAt, at: u64, end: u64) -> Self {
        Self { from, at, end }
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = self.end.saturating_sub(self.at).min(into.len() as u64) as usize;
        let read = self.from.read_at(self.at, &mut into[..room])?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What is known of an event of rows before its rows are read.
#[derive(Debug, Clone, Copy)]
pub struct RowsFacts<'a> {
    /// Their table, as the log describes it.
    pub table: &'a Table,
    /// What happened to them.
    pub kind: ChangeKind,
    /// Where the event begins.
    pub place: Place,
    /// Their transaction.
    pub transaction: &'a TransactionFacts,
    /// When their statement began.
    pub stated_at: Moment,
    /// The statement, where it was logged.
    pub statement: Option<&'a Foreign>,
}

impl<'a> RowsFacts<'a> {
    pub(super) fn of(item: &'a RowsItem<'_>) -> Self {
        let RowsEvent { table, kind, .. } = item.event;
        let statement = item.statement.map(Arc::as_ref);
        Self { table, kind, place: item.place, transaction: item.facts, stated_at: item.stated_at, statement }
    }
}

/// One row of a log, with the cells where they lie.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'v, 'a> {
    /// What happened to it.
    pub kind: ChangeKind,
    /// Its table; [`Described::log`] is what its cells are read with.
    pub table: &'v Described,
    /// Its cells.
    pub cells: &'v RowCells<'a>,
    /// Its transaction.
    pub transaction: &'v TransactionFacts,
}

/// Which parts of logs are wanted. Both passes ask, so the answers must not change.
pub trait Wanted: Send + Sync {
    /// Whether the rows of an event are.
    fn rows(&self, rows: &RowsFacts<'_>) -> bool;

    /// Why nobody can tell whether the rows of an event are, of one for which [`Self::rows`] said no: that stands in the
    /// way.
    fn doubt(&self, rows: &RowsFacts<'_>) -> Option<Untold> {
        let _ = rows;
        None
    }

    /// Whether [`Self::row`] decides as well; then rows are read in both passes.
    fn looks_at_rows(&self) -> bool {
        false
    }

    /// Whether one row is wanted, of an event for which [`Self::rows`] said yes. What cannot be told stands in the way.
    fn row(&self, row: &RowView<'_, '_>) -> Passes {
        let _ = row;
        Passes::Yes
    }

    /// Whether a statement whose rows are not in the log stands in the way. One that writes into a temporary table alone
    /// does not, and is not asked about.
    fn statement(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        let _ = (statement, place);
        true
    }

    /// Whether a statement that does not stand in the way is worth a word: what follows from it may still touch
    /// what is wanted.
    fn statement_beside(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        let _ = (statement, place);
        false
    }

    /// Whether a change of definitions stands in the way.
    fn wall(&self, ddl: &Ddl, statement: &StatementItem<'_>, place: Place) -> bool {
        let _ = (ddl, statement, place);
        true
    }

    /// Whether a change of definitions, of no table that was asked for, still stands in the way of rows in front of it:
    /// rows of other tables come in with whole transactions, and a range may end in front of it.
    fn wall_behind(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        let _ = (statement, place);
        false
    }

    /// Whether the loss of changes at that place stands in the way.
    fn incident(&self, place: Place) -> bool {
        let _ = place;
        true
    }
}

/// All of the logs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everything;

impl Wanted for Everything {
    fn rows(&self, _: &RowsFacts<'_>) -> bool {
        true
    }
}

/// Who watches long work.
pub trait Watch: Sync {
    /// So many bytes of logs were read since the last call; `false` stops the work.
    fn passed(&self, bytes: u64) -> bool;
}

/// The work was stopped by whom it was done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// How logs are indexed.
#[derive(Clone, Copy, Default)]
pub struct Indexing<'w> {
    /// Whether all of a transaction is wanted when anything of it is.
    pub extent: Extent,
    /// How much of a log may be held.
    pub limits: Limits,
    /// What a pass before found of when transactions were committed.
    pub clocks: Option<&'w Arc<Clocks>>,
    /// Who watches.
    pub watch: Option<&'w dyn Watch>,
}

/// What pass one found.
pub struct Index {
    pub(super) logs: Vec<Log>,
    pub(super) wanted: Arc<dyn Wanted>,
    pub(super) extent: Extent,
    pub(super) limits: Limits,
    /// Those with wanted rows, in the order of the logs.
    pub(super) windows: Vec<Window>,
    pub(super) fates: Fates,
    /// With what the logs' own statements changed.
    pub(super) timeline: Timeline,
    /// Places from which other definitions are true, in their order.
    pub(super) epochs: Vec<Place>,
    /// Transactions, counted from 1, with anything wanted.
    pub(super) touched: Bits,
    /// Transactions of which some rows were written without checks of foreign keys: because their statement said so, or
    /// because a cascade wrote them. No order undoes cascades under checks: a child whose key followed its parent's can
    /// neither go back before its parent nor behind it.
    pub(super) unchecked: Bits,
    /// What stands in the way; pass two may find more.
    pub refusals: Refusals,
    /// Events of which nobody can tell whether they are wanted, by table: they stand in the way unless their table is
    /// left as it is.
    pub untold: BTreeMap<TableName, Refusals>,
    /// How each file was read.
    pub files: Vec<FileFacts>,
    /// Events with wanted rows, by table and kind; with [`Extent::Whole`] those that were asked for. Tables of
    /// [`Self::untold`] are among them.
    pub tables: BTreeMap<TableName, EventCounts>,
    /// Other tables that come in because whole transactions are wanted.
    pub companions: BTreeSet<TableName>,
    /// Tables with rows that are undone.
    pub undone: BTreeMap<TableName, Undone>,
    /// Transactions of which a part is wanted.
    pub partial: Partial,
    /// The GTIDs of transactions with anything wanted.
    pub gtids: Gtids,
    /// Their connections.
    pub threads: Threads,
    /// How much their rows take up in the logs.
    pub weight: Weight,
    /// Statements without rows that name none of the tables that are wanted.
    pub beside: Beside,
}

/// How a file was read.
#[derive(Debug)]
pub struct FileFacts {
    /// Its names.
    pub of: LogFile,
    /// When its first transaction was committed.
    pub from: Option<Moment>,
    /// When its last transaction was committed.
    pub to: Option<Moment>,
    /// How it ends.
    pub end: FileEnd,
    /// Why it could not be read to its end; what came before was.
    pub error: Option<BinlogError>,
}

impl Index {
    /// Reads logs from their beginning to their end. `timeline` has the definitions that are known beforehand.
    ///
    /// # Errors
    ///
    /// Only when whoever watches stops it: damage is in [`Self::files`], and what came before it was read.
    pub fn build(
        logs: Vec<Log>,
        timeline: Timeline,
        wanted: Arc<dyn Wanted>,
        how: Indexing<'_>,
    ) -> Result<Self, Stopped> {
        build::build(logs, timeline, wanted, how)
    }

    /// How many windows there are; see [`crate::change::undo::rows`].
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Transactions with anything wanted.
    pub fn transactions(&self) -> u64 {
        self.touched.count()
    }

    /// Whether the rows of an event belong to what is wanted; `number` is its transaction's.
    pub(super) fn wants(&self, rows: &RowsItem<'_>, number: u64) -> bool {
        match self.extent {
            Extent::Whole => self.touched.has(number),
            Extent::Partial => self.wanted.rows(&RowsFacts::of(rows)),
        }
    }
}

/// Asks about the rows of events.
#[derive(Default)]
pub(super) struct RowTester<'a> {
    cells: RowCells<'a>,
}

impl<'a> RowTester<'a> {
    /// Whether any row of an event is wanted. Where a part of a transaction is wanted, all its rows are looked at.
    pub fn ask(
        &mut self,
        (wanted, extent): (&dyn Wanted, Extent),
        rows: &'a RowsItem<'_>,
        table: &Described,
    ) -> Result<Asked, BinlogError> {
        let (kind, transaction) = (rows.event.kind, &**rows.facts);
        let (mut walk, mut asked, mut row) = (rows.event.rows(), Asked::default(), rows.first_row);
        if rows.event.hides_its_size() {
            return Ok(Asked { is_wanted: true, ..asked }); // it may be wanted, and will be refused
        }
        while walk.read(&mut self.cells).map_err(|broken| broken.at(rows.place.position))? {
            match wanted.row(&RowView { kind, table, cells: &self.cells, transaction }) {
                Passes::No => {}
                Passes::Yes => asked.is_wanted = true,
                Passes::Untold(why) => drop(asked.untold.get_or_insert((row, why))),
            }
            if asked.is_wanted && extent == Extent::Whole {
                break;
            }
            row = row.saturating_add(1);
        }
        Ok(asked)
    }
}

/// What became of the question for the rows of an event.
#[derive(Default)]
pub(super) struct Asked {
    /// Whether any of them is wanted.
    pub is_wanted: bool,
    /// The first row of which that cannot be told, and why.
    pub untold: Option<(u32, Untold)>,
}

/// A set of small numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub fn set(&mut self, number: u64) {
        let at = (number / 64) as usize;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << (number % 64);
    }

    pub fn has(&self, number: u64) -> bool {
        self.words.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether any of these is in it.
    pub fn has_any(&self, first: u64, last: u64) -> bool {
        (first..=last).any(|number| self.has(number))
    }

    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
