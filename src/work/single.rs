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
    key: Foreign,
}

impl Single {
    /// Only `key` of `whole`.
    pub fn new(whole: Arc<dyn Store>, key: Foreign) -> Self {
        Self { whole, key }
    }
}

#[async_trait]
impl Store for Single {
    fn list(&self, _cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        let (whole, key) = (self.whole.clone(), self.key.clone());
        let beside = Foreign::new([key.raw_bytes(), names::METADATA_SUFFIX].concat());
        let found = async move {
            let mut page = vec![whole.stat(&key, None).await?];
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
