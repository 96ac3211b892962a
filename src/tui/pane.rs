//! What a screen or a layer is: it offers commands, takes them, and draws itself.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::tui::app::Place;
use crate::tui::canvas::{Canvas, Hit};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::{Context, Keymap};
use crate::tui::msg::{Effect, Msg};
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// What follows from a command, a key or a paste.
pub enum Flow {
    /// Not mine: the next one below, or the program, may know it.
    Pass,
    /// Taken; perhaps something looks different now.
    Stay,
    /// A sentence for the status line.
    Say(String),
    /// Work to be done.
    Do(Vec<Effect>),
    /// Another layer on top.
    Open(Box<dyn Pane>),
    /// Another layer on top, and work that it waits for.
    OpenAnd(Box<dyn Pane>, Vec<Effect>),
    /// Another layer in the place of this one.
    Swap(Box<dyn Pane>),
    /// This layer goes.
    Leave,
    /// This layer goes, and a sentence tells why.
    LeaveSaying(String),
    /// This layer goes, and work is to be done.
    LeaveAnd(Vec<Effect>),
    /// All layers go, and work is to be done.
    LeaveAllAnd(Vec<Effect>),
    /// This layer goes, and a command is run by what is below.
    LeaveRun(Command),
    /// The list of backups is filtered by this.
    Filter(String),
    /// The screen below takes this command while the layer stays.
    Below(Command),
    /// The list of backups is sorted in the next way.
    Sort,
    /// To another screen, leaving all layers.
    Go(Place),
    /// Something is done with the list of the open change source.
    Log(LogAct),
    /// This layer goes, and something is done with that list.
    LeaveLog(LogAct),
    /// This layer goes, and statements of the open recovery are searched.
    LeaveSearch(String),
}

/// What can be done with the list of the open change source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAct {
    /// To an entry, with a sentence about it; empty: none.
    Jump(u64, String),
    /// To its end.
    End,
    /// The other way round.
    Turn,
    /// Filter by this.
    Filter(String),
}

/// How much of the screen a layer covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// The whole content.
    Whole,
    /// So many lines at the bottom; what is below stays readable.
    Sheet(u16),
    /// Nothing: it changes what the screen below draws.
    Line,
}

/// A screen or a layer. No channel, no task, no I/O.
pub trait Pane {
    /// Which table of keys applies.
    fn context(&self) -> Context;

    /// What the header says after the names of everything below.
    fn crumb(&self) -> String;

    /// How much of the screen it covers. Screens cover everything.
    fn cover(&self, _width: u16) -> Cover {
        Cover::Whole
    }

    /// Which commands it offers beside the global ones, or why they cannot run now.
    fn offers(&self, world: &World) -> Vec<Offer>;

    /// Takes a command.
    fn update(&mut self, command: Command, world: &World) -> Flow;

    /// Whether plain characters are typed into it.
    fn takes_text(&self) -> bool {
        false
    }

    /// Whether what is typed is a secret: plain mode turns the terminal's echo off.
    fn takes_secret(&self) -> bool {
        false
    }

    /// Takes a key that is not bound, where text is typed.
    fn key(&mut self, _key: &KeyEvent, _world: &World) -> Flow {
        Flow::Pass
    }

    /// Takes pasted text. Whoever asks a question must not take it for an answer.
    fn paste(&mut self, _text: SecretText, _world: &World) -> Flow {
        Flow::Say("pasted text means nothing here".to_owned())
    }

    /// Puts the cursor on what was clicked.
    fn point(&mut self, _hit: &Hit, _world: &World) -> Flow {
        Flow::Pass
    }

    /// Hears news before the program deals with it; `Pass` leaves it to the program.
    fn hear(&mut self, _news: &Msg, _world: &World) -> Flow {
        Flow::Pass
    }

    /// Hears news that pages of lists are, wherever this layer lies.
    fn overhear(&mut self, _news: &Msg) -> Flow {
        Flow::Stay
    }

    /// Work that is needed to show more; asked after every message, and each only once.
    fn needs(&mut self, _world: &World) -> Vec<Effect> {
        vec![]
    }

    /// Which question of a target's login it poses: it goes when that is answered elsewhere or taken back.
    fn poses(&self) -> Option<u64> {
        None
    }

    /// What is being typed into a line that the screen below draws: text and cursor column.
    fn typing(&self) -> Option<(&str, usize)> {
        None
    }

    /// Narrows its own list to what was typed into a filter line over it; `false`: the list of backups is meant.
    fn narrow(&mut self, _text: &str) -> bool {
        false
    }

    /// What its own list is narrowed to; `None`: it has none of its own.
    fn narrowed(&self) -> Option<&str> {
        None
    }

    /// What its filter understands, for the status line while it is typed.
    fn tokens(&self) -> Option<&'static str> {
        None
    }

    /// Which word of its filter means nothing.
    fn problem(&self, _world: &World) -> Option<String> {
        None
    }

    /// The headless command that shows or does the same.
    fn twin(&self, _world: &World) -> Option<String> {
        None
    }

    /// What a command does here, where that is not what its hint says.
    fn word(&self, _command: Command) -> Option<&'static str> {
        None
    }

    /// Commands that the footer names, most useful first; the rest is in help.
    fn hints(&self) -> &'static [Command];

    /// Draws itself.
    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>);
}

/// What views read.
pub struct Scene<'a> {
    /// What is known.
    pub world: &'a World,
    /// Which keys there are, for the words beside them.
    pub keymap: &'a Keymap,
    /// Whether this pane is the topmost one.
    pub on_top: bool,
    /// What the filter line shows while it is being typed: text and cursor column.
    pub typing: Option<(&'a str, usize)>,
}

impl Scene<'_> {
    /// The first key of a command in a context.
    pub fn key(&self, context: Context, command: Command) -> String {
        self.keymap.key_of(context, command).unwrap_or_else(|| "?".to_owned())
    }
}
