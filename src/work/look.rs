//! Looking at the head of an object and at the metadata beside it: what it is, from its bytes.

use bytes::Bytes;

use crate::format::sidecar::Sum;
use crate::format::{metadata, names, sidecar, sniff};
use crate::model::backup::{Format, Metadata, Shape};
use crate::model::foreign::{Foreign, escape};
use crate::model::seal::{Recipient, RecipientSource};
use crate::model::target::{History, Object};
use crate::seal::databacker;
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

/// A look that was taken for the catalog, and whether the next listing may rest on it.
pub struct Glance {
    /// What was seen.
    pub look: Look,
    /// For how long that holds.
    pub holds: Holds,
}

/// How long a look holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Until the object or its metadata changes.
    UntilChanged,
    /// Until the next listing: the metadata is there and could not be read, which may pass.
    UntilListed,
}

/// Reads head and metadata. `None` when the head cannot be read: the guess from the name stays.
pub async fn look(store: &dyn Store, object: &Object, beside: Option<&Object>) -> Option<Glance> {
    let head = head(store, object).await.ok()?;
    let shape = shape(&object.key, &head);
    let mut holds = Holds::UntilChanged;
    let metadata = match beside {
        Some(beside) => read_metadata(store, object, beside).await.unwrap_or_else(|error| {
            holds = Holds::UntilListed;
            unreadable(&error)
        }),
        None => absent(&shape),
    };
    Some(Glance { look: Look { shape, metadata }, holds })
}

/// As [`look`], for a head that has been read, and without a listing: asks for the metadata by name.
///
/// What is named like a DBacked backup has its hash compared even if its bytes no longer look like one.
/// Metadata speaks of the current version only: beside an older one it would call it damaged.
///
/// # Errors
///
/// When the store fails otherwise than by having no metadata or denying it: a verdict must not rest on
/// what could not be read just now.
pub async fn look_now(store: &dyn Store, object: &Object, head: &[u8]) -> Result<Look, StoreError> {
    let shape = shape(&object.key, head);
    let may_have = shape.format == Format::Dbacked || names::dbacked_name(&object.key).is_some();
    if !may_have || object.history != History::Current {
        let metadata = absent(&shape);
        return Ok(Look { shape, metadata });
    }
    let key = [object.key.raw_bytes(), names::METADATA_SUFFIX].concat();
    let read = match store.stat(&Foreign::new(key), None).await {
        Ok(beside) => read_metadata(store, object, &beside).await,
        Err(error) => Err(error),
    };
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(StoreError::NotFound { .. }) => absent(&shape),
        Err(error @ StoreError::Denied { .. }) => unreadable(&error),
        Err(error) => return Err(error),
    };
    Ok(Look { shape, metadata })
}

/// A file of checksums, and what it says of the backup that it lies beside.
pub struct SideSum {
    /// Its name.
    pub file: Foreign,
    /// The sum, or what is wrong with the file.
    pub sum: Result<Sum, String>,
}

/// The checksums that lie beside an object, asked for by name; they speak of the current version only.
///
/// # Errors
///
/// When the store fails otherwise than by having none or denying it.
pub async fn recorded(store: &dyn Store, object: &Object) -> Result<Vec<SideSum>, StoreError> {
    let mut found = vec![];
    if object.history != History::Current {
        return Ok(found);
    }
    for (key, kind) in sidecar::keys(&object.key) {
        let beside = match store.stat(&key, None).await {
            Ok(beside) => beside,
            Err(StoreError::NotFound { .. } | StoreError::Denied { .. } | StoreError::NotAFile { .. }) => continue,
            Err(error) => return Err(error),
        };
        let read = if beside.stamp.size > sidecar::MOST {
            Err("it is larger than a list of checksums ever is")
        } else {
            let text = store.head(&beside, beside.stamp.size).await?;
            sidecar::read(&text, &key, kind, &object.key)
        };
        match read {
            Ok(Some(sum)) => found.push(SideSum { file: key, sum: Ok(sum) }),
            Ok(None) => {}
            Err(why) => found.push(SideSum { file: key, sum: Err(why.to_owned()) }),
        }
    }
    Ok(found)
}

fn absent(shape: &Shape) -> Metadata {
    if shape.format == Format::Dbacked { Metadata::Missing } else { Metadata::NotApplicable }
}

fn unreadable(error: &StoreError) -> Metadata {
    Metadata::Unusable(escape(&format!("cannot be read: {error}")))
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
        Format::Databacker if sniffed.shape().seal.is_some() => {
            Some(SEALED_HEADER.max(sniffed.wants.unwrap_or(0) as u64))
        }
        _ => sniffed.wants.map(|wants| (wants as u64).min(SECOND_LOOK)),
    };
    match wants.map(|wants| wants.min(object.stamp.size)) {
        Some(wants) if wants > head.len() as u64 => store.head(object, wants).await,
        _ => Ok(head),
    }
}

/// The format, and the recipients that the header of a seal names.
///
/// Of a seal under a raw key no byte says what it is: there the name decides, and is said to.
fn shape(key: &Foreign, head: &[u8]) -> Shape {
    let sniffed = sniff::sniff(head);
    let mut shape = sniffed.shape();
    if sniffed.opaque && names::databacker_like(key) {
        shape = sniff::as_raw_sealed(&shape);
    }
    if let (Format::Databacker, Some(seal)) = (shape.format, &shape.seal)
        && let Some(described) =
            databacker::describe(seal.scheme, &sniff::peek(shape.compression, head, sniff::SEAL_HEAD))
    {
        shape.seal = Some(described);
    }
    if let (Format::Sealed, Some(seal)) = (shape.format, &mut shape.seal)
        && let Ok(header) = SealedHeader::read(&mut &head[..])
    {
        let named = header.recipients().iter().cloned();
        seal.recipients = named.map(|fingerprint| Recipient { fingerprint, source: RecipientSource::Header }).collect();
    }
    shape
}

async fn read_metadata(store: &dyn Store, object: &Object, beside: &Object) -> Result<Metadata, StoreError> {
    let most = metadata::MOST as u64;
    if beside.stamp.size > most {
        return Ok(Metadata::Unusable(format!("{} bytes, more than metadata ever has", beside.stamp.size)));
    }
    if beside.stamp.size == 0 {
        return Ok(Metadata::Unusable("empty".to_owned()));
    }
    let bytes = store.head(beside, beside.stamp.size).await?;
    Ok(metadata::read(&bytes, &object.key, &|pem| public::fingerprint_of_pem(pem).ok()))
}
