//! What is bounded: the spans of a trace, how long history is kept, and who may hold on to a connection.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use breakglass::collect::{Counts, Delivery, Handler, Limits, Listen, Paths, Receiver, Reply};
use breakglass::model::run::RunState;
use breakglass::model::units::Moment;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::feeds::collector_line;
use super::payloads::{START, request, run, text};
use super::{Client, Collector, PROTOBUF, keeping, runs};
use crate::cli::{Home, fixture};

/// Spans of the trace of run 1 that belong to no part of it.
fn others(from: u64, count: u64) -> Vec<Span> {
    let one = run(1, START).remove(3);
    (from..from + count).map(|id| Span { span_id: (0xcccc_0000 + id).to_be_bytes().to_vec(), ..one.clone() }).collect()
}

/// How many spans an answer says were not kept, and why.
fn rejected(client: &mut Client, spans: Vec<Span>) -> (i64, String) {
    let answer = client.post(PROTOBUF, &request(spans).encode_to_vec());
    assert_eq!(answer.status, 200);
    let told = ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap().partial_success.unwrap_or_default();
    (told.rejected_spans, told.error_message)
}

#[test]
fn spans_beyond_the_limit_of_a_trace_are_told_and_the_span_of_the_whole_run_is_let_in() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "100000"]);
    let mut client = collector.client();
    for batch in 0..6 {
        assert_eq!(rejected(&mut client, others(batch * 3000, 3000)).0, 0);
    }
    let (count, why) = rejected(&mut client, others(18_000, 3000));
    assert!(count == 1000 && why.contains("20,000"), "{count}: {why}");
    // Known ones take no room, and the run's own root comes last of all.
    assert_eq!(rejected(&mut client, others(0, 3000)).0, 0);
    assert_eq!(rejected(&mut client, run(1, START)).0, 10);
    assert_eq!(rejected(&mut client, run(2, START)).0, 0);
    let arrived = collector.stop();
    assert_eq!((&arrived["spans_left_out"], &arrived["spans_known"]), (&1010.into(), &3000.into()));
    let all = runs(&home);
    let long = all.iter().find(|run| run.spans > 11).unwrap();
    assert_eq!((long.state, long.took().map(|took| took.as_secs())), (RunState::Ok, Some(60)));

    let home = keeping();
    let lines = [others(0, 15_000), others(15_000, 7000), run(1, START)].map(|spans| collector_line(&spans) + "\n");
    fs::write(home.path("traces"), lines.concat()).unwrap();
    let told = home.run(&["collect", "traces", "--json"]).line();
    assert_eq!((&told["spans_left_out"], &told["spans"]), (&2010.into(), &22_011.into()), "{told}");
    assert_eq!(runs(&home)[0].state, RunState::Ok);
    let again = home.run(&["collect", "traces"]).out;
    assert!(again.contains("2,010 beyond what is kept of a trace"), "{again}");
}

#[test]
fn roots_without_number_are_bounded_too() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "100000"]);
    let mut client = collector.client();
    let root = run(1, START).pop().unwrap();
    let mut refused = 0;
    for batch in 0..8_u64 {
        let id = |nth: u64| (0xdddd_0000 + batch * 3000 + nth).to_be_bytes().to_vec();
        let roots = (0..3000).map(|nth| Span { span_id: id(nth), ..root.clone() }).collect();
        refused += rejected(&mut client, roots).0;
    }
    assert!((1000..4000).contains(&refused), "{refused}");
    collector.stop();
}

#[test]
fn what_is_older_than_is_kept_goes_whoever_reads_it() {
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let keep = "[history]\nkeep = \"2d\"\n";
    let home = Home::new();
    home.estate(&format!("name = \"test\"\n{keep}"));
    let line = |n: u64| collector_line(&run(n, now - n * 86_400 - 3600)) + "\n";
    fs::write(home.path("traces"), (0..30).map(line).collect::<String>()).unwrap();
    let read = home.run(&["collect", "traces"]);
    assert_eq!((read.code, runs(&home).len()), (0, 2), "{}", read.err);

    let home = Home::new();
    let objects = fixture("objects");
    home.estate(&format!("name = \"test\"\n{keep}[targets.bucket]\nurl = \"file://{}/\"\n", objects.display()));
    home.run(&["collect", "--feeds"]);
    let since = Moment(i64::try_from((now - 2 * 86_400 - 3600) * 1000).unwrap());
    let old: Vec<_> = runs(&home).into_iter().filter(|run| run.at() < since).collect();
    assert!(old.is_empty(), "{} of {}", old.len(), runs(&home).len());
}

#[test]
fn as_much_as_a_collector_sends_at_once_is_taken() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let spans = (0..8192).map(|id| Span {
        attributes: vec![text("note", &format!("{id} {}", "x".repeat(1500)))],
        ..others(id, 1).remove(0)
    });
    let body = request(spans.collect()).encode_to_vec();
    assert!(body.len() > 12 << 20);
    assert_eq!(collector.client().post(PROTOBUF, &body).status, 200);
    assert_eq!(collector.stop()["spans"], 8192);
}

#[test]
fn connections_that_say_nothing_shut_nobody_out() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let silent: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(&collector.addresses[0]).unwrap()).collect();
    let mut clients: Vec<Client> = (0..4).map(|_| collector.client()).collect();
    for (nth, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.post(PROTOBUF, &request(run(nth as u64, START)).encode_to_vec()).status, 200);
    }
    drop(silent);
    assert_eq!(collector.stop()["requests"], 4);
}

/// Says that everything is stored.
struct Anything;

#[async_trait]
impl Handler for Anything {
    async fn deliver(&self, _: Delivery) -> Reply {
        Reply::Stored { refused: 0, why: String::new() }
    }
}

#[test]
fn whoever_never_reads_his_answers_is_let_go() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None, paths: Paths::Otlp };
    let limits = Limits { body: Duration::from_millis(300), requests_per_second: 10_000_000, ..Limits::default() };
    let receiver = runtime.block_on(Receiver::bind(&listen, limits, Arc::new(Counts::default()))).unwrap();
    let (address, cancel) = (receiver.address(), CancellationToken::new());
    let serving = runtime.spawn(receiver.serve(Arc::new(Anything), cancel.clone()));
    let mut stream = TcpStream::connect(address).unwrap();
    // Long enough on any machine; without an end of its own the receiver would wait for ever.
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    let asked = b"GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let error = loop {
        if let Err(error) = stream.write_all(&asked) {
            break error;
        }
    };
    assert!(
        matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        "it still holds on: {error}"
    );
    // Whoever reads is served.
    let mut reading = Client::new(&address.to_string());
    assert_eq!(reading.send("GET /v1/traces", &[], b"").unwrap().status, 200);
    cancel.cancel();
    runtime.block_on(serving).unwrap();
    let mut rest = vec![];
    let _ = stream.read_to_end(&mut rest);
}
