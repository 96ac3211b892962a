//! Rows of a transaction, and the life of one row: before and after, with what differs marked.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::change::{Certainty, Change};
use crate::model::changes::{
    ChangeFilter, Life, Literal, RowCursor, RowsOf, RowsPage, RowsRequest, TableRef, TransactionLine,
};
use crate::model::job::JobId;
use crate::model::units::grouped;
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
use crate::tui::widgets::pages::{PAGE, Pages};
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;

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
    rows: Rows,
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

/// The rows that are held.
enum Rows {
    /// Those near the cursor.
    Near(Pages<Change>),
    /// All of them.
    All(Vec<Change>),
}

impl Rows {
    fn count(&self) -> usize {
        match self {
            Self::Near(pages) => pages.count(),
            Self::All(changes) => changes.len(),
        }
    }

    fn get(&self, nth: usize) -> Option<&Change> {
        match self {
            Self::Near(pages) => pages.get(nth),
            Self::All(changes) => changes.get(nth),
        }
    }

    fn held(&self) -> Box<dyn Iterator<Item = &Change> + '_> {
        match self {
            Self::Near(pages) => Box::new(pages.held().map(|(_, change)| change)),
            Self::All(changes) => Box::new(changes.iter()),
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was asked for.
    Idle,
    /// Asked.
    Asked,
    /// Something came.
    There,
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
        let title = format!("{label}, {tables}{time} UTC");
        let which = match &line.facts.gtid {
            Some(gtid) => format!(" --gtid {gtid}"),
            None => rows::begin_words(line),
        };
        let twin = format!("breakglass changes {}{which}{}", log.source_words(), log.typed.words());
        let statement = line.statement.as_ref().map_or_else(String::new, |text| text.to_string());
        let what = What::Entry { line: Box::new(line.clone()), filter: Box::new(log.typed.filter.clone()) };
        let rows = Rows::Near(Pages::new(usize::try_from(line.rows.all()).unwrap_or(usize::MAX)));
        Self { rows, statement, ..Self::new(log.job.unwrap_or(JobId(0)), what, title, twin) }
    }

    /// The life of one row. `twin` is the headless command up to the filters.
    pub fn life(job: JobId, twin: &str, table: TableRef, key: Vec<Literal>) -> Self {
        let words = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let title = format!("the life of {table} {words}");
        let twin = format!("{twin} --life {}", quoted(&format!("{table}:{words}")));
        Self::new(job, What::Life { table, key }, title, twin)
    }

    fn new(job: JobId, what: What, title: String, twin: String) -> Self {
        let (statement, remarks, window) = (String::new(), vec![], Cell::new((0, 0)));
        let (rows, state) = (Rows::All(vec![]), State::Idle);
        Self { job, what, title, statement, twin, rows, state, remarks, cursor: 0, window }
    }

    fn is_life(&self) -> bool {
        matches!(self.what, What::Life { .. })
    }

    fn current(&self) -> Option<&Change> {
        self.rows.get(self.cursor)
    }

    fn take(&mut self, request: &RowsRequest, page: &Result<RowsPage, Box<Report>>) -> Flow {
        let (What::Entry { line, filter }, Rows::Near(pages)) = (&self.what, &mut self.rows) else { return Flow::Stay };
        if request.of != RowsOf::Entry(line.number) || request.filter != **filter {
            return Flow::Stay;
        }
        let nth = usize::try_from(request.from.rows).unwrap_or(usize::MAX) / PAGE;
        match page {
            Ok(page) => {
                let end = nth * PAGE + page.changes.len();
                if page.next.is_none() && end < pages.count() {
                    let (read, all) = (grouped(end as u64), rows::counted(pages.count() as u64, "row"));
                    self.remarks = vec![format!("the log cannot be read on behind {read} of its {all}: v on Changes")];
                    pages.grow(end);
                }
                pages.put(nth, page.changes.clone());
                self.state = State::There;
                Flow::Stay
            }
            Err(report) => {
                pages.settle(nth);
                self.fail(report)
            }
        }
    }

    fn take_life(&mut self, life: &Result<Box<Life>, Box<Report>>) -> Flow {
        match life {
            Ok(life) => {
                self.rows = Rows::All(life.changes.clone());
                self.remarks.clone_from(&life.remarks);
                if life.keys.len() > 1 {
                    let words = |key: &Vec<Literal>| key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                    let keys = life.keys.iter().map(words).collect::<Vec<_>>().join(" -> ");
                    self.remarks.insert(0, format!("its key changed: {keys}"));
                }
                if life.cut {
                    let words = "not all changes of it are here: the others stand on Changes, filtered with / key:";
                    self.remarks.push(words.to_owned());
                }
                self.state = State::There;
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
            What::Entry { line, .. } if line.table_count > 1 => {
                let names = line.tables.iter().map(|(table, _)| table.to_string().chars().count());
                names.max().unwrap_or(0).clamp(8, 32) as u16
            }
            _ => 0,
        };
        // In steps, so that the columns stay where they are while one moves along.
        let key = self.rows.held().map(|change| rows::key(change).chars().count());
        let key = key.max().unwrap_or(0).clamp(8, 40).next_multiple_of(4) as u16;
        let least = if width < 76 { 12 } else { 24 };
        [
            column("TIME UTC", time, time, 1),
            column("KIND", 6, 6, 0),
            column("TABLE", table, table.min(least), 2),
            column("KEY", key, key.min(least), 0),
            column("TRANSACTION", label, label, 4),
            column("WHAT CHANGED", 160, 16, 3),
        ]
    }

    fn is_one_day(&self) -> bool {
        let day = |change: Option<&Change>| change.map(|change| change.transaction.committed_at.day());
        day(self.rows.get(0)) == day(self.rows.get(self.rows.count().saturating_sub(1)))
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
        let top = scrolled(self.window.get().0, self.cursor, height).min(self.rows.count().saturating_sub(1));
        self.window.set((top, height));
        for (nth, line) in (top..self.rows.count()).zip(body.rows()) {
            match self.rows.get(nth) {
                Some(change) => {
                    let mut cells = self.cells(change);
                    let cells: Vec<Line> = shown.iter().map(|at| std::mem::take(&mut cells[*at])).collect();
                    let is_exact = change.certainty == Certainty::Exact;
                    let (sign, role) = if is_exact { (" ", Role::Text) } else { ("!", Role::Warn) };
                    canvas.text(Rect { width: 1, ..indent(line, 1) }, role, sign);
                    layout.row(&columns, &cells, indent(line, 3), canvas);
                }
                None => drop(canvas.text(indent(line, 3), Role::Dim, "...")),
            }
            if nth == self.cursor {
                canvas.text(Rect { width: 1, ..line }, Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
    }

    /// `17 of 1,204,331`, where there is room for it.
    fn place(&self, room: usize) -> Option<String> {
        let count = self.rows.count();
        let words = format!("{} of {}", grouped(self.cursor as u64 + 1), grouped(count as u64));
        (count > 0 && words.len() <= room).then_some(words)
    }

    fn empty(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let words = match (&self.state, self.is_life()) {
            (State::Failed, _) => "The rows could not be read.",
            (State::There, true) => "No change of that row is in this log.",
            (_, true) => "Following the row through the log...",
            (_, false) => "No row of it passes the filter.",
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
        if let Some(at) = moved(command, self.cursor, self.rows.count(), self.window.get().1) {
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
        let asks = match (&self.what, &mut self.rows) {
            (What::Life { table, key }, _) if self.state == State::Idle => {
                vec![Effect::Follow(self.job, table.clone(), key.clone())]
            }
            (What::Entry { line, filter }, Rows::Near(pages)) => {
                let ask = |page: usize| {
                    let from = RowCursor { entry: line.number, rows: (page * PAGE) as u64 };
                    let of = RowsOf::Entry(line.number);
                    let request = RowsRequest { of, from, count: PAGE, filter: (**filter).clone() };
                    Effect::Rows(self.job, Box::new(request))
                };
                pages.wanted(self.cursor).into_iter().map(ask).collect()
            }
            _ => vec![],
        };
        if !asks.is_empty() && self.state == State::Idle {
            self.state = State::Asked;
        }
        asks
    }

    fn overhear(&mut self, news: &Msg) -> Flow {
        match news {
            Msg::Rows(job, request, page) if *job == self.job => self.take(request, page),
            Msg::Life(job, table, key, life) if *job == self.job && self.state == State::Asked => match &self.what {
                What::Life { table: own, key: own_key } if own == table && own_key == key => self.take_life(life),
                _ => Flow::Stay,
            },
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
        let used = canvas.text(indent(row(area, 0), 1), Role::Title, &self.title);
        if let Some(place) = self.place(usize::from(area.width.saturating_sub(used + 4))) {
            let at = area.width.saturating_sub(place.len() as u16 + 1);
            canvas.text(indent(row(area, 0), at), Role::Dim, &place);
        }
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
        if self.rows.count() == 0 {
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
