//! Which tables of a recovery are undone, and which are left as they are.

use crate::model::script::{Choice, Decision, ScriptTable, Which};
use crate::model::units::grouped;
use crate::tui::canvas::{Line, span};
use crate::tui::layers::table_choice::{TableChoice, Tables};
use crate::tui::msg::{Effect, RecoveryNo};
use crate::tui::pane::Flow;
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::{Column, Side};

/// Which tables of a recovery are undone.
pub struct ExcludeTables {
    id: RecoveryNo,
    tables: Vec<ScriptTable>,
}

impl ExcludeTables {
    /// Those of a recovery; what is undone is chosen.
    pub fn of(undoing: &Undoing) -> TableChoice<Self> {
        let tables = undoing.view.tables.clone();
        let on = tables.iter().map(|table| table.choice == Choice::Include).collect();
        TableChoice::new(Self { id: undoing.id, tables }, on)
    }
}

impl Tables for ExcludeTables {
    const COLUMNS: &'static [Column] = &[
        Column { title: "TABLE", least: 16, most: 60, side: Side::Left, rank: 0 },
        Column { title: "TAKEN AWAY", least: 10, most: 13, side: Side::Right, rank: 1 },
        Column { title: "SET BACK", least: 9, most: 13, side: Side::Right, rank: 2 },
        Column { title: "PUT BACK", least: 9, most: 13, side: Side::Right, rank: 0 },
    ];
    const KEYS: (&'static str, &'static str) = ("keep the choice", "undo it or not");

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

    fn title(&self, list: &Checklist) -> Line {
        let all = counted(self.tables.len() as u64, "table");
        let title = format!("undone: {} of {all}; the others stay as they are", list.chosen().count());
        vec![span(Role::Title, title)]
    }

    fn decide(&self, list: &Checklist) -> Flow {
        let chosen: Vec<usize> = list.chosen().collect();
        let mut decisions = vec![];
        for (nth, table) in self.tables.iter().enumerate() {
            let choice = if chosen.contains(&nth) { Choice::Include } else { Choice::Exclude };
            if choice != table.choice {
                decisions.push((Which::Table(table.table.clone()), Decision::Choose(choice)));
            }
        }
        if decisions.is_empty() { Flow::Leave } else { Flow::LeaveAnd(vec![Effect::Decide(self.id, decisions)]) }
    }
}
