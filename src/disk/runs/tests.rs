use super::*;

fn opened(keep: Keep) -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let state = State::open(root.path(), "abc").unwrap();
    let store = Store::open(&state, keep).unwrap();
    (root, store)
}

#[test]
fn a_new_history_is_empty_and_ours_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_root, store) = opened(Keep::default());
    assert!(store.runs(&RunQuery::default()).unwrap().is_empty());
    let mode = std::fs::metadata(store.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}
