//! What `check` would tell a monitor now, with its reasons.

use std::time::Duration;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::units::short_span;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::scroll::Scroll;
use crate::tui::world::World;
use crate::work::check::{CheckReport, State};

/// What `check` would say.
#[derive(Default)]
pub struct Checks {
    scroll: Scroll,
}

fn role(state: State) -> Role {
    match state {
        State::Ok => Role::Good,
        State::Critical => Role::Danger,
        State::Warning | State::Unknown => Role::Warn,
    }
}

/// The verdict on the whole, then each target that could not be listed, then each database with the reasons, what is
/// worst first.
fn lines(report: &CheckReport, width: usize) -> Vec<Line> {
    let code = format!("{}, exit code {}", report.state.word(), report.state.code());
    let listed = format!("   targets listed {} UTC", report.at.minute());
    let mut lines = vec![vec![span(role(report.state), code), span(Role::Dim, listed)], vec![]];
    let unlisted = report.targets.iter().filter(|target| !target.listed);
    for target in unlisted {
        let text = format!("{} could not be listed: {}", target.name, target.reason.as_deref().unwrap_or_default());
        lines.extend(wrap(&text, width).into_iter().map(|part| vec![span(Role::Danger, part)]));
    }
    let widest = report.databases.iter().map(|subject| subject.name.width()).max().unwrap_or(0).min(width / 3);
    let mut subjects: Vec<_> = report.databases.iter().collect();
    subjects.sort_by_key(|subject| std::cmp::Reverse(subject.state));
    for subject in subjects {
        let fine = || {
            let age = subject.age_seconds.and_then(|age| u64::try_from(age).ok());
            let age = age.map_or(String::new(), |age| format!(", {} old", short_span(Duration::from_secs(age))));
            let target = subject.target.as_ref().map_or(String::new(), |target| format!(" on {target}"));
            format!("{}{age}{target}", subject.trust.unwrap_or_default().word())
        };
        let reasons = if subject.reasons.is_empty() { vec![fine()] } else { subject.reasons.clone() };
        let parts = reasons.iter().flat_map(|reason| wrap(reason, width.saturating_sub(widest + 12)));
        for (nth, part) in parts.enumerate() {
            let (word, name) = if nth == 0 { (subject.state.word(), subject.name.as_str()) } else { ("", "") };
            let gap = " ".repeat(widest.saturating_sub(name.width()));
            lines.push(vec![
                span(role(subject.state), format!("{word:<10}")),
                span(Role::Text, format!("{name}{gap}  ")),
                span(if subject.state == State::Ok { Role::Dim } else { Role::Text }, part),
            ]);
        }
    }
    if report.databases.is_empty() {
        lines.push(vec![span(Role::Text, "No backup of any database is listed.")]);
    }
    lines
}

impl Pane for Checks {
    fn context(&self) -> Context {
        Context::Checks
    }

    fn crumb(&self) -> String {
        "Checks".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        if self.scroll.take(command) {
            return Flow::Stay;
        }
        match command {
            Command::Open => Flow::Say("the reasons stand behind each line".to_owned()),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some("breakglass check".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 1), 2);
        let Some(report) = &scene.world.past.check else {
            canvas.text(row(inner, 0), Role::Text, "Listing the targets and judging every series...");
            return;
        };
        let lines = lines(report, usize::from(inner.width.saturating_sub(2)));
        self.scroll.view(&lines, scene, inner, canvas);
    }
}
