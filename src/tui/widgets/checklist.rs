//! A list of things to choose from: each with a mark, a cursor on one of them.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, Line, indent, row};
use crate::tui::command::Command;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, scrolled};

/// Columns before the cells: the cursor and the mark.
const MARGIN: u16 = 6;

/// Which things of a list are chosen, and which one is under the cursor. What they are, the owner knows.
#[derive(Debug, Clone, Default)]
pub struct Checklist {
    on: Vec<bool>,
    cursor: usize,
    /// First visible row and rows that fit.
    window: Cell<(usize, usize)>,
}

impl Checklist {
    /// A list with these marks and the cursor on the first thing.
    pub fn new(on: Vec<bool>) -> Self {
        Self { on, cursor: 0, window: Cell::new((0, 1)) }
    }

    /// Takes a command that moves the cursor or changes marks; `false`: it means nothing here.
    ///
    /// [`Command::Mark`] changes the mark under the cursor, [`Command::MarkAll`] marks everything, or nothing where
    /// everything is marked.
    pub fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Mark => {
                if let Some(on) = self.on.get_mut(self.cursor) {
                    *on = !*on;
                }
            }
            Command::MarkAll => {
                let on = !self.all();
                self.on.fill(on);
            }
            _ => match moved(command, self.cursor, self.on.len(), self.window.get().1) {
                Some(at) => self.cursor = at,
                None => return false,
            },
        }
        true
    }

    /// The nth thing is under the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether everything is chosen.
    pub fn all(&self) -> bool {
        self.on.iter().all(|on| *on)
    }

    /// Which ones are chosen, in the order of the list.
    pub fn chosen(&self) -> impl Iterator<Item = usize> + '_ {
        self.on.iter().enumerate().filter(|(_, on)| **on).map(|(nth, _)| nth)
    }

    /// Draws heads and rows; `cells` gives those of the nth thing, one for each column.
    pub fn view(&self, columns: &[Column], cells: impl Fn(usize) -> Vec<Line>, area: Rect, canvas: &mut Canvas<'_>) {
        let layout = Layout::fit(columns, area.width.saturating_sub(MARGIN));
        layout.heads(columns, indent(row(area, 0), MARGIN), canvas);
        let rows = crate::tui::canvas::below(area, 1);
        let top = scrolled(self.window.get().0, self.cursor, usize::from(rows.height));
        self.window.set((top, usize::from(rows.height)));
        for ((nth, on), line) in self.on.iter().enumerate().skip(top).zip(rows.rows()) {
            canvas.text(indent(line, 2), if *on { Role::Key } else { Role::Dim }, if *on { "[x]" } else { "[ ]" });
            layout.row(columns, &cells(nth), indent(line, MARGIN), canvas);
            if nth == self.cursor {
                canvas.text(line, Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(list: &Checklist) -> Vec<usize> {
        list.chosen().collect()
    }

    #[test]
    fn marks_change_one_by_one_and_all_at_once() {
        let mut list = Checklist::new(vec![true, true, false]);
        assert!(list.take(Command::Mark) && list.take(Command::Down) && list.take(Command::Down));
        assert!(list.take(Command::Mark));
        assert_eq!((chosen(&list), list.all()), (vec![1, 2], false));
        list.take(Command::MarkAll);
        assert!(list.all());
        list.take(Command::MarkAll);
        assert_eq!(chosen(&list), [] as [usize; 0]);
        assert!(!list.take(Command::Open) && !list.take(Command::Left));
    }

    #[test]
    fn an_empty_list_takes_every_command() {
        let mut list = Checklist::new(vec![]);
        for command in [Command::Mark, Command::MarkAll, Command::Down, Command::Up, Command::Last] {
            assert!(list.take(command));
        }
        assert_eq!((list.cursor(), chosen(&list).len()), (0, 0));
    }
}
