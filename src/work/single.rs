//! A store of which only one object is listed: for a backup named by path or URL, so that its whole
//! folder or bucket need not be.

use std::sync::Arc;

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
    keys: Vec<Foreign>,
}

impl Single {
    /// Only the first of `keys` that there is in `whole`.
    pub fn new(whole: Arc<dyn Store>, keys: Vec<Foreign>) -> Self {
        Self { whole, keys }
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
        let (whole, keys) = (self.whole.clone(), self.keys.clone());
        let found = async move {
            let mut page = vec![first_of(&whole, &keys).await?];
            let beside = Foreign::new([page[0].key.raw_bytes(), names::METADATA_SUFFIX].concat());
            if names::metadata_of(&beside).is_some() {
                page.extend(whole.stat(&beside, None).await.ok());
            }
            Ok(page)
        };
        stream::once(found).boxed()
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        self.whole.stat(key, version).await
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        self.whole.head(object, len).await
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        self.whole.open_range(object, from, len)
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.whole.probe().await
    }

    fn reading(&self) -> Reading {
        self.whole.reading()
    }
}
