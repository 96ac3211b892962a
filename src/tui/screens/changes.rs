//! What changed and when: a timeline, walls, and transactions in the order of the log.

mod aside;
mod coverage;
mod empty;
mod list;
mod timeline;

use std::cell::Cell;
use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::model::changes::{Entry, TableRef, TransactionLine};
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::ask::Ask;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::only_tables::OnlyTables;
use crate::tui::layers::paper::Paper;
use crate::tui::layers::row_list::RowList;
use crate::tui::layers::undo::Undo;
use crate::tui::layers::wall::WallFacts;
use crate::tui::log::{Log, Order};
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, LogAct, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// From this width on the detail stands at the right.
const WIDE: u16 = 120;

/// What changed and when.
#[derive(Default)]
pub struct Changes {
    /// The entry's number: a filter or a reload must not slide the cursor onto another one.
    chosen: u64,
    /// Entries chosen to be undone together.
    marked: BTreeMap<u64, TransactionLine>,
    zoom: u8,
    /// Among the estate's sources, while none is open.
    source: usize,
    /// First visible row and how many are visible: they follow the area's height.
    window: Cell<(usize, usize)>,
    /// Steps of zoom that still show more.
    deepest: Cell<u8>,
    /// Whether a source was open when it was drawn last: the footer names what can be done.
    is_open: Cell<bool>,
}

impl Changes {
    /// Where the cursor is in the list.
    pub fn row(&self, log: &Log) -> usize {
        log.row_of(self.chosen)
    }

    fn current<'a>(&self, log: &'a Log) -> Option<&'a Entry> {
        log.at(self.row(log))
    }

    /// Begins anew, for another source.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn walk(&mut self, command: Command, log: &Log) -> Option<Flow> {
        let at = self.row(log);
        let to_end = (command == Command::Last) == (log.order == Order::Oldest);
        let to = moved(command, at, log.held(), self.window.get().1)?;
        if matches!(command, Command::First | Command::Last) {
            self.chosen = if to_end { u64::MAX } else { 0 };
            return Some(Flow::Log(if to_end { LogAct::End } else { LogAct::Jump(0, String::new()) }));
        }
        if let Some(entry) = log.at(to) {
            self.chosen = entry.number();
        }
        Some(Flow::Stay)
    }

    /// The next wall or burst.
    fn seek(&mut self, command: Command, log: &Log) -> Flow {
        let here = self.current(log).map_or(0, Entry::number);
        let forward = (command == Command::Next) == (log.order == Order::Oldest);
        let passes = |table: &TableRef| {
            let tables = &log.typed.filter.tables;
            tables.is_empty() || tables.iter().any(|one| one.table == table.table)
        };
        let bursts = log.view.bursts.iter().filter(|burst| passes(&burst.table));
        let bursts = bursts.map(|burst| (burst.entry, burst.words.clone()));
        let walls = log.view.walls.iter().filter(|wall| wall.tables.is_empty() || wall.tables.iter().any(passes));
        let walls = walls.map(|wall| (wall.entry, format!("wall: {}", wall.statement)));
        let all = bursts.chain(walls);
        let found = if forward {
            all.filter(|(entry, _)| *entry > here).min_by_key(|(entry, _)| *entry)
        } else {
            all.filter(|(entry, _)| *entry < here).max_by_key(|(entry, _)| *entry)
        };
        match found {
            Some((entry, words)) => {
                self.chosen = entry;
                Flow::Log(LogAct::Jump(entry, words))
            }
            None => Flow::Say("no more bursts or walls that way".to_owned()),
        }
    }

    fn mark(&mut self, log: &Log) -> Flow {
        let at = self.row(log);
        let Some(Entry::Transaction(line)) = log.at(at) else {
            return Flow::Say("a wall cannot be marked: only transactions are undone".to_owned());
        };
        if self.marked.remove(&line.number).is_none() {
            self.marked.insert(line.number, line.clone());
        }
        if let Some(entry) = log.at(at + 1) {
            self.chosen = entry.number();
        }
        Flow::Say(format!("{} marked", self.marked.len()))
    }

    fn open(&self, log: &Log) -> Flow {
        match self.current(log) {
            Some(Entry::Transaction(line)) => Flow::Open(Box::new(RowList::of(log, line))),
            Some(Entry::Wall(wall)) => Flow::Open(Box::new(WallFacts::new(log, wall))),
            None => Flow::Stay,
        }
    }

    fn zoom(&mut self, command: Command) -> Flow {
        let deepest = self.deepest.get();
        match command {
            Command::ZoomIn if self.zoom >= deepest => {
                return Flow::Say("the log tells no shorter times than these".to_owned());
            }
            Command::ZoomIn => self.zoom += 1,
            _ if self.zoom == 0 => return Flow::Say("the timeline shows everything that was read".to_owned()),
            _ => self.zoom = self.zoom.min(deepest) - 1,
        }
        Flow::Stay
    }

    /// Commands while no source is open.
    fn choose_source(&mut self, command: Command, world: &World) -> Flow {
        if let Some(at) = moved(command, self.source, world.sources.len(), world.sources.len()) {
            self.source = at;
            return Flow::Stay;
        }
        match (command, world.sources.get(self.source)) {
            (Command::Open, Some(source)) => Flow::Do(vec![Effect::open_changes(&source.name)]),
            (Command::OpenSource | Command::Open, _) => Flow::Open(Box::new(Ask::source(world))),
            _ => Flow::Pass,
        }
    }

    fn reasons(&self, log: &Log, command: Command) -> Result<(), Reason> {
        let current = self.current(log);
        match command {
            Command::Undo if log.is_reading() => {
                Err(Reason::cured_by("the log is still being read: wait, or stop it", Command::Cancel))
            }
            Command::Undo if self.marked.is_empty() && current.is_none() => {
                Err(Reason::plain("there is nothing to undo here"))
            }
            Command::Wall => match current {
                Some(Entry::Wall(_)) => Ok(()),
                _ if log.view.walls.is_empty() => {
                    Err(Reason::plain("no definition changes in this log: there is no wall"))
                }
                _ => Err(Reason::cured_by("no wall is under the cursor; the next one", Command::Next)),
            },
            Command::Cancel if !log.is_reading() => Err(Reason::plain("nothing is being read")),
            Command::Follow if log.view.tables.is_empty() => Err(Reason::plain("no row was changed in this log")),
            Command::OnlyTables if log.view.tables.is_empty() => Err(Reason::plain("no table was changed in this log")),
            _ => Ok(()),
        }
    }
}

/// Commands of this screen that need an open source.
const OF_LOG: [Command; 9] = [
    Command::Undo,
    Command::OnlyTables,
    Command::Follow,
    Command::Wall,
    Command::ZoomIn,
    Command::ZoomOut,
    Command::Columns,
    Command::Coverage,
    Command::Cancel,
];

impl Pane for Changes {
    fn context(&self) -> Context {
        Context::Changes
    }

    fn crumb(&self) -> String {
        "Changes".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let closed = || Reason::cured_by("no change source is open", Command::OpenSource);
        let state = |command| match &world.changes {
            None => Err(closed()),
            Some(log) => self.reasons(log, command),
        };
        OF_LOG.into_iter().map(|command| (command, state(command))).collect()
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let Some(log) = &world.changes else { return self.choose_source(command, world) };
        if let Some(flow) = self.walk(command, log) {
            return flow;
        }
        match command {
            Command::Next | Command::Previous => self.seek(command, log),
            Command::Mark => self.mark(log),
            Command::Sort => Flow::Log(LogAct::Turn),
            Command::Filter => Flow::Open(Box::new(Filter::on_enter(&log.typed.text))),
            Command::Open => self.open(log),
            Command::Wall => self.open(log),
            Command::OpenSource => Flow::Open(Box::new(Ask::source(world))),
            Command::Columns => Flow::Open(Box::new(Ask::columns(log))),
            Command::Follow => Flow::Open(Box::new(Ask::row(log, self.current(log)))),
            Command::OnlyTables => Flow::Open(Box::new(OnlyTables::of(log))),
            Command::Undo => Flow::Open(Box::new(Undo::new(log, self.current(log), &self.marked))),
            Command::ZoomIn | Command::ZoomOut => self.zoom(command),
            Command::Coverage => {
                let twin = format!("breakglass changes {} --summary", log.source_words());
                Flow::Open(Box::new(Paper::new("Coverage", coverage::paragraphs(log), Some(twin))))
            }
            Command::Cancel => Flow::Do(log.job.map(Effect::Cancel).into_iter().collect()),
            _ => Flow::Pass,
        }
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Entry(entry) => {
                self.chosen = *entry;
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        let log = world.changes.as_ref()?;
        Some(format!("breakglass changes {} --transactions{}", log.source_words(), log.typed.words()))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open && self.is_open.get()).then_some("rows")
    }

    fn hints(&self) -> &'static [Command] {
        if !self.is_open.get() {
            return &[
                Command::Open,
                Command::OpenSource,
                Command::GoBackups,
                Command::Palette,
                Command::Help,
                Command::Quit,
            ];
        }
        &[
            Command::Open,
            Command::Undo,
            Command::OpenSource,
            Command::OnlyTables,
            Command::Follow,
            Command::Wall,
            Command::Filter,
            Command::Palette,
            Command::Help,
            Command::Coverage,
            Command::Mark,
            Command::Copy,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.is_open.set(scene.world.changes.is_some());
        let Some(log) = &scene.world.changes else {
            return empty::no_source(scene, self.source, area, canvas);
        };
        top_line(log, scene, row(area, 0), canvas);
        if empty::nothing(log, scene, below(area, 1), canvas) {
            return;
        }
        let here = self.current(log).map(Entry::at);
        let used = timeline::view(log, (here, self.zoom), scene, below(area, 1), canvas);
        self.deepest.set(timeline::deepest(log, area.width));
        let list = below(area, 1 + used);
        let list = if area.width >= WIDE {
            let width = area.width * 60 / 100;
            let pane = indent(list, width);
            canvas.bar(pane);
            aside::view(log, self.current(log), scene, indent(pane, 2), canvas);
            Rect { width, ..list }
        } else {
            list
        };
        let wall_key = scene.key(Context::Changes, Command::Wall);
        let rows = list::Rows { log, cursor: self.row(log), marked: &self.marked, window: &self.window, wall_key };
        list::view(&rows, list, canvas);
    }
}

/// The source or the filter at the left, what is covered at the right.
fn top_line(log: &Log, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let right = coverage::line(log, area.width);
    let used: usize = right.iter().map(|part| unicode_width::UnicodeWidthStr::width(part.text.as_str())).sum();
    let start = usize::from(area.width).saturating_sub(used + 1).max(usize::from(area.width) / 3) as u16;
    let right_area = indent(area, start);
    let left = Rect { width: start.saturating_sub(3), ..indent(area, 1) };
    if let Some((text, column)) = scene.typing {
        canvas.spans(left, &[span(Role::Key, "/ "), span(Role::Input, text)]);
        let x = (left.x + 2 + column as u16).min(left.right().saturating_sub(1));
        canvas.cursor = Some(ratatui::layout::Position { x, y: left.y });
    } else {
        canvas.spans(left, &source(log));
    }
    canvas.spans(right_area, &right);
}

/// The end of a long path or URL.
fn short(source: &str) -> String {
    let last = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
    if source.len() > 24 && last.len() < source.len() { format!("../{last}") } else { source.to_owned() }
}

/// `  37 of 1,284`: how many entries pass the filter, as far as that is known.
fn passing(log: &Log) -> String {
    let all = grouped(log.view.entries);
    match (log.is_waiting(), log.goes_on()) {
        (true, _) => String::new(),
        (false, (false, false)) => format!("  {} of {all}", grouped(log.held() as u64)),
        (false, _) => format!("  {} or more of {all}", grouped(log.held() as u64)),
    }
}

fn source(log: &Log) -> Line {
    if !log.typed.text.is_empty() {
        let text = crate::model::foreign::escape(&log.typed.text);
        return vec![span(Role::Dim, "/ "), span(Role::Text, text), span(Role::Dim, passing(log))];
    }
    let mut line = vec![span(Role::Title, short(&crate::model::foreign::escape(&log.request.source)))];
    let files = &log.view.files;
    if let (Some(first), Some(last)) = (files.first(), files.last()) {
        let names = if files.len() == 1 {
            first.name.to_string()
        } else {
            let last = last.name.to_string();
            let ending = last.rsplit_once('.').map_or(last.as_str(), |(_, number)| number).to_owned();
            format!("{}..{ending} ({})", first.name, grouped(files.len() as u64))
        };
        line.push(span(Role::Text, format!("  {names}")));
    }
    line
}
