//! The store by itself: what it keeps, what it counts, and what older versions left.

use breakglass::disk::runs::{HistoryError, Intake, Keep, Store, Traced};
use breakglass::disk::state::State;
use breakglass::model::foreign::Foreign;
use breakglass::model::run::{DayNumber, Feed, Run, RunId, RunKind, RunQuery, RunState, Tool};
use breakglass::model::units::Moment;
use breakglass::telemetry::assemble::{Arrival, runs as assembled};
use breakglass::telemetry::read_protobuf;
use prost::Message;
use std::time::Duration;

use super::payloads::{START, request, run};
use crate::support::scratch;

const DAY: i64 = 86_400_000;
const NOW: Moment = Moment(START as i64 * 1000 + 90 * DAY);

struct Shelf {
    folder: tempfile::TempDir,
    keep: Keep,
}

impl Shelf {
    fn new() -> Self {
        Self { folder: scratch(), keep: Keep::default() }
    }

    fn open(&self) -> Store {
        Store::open(&State::open(self.folder.path(), "estate").unwrap(), self.keep).unwrap()
    }
}

fn make(traced: Traced<'_>) -> Vec<Run> {
    assembled(traced.trace, traced.spans, Arrival { feed: traced.feed, received: traced.received })
}

fn intake(number: u64, at: u64) -> Intake {
    let spans = read_protobuf(&request(run(number, at)).encode_to_vec()).unwrap().spans;
    Intake { feed: Feed::CollectorFile, arrived: NOW, spans, runs: vec![] }
}

fn simple(name: &str, at: Moment, state: RunState, feed: Feed) -> Run {
    let id = RunId::of("test", &[name.as_bytes(), &at.0.to_le_bytes()]);
    let mut run = Run::new(id, RunKind::Backup, Tool::Dbacked, feed, Foreign::from(name));
    run.started = Some(at);
    run.ended = Some(Moment(at.0 + 60_000));
    run.state = state;
    run.bytes = Some(at.0.unsigned_abs() % 1000);
    run
}

fn intake_of(runs: Vec<Run>) -> Intake {
    Intake { feed: Feed::DbackedMetadata, arrived: NOW, spans: vec![], runs }
}

#[test]
fn days_are_counted_as_runs_come_change_and_go() {
    let shelf = Shelf::new();
    let store = shelf.open();
    let at = |day: i64, hour: i64| Moment(day * DAY + hour * 3_600_000);
    let mut story = vec![];
    for day in 20_000..20_090 {
        story.push(simple("shop", at(day, 3), RunState::Ok, Feed::DbackedMetadata));
        story.push(simple(
            "shop",
            at(day, 15),
            if day % 7 == 0 { RunState::Failed } else { RunState::Ok },
            Feed::DbackedMetadata,
        ));
    }
    store.put(&[intake_of(story.clone())], &make).unwrap();
    store.put(&[intake_of(story)], &make).unwrap();
    let strips = store.strips(DayNumber(20_000), DayNumber(20_089)).unwrap();
    let days = &strips[0].days;
    assert_eq!((strips.len(), strips[0].runs, days.len()), (1, 180, 90));
    let sevenths = days.iter().filter(|day| day.failed == 1 && day.ok == 1).count();
    assert_eq!((sevenths, days.iter().map(|day| day.ok + day.failed).sum::<u32>()), (12, 180));
    assert_eq!(days[0].last.unwrap().at, at(20_000, 15));
    assert_eq!((strips[0].first, strips[0].last), (Some(at(20_000, 3)), Some(at(20_089, 15))));
    assert_eq!(strips[0].last_ok, Some(at(20_089, 15)));
    // The last of a day turns out to have failed: it is the same run.
    let mut changed = simple("shop", at(20_089, 15), RunState::Failed, Feed::DbackedMetadata);
    changed.bytes = None;
    store.put(&[intake_of(vec![changed])], &make).unwrap();
    let strips = store.strips(DayNumber(20_089), DayNumber(20_089)).unwrap();
    let day = strips[0].days[0];
    assert_eq!((day.ok, day.failed, day.last.unwrap().state, strips[0].runs), (1, 1, RunState::Failed, 180));
    assert_eq!(strips[0].last_ok, Some(at(20_089, 3)));
}

#[test]
fn a_run_that_arrives_span_by_span_in_any_order_is_the_run_that_arrives_at_once() {
    let (at_once, in_pieces) = (Shelf::new(), Shelf::new());
    let whole = intake(1, START);
    at_once.open().put(std::slice::from_ref(&whole), &make).unwrap();
    let store = in_pieces.open();
    let mut order: Vec<usize> = (0..whole.spans.len()).collect();
    order.sort_by_key(|at| at * 7 % 11);
    for at in order {
        store.put(&[Intake { spans: vec![whole.spans[at].clone()], ..whole.clone() }], &make).unwrap();
        assert_eq!(store.runs(&RunQuery::default()).unwrap().len(), 1);
        let counted: u64 =
            store.strips(DayNumber(0), DayNumber(99_999)).unwrap().iter().map(|series| series.runs).sum();
        assert_eq!(counted, 1);
    }
    let one = at_once.open().runs(&RunQuery::default()).unwrap();
    assert_eq!(store.runs(&RunQuery::default()).unwrap(), one);
    assert_eq!(store.spans(&one[0].id).unwrap().len(), 11);
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let shelf = Shelf::new();
    let store = shelf.open();
    let same_moment = |n: u64| {
        simple(&format!("s{}", n % 3), Moment(DAY * 20_000 + i64::try_from(n / 5).unwrap()), RunState::Ok, Feed::Beacon)
    };
    let all: Vec<Run> = (0..100)
        .map(|n| {
            let mut run = same_moment(n);
            run.id = RunId::of("page", &[&n.to_le_bytes()]);
            run
        })
        .collect();
    store.put(&[intake_of(all)], &make).unwrap();
    let mut query = RunQuery { limit: 7, ..RunQuery::default() };
    let mut seen = vec![];
    loop {
        let page = store.briefs(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some((last.at, last.id.clone()));
        seen.extend(page);
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.windows(2).all(|pair| (pair[0].at, &pair[0].id) > (pair[1].at, &pair[1].id)));
    let window = RunQuery {
        series: Some(Foreign::from("s1")),
        from: Some(Moment(DAY * 20_000 + 5)),
        until: Some(Moment(DAY * 20_000 + 10)),
        kinds: vec![RunKind::Backup],
        ..RunQuery::default()
    };
    assert_eq!(
        store.briefs(&window).unwrap().len(),
        seen.iter()
            .filter(|run| run.series == Foreign::from("s1") && (5..10).contains(&(run.at.0 - DAY * 20_000)))
            .count()
    );
}

#[test]
fn what_is_too_old_goes_and_wrong_clocks_delete_nothing() {
    let mut shelf = Shelf::new();
    shelf.keep.age = Duration::from_secs(30 * 86_400);
    let store = shelf.open();
    let at = |days: i64| Moment(NOW.0 - days * DAY);
    let told = [at(100), at(31), at(29), at(0), Moment(1), Moment(NOW.0 + 9000 * DAY)];
    let story = told.map(|at| simple("shop", at, RunState::Ok, Feed::DbackedMetadata)).to_vec();
    store.put(&[intake_of(story), intake(1, (NOW.0 / 1000 - 40 * 86_400) as u64)], &make).unwrap();
    let pruned = store.prune(NOW).unwrap();
    assert_eq!((pruned.old, pruned.for_room), (3, 0));
    let left: Vec<Moment> = store.briefs(&RunQuery::default()).unwrap().iter().map(|run| run.at).collect();
    assert_eq!(left, [Moment(NOW.0 + 9000 * DAY), at(0), at(29), Moment(1)]);
    assert_eq!(store.strips(DayNumber(0), DayNumber(99_999)).unwrap()[0].runs, 4);
}

#[test]
fn a_history_that_grows_too_large_loses_its_oldest_runs() {
    let mut shelf = Shelf::new();
    shelf.keep.size = 1 << 20;
    let store = shelf.open();
    for piece in 0..8 {
        let intakes: Vec<Intake> = (0..500).map(|n| intake(piece * 500 + n, START + (piece * 500 + n) * 60)).collect();
        store.put(&intakes, &make).unwrap();
    }
    let before = std::fs::metadata(store.path()).unwrap().len();
    let pruned = store.prune(Moment(START as i64 * 1000)).unwrap();
    assert!(pruned.for_room >= 1000, "{pruned:?} of {before} bytes");
    let left = store.briefs(&RunQuery { limit: 10_000, ..RunQuery::default() }).unwrap();
    assert!(!left.is_empty() && left.last().unwrap().at.0 > START as i64 * 1000 + 1000 * 60_000);
    let spans = store.spans(&left[0].id).unwrap();
    assert_eq!(spans.len(), 11);
}

#[test]
fn the_history_of_the_first_version_becomes_ours_with_everything_in_it() {
    let shelf = Shelf::new();
    let state = State::open(shelf.folder.path(), "estate").unwrap();
    let old = include_str!("../vectors/history/layout1.sql");
    let path = state.dir().join("history.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(old).unwrap();
    drop(connection);
    let store = shelf.open();
    let strips = store.strips(DayNumber(0), DayNumber(99_999)).unwrap();
    assert_eq!((strips[0].name.to_string().as_str(), strips[0].runs, strips[0].days.len()), ("shop", 2, 2));
    let briefs = store.briefs(&RunQuery::default()).unwrap();
    assert_eq!(briefs.iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Failed, RunState::Ok]);
    store.mark_source("x", "1", NOW).unwrap();
    assert_eq!(shelf.open().source_mark("x").unwrap().as_deref(), Some("1"));
    store.put(&[intake(1, START)], &make).unwrap();
    assert_eq!(store.strips(DayNumber(0), DayNumber(99_999)).unwrap().len(), 2);
}

#[test]
fn what_runs_named_is_known_without_opening_them_and_goes_with_the_last_of_them() {
    let shelf = Shelf { folder: scratch(), keep: Keep { age: Duration::from_secs(40 * 86_400), ..Keep::default() } };
    let store = shelf.open();
    let run = |days: i64, names: &[&str]| {
        let mut run = simple("shop", Moment(NOW.0 - days * DAY), RunState::Ok, Feed::DbackedMetadata);
        run.databases = Some(names.iter().map(|name| Foreign::from(*name)).collect());
        run
    };
    let old: Vec<Run> = (30..60).map(|days| run(days, &["shop", "crm", "shop"])).collect();
    let new: Vec<Run> = (0..30).map(|days| run(days, &["shop"])).collect();
    store.put(&[intake_of(old), intake_of(new)], &make).unwrap();
    let shop = Foreign::from("shop");
    let names = |from: i64, until: i64| {
        let sets = store.named(&shop, Moment(NOW.0 - from * DAY), Moment(NOW.0 - until * DAY)).unwrap();
        sets.iter().map(|named| (named.names.len(), named.all)).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(400, 0), names(29, 0), names(400, 30)),
        (vec![(1, true), (2, true)], vec![(1, true)], vec![(2, true)])
    );
    let briefs = store.briefs(&RunQuery::default()).unwrap();
    let counts: Vec<usize> = briefs.iter().map(|brief| brief.inside.as_ref().unwrap().names.len()).collect();
    assert_eq!((counts[0], counts[59]), (1, 2));

    let sets = || {
        let connection = rusqlite::Connection::open(store.path()).unwrap();
        connection.query_row("SELECT COUNT(*) FROM insides", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(sets(), 2);
    store.put(&[intake_of(vec![run(0, &["shop", "ledger", "wiki"])])], &make).unwrap();
    assert_eq!((names(0, -1), sets()), (vec![(3, true)], 3), "a run of which more is known");
    store.prune(Moment(NOW.0 + 20 * DAY)).unwrap();
    assert_eq!(sets(), 2, "nobody names crm any more");
}

#[test]
fn a_newer_layout_and_a_file_that_is_no_database_are_left_alone() {
    let shelf = Shelf::new();
    drop(shelf.open());
    let state = State::open(shelf.folder.path(), "estate").unwrap();
    let path = state.dir().join("history.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Store::open(&state, shelf.keep), Err(HistoryError::Newer { found: 99, .. })));
    for wal in ["history.sqlite-wal", "history.sqlite-shm"] {
        let _ = std::fs::remove_file(state.dir().join(wal));
    }
    std::fs::write(&path, b"this is no database, and it was here before us".repeat(100)).unwrap();
    assert!(matches!(Store::open(&state, shelf.keep), Err(HistoryError::Damaged { .. })));
    assert!(std::fs::read(&path).unwrap().starts_with(b"this is no"));
}

#[test]
fn many_consoles_that_open_a_new_history_at_once_all_get_it() {
    let shelf = Shelf::new();
    std::thread::scope(|scope| {
        for number in 0..8_u64 {
            let shelf = &shelf;
            scope.spawn(move || shelf.open().put(&[intake(number, START + number)], &make).unwrap());
        }
    });
    assert_eq!(shelf.open().runs(&RunQuery::default()).unwrap().len(), 8);
}

#[test]
fn readers_learn_that_somebody_has_written() {
    let shelf = Shelf::new();
    let (reader, writer) = (shelf.open(), shelf.open());
    let before = reader.version().unwrap();
    assert_eq!(reader.version().unwrap(), before);
    writer.put(&[intake(1, START)], &make).unwrap();
    assert_ne!(reader.version().unwrap(), before);
}

#[test]
fn a_run_that_two_feeds_tell_of_counts_once_whichever_comes_first() {
    let ended = Moment(START as i64 * 1000 + 60_000);
    let metadata = simple("shop", Moment(START as i64 * 1000), RunState::Ok, Feed::DbackedMetadata);
    let mut table = simple("shop", ended, RunState::Ok, Feed::DbackedTable);
    (table.started, table.ended, table.bytes) = (None, Some(Moment(ended.0 + 4000)), None);
    for order in [[&metadata, &table], [&table, &metadata]] {
        let shelf = Shelf::new();
        let store = shelf.open();
        for run in order {
            store.put(&[intake_of(vec![run.clone()])], &make).unwrap();
        }
        let told: Vec<Feed> = store.briefs(&RunQuery::default()).unwrap().iter().map(|run| run.feed).collect();
        assert_eq!(told, [Feed::DbackedMetadata]);
        let days = store.strips(DayNumber(0), DayNumber(99_999)).unwrap().remove(0).days;
        assert_eq!(days.iter().map(|day| day.ok).sum::<u32>(), 1);
    }
}

#[test]
fn series_that_anybody_makes_up_push_no_real_one_away() {
    let shelf = Shelf::new();
    let store = shelf.open();
    let real = (0..5).map(|n| simple("real", Moment(NOW.0 - n * DAY - DAY), RunState::Ok, Feed::DbackedMetadata));
    let heard = (0..2100).map(|n| simple(&format!("heard {n}"), NOW, RunState::Ok, Feed::Beacon));
    let once = (0..2100).map(|n| simple(&format!("once {n}"), NOW, RunState::Ok, Feed::Logrus));
    store.put(&[intake_of(real.chain(heard).chain(once).collect())], &|_| vec![]).unwrap();
    let strips = store.strips(DayNumber(0), DayNumber(99_999)).unwrap();
    assert_eq!(strips.len(), 2000);
    assert_eq!(strips.last().map(|series| series.name.to_string()).as_deref(), Some("real"));
    assert!(strips.iter().all(|series| !series.name.to_string().starts_with("heard")));
}

#[test]
fn a_trace_that_cannot_be_unpacked_is_left_as_it_is_and_what_comes_of_it_is_told() {
    let shelf = Shelf::new();
    let store = shelf.open();
    let whole = intake(1, START);
    let (first, rest) = whole.spans.split_at(10);
    let piece = |spans: &[_]| Intake { spans: spans.to_vec(), ..whole.clone() };
    store.put(&[piece(first)], &make).unwrap();
    let kept = store.runs(&RunQuery::default()).unwrap();
    let database = rusqlite::Connection::open(store.path()).unwrap();
    database.execute("UPDATE traces SET packed = x'2a'", []).unwrap();
    let (stored, beyond) = store.put_each(&[intake(2, START), piece(rest)], &make).unwrap();
    assert_eq!((stored.spans, stored.beyond, beyond), (11, 1, vec![0, 1]));
    assert_eq!(store.run(&kept[0].id).unwrap().as_ref(), Some(&kept[0]));
    let packed: Vec<u8> =
        database.query_row("SELECT packed FROM traces ORDER BY number LIMIT 1", [], |row| row.get(0)).unwrap();
    assert_eq!(packed, [0x2a]);
}
