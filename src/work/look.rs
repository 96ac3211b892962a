//! Looking at the head of an object and at the metadata beside it: what it is, from its bytes.

use bytes::Bytes;

use crate::format::{metadata, names, sniff};
use crate::model::backup::{Format, Metadata, Shape};
use crate::model::foreign::Foreign;
use crate::model::seal::{Recipient, RecipientSource};
use crate::model::target::Object;
use crate::seal::public;
use crate::seal::sealed::SealedHeader;
use crate::target::{Store, StoreError};
use crate::work::catalog::Look;

/// Bytes of the head that are read.
const HEAD: u64 = sniff::HEAD as u64;
/// The most that a second look at a compressed head may take.
const SECOND_LOOK: u64 = 1 << 20;
/// The most that a header of ours can take.
const SEALED_HEADER: u64 = 80 << 10;

/// Reads head and metadata. `None` when the head cannot be read: the guess from the name stays.
pub async fn look(store: &dyn Store, object: &Object, beside: Option<&Object>) -> Option<Look> {
    let head = head(store, object).await.ok()?;
    let shape = shape(&head);
    let metadata = match beside {
        Some(beside) => read_metadata(store, object, beside).await,
        None if shape.format == Format::Dbacked => Metadata::Missing,
        None => Metadata::NotApplicable,
    };
    Some(Look { shape, metadata })
}

/// As [`look`], for a head that has been read, and without a listing: asks for the metadata by name.
///
/// # Errors
///
/// When the store fails otherwise than by having no metadata: a verdict must not rest on its absence then.
pub async fn look_now(store: &dyn Store, object: &Object, head: &[u8]) -> Result<Look, StoreError> {
    let shape = shape(head);
    let metadata = match shape.format {
        Format::Dbacked => {
            let key = [object.key.raw_bytes(), names::METADATA_SUFFIX].concat();
            match store.stat(&Foreign::new(key), None).await {
                Ok(beside) => read_metadata(store, object, &beside).await,
                Err(StoreError::NotFound { .. }) => Metadata::Missing,
                Err(error) => return Err(error),
            }
        }
        _ => Metadata::NotApplicable,
    };
    Ok(Look { shape, metadata })
}

/// As many first bytes as it takes to know the format.
///
/// # Errors
///
/// Whatever the store fails with.
pub async fn head(store: &dyn Store, object: &Object) -> Result<Bytes, StoreError> {
    let head = store.head(object, HEAD.min(object.stamp.size)).await?;
    let sniffed = sniff::sniff(&head);
    let wants = match sniffed.shape().format {
        Format::Sealed => Some(SEALED_HEADER),
        _ => sniffed.wants.map(|wants| (wants as u64).min(SECOND_LOOK)),
    };
    match wants.map(|wants| wants.min(object.stamp.size)) {
        Some(wants) if wants > head.len() as u64 => store.head(object, wants).await,
        _ => Ok(head),
    }
}

/// The format, and for our own seal the recipients that its header names.
fn shape(head: &[u8]) -> Shape {
    let mut shape = sniff::sniff(head).shape();
    if let (Format::Sealed, Some(seal)) = (shape.format, &mut shape.seal)
        && let Ok(header) = SealedHeader::read(&mut &head[..])
    {
        let named = header.recipients().iter().cloned();
        seal.recipients = named.map(|fingerprint| Recipient { fingerprint, source: RecipientSource::Header }).collect();
    }
    shape
}

async fn read_metadata(store: &dyn Store, object: &Object, beside: &Object) -> Metadata {
    let most = metadata::MOST as u64;
    if beside.stamp.size > most {
        return Metadata::Unusable(format!("{} bytes, more than metadata ever has", beside.stamp.size));
    }
    if beside.stamp.size == 0 {
        return Metadata::Unusable("empty".to_owned());
    }
    let bytes = match store.head(beside, beside.stamp.size).await {
        Ok(bytes) => bytes,
        Err(error) => return Metadata::Unusable(format!("cannot be read: {error}")),
    };
    metadata::read(&bytes, &object.key, &|pem| public::fingerprint_of_pem(pem).ok())
}
