//! Listing a bucket, page by page, with or without older versions.

use std::sync::Arc;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, OptionalObjectAttributes, RestoreStatus};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::model::foreign::{Foreign, escape};
use crate::model::target::{Access, History, Object, Stamp, Storage};
use crate::model::units::Moment;
use crate::target::answer::bare_etag;
use crate::target::error::StoreError;
use crate::target::s3::Bucket;
use crate::target::s3_error::of_sdk;
use crate::target::url::percent_decoded;

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    First,
    Token(String),
    Marker { key: String, version: Option<String> },
}

/// Which of the two prefixes is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    Prefix,
    Slashed,
}

struct Page {
    objects: Vec<Object>,
    next: Option<Next>,
}

/// All objects below the prefix. Placeholders that consoles make for folders are left out: they are
/// empty and their keys end in a slash.
pub(super) fn list(
    bucket: Arc<Bucket>,
    cancel: CancellationToken,
) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
    stream::unfold(Some((Below::Prefix, Next::First)), move |place| {
        let (bucket, cancel) = (bucket.clone(), cancel.clone());
        async move {
            let (mut below, mut next) = place?;
            loop {
                let asked = bucket.patience().persist(|| bucket.page(below, &next));
                let Page { objects, next: more } =
                    match cancel.run_until_cancelled(asked).await.unwrap_or(Err(StoreError::Cancelled)) {
                        // A grant for the prefix alone is enough.
                        Err(StoreError::Denied { .. }) if below == Below::Slashed => return None,
                        Err(error) => return Some((Err(error), None)),
                        Ok(page) if page.next.as_ref() == Some(&next) => {
                            return Some((Err(bucket.wrong("its listing goes in circles")), None));
                        }
                        Ok(page) => page,
                    };
                let place = match more {
                    Some(more) => Some((below, more)),
                    None if below == Below::Prefix && bucket.location().slashed_prefix().is_some() => {
                        Some((Below::Slashed, Next::First))
                    }
                    None => None,
                };
                if !objects.is_empty() {
                    return Some((Ok(objects), place));
                }
                (below, next) = place?;
            }
        }
    })
    .boxed()
}

/// One key at most, one try.
pub(super) async fn probe(bucket: &Bucket) -> Result<(), StoreError> {
    let location = bucket.location();
    let asked = bucket.asked();
    let request = bucket.client().await?.list_objects_v2().bucket(&location.bucket).prefix(&location.prefix);
    let sent = request.max_keys(1).send();
    bucket.ask(&asked, async { sent.await.map(drop).map_err(|error| of_sdk(&asked, error)) }).await
}

impl Bucket {
    async fn page(&self, below: Below, next: &Next) -> Result<Page, StoreError> {
        if self.location().versions {
            self.versions_page(below, next).await
        } else {
            self.plain_page(below, next).await
        }
    }

    fn prefix(&self, below: Below) -> String {
        let slashed = self.location().slashed_prefix().filter(|_| below == Below::Slashed);
        slashed.unwrap_or_else(|| self.location().prefix.clone())
    }

    async fn plain_page(&self, below: Below, next: &Next) -> Result<Page, StoreError> {
        let (asked, location) = (self.asked(), self.location());
        let mut request = self.client().await?.list_objects_v2().bucket(&location.bucket).prefix(self.prefix(below));
        if let Next::Token(token) = next {
            request = request.continuation_token(token);
        }
        if location.endpoint.is_none() {
            // Other stores may refuse what they do not know.
            request = request.optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
        }
        let sent = request.encoding_type(EncodingType::Url).send();
        let listed = self.ask(&asked, async { sent.await.map_err(|error| of_sdk(&asked, error)) }).await?;
        let next = match (listed.is_truncated(), listed.next_continuation_token()) {
            (Some(true), Some(token)) => Some(Next::Token(token.to_owned())),
            (Some(true), None) => return Err(self.wrong("its listing stops and does not say where to go on")),
            _ => None,
        };
        Ok(Page { objects: self.plain_objects(below, &listed)?, next })
    }

    fn plain_objects(&self, below: Below, listed: &ListObjectsV2Output) -> Result<Vec<Object>, StoreError> {
        let coding = listed.encoding_type();
        let objects = listed.contents().iter().filter(|entry| !is_folder(entry.key(), entry.size()));
        objects
            .map(|entry| {
                Ok(Object {
                    key: self.relative_key(below, entry.key(), coding)?,
                    stamp: stamp(entry.size(), entry.last_modified(), entry.e_tag()),
                    history: History::Current,
                    storage: storage(entry.storage_class().map(|class| class.as_str()), entry.restore_status()),
                })
            })
            .collect()
    }

    async fn versions_page(&self, below: Below, next: &Next) -> Result<Page, StoreError> {
        let (asked, location) = (self.asked(), self.location());
        let request = self.client().await?.list_object_versions().bucket(&location.bucket);
        let mut request = request.prefix(self.prefix(below));
        if let Next::Marker { key, version } = next {
            request = request.key_marker(key).set_version_id_marker(version.clone());
        }
        let sent = request.encoding_type(EncodingType::Url).send();
        let listed = self.ask(&asked, async { sent.await.map_err(|error| of_sdk(&asked, error)) }).await?;
        let next = match (listed.is_truncated(), listed.next_key_marker()) {
            (Some(true), Some(key)) => {
                let key = self.decoded(key, listed.encoding_type())?;
                Some(Next::Marker { key, version: listed.next_version_id_marker().map(str::to_owned) })
            }
            (Some(true), None) => return Err(self.wrong("its listing stops and does not say where to go on")),
            _ => None,
        };
        Ok(Page { objects: self.version_objects(below, &listed)?, next })
    }

    fn version_objects(&self, below: Below, listed: &ListObjectVersionsOutput) -> Result<Vec<Object>, StoreError> {
        let coding = listed.encoding_type();
        let mut objects = vec![];
        for entry in listed.versions().iter().filter(|entry| !is_folder(entry.key(), entry.size())) {
            let pin = stamp(entry.size(), entry.last_modified(), entry.e_tag());
            objects.push(Object {
                key: self.relative_key(below, entry.key(), coding)?,
                stamp: Stamp { version: entry.version_id().map(str::to_owned), ..pin },
                history: if entry.is_latest() == Some(true) { History::Current } else { History::Older },
                storage: storage(entry.storage_class().map(|class| class.as_str()), entry.restore_status()),
            });
        }
        for entry in listed.delete_markers() {
            let pin = stamp(None, entry.last_modified(), None);
            objects.push(Object {
                key: self.relative_key(below, entry.key(), coding)?,
                stamp: Stamp { version: entry.version_id().map(str::to_owned), ..pin },
                history: History::Deleted,
                storage: Storage::default(),
            });
        }
        Ok(objects)
    }

    /// Keys with a slash in front keep it, and the prefix with it: nothing else tells them from their twins.
    fn relative_key(
        &self,
        below: Below,
        key: Option<&str>,
        coding: Option<&EncodingType>,
    ) -> Result<Foreign, StoreError> {
        let key = self.decoded(key.unwrap_or_default(), coding)?;
        match key.strip_prefix(&self.prefix(below)) {
            Some(rest) if below == Below::Prefix => Ok(Foreign::from(rest)),
            Some(_) => Ok(Foreign::from(key)),
            None => Err(self.wrong("its listing names keys outside of the prefix")),
        }
    }

    /// Undoes the encoding that we ask for, since XML cannot carry every key; stores may ignore the wish.
    fn decoded(&self, text: &str, coding: Option<&EncodingType>) -> Result<String, StoreError> {
        if coding != Some(&EncodingType::Url) {
            return Ok(text.to_owned());
        }
        let bytes = percent_decoded(&text.replace('+', " "));
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| self.wrong(&format!("its listing names a key that cannot be decoded: {}", escape(text))))
    }

    fn wrong(&self, what: &str) -> StoreError {
        StoreError::WrongAnswer { place: self.asked().target, what: what.to_owned() }
    }
}

fn is_folder(key: Option<&str>, size: Option<i64>) -> bool {
    size == Some(0) && key.is_some_and(|key| key.ends_with('/') || key.ends_with("%2F"))
}

fn stamp(size: Option<i64>, modified: Option<&DateTime>, etag: Option<&str>) -> Stamp {
    Stamp {
        size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        modified: modified.and_then(moment),
        etag: etag.map(bare_etag),
        ..Stamp::default()
    }
}

/// The SDK's time as ours.
pub(super) fn moment(date: &DateTime) -> Option<Moment> {
    date.to_millis().ok().map(Moment)
}

fn storage(class: Option<&str>, restore: Option<&RestoreStatus>) -> Storage {
    let thawed = match restore {
        Some(status) if status.is_restore_in_progress() == Some(true) => Some(Access::Thawing),
        Some(status) => status.restore_expiry_date().map(|until| Access::Thawed(moment(until))),
        None => None,
    };
    storage_of(class, None, thawed)
}

/// Storage class and archive state as a HEAD answer tells them.
pub(super) fn storage_of_head(head: &HeadObjectOutput) -> Storage {
    let class = head.storage_class().map(|class| class.as_str());
    storage_of(class, head.archive_status().map(|status| status.as_str()), head.restore().and_then(thawing))
}

fn storage_of(class: Option<&str>, archive: Option<&str>, thawed: Option<Access>) -> Storage {
    let class = class.filter(|class| *class != "STANDARD" && !class.is_empty());
    let is_cold = matches!(class, Some("GLACIER" | "DEEP_ARCHIVE")) || archive.is_some();
    let access = match thawed {
        Some(access) => access,
        None if is_cold => Access::Frozen,
        None => Access::Ready,
    };
    Storage { class: class.map(escape), access }
}

/// Reads `x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2026 00:00:00 GMT"`.
fn thawing(header: &str) -> Option<Access> {
    if header.contains("ongoing-request=\"true\"") {
        return Some(Access::Thawing);
    }
    let until = header.split_once("expiry-date=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(date, _)| date);
    let date = until.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    header.contains("ongoing-request=\"false\"").then(|| Access::Thawed(date.as_ref().and_then(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_tiers_are_frozen_until_a_thawed_copy_is_there() {
        let access =
            |class, archive, restore: Option<&str>| storage_of(class, archive, restore.and_then(thawing)).access;
        assert_eq!(access(None, None, None), Access::Ready);
        assert_eq!(access(Some("GLACIER_IR"), None, None), Access::Ready);
        assert_eq!(access(Some("GLACIER"), None, None), Access::Frozen);
        assert_eq!(access(Some("INTELLIGENT_TIERING"), Some("ARCHIVE_ACCESS"), None), Access::Frozen);
        assert_eq!(access(Some("GLACIER"), None, Some("ongoing-request=\"true\"")), Access::Thawing);
        let until = "ongoing-request=\"false\", expiry-date=\"Sat, 21 Nov 2026 00:00:00 GMT\"";
        let date = Moment::parse("2026-11-21");
        assert_eq!(access(Some("DEEP_ARCHIVE"), None, Some(until)), Access::Thawed(date));
    }

    #[test]
    fn the_standard_class_goes_without_saying() {
        assert_eq!(storage_of(Some("STANDARD"), None, None), Storage::default());
        assert_eq!(storage_of(Some("STANDARD_IA"), None, None).class.as_deref(), Some("STANDARD_IA"));
    }
}
