//! A store of which only one object is listed: for a backup named by path or URL, so that its whole
//! folder or bucket need not be.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use crate::format::names;
use crate::model::foreign::Foreign;
use crate::model::target::Object;
use crate::target::{Reading, Store, StoreError};

/// One object and the metadata beside it.
pub struct Single {
    whole: Arc<dyn Store>,
    /// The same place with its prefix's leading slash the other way: mysql-backup has written both.
    twin: Option<Arc<dyn Store>>,
    keys: Vec<Foreign>,
    found: Arc<OnceLock<Arc<dyn Store>>>,
}

impl Single {
    /// Only the first of `keys` that there is in `whole`, or, where that has none, of its `twin`.
    pub fn new(whole: Arc<dyn Store>, twin: Option<Arc<dyn Store>>, keys: Vec<Foreign>) -> Self {
        Self { whole, twin, keys, found: Arc::default() }
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.found.get().unwrap_or(&self.whole)
    }
}

/// The object, and the store that has it.
async fn locate(
    whole: Arc<dyn Store>,
    twin: Option<Arc<dyn Store>>,
    keys: &[Foreign],
) -> Result<(Object, Arc<dyn Store>), StoreError> {
    let missing = match first_of(&whole, keys).await {
        Ok(object) => return Ok((object, whole)),
        Err(error @ (StoreError::NotFound { .. } | StoreError::Denied { .. })) => error,
        Err(error) => return Err(error),
    };
    let Some(twin) = twin else { return Err(missing) };
    match first_of(&twin, keys).await {
        Ok(object) => Ok((object, twin)),
        Err(_) => Err(missing),
    }
}

/// The key under which an `scp://` target lists what lies in the login folder.
pub fn in_login_folder(key: &Foreign) -> Foreign {
    Foreign::new([b"~/", key.raw_bytes()].concat())
}

async fn first_of(whole: &Arc<dyn Store>, keys: &[Foreign]) -> Result<Object, StoreError> {
    let (last, before) = keys.split_last().ok_or(StoreError::Cancelled)?;
    for key in before {
        match whole.stat(key, None).await {
            Err(StoreError::NotFound { .. }) => {}
            found => return found,
        }
    }
    whole.stat(last, None).await
}

#[async_trait]
impl Store for Single {
    fn list(&self, _cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        let (whole, twin, keys) = (self.whole.clone(), self.twin.clone(), self.keys.clone());
        let found = self.found.clone();
        let found = async move {
            let (object, store) = locate(whole, twin, &keys).await?;
            let beside = Foreign::new([object.key.raw_bytes(), names::METADATA_SUFFIX].concat());
            let mut page = vec![object];
            if names::metadata_of(&beside).is_some() {
                page.extend(store.stat(&beside, None).await.ok());
            }
            let _ = found.set(store);
            Ok(page)
        };
        stream::once(found).boxed()
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        self.store().stat(key, version).await
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        self.store().head(object, len).await
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        self.store().open_range(object, from, len)
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.whole.probe().await
    }

    fn reading(&self) -> Reading {
        self.whole.reading()
    }
}
