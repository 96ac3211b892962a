use std::collections::BTreeSet;

use super::*;
use crate::change::undo::Choices;
use crate::model::changes::{ChangeFilter, ChangesRequest, TableFilter};
use crate::model::foreign::Foreign;
use crate::model::script::ScriptOptions;
use crate::work::recover::RecoveryHandle;
use crate::work::session::Settings;

/// A recovery of two tables of a real log.
async fn recovery(folder: &Path) -> (Session, RecoveryHandle) {
    let settings =
        Settings { state_dir: Some(folder.join("state")), ad_hoc: Some("/".to_owned()), ..Settings::default() };
    let session = Session::open(settings).await.unwrap();
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/binlog/mysql-alltypes-fullmeta");
    let schemas = vec![logs.join("schema.sql.gz").display().to_string()];
    let source = logs.display().to_string();
    let handle = session.open_changes(ChangesRequest { source, schemas, ..ChangesRequest::default() }).unwrap();
    let tables = ["bg_types.ints", "bg_types.strs"].map(TableFilter::parse).to_vec();
    let filter = ChangeFilter { tables, ..ChangeFilter::default() };
    let options = ScriptOptions { extent: crate::model::script::Extent::Partial, ..ScriptOptions::default() };
    let recovery = session.open_recovery(&handle, filter, options).await.unwrap();
    recovery.complete().await.unwrap();
    (session, recovery)
}

#[tokio::test]
async fn d36_a_script_of_another_digest_than_the_one_that_was_shown_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (session, recovery) = recovery(folder.path()).await;
    let (made, view, path) = (recovery.ready().unwrap(), recovery.view(), folder.path().join("undo.sql"));
    assert!(matches!(view.phase, RecoveryPhase::Ready) && view.digest.is_some(), "{:?}", view.refused);
    let job = |choices| Job {
        made: made.clone(),
        wish: Wish { choices, ..recovery.wish(&made) },
        view: view.clone(),
        path: path.clone(),
        options: ExportOptions::default(),
    };
    // A choice between the look and the file.
    let excluded = BTreeSet::from([(Foreign::from("bg_types"), Foreign::from("ints"))]);
    let other = run(&session, job(Choices { excluded, ..Choices::default() })).await;
    assert_eq!(
        other.map(|recovered| recovered.script).map_err(|report| report.code),
        Err("recover::chosen".to_owned())
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["state"]);
    let same = run(&session, job(Choices::default())).await.unwrap();
    assert_eq!((Some(same.digest), path.exists()), (view.digest, true));
}

#[test]
fn either_all_files_get_their_names_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let parked = |name: &str| {
        let mut file = OutputFile::create(&path(name)).unwrap();
        file.write_all(name.as_bytes()).unwrap();
        file.park().unwrap()
    };
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let waiting = [parked("redo.sql"), parked("lasting.sql"), parked("undo.sql")];
    // Somebody else takes the last name meanwhile.
    std::fs::write(path("undo.sql"), b"theirs").unwrap();
    assert_eq!(finish(waiting.into_iter()).unwrap_err().fault, Fault::Refused);
    assert_eq!(names(), ["undo.sql"]);
    assert_eq!(std::fs::read(path("undo.sql")).unwrap(), b"theirs");
    finish([parked("redo.sql"), parked("again.sql")].into_iter()).unwrap();
    assert_eq!(names(), ["again.sql", "redo.sql", "undo.sql"]);
}
