//! Every key that works here: made of the key map and the command list, never written by hand.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::tui::app::App;
use crate::tui::canvas::{Canvas, Line, indent, row, span};
use crate::tui::command::{Command, Danger, Offer, entry_of, of_context};
use crate::tui::keymap::{Context, Keymap};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Every key that works here.
pub struct Help {
    lines: Vec<Line>,
    top: usize,
    size: Cell<usize>,
}

impl Help {
    /// About the topmost pane, then about everywhere.
    pub fn new(app: &App) -> Self {
        let context = app.top().context();
        let offers = app.top().offers(&app.world);
        let mut lines = vec![];
        if context != Context::Global && !of_context(context).is_empty() {
            section(&mut lines, &app.top().crumb(), context, &app.keymap, &offers);
            lines.push(vec![]);
        }
        section(&mut lines, "Everywhere", Context::Global, &app.keymap, &offers);
        lines.push(vec![]);
        lines.push(vec![span(Role::Title, "Filter")]);
        let of_changes = matches!(context, Context::Changes | Context::Rows);
        let (tokens, such): (&[&str], _) = if of_changes {
            let such = "  such as  shop.orders kind:delete since:14:02 where:status=paid statement:\"DELETE FROM\"";
            (&crate::tui::tokens::TOKENS, such)
        } else {
            let such = "  such as  shop after:7d trust:whole -target:nas  (a leading - turns a term around)";
            (&crate::work::filter::TOKENS, such)
        };
        let words = if of_changes { "tables, and tokens as the flags of changes" } else { "words, and tokens" };
        let tokens: Vec<String> = tokens.iter().map(|token| format!("{token}:")).collect();
        for (nth, some) in tokens.chunks(7).enumerate() {
            let head = if nth == 0 { format!("  {words}: ") } else { "    ".to_owned() };
            lines.push(vec![span(Role::Text, format!("{head}{}", some.join(" ")))]);
        }
        lines.push(vec![span(Role::Text, such)]);
        Self { lines, top: 0, size: Cell::new(1) }
    }
}

fn section(lines: &mut Vec<Line>, title: &str, context: Context, keymap: &Keymap, offers: &[Offer]) {
    lines.push(vec![span(Role::Title, title.to_owned())]);
    for command in of_context(context) {
        let entry = entry_of(*command);
        let keys = keymap.keys_of(context, *command).join(", ");
        let reason = offers.iter().find(|(offered, _)| offered == command).and_then(|(_, state)| state.as_ref().err());
        let role = if reason.is_some() { Role::Off } else { Role::Text };
        let mut line = vec![span(Role::Key, format!("  {keys:<18}")), span(role, entry.title)];
        match entry.danger {
            Danger::Safe => {}
            Danger::Writes => line.push(span(Role::Warn, "  writes")),
            Danger::Destroys => line.push(span(Role::Danger, "  may overwrite")),
        }
        if let Some(reason) = reason {
            line.push(span(Role::Off, format!("  ({})", reason.why)));
        }
        lines.push(line);
    }
}

impl Pane for Help {
    fn context(&self) -> Context {
        Context::Help
    }

    fn crumb(&self) -> String {
        "Help".to_owned()
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        let height = self.size.get();
        if let Some(top) = moved(command, self.top, self.lines.len().saturating_sub(height) + 1, height) {
            self.top = top;
            return Flow::Stay;
        }
        match command {
            Command::Help => Flow::Leave,
            _ => Flow::Pass,
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Back, Command::PageDown, Command::Palette]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 1);
        let body = Rect { height: inner.height.saturating_sub(1), ..inner };
        self.size.set(usize::from(body.height));
        let top = self.top.min(self.lines.len().saturating_sub(usize::from(body.height)));
        for (line, at) in self.lines.iter().skip(top).zip(body.rows()) {
            canvas.spans(at, line);
        }
        let more = self.lines.len().saturating_sub(top + usize::from(body.height));
        if more > 0 {
            let (down, page) = (scene.key(Context::Help, Command::Down), scene.key(Context::Help, Command::PageDown));
            canvas.text(row(inner, inner.height - 1), Role::Dim, &format!("{more} more lines: {down} or {page}"));
        }
    }
}
