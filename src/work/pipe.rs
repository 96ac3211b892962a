//! The bridge from async bytes to blocking `Read`, and read-ahead between blocking stages.
//!
//! The end is a message. A pipe that closes without it is an error, so that a lost download can
//! never pass for a whole one.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Chunks in flight between the network and the first blocking stage.
pub const DEPTH: usize = 8;
/// Bytes that a read-ahead stage reads at a time.
const STEP: usize = 256 * 1024;
/// Chunks in flight between two blocking stages.
const STAGE_DEPTH: usize = 4;

enum Piece {
    Data(Bytes),
    End,
    Broken(io::Error),
}

/// The async end of a bridge.
pub struct Feed(mpsc::Sender<Piece>);

/// The reader went away: it failed first, and its reason is the one to show.
#[derive(Debug)]
pub struct Closed;

impl Feed {
    /// Hands over a chunk, waiting while the pipe is full.
    pub async fn data(&self, bytes: Bytes) -> Result<(), Closed> {
        self.0.send(Piece::Data(bytes)).await.map_err(|_| Closed)
    }

    /// Says that everything has been handed over.
    pub async fn finish(self) {
        let _ = self.0.send(Piece::End).await;
    }

    /// Says that the transfer failed.
    pub async fn fail(self, error: io::Error) {
        let _ = self.0.send(Piece::Broken(error)).await;
    }
}

/// The blocking end of a bridge.
pub struct Drain {
    pieces: mpsc::Receiver<Piece>,
    state: State,
}

enum State {
    Reading(Bytes),
    Ended,
    Failed,
}

/// A bridge of bounded depth.
pub fn bridge() -> (Feed, Drain) {
    let (sender, receiver) = mpsc::channel(DEPTH);
    (Feed(sender), Drain { pieces: receiver, state: State::Reading(Bytes::new()) })
}

impl Drain {
    /// The next chunk as it came, or `None` at the end that was announced.
    ///
    /// # Errors
    ///
    /// The transfer's own error, or `BrokenPipe` when it stopped without saying that it was done.
    pub fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.state {
            State::Reading(rest) if !rest.is_empty() => return Ok(Some(std::mem::take(rest))),
            State::Reading(_) => {}
            State::Ended => return Ok(None),
            State::Failed => return Err(lost()),
        }
        match self.pieces.blocking_recv() {
            Some(Piece::Data(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => {
                self.state = State::Ended;
                Ok(None)
            }
            Some(Piece::Broken(error)) => {
                self.state = State::Failed;
                Err(error)
            }
            None => {
                self.state = State::Failed;
                Err(lost())
            }
        }
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the transfer stopped before its end")
}

impl Read for Drain {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(mut bytes) = self.next_chunk()? else { return Ok(0) };
            if bytes.is_empty() {
                continue;
            }
            let n = buf.len().min(bytes.len());
            buf[..n].copy_from_slice(&bytes.split_to(n));
            self.state = State::Reading(bytes);
            return Ok(n);
        }
    }
}

enum Step {
    Data(Vec<u8>, usize),
    End,
    Broken(io::Error),
}

/// Runs a reader on a named thread of its own and reads ahead of whoever reads this.
///
/// Buffers are reused; an error arrives after the bytes before it; the inner reader's last state
/// is handed back by [`into_inner`](Self::into_inner).
pub struct Ahead<R> {
    steps: Option<Receiver<Step>>,
    empties: SyncSender<Vec<u8>>,
    worker: Option<JoinHandle<R>>,
    current: Vec<u8>,
    range: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read + Send + 'static> Ahead<R> {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system refuses another thread.
    pub fn start(name: &str, mut inner: R) -> io::Result<Self> {
        let (full, steps) = sync_channel(STAGE_DEPTH);
        let (empties, empty) = sync_channel::<Vec<u8>>(STAGE_DEPTH + 12);
        let worker = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            pump(&mut inner, &full, &empty);
            inner
        })?;
        Ok(Self { steps: Some(steps), empties, worker: Some(worker), current: vec![], range: 0..0, ended: false })
    }

    /// Stops the thread and returns the reader as it is now.
    ///
    /// # Errors
    ///
    /// When the thread panicked.
    pub fn into_inner(mut self) -> io::Result<R> {
        self.steps = None; // a pump that waits to send sees this and stops
        let worker = self.worker.take().ok_or_else(lost)?;
        worker.join().map_err(|_| io::Error::other("a reading thread died; the log names the place"))
    }
}

fn pump(inner: &mut impl Read, full: &SyncSender<Step>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut buffer = empty.try_recv().unwrap_or_else(|_| vec![0; STEP]);
        let step = match fill(inner, &mut buffer) {
            (0, None) => Step::End,
            (0, Some(error)) => Step::Broken(error),
            (n, after) => {
                if full.send(Step::Data(buffer, n)).is_err() {
                    return;
                }
                match after {
                    Some(error) => Step::Broken(error),
                    None => continue,
                }
            }
        };
        let _ = full.send(step);
        return;
    }
}

/// Reads until the buffer is full, the end, or an error, which comes back beside what was read.
fn fill(inner: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match inner.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

/// A buffer on loan.
struct Pooled {
    buffer: Vec<u8>,
    range: std::ops::Range<usize>,
    empties: SyncSender<Vec<u8>>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let _ = self.empties.try_send(std::mem::take(&mut self.buffer));
    }
}

impl<R> Ahead<R> {
    /// The next run of bytes without copying them; empty at the end.
    ///
    /// # Errors
    ///
    /// Whatever the inner reader failed with.
    pub fn chunk(&mut self) -> io::Result<&[u8]> {
        if self.range.is_empty() && !self.ended {
            self.advance()?;
        }
        Ok(&self.current[self.range.clone()])
    }

    /// The next run of bytes to be kept and shared; `None` at the end. Its buffer comes back when the last share
    /// is dropped.
    ///
    /// # Errors
    ///
    /// Whatever the inner reader failed with.
    pub fn take(&mut self) -> io::Result<Option<Bytes>> {
        if self.chunk()?.is_empty() {
            return Ok(None);
        }
        let range = std::mem::take(&mut self.range);
        let pooled = Pooled { buffer: std::mem::take(&mut self.current), range, empties: self.empties.clone() };
        Ok(Some(Bytes::from_owner(pooled)))
    }

    /// Marks bytes of the last [`chunk`](Self::chunk) as read.
    pub fn consume(&mut self, n: usize) {
        self.range.start = (self.range.start + n).min(self.range.end);
    }

    fn advance(&mut self) -> io::Result<()> {
        let old = std::mem::take(&mut self.current);
        self.range = 0..0;
        if !old.is_empty() {
            let _ = self.empties.try_send(old);
        }
        match self.steps.as_ref().map(Receiver::recv) {
            Some(Ok(Step::Data(buffer, n))) => {
                self.current = buffer;
                self.range = 0..n;
                Ok(())
            }
            Some(Ok(Step::End)) => {
                self.ended = true;
                Ok(())
            }
            Some(Ok(Step::Broken(error))) => Err(error),
            Some(Err(_)) | None => Err(lost()),
        }
    }
}

impl<R> Read for Ahead<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let chunk = self.chunk()?;
        let n = buf.len().min(chunk.len());
        buf[..n].copy_from_slice(&chunk[..n]);
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_closes_without_its_end_is_an_error_not_an_end() {
        let (feed, mut drain) = bridge();
        let sender = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { feed.data(Bytes::from_static(b"half")).await.unwrap() });
        });
        let mut read = vec![];
        let error = drain.read_to_end(&mut read).unwrap_err();
        sender.join().unwrap();
        assert_eq!((read.as_slice(), error.kind()), (&b"half"[..], io::ErrorKind::BrokenPipe));
        assert_eq!(drain.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    struct FailsAfter(usize);

    impl Read for FailsAfter {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("the disk is on fire"));
            }
            let n = buf.len().min(self.0).min(1000);
            buf[..n].fill(7);
            self.0 -= n;
            Ok(n)
        }
    }

    #[test]
    fn read_ahead_hands_over_every_byte_before_the_error() {
        let mut ahead = Ahead::start("test", FailsAfter(STEP * 9 + 17)).unwrap();
        let mut read = vec![];
        let error = ahead.read_to_end(&mut read).unwrap_err();
        assert_eq!(read.len(), STEP * 9 + 17);
        assert_eq!(error.to_string(), "the disk is on fire");
        assert_eq!(ahead.into_inner().unwrap().0, 0);
    }

    #[test]
    fn a_reader_that_is_dropped_early_stops_its_thread() {
        let mut ahead = Ahead::start("test", io::repeat(1)).unwrap();
        assert_eq!(ahead.chunk().unwrap().len(), STEP);
        ahead.into_inner().unwrap();
    }
}
