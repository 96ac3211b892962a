//! What commands do wherever nobody else takes them.

use crate::tui::app::{App, Place};
use crate::tui::command::{Command, entry_of};
use crate::tui::heard;
use crate::tui::keymap::Context;
use crate::tui::layers;
use crate::tui::msg::{Effect, Forget};
use crate::tui::theme::Role;
use crate::tui::update::{go, open, say};

/// Commands that mean the same wherever nobody else took them.
pub(super) fn global(app: &mut App, command: Command) -> Vec<Effect> {
    let question = matches!(app.top().context(), Context::Confirm | Context::Quit | Context::Typed);
    if question && !matches!(command, Command::Back | Command::Quit | Command::Redraw | Command::Suspend) {
        say(app, Role::Warn, "a question is open: answer it, or leave it with esc");
        return vec![];
    }
    match command {
        Command::Back => back(app),
        Command::Palette => open(app, Box::new(layers::palette::Palette::new(app))),
        Command::Help => open(app, Box::new(layers::help::Help::new(app))),
        Command::Filter => say(app, Role::Dim, "nothing to filter here"),
        Command::GoHistory => return go(app, Place::History),
        Command::GoBackups => return go(app, Place::Backups),
        Command::GoChanges => return go(app, Place::Changes),
        Command::GoRecovery => return go(app, Place::Recovery),
        Command::GoKeys => return go(app, Place::Keys),
        Command::GoJobs => return go(app, Place::Jobs),
        Command::GoAudit => return go(app, Place::Audit),
        Command::LoadKey => open(app, Box::new(layers::key_source::KeySource::new(&app.world))),
        Command::LockKeys | Command::LockNow => return lock(app, command),
        Command::Arm => return arm(app),
        Command::Refresh => {
            say(app, Role::Text, "listing all targets again");
            return vec![Effect::Refresh];
        }
        Command::Redraw => return vec![Effect::Redraw],
        Command::Suspend => return vec![Effect::Suspend],
        Command::Quit => return quit(app),
        Command::Copy => return copy(app),
        Command::Open | Command::Mark | Command::Sort | Command::Next | Command::Previous => {
            say(app, Role::Dim, format!("nothing to {} here", entry_of(command).name));
        }
        _ => {}
    }
    vec![]
}

fn back(app: &mut App) {
    if app.layers.pop().is_some() {
        return;
    }
    if app.home.pane().narrowed().is_some_and(|text| !text.is_empty()) {
        app.home.pane_mut().narrow("");
        return;
    }
    if app.home.place == Place::Backups && !app.world.filter_text().is_empty() {
        app.world.filter("");
        return;
    }
    if heard::unfiltered(app) {
        return;
    }
    match app.home.place {
        Place::Backups => {}
        // A script is made on Changes: that is where one comes from.
        Place::Recovery if app.world.changes.is_some() => {
            go(app, Place::Changes);
            return;
        }
        _ => {
            go(app, Place::Backups);
            return;
        }
    }
    let quit = app.key_for(Command::Quit);
    say(app, Role::Dim, format!("this is the first screen: {quit} leaves breakglass"));
}

fn lock(app: &mut App, command: Command) -> Vec<Effect> {
    if app.world.keys.is_empty() && command == Command::LockKeys {
        say(app, Role::Dim, "no key is loaded");
        return vec![];
    }
    vec![Effect::Forget(if command == Command::LockNow { Forget::KeysAndJobs } else { Forget::Keys })]
}

fn arm(app: &mut App) -> Vec<Effect> {
    if app.world.armed_now().is_some() {
        return vec![Effect::Disarm];
    }
    match layers::arm::Arm::new(&app.world) {
        Some(layer) => open(app, Box::new(layer)),
        None => say(app, Role::Dim, "no server of this estate is marked protected: nothing needs arming"),
    }
    vec![]
}

fn quit(app: &mut App) -> Vec<Effect> {
    if app.top().context() == Context::Quit {
        return vec![];
    }
    if app.world.running() == 0 && app.layers.is_empty() {
        app.done = true;
        return vec![Effect::Quit];
    }
    open(app, Box::new(layers::quit::Leave::new(&app.world)));
    vec![]
}

fn copy(app: &mut App) -> Vec<Effect> {
    match app.top().twin(&app.world) {
        Some(twin) => {
            say(app, Role::Text, format!("$ {twin}"));
            vec![Effect::Copy(twin)]
        }
        None => {
            say(app, Role::Dim, "there is no headless command for this");
            vec![]
        }
    }
}
