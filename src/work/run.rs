//! Starting jobs: what is checked, recorded and remembered around a verification and a restore.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::audit_log::{Entry, IntentToken};
use crate::model::backup::{Backup, BackupId, Format};
use crate::model::dump::DumpFacts;
use crate::model::foreign::Foreign;
use crate::model::job::{Ending, JobId, JobSpec, Progress, RestoreOutcome};
use crate::model::plan::{Confirmed, Part, RestorePlan, SinkState, Stance};
use crate::model::seal::Fingerprint;
use crate::model::sink::{MysqlSink, PasswordSource, Protection, ServerRef, Sink};
use crate::model::trust::{Proof, Rung, VerdictOutcome};
use crate::report::{Fault, Report, Reportable};
use crate::seal::key::Key;
use crate::seal::secret::Secret;
use crate::target::Store;
use crate::work::guarded;
use crate::work::jobs::{JobCtx, JobView};
use crate::work::ladder;
use crate::work::news::Changed;
use crate::work::parts;
use crate::work::plan;
use crate::work::plan::{Ingredients, PlanRequest};
use crate::work::preview;
use crate::work::restore;
use crate::work::restore::RestoreError;
use crate::work::server_plan;
use crate::work::server_plan::ServerSide;
use crate::work::session::{Session, entry, held, now};
use crate::work::verify;
use crate::work::verify::{Opener, VerifyError};

/// How often a running job's progress is published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

pub(super) fn listed(session: &Session, id: &BackupId) -> Result<Arc<Backup>, Report> {
    session.catalog().get(id).cloned().ok_or_else(|| {
        let text = format!("backup {id} is not listed any more");
        Report::new(Fault::Failed, "run::gone", text, "list the targets again; it may have been pruned")
    })
}

/// With the proof that is known by now, which the next look at the catalog will show: what a backup is called and
/// whether it is an archive follow from it.
fn proven_by_now(backup: Arc<Backup>, proof: Option<&Proof>) -> Arc<Backup> {
    match proof {
        Some(proof) if backup.proof.is_none() => {
            let proof = Proof { mib_digests: vec![], ..proof.clone() };
            Arc::new(Backup { proof: Some(Box::new(proof)), ..(*backup).clone() })
        }
        _ => backup,
    }
}

pub(super) fn store_of(session: &Session, backup: &Backup) -> Result<Arc<dyn Store>, Report> {
    let slot = session.0.browser.slot(&backup.target);
    let slot = slot.ok_or_else(|| Report::new(Fault::Failed, "run::no_target", "its target is gone", ""))?;
    slot.store.clone()
}

/// Registers a job and runs `work` beside a clock that publishes its progress.
pub(super) fn launch<F>(session: &Session, spec: JobSpec, label: String, work: impl FnOnce(JobCtx) -> F) -> JobId
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
    let mine = session.clone();
    // A task of its own: if it panics, the job still ends, and whoever waits for it goes on.
    let mut running = tokio::spawn(work(ctx.clone()));
    tokio::spawn(async move {
        let ending = loop {
            tokio::select! {
                ending = &mut running => break ending.unwrap_or_else(|_| died()),
                () = tokio::time::sleep(PUBLISH_EVERY) => ctx.publish(Instant::now()),
            }
        };
        tell(&mine, &ctx, &ending); // before anybody who waits for the end can close the session
        ctx.end(ending);
    });
    id
}

/// Tells telemetry of a job that has ended.
fn tell(session: &Session, ctx: &JobCtx, ending: &Ending) {
    let catalog = session.catalog();
    let backup = ctx.view().spec.backup().and_then(|id| catalog.get(id));
    let slot = backup.and_then(|backup| session.0.browser.slot(&backup.target));
    session.0.spans.ended(ctx, ending, backup.map(|backup| &**backup), slot.map(|slot| slot.target.canonical_url()));
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
pub(super) fn begin(session: &Session, intent: Entry) -> Result<IntentToken, Report> {
    let intent = session.0.audit.intent(intent).map_err(|error| error.report())?;
    session.0.news.tell(Changed::AUDIT);
    Ok(intent)
}

/// Records how it ended, and which key opened the backup.
pub(super) fn end(session: &Session, ctx: &JobCtx, intent: IntentToken, result: &str, detail: &str) {
    if let Err(error) = session.0.audit.outcome(intent.opened_by(ctx.key()), now(), result, detail) {
        ctx.line(format!("the outcome could not be recorded: {error}"));
    }
    session.0.news.tell(Changed::AUDIT);
}

/// The loaded key that the backup names as its recipient, if any: known before anything is read.
pub(super) fn opener_of(backup: &Backup, keys: &[Key]) -> Option<Fingerprint> {
    let fits = |key: &Fingerprint| backup.recipients().any(|recipient| recipient.matches(key));
    keys.iter().filter_map(Key::fingerprint).find(fits)
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
    if let Err(report) = session.note_verification(backup, proof) {
        ctx.line(format!("the history could not note it: {}", report.headline));
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
    let (mut backup, mut request) = (proven_by_now(backup, proof.as_ref()), request);
    // Which members are those of a database is known only when they have been read.
    let chosen = request.databases.is_some() && (plan::is_archive(&backup) || backup.shape.format == Format::Sealed);
    if (request.into.server().is_some() || chosen) && proof.as_ref().is_none_or(|proof| proof.inside.is_none()) {
        proof = Some(prove_first(session, &backup).await?);
        // As it stands with its proof: the same plan must come out the next time.
        backup = proven_by_now(listed(session, &request.backup)?, proof.as_ref());
    }
    name_the_one(&mut request, proof.as_ref());
    let side = match request.into.server().cloned() {
        Some(server) => Some(guarded_side(session, server, &mut request, proof.as_ref()).await?),
        None => None,
    };
    let catalog = session.catalog();
    let from = Ingredients { backup: &backup, request: &request, proof: proof.as_ref(), catalog: &catalog, now: now() };
    let mut plan = match (&request.into, side) {
        (Sink::Dir(dir), _) => plan::to_dir(&from, dir)?,
        (Sink::Mysql(MysqlSink { server, .. }) | Sink::Databases(server), Some(side)) => {
            server_plan::to_server(&from, server, side)
        }
        (Sink::Stdout, _) => plan::to_stdout(&from),
        (Sink::Mysql(_) | Sink::Databases(_), None) => {
            return Err(Report::new(Fault::Failed, "bug", "the server was not asked", "report this"));
        }
    };
    plan.rewrites = proof.as_ref().map(|proof| preview::of(&plan, proof)).unwrap_or_default();
    let digest = plan.digest();
    session.event("plan", &backup.label(), "ok", &format!("{} into {}", digest, plan.into))?;
    Ok(plan)
}

/// A dump by itself that names one database can keep that name, or take the one that it is given.
fn name_the_one(request: &mut PlanRequest, proof: Option<&Proof>) {
    let Sink::Databases(server) = &request.into else { return };
    let Some(proof) = proof.filter(|proof| proof.members.is_empty()) else { return };
    if let Some([only]) = proof.inside.as_ref().map(|inside| inside.databases.as_slice()) {
        let renamed = request.renames.iter().find(|rename| rename.from == *only);
        let database = renamed.map_or_else(|| only.clone(), |rename| rename.to.clone());
        request.into = Sink::Mysql(MysqlSink { server: server.clone(), database });
    }
}

fn not_whole(backup: &Backup, proof: &Proof) -> Report {
    let (label, verdict) = (backup.label(), ladder::in_words(proof));
    RestoreError::NotWhole { backup: label, verdict, outcome: proof.outcome, proof: None }.report()
}

/// What goes to a server rests on the census, and which members are chosen on what they say: both on a whole
/// proof. Verifies as a visible job.
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

/// The server's side of a plan; a protected server is recognised by whatever address it is reached.
async fn guarded_side(
    session: &Session,
    server: ServerRef,
    request: &mut PlanRequest,
    proof: Option<&Proof>,
) -> Result<ServerSide, Report> {
    let mut side = server_side(session, &server, request, proof).await?;
    if let Some((protected, finding)) = guarded::recognised(&session.0.estate.servers, &server, &side.facts) {
        side.findings.push(finding);
        request.into = match request.into.clone() {
            Sink::Mysql(sink) => Sink::Mysql(MysqlSink { server: protected, ..sink }),
            _ => Sink::Databases(protected),
        };
    }
    Ok(side)
}

/// Asks the server what it is and what stands there, and holds the census against it.
async fn server_side(
    session: &Session,
    server: &ServerRef,
    request: &PlanRequest,
    proof: Option<&Proof>,
) -> Result<ServerSide, Report> {
    let password = password(session, server);
    let password = password.as_ref().map(|secret| secret.expose());
    let mut connection = crate::server::connect(server, password).await.map_err(|error| error.report())?;
    let facts = connection.probe().await.map_err(|error| error.report())?;
    let mut assigned = proof.map(|proof| parts::assign(proof, request)).unwrap_or_default();
    parts::known_defaults(&mut assigned.parts, &facts);
    for part in &mut assigned.parts {
        part.there = standing(&mut connection, &part.into).await?;
    }
    let there = match &request.into {
        Sink::Mysql(sink) => standing(&mut connection, &sink.database).await?,
        _ => SinkState::New,
    };
    connection.close().await;
    let mut findings = assigned.findings;
    findings.extend(parts::unused_renames(proof, request));
    findings.extend(parts::folded(&assigned.parts, &request.renames, &facts));
    let into = match &request.into {
        Sink::Mysql(sink) if assigned.parts.is_empty() => Some(&sink.database),
        _ => None,
    };
    findings.extend(parts::system(assigned.parts.iter().map(|part| &part.into).chain(into)));
    if matches!(request.into, Sink::Databases(_)) && assigned.parts.is_empty() {
        let text = "nothing says which database this dump is: name one behind the server";
        findings.push(plan::fact("name_database", Stance::Stops, text));
    }
    let dump = proof.and_then(|proof| chosen_dumps(proof, &assigned.parts));
    findings.extend(crate::work::hazards::findings(dump.as_ref(), &facts, (server, into), &request.choices));
    Ok(ServerSide { facts, there, parts: assigned.parts, findings })
}

async fn standing(connection: &mut crate::server::Connection, database: &Foreign) -> Result<SinkState, Report> {
    let tables = connection.database(database).await.map_err(|error| error.report())?;
    Ok(tables.map_or(SinkState::New, |tables| SinkState::DatabaseExists { tables }))
}

/// What the dumps that are restored ask of the server.
fn chosen_dumps(proof: &Proof, parts: &[Part]) -> Option<DumpFacts> {
    if parts.is_empty() {
        return proof.dump.as_deref().cloned();
    }
    let wanted = |name: &Foreign| parts.iter().any(|part| part.member == *name);
    let members = proof.members.iter().filter(|member| wanted(&member.name));
    DumpFacts::of_all(members.filter_map(|member| member.dump.as_deref()))
}

pub(super) fn password(session: &Session, server: &ServerRef) -> Option<Arc<Secret>> {
    match &server.password {
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
    let proof = session.0.proofs.releasing(&backup.id, &backup.stamp);
    let backup = proven_by_now(backup, proof.as_ref());
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
        proof,
        out,
        password: agreed.into.server().and_then(|server| password(session, server)),
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
    if plan::is_archive(backup) {
        return Ok(()); // its members bring their names
    }
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
    let Some(server) = into.server().filter(|server| server.protection == Protection::Protected) else {
        return Ok(());
    };
    let name = server.label();
    match session.armed() {
        Some(armed) if armed.server == name => Ok(()),
        _ => {
            let advice = "arm it first, with a reason: `A` in the console, --arm SERVER --reason TEXT here";
            Err(Report::new(Fault::Refused, "restore::not_armed", format!("{name} is protected and not armed"), advice))
        }
    }
}
