//! The past of every series: what came, what failed, what never came, and how far each can be trusted.

pub mod draw;

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::tui::canvas::{Canvas, Hit};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::checks::Checks;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::runs::Runs;
use crate::tui::msg::Effect;
use crate::tui::past::{Overview, PastAsk, Series};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::widgets::strip::{Axis, Zoom};
use crate::tui::world::World;

/// Runs of a series that are read at once.
pub const PAGE: usize = 500;

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
    chosen: Option<Foreign>,
    /// First visible row and how many are visible: they follow the area's height.
    window: Cell<(usize, usize)>,
    /// Columns of the strip: they follow the area's width.
    columns: Cell<u16>,
    filter: String,
    order: Order,
    zoom: Zoom,
    /// Columns that the strip has been moved back into the past.
    back: u32,
}

impl History {
    /// Series that pass the filter, as sorted.
    pub fn rows<'a>(&self, overview: &'a Overview) -> Vec<&'a Series> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let passes = |series: &&Series| words.iter().all(|word| matches(series, word));
        let mut rows: Vec<&Series> = overview.series.iter().filter(passes).collect();
        match self.order {
            Order::Trouble => rows.sort_by_key(|series| std::cmp::Reverse(series.severity())),
            Order::Name => {} // as it comes
            Order::Age => rows.sort_by_key(|series| series.good.as_ref().map(|(at, _)| *at)),
            Order::Size => rows.sort_by_key(|series| std::cmp::Reverse(series.sizes.last().copied())),
        }
        rows
    }

    fn row(&self, rows: &[&Series]) -> usize {
        let chosen = self.chosen.as_ref();
        chosen.and_then(|key| rows.iter().position(|series| series.key == *key)).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a Series> {
        let rows = self.rows(world.past.overview.as_ref()?);
        rows.get(self.row(&rows)).copied()
    }

    /// The part of time that the strips show.
    fn axis(&self, overview: &Overview) -> Axis {
        Axis::ending(overview.at, self.zoom, self.columns.get(), self.back)
    }

    fn zoomed(&mut self, zoom: Option<Zoom>, overview: &Overview) -> Flow {
        let Some(zoom) = zoom else {
            return Flow::Say(format!("a column is {}: there is nothing beyond that", self.zoom.words()));
        };
        // What stands at the right end stays there.
        let end = self.axis(overview).end().0;
        let ahead = overview.at.0.saturating_sub(end).max(0) / zoom.step();
        self.back = u32::try_from(ahead).unwrap_or(u32::MAX);
        self.zoom = zoom;
        Flow::Say(format!("a column is {}", zoom.words()))
    }

    fn panned(&mut self, command: Command, overview: &Overview) -> Flow {
        let half = u32::from(self.columns.get() / 2).max(1);
        if command == Command::Right {
            if self.back == 0 {
                return Flow::Say("this is the present".to_owned());
            }
            self.back = self.back.saturating_sub(half);
            return Flow::Stay;
        }
        let oldest = overview.series.iter().filter_map(|series| series.marks.first()).map(|mark| mark.at).min();
        if oldest.is_none_or(|oldest| oldest >= self.axis(overview).start) {
            return Flow::Say("nothing older is known".to_owned());
        }
        self.back = self.back.saturating_add(half);
        Flow::Stay
    }

    fn seek(&mut self, command: Command, rows: &[&Series]) -> Flow {
        let at = self.row(rows);
        let worth = |row: &usize| rows.get(*row).is_some_and(|series| series.gravest().is_some());
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

/// Whether a series has a word: anywhere, or, behind `db:`, `target:` or `says:`, there.
fn matches(series: &Series, word: &str) -> bool {
    let (word, wanted) = match word.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (rest, false),
        _ => (word, true),
    };
    let found = match word.split_once(':') {
        Some(("db", rest)) => series.name.to_lowercase().contains(rest),
        Some(("target", rest)) => series.targets.to_lowercase().contains(rest),
        Some(("says", rest)) => series.judgements.iter().any(|judged| {
            judged.stands() && (judged.what.code().contains(rest) || judged.severity.word().contains(rest))
        }),
        _ => series.haystack.contains(word),
    };
    found == wanted
}

/// Words that the status line offers while the filter is typed.
pub const TOKENS: &str = "words, or db: target: says:late|missing|failed|shrunk|critical";

impl Pane for History {
    fn context(&self) -> Context {
        Context::History
    }

    fn crumb(&self) -> String {
        "History".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let read = world.past.overview.as_ref().map(|_| ()).ok_or_else(|| Reason::plain("the history is being read"));
        let some = self.current(world).map(|_| ()).ok_or_else(|| Reason::plain("no series is under the cursor"));
        vec![
            (Command::Open, some),
            (Command::ZoomIn, read.clone()),
            (Command::ZoomOut, read),
        ]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        match command {
            Command::Refresh => return Flow::Do(vec![Effect::Past(PastAsk::Overview)]),
            Command::Checks => {
                return Flow::OpenAnd(Box::new(Checks::default()), vec![Effect::Past(PastAsk::Check)]);
            }
            _ => {}
        }
        let Some(overview) = &world.past.overview else { return Flow::Pass };
        let rows = self.rows(overview);
        if let Some(row) = moved(command, self.row(&rows), rows.len(), self.window.get().1) {
            self.chosen = rows.get(row).map(|series| series.key.clone());
            return Flow::Stay;
        }
        match command {
            Command::Left | Command::Right => self.panned(command, overview),
            Command::ZoomIn => self.zoomed(self.zoom.nearer(), overview),
            Command::ZoomOut => self.zoomed(self.zoom.farther(), overview),
            Command::Next | Command::Previous => self.seek(command, &rows),
            Command::Filter => Flow::Open(Box::new(Filter::new(&self.filter))),
            Command::Sort => {
                self.order = self.order.next();
                Flow::Say(format!("sorted {}", self.order.words()))
            }
            Command::Open => match rows.get(self.row(&rows)) {
                Some(series) => {
                    let ask = PastAsk::Runs { series: series.key.clone(), after: None, limit: PAGE };
                    Flow::OpenAnd(Box::new(Runs::new(series)), vec![Effect::Past(ask)])
                }
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
        Some(TOKENS)
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

/// How long ago, against the time at which the history was read: time alone draws nothing anew.
pub fn ago(at: Moment, now: Moment) -> String {
    crate::model::units::short_span(at.age_at(now))
}
