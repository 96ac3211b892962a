//! A target in memory, so that thousands of altered objects go through the real verification in seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use breakglass::model::backup::{Backup, BackupId};
use breakglass::model::foreign::Foreign;
use breakglass::model::job::{JobId, JobSpec, Progress};
use breakglass::model::target::{FileLocation, Location, Object, Stamp, Target, TargetName};
use breakglass::model::trust::{Proof, Rung};
use breakglass::model::units::Moment;
use breakglass::target::{Patience, Reading, Store, StoreError};
use breakglass::work::catalog::{Beside, Listing, assemble};
use breakglass::work::jobs::{JobCtx, JobView};
use breakglass::work::news::News;
use breakglass::work::verify::{Opener, Task, verify};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;

/// Objects by name. Their stamps say nothing but the size: an overwrite of the same length goes unnoticed.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<HashMap<Foreign, Bytes>>,
}

impl Memory {
    pub fn with(objects: &[(&str, &[u8])]) -> Arc<Self> {
        let store = Arc::new(Self::default());
        objects.iter().for_each(|(name, bytes)| store.put(name, bytes));
        store
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.objects.lock().unwrap().insert(Foreign::from(name), Bytes::copy_from_slice(bytes));
    }

    fn get(&self, key: &Foreign) -> Result<Bytes, StoreError> {
        let found = self.objects.lock().unwrap().get(key).cloned();
        found.ok_or_else(|| StoreError::NotFound { place: key.to_string() })
    }

    /// The backup of that name as a listing has it.
    pub fn backup(&self, name: &str) -> Arc<Backup> {
        let object = object(&Foreign::from(name), &self.get(&Foreign::from(name)).unwrap());
        let mut listing = Listing::default();
        listing.take(vec![object]);
        let location = Location::File(FileLocation { root: "/memory".into() });
        let target = Target { name: TargetName::new("memory").unwrap(), location, expect_key: None };
        let beside =
            Beside { look: &|_, _| None, proof: &|_, _| None, keys: &[], proof_max_age: i64::MAX, now: Moment(0) };
        Arc::new(assemble(&target, &listing, &beside).remove(0))
    }

    /// The verdict on the object of that name.
    pub async fn verdict(self: &Arc<Self>, name: &str, opener: Opener) -> Proof {
        let task = Task { store: self.clone(), backup: self.backup(name), opener, to: Rung::Whole };
        verify(&job(), task).await.unwrap()
    }
}

fn object(key: &Foreign, bytes: &Bytes) -> Object {
    let stamp = Stamp { size: bytes.len() as u64, inode: Some((1, 1, 1)), ..Stamp::default() };
    Object { key: key.clone(), stamp, history: Default::default(), storage: Default::default() }
}

/// A job that nobody watches.
pub fn job() -> JobCtx {
    let spec = JobSpec::Verify { backup: BackupId::from_digest(&[0; 32]), to: Rung::Whole };
    let view = JobView {
        id: JobId(1),
        spec,
        label: String::new(),
        began: Moment(0),
        progress: Progress::default(),
        log: Default::default(),
        lines: 0,
        ending: None,
    };
    JobCtx::new(view, CancellationToken::new(), News::default())
}

#[async_trait]
impl Store for Memory {
    fn list(&self, _: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        let page = self.objects.lock().unwrap().iter().map(|(key, bytes)| object(key, bytes)).collect();
        stream::iter([Ok(page)]).boxed()
    }

    async fn stat(&self, key: &Foreign, _: Option<&str>) -> Result<Object, StoreError> {
        Ok(object(key, &self.get(key)?))
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        let bytes = self.get(&object.key)?;
        Ok(bytes.slice(..bytes.len().min(len as usize)))
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let range = self.get(&object.key).map(|bytes| {
            let end = len.map_or(bytes.len(), |len| bytes.len().min((from + len) as usize));
            bytes.slice(from as usize..end)
        });
        stream::iter([range]).boxed()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reading(&self) -> Reading {
        Reading { piece: u64::MAX, depth: 1, patience: Patience::default() }
    }
}
