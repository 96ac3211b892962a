//! Pages: entries and rows, read when they are asked for.

mod rows;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::rows::RowCells;
use crate::change::transactions::{Ending, Fate};
use crate::model::change::{Place, TransactionFacts};
use crate::model::changes::{
    ChangesView, Compiled, Direction, Entry, EntryPage, EventFacts, PageFrom, PageRequest, Passes, Rows, Settled,
    TableRef, TransactionLine, Untolds,
};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::report::Report;
pub use crate::work::changes::pages::rows::{rows, stream};
use crate::work::changes::stats::Checkpoint;
use crate::work::changes::walk::{Opened, Seen, Spot, Visit};
use crate::work::changes::walls;
use crate::work::changes::wanted::{Cells, Chosen};

/// Whether rows of an event pass, all of them or some.
fn asks(filter: &Compiled, seen: &Seen<'_>) -> Passes {
    let Seen::Rows { item, fate, .. } = seen else { return Passes::No };
    if *fate == Fate::RolledBack {
        return Passes::No;
    }
    filter.asks_event(&EventFacts {
        file: item.place.file,
        position: item.place.position,
        schema: &item.event.table.schema,
        table: &item.event.table.name,
        kind: item.event.kind,
        transaction: item.facts,
        statement: item.statement.map(Arc::as_ref),
    })
}

/// A transaction that is being put together.
struct Line {
    facts: Arc<TransactionFacts>,
    place: Place,
    fate: Fate,
    tables: Vec<(TableRef, Rows)>,
    all_rows: u64,
    statement: Option<Arc<Foreign>>,
    texts: u64,
    untold: Untolds,
}

/// Gathers entries.
struct Entries<'o> {
    opened: &'o Opened,
    view: &'o ChangesView,
    chosen: &'o Chosen,
    /// Entries before it are passed over.
    from: u64,
    /// Entries committed before it as well.
    since: Option<Moment>,
    /// The first entry behind the last one that is wanted.
    beyond: u64,
    most: usize,
    line: Option<Line>,
    found: Vec<Entry>,
    /// Rows that were passed over though they may be meant, with the entry that has them; all of one where a page goes
    /// forward.
    untold: Vec<(u64, Untolds)>,
    /// More may follow.
    more: bool,
}

impl Entries<'_> {
    fn push(&mut self, entry: Entry) -> ControlFlow<()> {
        if entry.number() < self.from || self.since.is_some_and(|since| entry.at() < since) {
            return ControlFlow::Continue(());
        }
        self.since = None;
        if self.found.len() == self.most {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.found.push(entry);
        ControlFlow::Continue(())
    }

    fn rows(&mut self, seen: &Seen<'_>) -> Result<(), BinlogError> {
        let Seen::Rows { item, table, fate } = seen else { return Ok(()) };
        let asked = asks(&self.chosen.0, seen);
        let Some(line) = &mut self.line else { return Ok(()) };
        line.fate = if line.fate == Fate::Happened { *fate } else { line.fate };
        let (mut cells, mut walk, mut all, mut passing) = (RowCells::default(), item.event.rows(), 0, 0);
        let looks = asked == Passes::Yes && self.chosen.0.wants_rows();
        let broken = |broken: crate::change::error::Broken| broken.at(item.place.position);
        loop {
            let more = if looks { walk.read(&mut cells) } else { walk.skip() };
            if !more.map_err(broken)? {
                break;
            }
            all += 1;
            let row = Cells { table: &table.log, cells: &cells };
            match if looks { self.chosen.0.takes_row(&table.shown, &row) } else { asked.clone() } {
                Passes::Yes => passing += 1,
                Passes::No => {}
                Passes::Untold(why) => line.untold.add((&table.shown.schema, &table.shown.name), &why, 1),
            }
        }
        if *fate != Fate::RolledBack {
            line.all_rows += all;
        }
        if line.statement.is_none() {
            line.statement = item.statement.cloned();
        }
        if passing > 0 {
            let name = TableRef { schema: item.event.table.schema.clone(), table: item.event.table.name.clone() };
            let at = match line.tables.iter().position(|(known, _)| *known == name) {
                Some(at) => at,
                None => {
                    line.tables.push((name, Rows::default()));
                    line.tables.len() - 1
                }
            };
            line.tables[at].1.add(item.event.kind, passing);
        }
        Ok(())
    }

    fn end(&mut self, spot: Spot, ending: &Ending) -> ControlFlow<()> {
        let Some(mut line) = self.line.take() else { return ControlFlow::Continue(()) };
        let mut rows = Rows::default();
        line.tables.iter().for_each(|(_, some)| rows.merge(*some));
        let untold = std::mem::take(&mut line.untold);
        let bare = self.chosen.0.filter().is_empty() && line.texts > 0;
        if *ending == Ending::RolledBack {
            return ControlFlow::Continue(());
        }
        if rows.all() == 0 && !bare {
            self.pass_over(spot.entry, &untold);
            return ControlFlow::Continue(());
        }
        line.tables.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.all()));
        let table_count = line.tables.len() as u64;
        line.tables.truncate(TransactionLine::TABLES);
        let settled = match (ending, line.fate) {
            (Ending::Cut, _) | (_, Fate::Cut) => Settled::Cut,
            (_, Fate::Undecided) => Settled::Undecided,
            _ => Settled::Committed,
        };
        let entry = Entry::Transaction(TransactionLine {
            number: spot.entry,
            place: line.place,
            file: self.opened.log_file(line.place.file).name,
            facts: line.facts,
            settled,
            rows,
            all_rows: line.all_rows,
            bytes: spot.at.position.0.saturating_sub(line.place.position.0),
            tables: line.tables,
            table_count,
            statement: line.statement,
            text_statements: line.texts,
        });
        let went = self.push(entry);
        if went.is_continue() {
            self.pass_over(spot.entry, &untold);
        }
        went
    }

    fn pass_over(&mut self, entry: u64, untold: &Untolds) {
        if untold.is_empty() || entry < self.from {
            return;
        }
        match self.untold.last_mut().filter(|_| self.most < usize::MAX) {
            Some((_, known)) => known.merge(untold),
            None => self.untold.push((entry, untold.clone())),
        }
    }
}

impl Visit for Entries<'_> {
    fn see(&mut self, spot: Spot, seen: Seen<'_>) -> Result<ControlFlow<()>, BinlogError> {
        if spot.entry >= self.beyond && !matches!(seen, Seen::End(..)) {
            self.more = true;
            return Ok(ControlFlow::Break(()));
        }
        match seen {
            Seen::Begin(facts) => {
                self.line = Some(Line {
                    facts: facts.clone(),
                    place: Place { file: spot.at.file, position: facts.start, inner: 0 },
                    fate: Fate::Happened,
                    tables: vec![],
                    all_rows: 0,
                    statement: None,
                    texts: 0,
                    untold: Untolds::default(),
                });
            }
            Seen::Rows { .. } => self.rows(&seen)?,
            Seen::Text(..) => self.line.iter_mut().for_each(|line| line.texts += 1),
            Seen::End(ending, true) => return Ok(self.end(spot, ending)),
            Seen::End(_, false) => self.line = None,
            Seen::Wall(ddl, statement) => {
                let place = Place { file: spot.at.file, position: statement.facts.start, inner: 0 };
                if crate::change::index::Wanted::wall(self.chosen, ddl, statement, place) {
                    let known = self.view.walls.binary_search_by_key(&spot.entry, |wall| wall.entry);
                    let wall = match known {
                        Ok(at) => self.view.walls[at].clone(),
                        Err(_) => {
                            let file = self.opened.log_file(spot.at.file).name;
                            walls::wall((ddl, false), statement, (&file, place), spot.entry)
                        }
                    };
                    return Ok(self.push(Entry::Wall(wall)));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Reads a page of entries.
///
/// # Errors
///
/// When the filter cannot be used.
pub fn entries(opened: &Opened, view: &ChangesView, request: &PageRequest) -> Result<EntryPage, Report> {
    let chosen = Chosen(opened.compile(&request.filter)?);
    let most = request.count.clamp(1, PageRequest::MOST);
    let pager = Pager { opened, view, chosen: &chosen, most };
    let from = match (request.from, request.direction) {
        (PageFrom::Entry(entry), _) => entry,
        (PageFrom::End, _) => opened.entries.saturating_sub(1),
        (PageFrom::Time(at), direction) => {
            let first = pager.first_since(at);
            match direction {
                Direction::Forward => first,
                Direction::Backward if first == 0 => return Ok(EntryPage::default()),
                Direction::Backward => first - 1,
            }
        }
    };
    Ok(match (request.direction, request.from) {
        (Direction::Forward, PageFrom::End) | (Direction::Backward, _) => pager.backward(from),
        (Direction::Forward, _) => pager.forward(from),
    })
}

fn sum<'u>(all: impl Iterator<Item = &'u Untolds>) -> Untolds {
    let mut sum = Untolds::default();
    all.for_each(|one| sum.merge(one));
    sum
}

struct Pager<'o> {
    opened: &'o Opened,
    view: &'o ChangesView,
    chosen: &'o Chosen,
    most: usize,
}

impl<'o> Pager<'o> {
    fn gather(&self, start: Checkpoint, (from, beyond): (u64, u64), since: Option<Moment>, most: usize) -> Entries<'o> {
        let Self { opened, view, chosen, .. } = *self;
        let mut entries = Entries {
            opened,
            view,
            chosen,
            from,
            since,
            beyond,
            most,
            line: None,
            found: vec![],
            untold: vec![],
            more: false,
        };
        opened.walk(start, &mut entries);
        entries
    }

    fn forward(&self, from: u64) -> EntryPage {
        let found = self.gather(self.opened.checkpoint(from), (from, u64::MAX), None, self.most);
        let next = found.found.last().filter(|_| found.more).map(|last| last.number() + 1);
        let untold = sum(found.untold.iter().map(|(_, untold)| untold));
        EntryPage { previous: from.checked_sub(1), next, entries: found.found, untold }
    }

    /// Goes back block by block; the entries of one block are few.
    fn backward(&self, up_to: u64) -> EntryPage {
        let mut beyond = up_to.saturating_add(1).min(self.opened.entries);
        let end = beyond;
        let (mut found, mut untold): (Vec<Entry>, Vec<(u64, Untolds)>) = (vec![], vec![]);
        while beyond > 0 && found.len() < self.most {
            let start = self.opened.checkpoint(beyond - 1);
            let block = self.gather(start, (start.entry, beyond), None, usize::MAX);
            found.splice(0..0, block.found);
            untold.extend(block.untold);
            if start.entry >= beyond {
                break;
            }
            beyond = start.entry;
        }
        let cut = found.len().saturating_sub(self.most);
        let previous = match cut {
            0 => beyond.checked_sub(1),
            _ => found[cut].number().checked_sub(1),
        };
        found.drain(..cut);
        // What lies in front of the page is counted with the page before.
        let on_page = untold.iter().filter(|(entry, _)| previous.is_none_or(|previous| *entry > previous));
        let untold = sum(on_page.map(|(_, untold)| untold));
        EntryPage { next: (end < self.opened.entries).then_some(end), previous, entries: found, untold }
    }

    /// The first entry that was committed at that time or later. Commits of a log are nearly in order: the entries
    /// in front of a checkpoint that is later are looked at, too.
    fn first_since(&self, at: Moment) -> u64 {
        let checkpoints = &self.opened.checkpoints;
        let near = checkpoints.iter().position(|checkpoint| checkpoint.at >= at).unwrap_or(checkpoints.len());
        let start = near.checked_sub(1).and_then(|at| checkpoints.get(at)).copied();
        let start = start.unwrap_or_else(|| self.opened.start());
        let found = self.gather(start, (0, u64::MAX), Some(at), 1).found;
        found.first().map_or(self.opened.entries, Entry::number)
    }
}
