//! Whether a row passes a filter: yes, no, or that cannot be told. What cannot be told is never taken for a no.

use crate::model::change::{Change, ChangedTable, RowImage, Value};
use crate::model::changes::filter::Compiled;
use crate::model::changes::literal::Literal;
use crate::model::changes::untold::Untold;
use crate::model::foreign::Foreign;

/// A column of one image of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowValue<'v> {
    /// There is no such image: none before an insert, none after a delete.
    NoImage,
    /// The image leaves the column out.
    LeftOut,
    /// Its bytes are not what the column holds.
    Unreadable,
    /// What it holds.
    Is(Value<'v>),
}

/// The values of one row, read when they are asked for.
pub trait RowValues {
    /// A column before.
    fn before(&self, column: usize) -> RowValue<'_>;
    /// A column after; what an update's image leaves out stayed as it was.
    fn after(&self, column: usize) -> RowValue<'_>;
}

impl RowValues for Change {
    fn before(&self, column: usize) -> RowValue<'_> {
        of_image(self.before.as_ref(), column)
    }

    fn after(&self, column: usize) -> RowValue<'_> {
        of_image(self.after.as_ref(), column)
    }
}

fn of_image(image: Option<&RowImage>, column: usize) -> RowValue<'_> {
    let Some(image) = image else { return RowValue::NoImage };
    match image.values.get(column) {
        Some(Some(value)) => RowValue::Is(value.clone()),
        _ => RowValue::LeftOut,
    }
}

/// Whether a row passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passes {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It may.
    Untold(Untold),
}

impl Passes {
    /// Of something that is known.
    pub fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }

    /// When both must hold.
    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => other(),
            Self::No => Self::No,
            untold => {
                if other() == Self::No {
                    Self::No
                } else {
                    untold
                }
            }
        }
    }

    /// When one must hold.
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            untold => {
                if other() == Self::Yes {
                    Self::Yes
                } else {
                    untold
                }
            }
        }
    }
}

impl Compiled {
    /// Whether rows have to be looked into.
    pub fn wants_rows(&self) -> bool {
        let filter = self.filter();
        !(filter.keys.is_empty() && filter.changed.is_empty() && filter.values.is_empty())
    }

    /// Whether one row passes. A column that a table does not have never does; where nothing tells its columns'
    /// names, that cannot be told.
    pub fn takes_row(&self, table: &ChangedTable, row: &impl RowValues) -> Passes {
        let filter = self.filter();
        let keys = || one_of(&filter.keys, |key| table.has_that_key(row, key));
        let changed = || one_of(&filter.changed, |name| with(table, name, |at| has_changed(table, row, at)));
        let values = || {
            let all = filter.values.iter();
            all.fold(Passes::Yes, |passes, (name, wanted)| {
                passes.and(|| with(table, name, |at| either(table, row, at, wanted)))
            })
        };
        keys().and(changed).and(values)
    }
}

/// Whether any of them does; where none is asked for, all do.
fn one_of<T>(all: &[T], passes: impl Fn(&T) -> Passes) -> Passes {
    match all {
        [] => Passes::Yes,
        all => all.iter().fold(Passes::No, |found, one| found.or(|| passes(one))),
    }
}

/// Asks of the column of that name.
fn with(table: &ChangedTable, name: &str, ask: impl FnOnce(usize) -> Passes) -> Passes {
    match table.column(name) {
        Some(at) => ask(at),
        None if table.named => Passes::No,
        None => Passes::Untold(Untold::Unnamed),
    }
}

fn name(table: &ChangedTable, at: usize) -> Foreign {
    table.columns.get(at).map_or_else(Foreign::default, |column| column.name.clone())
}

/// Whether one image's column is what is wanted.
fn is(table: &ChangedTable, at: usize, value: RowValue<'_>, wanted: &Literal) -> Passes {
    match value {
        RowValue::NoImage => Passes::No,
        RowValue::LeftOut => Passes::Untold(Untold::LeftOut(name(table, at))),
        RowValue::Unreadable => Passes::Untold(Untold::Unreadable(name(table, at))),
        RowValue::Is(value) => wanted.meets(&value, &table.columns[at]),
    }
}

/// A column after, with what stayed as it was taken from before.
fn after<'r>(row: &'r impl RowValues, at: usize) -> RowValue<'r> {
    match (row.after(at), row.before(at)) {
        (RowValue::LeftOut, RowValue::NoImage) => RowValue::LeftOut,
        (RowValue::LeftOut, before) => before,
        (after, _) => after,
    }
}

fn either(table: &ChangedTable, row: &impl RowValues, at: usize, wanted: &Literal) -> Passes {
    is(table, at, row.before(at), wanted).or(|| is(table, at, after(row, at), wanted))
}

/// Whether an update changed a column. One that only the image after has counts as changed: a log with minimal
/// images leaves out of it what stayed as it was.
fn has_changed(table: &ChangedTable, row: &impl RowValues, at: usize) -> Passes {
    match (row.before(at), row.after(at)) {
        (_, RowValue::NoImage | RowValue::LeftOut) => Passes::No,
        (RowValue::Unreadable, _) | (_, RowValue::Unreadable) => Passes::Untold(Untold::Unreadable(name(table, at))),
        (before, after) => Passes::of(before != after),
    }
}

impl ChangedTable {
    /// The column of that name; the case of ASCII letters does not count.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.raw_bytes().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether it is known which columns tell one row from all others.
    pub fn has_key(&self) -> bool {
        self.columns.iter().any(|column| column.key_part.is_some())
    }

    /// Indexes of the key's columns, in the order of the key.
    pub fn key_columns(&self) -> Vec<usize> {
        let parts = self.columns.iter().enumerate().filter_map(|(at, column)| Some((column.key_part?, at)));
        let mut parts: Vec<_> = parts.collect();
        parts.sort_unstable();
        parts.into_iter().map(|(_, at)| at).collect()
    }

    /// Whether a row has that key before or after. Where it is not known which columns are the key, that cannot be
    /// told.
    pub fn has_that_key(&self, row: &impl RowValues, key: &[Literal]) -> Passes {
        let columns = self.key_columns();
        if columns.is_empty() && !self.named {
            return Passes::Untold(Untold::Unnamed);
        }
        if columns.len() != key.len() || key.is_empty() {
            return Passes::No;
        }
        let parts = || columns.iter().copied().zip(key);
        all_of(self, parts(), |at| row.before(at)).or(|| all_of(self, parts(), |at| after(row, at)))
    }
}

/// Whether all parts of a key are what is wanted.
fn all_of<'r, 'k>(
    table: &ChangedTable,
    parts: impl Iterator<Item = (usize, &'k Literal)>,
    value: impl Fn(usize) -> RowValue<'r>,
) -> Passes {
    let all = |passes: Passes, (at, wanted): (usize, &Literal)| passes.and(|| is(table, at, value(at), wanted));
    parts.fold(Passes::Yes, all)
}
