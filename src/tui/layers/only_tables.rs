//! Only some tables of a change source; the tables most changed, with what happened to their rows.

use crate::model::changes::TableTotals;
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Line, span};
use crate::tui::layers::table_choice::{TableChoice, Tables};
use crate::tui::log::Log;
use crate::tui::pane::{Flow, LogAct};
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::tokens::Typed;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::{Column, Side};

/// Only some tables.
pub struct OnlyTables {
    tables: Vec<TableTotals>,
    typed: Typed,
}

impl OnlyTables {
    /// Those of a source; the ones of its filter are chosen.
    pub fn of(log: &Log) -> TableChoice<Self> {
        let tables = log.view.tables.clone();
        let chosen = |totals: &TableTotals| {
            log.typed.filter.tables.iter().any(|one| {
                one.table == totals.table.table
                    && one.schema.as_ref().is_none_or(|schema| *schema == totals.table.schema)
            })
        };
        let on = tables.iter().map(chosen).collect();
        TableChoice::new(Self { tables, typed: log.typed.clone() }, on)
    }
}

impl Tables for OnlyTables {
    const COLUMNS: &'static [Column] = &[
        Column { title: "TABLE", least: 16, most: 48, side: Side::Left, rank: 0 },
        Column { title: "ROWS", least: 9, most: 13, side: Side::Right, rank: 0 },
        Column { title: "INSERTED", least: 9, most: 13, side: Side::Right, rank: 3 },
        Column { title: "UPDATED", least: 9, most: 13, side: Side::Right, rank: 3 },
        Column { title: "DELETED", least: 9, most: 13, side: Side::Right, rank: 2 },
        Column { title: "IN", least: 6, most: 9, side: Side::Right, rank: 4 },
        Column { title: "SIZE", least: 5, most: 5, side: Side::Right, rank: 5 },
    ];
    const KEYS: (&'static str, &'static str) = ("only these", "choose");

    fn cells(&self, nth: usize) -> Vec<Line> {
        let Some(totals) = self.tables.get(nth) else { return vec![] };
        let text = |text: String| vec![span(Role::Text, text)];
        let rows = totals.rows;
        let deletes = if rows.deletes > 0 { Role::Danger } else { Role::Text };
        vec![
            vec![span(if totals.named { Role::Text } else { Role::Warn }, totals.table.to_string())],
            text(grouped(rows.all())),
            text(grouped(rows.inserts)),
            text(grouped(rows.updates)),
            vec![span(deletes, grouped(rows.deletes))],
            text(grouped(totals.transactions)),
            text(ByteSize(totals.bytes).to_string()),
        ]
    }

    fn title(&self, list: &Checklist) -> Line {
        let title = format!("{}, the one with most rows first", counted(self.tables.len() as u64, "table"));
        let state = match list.chosen().count() {
            0 => "none chosen: enter takes the one under the cursor".to_owned(),
            n => format!("{n} chosen"),
        };
        vec![span(Role::Title, title), span(Role::Dim, format!("   {state}"))]
    }

    fn remark(&self, list: &Checklist) -> Option<String> {
        let totals = self.tables.get(list.cursor()).filter(|totals| !totals.named)?;
        let why = totals.unnamed_because.clone().unwrap_or_else(|| "its columns have no names".to_owned());
        Some(format!("{}: {why}", totals.table))
    }

    fn decide(&self, list: &Checklist) -> Flow {
        let mut chosen: Vec<usize> = list.chosen().collect();
        if chosen.len() == self.tables.len() && chosen.len() > 1 {
            return Flow::LeaveLog(LogAct::Filter(self.typed.with_tables(&[])));
        }
        if chosen.is_empty() {
            chosen.push(list.cursor());
        }
        let raw = |nth: &usize| {
            let table = &self.tables.get(*nth)?.table;
            Some(format!("{}.{}", table.schema.raw_str()?, table.table.raw_str()?))
        };
        let names: Option<Vec<String>> = chosen.iter().map(raw).collect();
        match names {
            Some(names) => Flow::LeaveLog(LogAct::Filter(self.typed.with_tables(&names))),
            None => Flow::Say("its name is no text that a filter can hold".to_owned()),
        }
    }
}
