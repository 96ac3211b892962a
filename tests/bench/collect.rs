//! A million spans of 90,909 runs through OTLP/HTTP into the history, and what the History screen asks of it then.
//!
//! `cargo bench --bench collect [RUNS]`. The receiver is the real binary, whose peak memory is shown; spans come as
//! mysql-backup's SDK sends them, 512 in a request. Bars: 20,000 spans a second on two cores, 120 MB. The peers in the
//! same run: the same requests only decoded by the official messages, and their bytes written into SQLite as they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use breakglass::disk::estate::EstateId;
use breakglass::disk::runs::{Keep, Store};
use breakglass::disk::state::State;
use breakglass::model::run::{DayNumber, RunQuery};
use breakglass::model::units::Moment;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[path = "../it/collect/payloads.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod payloads;
mod support;

use support::number;

/// Spans in one request.
const BATCH: usize = 512;

fn main() {
    let runs = number(0, 90_910);
    let folder = tempfile::tempdir().expect("room");
    let bodies = bodies(runs);
    let spans = runs * 11;
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    println!("{spans} spans of {runs} runs in {} requests, {} MB", bodies.len(), bytes / 1_000_000);
    let (took, peak) = collected(folder.path(), &bodies);
    let decoding = decoded(&bodies);
    let writing = written(folder.path(), &bodies);
    let rate = spans as f64 / took.as_secs_f64();
    println!(
        "collect:        {took:8.2?}  {rate:9.0} spans/s (bar 20,000)  peak {:.1} MB (bar 120)",
        peak as f64 / 1024.0
    );
    println!("decode only:    {decoding:8.2?}  ratio {:.2}", took.as_secs_f64() / decoding.as_secs_f64());
    println!("bytes, SQLite:  {writing:8.2?}  ratio {:.2}", took.as_secs_f64() / writing.as_secs_f64());
    looked_at(folder.path());
}

/// The requests, encoded, spans in the order of time.
fn bodies(runs: u64) -> Vec<Vec<u8>> {
    // 50 series over 90 days.
    let step = 90 * 86_400 / runs.max(1);
    let mut waiting: Vec<Span> = vec![];
    let mut bodies = vec![];
    for number in 0..runs {
        waiting.extend(payloads::run(number, payloads::START + number * step));
        while waiting.len() >= BATCH {
            let rest = waiting.split_off(BATCH);
            bodies.push(payloads::request(std::mem::replace(&mut waiting, rest)).encode_to_vec());
        }
    }
    bodies.push(payloads::request(waiting).encode_to_vec());
    bodies
}

fn collected(folder: &Path, bodies: &[Vec<u8>]) -> (Duration, u64) {
    std::fs::write(folder.join("estate.toml"), "name = \"bench\"\n").expect("room");
    let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
    command.env_clear().env("HOME", folder).env("BREAKGLASS_STATE_DIR", folder.join("state"));
    command.args(["--estate", "estate.toml", "collect", "--json", "--rate", "100000", "--listen", "127.0.0.1:0"]);
    let mut child = command.current_dir(folder).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("it says where it listens");
    let address = line.split("://").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
    let start = Instant::now();
    std::thread::scope(|scope| {
        for sender in 0..2 {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).expect("it listens");
                bodies.iter().skip(sender).step_by(2).for_each(|body| post(&mut stream, body));
            });
        }
    });
    let took = start.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
    let peak = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .expect("ours");
    child.wait().expect("it ends");
    (took, peak)
}

fn post(stream: &mut TcpStream, body: &[u8]) {
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).expect("it takes it");
    let mut answer = vec![];
    while !answer.ends_with(b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).expect("it answers");
        answer.extend_from_slice(&piece[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

fn decoded(bodies: &[Vec<u8>]) -> Duration {
    let start = Instant::now();
    let spans: usize = bodies
        .iter()
        .map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("we encoded it"))
        .map(|request| request.resource_spans[0].scope_spans[0].spans.len())
        .sum();
    assert!(spans > 0);
    start.elapsed()
}

/// Every request as one row, committed by itself and synced, as a receiver that keeps its word has to.
fn written(folder: &Path, bodies: &[Vec<u8>]) -> Duration {
    let connection = rusqlite::Connection::open(folder.join("raw.sqlite")).expect("room");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE raw (body BLOB)")
        .expect("room");
    let start = Instant::now();
    let mut insert = connection.prepare("INSERT INTO raw VALUES (?1)").expect("the table is there");
    for body in bodies {
        insert.execute([body]).expect("room");
    }
    start.elapsed()
}

/// The questions of the History screen.
fn looked_at(folder: &Path) {
    let id = EstateId::of_file(&folder.join("estate.toml"));
    let state = State::open(&folder.join("state"), id.as_str()).expect("it was made");
    let store = Store::open(&state, Keep::default()).expect("it was made");
    let size = std::fs::metadata(store.path()).expect("it is there").len();
    println!("the file has {:.1} MB", size as f64 / 1e6);
    let first = Moment(payloads::START as i64 * 1000);
    let (from, to) = (DayNumber::of(first), DayNumber(DayNumber::of(first).0 + 90));
    let cold =
        spent(|| Store::open(&state, Keep::default()).expect("it is there").strips(from, to).expect("rows").len());
    println!("open and 90 days of all series: {cold:.2?}");
    println!(
        "90 days of all series:          {:.2?}",
        median(|| spent(|| store.strips(from, to).expect("rows").len()))
    );
    let series = store.strips(from, to).expect("rows").remove(0).name;
    let page = RunQuery { series: Some(series.clone()), limit: 200, ..RunQuery::default() };
    println!("200 runs of a series:           {:.2?}", median(|| spent(|| store.runs(&page).expect("rows").len())));
    let all = RunQuery { series: Some(series), limit: 100_000, ..RunQuery::default() };
    println!("a series in brief, 90 days:     {:.2?}", median(|| spent(|| store.briefs(&all).expect("rows").len())));
    let every = RunQuery { limit: 1_000_000, ..RunQuery::default() };
    println!("all runs in brief:              {:.2?}", median(|| spent(|| store.briefs(&every).expect("rows").len())));
    let one = store.briefs(&RunQuery { limit: 1, ..RunQuery::default() }).expect("rows").remove(0).id;
    println!("the spans of a run:             {:.2?}", median(|| spent(|| store.spans(&one).expect("rows").len())));
}

fn spent<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

fn median(mut work: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..5).map(|_| work()).collect();
    all.sort_unstable();
    all[2]
}
