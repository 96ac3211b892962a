//! The past of one series: charts of size and duration, and every attempt.

use std::cell::Cell;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::backup::{Backup, BackupId};
use crate::model::run::RunId;
use crate::model::trust::Rung;
use crate::model::units::{ByteSize, Moment, long_span};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::detail::Detail;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::marks;
use crate::tui::screens::history::window::Window;
use crate::tui::screens::{backups, moved};
use crate::tui::theme::Role;
use crate::tui::widgets::chart::chart;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;
use crate::work::history::strip::strip;
use crate::work::history::{Certainty, Point, SeriesKey, SeriesPast};

/// Columns at the left of charts, for their scale.
const SCALE: u16 = 9;

/// The past of one series.
pub struct Past {
    key: SeriesKey,
    label: String,
    window: Window,
    /// The cursor is an attempt, not a row: by its run and its backup.
    chosen: Option<(Option<RunId>, Option<BackupId>)>,
    shown: Cell<(usize, usize)>,
    columns: Cell<u16>,
}

const COLUMNS: [Column; 6] = [
    Column { title: "BEGAN UTC", least: 16, most: 16, side: Side::Left, rank: 0 },
    Column { title: "RESULT", least: 6, most: 16, side: Side::Left, rank: 1 },
    Column { title: "TOOK", least: 7, most: 7, side: Side::Right, rank: 2 },
    Column { title: "SIZE", least: 5, most: 5, side: Side::Right, rank: 2 },
    Column { title: "TRUST", least: 8, most: 10, side: Side::Left, rank: 1 },
    Column { title: "KNOWN FROM", least: 14, most: 40, side: Side::Left, rank: 4 },
];

impl Past {
    /// Of this series, with the time that the strips show.
    pub fn new(series: &SeriesPast, window: Window) -> Self {
        Self {
            key: series.key.clone(),
            label: series.label.clone(),
            window,
            chosen: None,
            shown: Cell::new((0, 0)),
            columns: Cell::new(0),
        }
    }

    fn series<'a>(&self, world: &'a World) -> Option<&'a Arc<SeriesPast>> {
        world.past.series().iter().find(|series| series.key == self.key)
    }

    /// The row under the cursor, counted from the newest.
    fn row(&self, series: &SeriesPast) -> usize {
        let Some((run, backup)) = &self.chosen else { return 0 };
        let here = |point: &Point| point.run == *run && point.backup == *backup;
        series.points.iter().rev().position(here).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a Point> {
        let series = self.series(world)?;
        series.points.iter().nth_back(self.row(series))
    }

    fn choose(&mut self, series: &SeriesPast, row: usize) -> Flow {
        self.chosen = series.points.iter().nth_back(row).map(|point| (point.run.clone(), point.backup.clone()));
        Flow::Stay
    }

    fn backup<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        world.backup(self.current(world)?.backup.as_ref()?)
    }

    fn pan(&mut self, command: Command, world: &World) -> Flow {
        let step = i64::from(self.columns.get() / 4).max(1);
        self.window = self.window.panned(if command == Command::Left { step } else { -step }, world.now);
        Flow::Stay
    }
}

impl Pane for Past {
    fn context(&self) -> Context {
        Context::Past
    }

    fn crumb(&self) -> String {
        self.label.clone()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let backup = self.backup(world);
        let gone = || Reason::plain("no backup of this run is listed");
        let run = self.current(world).is_some_and(|point| point.run.is_some());
        let no_run = Reason::cured_by("no run was told of: this shows the backup", Command::OpenBackup);
        let mut offers = vec![
            (Command::Open, if run { Ok(()) } else { Err(no_run) }),
            (Command::OpenBackup, backup.map(|_| ()).ok_or_else(gone)),
            (Command::ZoomIn, Ok(())),
            (Command::ZoomOut, Ok(())),
        ];
        let of_backup = backups::offers(backup, world).into_iter();
        let both = |(command, _): &Offer| matches!(command, Command::Verify | Command::Restore);
        offers.extend(of_backup.filter(both).map(|(command, may)| {
            (command, if backup.is_some() { may } else { Err(gone()) })
        }));
        offers
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let Some(series) = self.series(world) else { return Flow::Pass };
        if let Some(row) = moved(command, self.row(series), series.points.len(), self.shown.get().1) {
            return self.choose(series, row);
        }
        match (command, self.backup(world)) {
            (Command::Left | Command::Right, _) => self.pan(command, world),
            (Command::ZoomIn | Command::ZoomOut, _) => {
                self.window = self.window.zoomed(if command == Command::ZoomIn { -1 } else { 1 });
                Flow::Say(self.window.zoom.words().to_owned())
            }
            (Command::Open, _) => match self.current(world).and_then(|point| point.run.clone()) {
                Some(run) => Flow::Do(vec![Effect::OpenRun(run)]),
                None => Flow::Pass,
            },
            (Command::OpenBackup, Some(backup)) => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
            (Command::Verify, Some(backup)) => Flow::Do(vec![Effect::Verify(backup.id.clone(), Rung::Whole)]),
            (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --runs --series '{}'", self.key.to_string().replace('\'', "'\\''")))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open => Some("spans"),
            Command::Left => Some("earlier"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::OpenBackup,
            Command::Verify,
            Command::Restore,
            Command::Back,
            Command::ZoomOut,
            Command::ZoomIn,
            Command::Left,
            Command::Copy,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let Some(series) = self.series(world) else {
            canvas.text(indent(row(area, 1), 3), Role::Text, "This series is no longer known.");
            return;
        };
        let tall = if area.height < 16 { 1 } else { 3 };
        self.charts(series, world, tall, Rect { height: 2 * tall + 2, ..area }, canvas);
        let list = below(area, 2 * tall + 2);
        let layout = Layout::fit(&COLUMNS, list.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(list, 0), 3), canvas);
        let rows = below(list, 1);
        let cursor = self.row(series);
        let top = scrolled(self.shown.get().0, cursor, usize::from(rows.height));
        self.shown.set((top, usize::from(rows.height)));
        for ((at, point), line) in series.points.iter().rev().enumerate().skip(top).zip(rows.rows()) {
            layout.row(&COLUMNS, &cells(series, point), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(indent(line, 1), Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
    }
}

impl Past {
    fn charts(&self, series: &SeriesPast, world: &World, tall: u16, area: Rect, canvas: &mut Canvas<'_>) {
        let place = indent(area, SCALE + 3);
        let width = place.width.saturating_sub(2);
        self.columns.set(width);
        let from = self.window.from(width, world.now);
        let step = self.window.zoom.millis();
        let bins: Vec<&[Point]> = (0..i64::from(width))
            .map(|nth| Moment(from.0.saturating_add(step.saturating_mul(nth))))
            .map(|at| series.within(at, Moment(at.0.saturating_add(step))))
            .collect();
        let most = |value: &dyn Fn(&Point) -> Option<u64>| -> Vec<Option<u64>> {
            bins.iter().map(|bin| bin.iter().filter_map(value).max()).collect()
        };
        let sizes = most(&|point| point.bytes);
        let times = most(&|point| point.took.map(|took| took.max(0).unsigned_abs()));
        let size = |bytes: u64| ByteSize(bytes).to_string();
        let time = |millis: u64| long_span(std::time::Duration::from_millis(millis));
        let largest = |values: &[Option<u64>], words: &dyn Fn(u64) -> String| {
            values.iter().flatten().max().map_or_else(|| "-".to_owned(), |most| words(*most))
        };
        for (nth, (label, values, scale)) in
            [("size", &sizes, largest(&sizes, &size)), ("took", &times, largest(&times, &time))].into_iter().enumerate()
        {
            let top = nth as u16 * tall;
            let bars = Rect { width, height: tall, ..below(place, top) };
            canvas.spans(indent(row(area, top), 3), &[span(Role::Head, label), span(Role::Dim, format!(" {scale}"))]);
            chart(values, bars, Role::Text, canvas);
        }
        let marks = strip(series, self.window.zoom, from, usize::from(width), world.now);
        canvas.spans(row(below(place, 2 * tall), 0), &marks::drawn(&marks));
        let ticks = self.window.ticks(width, world.now);
        canvas.text(row(below(place, 2 * tall + 1), 0), Role::Head, &ticks);
    }
}

fn cells(series: &SeriesPast, point: &Point) -> [Line; 6] {
    let text = |text: String| vec![span(Role::Text, text)];
    let took = point.took.map(|took| long_span(std::time::Duration::from_millis(took.max(0).unsigned_abs())));
    let about = series.judgements.iter().find(|judged| judged.is_of_one() && judged.since == point.at);
    let mut result = vec![marks::outcome(point)];
    if let Some(judged) = about.filter(|_| result[0].text == "ok") {
        result = vec![span(Role::Warn, judged.short())];
    }
    [
        text(point.at.minute()),
        result,
        text(took.unwrap_or_default()),
        text(point.bytes.map_or_else(String::new, |bytes| ByteSize(bytes).to_string())),
        vec![marks::kept(point.kept)],
        vec![span(Role::Dim, known_from(point))],
    ]
}

fn known_from(point: &Point) -> String {
    match (&point.run, &point.backup, point.certainty) {
        (Some(_), Some(_), Some(Certainty::Exact)) => "run and backup".to_owned(),
        (Some(_), Some(_), Some(certainty)) => format!("run and backup, {}", certainty.word()),
        (Some(_), Some(_), None) => "run and backup".to_owned(),
        (Some(_), None, _) => "its run alone".to_owned(),
        (None, _, _) => "the backup alone".to_owned(),
    }
}
