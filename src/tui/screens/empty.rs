//! Why a list of backups is empty, and which key fills it.

use ratatui::layout::Rect;

use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, below, indent, row, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::Scene;
use crate::tui::theme::Role;
use crate::tui::world::TargetState;

/// Says why there is nothing to show.
pub fn no_backups(scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let world = scene.world;
    let key = |command| scene.key(Context::Backups, command);
    let listing =
        world.targets.iter().any(|target| matches!(target.state, TargetState::Waiting | TargetState::Listing(_)));
    let failed = world.targets.iter().find_map(|target| match &target.state {
        TargetState::Failed(report) => Some((target, report)),
        _ => None,
    });
    let (headline, advice) = if world.targets.is_empty() {
        ("No targets.".to_owned(), "This estate names none. Add a [targets.NAME] section with a url to estate.toml, or look around with `breakglass demo`.".to_owned())
    } else if world.total() > 0 {
        let clear = key(Command::Back);
        (
            format!("Nothing matches `{}`.", world.filter_text()),
            format!("{clear} shows all {} again.", grouped(world.total() as u64)),
        )
    } else if listing {
        ("Listing the targets...".to_owned(), "Backups appear as their pages arrive.".to_owned())
    } else if let Some((target, report)) = failed {
        (
            format!("{} could not be listed: {}", target.name, report.headline),
            format!("{} {} tries again.", report.advice, key(Command::Refresh)),
        )
    } else {
        (
            "No backups.".to_owned(),
            format!("The targets were listed and hold none. {} lists them again.", key(Command::Refresh)),
        )
    };
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), Role::Text, &headline);
    for (nth, part) in wrap(&advice, usize::from(inner.width.saturating_sub(2))).iter().enumerate() {
        canvas.text(row(inner, 2 + nth as u16), Role::Dim, part);
    }
}
