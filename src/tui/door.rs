//! The console's door: from a session and flags to the running loop.

use std::io;

use crate::report::{Fault, Report};
use crate::tui::app::{App, Look};
use crate::tui::glyphs;
use crate::tui::keymap::Keymap;
use crate::tui::live;
use crate::tui::live::Live;
use crate::tui::plain;
use crate::tui::runtime;
use crate::tui::runtime::Ended;
use crate::tui::terminal::Mouse;
use crate::tui::theme::{Palette, Theme};
use crate::work::session::Session;

/// How the console was asked for.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `dark`, `light`, `contrast`, `mono`.
    pub theme: Option<String>,
    /// `ascii` or `unicode`; otherwise the terminal decides.
    pub glyphs: Option<&'static str>,
    /// Whether the mouse does what keys do.
    pub mouse: Mouse,
    /// A screen, or numbered lines.
    pub form: Form,
    /// How the demo is opened; empty elsewhere.
    pub tip: String,
}

/// A screen, or numbered lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// The terminal's whole screen.
    #[default]
    Screen,
    /// `--plain`, or `TERM=dumb`.
    Lines,
}

/// Opens the console over a session and runs it until it ends.
///
/// # Errors
///
/// When a theme or key map cannot be read, or there is no terminal.
pub async fn open(session: Session, wishes: Wishes) -> Result<Ended, Report> {
    let env = |name: &str| std::env::var(name).ok();
    let palette = Palette::decide(None, &env);
    let theme = theme(&session, wishes.theme.as_deref(), palette)?;
    let look = Look { theme, glyphs: glyphs::decide(wishes.glyphs, &env) };
    let keymap = match session.user_file("keymap.toml")? {
        Some(text) => Keymap::built_in().merged(&text).map_err(|why| wrong("keymap.toml", &why))?,
        None => Keymap::built_in(),
    };
    let mut world = live::world(&session);
    world.tip.clone_from(&wishes.tip);
    let app = App::new(world, keymap, look);
    let backend = Live::new(session.clone());
    session.refresh();
    let dumb = env("TERM").is_some_and(|term| term == "dumb");
    let ended = if wishes.form == Form::Lines || dumb {
        plain::run(app, backend).await.map(|()| Ended::Quit)
    } else {
        runtime::run(app, backend, wishes.mouse).await
    };
    ended.map_err(|error| no_terminal(&error))
}

fn theme(session: &Session, name: Option<&str>, palette: Palette) -> Result<Theme, Report> {
    if let Some(name) = name {
        return Theme::built_in(name, palette).ok_or_else(|| {
            let text = format!("no theme {name}: dark, light, contrast or mono");
            Report::new(
                Fault::Usage,
                "console::theme",
                text,
                "or write your own: theme.toml in the configuration folder",
            )
        });
    }
    match session.user_file("theme.toml")? {
        Some(text) => Theme::parse(&text, palette).map_err(|why| wrong("theme.toml", &why)),
        None => Theme::built_in("dark", palette)
            .ok_or_else(|| Report::new(Fault::Failed, "console::theme", "the built-in theme is missing", "")),
    }
}

fn wrong(file: &str, why: &str) -> Report {
    Report::new(Fault::Usage, "console::user_file", format!("{file}: {why}"), "mend it, or move it away")
}

fn no_terminal(error: &io::Error) -> Report {
    let advice = "the console needs a terminal; every screen has a headless twin: `breakglass --help`, or --plain";
    Report::new(Fault::Usage, "console::no_terminal", format!("no terminal to draw on: {error}"), advice)
}
