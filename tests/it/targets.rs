//! Targets: one contract, kept by every kind; S3's ways to fail; the network in between.

use std::sync::Arc;
use std::time::Duration;

use breakglass::model::foreign::Foreign;
use breakglass::model::target::{FileLocation, Location, Object, Target, TargetName};
use breakglass::target::{Patience, Store, StoreError, open, open_asking, open_with, read};
use futures_util::TryStreamExt;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::s3::{Bucket, bucket, credentials};
use crate::support::scratch;
use crate::support::sftp::{Vault, vault};

mod contract;
mod faults;
mod files;
mod network;
mod sftp;
mod slashes;
mod sources;
mod versions;

/// A target of any kind, with something to write into it.
enum Place {
    Folder(TempDir),
    Bucket(Bucket),
    Vault(Vault),
}

impl Place {
    /// One of each kind; S3 and SFTP only where their servers run.
    fn each() -> Vec<Self> {
        let folder = [Self::Folder(scratch())].into_iter();
        folder.chain(bucket().map(Self::Bucket)).chain(vault().map(Self::Vault)).collect()
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "file",
            Self::Bucket(_) => "s3",
            Self::Vault(_) => "sftp",
        }
    }

    fn put(&self, key: &str, body: &[u8]) {
        match self {
            Self::Folder(folder) => put_file(folder, key, body),
            Self::Bucket(bucket) => bucket.put(&format!("backups/{key}"), body),
            Self::Vault(vault) => vault.put(key, body),
        }
    }

    fn remove(&self, key: &str) {
        match self {
            Self::Folder(folder) => std::fs::remove_file(folder.path().join(key)).unwrap(),
            Self::Bucket(bucket) => bucket.delete(&format!("backups/{key}")),
            Self::Vault(vault) => std::fs::remove_file(vault.files().join(key)).unwrap(),
        }
    }

    fn fill(&self, prefix: &str, count: u32) {
        match self {
            Self::Folder(folder) => (0..count).for_each(|n| put_file(folder, &format!("{prefix}{n:05}"), b"x")),
            Self::Bucket(bucket) => bucket.fill(&format!("backups/{prefix}"), count),
            Self::Vault(vault) => (0..count).for_each(|n| vault.put(&format!("{prefix}{n:05}"), b"x")),
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Folder(folder) => open(&folder_target(folder), None).unwrap(),
            Self::Bucket(bucket) => open_with(&bucket.target("backups/"), Some(&credentials()), hasty()).unwrap(),
            Self::Vault(vault) => open_asking(&vault.target(), None, (hasty(), vault.ssh())).unwrap(),
        }
    }
}

fn put_file(folder: &TempDir, key: &str, body: &[u8]) {
    let path = folder.path().join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, body).unwrap();
}

fn folder_target(folder: &TempDir) -> Target {
    let location = Location::File(FileLocation { root: folder.path().to_owned() });
    Target { name: TargetName::new("local").unwrap(), location, expect_key: None }
}

/// Retries at once and not often; no test sleeps.
fn hasty() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
        stall: Duration::from_secs(10),
        tries: 4,
        first_pause: Duration::ZERO,
        ..Patience::default()
    }
}

/// Gives up on silence after a moment.
fn restless() -> Patience {
    Patience { answer: Duration::from_millis(400), stall: Duration::from_millis(400), ..hasty() }
}

async fn listing(store: &Arc<dyn Store>) -> Result<Vec<Object>, StoreError> {
    let mut objects = store.list(CancellationToken::new()).try_concat().await?;
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(objects)
}

async fn only_object(store: &Arc<dyn Store>) -> Object {
    let mut objects = listing(store).await.unwrap();
    assert_eq!(objects.len(), 1, "{objects:?}");
    objects.remove(0)
}

/// What arrived, and the error that ended it, if one did.
async fn read_all(store: &Arc<dyn Store>, object: &Object, from: u64) -> (Vec<u8>, Option<StoreError>) {
    let mut pieces = read(store.clone(), object.clone(), from, CancellationToken::new());
    let mut all = vec![];
    loop {
        match pieces.try_next().await {
            Ok(Some(piece)) => all.extend_from_slice(&piece),
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

/// Bytes that differ everywhere, so that a splice or a shift shows.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

fn keys(objects: &[Object]) -> Vec<Foreign> {
    objects.iter().map(|object| object.key.clone()).collect()
}

/// The stable code of an error, looking through "gave up".
fn code(error: &StoreError) -> String {
    match error {
        StoreError::GaveUp { last, .. } => format!("gave up: {}", code(last)),
        error => breakglass::report::Reportable::report(error).code,
    }
}
