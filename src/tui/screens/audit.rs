//! Who did what, when, with what result: newest first.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::audit::{AuditKind, AuditRecord};
use crate::model::units::grouped;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::World;

/// Who did what.
#[derive(Default)]
pub struct Audit {
    /// The record's number in the chain.
    chosen: Option<u64>,
    window: Cell<(usize, usize)>,
}

const COLUMNS: [Column; 6] = [
    Column { title: "NO", least: 4, most: 7, side: Side::Right, rank: 2 },
    Column { title: "WHEN UTC", least: 19, most: 19, side: Side::Left, rank: 0 },
    Column { title: "WHO", least: 6, most: 14, side: Side::Left, rank: 3 },
    Column { title: "WHAT", least: 9, most: 12, side: Side::Left, rank: 0 },
    Column { title: "ON WHAT", least: 12, most: 60, side: Side::Left, rank: 4 },
    Column { title: "RESULT", least: 8, most: 18, side: Side::Left, rank: 1 },
];

impl Audit {
    fn row(&self, world: &World) -> usize {
        self.chosen.and_then(|seq| world.audit.iter().position(|record| record.seq == seq)).unwrap_or(0)
    }
}

fn result(record: &AuditRecord, world: &World) -> (Role, String) {
    match (record.kind, record.result.as_str()) {
        (AuditKind::Intent, _) => {
            let open = world.chain.as_ref().is_some_and(|chain| chain.open_intents.contains(&record.seq));
            if open { (Role::Warn, "intent, open".to_owned()) } else { (Role::Dim, "intent".to_owned()) }
        }
        (_, "ok") => (Role::Good, "ok".to_owned()),
        (_, "") => (Role::Dim, String::new()),
        (_, word @ ("failed" | "damaged" | "truncated")) => (Role::Danger, word.to_owned()),
        (_, word) => (Role::Warn, word.to_owned()),
    }
}

fn cells(record: &AuditRecord, world: &World) -> [Line; 6] {
    let (role, words) = result(record, world);
    [
        vec![span(Role::Dim, record.seq.to_string())],
        vec![span(Role::Text, record.at.second())],
        vec![span(Role::Text, record.actor.user.clone())],
        vec![span(Role::Text, record.action.clone())],
        vec![span(Role::Text, record.subject.clone())],
        vec![span(role, words)],
    ]
}

impl Pane for Audit {
    fn context(&self) -> Context {
        Context::Audit
    }

    fn crumb(&self) -> String {
        "Audit".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![(Command::CheckChain, Ok(()))]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(row) = moved(command, self.row(world), world.audit.len(), self.window.get().1) {
            self.chosen = world.audit.get(row).map(|record| record.seq);
            return Flow::Stay;
        }
        match command {
            Command::CheckChain => Flow::Do(vec![Effect::CheckChain]),
            Command::Open => Flow::Say("the record stands below the list".to_owned()),
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some("breakglass audit verify".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::CheckChain, Command::GoBackups, Command::Copy, Command::Palette, Command::Help, Command::Quit]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        canvas.spans(indent(row(area, 0), 1), &chain(world));
        if world.audit.is_empty() {
            let inner = indent(below(area, 2), 3);
            canvas.text(row(inner, 0), Role::Text, "Nothing has been recorded yet.");
            canvas.text(row(inner, 2), Role::Dim, "Loading a key, verifying and restoring leave records here.");
            return;
        }
        let detail = 6.min(area.height / 2);
        let list = Rect { height: area.height - 1 - detail, ..below(area, 1) };
        let layout = Layout::fit(&COLUMNS, list.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(list, 0), 3), canvas);
        let rows = below(list, 1);
        let cursor = self.row(world);
        let top = scrolled(self.window.get().0, cursor, usize::from(rows.height));
        self.window.set((top, usize::from(rows.height)));
        for ((at, record), line) in world.audit.iter().enumerate().skip(top).zip(rows.rows()) {
            layout.row(&COLUMNS, &cells(record, world), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(indent(line, 1), Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
        if let Some(record) = world.audit.get(cursor) {
            about(record, below(area, area.height - detail), canvas);
        }
    }
}

/// What is known of the chain.
fn chain(world: &World) -> Line {
    match &world.chain {
        None => vec![span(Role::Dim, "chain not checked in this session")],
        Some(state) => match &state.broken {
            Some((seq, why)) => vec![span(Role::Danger, format!("chain broken at record {seq}: {why}"))],
            None => {
                let head = state.head.get(..16).unwrap_or(&state.head);
                let mut line = vec![
                    span(Role::Good, "chain unbroken"),
                    span(Role::Text, format!(", {} records, head {head}", grouped(state.records))),
                ];
                if !state.open_intents.is_empty() {
                    line.push(span(Role::Warn, format!(", {} without an outcome", state.open_intents.len())));
                }
                line
            }
        },
    }
}

fn about(record: &AuditRecord, area: Rect, canvas: &mut Canvas<'_>) {
    canvas.rule(row(area, 0));
    let inner = indent(below(area, 1), 3);
    let actor = &record.actor;
    let login = actor
        .login
        .as_ref()
        .filter(|login| **login != actor.user)
        .map_or(String::new(), |login| format!(", logged in as {login}"));
    let sudo = actor.sudo_user.as_ref().map_or(String::new(), |user| format!(", sudo by {user}"));
    let from = actor.ssh_from.as_ref().map_or(String::new(), |from| format!(", over ssh from {from}"));
    let key = record.key.as_ref().map_or("none".to_owned(), |key| key.short());
    let kind = match (record.kind, record.of) {
        (AuditKind::Intent, _) => "intent, written before the first byte".to_owned(),
        (AuditKind::Outcome, Some(of)) => format!("outcome of record {of}"),
        (AuditKind::Outcome, None) => "outcome".to_owned(),
        (AuditKind::Event, _) => "event".to_owned(),
    };
    let lines = [
        ("what", format!("{} {}", record.action, record.subject)),
        (
            "detail",
            format!("{kind}{}", if record.detail.is_empty() { String::new() } else { format!("; {}", record.detail) }),
        ),
        ("who", format!("{} on {}{login}{sudo}{from}, pid {}, {}", actor.user, actor.host, actor.pid, actor.program)),
        ("key", key),
        ("hash", record.hash.clone()),
    ];
    for ((label, text), at) in lines.into_iter().zip(inner.rows()) {
        canvas.spans(at, &[span(Role::Head, format!("{label:<8}")), span(Role::Text, text)]);
    }
}
