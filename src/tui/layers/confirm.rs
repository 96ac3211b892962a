//! The question before a plan runs. Enter never says yes, and pasted text answers nothing.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::foreign::Foreign;
use crate::model::plan::{Ask, ConfirmAnswer, RestorePlan, StepEffect};
use crate::tui::canvas::{Canvas, Line, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// The question before a plan runs.
pub struct Confirm {
    plan: RestorePlan,
    ask: Ask,
    input: LineInput,
}

impl Confirm {
    /// Asks what agreeing to this plan takes.
    pub fn new(plan: RestorePlan, ask: Ask) -> Self {
        Self { plan, ask, input: LineInput::default() }
    }

    fn answer(&self, answer: &ConfirmAnswer) -> Flow {
        match self.plan.clone().confirm(answer) {
            Ok(confirmed) => Flow::LeaveAllAnd(vec![Effect::Restore(Box::new(confirmed))]),
            Err(_) => Flow::Say("that is not the name; nothing was started".to_owned()),
        }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let text = |role, text: String| wrap(&text, width).into_iter().map(move |part| vec![span(role, part)]);
        let mut lines: Vec<Line> = text(Role::Title, format!("Start this restore into {}?", self.plan.into)).collect();
        let losses = self.plan.will.iter().filter(|step| step.effect == StepEffect::Overwrites);
        lines.extend(losses.flat_map(|step| text(Role::Danger, step.text.clone())));
        lines
    }
}

impl Pane for Confirm {
    fn context(&self) -> Context {
        if matches!(self.ask, Ask::TypeName(_)) { Context::Typed } else { Context::Confirm }
    }

    fn crumb(&self) -> String {
        "Start?".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(usize::from(width.saturating_sub(5))).len() as u16 + 3)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Yes => self.answer(&ConfirmAnswer::Yes),
            Command::No => Flow::Leave,
            Command::Start => self.answer(&ConfirmAnswer::Name(Foreign::from(self.input.text()))),
            Command::Erase => {
                self.input.set("");
                Flow::Stay
            }
            Command::Open => Flow::Say("enter starts nothing here".to_owned()),
            _ => Flow::Pass,
        }
    }

    fn takes_text(&self) -> bool {
        matches!(self.ask, Ask::TypeName(_))
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, _text: SecretText, _world: &World) -> Flow {
        Flow::Say("pasted text never confirms: type the answer".to_owned())
    }

    fn hints(&self) -> &'static [Command] {
        match self.ask {
            Ask::TypeName(_) => &[Command::Start, Command::Erase, Command::Back],
            _ => &[Command::Yes, Command::No, Command::Back],
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let lines = self.lines(usize::from(area.width.saturating_sub(5)));
        for (line, at) in lines.iter().zip(inner.rows()) {
            canvas.spans(at, line);
        }
        let next = row(inner, lines.len() as u16 + 1);
        match &self.ask {
            Ask::TypeName(name) => {
                let start = scene.key(Context::Typed, Command::Start);
                let used = canvas.spans(next, &[span(Role::Text, format!("type {name} and press {start}:  "))]);
                if scene.on_top {
                    self.input.view(Rect { width: next.width.saturating_sub(used + 1), ..indent(next, used) }, canvas);
                }
            }
            _ => {
                let yes = scene.key(Context::Confirm, Command::Yes);
                canvas.spans(
                    next,
                    &[
                        span(Role::Key, yes),
                        span(Role::Text, " starts it    "),
                        span(Role::Selection, "N"),
                        span(Role::Text, " leaves it"),
                    ],
                );
            }
        }
    }
}
