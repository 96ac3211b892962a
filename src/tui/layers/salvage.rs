//! What a salvage is, where it goes, and the folder's name typed: one layer, because nothing else is decided.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::salvage::SalvageOrder;
use crate::model::trust::VerdictOutcome;
use crate::tui::canvas::{Canvas, Line, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::detail;
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;
use crate::work::salvage;

/// Where a salvage goes: the first of its two questions.
pub struct Salvage {
    backup: BackupId,
    title: String,
    verdict: String,
    input: LineInput,
}

/// The folder's name, typed: the second one.
pub struct Agree {
    order: SalvageOrder,
    title: String,
    input: LineInput,
}

impl Salvage {
    /// About this backup.
    pub fn new(backup: &Backup) -> Self {
        let verdict = match backup.proof.as_deref() {
            Some(proof) => match proof.at_byte.filter(|_| proof.outcome.is_bad()) {
                Some(byte) => format!("{} at byte {byte}", proof.outcome.word()),
                None if proof.outcome == VerdictOutcome::Ok => "not known to be broken".to_owned(),
                None => proof.outcome.word().to_owned(),
            },
            None => "not verified".to_owned(),
        };
        let input = LineInput::new(&salvage::proposed(backup));
        Self { backup: backup.id.clone(), title: detail::name(backup), verdict, input }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let texts = [
            (Role::Title, format!("Salvage {}: {}", self.title, self.verdict)),
            (
                Role::Text,
                "What can still be read is written: dumps cut behind their last whole statement, and a report \
                 of every table. This is no restore."
                    .to_owned(),
            ),
            (
                Role::Danger,
                "Nothing proves it: rows may be missing or changed. Look at the files before you run them.".to_owned(),
            ),
            (Role::Dim, "Into a new folder whose name ends in .salvaged. Nothing is written yet.".to_owned()),
        ];
        let wrapped =
            |(role, text): (Role, String)| wrap(&text, width).into_iter().map(move |part| vec![span(role, part)]);
        texts.into_iter().flat_map(wrapped).collect()
    }
}

impl Pane for Salvage {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        "Salvage".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(usize::from(width.saturating_sub(5))).len() as u16 + 3)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Open => match salvage::order(&self.backup, self.input.text().trim()) {
                Ok(order) => Flow::Swap(Box::new(Agree::new(order, self.title.clone()))),
                Err(report) => Flow::Open(Box::new(Failure::new(report))),
            },
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
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        Flow::Stay
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("go on")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let lines = self.lines(usize::from(area.width.saturating_sub(5)));
        for (line, at) in lines.iter().zip(inner.rows()) {
            canvas.spans(at, line);
        }
        field(&self.input, "into    ", row(inner, lines.len() as u16 + 1), scene, canvas);
    }
}

/// A label, and behind it what is being typed.
fn field(input: &LineInput, label: &str, at: Rect, scene: &Scene<'_>, canvas: &mut Canvas<'_>) {
    let used = canvas.text(at, Role::Head, label);
    if scene.on_top {
        input.view(Rect { width: at.width.saturating_sub(used + 1), ..indent(at, used) }, canvas);
    }
}

impl Agree {
    fn new(order: SalvageOrder, title: String) -> Self {
        Self { order, title, input: LineInput::default() }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let title =
            format!("Salvage {} into {}?", self.title, Foreign::from(self.order.folder().to_string_lossy().as_ref()));
        let text = "What comes out is unproven, and never the whole backup.";
        let wrapped = |(role, text): (Role, &str)| {
            let parts = wrap(text, width);
            parts.into_iter().map(move |part| vec![span(role, part)]).collect::<Vec<_>>()
        };
        [(Role::Title, title.as_str()), (Role::Danger, text)].into_iter().flat_map(wrapped).collect()
    }
}

impl Pane for Agree {
    fn context(&self) -> Context {
        Context::Typed
    }

    fn crumb(&self) -> String {
        "Salvage?".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(usize::from(width.saturating_sub(5))).len() as u16 + 3)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Start => match self.order.clone().agree(&Foreign::from(self.input.text())) {
                Ok(agreed) => Flow::LeaveAllAnd(vec![Effect::Salvage(Box::new(agreed))]),
                Err(_) => Flow::Say("that is not the folder's name; nothing was started".to_owned()),
            },
            Command::Erase => {
                self.input.set("");
                Flow::Stay
            }
            Command::Open => Flow::Say("enter starts nothing here".to_owned()),
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, _text: SecretText, _world: &World) -> Flow {
        Flow::Say("pasted text never confirms: type the answer".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Start, Command::Erase, Command::Back]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let lines = self.lines(usize::from(area.width.saturating_sub(5)));
        for (line, at) in lines.iter().zip(inner.rows()) {
            canvas.spans(at, line);
        }
        let start = scene.key(Context::Typed, Command::Start);
        let label = format!("type {} and press {start}:  ", self.order.name());
        field(&self.input, &label, row(inner, lines.len() as u16 + 1), scene, canvas);
    }
}
