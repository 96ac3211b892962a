//! One pass over a broken backup: from its stored bytes to files and a report.

use std::fs;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;

use crate::disk::output::{OutputError, OutputFile, Parked, ensure_dir};
use crate::format::payload::Payload;
use crate::model::backup::{Backup, Format};
use crate::model::foreign::escape;
use crate::model::job::Phase;
use crate::model::salvage::{Authenticity, SalvageOutcome, SalvageReport, SalvagedFile, TableState};
use crate::model::target::Object;
use crate::model::trust::VerdictOutcome;
use crate::model::units::ByteSize;
use crate::seal::key::Key;
use crate::target::Store;
use crate::work::jobs::JobCtx;
use crate::work::look;
use crate::work::opening::Layers;
use crate::work::pipe::{Feed, bridge};
use crate::work::plan;
use crate::work::salvage::layers;
use crate::work::salvage::members::{Expected, Recovered, Refusal, recover};
use crate::work::salvage::notes::{Harm, Note, Notes};
use crate::work::salvage::{SalvageError, text};
use crate::work::session::now;
use crate::work::unlock;
use crate::work::unlock::Unlocked;
use crate::work::verify;
use crate::work::verify::{VerifyError, on_thread};

/// What is to be salvaged, and with what.
pub struct Task {
    /// Where it lies.
    pub store: Arc<dyn Store>,
    /// As the catalog knows it.
    pub backup: Arc<Backup>,
    /// Keys to try; forgotten once the content key is unwrapped.
    pub keys: Vec<Key>,
    /// The folder.
    pub into: PathBuf,
}

/// Gets out what is there.
///
/// # Errors
///
/// [`SalvageError`] when nothing was written.
///
/// # Cancellation
///
/// What had come out by then stays, cut behind its last complete statement, and the report says so.
pub async fn salvage(ctx: &JobCtx, task: Task) -> Result<SalvageReport, SalvageError> {
    let began = Instant::now();
    ctx.begin(Phase::Probing, None);
    let Task { store, backup, keys, into } = task;
    let object = verify::pinned(&*store, &backup).await?;
    if object.stamp.size == 0 {
        let why = "the object is empty: all that was sealed was in the block that was never written".to_owned();
        return Err(SalvageError::Nothing { backup: backup.label(), why });
    }
    let (layers, format) = unlocked(ctx, &*store, &backup, &object, &keys).await?;
    drop(keys);
    let seal = layers.scheme();
    let folder = Folder::make(&into).map_err(SalvageError::Write)?;
    let expected =
        Expected { label: backup.label(), name: plan::file_name(&backup), archive: format == Format::Databacker };
    ctx.begin(Phase::Salvaging, Some(object.stamp.size));
    let stored_bytes = ByteSize(object.stamp.size);
    let (came, stopped) = read(ctx, &store, object, layers, (expected, into.clone())).await?;
    ctx.begin(Phase::Finishing, None);
    let outcome = if stopped { SalvageOutcome::Cancelled } else { SalvageOutcome::Partly };
    let mut report = SalvageReport { outcome, seal, stored_bytes, key: ctx.key(), ..came.report(&backup, &into) };
    let Came { recovered, notes, .. } = came;
    if recovered.files.is_empty() {
        return Err(empty(&report, &recovered, stopped));
    }
    let (parked, mut files): (Vec<Parked>, Vec<SalvagedFile>) = recovered.files.into_iter().unzip();
    suspect(&mut files, &notes, recovered.ended);
    report.files = files;
    report.seconds = began.elapsed().as_secs_f64();
    folder.keep(parked, &report)?;
    Ok(report)
}

fn follows(ended: bool) -> String {
    match ended {
        true => "the backup's own end is there".to_owned(),
        false => "unknown: whatever the backup held behind that is not there, and nothing names it".to_owned(),
    }
}

/// Why there is nothing to give.
fn empty(report: &SalvageReport, recovered: &Recovered, stopped: bool) -> SalvageError {
    if stopped {
        return SalvageError::Cancelled;
    }
    let why = match report.met.as_slice() {
        [] => format!("{} bytes came out", report.plain_bytes.0),
        met => met.join("; "),
    };
    let backup = report.backup.clone();
    match recovered.payload {
        Some(Payload::Unknown) => SalvageError::Unknown { backup, why },
        _ => SalvageError::Nothing { backup, why },
    }
}

/// A table in which nothing is missing may still have been changed.
fn suspect(files: &mut [SalvagedFile], notes: &[Note], ended: bool) {
    let changed = |note: &Note| note.harm == Harm::Changed || note.harm == Harm::CutOrChanged && ended;
    if notes.iter().any(changed) {
        let tables = files.iter_mut().flat_map(|file| &mut file.tables);
        tables.filter(|table| table.state == TableState::Complete).for_each(|table| table.state = TableState::Suspect);
    }
}

async fn unlocked(
    ctx: &JobCtx,
    store: &dyn Store,
    backup: &Backup,
    object: &Object,
    keys: &[Key],
) -> Result<(Layers, Format), SalvageError> {
    let head = look::head(store, object).await?;
    let look = look::look_now(store, object, &head).await?;
    match unlock::unlock(&look.shape, &look.metadata, &head, keys) {
        Unlocked::Open { layers, key, .. } => {
            ctx.opened_by(key.as_ref());
            Ok((layers, look.shape.format))
        }
        Unlocked::NoKeyLoaded | Unlocked::NotTried => Err(VerifyError::NoKey { backup: backup.label() }.into()),
        Unlocked::Refused(wrong) => {
            let backup = backup.label();
            match wrong.outcome {
                VerdictOutcome::Truncated => Err(SalvageError::Nothing { backup, why: wrong.what }),
                outcome => Err(SalvageError::Locked { backup, what: wrong.what, outcome }),
            }
        }
    }
}

struct Came {
    recovered: Recovered,
    authenticity: Authenticity,
    notes: Vec<Note>,
}

impl Came {
    /// A report without its files.
    fn report(&self, backup: &Backup, into: &Path) -> SalvageReport {
        SalvageReport {
            backup: backup.label(),
            id: Some(backup.id.clone()),
            into: escape(&into.to_string_lossy()),
            at: now(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            authenticity: self.authenticity,
            plain_bytes: ByteSize(self.recovered.plain_bytes),
            met: self.notes.iter().map(|note| note.what.clone()).collect(),
            follows: follows(self.recovered.ended),
            ..SalvageReport::default()
        }
    }
}

/// Reads all stored bytes through the layers; whether the operator stopped it comes back beside.
async fn read(
    ctx: &JobCtx,
    store: &Arc<dyn Store>,
    object: Object,
    layers: Layers,
    (expected, into): (Expected, PathBuf),
) -> Result<(Came, bool), SalvageError> {
    let (feed, drain) = bridge();
    let label = expected.label.clone();
    let work = move || -> Result<Came, Refusal> {
        let notes = Notes::default();
        let mut opened = layers::open(layers, drain, &notes)?;
        let recovered = recover(&mut opened, &expected, &into)?;
        let authenticity = opened.finish();
        Ok(Came { recovered, authenticity, notes: notes.all() })
    };
    let worker = on_thread("salvage", work).map_err(SalvageError::Write)?;
    let stopped = transfer(ctx, store, object, feed).await;
    let came = worker.await.map_err(|_| VerifyError::Machine("the salvage thread died".to_owned()))?;
    match came {
        Ok(came) => Ok((came, stopped)),
        Err(Refusal::Archive(error)) => Err(error.into()),
        Err(Refusal::Machine(_)) if stopped => Err(SalvageError::Cancelled),
        Err(Refusal::Machine(error)) => Err(refused(error, label)),
    }
}

/// A seal whose header is not there any more, or a file that cannot be written.
fn refused(error: io::Error, backup: String) -> SalvageError {
    use crate::seal::UnsealError;
    if let Some(error) = UnsealError::from_io(&error) {
        return SalvageError::Nothing { backup, why: error.to_string() };
    }
    match error.downcast::<OutputError>() {
        Ok(error) => error.into(),
        Err(error) => SalvageError::Write(error),
    }
}

/// Moves the stored bytes into the layers. A target that fails is where the backup ends.
async fn transfer(ctx: &JobCtx, store: &Arc<dyn Store>, object: Object, feed: Feed) -> bool {
    let waiting = ctx.watch_waiting();
    let mut pieces = crate::target::read_watched(store.clone(), object, 0, ctx.cancel.clone(), waiting);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(bytes) => {
                ctx.advance(bytes.len() as u64);
                if feed.data(bytes).await.is_err() {
                    return false; // the layers have come to their end
                }
            }
            Err(_) if ctx.cancel.is_cancelled() => break,
            Err(error) => {
                feed.fail(io::Error::other(error)).await;
                return false;
            }
        }
    }
    if ctx.cancel.is_cancelled() {
        feed.fail(io::Error::other("stopped by you")).await;
        return true;
    }
    feed.finish().await;
    false
}

/// The folder; if it was made for nothing, it goes again.
struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    fn make(path: &Path) -> io::Result<Self> {
        let made = fs::symlink_metadata(path).is_err();
        ensure_dir(path)?;
        Ok(Self { path: path.to_owned(), made })
    }

    /// Writes the report and gives everything its name, the report first.
    fn keep(mut self, parked: Vec<Parked>, report: &SalvageReport) -> Result<(), SalvageError> {
        let json = serde_json::to_vec_pretty(report).map_err(|error| SalvageError::Write(io::Error::other(error)))?;
        let mut all = vec![
            self.park("REPORT.txt", text::of_report(report).as_bytes())?,
            self.park("report.json", &[json.as_slice(), b"\n"].concat())?,
        ];
        all.extend(parked);
        self.made = false;
        for file in all {
            file.finish()?;
        }
        Ok(())
    }

    fn park(&self, name: &str, bytes: &[u8]) -> Result<Parked, SalvageError> {
        let mut file = OutputFile::create(&self.path.join(name))?;
        file.write_all(bytes).map_err(|error| file.explain(error))?;
        Ok(file.park()?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_dir(&self.path); // only an empty one
        }
    }
}
