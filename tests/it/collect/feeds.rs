//! Files and tables of telemetry, as each tool leaves them.

use std::fs;
use std::io::Write;

use breakglass::model::run::{Feed, Run, RunKind, RunState};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use super::payloads::{START, request, run};
use super::{keeping, runs};
use crate::cli::{Home, fixture};
use crate::support::databases::servers;

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::StringValue(text) => json!({ "stringValue": text }),
        Value::IntValue(number) => json!({ "intValue": number.to_string() }),
        Value::ArrayValue(list) => {
            let values = list.values.iter().map(|any| self::value(any.value.as_ref().unwrap()));
            json!({ "arrayValue": { "values": values.collect::<Vec<_>>() } })
        }
        other => panic!("{other:?}"),
    }
}

/// A line of the Collector's file exporter: ids in hex, times and whole numbers as text.
pub fn collector_line(spans: &[Span]) -> String {
    let spans = spans.iter().map(|span| {
        let attributes = span.attributes.iter().map(
            |pair| json!({ "key": pair.key, "value": value(pair.value.as_ref().unwrap().value.as_ref().unwrap()) }),
        );
        let status = span.status.as_ref().unwrap();
        let status = if status.code == 0 { json!({}) } else { json!({ "code": status.code }) };
        json!({
            "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
            "flags": 256, "name": span.name, "kind": 1, "startTimeUnixNano": span.start_time_unix_nano.to_string(),
            "endTimeUnixNano": span.end_time_unix_nano.to_string(), "attributes": attributes.collect::<Vec<_>>(),
            "status": status,
        })
    });
    let resource = json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "unknown_service:mysql-backup" } }] });
    let scopes = json!([{ "scope": { "name": "mysql-backup/dump" }, "spans": spans.collect::<Vec<_>>() }]);
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": scopes }] }).to_string()
}

/// A span of another program, as the same Collector writes it.
const FOREIGN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"net/http"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET /","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2","status":{}}]}]}]}"#;

/// What `--trace-stderr` prints of the same spans: pretty, one after the other.
fn trace_stderr(spans: &[Span]) -> String {
    let time = |nanos: u64| {
        let time = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
        time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
    };
    let typed = |any: &Value| match any {
        Value::StringValue(text) => json!({ "Type": "STRING", "Value": text }),
        Value::IntValue(number) => json!({ "Type": "INT64", "Value": number }),
        Value::ArrayValue(list) => {
            let texts = list.values.iter().map(|any| match any.value.as_ref().unwrap() {
                Value::StringValue(text) => text.clone(),
                other => panic!("{other:?}"),
            });
            json!({ "Type": "STRINGSLICE", "Value": texts.collect::<Vec<_>>() })
        }
        other => panic!("{other:?}"),
    };
    let one = |span: &Span| {
        let attributes = span.attributes.iter().map(
            |pair| json!({ "Key": pair.key, "Value": typed(pair.value.as_ref().unwrap().value.as_ref().unwrap()) }),
        );
        let parent =
            if span.parent_span_id.is_empty() { "0000000000000000".to_owned() } else { hex(&span.parent_span_id) };
        let trace = hex(&span.trace_id);
        let code = ["Unset", "Ok", "Error"][span.status.as_ref().unwrap().code as usize];
        let value = json!({
            "Name": span.name, "SpanKind": 1,
            "SpanContext": { "TraceID": trace, "SpanID": hex(&span.span_id), "TraceFlags": "01", "TraceState": "", "Remote": false },
            "Parent": { "TraceID": trace, "SpanID": parent, "TraceFlags": "01", "TraceState": "", "Remote": false },
            "StartTime": time(span.start_time_unix_nano), "EndTime": time(span.end_time_unix_nano),
            "Attributes": attributes.collect::<Vec<_>>(), "Events": null, "Links": null,
            "Status": { "Code": code, "Description": "" }, "DroppedAttributes": 0, "ChildSpanCount": 0,
            "Resource": [{ "Key": "service.name", "Value": { "Type": "STRING", "Value": "unknown_service:mysql-backup" } }],
            "InstrumentationScope": { "Name": "mysql-backup/dump", "Version": "", "SchemaURL": "" },
        });
        let mut text = vec![];
        let indent = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        serde::Serialize::serialize(&value, &mut serde_json::Serializer::with_formatter(&mut text, indent)).unwrap();
        String::from_utf8(text).unwrap()
    };
    spans.iter().map(|span| one(span) + "\n").collect()
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat())
        .collect()
}

/// The same story whichever feed told it.
fn assert_same_story(told: &[Run], feed: Feed, what: &str) {
    assert_eq!(told.len(), 3, "{what}");
    for run in told {
        let facts = (run.feed, run.kind, run.state, run.spans, run.objects.len(), run.phases.len(), run.pruned.len());
        assert_eq!(facts, (feed, RunKind::Backup, RunState::Ok, 11, 2, 7, 1), "{what}");
        assert_eq!(run.took().unwrap().as_secs(), 60, "{what}");
        assert!(run.run_id.is_some() && run.bytes.is_some() && run.database_count == Some(2), "{what}");
    }
}

#[test]
fn a_collectors_files_tell_the_same_in_every_form_that_it_writes() {
    let lines = (0..3).map(|n| collector_line(&run(n, START + n * 86_400)) + "\n").collect::<String>() + FOREIGN + "\n";
    let protobuf: Vec<Vec<u8>> = (0..3).map(|n| request(run(n, START + n * 86_400)).encode_to_vec()).collect();
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let packed_lines: Vec<Vec<u8>> = lines.lines().map(|line| zstd(line.as_bytes())).collect();
    let packed: Vec<Vec<u8>> = protobuf.iter().map(|message| zstd(message)).collect();
    for (what, bytes) in [
        ("lines", lines.clone().into_bytes()),
        ("lines, gzip", gzip.finish().unwrap()),
        ("lines, zstd", zstd(lines.as_bytes())),
        ("lines, each zstd", framed(&packed_lines)),
        ("proto", framed(&protobuf)),
        ("proto, each zstd", framed(&packed)),
        ("proto, all zstd", zstd(&framed(&protobuf))),
    ] {
        let home = keeping();
        fs::write(home.path("traces"), bytes).unwrap();
        let read = home.run(&["collect", "traces", "--json"]);
        assert_eq!(read.code, 0, "{what}: {}", read.err);
        assert_same_story(&runs(&home), Feed::CollectorFile, what);
        let again = home.run(&["collect", "traces"]);
        assert!(again.out.contains("33 of them known already"), "{what}: {}", again.out);
        assert_eq!(runs(&home).len(), 3, "{what}");
    }
}

#[test]
fn a_containers_log_with_spans_lines_and_noise_tells_everything_in_it() {
    let home = keeping();
    let mut log = String::from("starting up\n");
    for n in 0..3 {
        log.push_str(&format!("time=\"2026-11-2{}T03:00:00Z\" level=info msg=\"beginning dump {n}\" run=0f1e2d3c-0000-4000-8000-{n:012x}\n", n + 1));
        log.push_str(&trace_stderr(&run(n, START + n * 86_400)));
        log.push_str(&format!("time=\"2026-11-2{}T03:01:00Z\" level=info msg=\"finished dump {n}\" run=0f1e2d3c-0000-4000-8000-{n:012x}\n", n + 1));
    }
    log.push_str("{\n\t\"Name\": \"cut\",\n\t\"SpanContext\": {\n");
    log.push_str("time=\"2026-11-24T03:00:00Z\" level=info msg=\"beginning dump 4\"\ntime=\"2026-11-24T03:00:09Z\" level=fatal msg=\"no space\"\n");
    let docker: String = log
        .lines()
        .map(|line| {
            json!({ "log": format!("{line}\n"), "stream": "stderr", "time": "2026-11-21T03:00:00Z" }).to_string() + "\n"
        })
        .collect();
    let kubernetes: String = log.lines().map(|line| format!("2026-11-21T03:00:00.1Z stderr F {line}\n")).collect();
    let timed: String = log.lines().map(|line| format!("2026-11-21T03:00:00.123456789Z {line}\n")).collect();
    // Another container's lines in between, some of which look like ours.
    let other = "app-1     | {\napp-1     | time=\"2026-11-21T03:00:00Z\" hello\n";
    let compose: String = log.lines().map(|line| format!("backup-1  | {line}\n{other}")).collect();
    let compose_timed: String =
        log.lines().map(|line| format!("backup-1  | 2026-11-21T03:00:00.123456789Z {line}\n")).collect();
    let trimmed: String = log.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
    // Docker cuts long lines, and the other stream's lines stand in between.
    let cut: String = log
        .lines()
        .map(|line| {
            let (start, end) = line.split_at(line.floor_char_boundary(line.len() / 2));
            let piece = |text: String, stream: &str| json!({ "log": text, "stream": stream }).to_string() + "\n";
            let other = piece("time=\"x\" other\n".to_owned(), "stdout");
            piece(start.to_owned(), "stderr") + &other + &piece(format!("{end}\n"), "stderr")
        })
        .collect();
    for (name, text) in [
        ("plain", &log),
        ("docker", &docker),
        ("kubernetes", &kubernetes),
        ("timed", &timed),
        ("compose", &compose),
        ("compose, timed", &compose_timed),
        ("trimmed", &trimmed),
        ("cut", &cut),
    ] {
        let home = keeping();
        fs::write(home.path(name), text).unwrap();
        let read = home.run(&["collect", name]);
        assert_eq!(read.code, 0, "{name}");
        assert!(read.out.contains("of something else"), "{name}: {}", read.out);
        let all = runs(&home);
        // Lines and spans of one run are one run: the spans tell more.
        let (spans, lines): (Vec<Run>, Vec<Run>) = all.into_iter().partition(|run| run.feed == Feed::TraceStderr);
        assert_same_story(&spans, Feed::TraceStderr, name);
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        assert_eq!((lines[0].feed, lines[0].state), (Feed::Logrus, RunState::Failed), "{name}");
    }
    drop(home);
}

#[test]
fn the_sources_of_an_estate_are_read_once_and_again_when_they_change() {
    let home = Home::new();
    fs::create_dir_all(home.path("otel")).unwrap();
    fs::create_dir_all(home.path("vault/telemetry")).unwrap();
    let line = |n: u64| collector_line(&run(n, START + n * 86_400)) + "\n";
    fs::write(home.path("otel/traces.json"), line(1)).unwrap();
    fs::write(home.path("vault/telemetry/old.json.zst"), zstd::bulk::compress(line(2).as_bytes(), 1).unwrap()).unwrap();
    fs::write(home.path("vault/elsewhere.json"), line(3)).unwrap();
    home.estate(&format!(
        "name = \"test\"\n[history]\nkeep = \"36500d\"\n[targets.vault]\nurl = \"file://{0}/vault/\"\n\
         [telemetry.live]\nurl = \"file://{0}/otel/\"\n[telemetry.old]\ntarget = \"vault\"\npath = \"telemetry/\"\n",
        home.path("").display()
    ));
    let read = |home: &Home| {
        let read = home.run(&["collect", "--feeds", "--json"]);
        assert_eq!(read.code, 0, "{}", read.err);
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        read.out
            .lines()
            .map(line)
            .map(|line| (line["runs"].as_u64().unwrap(), line["unchanged"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(&home), [(1, 0), (1, 0), (0, 0)]);
    assert_eq!(read(&home), [(0, 1), (0, 1), (0, 0)]);
    fs::write(home.path("otel/traces.json"), line(1) + &line(4)).unwrap();
    assert_eq!(read(&home), [(1, 0), (0, 1), (0, 0)]);
    assert_eq!(runs(&home).len(), 3);
}

#[test]
fn what_the_targets_list_is_history_too() {
    let home = Home::new();
    let keep = "[history]\nkeep = \"36500d\"\n";
    let bucket = fixture("objects");
    home.estate(&format!("name = \"test\"\n{keep}[targets.bucket]\nurl = \"file://{}/\"\n", bucket.display()));
    home.run_with_key(&["verify", "--newest-of-each", "--to", "whole"]);
    let first = home.run(&["collect", "--feeds"]);
    assert!(matches!(first.code, 0 | 7), "{}", first.err);
    let all = runs(&home);
    let metadata: Vec<&Run> = all.iter().filter(|run| run.feed == Feed::DbackedMetadata).collect();
    assert!(!metadata.is_empty(), "{}", first.out);
    for run in &metadata {
        assert_eq!((run.kind, run.state), (RunKind::Backup, RunState::Ok));
        assert!(run.started.is_some() && run.objects[0].name.is_some());
    }
    assert!(all.iter().any(|run| run.kind == RunKind::Verification && run.feed == Feed::Verification));
    home.run(&["collect", "--feeds"]);
    assert_eq!(runs(&home).len(), all.len());
}

#[test]
fn the_table_of_an_agent_tells_of_the_last_run_and_is_only_read() {
    for db in servers() {
        let database = db.database();
        database.sql("CREATE TABLE dbacked (k VARCHAR(128) UNIQUE, v VARCHAR(255))");
        database.sql("INSERT INTO dbacked VALUES ('dbId', 'b1a2'), ('lastBackupDate', '1795230000000')");
        let home = Home::new();
        fs::write(home.path("my.cnf"), "").unwrap();
        home.estate(&format!(
            "name = \"test\"\n[servers.prod]\nurl = \"mysql://root@127.0.0.1:{}/\"\ndefaults_file = \"my.cnf\"\n\
             [telemetry.agents]\nserver = \"prod\"\ndatabases = [\"{}\", \"no_such_database\"]\n",
            db.port, database.name
        ));
        let read = home.run(&["collect", "--feeds"]);
        assert_eq!(read.code, 0, "{}{}", read.out, read.err);
        let all = runs(&home);
        assert_eq!((all.len(), all[0].feed, all[0].ended.unwrap().0), (1, Feed::DbackedTable, 1_795_230_000_000));
        home.run(&["collect", "--feeds"]);
        assert_eq!(runs(&home).len(), 1);
    }
}

#[test]
fn a_source_that_names_nothing_known_is_refused_with_its_line() {
    let home = Home::new();
    for (text, says) in [
        ("[telemetry.x]\ntarget = \"vualt\"", "names no target"),
        ("[telemetry.x]\nserver = \"prod\"\ndatabases = [\"a\"]", "names no server"),
        ("[telemetry.x]\nurl = \"smb://nas/x\"", "does not read"),
        ("[telemetry.x]\nurl = \"sftp://u:pw@h/x\"", "password"),
        ("[telemetry.x]\npath = \"x\"", "telemetry.x.url"),
        ("[telemetry.x]\nurl = \"file:///x\"\ntarget = \"y\"", "several places"),
        ("[history]\nkeep = \"for ever\"", "no span"),
        ("[history]\nmax_size = \"7\"", "no size"),
        ("[history]\ngood_within = \"soon\"", "no span"),
        ("[history]\nkep = \"7d\"", "did you mean `keep`"),
    ] {
        home.estate(&format!("name = \"test\"\n{text}\n"));
        let refused = home.run(&["collect", "--feeds"]);
        assert_eq!(refused.code, 2, "{text}: {}", refused.err);
        assert!(refused.err.contains(says) && !refused.err.contains("pw@"), "{text}: {}", refused.err);
    }
}
