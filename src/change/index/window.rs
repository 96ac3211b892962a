//! Stretches of a log from which reading can begin.

use std::sync::Arc;

use crate::change::error::BinlogError;
use crate::change::frame::Spot;
use crate::change::index::{Cursor, Index};
use crate::change::table::Table;
use crate::change::transactions::{Mark, Transactions};

/// About how many bytes of a log a window has, payloads unpacked; one event more at most.
pub(in crate::change) const WINDOW: u64 = 256 << 10;

/// A stretch of a log that can be read on its own.
#[derive(Debug)]
pub(in crate::change) struct Window {
    /// Where it begins.
    pub mark: Mark,
    /// Tables of its rows that were described in front of it.
    pub tables: Vec<(u64, Arc<Table>)>,
    /// Where it ends.
    pub end: Spot,
    /// Plain bytes in front of its end, for one that lies in a compressed payload.
    pub plain_end: u64,
    /// The number of the transaction that is open where it begins, or of the last one before.
    pub transaction: u64,
}

impl Window {
    /// A window that lies in a compressed payload: where that begins, and the window's plain bytes in it.
    pub fn inside(&self) -> Option<(u64, std::ops::Range<u64>)> {
        let inside = self.mark.frames.spot.inside?;
        Some((inside.head.start, inside.plain..self.plain_end))
    }
}

/// Reads a window.
pub(in crate::change) struct Stretch<R> {
    /// What reads.
    pub log: Transactions<R>,
    end: Spot,
}

impl<'i> Stretch<Cursor<'i>> {
    /// Of a window that begins outside a compressed payload.
    pub fn outside(index: &'i Index, window: &Window) -> Self {
        let log = &index.logs[window.mark.file as usize];
        let end = match window.end.inside {
            Some(inside) => inside.head.start + inside.head.size,
            None => window.end.at,
        };
        let cursor = Cursor::new(&*log.bytes, window.mark.frames.spot.at, end);
        Self::over(index, window, cursor)
    }
}

impl<R: std::io::Read> Stretch<R> {
    /// Over bytes that begin where the window does.
    pub fn over(index: &Index, window: &Window, bytes: R) -> Self {
        let log = Transactions::resume(bytes, &window.mark, &window.tables, index.limits);
        Self { log, end: window.end }
    }

    /// Takes in the next event; `false` at the window's end.
    ///
    /// # Errors
    ///
    /// When the log is no longer what it was.
    pub fn advance(&mut self) -> Result<bool, BinlogError> {
        if self.end.inside.is_some() && self.log.mark_spot() == Some(self.end) {
            return Ok(false);
        }
        self.log.advance()
    }
}
