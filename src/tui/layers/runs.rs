//! The runs of one series, newest first, with what each left.

use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::Arc;

use ratatui::layout::{Position, Rect};

use crate::model::backup::Backup;
use crate::model::trust::Rung;
use crate::model::units::{ByteSize, Moment, counted, grouped, short_span};
use crate::tui::canvas::{Canvas, Hit, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::detail::Detail;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::run::OneRun;
use crate::tui::layers::run_lines::{COLUMNS, STATES, TOKENS, Told, cells, has, is_worth, margin};
use crate::tui::layers::sayings::sayings;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::past::{PastAsk, RunLine, checks_before, lines, newest_made, older_than};
use crate::tui::screens::history::draw::{canvas_text, judged, known, noun, ticks, took};
use crate::tui::screens::history::words::{Word, problem, words};
use crate::tui::screens::history::{first, stretched};
use crate::tui::screens::{backups, moved};
use crate::tui::theme::Role;
use crate::tui::widgets::chart::chart;
use crate::tui::widgets::strip::{Axis, Stretch, line as strip_line};
use crate::tui::widgets::table::{Layout, scrolled};
use crate::tui::world::World;
use crate::work::history::strip::strip;
use crate::work::history::{Outcome, Point, SeriesKey, SeriesPast};

/// So near to the end of what is known more is asked for.
const NEAR: usize = 60;
/// Older runs that are asked for at once.
const PAGE: usize = 500;
/// The same where the cursor goes to the end.
const ALL: usize = 100_000;
const NO_MORE: &str = "no more findings that way";

/// The runs of one series.
pub struct Runs {
    series: SeriesKey,
    name: String,
    /// The line under the cursor, by its time: what a reload keeps.
    chosen: Option<Moment>,
    window: Cell<(usize, usize)>,
    filter: String,
    order: Order,
    /// Before which time older runs were asked for.
    asked: Option<Moment>,
    /// The same of verifications.
    asked_checks: Option<Moment>,
    /// The time that charts and strip show.
    stretch: Stretch,
    columns: Cell<u16>,
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

impl Runs {
    /// Of this series, with the time that its strip showed.
    pub fn new(series: &SeriesPast, stretch: Stretch) -> Self {
        Self {
            series: series.key.clone(),
            name: series.label.clone(),
            chosen: None,
            window: Cell::new((0, 0)),
            filter: String::new(),
            order: Order::Newest,
            asked: None,
            asked_checks: None,
            stretch,
            columns: Cell::new(1),
        }
    }

    fn known<'a>(&self, world: &'a World) -> Option<&'a Arc<SeriesPast>> {
        world.past.series(&self.series)
    }

    /// Lines that pass the filter, as sorted.
    fn rows(&self, series: &SeriesPast, world: &World) -> Vec<Told> {
        let words = words(&self.filter, &TOKENS);
        let mut rows = self.all(series, world);
        rows.retain(|told| words.iter().all(|word| word.passes(has(told, world, word))));
        match self.order {
            Order::Newest => {}
            Order::Oldest => rows.reverse(),
            Order::Largest => rows.sort_by_key(|told| Reverse(told.line.bytes)),
            Order::Longest => rows.sort_by_key(|told| Reverse(told.line.took)),
        }
        rows
    }

    fn all(&self, series: &SeriesPast, world: &World) -> Vec<Told> {
        let oldest = series.points.iter().find(|point| point.kept.is_listed()).map(|point| point.at);
        lines(series, &world.past).into_iter().map(|line| Told::of(series, line, oldest)).collect()
    }

    fn row(&self, rows: &[Told]) -> usize {
        self.chosen.and_then(|chosen| rows.iter().position(|told| told.line.at == chosen)).unwrap_or(0)
    }

    fn current(&self, world: &World) -> Option<RunLine> {
        let mut rows = self.rows(self.known(world)?, world);
        let row = self.row(&rows);
        (row < rows.len()).then(|| rows.swap_remove(row).line)
    }

    /// More of them, where the cursor comes near the end of what is known; all of them, where it goes to the end.
    fn more(&mut self, command: Command, series: &SeriesPast, rows: &[Told], world: &World) -> Flow {
        let (to_end, at) = (command == Command::Last, self.row(rows));
        let limit = if to_end { ALL } else { PAGE };
        let ahead = rows.get(at..).unwrap_or_default();
        let near_end = to_end || ahead.len() <= NEAR;
        let mut asks = vec![];
        let runs = older_than(series, world.past.older.as_ref()).filter(|_| near_end);
        if let Some(before) = runs.filter(|before| self.asked.replace(*before) != Some(*before)) {
            let names = series.runs.clone();
            asks.push(Effect::Past(PastAsk::Older { series: self.series.clone(), names, before, limit }));
        }
        let near = |before: &Moment| near_end || ahead.iter().take(NEAR).any(|told| told.line.at <= *before);
        let checks = checks_before(series, world.past.older_checks.as_ref()).filter(near);
        if let Some(before) = checks.filter(|before| self.asked_checks.replace(*before) != Some(*before)) {
            let names = series.more_checks.names.clone();
            asks.push(Effect::Past(PastAsk::Checks { series: self.series.clone(), names, before, limit }));
        }
        if asks.is_empty() { Flow::Stay } else { Flow::Do(asks) }
    }

    /// To the next line that is worth a look, or the one before.
    fn seek(&mut self, command: Command, series: &SeriesPast, rows: &[Told], world: &World) -> Flow {
        let at = self.row(rows);
        let worth = |row: &usize| rows.get(*row).is_some_and(is_worth);
        let found = match command {
            Command::Next => (at + 1..rows.len()).find(worth),
            _ => (0..at.min(rows.len())).rev().find(worth),
        };
        let Some(row) = found else {
            let more = command == Command::Next && self.has_more(series, world);
            let words = if more { "no more findings in what is read; G reads older ones" } else { NO_MORE };
            return Flow::Say(words.to_owned());
        };
        self.chosen = rows.get(row).map(|told| told.line.at);
        self.more(command, series, rows, world)
    }

    /// Whether there are older ones that are not read yet.
    fn has_more(&self, series: &SeriesPast, world: &World) -> bool {
        let runs = older_than(series, world.past.older.as_ref());
        runs.or_else(|| checks_before(series, world.past.older_checks.as_ref())).is_some()
    }

    fn backup<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        world.backup(self.current(world)?.backup.as_ref()?)
    }
}

/// What can be done with what a run left.
pub fn offers_of(line: bool, left: Option<&Arc<Backup>>, world: &World) -> Vec<Offer> {
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
pub fn act_on(command: Command, left: Option<&Arc<Backup>>, world: &World) -> Flow {
    match (command, left) {
        (Command::Verify, Some(backup)) => Flow::Do(vec![Effect::Verify(backup.id.clone(), Rung::Whole)]),
        (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
        (Command::ShowBackup, Some(backup)) => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
        _ => Flow::Pass,
    }
}

impl Pane for Runs {
    fn context(&self) -> Context {
        Context::Runs
    }

    fn crumb(&self) -> String {
        self.name.clone()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let mut offers = offers_of(self.current(world).is_some(), self.backup(world), world);
        offers.push((Command::Sayings, Ok(())));
        offers
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let Some(series) = self.known(world) else { return Flow::Pass };
        let rows = self.rows(series, world);
        if let Some(row) = moved(command, self.row(&rows), rows.len(), self.window.get().1) {
            self.chosen = rows.get(row).map(|told| told.line.at);
            return self.more(command, series, &rows, world);
        }
        match command {
            Command::Last => self.more(command, series, &rows, world),
            Command::Next | Command::Previous => self.seek(command, series, &rows, world),
            Command::Left | Command::Right | Command::ZoomIn | Command::ZoomOut => {
                let now = world.past.view.as_ref().map_or(world.now, |view| view.at);
                stretched(&mut self.stretch, command, (now, self.columns.get()), first(series))
            }
            Command::Sort => {
                let (order, words) = self.order.next();
                self.order = order;
                Flow::Say(format!("sorted {words}"))
            }
            Command::Sayings => Flow::Open(Box::new(sayings(series))),
            Command::Filter => Flow::Open(Box::new(Filter::new(&self.filter))),
            Command::Back if !self.filter.is_empty() => {
                self.filter.clear();
                Flow::Stay
            }
            Command::Open => match self.current(world) {
                Some(RunLine { run: Some(id), .. }) => {
                    Flow::OpenAnd(Box::new(OneRun::new(id.clone())), vec![Effect::Past(PastAsk::Run(id))])
                }
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
        Some("words, or state:failed|no|verified|.. says:smaller|..")
    }

    fn problem(&self, world: &World) -> Option<String> {
        let series = self.known(world)?;
        let found = |word: &Word| self.all(series, world).iter().any(|told| has(told, world, word));
        problem(&words(&self.filter, &TOKENS), &TOKENS, &STATES, found)
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::At(at) => {
                self.chosen = Some(*at);
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --runs --series {}", quoted(&self.series)))
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
            Command::Sayings,
            Command::ZoomOut,
            Command::ZoomIn,
            Command::Filter,
            Command::Sort,
            Command::Copy,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let Some(series) = self.known(world) else {
            canvas.text(indent(row(area, 1), 3), Role::Text, "Nothing is known of it any more.");
            return;
        };
        let rows = self.rows(series, world);
        let list = below(area, self.top(scene, series, rows.len(), area, canvas));
        if rows.is_empty() {
            return self.empty(scene, series, list, canvas);
        }
        let layout = Layout::fit(&COLUMNS, list.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(list, 0), 3), canvas);
        let lines = below(list, 1);
        let cursor = self.row(&rows);
        let top = scrolled(self.window.get().0, cursor, usize::from(lines.height));
        self.window.set((top, usize::from(lines.height)));
        for ((nth, told), place) in rows.iter().enumerate().skip(top).zip(lines.rows()) {
            canvas.spans(indent(place, 1), &[margin(told)]);
            layout.row(&COLUMNS, &cells(told, world, canvas, &layout), indent(place, 3), canvas);
            if nth == cursor {
                canvas.text(place, Role::Text, ">");
                canvas.paint(place, Role::Selection);
            }
            canvas.clickable(place, Hit::At(told.line.at));
        }
    }
}

impl Runs {
    /// Why there is no line, and what shows some.
    fn empty(&self, scene: &Scene<'_>, series: &SeriesPast, area: Rect, canvas: &mut Canvas<'_>) {
        if self.filter.is_empty() {
            return canvas_text(area, canvas, "No run of it is known.", "");
        }
        let key = |command| scene.key(Context::Runs, command);
        let problem = self.problem(scene.world).map(|problem| format!("{problem}."));
        let more = self.has_more(series, scene.world);
        let older = more.then(|| format!("Older ones may not be read yet: {} reads them.", key(Command::Last)));
        let advice = problem.into_iter().chain(older).collect::<Vec<_>>().join(" ");
        let clear = format!("{} shows all again.", key(Command::Back));
        let headline = format!("No run matches `{}`.", self.filter);
        canvas_text(area, canvas, &headline, format!("{advice} {clear}").trim_start());
    }

    /// What is said of the series, and its sizes and durations as bars; returns the rows used.
    fn top(&self, scene: &Scene<'_>, series: &SeriesPast, count: usize, area: Rect, canvas: &mut Canvas<'_>) -> u16 {
        let mut at = 1;
        let inner = indent(area, 1);
        let most = usize::from(area.height / 5).max(1);
        let (said, more) = judged(series, usize::from(inner.width.saturating_sub(2)), most);
        self.head(scene, series, (count, more), row(area, 0), canvas);
        for line in &said {
            canvas.spans(row(inner, at), line);
            at += 1;
        }
        let height = match area.height {
            ..16 => return at,
            16..30 => 1,
            _ => 3,
        };
        let now = scene.world.past.view.as_ref().map_or(scene.world.now, |view| view.at);
        let columns = inner.width.saturating_sub(LABEL + 2).clamp(1, 150);
        self.columns.set(columns);
        let axis = self.stretch.axis(now, columns);
        let size = |size| ByteSize(size).to_string();
        for (label, keep, words, value) in [
            ("size", Keep::Least, size as fn(u64) -> String, bytes as fn(&Point) -> Option<u64>),
            ("took", Keep::Most, took, time),
        ] {
            let values = binned(series, &axis, keep, value);
            let newest = series.points.iter().rev().find_map(value).map_or(String::new(), words);
            let place = below(inner, at);
            for (nth, line) in (0..).zip(chart(canvas.glyphs, &values, usize::from(columns), height)) {
                canvas.spans(indent(row(place, nth), LABEL), &[span(Role::Gauge, line)]);
            }
            let head = [span(Role::Head, label), span(Role::Text, format!("{newest:>8}"))];
            canvas.spans(row(place, height - 1), &head);
            at += height;
        }
        let marks = strip(series, axis.zoom, axis.start, usize::from(columns), now);
        canvas.text(row(inner, at), Role::Dim, axis.zoom.words());
        canvas.spans(indent(row(inner, at), LABEL), &strip_line(&marks));
        ticks(&axis, indent(row(inner, at + 1), LABEL), canvas);
        at + 2
    }

    fn head(
        &self,
        scene: &Scene<'_>,
        series: &SeriesPast,
        (count, unsaid): (usize, usize),
        area: Rect,
        canvas: &mut Canvas<'_>,
    ) {
        let inner = indent(area, 1);
        let total = known(series);
        let passing = format!("{count} of {}", grouped(total.max(count as u64)));
        if let Some((text, column)) = scene.typing {
            let start = inner.width.saturating_sub(passing.len() as u16 + 1);
            canvas.text(indent(inner, start), Role::Text, &passing);
            let left = Rect { width: start.saturating_sub(1), ..inner };
            canvas.spans(left, &[span(Role::Key, "/ "), span(Role::Input, text)]);
            let x = (left.x + 2 + column as u16).min(left.right().saturating_sub(1));
            canvas.cursor = Some(Position { x, y: inner.y });
            return;
        }
        let mut line = vec![];
        if !self.filter.is_empty() {
            let text = format!("{}   {passing}   ", self.filter);
            line.extend([span(Role::Dim, "/ "), span(Role::Text, text)]);
        }
        let now = scene.world.past.view.as_ref().map(|view| view.at).unwrap_or_default();
        let good = newest_made(series).map_or("no backup".to_owned(), |point| {
            let age = short_span(point.at.age_at(now));
            // Nothing is known of what lies in no target of this estate.
            let kept = Some(point.kept.word()).filter(|word| !word.is_empty()).unwrap_or("not listed");
            format!("newest {}, {age} old, {kept}", point.at.minute())
        });
        let rhythm = series.rhythm.period().map_or_else(|| series.rhythm.words(), |_| series.rhythm.word());
        let head = format!("  {rhythm}, {}; {good}", counted(total, noun(series)));
        line.extend([span(Role::Title, series.label.clone()), span(Role::Text, head)]);
        if unsaid > 0 {
            line.push(span(Role::Dim, format!("; {unsaid} more: {}", scene.key(Context::Runs, Command::Sayings))));
        }
        canvas.spans(inner, &line);
    }
}

/// Columns of the labels of charts.
const LABEL: u16 = 14;

/// What was made; what failed has no size.
fn bytes(point: &Point) -> Option<u64> {
    point.bytes.filter(|_| point.outcome == Outcome::Made)
}

fn time(point: &Point) -> Option<u64> {
    point.took.and_then(|took| u64::try_from(took).ok())
}

/// Which of several values stands for all of them: where small is what is worth a look, the least.
#[derive(Clone, Copy)]
enum Keep {
    Least,
    Most,
}

/// One value for each column of the axis, where there is any.
fn binned(series: &SeriesPast, axis: &Axis, keep: Keep, value: fn(&Point) -> Option<u64>) -> Vec<Option<u64>> {
    let column = |nth| {
        let values = series.within(axis.moment(nth), axis.moment(nth + 1)).iter().filter_map(value);
        match keep {
            Keep::Least => values.min(),
            Keep::Most => values.max(),
        }
    };
    (0..axis.columns).map(column).collect()
}

/// As a word of a shell.
pub fn quoted(text: &impl std::fmt::Display) -> String {
    format!("'{}'", text.to_string().replace('\'', "'\\''"))
}
