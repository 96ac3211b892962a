//! Something to read: what was covered, hazards, a summary, a review.

use ratatui::layout::Rect;

use crate::tui::canvas::Canvas;
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::widgets::body::{Body, Paragraph};
use crate::tui::world::World;

/// Something to read.
pub struct Paper {
    crumb: &'static str,
    make: Box<dyn Fn(u16) -> Vec<Paragraph>>,
    twin: Option<String>,
    body: Body,
}

impl Paper {
    /// Shows paragraphs under this name; `twin` is the headless command that prints the same.
    pub fn new(crumb: &'static str, paragraphs: Vec<Paragraph>, twin: Option<String>) -> Self {
        Self::sized(crumb, move |_| paragraphs.clone(), twin)
    }

    /// The same, of paragraphs that follow the width.
    pub fn sized(crumb: &'static str, make: impl Fn(u16) -> Vec<Paragraph> + 'static, twin: Option<String>) -> Self {
        Self { crumb, make: Box::new(make), twin, body: Body::default() }
    }
}

impl Pane for Paper {
    fn context(&self) -> Context {
        Context::Help
    }

    fn crumb(&self) -> String {
        self.crumb.to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        if self.body.take(command) { Flow::Stay } else { Flow::Pass }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        self.twin.clone()
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::PageDown, Command::Copy, Command::Palette, Command::Help]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.body.view(&(self.make)(area.width.saturating_sub(3)), scene, area, canvas);
    }
}
