//! The History screen over a million spans: from the key to the first picture, and each move after that.
//!
//! `cargo bench --bench history [DAYS]`. Eight servers that are backed up every hour and fifty-two every night, for a
//! year: about 90,000 runs of eleven spans, put into a store as a collector puts them. Bars: 150 ms to open, 16 ms to
//! pan, at 160x45.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use breakglass::disk::runs::{Intake, Keep, Store};
use breakglass::disk::state::State;
use breakglass::model::foreign::Foreign;
use breakglass::model::run::{Attribute, AttributeValue, Feed, RunKind, RunQuery, Span, SpanId, SpanStatus, TraceId};
use breakglass::model::units::{Moment, grouped};
use breakglass::telemetry::assemble;
use breakglass::telemetry::assemble::Arrival;
use breakglass::tui::app::{App, Look};
use breakglass::tui::command::Command;
use breakglass::tui::keymap::Keymap;
use breakglass::tui::msg::Msg;
use breakglass::tui::past::{Older, PastNews};
use breakglass::tui::update::update;
use breakglass::tui::world::World;
use breakglass::work::history::HistoryView;
use breakglass::work::session::{Session, Settings, now};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod support;

use support::number;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the program has it

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const HOURLY: i64 = 8;
const NIGHTLY: i64 = 52;
/// Traces that are put together, as a collector's batch.
const TOGETHER: usize = 400;
/// Parts of a run, with their parents: the run itself is the first.
const PARTS: [(&str, usize, f64); 11] = [
    ("run", 0, 1.0),
    ("dump", 0, 0.99),
    ("pre-backup", 1, 0.01),
    ("database_dump", 1, 0.6),
    ("output_tar", 1, 0.2),
    ("post-backup", 1, 0.01),
    ("upload", 1, 0.2),
    ("upload", 6, 0.1),
    ("upload", 6, 0.2),
    ("prune", 0, 0.01),
    ("pruneTarget s3://acme/mysql", 9, 0.01),
];

fn main() {
    let home = tempfile::tempdir().expect("a scratch folder");
    let estate = home.path().join("estate.toml");
    std::fs::create_dir(home.path().join("empty")).expect("room");
    let text = format!("name = \"bench\"\n[targets.nas]\nurl = \"file://{}/empty/\"\n", home.path().display());
    std::fs::write(&estate, text).expect("room");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let open = || {
        let settings = Settings {
            estate: Some(estate.clone()),
            state_dir: Some(home.path().join("state")),
            ..Settings::default()
        };
        runtime.block_on(Session::open(settings)).expect("the estate is plain")
    };
    let session = open();
    fill(&session, &home.path().join("state"), number(0, 365) as i64);
    drop(session);
    let mut times = vec![];
    for _ in 0..5 {
        let session = open(); // its store is opened by the first question
        times.push(spent(|| {
            let view = runtime.block_on(session.history()).expect("it can be read");
            black_box(drawn(&mut app(&view)));
        }));
    }
    times.sort_unstable();
    println!("open: {:.1?}, at worst {:.1?} (bar 150 ms)", times[2], times[4]);
    let session = open();
    let view = runtime.block_on(session.history()).expect("it can be read");
    println!("  {} series, {} runs told of", view.series.len(), grouped(view.runs));
    moves(&view);
    let busiest = view.series.iter().max_by_key(|series| series.days.iter().map(|day| day.ok).sum::<u32>());
    let busiest = busiest.expect("there are series");
    let query = RunQuery {
        series: busiest.runs.first().cloned(),
        kinds: vec![RunKind::Backup],
        until: busiest.points.first().map(|point| point.at),
        limit: 100_000,
        ..RunQuery::default()
    };
    let start = Instant::now();
    let runs = runtime.block_on(session.run_briefs(query)).expect("it can be read");
    println!("older runs of the busiest series: {} in {:.1?}", grouped(runs.len() as u64), start.elapsed());
    let mut app = app(&view);
    let older = Older { series: busiest.key.clone(), runs, complete: true };
    // The filter leaves only that one.
    update(&mut app, Msg::Run(Command::Filter));
    for c in busiest.label.chars() {
        update(&mut app, Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
    }
    update(&mut app, Msg::Run(Command::Open));
    update(&mut app, Msg::Run(Command::Open));
    update(&mut app, Msg::Past(PastNews::Older(older)));
    report("cursor among its runs", (0..200).map(|_| moved(&mut app, Command::PageDown)).collect());
}

fn moves(view: &Arc<HistoryView>) {
    let mut app = app(view);
    let mut worst = vec![];
    for zoom in
        [Command::ZoomIn, Command::ZoomIn, Command::ZoomOut, Command::ZoomOut, Command::ZoomOut, Command::ZoomOut]
    {
        worst.push(moved(&mut app, zoom));
        for command in [Command::Left, Command::Left, Command::Left, Command::Right, Command::Right, Command::Down] {
            worst.push(moved(&mut app, command));
        }
    }
    report("pan, zoom, cursor (bar 16 ms)", worst);
    report(
        "sort and page",
        [Command::Sort, Command::PageDown, Command::Last, Command::First]
            .repeat(5)
            .into_iter()
            .map(|command| moved(&mut app, command))
            .collect(),
    );
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("{what}: {:.2?}, at worst {:.2?}", times[times.len() / 2], times[times.len() - 1]);
}

fn app(view: &Arc<HistoryView>) -> App {
    let mut app = App::new(World::default(), Keymap::built_in(), Look::default());
    app.world.now = view.at;
    update(&mut app, Msg::Run(Command::GoHistory));
    update(&mut app, Msg::Past(PastNews::View(view.clone())));
    drawn(&mut app);
    app
}

fn drawn(app: &mut App) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 160, 45));
    app.draw(&mut buffer);
    buffer
}

fn moved(app: &mut App, command: Command) -> Duration {
    spent(|| {
        update(app, Msg::Run(command));
        drawn(app)
    })
}

fn spent<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// Puts the runs of so many days into the store.
fn fill(session: &Session, state: &Path, days: i64) {
    let state = State::open(state, session.estate().id.as_str()).expect("the state is ours");
    let store = Store::open(&state, Keep { age: Duration::MAX, size: u64::MAX }).expect("a new store");
    let assemble = |traced: breakglass::disk::runs::Traced<'_>| {
        assemble::runs(traced.trace, traced.spans, Arrival { feed: traced.feed, received: traced.received })
    };
    let (start, today) = (Instant::now(), now().0);
    let hourly =
        (0..days * 24).rev().flat_map(|ago| (0..HOURLY).map(move |server| (server, today - ago * HOUR - 20 * 60_000)));
    let nightly = (0..days)
        .rev()
        .flat_map(|ago| (HOURLY..HOURLY + NIGHTLY).map(move |server| (server, today - ago * DAY - server * 60_000)));
    let all: Vec<(i64, i64)> = hourly.chain(nightly).collect();
    for (nth, piece) in all.chunks(TOGETHER).enumerate() {
        let spans =
            (0..).zip(piece).flat_map(|(at, (server, began))| trace((nth * TOGETHER) as u64 + at, *server, *began));
        let intake = Intake { feed: Feed::Otlp, arrived: Moment(today), spans: spans.collect(), runs: vec![] };
        store.put(&[intake], &assemble).expect("there is room");
    }
    let spans = all.len() * PARTS.len();
    let took = start.elapsed();
    let rate = spans as f64 / took.as_secs_f64();
    println!(
        "{} runs, {} spans stored in {took:.1?}: {rate:.0} spans/s",
        grouped(all.len() as u64),
        grouped(spans as u64)
    );
}

fn trace(number: u64, server: i64, began: i64) -> Vec<Span> {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let failed = number.is_multiple_of(97);
    let took = 60_000 + (number as i64 * 7_919) % 20_000;
    let text = |key: &str, value: String| Attribute {
        key: Foreign::from(key),
        value: AttributeValue::Text(Foreign::from(value)),
    };
    let part = |(nth, (name, parent, share)): (usize, &(&str, usize, f64))| {
        let mut attributes = vec![];
        if nth < 2 {
            attributes.push(text("backup.protected_target.identity", format!("mysql:include:server-{server}")));
            attributes.push(text("backup.protected_target.databases", format!("[\"db{server}\"]")));
        }
        if nth == 0 {
            attributes.push(text("backup.run_id", format!("{number:032x}")));
            attributes.push(Attribute {
                key: Foreign::from("backup.bytes"),
                value: AttributeValue::Int(40_000_000 + (number as i64 * 31) % 900_000),
            });
        }
        if nth == 7 || nth == 8 {
            attributes.push(text("backup.target.url", "s3://acme/mysql".to_owned()));
        }
        let bad = failed && (nth == 0 || nth == 8);
        Span {
            trace: TraceId(id),
            id: SpanId([nth as u8 + 1; 8]),
            parent: (nth > 0).then(|| SpanId([*parent as u8 + 1; 8])),
            name: Foreign::from(*name),
            scope: Foreign::from("mysql-backup/dump"),
            service: Foreign::from("unknown_service:mysql-backup"),
            host: Foreign::from(format!("db-{server}")),
            start_ns: (began as u64 + nth as u64 * 3) * 1_000_000,
            end_ns: (began as u64 + nth as u64 * 3 + (took as f64 * share) as u64) * 1_000_000,
            status: if bad { SpanStatus::Error } else { SpanStatus::Ok },
            message: Foreign::from(if bad { "no space left on device" } else { "" }),
            attributes,
            events: vec![],
            dropped: 0,
        }
    };
    PARTS.iter().enumerate().map(part).collect()
}
