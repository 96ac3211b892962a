//! All commands by name, also those that cannot run now, with the reason.

use crossterm::event::KeyEvent;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;

use crate::tui::app::App;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason, entry_of, of_context};
use crate::tui::keymap::Context;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::widgets::table::scrolled;
use crate::tui::world::World;

/// Commands that make no sense when chosen from a list.
const MOVES: [Command; 11] = [
    Command::Up,
    Command::Down,
    Command::Left,
    Command::Right,
    Command::PageUp,
    Command::PageDown,
    Command::First,
    Command::Last,
    Command::Palette,
    Command::Back,
    Command::Erase,
];

/// Lines of the list.
const HEIGHT: u16 = 10;

/// All commands by name.
pub struct Palette {
    input: LineInput,
    all: Vec<Item>,
    shown: Vec<(usize, Vec<u32>)>,
    chosen: usize,
}

struct Item {
    command: Command,
    keys: String,
    state: Result<(), Reason>,
}

impl Palette {
    /// What the topmost pane and the program offer.
    pub fn new(app: &App) -> Self {
        let context = app.top().context();
        let offers: Vec<Offer> = app.top().offers(&app.world);
        let known =
            of_context(context).iter().chain(of_context(Context::Global)).filter(|command| !MOVES.contains(command));
        let item = |command: &Command| {
            let offer = offers.iter().find(|(offered, _)| offered == command);
            let state = offer.map_or(Ok(()), |(_, state)| state.clone());
            Item { command: *command, keys: app.keymap.keys_of(context, *command).join(", "), state }
        };
        let mut palette =
            Self { input: LineInput::default(), all: known.map(item).collect(), shown: vec![], chosen: 0 };
        palette.search();
        palette
    }

    fn search(&mut self) {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.input.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut found: Vec<(u32, usize, Vec<u32>)> = vec![];
        for (at, item) in self.all.iter().enumerate() {
            let (mut buffer, mut places) = (vec![], vec![]);
            let title = Utf32Str::new(entry_of(item.command).title, &mut buffer);
            if let Some(score) = pattern.indices(title, &mut matcher, &mut places) {
                places.sort_unstable();
                found.push((score, at, places));
            }
        }
        found.sort_by_key(|(score, at, _)| (std::cmp::Reverse(*score), *at));
        self.shown = found.into_iter().map(|(_, at, places)| (at, places)).collect();
        self.chosen = 0;
    }
}

impl Pane for Palette {
    fn context(&self) -> Context {
        Context::Palette
    }

    fn crumb(&self) -> String {
        "Commands".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(HEIGHT + 1)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        if let Some(row) = moved(command, self.chosen, self.shown.len(), usize::from(HEIGHT)) {
            self.chosen = row;
            return Flow::Stay;
        }
        match (command, self.shown.get(self.chosen)) {
            (Command::Open, Some((at, _))) => Flow::LeaveRun(self.all[*at].command),
            (Command::Open, None) => Flow::Say("no command matches".to_owned()),
            (Command::Erase, _) => {
                self.input.set("");
                self.search();
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if self.input.key(key) {
            self.search();
        }
        Flow::Stay
    }

    fn paste(&mut self, _text: SecretText, _world: &World) -> Flow {
        Flow::Say("type a command's name".to_owned())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("run")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 1);
        let used = canvas.text(row(inner, 0), Role::Key, ": ");
        if scene.on_top {
            self.input
                .view(Rect { width: inner.width.saturating_sub(used + 1), ..indent(row(inner, 0), used) }, canvas);
        }
        let rows = below(inner, 1);
        let top = scrolled(0, self.chosen, usize::from(rows.height));
        for ((nth, (at, places)), line) in self.shown.iter().enumerate().skip(top).zip(rows.rows()) {
            let item = &self.all[*at];
            let title = entry_of(item.command).title;
            let mut spans = lit(title, places, if item.state.is_ok() { Role::Text } else { Role::Off });
            if let Err(reason) = &item.state {
                spans.push(span(Role::Off, format!("   {}", reason.why)));
            }
            canvas.text(
                indent(line, 2),
                Role::Key,
                &format!("{:<10}", item.keys.split(", ").next().unwrap_or_default()),
            );
            canvas.spans(indent(line, 12), &spans);
            if nth == self.chosen {
                canvas.text(line, Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
        }
        if self.shown.is_empty() {
            canvas.text(indent(row(rows, 0), 2), Role::Dim, "no command matches");
        }
    }
}

fn lit(text: &str, places: &[u32], role: Role) -> Line {
    (0..).zip(text.chars()).map(|(at, c)| span(if places.contains(&at) { Role::Match } else { role }, c)).collect()
}
