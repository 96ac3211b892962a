//! Which tables of a backup are restored.

use ratatui::layout::Rect;

use crate::model::backup::Backup;
use crate::model::trust::TableInside;
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::layers::plan::Plan;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::{Effect, Msg, PlanAsk};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::{Column, Side};
use crate::tui::world::World;

const COLUMNS: [Column; 3] = [
    Column { title: "TABLE", least: 20, most: 64, side: Side::Left, rank: 0 },
    Column { title: "ROWS", least: 11, most: 13, side: Side::Right, rank: 2 },
    Column { title: "SQL", least: 6, most: 6, side: Side::Right, rank: 1 },
];

/// Which tables of a backup are restored.
pub struct Tables {
    ask: PlanAsk,
    title: String,
    tables: Vec<TableInside>,
    list: Checklist,
    waiting: bool,
}

/// The list where all tables are known, else a line to type them into.
pub fn choice(ask: &PlanAsk, title: &str, backup: Option<&Backup>) -> Box<dyn Pane> {
    let inside = backup.and_then(|backup| backup.proof.as_ref()).and_then(|proof| proof.inside.as_ref());
    let known = inside.filter(|inside| {
        let plain = inside.tables.iter().all(|table| table.name.raw_str().is_some());
        plain && !inside.tables.is_empty() && inside.table_count == inside.tables.len() as u64
    });
    match known {
        Some(inside) => Box::new(Tables::new(ask, title, inside.tables.clone())),
        None => Box::new(Destination::tables(ask, title)),
    }
}

impl Tables {
    fn new(ask: &PlanAsk, title: &str, mut tables: Vec<TableInside>) -> Self {
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let asked = |table: &TableInside| table.name.raw_str().is_some_and(|name| ask.tables.iter().any(|t| t == name));
        let list = Checklist::new(tables.iter().map(|table| ask.tables.is_empty() || asked(table)).collect());
        Self { ask: ask.clone(), title: title.to_owned(), tables, list, waiting: false }
    }

    fn request(&mut self) -> Flow {
        let chosen = self.list.chosen().filter_map(|nth| self.tables[nth].name.raw_str()).map(str::to_owned);
        let chosen: Vec<String> = chosen.collect();
        if chosen.is_empty() {
            return Flow::Say("choose at least one table".to_owned());
        }
        self.ask.tables = if self.list.all() { vec![] } else { chosen };
        self.waiting = true;
        Flow::Do(vec![Effect::Plan(self.ask.clone())])
    }

    fn cells(&self, nth: usize) -> Vec<Line> {
        let table = &self.tables[nth];
        vec![
            vec![span(Role::Text, table.name.to_string())],
            vec![span(Role::Text, grouped(table.rows))],
            vec![span(Role::Text, ByteSize(table.bytes).to_string())],
        ]
    }
}

impl Pane for Tables {
    fn context(&self) -> Context {
        Context::Choice
    }

    fn crumb(&self) -> String {
        "Tables".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Open if self.waiting => Flow::Stay,
            Command::Open => self.request(),
            Command::Name => Flow::Say("a table keeps its name".to_owned()),
            _ if self.list.take(command) => Flow::Stay,
            _ => Flow::Pass,
        }
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::Planned(ask, plan) if self.waiting && *ask == self.ask => {
                Flow::Swap(Box::new(Plan::new(ask.clone(), (**plan).clone(), self.title.clone())))
            }
            Msg::Failed(report) if self.waiting => {
                self.waiting = false;
                Flow::Open(Box::new(Failure::new((**report).clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("plan"),
            Command::Mark => Some("choose"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Mark, Command::MarkAll, Command::Help, Command::Back]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 0), 1);
        canvas.text(row(inner, 0), Role::Title, &format!("Restore {}: which tables?", self.title));
        canvas.text(
            row(inner, 1),
            Role::Dim,
            "Single tables come without routines and events; triggers come with their table.",
        );
        let list = below(inner, 3);
        self.list.view(&COLUMNS, |nth| self.cells(nth), Rect { height: list.height.saturating_sub(2), ..list }, canvas);
        let foot = row(inner, inner.height.saturating_sub(1));
        if self.waiting {
            canvas.text(foot, Role::Dim, "making the plan: asking target and sink...");
        } else {
            let count = self.list.chosen().count();
            canvas.text(foot, Role::Dim, &format!("{count} of {} chosen", self.tables.len()));
        }
    }
}
