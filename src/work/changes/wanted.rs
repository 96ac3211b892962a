//! The filter of `model` over the rows of a log: one for lists, pages and scripts.

use crate::change::error::Broken;
use crate::change::index::{RowView, RowsFacts, Wanted};
use crate::change::query::{Ddl, TableName};
use crate::change::rows::{Cell, RowCells};
use crate::change::table::Table;
use crate::change::touched;
use crate::change::transactions::StatementItem;
use crate::model::change::{Place, Value};
use crate::model::changes::{Compiled, EventFacts, Passes, RowValue, RowValues, Untold};
use crate::model::foreign::Foreign;

/// The cells of a row, read as values when a filter asks.
pub struct Cells<'c, 'a> {
    /// What they are read with.
    pub table: &'c Table,
    /// The cells.
    pub cells: &'c RowCells<'a>,
}

impl RowValues for Cells<'_, '_> {
    fn before(&self, column: usize) -> RowValue<'_> {
        of_image(&self.cells.before, || self.cells.value_before(self.table, column))
    }

    fn after(&self, column: usize) -> RowValue<'_> {
        of_image(&self.cells.after, || self.cells.value_after(self.table, column))
    }
}

fn of_image<'v>(image: &[Cell<'_>], value: impl FnOnce() -> Result<Option<Value<'v>>, Broken>) -> RowValue<'v> {
    if image.is_empty() {
        return RowValue::NoImage;
    }
    match value() {
        Ok(Some(value)) => RowValue::Is(value),
        Ok(None) => RowValue::LeftOut,
        Err(_) => RowValue::Unreadable,
    }
}

fn event<'a>(rows: &RowsFacts<'a>) -> EventFacts<'a> {
    EventFacts {
        file: rows.place.file,
        position: rows.place.position,
        schema: &rows.table.schema,
        table: &rows.table.name,
        kind: rows.kind,
        transaction: rows.transaction,
        statement: rows.statement,
    }
}

/// A filter that the engine of undo asks.
#[derive(Debug, Clone)]
pub struct Chosen(pub Compiled);

impl Wanted for Chosen {
    fn rows(&self, rows: &RowsFacts<'_>) -> bool {
        self.0.takes_event(&event(rows))
    }

    fn doubt(&self, rows: &RowsFacts<'_>) -> Option<Untold> {
        match self.0.asks_event(&event(rows)) {
            Passes::Untold(why) => Some(why),
            _ => None,
        }
    }

    fn looks_at_rows(&self) -> bool {
        self.0.wants_rows()
    }

    fn row(&self, row: &RowView<'_, '_>) -> Passes {
        self.0.takes_row(&row.table.shown, &Cells { table: &row.table.log, cells: row.cells })
    }

    fn statement(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        self.stands_within(statement, place) && self.may_touch(statement)
    }

    fn statement_beside(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        self.stands_within(statement, place) && (statement.is_temporary || !self.may_touch(statement))
    }

    fn wall(&self, ddl: &Ddl, statement: &StatementItem<'_>, place: Place) -> bool {
        let named = |schema: &[u8], table: &[u8]| {
            let (schema, table) = (Foreign::new(schema), Foreign::new(table));
            // Of a whole database any of its tables may be wanted.
            self.0.takes_table(&schema, &table) || (table.raw_bytes().is_empty() && self.may_want(&schema))
        };
        self.stands_within(statement, place)
            && self.is_asked(statement, place)
            && (ddl.tables.is_empty() || ddl.tables.iter().any(|name| named(&name.schema, &name.table)))
    }

    /// Behind the range too: rows are put back into a table as the last of its walls left it.
    fn wall_behind(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        self.0.begins_by(place.file, place.position, &statement.facts)
    }

    fn incident(&self, place: Place) -> bool {
        self.0.takes_place(place.file, place.position)
    }
}

impl Chosen {
    /// Between the positions and the times that are asked for; whoever ran it, rows may have gone with it.
    fn stands_within(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        self.0.takes_place(place.file, place.position) && self.0.may_take_time(&statement.facts)
    }

    /// Who asks for transactions or connections, not for tables, means no change of a definition by anybody else. One
    /// of a table with rows that are undone stands in the way all the same.
    fn is_asked(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        let filter = self.0.filter();
        !filter.schemas.is_empty()
            || !filter.tables.is_empty()
            || self.0.takes_transaction(place.file, &statement.facts)
    }

    /// Whether a statement may change a table that is wanted by itself, as far as its text tells.
    fn may_touch(&self, statement: &StatementItem<'_>) -> bool {
        let filter = self.0.filter();
        let is_wanted = |name: &TableName| {
            self.0.takes_table(&Foreign::new(name.schema.clone()), &Foreign::new(name.table.clone()))
        };
        let is_any = filter.schemas.is_empty() && filter.tables.is_empty();
        is_any
            || touched::named(&statement.query)
                .is_none_or(|names| names.iter().any(|name| is_wanted(name) || is_wanted(&name.folded())))
    }

    fn may_want(&self, schema: &Foreign) -> bool {
        let filter = self.0.filter();
        (filter.schemas.is_empty() || filter.schemas.contains(schema))
            && (filter.tables.is_empty()
                || filter.tables.iter().any(|table| table.schema.as_ref().is_none_or(|wanted| wanted == schema)))
    }
}
