//! The lines of the list of runs: what they show, and what a filter finds in them.

use crate::model::run::RunState;
use crate::model::units::ByteSize;
use crate::tui::canvas::{Canvas, Line, Span, span};
use crate::tui::detail;
use crate::tui::past::RunLine;
use crate::tui::screens::history::draw::took;
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
    Column { title: "SAID OF IT", least: 10, most: 80, side: Side::Left, rank: 4 },
];

/// A line with what the past of its series says of it.
pub struct Told {
    /// The run, or what it left.
    pub line: RunLine,
    /// What is said of it, in few words each.
    pub said: Vec<(Role, String)>,
}

/// What the past of a series says of one attempt: what began with it.
pub fn said(series: &SeriesPast, line: &RunLine) -> Vec<(Role, String)> {
    let about = series.said_of(line.at).filter(|_| line.check.is_none());
    let mut said: Vec<(Role, String)> = about.map(|judged| (Role::Warn, judged.short())).collect();
    match (line.kept, &line.odd) {
        (Kept::Gone, why) => said.push((Role::Dim, why.clone().unwrap_or_else(|| "says it made one".to_owned()))),
        (_, odd) => said.extend(odd.iter().map(|odd| (Role::Warn, odd.clone()))),
    }
    said
}

/// Whether a line has a word: anywhere, or, behind `state:` or `says:`, there; `-` turns it round.
pub fn matches(told: &Told, world: &World, word: &str) -> bool {
    let line = &told.line;
    let (word, wanted) = match word.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (rest, false),
        _ => (word, true),
    };
    let says = |word: &str| told.said.iter().any(|(_, text)| text.contains(word));
    let found = match word.split_once(':') {
        Some(("state", rest)) => state(line).text.contains(rest),
        Some(("says", rest)) => says(rest),
        _ => {
            let left = line.backup.as_ref().and_then(|id| world.backup(id));
            line.at.second().contains(word)
                || state(line).text.contains(word)
                || line.kept.word().contains(word)
                || says(word)
                || left.is_some_and(|backup| backup.key.to_string().to_lowercase().contains(word))
        }
    };
    found == wanted
}

/// The sign in the margin of a run.
pub fn margin(told: &Told) -> Span {
    let line = &told.line;
    // What a prune removed is gone as it should be.
    let gone = line.kept == Kept::Gone && line.odd.is_none();
    let warned = told.said.iter().any(|(role, _)| *role == Role::Warn);
    let unsure = line.state == Some(RunState::Unfinished) || gone || warned;
    match line.outcome {
        Outcome::Failed => span(Role::Danger, "x"),
        _ if line.kept == Kept::Bad => span(Role::Danger, "x"),
        _ if unsure => span(Role::Warn, "!"),
        _ => span(Role::Text, " "),
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
        Some(Some(backup)) => detail::trust(backup, canvas.glyphs, width),
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
