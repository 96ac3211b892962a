//! What only folders do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use breakglass::model::foreign::Foreign;
use breakglass::target::{StoreError, open};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{code, folder_target, only_object, put_file, read_all};
use crate::support::{in_child_without_privileges, scratch};

#[tokio::test]
async fn a_folder_that_may_not_be_entered_is_shown_and_hides_nothing_else() {
    let name = "targets::files::a_folder_that_may_not_be_entered_is_shown_and_hides_nothing_else";
    if !in_child_without_privileges(name) {
        return;
    }
    let folder = scratch();
    for key in ["a/1", "locked/2", "z/3", "unreadable"] {
        put_file(&folder, key, b"x");
    }
    let lock =
        |key: &str, mode| fs::set_permissions(folder.path().join(key), fs::Permissions::from_mode(mode)).unwrap();
    lock("locked", 0);
    lock("unreadable", 0);

    let store = open(&folder_target(&folder), None).unwrap();
    let (mut keys, mut errors) = (vec![], vec![]);
    let mut pages = store.list(CancellationToken::new());
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => keys.extend(page),
            Err(error) => errors.push(error),
        }
    }
    lock("locked", 0o700);
    keys.sort_by(|a, b| a.key.cmp(&b.key));
    let names: Vec<_> = keys.iter().map(|object| object.key.to_string()).collect();
    assert_eq!(names, ["a/1", "unreadable", "z/3"]);
    let [StoreError::Denied { place, .. }] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(place, "local:locked");
    let (_, error) = read_all(&store, &keys[1], 0).await;
    assert_eq!(code(&error.unwrap()), "target::denied");
}

#[tokio::test]
async fn a_missing_folder_and_a_file_in_its_place_have_their_own_errors() {
    let folder = scratch();
    put_file(&folder, "file", b"x");
    let first_error = async |below: &str| {
        let mut target = folder_target(&folder);
        let breakglass::model::target::Location::File(location) = &mut target.location else { unreachable!() };
        location.root = folder.path().join(below);
        let store = open(&target, None).unwrap();
        let listed = store.list(CancellationToken::new()).next().await.unwrap().unwrap_err();
        assert_eq!(store.probe().await, Err(listed.clone()));
        code(&listed)
    };
    assert_eq!(first_error("missing").await, "target::not_found");
    assert_eq!(first_error("file").await, "target::settings");
}

#[tokio::test]
async fn a_file_that_is_altered_in_place_or_cut_is_noticed() {
    let folder = scratch();
    put_file(&folder, "a", &[b'x'; 4096]);
    let store = open(&folder_target(&folder), None).unwrap();
    let object = only_object(&store).await;
    let file = fs::File::options().write(true).open(folder.path().join("a")).unwrap();
    file.set_len(100).unwrap();
    let (bytes, error) = read_all(&store, &object, 0).await;
    assert_eq!((bytes.len(), code(&error.unwrap()).as_str()), (0, "target::changed"));
    let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    let object = only_object(&store).await;
    file.set_times(times).unwrap();
    let (_, error) = read_all(&store, &object, 0).await;
    assert_eq!(code(&error.unwrap()), "target::changed");
}

#[tokio::test]
async fn no_key_leads_out_of_the_folder() {
    let (outside, folder) = (scratch(), scratch());
    put_file(&outside, "secret", b"x");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    let store = open(&folder_target(&folder), None).unwrap();
    let up = format!("../{}/secret", outside.path().file_name().unwrap().to_string_lossy());
    let absolute = outside.path().join("secret").to_string_lossy().into_owned();
    for key in ["out/secret", &up, &absolute] {
        assert!(store.stat(&Foreign::from(key), None).await.is_err(), "{key}");
    }
}
