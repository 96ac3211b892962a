//! What only SFTP does: connections that break, servers that stop, names and rights of another machine.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use breakglass::model::foreign::Foreign;
use breakglass::model::sftp::{Places, RemoteFolder};
use breakglass::target::{Patience, Ssh, Store, StoreError, open_asking, read, read_watched};
use futures_util::{StreamExt, TryStreamExt};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{code, hasty, keys, listing, only_object, pattern, read_all};
use crate::support::sftp::{Vault, age, target_of, vault};

mod login;
mod odd;

const MIB: usize = 1 << 20;

fn store(vault: &Vault) -> Arc<dyn Store> {
    with(vault, hasty(), vault.ssh())
}

fn with(vault: &Vault, patience: Patience, ssh: Ssh) -> Arc<dyn Store> {
    open_asking(&vault.target(), None, (patience, ssh)).unwrap()
}

async fn pages(store: &Arc<dyn Store>) -> (Vec<Foreign>, Vec<StoreError>) {
    let (mut objects, mut errors) = (vec![], vec![]);
    let mut pages = store.list(CancellationToken::new());
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => objects.extend(page),
            Err(error) => errors.push(error),
        }
    }
    let mut names = keys(&objects);
    names.sort();
    (names, errors)
}

#[tokio::test]
async fn a_read_goes_on_at_its_byte_after_the_servers_process_was_killed() {
    let Some(vault) = vault() else { return };
    let body = pattern(40 * MIB);
    vault.put("big", &body);
    let store = store(&vault);
    let mut pieces = read(store.clone(), only_object(&store).await, 0, CancellationToken::new());
    let mut got = pieces.try_next().await.unwrap().unwrap().to_vec();
    vault.signal(Signal::KILL);
    while let Some(piece) = pieces.try_next().await.unwrap() {
        got.extend_from_slice(&piece);
    }
    assert!(got == body, "{} bytes, or others", got.len());
    assert_eq!(vault.sessions().len(), 2, "one more connection, and only one");
}

#[tokio::test]
async fn a_stopped_server_is_noticed_named_and_left_for_a_new_connection() {
    let Some(vault) = vault() else { return };
    let body = pattern(40 * MIB);
    vault.put("big", &body);
    let patience = Patience { notice: Duration::from_secs(60), ..hasty() };
    let store = with(&vault, patience, vault.ssh());
    let (sender, mut waits) = watch::channel(None);
    let object = only_object(&store).await;
    let mut pieces = read_watched(store.clone(), object, 0, CancellationToken::new(), sender);
    let mut got = pieces.try_next().await.unwrap().unwrap().to_vec();
    vault.signal(Signal::STOP);
    let rest = tokio::spawn(async move {
        while let Some(piece) = pieces.try_next().await.unwrap() {
            got.extend_from_slice(&piece);
        }
        got
    });
    let told = waits.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(told.what.contains("no answer for 2 s"), "{told:?}");
    assert!(rest.await.unwrap() == body);
    assert_eq!(vault.sessions().len(), 2);
}

#[tokio::test]
async fn a_server_that_stays_silent_ends_in_an_error_within_the_limit() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    let patience = Patience { tries: 1, stall: Duration::from_millis(300), ..hasty() };
    let store = with(&vault, patience, Ssh { alive: (60, 3), ..vault.ssh() });
    let object = only_object(&store).await;
    vault.signal(Signal::STOP);
    let error = store.head(&object, 1).await.unwrap_err();
    assert_eq!(code(&error), "gave up: target::stalled", "{error}");
}

#[tokio::test]
async fn a_listing_survives_a_lost_connection_without_a_double() {
    let Some(vault) = vault() else { return };
    for folder in 0..40 {
        for file in 0..30 {
            vault.put(&format!("{folder:02}/{file:02}"), b"x");
        }
    }
    let store = store(&vault);
    store.probe().await.unwrap();
    let listed = {
        let store = store.clone();
        tokio::spawn(async move { listing(&store).await })
    };
    vault.signal(Signal::KILL);
    let objects = listed.await.unwrap().unwrap();
    let mut names = keys(&objects);
    names.dedup();
    assert_eq!((objects.len(), names.len()), (1200, 1200));
}

#[tokio::test]
async fn reads_and_listings_share_one_connection() {
    let Some(vault) = vault() else { return };
    let body = pattern(3 * MIB);
    for name in ["a", "b", "c", "d"] {
        vault.put(name, &body);
    }
    let store = store(&vault);
    let objects = listing(&store).await.unwrap();
    let reads = objects.iter().map(|object| read_all(&store, object, 0));
    let (reads, listed) = tokio::join!(futures_util::future::join_all(reads), listing(&store));
    assert!(reads.iter().all(|(got, error)| *got == body && error.is_none()));
    assert_eq!(listed.unwrap(), objects);
    assert_eq!(vault.sessions().len(), 1);
}

#[tokio::test]
async fn dropped_reads_leave_the_connection_as_it_was() {
    let Some(vault) = vault() else { return };
    let body = pattern(6 * MIB);
    vault.put("a", &body);
    let store = store(&vault);
    let object = only_object(&store).await;
    for _ in 0..200 {
        let mut pieces = read(store.clone(), object.clone(), 0, CancellationToken::new());
        pieces.try_next().await.unwrap();
    }
    assert!(read_all(&store, &object, 0).await == (body, None));
    store.stat(&object.key, None).await.unwrap(); // answered behind the last handle's closing
    assert_eq!(vault.sessions().len(), 1);
    let session = vault.sessions()[0];
    let child = fs::read_to_string(format!("/proc/{session}/task/{session}/children")).unwrap();
    let child = child.split_whitespace().next().expect("sftp-server is its child");
    let open = fs::read_dir(format!("/proc/{child}/fd")).unwrap();
    let left = open.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok()).filter(|path| path.ends_with("a")).count();
    assert_eq!(left, 0, "handles of dropped reads are closed on the server");
}

#[tokio::test]
async fn names_that_are_no_text_are_listed_and_read_as_they_are() {
    let Some(vault) = vault() else { return };
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9 \n\x1b[31m.sql");
    fs::create_dir(vault.files().join(std::ffi::OsStr::from_bytes(b"d\xff"))).unwrap();
    let path = vault.files().join(std::ffi::OsStr::from_bytes(b"d\xff")).join(name);
    fs::write(&path, b"abc").unwrap();
    let store = store(&vault);
    let object = only_object(&store).await;
    assert_eq!(object.key, Foreign::new([b"d\xff/", name.as_bytes()].concat()));
    assert_eq!(read_all(&store, &object, 0).await, (b"abc".to_vec(), None));
}

#[tokio::test]
async fn links_pipes_and_sockets_are_neither_followed_nor_listed() {
    let Some(vault) = vault() else { return };
    vault.put("sub/a", b"x");
    let outside = vault.home().join("secret");
    fs::write(&outside, b"x").unwrap();
    std::os::unix::fs::symlink(&outside, vault.files().join("link")).unwrap();
    std::os::unix::fs::symlink(vault.files(), vault.files().join("sub/loop")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        vault.files().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let store = store(&vault);
    assert_eq!(pages(&store).await, (vec![Foreign::from("sub/a")], vec![]));
    for (key, expected) in [
        ("link", "target::not_a_file"),
        ("pipe", "target::not_a_file"),
        ("sub", "target::not_a_file"),
        ("../secret", "target::not_found"),
        ("sub//a", "target::not_found"),
        ("./sub/a", "target::not_found"),
        ("", "target::not_found"),
    ] {
        let error = store.stat(&Foreign::from(key), None).await.unwrap_err();
        assert_eq!(code(&error), expected, "{key}");
    }
}

#[tokio::test]
async fn what_the_login_may_not_read_is_shown_and_hides_nothing_else() {
    let Some(vault) = vault() else { return };
    for key in ["a/1", "locked/2", "z/3", "unreadable"] {
        vault.put(key, b"x");
    }
    let lock =
        |key: &str, mode| fs::set_permissions(vault.files().join(key), fs::Permissions::from_mode(mode)).unwrap();
    lock("locked", 0);
    lock("unreadable", 0);
    let store = store(&vault);
    let (names, errors) = pages(&store).await;
    let object = store.stat(&Foreign::from("unreadable"), None).await.unwrap();
    let (_, error) = read_all(&store, &object, 0).await;
    lock("locked", 0o700);
    assert_eq!(names, ["a/1", "unreadable", "z/3"].map(Foreign::from));
    let [StoreError::Denied { place, .. }] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(place, "vault:locked");
    assert_eq!(code(&error.unwrap()), "target::denied");
}

#[tokio::test]
async fn a_missing_folder_and_a_file_in_its_place_have_their_own_errors() {
    let Some(vault) = vault() else { return };
    vault.put("file", b"x");
    for (below, expected) in [("missing", "target::not_found"), ("file", "target::settings")] {
        let mut location = vault.location();
        location.folder = RemoteFolder::Absolute(vault.files().join(below).display().to_string());
        let store = open_asking(&target_of(location), None, (hasty(), vault.ssh())).unwrap();
        let (names, errors) = pages(&store).await;
        assert_eq!((names.len(), errors.iter().map(code).collect::<Vec<_>>()), (0, vec![expected.to_owned()]));
        assert_eq!(code(&store.probe().await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn an_object_that_grew_or_shrank_under_the_reader_is_an_error() {
    let Some(vault) = vault() else { return };
    let body = pattern(12 * MIB);
    for new_size in [11 * MIB, 13 * MIB] {
        vault.put("a", &body);
        let store = store(&vault);
        let mut pieces = read(store.clone(), only_object(&store).await, 0, CancellationToken::new());
        let mut got = pieces.try_next().await.unwrap().unwrap().to_vec();
        let file = fs::File::options().write(true).open(vault.files().join("a")).unwrap();
        file.set_len(new_size as u64).unwrap();
        age(&vault.files().join("a"));
        let error = loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => got.extend_from_slice(&piece),
                Ok(None) => panic!("it passed for whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(code(&error), "target::changed", "{new_size}: {error}");
        assert!(body.starts_with(&got));
    }
}

#[tokio::test]
async fn a_url_from_the_login_folder_starts_there() {
    let Some(vault) = vault() else { return };
    fs::create_dir(vault.login().join("sub")).unwrap();
    fs::write(vault.login().join("sub/a"), b"x").unwrap();
    for (folder, key) in [("", "sub/a"), ("sub", "a")] {
        let mut location = vault.location();
        location.folder = RemoteFolder::Login(folder.into());
        let store = open_asking(&target_of(location), None, (hasty(), vault.ssh())).unwrap();
        let object = only_object(&store).await;
        assert_eq!(object.key, Foreign::from(key));
        assert_eq!(read_all(&store, &object, 0).await, (b"x".to_vec(), None));
    }
}

#[tokio::test]
async fn an_scp_url_finds_backups_in_its_folder_and_in_the_login_folder_and_says_which() {
    let Some(vault) = vault() else { return };
    vault.put("sub/there", b"1");
    fs::write(vault.login().join("here.tgz"), b"22").unwrap();
    fs::write(vault.login().join(".bashrc"), b"").unwrap();
    fs::create_dir(vault.login().join("else")).unwrap();
    fs::write(vault.login().join("else/private"), b"").unwrap();
    let mut location = vault.location();
    location.places = Places::UrlAndLogin;
    let open = |location| open_asking(&target_of(location), None, (hasty(), vault.ssh())).unwrap();

    let store = open(location.clone());
    assert_eq!(pages(&store).await, (vec![Foreign::from("sub/there"), Foreign::from("~/here.tgz")], vec![]));
    let object = store.stat(&Foreign::from("~/here.tgz"), None).await.unwrap();
    assert_eq!(read_all(&store, &object, 0).await, (b"22".to_vec(), None));

    // Its writer ignores the URL's folder, so that it need not exist.
    location.folder = RemoteFolder::Absolute(vault.home().join("never").display().to_string());
    let store = open(location.clone());
    assert_eq!(pages(&store).await, (vec![Foreign::from("~/here.tgz")], vec![]));
    store.probe().await.unwrap();

    // Where both are the same, everything is listed once.
    location.folder = RemoteFolder::Absolute(vault.login().display().to_string());
    let (names, errors) = pages(&open(location)).await;
    assert_eq!((names.len(), errors.len()), (3, 0), "{names:?}");
}
