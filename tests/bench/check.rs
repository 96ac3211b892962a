//! `check` and the history over a large estate: what they take beyond the listing itself.
//!
//! `cargo bench --bench check [BACKUPS] [SPANS]`. Fifty series in four file targets with 20,000 backups, each with its
//! run, and a million spans of further runs in a warm store. Bars: check 300 ms beyond the listing; history 150 ms to
//! open, 16 ms to pan.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use breakglass::disk::runs::{Intake, Keep, Store};
use breakglass::disk::state::State;
use breakglass::model::foreign::Foreign;
use breakglass::model::run::{
    Attribute, AttributeValue, Feed, ObjectRef, Run, RunId, RunKind, RunState, Span, SpanId, SpanStatus, Tool, TraceId,
};
use breakglass::model::trust::Rung;
use breakglass::model::units::Moment;
use breakglass::target;
use breakglass::telemetry::assemble;
use breakglass::work::check::Wants;
use breakglass::work::history::strip::{Zoom, strip};
use breakglass::work::session::{Session, Settings, now};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

mod support;

use support::number;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the program has it

const HOUR: i64 = 3_600_000;
const SERIES: u64 = 50;
const TARGETS: [&str; 4] = ["nas", "offsite", "cold", "old"];
/// Spans of one run, as mysql-backup sends them.
const SPANS: u64 = 11;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let home = tempfile::tempdir().expect("a scratch folder");
    let (backups, spans) = (number(0, 20_000), number(1, 1_000_000));
    estate(home.path(), backups);
    runtime.block_on(async {
        let session = open(home.path()).await;
        let state = State::open(&session.paths().state, session.estate().id.as_str()).expect("state");
        let store = Store::open(&state, Keep::default()).expect("a store");
        store_runs(&store, home.path(), backups);
        told_spans(&store, spans);
        drop(store);
        session.refresh_newest(&[]);
        session.settled().await; // the first listing reads heads and fills the cache
        session.check(wants()).await.expect("an answer");
        session.close(Duration::from_secs(1)).await;
        measure(home.path()).await;
    });
}

async fn measure(home: &Path) {
    let session = open(home).await;
    let start = Instant::now();
    let mut objects = 0;
    for place in session.estate().ready_targets() {
        let store = target::open(place, None).expect("a folder");
        let mut pages = store.list(CancellationToken::new());
        while let Some(page) = pages.next().await {
            objects += page.expect("a page").len();
        }
    }
    let listing = start.elapsed();
    let start = Instant::now();
    session.refresh_newest(&[]);
    session.settled().await;
    let settled = start.elapsed();
    let start = Instant::now();
    let report = session.check(wants()).await.expect("an answer");
    let answered = start.elapsed();
    println!("{objects} objects, {} databases: {}", report.databases.len(), report.state.word());
    println!("listing {listing:.0?}, catalog of it {settled:.0?}, check {answered:.0?}");
    println!("beyond the listing: {:.0?} (bar 300 ms)", (settled + answered).saturating_sub(listing));

    let mut opened: Vec<Duration> = vec![];
    for _ in 0..5 {
        let start = Instant::now();
        session.history().await.expect("the past");
        opened.push(start.elapsed());
    }
    opened.sort_unstable();
    let past = session.history().await.expect("the past");
    let mut panned: Vec<Duration> = vec![];
    for back in 0..200 {
        let start = Instant::now();
        for series in past.series.iter().take(40) {
            let zoom = Zoom::ALL[back % Zoom::ALL.len()];
            let from = zoom.floor(Moment(now().0 - (back as i64 + 80) * zoom.millis()));
            std::hint::black_box(strip(series, zoom, from, 80, now()));
        }
        panned.push(start.elapsed());
    }
    panned.sort_unstable();
    println!("history of {} runs, {} series: opens in {:.0?} (bar 150 ms)", past.runs, past.series.len(), opened[2]);
    println!("strips of 40 series, 80 columns: {:.2?}, {:.2?} at worst (bar 16 ms)", panned[100], panned[199]);
    session.close(Duration::from_secs(1)).await;
}

async fn open(home: &Path) -> Session {
    let settings =
        Settings { estate: Some(home.join("estate.toml")), state_dir: Some(home.join("state")), ..Settings::default() };
    Session::open(settings).await.expect("a session")
}

fn wants() -> Wants {
    Wants { max_age: Some(Duration::from_secs(26 * 3600)), min_trust: Rung::Listed, targets: vec![], series: vec![] }
}

/// The name and time of the nth backup, newest first within each series.
fn backup(nth: u64) -> (&'static str, String, Moment) {
    let (series, ago) = (nth % SERIES, nth / SERIES);
    let at = Moment(now().0.div_euclid(HOUR) * HOUR - (ago as i64 + 1) * HOUR);
    let clock = at.minute().replace(['-', ':'], "").replace(' ', "_");
    (TARGETS[series as usize % TARGETS.len()], format!("db{series:02}_{clock}.sql"), at)
}

fn estate(home: &Path, backups: u64) {
    let mut text = "name = \"bench\"\n".to_owned();
    for target in TARGETS {
        let folder = home.join(target);
        fs::create_dir(&folder).expect("room");
        text.push_str(&format!("[targets.{target}]\nurl = \"file://{}/\"\n", folder.display()));
    }
    for nth in 0..backups {
        let (target, name, _) = backup(nth);
        let rows = "x".repeat(1000 + (nth % 37) as usize);
        let dump = format!("-- MySQL dump 10.13\n-- {rows}\n-- Dump completed\n");
        fs::write(home.join(target).join(name), dump).expect("room");
    }
    fs::write(home.join("estate.toml"), text).expect("room");
}

/// One run for each backup, as a feed without spans tells of it.
fn store_runs(store: &Store, home: &Path, backups: u64) {
    let run = |nth: u64| {
        let (target, name, at) = backup(nth);
        let series = format!("mysql:all:{}", nth % SERIES);
        let mut run = Run::new(
            RunId::of("bench", &[&nth.to_le_bytes()]),
            RunKind::Backup,
            Tool::Databacker,
            Feed::Logrus,
            series,
        );
        (run.started, run.ended, run.state) =
            (Some(at), Some(Moment(at.0 + 60_000 + (nth % 977) as i64)), RunState::Ok);
        let url = format!("file://{}", home.join(target).display());
        run.objects = vec![ObjectRef {
            target: Some(Foreign::from(url)),
            name: Some(Foreign::from(name)),
            ..ObjectRef::default()
        }];
        run
    };
    let all: Vec<Run> = (0..backups).map(run).collect();
    for piece in all.chunks(1000) {
        let intake = Intake { feed: Feed::Logrus, arrived: now(), spans: vec![], runs: piece.to_vec() };
        store.put(&[intake], &|_| vec![]).expect("room");
    }
}

/// Runs of fifty other series that left nothing here, as spans.
fn told_spans(store: &Store, spans: u64) {
    let start = Instant::now();
    let traces: Vec<u64> = (0..spans / SPANS).collect();
    for piece in traces.chunks(500) {
        let spans = piece.iter().flat_map(|nth| trace(*nth)).collect();
        let intake = Intake { feed: Feed::CollectorFile, arrived: now(), spans, runs: vec![] };
        let assemble = |traced: breakglass::disk::runs::Traced<'_>| {
            let arrival = assemble::Arrival { feed: traced.feed, received: traced.received };
            assemble::runs(traced.trace, traced.spans, arrival)
        };
        store.put(&[intake], &assemble).expect("room");
    }
    println!("{spans} spans stored in {:.0?}", start.elapsed());
}

fn trace(nth: u64) -> Vec<Span> {
    let (series, ago) = (nth % SERIES, nth / SERIES);
    let begin = (now().0 - (ago as i64 + 1) * HOUR) as u64 * 1_000_000;
    let text = |text: String| AttributeValue::Text(Foreign::from(text));
    let span = |id: u64| Span {
        trace: TraceId(u128::from(nth + 1).to_be_bytes()),
        id: SpanId((id + 1).to_be_bytes()),
        parent: (id > 0).then(|| SpanId(1_u64.to_be_bytes())),
        name: Foreign::from(
            ["run", "dump", "pre-backup", "database_dump", "output_tar", "upload", "prune"][id as usize % 7],
        ),
        scope: Foreign::from("mysql-backup/dump"),
        service: Foreign::from("unknown_service:mysql-backup"),
        host: Foreign::from(""),
        start_ns: begin + id * 1_000_000_000,
        end_ns: begin + (id + 20) * 1_000_000_000,
        status: SpanStatus::Ok,
        message: Foreign::from(""),
        attributes: if id == 0 {
            let named = |key: &str, value| Attribute { key: Foreign::from(key), value };
            vec![
                named("backup.run_id", text(format!("run-{nth}"))),
                named("backup.protected_target.identity", text(format!("mysql:all:other-{series}"))),
                named("backup.bytes", AttributeValue::Int(1_000_000 + nth as i64 % 977)),
                named("backup.status", text("ok".to_owned())),
            ]
        } else {
            vec![]
        },
        events: vec![],
        dropped: 0,
    };
    (0..SPANS).map(span).collect()
}
