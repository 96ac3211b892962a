//! The lines of the list of runs: what they show, and what a filter finds in them.

use crate::model::run::RunState;
use crate::model::units::{ByteSize, Moment};
use crate::tui::canvas::{Canvas, Line, Span, span};
use crate::tui::detail;
use crate::tui::past::RunLine;
use crate::tui::screens::history::draw::took;
use crate::tui::screens::history::words::{SAYS, STATE, Word};
use crate::tui::theme::Role;
use crate::tui::widgets::table::{Column, Layout, Side};
use crate::tui::world::World;
use crate::work::history::{Kept, Outcome, SeriesPast};

/// The columns of the list.
pub const COLUMNS: [Column; 6] = [
    Column { title: "STARTED UTC", least: 16, most: 19, side: Side::Left, rank: 0 },
    Column { title: "STATE", least: 10, most: 11, side: Side::Left, rank: 0 },
    Column { title: "SIZE", least: 5, most: 5, side: Side::Right, rank: 1 },
    Column { title: "TOOK", least: 6, most: 7, side: Side::Right, rank: 3 },
    Column { title: "LEFT", least: 13, most: 24, side: Side::Left, rank: 0 },
    Column { title: "SAID OF IT", least: 13, most: 80, side: Side::Left, rank: 4 },
];

/// A line with what the past of its series says of it.
pub struct Told {
    /// The run, or what it left.
    pub line: RunLine,
    /// What is said of it, in few words each.
    pub said: Vec<(Role, String)>,
    look: Look,
}

impl Told {
    /// A line of a series whose oldest listed backup is of that time.
    pub fn of(series: &SeriesPast, line: RunLine, oldest: Option<Moment>) -> Self {
        let said = said(series, &line);
        Self { look: look(&line, &said, oldest), said, line }
    }
}

/// What the past of a series says of one attempt: what began with it.
fn said(series: &SeriesPast, line: &RunLine) -> Vec<(Role, String)> {
    let about = series.said_of(line.at).filter(|_| line.check.is_none());
    let mut said: Vec<(Role, String)> = about.map(|judged| (Role::Warn, judged.short())).collect();
    match (line.kept, &line.odd) {
        (Kept::Gone, why) => said.push((Role::Dim, why.clone().unwrap_or_else(|| "made, it says".to_owned()))),
        (_, odd) => said.extend(odd.iter().map(|odd| (Role::Warn, odd.clone()))),
    }
    said
}

/// What stands in front of a colon in the filter of runs.
pub const TOKENS: [&str; 2] = [STATE, SAYS];
/// What [`states`] come to, of backups and of verifications of our own.
pub const STATES: [&str; 12] = [
    "ok",
    "failed",
    "unfinished",
    "unknown",
    "no run",
    "damaged",
    "gone",
    "proven",
    "verified",
    "opened",
    "checked",
    "undecided",
];

/// Whether a line has a word: anywhere, or, behind `state:` or `says:`, there.
pub fn has(told: &Told, world: &World, word: &Word) -> bool {
    let line = &told.line;
    let says = || told.said.iter().any(|(_, text)| word.is_in(text));
    match word.token {
        Some(STATE) => word.begins(states(line)),
        Some(_) => says(),
        None => {
            let left = line.backup.as_ref().and_then(|id| world.backup(id));
            word.is_in(&line.at.second())
                || word.is_in(&state(line).text)
                || word.is_in(line.kept.word())
                || says()
                || left.is_some_and(|backup| word.is_in(&backup.key.to_string()))
        }
    }
}

/// What a line came to, in the words of its column, its margin and the strip.
pub fn states(line: &RunLine) -> impl Iterator<Item = &'static str> + use<> {
    let own = line.check.or(line.state.map(RunState::word)).unwrap_or("no run");
    let came_to = match (line.check, line.outcome, line.kept) {
        (Some(_), ..) => None,
        (None, Outcome::Failed, _) => Some("failed"),
        (None, _, kept @ (Kept::Bad | Kept::Gone)) => Some(kept.word()),
        (None, ..) => None,
    };
    [own].into_iter().chain(came_to)
}

/// How much a line needs a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    None,
    Worth,
    Bad,
}

fn look(line: &RunLine, said: &[(Role, String)], oldest: Option<Moment>) -> Look {
    // What a prune removed, or is older than everything that is there, is gone as it should be.
    let gone = line.kept == Kept::Gone && line.odd.is_none() && oldest.is_none_or(|oldest| line.at > oldest);
    let unsure = line.state == Some(RunState::Unfinished) || gone || said.iter().any(|(role, _)| *role == Role::Warn);
    match line.outcome {
        Outcome::Failed => Look::Bad,
        _ if line.kept == Kept::Bad => Look::Bad,
        _ if unsure => Look::Worth,
        _ => Look::None,
    }
}

/// Whether a line is worth a look.
pub fn is_worth(told: &Told) -> bool {
    told.look > Look::None
}

/// The sign in the margin of a run.
pub fn margin(told: &Told) -> Span {
    match told.look {
        Look::Bad => span(Role::Danger, "x"),
        Look::Worth => span(Role::Warn, "!"),
        Look::None => span(Role::Text, " "),
    }
}

/// How a run ended, or that none is known of an object.
fn state(line: &RunLine) -> Span {
    if let (Some(word), Some(state)) = (line.check, line.state) {
        return span(state_role(state), word);
    }
    match line.state {
        None => span(Role::Dim, "no run"),
        Some(state @ RunState::Ok) if line.outcome == Outcome::Failed => {
            span(Role::Warn, format!("says {}", state.word()))
        }
        Some(state) => span(state_role(state), state.word()),
    }
}

/// How a state is drawn.
fn state_role(state: RunState) -> Role {
    match state {
        RunState::Ok => Role::Good,
        RunState::Failed => Role::Danger,
        RunState::Unfinished => Role::Warn,
        RunState::Unknown => Role::Dim,
    }
}

/// What a run left: its trust, or that nothing of it is listed.
fn left(line: &RunLine, world: &World, canvas: &Canvas<'_>, width: u16) -> Line {
    match line.backup.as_ref().map(|id| world.backup(id)) {
        Some(Some(backup)) => detail::proven(backup, canvas.glyphs, width),
        Some(None) => vec![span(Role::Warn, "no longer listed")],
        None if line.kept == Kept::Gone && line.odd.is_some() => vec![span(Role::Dim, "removed")],
        None if line.kept == Kept::Gone => vec![span(Role::Warn, "gone")],
        None if line.outcome == Outcome::Failed => vec![span(Role::Dim, "nothing")],
        None => vec![span(Role::Dim, "not listed")],
    }
}

/// The cells of a line.
pub fn cells(told: &Told, world: &World, canvas: &Canvas<'_>, layout: &Layout) -> [Line; 6] {
    let line = &told.line;
    let at = if layout.width(0) >= 19 { line.at.second() } else { line.at.minute() };
    let text = |text: String| vec![span(Role::Text, text)];
    let mut said: Line = vec![];
    for (role, words) in &told.said {
        let gap = if said.is_empty() { "" } else { ", " };
        said.push(span(*role, format!("{gap}{words}")));
    }
    [
        text(at),
        vec![state(line)],
        text(line.bytes.map_or(String::new(), |bytes| ByteSize(bytes).to_string())),
        text(line.took.map_or(String::new(), took)),
        left(line, world, canvas, layout.width(4)),
        said,
    ]
}
