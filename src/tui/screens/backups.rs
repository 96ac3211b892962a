//! Every backup of every target, newest first.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::layout::Rect;

use crate::model::backup::{Backup, BackupId, Opens};
use crate::model::target::Access;
use crate::model::trust::{Rung, VerdictOutcome, Weight};
use crate::model::units::{ByteSize, grouped, short_span};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::detail::Detail;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::salvage::Salvage;
use crate::tui::layers::sink::Destination;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::empty::no_backups;
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::{Sort, TargetLine, TargetState, World, databases};

/// From this width on the detail stands at the right.
const WIDE: u16 = 120;

/// Every backup of every target, newest first.
#[derive(Default)]
pub struct Backups {
    /// The cursor is an id, not a row: a reload must not slide it onto another backup.
    chosen: Option<BackupId>,
    /// Chosen for one command together.
    marked: BTreeSet<BackupId>,
    /// First visible row and how many are visible: they follow the area's height.
    window: Cell<(usize, usize)>,
    /// Where the cursor was last, to find it without searching.
    hint: Cell<usize>,
}

impl Backups {
    fn row(&self, world: &World) -> usize {
        let found = self.chosen.as_ref().and_then(|id| world.row_of(id, self.hint.get()));
        let row = found.unwrap_or_else(|| {
            if self.chosen.is_some() { self.hint.get().min(world.count().saturating_sub(1)) } else { 0 }
        });
        self.hint.set(row);
        row
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a Arc<Backup>> {
        world.at(self.row(world))
    }

    /// Backups that stand on the screen.
    pub fn visible<'a>(&self, world: &'a World) -> impl Iterator<Item = &'a Arc<Backup>> {
        let (top, height) = self.window.get();
        (top..top + height).map_while(|row| world.at(row))
    }

    /// Marked backups that still exist, or the one under the cursor.
    fn meant(&self, world: &World) -> Vec<BackupId> {
        let marked: Vec<_> = self.marked.iter().filter(|id| world.backup(id).is_some()).cloned().collect();
        if marked.is_empty() {
            self.current(world).map(|backup| backup.id.clone()).into_iter().collect()
        } else {
            marked
        }
    }

    fn seek(&mut self, command: Command, world: &World) -> Flow {
        let (count, at) = (world.count(), self.row(world));
        let worth = |row: &usize| world.at(*row).is_some_and(|backup| detail::margin(backup).text != " ");
        let found = match command {
            Command::Next => (at + 1..count).find(worth),
            _ => (0..at.min(count)).rev().find(worth),
        };
        match found {
            Some(row) => self.choose(world, row),
            None => Flow::Say("no more findings that way".to_owned()),
        }
    }

    fn choose(&mut self, world: &World, row: usize) -> Flow {
        self.chosen = world.at(row).map(|backup| backup.id.clone());
        self.hint.set(row);
        Flow::Stay
    }

    fn mark(&mut self, world: &World) -> Flow {
        let row = self.row(world);
        let Some(backup) = world.at(row) else { return Flow::Pass };
        if !self.marked.remove(&backup.id) {
            self.marked.insert(backup.id.clone());
        }
        self.choose(world, (row + 1).min(world.count().saturating_sub(1)));
        Flow::Say(format!("{} marked", self.marked.len()))
    }
}

/// Why a backup cannot be opened now.
pub fn opens(backup: &Backup, world: &World) -> Result<(), Reason> {
    if let Some(finding) = backup.findings.iter().find(|finding| finding.weight == Weight::Fatal) {
        return Err(Reason::plain(finding.text.clone()));
    }
    if matches!(backup.storage.access, Access::Frozen | Access::Thawing) {
        let class = backup.storage.class.as_deref().unwrap_or("cold storage");
        return Err(Reason::plain(format!("it lies in {class}: thaw it first")));
    }
    if backup.shape.seal.is_some() && world.keys.is_empty() {
        return Err(Reason::cured_by("load a private key first", Command::LoadKey));
    }
    if backup.opens == Opens::No {
        return Err(Reason::cured_by("no loaded key opens this one: load another", Command::LoadKey));
    }
    Ok(())
}

/// Whether a backup is one to salvage: one that is known to be broken, and can be opened.
fn breaks(backup: &Backup, world: &World) -> Result<(), Reason> {
    let Some(proof) = &backup.proof else {
        return Err(Reason::cured_by("a salvage is for broken backups: verify it first", Command::Verify));
    };
    match proof.outcome {
        VerdictOutcome::Damaged | VerdictOutcome::Truncated | VerdictOutcome::Inconclusive => opens(backup, world),
        VerdictOutcome::WrongKey => {
            Err(Reason::cured_by("no loaded key opens this one: load another", Command::LoadKey))
        }
        VerdictOutcome::Ok if proof.reached() >= Rung::Whole => {
            Err(Reason::cured_by("this backup is whole: restore it", Command::Restore))
        }
        VerdictOutcome::Ok | VerdictOutcome::NotComparable => {
            Err(Reason::cured_by("a salvage is for broken backups: verify it first", Command::Verify))
        }
    }
}

/// What can be done with a backup.
pub fn offers(backup: Option<&Arc<Backup>>, world: &World) -> Vec<Offer> {
    let nothing = || Reason::plain("no backup is under the cursor");
    let possible = backup.map_or_else(|| Err(nothing()), |backup| opens(backup, world));
    let later = Reason::plain("rehearsals come in a later version");
    vec![
        (Command::Verify, possible.clone()),
        (Command::Restore, possible),
        (Command::Salvage, backup.map_or_else(|| Err(nothing()), |backup| breaks(backup, world))),
        (Command::Rehearse, Err(later)),
        (Command::Open, backup.map(|_| ()).ok_or_else(nothing)),
    ]
}

impl Pane for Backups {
    fn context(&self) -> Context {
        Context::Backups
    }

    fn crumb(&self) -> String {
        "Backups".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        offers(self.current(world), world)
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(row) = moved(command, self.row(world), world.count(), self.window.get().1) {
            return self.choose(world, row);
        }
        match command {
            Command::Next | Command::Previous => self.seek(command, world),
            Command::Mark => self.mark(world),
            Command::Sort => Flow::Sort,
            Command::Filter => Flow::Open(Box::new(Filter::new(world.filter_text()))),
            Command::Verify => {
                let chosen = self.meant(world);
                self.marked.clear();
                Flow::Do(chosen.into_iter().map(|id| Effect::Verify(id, Rung::Whole)).collect())
            }
            Command::Open | Command::Restore | Command::Salvage => match self.current(world) {
                Some(backup) if command == Command::Open => Flow::Open(Box::new(Detail::new(backup.id.clone()))),
                Some(backup) if command == Command::Salvage => Flow::Open(Box::new(Salvage::new(backup))),
                Some(backup) => Flow::Open(Box::new(Destination::new(backup, world))),
                None => Flow::Pass,
            },
            _ => Flow::Pass,
        }
    }

    fn point(&mut self, hit: &Hit, world: &World) -> Flow {
        match hit {
            Hit::Backup(id) => match world.row_of(id, self.hint.get()) {
                Some(row) => self.choose(world, row),
                None => Flow::Stay,
            },
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        Some(match world.filter_text().replace('\'', "'\\''") {
            text if text.is_empty() => "breakglass ls".to_owned(),
            text => format!("breakglass ls '{text}'"),
        })
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Verify,
            Command::Restore,
            Command::LoadKey,
            Command::Filter,
            Command::GoJobs,
            Command::Mark,
            Command::Sort,
            Command::Copy,
            Command::Palette,
            Command::Help,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let list = if area.width >= WIDE {
            let width = area.width * 55 / 100;
            let pane = indent(area, width);
            canvas.divider(Rect { width: 1, ..pane });
            self.aside(scene, indent(pane, 2), canvas);
            Rect { width, ..area }
        } else {
            area
        };
        filter_line(scene, row(list, 0), canvas);
        let rows = Rect { height: list.height.saturating_sub(3), ..below(list, 2) };
        self.table(scene, list, rows, canvas);
        if let Some(backup) = self.current(scene.world) {
            let line = good_line(backup, scene.world, list.width);
            let place = indent(row(list, list.height - 1), 3);
            canvas.spans(Rect { width: place.width.saturating_sub(1), ..place }, &line);
        }
    }
}

impl Backups {
    fn table(&self, scene: &Scene<'_>, list: Rect, rows: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let cursor = self.row(world);
        let height = usize::from(rows.height);
        let top = scrolled(self.window.get().0, cursor, height).min(world.count().saturating_sub(1));
        self.window.set((top, height));
        if world.count() == 0 {
            return no_backups(scene, rows, canvas);
        }
        let widest = world.widest();
        let columns = columns(widest.database, widest.target, list.width);
        let layout = Layout::fit(&columns, list.width.saturating_sub(3));
        layout.heads(&columns, indent(row(list, 1), 3), canvas);
        for (line, at) in rows.rows().zip(top..world.count()) {
            let Some(backup) = world.at(at) else { break };
            let cells = cells(backup, world, canvas, &layout);
            canvas.spans(indent(line, 1), &[detail::margin(backup)]);
            layout.row(&columns, &cells, indent(line, 3), canvas);
            let marked = self.marked.contains(&backup.id);
            if marked {
                canvas.text(indent(line, 2), Role::Marked, "*");
            }
            if at == cursor {
                canvas.text(line, Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
            canvas.clickable(line, Hit::Backup(backup.id.clone()));
        }
    }

    fn aside(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let Some(backup) = self.current(scene.world) else { return };
        let lines = detail::lines(backup, scene.world, canvas.glyphs, usize::from(area.width.saturating_sub(1)));
        for (line, at) in lines.iter().zip(area.rows()) {
            canvas.spans(at, line);
        }
    }
}

fn columns(database: u16, target: u16, width: u16) -> [Column; 7] {
    let trust = 17 + width.saturating_sub(84) / 2;
    let column = |title, least, most, side, rank| Column { title, least, most, side, rank };
    [
        column("TAKEN UTC", 16, 16, Side::Left, 0),
        column("AGE", 4, 4, Side::Right, 5),
        column("DATABASE", 8, database.max(8), Side::Left, 2),
        column("TARGET", target.clamp(6, 7), target.max(6), Side::Left, 3),
        column("SIZE", 5, 5, Side::Right, 1),
        column("SEAL", 5, 9, Side::Left, 6),
        column("TRUST", 13, trust, Side::Left, 0),
    ]
}

fn cells(backup: &Backup, world: &World, canvas: &Canvas<'_>, layout: &Layout) -> [Line; 7] {
    let (seal, trust) = (layout.width(5), layout.width(6));
    [
        vec![span(Role::Text, backup.taken.at.minute())],
        vec![span(Role::Text, short_span(backup.taken.at.age_at(world.now)))],
        lit(world, &databases(backup)),
        lit(world, backup.target.as_str()),
        vec![span(Role::Text, ByteSize(backup.stamp.size).to_string())],
        detail::seal(backup, seal),
        detail::trust(backup, canvas.glyphs, trust),
    ]
}

/// A cell with what the filter found in it made visible.
fn lit(world: &World, text: &str) -> Line {
    let found = world.query().highlights(text);
    let mut line: Line = vec![];
    for (at, c) in (0..).zip(text.chars()) {
        let role = if found.contains(&at) { Role::Match } else { Role::Text };
        match line.last_mut() {
            Some(last) if last.role == role => last.text.push(c),
            _ => line.push(span(role, c)),
        }
    }
    line
}

fn filter_line(scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let world = scene.world;
    let mut right = vec![span(
        Role::Text,
        if world.count() == world.total() && world.filter_text().is_empty() {
            grouped(world.total() as u64)
        } else {
            format!("{} of {}", grouped(world.count() as u64), grouped(world.total() as u64))
        },
    )];
    if world.sort() != Sort::Newest {
        right.push(span(Role::Dim, format!(", {}", world.sort().words())));
    }
    right.push(span(Role::Text, "  "));
    right.extend(world.targets.iter().flat_map(target_words));
    let used: usize = right.iter().map(|part| unicode_width::UnicodeWidthStr::width(part.text.as_str())).sum();
    let right_area =
        indent(area, (usize::from(area.width).saturating_sub(used + 1)).max(usize::from(area.width) / 2) as u16);
    let left = Rect { width: right_area.x.saturating_sub(area.x + 2), ..indent(area, 1) };
    match (scene.typing, world.filter_text()) {
        (Some((text, column)), _) => {
            canvas.spans(left, &[span(Role::Key, "/ "), span(Role::Input, text)]);
            let x = (left.x + 2 + column as u16).min(left.right().saturating_sub(1));
            canvas.cursor = Some(ratatui::layout::Position { x, y: left.y });
        }
        (None, "") => {
            canvas.text(left, Role::Dim, "all backups");
        }
        (None, text) => {
            canvas.spans(left, &[span(Role::Dim, "/ "), span(Role::Text, text)]);
        }
    }
    canvas.spans(right_area, &right);
}

fn target_words(target: &TargetLine) -> Line {
    let name = format!("  {}", target.name);
    match &target.state {
        TargetState::Waiting => vec![span(Role::Dim, format!("{name} waiting"))],
        TargetState::Listing(count) => vec![span(Role::Dim, format!("{name} {}..", grouped(*count)))],
        TargetState::Listed => vec![span(Role::Text, name)],
        TargetState::Failed(_) => vec![span(Role::Danger, format!("{name} failed"))],
    }
}

/// `newest good copy of shop: ...`, or what there is instead.
fn good_line(backup: &Backup, world: &World, width: u16) -> Line {
    let Some(copy) = world.newest_good.iter().find(|copy| copy.series == backup.series) else { return vec![] };
    let of = |id: &Option<BackupId>| id.as_ref().and_then(|id| world.backup(id));
    let head = format!("newest good {}{}: ", if width < 72 { "" } else { "copy of " }, copy.name);
    match (of(&copy.good), of(&copy.newest)) {
        (Some(good), _) => {
            let proof = good.proof.as_deref();
            let rung = proof.map_or("", |proof| proof.reached().word());
            let age = proof.map_or(String::new(), |proof| short_span(proof.at.age_at(world.now)));
            let place = format!("{} on {}", good.taken.at.minute(), good.target);
            vec![span(Role::Text, head), span(Role::Good, place), span(Role::Text, format!(", {rung} {age} ago"))]
        }
        (None, Some(newest)) => {
            let listed = format!("; newest listed {} on {}", newest.taken.at.minute(), newest.target);
            vec![span(Role::Text, head), span(Role::Warn, "none"), span(Role::Text, listed)]
        }
        (None, None) => vec![],
    }
}
