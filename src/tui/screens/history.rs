//! The past of every series: a strip of days, what stands, and the way to its runs.

pub mod empty;
mod list;
pub mod marks;
pub mod window;

use std::cell::Cell;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::judgement::{Severity, What};
use crate::model::units::{grouped, short_span};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::checks::Checks;
use crate::tui::layers::past::Past;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::window::Window;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::{PastState, World};
use crate::work::history::{SeriesKey, SeriesPast};

/// The past of every series.
#[derive(Default)]
pub struct History {
    /// The cursor is a series, not a row.
    chosen: Option<SeriesKey>,
    window: Window,
    /// First visible row, and how many are.
    shown: Cell<(usize, usize)>,
    /// Columns of the strip: a quarter of them is panned at a time.
    columns: Cell<u16>,
}

impl History {
    fn row(&self, world: &World) -> usize {
        let series = world.past.series();
        self.chosen.as_ref().and_then(|key| series.iter().position(|known| known.key == *key)).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a Arc<SeriesPast>> {
        world.past.series().get(self.row(world))
    }

    fn choose(&mut self, world: &World, row: usize) -> Flow {
        self.chosen = world.past.series().get(row).map(|series| series.key.clone());
        Flow::Stay
    }

    fn seek(&mut self, command: Command, world: &World) -> Flow {
        let (series, at) = (world.past.series(), self.row(world));
        let worth = |row: &usize| series.get(*row).is_some_and(|series| concern(series).is_some());
        let found = match command {
            Command::Next => (at + 1..series.len()).find(worth),
            _ => (0..at.min(series.len())).rev().find(worth),
        };
        found.map_or_else(|| Flow::Say("no more series worth a look that way".to_owned()), |row| self.choose(world, row))
    }

    fn pan(&mut self, command: Command, world: &World) -> Flow {
        let step = i64::from(self.columns.get() / 4).max(1);
        let panned = self.window.panned(if command == Command::Left { step } else { -step }, world.now);
        if panned == self.window {
            return Flow::Say("that is now: nothing is newer".to_owned());
        }
        self.window = panned;
        Flow::Stay
    }
}

/// What about a series is worth a look, beside that nobody has proven it: its own column says that.
pub fn concern(series: &SeriesPast) -> Option<(Severity, String)> {
    let standing = series.judgements.iter().filter(|judged| judged.stands() && judged.severity >= Severity::Warning);
    let judged = standing.filter(|judged| !matches!(judged.what, What::NoGoodBackup { .. })).max_by_key(|it| it.severity);
    judged.map(|judged| (judged.severity, judged.short()))
}

impl Pane for History {
    fn context(&self) -> Context {
        Context::History
    }

    fn crumb(&self) -> String {
        "History".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let some = || match world.past.series() {
            [] => Err(Reason::plain("no series is under the cursor")),
            _ => Ok(()),
        };
        [Command::Open, Command::Checks, Command::ZoomIn, Command::ZoomOut].map(|command| (command, some())).to_vec()
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(row) = moved(command, self.row(world), world.past.series().len(), self.shown.get().1) {
            return self.choose(world, row);
        }
        match command {
            Command::Left | Command::Right => self.pan(command, world),
            Command::ZoomIn | Command::ZoomOut => {
                self.window = self.window.zoomed(if command == Command::ZoomIn { -1 } else { 1 });
                Flow::Say(self.window.zoom.words().to_owned())
            }
            Command::Next | Command::Previous => self.seek(command, world),
            Command::Open => match self.current(world) {
                Some(series) => Flow::Open(Box::new(Past::new(series, self.window))),
                None => Flow::Pass,
            },
            Command::Checks => Flow::Open(Box::new(Checks::new())),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        let days = (world.now.0 - self.window.from(self.columns.get().max(1), world.now).0) / 86_400_000;
        Some(format!("breakglass history --since {}d", days.max(1)))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("runs"),
            Command::Left => Some("earlier"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Checks,
            Command::Left,
            Command::ZoomOut,
            Command::ZoomIn,
            Command::GoBackups,
            Command::Copy,
            Command::Palette,
            Command::Help,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let PastState::Read(past) = &world.past else { return empty::unread(scene, area, canvas) };
        if past.series.is_empty() {
            return empty::nothing(scene, area, canvas);
        }
        canvas.spans(indent(row(area, 0), 1), &summary(world));
        let about = if area.height < 14 { 4 } else { 7 };
        let list = Rect { height: area.height.saturating_sub(about + 2), ..below(area, 1) };
        let cursor = self.row(world);
        let shown = list::draw(&past.series, (cursor, self.shown.get().0), self.window, world, list, canvas);
        self.shown.set((shown.top, shown.rows));
        self.columns.set(shown.columns);
        if let Some(series) = self.current(world) {
            let place = Rect { height: about, ..below(area, area.height - about - 1) };
            canvas.rule(row(place, 0));
            let inner = indent(below(place, 1), 3);
            for (line, at) in words(series, usize::from(inner.width.saturating_sub(2))).iter().zip(inner.rows()) {
                canvas.spans(at, line);
            }
        }
        canvas.spans(indent(row(area, area.height - 1), 3), &marks::legend(&shown.seen));
    }
}

/// How all series stand.
fn summary(world: &World) -> Line {
    let series = world.past.series();
    let newest = series.iter().filter_map(|series| series.points.last()).max_by_key(|point| point.at);
    let mut line = vec![span(Role::Text, format!("{} series", grouped(series.len() as u64)))];
    if let Some(point) = newest {
        let ended = point.at.0.saturating_add(point.took.unwrap_or(0));
        let at = crate::model::units::Moment(ended);
        line.push(span(Role::Text, format!(", last {} ({} ago) ", at.minute(), short_span(at.age_at(world.now)))));
        line.push(marks::outcome(point));
    }
    let concerned = series.iter().filter(|series| concern(series).is_some()).count();
    line.push(match concerned {
        0 => span(Role::Good, "   nothing late, failed or odd"),
        count => span(Role::Warn, format!("   {} worth a look", grouped(count as u64))),
    });
    line
}

/// Everything that stands about one series.
fn words(series: &SeriesPast, width: usize) -> Vec<Line> {
    let place = series.key.target.as_ref().map_or_else(String::new, |target| format!(" on {target}"));
    let mut lines = vec![vec![
        span(Role::Title, format!("{}{place}", series.label)),
        span(Role::Dim, format!("  {}", series.rhythm.words())),
    ]];
    let mut say = |role: Role, text: &str| lines.extend(wrap(text, width).into_iter().map(|part| vec![span(role, part)]));
    for judged in series.judgements.iter().filter(|judged| judged.stands()) {
        say(marks::severity(judged.severity), &judged.words());
    }
    series.findings.iter().for_each(|finding| say(Role::Text, &finding.text));
    if lines.len() == 1 {
        let said = match series.newest_good() {
            Some(point) => format!("newest good copy {} UTC, {}", point.at.minute(), point.kept.word()),
            None => "nothing is late, failed or beyond its habit".to_owned(),
        };
        lines.push(vec![span(Role::Text, said)]);
    }
    lines
}
