//! Reads all files once, forward.

mod follow;
mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::change::error::{BinlogError, Broken};
use crate::change::frame::FileEnd;
use crate::change::index::build::follow::follow;
use crate::change::index::untold::Doubts;
use crate::change::index::{
    Beside, Bits, Cursor, EventCounts, FileFacts, Gtids, Index, Indexing, Log, PartOf, Partial, RowTester, RowsFacts,
    Stopped, Threads, Undone, WINDOW, Wanted, Weight, Window,
};
use crate::change::query::{Ddl, TableName};
use crate::change::reverse::{Reason, Refusal, Refusals};
use crate::change::rows::{NO_FOREIGN_KEY_CHECKS, SQL_FOREIGN_KEYS};
use crate::change::schema::Timeline;
use crate::change::table::Table;
use crate::change::transactions::{Item, Mark, RowsItem, StatementItem, Survey, Transactions};
use crate::model::change::{BinlogPos, ChangeKey, Place, TransactionFacts};
use crate::model::foreign::Foreign;
use crate::model::script::Extent;

/// How much is read between two questions to whoever watches.
const REPORT: u64 = 4 << 20;
/// The longest statement text that a refusal keeps.
const TEXT: usize = 400;

pub(super) fn build(
    logs: Vec<Log>,
    timeline: Timeline,
    wanted: Arc<dyn Wanted>,
    how: Indexing<'_>,
) -> Result<Index, Stopped> {
    let mut timeline = timeline;
    // Filters on values need to know already what columns are called where the logs end.
    if wanted.looks_at_rows() {
        follow(&logs, &mut timeline, how)?;
    }
    let mut pass = Pass {
        wanted: &*wanted,
        how,
        timeline,
        next: None,
        survey: Survey::default(),
        windows: vec![],
        window: None,
        interned: HashMap::new(),
        number: 0,
        touched: Bits::default(),
        unchecked: Bits::default(),
        open: Open::default(),
        refusals: Refusals::default(),
        untold: Doubts::default(),
        files: vec![],
        tallies: Tallies::default(),
        companions: BTreeSet::new(),
        partial: Partial::default(),
        undone: BTreeMap::new(),
        gtids: Gtids::default(),
        threads: Threads::default(),
        weight: Weight::default(),
        beside: Beside::default(),
    };
    for (file, log) in (0..).zip(&logs) {
        pass.file(file, log)?;
    }
    pass.tallies.flush();
    pass.timeline.settle();
    let Pass { survey, timeline, touched, unchecked, refusals, files, companions, .. } = pass;
    let (partial, undone, windows) = (pass.partial, pass.undone, pass.windows);
    let (gtids, threads, weight, beside) = (pass.gtids, pass.threads, pass.weight, pass.beside);
    let (fates, mut tables) = (survey.finish(), pass.tallies.counts);
    let untold = pass.untold.by_table(&fates);
    for name in untold.keys() {
        tables.entry(name.clone()).or_default();
    }
    let windows = windows.into_iter().filter(|(window, last)| touched.has_any(window.transaction, *last));
    Ok(Index {
        windows: windows.map(|(window, _)| window).collect(),
        fates,
        extent: how.extent,
        limits: how.limits,
        tables,
        companions,
        undone,
        epochs: timeline.places(),
        logs,
        wanted,
        timeline,
        touched,
        unchecked,
        refusals,
        untold,
        files,
        partial,
        gtids,
        threads,
        weight,
        beside,
    })
}

/// What is gathered on the way.
struct Pass<'b> {
    wanted: &'b dyn Wanted,
    how: Indexing<'b>,
    timeline: Timeline,
    /// The file that the one before says follows it.
    next: Option<Foreign>,
    survey: Survey,
    /// With the number of the last transaction in each.
    windows: Vec<(Window, u64)>,
    window: Option<Begun>,
    /// The last definition of each table that a window borrowed.
    interned: HashMap<TableName, Arc<Table>>,
    /// Transactions so far.
    number: u64,
    touched: Bits,
    unchecked: Bits,
    open: Open,
    refusals: Refusals,
    untold: Doubts,
    files: Vec<FileFacts>,
    tallies: Tallies,
    companions: BTreeSet<TableName>,
    partial: Partial,
    /// Tables with rows that a script would undo, so far.
    undone: BTreeMap<TableName, Undone>,
    gtids: Gtids,
    threads: Threads,
    weight: Weight,
    beside: Beside,
}

/// A window that has no end yet.
struct Begun {
    mark: Mark,
    tables: Vec<(u64, Arc<Table>)>,
    /// Events in front of it.
    events: u64,
    /// The transaction that is open where it begins.
    transaction: u64,
    weight: u64,
}

/// The transaction that is open.
#[derive(Default)]
struct Open {
    facts: Option<Arc<TransactionFacts>>,
    is_unchecked: bool,
    rows: u64,
    left: BTreeMap<TableName, u64>,
    /// Tables of rows that were not asked for, if all of it is wanted.
    companions: Vec<Arc<Table>>,
    /// Tables with rows that are undone if anything of it is.
    tables: Vec<OpenTable>,
    /// Statements without rows, which stand in the way if all of it is wanted; else `true`: they are worth a word.
    statements: Vec<(Refusal, bool)>,
    /// Bytes of the rows that are undone if anything of it is.
    bytes: u64,
    /// Events of which nobody can tell whether they are wanted.
    untold: Doubts,
}

/// A table with rows that are undone if anything of the open transaction is.
struct OpenTable {
    table: Arc<Table>,
    logs_cascades: bool,
    events: EventCounts,
}

impl Open {
    fn is_undone(&mut self, rows: &RowsItem<'_>) {
        let (table, logs_cascades) = (rows.event.table, rows.event.flags & SQL_FOREIGN_KEYS != 0);
        if !self.tables.last().is_some_and(|last| Arc::ptr_eq(&last.table, table)) {
            let at = self.tables.iter().position(|known| Arc::ptr_eq(&known.table, table));
            let known = at.map(|at| self.tables.remove(at));
            let none = || OpenTable { table: table.clone(), logs_cascades, events: EventCounts::default() };
            self.tables.push(known.unwrap_or_else(none));
        }
        if let Some(last) = self.tables.last_mut() {
            last.logs_cascades &= logs_cascades;
            last.events.add(rows.event.kind);
        }
    }

    fn comes_along(&mut self, table: &Arc<Table>) {
        let is_same = |known: &Arc<Table>| (&known.schema, &known.name) == (&table.schema, &table.name);
        if !self.companions.iter().any(is_same) {
            self.companions.push(table.clone());
        }
    }
}

impl Pass<'_> {
    fn file(&mut self, file: u32, log: &Log) -> Result<(), Stopped> {
        let cursor = Cursor::new(&*log.bytes, 0, u64::MAX);
        let mut reader = Transactions::new(cursor, file, self.how.limits);
        if let Some(clocks) = self.how.clocks {
            reader = reader.with_clocks(clocks.clone());
        }
        let facts = FileFacts { of: log.of.clone(), from: None, to: None, end: FileEnd::Unknown, error: None };
        self.files.push(facts);
        self.timeline.next_file(self.next.take().as_ref() == Some(&*log.of.name));
        let (mut reported, mut at) = (0, 0);
        let error = loop {
            self.cut(&reader);
            let step = self.step(&mut reader, log);
            at = reader.frames().at().0.max(at);
            if at - reported >= REPORT {
                self.report(at - reported)?;
                reported = at;
            }
            match step {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
        };
        self.report(at - reported)?;
        if error.is_some() {
            self.survey.broken_off(reader.place());
        }
        self.close(&reader);
        self.end();
        if let Some(facts) = self.files.last_mut() {
            (facts.end, facts.error) = (reader.end(), error);
        }
        Ok(())
    }

    fn report(&self, bytes: u64) -> Result<(), Stopped> {
        let goes_on = self.how.watch.is_none_or(|watch| watch.passed(bytes));
        if goes_on { Ok(()) } else { Err(Stopped) }
    }

    /// Takes in one event and what it tells; `false` at the end of the file.
    fn step(&mut self, reader: &mut Transactions<Cursor<'_>>, log: &Log) -> Result<bool, BinlogError> {
        let more = reader.advance()?;
        if more {
            let weight = reader.weight();
            self.window.iter_mut().for_each(|window| window.weight += weight);
        } else {
            reader.finish();
        }
        let (place, behind) = (reader.place(), reader.at());
        while let Some(item) = reader.take()? {
            self.survey.see(&item, place);
            self.item(item, (place, behind), log)?;
        }
        Ok(more)
    }

    /// Ends the window where it is large enough, and begins the next one.
    fn cut<R: std::io::Read>(&mut self, reader: &Transactions<R>) {
        if let Some(window) = &self.window {
            let leaves = window.mark.frames.spot.inside.is_some() && !reader.frames().is_inside();
            if window.weight < WINDOW && !leaves {
                return;
            }
        }
        let Some(mark) = reader.mark() else { return };
        self.close(reader);
        let (events, transaction) = (reader.events(), self.number);
        self.window = Some(Begun { mark, tables: vec![], events, transaction, weight: 0 });
    }

    fn close<R: std::io::Read>(&mut self, reader: &Transactions<R>) {
        let Some(end) = reader.mark_spot() else { return };
        let Some(Begun { mark, tables, transaction, .. }) = self.window.take() else { return };
        let plain_end = reader.frames().plain_at();
        if self.touched.has_any(transaction, self.number) || self.how.extent == Extent::Whole {
            self.windows.push((Window { mark, tables, end, plain_end, transaction }, self.number));
        }
    }

    fn item(&mut self, item: Item<'_>, (place, behind): (Place, BinlogPos), log: &Log) -> Result<(), BinlogError> {
        match item {
            Item::Begin(facts) => {
                self.end();
                self.number += 1;
                let (from, at) = (&mut self.files, facts.committed_at);
                if let Some(file) = from.last_mut() {
                    file.from = file.from.or(Some(at));
                    file.to = Some(at);
                }
                self.open.facts = Some(facts);
            }
            Item::Rows(rows) => self.rows(&rows, log)?,
            Item::End(_) => self.end(),
            Item::Wall(ddl, statement) => self.wall(&ddl, &statement, (place, behind), log),
            Item::Temporary(ddl, statement) => self.timeline.temporary(&ddl, &statement.query, place),
            Item::Rotate(next) => self.next = Some(next),
            Item::Statement(mut statement) => {
                statement.is_temporary = self.timeline.writes_temporary(&statement.query);
                self.statement(&statement, (place, log));
            }
            Item::Incident if self.wanted.incident(place) => {
                self.refusals.push(refusal(log, place, Reason::Incident));
            }
            _ => {}
        }
        Ok(())
    }

    fn wall(&mut self, ddl: &Ddl, statement: &StatementItem<'_>, at: (Place, BinlogPos), log: &Log) {
        let is_temporary = self.timeline.is_of_temporary(ddl, &statement.query);
        if !is_temporary {
            self.end(); // whatever was open, a change of definitions has ended
        }
        if let Some(reason) = self.stands(ddl, statement, at) {
            let found = refusal(log, at.0, reason);
            match is_temporary {
                true => self.beside.add(found),
                false => self.refusals.push(found),
            }
        }
        self.timeline.follow(ddl, &statement.query, at.0);
    }

    fn rows(&mut self, rows: &RowsItem<'_>, log: &Log) -> Result<(), BinlogError> {
        self.borrow(rows);
        let table = rows.event.table;
        self.open.is_unchecked |= rows.event.flags & NO_FOREIGN_KEY_CHECKS != 0;
        let facts = RowsFacts::of(rows);
        let is_asked = self.wanted.rows(&facts);
        if let Some(why) = if is_asked { None } else { self.wanted.doubt(&facts) } {
            self.doubt(rows, log, (rows.first_row, why));
        }
        let is_wanted = is_asked && (!self.wanted.looks_at_rows() || self.any_row(rows, log)?);
        if is_wanted || self.how.extent == Extent::Whole {
            self.open.bytes += rows.event.bytes();
        }
        if is_wanted {
            self.touched.set(self.number);
            self.tallies.add(rows);
        } else if self.how.extent == Extent::Whole {
            self.open.comes_along(table);
        }
        if is_wanted || self.how.extent == Extent::Whole {
            self.open.is_undone(rows);
        }
        if self.how.extent == Extent::Partial {
            let mut walk = rows.event.rows();
            let mut count = 0;
            // Only what is left behind is counted: it is what the header tells.
            let mut next = || walk.skip().or_else(Broken::ends_old_rows);
            while !is_wanted && next().map_err(|broken| broken.at(rows.place.position))? {
                count += 1;
            }
            match is_wanted {
                true => self.open.rows += 1,
                false => *self.open.left.entry(table.full_name()).or_default() += count,
            }
        }
        Ok(())
    }

    /// Whether rows that would be undone lie in front of a change of their table's definition.
    fn is_undone(&self, ddl: &Ddl) -> bool {
        let is_of = |name: &TableName, table: &TableName| {
            name.schema == table.schema && (name.table.is_empty() || name.table == table.table)
        };
        match &ddl.tables[..] {
            [] => !self.undone.is_empty(),
            names => names.iter().any(|name| self.undone.keys().any(|table| is_of(name, table))),
        }
    }

    fn any_row(&mut self, rows: &RowsItem<'_>, log: &Log) -> Result<bool, BinlogError> {
        let table = rows.event.table;
        let described = self.timeline.describe(table, rows.place);
        let asked = RowTester::default().ask((self.wanted, self.how.extent), rows, &described)?;
        if let Some(untold) = asked.untold {
            self.doubt(rows, log, untold);
        }
        Ok(asked.is_wanted)
    }

    /// Notes a table that is described in front of the window.
    fn borrow(&mut self, rows: &RowsItem<'_>) {
        let Some(window) = self.window.as_mut() else { return };
        let table = rows.event.table;
        if rows.mapped_at > window.events || window.tables.iter().any(|(id, _)| *id == rows.table_id) {
            return;
        }
        let interned = self.interned.entry(table.full_name()).or_insert_with(|| table.clone());
        if !interned.is_like(table) {
            *interned = table.clone();
        }
        window.tables.push((rows.table_id, interned.clone()));
    }

    /// The open transaction is over.
    fn end(&mut self) {
        let Open { facts, is_unchecked, rows, left, companions, tables, statements, untold, bytes } =
            std::mem::take(&mut self.open);
        let is_touched = self.touched.has(self.number);
        self.statements(statements, is_touched);
        // Of a whole transaction that comes in anyway, nothing more need be told.
        if !is_touched || self.how.extent == Extent::Partial {
            self.untold.append(untold);
        }
        if !is_touched {
            return;
        }
        if let Some(facts) = &facts {
            self.gtids.add(facts.gtid.as_ref());
            facts.decided_by.iter().for_each(|gtid| self.gtids.add(Some(gtid)));
            self.threads.add(facts.thread);
        }
        self.weight.bytes += bytes;
        self.weight.largest = self.weight.largest.max(bytes);
        if is_unchecked {
            self.unchecked.set(self.number);
        }
        let file = (self.files.len().max(1) - 1) as u32;
        for OpenTable { table, logs_cascades, events } in tables {
            let Some(facts) = &facts else { break };
            let (at, start) = (facts.committed_at, facts.start);
            let none = || Undone { at, file, start, logs_cascades, events: EventCounts::default() };
            let known = self.undone.entry(table.full_name()).or_insert_with(none);
            known.logs_cascades &= logs_cascades;
            known.events.join(events);
        }
        self.companions.extend(companions.iter().map(|table| table.full_name()));
        let Some(transaction) = facts.filter(|_| !left.is_empty()) else { return };
        self.partial.total += 1;
        if self.partial.first.len() < Partial::KEPT {
            self.partial.first.push(PartOf { file, transaction, wanted: rows, left });
        }
    }
}

/// Counts of events by table.
#[derive(Default)]
struct Tallies {
    counts: BTreeMap<TableName, EventCounts>,
    /// Of the table that came last: mostly it comes again.
    last: Option<(Arc<Table>, EventCounts)>,
}

impl Tallies {
    fn add(&mut self, rows: &RowsItem<'_>) {
        let table = rows.event.table;
        if let Some((last, counts)) = &mut self.last
            && Arc::ptr_eq(last, table)
        {
            return counts.add(rows.event.kind);
        }
        self.flush();
        let mut counts = EventCounts::default();
        counts.add(rows.event.kind);
        self.last = Some((table.clone(), counts));
    }

    fn flush(&mut self) {
        if let Some((table, counts)) = self.last.take() {
            let all = self.counts.entry(table.full_name()).or_default();
            all.inserts += counts.inserts;
            all.updates += counts.updates;
            all.deletes += counts.deletes;
        }
    }
}

fn refusal(log: &Log, place: Place, reason: Reason) -> Refusal {
    let key = ChangeKey { source: log.of.source.clone(), file: log.of.name.clone(), position: place.position, row: 0 };
    Refusal { key, table: None, reason }
}

fn shortened(statement: &StatementItem<'_>) -> Foreign {
    let text = statement.query.text;
    Foreign::new(&text[..text.len().min(TEXT)])
}
