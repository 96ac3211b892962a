//! The past of every series: what came, what failed, what never came, and how far each can be trusted.

pub mod draw;
pub mod words;

use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::units::Moment;
use crate::tui::canvas::{Canvas, Hit};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::checks::Checks;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::run_lines;
use crate::tui::layers::runs::Runs;
use crate::tui::layers::sayings::sayings;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::past::{PastAsk, RunLine, gravest, is_late, newest_made, sizes, trouble};
use crate::tui::screens::history::words::{SAYS, STATE, Word, problem, words};
use crate::tui::screens::moved;
use crate::tui::widgets::strip::{Axis, Stretch};
use crate::tui::world::World;
use crate::work::history::{HistoryView, SeriesKey, SeriesPast};

/// How the list of series is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// What needs a look first.
    #[default]
    Trouble,
    /// By name.
    Name,
    /// Longest without a good backup first.
    Age,
    /// Largest first.
    Size,
}

impl Order {
    fn words(self) -> &'static str {
        match self {
            Self::Trouble => "what needs a look first",
            Self::Name => "by name",
            Self::Age => "longest without a good backup first",
            Self::Size => "largest first",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Trouble => Self::Name,
            Self::Name => Self::Age,
            Self::Age => Self::Size,
            Self::Size => Self::Trouble,
        }
    }
}

/// The past of every series.
#[derive(Default)]
pub struct History {
    /// The cursor is a series, not a row: a reload must not slide it onto another one.
    chosen: Option<SeriesKey>,
    /// First visible row and how many are visible: they follow the area's height.
    window: Cell<(usize, usize)>,
    /// Columns of the strip: they follow the area's width.
    columns: Cell<u16>,
    filter: String,
    order: Order,
    stretch: Stretch,
}

impl History {
    /// Series that pass the filter, as sorted.
    pub fn rows<'a>(&self, view: &'a HistoryView) -> Vec<&'a Arc<SeriesPast>> {
        let (words, from) = (words(&self.filter, &TOKENS), self.axis(view).start);
        let passes =
            |series: &&Arc<SeriesPast>| words.iter().all(|word| word.passes(has(series, word, (from, view.at))));
        let mut rows: Vec<&Arc<SeriesPast>> = view.series.iter().filter(passes).collect();
        match self.order {
            Order::Trouble => rows.sort_by_key(|series| Reverse(trouble(series))),
            Order::Name => {} // as it comes
            Order::Age => rows.sort_by_key(|series| newest_made(series).map(|point| point.at)),
            Order::Size => rows.sort_by_key(|series| Reverse(sizes(series).into_iter().flatten().next_back())),
        }
        rows
    }

    fn row(&self, rows: &[&Arc<SeriesPast>]) -> usize {
        let chosen = self.chosen.as_ref();
        chosen.and_then(|key| rows.iter().position(|series| series.key == *key)).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a Arc<SeriesPast>> {
        let rows = self.rows(world.past.view.as_ref()?);
        rows.get(self.row(&rows)).copied()
    }

    /// The part of time that the strips show.
    fn axis(&self, view: &HistoryView) -> Axis {
        self.stretch.axis(view.at, self.columns.get())
    }

    fn moved(&mut self, command: Command, view: &HistoryView) -> Flow {
        let oldest = view.series.iter().filter_map(|series| first(series)).min();
        stretched(&mut self.stretch, command, (view.at, self.columns.get()), oldest)
    }

    fn seek(&mut self, command: Command, rows: &[&Arc<SeriesPast>]) -> Flow {
        let at = self.row(rows);
        let worth = |row: &usize| rows.get(*row).is_some_and(|series| gravest(series).is_some());
        let found = match command {
            Command::Next => (at + 1..rows.len()).find(worth),
            _ => (0..at).rev().find(worth),
        };
        match found {
            Some(row) => {
                self.chosen = rows.get(row).map(|series| series.key.clone());
                Flow::Stay
            }
            None => Flow::Say("no more findings that way".to_owned()),
        }
    }
}

/// Moves a stretch of time, or says why it cannot be moved.
pub fn stretched(
    stretch: &mut Stretch,
    command: Command,
    (now, columns): (Moment, u16),
    oldest: Option<Moment>,
) -> Flow {
    let (next, none) = match command {
        Command::Left => (stretch.earlier(columns, now, oldest), "nothing older is known".to_owned()),
        Command::Right => (stretch.later(columns), "this is the present".to_owned()),
        _ => {
            let by = if command == Command::ZoomIn { -1 } else { 1 };
            (stretch.zoomed(by, now, columns), format!("{}: there is nothing beyond that", stretch.zoom.words()))
        }
    };
    let Some(next) = next else { return Flow::Say(none) };
    let zooms = next.zoom != stretch.zoom;
    *stretch = next;
    if zooms { Flow::Say(next.zoom.words().to_owned()) } else { Flow::Stay }
}

/// When the past of a series begins.
pub fn first(series: &SeriesPast) -> Option<Moment> {
    let day = series.days.first().map(|day| day.day.start());
    day.into_iter().chain(series.points.first().map(|point| point.at)).min()
}

/// Whether a series has a word: anywhere, or, behind `db:`, `target:`, `state:` or `says:`, there. Strips show what was
/// since `from`.
fn has(series: &SeriesPast, word: &Word, (from, now): (Moment, Moment)) -> bool {
    let target = || series.key.target.as_ref().is_some_and(|target| word.is_in(target.as_str()));
    match word.token {
        Some("db") => word.is_in(&series.label) || series.databases.iter().any(|name| word.is_in(&name.to_string())),
        Some("target") => target(),
        Some(STATE) => word.begins(states(series, now)),
        Some(SAYS) => {
            let judged = series.judgements.iter().any(|judged| {
                if !judged.stands() {
                    // What is over is found by its own word where the strip shows it.
                    return judged.what.code() == word.text && judged.until.is_some_and(|until| until >= from);
                }
                let texts = [judged.what.code(), judged.severity.word(), &judged.short()];
                texts.iter().any(|text| word.is_in(text))
            });
            judged || series.findings.iter().any(|found| word.is_in(&found.code) || word.is_in(&found.text))
        }
        _ => word.is_in(&series.label) || target() || word.is_in(&series.key.to_string()),
    }
}

/// What the newest attempt of a series came to, and whether the next one is late.
fn states(series: &SeriesPast, now: Moment) -> impl Iterator<Item = &'static str> {
    let newest = series.points.iter().rev().find(|point| point.at <= now);
    let states = newest.map(|point| run_lines::states(&RunLine::from(point)));
    states.into_iter().flatten().chain(is_late(series).then_some("late"))
}

const TOKENS: [&str; 4] = ["db", "target", STATE, SAYS];
/// What [`states`] come to.
const STATES: [&str; 8] = ["ok", "failed", "unfinished", "unknown", "no run", "damaged", "gone", "late"];
/// Words that the status line offers while the filter is typed.
const OFFERED: &str = "words, or db: target: state:failed|late|.. says:missing|shrunk|critical|..";

impl Pane for History {
    fn context(&self) -> Context {
        Context::History
    }

    fn crumb(&self) -> String {
        "History".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let read = world.past.view.as_ref().map(|_| ()).ok_or_else(|| Reason::plain("the history is being read"));
        let some = self.current(world).map(|_| ()).ok_or_else(|| Reason::plain("no series is under the cursor"));
        vec![
            (Command::Open, some.clone()),
            (Command::Sayings, some),
            (Command::ZoomIn, read.clone()),
            (Command::ZoomOut, read),
        ]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        match command {
            Command::Refresh => return Flow::Do(vec![Effect::Refresh, Effect::Past(PastAsk::View)]),
            Command::Checks => {
                return Flow::OpenAnd(Box::new(Checks::default()), vec![Effect::Past(PastAsk::Check)]);
            }
            _ => {}
        }
        let Some(view) = &world.past.view else { return Flow::Pass };
        let rows = self.rows(view);
        if let Some(row) = moved(command, self.row(&rows), rows.len(), self.window.get().1) {
            self.chosen = rows.get(row).map(|series| series.key.clone());
            return Flow::Stay;
        }
        match command {
            Command::Left | Command::Right | Command::ZoomIn | Command::ZoomOut => self.moved(command, view),
            Command::Next | Command::Previous => self.seek(command, &rows),
            Command::Filter => Flow::Open(Box::new(Filter::new(&self.filter))),
            Command::Sort => {
                self.order = self.order.next();
                Flow::Say(format!("sorted {}", self.order.words()))
            }
            Command::Open => match rows.get(self.row(&rows)) {
                Some(series) => Flow::Open(Box::new(Runs::new(series, self.stretch))),
                None => Flow::Pass,
            },
            Command::Sayings => match rows.get(self.row(&rows)) {
                Some(series) => Flow::Open(Box::new(sayings(series))),
                None => Flow::Pass,
            },
            _ => Flow::Pass,
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
        Some(OFFERED)
    }

    fn problem(&self, world: &World) -> Option<String> {
        let view = world.past.view.as_ref()?;
        let since = (self.axis(view).start, view.at);
        let found = |word: &Word| view.series.iter().any(|series| has(series, word, since));
        problem(&words(&self.filter, &TOKENS), &TOKENS, &STATES, found)
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Series(key) => {
                self.chosen = Some(key.clone());
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some("breakglass history".to_owned())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("runs")
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::ZoomOut,
            Command::ZoomIn,
            Command::Checks,
            Command::Sayings,
            Command::Filter,
            Command::GoBackups,
            Command::Sort,
            Command::Copy,
            Command::Palette,
            Command::Help,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.draw(scene, area, canvas);
    }
}
