//! Only some tables of a change source; the tables most changed, with what happened to their rows.

use ratatui::layout::Rect;

use crate::model::changes::TableTotals;
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::log::Log;
use crate::tui::pane::{Flow, LogAct, Pane, Scene};
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::tokens::Typed;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::{Column, Side};
use crate::tui::world::World;

const COLUMNS: [Column; 7] = [
    Column { title: "TABLE", least: 16, most: 48, side: Side::Left, rank: 0 },
    Column { title: "ROWS", least: 9, most: 13, side: Side::Right, rank: 0 },
    Column { title: "INSERTED", least: 9, most: 13, side: Side::Right, rank: 3 },
    Column { title: "UPDATED", least: 9, most: 13, side: Side::Right, rank: 3 },
    Column { title: "DELETED", least: 9, most: 13, side: Side::Right, rank: 2 },
    Column { title: "IN", least: 6, most: 9, side: Side::Right, rank: 4 },
    Column { title: "SIZE", least: 5, most: 5, side: Side::Right, rank: 5 },
];

/// Only some tables.
pub struct OnlyTables {
    tables: Vec<TableTotals>,
    typed: Typed,
    list: Checklist,
}

impl OnlyTables {
    /// Those of a source; the ones of its filter are chosen.
    pub fn new(log: &Log) -> Self {
        let tables = log.view.tables.clone();
        let chosen = |totals: &TableTotals| {
            log.typed.filter.tables.iter().any(|one| {
                one.table == totals.table.table
                    && one.schema.as_ref().is_none_or(|schema| *schema == totals.table.schema)
            })
        };
        let list = Checklist::new(tables.iter().map(chosen).collect());
        Self { tables, typed: log.typed.clone(), list }
    }

    fn filter(&self) -> Flow {
        let mut chosen: Vec<usize> = self.list.chosen().collect();
        if chosen.len() == self.tables.len() && chosen.len() > 1 {
            return Flow::LeaveLog(LogAct::Filter(self.typed.with_tables(&[])));
        }
        if chosen.is_empty() {
            chosen.push(self.list.cursor());
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
}

impl Pane for OnlyTables {
    fn context(&self) -> Context {
        Context::Choice
    }

    fn crumb(&self) -> String {
        "Tables".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![(Command::Name, Err(Reason::plain("tables are not renamed here")))]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        if self.list.take(command) {
            return Flow::Stay;
        }
        match command {
            Command::Open => self.filter(),
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("only these"),
            Command::Mark => Some("choose"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Mark, Command::MarkAll, Command::Back, Command::Palette, Command::Help]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let chosen = self.list.chosen().count();
        let title = format!("{}, the one with most rows first", counted(self.tables.len() as u64, "table"));
        let state = match chosen {
            0 => "none chosen: enter takes the one under the cursor".to_owned(),
            n => format!("{n} chosen"),
        };
        canvas.spans(indent(row(area, 0), 1), &[span(Role::Title, title), span(Role::Dim, format!("   {state}"))]);
        let foot = self.tables.get(self.list.cursor()).filter(|totals| !totals.named);
        let room = area.height.saturating_sub(3 + u16::from(foot.is_some()) * 2);
        let list = Rect { height: room, ..below(area, 2) };
        self.list.view(&COLUMNS, |nth| self.cells(nth), list, canvas);
        if let Some(totals) = foot {
            let why = totals.unnamed_because.clone().unwrap_or_else(|| "its columns have no names".to_owned());
            canvas.text(indent(row(area, area.height - 1), 1), Role::Warn, &format!("{}: {why}", totals.table));
        }
    }
}
