//! One window of a log as a piece of script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::index::{Index, RowView, Segments};
use crate::change::reread::Doings;
use crate::change::reverse::{Ask, Done, Hazard, Reason, Refusal, Refusals, Trouble, UndoTable};
use crate::change::script::{self, CHECK, GROUP, GUARD, Lines, ROWS, SHARED, UNCHECK};
use crate::change::transactions::{Fate, RowsItem};
use crate::change::undo::window::{Known, Tables, cells, events};
use crate::change::undo::{Direction, Engines, Request, RowPlace, UndoError};
use crate::model::change::{ChangeKey, ChangeKind, TransactionFacts};
use crate::model::changes::Passes;
use crate::model::script::{Choice, Extent, Mode};

/// About how many bytes one INSERT has; a single row may have more.
const BYTES: usize = 256 << 10;

/// A piece of script.
#[derive(Default)]
pub(super) struct Unit {
    pub text: Vec<u8>,
    /// Its transactions, in the script's order.
    pub parts: Vec<Part>,
    pub rows: u64,
    pub longest: u64,
    pub doings: Doings,
    /// Rows of them that are written whatever happened to them since.
    pub overwriting: u64,
    pub hazards: BTreeSet<Hazard>,
    pub refusals: Refusals,
    pub error: Option<UndoError>,
    /// Whether keys are not checked where its text ends.
    is_unchecked: bool,
}

/// What a piece of script has of one transaction.
pub(super) struct Part {
    /// The transaction's number in the logs.
    pub number: u64,
    pub file: u32,
    pub transaction: Arc<TransactionFacts>,
    /// Where its text ends.
    pub end: usize,
    pub statements: u64,
    /// Statements behind the last place to stop at.
    pub loose: u64,
    /// Whether keys are not checked around some of its statements.
    pub unchecks: bool,
}

/// What was written for one row.
struct Piece {
    /// Where its text ends.
    end: usize,
    table: usize,
    /// Which of the transactions that were seen.
    transaction: usize,
    done: Done,
}

/// What a thread works with.
pub(super) struct Desk<'i> {
    index: &'i Index,
    request: &'i Request<'i>,
    segments: &'i Segments,
    lines: Lines,
    tables: Tables<'i>,
    seen: Seen,
}

/// The rows of a window, in the log's order.
#[derive(Default)]
struct Seen {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    transactions: Vec<(u64, u32, Arc<TransactionFacts>)>,
}

impl Seen {
    fn clear(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.transactions.clear();
    }

    fn text_of(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.pieces[before].end);
        &self.text[start..self.pieces[at].end]
    }
}

impl<'i> Desk<'i> {
    pub fn new(index: &'i Index, request: &'i Request<'i>, segments: &'i Segments, lines: Lines) -> Self {
        let tables = Tables::new(index, request);
        Self { index, request, segments, lines, tables, seen: Seen::default() }
    }

    /// Makes the piece of a window; `text` is room to write to.
    pub fn unit(&mut self, window: usize, mut text: Vec<u8>) -> Unit {
        text.clear();
        let mut unit = Unit { text, ..Unit::default() };
        self.seen.clear();
        self.tables.tidy();
        let (index, request, segments) = (self.index, self.request, self.segments);
        let done = events(index, window, segments, request.gaps, |rows, number, fate| {
            self.event(rows, (number, fate), &mut unit)
        });
        unit.error = done.err();
        if unit.error.is_none() && unit.refusals.total == 0 {
            self.write(&mut unit);
        }
        unit
    }

    fn event(&mut self, rows: &RowsItem<'_>, of: (u64, Fate), unit: &mut Unit) -> Result<(), BinlogError> {
        let number = self.tables.find(rows);
        let known = self.tables.get(number);
        match self.request.engines {
            Engines::RollingBack if known.table.is_lasting() => return Ok(()),
            Engines::Lasting if !known.table.is_lasting() => return Ok(()),
            _ => {}
        }
        let against = standing_against(known, of.1, self.request.engines);
        let seen = &mut self.seen;
        if seen.transactions.last().is_none_or(|(last, ..)| *last != of.0) {
            seen.transactions.push((of.0, rows.place.file, rows.facts.clone()));
        }
        let kind = undoing(rows.event.kind, self.request.direction);
        let asked = self.index.extent == Extent::Partial && self.index.wanted.looks_at_rows();
        let (mut walk, mut cells) = (rows.event.rows(), cells(rows));
        let mut place = RowPlace { file: rows.place.file, position: rows.place.position, row: rows.first_row };
        let before = seen.pieces.len();
        if rows.event.hides_its_size() {
            unit.refusals.push(refusal(self.index, (known, place), Reason::OldTimes));
            return Ok(());
        }
        while walk.read(&mut cells).map_err(|broken| broken.at(place.position))? {
            let row =
                RowView { kind: rows.event.kind, table: &known.described, cells: &cells, transaction: rows.facts };
            let (choice, mode) = chosen(self.request, known, of.0, place);
            let is_in = choice == Choice::Include && (!asked || self.index.wanted.row(&row) == Passes::Yes);
            let ask = Ask { direction: self.request.direction, mode, lines: self.lines };
            let done = match (&against, is_in) {
                (_, false) => Ok(Done::Nothing),
                (Some(reason), true) => Err(Trouble::Reason(reason.clone())),
                (None, true) => known.table.write(rows.event.kind, &cells, ask, &mut seen.text),
            };
            match done {
                Ok(Done::Nothing) => {}
                Ok(done) => {
                    let (end, transaction) = (seen.text.len(), seen.transactions.len() - 1);
                    unit.overwriting += u64::from(mode == Mode::Overwrite);
                    seen.pieces.push(Piece { end, table: number, transaction, done });
                }
                Err(Trouble::Reason(reason)) => unit.refusals.push(refusal(self.index, (known, place), reason)),
                Err(Trouble::Broken(broken)) => return Err(broken.at(place.position)),
            }
            place.row = place.row.saturating_add(1);
        }
        if seen.pieces.len() > before {
            unit.hazards.extend(known.table.hazards(kind));
        }
        Ok(())
    }

    /// Puts the pieces into the script's order and together.
    fn write(&mut self, unit: &mut Unit) {
        let (seen, count) = (&self.seen, self.seen.pieces.len());
        let at = |nth: usize| if self.request.direction == Direction::Undo { count - 1 - nth } else { nth };
        let mut counts: BTreeMap<(usize, ChangeKind), u64> = BTreeMap::new();
        let (mut nth, mut loose) = (0, 0);
        while nth < count {
            let piece = &seen.pieces[at(nth)];
            unit.begin(&seen.transactions[piece.transaction]);
            unit.uncheck(self.is_unchecked(piece));
            let statements = if let Done::Statements(_, statements) = piece.done { statements } else { 1 };
            if loose + statements > GROUP as u64 {
                script::lines(&mut unit.text, &[script::stop(self.lines)]);
                loose = 0;
            }
            loose += statements;
            let table = &*self.tables.get(piece.table).table;
            let start = unit.text.len();
            let (kind, rows) = match piece.done {
                Done::Statements(kind, _) => {
                    unit.text.extend_from_slice(seen.text_of(at(nth)));
                    (kind, 1)
                }
                _ => {
                    let rows = self.together(nth, &at);
                    put_back(&mut unit.text, table, (nth..nth + rows).map(|nth| seen.text_of(at(nth))), self.lines);
                    (ChangeKind::Insert, rows)
                }
            };
            nth += rows;
            unit.longest = unit.longest.max((unit.text.len() - start) as u64);
            unit.rows += rows as u64;
            *counts.entry((piece.table, kind)).or_default() += rows as u64;
            unit.end(statements, loose);
        }
        unit.uncheck(false);
        for ((table, kind), rows) in counts {
            let name = self.tables.get(table).table.quoted().map_or("", |name| name);
            *unit.doings.entry((name.to_owned(), kind)).or_default() += rows;
        }
    }

    /// Whether a statement by itself runs while keys are not checked; all of a transaction may, too.
    fn is_unchecked(&self, piece: &Piece) -> bool {
        let number = self.seen.transactions[piece.transaction].0;
        let along = self.tables.get(piece.table).along;
        let is_along = match piece.done {
            Done::Statements(ChangeKind::Delete, _) => along.taken,
            Done::Statements(ChangeKind::Update, _) => along.set,
            _ => false,
        };
        is_along && !self.index.unchecked.has(number)
    }

    /// How many rows one statement can put back, from piece `nth` of the script's order on.
    fn together(&self, nth: usize, at: &impl Fn(usize) -> usize) -> usize {
        let seen = &self.seen;
        let most = if self.lines == Lines::Lasting { 1 } else { ROWS };
        let first = &seen.pieces[at(nth)];
        if seen.text_of(at(nth)).len() > SHARED {
            return 1;
        }
        let mut bytes = 0;
        let fits = |next: &usize| {
            let (piece, len) = (&seen.pieces[at(*next)], seen.text_of(at(*next)).len());
            bytes += len;
            let is_like = piece.done == Done::Row && piece.transaction == first.transaction;
            is_like && self.is_same(piece.table, first.table) && bytes <= BYTES && len <= SHARED
        };
        1 + (nth + 1..seen.pieces.len()).take(most - 1).take_while(fits).count()
    }

    /// Whether two numbers stand for the same table with the same columns.
    fn is_same(&self, one: usize, other: usize) -> bool {
        one == other || Arc::ptr_eq(&self.tables.get(one).table, &self.tables.get(other).table)
    }
}

impl Unit {
    fn begin(&mut self, (number, file, transaction): &(u64, u32, Arc<TransactionFacts>)) {
        if self.parts.last().is_none_or(|part| part.number != *number) {
            self.uncheck(false);
            let (number, file, transaction) = (*number, *file, transaction.clone());
            let end = self.text.len();
            self.parts.push(Part { number, file, transaction, end, statements: 0, loose: 0, unchecks: false });
        }
    }

    /// Keys are checked for what follows of the last part, or not.
    fn uncheck(&mut self, is_unchecked: bool) {
        let Some(part) = self.parts.last_mut().filter(|_| self.is_unchecked != is_unchecked) else { return };
        script::lines(&mut self.text, &[if is_unchecked { UNCHECK } else { CHECK }]);
        self.is_unchecked = is_unchecked;
        part.unchecks = true;
        part.end = self.text.len();
    }

    fn end(&mut self, statements: u64, loose: u64) {
        if let Some(part) = self.parts.last_mut() {
            part.end = self.text.len();
            part.statements += statements;
            part.loose = loose;
        }
    }
}

fn put_back<'p>(out: &mut Vec<u8>, table: &UndoTable, rows: impl Iterator<Item = &'p [u8]>, lines: Lines) {
    let start = out.len();
    table.put_back_begins(out);
    let mut count = 0;
    for row in rows {
        out.extend_from_slice(if count == 0 { b"SELECT " } else { b" UNION ALL SELECT " });
        out.extend_from_slice(row);
        out.extend_from_slice(b" FROM DUAL WHERE ");
        out.extend_from_slice(GUARD.as_bytes());
        count += 1;
    }
    table.end(out, start);
    script::count_rows(out, lines, count);
}

/// What undoes (or does again) a change of that kind.
pub(super) fn undoing(kind: ChangeKind, direction: Direction) -> ChangeKind {
    match (kind, direction) {
        (ChangeKind::Insert, Direction::Undo) => ChangeKind::Delete,
        (ChangeKind::Delete, Direction::Undo) => ChangeKind::Insert,
        (kind, _) => kind,
    }
}

/// Why no row of an event can be undone.
pub(super) fn standing_against(known: &Known, fate: Fate, engines: Engines) -> Option<Reason> {
    if let Some(reason) = known.table.refusal() {
        return Some(reason);
    }
    match fate {
        Fate::Undecided => Some(Reason::Undecided),
        Fate::Cut => Some(Reason::Cut),
        _ if engines == Engines::OnlyRollingBack => known.table.engine_reason(),
        _ => None,
    }
}

/// What is chosen for a row.
pub(super) fn chosen(request: &Request<'_>, known: &Known, transaction: u64, place: RowPlace) -> (Choice, Mode) {
    match request.choices {
        None => (Choice::Include, Mode::Strict),
        Some(choices) => choices.chosen(place, transaction, known.is_excluded),
    }
}

fn refusal(index: &Index, (known, place): (&Known, RowPlace), reason: Reason) -> Refusal {
    let of = &index.logs[place.file as usize].of;
    let key = ChangeKey { source: of.source.clone(), file: of.name.clone(), position: place.position, row: place.row };
    Refusal { key, table: Some(known.described.log.full_name()), reason }
}
