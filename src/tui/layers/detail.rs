//! Everything known about one backup.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::backup::BackupId;
use crate::model::trust::Rung;
use crate::tui::canvas::{Canvas, below, indent, row};
use crate::tui::command::{Command, Offer};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::salvage::Salvage;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::{backups, moved};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Everything known about one backup.
pub struct Detail {
    id: BackupId,
    top: usize,
    /// Lines there are and lines that fit: they follow the area.
    size: Cell<(usize, usize)>,
}

impl Detail {
    /// About this one.
    pub fn new(id: BackupId) -> Self {
        Self { id, top: 0, size: Cell::new((0, 0)) }
    }
}

impl Pane for Detail {
    fn context(&self) -> Context {
        Context::Detail
    }

    fn crumb(&self) -> String {
        "Detail".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let mut offers = backups::offers(world.backup(&self.id), world);
        offers.retain(|(command, _)| *command != Command::Open);
        offers
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let (lines, height) = self.size.get();
        if let Some(top) = moved(command, self.top, lines.saturating_sub(height) + 1, height) {
            self.top = top;
            return Flow::Stay;
        }
        match (command, world.backup(&self.id)) {
            (Command::Verify, _) => Flow::Do(vec![Effect::Verify(self.id.clone(), Rung::Whole)]),
            (Command::Salvage, Some(backup)) => Flow::Open(Box::new(Salvage::new(backup))),
            (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(format!("breakglass show {}", self.id))
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Verify,
            Command::Restore,
            Command::Salvage,
            Command::Back,
            Command::LoadKey,
            Command::Copy,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 0), 2);
        let Some(backup) = scene.world.backup(&self.id) else {
            canvas.text(row(inner, 1), Role::Text, "This backup is no longer listed by its target.");
            return;
        };
        let lines = detail::lines(backup, scene.world, canvas.glyphs, usize::from(inner.width.saturating_sub(2)));
        self.size.set((lines.len(), usize::from(inner.height)));
        let top = self.top.min(lines.len().saturating_sub(usize::from(inner.height)));
        for (line, at) in lines.iter().skip(top).zip(inner.rows()) {
            canvas.spans(at, line);
        }
    }
}
