//! Older versions, delete markers, cold tiers; and that nobody asks for a version unless it was listed.

use breakglass::model::target::{Access, History};
use breakglass::target::open_with;

use super::{code, hasty, listing, only_object, read_all};
use crate::support::s3::{bucket, credentials, target_of};

#[tokio::test]
async fn overwritten_and_deleted_versions_are_listed_and_the_old_bytes_read() {
    let Some(bucket) = bucket() else { return };
    bucket.keep_versions();
    bucket.put("p/a", b"first");
    bucket.put("p/a", b"second");
    bucket.put("p/b", b"gone");
    bucket.delete("p/b");

    let mut location = bucket.location("p/");
    location.versions = true;
    let store = open_with(&target_of(location), Some(&credentials()), hasty()).unwrap();
    let objects = listing(&store).await.unwrap();
    let shown: Vec<_> =
        objects.iter().map(|object| (object.key.to_string(), object.history, object.stamp.size)).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    for expected in
        [("a", History::Current, 6), ("a", History::Older, 5), ("b", History::Older, 4), ("b", History::Deleted, 0)]
    {
        assert!(shown.contains(&(expected.0.to_owned(), expected.1, expected.2)), "{shown:?}");
    }
    for object in &objects {
        let (bytes, error) = read_all(&store, object, 0).await;
        let expected: &[u8] = match object.stamp.size {
            6 => b"second",
            5 => b"first",
            4 => b"gone",
            _ => {
                assert_eq!(code(&error.unwrap()), "target::not_found");
                continue;
            }
        };
        assert_eq!((bytes.as_slice(), error), (expected, None));
    }
}

#[tokio::test]
async fn thousands_of_versions_are_paged() {
    let Some(bucket) = bucket() else { return };
    bucket.keep_versions();
    bucket.fill("", 700);
    bucket.fill("", 700);
    let mut location = bucket.location("");
    location.versions = true;
    let store = open_with(&target_of(location), Some(&credentials()), hasty()).unwrap();
    let objects = listing(&store).await.unwrap();
    let older = objects.iter().filter(|object| object.history == History::Older).count();
    assert_eq!((objects.len(), older), (1400, 700));
}

#[tokio::test]
async fn without_versions_no_request_names_one_and_every_read_is_pinned() {
    let Some(bucket) = bucket() else { return };
    bucket.keep_versions();
    bucket.put("a", b"first");
    bucket.put("a", b"second");
    let store = open_with(&bucket.target(""), Some(&credentials()), hasty()).unwrap();
    let object = only_object(&store).await;
    assert_eq!(object.stamp.version, None);
    assert_eq!(read_all(&store, &object, 0).await, (b"second".to_vec(), None));
    store.stat(&object.key, None).await.unwrap();
    let requests = bucket.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(!request["query"].as_str().unwrap().contains("versionId"), "{request}");
        assert!(request["agent"].as_str().unwrap().contains("app/breakglass"), "{request}");
        let is_read = request["method"] == "GET" && request["path"].as_str().unwrap().ends_with("/a");
        assert!(!is_read || request["if_match"].is_string(), "{request}");
    }
}

#[tokio::test]
async fn a_frozen_backup_says_so_in_the_list_and_how_to_thaw_it() {
    let Some(bucket) = bucket() else { return };
    bucket.put_with("cold.sql", b"brr", &[("x-amz-storage-class", "GLACIER")]);
    let store = open_with(&bucket.target(""), Some(&credentials()), hasty()).unwrap();
    let object = only_object(&store).await;
    assert_eq!((object.storage.class.as_deref(), object.storage.access), (Some("GLACIER"), Access::Frozen));
    let (bytes, error) = read_all(&store, &object, 0).await;
    let report = breakglass::report::Reportable::report(&error.unwrap());
    assert_eq!((bytes.len(), report.code.as_str()), (0, "target::frozen"));
    assert!(report.advice.contains(&format!("restore-object --bucket {} --key cold.sql", bucket.name())), "{report:?}");
}

#[tokio::test]
async fn the_longest_keys_and_slashes_anywhere_are_listed_and_read() {
    let Some(bucket) = bucket() else { return };
    let longest = "ü".repeat(512);
    let keys = ["/leading", "//two", "mid//dle", "dots/../up", "./here", "trailing-file/x", &longest];
    for key in keys {
        bucket.put(key, key.as_bytes());
    }
    bucket.put("folder/", b"");
    let store = open_with(&bucket.target(""), Some(&credentials()), hasty()).unwrap();
    let objects = listing(&store).await.unwrap();
    assert_eq!(objects.len(), keys.len(), "{objects:?}");
    for object in objects {
        let (bytes, error) = read_all(&store, &object, 0).await;
        assert_eq!((bytes.as_slice(), error), (object.key.raw_bytes(), None));
    }
}
