//! Which databases of an archive are restored, and what they become.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::plan::RestorePlan;
use crate::model::sink::Sink;
use crate::model::trust::MemberProof;
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::layers::plan::Plan;
use crate::tui::msg::{Effect, Msg, PlanAsk};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::checklist::Checklist;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::widgets::table::{Column, Side};
use crate::tui::world::World;

const COLUMNS: [Column; 5] = [
    Column { title: "DATABASE", least: 12, most: 32, side: Side::Left, rank: 0 },
    Column { title: "BECOMES", least: 14, most: 32, side: Side::Left, rank: 0 },
    Column { title: "TABLES", least: 6, most: 6, side: Side::Right, rank: 2 },
    Column { title: "ROWS", least: 11, most: 11, side: Side::Right, rank: 3 },
    Column { title: "SQL", least: 6, most: 6, side: Side::Right, rank: 1 },
];

/// Which databases of an archive are restored, and what they become.
pub struct Databases {
    ask: PlanAsk,
    title: String,
    rows: Vec<Row>,
    list: Checklist,
    becoming: Becoming,
    /// The new name that is being typed for the one under the cursor.
    naming: Option<LineInput>,
    waiting: bool,
}

/// A database of the archive.
struct Row {
    name: Foreign,
    tables: u64,
    rows: u64,
    bytes: u64,
    /// Its new name; empty: its own.
    to: String,
}

/// What the place that the plan is for makes of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becoming {
    /// Files, named as in the archive.
    Files,
    /// One database, named with the place.
    TheOne,
    /// A database each.
    Databases,
}

/// The databases of an archive that was read, once each; empty for everything else.
pub fn held(backup: &Backup) -> Vec<&Foreign> {
    let mut names: Vec<&Foreign> = vec![];
    for name in members(backup).filter_map(|member| member.database.as_ref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn members(backup: &Backup) -> impl Iterator<Item = &MemberProof> {
    backup.proof.iter().flat_map(|proof| &proof.members)
}

/// Whether databases can be chosen, or why not.
pub fn offer(backup: Option<&Backup>) -> Result<(), Reason> {
    match backup {
        Some(backup) if !held(backup).is_empty() => Ok(()),
        Some(backup) if crate::work::plan::is_archive(backup) => {
            Err(Reason::plain("what an archive holds is known once it was verified"))
        }
        _ => Err(Reason::plain("this backup is one dump: there is nothing to choose from")),
    }
}

impl Databases {
    /// The databases of a backup, as a plan that was made of it chose them.
    pub fn new(ask: &PlanAsk, plan: &RestorePlan, title: &str, backup: &Backup) -> Self {
        let chosen = |name: &Foreign| ask.databases.is_empty() || ask.databases.contains(name);
        let renamed = |name: &Foreign| ask.renames.iter().find(|(from, _)| from == name).map(|(_, to)| to.clone());
        let rows: Vec<Row> = held(backup)
            .into_iter()
            .map(|name| {
                let own = || members(backup).filter(|member| member.database.as_ref() == Some(name));
                Row {
                    name: name.clone(),
                    tables: own().map(|member| member.inside.table_count).sum(),
                    rows: own().flat_map(|member| &member.inside.tables).map(|table| table.rows).sum(),
                    bytes: own().map(|member| member.bytes).sum(),
                    to: renamed(name).unwrap_or_default(),
                }
            })
            .collect();
        let list = Checklist::new(rows.iter().map(|row| chosen(&row.name)).collect());
        let becoming = match plan.into {
            Sink::Databases(_) => Becoming::Databases,
            Sink::Mysql(_) => Becoming::TheOne,
            Sink::Dir(_) | Sink::Stdout => Becoming::Files,
        };
        let (ask, title) = (ask.clone(), title.to_owned());
        Self { ask, title, rows, list, becoming, naming: None, waiting: false }
    }

    fn request(&mut self) -> Flow {
        let chosen: Vec<usize> = self.list.chosen().collect();
        if chosen.is_empty() {
            return Flow::Say("choose at least one database".to_owned());
        }
        let names = chosen.iter().map(|nth| self.rows[*nth].name.clone());
        self.ask.databases = if self.list.all() { vec![] } else { names.collect() };
        let renamed = self.rows.iter().filter(|row| !row.to.is_empty());
        self.ask.renames = renamed.map(|row| (row.name.clone(), row.to.clone())).collect();
        self.waiting = true;
        Flow::Do(vec![Effect::Plan(self.ask.clone())])
    }

    fn name(&mut self) -> Flow {
        match (self.becoming, self.rows.get(self.list.cursor())) {
            (Becoming::Files, _) => Flow::Say("a folder gets files named as in the archive".to_owned()),
            (Becoming::TheOne, _) => Flow::Say("the one database is named with the place: m in the plan".to_owned()),
            (Becoming::Databases, Some(row)) => {
                let own = row.name.raw_str().unwrap_or_default();
                self.naming = Some(LineInput::new(if row.to.is_empty() { own } else { &row.to }));
                Flow::Stay
            }
            (Becoming::Databases, None) => Flow::Stay,
        }
    }

    fn named(&mut self) {
        let Some(input) = self.naming.take() else { return };
        let to = input.text().trim();
        if let Some(row) = self.rows.get_mut(self.list.cursor()) {
            row.to = if row.name.raw_str() == Some(to) { String::new() } else { to.to_owned() };
        }
    }

    fn cells(&self, nth: usize) -> Vec<Line> {
        let one = &self.rows[nth];
        let becomes = match self.becoming {
            Becoming::Files => span(Role::Dim, "a file"),
            Becoming::TheOne => span(Role::Dim, "the one database"),
            Becoming::Databases if one.to.is_empty() => span(Role::Text, one.name.to_string()),
            Becoming::Databases => span(Role::Key, Foreign::from(one.to.as_str()).to_string()),
        };
        vec![
            vec![span(Role::Text, one.name.to_string())],
            vec![becomes],
            vec![span(Role::Text, grouped(one.tables))],
            vec![span(Role::Text, grouped(one.rows))],
            vec![span(Role::Text, ByteSize(one.bytes).to_string())],
        ]
    }
}

impl Pane for Databases {
    fn context(&self) -> Context {
        if self.naming.is_some() { Context::Field } else { Context::Choice }
    }

    fn crumb(&self) -> String {
        "Databases".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        if self.naming.is_some() {
            match command {
                Command::Open => self.named(),
                Command::Back => self.naming = None,
                Command::Erase => self.naming = Some(LineInput::default()),
                Command::Up | Command::Down => {}
                _ => return Flow::Pass,
            }
            return Flow::Stay;
        }
        match command {
            Command::Open if self.waiting => Flow::Stay,
            Command::Open => self.request(),
            Command::Name => self.name(),
            _ if self.list.take(command) => Flow::Stay,
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        self.naming.is_some()
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if let Some(input) = &mut self.naming {
            input.key(key);
        }
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        match &mut self.naming {
            Some(input) => {
                input.paste(&String::from_utf8_lossy(text.expose()));
                Flow::Stay
            }
            None => Flow::Say("pasted text means nothing here".to_owned()),
        }
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::Planned(ask, plan) if self.waiting && *ask == self.ask => {
                Flow::Swap(Box::new(Plan::new(ask.clone(), (**plan).clone(), self.title.clone())))
            }
            Msg::Failed(report) if self.waiting => {
                self.waiting = false;
                Flow::Open(Box::new(Failure::new((**report).clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match (command, self.naming.is_some()) {
            (Command::Open, true) => Some("take this name"),
            (Command::Open, false) => Some("plan"),
            (Command::Mark, _) => Some("choose"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        use Command as C;
        match (self.naming.is_some(), self.becoming) {
            (true, _) => &[C::Open, C::Back, C::Erase],
            (false, Becoming::Databases) => &[C::Open, C::Mark, C::MarkAll, C::Name, C::Help, C::Back],
            (false, _) => &[C::Open, C::Mark, C::MarkAll, C::Help, C::Back],
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 0), 1);
        canvas.text(row(inner, 0), Role::Title, &format!("Restore {}: which databases?", self.title));
        let text = match self.becoming {
            Becoming::Databases => "A renamed database never touches its old name.",
            Becoming::TheOne => "One database goes to one name: choose one.",
            Becoming::Files => "Each becomes a file of its own.",
        };
        canvas.text(row(inner, 1), Role::Dim, text);
        let list = below(inner, 3);
        let list = Rect { height: list.height.saturating_sub(2), ..list };
        self.list.view(&COLUMNS, |nth| self.cells(nth), list, canvas);
        let foot = row(inner, inner.height.saturating_sub(1));
        if let Some(input) = &self.naming {
            let name = self.rows.get(self.list.cursor()).map_or(String::new(), |row| row.name.to_string());
            let used = canvas.text(foot, Role::Head, &format!("{name} becomes  "));
            if scene.on_top {
                input.view(Rect { width: foot.width.saturating_sub(used + 1), ..indent(foot, used) }, canvas);
            }
        } else if self.waiting {
            canvas.text(foot, Role::Dim, "making the plan: asking target and sink...");
        } else {
            let count = self.list.chosen().count();
            canvas.text(foot, Role::Dim, &format!("{count} of {} chosen", self.rows.len()));
        }
    }
}
