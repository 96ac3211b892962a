//! Looking at the head of an object and at the metadata beside it: what it is, from its bytes.

use crate::format::{metadata, sniff};
use crate::model::backup::{Format, Metadata};
use crate::model::target::Object;
use crate::seal::public;
use crate::target::Store;
use crate::work::catalog::Look;

/// Bytes of the head that are read.
pub const HEAD: u64 = 4096;
/// Bytes of metadata that are read; one more tells that there is more.
const METADATA: u64 = 64 * 1024;

/// Reads head and metadata. `None` when the head cannot be read: the guess from the name stays.
pub async fn look(store: &dyn Store, object: &Object, metadata_object: Option<&Object>) -> Option<Look> {
    let head = store.head(object, HEAD.min(object.stamp.size)).await.ok()?;
    let shape = sniff::sniff(&head).shape();
    let metadata = match metadata_object {
        Some(beside) => read_metadata(store, object, beside).await,
        None if shape.format == Format::Dbacked => Metadata::Missing,
        None => Metadata::NotApplicable,
    };
    Some(Look { shape, metadata })
}

async fn read_metadata(store: &dyn Store, object: &Object, beside: &Object) -> Metadata {
    if beside.stamp.size > METADATA {
        return Metadata::Unusable(format!("{} bytes, more than metadata ever has", beside.stamp.size));
    }
    match store.head(beside, METADATA.min(beside.stamp.size)).await {
        Ok(bytes) => metadata::read(&bytes, &object.key, &|pem| public::fingerprint_of_pem(pem).ok()),
        Err(error) => Metadata::Unusable(format!("cannot be read: {error}")),
    }
}
