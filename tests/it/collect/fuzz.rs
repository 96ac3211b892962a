//! Damaged payloads of every feed: nothing panics, nothing swells, and what is read is clean and bounded.

use breakglass::model::run::{Feed, Span};
use breakglass::model::units::Moment;
use breakglass::telemetry::assemble::{Arrival, runs};
use breakglass::telemetry::stream::{Told, read};
use breakglass::telemetry::{LogRequests, dbacked, read_json, read_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::feeds::collector_line;
use super::payloads::{START, request, run};
use crate::formats::mutate_all;

fn assembled(spans: &[Span]) {
    let Some(first) = spans.first() else { return };
    let mine: Vec<Span> = spans.iter().filter(|span| span.trace == first.trace).cloned().collect();
    let told = runs(first.trace, &mine, Arrival { feed: Feed::Otlp, received: None });
    let counted: usize = told.iter().map(|run| run.spans as usize).sum();
    assert_eq!(counted, mine.len());
    for run in told {
        let json = serde_json::to_vec(&run).unwrap();
        assert_eq!(serde_json::from_slice::<breakglass::model::run::Run>(&json).unwrap(), run);
    }
}

#[test]
fn fuzz_damaged_protobuf_is_read_as_the_official_messages_read_it_or_not_at_all() {
    let seeds = [request(run(1, START)).encode_to_vec(), request(run(2, START)[..3].to_vec()).encode_to_vec()];
    let mut agreed = 0;
    mutate_all(&seeds, |bytes| {
        let ours = read_protobuf(bytes);
        if let Ok(batch) = &ours {
            assembled(&batch.spans);
        }
        // Where the official decoder understands all of it, so do we, and count the same spans.
        if let Ok(official) = ExportTraceServiceRequest::decode(bytes) {
            let scopes = official.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            let count = scopes.flat_map(|scope| &scope.spans).count() as u64;
            let batch = ours.expect("the official decoder reads it");
            assert_eq!(batch.spans.len() as u64 + batch.refused + batch.foreign, count);
            agreed += 1;
        }
    });
    assert!(agreed > 0);
}

#[test]
fn fuzz_damaged_json_neither_panics_nor_swells() {
    let seeds = [collector_line(&run(1, START)).into_bytes(), collector_line(&run(2, START)[..2]).into_bytes()];
    mutate_all(&seeds, |bytes| {
        if let Ok(batch) = read_json(bytes) {
            assembled(&batch.spans);
        }
    });
}

#[test]
fn fuzz_damaged_files_are_read_to_their_end() {
    let lines =
        collector_line(&run(1, START)) + "\ntime=\"2026-11-21T03:00:00Z\" level=info msg=\"beginning dump 1\" run=a\n";
    let pretty = "{\n\t\"Name\": \"run\",\n\t\"SpanContext\": {\n\t\t\"TraceID\": \"0af7651916cd43dd8448eb211c80319c\",\n\t\t\"SpanID\": \"b7ad6b7169203331\"\n\t},\n\t\"StartTime\": \"2026-11-21T03:00:00.000000001Z\",\n\t\"Attributes\": [\n\t\t{\n\t\t\t\"Key\": \"backup.bytes\",\n\t\t\t\"Value\": {\"Type\": \"INT64\", \"Value\": 7}\n\t\t}\n\t]\n}\n";
    let of_two: String = pretty
        .lines()
        .map(|line| format!("\x1b[36mbackup-1  |\x1b[0m 2026-11-21T03:00:00Z {line}\napp-1     | {{\"a\": [\n"))
        .collect();
    let docker: String = pretty
        .lines()
        .map(|line| serde_json::json!({ "log": line, "stream": "stderr", "time": "x" }).to_string() + "\n")
        .collect();
    let message = request(run(1, START)).encode_to_vec();
    let framed = [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
    let seeds = [
        lines.clone().into_bytes(),
        pretty.as_bytes().to_vec(),
        of_two.into_bytes(),
        docker.into_bytes(),
        framed,
        zstd::bulk::compress(lines.as_bytes(), 1).unwrap(),
    ];
    mutate_all(&seeds, |bytes| {
        let mut told = 0;
        let mut source = bytes;
        let census = read(&mut source, &mut |piece| {
            told += match piece {
                Told::Spans(_, spans) => spans.len() as u64,
                Told::Run(_) => 1,
            };
        });
        if let Ok(census) = census {
            assert_eq!(census.spans + census.runs, told);
        }
    });
}

#[test]
fn fuzz_damaged_requests_of_agents_and_logs_never_panic() {
    let seeds = [
        br#"{"dbId":"b1a2","email":"a@b","version":"0.5.0","cron":"0 3 * * *"}"#.to_vec(),
        br#"{"dbType":"mysql","version":"0.5.0","cron":"x","size":5242880,"time":41000}"#.to_vec(),
        br#"[{"run":"aaa","timestamp":"2026-11-21T03:00:00Z","level":"info","fields":{},"message":"beginning dump 1"}]"#.to_vec(),
    ];
    let mut logs = LogRequests::default();
    mutate_all(&seeds, |bytes| {
        let now = Moment(1_795_230_000_000);
        let _ = (dbacked::of_beacon(bytes, now), dbacked::of_analytics(bytes, now), logs.read(bytes));
    });
}

#[test]
fn fuzz_texts_with_secrets_are_cleaned_whatever_has_happened_to_them() {
    let seeds: Vec<Vec<u8>> = super::secrets::texts().into_iter().map(String::into_bytes).collect();
    mutate_all(&seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let cleaned = breakglass::telemetry::clean::clean(&text);
        assert!(cleaned.len() <= 2 * text.len() + 64, "{text:?}");
    });
}
