//! Our own sealed format as a use case: `seal`, `unseal` and `reseal`, on files and as filters.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use miette::Diagnostic;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::disk::output::OutputFile;
use crate::model::foreign::escape;
use crate::model::seal::{DBACKED_MAGIC, Fingerprint};
use crate::report::{Fault, Report, Reportable};
use crate::seal::error::{SealError, UnsealError};
use crate::seal::key::Key;
use crate::seal::keyring::PrivateKey;
use crate::seal::public::PublicKey;
use crate::seal::sealed::{SealedHeader, Sealer, SeekUnsealer, Unsealer};
use crate::work::session::{Session, entry, held, now};

/// Bytes that are moved at a time.
const PIECE: usize = 256 * 1024;

/// Where the bytes come from.
pub enum Input {
    /// A file, which is read from its start.
    File(PathBuf),
    /// Anything else, such as standard input.
    Stream(Box<dyn Read + Send>),
}

/// Where the bytes go to.
pub enum Output {
    /// A new file, mode 0600, that gets its name when it is whole.
    File(PathBuf),
    /// Anything else, such as standard output.
    Stream(Box<dyn Write + Send>),
}

/// What is to be done.
pub enum Work {
    /// Seal for these recipients.
    Seal(Vec<PublicKey>),
    /// Open with the session's keys.
    Unseal,
    /// Open with the session's keys, and seal again for these recipients.
    Reseal(Vec<PublicKey>),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file written, if it was one.
    pub output: Option<PathBuf>,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Who can open what was written; empty after `unseal`.
    pub recipients: Vec<Fingerprint>,
    /// The key that opened what was read.
    pub key: Option<Fingerprint>,
}

/// Why nothing, or not all, was written.
#[derive(Debug, Error, Diagnostic)]
enum ExportError {
    #[error("{from} cannot be read")]
    #[diagnostic(code(export::unreadable), help("check the path and its permissions"))]
    Read {
        from: String,
        #[source]
        source: io::Error,
    },
    #[error("the output cannot be written")]
    #[diagnostic(code(export::unwritable), help("what was written so far is incomplete; do not use it"))]
    Write(#[source] io::Error),
    #[error("{from} is a DBacked backup, not a sealed file of breakglass")]
    #[diagnostic(code(export::dbacked), help("open it with: breakglass restore ./FILE --into dir:PATH"))]
    Dbacked { from: String },
    #[error("{from} is sealed for {wanted}, and no such key is loaded")]
    #[diagnostic(code(export::no_key), help("give the private key of one of them with --key"))]
    NoKey { from: String, wanted: String },
    #[error("this session is read-only")]
    #[diagnostic(code(export::read_only), help("the estate says read_only, or --read-only was given"))]
    ReadOnly,
    #[error("stopped by you; nothing that looks whole was left behind")]
    #[diagnostic(code(export::interrupted))]
    Interrupted,
}

impl Reportable for ExportError {
    fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } | Self::Write(_) => Fault::Failed,
            Self::Dbacked { .. } => Fault::Usage,
            Self::NoKey { .. } => Fault::NoKey,
            Self::ReadOnly => Fault::Refused,
            Self::Interrupted => Fault::Interrupted,
        }
    }
}

impl Work {
    fn action(&self) -> &'static str {
        match self {
            Self::Seal(_) => "seal",
            Self::Unseal => "unseal",
            Self::Reseal(_) => "reseal",
        }
    }

    fn recipients(&self) -> Vec<Fingerprint> {
        match self {
            Self::Seal(keys) | Self::Reseal(keys) => keys.iter().map(PublicKey::fingerprint).collect(),
            Self::Unseal => vec![],
        }
    }
}

impl Input {
    fn label(&self) -> String {
        match self {
            Self::File(path) => escape(&path.to_string_lossy()),
            Self::Stream(_) => "standard input".to_owned(),
        }
    }
}

impl Output {
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Stream(_) => None,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::File(path) => escape(&path.to_string_lossy()),
            Self::Stream(_) => "standard output".to_owned(),
        }
    }
}

/// Who can open a sealed file, as its header claims: which key to load for it.
///
/// # Errors
///
/// When the file cannot be read or is not sealed.
pub fn recipients(path: &Path) -> Result<Vec<Fingerprint>, Report> {
    let label = escape(&path.to_string_lossy());
    let mut file = File::open(path).map_err(|source| ExportError::Read { from: label.clone(), source }.report())?;
    Ok(header(&mut file, &label)?.recipients().to_vec())
}

/// Writes a new small file, such as a report.
///
/// # Errors
///
/// When it exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Report> {
    let mut file = OutputFile::create(path).map_err(|error| error.report())?;
    file.write_all(bytes).map_err(|error| file.explain(error).report())?;
    file.finish().map_err(|error| error.report())?;
    Ok(())
}

/// Seals, opens or seals anew, with a record of the intent before the first byte and of its outcome.
///
/// # Errors
///
/// When it was not done. A file is then not there; a stream has been given an incomplete text, unless the
/// input was a sealed file cut at its end, which is found before the first byte.
///
/// # Cancellation
///
/// Cancel the token; dropping the future leaves the work running on its thread.
pub async fn run(
    session: &Session,
    work: Work,
    (input, output): (Input, Output),
    cancel: CancellationToken,
) -> Result<Exported, Report> {
    if session.is_read_only() {
        return Err(ExportError::ReadOnly.report());
    }
    let keys: Vec<PrivateKey> = held(&session.0.ring).iter().filter_map(Key::rsa).cloned().collect();
    let (action, subject) = (work.action(), format!("{} -> {}", input.label(), output.label()));
    let names: Vec<String> = work.recipients().iter().map(Fingerprint::short).collect();
    let only = if let [only] = &work.recipients()[..] { Some(only.clone()) } else { None };
    let intent = entry(action, &subject, "", &names.join(", "), only);
    let intent = session.0.audit.intent(intent).map_err(|error| error.report())?;
    let done = tokio::task::spawn_blocking(move || perform(work, &keys, (input, output), cancel)).await;
    let done = done.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()));
    let (result, detail) = match &done {
        Ok(exported) => ("ok", format!("{} bytes in, {} bytes out", exported.bytes_in, exported.bytes_out)),
        Err(report) => ("failed", report.code.clone()),
    };
    let intent = intent.opened_by(done.as_ref().ok().and_then(|exported| exported.key.clone()));
    session.0.audit.outcome(intent, now(), result, &detail).map_err(|error| error.report())?;
    done
}

fn perform(
    work: Work,
    keys: &[PrivateKey],
    (input, output): (Input, Output),
    cancel: CancellationToken,
) -> Result<Exported, Report> {
    let label = input.label();
    let mut exported =
        Exported { output: output.path(), bytes_in: 0, bytes_out: 0, recipients: work.recipients(), key: None };
    let counter = Arc::new(AtomicU64::new(0));
    let source = Source::open(input, cancel, &counter).map_err(|error| unreadable(&label, error))?;
    let length = source.length();
    let mut plain: Box<dyn Read> = match &work {
        Work::Seal(_) => Box::new(source),
        Work::Unseal | Work::Reseal(_) => {
            let (plain, key) = opened(source, keys, &label)?;
            exported.key = Some(key);
            plain
        }
    };
    let mut sink = Sink::open(output)?;
    match &work {
        Work::Unseal => pump(&mut plain, &mut sink, &label)?,
        Work::Seal(recipients) | Work::Reseal(recipients) => {
            let mut sealer = Sealer::new(sink, recipients).map_err(unsealable)?;
            pump(&mut plain, &mut sealer, &label)?;
            sink = sealer.finish().map_err(unsealable)?;
        }
    }
    exported.bytes_out = sink.close()?;
    exported.bytes_in = length.unwrap_or_else(|| counter.load(Ordering::Relaxed));
    Ok(exported)
}

fn header(source: &mut impl Read, label: &str) -> Result<SealedHeader, Report> {
    let mut head = Recorded { source, first: vec![] };
    let read = SealedHeader::read(&mut head);
    let is_dbacked = head.first.starts_with(DBACKED_MAGIC);
    read.map_err(|error| match error {
        UnsealError::NotSealed if is_dbacked => ExportError::Dbacked { from: label.to_owned() }.report(),
        error => unopened(label, &error),
    })
}

/// The plaintext of a sealed source. Of a file the final chunk is opened first, so that a cut one gives no byte.
fn opened(mut source: Source, keys: &[PrivateKey], label: &str) -> Result<(Box<dyn Read>, Fingerprint), Report> {
    let header = header(&mut source, label)?;
    let is_recipient = |key: &&PrivateKey| header.recipients().iter().any(|one| one.matches(&key.fingerprint()));
    let Some(key) = keys.iter().find(is_recipient) else {
        let wanted: Vec<String> = header.recipients().iter().map(Fingerprint::short).collect();
        return Err(ExportError::NoKey { from: label.to_owned(), wanted: wanted.join(" or ") }.report());
    };
    let content = header.unwrap(key).map_err(|error| unopened(label, &error))?;
    let plain: Box<dyn Read> = match source.length() {
        None => Box::new(Unsealer::new(source, &content, header.len())),
        Some(_) => {
            Box::new(SeekUnsealer::new(source, &content, header.len()).map_err(|error| unopened(label, &error))?)
        }
    };
    Ok((plain, key.fingerprint()))
}

fn pump(from: &mut dyn Read, to: &mut dyn Write, label: &str) -> Result<(), Report> {
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&piece[..read]).map_err(|error| unsealable(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(label, error)),
        }
    }
}

fn unreadable(label: &str, error: io::Error) -> Report {
    unopened(label, &UnsealError::from(error))
}

fn unopened(label: &str, error: &UnsealError) -> Report {
    let mut report = match error {
        UnsealError::Read(source) if source.get_ref().is_some_and(|inner| inner.is::<Stopped>()) => {
            return ExportError::Interrupted.report();
        }
        UnsealError::Read(source) => {
            let source = io::Error::new(source.kind(), source.to_string());
            return ExportError::Read { from: label.to_owned(), source }.report();
        }
        error => Report::of(error.fault(), error),
    };
    report.headline = format!("{label}: {}", report.headline);
    report
}

fn unsealable(error: SealError) -> Report {
    match error {
        SealError::Io(error) => ExportError::Write(error).report(),
        error => error.report(),
    }
}

/// Said by a source whose work was cancelled.
#[derive(Debug, Error)]
#[error("stopped")]
struct Stopped;

/// A source that counts and can be stopped between two reads.
struct Source {
    kind: SourceKind,
    counter: Arc<AtomicU64>,
    cancel: CancellationToken,
}

enum SourceKind {
    File(File, u64),
    Stream(Box<dyn Read + Send>),
}

impl Source {
    fn open(input: Input, cancel: CancellationToken, counter: &Arc<AtomicU64>) -> io::Result<Self> {
        let kind = match input {
            Input::Stream(stream) => SourceKind::Stream(stream),
            Input::File(path) => {
                let file = File::open(path)?;
                let facts = file.metadata()?;
                // A named pipe has no end to look at first.
                if facts.is_file() { SourceKind::File(file, facts.len()) } else { SourceKind::Stream(Box::new(file)) }
            }
        };
        Ok(Self { kind, counter: Arc::clone(counter), cancel })
    }

    /// Bytes of the file; `None` for a stream.
    fn length(&self) -> Option<u64> {
        match self.kind {
            SourceKind::File(_, length) => Some(length),
            SourceKind::Stream(_) => None,
        }
    }
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(Stopped));
        }
        let read = match &mut self.kind {
            SourceKind::File(file, _) => file.read(buf),
            SourceKind::Stream(stream) => stream.read(buf),
        };
        let read = read.map_err(|error| if self.cancel.is_cancelled() { io::Error::other(Stopped) } else { error })?;
        self.counter.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.kind {
            SourceKind::File(file, _) => file.seek(to),
            SourceKind::Stream(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }
}

/// Keeps the first bytes that pass, to say what a file is that is not sealed.
struct Recorded<'a, R> {
    source: &'a mut R,
    first: Vec<u8>,
}

impl<R: Read> Read for Recorded<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buf)?;
        let missing = DBACKED_MAGIC.len().saturating_sub(self.first.len());
        self.first.extend_from_slice(&buf[..read.min(missing)]);
        Ok(read)
    }
}

/// Where bytes go; a file is removed again unless it is closed.
enum Sink {
    File(Box<OutputFile>),
    Stream(Box<dyn Write + Send>, u64),
}

impl Sink {
    fn open(output: Output) -> Result<Self, Report> {
        match output {
            Output::File(path) => {
                OutputFile::create(&path).map(|file| Self::File(Box::new(file))).map_err(|error| error.report())
            }
            Output::Stream(stream) => Ok(Self::Stream(stream, 0)),
        }
    }

    fn close(self) -> Result<u64, Report> {
        match self {
            Self::File(file) => file.finish().map_err(|error| error.report()),
            Self::Stream(mut stream, written) => {
                stream.flush().map(|()| written).map_err(|error| ExportError::Write(error).report())
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stream(stream, written) => {
                let taken = stream.write(bytes)?;
                *written += taken as u64;
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stream(stream, _) => stream.flush(),
        }
    }
}
