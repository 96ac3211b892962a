//! How marks, outcomes and severities look.

use crate::model::judgement::Severity;
use crate::model::run::RunState;
use crate::tui::canvas::{Line, Span, span};
use crate::tui::theme::Role;
use crate::work::history::strip::Mark;
use crate::work::history::{Kept, Outcome, Point};

/// The role of a mark; its symbol says the same.
pub fn role(mark: Mark) -> Role {
    match mark {
        Mark::Ok | Mark::Verified | Mark::Proven | Mark::All => Role::Good,
        Mark::Late | Mark::Odd | Mark::Some => Role::Warn,
        Mark::Failed | Mark::Missing => Role::Danger,
        Mark::Quiet | Mark::Open | Mark::Blank => Role::Dim,
    }
}

/// A strip as spans, neighbours of one role together.
pub fn drawn(marks: &[Mark]) -> Line {
    let alike = marks.chunk_by(|a, b| role(*a) == role(*b));
    alike.map(|part| span(role(part[0]), part.iter().map(|mark| mark.symbol()).collect::<String>())).collect()
}

/// The words of the marks that are shown.
pub fn legend(seen: &[Mark]) -> Line {
    let known = Mark::LEGEND.iter().filter(|(mark, _)| seen.contains(mark));
    known.flat_map(|(mark, word)| [span(role(*mark), mark.symbol()), span(Role::Dim, format!(" {word}  "))]).collect()
}

/// The role of a severity.
pub fn severity(severity: Severity) -> Role {
    match severity {
        Severity::Note => Role::Text,
        Severity::Warning => Role::Warn,
        Severity::Critical => Role::Danger,
    }
}

/// How an attempt ended.
pub fn outcome(point: &Point) -> Span {
    match (point.outcome, point.state) {
        (Outcome::Failed, _) => span(Role::Danger, "failed"),
        (Outcome::Open, _) => span(Role::Warn, "open"),
        (Outcome::Made, Some(RunState::Failed)) => span(Role::Warn, "made, run failed"),
        (Outcome::Made, _) => span(Role::Good, "ok"),
    }
}

/// What is there of what an attempt made.
pub fn kept(kept: Kept) -> Span {
    let role = match kept {
        Kept::Good(_) => Role::Good,
        Kept::Bad => Role::Danger,
        Kept::Gone => Role::Warn,
        Kept::Unknown | Kept::Listed(_) => Role::Text,
    };
    span(role, kept.word())
}
