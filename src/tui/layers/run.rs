//! One run: what it left, and its spans as a waterfall with attributes and errors.

use std::cell::Cell;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::backup::Backup;
use crate::model::run::{RunId, RunState, Span as Part, SpanStatus};
use crate::model::trust::Weight;
use crate::model::units::{ByteSize, Moment, counted, grouped};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::runs::{act_on, offers_of};
use crate::tui::layers::span_sheet::{SpanSheet, part_lines};
use crate::tui::past::{Left, OneRun};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::history::draw::took;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::scrolled;
use crate::tui::widgets::waterfall::{Node, bar, extent, tree};
use crate::tui::world::World;

/// One run.
pub struct OneRunLayer {
    id: RunId,
    /// The item under the cursor: objects that it left, then spans.
    at: usize,
    window: Cell<(usize, usize)>,
}

/// What the cursor can stand on.
enum Item<'a> {
    Left(&'a Left),
    Part(Node, &'a Part),
}

fn items(run: &OneRun) -> Vec<Item<'_>> {
    let left = run.objects.iter().map(Item::Left);
    let parts = tree(&run.spans).into_iter().map(|node| Item::Part(node, &run.spans[node.at]));
    left.chain(parts).collect()
}

impl OneRunLayer {
    /// About this one.
    pub fn new(id: RunId) -> Self {
        Self { id, at: 0, window: Cell::new((0, 0)) }
    }

    fn known<'a>(&self, world: &'a World) -> Option<&'a Arc<OneRun>> {
        world.past.run.as_ref().filter(|known| known.run.id == self.id)
    }

    /// The listed backup that is meant: the one under the cursor, else the first one.
    fn backup<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        let run = self.known(world)?;
        let here = run.objects.get(self.at).and_then(|left| left.backup.as_ref());
        let (id, _) = here.or_else(|| run.objects.iter().find_map(|left| left.backup.as_ref()))?;
        world.backup(id)
    }
}

impl Pane for OneRunLayer {
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
        let worth = |at: &usize| matches!(items.get(*at), Some(Item::Part(_, part)) if is_bad(part));
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
                Some(Item::Part(node, _)) => Flow::Open(Box::new(SpanSheet::new(self.id.clone(), node.at))),
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
        if items.is_empty() {
            canvas.text(indent(row(list, 0), 3), Role::Dim, "It is known from a feed that tells no spans.");
        }
        let all = extent(&run.spans);
        for ((nth, item), place) in items.iter().enumerate().skip(top).zip(list.rows()) {
            match item {
                Item::Left(left) => self::left(left, world, indent(place, 1), canvas),
                Item::Part(node, part) => waterfall(*node, part, all, indent(place, 1), canvas),
            }
            if nth == cursor {
                canvas.text(place, Role::Text, ">");
                let name = Rect { width: place.width.min(NAME + 11), ..place };
                canvas.paint(name, Role::Selection);
            }
            canvas.clickable(place, Hit::Line(nth));
        }
        let place = below(area, area.height.saturating_sub(panel));
        canvas.rule(row(place, 0));
        let inner = indent(below(place, 1), 3);
        for (line, at) in about(items.get(cursor), usize::from(inner.width.saturating_sub(1))).iter().zip(inner.rows()) {
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
fn head(run: &OneRun, area: Rect) -> Vec<Line> {
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
        let host = it.source.host.as_ref().or(it.source.server.as_ref()).map_or(String::new(), |host| format!(" on {host}"));
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
fn left(left: &Left, world: &World, area: Rect, canvas: &mut Canvas<'_>) {
    let (trust, sure) = match &left.backup {
        Some((id, certainty)) => match world.backup(id) {
            Some(backup) => (detail::trust(backup, canvas.glyphs, 24), *certainty),
            None => (vec![span(Role::Warn, "no longer listed")], ""),
        },
        None => match left.state {
            Some(RunState::Failed) => (vec![span(Role::Danger, "failed")], ""),
            _ => (vec![span(Role::Dim, "not listed")], ""),
        },
    };
    let sure = if sure.is_empty() || sure == "exact" { String::new() } else { format!(", {sure}") };
    let used: usize = trust.iter().map(|part| part.text.chars().count()).sum::<usize>() + sure.len() + 1;
    let name = Rect { width: area.width.saturating_sub(used as u16 + 2), ..area };
    let taken = canvas.spans(name, &[span(Role::Head, " left  "), span(Role::Text, left.words.clone())]);
    let mut line = trust;
    line.push(span(Role::Dim, sure));
    canvas.spans(indent(area, taken + 2), &line);
}

fn waterfall(node: Node, part: &Part, all: Option<(u64, u64)>, area: Rect, canvas: &mut Canvas<'_>) {
    let bad = is_bad(part);
    let sign = if bad { span(Role::Danger, "x") } else { span(Role::Text, " ") };
    let deep = " ".repeat(2 * node.depth.min(6));
    let role = if bad { Role::Danger } else { Role::Text };
    let name = Rect { width: NAME.min(area.width), ..area };
    canvas.spans(name, &[sign, span(role, format!("{deep} {}", part.name))]);
    let time = part.took().map_or("?".to_owned(), |time| brief(time));
    canvas.text(indent(area, NAME + 1), Role::Text, &format!("{time:>8}"));
    let place = indent(area, NAME + 11);
    let width = usize::from(place.width.saturating_sub(1));
    let Some(all) = all else { return };
    canvas.text(place, if bad { Role::Danger } else { Role::Gauge }, &bar(canvas.glyphs, part, all, width));
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
            let state = left.state.map_or(String::new(), |state| format!("; writing it: {}", state.word()));
            let sure = match &left.backup {
                Some((id, certainty)) => format!("is backup {id} ({certainty}): b opens it in Backups"),
                None => "no target lists it".to_owned(),
            };
            let parts = wrap(&format!("{}{state}", left.words), width).into_iter().chain(wrap(&sure, width));
            parts.map(|part| vec![span(Role::Text, part)]).collect()
        }
        Some(Item::Part(_, part)) => part_lines(part, width).split_off(1),
    }
}

/// When something in a span happened.
pub fn at_ns(nanos: u64) -> String {
    Moment(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)).second()
}
