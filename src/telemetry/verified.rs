//! Verifications of our own, as runs.

use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::run::{Failure, Feed, ObjectRef, Run, RunId, RunKind, RunState, Tool};
use crate::model::trust::{Proof, VerdictOutcome};
use crate::model::units::Moment;

/// The run that a verdict on a backup was. `target` is its target's URL without user and password.
pub fn of_proof(backup: &Backup, proof: &Proof, target: &str) -> Run {
    let id = RunId::of("verification", &[backup.id.as_str().as_bytes(), &proof.at.0.to_le_bytes()]);
    let mut run = Run::new(id, RunKind::Verification, Tool::Breakglass, Feed::Verification, backup.series.clone());
    let millis = i64::try_from(proof.millis).unwrap_or(i64::MAX);
    run.started = Some(Moment(proof.at.0.saturating_sub(millis)));
    run.ended = Some(proof.at);
    run.bytes = Some(proof.bytes_in);
    run.state = match proof.outcome {
        VerdictOutcome::Ok => RunState::Ok,
        outcome if outcome.is_bad() => RunState::Failed,
        _ => RunState::Unknown,
    };
    run.reached = Some(proof.reached());
    if proof.outcome != VerdictOutcome::Ok {
        let text = match proof.at_byte {
            Some(at) => format!("{} at byte {at}", proof.outcome.word()),
            None => proof.outcome.word().to_owned(),
        };
        run.failure = Some(Failure { phase: None, text: Foreign::from(text) });
    }
    run.databases = backup.databases_known.then(|| backup.databases.clone());
    run.objects = vec![ObjectRef {
        target: Some(Foreign::from(target)),
        target_kind: None,
        name: Some(backup.key.clone()),
        bytes: Some(backup.stamp.size),
        state: Some(run.state),
        error: None,
    }];
    run
}
