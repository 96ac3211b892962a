//! Keys in memory, and keys that the estate offers.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::seal::Fingerprint;
use crate::model::units::{grouped, long_span};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::msg::{Effect, KeyFrom};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::{KeyOffer, LoadedKey, World};

/// Keys in memory, and keys that the estate offers.
#[derive(Default)]
pub struct Keys {
    /// The name of the key under the cursor: loading it must not slide the cursor onto another one.
    chosen: Option<String>,
    window: Cell<(usize, usize)>,
}

/// One line of the list.
enum Item<'a> {
    Loaded(&'a LoadedKey),
    Offered(&'a KeyOffer),
}

fn items(world: &World) -> Vec<Item<'_>> {
    let offers = world.key_offers.iter().filter(|offer| !offer.is_loaded(&world.keys));
    world.keys.iter().map(Item::Loaded).chain(offers.map(Item::Offered)).collect()
}

const COLUMNS: [Column; 5] = [
    Column { title: "KEY", least: 12, most: 24, side: Side::Left, rank: 0 },
    Column { title: "STATE", least: 8, most: 8, side: Side::Left, rank: 1 },
    Column { title: "OPENS", least: 6, most: 6, side: Side::Right, rank: 2 },
    Column { title: "FINGERPRINT", least: 19, most: 19, side: Side::Left, rank: 3 },
    Column { title: "KIND", least: 24, most: 60, side: Side::Left, rank: 5 },
];

fn cells(item: &Item<'_>) -> [Line; 5] {
    let print = |print: &Option<Fingerprint>| print.as_ref().map_or("not known yet".to_owned(), Fingerprint::short);
    match item {
        Item::Loaded(key) => {
            let is_rsa = key.facts.is_named_by_backups();
            let bits = key.facts.bits.filter(|_| is_rsa).map_or(String::new(), |bits| format!("-{bits}"));
            // Seals of the other kinds name nobody by a fingerprint: only trying tells.
            let opens = if is_rsa { grouped(key.opens as u64) } else { "?".to_owned() };
            let print = if key.facts.is_passphrase() { "none".to_owned() } else { print(&key.facts.fingerprint) };
            [
                vec![span(Role::Text, key.facts.label.to_string())],
                vec![span(Role::Good, "loaded")],
                vec![span(Role::Text, opens)],
                vec![span(Role::Text, print)],
                vec![span(Role::Dim, format!("{}{bits}, {}", key.facts.algorithm, key.facts.container))],
            ]
        }
        Item::Offered(offer) => [
            vec![span(Role::Text, offer.name.clone())],
            vec![span(Role::Dim, "locked")],
            // Only backups that name their keys can be counted.
            vec![span(Role::Dim, if offer.opens == 0 { "?".to_owned() } else { grouped(offer.opens as u64) })],
            vec![span(Role::Dim, print(&offer.fingerprint))],
            vec![span(Role::Dim, offer.file.clone())],
        ],
    }
}

impl Pane for Keys {
    fn context(&self) -> Context {
        Context::Keys
    }

    fn crumb(&self) -> String {
        "Keys".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let loaded = if world.keys.is_empty() { Err(Reason::plain("no key is loaded")) } else { Ok(()) };
        vec![(Command::LockKeys, loaded)]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let items = items(world);
        let at = self.at(&items);
        if let Some(row) = moved(command, at, items.len(), self.window.get().1) {
            self.chosen = items.get(row).map(Item::name);
            return Flow::Stay;
        }
        match (command, items.get(at)) {
            (Command::Open, Some(Item::Offered(offer))) => {
                Flow::Do(vec![Effect::LoadKey(KeyFrom::Estate(offer.name.clone()), None)])
            }
            (Command::Open, Some(Item::Loaded(key))) => Flow::Say(format!("{} is loaded", key.facts.label)),
            _ => Flow::Pass,
        }
    }

    fn hear(&mut self, news: &crate::tui::msg::Msg, _world: &World) -> Flow {
        match news {
            crate::tui::msg::Msg::KeyLocked(from, _) => {
                Flow::Open(Box::new(crate::tui::layers::passphrase::Passphrase::new(from.clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        let items = items(world);
        match items.get(self.at(&items))? {
            Item::Loaded(key) => Some(format!("breakglass key inspect '{}'", key.facts.label)),
            Item::Offered(offer) => Some(format!("breakglass key inspect '{}'", offer.file)),
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("load")
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::LoadKey,
            Command::LockKeys,
            Command::LockNow,
            Command::GoBackups,
            Command::Palette,
            Command::Help,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        let items = items(world);
        let note = notes(scene, usize::from(area.width.saturating_sub(4)));
        let lines = (note.len() as u16 + 1).min(area.height / 2);
        let list = Rect { height: area.height - lines, ..area };
        if items.is_empty() {
            let inner = indent(below(list, 1), 3);
            canvas.text(row(inner, 0), Role::Text, "No key is loaded, and the estate names none.");
            let key = scene.key(Context::Keys, Command::LoadKey);
            canvas.text(
                row(inner, 2),
                Role::Dim,
                &format!("{key} loads one: from a file, pasted, or from an environment variable."),
            );
        } else {
            self.list(&items, list, canvas);
        }
        for (nth, line) in note.iter().enumerate() {
            canvas.spans(indent(row(area, list.height + nth as u16), 3), line);
        }
    }
}

impl Item<'_> {
    fn name(&self) -> String {
        match self {
            Self::Loaded(key) => key.facts.label.to_string(),
            Self::Offered(offer) => offer.name.clone(),
        }
    }
}

impl Keys {
    fn at(&self, items: &[Item<'_>]) -> usize {
        let chosen = self.chosen.as_ref();
        chosen.and_then(|name| items.iter().position(|item| item.name() == *name)).unwrap_or(0)
    }

    fn list(&self, items: &[Item<'_>], area: Rect, canvas: &mut Canvas<'_>) {
        let layout = Layout::fit(&COLUMNS, area.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(area, 0), 3), canvas);
        let rows = below(area, 1);
        let cursor = self.at(items);
        let top = scrolled(self.window.get().0, cursor, usize::from(rows.height));
        self.window.set((top, usize::from(rows.height)));
        for ((at, item), line) in items.iter().enumerate().skip(top).zip(rows.rows()) {
            layout.row(&COLUMNS, &cells(item), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(indent(line, 1), Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
    }
}

/// What is worth knowing about keys in memory.
fn notes(scene: &Scene<'_>, width: usize) -> Vec<Line> {
    let world = scene.world;
    let mut lines = vec![];
    for key in &world.keys {
        for remark in &key.facts.remarks {
            lines.push((Role::Warn, format!("{}: {remark}", key.facts.label)));
        }
    }
    let (lock, now) = (scene.key(Context::Keys, Command::LockKeys), scene.key(Context::Keys, Command::LockNow));
    let idle = long_span(world.idle_lock).replace("m00s", "m");
    lines.push((
        Role::Dim,
        format!(
            "Keys live in locked memory, are wiped when they go, and are forgotten after {idle} without a key press. \
             {lock} forgets them now while jobs go on; {now} forgets them and stops every job."
        ),
    ));
    let wrapped = lines
        .into_iter()
        .flat_map(|(role, text)| wrap(&text, width).into_iter().map(move |part| vec![span(role, part)]));
    wrapped.collect()
}
