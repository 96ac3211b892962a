//! Folders of this machine as a target.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::model::foreign::Foreign;
use crate::model::target::{FileLocation, Object, TargetName};
use crate::target::answer::difference;
use crate::target::error::StoreError;
use crate::target::file_walk::{Root, of_io, stamp_of};
use crate::target::retry::Patience;
use crate::target::{Reading, Store};

/// Bytes of one read: large enough that the hop between threads does not show.
const CHUNK: u64 = 512 * 1024;

/// A folder.
pub(super) struct FileStore {
    root: Root,
}

impl FileStore {
    pub fn new(target: &TargetName, location: &FileLocation) -> Self {
        Self { root: Root { target: target.to_string(), path: location.root.clone() } }
    }
}

#[async_trait]
impl Store for FileStore {
    fn list(&self, cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        let root = self.root.clone();
        let start = async move {
            let (pages, listing) = mpsc::channel(2);
            let stop = cancel.clone();
            spawn_blocking(move || {
                root.walk(&mut |page| {
                    let goes_on = !stop.is_cancelled() && pages.blocking_send(page).is_ok();
                    if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })
            });
            stream::unfold(Some(listing), move |listing| next_page(listing, cancel.clone()))
        };
        stream::once(start).flatten().boxed()
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        if version.is_some() {
            return Err(StoreError::NotFound { place: self.root.place(key) });
        }
        let (root, key) = (self.root.clone(), key.clone());
        on_disk(move || {
            let (_, stamp) = root.open_file(&key)?;
            Ok(Object { key, stamp, history: Default::default(), storage: Default::default() })
        })
        .await
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        let pieces = self.open_range(object, 0, Some(len));
        let whole = pieces.try_fold(BytesMut::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        Ok(whole.await?.freeze())
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let (root, object) = (self.root.clone(), object.clone());
        let end = len.map_or(object.stamp.size, |len| from.saturating_add(len).min(object.stamp.size));
        let start = async move {
            let task = on_disk(move || Pinned::open(root, object));
            let pinned = Arc::new(task.await?);
            Ok::<_, StoreError>(Reader { pinned, next: from, end, ahead: None }.into_stream())
        };
        stream::once(start).try_flatten().boxed()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let root = self.root.clone();
        on_disk(move || {
            let folder = root.open_root()?;
            let first = rustix::fs::Dir::new(folder).and_then(|mut dir| dir.read().transpose());
            first.map(drop).map_err(|error| of_io(root.target.clone(), &error.into()))
        })
        .await
    }

    fn reading(&self) -> Reading {
        Reading { piece: u64::MAX, depth: 1, patience: Patience::default() }
    }
}

type Listing = mpsc::Receiver<Result<Vec<Object>, StoreError>>;

async fn next_page(
    listing: Option<Listing>,
    cancel: CancellationToken,
) -> Option<(Result<Vec<Object>, StoreError>, Option<Listing>)> {
    let mut listing = listing?;
    match cancel.run_until_cancelled(listing.recv()).await {
        Some(page) => page.map(|page| (page, Some(listing))),
        None => Some((Err(StoreError::Cancelled), None)),
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.unwrap_or(Err(StoreError::Cancelled)) // only a runtime that ends drops it
}

/// An open file that is still the one that was listed.
struct Pinned {
    root: Root,
    object: Object,
    file: File,
}

impl Pinned {
    fn open(root: Root, object: Object) -> Result<Self, StoreError> {
        let (file, _) = root.open_file(&object.key)?;
        let pinned = Self { root, object, file };
        pinned.check()?;
        Ok(pinned)
    }

    fn check(&self) -> Result<(), StoreError> {
        let now = stamp_of(&self.file).map_err(|error| of_io(self.place(), &error))?;
        match difference(&self.object.stamp, &now) {
            None => Ok(()),
            Some(what) => Err(StoreError::Changed { place: self.place(), what }),
        }
    }

    /// Exactly the bytes from `from` to `to`; after the last ones wanted the file is checked again.
    fn piece(&self, from: u64, to: u64, end: u64) -> Result<Bytes, StoreError> {
        let mut piece = vec![0; (to - from) as usize];
        self.file.read_exact_at(&mut piece, from).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                StoreError::Changed { place: self.place(), what: "it became shorter while it was read".to_owned() }
            }
            _ => of_io(self.place(), &error),
        })?;
        if to == end {
            self.check()?;
        }
        Ok(Bytes::from(piece))
    }

    fn place(&self) -> String {
        self.root.place(&self.object.key)
    }
}

/// Reads one chunk ahead of what was asked for.
struct Reader {
    pinned: Arc<Pinned>,
    next: u64,
    end: u64,
    ahead: Option<JoinHandle<Result<Bytes, StoreError>>>,
}

impl Reader {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes, StoreError>> {
        stream::unfold(Some(self), |reader| async move {
            let mut reader = reader?;
            let piece = reader.ahead.take().or_else(|| reader.request())?;
            reader.ahead = reader.request();
            match piece.await.unwrap_or(Err(StoreError::Cancelled)) {
                Ok(piece) => Some((Ok(piece), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    fn request(&mut self) -> Option<JoinHandle<Result<Bytes, StoreError>>> {
        if self.next >= self.end {
            return None;
        }
        let (from, to, end) = (self.next, self.end.min(self.next + CHUNK), self.end);
        self.next = to;
        let pinned = self.pinned.clone();
        Some(spawn_blocking(move || pinned.piece(from, to, end)))
    }
}
