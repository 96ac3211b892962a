//! Why there is no past to show, and what fills it.

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, below, indent, row, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::Scene;
use crate::tui::theme::Role;
use crate::tui::world::{PastState, TargetState};

/// Nothing has been read, or could be.
pub fn unread(scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let again = scene.key(Context::History, Command::Refresh);
    match &scene.world.past {
        PastState::Failed(report) => {
            let advice = format!("{} {again} tries again.", report.advice);
            said(area, &report.headline, &[&advice], canvas);
        }
        PastState::Unread | PastState::Read(_) => {
            said(area, "Reading the history...", &["Runs come from the state folder, backups from the targets."], canvas);
        }
    }
}

/// There are no series.
pub fn nothing(scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let world = scene.world;
    let open = |state: &TargetState| matches!(state, TargetState::Waiting | TargetState::Listing(_));
    if world.targets.iter().any(|target| open(&target.state)) {
        let advice = ["Every backup that is listed becomes a part of the history of its series."];
        return said(area, "Listing the targets...", &advice, canvas);
    }
    let again = scene.key(Context::History, Command::Refresh);
    said(
        area,
        "No backup is listed, and no run was told of.",
        &[
            &format!("Backups in a target are enough for a history: {again} lists the targets again."),
            "Runs are told by telemetry: `breakglass collect` receives OTLP, and `breakglass history --help` names the \
             files that can be read.",
        ],
        canvas,
    );
}

fn said(area: Rect, headline: &str, advice: &[&str], canvas: &mut Canvas<'_>) {
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), Role::Text, headline);
    let width = usize::from(inner.width.saturating_sub(2));
    let lines = advice.iter().flat_map(|text| wrap(text, width));
    for (nth, part) in lines.enumerate() {
        canvas.text(row(inner, 2 + nth as u16), Role::Dim, &part);
    }
}
