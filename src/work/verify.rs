//! The trust ladder, rungs 1 to 4: reading a backup from end to end, keeping nothing, and saying
//! how far it is proven. Only this and the rehearsal make a [`Proof`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::StreamExt;
use miette::Diagnostic;
use thiserror::Error;

use crate::disk::output::OutputError;
use crate::format::names;
use crate::format::payload::Payload;
use crate::model::backup::{Backup, Compression, Format, Metadata, Shape};
use crate::model::job::Phase;
use crate::model::seal::{DBACKED_MAGIC, Fingerprint, SEALED_MAGIC};
use crate::model::target::Object;
use crate::model::trust::{Answer, Proof, Rung, VerdictOutcome};
use crate::model::units::Moment;
use crate::report::{Fault, Reportable};
use crate::seal::digest::{Stored, StoredDigests, Wanted};
use crate::seal::key::Key;
use crate::target::{Store, StoreError};
use crate::work::archive::ArchiveCheck;
use crate::work::hashing::Hashing;
use crate::work::jobs::JobCtx;
use crate::work::keep::Keep;
use crate::work::ladder;
use crate::work::ladder::{Evidence, Reading};
use crate::work::look;
use crate::work::opening;
use crate::work::opening::{Layers, Plaintext};
use crate::work::payload::Checker;
use crate::work::pipe::{Drain, Feed, bridge};
use crate::work::unlock;
use crate::work::unlock::Unlocked;
use crate::work::verdict;
use crate::work::verdict::Wrong;

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
    /// The file that the dump was written into on the way took no more.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// A sealed backup, and no key at all.
    #[error("{backup} is sealed and no key is loaded")]
    #[diagnostic(
        code(verify::no_key),
        help("load the private key that it was sealed for: K in the console, --key FILE here")
    )]
    NoKey {
        /// Which backup.
        backup: String,
    },
    /// A thread died, or the system refused one.
    #[error("the reading stopped: {0}")]
    #[diagnostic(
        code(verify::machine),
        help("this is this machine's trouble, not the backup's; the log names the place")
    )]
    Machine(String),
}

impl Reportable for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Interrupted,
            Self::Store(error) => error.fault(),
            Self::Output(error) => error.fault(),
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
    /// What opens it.
    pub opener: Opener,
    /// How high to climb.
    pub to: Rung,
}

/// What opens a backup.
pub enum Opener {
    /// Keys to try, in order; forgotten as soon as one has unwrapped the content key.
    Keys(Vec<Key>),
    /// Tried before, in this very job.
    Tried(Unlocked),
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
pub async fn verify(ctx: &JobCtx, task: Task) -> Result<Proof, VerifyError> {
    Ok(climb(ctx, task, None).await?.0)
}

/// As [`verify`] to the rung whole, and writes the dump into `keep` on the way. It comes back
/// unfinished: only a good verdict may give it its names.
///
/// # Errors
///
/// As [`verify`].
pub async fn verify_keeping(ctx: &JobCtx, task: Task, keep: Keep) -> Result<(Proof, Option<Keep>), VerifyError> {
    climb(ctx, task, Some(keep)).await
}

async fn climb(ctx: &JobCtx, task: Task, keep: Option<Keep>) -> Result<(Proof, Option<Keep>), VerifyError> {
    let began = Instant::now();
    ctx.begin(Phase::Probing, None);
    let Task { store, backup, opener, to } = task;
    let object = pinned(&*store, &backup).await?;
    let head = look::head(&*store, &object).await?;
    let look = look::look_now(&*store, &object, &head).await?;
    let mut evidence = Evidence::new(&object, &look.shape, &look.metadata);
    evidence.beside(look::recorded(&*store, &object).await?);
    let unlocked = match (to, opener, misshapen(&object, look.shape.format, &head)) {
        (_, _, Some(wrong)) => {
            evidence.wrong(wrong);
            Unlocked::NotTried
        }
        (Rung::Listed | Rung::Intact, ..) => Unlocked::NotTried,
        (_, Opener::Tried(unlocked), _) => unlocked,
        (_, Opener::Keys(keys), _) => unlock::unlock(&look.shape, &look.metadata, &head, &keys),
    };
    let key = unlocked.key();
    ctx.opened_by(key.as_ref());
    let climb = match unlocked {
        Unlocked::NoKeyLoaded => return Err(VerifyError::NoKey { backup: backup.label() }),
        Unlocked::Refused(wrong) => {
            // A key that does not fit says nothing of the bytes, and they need not be fetched.
            let climb = if wrong.outcome.is_bad() { Climb::Digests } else { Climb::Stop };
            evidence.opens(Answer::No, &wrong.what);
            evidence.wrong(wrong);
            climb
        }
        Unlocked::NotTried => Climb::Digests,
        Unlocked::Open { layers, remarks, .. } => {
            evidence.opened(layers.scheme(), key.as_ref(), remarks);
            if to == Rung::Opens { Climb::Digests } else { Climb::Whole(layers) }
        }
    };
    let pass = Pass { ctx, store: &store, object: &object };
    let keep = match climb {
        Climb::Stop => keep,
        Climb::Digests if !evidence.has_recorded() => keep,
        Climb::Digests => pass.read(None, keep, &mut evidence).await?,
        Climb::Whole(layers) => pass.read(Some(layers), keep, &mut evidence).await?,
    };
    ctx.begin(Phase::Finishing, None);
    let proof = ladder::proof(evidence, to, key, now(), began.elapsed());
    Ok((proof, keep))
}

enum Climb {
    Stop,
    Digests,
    Whole(Layers),
}

/// What the first bytes alone say against an object.
fn misshapen(object: &Object, format: Format, head: &[u8]) -> Option<Wrong> {
    let size = object.stamp.size;
    let wrong = |outcome, at_byte, what: &str| Some(Wrong { outcome, at_byte: Some(at_byte), what: what.to_owned() });
    if size == 0 {
        return wrong(VerdictOutcome::Truncated, 0, "the object is empty");
    }
    let cut = |magic: &[u8]| size < magic.len() as u64 && magic.starts_with(head);
    match format {
        Format::Unknown if cut(DBACKED_MAGIC) || cut(SEALED_MAGIC) => {
            wrong(VerdictOutcome::Truncated, size, "cut inside the first bytes that every sealed backup begins with")
        }
        Format::Unknown if names::dbacked_name(&object.key).is_some() => {
            wrong(VerdictOutcome::Damaged, 0, "named as a DBacked backup, but its bytes do not begin like one")
        }
        _ => None,
    }
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
struct Pass<'a> {
    ctx: &'a JobCtx,
    store: &'a Arc<dyn Store>,
    object: &'a Object,
}

impl Pass<'_> {
    async fn read(
        &self,
        layers: Option<Layers>,
        keep: Option<Keep>,
        evidence: &mut Evidence,
    ) -> Result<Option<Keep>, VerifyError> {
        self.ctx.begin(Phase::Verifying, Some(self.object.stamp.size));
        let machine = |error: io::Error| VerifyError::Machine(error.to_string());
        let (digest_feed, digest_drain) = bridge();
        let wanted = evidence.wanted();
        let digester = on_thread("digest", move || digest(digest_drain, wanted)).map_err(machine)?;
        let (open_feed, opener) = match layers {
            Some(layers) => {
                let (feed, drain) = bridge();
                let opener = on_thread("check", move || check(layers, drain, keep)).map_err(machine)?;
                (Some(feed), Some(opener))
            }
            None => (None, None),
        };
        let transferred = transfer(self.ctx, self.store, self.object, digest_feed, open_feed).await;
        let digests = digester.await.map_err(|_| VerifyError::Machine("the digest thread died".to_owned()))?;
        let read = match opener {
            Some(opener) => Some(opener.await.map_err(|_| VerifyError::Machine("the check thread died".to_owned()))?),
            None => None,
        };
        transferred?;
        evidence.digests(digests.map_err(machine)?);
        let Some((mut reading, keep)) = read else { return Ok(None) };
        if let Some(error) = reading.unwritten.take() {
            return Err(error.into());
        }
        match &reading.machine {
            Some(error) => Err(VerifyError::Machine(error.clone())),
            None => {
                evidence.read(reading);
                Ok(keep)
            }
        }
    }
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
    let mut pieces =
        crate::target::read_watched(store.clone(), object.clone(), 0, ctx.cancel.clone(), ctx.watch_waiting());
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

fn digest(mut drain: Drain, wanted: Wanted) -> io::Result<StoredDigests> {
    let mut stored = Stored::new(wanted);
    while let Some(bytes) = drain.next_chunk()? {
        stored.feed(&bytes);
    }
    Ok(stored.finish())
}

/// Opens the layers and reads the dump to its end, keeping nothing but what `keep` is given.
fn check(layers: Layers, drain: Drain, keep: Option<Keep>) -> (Reading, Option<Keep>) {
    match opening::open(layers, drain) {
        Ok(plain) => read_plain(plain, keep),
        Err(error) => (Reading::broken_at_start(&error), keep),
    }
}

fn read_plain(mut plain: Plaintext, mut keep: Option<Keep>) -> (Reading, Option<Keep>) {
    let mut reading = Reading::new(plain.compression);
    match plain.bytes.chunk() {
        Ok(chunk) if Payload::of(&chunk[..chunk.len().min(1024)]) == Payload::Tar => {
            if let Some(keep) = &mut keep {
                keep.archive();
            }
            read_archive(plain, keep, reading)
        }
        Ok(_) => match keep.as_mut().map_or(Ok(()), Keep::dump) {
            Ok(()) => read_dump(plain, keep, reading),
            Err(error) => {
                reading.not_kept(error);
                (reading, None)
            }
        },
        Err(error) => {
            reading.broke(verdict::of_read(&error, plain.origin, verdict::Inside::Unfinished), &error);
            (reading, keep)
        }
    }
}

fn read_archive(mut plain: Plaintext, keep: Option<Keep>, mut reading: Reading) -> (Reading, Option<Keep>) {
    let mut archive = match ArchiveCheck::new(keep) {
        Ok(archive) => archive,
        Err(error) => {
            reading.broke(None, &error);
            return (reading, None);
        }
    };
    loop {
        let chunk = match plain.bytes.take() {
            Ok(None) => break,
            Ok(Some(chunk)) => chunk,
            Err(error) => {
                reading.broke(verdict::of_read(&error, plain.origin, archive.progress()), &error);
                return (reading, archive.into_keep());
            }
        };
        reading.bytes_out += chunk.len() as u64;
        if let Err(error) = archive.feed(chunk) {
            reading.not_kept(error);
            return (reading, archive.into_keep());
        }
    }
    reading.every_member_checked = plain.checked.load(Ordering::Relaxed);
    let (keep, judged) = match archive.finish() {
        Ok(finished) => finished,
        Err(error) => {
            reading.broke(None, &error);
            return (reading, None);
        }
    };
    // An archive that stands by itself counts the same bytes as the target.
    let in_step = plain.compression == Compression::None && plain.sealed_at.is_none();
    reading.archive(judged, in_step);
    (reading, keep)
}

fn read_dump(mut plain: Plaintext, mut keep: Option<Keep>, mut reading: Reading) -> (Reading, Option<Keep>) {
    let hashing = match Hashing::start() {
        Ok(hashing) => hashing,
        Err(error) => {
            reading.broke(None, &error);
            return (reading, None);
        }
    };
    let mut checker: Option<Checker> = None;
    loop {
        let chunk = match plain.bytes.take() {
            Ok(None) => break,
            Ok(Some(chunk)) => chunk,
            Err(error) => {
                let inside = reading.progress(checker.as_ref());
                reading.broke(verdict::of_read(&error, plain.origin, inside), &error);
                return (reading, keep);
            }
        };
        hashing.feed(chunk.clone());
        reading.bytes_out += chunk.len() as u64;
        if let Some(keep) = &mut keep
            && let Err(error) = keep.write(&chunk)
        {
            reading.not_kept(error);
            return (reading, None);
        }
        if reading.wrong.is_none() {
            let head = &chunk[..chunk.len().min(1024)];
            let checker = checker.get_or_insert_with(|| Checker::new(Payload::of(head), plain.sealed_at));
            // What the container says of the same bytes at its end weighs more: read on.
            reading.wrong = checker.feed(&chunk).err();
        }
    }
    reading.every_member_checked = plain.checked.load(Ordering::Relaxed);
    match hashing.finish() {
        Ok(digests) => reading.sha256 = digests.into_iter().next(),
        Err(error) => reading.broke(None, &error),
    }
    match (&reading.wrong, checker) {
        (None, checker) => reading.finish(checker),
        (Some(_), checker) => reading.findings = checker.map(Checker::defects).unwrap_or_default(),
    }
    (reading, keep)
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
