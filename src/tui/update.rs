//! One message in; a new state and the work it asks for out.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::model::job::{Fact, JobId};
use crate::model::units::Moment;
use crate::tui::app::{App, Place, Said};
use crate::tui::canvas::Hit;
use crate::tui::command::{Command, Danger, Reason, entry_of};
use crate::tui::global::global;
use crate::tui::heard;
use crate::tui::heard::Heard;
use crate::tui::keymap::{Context, Meaning, Stroke};
use crate::tui::layers;
use crate::tui::msg::{Effect, Msg};
use crate::tui::pane::{Flow, LogAct, Pane};
use crate::tui::past::PastAsk;
use crate::tui::screens::jobs::ending_words;
use crate::tui::theme::Role;
use crate::tui::world::{JobLine, TargetLine};

/// How long keys are thrown away after a question opens, in milliseconds.
const HUSH: i64 = 300;

/// Lines of a job's log that are kept.
const LOG: usize = 500;

/// Turns one message into a new state and the work it asks for. Never blocks, never awaits, touches
/// neither the terminal nor the clock.
pub fn update(app: &mut App, msg: Msg) -> Vec<Effect> {
    let mut effects = updated(app, msg);
    pose(app);
    effects.extend(heard::needs(app));
    effects
}

fn updated(app: &mut App, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Now(now) => app.world.now = now,
        Msg::Key(key) => return pressed(app, &key),
        Msg::Paste(text) => {
            app.said = None;
            let flow = with_top(app, |top, world| top.paste(text, world));
            return follow(app, flow, None);
        }
        Msg::Mouse(mouse) => return pointed(app, mouse),
        Msg::Run(command) => {
            app.said = None;
            return run(app, command);
        }
        Msg::End => {
            app.done = true;
            return vec![Effect::Quit];
        }
        news => return heard(app, news),
    }
    vec![]
}

fn pressed(app: &mut App, key: &KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release || app.hush.is_some_and(|until| app.world.now < until) {
        return vec![];
    }
    app.hush = None;
    app.said = None;
    let context = app.top().context();
    if key.kind == KeyEventKind::Repeat && matches!(context, Context::Confirm | Context::Quit | Context::Typed) {
        return vec![];
    }
    if app.top().takes_text() && is_text(key) {
        let flow = with_top(app, |top, world| top.key(key, world));
        return follow(app, flow, None);
    }
    app.pending.push(Stroke::of(key));
    match app.keymap.meaning(context, &app.pending) {
        Meaning::Pending(_) => vec![],
        Meaning::Run(command) => {
            app.pending.clear();
            run(app, command)
        }
        Meaning::Nothing => {
            let chord = crate::tui::keymap::chord_words(&app.pending);
            let known = app.pending.len() > 1 || !matches!(key.code, KeyCode::Char(_));
            app.pending.clear();
            if key.code != KeyCode::Esc {
                let help = app.key_for(Command::Help);
                let text = if known {
                    format!("{chord} means nothing here")
                } else {
                    format!("{chord} means nothing here: {help} lists every key")
                };
                say(app, Role::Dim, text);
            }
            vec![]
        }
    }
}

/// Keys that belong to whoever takes text.
fn is_text(key: &KeyEvent) -> bool {
    let bare = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    let edits = [KeyCode::Backspace, KeyCode::Delete, KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End];
    bare && (matches!(key.code, KeyCode::Char(_)) || edits.contains(&key.code))
}

fn with_top(app: &mut App, act: impl FnOnce(&mut dyn Pane, &crate::tui::world::World) -> Flow) -> Flow {
    match app.layers.last_mut() {
        Some(layer) => act(layer.as_mut(), &app.world),
        None => act(app.home.pane_mut(), &app.world),
    }
}

fn run(app: &mut App, command: Command) -> Vec<Effect> {
    let offer = app.top().offers(&app.world).into_iter().find(|(offered, _)| *offered == command);
    if let Some((_, Err(reason))) = offer {
        refuse(app, &reason);
        return vec![];
    }
    if app.world.read_only && entry_of(command).danger != Danger::Safe {
        refuse(app, &Reason::plain("this estate is read-only: nothing can be written from here"));
        return vec![];
    }
    let flow = with_top(app, |top, world| top.update(command, world));
    follow(app, flow, Some(command))
}

fn follow(app: &mut App, flow: Flow, command: Option<Command>) -> Vec<Effect> {
    match flow {
        Flow::Pass => return command.map_or_else(Vec::new, |command| global(app, command)),
        Flow::Stay => {}
        Flow::Say(text) => say(app, Role::Text, text),
        Flow::Do(effects) => return started(app, effects),
        Flow::Open(layer) => open(app, layer),
        Flow::OpenAnd(layer, effects) => {
            open(app, layer);
            return effects;
        }
        Flow::Swap(layer) => {
            app.layers.pop();
            // A plan that was made anew takes the place of the one that it was made of.
            while layer.context() == Context::Plan && app.layers.last().is_some_and(|it| it.context() == Context::Plan)
            {
                app.layers.pop();
            }
            open(app, layer);
        }
        Flow::Leave => drop(app.layers.pop()),
        Flow::LeaveSaying(text) => {
            app.layers.pop();
            say(app, Role::Good, text);
        }
        Flow::LeaveAnd(effects) => {
            app.layers.pop();
            return started(app, effects);
        }
        Flow::LeaveAllAnd(effects) => {
            app.layers.clear();
            return started(app, effects);
        }
        Flow::LeaveRun(command) => {
            app.layers.pop();
            return run(app, command);
        }
        Flow::Filter(text) => {
            if !under(app).narrow(&text) {
                app.world.filter(&text);
            }
        }
        Flow::Below(command) => {
            let flow = match app.layers.iter_mut().rev().nth(1) {
                Some(layer) => layer.update(command, &app.world),
                None => app.home.pane_mut().update(command, &app.world),
            };
            return follow(app, flow, None);
        }
        Flow::Sort => {
            let sort = app.world.sort_next();
            say(app, Role::Text, format!("sorted {}", sort.words()));
        }
        Flow::Go(place) => return go(app, place),
        flow => return follow_list(app, flow),
    }
    vec![]
}

/// What is done with the lists of changes and of statements.
fn follow_list(app: &mut App, flow: Flow) -> Vec<Effect> {
    match flow {
        Flow::Log(act) => acted(app, act),
        Flow::LeaveLog(act) => {
            app.layers.pop();
            acted(app, act);
        }
        Flow::LeaveSearch(text) => {
            app.layers.pop();
            if let Some(undoing) = &mut app.world.recovery {
                undoing.search = text;
            }
            return run(app, Command::Next);
        }
        _ => {}
    }
    vec![]
}

fn acted(app: &mut App, act: LogAct) {
    if let Some(words) = heard::act(app, act) {
        say(app, Role::Text, words);
    }
}

/// Says what begins, where nothing else on the screen would.
fn started(app: &mut App, effects: Vec<Effect>) -> Vec<Effect> {
    for effect in &effects {
        match effect {
            Effect::Verify(id, _) => {
                let name =
                    app.world.backup(id).map_or_else(|| id.to_string(), |backup| crate::tui::detail::name(backup));
                say(app, Role::Text, format!("verifying {name}"));
            }
            Effect::Cancel(id) => {
                if let Some(job) = app.world.jobs.iter_mut().find(|job| job.id == *id) {
                    job.stops = job.stops.saturating_add(1);
                }
            }
            Effect::Answer(..) => app.world.question = None,
            Effect::Undo(..) => {
                app.world.recovery = None;
                app.home.place = Place::Recovery;
            }
            Effect::CloseRecovery(_) => {
                app.world.recovery = None;
                say(app, Role::Text, "stopped; nothing was written");
            }
            Effect::Review(path) => say(app, Role::Text, format!("reading {}", crate::model::foreign::escape(path))),
            Effect::OpenChanges(request) => {
                let source = crate::model::foreign::escape(&request.source);
                say(app, Role::Text, format!("opening {source}"));
            }
            Effect::Quit => app.done = true,
            _ => {}
        }
    }
    effects
}

pub(super) fn open(app: &mut App, layer: Box<dyn Pane>) {
    if matches!(layer.context(), Context::Confirm | Context::Quit | Context::Typed) {
        app.hush = Some(Moment(app.world.now.0 + HUSH));
    }
    app.pending.clear();
    app.layers.push(layer);
}

pub(super) fn go(app: &mut App, place: Place) -> Vec<Effect> {
    app.layers.clear();
    app.home.place = place;
    match place {
        // It is read whenever somebody comes: others may have written to it meanwhile.
        Place::History => vec![Effect::Past(PastAsk::View)],
        _ => vec![],
    }
}

/// What lies below the topmost layer: its list is what a filter line narrows.
fn under(app: &mut App) -> &mut dyn Pane {
    match app.layers.iter_mut().rev().nth(1) {
        Some(layer) => layer.as_mut(),
        None => app.home.pane_mut(),
    }
}

pub(super) fn say(app: &mut App, role: Role, text: impl Into<String>) {
    app.said = Some(Said { text: text.into(), role });
}

pub(super) fn refuse(app: &mut App, reason: &Reason) {
    let text = match reason.cure {
        Some(cure) => format!("{}: {}", reason.why, app.key_for(cure)),
        None => reason.why.clone(),
    };
    say(app, Role::Warn, text);
}

fn pointed(app: &mut App, mouse: MouseEvent) -> Vec<Effect> {
    let at = Position { x: mouse.column, y: mouse.row };
    match mouse.kind {
        MouseEventKind::ScrollUp => run(app, Command::Up),
        MouseEventKind::ScrollDown => run(app, Command::Down),
        MouseEventKind::Down(MouseButton::Left) => {
            let hit = app.hits.iter().rev().find(|(area, _)| area.contains(at)).map(|(_, hit)| hit.clone());
            match hit {
                Some(Hit::Run(command)) => run(app, command),
                Some(hit) => {
                    let flow = with_top(app, |top, world| top.point(&hit, world));
                    follow(app, flow, None)
                }
                None => vec![],
            }
        }
        _ => vec![],
    }
}

fn heard(app: &mut App, news: Msg) -> Vec<Effect> {
    match with_top(app, |top, world| top.hear(&news, world)) {
        Flow::Pass => {}
        flow => return follow(app, flow, None),
    }
    if let Some(layer) = heard::overheard(app, &news) {
        insert(app, layer);
    }
    let news = match heard::heard(app, news) {
        Heard::Other(news) => news,
        Heard::Taken => return vec![],
        Heard::Say(text) => {
            say(app, Role::Text, text);
            return vec![];
        }
        Heard::Show(layer) => {
            insert(app, layer);
            return vec![];
        }
    };
    told(app, news)
}

fn told(app: &mut App, news: Msg) -> Vec<Effect> {
    match news {
        Msg::Catalog(snapshot) => {
            app.world.set_catalog(*snapshot);
            if app.home.place == Place::History {
                return vec![Effect::Past(PastAsk::View)]; // what lies there is a part of the past
            }
        }
        Msg::Target(name, state) => match app.world.targets.iter_mut().find(|target| target.name == name) {
            Some(target) => target.state = state,
            None => app.world.targets.push(TargetLine { name, url: String::new(), state }),
        },
        Msg::Offers(offers) => app.world.key_offers = offers,
        Msg::Keys(keys) => {
            if keys.is_empty() && !app.world.keys.is_empty() {
                say(app, Role::Text, "keys locked: nothing can be opened until one is loaded again");
            }
            app.world.keys = keys;
        }
        Msg::KeyLoaded(facts) => say(app, Role::Good, format!("key {} is loaded", facts.label)),
        Msg::KeyLocked(from, _) => {
            let key = app.key_for(Command::LoadKey);
            say(app, Role::Text, format!("{} needs a passphrase: {key}", from.words()));
        }
        Msg::KeyRefused(_, _, report) | Msg::Failed(report) => failed(app, *report),
        Msg::JobStarted(id, spec, subject) => {
            let (started, progress) = (app.world.now, Default::default());
            let job = JobLine { id, spec, subject, started, progress, log: vec![], ending: None, stops: 0 };
            app.world.jobs.insert(0, job);
        }
        Msg::Progress(id, progress) => {
            if let Some(job) = app.world.jobs.iter_mut().find(|job| job.id == id && job.runs()) {
                job.progress = progress;
            }
        }
        Msg::Fact(id, fact) => reported(app, id, fact),
        Msg::Audit(mut records) => {
            // A tail may be told anew: what it covers is replaced, never doubled.
            let oldest = records.last().map_or(u64::MAX, |record| record.seq);
            records.extend(std::mem::take(&mut app.world.audit).into_iter().filter(|record| record.seq < oldest));
            app.world.audit = records;
        }
        Msg::Chain(state) => app.world.chain = Some(state),
        Msg::Past(news) => app.world.past.take(news),
        Msg::Runs if app.home.place == Place::History => return vec![Effect::Past(PastAsk::View)],
        Msg::Armed(armed) => app.world.armed = armed,
        Msg::Asked(question) => app.world.question = question,
        Msg::Said(text) => say(app, Role::Text, text),
        _ => {} // a plan that nobody waits for any more
    }
    vec![]
}

/// A failure becomes a layer.
fn failed(app: &mut App, report: crate::report::Report) {
    let layer = Box::new(layers::failure::Failure::new(report));
    insert(app, layer);
}

/// Puts a layer that nobody asked for on top, or below one that is being typed into: no key may go astray.
fn insert(app: &mut App, layer: Box<dyn Pane>) -> bool {
    let busy =
        app.top().takes_text() || matches!(app.top().context(), Context::Confirm | Context::Quit | Context::Typed);
    let at = app.layers.len() - usize::from(busy);
    app.layers.insert(at, layer);
    !busy
}

/// Shows the open question of a target's login as long as it is open, whatever became of its layer.
fn pose(app: &mut App) {
    let id = app.world.question.as_ref().map(|asking| asking.id);
    app.layers.retain(|layer| layer.poses().is_none() || layer.poses() == id);
    let Some(asking) = &app.world.question else { return };
    if app.layers.iter().any(|layer| layer.poses() == id) {
        return;
    }
    let layer = Box::new(layers::question::Question::new(asking.clone()));
    if insert(app, layer) {
        app.pending.clear();
        app.hush = Some(Moment(app.world.now.0 + HUSH));
    }
}

fn reported(app: &mut App, id: JobId, fact: Fact) {
    let Some(job) = app.world.jobs.iter_mut().find(|job| job.id == id) else { return };
    match fact {
        Fact::Started(spec) => job.spec = spec,
        Fact::Line(text) => {
            if job.log.len() >= LOG {
                job.log.remove(0);
            }
            job.log.push(text);
        }
        Fact::Ended(ending) => {
            let (role, words) = ending_words(&ending);
            let text = format!("{} {}: {words}", job.spec.verb(), job.subject);
            job.ending = Some(ending);
            say(app, role, text);
        }
    }
}
