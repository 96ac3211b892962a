//! What a wall destroyed, which backup still has it, and how far changes can be replayed on top.

use ratatui::layout::Rect;

use crate::model::backup::BackupId;
use crate::model::changes::Wall;
use crate::tui::canvas::Canvas;
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::sink::Destination;
use crate::tui::log::Log;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::rows::short_gtid;
use crate::tui::screens::backups;
use crate::tui::theme::Role;
use crate::tui::widgets::body::{Body, Paragraph};
use crate::tui::world::World;

/// What a wall destroyed.
pub struct WallFacts {
    wall: Wall,
    twin: String,
    body: Body,
}

impl WallFacts {
    /// About this one.
    pub fn new(log: &Log, wall: &Wall) -> Self {
        let place = format!("{}:{}", wall.file, wall.place.position);
        let twin = format!(
            "breakglass changes {} --transactions --to-position {}",
            log.source_words(),
            crate::tui::tokens::quoted(&place)
        );
        Self { wall: wall.clone(), twin, body: Body::default() }
    }

    fn backup(&self) -> Option<&BackupId> {
        self.wall.backup.as_ref().map(|backup| &backup.id)
    }
}

/// Everything about a wall.
pub fn paragraphs(wall: &Wall, scene: &Scene<'_>) -> Vec<Paragraph> {
    let role = if wall.verb.destroys() { Role::Danger } else { Role::Warn };
    let place = format!("{}:{}", wall.file, wall.place.position);
    let thread = wall.thread.map_or_else(String::new, |thread| format!(", connection {thread}"));
    let gtid = wall.gtid.as_ref().map_or_else(String::new, |gtid| format!(", {}", short_gtid(&gtid.to_string())));
    let mut all = vec![
        Paragraph::Title("A wall: an undo stops here".to_owned()),
        Paragraph::Field("at", Role::Text, format!("{} UTC, {place}{thread}{gtid}", wall.at.second())),
        Paragraph::Field("statement", Role::Text, wall.statement.to_string()),
        Paragraph::Field("destroyed", role, wall.destroyed.clone()),
        Paragraph::Blank,
    ];
    match &wall.backup {
        Some(backup) => {
            let text = format!(
                "{}, taken {} UTC, {}: the newest that still has it",
                backup.label,
                backup.taken.second(),
                backup.trust
            );
            all.push(Paragraph::Field("backup", Role::Good, text));
            let text = format!(
                "restore it under another name, then replay the changes from {} UTC up to {place}",
                backup.taken.second()
            );
            all.push(Paragraph::Field("way back", Role::Text, text));
            all.push(Paragraph::Field(
                "",
                Role::Dim,
                format!("{} plans the restore", scene.key(Context::Wall, Command::Restore)),
            ));
        }
        None if wall.verb.destroys() => {
            let text = "no good backup of the catalog that is older than this has it; verify what there is on Backups";
            all.push(Paragraph::Field("backup", Role::Danger, text.to_owned()));
        }
        None => {
            let text = "rows stay; changes before it are of the definition before it, so they cannot be undone together with those behind it";
            all.push(Paragraph::Field("meaning", Role::Text, text.to_owned()));
        }
    }
    all.push(Paragraph::Field("replay", Role::Text, format!("changes up to {place} belong to what stood before it")));
    all
}

impl Pane for WallFacts {
    fn context(&self) -> Context {
        Context::Wall
    }

    fn crumb(&self) -> String {
        "Wall".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let restore = match self.backup().map(|id| world.backup(id)) {
            None => Err(Reason::plain("no good backup has what went")),
            Some(None) => Err(Reason::plain("that backup is not listed any more")),
            Some(Some(backup)) => backups::opens(backup, world),
        };
        let undo = Reason::plain("a change of a definition has no undo: rows come back from a backup");
        vec![(Command::Restore, restore), (Command::Undo, Err(undo))]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if self.body.take(command) {
            return Flow::Stay;
        }
        match (command, self.backup().and_then(|id| world.backup(id))) {
            (Command::Restore, Some(backup)) => Flow::Open(Box::new(Destination::new(backup, world))),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(self.twin.clone())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Restore, Command::Back, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.body.view(&paragraphs(&self.wall, scene), scene, area, canvas);
    }
}
