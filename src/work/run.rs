//! Starting jobs: what is checked, recorded and remembered around a verification and a restore.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::audit_log::{Entry, IntentToken};
use crate::model::backup::{Backup, BackupId};
use crate::model::job::{Ending, JobId, JobSpec, Progress, RestoreOutcome};
use crate::model::plan::{Confirmed, RestorePlan};
use crate::model::seal::Fingerprint;
use crate::model::sink::{MysqlSink, PasswordSource, Protection, Sink};
use crate::model::trust::{Proof, Rung, VerdictOutcome};
use crate::report::{Fault, Report, Reportable};
use crate::seal::keyring::PrivateKey;
use crate::seal::secret::Secret;
use crate::target::Store;
use crate::work::guarded;
use crate::work::jobs::{JobCtx, JobView};
use crate::work::ladder;
use crate::work::news::Changed;
use crate::work::plan;
use crate::work::plan::{Ingredients, PlanRequest, ServerSide};
use crate::work::restore;
use crate::work::restore::RestoreError;
use crate::work::session::{Session, entry, held, now};
use crate::work::verify;
use crate::work::verify::{Opener, VerifyError};

/// How often a running job's progress is published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

fn listed(session: &Session, id: &BackupId) -> Result<Arc<Backup>, Report> {
    session.catalog().get(id).cloned().ok_or_else(|| {
        let text = format!("backup {id} is not listed any more");
        Report::new(Fault::Failed, "run::gone", text, "list the targets again; it may have been pruned")
    })
}

fn store_of(session: &Session, backup: &Backup) -> Result<Arc<dyn Store>, Report> {
    let slot = session.0.browser.slot(&backup.target);
    let slot = slot.ok_or_else(|| Report::new(Fault::Failed, "run::no_target", "its target is gone", ""))?;
    slot.store.clone()
}

/// Registers a job and runs `work` beside a clock that publishes its progress.
fn launch<F>(session: &Session, spec: JobSpec, label: String, work: impl FnOnce(JobCtx) -> F) -> JobId
where
    F: Future<Output = Ending> + Send + 'static,
{
    let id = session.next_id();
    let view = JobView {
        id,
        spec,
        label,
        began: now(),
        progress: Progress::default(),
        log: VecDeque::new(),
        lines: 0,
        ending: None,
    };
    let ctx = JobCtx::new(view, session.0.cancel.child_token(), session.0.news.clone());
    held(&session.0.jobs).insert(id, ctx.clone());
    session.0.news.tell(Changed::JOBS);
    // A task of its own: if it panics, the job still ends, and whoever waits for it goes on.
    let mut running = tokio::spawn(work(ctx.clone()));
    tokio::spawn(async move {
        let ending = loop {
            tokio::select! {
                ending = &mut running => break ending.unwrap_or_else(|_| died()),
                () = tokio::time::sleep(PUBLISH_EVERY) => ctx.publish(Instant::now()),
            }
        };
        ctx.end(ending);
    });
    id
}

fn died() -> Ending {
    let advice = "this is a bug in breakglass; nothing that looks complete was left behind";
    Ending::Failed(Some(Box::new(Report::new(Fault::Failed, "job::died", "the job died", advice))))
}

/// Verifies one backup, in the background.
pub fn start_verify(session: &Session, id: &BackupId, to: Rung) -> Result<JobId, Report> {
    let backup = listed(session, id)?;
    let store = store_of(session, &backup)?;
    let keys = session.private_keys();
    let wanted = format!("to {}", to.word());
    let intent = begin(session, entry("verify", &backup.label(), "", &wanted, opener_of(&backup, &keys)))?;
    let task = verify::Task { store, backup: backup.clone(), opener: Opener::Keys(keys), to };
    let spec = JobSpec::Verify { backup: id.clone(), to };
    let mine = session.clone();
    Ok(launch(session, spec, backup.label(), move |ctx| async move {
        match verify::verify(&ctx, task).await {
            Ok(proof) => {
                let words = keep(&mine, &ctx, &backup, &proof);
                end(&mine, &ctx, intent, result_of(&proof), &words);
                Ending::Verified(Box::new(proof))
            }
            Err(VerifyError::Cancelled) => {
                end(&mine, &ctx, intent, "cancelled", "");
                Ending::Cancelled
            }
            Err(error) => {
                let report = error.report();
                end(&mine, &ctx, intent, "failed", &report.code);
                Ending::Failed(Some(Box::new(report)))
            }
        }
    }))
}

/// Records what is about to be done, with room for how it ends.
fn begin(session: &Session, intent: Entry) -> Result<IntentToken, Report> {
    let intent = session.0.audit.intent(intent).map_err(|error| error.report())?;
    session.0.news.tell(Changed::AUDIT);
    Ok(intent)
}

/// Records how it ended, and which key opened the backup.
fn end(session: &Session, ctx: &JobCtx, intent: IntentToken, result: &str, detail: &str) {
    if let Err(error) = session.0.audit.outcome(intent.opened_by(ctx.key()), now(), result, detail) {
        ctx.line(format!("the outcome could not be recorded: {error}"));
    }
    session.0.news.tell(Changed::AUDIT);
}

/// The loaded key that the backup names as its recipient, if any: known before anything is read.
fn opener_of(backup: &Backup, keys: &[PrivateKey]) -> Option<Fingerprint> {
    let fits = |key: &Fingerprint| backup.recipients().any(|recipient| recipient.matches(key));
    keys.iter().map(PrivateKey::fingerprint).find(fits)
}

fn result_of(proof: &Proof) -> &'static str {
    if proof.outcome == VerdictOutcome::Ok { "ok" } else { proof.outcome.word() }
}

/// Keeps a verdict; it in words.
fn keep(session: &Session, ctx: &JobCtx, backup: &Backup, proof: &Proof) -> String {
    let words = ladder::in_words(proof);
    ctx.line(format!("{}: {words}", backup.label()));
    if let Err(error) = session.0.proofs.put(&backup.id, proof) {
        ctx.line(format!("the verdict could not be kept: {error}"));
    }
    session.0.browser.proofs_changed();
    words
}

/// Keeps the verdict that a restore came to on its way, and records it.
fn remember(session: &Session, ctx: &JobCtx, backup: &Backup, proof: &Proof) {
    let words = keep(session, ctx, backup, proof);
    if let Err(report) = session.record("verify", &backup.label(), result_of(proof), &words, proof.key.clone()) {
        ctx.line(format!("not recorded: {report}"));
    }
}

/// Makes a plan.
pub async fn plan(session: &Session, request: PlanRequest) -> Result<RestorePlan, Report> {
    let backup = listed(session, &request.backup)?;
    store_of(session, &backup)?;
    let mut proof = session.0.proofs.releasing(&backup.id, &backup.stamp);
    if let Some(bad) = backup.proof.as_ref().filter(|proof| proof.outcome.is_bad()) {
        return Err(not_whole(&backup, bad));
    }
    let mut backup = backup;
    if matches!(request.into, Sink::Mysql(_)) && proof.as_ref().is_none_or(|proof| proof.inside.is_none()) {
        proof = Some(prove_first(session, &backup).await?);
        // As it stands with its proof: the same plan must come out the next time.
        backup = listed(session, &request.backup)?;
    }
    let catalog = session.catalog();
    let from = Ingredients { backup: &backup, request: &request, proof: proof.as_ref(), catalog: &catalog, now: now() };
    let plan = match &request.into {
        Sink::Dir(dir) => plan::to_dir(&from, dir)?,
        Sink::Stdout => plan::to_stdout(&from),
        Sink::Mysql(sink) => {
            let mut side = server_side(session, sink, &request, proof.as_ref()).await?;
            match guarded::recognised(&session.0.estate.servers, sink, &side.facts) {
                Some((protected, finding)) => {
                    side.findings.push(finding);
                    plan::to_server(&from, &protected, side)
                }
                None => plan::to_server(&from, sink, side),
            }
        }
    };
    let digest = plan.digest();
    session.event("plan", &backup.label(), "ok", &format!("{} into {}", digest, plan.into))?;
    Ok(plan)
}

fn not_whole(backup: &Backup, proof: &Proof) -> Report {
    let (label, verdict) = (backup.label(), ladder::in_words(proof));
    RestoreError::NotWhole { backup: label, verdict, outcome: proof.outcome, proof: None }.report()
}

/// A server plan rests on the census, and the census on a whole proof: verifies as a visible job.
async fn prove_first(session: &Session, backup: &Arc<Backup>) -> Result<Proof, Report> {
    let job = start_verify(session, &backup.id, Rung::Whole)?;
    let view = session.ended(job).await;
    match view.and_then(|view| view.ending) {
        Some(Ending::Verified(proof)) if proof.outcome == VerdictOutcome::Ok && proof.reached() >= Rung::Whole => {
            Ok(*proof)
        }
        Some(Ending::Verified(proof)) => Err(not_whole(backup, &proof)),
        Some(Ending::Failed(Some(report))) => Err(*report),
        _ => Err(RestoreError::Cancelled.report()),
    }
}

/// Asks the server what it is and what stands there, and holds the census against it.
async fn server_side(
    session: &Session,
    sink: &MysqlSink,
    request: &PlanRequest,
    proof: Option<&Proof>,
) -> Result<ServerSide, Report> {
    let password = password(session, sink);
    let password = password.as_ref().map(|secret| secret.expose());
    let mut connection = crate::server::connect(&sink.server, password).await.map_err(|error| error.report())?;
    let facts = connection.probe().await.map_err(|error| error.report())?;
    let tables = connection.database(&sink.database).await.map_err(|error| error.report())?;
    connection.close().await;
    let dump = proof.and_then(|proof| proof.dump.as_deref());
    let findings = crate::work::hazards::findings(dump, &facts, sink, &request.choices);
    Ok(ServerSide { facts, tables, findings })
}

fn password(session: &Session, sink: &MysqlSink) -> Option<Arc<Secret>> {
    match &sink.server.password {
        PasswordSource::Held(name) => session.0.held.get(name).cloned(),
        _ => None,
    }
}

/// Runs a confirmed plan, in the background.
pub fn start_restore(
    session: &Session,
    plan: Confirmed<RestorePlan>,
    out: Option<Box<dyn Write + Send>>,
) -> Result<JobId, Report> {
    let agreed = plan.plan();
    if session.is_read_only() {
        let advice = "read_only is set in the estate or --read-only was given";
        return Err(Report::new(Fault::Refused, "restore::read_only", "this session writes to no sink", advice));
    }
    demand_armed(session, &agreed.into)?;
    let backup = listed(session, &agreed.from.id)?;
    if backup.stamp != agreed.from.stamp {
        let what = "the backup changed since the plan was made".to_owned();
        return Err(RestoreError::PlanVoid { what }.report());
    }
    same_names(agreed, &backup)?;
    let store = store_of(session, &backup)?;
    let digest = agreed.digest();
    let subject = format!("{} into {}", backup.label(), agreed.into);
    let keys = session.private_keys();
    let intent = entry("restore", &subject, "", &digest.to_string(), opener_of(&backup, &keys));
    let intent = begin(session, intent)?;
    let task = restore::Task {
        store,
        backup: backup.clone(),
        keys,
        proof: session.0.proofs.releasing(&backup.id, &backup.stamp),
        out,
        password: match &agreed.into {
            Sink::Mysql(sink) => password(session, sink),
            _ => None,
        },
    };
    let spec = JobSpec::Restore { backup: backup.id.clone(), into: agreed.into.to_string(), digest };
    let mine = session.clone();
    Ok(launch(session, spec, backup.label(), move |ctx| async move {
        let ended = restore::restore(&ctx, task, &plan).await;
        conclude(&mine, &ctx, &backup, intent, ended)
    }))
}

/// In a folder, what was approved includes the file's name, which a proof made since may have changed.
fn same_names(agreed: &RestorePlan, backup: &Backup) -> Result<(), Report> {
    let Sink::Dir(_) = &agreed.into else { return Ok(()) };
    let begins = format!("write {} ", plan::file_name(backup));
    if agreed.will.iter().any(|step| step.text.starts_with(&begins)) {
        return Ok(());
    }
    let what = "a verification since then knows better what the file is to be called".to_owned();
    Err(RestoreError::PlanVoid { what }.report())
}

/// Keeps the proof that was made on the way, and records how the restore ended.
fn conclude(
    session: &Session,
    ctx: &JobCtx,
    backup: &Backup,
    intent: IntentToken,
    ended: Result<restore::Restored, RestoreError>,
) -> Ending {
    let (result, detail, ending) = match ended {
        Ok(restored) => {
            if let Some(proof) = &restored.proof {
                remember(session, ctx, backup, proof);
            }
            let report = restored.report;
            let result = match report.outcome {
                RestoreOutcome::Done => "ok",
                RestoreOutcome::Partly => "partly",
                RestoreOutcome::Failed => "failed",
                RestoreOutcome::Cancelled => "cancelled",
            };
            let detail = format!(
                "{} bytes, {} statements, {} rows, {} failures",
                report.bytes.0,
                report.statements,
                report.rows,
                report.failures.len()
            );
            (result, detail, Ending::Restored(Box::new(report)))
        }
        Err(RestoreError::Cancelled | RestoreError::Verify(VerifyError::Cancelled)) => {
            ("cancelled", String::new(), Ending::Cancelled)
        }
        Err(error) => {
            if let RestoreError::NotWhole { proof: Some(proof), .. } = &error {
                remember(session, ctx, backup, proof);
            }
            let report = error.report();
            ("failed", report.code.clone(), Ending::Failed(Some(Box::new(report))))
        }
    };
    end(session, ctx, intent, result, &detail);
    ending
}

/// A protected server takes writes only while it is armed.
fn demand_armed(session: &Session, into: &Sink) -> Result<(), Report> {
    let Sink::Mysql(sink) = into else { return Ok(()) };
    if sink.server.protection == Protection::Open {
        return Ok(());
    }
    let name = sink.server.label();
    match session.armed() {
        Some(armed) if armed.server == name => Ok(()),
        _ => {
            let advice = "arm it first, with a reason: `A` in the console, --arm SERVER --reason TEXT here";
            Err(Report::new(Fault::Refused, "restore::not_armed", format!("{name} is protected and not armed"), advice))
        }
    }
}
