//! The door through which screens ask: views that grow, pages in both directions, rows, cancelling.

use breakglass::model::changes::{
    ChangeFilter, ChangesRequest, Direction, Entry, PageFrom, PageRequest, RowCursor, RowsOf, RowsRequest, TableFilter,
    ViewState,
};
use breakglass::model::job::Ending;
use breakglass::report::Fault;
use breakglass::work::changes::{ChangesHandle, Streamed};
use breakglass::work::session::{Session, Settings};
use tempfile::TempDir;

use super::vectors;
use crate::support::scratch;

async fn session() -> (TempDir, Session) {
    let state = scratch();
    let settings =
        Settings { state_dir: Some(state.path().to_owned()), ad_hoc: Some("/".to_owned()), ..Settings::default() };
    let session = Session::open(settings).await.unwrap();
    (state, session)
}

fn request(fixture: &str) -> ChangesRequest {
    ChangesRequest { source: vectors().join(fixture).display().to_string(), ..ChangesRequest::default() }
}

/// All entries in pages of `count`, put together in the order of the log.
async fn entries(handle: &ChangesHandle, direction: Direction, count: usize, filter: &ChangeFilter) -> Vec<Entry> {
    let mut from = if direction == Direction::Forward { PageFrom::Entry(0) } else { PageFrom::End };
    let mut all: Vec<Entry> = vec![];
    loop {
        let page = handle.page(PageRequest { from, direction, count, filter: filter.clone() }).await.unwrap();
        assert!(page.entries.len() <= count);
        assert!(page.entries.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        let next = if direction == Direction::Forward { page.next } else { page.previous };
        match direction {
            Direction::Forward => all.extend(page.entries),
            Direction::Backward => drop(all.splice(0..0, page.entries)),
        }
        match next {
            Some(next) => from = PageFrom::Entry(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_and_direction_show_the_same_entries_and_rows() {
    let (_state, session) = session().await;
    for fixture in
        ["mysql-alltypes-fullmeta", "mysql-compressed", "mariadb-alltypes-fullmeta", "mariadb-multi", "mysql-ddl"]
    {
        let handle = session.open_changes(request(fixture)).unwrap();
        let view = handle.complete().await.unwrap();
        assert_eq!(view.state, ViewState::Complete);
        let everything = ChangeFilter::default();
        let all = entries(&handle, Direction::Forward, 500, &everything).await;
        for (direction, count) in [(Direction::Forward, 7), (Direction::Backward, 11), (Direction::Backward, 500)] {
            let pages = entries(&handle, direction, count, &everything).await;
            assert!(pages == all, "{fixture}: {direction:?} by {count}: {} of {}", pages.len(), all.len());
        }
        let rows: u64 = all
            .iter()
            .map(|entry| match entry {
                Entry::Transaction(line) => line.rows.all(),
                Entry::Wall(_) => 0,
            })
            .sum();
        assert_eq!(rows, view.totals.rows.all(), "{fixture}");
        let table = view.tables[0].table.clone();
        let one = ChangeFilter {
            tables: vec![TableFilter { schema: Some(table.schema.clone()), table: table.table.clone() }],
            ..ChangeFilter::default()
        };
        let forward = entries(&handle, Direction::Forward, 5, &one).await;
        assert!(forward == entries(&handle, Direction::Backward, 3, &one).await, "{fixture}: one table");
        assert!(!forward.is_empty() && forward.len() <= all.len());
        rows_are_the_same(&handle, &all, fixture).await;
    }
}

async fn rows_are_the_same(handle: &ChangesHandle, all: &[Entry], fixture: &str) {
    let mut streamed = vec![];
    let mut rows = handle.stream(&ChangeFilter::default(), false).await.unwrap();
    while let Some(one) = rows.recv().await {
        match one {
            Streamed::Change(change) => streamed.push(*change),
            Streamed::Broken(problem) => panic!("{problem:?}"),
            Streamed::PassedOver(untold) => panic!("{untold:?}"),
        }
    }
    let mut paged = vec![];
    let mut from = RowCursor::default();
    loop {
        let request = RowsRequest { of: RowsOf::Everything, from, count: 13, filter: ChangeFilter::default() };
        let page = handle.rows(request).await.unwrap();
        paged.extend(page.changes);
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert!(paged == streamed, "{fixture}: {} rows in pages, {} streamed", paged.len(), streamed.len());
    for entry in all {
        let Entry::Transaction(line) = entry else { continue };
        let request = RowsRequest {
            of: RowsOf::Entry(line.number),
            from: RowCursor::default(),
            count: RowsRequest::MOST,
            filter: ChangeFilter::default(),
        };
        let page = handle.rows(request).await.unwrap();
        assert_eq!(page.changes.len() as u64, line.rows.all(), "{fixture}, entry {}", line.number);
        assert!(page.changes.iter().all(|change| change.transaction == line.facts));
    }
}

#[tokio::test]
async fn a_page_can_begin_at_a_time() {
    let (_state, session) = session().await;
    let handle = session.open_changes(request("mariadb-multi")).unwrap();
    handle.complete().await.unwrap();
    let all = entries(&handle, Direction::Forward, 500, &ChangeFilter::default()).await;
    for entry in &all {
        let page = |direction| PageRequest {
            from: PageFrom::Time(entry.at()),
            direction,
            count: 1,
            filter: ChangeFilter::default(),
        };
        let first = all.iter().find(|one| one.at() >= entry.at()).unwrap();
        let forward = handle.page(page(Direction::Forward)).await.unwrap();
        assert_eq!(forward.entries.first().map(Entry::number), Some(first.number()));
        let backward = handle.page(page(Direction::Backward)).await.unwrap();
        assert!(backward.entries.iter().all(|one| one.number() < first.number()));
    }
}

#[tokio::test]
async fn a_source_that_is_being_read_can_be_stopped_and_is_found_by_its_job() {
    let (_state, session) = session().await;
    let handle = session.open_changes(request("mysql-multi")).unwrap();
    let job = handle.job();
    assert!(session.changes(job).is_some());
    session.cancel(job);
    let stopped = handle.complete().await.unwrap_err();
    assert_eq!(stopped.fault, Fault::Interrupted);
    session.ended(job).await;
    assert!(matches!(session.ending(job), Some(Ending::Cancelled)));
    assert_eq!(handle.view().state, ViewState::Cancelled);
    drop(handle);
    assert!(session.changes(job).is_none());
    assert!(session.audit_tail(5).iter().any(|record| record.action == "changes" && record.result == "cancelled"));
}
