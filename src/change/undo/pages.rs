//! What undoes the rows of one window, one by one, for people to look at.

use std::sync::Arc;

use crate::change::error::{BinlogError, Broken};
use crate::change::index::{Index, RowView, Segments};
use crate::change::reverse::{Ask, Done, Reason, Trouble, UndoTable};
use crate::change::rows::RowCells;
use crate::change::script::{GUARD, Lines};
use crate::change::table::Table;
use crate::change::transactions::{Fate, RowsItem};
use crate::change::undo::pieces::{chosen, standing_against};
use crate::change::undo::window::{Known, Tables, cells, events};
use crate::change::undo::{Direction, Engines, Request, RowPlace, UndoError};
use crate::model::change::Change;
use crate::model::changes::Passes;
use crate::model::script::{Choice, Extent, Mode};

/// One change and what undoes it.
#[derive(Debug, Clone)]
pub struct Undoing {
    /// Its place in the logs.
    pub place: RowPlace,
    /// The number of its transaction, which counts all of the logs from 1; the same for all of a transaction.
    pub transaction: u64,
    /// The change, with both images.
    pub change: Change,
    /// Its table as the log describes it, with what its definition adds.
    pub table: Arc<Table>,
    /// Whether the log itself names the columns, so that none was taken for another.
    pub is_named: bool,
    /// The statement alone, without its count; `Ok(None)` for an update that changed nothing; the reason where nothing
    /// undoes it. Its names are as they are: escape it before it is drawn.
    pub sql: Result<Option<String>, Reason>,
    /// What was chosen.
    pub choice: Choice,
    /// What is asked of the row.
    pub mode: Mode,
}

/// What undoes the rows of one window, in the script's order; windows count from the script's beginning. Changes
/// that are excluded, and those that cannot be undone, are among them; only those that never happened are not.
///
/// # Errors
///
/// When the log is no longer what it was.
pub fn rows(index: &Index, request: &Request<'_>, window: usize) -> Result<Vec<Undoing>, UndoError> {
    let Some(last) = index.windows.len().checked_sub(window + 1) else { return Ok(vec![]) };
    let number = if request.direction == Direction::Undo { last } else { window };
    let mut page = Page { index, request, tables: Tables::new(index, request), found: vec![] };
    let segments = Segments::default();
    events(index, number, &segments, request.gaps, |rows, transaction, fate| page.event(rows, transaction, fate))?;
    if request.direction == Direction::Undo {
        page.found.reverse();
    }
    Ok(page.found)
}

struct Page<'p> {
    index: &'p Index,
    request: &'p Request<'p>,
    tables: Tables<'p>,
    found: Vec<Undoing>,
}

impl Page<'_> {
    fn event(&mut self, rows: &RowsItem<'_>, transaction: u64, fate: Fate) -> Result<(), BinlogError> {
        let number = self.tables.find(rows);
        let known = self.tables.get(number);
        match self.request.engines {
            Engines::RollingBack if known.table.is_lasting() => return Ok(()),
            Engines::Lasting if !known.table.is_lasting() => return Ok(()),
            _ => {}
        }
        let position = rows.place.position;
        let against = standing_against(known, fate, self.request.engines);
        let of = &self.index.logs[rows.place.file as usize].of;
        let changes = match rows.changes(of, &known.described, fate) {
            Err(BinlogError::OldTimes { .. }) => return Ok(()), // refused as a whole
            changes => changes?,
        };
        let asked = self.index.extent == Extent::Partial && self.index.wanted.looks_at_rows();
        let is_named = rows.event.table.columns.iter().all(|column| column.name.is_some());
        let (mut walk, mut cells) = (rows.event.rows(), cells(rows));
        for change in changes {
            walk.read(&mut cells).map_err(|broken| broken.at(position))?;
            let place = RowPlace { file: rows.place.file, position, row: change.key.row };
            let row = RowView { kind: change.kind, table: &known.described, cells: &cells, transaction: rows.facts };
            if asked && self.index.wanted.row(&row) != Passes::Yes {
                continue;
            }
            let (choice, mode) = chosen(self.request, known, transaction, place);
            let ask = Ask { direction: self.request.direction, mode, lines: Lines::Once };
            let sql = match &against {
                Some(reason) => Err(reason.clone()),
                None => alone(known, &change, &cells, ask).map_err(|broken| broken.at(position))?,
            };
            let table = known.described.log.clone();
            self.found.push(Undoing { place, transaction, change, table, is_named, sql, choice, mode });
        }
        Ok(())
    }
}

type Sql = Result<Option<String>, Reason>;

/// One row's statements without what counts them.
fn alone(known: &Known, change: &Change, cells: &RowCells<'_>, ask: Ask) -> Result<Sql, Broken> {
    let table = known.table.for_people();
    let mut text = vec![];
    let done = match table.write(change.kind, cells, ask, &mut text) {
        Ok(done) => done,
        Err(Trouble::Reason(reason)) => return Ok(Err(reason)),
        Err(Trouble::Broken(broken)) => return Err(broken),
    };
    Ok(Ok(match done {
        Done::Nothing => None,
        Done::Row => Some(put_back(&table, &text)),
        Done::Statements(..) => {
            let text = String::from_utf8_lossy(&text);
            let statements = text.lines().filter(|line| !line.starts_with("SET @bg_"));
            Some(statements.collect::<Vec<_>>().join("\n"))
        }
    }))
}

fn put_back(table: &UndoTable, row: &[u8]) -> String {
    let mut text = vec![];
    table.put_back_begins(&mut text);
    let parts: [&[u8]; 5] = [b"SELECT ", row, b" FROM DUAL WHERE ", GUARD.as_bytes(), b";"];
    text.extend(parts.concat());
    String::from_utf8_lossy(&text).into_owned()
}
