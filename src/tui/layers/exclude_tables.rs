//! Which tables of a recovery are undone, and which are left as they are.

use ratatui::layout::Rect;

use crate::model::script::{Choice, Decision, ScriptTable, Which};
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::msg::{Effect, RecoveryNo};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::{Column, Side};
use crate::tui::world::World;

const COLUMNS: [Column; 4] = [
    Column { title: "TABLE", least: 16, most: 60, side: Side::Left, rank: 0 },
    Column { title: "TAKEN AWAY", least: 10, most: 13, side: Side::Right, rank: 1 },
    Column { title: "SET BACK", least: 9, most: 13, side: Side::Right, rank: 2 },
    Column { title: "PUT BACK", least: 9, most: 13, side: Side::Right, rank: 0 },
];

/// Which tables of a recovery are undone.
pub struct ExcludeTables {
    id: RecoveryNo,
    tables: Vec<ScriptTable>,
    list: Checklist,
}

impl ExcludeTables {
    /// Those of a recovery; what is undone is chosen.
    pub fn new(undoing: &Undoing) -> Self {
        let tables = undoing.view.tables.clone();
        let list = Checklist::new(tables.iter().map(|table| table.choice == Choice::Include).collect());
        Self { id: undoing.id, tables, list }
    }

    fn decide(&self) -> Flow {
        let chosen: Vec<usize> = self.list.chosen().collect();
        let mut decisions = vec![];
        for (nth, table) in self.tables.iter().enumerate() {
            let choice = if chosen.contains(&nth) { Choice::Include } else { Choice::Exclude };
            if choice != table.choice {
                decisions.push((Which::Table(table.table.clone()), Decision::Choose(choice)));
            }
        }
        if decisions.is_empty() { Flow::Leave } else { Flow::LeaveAnd(vec![Effect::Decide(self.id, decisions)]) }
    }

    fn cells(&self, nth: usize) -> Vec<Line> {
        let Some(table) = self.tables.get(nth) else { return vec![] };
        let text = |text: String| vec![span(Role::Text, text)];
        let rows = table.rows;
        vec![
            text(table.table.to_string()),
            text(grouped(rows.inserts)),
            text(grouped(rows.updates)),
            text(grouped(rows.deletes)),
        ]
    }
}

impl Pane for ExcludeTables {
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
            Command::Open => self.decide(),
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("keep the choice"),
            Command::Mark => Some("undo it or not"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Mark, Command::MarkAll, Command::Back, Command::Palette, Command::Help]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let (chosen, all) = (self.list.chosen().count(), self.tables.len());
        let title = format!("{chosen} of {all} tables are undone; the others stay as they are");
        canvas.text(indent(row(area, 0), 1), Role::Title, &title);
        self.list.view(&COLUMNS, |nth| self.cells(nth), below(area, 2), canvas);
    }
}
