//! What the events of a log tell: transactions with their rows, walls between them, and what cannot be undone.

mod clocks;
mod fates;
mod groups;
mod points;
mod trace;

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use crate::change::error::{BinlogError, Broken};
use crate::change::frame::{Event, FileEnd, Format, FrameMark, Frames, Limits, Product, Spot};
use crate::change::gtid;
use crate::change::kind;
use crate::change::packed;
use crate::change::query::{Ddl, Query, QueryHead, load};
use crate::change::rows::{self, RowsEvent, RowsHead};
use crate::change::schema::Described;
use crate::change::spoken;
use crate::change::table::Table;
pub use crate::change::transactions::clocks::{ClockSurvey, Clocks};
pub use crate::change::transactions::fates::{Fate, Fates, Note, Survey, Unprepared};
use crate::change::transactions::groups::{Group, Step};
pub use crate::change::transactions::points::{Back, Savepoints};
pub use crate::change::transactions::trace::{Known, Trace};
use crate::model::change::{BinlogPos, Certainty, Change, ChangeKey, Place, TransactionFacts};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// The longest statement text that is kept.
const STATEMENT: usize = 64 << 10;
/// The most tables that a file describes at a time.
const TABLES: usize = 1 << 16;

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// What it did stays.
    Committed,
    /// What it did to transactional tables does not stay.
    RolledBack,
    /// It was prepared; a commit or rollback of this name decides.
    Prepared(gtid::Xid),
    /// The log goes on with something else: it was cut here, or its server crashed.
    Cut,
}

/// One thing that a log tells.
#[derive(Debug)]
pub enum Item<'a> {
    /// A transaction begins.
    Begin(Arc<TransactionFacts>),
    /// Rows of the transaction that is open.
    Rows(RowsItem<'a>),
    /// A point to go back to.
    Savepoint(Vec<u8>),
    /// Everything since that point did not happen.
    RolledBackTo(Vec<u8>),
    /// The open transaction ends.
    End(Ending),
    /// A prepared XA transaction is committed (`true`) or rolled back; with what is known of that.
    XaDecided(gtid::Xid, bool, Arc<TransactionFacts>),
    /// Definitions change, or all rows of a table go.
    Wall(Ddl, StatementItem<'a>),
    /// Rows changed, and the log has only the statement: this cannot be undone.
    Statement(StatementItem<'a>),
    /// A trigger comes or goes: no row changes.
    Trigger(StatementItem<'a>),
    /// Temporary tables of a connection come or go: no row of any other changes.
    Temporary(Ddl, StatementItem<'a>),
    /// Changes were lost by the server that wrote the log.
    Incident,
    /// The file begins inside a transaction.
    Headless,
    /// The log goes on in that file.
    Rotate(Foreign),
}

/// A statement that the log has as text.
#[derive(Debug, Clone)]
pub struct StatementItem<'a> {
    /// The statement.
    pub query: Query<'a>,
    /// Its transaction, or what is known of it alone.
    pub facts: Arc<TransactionFacts>,
    /// Whether it changes rows of a temporary table alone; only who has read all that is in front of it knows.
    pub is_temporary: bool,
}

/// The rows of one event.
#[derive(Debug)]
pub struct RowsItem<'a> {
    /// The rows.
    pub event: RowsEvent<'a>,
    /// Their transaction.
    pub facts: &'a Arc<TransactionFacts>,
    /// The statement, where it was logged.
    pub statement: Option<&'a Arc<Foreign>>,
    /// When the statement began.
    pub stated_at: Moment,
    /// Where the event begins.
    pub place: Place,
    /// Rows that earlier events of the same position had: inside a compressed payload all share one.
    pub first_row: u32,
    /// How many events had been seen when the table was described last.
    pub(super) mapped_at: u64,
    /// The number by which the event names its table.
    pub(super) table_id: u64,
}

impl RowsItem<'_> {
    /// The changes of this event, owned, as everything above shows them. `table` is what is known of the table.
    ///
    /// # Errors
    ///
    /// [`BinlogError::Malformed`] when a row is not what the table says.
    pub fn changes(&self, of: &LogFile, table: &Described, fate: Fate) -> Result<Vec<Change>, BinlogError> {
        let position = self.place.position;
        let certainty = match (fate, self.event.is_incomplete(), table.shown.named) {
            (Fate::Undecided | Fate::Cut, ..) => Certainty::Undecided,
            (_, true, _) => Certainty::Incomplete,
            (_, false, false) => Certainty::Unnamed,
            (_, false, true) => Certainty::Exact,
        };
        let mut cells = rows::RowCells::default();
        let mut walk = self.event.rows();
        let mut changes = vec![];
        while walk.read(&mut cells).map_err(|broken| broken.at(position))? {
            let row = self.first_row.saturating_add(changes.len() as u32);
            changes.push(Change {
                key: ChangeKey { source: of.source.clone(), file: of.name.clone(), position, row },
                kind: self.event.kind,
                table: table.shown.clone(),
                before: cells.image_before(&table.log).map_err(|broken| broken.at(position))?,
                after: cells.image_after(&table.log).map_err(|broken| broken.at(position))?,
                transaction: self.facts.clone(),
                stated_at: self.stated_at,
                statement: self.statement.cloned(),
                certainty,
            });
        }
        Ok(changes)
    }
}

/// The names that the keys of changes carry.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// The change source, as the operator named it.
    pub source: Arc<Foreign>,
    /// The binary log's name.
    pub name: Arc<Foreign>,
}

/// Reads the items of one file.
pub struct Transactions<R> {
    frames: Frames<R>,
    limits: Limits,
    group: Group,
    tables: HashMap<u64, Mapped>,
    /// The table of the rows event that is current.
    table: Option<Mapped>,
    /// Events that were seen.
    events: u64,
    statement: Option<Arc<Foreign>>,
    /// Whether the last rows event was its statement's last.
    is_over: bool,
    /// Rows or a statement unpacked.
    unpacked: Vec<u8>,
    /// A statement in UTF-8, where it was sent in another character set.
    spoken: Option<Vec<u8>>,
    /// The payload whose rows were counted last, and how many there were.
    counted: (BinlogPos, u32),
    place: Place,
    trace: Trace,
}

/// A table map that is valid, and how many events had been seen when it was given last.
#[derive(Debug, Clone)]
struct Mapped {
    table: Arc<Table>,
    since: u64,
}

/// What a reader must know to go on between two events in the middle of a file.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub frames: FrameMark,
    pub file: u32,
    group: Group,
    statement: Option<Arc<Foreign>>,
    is_over: bool,
    counted: (BinlogPos, u32),
}

impl<R: Read> Transactions<R> {
    /// Goes on at a mark, with the tables whose maps lie in front of it.
    pub(super) fn resume(input: R, mark: &Mark, tables: &[(u64, Arc<Table>)], limits: Limits) -> Self {
        let fresh = Self::new(input, mark.file, limits);
        let mapped = tables.iter().map(|(id, table)| (*id, Mapped { table: table.clone(), since: 0 }));
        Self {
            frames: fresh.frames.go_on_at(&mark.frames),
            group: mark.group.clone(),
            tables: mapped.collect(),
            statement: mark.statement.clone(),
            is_over: mark.is_over,
            counted: mark.counted,
            ..fresh
        }
    }

    /// A mark behind the last event; `None` before the first one, and while there is still something to tell.
    pub(super) fn mark(&self) -> Option<Mark> {
        Some(Mark {
            frames: self.frames.mark().filter(|_| self.group.has_told_all())?,
            file: self.place.file,
            group: self.group.clone(),
            statement: self.statement.clone(),
            is_over: self.is_over,
            counted: self.counted,
        })
    }

    /// Reads file number `file` of a sequence from its first byte on.
    pub fn new(input: R, file: u32, limits: Limits) -> Self {
        Self {
            frames: Frames::new(input, limits),
            limits,
            group: Group::default(),
            tables: HashMap::new(),
            table: None,
            events: 0,
            statement: None,
            is_over: false,
            unpacked: vec![],
            spoken: None,
            counted: (BinlogPos(0), 0),
            place: Place { file, ..Place::default() },
            trace: Trace::default(),
        }
    }

    /// Reads on from `at`, where a transaction begins, of a file whose first event says `format`.
    pub fn from_transaction(input: R, at: Place, format: Format, limits: Limits) -> Self {
        let mut log = Self::new(input, at.file, limits);
        log.frames = log.frames.moved_to(at.position, format);
        log.place = at;
        log
    }

    /// The same reader, of a log of which a pass before found when its transactions were committed.
    pub fn with_clocks(mut self, clocks: Arc<Clocks>) -> Self {
        self.group.clocks = Some(clocks);
        self
    }

    /// Times and GTIDs of what was read of this file by now.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How far the file was read.
    pub fn at(&self) -> BinlogPos {
        self.frames.at()
    }

    /// What the file's first event says; `None` before it was read.
    pub fn format(&self) -> Option<&Format> {
        self.frames.format()
    }

    /// How the file ended.
    pub fn end(&self) -> FileEnd {
        self.frames.end()
    }

    /// Where the last item began.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The next item; `None` at the end of the file, and after an error.
    ///
    /// # Errors
    ///
    /// Everything in [`BinlogError`].
    #[expect(clippy::should_implement_trait, reason = "an item borrows the reader: no iterator can lend")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, BinlogError> {
        while self.group.has_told_all() {
            if !self.advance()? {
                self.group.end_of_file();
                break;
            }
        }
        self.take()
    }

    /// Takes in the next event; `false` at the end of the file. What it tells is there to [`Self::take`].
    pub(super) fn advance(&mut self) -> Result<bool, BinlogError> {
        if !self.frames.advance()? {
            return Ok(false);
        }
        self.events += 1;
        self.see().map_err(|error| error.unwrap_or_else(|broken| broken.at(self.place.position)))?;
        Ok(true)
    }

    /// The next thing that the events told that were taken in.
    pub(super) fn take(&mut self) -> Result<Option<Item<'_>>, BinlogError> {
        let Some(step) = self.group.waiting() else { return Ok(None) };
        let at = self.place.position;
        self.item(step).map(Some).map_err(|broken| broken.at(at))
    }

    /// Where the next event is, between two events.
    pub(super) fn mark_spot(&self) -> Option<Spot> {
        self.frames.mark().map(|mark| mark.spot)
    }

    /// Closes what is open at the end of the file.
    pub(super) fn finish(&mut self) {
        self.group.end_of_file();
    }

    /// The events of the file.
    pub(super) fn frames(&self) -> &Frames<R> {
        &self.frames
    }

    /// Bytes of the last event, unpacked where it was compressed.
    pub(super) fn weight(&self) -> u64 {
        let event = self.frames.event();
        let size = event.map_or(0, |event| event.header.size.into());
        let is_packed = event.is_some_and(|event| event.header.kind >= kind::QUERY_COMPRESSED);
        if is_packed { self.unpacked.len() as u64 + size } else { size }
    }

    /// How many events were seen.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Takes in the current event.
    fn see(&mut self) -> Result<(), Result<BinlogError, Broken>> {
        let Some(event) = self.frames.event() else { return Ok(()) };
        self.place = Place { position: event.start, inner: event.inner.unwrap_or(0), ..self.place };
        let (body, kind) = (event.body, event.header.kind);
        self.trace.see(&event).map_err(Err)?;
        match kind {
            kind::TABLE_MAP => self.table_map().map_err(Err)?,
            kind::QUERY | kind::QUERY_COMPRESSED => {
                let head = QueryHead::parse(body).map_err(Err)?;
                let mut text = head.rest;
                if kind == kind::QUERY_COMPRESSED {
                    packed::event(head.rest, self.limits.event, &mut self.unpacked).map_err(Err)?;
                    text = &self.unpacked;
                }
                self.spoken = spoken::in_utf8(text, head.client);
                let query = head.with(text, event.header.server_id);
                let query = self.spoken.as_deref().map_or(query, |text| query.in_utf8(text));
                self.group.query(&query, &event.header, self.place);
            }
            kind::ROWS_QUERY => self.statement = Some(text(body.get(1..).unwrap_or_default())),
            kind::ANNOTATE_ROWS => self.statement = Some(text(body)),
            kind::EXECUTE_LOAD_QUERY => {
                let head = load(body).map_err(Err)?;
                self.spoken = spoken::in_utf8(head.rest, head.client);
                self.group.event(&event, self.place).map_err(Err)?;
            }
            _ if rows::is_rows(kind) => self.rows_event()?,
            _ => self.group.event(&event, self.place).map_err(Err)?,
        }
        if matches!(kind, kind::ROWS_QUERY | kind::ANNOTATE_ROWS) {
            self.is_over = false;
        }
        Ok(())
    }

    fn table_map(&mut self) -> Result<(), Broken> {
        let Some(event) = self.frames.event() else { return Ok(()) };
        if std::mem::take(&mut self.is_over) {
            self.statement = None;
            if self.tables.len() > TABLES {
                self.tables.clear();
            }
        }
        let id = Table::id_of(event.body)?;
        match self.tables.get_mut(&id) {
            Some(mapped) if mapped.table.is(event.body) => mapped.since = self.events,
            _ => {
                let product = self.frames.format().map_or(Product::MySql, |format| format.product);
                let table = Arc::new(Table::parse(event.body, product)?);
                self.tables.insert(id, Mapped { table, since: self.events });
            }
        }
        Ok(())
    }

    fn rows_event(&mut self) -> Result<(), Result<BinlogError, Broken>> {
        let Some(event) = self.frames.event() else { return Ok(()) };
        let id = Table::id_of(event.body).map_err(Err)?;
        let Some(mapped) = self.tables.get(&id) else {
            // An event without rows for no table at all ends a statement that touched nothing.
            let flags = event.body.get(6..8).map_or(0, |flags| u16::from_le_bytes([flags[0], flags[1]]));
            if id == DUMMY_TABLE && flags & rows::STATEMENT_END != 0 {
                return Ok(());
            }
            return Err(Ok(BinlogError::NoTableMap { at: event.start, table: id }));
        };
        let head = RowsHead::parse(event.header.kind, event.body, &mapped.table).map_err(Err)?;
        head.unpack(self.limits.event, &mut self.unpacked).map_err(Err)?;
        if head.flags() & rows::STATEMENT_END != 0 {
            self.is_over = true;
        }
        self.table = Some(mapped.clone());
        self.group.rows(&event.header, self.place);
        Ok(())
    }

    fn item(&mut self, step: Step) -> Result<Item<'_>, Broken> {
        if matches!(step, Step::Rows) {
            let first_row = self.count()?;
            return self.rows_item(first_row).map(Item::Rows);
        }
        Ok(match step {
            Step::Begin(facts) => Item::Begin(facts),
            Step::Savepoint(name) => Item::Savepoint(name),
            Step::RolledBackTo(name) => Item::RolledBackTo(name),
            Step::End(ending) => Item::End(ending),
            Step::XaDecided(xid, stays, facts) => Item::XaDecided(xid, stays, facts),
            Step::Incident => Item::Incident,
            Step::Headless => Item::Headless,
            Step::Rotate(file) => Item::Rotate(file),
            Step::Wall(ddl, facts) => Item::Wall(ddl, self.statement_item(facts)?),
            Step::Statement(facts) => Item::Statement(self.statement_item(facts)?),
            Step::Trigger(facts) => Item::Trigger(self.statement_item(facts)?),
            Step::Temporary(ddl, facts) => Item::Temporary(ddl, self.statement_item(facts)?),
            Step::Rows => return Err(NO_EVENT),
        })
    }

    /// Rows that earlier events of the same payload had: they share its position.
    fn count(&mut self) -> Result<u32, Broken> {
        let Some(Event { start, inner: Some(_), .. }) = self.frames.event() else { return Ok(0) };
        let first = if self.counted.0 == start { self.counted.1 } else { 0 };
        let mut rows = self.rows_item(0)?.event.rows();
        let mut count = 0_u32;
        while rows.skip()? {
            count = count.saturating_add(1);
        }
        self.counted = (start, first.saturating_add(count));
        Ok(first)
    }

    fn rows_item(&self, first_row: u32) -> Result<RowsItem<'_>, Broken> {
        let (Some(event), Some(mapped), Some(facts)) = (self.frames.event(), &self.table, self.group.facts()) else {
            return Err(NO_EVENT);
        };
        let table = &mapped.table;
        let head = RowsHead::parse(event.header.kind, event.body, table)?;
        Ok(RowsItem {
            event: head.with(table, &self.unpacked),
            facts,
            statement: self.statement.as_ref(),
            stated_at: Moment::from_seconds(event.header.timestamp.into()),
            place: self.place,
            first_row,
            mapped_at: mapped.since,
            table_id: Table::id_of(event.body)?,
        })
    }

    fn statement_item(&self, facts: Arc<TransactionFacts>) -> Result<StatementItem<'_>, Broken> {
        let event = self.frames.event().ok_or(NO_EVENT)?;
        let head = match event.header.kind {
            // In front of the text: file number, two offsets and how duplicates are handled.
            kind::EXECUTE_LOAD_QUERY => load(event.body)?,
            _ => QueryHead::parse(event.body)?,
        };
        let server = event.header.server_id;
        let query = match event.header.kind {
            kind::QUERY_COMPRESSED => head.with(&self.unpacked, server),
            _ => head.with(head.rest, server),
        };
        let query = self.spoken.as_deref().map_or(query, |text| query.in_utf8(text));
        Ok(StatementItem { query, facts, is_temporary: false })
    }
}

/// The number that an event without any table gives.
const DUMMY_TABLE: u64 = 0xff_ffff;
const NO_EVENT: Broken = Broken("an event that is no longer there");

fn text(bytes: &[u8]) -> Arc<Foreign> {
    Arc::new(Foreign::new(&bytes[..bytes.len().min(STATEMENT)]))
}
