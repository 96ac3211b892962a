//! Everything a restore will do, before it is done.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::plan::{Ask, ConfirmAnswer, PlanFinding, RestorePlan, SinkState, Stance, StepEffect};
use crate::model::sink::Sink;
use crate::model::trust::Voucher;
use crate::model::units::long_span;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::confirm::Confirm;
use crate::tui::layers::databases;
use crate::tui::layers::databases::Databases;
use crate::tui::layers::diff::Diff;
use crate::tui::layers::sink::Destination;
use crate::tui::layers::tables;
use crate::tui::msg::{Effect, Msg, PlanAsk};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Columns of the labels.
const LABEL: usize = 11;

/// Everything a restore will do.
pub struct Plan {
    ask: PlanAsk,
    plan: RestorePlan,
    title: String,
    /// The finding under the cursor.
    chosen: usize,
    /// First visible line, lines there are, lines that fit.
    window: Cell<(usize, usize, usize)>,
    /// Whether the view goes to the finding under the cursor.
    follows: Cell<bool>,
    /// Whether the last line has been on the screen: a plan is read before it is started.
    read: Cell<bool>,
    waiting: bool,
}

impl Plan {
    /// Shows this plan.
    pub fn new(ask: PlanAsk, plan: RestorePlan, title: String) -> Self {
        Self {
            ask,
            plan,
            title,
            chosen: 0,
            window: Cell::new((0, 0, 0)),
            follows: Cell::new(false),
            read: Cell::new(false),
            waiting: false,
        }
    }

    /// The next or previous choice of the finding under the cursor: the plan is made anew with it.
    fn choose(&mut self, by: isize) -> Flow {
        let Some(finding) = self.plan.findings.get(self.chosen).filter(|finding| finding.choices.len() > 1) else {
            return Flow::Say("there is nothing to choose here".to_owned());
        };
        let count = finding.choices.len() as isize;
        let at = finding.choices.iter().position(|choice| *choice == finding.chosen).unwrap_or(0) as isize;
        let next = finding.choices[(at + by).rem_euclid(count) as usize].clone();
        self.ask.choices.retain(|(code, _)| *code != finding.code);
        self.ask.choices.push((finding.code.clone(), next));
        self.waiting = true;
        Flow::Do(vec![Effect::Plan(self.ask.clone())])
    }

    fn start(&self) -> Flow {
        match self.plan.ask() {
            Ask::Nothing => match self.plan.clone().confirm(&ConfirmAnswer::Silence) {
                Ok(confirmed) => Flow::LeaveAnd(vec![Effect::Restore(Box::new(confirmed))]),
                Err(_) => Flow::Say("the plan cannot run as it stands".to_owned()),
            },
            ask => Flow::Open(Box::new(Confirm::new(self.plan.clone(), ask))),
        }
    }

    /// The headless command for this very plan: without its choices the digest would be another.
    fn twin_of(&self) -> String {
        let mut words = vec![format!("breakglass restore {} --into {}", self.ask.backup, quoted(&self.ask.into))];
        let list = |flag: &str, names: &[String]| -> String { format!("--{flag} {}", quoted(&names.join(","))) };
        if !self.ask.tables.is_empty() {
            words.push(list("tables", &self.ask.tables));
        }
        if !self.ask.databases.is_empty() {
            words.push(list("databases", &self.ask.databases.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
        if matches!(self.plan.into, Sink::Databases(_)) {
            let used = |from| self.ask.databases.is_empty() || self.ask.databases.contains(from);
            let renames =
                self.ask.renames.iter().filter(|(from, _)| used(from)).map(|(from, to)| format!("{from}:{to}"));
            words.extend(renames.map(|rename| format!("--rename {}", quoted(&rename))));
        }
        words.extend(
            self.ask.choices.iter().map(|(code, choice)| format!("--choose {}", quoted(&format!("{code}={choice}")))),
        );
        words.push(format!("--approve {}", self.plan.digest()));
        words.join(" ")
    }

    /// Whether there are databases to choose from, as far as the plan tells.
    fn is_of_archive(&self) -> bool {
        !self.plan.parts.is_empty() || !self.ask.renames.is_empty() || !self.ask.databases.is_empty()
    }

    /// What becomes of each database of an archive.
    fn parts(&self, lines: &mut Vec<Line>, width: usize) {
        if matches!(self.plan.into, Sink::Databases(_)) {
            for (nth, part) in self.plan.parts.iter().enumerate() {
                let (role, there) = match &part.there {
                    SinkState::DatabaseExists { tables } => {
                        (Role::Danger, format!("EXISTS with {} tables", tables.len()))
                    }
                    SinkState::New | SinkState::FolderInUse { .. } => (Role::Good, "new".to_owned()),
                };
                let label = if nth == 0 { "databases" } else { "" };
                labelled(lines, label, role, &format!("{} -> {}, {there}", part.from, part.into), width);
            }
        } else if let Some(databases) = &self.plan.databases {
            let names = databases.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            labelled(lines, "databases", Role::Text, &format!("only {names}"), width);
        }
    }

    fn lines(&self, width: usize) -> Vec<Line> {
        let mut lines = self.summary(width);
        let estimate = &self.plan.estimate;
        for (nth, step) in self.plan.will.iter().enumerate() {
            let role = match step.effect {
                StepEffect::Reads => Role::Dim,
                StepEffect::Creates => Role::Text,
                StepEffect::Overwrites => Role::Danger,
            };
            labelled(&mut lines, if nth == 0 { "will do" } else { "" }, role, &step.text, width);
        }
        for (nth, text) in self.plan.will_not.iter().enumerate() {
            labelled(&mut lines, if nth == 0 { "will not" } else { "" }, Role::Text, text, width);
        }
        let mut needs = vec![];
        match (estimate.bytes_out, estimate.free) {
            (Some(out), Some(free)) => needs.push(format!("{} of {} free", out.words(), free.words())),
            (Some(out), None) => needs.push(format!("{}; free space there cannot be asked", out.words())),
            (None, Some(free)) => needs.push(format!("size not known before it is opened; {} free", free.words())),
            (None, None) => {}
        }
        if let Some((seconds, basis)) = &estimate.seconds {
            needs.push(format!(
                "about {} ({basis})",
                long_span(std::time::Duration::from_secs(*seconds)).replace("m00s", " min")
            ));
        }
        if !needs.is_empty() {
            labelled(&mut lines, "needs", Role::Text, &needs.join("; "), width);
        }
        lines
    }

    fn summary(&self, width: usize) -> Vec<Line> {
        let (from, estimate) = (&self.plan.from, &self.plan.estimate);
        let mut lines = vec![];
        let age = long_span(std::time::Duration::from_secs(estimate.age_seconds));
        let trust = match from.content {
            Voucher::None => format!("{}, content unchecked", from.trust.word()),
            voucher => format!("{} ({})", from.trust.word(), voucher.word()),
        };
        labelled(&mut lines, "from", Role::Text, &format!("{} UTC, {age} old, {trust}", self.title), width);
        let made_by = if from.made_by.is_empty() { String::new() } else { format!(", {}", from.made_by) };
        labelled(&mut lines, "", Role::Dim, &format!("{}{made_by}", from.label), width);
        if let Some(newer) = &estimate.newer_good {
            labelled(&mut lines, "", Role::Warn, &format!("a newer good copy exists: {newer}"), width);
        }
        let into = self.plan.into.to_string();
        let (role, there) = match &self.plan.there {
            _ if matches!(self.plan.into, Sink::Databases(_)) => (Role::Text, into),
            SinkState::New => (Role::Good, format!("new {into}")),
            SinkState::FolderInUse { entries } => (Role::Text, format!("{into}, beside {entries} files, none touched")),
            SinkState::DatabaseExists { tables } => {
                (Role::Danger, format!("{into}, which EXISTS with {} tables", tables.len()))
            }
        };
        labelled(&mut lines, "into", role, &there, width);
        if let Some(server) = &estimate.server {
            let uuid = server.uuid.as_ref().map_or(String::new(), |uuid| {
                let uuid = uuid.to_string();
                format!(", uuid {}..", uuid.get(..8).unwrap_or(&uuid))
            });
            let sessions = server.sessions.map_or(String::new(), |count| format!(", {count} sessions"));
            let writable = if server.read_only { "READ-ONLY" } else { "writable" };
            let text = format!(
                "{} {} as {} on {}{uuid}, {writable}{sessions}",
                server.flavor.word(),
                server.version,
                server.account,
                server.hostname
            );
            labelled(&mut lines, "", Role::Dim, &text, width);
        }
        self.parts(&mut lines, width);
        if let Some(tables) = &self.plan.tables {
            let names = tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            labelled(&mut lines, "tables", Role::Text, &format!("only {names}"), width);
        }
        lines
    }

    /// Lines of the findings, and at which of them the one under the cursor begins and ends.
    fn findings(&self, width: usize) -> (Vec<Line>, (usize, usize)) {
        let (mut lines, mut place) = (vec![], (0, 0));
        for (nth, finding) in self.plan.findings.iter().enumerate() {
            let label = if nth == 0 { "findings" } else { "" };
            let start = lines.len();
            let choosable = finding.choices.len() > 1;
            let word = if choosable { String::new() } else { format!(": {}", stance_word(finding.stance)) };
            labelled(
                &mut lines,
                label,
                stance_role(finding.stance),
                &format!("{} {}{word}", nth + 1, finding.text),
                width,
            );
            if choosable {
                let mut tail = vec![span(Role::Text, " ".repeat(LABEL + 2))];
                tail.extend(choices(finding));
                lines.push(tail);
            }
            if nth == self.chosen {
                place = (start, lines.len());
                lines[start].remove(0);
                lines[start].insert(0, span(Role::Head, format!("{label:<9}")));
                lines[start].insert(1, span(Role::Key, "> "));
            }
        }
        (lines, place)
    }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn labelled(lines: &mut Vec<Line>, label: &str, role: Role, text: &str, width: usize) {
    for (nth, part) in wrap(text, width.saturating_sub(LABEL)).into_iter().enumerate() {
        let label = if nth == 0 { label } else { "" };
        lines.push(vec![span(Role::Head, format!("{label:<LABEL$}")), span(role, part)]);
    }
}

fn stance_role(stance: Stance) -> Role {
    match stance {
        Stance::Fine => Role::Text,
        Stance::Warns => Role::Warn,
        Stance::Stops => Role::Danger,
    }
}

fn stance_word(stance: Stance) -> &'static str {
    match stance {
        Stance::Fine => "fine",
        Stance::Warns => "worth knowing",
        Stance::Stops => "STOPS the plan",
    }
}

fn choices(finding: &PlanFinding) -> Line {
    let mut line = vec![span(Role::Dim, "[ ")];
    for (nth, choice) in finding.choices.iter().enumerate() {
        if nth > 0 {
            line.push(span(Role::Dim, " | "));
        }
        let role = if *choice == finding.chosen { Role::Key } else { Role::Dim };
        let text = if *choice == finding.chosen { format!("*{choice}") } else { choice.clone() };
        line.push(span(role, text));
    }
    line.push(span(Role::Dim, " ]"));
    if finding.stance == Stance::Stops {
        line.push(span(Role::Danger, "  STOPS the plan until chosen otherwise"));
    }
    line
}

impl Pane for Plan {
    fn context(&self) -> Context {
        Context::Plan
    }

    fn crumb(&self) -> String {
        "Restore".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let start = match (self.waiting, self.plan.stopped_by()) {
            (true, _) => Err(Reason::plain("the plan is being made anew")),
            (false, Some(finding)) => Err(Reason::plain(format!("stopped: {}", finding.text))),
            (false, None) if !self.read.get() => Err(Reason::plain("the plan goes on below: read it to its end first")),
            (false, None) => Ok(()),
        };
        let unchanged = || Err(Reason::plain("every statement runs as it stands in the dump"));
        let diff = if self.plan.rewrites.is_empty() { unchanged() } else { Ok(()) };
        let databases = databases::offer(world.backup(&self.ask.backup).map(|backup| &**backup));
        vec![(Command::Start, start), (Command::Databases, databases), (Command::Diff, diff)]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        let last = self.plan.findings.len().saturating_sub(1);
        let (top, lines, height) = self.window.get();
        match command {
            Command::Up | Command::Down => {
                let step = if command == Command::Up { self.chosen.saturating_sub(1) } else { self.chosen + 1 };
                self.chosen = step.min(last);
                self.follows.set(true);
            }
            Command::PageDown => self.window.set(((top + height).min(lines.saturating_sub(height)), lines, height)),
            Command::PageUp => self.window.set((top.saturating_sub(height), lines, height)),
            Command::Left => return self.choose(-1),
            Command::Right | Command::Mark => return self.choose(1),
            Command::Start => return self.start(),
            Command::Rename => return Flow::Open(Box::new(Destination::again(&self.ask, &self.title, world))),
            Command::Diff => return Flow::Open(Box::new(Diff::new(self.plan.rewrites.clone()))),
            Command::Databases => {
                if let Some(backup) = world.backup(&self.ask.backup) {
                    return Flow::Open(Box::new(Databases::new(&self.ask, &self.plan, &self.title, backup)));
                }
            }
            Command::Tables => {
                let backup = world.backup(&self.ask.backup).map(|backup| &**backup);
                return Flow::Open(tables::choice(&self.ask, &self.title, backup));
            }
            Command::Open => return Flow::Say("enter starts nothing: read the plan, then ctrl-s".to_owned()),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::Planned(ask, plan) if self.waiting && *ask == self.ask => {
                self.plan = (**plan).clone();
                self.waiting = false;
                self.read.set(false);
                self.chosen = self.chosen.min(self.plan.findings.len().saturating_sub(1));
                Flow::Stay
            }
            Msg::Failed(_) => {
                self.waiting = false;
                Flow::Pass
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, _world: &World) -> Option<String> {
        Some(self.twin_of())
    }

    fn hints(&self) -> &'static [Command] {
        use Command as C;
        if self.is_of_archive() {
            &[C::Start, C::Right, C::Rename, C::Databases, C::Tables, C::Diff, C::Copy, C::Help, C::Back]
        } else {
            &[C::Start, C::Right, C::Rename, C::Tables, C::Diff, C::Copy, C::Help, C::Back]
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(below(area, 0), 1);
        let body = Rect { height: inner.height.saturating_sub(2), ..inner };
        let width = usize::from(inner.width.saturating_sub(1));
        let mut lines = self.lines(width);
        let head = lines.len();
        let (findings, (from, to)) = self.findings(width);
        lines.extend(findings);
        let height = usize::from(body.height);
        let (mut top, _, _) = self.window.get();
        if self.follows.take() {
            top = top.clamp((head + to).saturating_sub(height), head + from);
        }
        top = top.min(lines.len().saturating_sub(height));
        self.window.set((top, lines.len(), height));
        if top + height >= lines.len() {
            self.read.set(true);
        }
        for (line, at) in lines.iter().skip(top).zip(body.rows()) {
            canvas.spans(at, line);
        }
        let more = lines.len().saturating_sub(top + height);
        if more > 0 {
            let key = scene.key(Context::Plan, Command::PageDown);
            canvas.text(
                row(inner, inner.height - 2),
                Role::Warn,
                &format!("{more} more line{} below: {key}", if more == 1 { "" } else { "s" }),
            );
        }
        let digest = if self.waiting { "being made anew...".to_owned() } else { self.plan.digest().to_string() };
        canvas.spans(
            row(inner, inner.height - 1),
            &[span(Role::Head, format!("{:<LABEL$}", "plan")), span(Role::Text, digest)],
        );
    }
}
