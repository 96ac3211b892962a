//! One run: what it was, its spans as a waterfall, and what it left.

use std::cell::Cell;
use std::sync::Arc;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::backup::{Backup, BackupId};
use crate::model::run::{RunState, Span as RunSpan, SpanStatus};
use crate::model::trust::Rung;
use crate::model::units::{ByteSize, long_span};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::detail;
use crate::tui::glyphs::Glyphs;
use crate::tui::keymap::Context;
use crate::tui::layers::detail::Detail;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::{backups, moved};
use crate::tui::theme::Role;
use crate::tui::widgets::table::scrolled;
use crate::tui::world::World;
use crate::work::history::RunDetail;

/// One run.
pub struct OneRun {
    detail: Arc<RunDetail>,
    /// The span under the cursor.
    at: usize,
    shown: Cell<(usize, usize)>,
}

impl OneRun {
    /// About this one.
    pub fn new(detail: Arc<RunDetail>) -> Self {
        Self { detail, at: 0, shown: Cell::new((0, 0)) }
    }

    /// The backup that it left, as the catalog has it now.
    fn backup<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        world.backup(self.left()?)
    }

    fn left(&self) -> Option<&BackupId> {
        self.detail.left.first().map(|(joint, _)| &joint.backup)
    }
}

impl Pane for OneRun {
    fn context(&self) -> Context {
        Context::Run
    }

    fn crumb(&self) -> String {
        format!("Run {}", self.detail.run.at().minute())
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let backup = self.backup(world);
        let gone = || Reason::plain("nothing that it left is listed");
        let of_backup = backups::offers(backup, world).into_iter();
        let mut offers: Vec<Offer> = of_backup
            .filter(|(command, _)| matches!(command, Command::Verify | Command::Restore))
            .map(|(command, may)| (command, if backup.is_some() { may } else { Err(gone()) }))
            .collect();
        offers.push((Command::OpenBackup, backup.map(|_| ()).ok_or_else(gone)));
        offers
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(at) = moved(command, self.at, self.detail.fall.rows.len(), self.shown.get().1) {
            self.at = at;
            return Flow::Stay;
        }
        match (command, self.backup(world)) {
            (Command::OpenBackup | Command::Open, Some(backup)) => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
            (Command::Verify, Some(backup)) => Flow::Do(vec![Effect::Verify(backup.id.clone(), Rung::Whole)]),
            (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --run {}", self.detail.run.id))
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("backup")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::OpenBackup, Command::Verify, Command::Restore, Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 2);
        let width = usize::from(inner.width.saturating_sub(2));
        let most = usize::from(area.height / 3).max(3);
        let facts = self.facts(scene.world, width, canvas.glyphs);
        let facts = &facts[..facts.len().min(most)];
        for (line, at) in facts.iter().zip(inner.rows()) {
            canvas.spans(at, line);
        }
        let rest = below(area, facts.len() as u16);
        canvas.rule(row(rest, 0));
        let about = (rest.height / 3).max(3);
        let fall = Rect { height: rest.height.saturating_sub(about + 1), ..below(rest, 1) };
        self.waterfall(fall, canvas);
        let place = below(rest, rest.height - about);
        canvas.rule(row(place, 0));
        if let Some(row) = self.detail.fall.rows.get(self.at) {
            let inner = indent(below(place, 1), 2);
            for (line, at) in attributes(&row.span, width).iter().zip(inner.rows()) {
                canvas.spans(at, line);
            }
        }
    }
}

impl OneRun {
    fn facts(&self, world: &World, width: usize, glyphs: &Glyphs) -> Vec<Line> {
        let run = &self.detail.run;
        let took = run.took().map_or_else(String::new, |took| format!(", {}", long_span(took)));
        let bytes = run.bytes.map_or_else(String::new, |bytes| format!(", {}", ByteSize(bytes).words()));
        let (role, word) = (state_role(run.state), run.state.word());
        let mut lines = vec![vec![
            span(Role::Title, format!("{} by {}  ", run.kind.word(), run.tool.word())),
            span(Role::Text, format!("{} UTC{took}{bytes}  ", run.at().second())),
            span(role, word),
            span(Role::Dim, format!("  told by {}", run.feed.word())),
        ]];
        let mut say = |role: Role, text: &str| lines.extend(wrap(text, width).into_iter().map(|part| vec![span(role, part)]));
        if let Some(failure) = &run.failure {
            let phase = failure.phase.map_or_else(String::new, |phase| format!("{}: ", phase.word()));
            say(Role::Danger, &format!("{phase}{}", failure.text));
        }
        for (joint, listed) in &self.detail.left {
            let now = world.backup(&joint.backup).unwrap_or(listed);
            let trust: String = detail::trust(now, glyphs, 40).into_iter().map(|part| part.text).collect();
            say(Role::Text, &format!("left {}, {trust} ({})", now.label(), joint.certainty.word()));
        }
        self.detail.findings.iter().for_each(|finding| say(Role::Warn, &finding.text));
        let databases = run.databases.iter().flatten().take(12).map(ToString::to_string).collect::<Vec<_>>();
        if !databases.is_empty() {
            say(Role::Dim, &format!("inside {}", databases.join(" ")));
        }
        lines
    }

    fn waterfall(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let fall = &self.detail.fall;
        if fall.rows.is_empty() {
            canvas.text(indent(row(area, 0), 2), Role::Dim, "This feed tells of no spans.");
            return;
        }
        let name = |nth: usize| {
            let row = &fall.rows[nth];
            format!("{}{}", "  ".repeat(usize::from(row.depth)), row.span.name)
        };
        let widest = (0..fall.rows.len()).map(|nth| name(nth).width()).max().unwrap_or(0);
        let names = (widest.clamp(8, usize::from(area.width / 2).saturating_sub(8))) as u16;
        let bars = indent(area, names + 12);
        let width = bars.width.saturating_sub(2);
        let top = scrolled(self.shown.get().0, self.at, usize::from(area.height));
        self.shown.set((top, usize::from(area.height)));
        for ((nth, one), line) in fall.rows.iter().enumerate().skip(top).zip(area.rows()) {
            let failed = one.span.status == SpanStatus::Error;
            let role = if failed { Role::Danger } else { Role::Text };
            canvas.text(Rect { width: names, ..indent(line, 2) }, role, &name(nth));
            let took = one.span.took().map_or_else(|| "?".to_owned(), short_time);
            canvas.text(indent(line, names + 3), Role::Dim, &format!("{took:>7}"));
            let (first, length) = fall.bar(&one.span, width);
            let bar = canvas.glyphs.full.to_string().repeat(usize::from(length));
            canvas.text(Rect { width: length, ..indent(line, names + 12 + first) }, if failed { Role::Danger } else { Role::Gauge }, &bar);
            if failed {
                canvas.text(indent(line, 1), Role::Danger, "x");
            }
            if nth == self.at {
                canvas.text(line, Role::Text, ">");
                canvas.paint(Rect { width: names + 11, ..line }, Role::Selection);
            }
        }
    }
}

fn short_time(took: std::time::Duration) -> String {
    match took.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        millis @ 1000..10_000 => format!("{:.1}s", millis as f64 / 1000.0),
        _ => long_span(took),
    }
}

fn state_role(state: RunState) -> Role {
    match state {
        RunState::Ok => Role::Good,
        RunState::Failed => Role::Danger,
        RunState::Unfinished => Role::Warn,
        RunState::Unknown => Role::Dim,
    }
}

/// What a span says about itself: its error first, then its attributes and what happened in its course.
fn attributes(span_of: &RunSpan, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![];
    if !span_of.message.raw_bytes().is_empty() {
        let role = if span_of.status == SpanStatus::Error { Role::Danger } else { Role::Text };
        lines.extend(wrap(&span_of.message.to_string(), width).into_iter().map(|part| vec![span(role, part)]));
    }
    for attribute in &span_of.attributes {
        lines.push(vec![span(Role::Head, format!("{} ", attribute.key)), span(Role::Text, attribute.value.to_string())]);
    }
    for event in &span_of.events {
        lines.push(vec![span(Role::Warn, event.name.to_string())]);
        let said = event.attributes.iter().map(|attribute| {
            vec![span(Role::Head, format!("  {} ", attribute.key)), span(Role::Text, attribute.value.to_string())]
        });
        lines.extend(said);
    }
    if span_of.dropped > 0 {
        lines.push(vec![span(Role::Dim, format!("{} more were left out", span_of.dropped))]);
    }
    if lines.is_empty() {
        lines.push(vec![span(Role::Dim, "it says nothing about itself")]);
    }
    lines
}
