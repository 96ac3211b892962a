//! Spans of one trace to the runs that they tell of.
//!
//! Spans arrive in any order, in several batches, and some never: a failing script's span is never ended, a killed
//! process sends no root. So this is done anew from all spans of a trace whenever another one arrives, and what is
//! missing is said to be missing. Where the root lies or keeps silent, the parts decide.

pub mod files;
mod groups;
mod outcome;
mod parts;
mod subject;
mod tree;

use std::collections::BTreeSet;

use self::groups::{Group, groups};
use self::tree::Tree;
use crate::model::run::{Feed, Run, RunId, RunKind, Span, TraceId};
use crate::model::trust::{Finding, Weight};
use crate::model::units::Moment;

#[cfg(test)]
mod tests;

/// What the spans of a trace came with.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The best of the feeds that told of it.
    pub feed: Feed,
    /// When the last piece arrived; only of live feeds.
    pub received: Option<Moment>,
}

/// Makes the runs of one trace, the earliest first. Each span id counts once; none is lost for what others say.
pub fn runs(trace: TraceId, spans: &[Span], arrival: Arrival) -> Vec<Run> {
    let tree = Tree::of(spans);
    let groups = groups(&tree);
    groups.iter().enumerate().map(|(number, group)| run(trace, (&tree, number, group), arrival)).collect()
}

fn run(trace: TraceId, (tree, number, group): (&Tree<'_>, usize, &Group), arrival: Arrival) -> Run {
    let root = group.root.map(|root| &tree.spans[root]);
    let id = match (number, root) {
        (0, _) => RunId::of("trace", &[&trace.0]),
        (_, Some(root)) => RunId::of("trace", &[&trace.0, &root.id.0]),
        // Orphans of a trace that has a run already: they must not take its place.
        (_, None) => {
            let first = group.members.iter().map(|&at| tree.spans[at].id.0).min().unwrap_or_default();
            RunId::of("trace", &[&trace.0, &first])
        }
    };
    let kind = subject::kind(tree, group);
    let mut run = Run::new(id, kind, subject::tool(tree, group), arrival.feed, "");
    run.trace = Some((trace, root.map(|root| root.id)));
    run.received = arrival.received;
    run.spans = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
    times(&mut run, tree, group);
    parts::fill(&mut run, tree, group);
    subject::fill(&mut run, tree, group);
    outcome::decide(&mut run, tree, group);
    oddities(&mut run, tree, group);
    run
}

/// The root's times; without one, what the parts span, and no end.
fn times(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let root = group.root.map(|root| &tree.spans[root]);
    let earliest = || group.members.iter().filter_map(|&at| tree.spans[at].started()).min();
    run.started = root.and_then(Span::started).or_else(earliest);
    run.ended = root.and_then(Span::ended);
}

fn oddities(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let mut found: BTreeSet<&'static str> = BTreeSet::new();
    let mut say = |weight, code: &'static str, text: &str| {
        if found.insert(code) {
            run.findings.push(Finding::new(weight, code, text));
        }
    };
    if group.root.is_none() && run.kind != RunKind::Unknown {
        say(Weight::Note, "no_root", "the span of the whole run has not arrived: it runs, it died, or it got lost");
    }
    for &at in &group.members {
        let span = &tree.spans[at];
        if span.start_ns != 0 && span.end_ns != 0 && span.end_ns < span.start_ns {
            say(Weight::Warning, "clock_backwards", "a span ended before it began: the sender's clock was set back");
        }
        if span.dropped > 0 {
            say(Weight::Note, "attributes_left_out", "attributes or events were left out for their number or size");
        }
        if tree.is_in_cycle(at) {
            say(Weight::Warning, "cyclic_spans", "spans name each other as their parents");
        }
    }
}
