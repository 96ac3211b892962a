//! The trust ladder, rungs 1 to 4: reading a backup from end to end, keeping nothing, and saying
//! how far it is proven. Only this and the rehearsal make a [`Proof`].

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use miette::Diagnostic;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::format::payload::Payload;
use crate::model::backup::{Backup, Format, Metadata, Shape};
use crate::model::job::Phase;
use crate::model::seal::Fingerprint;
use crate::model::target::Object;
use crate::model::trust::{Answer, Proof, Rung};
use crate::model::units::Moment;
use crate::report::{Fault, Reportable};
use crate::seal::digest::{Stored, StoredDigests};
use crate::seal::keyring::PrivateKey;
use crate::target::{Store, StoreError, Waiting};
use crate::work::jobs::JobCtx;
use crate::work::ladder;
use crate::work::ladder::{Evidence, Reading};
use crate::work::look;
use crate::work::opening;
use crate::work::opening::{Layers, Plaintext};
use crate::work::payload::{Checker, PayloadFacts};
use crate::work::pipe::{Drain, Feed, bridge};
use crate::work::unlock;
use crate::work::unlock::Unlocked;
use crate::work::verdict;

/// Why a verification came to no verdict at all.
#[derive(Debug, Error, Diagnostic)]
pub enum VerifyError {
    /// The operator stopped it.
    #[error("stopped by you")]
    #[diagnostic(code(verify::cancelled), help("nothing was written, and the verdict is as it was"))]
    Cancelled,
    /// The target could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// A sealed backup, and no key at all.
    #[error("{backup} is sealed and no key is loaded")]
    #[diagnostic(code(verify::no_key), help("load the private key that it was sealed for: K in the console, --key FILE here"))]
    NoKey {
        /// Which backup.
        backup: String,
    },
    /// A thread died, or the system refused one.
    #[error("the reading stopped: {0}")]
    #[diagnostic(code(verify::machine), help("this is this machine's trouble, not the backup's; the log names the place"))]
    Machine(String),
}

impl Reportable for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Interrupted,
            Self::Store(error) => error.fault(),
            Self::NoKey { .. } => Fault::NoKey,
            Self::Machine(_) => Fault::Failed,
        }
    }
}

/// What is to be verified.
pub struct Task {
    /// Where it lies.
    pub store: Arc<dyn Store>,
    /// As the catalog knows it.
    pub backup: Arc<Backup>,
    /// Keys to try, in order.
    pub keys: Vec<PrivateKey>,
    /// How high to climb.
    pub to: Rung,
}

/// A proof and what the dump holds in detail.
pub struct Verified {
    /// The verdict; kept by the state folder.
    pub proof: Proof,
    /// What a restore needs to know of a MySQL dump; only when it was read to its end.
    pub facts: Option<PayloadFacts>,
}

/// Reads a backup as far as `task.to` needs, and judges it. A bad verdict is an `Ok`.
///
/// # Errors
///
/// Only where no verdict is possible: the target, the machine, a missing key, or the operator.
///
/// # Cancellation
///
/// Cancelling `ctx` drops the transfer; the stages then see a pipe that closed without its end,
/// stop, and are joined before this returns. Nothing has been written.
pub async fn verify(ctx: &JobCtx, task: &Task) -> Result<Verified, VerifyError> {
    let began = Instant::now();
    ctx.begin(Phase::Probing, None);
    let object = pinned(&*task.store, &task.backup).await?;
    let head = task.store.head(&object, look::HEAD.min(object.stamp.size)).await?;
    let look = look::look_now(&*task.store, &object, &head).await;
    let mut evidence = Evidence::new(&object, &look.shape, look.metadata.clone());
    let unlocked = match task.to {
        Rung::Listed | Rung::Intact => Unlocked::NotTried,
        _ => unlock::unlock(&look.shape, &look.metadata, &head, &task.keys),
    };
    let key = unlocked.key();
    let climb = match unlocked {
        Unlocked::NoKeyLoaded => return Err(VerifyError::NoKey { backup: task.backup.label() }),
        Unlocked::Refused(wrong) => {
            evidence.opens(Answer::No, &wrong.what);
            evidence.wrong(wrong);
            Climb::Stop
        }
        Unlocked::NotTried => Climb::Digests,
        Unlocked::Open { layers, .. } => {
            evidence.opens(if look.shape.seal.is_some() { Answer::Yes } else { Answer::NotApplicable }, "");
            if task.to == Rung::Opens { Climb::Digests } else { Climb::Whole(layers) }
        }
    };
    let facts = match climb {
        Climb::Stop => None,
        Climb::Digests if !evidence.has_recorded() => None,
        Climb::Digests => read_all(ctx, task, &object, None, &mut evidence).await?,
        Climb::Whole(layers) => read_all(ctx, task, &object, Some(layers), &mut evidence).await?,
    };
    ctx.begin(Phase::Finishing, None);
    let proof = ladder::proof(evidence, task.to, key, now(), began.elapsed());
    Ok(Verified { proof, facts })
}

enum Climb {
    Stop,
    Digests,
    Whole(Layers),
}

fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_millisecond())
}

/// The object as it is now, if it is still the one that was listed.
pub async fn pinned(store: &dyn Store, backup: &Backup) -> Result<Object, StoreError> {
    let version = backup.stamp.version.as_deref();
    let object = store.stat(&backup.key, version).await?;
    let same = |a: &crate::model::target::Stamp, b: &crate::model::target::Stamp| {
        a.size == b.size && (a.etag == b.etag || a.etag.is_none() || b.etag.is_none())
    };
    if !same(&object.stamp, &backup.stamp) {
        let what = format!("{} bytes now, {} when it was listed", object.stamp.size, backup.stamp.size);
        return Err(StoreError::Changed { place: backup.label(), what });
    }
    // The listing's stamp is the one that proofs are kept under.
    Ok(Object { stamp: backup.stamp.clone(), history: backup.history, ..object })
}

/// One pass over all stored bytes: digests beside, the dump's check behind.
async fn read_all(
    ctx: &JobCtx,
    task: &Task,
    object: &Object,
    layers: Option<Layers>,
    evidence: &mut Evidence,
) -> Result<Option<PayloadFacts>, VerifyError> {
    ctx.begin(Phase::Verifying, Some(object.stamp.size));
    let machine = |error: io::Error| VerifyError::Machine(error.to_string());
    let (digest_feed, digest_drain) = bridge();
    let size = object.stamp.size;
    let digester = on_thread("digest", move || digest(digest_drain, size)).map_err(machine)?;
    let (open_feed, opener) = match layers {
        Some(layers) => {
            let (feed, drain) = bridge();
            (Some(feed), Some(on_thread("check", move || check(layers, drain)).map_err(machine)?))
        }
        None => (None, None),
    };
    let transferred = transfer(ctx, &task.store, object, digest_feed, open_feed).await;
    let digests = digester.await.map_err(|_| VerifyError::Machine("the digest thread died".to_owned()))?;
    let read = match opener {
        Some(opener) => Some(opener.await.map_err(|_| VerifyError::Machine("the check thread died".to_owned()))?),
        None => None,
    };
    transferred?;
    evidence.digests(digests.map_err(machine)?);
    let Some(read) = read else { return Ok(None) };
    if let Some(error) = &read.machine {
        return Err(VerifyError::Machine(error.clone()));
    }
    let facts = evidence.read(read);
    Ok(facts)
}

/// Starts a named thread and hands its result to async code.
pub fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<tokio::sync::oneshot::Receiver<T>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _ = sender.send(work());
    })?;
    Ok(receiver)
}

/// Moves bytes from the target into the digests and, as long as it wants them, into the opener.
async fn transfer(
    ctx: &JobCtx,
    store: &Arc<dyn Store>,
    object: &Object,
    digests: Feed,
    opener: Option<Feed>,
) -> Result<(), VerifyError> {
    let stalls = ctx.clone();
    let watch = Waiting::new(move |what| stalls.waiting_for(what));
    let mut pieces = crate::target::read_watched(store.clone(), object.clone(), 0, ctx.cancel.clone(), watch);
    let mut opener = opener;
    while let Some(piece) = pieces.next().await {
        let bytes = match piece {
            Ok(bytes) => bytes,
            Err(_) if ctx.cancel.is_cancelled() => return Err(VerifyError::Cancelled),
            Err(error) => return Err(error.into()),
        };
        ctx.advance(bytes.len() as u64);
        if let Some(feed) = &opener
            && feed.data(bytes.clone()).await.is_err()
        {
            opener = None; // it failed first; the digests still tell whether the bytes are as recorded
        }
        if digests.data(bytes).await.is_err() {
            return Err(VerifyError::Machine("the digest thread died".to_owned()));
        }
    }
    if ctx.cancel.is_cancelled() {
        return Err(VerifyError::Cancelled);
    }
    digests.finish().await;
    if let Some(feed) = opener {
        feed.finish().await;
    }
    Ok(())
}

fn digest(mut drain: Drain, size: u64) -> io::Result<StoredDigests> {
    let mut stored = Stored::new(size);
    while let Some(bytes) = drain.take()? {
        stored.feed(&bytes);
    }
    Ok(stored.finish())
}

/// Opens the layers and reads the dump to its end, keeping nothing.
fn check(layers: Layers, drain: Drain) -> Reading {
    let plain = match opening::open(layers, drain) {
        Ok(plain) => plain,
        Err(error) => return Reading::broken_at_start(&error),
    };
    read_plain(plain)
}

fn read_plain(mut plain: Plaintext) -> Reading {
    let mut reading = Reading::new(plain.compression);
    let mut hash = Sha256::new();
    let mut checker: Option<Checker> = None;
    loop {
        let chunk = match plain.bytes.chunk() {
            Ok([]) => break,
            Ok(chunk) => chunk,
            Err(error) => {
                let inside = reading.progress(checker.as_ref());
                reading.broke(verdict::of_read(&error, plain.origin, inside), &error);
                return reading;
            }
        };
        hash.update(chunk);
        reading.bytes_out += chunk.len() as u64;
        let checker = checker.get_or_insert_with(|| Checker::new(Payload::of(chunk)));
        if let Err(wrong) = checker.feed(chunk) {
            reading.wrong = Some(wrong);
            return reading;
        }
        let n = chunk.len();
        plain.bytes.consume(n);
    }
    reading.sha256 = Some(data_encoding::HEXLOWER.encode(&hash.finalize()));
    reading.finish(checker);
    reading
}

/// The shape and metadata that a listing or a fresh look found.
pub fn recipients(shape: &Shape, metadata: &Metadata) -> Vec<Fingerprint> {
    let mut known: Vec<Fingerprint> =
        shape.seal.iter().flat_map(|seal| &seal.recipients).map(|recipient| recipient.fingerprint.clone()).collect();
    if let (Metadata::Read(facts), Format::Dbacked) = (metadata, shape.format) {
        known.extend(facts.fingerprint.clone());
    }
    known
}
