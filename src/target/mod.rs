//! Where backups lie: listing and reading targets. Targets are only ever read.
//!
//! [`open`] gives a [`Store`]. Its own calls try once or a few times and never mix two objects;
//! [`read`] is what jobs use: read-ahead, resuming at the byte, the exact length or an error.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::model::foreign::Foreign;
use crate::model::target::{Location, Object, Target};

mod answer;
mod error;
mod file;
mod file_walk;
mod read;
mod retry;
mod s3;
mod s3_client;
mod s3_error;
mod s3_list;
mod sftp;
mod url;

pub use error::StoreError;
pub use read::{Waiting, read, read_watched};
pub use retry::Patience;
pub use sftp::SftpStore;
pub use sftp::desk::{Asker, VARIABLE as ASKPASS_VARIABLE, helper as askpass};
pub use sftp::error::SshError;
pub use sftp::ssh::Ssh;
pub use url::{Address, UrlError, parse_backup, parse_url};

/// A place that can be listed and read.
#[async_trait]
pub trait Store: Send + Sync {
    /// Everything below the root or the prefix, a page at a time, in no promised order.
    ///
    /// An error need not be the end: a folder that may not be entered is one item, and the rest
    /// follows. After an error of the target itself the stream ends. No page is empty.
    ///
    /// # Cancellation
    ///
    /// After `cancel` the stream ends with [`StoreError::Cancelled`]; dropping it stops the work too.
    fn list(&self, cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>>;

    /// One object as it is now. `version`: only one that a listing named.
    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError>;

    /// The first `len` bytes, or all if there are fewer.
    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError>;

    /// Bytes from `from` on, `len` of them or all that follow, in one attempt.
    ///
    /// Fails with [`StoreError::Changed`] when the object is not the one that `object` pins, and never
    /// ends without an error before the last byte asked for.
    fn open_range(&self, object: &Object, from: u64, len: Option<u64>)
    -> BoxStream<'static, Result<Bytes, StoreError>>;

    /// Whether the target can be listed at all, for `doctor`: one small request, tried once.
    async fn probe(&self) -> Result<(), StoreError>;

    /// How [`read`] should go about this store.
    fn reading(&self) -> Reading;
}

/// How a store likes to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Bytes of one request.
    pub piece: u64,
    /// Requests in flight; `piece * depth` bounds the memory.
    pub depth: usize,
    /// How long to put up with failures.
    pub patience: Patience,
}

/// An access key that does not come from the AWS chain. Wiped when dropped; never shown.
#[derive(Clone)]
pub struct Credentials {
    /// The access key's id.
    pub access_key: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
    /// The token of temporary credentials.
    pub session_token: Option<Zeroizing<String>>,
}

/// Opens a target: checks its settings, connects to nothing yet.
///
/// # Errors
///
/// Only what is wrong with the settings themselves; whether the target answers shows at first use.
pub fn open(target: &Target, credentials: Option<&Credentials>) -> Result<Arc<dyn Store>, StoreError> {
    open_with(target, credentials, Patience::default())
}

/// As [`open`], with another patience.
pub fn open_with(
    target: &Target,
    credentials: Option<&Credentials>,
    patience: Patience,
) -> Result<Arc<dyn Store>, StoreError> {
    open_asking(target, credentials, (patience, Ssh::default()))
}

/// As [`open_with`], with another way to run `ssh`: SFTP targets may then ask the operator.
pub fn open_asking(
    target: &Target,
    credentials: Option<&Credentials>,
    (patience, ssh): (Patience, Ssh),
) -> Result<Arc<dyn Store>, StoreError> {
    match &target.location {
        Location::File(location) => Ok(Arc::new(file::FileStore::new(&target.name, location))),
        Location::S3(location) => {
            Ok(Arc::new(s3::S3Store::new(&target.name, location, credentials.cloned(), patience)?))
        }
        Location::Sftp(location) => Ok(Arc::new(SftpStore::new(&target.name, location, ssh, patience))),
    }
}
