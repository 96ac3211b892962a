//! A list of tables to choose from, whatever the choice is for.

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, below, indent, row};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::table::Column;
use crate::tui::world::World;

/// What tables are chosen for.
pub trait Tables {
    /// The columns.
    const COLUMNS: &'static [Column];
    /// What `enter` and `space` do.
    const KEYS: (&'static str, &'static str);

    /// The cells of the nth table.
    fn cells(&self, nth: usize) -> Vec<Line>;

    /// What stands above the list.
    fn title(&self, list: &Checklist) -> Line;

    /// What there is to say of the table under the cursor.
    fn remark(&self, _list: &Checklist) -> Option<String> {
        None
    }

    /// What follows from the choice.
    fn decide(&self, list: &Checklist) -> Flow;
}

/// A list of tables to choose from.
pub struct TableChoice<T> {
    of: T,
    list: Checklist,
}

impl<T: Tables> TableChoice<T> {
    /// A list with these marks.
    pub fn new(of: T, on: Vec<bool>) -> Self {
        Self { of, list: Checklist::new(on) }
    }
}

impl<T: Tables> Pane for TableChoice<T> {
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
            Command::Open => self.of.decide(&self.list),
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some(T::KEYS.0),
            Command::Mark => Some(T::KEYS.1),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Mark, Command::MarkAll, Command::Back, Command::Palette, Command::Help]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        canvas.spans(indent(row(area, 0), 1), &self.of.title(&self.list));
        let remark = self.of.remark(&self.list);
        let room = area.height.saturating_sub(3 + u16::from(remark.is_some()) * 2);
        let list = Rect { height: room, ..below(area, 2) };
        self.list.view(T::COLUMNS, |nth| self.of.cells(nth), list, canvas);
        if let Some(remark) = remark {
            canvas.text(indent(row(area, area.height - 1), 1), Role::Warn, &remark);
        }
    }
}
