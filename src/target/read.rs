//! Reading an object from end to end: ahead of the reader, resumed at the byte, never spliced.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::model::target::Object;
use crate::target::answer::difference;
use crate::target::error::StoreError;
use crate::target::retry::Patience;
use crate::target::{Reading, Store};

type Pieces = BoxStream<'static, Result<Bytes, StoreError>>;

/// What a read is waiting for, when it is not simply reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// In a few words, safe to draw: `the store answers 503 SlowDown`.
    pub what: String,
    /// The byte of the object at which it waits.
    pub at_byte: u64,
    /// Failed attempts since the last byte arrived.
    pub failures: u32,
}

/// Reads `object` from the byte `from` to its end.
///
/// The stream ends without an error only after exactly the bytes of the object that `object` pins.
/// Failures that may pass are retried at the byte where they happened; an object that is not (or no
/// longer) the one that was listed is [`StoreError::Changed`]. After an error the stream ends.
///
/// # Cancellation
///
/// After `cancel` the stream ends with [`StoreError::Cancelled`]; dropping it ends the transfer too.
pub fn read(store: Arc<dyn Store>, object: Object, from: u64, cancel: CancellationToken) -> Pieces {
    read_watched(store, object, from, cancel, watch::Sender::new(None))
}

/// As [`read`], and tells `waiting` what is being waited for; `None` as soon as bytes flow again.
pub fn read_watched(
    store: Arc<dyn Store>,
    object: Object,
    from: u64,
    cancel: CancellationToken,
    waiting: watch::Sender<Option<Waiting>>,
) -> Pieces {
    let source = Source { reading: store.reading(), store, waiting };
    let all =
        stream::once(source.clone().pinned(object)).map_ok(move |object| Ahead::new(source.clone(), object, from));
    let all: Pieces = all.try_flatten().boxed();
    stream::unfold(Some(all), move |all| {
        let cancel = cancel.clone();
        async move {
            let mut all = all?;
            match cancel.run_until_cancelled(all.next()).await {
                Some(Some(Ok(piece))) => Some((Ok(piece), Some(all))),
                Some(Some(Err(error))) => Some((Err(error), None)),
                Some(None) => None,
                None => Some((Err(StoreError::Cancelled), None)),
            }
        }
    })
    .boxed()
}

#[derive(Clone)]
struct Source {
    store: Arc<dyn Store>,
    reading: Reading,
    waiting: watch::Sender<Option<Waiting>>,
}

impl Source {
    /// Some stores list no ETag: then it is asked for once, so that all pieces come from one object.
    async fn pinned(self, mut object: Object) -> Result<Object, StoreError> {
        if object.stamp.etag.is_some() || object.stamp.inode.is_some() {
            return Ok(object);
        }
        let now = self.store.stat(&object.key, object.stamp.version.as_deref()).await?;
        match difference(&object.stamp, &now.stamp) {
            Some(what) => Err(StoreError::Changed { place: object.key.to_string(), what }),
            None => {
                object.stamp.etag = now.stamp.etag;
                Ok(object)
            }
        }
    }

    /// The bytes from `at` to `end`, through every failure that may pass.
    fn resumed(&self, object: Arc<Object>, at: u64, end: u64) -> Pieces {
        let start = Resumed { source: self.clone(), object, at, end, failures: 0, current: None };
        stream::unfold(Some(start), |resumed| async move {
            let mut resumed = resumed?;
            match resumed.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(resumed))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// A range that is fetched until it is complete.
struct Resumed {
    source: Source,
    object: Arc<Object>,
    at: u64,
    end: u64,
    failures: u32,
    current: Option<Pieces>,
}

impl Resumed {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let (store, at, end) = (&self.source.store, self.at, self.end);
            let object = &self.object;
            let mut current = self.current.take().unwrap_or_else(|| store.open_range(object, at, Some(end - at)));
            match self.patient(current.next()).await {
                Some(Ok(piece)) => {
                    self.at += piece.len() as u64;
                    self.failures = 0;
                    self.current = Some(current);
                    return Ok(Some(piece));
                }
                Some(Err(error)) if error.is_transient() => self.pause(error).await?,
                Some(Err(error)) => return Err(error),
                None if self.at == self.end => return Ok(None),
                None => {
                    let cause = "the answer ended early".to_owned();
                    self.pause(StoreError::Broken { place: self.object.key.to_string(), at_byte: at, cause }).await?;
                }
            }
        }
    }

    /// Waits for the next piece and tells when that takes long.
    async fn patient<T>(&mut self, next: impl Future<Output = T>) -> T {
        let notice = self.patience().notice;
        let mut next = std::pin::pin!(next);
        let mut waited = notice;
        loop {
            match timeout(notice, &mut next).await {
                Ok(next) => return next,
                Err(_) => self.tell(format!("no answer for {} s", waited.as_secs())),
            }
            waited += notice;
        }
    }

    async fn pause(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.failures += 1;
        let Some(pause) = self.patience().pause(self.failures) else {
            return Err(StoreError::GaveUp { tries: self.failures, last: Box::new(error) });
        };
        tracing::debug!(failures = self.failures, at = self.at, ?pause, %error, "resuming");
        self.tell(error.in_short());
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn patience(&self) -> &Patience {
        &self.source.reading.patience
    }

    fn tell(&self, what: String) {
        let waiting = Waiting { what, at_byte: self.at, failures: self.failures };
        self.source.waiting.send_replace(Some(waiting));
    }
}

/// Several ranges in flight, handed on in order. Only the first one is handed on as it arrives; the
/// others fill their piece and wait, so memory is bounded by the pieces.
struct Ahead {
    source: Source,
    object: Arc<Object>,
    next: u64,
    pieces: VecDeque<Piece>,
}

struct Piece {
    stream: Pieces,
    ready: VecDeque<Result<Bytes, StoreError>>,
    is_done: bool,
}

impl Ahead {
    fn new(source: Source, object: Object, from: u64) -> Self {
        let mut ahead = Self { source, object: Arc::new(object), next: from, pieces: VecDeque::new() };
        if ahead.object.stamp.size == 0 {
            ahead.start(0); // nothing to read, but it must still be the object that was listed
        }
        ahead
    }

    fn start(&mut self, end: u64) {
        let stream = self.source.resumed(self.object.clone(), self.next, end);
        self.pieces.push_back(Piece { stream, ready: VecDeque::new(), is_done: false });
        self.next = end;
    }
}

impl Piece {
    fn fill(&mut self, cx: &mut Context<'_>) {
        while !self.is_done {
            match self.stream.poll_next_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(item)) => self.ready.push_back(item),
                Poll::Ready(None) => self.is_done = true,
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        match self.ready.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None if self.is_done => Poll::Ready(None),
            None => self.stream.poll_next_unpin(cx),
        }
    }
}

impl Stream for Ahead {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let size = this.object.stamp.size;
            while this.pieces.len() < this.source.reading.depth && this.next < size {
                let end = this.next.saturating_add(this.source.reading.piece).min(size);
                this.start(end);
            }
            this.pieces.iter_mut().skip(1).for_each(|piece| piece.fill(cx));
            let Some(first) = this.pieces.front_mut() else { return Poll::Ready(None) };
            match first.poll(cx) {
                Poll::Ready(None) => drop(this.pieces.pop_front()),
                Poll::Ready(Some(item)) => {
                    this.source.waiting.send_if_modified(|waiting| waiting.take().is_some());
                    return Poll::Ready(Some(item));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
