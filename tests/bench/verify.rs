//! Proving a DBacked backup of 440 MB of SQL against `openssl enc -d | gzip -dc >/dev/null` on its ciphertext.
//!
//! `cargo bench --bench verify [ROUNDS]`. Interleaved, medians of five. Ours includes MD5 and multipart ETag
//! as recorded, BLAKE3 for the proof, SHA-256 of the dump, lexing and the census. Bars: ratio 0.50, peak 64 MB.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use breakglass::model::backup::BackupId;
use breakglass::model::foreign::Foreign;
use breakglass::model::job::{JobId, JobSpec, Progress};
use breakglass::model::target::{FileLocation, Location, Object, Target, TargetName};
use breakglass::model::trust::{Answer, Rung};
use breakglass::model::units::Moment;
use breakglass::target::{Reading, Store, StoreError, open};
use breakglass::work::catalog::{Beside, Listing, assemble};
use breakglass::work::jobs::{JobCtx, JobView};
use breakglass::work::news::News;
use breakglass::work::verify::{Opener, Task, verify};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;

mod support;

use support::{Sample, job, line, median, myself, number, run, scratch};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the program has it

fn main() {
    if job().is_some() {
        return prove(&Sample::ready());
    }
    let sample = Sample::ready();
    sample.describe();
    sample.warm();
    let state = scratch().join("state");
    let (mut peer, mut ours, mut program) = (vec![], vec![], vec![]);
    for _ in 0..number(0, 5) {
        peer.push(run(&mut sample.peer()));
        ours.push(run(&mut myself("prove")));
        program.push(run(&mut sample.breakglass(&state, &["verify", sample.path()])));
    }
    let peer = median(peer);
    line("openssl enc -d | gzip -dc >/dev/null", peer, peer);
    line("verify, MD5 and ETag recorded", median(ours), peer);
    line("the program on a file, MD5 recorded", median(program), peer);
}

/// A folder whose objects have ETags, as S3 gives them.
struct Tagged {
    folder: Arc<dyn Store>,
    etag: String,
}

impl Tagged {
    fn tag(&self, mut object: Object) -> Object {
        if object.key == Foreign::from(Sample::NAME) {
            object.stamp.etag = Some(self.etag.clone());
        }
        object
    }
}

fn bare(object: &Object) -> Object {
    let mut object = object.clone();
    object.stamp.etag = None;
    object
}

#[async_trait]
impl Store for Tagged {
    fn list(&self, cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        self.folder.list(cancel)
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        self.folder.stat(key, version).await.map(|object| self.tag(object))
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        self.folder.head(&bare(object), len).await
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        self.folder.open_range(&bare(object), from, len)
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.folder.probe().await
    }

    fn reading(&self) -> Reading {
        self.folder.reading()
    }
}

/// The job of the copy: one verification, its checks said.
fn prove(sample: &Sample) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let proof = runtime.block_on(async {
        let location = Location::File(FileLocation { root: sample.folder.clone() });
        let name = TargetName::new("bench").expect("a plain name");
        let target = Target { name, location, expect_key: None };
        let folder = open(&target, None).expect("a folder");
        let store = Arc::new(Tagged { folder, etag: sample.etag.clone() });
        let mut listing = Listing::default();
        let mut pages = store.list(CancellationToken::new());
        while let Some(page) = pages.next().await {
            listing.take(page.expect("it can be listed").into_iter().map(|object| store.tag(object)).collect());
        }
        let known = Beside { look: &|_, _| None, proof: &|_, _| None, keys: &[], proof_max_age: 0, now: Moment(0) };
        let backup = Arc::new(assemble(&target, &listing, &known).remove(0));
        let view = JobView {
            id: JobId(1),
            spec: JobSpec::Verify { backup: BackupId::from_digest(&[0; 32]), to: Rung::Whole },
            label: String::new(),
            began: Moment(0),
            progress: Progress::default(),
            log: Default::default(),
            lines: Default::default(),
            ending: None,
        };
        let ctx = JobCtx::new(view, CancellationToken::new(), News::default());
        let task = Task { store, backup, opener: Opener::Keys(vec![sample.key().into()]), to: Rung::Whole };
        verify(&ctx, task).await
    });
    let proof = proof.unwrap_or_else(|error| panic!("{error}"));
    for name in ["md5", "etag", "gzip crc", "end mark"] {
        let check = proof.checks.iter().find(|check| check.name == name);
        assert!(check.is_some_and(|check| check.outcome == Answer::Yes), "{name}: {check:?}");
    }
    runtime.shutdown_timeout(Duration::from_millis(10));
}
