//! Rows of a transaction, and the life of one row: before and after, with what differs marked.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::change::{Certainty, Change};
use crate::model::changes::{
    ChangeFilter, Life, Literal, RowCursor, RowsOf, RowsPage, RowsRequest, TableRef, TransactionLine,
};
use crate::model::job::JobId;
use crate::report::Report;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::layers::paper::Paper;
use crate::tui::log::Log;
use crate::tui::msg::{Effect, Msg};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::rows;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::tokens::quoted;
use crate::tui::widgets::body::lines;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;

/// Rows that are asked for at once.
const PAGE: usize = 500;
/// Rows that are kept at most.
const KEPT: usize = 20_000;
/// From this width on the row's columns stand at the right.
const WIDE: u16 = 120;

/// Rows of a transaction, or the life of one row.
pub struct RowList {
    job: JobId,
    what: What,
    /// Of what it is, in words.
    title: String,
    statement: String,
    twin: String,
    changes: Vec<Change>,
    /// Where the next page begins.
    next: Option<RowCursor>,
    state: State,
    remarks: Vec<String>,
    cursor: usize,
    window: Cell<(usize, usize)>,
}

/// Whose rows.
enum What {
    Entry { line: Box<TransactionLine>, filter: Box<ChangeFilter> },
    Life { table: TableRef, key: Vec<Literal> },
}

/// How far it is.
#[derive(Clone, PartialEq)]
enum State {
    /// Nothing was asked for.
    Idle,
    /// Asked.
    Asked(Box<RowsRequest>),
    /// The life was asked for.
    Following,
    /// Everything there is to ask for is there.
    Done,
    /// It cannot be had.
    Failed,
}

impl RowList {
    /// The rows of one transaction that pass the filter.
    pub fn of(log: &Log, line: &TransactionLine) -> Self {
        let label = rows::label(&line.facts);
        let tables = match line.tables.first() {
            Some((table, _)) if line.table_count == 1 => format!("{table}, "),
            _ => String::new(),
        };
        let time = rows::clock(line.facts.committed_at, true);
        let title = format!("{label}, {tables}{time} UTC, {}", rows::counted(line.rows.all(), "row"));
        let which = match &line.facts.gtid {
            Some(gtid) => format!(" --gtid {gtid}"),
            None => {
                let file = line.file.raw_str().unwrap_or_default();
                let from = quoted(&format!("{file}:{}", line.place.position));
                let to = quoted(&format!("{file}:{}", line.place.position.0 + line.bytes.max(1)));
                format!(" --from-position {from} --to-position {to}")
            }
        };
        let twin = format!("breakglass changes {}{which}{}", log.source_words(), log.typed.words());
        let statement = line.statement.as_ref().map_or_else(String::new, |text| text.to_string());
        let what = What::Entry { line: Box::new(line.clone()), filter: Box::new(log.typed.filter.clone()) };
        Self::new(log.job.unwrap_or(JobId(0)), what, title, statement, twin)
    }

    /// The life of one row. `twin` is the headless command up to the filters.
    pub fn life(job: JobId, twin: &str, table: TableRef, key: Vec<Literal>) -> Self {
        let words = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let title = format!("the life of {table} {words}");
        let twin = format!("{twin} --life {}", quoted(&format!("{table}:{words}")));
        Self::new(job, What::Life { table, key }, title, String::new(), twin)
    }

    fn new(job: JobId, what: What, title: String, statement: String, twin: String) -> Self {
        Self {
            job,
            what,
            title,
            statement,
            twin,
            changes: vec![],
            next: None,
            state: State::Idle,
            remarks: vec![],
            cursor: 0,
            window: Cell::new((0, 0)),
        }
    }

    fn is_life(&self) -> bool {
        matches!(self.what, What::Life { .. })
    }

    fn current(&self) -> Option<&Change> {
        self.changes.get(self.cursor)
    }

    fn take(&mut self, request: &RowsRequest, page: &Result<RowsPage, Box<Report>>) -> Flow {
        if self.state != State::Asked(Box::new(request.clone())) {
            return Flow::Stay;
        }
        match page {
            Ok(page) => {
                self.changes.extend(page.changes.iter().cloned());
                self.next = page.next.filter(|_| self.changes.len() < KEPT);
                if page.next.is_some() && self.next.is_none() {
                    self.remarks
                        .push(format!("only the first {} rows are shown: a filter shows others", self.changes.len()));
                }
                self.state = if self.next.is_some() { State::Idle } else { State::Done };
                Flow::Stay
            }
            Err(report) => self.fail(report),
        }
    }

    fn take_life(&mut self, life: &Result<Box<Life>, Box<Report>>) -> Flow {
        match life {
            Ok(life) => {
                self.changes.clone_from(&life.changes);
                self.remarks.clone_from(&life.remarks);
                if life.keys.len() > 1 {
                    let words = |key: &Vec<Literal>| key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                    let keys = life.keys.iter().map(words).collect::<Vec<_>>().join(" -> ");
                    self.remarks.insert(0, format!("its key changed: {keys}"));
                }
                if life.cut {
                    self.remarks.push("there are more changes of it than are shown".to_owned());
                }
                self.state = State::Done;
                Flow::Stay
            }
            Err(report) => self.fail(report),
        }
    }

    fn fail(&mut self, report: &Report) -> Flow {
        self.state = State::Failed;
        Flow::Open(Box::new(Failure::new(report.clone())))
    }

    fn follow(&self) -> Flow {
        let Some(change) = self.current() else { return Flow::Stay };
        let image = change.before.as_ref().or(change.after.as_ref());
        let literal = |at: usize| {
            let value = image?.values.get(at)?.as_ref()?;
            Some(Literal::of(value, change.table.columns.get(at)?))
        };
        let key: Option<Vec<Literal>> = change.table.key_columns().into_iter().map(literal).collect();
        let table = TableRef { schema: change.table.schema.clone(), table: change.table.name.clone() };
        let twin = self.twin.split(" --").next().unwrap_or_default().to_owned();
        match key {
            Some(key) => Flow::Open(Box::new(Self::life(self.job, &twin, table, key))),
            None => Flow::Say("the log does not have the whole key of this row".to_owned()),
        }
    }

    /// The columns, those of no width being left out.
    fn heads(&self, width: u16) -> [Column; 6] {
        let column = |title, most: u16, least: u16, rank| Column { title, least, most, side: Side::Left, rank };
        let (time, label) = if self.is_life() { (if self.is_one_day() { 12 } else { 18 }, 12) } else { (0, 0) };
        let table = match &self.what {
            What::Entry { line, .. } if line.table_count > 1 => 30,
            _ => 0,
        };
        let key = if width < 100 { 16 } else { 28 };
        [
            column("TIME UTC", time, time, 1),
            column("KIND", 6, 6, 0),
            column("TABLE", table, 12.min(table), 2),
            column("KEY", key, 10, 0),
            column("TRANSACTION", label, label, 3),
            column("WHAT CHANGED", 160, 16, 0),
        ]
    }

    fn is_one_day(&self) -> bool {
        let day = |change: Option<&Change>| change.map(|change| change.transaction.committed_at.day());
        day(self.changes.first()) == day(self.changes.last())
    }

    fn cells(&self, change: &Change) -> [Line; 6] {
        let text = |text: String| vec![span(Role::Text, text)];
        [
            text(rows::clock(change.transaction.committed_at, !self.is_one_day())),
            vec![span(rows::role(change.kind), rows::verb(change.kind))],
            text(rows::table(change)),
            text(rows::key(change)),
            text(rows::label(&change.transaction)),
            text(rows::summary(change)),
        ]
    }

    fn list(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let every = self.heads(area.width);
        let shown: Vec<usize> = (0..every.len()).filter(|at| every[*at].most > 0).collect();
        let columns: Vec<Column> = shown.iter().map(|at| every[*at]).collect();
        let layout = Layout::fit(&columns, area.width.saturating_sub(3));
        layout.heads(&columns, indent(row(area, 0), 3), canvas);
        let body = below(area, 1);
        let height = usize::from(body.height);
        let top = scrolled(self.window.get().0, self.cursor, height).min(self.changes.len().saturating_sub(1));
        self.window.set((top, height));
        for ((nth, change), line) in self.changes.iter().enumerate().skip(top).zip(body.rows()) {
            let mut cells = self.cells(change);
            let cells: Vec<Line> = shown.iter().map(|at| std::mem::take(&mut cells[*at])).collect();
            let (sign, role) = if change.certainty == Certainty::Exact { (" ", Role::Text) } else { ("!", Role::Warn) };
            canvas.text(Rect { width: 1, ..indent(line, 1) }, role, sign);
            layout.row(&columns, &cells, indent(line, 3), canvas);
            if nth == self.cursor {
                canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
    }

    fn empty(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let words = match (&self.state, self.is_life()) {
            (State::Failed, _) => "The rows could not be read.",
            (State::Done, true) => "No change of that row is in this log.",
            (State::Done, false) => "No row of it passes the filter.",
            (_, true) => "Following the row through the log...",
            (_, false) => "Reading the rows...",
        };
        canvas.text(indent(row(area, 1), 3), Role::Text, words);
    }
}

impl Pane for RowList {
    fn context(&self) -> Context {
        Context::Rows
    }

    fn crumb(&self) -> String {
        if self.is_life() { "One row" } else { "Rows" }.to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        let current = self.current().ok_or_else(|| Reason::plain("there is no row here"));
        let keyed = |change: &Change| {
            if change.table.has_key() {
                Ok(())
            } else {
                Err(Reason::plain("its table has no key, or nothing tells it: one row cannot be followed"))
            }
        };
        let undo = match &self.what {
            What::Entry { .. } => Ok(()),
            What::Life { .. } => {
                Err(Reason::plain("a script undoes transactions: go to the one that you mean, on Changes"))
            }
        };
        vec![
            (Command::Follow, current.clone().and_then(keyed)),
            (Command::Undo, undo),
            (Command::Open, current.map(|_| ())),
        ]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(at) = moved(command, self.cursor, self.changes.len(), self.window.get().1) {
            self.cursor = at;
            return Flow::Stay;
        }
        match (command, &self.what, self.current()) {
            (Command::Open, _, Some(change)) => {
                let change = change.clone();
                let paper = Paper::sized("Row", move |width| rows::facts(&change, width), Some(self.twin.clone()));
                Flow::Open(Box::new(paper))
            }
            (Command::Follow, ..) => self.follow(),
            (Command::Undo, What::Entry { line, .. }, _) => match &world.changes {
                Some(log) => Flow::Swap(Box::new(super::undo::Undo::of(log, line))),
                None => Flow::Stay,
            },
            _ => Flow::Pass,
        }
    }

    fn needs(&mut self, _world: &World) -> Vec<Effect> {
        if self.state != State::Idle || (self.cursor + PAGE / 2 < self.changes.len() && !self.changes.is_empty()) {
            return vec![];
        }
        match &self.what {
            What::Life { table, key } => {
                self.state = State::Following;
                vec![Effect::Follow(self.job, table.clone(), key.clone())]
            }
            What::Entry { line, filter } => {
                let from = self.next.unwrap_or(RowCursor { entry: line.number, rows: 0 });
                let request =
                    RowsRequest { of: RowsOf::Entry(line.number), from, count: PAGE, filter: (**filter).clone() };
                self.state = State::Asked(Box::new(request.clone()));
                vec![Effect::Rows(self.job, Box::new(request))]
            }
        }
    }

    fn overhear(&mut self, news: &Msg) -> Flow {
        match news {
            Msg::Rows(job, request, page) if *job == self.job => self.take(request, page),
            Msg::Life(job, table, key, life) if *job == self.job && self.state == State::Following => {
                match &self.what {
                    What::Life { table: own, key: own_key } if own == table && own_key == key => self.take_life(life),
                    _ => Flow::Stay,
                }
            }
            _ => Flow::Stay,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(self.twin.clone())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("all columns")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Follow, Command::Undo, Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, _scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        canvas.text(indent(row(area, 0), 1), Role::Title, &self.title);
        let mut used = 1;
        if !self.statement.is_empty() {
            canvas.text(indent(row(area, used), 1), Role::Dim, &self.statement);
            used += 1;
        }
        for remark in self.remarks.iter().take(3) {
            canvas.text(indent(row(area, used), 1), Role::Warn, remark);
            used += 1;
        }
        let area = below(area, used);
        if self.changes.is_empty() {
            return self.empty(area, canvas);
        }
        if area.width < WIDE {
            return self.list(area, canvas);
        }
        let width = area.width * 50 / 100;
        let aside = indent(area, width);
        canvas.bar(aside);
        self.list(Rect { width: width.saturating_sub(1), ..area }, canvas);
        if let Some(change) = self.current() {
            let inner = indent(aside, 2);
            let paragraphs = rows::facts(change, inner.width.saturating_sub(1));
            for (line, at) in lines(&paragraphs, inner.width.saturating_sub(1)).iter().zip(inner.rows()) {
                canvas.spans(at, line);
            }
        }
    }
}
