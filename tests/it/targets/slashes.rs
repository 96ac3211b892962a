//! The slashes of mysql-backup's keys: in front, doubled, missing; each key leads to its own object.

use std::sync::Arc;

use breakglass::model::target::S3Location;
use breakglass::target::{Store, open_with};

use super::{hasty, keys, listing, read_all};
use crate::support::s3::{Bucket, bucket, credentials, target_of};

const KEYS: [&str; 5] =
    ["sql/node1/a.tgz", "sql/node1//a.tgz", "/sql/node1/a.tgz", "sql/node10/a.tgz", "/sql/node10/a.tgz"];

fn filled() -> Option<Bucket> {
    let bucket = bucket()?;
    for key in KEYS {
        bucket.put(key, key.as_bytes());
    }
    Some(bucket)
}

fn store(bucket: &Bucket, prefix: &str, slashed: bool) -> Arc<dyn Store> {
    let location = S3Location { slashed, ..bucket.location(prefix) };
    open_with(&target_of(location), Some(&credentials()), hasty()).unwrap()
}

#[tokio::test]
async fn keys_with_a_slash_in_front_and_doubled_ones_are_listed_once_each_and_read_as_themselves() {
    let Some(bucket) = filled() else { return };
    let store = store(&bucket, "sql/node1/", true);
    let objects = listing(&store).await.unwrap();
    let mut listed: Vec<String> = keys(&objects).iter().map(ToString::to_string).collect();
    listed.sort();
    assert_eq!(listed, ["/a.tgz", "/sql/node1/a.tgz", "a.tgz"], "node10 is another folder");
    for object in &objects {
        let whole = match object.key.to_string().as_str() {
            "a.tgz" => KEYS[0],
            "/a.tgz" => KEYS[1],
            _ => KEYS[2],
        };
        let (bytes, error) = read_all(&store, object, 0).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(String::from_utf8(bytes).unwrap(), whole);
        assert_eq!(store.stat(&object.key, None).await.unwrap().stamp.etag, object.stamp.etag);
    }
}

#[tokio::test]
async fn without_the_setting_a_prefix_means_what_it_says() {
    let Some(bucket) = filled() else { return };
    let count = async |prefix: &str| listing(&store(&bucket, prefix, false)).await.unwrap().len();
    assert_eq!(count("sql/node1/").await, 2);
    assert_eq!(count("sql/node1").await, 3, "the URL said no slash: its twin is meant too");
    assert_eq!(count("/sql/node1/").await, 1);
}

#[tokio::test]
async fn a_grant_for_the_prefix_alone_is_enough() {
    let Some(bucket) = filled() else { return };
    bucket.fault_of_listing("1 delay 0");
    bucket.fault_of_listing("* status 403 AccessDenied");
    let objects = listing(&store(&bucket, "sql/node1/", true)).await.unwrap();
    assert_eq!(objects.len(), 2);
    let listings = bucket.requests().iter().filter(|request| request["status"] == 403).count();
    assert_eq!(listings, 1, "the other one was asked for, once");
}
