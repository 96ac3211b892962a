//! Rows to statements, straight from their cells.

use crate::change::error::Broken;
use crate::change::reverse::Reason;
use crate::change::reverse::table::{UndoColumn, UndoTable};
use crate::change::rows::{Cell, RowCells};
use crate::change::script::{self, GUARD, HERE, HERE_NONE, Lines, ONE, PUT_OR_NOT, SET_OR_NOT, SET_OVER, TAKEN_OVER};
use crate::change::undo::Direction;
use crate::model::change::{ChangeKind, Value};
use crate::model::script::Mode;
use crate::sql::exact::{self, Inexact};

/// What is asked for a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::change) struct Ask {
    pub direction: Direction,
    pub mode: Mode,
    pub lines: Lines,
}

/// What was written for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::change) enum Done {
    /// Nothing: the change changed nothing.
    Nothing,
    /// The literals of a row that is to be put back.
    Row,
    /// So many statements, each with its count.
    Statements(ChangeKind, u64),
}

/// Why nothing could be written.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::change) enum Trouble {
    /// It cannot be undone.
    Reason(Reason),
    /// The row is not what the table says.
    Broken(Broken),
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

type Written<T> = Result<T, Trouble>;

/// A row as it was before its change, and as it was after.
#[derive(Clone, Copy)]
struct Images<'t, 'a> {
    table: &'t UndoTable,
    cells: &'t RowCells<'a>,
    direction: Direction,
}

impl<'a> Images<'_, 'a> {
    fn before(&self, at: usize) -> Result<Option<Value<'a>>, Broken> {
        self.cells.value_before(&self.table.log, at)
    }

    /// With what the image leaves out because it stayed as it was.
    fn after(&self, at: usize) -> Result<Option<Value<'a>>, Broken> {
        match self.cells.value_after(&self.table.log, at)? {
            Some(value) => Ok(Some(value)),
            None => self.before(at),
        }
    }

    /// What a column is to hold.
    fn then(&self, at: usize) -> Written<Value<'a>> {
        let value = if self.direction == Direction::Undo { self.before(at) } else { self.after(at) };
        value?.ok_or_else(|| self.missing(at))
    }

    /// What a column holds, if nothing happened since.
    fn now(&self, at: usize) -> Written<Value<'a>> {
        let value = if self.direction == Direction::Undo { self.after(at) } else { self.before(at) };
        value?.ok_or_else(|| self.missing(at))
    }

    fn missing(&self, at: usize) -> Trouble {
        let name = self.table.columns.get(at).map(|column| column.name.clone());
        Trouble::Reason(Reason::Missing(name.unwrap_or_default()))
    }

    /// Whether an update changed a column. One that only the image after has counts as changed: a log with
    /// minimal images leaves out of it what stayed as it was.
    fn differs(&self, at: usize) -> Result<bool, Broken> {
        let (before, after) = (self.cells.before.get(at), self.cells.after.get(at));
        let is_ambiguous = self.table.columns[at].is_ambiguous;
        match (before, after) {
            (_, None | Some(Cell::Absent)) => Ok(false),
            (None | Some(Cell::Absent), _) => Ok(true),
            (Some(Cell::Null), Some(Cell::Null)) => Ok(false),
            (Some(Cell::Bytes(before)), Some(Cell::Bytes(after))) if before == after => Ok(false),
            (Some(_), Some(Cell::Null | Cell::Bytes(_))) if !is_ambiguous => Ok(true),
            _ => Ok(self.before(at)? != self.cells.value_after(&self.table.log, at)?),
        }
    }
}

impl UndoTable {
    /// Writes what undoes (or does again) the change of a row, without a guard where it is only a row to put back.
    ///
    /// When there is trouble, `out` is left as it was.
    pub(in crate::change) fn write(
        &self,
        kind: ChangeKind,
        cells: &RowCells<'_>,
        ask: Ask,
        out: &mut Vec<u8>,
    ) -> Written<Done> {
        let start = out.len();
        let images = Images { table: self, cells, direction: ask.direction };
        let kind = match (kind, ask.direction) {
            (ChangeKind::Insert, Direction::Undo) => ChangeKind::Delete,
            (ChangeKind::Delete, Direction::Undo) => ChangeKind::Insert,
            (kind, _) => kind,
        };
        let done = match (kind, ask.mode) {
            (ChangeKind::Insert, Mode::Strict) if self.is_looked_at() => self.row_alone(&images, ask, out),
            (ChangeKind::Insert, Mode::Strict) => self.row(&images, out),
            (ChangeKind::Insert, Mode::Overwrite) => self.row_over(&images, ask, out),
            (ChangeKind::Delete, _) => self.take_away(&images, ask, out),
            (ChangeKind::Update, _) => self.set_back(&images, ask, out),
        };
        if !matches!(done, Ok(Done::Row | Done::Statements(..))) {
            out.truncate(start);
        }
        match done {
            Err(Trouble::Reason(Reason::Generated)) => Err(self.reason(Reason::Generated).into()),
            done => done,
        }
    }

    fn quoted_name(&self) -> Written<&str> {
        Ok(self.quoted.as_deref().ok_or(Reason::Name)?)
    }

    /// The literals of all columns that are not generated.
    fn row(&self, images: &Images<'_, '_>, out: &mut Vec<u8>) -> Written<Done> {
        self.quoted_name()?;
        let start = out.len();
        for (at, column) in self.columns.iter().enumerate() {
            if column.is_generated()? {
                continue;
            }
            column.quoted()?;
            if out.len() > start {
                out.push(b',');
            }
            column.literal(out, &images.then(at)?)?;
        }
        Ok(Done::Row)
    }

    /// A row that is put back by itself, because it is looked at.
    fn row_alone(&self, images: &Images<'_, '_>, ask: Ask, out: &mut Vec<u8>) -> Written<Done> {
        let start = out.len();
        self.put_back_begins(out);
        out.extend_from_slice(b"SELECT ");
        self.row(images, out)?;
        push(out, &[" FROM DUAL WHERE ", GUARD]);
        self.end(out, start);
        script::count(out, ask.lines, ONE);
        self.look(images, ask, out)?;
        Ok(Done::Statements(ChangeKind::Insert, 1))
    }

    /// Whether the server computed for a row what it had: what depends on a session's settings may be otherwise.
    fn look(&self, images: &Images<'_, '_>, ask: Ask, out: &mut Vec<u8>) -> Written<()> {
        let Some(first) = self.columns.iter().find(|column| column.is_looked_at) else { return Ok(()) };
        if !self.has_key() {
            return Err(Reason::Computed(first.name.clone()).into());
        }
        push(out, &[HERE_NONE, "\n"]);
        let start = out.len();
        push(out, &["SELECT COUNT(*) FROM ", self.quoted_name()?, " WHERE ", GUARD]);
        self.key(images, |images, at| images.then(at), out)?;
        for (at, column) in self.columns.iter().enumerate().filter(|(_, column)| column.is_looked_at) {
            column.condition(out, &images.then(at)?)?;
        }
        push(out, &[HERE]);
        self.end(out, start);
        script::made(out, ask.lines);
        Ok(())
    }

    fn take_away(&self, images: &Images<'_, '_>, ask: Ask, out: &mut Vec<u8>) -> Written<Done> {
        let name = self.quoted_name()?;
        let overwrites = ask.mode == Mode::Overwrite;
        if overwrites {
            self.existence(images, |images, at| images.now(at), out)?;
        }
        let start = out.len();
        push(out, &["DELETE FROM ", name, " WHERE ", GUARD]);
        if overwrites {
            self.key(images, |images, at| images.now(at), out)?;
        } else {
            self.whole(images, out)?;
        }
        self.end(out, start);
        script::count(out, ask.lines, if overwrites { TAKEN_OVER } else { ONE });
        Ok(Done::Statements(ChangeKind::Delete, 1))
    }

    fn set_back(&self, images: &Images<'_, '_>, ask: Ask, out: &mut Vec<u8>) -> Written<Done> {
        let name = self.quoted_name()?;
        let overwrites = ask.mode == Mode::Overwrite;
        if !self.is_changed(images)? {
            return Ok(Done::Nothing);
        }
        if overwrites {
            self.existence(images, |images, at| images.now(at), out)?;
        }
        let start = out.len();
        push(out, &["UPDATE ", name, " SET "]);
        let list = out.len();
        for (at, column) in self.columns.iter().enumerate() {
            if column.is_generated()? || !(column.updates_itself || images.differs(at)?) {
                continue;
            }
            if out.len() > list {
                out.push(b',');
            }
            column.assignment(out, &images.then(at)?)?;
        }
        if out.len() == list {
            return Ok(Done::Nothing); // generated columns alone
        }
        push(out, &[" WHERE ", GUARD]);
        match (overwrites, self.has_key()) {
            (true, _) => self.key(images, |images, at| images.now(at), out)?,
            (false, true) => self.changed(images, out)?,
            (false, false) => self.whole(images, out)?,
        }
        self.end(out, start);
        script::count(out, ask.lines, if overwrites { SET_OVER } else { ONE });
        self.look(images, ask, out)?;
        Ok(Done::Statements(ChangeKind::Update, 1))
    }

    fn is_changed(&self, images: &Images<'_, '_>) -> Result<bool, Broken> {
        for at in 0..self.columns.len() {
            if images.differs(at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A row is put back over whatever has its key: it is set where it is there, and put back where it is not.
    fn row_over(&self, images: &Images<'_, '_>, ask: Ask, out: &mut Vec<u8>) -> Written<Done> {
        let name = self.quoted_name()?;
        self.existence(images, |images, at| images.then(at), out)?;
        let start = out.len();
        push(out, &["UPDATE ", name, " SET "]);
        let list = out.len();
        for (at, column) in self.columns.iter().enumerate() {
            if column.is_generated()? {
                continue;
            }
            if out.len() > list {
                out.push(b',');
            }
            column.assignment(out, &images.then(at)?)?;
        }
        push(out, &[" WHERE ", GUARD]);
        self.key(images, |images, at| images.then(at), out)?;
        self.end(out, start);
        script::count(out, ask.lines, SET_OR_NOT);
        let start = out.len();
        self.put_back_begins(out);
        out.extend_from_slice(b"SELECT ");
        self.row(images, out)?;
        push(out, &[" FROM DUAL WHERE ", GUARD, " AND @bg_here=0"]);
        self.end(out, start);
        script::count(out, ask.lines, PUT_OR_NOT);
        self.look(images, ask, out)?;
        Ok(Done::Statements(ChangeKind::Insert, 2))
    }

    /// `INSERT INTO table (columns) `.
    pub(in crate::change) fn put_back_begins(&self, out: &mut Vec<u8>) {
        push(out, &["INSERT INTO ", self.quoted.as_deref().unwrap_or_default(), " ("]);
        out.extend_from_slice(&self.list);
        out.extend_from_slice(b") ");
    }

    /// Ends the statement that begins at `start`; one whose names are not ASCII goes through PREPARE.
    pub(in crate::change) fn end(&self, out: &mut Vec<u8>, start: usize) {
        script::end(out, start, self.is_ascii);
    }

    /// Counts the rows with a key, and locks them.
    fn existence<'a>(
        &self,
        images: &Images<'_, 'a>,
        value: impl Fn(&Images<'_, 'a>, usize) -> Written<Value<'a>>,
        out: &mut Vec<u8>,
    ) -> Written<()> {
        push(out, &[HERE_NONE, "\n"]);
        let start = out.len();
        push(out, &["SELECT COUNT(*) FROM ", self.quoted_name()?, " WHERE ", GUARD]);
        self.key(images, value, out)?;
        push(out, &[HERE]);
        self.end(out, start);
        Ok(())
    }

    /// That a row has a key.
    fn key<'a>(
        &self,
        images: &Images<'_, 'a>,
        value: impl Fn(&Images<'_, 'a>, usize) -> Written<Value<'a>>,
        out: &mut Vec<u8>,
    ) -> Written<()> {
        if !self.has_key() {
            return Err(Reason::NoKey.into());
        }
        for (at, column) in self.columns.iter().enumerate().filter(|(_, column)| column.is_key) {
            column.condition(out, &value(images, at)?)?;
        }
        Ok(())
    }

    /// That a row has the key, and what was changed is as it was left; so is what the server sets on every update,
    /// for it is set back too.
    fn changed(&self, images: &Images<'_, '_>, out: &mut Vec<u8>) -> Written<()> {
        for (at, column) in self.columns.iter().enumerate() {
            let is_set = column.generated == Some(false) && (column.updates_itself || images.differs(at)?);
            if column.is_key || is_set {
                column.condition(out, &images.now(at)?)?;
            }
        }
        Ok(())
    }

    /// That a row is exactly this one; without a key, one of those that are. The key comes first: a reader sees at
    /// once which row is meant.
    fn whole(&self, images: &Images<'_, '_>, out: &mut Vec<u8>) -> Written<()> {
        for &at in &self.whole {
            self.columns[at].condition(out, &images.now(at)?)?;
        }
        if !self.has_key() {
            out.extend_from_slice(b" LIMIT 1");
        }
        Ok(())
    }
}

impl UndoColumn {
    fn is_generated(&self) -> Written<bool> {
        Ok(self.generated.ok_or(Reason::Generated)?)
    }

    fn quoted(&self) -> Written<&[u8]> {
        Ok(self.quoted.as_deref().ok_or(Reason::Name)?)
    }

    fn inexact(&self, why: Inexact) -> Trouble {
        Trouble::Reason(Reason::Inexact(self.name.clone(), why))
    }

    fn literal(&self, out: &mut Vec<u8>, value: &Value<'_>) -> Written<()> {
        exact::write_literal(out, value, &self.form).map_err(|why| self.inexact(why))
    }

    fn assignment(&self, out: &mut Vec<u8>, value: &Value<'_>) -> Written<()> {
        out.extend_from_slice(self.quoted()?);
        out.push(b'=');
        self.literal(out, value)
    }

    /// ` AND ` and that the column holds the value.
    fn condition(&self, out: &mut Vec<u8>, value: &Value<'_>) -> Written<()> {
        const AND: &[u8] = b" AND ";
        let name = self.quoted()?;
        out.extend_from_slice(AND);
        if self.is_key && exact::write_lookup(out, name, value, &self.form).map_err(|why| self.inexact(why))? {
            out.extend_from_slice(AND);
        }
        exact::write_condition(out, name, value, &self.form).map_err(|why| self.inexact(why))
    }
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}
