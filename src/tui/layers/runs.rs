//! The runs of one series, newest first, with what each left.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::run::{RunKind, RunState};
use crate::model::trust::{Rung, Weight};
use crate::model::units::{ByteSize, counted, grouped, short_span};
use crate::tui::canvas::{Canvas, Hit, Line, Span, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::detail::Detail;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::run::OneRunLayer;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::past::{PastAsk, RunLine, RunsOf, Series};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::PAGE;
use crate::tui::screens::history::draw::{judged, took};
use crate::tui::screens::{backups, moved};
use crate::tui::theme::Role;
use crate::tui::widgets::chart::{chart, folded};
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;

/// So near to the end of what is known more is asked for.
const NEAR: usize = 60;

/// The runs of one series.
pub struct Runs {
    series: Foreign,
    name: String,
    /// The time of the line under the cursor: what a reload keeps.
    chosen: Option<usize>,
    window: Cell<(usize, usize)>,
    filter: String,
    order: Order,
    /// Lines that were known when more was asked for.
    asked: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Newest,
    Oldest,
    Largest,
    Longest,
}

impl Order {
    fn next(self) -> (Self, &'static str) {
        match self {
            Self::Newest => (Self::Oldest, "oldest first"),
            Self::Oldest => (Self::Largest, "largest first"),
            Self::Largest => (Self::Longest, "longest first"),
            Self::Longest => (Self::Newest, "newest first"),
        }
    }
}

const COLUMNS: [Column; 7] = [
    Column { title: "STARTED UTC", least: 16, most: 19, side: Side::Left, rank: 0 },
    Column { title: "STATE", least: 10, most: 12, side: Side::Left, rank: 0 },
    Column { title: "SIZE", least: 5, most: 5, side: Side::Right, rank: 1 },
    Column { title: "TOOK", least: 6, most: 7, side: Side::Right, rank: 3 },
    Column { title: "LEFT", least: 13, most: 24, side: Side::Left, rank: 0 },
    Column { title: "FINDINGS", least: 12, most: 80, side: Side::Left, rank: 4 },
    Column { title: "DATABASES", least: 9, most: 30, side: Side::Left, rank: 6 },
];

impl Runs {
    /// Of this series.
    pub fn new(series: &Series) -> Self {
        Self {
            series: series.key.clone(),
            name: series.name.clone(),
            chosen: None,
            window: Cell::new((0, 0)),
            filter: String::new(),
            order: Order::Newest,
            asked: 0,
        }
    }

    fn known<'a>(&self, world: &'a World) -> Option<&'a RunsOf> {
        world.past.runs.as_ref().filter(|runs| runs.series == self.series)
    }

    /// Places of lines that pass the filter, as sorted.
    fn rows(&self, runs: &RunsOf, world: &World) -> Vec<usize> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let mut rows: Vec<usize> = (0..runs.lines.len()).collect();
        if !words.is_empty() {
            rows.retain(|at| words.iter().all(|word| matches(&runs.lines[*at], world, word)));
        }
        match self.order {
            Order::Newest => {}
            Order::Oldest => rows.reverse(),
            Order::Largest => rows.sort_by_key(|at| std::cmp::Reverse(runs.lines[*at].bytes)),
            Order::Longest => rows.sort_by_key(|at| std::cmp::Reverse(runs.lines[*at].millis)),
        }
        rows
    }

    fn row(&self, rows: &[usize]) -> usize {
        self.chosen.and_then(|chosen| rows.iter().position(|at| *at == chosen)).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a RunLine> {
        let runs = self.known(world)?;
        let rows = self.rows(runs, world);
        runs.lines.get(*rows.get(self.row(&rows))?)
    }

    /// More of them, where the cursor comes near the end of what is known; all of them, where it goes to the end.
    fn more(&mut self, command: Command, runs: &RunsOf, row: usize) -> Flow {
        let near = row + NEAR >= runs.lines.len() || command == Command::Last;
        if runs.complete || !near || self.asked == runs.lines.len() {
            return Flow::Stay;
        }
        self.asked = runs.lines.len();
        let limit = if command == Command::Last { usize::MAX } else { PAGE };
        let after = runs.lines.last().map(|line| (line.at, line.id.clone()));
        Flow::Do(vec![Effect::Past(PastAsk::Runs { series: self.series.clone(), after, limit })])
    }

    fn backup<'a>(&self, world: &'a World) -> Option<&'a std::sync::Arc<Backup>> {
        world.backup(self.current(world)?.backup.as_ref()?)
    }
}

/// What can be done with what a run left.
pub fn offers_of(line: bool, left: Option<&std::sync::Arc<Backup>>, world: &World) -> Vec<Offer> {
    let nothing = || Reason::plain("no listed backup is known to be of this run");
    let some = left.map(|_| ()).ok_or_else(nothing);
    let mut offers = match left {
        Some(_) => backups::offers(left, world),
        None => vec![(Command::Verify, Err(nothing())), (Command::Restore, Err(nothing()))],
    };
    offers.retain(|(command, _)| matches!(command, Command::Verify | Command::Restore));
    offers.push((Command::ShowBackup, some));
    offers.push((Command::Open, if line { Ok(()) } else { Err(Reason::plain("no run is under the cursor")) }));
    offers
}

/// Does it.
pub fn act_on(command: Command, left: Option<&std::sync::Arc<Backup>>, world: &World) -> Flow {
    match (command, left) {
        (Command::Verify, Some(backup)) => Flow::Do(vec![Effect::Verify(backup.id.clone(), Rung::Whole)]),
        (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
        (Command::ShowBackup, Some(backup)) => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
        _ => Flow::Pass,
    }
}

fn matches(line: &RunLine, world: &World, word: &str) -> bool {
    let (word, wanted) = match word.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (rest, false),
        _ => (word, true),
    };
    let state = || state(line).text;
    let found = match word.split_once(':') {
        Some(("state", rest)) => state().contains(rest),
        Some(("db", rest)) => line.databases.to_lowercase().contains(rest),
        Some(("kind", rest)) => line.kind.word().contains(rest),
        Some(("says", rest)) => line.findings.iter().any(|finding| finding.code.contains(rest)),
        _ => {
            let left = line.backup.as_ref().and_then(|id| world.backup(id));
            line.at.second().contains(word)
                || state().contains(word)
                || line.databases.to_lowercase().contains(word)
                || left.is_some_and(|backup| backup.key.to_string().to_lowercase().contains(word))
                || line.findings.iter().any(|finding| finding.text.to_lowercase().contains(word))
        }
    };
    found == wanted
}

/// The sign in the margin of a run.
fn margin(line: &RunLine) -> Span {
    let worst = line.findings.iter().map(|finding| finding.weight).max();
    match (line.state, worst) {
        (Some(RunState::Failed), _) | (_, Some(Weight::Fatal)) => span(Role::Danger, "x"),
        (_, Some(Weight::Warning)) | (Some(RunState::Unfinished), _) => span(Role::Warn, "!"),
        _ => span(Role::Text, " "),
    }
}

/// How a run ended, or that none is known of an object.
pub fn state(line: &RunLine) -> Span {
    let role = |state| match state {
        RunState::Ok => Role::Good,
        RunState::Failed => Role::Danger,
        RunState::Unfinished => Role::Warn,
        RunState::Unknown => Role::Dim,
    };
    match (line.state, line.kind) {
        (None, _) => span(Role::Dim, "no run"),
        (Some(state), RunKind::Backup | RunKind::Unknown) => span(role(state), state.word()),
        (Some(state), kind) => span(role(state), format!("{} {}", short_kind(kind), state.word())),
    }
}

fn short_kind(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Verification => "verify",
        kind => kind.word(),
    }
}

/// What a run left: its trust, or that nothing of it is listed.
pub fn left(line: &RunLine, world: &World, canvas: &Canvas<'_>, width: u16) -> Line {
    match line.backup.as_ref().map(|id| world.backup(id)) {
        Some(Some(backup)) => detail::trust(backup, canvas.glyphs, width),
        Some(None) => vec![span(Role::Warn, "no longer listed")],
        None if line.kind != RunKind::Backup => vec![span(Role::Dim, "")],
        None if line.state == Some(RunState::Failed) => vec![span(Role::Dim, "nothing")],
        None => vec![span(Role::Dim, "not listed")],
    }
}

fn cells(line: &RunLine, world: &World, canvas: &Canvas<'_>, layout: &Layout) -> [Line; 7] {
    let at = if layout.width(0) >= 19 { line.at.second() } else { line.at.minute() };
    let text = |text: String| vec![span(Role::Text, text)];
    let found = line.findings.first().map_or_else(Vec::new, |finding| {
        let role = if finding.weight == Weight::Note { Role::Dim } else { Role::Warn };
        vec![span(role, finding.text.clone())]
    });
    [
        text(at),
        vec![state(line)],
        text(line.bytes.map_or(String::new(), |bytes| ByteSize(bytes).to_string())),
        text(line.millis.map_or(String::new(), took)),
        left(line, world, canvas, layout.width(4)),
        found,
        text(line.databases.clone()),
    ]
}

impl Pane for Runs {
    fn context(&self) -> Context {
        Context::Runs
    }

    fn crumb(&self) -> String {
        self.name.clone()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        offers_of(self.current(world).is_some(), self.backup(world), world)
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let Some(runs) = self.known(world) else { return Flow::Pass };
        let rows = self.rows(runs, world);
        if let Some(row) = moved(command, self.row(&rows), rows.len(), self.window.get().1) {
            self.chosen = rows.get(row).copied();
            return self.more(command, runs, row);
        }
        match command {
            Command::Sort => {
                let (order, words) = self.order.next();
                self.order = order;
                Flow::Say(format!("sorted {words}"))
            }
            Command::Filter => Flow::Open(Box::new(Filter::new(&self.filter))),
            Command::Back if !self.filter.is_empty() => {
                self.filter.clear();
                Flow::Stay
            }
            Command::Open => match self.current(world) {
                Some(RunLine { id: Some(id), .. }) => Flow::OpenAnd(
                    Box::new(OneRunLayer::new(id.clone())),
                    vec![Effect::Past(PastAsk::Run(id.clone()))],
                ),
                Some(_) => match self.backup(world) {
                    Some(backup) => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
                    None => Flow::Say("no run is known of it, and it is no longer listed".to_owned()),
                },
                None => Flow::Pass,
            },
            command => act_on(command, self.backup(world), world),
        }
    }

    fn narrow(&mut self, text: &str) -> bool {
        text.clone_into(&mut self.filter);
        true
    }

    fn narrowed(&self) -> Option<&str> {
        Some(&self.filter)
    }

    fn tokens(&self) -> Option<&'static str> {
        Some("words, or state:failed db: kind: says:")
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Line(at) => {
                self.chosen = Some(*at);
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --series {}", quoted(&self.series)))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("spans")
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::ShowBackup,
            Command::Verify,
            Command::Restore,
            Command::Back,
            Command::Filter,
            Command::Sort,
            Command::Copy,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let Some(runs) = self.known(world) else {
            canvas.text(indent(row(area, 1), 3), Role::Text, "Reading its runs...");
            return;
        };
        let mut at = 0;
        if let Some(series) = world.past.series(&self.series) {
            at = self.top(scene, series, runs, area, canvas);
        }
        let list = below(area, at);
        let rows = self.rows(runs, world);
        if rows.is_empty() {
            let text = if self.filter.is_empty() { "No run of it is known." } else { "No run matches." };
            canvas.text(indent(row(list, 1), 3), Role::Text, text);
            return;
        }
        let layout = Layout::fit(&COLUMNS, list.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(list, 0), 3), canvas);
        let lines = below(list, 1);
        let cursor = self.row(&rows);
        let top = scrolled(self.window.get().0, cursor, usize::from(lines.height));
        self.window.set((top, usize::from(lines.height)));
        for ((nth, at), place) in rows.iter().enumerate().skip(top).zip(lines.rows()) {
            let line = &runs.lines[*at];
            canvas.spans(indent(place, 1), &[margin(line)]);
            layout.row(&COLUMNS, &cells(line, world, canvas, &layout), indent(place, 3), canvas);
            if nth == cursor {
                canvas.text(place, Role::Text, ">");
                canvas.paint(place, Role::Selection);
            }
            canvas.clickable(place, Hit::Line(*at));
        }
    }
}

impl Runs {
    /// What is said of the series, and its sizes and durations as bars; returns the rows used.
    fn top(&self, scene: &Scene<'_>, series: &Series, runs: &RunsOf, area: Rect, canvas: &mut Canvas<'_>) -> u16 {
        let mut at = 0;
        self.head(scene, series, runs, row(area, 0), canvas);
        at += 1;
        let inner = indent(area, 1);
        let most = usize::from(area.height / 5).max(1);
        for line in &judged(series, usize::from(inner.width.saturating_sub(2)), most).0 {
            canvas.spans(row(inner, at), line);
            at += 1;
        }
        let height = match area.height {
            ..16 => return at,
            16..30 => 1,
            _ => 2,
        };
        at += 1;
        at += bars("size", &series.sizes, |size| ByteSize(size).to_string(), height, below(inner, at), canvas);
        at += bars("took", &series.took, took, height, below(inner, at), canvas);
        at + 1
    }

    fn head(&self, scene: &Scene<'_>, series: &Series, runs: &RunsOf, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 1);
        if let Some((text, column)) = scene.typing {
            canvas.spans(inner, &[span(Role::Key, "/ "), span(Role::Input, text)]);
            let x = (inner.x + 2 + column as u16).min(inner.right().saturating_sub(1));
            canvas.cursor = Some(ratatui::layout::Position { x, y: inner.y });
            return;
        }
        let total = runs.lines.len() as u64;
        let narrowed = match self.filter.as_str() {
            "" => vec![],
            text => {
                let count = self.rows(runs, scene.world).len();
                vec![span(Role::Dim, "/ "), span(Role::Text, format!("{text}   {count} of {}   ", grouped(total)))]
            }
        };
        let good = series.good.as_ref().map_or("no good backup".to_owned(), |(at, trust)| {
            let now = scene.world.past.overview.as_ref().map_or(*at, |overview| overview.at);
            format!("newest good {}, {} old, {trust}", at.minute(), short_span(at.age_at(now)))
        });
        let head = format!("  {}, {}; {good}", series.rhythm, counted(series.runs, "run"));
        let mut line = narrowed;
        line.extend([span(Role::Title, series.name.clone()), span(Role::Text, head)]);
        canvas.spans(inner, &line);
    }
}

/// Values as bars with the newest and the largest beside them; returns the rows used.
fn bars(label: &str, values: &[u64], words: fn(u64) -> String, height: u16, area: Rect, canvas: &mut Canvas<'_>) -> u16 {
    const LABEL: u16 = 7;
    let (Some(newest), Some(most)) = (values.last(), values.iter().max()) else { return 0 };
    let beside = if height > 1 { 0 } else { 26 };
    let width = usize::from(area.width.saturating_sub(LABEL + 3 + beside)).min(120);
    let values: Vec<_> = values.iter().copied().map(Some).collect();
    let lines = chart(canvas.glyphs, &folded(&values, width), width, height);
    for (nth, line) in (0..).zip(&lines) {
        canvas.spans(indent(row(area, nth), LABEL), &[span(Role::Gauge, line.clone())]);
    }
    let last = lines.len() as u16 - 1;
    canvas.text(row(area, last), Role::Head, label);
    let text = format!("{} now, {} most", words(*newest), words(*most));
    let used = lines.first().map_or(0, |line| line.chars().count()) as u16;
    match height {
        1 => canvas.text(indent(row(area, 0), LABEL + used + 2), Role::Dim, &text),
        _ => {
            canvas.text(indent(row(area, height), LABEL), Role::Dim, &text);
            return height + 1;
        }
    };
    height
}

/// As a word of a shell.
pub fn quoted(text: &Foreign) -> String {
    format!("'{}'", text.to_string().replace('\'', "'\\''"))
}
