//! Where a restore goes, before its plan is made. Making a plan writes nothing.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::tui::canvas::{Canvas, below, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::databases::held;
use crate::tui::layers::plan::Plan;
use crate::tui::msg::{Effect, Msg, PlanAsk};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;
use crate::work::plan::is_archive;

/// Where a restore goes.
pub struct Destination {
    ask: PlanAsk,
    title: String,
    what: What,
    /// Places to go, as `--into` takes them, with a word about each.
    places: Vec<(String, String)>,
    chosen: usize,
    input: LineInput,
    waiting: bool,
}

/// What is being typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Place,
    Tables,
}

impl Destination {
    /// Proposes a new folder, and a new database on every server of the estate.
    pub fn new(backup: &Backup, world: &World) -> Self {
        let renames = held(backup).into_iter().map(|name| (name.clone(), new_name(name, backup))).collect();
        let (id, into) = (backup.id.clone(), String::new());
        let ask = PlanAsk { backup: id, into, tables: vec![], databases: vec![], renames, choices: vec![] };
        Self::of(ask, detail::name(backup), places(backup, world))
    }

    /// Changes the place of a plan that was made.
    pub fn again(ask: &PlanAsk, title: &str, world: &World) -> Self {
        let mut places = vec![(ask.into.clone(), "as it was".to_owned())];
        if let Some(backup) = world.backup(&ask.backup) {
            places.extend(self::places(backup, world).into_iter().filter(|(place, _)| *place != ask.into));
        }
        Self::of(ask.clone(), title.to_owned(), places)
    }

    /// Chooses the tables of a plan that was made.
    pub fn tables(ask: &PlanAsk, title: &str) -> Self {
        let input = LineInput::new(&ask.tables.join(" "));
        let (ask, title) = (ask.clone(), title.to_owned());
        Self { ask, title, what: What::Tables, places: vec![], chosen: 0, input, waiting: false }
    }

    fn of(ask: PlanAsk, title: String, places: Vec<(String, String)>) -> Self {
        let input = LineInput::new(places.first().map_or("", |(place, _)| place));
        Self { ask, title, what: What::Place, places, chosen: 0, input, waiting: false }
    }

    fn request(&mut self) -> Flow {
        let text = self.input.text().trim().to_owned();
        match self.what {
            What::Place if text.is_empty() => return Flow::Say("type where to, such as dir:./restored".to_owned()),
            What::Place => self.ask.into = text,
            What::Tables => {
                self.ask.tables = text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            }
        }
        self.waiting = true;
        Flow::Do(vec![Effect::Plan(self.ask.clone())])
    }

    /// How places are written.
    fn forms(&self) -> &'static str {
        if self.places.iter().any(|(place, _)| place.starts_with("server:") && !place.contains('/')) {
            "dir:PATH, server:NAME or mysql://user@host/ for all, server:NAME/DB for one"
        } else {
            "dir:PATH, server:NAME/DATABASE or mysql://user@host/DATABASE"
        }
    }

    fn step(&mut self, by: isize) -> Flow {
        if self.places.is_empty() {
            return Flow::Stay;
        }
        self.chosen = self.chosen.saturating_add_signed(by).min(self.places.len() - 1);
        let place = self.places[self.chosen].0.clone();
        self.input.set(&place);
        Flow::Stay
    }
}

/// `shop_bg_1121`: what a database becomes unless somebody says otherwise.
fn new_name(name: &Foreign, backup: &Backup) -> String {
    let name = name.raw_str().filter(|name| harmless(name)).unwrap_or(backup.id.as_str());
    let month_day = backup.taken.at.day().get(5..).unwrap_or_default().replace('-', "");
    format!("{name}_bg_{month_day}")
}

fn places(backup: &Backup, world: &World) -> Vec<(String, String)> {
    let id: &BackupId = &backup.id;
    // Of an archive: what it holds is not one database, or not known before it was read.
    let several = is_archive(backup) && held(backup).len() != 1;
    let first = backup.databases.first().and_then(|name| name.raw_str()).filter(|name| harmless(name));
    let name = if several { backup.target.as_str() } else { first.unwrap_or(id.as_str()) };
    let day = backup.taken.at.day();
    let mut places = vec![(format!("dir:./restored-{name}-{day}"), "a new folder here".to_owned())];
    for server in &world.servers {
        let word = if server.protected { ", protected: needs arming" } else { "" };
        places.push(if several {
            let names = if held(backup).is_empty() {
                "its databases, each under its own name,"
            } else {
                "a new database of each,"
            };
            (format!("server:{}", server.name), format!("{names} on {}{word}", server.address))
        } else {
            let database = backup
                .databases
                .first()
                .map_or_else(|| new_name(&Foreign::from(id.as_str()), backup), |name| new_name(name, backup));
            (format!("server:{}/{database}", server.name), format!("a new database on {}{word}", server.address))
        });
    }
    places
}

fn harmless(name: &str) -> bool {
    name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl Pane for Destination {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        match self.what {
            What::Place => "Restore where to".to_owned(),
            What::Tables => "Tables".to_owned(),
        }
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(self.places.len() as u16 + 5)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Open if self.waiting => Flow::Stay,
            Command::Open => self.request(),
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::Erase => {
                self.input.set("");
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if !self.waiting {
            self.input.key(key);
        }
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        Flow::Stay
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::Planned(ask, plan) if self.waiting && *ask == self.ask => {
                Flow::Swap(Box::new(Plan::new(ask.clone(), (**plan).clone(), self.title.clone())))
            }
            Msg::Failed(report) if self.waiting => {
                self.waiting = false;
                Flow::Open(Box::new(crate::tui::layers::failure::Failure::new((**report).clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("make the plan")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let (title, text) = match self.what {
            What::Place => (format!("Restore {}: where to? Nothing is written yet.", self.title), self.forms()),
            What::Tables => (
                format!("Restore {}: which tables?", self.title),
                "Names with blanks between them; nothing means all. The plan is made anew.",
            ),
        };
        canvas.text(row(inner, 0), Role::Title, &title);
        canvas.text(row(inner, 1), Role::Dim, text);
        for (nth, ((place, word), at)) in self.places.iter().zip(below(inner, 2).rows()).enumerate() {
            let here = nth == self.chosen && self.input.text() == place;
            let (sign, role) = if here { ("> ", Role::Selection) } else { ("  ", Role::Text) };
            canvas.spans(at, &[span(role, format!("{sign}{place}")), span(Role::Dim, format!("  {word}"))]);
        }
        let field = row(inner, 3 + self.places.len() as u16);
        let used = canvas.text(field, Role::Head, if self.what == What::Place { "into    " } else { "tables  " });
        if scene.on_top {
            self.input.view(Rect { width: field.width.saturating_sub(used + 1), ..indent(field, used) }, canvas);
        }
        if self.waiting {
            canvas.text(
                row(inner, 2 + self.places.len() as u16),
                Role::Dim,
                "making the plan: asking target and sink...",
            );
        }
    }
}
