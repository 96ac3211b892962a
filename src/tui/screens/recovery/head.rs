//! What a recovery is of, how it stands, and why there may be nothing to show.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::model::script::{RecoveryPhase, RecoveryView};
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::Scene;
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::gauge::gauge;

/// What it undoes at the left, how much and how at the right; or what is searched for.
pub fn title(undoing: &Undoing, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let view = &undoing.view;
    let right = match &view.phase {
        RecoveryPhase::Reading { .. } => vec![span(Role::Dim, "reading the logs...")],
        RecoveryPhase::Failed(_) => vec![span(Role::Danger, "failed")],
        RecoveryPhase::Refused => vec![span(Role::Danger, format!("refused, {}", counted(view.refusals, "reason")))],
        RecoveryPhase::Ready => vec![span(Role::Text, format!("{}  ", counted(view.changes, "change"))), mode(view)],
    };
    let used: usize = right.iter().map(|part| part.text.width()).sum();
    let start = usize::from(area.width).saturating_sub(used + 1) as u16;
    let left = Rect { width: start.saturating_sub(3), ..indent(area, 1) };
    match scene.typing {
        Some((text, column)) => {
            canvas.spans(left, &[span(Role::Key, "/ "), span(Role::Input, text)]);
            let x = (left.x + 2 + column as u16).min(left.right().saturating_sub(1));
            canvas.cursor = Some(ratatui::layout::Position { x, y: left.y });
        }
        None if !undoing.search.is_empty() => {
            let search = crate::model::foreign::escape(&undoing.search);
            canvas.spans(
                left,
                &[span(Role::Dim, "/ "), span(Role::Text, search), span(Role::Dim, "  n next, N previous")],
            );
        }
        None => {
            canvas.spans(left, &[span(Role::Title, "undo "), span(Role::Text, what(undoing))]);
        }
    }
    canvas.spans(indent(area, start), &right);
}

/// What it undoes, with the table where there is only one: a narrow list leaves that column out.
fn what(undoing: &Undoing) -> String {
    match undoing.view.tables.as_slice() {
        [one] if !undoing.title.contains(&one.table.to_string()) => format!("{}, {}", undoing.title, one.table),
        _ => undoing.title.clone(),
    }
}

fn mode(view: &RecoveryView) -> crate::tui::canvas::Span {
    match view.counts.overwrite {
        0 => span(Role::Text, "strict"),
        n => span(Role::Danger, format!("{} overwritten", grouped(n))),
    }
}

/// Counts, hazards, digest: what stands below the list. `cursor` is the statement or reason under the cursor.
pub fn foot(undoing: &Undoing, cursor: usize, scene: &Scene<'_>, screen: Rect) -> Vec<Line> {
    let view = &undoing.view;
    if undoing.is_refused() {
        return refused(view, cursor, scene, screen.width);
    }
    let key = |command| scene.key(Context::Recovery, command);
    let is_tall = screen.height >= 20;
    let mut lines = vec![counts(view)];
    if is_tall {
        lines.push(states(view, &key(Command::Compare)));
    }
    lines.push(hazards(view, &key(Command::Hazards)));
    if is_tall {
        lines.push(vec![span(Role::Head, "covered  "), span(coverage_role(view), covered(view, screen.width))]);
    }
    let digest = match &view.digest {
        _ if view.counts.included == 0 => span(Role::Warn, "none: everything is excluded"),
        Some(digest) => span(Role::Text, digest.words()),
        None => span(Role::Dim, "being worked out..."),
    };
    lines.push(vec![span(Role::Head, "digest   "), digest]);
    if let Some(path) = &view.written {
        let path = crate::model::foreign::escape(&path.display().to_string());
        let mut line = vec![span(Role::Head, "written  ")];
        if undoing.is_behind() {
            let words = format!("not what is chosen now ({} writes that): ", key(Command::WriteScript));
            line.extend([span(Role::Warn, words), span(Role::Text, path)]);
        } else {
            line.push(span(Role::Good, path));
        }
        lines.push(line);
    }
    lines
}

/// The reason under the cursor in full, and what can be done about all of them.
fn refused(view: &RecoveryView, cursor: usize, scene: &Scene<'_>, width: u16) -> Vec<Line> {
    let more = view.refusals.saturating_sub(view.refused.len() as u64);
    let rest =
        if more > 0 && width >= 100 { format!(" {} more are not listed.", grouped(more)) } else { String::new() };
    let key = |command| scene.key(Context::Recovery, command);
    let reason = view.refused.get(cursor).map_or("", |one| one.reason.as_str());
    // Always two lines, so that the list stays where it is while one moves along.
    let mut reason = wrap(reason, usize::from(width.saturating_sub(3)));
    reason.resize(2, String::new());
    let mut lines: Vec<Line> = reason.into_iter().map(|part| vec![span(Role::Text, part)]).collect();
    let text = format!("One change that cannot be undone stops all: nothing can be written.{rest}");
    lines.push(vec![span(Role::Danger, text)]);
    let (changes, columns) =
        (scene.key(Context::Global, Command::GoChanges), scene.key(Context::Changes, Command::Columns));
    let keys = format!(
        "{} reads every reason, {} leaves tables out, {changes} {columns} names columns",
        key(Command::Hazards),
        key(Command::ExcludeTables)
    );
    lines.push(vec![span(Role::Dim, keys)]);
    lines
}

fn coverage_role(view: &RecoveryView) -> Role {
    if view.coverage.gaps.is_empty() { Role::Text } else { Role::Danger }
}

fn covered(view: &RecoveryView, width: u16) -> String {
    let words = view.coverage.words();
    let words = words.strip_prefix("covered ").unwrap_or(&words);
    // The whole sentence stands in the summary.
    match words.strip_suffix("the last file was still being written") {
        Some(words) if width < 100 => format!("{words}the last file is open"),
        _ => words.to_owned(),
    }
}

fn counts(view: &RecoveryView) -> Line {
    let counts = view.counts;
    let mut line = vec![
        span(Role::Head, "script   "),
        span(Role::Text, format!("{} in, ", grouped(counts.included))),
        span(if counts.excluded > 0 { Role::Warn } else { Role::Text }, format!("{} out, ", grouped(counts.excluded))),
        span(Role::Text, format!("{} not looked at", grouped(counts.unknown))),
        span(Role::Text, format!(", of {}", counted(view.transactions, "transaction"))),
    ];
    if view.partials > 0 {
        line.push(span(Role::Warn, format!(", {} only in part", grouped(view.partials))));
    }
    line
}

fn states(view: &RecoveryView, compare: &str) -> Line {
    let (states, check) = (view.states, &view.check);
    if check.server.is_empty() {
        let words = format!("no server was asked how the rows are now: {compare} asks one");
        return vec![span(Role::Head, "now      "), span(Role::Dim, words)];
    }
    let parts = [
        (states.matches, "match", Role::Good),
        (states.undone, "already undone", Role::Dim),
        (states.changed, "changed since", Role::Warn),
        (states.gone, "gone", Role::Warn),
        (states.anew, "inserted anew", Role::Warn),
        (states.unknowable, "cannot be told", Role::Warn),
    ];
    let mut line = vec![span(Role::Head, "now      ")];
    for (count, word, role) in parts.into_iter().filter(|(count, ..)| *count > 0) {
        if line.len() > 1 {
            line.push(span(Role::Text, ", "));
        }
        line.push(span(role, format!("{} {word}", grouped(count))));
    }
    if check.running {
        let comma = if line.len() > 1 { ", " } else { "" };
        line.push(span(Role::Text, format!("{comma}comparing with {}: {} so far", check.server, grouped(check.done))));
    } else {
        line.push(span(Role::Dim, format!("  on {}", check.server)));
    }
    if let Some(report) = &check.problem {
        line.push(span(Role::Danger, format!("; stopped: {}", report.headline)));
    }
    line
}

fn hazards(view: &RecoveryView, key: &str) -> Line {
    let head = span(Role::Head, "hazards  ");
    let walls = view.walls.len();
    match (view.hazards.as_slice(), walls) {
        ([], 0) => vec![head, span(Role::Text, "none known")],
        ([], n) => vec![head, span(Role::Warn, counted(n as u64, "wall"))],
        ([first, rest @ ..], n) => {
            let more = rest.len() + n;
            let mut line = vec![head];
            if more > 0 {
                line.push(span(Role::Warn, format!("{} ({key}): ", more + 1)));
            }
            line.push(span(Role::Warn, first.text.clone()));
            line
        }
    }
}

fn words(headline: &str, role: Role, advice: &str, area: Rect, canvas: &mut Canvas<'_>) {
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), role, headline);
    for (part, line) in wrap(advice, usize::from(inner.width.saturating_sub(2))).iter().zip(below(inner, 2).rows()) {
        canvas.text(line, Role::Dim, part);
    }
}

/// No recovery is open.
pub fn none(scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let changes = scene.key(Context::Global, Command::GoChanges);
    let undo = scene.key(Context::Changes, Command::Undo);
    let review = scene.key(Context::Recovery, Command::Review);
    let advice = format!(
        "Choose on Changes ({changes}) what is to be undone, and press {undo}. {review} reads a script that was written before, by this or another tool."
    );
    words("No recovery is open.", Role::Text, &advice, area, canvas);
}

/// Says why there is no list; `false`: there is one.
pub fn nothing(undoing: &Undoing, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) -> bool {
    let view = &undoing.view;
    let key = |command| scene.key(Context::Recovery, command);
    match &view.phase {
        RecoveryPhase::Reading { done, total } => {
            let advice = format!("Statements appear when all of it was read. {} stops it.", key(Command::Cancel));
            words("Working out what undoes it...", Role::Text, &advice, area, canvas);
            let fraction = (*total > 0).then(|| *done as f64 / *total as f64);
            let mut line = gauge(canvas.glyphs, 24, fraction);
            let of = if *total > 0 { format!(" of {}", ByteSize(*total).words()) } else { String::new() };
            line.push(span(Role::Text, format!("  {}{of}", ByteSize(*done).words())));
            canvas.spans(indent(row(area, 5), 3), &line);
        }
        RecoveryPhase::Failed(report) => words(&report.headline, Role::Danger, &report.advice, area, canvas),
        RecoveryPhase::Ready if view.changes == 0 => {
            let changes = scene.key(Context::Global, Command::GoChanges);
            words(
                "There is nothing to undo.",
                Role::Text,
                &format!("No row change is in what was chosen. {changes} goes back to Changes."),
                area,
                canvas,
            );
        }
        RecoveryPhase::Refused if view.refused.is_empty() => {
            words("It cannot be undone.", Role::Danger, "The reasons are on their way.", area, canvas);
        }
        RecoveryPhase::Ready | RecoveryPhase::Refused => return false,
    }
    true
}
