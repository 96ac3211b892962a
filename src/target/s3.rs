//! S3 and what speaks its language, as a target.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::model::foreign::Foreign;
use crate::model::target::{History, Object, S3Location, Stamp, TargetName};
use crate::target::answer::{bare_etag, content_range, difference};
use crate::target::error::StoreError;
use crate::target::retry::Patience;
use crate::target::s3_client::Recipe;
use crate::target::s3_error::{Asked, of_sdk, root_cause};
use crate::target::s3_list::{self, moment, storage_of_head};
use crate::target::{Credentials, Reading, Store};

/// Four of these in flight keep a link busy and memory at 16 MiB.
const PIECE: u64 = 4 * 1024 * 1024;
const DEPTH: usize = 4;

/// A bucket, or a part of one.
pub(super) struct S3Store {
    bucket: Arc<Bucket>,
}

/// What streams hold on to.
pub(super) struct Bucket {
    recipe: Recipe,
    client: OnceCell<Arc<Client>>,
}

impl S3Store {
    pub fn new(
        target: &TargetName,
        location: &S3Location,
        credentials: Option<Credentials>,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let recipe = Recipe { target: target.to_string(), location: location.clone(), credentials, patience };
        recipe.check()?;
        Ok(Self { bucket: Arc::new(Bucket { recipe, client: OnceCell::new() }) })
    }
}

#[async_trait]
impl Store for S3Store {
    fn list(&self, cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        s3_list::list(self.bucket.clone(), cancel)
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        self.bucket.patience().persist(|| self.bucket.stat(key, version)).await
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        self.bucket
            .patience()
            .persist(|| async {
                let mut all = BytesMut::new();
                let mut pieces = self.open_range(object, 0, Some(len));
                while let Some(piece) = pieces.try_next().await? {
                    all.extend_from_slice(&piece);
                }
                Ok(all.freeze())
            })
            .await
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let size = object.stamp.size;
        let end = len.map_or(size, |len| from.saturating_add(len).min(size));
        if from >= end && size > 0 {
            return stream::empty().boxed();
        }
        let (bucket, object) = (self.bucket.clone(), object.clone());
        stream::once(async move { bucket.get(&object, from, end).await }).try_flatten().boxed()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        s3_list::probe(&self.bucket).await
    }

    fn reading(&self) -> Reading {
        Reading { piece: PIECE, depth: DEPTH, patience: self.bucket.patience().clone() }
    }
}

impl Bucket {
    pub fn patience(&self) -> &Patience {
        &self.recipe.patience
    }

    pub fn location(&self) -> &S3Location {
        &self.recipe.location
    }

    pub async fn client(&self) -> Result<&Client, StoreError> {
        self.client.get_or_try_init(|| self.recipe.client()).await.map(Arc::as_ref)
    }

    /// Runs a request whose answer is small: headers and body within one time limit.
    pub async fn ask<T>(
        &self,
        asked: &Asked,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let limit = self.patience().connect + self.patience().answer + self.patience().stall;
        timeout(limit, request).await.unwrap_or_else(|_| Err(asked.stalled()))
    }

    /// What errors about the target as a whole need to know.
    pub fn asked(&self) -> Asked {
        Asked {
            target: self.recipe.target.clone(),
            bucket: self.recipe.location.bucket.clone(),
            key: None,
            class: None,
            at_byte: 0,
            patience: self.recipe.patience.answer,
        }
    }

    /// What errors about one object need to know. S3 keys are UTF-8; nothing else can be there.
    fn asked_for(&self, key: &Foreign) -> Result<(Asked, String), StoreError> {
        let mut asked = self.asked();
        let Some(text) = key.raw_str() else {
            let place = format!("{}:{key}", asked.target);
            return Err(StoreError::NotFound { place });
        };
        let whole = self.recipe.location.whole_key(text);
        asked.key = Some((key.clone(), whole.clone()));
        Ok((asked, whole))
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        let (asked, whole) = self.asked_for(key)?;
        let client = self.client().await?;
        let request = client
            .head_object()
            .bucket(&self.recipe.location.bucket)
            .key(&whole)
            .set_version_id(version.map(str::to_owned))
            .send();
        let head = match self.ask(&asked, async { request.await.map_err(|error| of_sdk(&asked, error)) }).await {
            Ok(head) => head,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => return Err(self.explained(&asked, &whole, version).await.unwrap_or(error)),
        };
        let stamp = Stamp {
            size: u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0),
            modified: head.last_modified().and_then(moment),
            etag: head.e_tag().map(bare_etag),
            version: version.map(str::to_owned),
            inode: None,
        };
        let history = if version.is_some() { History::Older } else { History::Current };
        Ok(Object { key: key.clone(), stamp, history, storage: storage_of_head(&head) })
    }

    /// A HEAD answer has no body, so it cannot say why; a GET of one byte can.
    async fn explained(&self, asked: &Asked, whole: &str, version: Option<&str>) -> Option<StoreError> {
        let request = self.client().await.ok()?.get_object().bucket(&self.recipe.location.bucket).key(whole);
        let request = request.range("bytes=0-0").set_version_id(version.map(str::to_owned)).send();
        self.ask(asked, async { request.await.map_err(|error| of_sdk(asked, error)) }).await.err()
    }

    /// The bytes from `from` to `end` in one request, every claim of the answer compared with what was listed.
    async fn get(&self, object: &Object, from: u64, end: u64) -> Result<Body, StoreError> {
        let (mut asked, whole) = self.asked_for(&object.key)?;
        asked.at_byte = from;
        asked.class = object.storage.class.clone();
        if object.history == History::Deleted {
            return Err(StoreError::NotFound { place: asked.place() });
        }
        let client = self.client().await?;
        let mut request = client
            .get_object()
            .bucket(&self.recipe.location.bucket)
            .key(whole)
            .set_if_match(object.stamp.etag.as_ref().map(|etag| format!("\"{etag}\"")));
        if object.history == History::Older {
            // Current objects are pinned by their ETag: a version id needs a grant of its own.
            request = request.set_version_id(object.stamp.version.clone());
        }
        if end > from {
            request = request.range(format!("bytes={from}-{}", end - 1));
        }
        // The connector limits the time to the first byte as well; this holds for credentials, too.
        let limit = self.patience().connect + self.patience().answer;
        let answer = timeout(limit, request.send()).await.map_err(|_| asked.stalled())?;
        let answer = answer.map_err(|error| of_sdk(&asked, error))?;
        check(&asked, object, &answer, (from, end))?;
        Ok(body(asked, answer, end - from, self.patience().stall))
    }
}

/// Refuses an answer that is about another object or other bytes.
fn check(asked: &Asked, object: &Object, answer: &GetObjectOutput, wanted: (u64, u64)) -> Result<(), StoreError> {
    let (from, end) = wanted;
    let wrong = |what: String| Err(StoreError::WrongAnswer { place: asked.place(), what });
    let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
    let (first, past, total) = match answer.content_range().map(|header| (header, content_range(header))) {
        Some((_, Some((first, last, total)))) => (first, last.saturating_add(1), total),
        Some((header, None)) => return wrong(format!("its range reads {header:?}")),
        // Without a range the whole object was sent.
        None => match length {
            Some(length) => (0, length, length),
            None => return wrong("it names neither a range nor a length".to_owned()),
        },
    };
    let now = Stamp { size: total, etag: answer.e_tag().map(bare_etag), ..Stamp::default() };
    if let Some(what) = difference(&object.stamp, &now) {
        return Err(StoreError::Changed { place: asked.place(), what });
    }
    if object.stamp.etag.is_some() && now.etag.is_none() {
        return wrong("it has no ETag".to_owned());
    }
    if (first, past) != (from, end) {
        return wrong(format!("bytes {from} to {end} were asked for, {first} to {past} were sent"));
    }
    if length.is_some_and(|length| length != end - from) {
        return wrong(format!("{} bytes were asked for, {} are announced", end - from, length.unwrap_or(0)));
    }
    Ok(())
}

type Body = BoxStream<'static, Result<Bytes, StoreError>>;

/// Hands on exactly `wanted` bytes, or an error.
fn body(asked: Asked, answer: GetObjectOutput, wanted: u64, stall: Duration) -> Body {
    let start = asked.at_byte;
    stream::unfold(Some((answer.body, 0u64)), move |state| {
        let mut asked = asked.clone();
        async move {
            let (mut body, got) = state?;
            asked.at_byte = start + got;
            asked.patience = stall;
            match timeout(stall, body.next()).await {
                Err(_) if got < wanted => Some((Err(asked.stalled()), None)),
                Ok(Some(Ok(piece))) if got + piece.len() as u64 <= wanted => {
                    let got = got + piece.len() as u64;
                    Some((Ok(piece), Some((body, got))))
                }
                Ok(Some(Ok(_))) => {
                    let what = format!("more than the {wanted} bytes that were asked for were sent");
                    Some((Err(StoreError::WrongAnswer { place: asked.place(), what }), None))
                }
                Ok(Some(Err(error))) if got < wanted => Some((Err(asked.broken(root_cause(&error))), None)),
                Ok(None) if got < wanted => Some((Err(asked.broken("the answer ended early".to_owned())), None)),
                // Everything is here; how the connection ends afterwards does not matter.
                _ => None,
            }
        }
    })
    .boxed()
}
