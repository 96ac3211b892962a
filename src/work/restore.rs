//! Running a confirmed plan: proving what is not proven yet, then letting exactly the proven bytes out.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use miette::Diagnostic;
use thiserror::Error;

use crate::disk::output::{OutputError, ensure_dir};
use crate::model::backup::Backup;
use crate::model::foreign::escape;
use crate::model::job::{Phase, RestoreOutcome, RestoreReport};
use crate::model::plan::{Confirmed, RestorePlan, SinkState};
use crate::model::seal::Fingerprint;
use crate::model::sink::{DirSink, MysqlSink, Sink};
use crate::model::target::Object;
use crate::model::trust::{Finding, Proof, Rung, VerdictOutcome};
use crate::model::units::ByteSize;
use crate::report::{Fault, Reportable};
use crate::seal::key::Key;
use crate::seal::secret::Secret;
use crate::server::ServerError;
use crate::target::{Store, StoreError};
use crate::work::copying::{Pipe, Wanted};
use crate::work::jobs::JobCtx;
use crate::work::keep::{Keep, Kept, Unfinished};
use crate::work::ladder;
use crate::work::load;
use crate::work::look;
use crate::work::opening;
use crate::work::opening::{Layers, Plaintext};
use crate::work::pipe::{Feed, bridge};
use crate::work::plan;
use crate::work::release::Released;
use crate::work::sink;
use crate::work::unlock;
use crate::work::unlock::Unlocked;
use crate::work::verify;
use crate::work::verify::{Opener, VerifyError, on_thread};

/// Why a restore did not happen. What had been written by then stands in the report beside it.
#[derive(Debug, Error, Diagnostic)]
pub enum RestoreError {
    /// The proof pass came to no verdict.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Verify(#[from] VerifyError),
    /// The target failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The server failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Server(#[from] ServerError),
    /// The file could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// The backup does not hold what a restore needs.
    #[error("{backup} is {verdict}: nothing was restored")]
    #[diagnostic(
        code(restore::not_whole),
        help("pick another backup of the series; `breakglass verify` says what is wrong with this one")
    )]
    NotWhole {
        /// Which backup.
        backup: String,
        /// The verdict in words.
        verdict: String,
        /// Which kind of verdict: decides the exit code.
        outcome: VerdictOutcome,
        /// All that was seen, where this restore has read the backup itself: to be remembered.
        proof: Option<Box<Proof>>,
    },
    /// The bytes of the second read are not those that were proven.
    #[error("{backup} was not restored: {what}")]
    #[diagnostic(code(restore::changed), help("list the target again; an upload or a prune may be running"))]
    Changed {
        /// Which backup.
        backup: String,
        /// From which byte.
        what: String,
    },
    /// The sink is not what the plan saw.
    #[error("the plan no longer holds: {what}")]
    #[diagnostic(code(restore::plan_void), help("make a new plan and look at it; nothing was written"))]
    PlanVoid {
        /// What differs.
        what: String,
    },
    /// A reader of standard output went away, or a folder cannot be used.
    #[error("cannot write: {0}")]
    #[diagnostic(code(restore::write), help("nothing that looks complete was left behind"))]
    Write(#[source] io::Error),
    /// Some of an archive's files have their names already, another one could not get its own.
    #[error("{source}; these are whole and stay: {there}")]
    #[diagnostic(
        code(restore::some_files),
        help("restore into another folder, or choose the missing databases (--databases)")
    )]
    SomeFiles {
        /// The files that are there, safe to draw.
        there: String,
        /// Why the next one is not.
        source: OutputError,
    },
    /// The backup holds nothing that the plan wants.
    #[error("{backup} was read to its end, and there was nothing to write")]
    #[diagnostic(code(restore::nothing), help("`breakglass verify` says what the backup holds"))]
    Nothing {
        /// Which backup.
        backup: String,
    },
    /// Stopped by the operator before anything was written.
    #[error("stopped by you")]
    #[diagnostic(code(restore::cancelled), help("nothing that looks complete was left behind"))]
    Cancelled,
}

impl Reportable for RestoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Verify(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Server(error) => error.fault(),
            Self::Output(error) => error.fault(),
            Self::NotWhole { outcome, .. } => fault_of(*outcome),
            Self::Changed { .. } => Fault::Integrity,
            Self::PlanVoid { .. } => Fault::Refused,
            Self::SomeFiles { source, .. } => source.fault(),
            Self::Write(_) | Self::Nothing { .. } => Fault::Failed,
            Self::Cancelled => Fault::Interrupted,
        }
    }
}

/// The kind of failure that a verdict is.
pub fn fault_of(outcome: VerdictOutcome) -> Fault {
    match outcome {
        VerdictOutcome::Ok => Fault::Failed,
        VerdictOutcome::WrongKey => Fault::NoKey,
        VerdictOutcome::Damaged | VerdictOutcome::Truncated => Fault::Integrity,
        VerdictOutcome::NotComparable | VerdictOutcome::Inconclusive => Fault::Inconclusive,
    }
}

/// What is to be restored, and with what.
pub struct Task {
    /// Where the backup lies.
    pub store: Arc<dyn Store>,
    /// As the plan saw it.
    pub backup: Arc<Backup>,
    /// Keys to try; forgotten once the content key is unwrapped.
    pub keys: Vec<Key>,
    /// A proof with digests of exactly these bytes, if there is one.
    pub proof: Option<Proof>,
    /// Where `stdout` goes.
    pub out: Option<Box<dyn Write + Send>>,
    /// The password held for the server, if any.
    pub password: Option<Arc<Secret>>,
}

/// A backup that is open: what a pass over it needs.
pub struct Source {
    /// Where it lies.
    pub store: Arc<dyn Store>,
    /// As the plan saw it.
    pub backup: Arc<Backup>,
    /// Its layers with their content key.
    pub layers: Layers,
    /// The key that opened it.
    pub key: Option<Fingerprint>,
    /// What is odd about its header.
    pub remarks: Vec<Finding>,
    /// A proof with digests of exactly these bytes, if there is one.
    pub proof: Option<Proof>,
}

/// A restore's report, and the proof that was made on the way.
pub struct Restored {
    /// What was done.
    pub report: RestoreReport,
    /// A new proof, if one was needed.
    pub proof: Option<Proof>,
}

/// Runs a confirmed plan.
///
/// # Errors
///
/// [`RestoreError`] when nothing usable was written. A load that stopped half-way is an `Ok` whose
/// report says what is there.
///
/// # Cancellation
///
/// A folder or a pipe is left without anything that looks complete. A server keeps what had been
/// loaded, and the report names it.
pub async fn restore(ctx: &JobCtx, mut task: Task, plan: &Confirmed<RestorePlan>) -> Result<Restored, RestoreError> {
    let plan = plan.plan();
    let began = Instant::now();
    ctx.begin(Phase::Probing, None);
    let out = task.out.take();
    let password = task.password.take();
    let source = unlocked(task).await?;
    ctx.opened_by(source.key.as_ref());
    same_dump(plan, source.proof.as_ref())?;
    let mut restored = match &plan.into {
        Sink::Dir(dir) => {
            same_folder(plan, dir)?;
            let is_ours = !dir.path.exists();
            to_dir(ctx, &source, plan, dir).await.inspect_err(|_| {
                if is_ours {
                    let _ = std::fs::remove_dir(&dir.path); // only an empty one
                }
            })?
        }
        Sink::Stdout => {
            let out = out.unwrap_or_else(|| Box::new(std::io::stdout()));
            to_writer(ctx, &source, plan, out).await?
        }
        Sink::Mysql(MysqlSink { server, .. }) | Sink::Databases(server) => {
            load::to_server(ctx, &source, plan, server, password.as_deref()).await?
        }
    };
    restored.report.into = plan.into.to_string();
    restored.report.seconds = began.elapsed().as_secs_f64();
    Ok(restored)
}

/// What was approved is what runs: the dump must be the one that the plan rests on.
///
/// # Errors
///
/// [`RestoreError::PlanVoid`] when another proof has taken the place of the plan's.
pub fn same_dump(plan: &RestorePlan, proof: Option<&Proof>) -> Result<(), RestoreError> {
    match (&plan.from.sha256, proof.and_then(Proof::content_sha256)) {
        (Some(seen), Some(now)) if *seen != now => {
            Err(RestoreError::PlanVoid { what: "the dump inside is not the one that the plan rests on".to_owned() })
        }
        _ => Ok(()),
    }
}

fn same_folder(plan: &RestorePlan, dir: &DirSink) -> Result<(), RestoreError> {
    let entries = sink::entries(&dir.path).map_err(RestoreError::Write)?;
    if plan.there == SinkState::New && entries.is_some_and(|entries| entries > 0) {
        return Err(RestoreError::PlanVoid { what: "the folder is not empty any more".to_owned() });
    }
    Ok(())
}

/// Opens the backup and forgets the private keys.
async fn unlocked(task: Task) -> Result<Source, RestoreError> {
    let Task { store, backup, keys, proof, .. } = task;
    let object = verify::pinned(&*store, &backup).await?;
    let head = look::head(&*store, &object).await?;
    let look = look::look_now(&*store, &object, &head).await?;
    match unlock::unlock(&look.shape, &look.metadata, &head, &keys) {
        Unlocked::Open { layers, key, remarks } => Ok(Source { store, backup, layers, key, remarks, proof }),
        Unlocked::NoKeyLoaded | Unlocked::NotTried => Err(VerifyError::NoKey { backup: backup.label() }.into()),
        Unlocked::Refused(wrong) => {
            let (backup, verdict) = (backup.label(), wrong.what);
            Err(RestoreError::NotWhole { backup, verdict, outcome: wrong.outcome, proof: None })
        }
    }
}

/// Into a folder: one pass that proves and writes aside at once, or the release of what was proven before.
///
/// Files get their names only when the last byte has been judged, so no proof is needed beforehand.
async fn to_dir(ctx: &JobCtx, source: &Source, plan: &RestorePlan, dir: &DirSink) -> Result<Restored, RestoreError> {
    ensure_dir(&dir.path).map_err(RestoreError::Write)?;
    let mut keep = Keep::new(&dir.path, plan::file_name(&source.backup));
    // Which members are those of a database is known only when all of them have been read.
    let made = if plan.databases.is_some() { proven(ctx, source).await? } else { None };
    if let Some(proof) = made.as_ref().or(source.proof.as_ref()) {
        same_dump(plan, Some(proof))?;
        if proof.members.is_empty() {
            keep.dump().map_err(unwritten)?;
        } else {
            keep.archive();
        }
        let (label, wanted) = (source.backup.label(), Wanted::of(proof, plan));
        let (keep, sha256) = release(ctx, source, proof, move |plain| wanted.copy(&label, plain, keep)).await??;
        ctx.begin(Phase::Finishing, None);
        return Ok(Restored { report: in_folder(named(source, keep)?, dir, sha256), proof: made });
    }
    let (proof, keep) = verify::verify_keeping(ctx, source.verification(), keep).await?;
    let proof = demand_whole(source, proof)?;
    same_dump(plan, Some(&proof))?;
    let keep = keep.ok_or_else(|| RestoreError::Write(io::Error::other("the file was lost on the way")))?;
    let report = in_folder(named(source, keep)?, dir, proof.sha256_out.clone());
    Ok(Restored { report, proof: Some(proof) })
}

/// Gives the files their names, and says which have theirs when one does not get its own.
fn named(source: &Source, keep: Keep) -> Result<Vec<Kept>, RestoreError> {
    keep.finish().map_err(|unfinished| match unfinished {
        Unfinished::Nothing => RestoreError::Nothing { backup: source.backup.label() },
        Unfinished::Stopped(kept, error) if kept.is_empty() => error.into(),
        Unfinished::Stopped(kept, source) => {
            let names: Vec<String> = kept.iter().map(|file| escape(&file.path.to_string_lossy())).collect();
            RestoreError::SomeFiles { there: names.join(", "), source }
        }
    })
}

fn in_folder(kept: Vec<Kept>, dir: &DirSink, sha256: Option<String>) -> RestoreReport {
    let file = match kept.as_slice() {
        [one] => one.path.display().to_string(),
        _ => dir.path.display().to_string(),
    };
    RestoreReport {
        outcome: RestoreOutcome::Done,
        file: Some(file),
        files: kept.iter().map(|file| file.path.display().to_string()).collect(),
        bytes: ByteSize(kept.iter().map(|file| file.bytes).sum()),
        sha256,
        ..RestoreReport::default()
    }
}

/// Through a pipe: nothing leaves before everything is proven.
async fn to_writer(
    ctx: &JobCtx,
    source: &Source,
    plan: &RestorePlan,
    out: Box<dyn Write + Send>,
) -> Result<Restored, RestoreError> {
    let made = proven(ctx, source).await?;
    let proof = made.as_ref().or(source.proof.as_ref()).ok_or(RestoreError::Cancelled)?;
    same_dump(plan, Some(proof))?;
    let (label, wanted) = (source.backup.label(), Wanted::of(proof, plan));
    let out = Pipe { out, written: 0 };
    let (mut out, sha256) = release(ctx, source, proof, move |plain| wanted.copy(&label, plain, out)).await??;
    out.out.flush().map_err(RestoreError::Write)?;
    let report = RestoreReport {
        outcome: RestoreOutcome::Done,
        bytes: ByteSize(out.written),
        sha256,
        ..RestoreReport::default()
    };
    Ok(Restored { report, proof: made })
}

impl Source {
    fn verification(&self) -> verify::Task {
        let (layers, key, remarks) = (self.layers.clone(), self.key.clone(), self.remarks.clone());
        let unlocked = Unlocked::Open { layers, key, remarks };
        verify::Task {
            store: self.store.clone(),
            backup: self.backup.clone(),
            opener: Opener::Tried(unlocked),
            to: Rung::Whole,
        }
    }
}

/// A proof of these bytes: `None` when the source brought one.
///
/// # Errors
///
/// When the proof pass fails or its verdict is not whole.
pub async fn proven(ctx: &JobCtx, source: &Source) -> Result<Option<Proof>, RestoreError> {
    if source.proof.is_some() {
        return Ok(None);
    }
    ctx.line("nothing proves this backup yet: reading it once before anything is written");
    let proof = verify::verify(ctx, source.verification()).await?;
    demand_whole(source, proof).map(Some)
}

fn demand_whole(source: &Source, proof: Proof) -> Result<Proof, RestoreError> {
    if proof.outcome == VerdictOutcome::Ok && proof.reached() >= Rung::Whole {
        return Ok(proof);
    }
    let (backup, verdict, outcome) = (source.backup.label(), ladder::in_words(&proof), proof.outcome);
    Err(RestoreError::NotWhole { backup, verdict, outcome, proof: Some(Box::new(proof)) })
}

/// What a write fails with; an [`OutputError`] inside says which file.
pub fn unwritten(error: io::Error) -> RestoreError {
    match error.downcast::<OutputError>() {
        Ok(error) => error.into(),
        Err(error) => RestoreError::Write(error),
    }
}

/// What a read of proven bytes fails with: they are not the same any more.
pub fn changed(backup: &str, error: &io::Error) -> RestoreError {
    RestoreError::Changed { backup: backup.to_owned(), what: error.to_string() }
}

/// Reads the stored bytes once more and hands the plaintext of exactly the proven ones to `consume`,
/// which runs on a thread of its own.
///
/// # Errors
///
/// When the object or the transfer is not as it was.
pub async fn release<T: Send + 'static>(
    ctx: &JobCtx,
    source: &Source,
    proof: &Proof,
    consume: impl FnOnce(Plaintext) -> T + Send + 'static,
) -> Result<T, RestoreError> {
    let object = verify::pinned(&*source.store, &source.backup).await?;
    ctx.begin(Phase::Restoring, Some(object.stamp.size));
    let (feed, drain) = bridge();
    let released = Released::new(drain, proof.mib_digests.clone());
    let layers = source.layers.clone();
    let consumer = on_thread("restore", move || opening::open(layers, released).map(consume));
    let consumer = consumer.map_err(RestoreError::Write)?;
    let transferred = transfer(ctx, &source.store, object, feed).await;
    let consumed = consumer.await.map_err(|_| RestoreError::Write(io::Error::other("the thread died")))?;
    transferred?;
    consumed.map_err(|error| changed(&source.backup.label(), &error))
}

async fn transfer(ctx: &JobCtx, store: &Arc<dyn Store>, object: Object, feed: Feed) -> Result<(), RestoreError> {
    let waiting = ctx.watch_waiting();
    let mut pieces = crate::target::read_watched(store.clone(), object, 0, ctx.cancel.clone(), waiting);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(bytes) => {
                ctx.advance(bytes.len() as u64);
                if feed.data(bytes).await.is_err() {
                    return Ok(()); // the consumer failed first; its reason is the one to show
                }
            }
            Err(_) if ctx.cancel.is_cancelled() => return Err(RestoreError::Cancelled),
            Err(error) => return Err(error.into()),
        }
    }
    if ctx.cancel.is_cancelled() {
        return Err(RestoreError::Cancelled);
    }
    feed.finish().await;
    Ok(())
}
