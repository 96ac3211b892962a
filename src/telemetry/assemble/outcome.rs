//! How a run ended: what its root says, unless its parts say otherwise.

use super::groups::Group;
use super::parts::phase_kind;
use super::tree::Tree;
use crate::model::foreign::Foreign;
use crate::model::run::{AttributeValue, Failure, PhaseKind, Run, RunKind, RunState, Span, SpanStatus};
use crate::model::trust::{Finding, Weight};

/// Whether a span tells of a failure: by its status, or by an exception where it says nothing else.
pub(super) fn failed(span: &Span) -> bool {
    let exception = || span.events.iter().any(|event| event.name.raw_bytes() == b"exception");
    span.status == SpanStatus::Error || (span.status == SpanStatus::Unset && exception())
}

/// What a span says about its failure.
pub(super) fn error_of(span: &Span) -> Option<Foreign> {
    if !failed(span) {
        return None;
    }
    if !span.message.raw_bytes().is_empty() {
        return Some(span.message.clone());
    }
    let attributes = span.events.iter().flat_map(|event| &event.attributes);
    let told = attributes.filter(|attribute| attribute.key.raw_bytes() == b"exception.message");
    told.filter_map(|attribute| attribute.value.text()).next().cloned()
}

pub(super) fn decide(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let root = group.root.map(|root| &tree.spans[root]);
    let said = root.map(word_of_root);
    run.failure = deepest_failure(run, tree, group);
    let parts_failed = run.failure.is_some() || run.phases.iter().any(|phase| phase.state == RunState::Failed);
    run.state = match said {
        Some(RunState::Failed) => RunState::Failed,
        Some(RunState::Ok) if parts_failed => {
            let text = "the run says it ended well, a part of it says otherwise";
            run.findings.push(Finding::new(Weight::Warning, "root_lies", text));
            RunState::Failed
        }
        Some(RunState::Ok) => RunState::Ok,
        _ if parts_failed => RunState::Failed,
        None | Some(RunState::Unfinished) => RunState::Unfinished,
        Some(RunState::Unknown) => by_parts(run),
    };
    if run.state == RunState::Failed && run.failure.is_none() {
        run.failure = Some(silent_failure(run, root));
    }
    if run.state == RunState::Failed && run.ended.is_none() {
        run.ended = group.members.iter().filter_map(|&at| tree.spans[at].ended()).max();
    }
    if run.state == RunState::Ok {
        // Parts that never say how they ended did so well when the whole did.
        let silent = run.phases.iter_mut().filter(|phase| phase.state == RunState::Unknown);
        silent.for_each(|phase| phase.state = RunState::Ok);
    }
}

/// What the root says by itself.
fn word_of_root(root: &Span) -> RunState {
    let word = root.text("backup.status").and_then(|word| word.raw_str());
    let code = root.attribute("backup.exit_code").and_then(AttributeValue::int);
    if failed(root) || word == Some("error") || code.is_some_and(|code| code != 0) {
        return RunState::Failed;
    }
    if root.status == SpanStatus::Ok || word == Some("ok") || code == Some(0) {
        return RunState::Ok;
    }
    if root.end_ns == 0 { RunState::Unfinished } else { RunState::Unknown }
}

/// A root that ended without a word: restores never say anything, nor do prunes or old versions' runs.
fn by_parts(run: &Run) -> RunState {
    let ended_well = |kind: PhaseKind| {
        let mut parts = run.phases.iter().filter(|phase| phase.kind == kind).peekable();
        parts.peek().is_some() && parts.all(|phase| phase.state == RunState::Ok)
    };
    let well = match run.kind {
        RunKind::Backup => ended_well(PhaseKind::Upload),
        RunKind::Restore => ended_well(PhaseKind::Load),
        RunKind::Prune => run.phases.iter().all(|phase| phase.state == RunState::Ok) && !run.phases.is_empty(),
        RunKind::Verification | RunKind::Unknown => false,
    };
    if well { RunState::Ok } else { RunState::Unknown }
}

/// The error that arose deepest in the run: what stands above it only repeats it.
fn deepest_failure(run: &Run, tree: &Tree<'_>, group: &Group) -> Option<Failure> {
    let failures = group.members.iter().copied().filter(|&at| failed(&tree.spans[at]));
    let deepest = failures.min_by_key(|&at| (std::cmp::Reverse(tree.depth(at)), tree.spans[at].end_ns, at))?;
    let span = &tree.spans[deepest];
    let text = error_of(span).unwrap_or_else(|| Foreign::from("it failed, and does not say why"));
    let phase = phase_above(tree, deepest).or_else(|| phase_by_text(run, &text));
    Some(Failure { phase, text })
}

fn phase_above(tree: &Tree<'_>, at: usize) -> Option<PhaseKind> {
    let mut next = Some(at);
    while let Some(at) = next {
        if let Some(kind) = phase_kind(tree, at) {
            return Some(kind);
        }
        next = tree.parent(at);
    }
    None
}

/// mysql-backup's own words on the root, where no part of the run has told.
fn phase_by_text(run: &Run, text: &Foreign) -> Option<PhaseKind> {
    let pruning = text.raw_str().is_some_and(|text| text.starts_with("error running prune"));
    (run.kind == RunKind::Backup && pruning).then_some(PhaseKind::Prune)
}

fn silent_failure(run: &Run, root: Option<&Span>) -> Failure {
    let part = run.phases.iter().find(|phase| phase.state == RunState::Failed);
    let text = match (part.map(|part| part.kind), root) {
        (Some(PhaseKind::Prune), _) => "a file could not be deleted; the tool does not say which",
        (Some(_), _) => "a part of it failed, and does not say why",
        (None, _) => "it failed, and does not say why",
    };
    Failure { phase: part.map(|part| part.kind), text: Foreign::from(text) }
}
