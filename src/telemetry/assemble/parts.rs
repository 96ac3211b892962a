//! The parts of a run: phases, what it left in each target, what it deleted.

use super::groups::Group;
use super::outcome::{error_of, failed};
use super::tree::Tree;
use crate::model::foreign::Foreign;
use crate::model::run::{
    AttributeValue, ObjectRef, Phase, PhaseKind, PrunedTarget, Run, RunKind, RunState, Span, SpanStatus,
};

/// Phases that are kept of one run.
const PHASES: usize = 256;
/// Targets that are kept of one run.
const TARGETS: usize = 64;
/// Names of pruned files that are kept per target.
const CANDIDATES: usize = 4096;

pub(super) fn fill(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let parts = group.members.iter().filter_map(|&at| Some((at, phase_kind(tree, at)?)));
    for (at, kind) in parts {
        if run.phases.len() < PHASES {
            run.phases.push(phase(&tree.spans[at], kind));
        }
        match kind {
            PhaseKind::Prune if run.pruned.len() < TARGETS && tree.children(at).is_empty() => {
                run.pruned.extend(pruned(&tree.spans[at]));
            }
            PhaseKind::Upload if run.objects.len() < TARGETS => run.objects.push(uploaded(&tree.spans[at])),
            PhaseKind::Fetch if run.objects.len() < TARGETS => run.objects.push(fetched(&tree.spans[at])),
            _ => {}
        }
    }
    run.phases.sort_by_key(|phase| phase.started);
    sizes_and_names(run, tree, group);
}

/// Which phase a span is, if it is one: of `upload` inside `upload` the inner ones are, of `prune` those per target.
pub(super) fn phase_kind(tree: &Tree<'_>, at: usize) -> Option<PhaseKind> {
    let has_own_kind_below = |name: &str| tree.children(at).iter().any(|&child| tree.is_named(child, name));
    let prunes_below = || tree.children(at).iter().any(|&child| is_prune_of_target(tree, child));
    match tree.spans[at].name.raw_bytes() {
        b"pre-backup" | b"pre-restore" => Some(PhaseKind::Before),
        b"database_dump" => Some(PhaseKind::Dump),
        b"output_tar" => Some(PhaseKind::Pack),
        b"upload" if !has_own_kind_below("upload") => Some(PhaseKind::Upload),
        b"post-backup" | b"post-restore" => Some(PhaseKind::After),
        b"prune" if !prunes_below() => Some(PhaseKind::Prune),
        b"pull file" => Some(PhaseKind::Fetch),
        b"input_tar" => Some(PhaseKind::Unpack),
        b"database_restore" => Some(PhaseKind::Load),
        _ if is_prune_of_target(tree, at) => Some(PhaseKind::Prune),
        _ => None,
    }
}

fn is_prune_of_target(tree: &Tree<'_>, at: usize) -> bool {
    tree.spans[at].name.raw_bytes().starts_with(b"pruneTarget")
}

fn phase(span: &Span, kind: PhaseKind) -> Phase {
    let millis = span.took().map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    Phase { kind, of: target_of(span), started: span.started(), millis, state: state(span, kind) }
}

/// How a part ended by its own account. A pruned target whose span says nothing is one in which a delete failed.
fn state(span: &Span, kind: PhaseKind) -> RunState {
    let silent_failure = kind == PhaseKind::Prune && span.name.raw_bytes().starts_with(b"pruneTarget");
    match span.status {
        SpanStatus::Ok => RunState::Ok,
        _ if failed(span) => RunState::Failed,
        _ if span.end_ns == 0 => RunState::Unfinished,
        _ if silent_failure => RunState::Failed,
        _ => RunState::Unknown,
    }
}

/// The URL that a part worked on.
fn target_of(span: &Span) -> Option<Foreign> {
    let attribute = span.text("backup.target.url").or_else(|| span.text("target"));
    let named = || span.name.raw_str()?.strip_prefix("pruneTarget ").map(|url| Foreign::from(url.trim()));
    attribute.cloned().or_else(named)
}

fn uploaded(span: &Span) -> ObjectRef {
    ObjectRef {
        target: target_of(span),
        target_kind: span.text("backup.target.type").cloned(),
        name: None,
        bytes: None,
        state: Some(state(span, PhaseKind::Upload)),
        error: error_of(span),
    }
}

fn fetched(span: &Span) -> ObjectRef {
    ObjectRef {
        target: target_of(span),
        target_kind: None,
        name: span.text("targetfile").cloned(),
        bytes: positive(span, "copied"),
        state: Some(state(span, PhaseKind::Fetch)),
        error: error_of(span),
    }
}

fn pruned(span: &Span) -> Option<PrunedTarget> {
    let list = |key: &str| match span.attribute(key) {
        Some(AttributeValue::List(values)) => values.as_slice(),
        _ => &[],
    };
    let candidates = list("candidates");
    Some(PrunedTarget {
        target: target_of(span),
        candidates: candidates.iter().filter_map(|name| name.text().cloned()).take(CANDIDATES).collect(),
        candidate_count: candidates.len() as u64,
        ignored: list("ignored").len() as u64,
        invalid: list("invalidDate").len() as u64,
        state: Some(state(span, PhaseKind::Prune)),
        error: error_of(span),
    })
}

fn positive(span: &Span, key: &str) -> Option<u64> {
    u64::try_from(span.attribute(key)?.int()?).ok()
}

/// The file's name stands on the dump, its size on the archive and on the whole run.
fn sizes_and_names(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let spans = || group.members.iter().map(|&at| &tree.spans[at]);
    let root = group.root.map(|root| &tree.spans[root]);
    let packed = || {
        spans().filter(|span| span.name.raw_bytes() == b"output_tar").find_map(|span| positive(span, "backup.bytes"))
    };
    run.bytes = root.and_then(|root| positive(root, "backup.bytes")).or_else(packed);
    if !matches!(run.kind, RunKind::Backup | RunKind::Verification) {
        return;
    }
    let name = spans().find_map(|span| span.text("target-filename")).cloned();
    if run.objects.is_empty() && name.is_some() {
        run.objects.push(ObjectRef { target: root.and_then(target_of), ..ObjectRef::default() });
    }
    for object in &mut run.objects {
        if object.target.is_none() {
            object.target = root.and_then(target_of);
        }
        object.name.clone_from(&name);
        object.bytes = run.bytes;
    }
}
