//! What is to be undone: one transaction, the marked ones, or everything that the filter keeps.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::model::changes::{Entry, TransactionLine};
use crate::model::job::JobId;
use crate::model::script::{Commits, Extent, Gaps, Lasting, ScriptOptions};
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, Span, indent, row, span};
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
    /// Of the asks.
    chosen: usize,
    /// Rows behind the asks.
    rows: Vec<Row>,
    /// The row under the cursor: asks first, then the others.
    at: usize,
    options: ScriptOptions,
}

/// What else can be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Where a filter makes parts of transactions possible.
    Extent,
    Commits,
    Lasting,
    /// Where there are any.
    Gaps,
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
        let mut rows = vec![];
        if !log.typed.is_empty() {
            rows.push(Row::Extent);
        }
        rows.extend([Row::Commits, Row::Lasting]);
        if !log.view.coverage.gaps.is_empty() {
            rows.push(Row::Gaps);
        }
        let (job, options) = (log.job.unwrap_or(JobId(0)), ScriptOptions::default());
        Self { job, asks, chosen: 0, rows, at: 0, options }
    }

    fn start(&self) -> Flow {
        match self.asks.get(self.chosen) {
            Some((ask, _)) => {
                let ask = UndoAsk { options: self.options.clone(), ..ask.clone() };
                Flow::LeaveAllAnd(vec![Effect::Undo(self.job, Box::new(ask))])
            }
            None => Flow::Leave,
        }
    }

    fn step(&mut self, by: isize) {
        let last = self.asks.len() + self.rows.len();
        self.at = self.at.saturating_add_signed(by).min(last.saturating_sub(1));
        if self.at < self.asks.len() {
            self.chosen = self.at;
        }
    }

    fn toggle(&mut self) -> Flow {
        let Some(row) = self.at.checked_sub(self.asks.len()).and_then(|at| self.rows.get(at)) else {
            return Flow::Say("up and down choose what is undone".to_owned());
        };
        let options = &mut self.options;
        match row {
            Row::Extent => options.extent = other(options.extent, Extent::Whole, Extent::Partial),
            Row::Commits => options.commits = other(options.commits, Commits::Once, Commits::PerTransaction),
            Row::Lasting => options.lasting = other(options.lasting, Lasting::Refuse, Lasting::Apart),
            Row::Gaps => options.gaps = other(options.gaps, Gaps::Refuse, Gaps::Allow),
        }
        Flow::Stay
    }

    fn words(&self, row: Row) -> (&'static str, &'static str) {
        let options = &self.options;
        match row {
            Row::Extent => (
                "extent",
                match options.extent {
                    Extent::Whole => "whole transactions, also what of them the filter leaves out",
                    Extent::Partial => "only rows that the filter keeps: parts of transactions, labelled so",
                },
            ),
            Row::Commits => (
                "commits",
                match options.commits {
                    Commits::Once => "once, at its end: all or nothing",
                    Commits::PerTransaction => "behind each transaction, with marks to resume at",
                },
            ),
            Row::Lasting => (
                "engines",
                match options.lasting {
                    Lasting::Refuse => "a table that keeps changes after ROLLBACK stops everything",
                    Lasting::Apart => "tables that keep changes after ROLLBACK get a script of their own",
                },
            ),
            Row::Gaps => (
                "gaps",
                match options.gaps {
                    Gaps::Refuse => "changes may be missing: the script is not written",
                    Gaps::Allow => "changes may be missing: it is written, and its header says so",
                },
            ),
        }
    }
}

fn other<T: PartialEq>(now: T, one: T, two: T) -> T {
    if now == one { two } else { one }
}

fn ask(log: &Log, entries: Vec<TransactionLine>, title: String) -> UndoAsk {
    let source = log.source_words();
    // Transactions that are named say all that a filter for transactions would.
    let said_by_name: &[&str] = if entries.is_empty() { &[] } else { &["gtid", "transaction"] };
    let flags = log.typed.words_without(said_by_name);
    UndoAsk { entries, filter: log.typed.filter.clone(), options: ScriptOptions::default(), title, source, flags }
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
        Cover::Sheet((self.asks.len() + self.rows.len()) as u16 + 4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::Left | Command::Right | Command::Mark => return self.toggle(),
            Command::Open => return self.start(),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("make the script"),
            Command::Right => Some("choose"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Right]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, "Undo what?");
        let is_reviewed = scene.world.recovery.as_ref().is_some_and(|undoing| undoing.is_decided);
        let (role, words) = if is_reviewed {
            (Role::Warn, "The script under review goes, with what was chosen and noted in it.")
        } else {
            (Role::Dim, "A script is made and shown for review: nothing is written, nothing runs it.")
        };
        canvas.text(row(inner, 1), role, words);
        for (nth, (_, words)) in self.asks.iter().enumerate() {
            let mark = if nth == self.chosen { "(*) " } else { "( ) " };
            self.line(nth, &[span(Role::Text, format!("{mark}{words}"))], inner, canvas);
        }
        for (nth, what) in self.rows.iter().enumerate() {
            let (label, words) = self.words(*what);
            let line = [span(Role::Head, format!("{label:<9}")), span(Role::Text, words)];
            self.line(self.asks.len() + nth, &line, inner, canvas);
        }
    }
}

impl Undo {
    fn line(&self, nth: usize, words: &[Span], inner: Rect, canvas: &mut Canvas<'_>) {
        let gap = u16::from(nth >= self.asks.len());
        let line = row(inner, 2 + gap + nth as u16);
        canvas.spans(indent(line, 2), words);
        if nth == self.at {
            canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
            canvas.paint(line, Role::Selection);
        }
    }
}
