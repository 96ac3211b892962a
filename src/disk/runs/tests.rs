use std::time::Duration;

use super::*;
use crate::model::foreign::Foreign;
use crate::model::run::{RunKind, Tool};

const DAY: i64 = 86_400_000;
const NOW: Moment = Moment(1_795_230_000_000);

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

fn simple(name: &str, at: Moment) -> Run {
    let id = RunId::of("test", &[name.as_bytes()]);
    let mut run = Run::new(id, RunKind::Backup, Tool::Dbacked, Feed::DbackedMetadata, Foreign::from(name));
    run.started = Some(at);
    run
}

#[test]
fn room_of_what_was_pruned_is_given_back() {
    let (_root, store) = opened(Keep { age: Duration::from_secs(30 * 86_400), ..Keep::default() });
    let old = (0..3000).map(|n| simple(&format!("series {n} of many"), Moment(NOW.0 - 40 * DAY))).collect();
    let intake = Intake { feed: Feed::DbackedMetadata, arrived: NOW, spans: vec![], runs: old };
    store.put(&[intake], &|_| vec![]).unwrap();
    assert_eq!(store.prune(NOW).unwrap().old, 3000);
    let free = held(&store.writer).query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(free, 0);
}

#[test]
fn sources_that_nobody_has_read_for_long_are_forgotten() {
    let (_root, store) = opened(Keep { age: Duration::from_secs(30 * 86_400), ..Keep::default() });
    store.mark_source("old", "1", Moment(NOW.0 - 31 * DAY)).unwrap();
    store.mark_source("new", "1", Moment(NOW.0 - 29 * DAY)).unwrap();
    store.prune(NOW).unwrap();
    assert_eq!((store.source_mark("old").unwrap(), store.source_mark("new").unwrap()), (None, Some("1".to_owned())));
}
