//! Servers that take liberties, and servers that break the rules.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use breakglass::model::sftp::{Places, RemoteFolder, SftpLocation};
use breakglass::target::{Patience, Ssh, Store, StoreError, open_asking};
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{code, hasty, only_object, pattern, read_all};
use crate::support::sftp::target_of;
use crate::support::{root, scratch};

/// A target behind a program in the place of `ssh` that behaves in this manner; its folder keeps it alive.
fn odd(manner: &str, body: &[u8]) -> (Arc<dyn Store>, TempDir) {
    let home = scratch();
    let (program, file) = (home.path().join("ssh"), home.path().join("body"));
    fs::write(&file, body).unwrap();
    let script = root().join("tests/servers/sftp-odd.py");
    fs::write(&program, format!("#!/bin/sh\nexec python3 {} {manner} {}\n", script.display(), file.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let ssh = Ssh { program: program.into(), ..Ssh::default() };
    let location = SftpLocation {
        host: "odd".into(),
        port: None,
        user: None,
        folder: RemoteFolder::Absolute("/srv".into()),
        places: Places::Url,
    };
    let patience = Patience { tries: 2, stall: Duration::from_secs(5), ..hasty() };
    (open_asking(&target_of(location), None, (patience, ssh)).unwrap(), home)
}

#[tokio::test]
async fn what_the_protocol_allows_is_read_to_the_last_byte() {
    for (manner, size) in [("short", 60_000), ("handles", 2 << 20), ("bare", 2 << 20), ("backwards", 255 * 1024 * 8)] {
        let body = pattern(size);
        let (store, _home) = odd(manner, &body);
        let object = only_object(&store).await;
        let (got, error) = read_all(&store, &object, 0).await;
        assert!(got == body && error.is_none(), "{manner}: {} of {size} bytes, {error:?}", got.len());
    }
}

#[tokio::test]
async fn what_it_forbids_is_an_error_and_never_other_bytes() {
    let body = pattern(600_000);
    for (manner, expected) in [
        ("other", "target::wrong_answer"),
        ("empty", "target::wrong_answer"),
        ("more", "target::wrong_answer"),
        ("cut", "gave up: target::broken"),
        ("loud", "gave up: target::broken"),
    ] {
        let (store, _home) = odd(manner, &body);
        let object = only_object(&store).await;
        let (got, error) = read_all(&store, &object, 0).await;
        let error = error.unwrap_or_else(|| panic!("{manner}: it passed for whole"));
        assert_eq!((got.len(), code(&error).as_str()), (0, expected), "{manner}: {error}");
        if manner == "loud" {
            assert!(error.to_string().contains("the last word") && !error.to_string().contains('\u{1b}'), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_sftp_at_all_is_called_so() {
    for manner in ["chatter", "flood"] {
        let (store, _home) = odd(manner, b"x");
        let error = store.probe().await.unwrap_err();
        assert_eq!(code(&error), "target::no_sftp", "{manner}: {error}");
    }
}

#[tokio::test]
async fn a_read_that_is_never_answered_is_a_stall() {
    let (store, _home) = odd("mute", b"some bytes");
    let object = only_object(&store).await;
    let reading = async { read_all(&store, &object, 0).await };
    let (got, error) = reading.await;
    assert_eq!((got.len(), code(&error.unwrap()).as_str()), (0, "gave up: target::stalled"));
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_passed_over() {
    let (store, _home) = odd("paths", b"x");
    let pages: Vec<_> = store.list(CancellationToken::new()).collect().await;
    assert_eq!(pages, []);
}

#[tokio::test]
async fn a_listing_without_end_is_cancelled_like_any_other() {
    let (store, _home) = odd("forever", b"x");
    let cancel = CancellationToken::new();
    let mut pages = store.list(cancel.clone());
    let stop = tokio::spawn(async move {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    let mut last = None;
    while let Some(page) = pages.next().await {
        last = Some(page);
    }
    stop.await.unwrap();
    assert_eq!(last, Some(Err(StoreError::Cancelled)));
}
