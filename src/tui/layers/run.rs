//! One run: what it left, and its spans as a waterfall with attributes and errors.

use std::cell::Cell;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::backup::{Backup, BackupId};
use crate::model::join::Certainty;
use crate::model::run::{ObjectRef, RunId, RunState, Span as Part, SpanStatus};
use crate::model::trust::Weight;
use crate::model::units::{ByteSize, Moment, counted, grouped};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::runs::{act_on, offers_of};
use crate::tui::layers::span_sheet::{SpanSheet, part_facts};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::draw::took;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::scrolled;
use crate::tui::widgets::waterfall::bar;
use crate::tui::world::World;
use crate::work::history::RunDetail;
use crate::work::history::waterfall::{Waterfall, no_spans};

/// One run.
pub struct OneRun {
    id: RunId,
    /// The item under the cursor: objects that it left, then spans.
    at: usize,
    window: Cell<(usize, usize)>,
}

/// What the cursor can stand on.
enum Item<'a> {
    Left(Left<'a>),
    /// A span, how deep it stands, and which one it is.
    Part(&'a Part, u16, usize),
}

/// An object that a run left, or tried to.
#[derive(Clone, Copy)]
enum Left<'a> {
    /// It is listed.
    Listed(&'a Arc<Backup>, Certainty),
    /// The tool tells of it, and no target lists it.
    Told(&'a ObjectRef),
}

impl Left<'_> {
    fn words(&self) -> String {
        match self {
            Self::Listed(backup, _) => format!("{} on {}", backup.key, backup.target),
            Self::Told(told) => {
                let name = told.name.as_ref().map_or("something without a name".to_owned(), ToString::to_string);
                told.target.as_ref().map_or(name.clone(), |target| format!("{name} on {target}"))
            }
        }
    }
}

/// What a run left, each thing once: what is listed, then what the tool tells of beside it.
fn objects(detail: &RunDetail) -> Vec<Left<'_>> {
    let mut all: Vec<Left<'_>> =
        detail.left.iter().map(|(joint, backup)| Left::Listed(backup, joint.certainty)).collect();
    let base = |name: &[u8]| name.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
    let mut listed: Vec<Vec<u8>> = detail.left.iter().map(|(_, backup)| base(backup.key.raw_bytes())).collect();
    for told in &detail.run.objects {
        let same = |known: &Vec<u8>| told.name.as_ref().is_none_or(|name| base(name.raw_bytes()) == *known);
        let found = listed.iter().position(same).filter(|_| told.state != Some(RunState::Failed));
        match found {
            Some(at) => drop(listed.swap_remove(at)),
            None => all.push(Left::Told(told)),
        }
    }
    all
}

fn items(detail: &RunDetail) -> Vec<Item<'_>> {
    let parts = detail.fall.rows.iter().enumerate().map(|(nth, row)| Item::Part(&row.span, row.depth, nth));
    objects(detail).into_iter().map(Item::Left).chain(parts).collect()
}

impl OneRun {
    /// About this one.
    pub fn new(id: RunId) -> Self {
        Self { id, at: 0, window: Cell::new((0, 0)) }
    }

    fn known<'a>(&self, world: &'a World) -> Option<&'a Arc<RunDetail>> {
        world.past.run.as_ref().filter(|known| known.run.id == self.id)
    }

    /// The listed backup that is meant: the one under the cursor, else the first one.
    fn meant(&self, world: &World) -> Option<BackupId> {
        let run = self.known(world)?;
        let objects = objects(run);
        let listed = |left: &Left<'_>| match left {
            Left::Listed(backup, _) => Some(backup.id.clone()),
            Left::Told(_) => None,
        };
        match objects.get(self.at) {
            Some(here) => listed(here),
            None => objects.iter().find_map(listed),
        }
    }

    fn backup<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        world.backup(&self.meant(world)?)
    }
}

impl Pane for OneRun {
    fn context(&self) -> Context {
        Context::Run
    }

    fn crumb(&self) -> String {
        "Run".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        offers_of(self.known(world).is_some(), self.backup(world), world)
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let Some(run) = self.known(world) else { return Flow::Pass };
        let items = items(run);
        if let Some(at) = moved(command, self.at, items.len(), self.window.get().1) {
            self.at = at;
            return Flow::Stay;
        }
        let worth = |at: &usize| matches!(items.get(*at), Some(Item::Part(part, ..)) if is_bad(part));
        match command {
            Command::Next | Command::Previous => {
                let found = match command {
                    Command::Next => (self.at + 1..items.len()).find(worth),
                    _ => (0..self.at.min(items.len())).rev().find(worth),
                };
                match found {
                    Some(at) => {
                        self.at = at;
                        Flow::Stay
                    }
                    None => Flow::Say("no more errors that way".to_owned()),
                }
            }
            Command::Open => match items.get(self.at) {
                Some(Item::Left(_)) => match self.backup(world) {
                    Some(_) => act_on(Command::ShowBackup, self.backup(world), world),
                    None => Flow::Say("no target lists it".to_owned()),
                },
                Some(Item::Part(_, _, nth)) => Flow::Open(Box::new(SpanSheet::new(self.id.clone(), *nth))),
                None => Flow::Pass,
            },
            command => act_on(command, self.backup(world), world),
        }
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Line(at) => {
                self.at = *at;
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --run {}", self.id))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("all of it")
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::ShowBackup,
            Command::Verify,
            Command::Restore,
            Command::Back,
            Command::Copy,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let Some(run) = self.known(world) else {
            canvas.text(indent(row(area, 1), 3), Role::Text, "Reading the run...");
            return;
        };
        let head = head(run, area);
        for (line, at) in head.iter().zip(indent(area, 1).rows()) {
            canvas.spans(at, line);
        }
        let panel = match area.height {
            ..16 => 3,
            16..30 => 4, // the cursor moves over a slow line: what changes with it is kept small
            _ => 9,
        };
        let from = (head.len() as u16 + u16::from(area.height >= 16)).min(area.height);
        let rest = below(area, from);
        let list = Rect { height: rest.height.saturating_sub(panel), ..rest };
        let items = items(run);
        let cursor = self.at.min(items.len().saturating_sub(1));
        let top = scrolled(self.window.get().0, cursor, usize::from(list.height));
        self.window.set((top, usize::from(list.height)));
        if run.fall.rows.is_empty() {
            let below = (items.len() - top.min(items.len())) as u16;
            let place = Rect { height: 1, ..row(list, below + u16::from(below > 0)) };
            canvas.text(indent(place, 3), Role::Dim, &format!("no spans: {}", no_spans(run.run.feed)));
        }
        for ((nth, item), place) in items.iter().enumerate().skip(top).zip(list.rows()) {
            match item {
                Item::Left(left) => self::left(*left, world, indent(place, 1), canvas),
                Item::Part(part, depth, _) => waterfall(&run.fall, *depth, part, indent(place, 1), canvas),
            }
            if nth == cursor {
                canvas.text(place, Role::Text, ">");
                // Not all of the row: a move of the cursor stays cheap on a slow line.
                let name = Rect { width: place.width.min(24), ..place };
                canvas.paint(name, Role::Selection);
            }
            canvas.clickable(place, Hit::Line(nth));
        }
        let place = below(area, area.height.saturating_sub(panel));
        canvas.rule(row(place, 0));
        let inner = indent(below(place, 1), 3);
        for (line, at) in about(items.get(cursor), usize::from(inner.width.saturating_sub(1))).iter().zip(inner.rows())
        {
            canvas.spans(at, line);
        }
    }
}

/// Columns of the names of spans.
const NAME: u16 = 30;

fn is_bad(part: &Part) -> bool {
    part.status == SpanStatus::Error || part.events.iter().any(|event| event.name.raw_bytes() == b"exception")
}

/// What the run was, and what is odd about it.
fn head(run: &RunDetail, area: Rect) -> Vec<Line> {
    let width = usize::from(area.width.saturating_sub(3));
    let it = &run.run;
    let (role, word) = match it.state {
        RunState::Ok => (Role::Good, "ok"),
        RunState::Failed => (Role::Danger, "failed"),
        RunState::Unfinished => (Role::Warn, "its end was not seen"),
        RunState::Unknown => (Role::Dim, "ended; nothing tells how"),
    };
    let mut first = vec![span(Role::Title, format!("{} UTC  ", it.at().second())), span(role, word)];
    let mut facts = String::new();
    if let Some(time) = it.took() {
        facts.push_str(&format!("  took {}", took(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))));
    }
    if let Some(bytes) = it.bytes {
        facts.push_str(&format!("  {}", ByteSize(bytes).words()));
    }
    match (&it.databases, it.database_count) {
        (Some(names), _) if !names.is_empty() && names.len() <= 4 => {
            facts.push_str(&format!("  {}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
        }
        (Some(names), _) if names.len() > 4 => facts.push_str(&format!("  {} databases", grouped(names.len() as u64))),
        (_, Some(count)) => facts.push_str(&format!("  {}", counted(count, "database"))),
        _ => {}
    }
    first.push(span(Role::Text, facts));
    let mut lines = vec![first];
    if area.height >= 16 {
        let host =
            it.source.host.as_ref().or(it.source.server.as_ref()).map_or(String::new(), |host| format!(" on {host}"));
        let id = it.run_id.as_ref().map_or(String::new(), |id| format!(", run {id}"));
        let text = format!("{} by {}{host}, told by {}{id}", it.kind.word(), it.tool.word(), it.feed.word());
        lines.push(vec![span(Role::Dim, text)]);
    }
    let most = if area.height >= 16 { 3 } else { 1 };
    let failure = it.failure.iter().map(|failure| {
        let phase = failure.phase.map_or(String::new(), |phase| format!(" in {}", phase.word()));
        (Role::Danger, format!("failed{phase}: {}", failure.text))
    });
    let findings = run.findings.iter().map(|finding| {
        let role = if finding.weight == Weight::Note { Role::Dim } else { Role::Warn };
        (role, finding.text.clone())
    });
    let mut said = vec![];
    for (role, text) in failure.chain(findings) {
        said.extend(wrap(&text, width).into_iter().map(|part| vec![span(role, part)]));
    }
    lines.extend(said.into_iter().take(most));
    lines
}

/// What it left: name, and how far that is to be trusted.
fn left(left: Left<'_>, world: &World, area: Rect, canvas: &mut Canvas<'_>) {
    let trust = match left {
        Left::Listed(backup, certainty) => {
            let mut trust = match world.backup(&backup.id) {
                Some(backup) => detail::proven(backup, canvas.glyphs, 24),
                None => vec![span(Role::Warn, "no longer listed")],
            };
            if certainty != Certainty::Exact {
                trust.push(span(Role::Dim, format!(", {}", certainty.word())));
            }
            trust
        }
        Left::Told(told) if told.state == Some(RunState::Failed) => vec![span(Role::Danger, "failed")],
        Left::Told(_) => vec![span(Role::Dim, "not listed")],
    };
    let used: usize = trust.iter().map(|part| part.text.chars().count()).sum();
    let name = Rect { width: area.width.saturating_sub(used as u16 + 3), ..area };
    let taken = canvas.spans(name, &[span(Role::Head, " left  "), span(Role::Text, left.words())]);
    canvas.spans(indent(area, taken + 2), &trust);
}

fn waterfall(fall: &Waterfall, depth: u16, part: &Part, area: Rect, canvas: &mut Canvas<'_>) {
    let bad = is_bad(part);
    let role = if bad { Role::Danger } else { Role::Text };
    let sign = if bad { "x" } else { " " };
    let deep = " ".repeat(2 * usize::from(depth.min(6)));
    let name = Rect { width: NAME.min(area.width), ..area };
    canvas.spans(name, &[span(role, format!("{sign}{deep} {}", part.name))]);
    let time = part.took().map_or("?".to_owned(), brief);
    canvas.text(indent(area, NAME + 1), Role::Text, &format!("{time:>8}"));
    let place = indent(area, NAME + 11);
    let bar = bar(canvas.glyphs, fall, part, place.width.saturating_sub(1));
    canvas.text(place, if bad { Role::Danger } else { Role::Gauge }, &bar);
}

/// A span's time: milliseconds count where seconds do not.
pub fn brief(time: std::time::Duration) -> String {
    match time.as_millis() {
        0 => format!("{}us", time.as_micros()),
        1..1000 => format!("{}ms", time.as_millis()),
        1000..60_000 => format!("{:.1}s", time.as_secs_f64()),
        _ => took(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// Everything about what the cursor stands on.
fn about(item: Option<&Item<'_>>, width: usize) -> Vec<Line> {
    match item {
        None => vec![],
        Some(Item::Left(left)) => {
            let mut texts = vec![left.words()];
            match left {
                Left::Listed(backup, certainty) => {
                    texts.push(format!("backup {}, {} by its telemetry", backup.id, certainty.word()));
                }
                Left::Told(told) => {
                    let state = told.state.map_or("no target lists it", |state| match state {
                        RunState::Failed => "it could not be written",
                        _ => "no target of this estate lists it",
                    });
                    let why = told.error.as_ref().map_or(String::new(), |error| format!(": {error}"));
                    texts.push(format!("{state}{why}"));
                }
            }
            let parts = texts.iter().flat_map(|text| wrap(text, width));
            parts.map(|part| vec![span(Role::Text, part)]).collect()
        }
        Some(Item::Part(part, ..)) => part_facts(part, width),
    }
}

/// When something in a span happened.
pub fn at_ns(nanos: u64) -> String {
    Moment(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)).second()
}
