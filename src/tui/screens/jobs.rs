//! Work of this session: how far it is, what it says, and how to stop it.

use std::cell::Cell;

use ratatui::layout::Rect;

use crate::model::job::{Ending, JobId, JobSpec, Phase, Progress, RestoreOutcome};
use crate::model::salvage::{SalvageOutcome, SalvageReport};
use crate::model::trust::VerdictOutcome;
use crate::model::units::{ByteSize, grouped, long_span};
use crate::tui::canvas::{Canvas, Hit, Line, below, indent, row, span};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::glyphs::Glyphs;
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::theme::Role;
use crate::tui::widgets::gauge::gauge;
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::tui::world::{JobLine, World};

/// Work of this session.
#[derive(Default)]
pub struct Jobs {
    chosen: Option<JobId>,
    window: Cell<(usize, usize)>,
}

const COLUMNS: [Column; 7] = [
    Column { title: "JOB", least: 3, most: 5, side: Side::Right, rank: 0 },
    Column { title: "WHAT", least: 7, most: 7, side: Side::Left, rank: 0 },
    Column { title: "BACKUP", least: 14, most: 34, side: Side::Left, rank: 1 },
    Column { title: "STATE", least: 10, most: 20, side: Side::Left, rank: 2 },
    Column { title: "DONE", least: 4, most: 4, side: Side::Right, rank: 2 },
    Column { title: "RATE", least: 11, most: 12, side: Side::Right, rank: 4 },
    Column { title: "LEFT", least: 6, most: 7, side: Side::Right, rank: 5 },
];

impl Jobs {
    fn row(&self, world: &World) -> usize {
        self.chosen.and_then(|id| world.jobs.iter().position(|job| job.id == id)).unwrap_or(0)
    }

    fn current<'a>(&self, world: &'a World) -> Option<&'a JobLine> {
        world.jobs.get(self.row(world))
    }
}

fn percent(progress: &Progress) -> String {
    progress.fraction().map_or(String::new(), |part| format!("{}%", (part * 100.0).floor()))
}

fn state(job: &JobLine) -> (Role, String) {
    match &job.ending {
        Some(ending) => ending_words(ending),
        None if job.stops > 0 => (Role::Warn, "stopping".to_owned()),
        None => match &job.progress.stalled {
            Some((span, why)) => (Role::Warn, stalled(*span, why)),
            None => (Role::Text, job.progress.phase.word().to_owned()),
        },
    }
}

/// The same in one or two words, for the list.
fn short_state(job: &JobLine) -> (Role, String) {
    let (role, words) = state(job);
    let short = match (&job.ending, &job.progress.stalled) {
        (Some(Ending::Failed(_)), _) => "failed".to_owned(),
        (None, Some((time, _))) if job.stops == 0 => format!("stalled {}", long_span(*time)),
        _ => words.split([',', ':', ';']).next().unwrap_or_default().to_owned(),
    };
    (role, short)
}

fn stalled(span: std::time::Duration, why: &str) -> String {
    let because = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("stalled {}{because}", long_span(span))
}

fn cells(job: &JobLine) -> [Line; 7] {
    let (role, words) = short_state(job);
    let progress = &job.progress;
    let live = job.runs() && progress.stalled.is_none();
    let some = |text: Option<String>| vec![span(Role::Text, text.unwrap_or_default())];
    [
        vec![span(Role::Text, job.id.to_string())],
        vec![span(Role::Text, job.spec.verb())],
        vec![span(Role::Text, job.subject.clone())],
        vec![span(role, words)],
        some(job.runs().then(|| percent(progress))),
        some(progress.rate.filter(|_| live).map(|rate| rate.to_string())),
        some(progress.left.filter(|_| live).map(long_span)),
    ]
}

/// The line of the newest running job, for the status line of every screen.
pub fn status_line(world: &World, glyphs: &Glyphs, width: u16) -> Line {
    let Some(job) = world.jobs.iter().find(|job| job.runs()) else { return vec![] };
    let progress = &job.progress;
    let mut line = vec![span(Role::Text, format!("{} {}  ", job.spec.verb(), job.subject))];
    line.extend(gauge(glyphs, (width / 5).clamp(10, 24), progress.fraction()));
    line.push(span(Role::Text, format!(" {}", percent(progress))));
    match (&progress.stalled, job.stops) {
        (_, 1..) => line.push(span(Role::Warn, "  stopping")),
        (Some((time, why)), _) => line.push(span(Role::Warn, format!("  {}", stalled(*time, why)))),
        (None, _) => {
            if progress.phase == Phase::Probing || progress.phase == Phase::Finishing {
                line.push(span(Role::Dim, format!("  {}", progress.phase.word())));
            }
            if let Some(rate) = progress.rate {
                line.push(span(Role::Text, format!("  {rate}")));
            }
            if let Some(left) = progress.left {
                line.push(span(Role::Text, format!("  {} left", long_span(left))));
            }
        }
    }
    if world.running() > 1 {
        line.push(span(Role::Dim, format!("  {} jobs", world.running())));
    }
    line
}

impl Pane for Jobs {
    fn context(&self) -> Context {
        Context::Jobs
    }

    fn crumb(&self) -> String {
        "Jobs".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let stop = match self.current(world) {
            None => Err(Reason::plain("no job is under the cursor")),
            Some(job) if !job.runs() => Err(Reason::plain("this job has ended")),
            Some(_) => Ok(()),
        };
        vec![(Command::Cancel, stop)]
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if let Some(row) = moved(command, self.row(world), world.jobs.len(), self.window.get().1) {
            self.chosen = world.jobs.get(row).map(|job| job.id);
            return Flow::Stay;
        }
        match (command, self.current(world)) {
            (Command::Cancel, Some(job)) => Flow::Do(vec![Effect::Cancel(job.id)]),
            (Command::Open, Some(job)) => match &job.ending {
                Some(Ending::Failed(Some(report))) => Flow::Open(Box::new(Failure::new((**report).clone()))),
                _ => Flow::Say("its log stands below the list".to_owned()),
            },
            _ => Flow::Pass,
        }
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Job(id) => {
                self.chosen = Some(*id);
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        let job = self.current(world)?;
        Some(match &job.spec {
            JobSpec::Verify { backup, to } => format!("breakglass verify {backup} --to {}", to.word()),
            JobSpec::Restore { backup, into, .. } => format!("breakglass restore {backup} --into '{into}'"),
            JobSpec::Salvage { backup, into } => {
                format!("breakglass salvage {backup} --into '{}'", into.replace('\'', "'\\''"))
            }
            JobSpec::Changes { source } => format!("breakglass changes '{}' --summary", source.replace('\'', "'\\''")),
        })
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Cancel,
            Command::Open,
            Command::GoBackups,
            Command::GoAudit,
            Command::Copy,
            Command::Palette,
            Command::Help,
            Command::Quit,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let world = scene.world;
        if world.jobs.is_empty() {
            let inner = indent(below(area, 1), 3);
            canvas.text(row(inner, 0), Role::Text, "No job has been started in this session.");
            let (go, verify) =
                (scene.key(Context::Jobs, Command::GoBackups), scene.key(Context::Backups, Command::Verify));
            let restore = scene.key(Context::Backups, Command::Restore);
            let text = format!(
                "{go} shows the backups: {verify} verifies the one under the cursor, {restore} plans a restore."
            );
            canvas.text(row(inner, 2), Role::Dim, &text);
            return;
        }
        let most = area.height.saturating_sub(9).max(2);
        let height = (world.jobs.len() as u16).min(most) + 1;
        self.list(world, Rect { height, ..area }, canvas);
        let rest = below(area, height);
        if let Some(job) = self.current(world) {
            about(job, world, rest, canvas);
        }
    }
}

impl Jobs {
    fn list(&self, world: &World, area: Rect, canvas: &mut Canvas<'_>) {
        let layout = Layout::fit(&COLUMNS, area.width.saturating_sub(4));
        layout.heads(&COLUMNS, indent(row(area, 0), 3), canvas);
        let rows = below(area, 1);
        let cursor = self.row(world);
        let top = scrolled(self.window.get().0, cursor, usize::from(rows.height));
        self.window.set((top, usize::from(rows.height)));
        for ((at, job), line) in world.jobs.iter().enumerate().skip(top).zip(rows.rows()) {
            layout.row(&COLUMNS, &cells(job), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(indent(line, 1), Role::Text, ">");
                canvas.paint(line, Role::Selection);
            }
            canvas.clickable(line, Hit::Job(job.id));
        }
    }
}

/// Everything about one job: its gauge, what it is doing, and the end of its log.
fn about(job: &JobLine, world: &World, area: Rect, canvas: &mut Canvas<'_>) {
    canvas.rule(row(area, 0));
    let inner = indent(below(area, 1), 3);
    let progress = &job.progress;
    let total = progress.total.map_or(String::new(), |total| format!(" of {}", total.words()));
    let mut head = vec![span(Role::Title, format!("{} {}", job.spec.verb(), job.subject))];
    if let JobSpec::Restore { into, .. } | JobSpec::Salvage { into, .. } = &job.spec {
        head.push(span(Role::Text, format!("  into {into}")));
    }
    head.push(span(Role::Dim, format!("  started {} UTC", job.started.second())));
    canvas.spans(row(inner, 0), &head);
    let (role, words) = state(job);
    let mut line = vec![];
    if job.runs() {
        line.extend(gauge(canvas.glyphs, (area.width / 3).clamp(16, 40), progress.fraction()));
        line.push(span(Role::Text, format!(" {:>4}  {}{total}", percent(progress), progress.done.words())));
    } else {
        line.push(span(Role::Dim, "took"));
    }
    let time = if job.runs() { job.started.age_at(world.now).max(progress.elapsed) } else { progress.elapsed };
    line.push(span(Role::Dim, format!("  {}", long_span(time))));
    canvas.spans(row(inner, 1), &line);
    let at = if progress.at.is_empty() || !job.runs() { String::new() } else { format!("  at {}", progress.at) };
    canvas.spans(row(inner, 2), &[span(role, words), span(Role::Dim, at)]);
    let log = below(inner, 4);
    let lines: Vec<Line> =
        results(job).into_iter().chain(job.log.iter().map(|text| vec![span(Role::Text, text.clone())])).collect();
    let skip = lines.len().saturating_sub(usize::from(log.height));
    for (line, at) in lines.iter().skip(skip).zip(log.rows()) {
        canvas.spans(at, line);
    }
}

fn results(job: &JobLine) -> Vec<Line> {
    match &job.ending {
        Some(Ending::Restored(report)) => {
            if report.file.is_some() {
                let text = format!("{} of dump in {:.1} s", report.bytes.words(), report.seconds);
                let file = report.file.iter().map(|file| vec![span(Role::Text, format!("wrote {file}"))]);
                return std::iter::once(vec![span(Role::Text, text)]).chain(file).collect();
            }
            let mut lines = vec![vec![span(
                Role::Text,
                format!(
                    "{} tables, {} rows, {} statements, {} of SQL in {:.1} s",
                    grouped(report.tables),
                    grouped(report.rows),
                    grouped(report.statements),
                    ByteSize(report.bytes.0).words(),
                    report.seconds
                ),
            )]];
            lines.extend(report.failures.iter().map(|text| vec![span(Role::Danger, text.clone())]));
            lines
        }
        Some(Ending::Salvaged(report)) => salvaged(report),
        Some(Ending::Failed(Some(report))) => vec![vec![span(Role::Text, report.advice.clone())]],
        _ => vec![],
    }
}

/// The summary of a salvage's report, and where all of it stands.
fn salvaged(report: &SalvageReport) -> Vec<Line> {
    let mut lines = vec![vec![span(Role::Warn, report.authenticity.words())]];
    lines.extend(report.met.iter().map(|met| vec![span(Role::Danger, met.clone())]));
    for file in &report.files {
        lines.push(vec![span(Role::Text, format!("{}: {} rows", file.file, grouped(file.rows)))]);
        lines.push(vec![span(Role::Dim, file.missing.clone())]);
    }
    lines.push(vec![span(Role::Text, "REPORT.txt beside them says what is there, table by table")]);
    lines
}

/// How a job ended, in one sentence.
pub fn ending_words(ending: &Ending) -> (Role, String) {
    match ending {
        Ending::Verified(proof) if proof.outcome == VerdictOutcome::Ok => {
            (Role::Good, proof.reached().word().to_owned())
        }
        Ending::Verified(proof) if proof.outcome.is_bad() => {
            let place = proof.at_byte.map_or(String::new(), |byte| format!(" at byte {byte}"));
            (Role::Danger, format!("{}{place}", proof.outcome.word()))
        }
        Ending::Verified(proof) => (Role::Warn, proof.outcome.word().to_owned()),
        Ending::Restored(report) => match report.outcome {
            RestoreOutcome::Done => (Role::Good, format!("done, into {}", report.into)),
            RestoreOutcome::Partly => (Role::Warn, format!("partly done: {} failed", report.failures.len())),
            RestoreOutcome::Failed => (Role::Danger, "failed".to_owned()),
            RestoreOutcome::Cancelled => (Role::Warn, "stopped; the log says what had been written".to_owned()),
        },
        Ending::Salvaged(report) => match report.outcome {
            SalvageOutcome::Partly => (Role::Warn, format!("salvaged, not restored: {}", report.words())),
            SalvageOutcome::Cancelled => (Role::Warn, format!("stopped; salvaged by then: {}", report.words())),
        },
        Ending::Surveyed { transactions, rows, gaps: 0, problems: 0 } => {
            (Role::Good, format!("{} rows in {} transactions, no gap", grouped(*rows), grouped(*transactions)))
        }
        Ending::Surveyed { rows, gaps, problems, .. } => {
            (Role::Warn, format!("{} rows, {gaps} gaps, {problems} problems", grouped(*rows)))
        }
        Ending::Failed(Some(report)) => (Role::Danger, report.headline.clone()),
        Ending::Failed(None) => (Role::Danger, "failed".to_owned()),
        Ending::Cancelled => (Role::Warn, "stopped; nothing was written".to_owned()),
    }
}
