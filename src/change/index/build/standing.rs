//! What stands in the way of undoing, and what does not though it looks like it.

use crate::change::index::Log;
use crate::change::index::build::{Pass, refusal, shortened};
use crate::change::query::{Ddl, DdlVerb};
use crate::change::reverse::{Reason, Refusal, Refusals};
use crate::change::transactions::{RowsItem, StatementItem};
use crate::model::change::{BinlogPos, ChangeKey, Place};
use crate::model::changes::Untold;
use crate::model::script::Extent;

impl Pass<'_> {
    /// Why a change of definitions stands in the way; `None`: it does not.
    pub(super) fn stands(
        &self,
        ddl: &Ddl,
        statement: &StatementItem<'_>,
        (place, behind): (Place, BinlogPos),
    ) -> Option<Reason> {
        let start = Place { position: statement.facts.start, inner: 0, ..place };
        let named = ddl.with_folded();
        let is_behind_rows = self.is_undone(&named);
        let stands = self.wanted.wall(&named, statement, place);
        let stands_behind = self.wanted.wall_behind(statement, place) && is_behind_rows;
        if self.timeline.is_moot(ddl, start) || !(stands || stands_behind) {
            return None;
        }
        let text = shortened(statement);
        match ddl.verb {
            DdlVerb::Unknown => Some(Reason::Unread(text)),
            // Nothing was there before it, and nothing of before it is undone.
            DdlVerb::Create if !is_behind_rows && !ddl.opens => None,
            _ if self.undone.is_empty() => Some(Reason::Early(text, behind)),
            _ => Some(Reason::Wall(text)),
        }
    }

    /// A statement whose rows are not in the log. Inside of a transaction it waits for what becomes of that.
    pub(super) fn statement(&mut self, statement: &StatementItem<'_>, (place, log): (Place, &Log)) {
        let refusal = refusal(log, place, Reason::Statement(shortened(statement)));
        let is_beside = self.wanted.statement_beside(statement, place);
        if statement.is_temporary {
            if is_beside {
                self.beside.add(refusal);
            }
        } else if self.wanted.statement(statement, place) {
            self.refusals.push(refusal);
        } else if self.open.facts.is_some() {
            if self.open.statements.len() < Refusals::KEPT {
                self.open.statements.push((refusal, is_beside));
            }
        } else if is_beside {
            self.beside.add(refusal);
        }
    }

    /// The transaction of some statements is over: all of it is undone, or nothing of it.
    pub(super) fn statements(&mut self, statements: Vec<(Refusal, bool)>, is_touched: bool) {
        for (statement, is_beside) in statements {
            match is_beside {
                _ if is_touched && self.how.extent == Extent::Whole => self.refusals.push(statement),
                true => self.beside.add(statement),
                false => {}
            }
        }
    }

    /// Rows of which nobody can tell whether they are asked for.
    pub(super) fn doubt(&mut self, rows: &RowsItem<'_>, log: &Log, (row, why): (u32, Untold)) {
        let Refusal { key, reason, .. } = refusal(log, rows.place, Reason::Untold(why));
        let (key, table) = (ChangeKey { row, ..key }, rows.event.table.full_name());
        let refusal = Refusal { key, table: Some(table.clone()), reason };
        self.open.untold.push(rows.place, table, refusal);
    }
}
