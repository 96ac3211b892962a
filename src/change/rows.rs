//! Rows events: the rows of one table that one statement touched, read where they lie.

use std::sync::Arc;

use crate::change::bytes::{Bytes, bit};
use crate::change::error::{Broken, OLD_TIMES};
use crate::change::json;
use crate::change::kind;
use crate::change::packed;
use crate::change::table::{Layout, Table};
use crate::change::value;
use crate::model::change::{ChangeKind, RowImage, Value};

/// Set on the last rows event of a statement.
pub const STATEMENT_END: u16 = 0x0001;
/// The statement ran with `foreign_key_checks=0`, or the rows are those that a cascade of it changed.
pub const NO_FOREIGN_KEY_CHECKS: u16 = 0x0002;
/// The server sees to foreign keys itself, and not its storage engine (MySQL 9.6 and later): what a cascade changes is
/// logged as rows of its own, each marked with [`NO_FOREIGN_KEY_CHECKS`] too. Such a server sets this on all events of
/// rows, whether their tables have foreign keys or not; of checks it says nothing.
pub const SQL_FOREIGN_KEYS: u16 = 0x0010;

/// The bit of a partial update's options that says that documents may come as differences.
const PARTIAL_JSON: u64 = 1;

/// Whether events of that kind hold rows.
pub fn is_rows(event: u8) -> bool {
    matches!(event, 23..=25 | 30..=32 | kind::PARTIAL_UPDATE_ROWS | 166..=171)
}

/// One rows event. Nothing of it was copied, unless MariaDB had compressed it.
#[derive(Debug, Clone, Copy)]
pub struct RowsEvent<'a> {
    /// What happened to the rows.
    pub kind: ChangeKind,
    /// The table they belong to.
    pub table: &'a Arc<Table>,
    /// See [`STATEMENT_END`] and its likes.
    pub flags: u16,
    is_partial: bool,
    /// Which columns the before image has; of an insert, the after image.
    first: &'a [u8],
    /// Which columns the after image of an update has.
    second: &'a [u8],
    rows: &'a [u8],
}

/// The front of a rows event, up to its rows.
pub(super) struct RowsHead<'a> {
    kind: ChangeKind,
    flags: u16,
    is_partial: bool,
    is_packed: bool,
    first: &'a [u8],
    second: &'a [u8],
    rows: &'a [u8],
}

impl<'a> RowsHead<'a> {
    /// Reads the body of a rows event of any version.
    pub fn parse(event: u8, body: &'a [u8], table: &Table) -> Result<Self, Broken> {
        let mut rest = Bytes::new(body);
        let _id = rest.take(6)?;
        let flags = rest.u16()?;
        if matches!(event, 30..=32 | kind::PARTIAL_UPDATE_ROWS | 169..=171) {
            let extra = rest.u16()?.checked_sub(2).ok_or(Broken("extra data of an impossible size"))?;
            rest.take(extra.into())?;
        }
        if rest.len()? != table.columns.len() {
            return Err(Broken("rows of another number of columns than their table has"));
        }
        let kind = match event {
            kind::WRITE_ROWS_V1 | kind::WRITE_ROWS | 166 | 169 => ChangeKind::Insert,
            kind::DELETE_ROWS_V1 | kind::DELETE_ROWS | 168 | 171 => ChangeKind::Delete,
            _ => ChangeKind::Update,
        };
        let map = table.columns.len().div_ceil(8);
        let first = rest.take(map)?;
        let second = if kind == ChangeKind::Update { rest.take(map)? } else { first };
        let is_partial = event == kind::PARTIAL_UPDATE_ROWS;
        Ok(Self { kind, flags, is_partial, is_packed: event >= 166, first, second, rows: rest.rest() })
    }

    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Unpacks the rows if they are compressed.
    pub fn unpack(&self, limit: u64, into: &mut Vec<u8>) -> Result<(), Broken> {
        if self.is_packed { packed::event(self.rows, limit, into) } else { Ok(()) }
    }

    /// The event, with its rows unpacked.
    pub fn with(self, table: &'a Arc<Table>, unpacked: &'a [u8]) -> RowsEvent<'a> {
        let rows = if self.is_packed { unpacked } else { self.rows };
        let Self { kind, flags, is_partial, first, second, .. } = self;
        RowsEvent { kind, table, flags, is_partial, first, second, rows }
    }
}

impl<'a> RowsEvent<'a> {
    /// Its rows in order.
    pub fn rows(&self) -> Rows<'a> {
        Rows { event: *self, rest: self.rows }
    }

    /// How many bytes its rows take up.
    pub fn bytes(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Whether its rows cannot be told from each other: they have dates or times of a size that is not in the log.
    pub fn hides_its_size(&self) -> bool {
        let mut walk = self.rows();
        self.table.has_old_times()
            && loop {
                match walk.skip() {
                    Ok(true) => {}
                    Ok(false) => break false,
                    Err(broken) => break broken == OLD_TIMES,
                }
            }
    }

    /// Whether an image leaves columns out: `binlog_row_image` was MINIMAL or NOBLOB.
    pub fn is_incomplete(&self) -> bool {
        let all = |map: &[u8]| (0..self.table.columns.len()).all(|at| bit(map, at));
        !all(self.first) || !all(self.second)
    }
}

/// What an image has of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing: the image leaves it out.
    Absent,
    /// NULL.
    Null,
    /// The value's bytes, without their length.
    Bytes(&'a [u8]),
    /// What was done to a JSON document.
    Differences(&'a [u8]),
}

/// The cells of one row, to be used again for the next one.
#[derive(Debug, Clone, Default)]
pub struct RowCells<'a> {
    /// Before; empty for an insert.
    pub before: Vec<Cell<'a>>,
    /// After; empty for a delete.
    pub after: Vec<Cell<'a>>,
}

/// Walks over the rows of an event.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    event: RowsEvent<'a>,
    rest: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Reads the next row into `row`; `false` when there is none.
    ///
    /// # Errors
    ///
    /// When the row ends too early.
    pub fn read(&mut self, row: &mut RowCells<'a>) -> Result<bool, Broken> {
        row.before.clear();
        row.after.clear();
        self.walk(|is_after, cell| if is_after { row.after.push(cell) } else { row.before.push(cell) })
    }

    /// Steps over the next row; `false` when there is none.
    ///
    /// # Errors
    ///
    /// When the row ends too early.
    pub fn skip(&mut self) -> Result<bool, Broken> {
        self.walk(|_, _| ())
    }

    #[inline]
    fn walk(&mut self, see: impl FnMut(bool, Cell<'a>)) -> Result<bool, Broken> {
        self.step(see).map_err(|broken| self.event.table.why(broken))
    }

    #[inline]
    fn step(&mut self, mut see: impl FnMut(bool, Cell<'a>)) -> Result<bool, Broken> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let before = self.rest.len();
        let RowsEvent { kind, first, second, is_partial, .. } = self.event;
        if kind != ChangeKind::Insert {
            self.image(first, false, |cell| see(false, cell))?;
        }
        if kind != ChangeKind::Delete {
            self.image(second, is_partial, |cell| see(true, cell))?;
        }
        // Rows without a byte would never end.
        if self.rest.len() == before { Err(Broken("rows that hold nothing")) } else { Ok(true) }
    }

    #[inline]
    fn image(&mut self, present: &'a [u8], is_partial: bool, mut see: impl FnMut(Cell<'a>)) -> Result<(), Broken> {
        let table = self.event.table;
        let mut rest = Bytes::new(self.rest);
        let mut partial: &[u8] = &[];
        if is_partial && rest.lenenc()? & PARTIAL_JSON != 0 {
            partial = rest.take(table.json_columns.div_ceil(8))?;
        }
        let count = count(present, table.columns.len());
        let nulls = rest.take(count.div_ceil(8))?;
        let mut row = rest.rest();
        let (mut nth, mut document) = (0, 0);
        for (at, column) in table.columns.iter().enumerate() {
            let is_document = matches!(column.layout, Layout::Json(_));
            let by_differences = is_document && bit(partial, document);
            document += usize::from(is_document);
            if !bit(present, at) {
                see(Cell::Absent);
                continue;
            }
            let is_null = bit(nulls, nth);
            nth += 1;
            if is_null {
                see(Cell::Null);
                continue;
            }
            let (head, len) = column.layout.extent(row)?;
            let (value, behind) = row[head..].split_at_checked(len).ok_or(Broken("a value that ends too early"))?;
            row = behind;
            see(if by_differences { Cell::Differences(value) } else { Cell::Bytes(value) });
        }
        self.rest = row;
        Ok(())
    }
}

/// How many columns an image has.
fn count(present: &[u8], columns: usize) -> usize {
    let whole: u32 = present[..columns / 8].iter().map(|byte| byte.count_ones()).sum();
    let odd = columns % 8;
    let last = if odd == 0 { 0 } else { (present[columns / 8] & ((1 << odd) - 1)).count_ones() };
    (whole + last) as usize
}

impl<'a> RowCells<'a> {
    /// The value of a column before.
    ///
    /// # Errors
    ///
    /// When its bytes are not what the column holds.
    pub fn value_before(&self, table: &Table, at: usize) -> Result<Option<Value<'a>>, Broken> {
        one(table, at, self.before.get(at).copied(), None)
    }

    /// The value of a column after; differences of documents are applied to what was before.
    ///
    /// # Errors
    ///
    /// When its bytes are not what the column holds.
    pub fn value_after(&self, table: &Table, at: usize) -> Result<Option<Value<'a>>, Broken> {
        one(table, at, self.after.get(at).copied(), self.before.get(at).copied())
    }

    /// The image before, owned; `None` for an insert.
    ///
    /// # Errors
    ///
    /// As [`Self::value_before`].
    pub fn image_before(&self, table: &Table) -> Result<Option<RowImage>, Broken> {
        image(self.before.len(), |at| self.value_before(table, at))
    }

    /// The image after, owned; `None` for a delete.
    ///
    /// # Errors
    ///
    /// As [`Self::value_after`].
    pub fn image_after(&self, table: &Table) -> Result<Option<RowImage>, Broken> {
        image(self.after.len(), |at| self.value_after(table, at))
    }
}

fn image<'a>(
    len: usize,
    value: impl Fn(usize) -> Result<Option<Value<'a>>, Broken>,
) -> Result<Option<RowImage>, Broken> {
    if len == 0 {
        return Ok(None);
    }
    let values = (0..len).map(|at| Ok(value(at)?.map(Value::into_owned))).collect::<Result<_, _>>()?;
    Ok(Some(RowImage { values }))
}

fn one<'a>(
    table: &Table,
    at: usize,
    cell: Option<Cell<'a>>,
    before: Option<Cell<'a>>,
) -> Result<Option<Value<'a>>, Broken> {
    let (Some(cell), Some(column)) = (cell, table.columns.get(at)) else { return Ok(None) };
    match (cell, before) {
        (Cell::Absent, _) => Ok(None),
        (Cell::Null, _) => Ok(Some(Value::Null)),
        (Cell::Bytes(bytes), _) => value::read(column, bytes).map(Some).map_err(|broken| table.why(broken)),
        (Cell::Differences(differences), Some(Cell::Bytes(document))) => json::patched(document, differences).map(Some),
        (Cell::Differences(differences), _) => json::describe(differences).map(Some),
    }
}
