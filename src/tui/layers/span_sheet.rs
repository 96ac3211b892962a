//! Everything that one span of a run says.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::run::{Attribute, RunId, Span as Part, SpanStatus};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::run::{at_ns, brief};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::scroll::Scroll;
use crate::tui::world::World;

/// Everything that one span says.
pub struct SpanSheet {
    run: RunId,
    at: usize,
    scroll: Scroll,
}

impl SpanSheet {
    /// Of the nth span of a run.
    pub fn new(run: RunId, at: usize) -> Self {
        Self { run, at, scroll: Scroll::default() }
    }

    fn part<'a>(&self, world: &'a World) -> Option<&'a Part> {
        world.past.run.as_ref().filter(|known| known.run.id == self.run)?.fall.rows.get(self.at).map(|row| &row.span)
    }
}

/// Everything that a span says, in lines of at most `width` columns: the errors first.
pub fn part_lines(part: &Part, width: usize) -> Vec<Line> {
    let (role, word) = match part.status {
        SpanStatus::Unset => (Role::Dim, ""),
        SpanStatus::Ok => (Role::Good, "  ok"),
        SpanStatus::Error => (Role::Danger, "  error"),
    };
    let time = part.took().map_or(String::new(), |time| format!("  {}", brief(time)));
    let start = if part.start_ns == 0 { String::new() } else { format!("  {} UTC", at_ns(part.start_ns)) };
    let name = span(Role::Title, part.name.to_string());
    let mut lines = vec![vec![name, span(role, word), span(Role::Text, format!("{start}{time}"))]];
    lines.extend(part_facts(part, width));
    let mut sheet = Sheet { lines, width };
    let made_by = [&part.scope, &part.service, &part.host].map(ToString::to_string);
    let made_by: Vec<String> = made_by.into_iter().filter(|word| !word.is_empty()).collect();
    sheet.say("made by", Role::Dim, &made_by.join(", "));
    sheet.say("span", Role::Dim, &format!("{} of trace {}", part.id, part.trace));
    if part.dropped > 0 {
        sheet.say("dropped", Role::Warn, &format!("{} attributes or events were left out", part.dropped));
    }
    sheet.lines
}

/// What happened in a span and what it says of itself: the errors first.
pub fn part_facts(part: &Part, width: usize) -> Vec<Line> {
    let mut sheet = Sheet { lines: vec![], width };
    if !part.message.raw_bytes().is_empty() {
        let role = if part.status == SpanStatus::Error { Role::Danger } else { Role::Text };
        sheet.say("message", role, &part.message.to_string());
    }
    for event in &part.events {
        let role = if event.name.raw_bytes() == b"exception" { Role::Danger } else { Role::Text };
        let text = event.attributes.iter().map(words).collect::<Vec<_>>().join(", ");
        sheet.say(&event.name.to_string(), role, &text);
    }
    for attribute in &part.attributes {
        sheet.say(&attribute.key.to_string(), Role::Text, &attribute.value.to_string());
    }
    sheet.lines
}

struct Sheet {
    lines: Vec<Line>,
    width: usize,
}

impl Sheet {
    fn say(&mut self, label: &str, role: Role, text: &str) {
        let label: String = label.chars().take(self.width / 2).collect();
        let wide = label.width().max(10) + 2;
        for (nth, part) in wrap(text, self.width.saturating_sub(wide)).into_iter().enumerate() {
            let head = if nth == 0 { label.as_str() } else { "" };
            let gap = " ".repeat(wide.saturating_sub(head.width()));
            self.lines.push(vec![span(Role::Head, format!("{head}{gap}")), span(role, part)]);
        }
    }
}

fn words(attribute: &Attribute) -> String {
    format!("{}: {}", attribute.key, attribute.value)
}

impl Pane for SpanSheet {
    fn context(&self) -> Context {
        Context::Checks
    }

    fn crumb(&self) -> String {
        "Span".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        self.scroll.flow(command)
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass history --run {}", self.run))
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 1), 2);
        let Some(part) = self.part(scene.world) else {
            canvas.text(row(inner, 0), Role::Text, "This run has been read anew: go back and open the span again.");
            return;
        };
        let lines = part_lines(part, usize::from(inner.width.saturating_sub(2)));
        self.scroll.view(&lines, scene, inner, canvas);
    }
}
