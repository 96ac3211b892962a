//! Decompression that cannot mistake a cut for an end: gzip, zstd, bzip2, xz behind one `Read`.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::Diagnostic;
use thiserror::Error;

use crate::format::gzip::Gzip;
use crate::model::backup::Compression;
use crate::report::{Fault, Reportable};

mod engines;

/// What is read from the source at once. Large, so that the decompressors' own copying stays small.
const INPUT: usize = 256 << 10;

/// Where compressed data may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Exactly one member, nothing behind it: the inside of a DBacked seal.
    OneMember,
    /// Members may follow each other (`cat a.gz b.gz`), zeros may follow the last: plain files.
    Lenient,
    /// As [`Lenient`](Self::Lenient), and what came out before something was found wrong is handed over
    /// before the error: for salvage, of which nothing is ever taken for proven.
    Salvage,
}

/// How much may come out. Memory never depends on it; time and disk do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may come out in all.
    pub most: u64,
    /// Bytes out per byte in, judged only beyond [`Self::free`].
    pub ratio: u64,
    /// Bytes that may come out whatever the ratio.
    pub free: u64,
    /// Memory of zstd's window or of xz, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    /// Repetitive SQL reaches 1,000:1 with gzip and far more with zstd and xz; a bomb reaches millions.
    fn default() -> Self {
        Self { most: 64 << 40, ratio: 20_000, free: 1 << 30, memory: 128 << 20 }
    }
}

/// What is wrong with compressed data. Offsets count the compressed bytes from where the source began.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum UnpackError {
    /// The source ended too early.
    #[error("the compressed data is cut off at byte {at}")]
    #[diagnostic(code(unpack::truncated), help("the upload or the copy broke off; pick another backup of the series"))]
    Truncated {
        /// How many compressed bytes there are.
        at: u64,
    },
    /// The bytes are not what a compressor wrote.
    #[error("damaged at compressed byte {at}: {what}")]
    #[diagnostic(code(unpack::damaged), help("do not restore it; pick another backup of the series"))]
    Damaged {
        /// Near which compressed byte.
        at: u64,
        /// What does not hold.
        what: &'static str,
    },
    /// Something follows the end of the compressed data.
    #[error("bytes follow the end of the compressed data at byte {at}")]
    #[diagnostic(
        code(unpack::trailing),
        help("a sound backup ends there; this one was changed or joined with another")
    )]
    TrailingData {
        /// Where the first of them stands.
        at: u64,
    },
    /// More would come out than the limits allow.
    #[error("unpacking stopped after {made} bytes: more than the limit on {limit} allows")]
    #[diagnostic(
        code(unpack::too_big),
        help("it may be a decompression bomb; if it is yours, raise the limit it names")
    )]
    TooBig {
        /// Bytes that came out.
        made: u64,
        /// Which limit.
        limit: &'static str,
    },
}

impl UnpackError {
    /// The unpacking error inside an I/O error, if that is what it is.
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<UnpackError> for io::Error {
    fn from(error: UnpackError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl Reportable for UnpackError {
    fn fault(&self) -> Fault {
        match self {
            Self::Truncated { .. } | Self::Damaged { .. } | Self::TrailingData { .. } => Fault::Integrity,
            Self::TooBig { .. } => Fault::Refused,
        }
    }
}

/// What one call of an engine did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    /// Compressed bytes used.
    pub eaten: usize,
    /// Bytes put out.
    pub made: usize,
    /// Whether a member, frame or stream is complete, its checksums compared.
    pub ended: bool,
}

/// What an engine found wrong, and how far into its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Compressed bytes of this call that were still right.
    pub eaten: usize,
    /// Bytes that were put out before it was noticed.
    pub made: usize,
    /// What does not hold; `None`: it wants more memory than the limits allow.
    pub what: Option<&'static str>,
}

impl Wrong {
    /// Wrong at the start of the input of this call.
    pub fn new(what: &'static str) -> Self {
        Self::after(0, what)
    }

    /// Wrong after `eaten` bytes of the input of this call.
    pub fn after(eaten: usize, what: &'static str) -> Self {
        Self { eaten, made: 0, what: Some(what) }
    }

    /// It wants more memory than the limits allow.
    pub fn memory(eaten: usize) -> Self {
        Self { eaten, made: 0, what: None }
    }

    /// The same, after so many bytes had been put out.
    pub fn having_made(self, made: usize) -> Self {
        Self { made, ..self }
    }
}

/// One decompressor without input or output of its own.
pub trait Engine {
    /// Uses some of `input`, fills some of `output`. Called with an empty `input` at the end of the source.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong>;

    /// Makes ready for another member.
    fn restart(&mut self);

    /// Whether every member so far carries a checksum, which was compared when it ended.
    fn is_checked(&self) -> bool {
        true
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Inside a member.
    Inside,
    /// A member has ended.
    Between,
    /// Only zeros may follow.
    Zeros,
    /// All is read and all is well.
    Done,
    /// It failed, and fails again whenever it is asked.
    Failed(UnpackError),
}

/// Reads what was compressed, straight into the caller's buffer (best 128 KiB or more).
///
/// The end is reported only when the container's own end was seen, its checksums were compared, and
/// the source has been read to *its* end: a decrypter below gets to check its padding.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] wrapping an [`UnpackError`]; it is repeated by every further `read`.
/// Errors of the source pass through unchanged.
pub struct Unpacker<R> {
    source: R,
    engine: Option<Box<dyn Engine + Send>>,
    strictness: Strictness,
    limits: Limits,
    input: Vec<u8>,
    /// The part of `input` that is not used yet.
    waiting: std::ops::Range<usize>,
    taken: u64,
    made: u64,
    /// Calls in a row that moved nothing: a library's bug must not become an endless loop.
    idle: u8,
    checked: Arc<AtomicBool>,
    state: State,
}

impl<R: Read> Unpacker<R> {
    /// An unpacker over `source`, which stands at the first compressed byte.
    pub fn new(compression: Compression, source: R, strictness: Strictness, limits: Limits) -> Self {
        let engine: Option<Box<dyn Engine + Send>> = match compression {
            Compression::None => None,
            Compression::Gzip => Some(Box::new(Gzip::default())),
            Compression::Zstd => Some(Box::new(engines::Zstd::new(limits.memory))),
            Compression::Bzip2 => Some(Box::new(engines::Bzip2::default())),
            Compression::Xz => Some(Box::new(engines::Xz::new(limits.memory))),
        };
        let input = if engine.is_some() { vec![0; INPUT] } else { vec![] };
        Self {
            source,
            engine,
            strictness,
            limits,
            input,
            waiting: 0..0,
            taken: 0,
            made: 0,
            idle: 0,
            checked: Arc::new(AtomicBool::new(compression != Compression::None)),
            state: State::Inside,
        }
    }

    /// Whether every member that has ended carried a checksum; shared, since the reading happens elsewhere.
    pub fn checked(&self) -> Arc<AtomicBool> {
        self.checked.clone()
    }

    /// Compressed bytes used so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes put out so far.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The source, wherever it stands.
    pub fn into_source(self) -> R {
        self.source
    }

    fn fail(&mut self, error: UnpackError) -> io::Error {
        self.state = State::Failed(error.clone());
        error.into()
    }

    /// Makes `waiting` non-empty unless the source has ended.
    fn fill(&mut self) -> io::Result<()> {
        while self.waiting.is_empty() {
            match self.source.read(&mut self.input) {
                Ok(0) => break,
                Ok(n) => self.waiting = 0..n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn copy(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.taken += n as u64;
        self.made += n as u64;
        self.within_limits()?;
        Ok(n)
    }

    fn within_limits(&mut self) -> io::Result<()> {
        let made = self.made;
        if made > self.limits.most {
            return Err(self.fail(UnpackError::TooBig { made, limit: "size" }));
        }
        if made > self.limits.free && made / self.taken.max(1) > self.limits.ratio {
            return Err(self.fail(UnpackError::TooBig { made, limit: "ratio" }));
        }
        Ok(())
    }

    /// One call of the engine; `Ok(0)` when it only used input or ended a member.
    fn inside(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let Some(engine) = &mut self.engine else { return Ok(0) };
        let input = &self.input[self.waiting.clone()];
        let at_end = input.is_empty();
        match engine.run(input, buf) {
            Ok(step) => {
                self.waiting.start += step.eaten;
                self.taken += step.eaten as u64;
                self.made += step.made as u64;
                self.idle = if step == Step::default() { self.idle + 1 } else { 0 };
                if step.ended {
                    self.checked.fetch_and(engine.is_checked(), Ordering::Relaxed);
                    self.state = State::Between;
                } else if self.idle > 0 && at_end {
                    return Err(self.fail(UnpackError::Truncated { at: self.taken }));
                } else if self.idle > 8 {
                    return Err(self.fail(UnpackError::Damaged { at: self.taken, what: "the decompressor is stuck" }));
                }
                self.within_limits()?;
                Ok(step.made)
            }
            Err(wrong) => self.broken(wrong),
        }
    }

    /// The engine found something wrong: what it had put out before goes first, where that is wanted.
    fn broken(&mut self, wrong: Wrong) -> io::Result<usize> {
        let error = match wrong.what {
            Some(what) => UnpackError::Damaged { at: self.taken + wrong.eaten as u64, what },
            None => UnpackError::TooBig { made: self.made, limit: "memory" },
        };
        let error = self.fail(error);
        if self.strictness == Strictness::Salvage && wrong.made > 0 {
            self.made += wrong.made as u64;
            return Ok(wrong.made);
        }
        Err(error)
    }

    /// Decides what follows a complete member.
    fn between(&mut self) -> io::Result<()> {
        self.fill()?;
        let Some(next) = self.input[self.waiting.clone()].first().copied() else {
            self.state = State::Done;
            return Ok(());
        };
        if self.strictness == Strictness::OneMember {
            return Err(self.fail(UnpackError::TrailingData { at: self.taken }));
        }
        if next == 0 {
            self.state = State::Zeros;
        } else if let (true, Some(engine)) = (begins_member(next), &mut self.engine) {
            engine.restart();
            self.state = State::Inside;
        } else {
            return Err(self.fail(UnpackError::TrailingData { at: self.taken }));
        }
        Ok(())
    }

    fn zeros(&mut self) -> io::Result<()> {
        self.fill()?;
        let rest = &self.input[self.waiting.clone()];
        if rest.is_empty() {
            self.state = State::Done;
            return Ok(());
        }
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == rest.len();
        self.taken += zeros as u64;
        self.waiting.start += zeros;
        if all { Ok(()) } else { Err(self.fail(UnpackError::TrailingData { at: self.taken })) }
    }
}

/// Whether a member of any of the formats can begin with this byte (skippable zstd frames included).
fn begins_member(byte: u8) -> bool {
    matches!(byte, 0x1f | b'B' | 0xfd | 0x28 | 0x50..=0x5f)
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let made = match &self.state {
                State::Failed(error) => return Err(error.clone().into()),
                State::Done => return Ok(0),
                State::Inside if self.engine.is_none() => return self.copy(buf),
                State::Inside => self.inside(buf)?,
                State::Between => self.between().map(|()| 0)?,
                State::Zeros => self.zeros().map(|()| 0)?,
            };
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

#[cfg(test)]
mod tests;
