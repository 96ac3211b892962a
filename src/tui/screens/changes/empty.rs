//! Why there is nothing to show, and which key fills the screen.

use ratatui::layout::Rect;

use crate::model::changes::ViewState;
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, below, indent, row, span, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::log::Log;
use crate::tui::pane::Scene;
use crate::tui::theme::Role;

/// No change source is open: those of the estate, and how to open another one.
pub fn no_source(scene: &Scene<'_>, cursor: usize, area: Rect, canvas: &mut Canvas<'_>) {
    let key = |command| scene.key(Context::Changes, command);
    let sources = &scene.world.sources;
    let advice = if sources.is_empty() {
        format!(
            "This estate names none: add a [changes.NAME] section with a url to estate.toml, or open binary logs by their path or URL: {}",
            key(Command::OpenSource)
        )
    } else {
        format!("{} opens one of this estate, {} asks for a path or URL.", key(Command::Open), key(Command::OpenSource))
    };
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), Role::Text, "No change source is open.");
    let mut used = 2;
    for (nth, source) in sources.iter().enumerate() {
        let line = row(inner, used);
        let sign = if nth == cursor { "> " } else { "  " };
        canvas.spans(
            line,
            &[span(Role::Text, format!("{sign}{:<14}", source.name)), span(Role::Dim, source.words.clone())],
        );
        if nth == cursor {
            canvas.paint(line, Role::Selection);
        }
        used += 1;
    }
    used += u16::from(!sources.is_empty());
    words(&advice, Role::Dim, below(inner, used), canvas);
}

fn words(text: &str, role: Role, area: Rect, canvas: &mut Canvas<'_>) {
    for (part, line) in wrap(text, usize::from(area.width.saturating_sub(2))).iter().zip(area.rows()) {
        canvas.text(line, role, part);
    }
}

/// Says why the list of an open source is empty; `false`: it is not.
pub fn nothing(log: &Log, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) -> bool {
    if log.held() > 0 {
        return false;
    }
    let (role, headline, advice) = reason(log, scene);
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), role, &headline);
    words(&advice, Role::Dim, below(inner, 2), canvas);
    true
}

/// Why it is empty, and which key changes that.
fn reason(log: &Log, scene: &Scene<'_>) -> (Role, String, String) {
    let key = |command| scene.key(Context::Changes, command);
    let view = &log.view;
    if let Some(report) = &log.failed {
        (
            Role::Danger,
            report.headline.clone(),
            format!("{} Open another source: {}", report.advice, key(Command::OpenSource)),
        )
    } else if log.is_reading() && view.entries == 0 {
        let files = view.files.len();
        let text = if files == 0 {
            "Listing the log files...".to_owned()
        } else {
            format!("Reading {} log files...", grouped(files as u64))
        };
        (
            Role::Text,
            text,
            format!(
                "Transactions appear as they are read; the status line says how far it is. {} stops it.",
                key(Command::Cancel)
            ),
        )
    } else if view.entries > 0 && log.is_waiting() {
        (Role::Text, "Reading this part of the log...".to_owned(), String::new())
    } else if view.entries > 0 {
        let advice =
            format!("{} shows all {} again.", scene.key(Context::Global, Command::Back), grouped(view.entries));
        (Role::Text, format!("Nothing matches `{}`.", crate::model::foreign::escape(&log.typed.text)), advice)
    } else {
        nothing_read(log, scene)
    }
}

/// Why nothing was read that could be shown.
fn nothing_read(log: &Log, scene: &Scene<'_>) -> (Role, String, String) {
    let key = |command| scene.key(Context::Changes, command);
    let view = &log.view;
    if view.state == ViewState::Cancelled {
        (
            Role::Text,
            "Reading was stopped before any change was found.".to_owned(),
            format!("{} opens a source.", key(Command::OpenSource)),
        )
    } else if view.totals.statements > 0 {
        let text =
            format!("The log has no row changes: {} changed rows as text only.", grouped(view.totals.statements));
        (
            Role::Text,
            text,
            format!(
                "binlog_format was STATEMENT or MIXED: nothing can be undone from here. {} names them.",
                key(Command::Coverage)
            ),
        )
    } else {
        let advice = format!(
            "{} says what was read; {} opens another source.",
            key(Command::Coverage),
            key(Command::OpenSource)
        );
        (Role::Text, "The log has no row changes.".to_owned(), advice)
    }
}
