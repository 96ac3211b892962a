//! Rows by the page, and all of them in a stream.

use std::ops::ControlFlow;

use crate::change::error::BinlogError;
use crate::change::rows::RowCells;
use crate::model::change::{BinlogPos, Change};
use crate::model::changes::{Compiled, Passes, RowCursor, RowsOf, RowsPage, RowsRequest, Untolds};
use crate::report::{Report, Reportable};
use crate::work::changes::error::ChangesError;
use crate::work::changes::pages::asks;
use crate::work::changes::walk::{Opened, Seen, Spot, Visit, change};
use crate::work::changes::wanted::Cells;

/// Gathers rows.
struct Gathering<'o> {
    opened: &'o Opened,
    filter: &'o Compiled,
    only: Option<u64>,
    from: RowCursor,
    most: usize,
    /// Rows of the current entry that passed.
    nth: RowCursor,
    page: RowsPage,
}

impl Gathering<'_> {
    fn rows(&mut self, spot: Spot, seen: &Seen<'_>) -> Result<ControlFlow<()>, BinlogError> {
        let Seen::Rows { item, table, fate } = seen else { return Ok(ControlFlow::Continue(())) };
        if spot.entry < self.from.entry || asks(self.filter, seen) != Passes::Yes {
            return Ok(ControlFlow::Continue(()));
        }
        if self.nth.entry != spot.entry {
            self.nth = RowCursor { entry: spot.entry, rows: 0 };
        }
        let passed = if spot.entry == self.from.entry { self.from.rows } else { 0 };
        let of = self.opened.log_file(item.place.file);
        let (mut cells, mut walk, mut row) = (RowCells::default(), item.event.rows(), 0);
        let broken = |broken: crate::change::error::Broken| broken.at(item.place.position);
        loop {
            let skips = !self.filter.wants_rows() && self.nth.rows < passed;
            if !(if skips { walk.skip() } else { walk.read(&mut cells) }).map_err(broken)? {
                return Ok(ControlFlow::Continue(()));
            }
            row += 1;
            let values = Cells { table: &table.log, cells: &cells };
            if !skips && self.filter.wants_rows() && self.filter.takes_row(&table.shown, &values) != Passes::Yes {
                continue;
            }
            if self.nth.rows >= passed {
                if self.page.changes.len() == self.most {
                    self.page.next = Some(self.nth);
                    return Ok(ControlFlow::Break(()));
                }
                self.page.changes.push(change(&of, item, (&cells, row - 1), table, *fate)?);
            }
            self.nth.rows += 1;
        }
    }
}

impl Visit for Gathering<'_> {
    fn see(&mut self, spot: Spot, seen: Seen<'_>) -> Result<ControlFlow<()>, BinlogError> {
        if self.only.is_some_and(|only| spot.entry > only) {
            return Ok(ControlFlow::Break(()));
        }
        self.rows(spot, &seen)
    }
}

/// Reads a page of rows.
///
/// # Errors
///
/// When the filter cannot be used, or there is no such entry.
pub fn rows(opened: &Opened, request: &RowsRequest) -> Result<RowsPage, Report> {
    let filter = opened.compile(&request.filter)?;
    let only = match request.of {
        RowsOf::Entry(entry) if entry >= opened.entries => {
            return Err(ChangesError::NoEntry { entry, entries: opened.entries }.report());
        }
        RowsOf::Entry(entry) => Some(entry),
        RowsOf::Everything => None,
    };
    let from = match only {
        Some(entry) if request.from.entry != entry => RowCursor { entry, rows: 0 },
        _ => request.from,
    };
    let most = request.count.clamp(1, RowsRequest::MOST);
    let mut gathering = Gathering {
        opened,
        filter: &filter,
        only,
        from,
        most,
        nth: RowCursor { entry: u64::MAX, rows: 0 },
        page: RowsPage::default(),
    };
    opened.walk(opened.checkpoint(from.entry), &mut gathering);
    Ok(gathering.page)
}

/// Hands every row that passes to `take`, in order, until it has enough; returns the rows that were passed over though
/// they may be meant. What cannot be read is told to `broken`.
pub fn stream(
    opened: &Opened,
    filter: &Compiled,
    take: impl FnMut(Change) -> ControlFlow<()>,
    broken: impl FnMut(u32, BinlogPos, BinlogError) -> ControlFlow<()>,
) -> Untolds {
    struct Streaming<'o, T, B> {
        opened: &'o Opened,
        filter: &'o Compiled,
        take: T,
        broken: B,
        untold: Untolds,
    }
    impl<T, B> Visit for Streaming<'_, T, B>
    where
        T: FnMut(Change) -> ControlFlow<()>,
        B: FnMut(u32, BinlogPos, BinlogError) -> ControlFlow<()>,
    {
        fn see(&mut self, spot: Spot, seen: Seen<'_>) -> Result<ControlFlow<()>, BinlogError> {
            let asked = asks(self.filter, &seen);
            let Seen::Rows { item, table, fate } = seen else { return Ok(ControlFlow::Continue(())) };
            if asked == Passes::No {
                return Ok(ControlFlow::Continue(()));
            }
            let looks = asked == Passes::Yes && self.filter.wants_rows();
            let of = self.opened.log_file(spot.at.file);
            let (mut cells, mut walk, mut row) = (RowCells::default(), item.event.rows(), 0);
            while walk.read(&mut cells).map_err(|broken| broken.at(item.place.position))? {
                row += 1;
                let values = Cells { table: &table.log, cells: &cells };
                match if looks { self.filter.takes_row(&table.shown, &values) } else { asked.clone() } {
                    Passes::Yes => {}
                    Passes::No => continue,
                    Passes::Untold(why) => {
                        self.untold.add((&table.shown.schema, &table.shown.name), &why, 1);
                        continue;
                    }
                }
                if (self.take)(change(&of, item, (&cells, row - 1), table, fate)?).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        }

        fn broken(&mut self, file: u32, at: BinlogPos, error: BinlogError) -> ControlFlow<()> {
            (self.broken)(file, at, error)
        }
    }
    let mut streaming = Streaming { opened, filter, take, broken, untold: Untolds::default() };
    opened.walk(opened.start(), &mut streaming);
    streaming.untold
}
