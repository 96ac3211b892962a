//! S3's ways to fail: each ends in a named error or in exactly the right bytes.

use std::sync::Arc;
use std::time::Duration;

use breakglass::target::{Patience, Store, StoreError, open_with, read_watched};
use futures_util::TryStreamExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{code, hasty, listing, only_object, pattern, read_all, restless};
use crate::support::s3::{Bucket, bucket, credentials, target_of};

const MIB: usize = 1 << 20;
/// No fault may take longer than this; far more than any of them needs.
const NEVER: Duration = Duration::from_secs(60);

/// A store over a bucket that holds one object `b`, and the object's bytes.
struct Stage {
    bucket: Bucket,
    body: Vec<u8>,
}

impl Stage {
    fn new(len: usize) -> Option<Self> {
        let stage = Self { bucket: bucket()?, body: pattern(len) };
        stage.bucket.put("b", &stage.body);
        Some(stage)
    }

    fn store(&self, patience: Patience) -> Arc<dyn Store> {
        open_with(&self.bucket.target(""), Some(&credentials()), patience).unwrap()
    }

    /// Lists, then injects the faults, then reads.
    async fn read_with(&self, faults: &[&str], patience: Patience) -> (Vec<u8>, Option<StoreError>) {
        let store = self.store(patience);
        let object = only_object(&store).await;
        faults.iter().for_each(|fault| self.bucket.fault("GET", "b", fault));
        timeout(NEVER, read_all(&store, &object, 0)).await.expect("no fault may hang")
    }

    /// The faults pass: exactly the right bytes arrive.
    async fn survives(&self, faults: &[&str], patience: Patience) {
        let (bytes, error) = self.read_with(faults, patience).await;
        assert!(bytes == self.body && error.is_none(), "{faults:?}: {} bytes, {error:?}", bytes.len());
    }

    /// The faults stay: the error has this code, and what arrived before was right.
    async fn fails(&self, faults: &[&str], patience: Patience, expected: &str) {
        let (bytes, error) = self.read_with(faults, patience).await;
        let error = error.unwrap_or_else(|| panic!("{faults:?}: {} bytes passed for whole", bytes.len()));
        assert_eq!(code(&error), expected, "{faults:?}: {error}");
        assert!(self.body.starts_with(&bytes) && bytes.len() < self.body.len(), "{faults:?}");
    }

    fn ranges(&self) -> Vec<String> {
        let requests = self.bucket.requests();
        requests.iter().filter_map(|request| request["range"].as_str().map(str::to_owned)).collect()
    }
}

#[tokio::test]
async fn faults_that_pass_are_waited_out() {
    let Some(stage) = Stage::new(9 * MIB) else { return };
    stage
        .survives(&["2 status 503", "1 status 500", "1 status 502 BadGateway", "1 status 429 TooManyRequests"], hasty())
        .await;
}

#[tokio::test]
async fn faults_that_stay_end_in_their_own_names() {
    let Some(stage) = Stage::new(5000) else { return };
    stage.fails(&["4 status 503"], hasty(), "gave up: target::busy").await;
    stage.fails(&["4 status 500"], hasty(), "gave up: target::store_failed").await;
    stage.fails(&["1 status 403"], hasty(), "target::denied").await;
    stage.fails(&["1 status 404"], hasty(), "target::not_found").await;
    stage.fails(&["1 status 404 NoSuchBucket"], hasty(), "target::no_bucket").await;
    stage.fails(&["1 status 400 ExpiredToken"], hasty(), "target::expired").await;
    stage.fails(&["1 status 403 RequestTimeTooSkewed"], hasty(), "target::clock_skew").await;
    stage.fails(&["1 status 403 InvalidObjectState"], hasty(), "target::frozen").await;
    stage.fails(&["1 status 400 KMS.DisabledException"], hasty(), "target::refused").await;
    stage.fails(&["1 redirect eu-west-1"], hasty(), "target::wrong_region").await;
    stage.survives(&[], hasty()).await;
}

#[tokio::test]
async fn a_broken_connection_is_resumed_at_the_byte() {
    let Some(stage) = Stage::new(MIB) else { return };
    stage.survives(&["1 cut 300000", "1 cut 1000"], hasty()).await;
    let ranges = stage.ranges();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    let starts: Vec<u64> = ranges.iter().map(|range| range[6..].split('-').next().unwrap().parse().unwrap()).collect();
    assert!(starts[0] == 0 && starts[1] > 0 && starts[2] > starts[1] && starts[2] <= 301_000, "{ranges:?}");
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up_only_without_progress() {
    let Some(stage) = Stage::new(5000) else { return };
    stage.survives(&["9 cut 500"], hasty()).await; // ten requests, though only four tries
    stage.fails(&["4 cut 0"], hasty(), "gave up: target::broken").await;
}

#[tokio::test]
async fn a_stall_is_noticed_told_and_resumed() {
    let Some(stage) = Stage::new(MIB) else { return };
    let patience = Patience { notice: Duration::from_millis(50), ..restless() };
    let store = stage.store(patience);
    let object = only_object(&store).await;
    stage.bucket.fault("GET", "b", "1 stall 5000");
    stage.bucket.fault("GET", "b", "1 hang 0");
    let (waiting, mut told) = watch::channel(None);
    let pieces = read_watched(store, object, 0, CancellationToken::new(), waiting);
    let watcher = tokio::spawn(async move {
        let mut heard = vec![];
        while told.changed().await.is_ok() {
            heard.extend(told.borrow_and_update().clone());
        }
        heard
    });
    let all: Vec<_> = timeout(NEVER, pieces.try_collect()).await.unwrap().unwrap();
    let all: Vec<bytes::Bytes> = all;
    assert!(all.concat() == stage.body);
    let heard = watcher.await.unwrap();
    assert!(heard.iter().any(|waiting| waiting.what.starts_with("no answer for")), "{heard:?}");
}

#[tokio::test]
async fn silence_without_end_is_given_up() {
    let Some(stage) = Stage::new(5000) else { return };
    stage.fails(&["* hang 0"], restless(), "gave up: target::stalled").await;
    let Some(stage) = Stage::new(5000) else { return };
    stage.fails(&["* stall 0"], restless(), "gave up: target::stalled").await;
}

#[tokio::test]
async fn an_answer_of_the_wrong_length_or_range_is_never_used() {
    let Some(stage) = Stage::new(5000) else { return };
    stage.fails(&["1 short 10"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 long 10"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 header Content-Range bytes_0-4999/5001"], hasty(), "target::changed").await;
    stage.fails(&["1 header Content-Range bytes_1-5000/5000"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 header Content-Range bytes_0-4999/*"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 header Content-Range nonsense"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 unheader ETag"], hasty(), "target::wrong_answer").await;
    stage.fails(&["1 header ETag \"0123\""], hasty(), "target::changed").await;
}

#[tokio::test]
async fn a_store_that_ignores_ranges_is_found_out() {
    let Some(stage) = Stage::new(9 * MIB) else { return };
    let (bytes, error) = stage.read_with(&["* ignore Range"], hasty()).await;
    assert_eq!((bytes.len(), code(&error.unwrap()).as_str()), (0, "target::wrong_answer"));
    let Some(small) = Stage::new(5000) else { return };
    small.survives(&["* ignore Range"], hasty()).await; // the whole object is what was asked for
}

#[tokio::test]
async fn a_store_that_ignores_if_match_cannot_smuggle_another_object_in() {
    let Some(stage) = Stage::new(5000) else { return };
    let store = stage.store(hasty());
    let object = only_object(&store).await;
    stage.bucket.fault("GET", "b", "* ignore If-Match");
    stage.bucket.put("b", &vec![b'!'; 5000]);
    let (bytes, error) = read_all(&store, &object, 0).await;
    assert_eq!((bytes.len(), code(&error.unwrap()).as_str()), (0, "target::changed"));
}

#[tokio::test]
async fn a_listing_without_etags_still_pins_what_is_read() {
    let Some(stage) = Stage::new(9 * MIB) else { return };
    stage.bucket.fault_of_listing("* untag 0");
    let store = stage.store(hasty());
    let object = only_object(&store).await;
    assert_eq!(object.stamp.etag, None);
    let (bytes, error) = read_all(&store, &object, 0).await;
    assert!(bytes == stage.body && error.is_none(), "{error:?}");
    let is_pinned = |request: &serde_json::Value| request["range"].is_null() || request["if_match"].is_string();
    assert!(stage.bucket.requests().iter().all(is_pinned));
}

#[tokio::test]
async fn a_listing_fails_by_name_or_recovers() {
    let Some(stage) = Stage::new(10) else { return };
    let store = stage.store(hasty());
    let listed = async |fault: &str| {
        stage.bucket.fault_of_listing(fault);
        timeout(NEVER, listing(&store)).await.expect("no listing may hang").map_err(|error| code(&error))
    };
    assert_eq!(listed("2 status 503").await.unwrap().len(), 1);
    assert_eq!(listed("1 cut 100").await.unwrap().len(), 1);
    assert_eq!(listed("4 status 500").await.unwrap_err(), "gave up: target::store_failed");
    assert_eq!(listed("1 status 403").await.unwrap_err(), "target::denied");
    assert_eq!(listed("1 redirect eu-west-1").await.unwrap_err(), "target::wrong_region");
    assert_eq!(listed("1 html 0").await.unwrap_err(), "target::not_s3");
    assert_eq!(listed("0 status 500").await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_that_arrived_before_a_failure_are_kept() {
    let Some(stage) = Stage::new(10) else { return };
    stage.bucket.fill("n/", 1500);
    let store = stage.store(hasty());
    let mut pages = store.list(CancellationToken::new());
    assert_eq!(pages.try_next().await.unwrap().unwrap().len(), 1000);
    stage.bucket.fault_of_listing("* status 403");
    assert_eq!(code(&pages.try_next().await.unwrap_err()), "target::denied");
    assert_eq!(pages.try_next().await, Ok(None));
}

#[tokio::test]
async fn credentials_that_fail_each_have_a_name() {
    let Some(bucket) = bucket() else { return };
    let refused = async |change: &dyn Fn(&mut breakglass::target::Credentials)| {
        let mut keys = credentials();
        change(&mut keys);
        let store = open_with(&bucket.target(""), Some(&keys), hasty()).unwrap();
        code(&store.probe().await.unwrap_err())
    };
    assert_eq!(refused(&|keys| keys.access_key = "AKIANOBODY".into()).await, "target::bad_credentials");
    assert_eq!(refused(&|keys| keys.secret = Zeroizing::new("wrong".into())).await, "target::bad_credentials");
    let expired = |keys: &mut breakglass::target::Credentials| {
        keys.session_token = Some(Zeroizing::new("expired-token".into()));
    };
    assert_eq!(refused(&expired).await, "target::expired");

    let at = async |change: &dyn Fn(&mut breakglass::model::target::S3Location)| {
        let mut location = bucket.location("");
        change(&mut location);
        let store = open_with(&target_of(location), Some(&credentials()), hasty()).unwrap();
        store.probe().await.unwrap_err()
    };
    let elsewhere = at(&|location| location.region = Some("eu-west-1".into())).await;
    assert_eq!(elsewhere, StoreError::WrongRegion { place: "offsite".into(), region: Some("us-east-1".into()) });
    assert_eq!(code(&at(&|location| location.bucket = "no-such-bucket-here".into()).await), "target::no_bucket");
    assert_eq!(
        code(&at(&|location| location.endpoint = Some("http://127.0.0.1:1".into())).await),
        "target::unreachable"
    );
    let nowhere = at(&|location| location.endpoint = Some("http://no-such-host.invalid:9000".into())).await;
    assert_eq!(code(&nowhere), "target::unreachable");
}

#[tokio::test]
async fn an_answer_to_head_has_no_words_so_they_are_asked_for() {
    let Some(stage) = Stage::new(10) else { return };
    let store = stage.store(hasty());
    let object = only_object(&store).await;
    stage.bucket.fault("HEAD", "b", "* status 403");
    stage.bucket.fault("GET", "b", "* status 403 RequestTimeTooSkewed");
    assert_eq!(code(&store.stat(&object.key, None).await.unwrap_err()), "target::clock_skew");
}
