//! Log lines come in pieces: a rotation cuts a file, a receiver is started anew. In whichever order its pieces come, the
//! run that they make is the same.

use super::squeeze::unsqueeze;
use crate::model::run::{Feed, ObjectRef, Run, RunState};

/// What a piece and what is kept already tell together; `None` where the one does not add to the other.
pub(super) fn together(piece: &Run, kept: &[u8]) -> Option<Run> {
    if piece.feed != Feed::Logrus {
        return None;
    }
    let known: Run = serde_json::from_slice(&unsqueeze(kept)?).ok()?;
    (known.feed == Feed::Logrus).then(|| of_both(known, piece.clone()))
}

fn of_both(known: Run, piece: Run) -> Run {
    let begun = |run: &Run| (run.started.is_some(), !run.objects.is_empty());
    // The beginning tells what kind of run it is, and the place of its files which series.
    let (mut run, other) = if begun(&known) >= begun(&piece) { (known, piece) } else { (piece, known) };
    run.started = earlier(run.started, other.started);
    run.state = [RunState::Failed, RunState::Ok, RunState::Unknown]
        .into_iter()
        .find(|state| [run.state, other.state].contains(state))
        .unwrap_or(RunState::Unfinished);
    run.failure = match (run.failure.take(), other.failure) {
        (Some(one), Some(two)) if (other.ended, &two.text) < (run.ended, &one.text) => Some(two),
        (one, two) => one.or(two),
    };
    run.ended = run.ended.max(other.ended);
    run.received = run.received.max(other.received);
    run.bytes = run.bytes.max(other.bytes);
    if run.objects.is_empty() && !other.objects.is_empty() {
        run.series = other.series;
        run.objects = other.objects;
    } else if !other.objects.is_empty() && other.objects != run.objects {
        run.series = run.series.min(other.series);
        run.objects = all(run.objects, other.objects);
    }
    run
}

fn earlier<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    one.into_iter().chain(two).min()
}

fn all(mut one: Vec<ObjectRef>, two: Vec<ObjectRef>) -> Vec<ObjectRef> {
    for object in two {
        if !one.contains(&object) {
            one.push(object);
        }
    }
    one.sort_by(|one, two| (&one.target, &one.name).cmp(&(&two.target, &two.name)));
    one
}
