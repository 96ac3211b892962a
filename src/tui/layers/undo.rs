//! What is to be undone: one transaction, the marked ones, or everything that the filter keeps.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::model::changes::{Entry, TransactionLine};
use crate::model::job::JobId;
use crate::model::script::Extent;
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::log::Log;
use crate::tui::msg::{Effect, UndoAsk};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::rows::{counted, label};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// What is to be undone.
pub struct Undo {
    job: JobId,
    asks: Vec<(UndoAsk, String)>,
    chosen: usize,
    extent: Extent,
    /// Whether a filter makes parts of transactions possible.
    filtered: bool,
}

impl Undo {
    /// The choices on the list of transactions: what is marked comes first.
    pub fn new(log: &Log, current: Option<&Entry>, marked: &BTreeMap<u64, TransactionLine>) -> Self {
        let mut asks = vec![];
        if !marked.is_empty() {
            let lines: Vec<TransactionLine> = marked.values().cloned().collect();
            let rows: u64 = lines.iter().map(|line| line.rows.all()).sum();
            let words = format!("the {} marked, {}", counted(lines.len() as u64, "transaction"), counted(rows, "row"));
            asks.push((ask(log, lines, words.clone()), words));
        }
        if let Some(Entry::Transaction(line)) = current {
            asks.push(one(log, line));
        }
        let words = if log.typed.is_empty() {
            format!("everything in this log: {}", counted(log.view.totals.rows.all(), "row"))
        } else {
            format!("everything that the filter keeps: {}", crate::model::foreign::escape(&log.typed.text))
        };
        asks.push((ask(log, vec![], words.clone()), words));
        Self::of_asks(log, asks)
    }

    /// One transaction.
    pub fn of(log: &Log, line: &TransactionLine) -> Self {
        Self::of_asks(log, vec![one(log, line)])
    }

    fn of_asks(log: &Log, asks: Vec<(UndoAsk, String)>) -> Self {
        let filtered = !log.typed.is_empty();
        Self { job: log.job.unwrap_or(JobId(0)), asks, chosen: 0, extent: Extent::Whole, filtered }
    }

    fn start(&self) -> Flow {
        match self.asks.get(self.chosen) {
            Some((ask, _)) => {
                let ask = UndoAsk { extent: self.extent, ..ask.clone() };
                Flow::LeaveAllAnd(vec![Effect::Undo(self.job, Box::new(ask))])
            }
            None => Flow::Leave,
        }
    }
}

fn ask(log: &Log, entries: Vec<TransactionLine>, title: String) -> UndoAsk {
    let source = log.source_words();
    UndoAsk { entries, filter: log.typed.filter.clone(), extent: Extent::Whole, title, source, flags: log.typed.words() }
}

fn one(log: &Log, line: &TransactionLine) -> (UndoAsk, String) {
    let table = line.tables.first().map_or_else(String::new, |(table, _)| format!(", {table}"));
    let title = format!("{}{table}", label(&line.facts));
    let words = format!("this transaction: {title}, {} rows", grouped(line.all_rows));
    (ask(log, vec![line.clone()], title), words)
}

impl Pane for Undo {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        "Undo".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(self.asks.len() as u16 + if self.filtered { 5 } else { 4 })
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Up => self.chosen = self.chosen.saturating_sub(1),
            Command::Down => self.chosen = (self.chosen + 1).min(self.asks.len().saturating_sub(1)),
            Command::Left | Command::Right | Command::Mark if self.filtered => {
                self.extent = if self.extent == Extent::Whole { Extent::Partial } else { Extent::Whole };
            }
            Command::Left | Command::Right | Command::Mark => {
                return Flow::Say("without a filter, whole transactions are undone".to_owned());
            }
            Command::Open => return self.start(),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("make the script"),
            Command::Right => Some("whole or partly"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Right]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, "Undo what?");
        canvas.text(row(inner, 1), Role::Dim, "A script is made and shown for review: nothing is written, nothing runs it.");
        for (nth, (_, words)) in self.asks.iter().enumerate() {
            let (sign, role) = if nth == self.chosen { ("> ", Role::Selection) } else { ("  ", Role::Text) };
            canvas.spans(row(inner, 2 + nth as u16), &[span(role, format!("{sign}{words}"))]);
        }
        if self.filtered {
            let words = match self.extent {
                Extent::Whole => "whole transactions, also what of them the filter does not keep",
                Extent::Partial => "only the rows that the filter keeps: parts of transactions, and labelled so",
            };
            let line = row(inner, 3 + self.asks.len() as u16);
            canvas.spans(line, &[span(Role::Head, "extent   "), span(Role::Text, words)]);
        }
    }
}
