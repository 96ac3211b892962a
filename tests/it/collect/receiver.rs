//! The receiver as senders see it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use breakglass::model::run::{Feed, RunState};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::payloads::{START, request, run};
use super::{Client, Collector, JSON, PROTOBUF, ask, runs, store};
use crate::cli::Home;
use crate::support::databases::make_certificates;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    packed.write_all(body).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_run_is_one_run_however_often_and_in_whichever_coding_it_is_sent() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let body = request(run(1, START)).encode_to_vec();
    let mut client = collector.client();
    let first = client.post(PROTOBUF, &body);
    assert_eq!((first.status, first.body.len()), (200, 0));
    for path in ["/v1/traces", "/engines/telemetry/i-77/traces"] {
        let head = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
        assert_eq!(client.send(&format!("POST {path}"), &head, &gzip(&body)).unwrap().status, 200);
    }
    let zstd = zstd::bulk::compress(&body, 1).unwrap();
    let head = [("content-type", PROTOBUF), ("content-encoding", "zstd")];
    assert_eq!(client.send("POST /v1/traces", &head, &zstd).unwrap().status, 200);
    assert_eq!(client.send("GET /v1/traces", &[], b"").unwrap().status, 200);
    assert_eq!(client.send("GET /engines/telemetry/i-77/log", &[], b"").unwrap().status, 200);
    let arrived = collector.stop();
    assert_eq!((&arrived["spans"], &arrived["spans_known"], &arrived["runs"]), (&11.into(), &33.into(), &1.into()));
    let all = runs(&home);
    assert_eq!((all.len(), all[0].state, all[0].feed, all[0].spans), (1, RunState::Ok, Feed::Otlp, 11));
    assert_eq!(store(&home).spans(&all[0].id).unwrap().len(), 11);
}

#[test]
fn spans_that_cannot_be_used_are_told_and_the_others_are_kept() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let mut spans = run(1, START);
    spans[2].span_id = vec![0; 8];
    spans[5].trace_id = vec![1; 3];
    let answer = collector.client().post(PROTOBUF, &request(spans).encode_to_vec());
    let told = ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((answer.status, told.rejected_spans), (200, 2));
    assert!(told.error_message.contains("a span has no"), "{}", told.error_message);
    assert_eq!(collector.stop()["spans"], 9);
    assert_eq!(runs(&home)[0].state, RunState::Ok);
}

#[test]
fn what_is_too_large_unreadable_or_elsewhere_is_refused_and_the_next_request_is_not() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let status = |line: &str, head: &[(&str, &str)], body: &[u8]| {
        let answer = Client::new(&collector.addresses[0]).send(line, head, body);
        answer.map_or(0, |answer| answer.status)
    };
    let protobuf = [("content-type", PROTOBUF)];
    let packed = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(status("POST /v1/traces", &packed, &bomb), 413);
    assert_eq!(status("POST /v1/traces", &packed, b"no gzip"), 400);
    assert_eq!(status("POST /v1/traces", &protobuf, b"\x0a\xff\xff\xff\xff\x0f"), 400);
    assert_eq!(status("POST /v1/traces", &[("content-type", JSON)], b"{\"resourceSpans\":[{]}"), 400);
    assert_eq!(status("POST /v1/metrics", &protobuf, b""), 404);
    assert_eq!(status("POST /v1/traces", &[("content-type", "text/plain")], b"{}"), 415);
    // It answers before it has read all of it, and closes: either shows.
    assert!(matches!(status("POST /v1/traces", &protobuf, &vec![0; 21 << 20]), 413 | 0));
    assert_eq!(collector.client().post(PROTOBUF, &request(run(1, START)).encode_to_vec()).status, 200);
    let arrived = collector.stop();
    assert_eq!((&arrived["requests"], &arrived["requests_refused"]), (&1.into(), &7.into()));
    assert_eq!(runs(&home).len(), 1);
}

#[test]
fn who_speaks_grpc_or_tls_is_told_so_and_counted() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let said = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&collector.addresses[0]).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = vec![];
        std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
        answer
    };
    let answer = said(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    // A server's settings come first, then GOAWAY with HTTP_1_1_REQUIRED.
    let [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, length, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd, words @ ..] = &answer[..]
    else {
        panic!("{answer:?}")
    };
    assert_eq!(usize::from(*length), 8 + words.len());
    assert!(String::from_utf8_lossy(words).contains("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"));
    said(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n");
    assert_eq!(collector.client().post(PROTOBUF, &request(run(1, START)).encode_to_vec()).status, 200);
    assert_eq!(collector.stop()["connections_foreign"], 2);
}

#[test]
fn a_client_that_sends_too_often_is_told_when_to_come_again() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "1"]);
    let mut client = collector.client();
    let body = request(run(1, START)).encode_to_vec();
    let mut answers = (0..4).map(|_| client.post(PROTOBUF, &body));
    let slow = answers.find(|answer| answer.status == 429).expect("the third or fourth of two a second");
    assert!(slow.head.contains("retry-after: 1\r\n"), "{}", slow.head);
}

#[test]
fn other_paths_are_taken_where_that_is_wanted() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--any-path"]);
    let body = request(run(1, START)).encode_to_vec();
    let answer = collector.client().send("POST /some/where", &[("content-type", PROTOBUF)], &body).unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn log_lines_and_beacons_become_runs() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--beacons", "127.0.0.1:0"]);
    let lines = br#"{"run":"aaa","timestamp":"2026-11-21T03:00:00Z","level":"info","fields":{},"message":"beginning dump 20261121030000"}
{"run":"aaa","timestamp":"2026-11-21T03:00:09Z","level":"fatal","fields":{},"message":"error running dump: no"}"#;
    let log = collector.client().send("POST /engines/telemetry/i/log", &[("content-type", JSON)], lines).unwrap();
    assert_eq!(log.status, 201);
    let mut agent = Client::new(&collector.addresses[1]);
    let check = br#"{"dbId":"b1a2","email":"ann@example.com","version":"0.5.0","cron":"0 3 * * *"}"#;
    assert_eq!(
        agent.send("PUT /backupChecks", &[("content-type", "application/json;charset=utf-8")], check).unwrap().status,
        200
    );
    let analytics = br#"{"dbType":"mysql","version":"0.5.0","cron":"0 3 * * *","size":5242880,"time":41000}"#;
    assert_eq!(agent.send("PUT /backupAnalytics", &[("content-type", JSON)], analytics).unwrap().status, 200);
    assert_eq!(agent.send("POST /v1/traces", &[("content-type", JSON)], b"{}").unwrap().status, 404);
    collector.stop();
    let all = runs(&home);
    let of = |feed| all.iter().find(|run| run.feed == feed).unwrap();
    assert_eq!(of(Feed::Logrus).state, RunState::Failed);
    assert_eq!(of(Feed::Beacon).series.to_string(), "dbacked:b1a2");
    assert_eq!(of(Feed::Analytics).took().unwrap().as_secs(), 41);
}

#[test]
fn a_beacon_that_is_sent_again_to_a_receiver_that_was_started_anew_is_the_same_run() {
    let home = Home::new();
    let send = |path: &str, body: &[u8]| {
        let collector = Collector::start(&home, &["--beacons", "127.0.0.1:0"]);
        let mut agent = Client::new(&collector.addresses[1]);
        assert_eq!(agent.send(path, &[("content-type", JSON)], body).unwrap().status, 200);
        collector.kill();
    };
    let check = br#"{"dbId":"b1a2","email":"ann@example.com","version":"0.5.0","cron":"0 3 * * *"}"#;
    let other = br#"{"dbId":"c3d4","email":"ann@example.com","version":"0.5.0","cron":"0 3 * * *"}"#;
    let analytics = br#"{"dbType":"mysql","version":"0.5.0","cron":"0 3 * * *","size":5242880,"time":41000}"#;
    for _ in 0..3 {
        send("PUT /backupChecks", check);
        send("PUT /backupAnalytics", analytics);
    }
    send("PUT /backupChecks", other);
    let all = runs(&home);
    let count = |feed| all.iter().filter(|run| run.feed == feed).count();
    assert_eq!((count(Feed::Beacon), count(Feed::Analytics)), (2, 1), "{all:?}");
}

#[test]
fn a_run_whose_lines_come_before_and_behind_a_restart_is_one_run() {
    let home = Home::new();
    let send = |line: &str| {
        let collector = Collector::start(&home, &[]);
        let sent = collector.client().send("POST /engines/telemetry/i/log", &[("content-type", JSON)], line.as_bytes());
        assert_eq!(sent.unwrap().status, 201);
        collector.stop();
        let all = runs(&home);
        assert_eq!(all.len(), 1);
        (all[0].state, all[0].took().map(|took| took.as_secs()))
    };
    let begin = r#"{"run":"aaa","timestamp":"2026-11-21T03:00:00Z","level":"info","message":"beginning dump 1"}"#;
    let end = r#"{"run":"aaa","timestamp":"2026-11-21T03:00:09Z","level":"info","message":"finished dump 1"}"#;
    assert_eq!(send(begin), (RunState::Unfinished, None));
    assert_eq!(send(end), (RunState::Ok, Some(9)));
    assert_eq!(send(begin), (RunState::Ok, Some(9)));
}

#[test]
fn beyond_loopback_a_certificate_is_demanded() {
    let home = Home::new();
    let refused = home.run(&["collect", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.contains("--tls-cert"), "{}", refused.err);
    let missing = home.run(&["collect", "--listen", "0.0.0.0:0", "--tls-cert", "a.pem", "--tls-key", "b.pem"]);
    assert_eq!(missing.code, 2, "{}", missing.err);
    assert_eq!(home.run(&["collect", "--beacons", "0.0.0.0:0"]).code, 2);
}

#[test]
fn with_a_certificate_it_speaks_tls_and_takes_only_clients_that_show_theirs() {
    let home = Home::new();
    make_certificates(&home.path(""));
    let tls = ["--tls-cert", "server.pem", "--tls-key", "server-key.pem"];
    let body = request(run(1, START)).encode_to_vec();
    let open = Collector::start(&home, &[&["--listen", "0.0.0.0:0"], &tls[..]].concat());
    let post = |collector: &Collector, own: Option<(&str, &str)>| {
        let port = collector.addresses[0].rsplit(':').next().unwrap().to_owned();
        let mut stream = encrypted(&home, &format!("127.0.0.1:{port}"), own);
        ask(&mut stream, "POST /v1/traces", &[("content-type", PROTOBUF)], &body)
    };
    assert_eq!(post(&open, None).unwrap().status, 200);
    assert!(open.stop()["requests"] == 1);
    let closed = Collector::start(&home, &[&tls[..], &["--client-ca", "ca.pem"]].concat());
    assert!(post(&closed, None).is_err());
    assert_eq!(post(&closed, Some(("server.pem", "server-key.pem"))).unwrap().status, 200);
    assert!(closed.stop()["requests"] == 1);
}

fn encrypted(home: &Home, address: &str, own: Option<(&str, &str)>) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(home.path("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(home.path(certificate)).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(home.path(key)).unwrap()).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

#[test]
fn a_killed_collector_loses_nothing_that_it_acknowledged() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "100000"]);
    let address = collector.addresses[0].clone();
    let senders: Vec<_> = (0..3_u64)
        .map(|sender| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut client = Client::new(&address);
                let mut acknowledged = vec![];
                for number in (sender * 1_000_000..).take(100_000) {
                    let body = request(run(number, START + number)).encode_to_vec();
                    match client.send("POST /v1/traces", &[("content-type", PROTOBUF)], &body) {
                        Ok(answer) if answer.status == 200 => acknowledged.push(number),
                        Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                        Err(_) => break,
                    }
                }
                acknowledged
            })
        })
        .collect();
    // Killed in the middle of it: once the store holds a few hundred runs.
    let watching = store(&home);
    while watching
        .strips(breakglass::model::run::DayNumber(0), breakglass::model::run::DayNumber(99_999))
        .unwrap()
        .iter()
        .map(|series| series.runs)
        .sum::<u64>()
        < 300
    {
        std::thread::yield_now();
    }
    collector.kill();
    drop(watching);
    let acknowledged: Vec<u64> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    assert!(acknowledged.len() >= 250, "{}", acknowledged.len());
    let all = runs(&home);
    let kept: std::collections::HashSet<_> =
        all.iter().filter(|run| run.spans == 11).map(|run| run.trace.unwrap().0.0).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !kept.contains(&super::payloads::trace(**number))).collect();
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), acknowledged.len());
}
