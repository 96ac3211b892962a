//! News of the open change source and the open recovery, and what their lists need next.

use crate::model::job::{Ending, Fact, JobId};
use crate::model::units::grouped;
use crate::report::Report;
use crate::tui::app::{App, Place};
use crate::tui::command::Command;
use crate::tui::layers::failure::Failure;
use crate::tui::layers::write_script;
use crate::tui::log::{Log, Order};
use crate::tui::msg::{Effect, Msg, RecoveryNo, Search};
use crate::tui::pane::{Flow, LogAct, Pane};
use crate::tui::screens::recovery::{self, papers};
use crate::tui::tokens::Typed;
use crate::tui::undoing::Undoing;
use crate::work::recover::Found;

/// What follows from news.
pub enum Heard {
    /// It was about something else.
    Other(Msg),
    /// Taken.
    Taken,
    /// A layer is to be shown.
    Show(Box<dyn Pane>),
    /// A sentence for the status line.
    Say(String),
    /// More work, and a sentence about it.
    Ask(Vec<Effect>, String),
}

/// Deals with news of the open change source and the open recovery.
pub fn heard(app: &mut App, news: Msg) -> Heard {
    match news {
        Msg::LogOpened(job, request) => {
            let mut log = Log::new(*request);
            log.job = Some(job);
            if let Some(before) = app.world.changes.take().filter(|before| before.request.source == log.request.source)
            {
                (log.typed, log.order) = (before.typed, before.order);
            }
            app.world.changes = Some(log);
            app.home.changes.forget();
        }
        Msg::Log(job, view) => {
            if let Some(log) = open_log(app, job) {
                log.renew(view);
            }
        }
        Msg::Entries(job, request, page) => {
            let Some(log) = open_log(app, job) else { return Heard::Taken };
            if let Err(report) = log.put(&request, page) {
                return show(*report);
            }
        }
        Msg::Fact(job, Fact::Ended(Ending::Failed(report))) => {
            if let (Some(log), Some(report)) = (open_log(app, job), &report) {
                log.failed = Some(report.clone());
            }
            return Heard::Other(Msg::Fact(job, Fact::Ended(Ending::Failed(report))));
        }
        news => return heard_of_recovery(app, news),
    }
    Heard::Taken
}

fn heard_of_recovery(app: &mut App, news: Msg) -> Heard {
    match news {
        Msg::RecoveryOpened(opened, view) => {
            app.world.recovery = Some(Undoing::new(&opened, view));
            app.home.recovery.forget();
        }
        Msg::Recovery(id, view) => {
            if let Some(undoing) = open_recovery(app, id) {
                undoing.renew(view);
            }
        }
        Msg::Statements(id, page, content) => match (open_recovery(app, id), content) {
            (Some(undoing), Ok(content)) => undoing.put(page, content),
            (Some(undoing), Err(report)) => {
                undoing.statements.settle(page);
                return show(*report);
            }
            (None, _) => {}
        },
        Msg::Found(id, search, found) => return searched(app, id, search, found),
        Msg::Summary(id, text) => {
            let undoing = app.world.recovery.as_ref().filter(|one| one.id == id);
            return Heard::Show(Box::new(papers::sign_off(undoing, &text)));
        }
        Msg::Written(_, done) => return Heard::Show(Box::new(write_script::written(&done))),
        Msg::Reviewed(review) => return Heard::Show(Box::new(papers::review(&review))),
        news => return Heard::Other(news),
    }
    Heard::Taken
}

/// A search that nobody waits for any more ends here.
fn searched(app: &mut App, id: RecoveryNo, mut search: Search, found: Found) -> Heard {
    let Some(undoing) = app.world.recovery.as_ref().filter(|one| one.id == id && one.search == search.text) else {
        return Heard::Taken;
    };
    let screen = &mut app.home.recovery;
    if app.home.place != Place::Recovery || !screen.is_looking_for(&search) {
        return Heard::Taken;
    }
    match found {
        Found::At(number) => {
            let above = search.is_whole && number < screen.row(undoing) as u64;
            screen.choose(number);
            if above { Heard::Say("found above: the search went on from the top".to_owned()) } else { Heard::Taken }
        }
        Found::NotYet(left) => {
            if !search.goes_on(left) {
                return Heard::Say(recovery::nowhere(&search));
            }
            screen.look_for(search.clone());
            let esc = app.key_for(Command::Back);
            let words = format!("searching: {} statements left; {esc} stops it", grouped(search.left()));
            Heard::Ask(vec![Effect::FindStatement(id, search)], words)
        }
    }
}

fn show(report: Report) -> Heard {
    Heard::Show(Box::new(Failure::new(report)))
}

fn open_log(app: &mut App, job: JobId) -> Option<&mut Log> {
    app.world.changes.as_mut().filter(|log| log.job == Some(job))
}

fn open_recovery(app: &mut App, id: RecoveryNo) -> Option<&mut Undoing> {
    app.world.recovery.as_mut().filter(|undoing| undoing.id == id)
}

/// Notes what layers tell of the open recovery, too.
pub fn noted(app: &mut App, news: &Msg) {
    if let Msg::Written(id, _) = news
        && let Some(undoing) = open_recovery(app, *id)
    {
        undoing.is_written();
    }
}

/// Lets every layer hear news that pages of lists are; a layer below may have asked for them.
pub fn overheard(app: &mut App, news: &Msg) -> Option<Box<dyn Pane>> {
    if !matches!(news, Msg::Rows(..) | Msg::Life(..)) {
        return None;
    }
    let mut shown = None;
    for layer in &mut app.layers {
        if let Flow::Open(pane) = layer.overhear(news) {
            shown = Some(pane);
        }
    }
    shown
}

/// Does something with the list of the open change source; returns a sentence about it.
pub fn act(app: &mut App, act: LogAct) -> Option<String> {
    let log = app.world.changes.as_mut()?;
    match act {
        LogAct::Jump(entry, words) => {
            let held = (0..log.held()).any(|row| log.at(row).is_some_and(|one| one.number() == entry));
            if !held {
                log.jump(entry);
            }
            return (!words.is_empty()).then_some(words);
        }
        LogAct::End => log.jump_to_end(),
        LogAct::Turn => {
            let (order, words) = match log.order {
                Order::Oldest => (Order::Newest, "newest first"),
                Order::Newest => (Order::Oldest, "oldest first, as the log has it"),
            };
            log.order = order;
            return Some(format!("sorted {words}"));
        }
        LogAct::Filter(text) => {
            let typed = Typed::parse(&text, log.day());
            let problem = typed.problems.first().cloned();
            let row = app.home.changes.row(log);
            let entry = log.at(row).map(crate::model::changes::Entry::number);
            log.filter(typed, entry);
            return problem;
        }
    }
    None
}

/// Takes the filter of the screen away, where it has one.
pub fn unfiltered(app: &mut App) -> bool {
    match app.home.place {
        Place::Changes if app.world.changes.as_ref().is_some_and(|log| !log.typed.text.is_empty()) => {
            act(app, LogAct::Filter(String::new()));
            true
        }
        Place::Recovery => match &mut app.world.recovery {
            Some(undoing) if !undoing.search.is_empty() => {
                undoing.search.clear();
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// What lists need that is not on its way yet.
pub fn needs(app: &mut App) -> Vec<Effect> {
    let mut effects = vec![];
    if let (Some(log), Place::Changes) = (&mut app.world.changes, app.home.place) {
        let row = app.home.changes.row(log);
        if let (Some(job), Some(request)) = (log.job, log.wanted(row)) {
            effects.push(Effect::Entries(job, Box::new(request)));
        }
    }
    if let (Some(undoing), Place::Recovery) = (&mut app.world.recovery, app.home.place)
        && undoing.is_read()
    {
        let row = app.home.recovery.row(undoing);
        let pages = undoing.statements.wanted(row);
        effects.extend(pages.into_iter().map(|page| Effect::Statements(undoing.id, page)));
    }
    for layer in &mut app.layers {
        effects.extend(layer.needs(&app.world));
    }
    effects
}
