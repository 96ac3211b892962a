//! Runs of mysql-backup as it tells of them, made with the official OTLP messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// 2026-11-21 03:00 UTC, in seconds.
pub const START: u64 = 1_795_230_000;

const SECOND: u64 = 1_000_000_000;

pub fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

pub fn int(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

pub fn list(key: &str, values: &[&str]) -> KeyValue {
    let values = values.iter().map(|value| any(Value::StringValue((*value).to_owned()))).collect();
    pair(key, Value::ArrayValue(ArrayValue { values }))
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

/// The eleven spans of run `number`, which began at `at` (seconds since 1970), children first as the SDK sends them.
pub fn run(number: u64, at: u64) -> Vec<Span> {
    let series = number % 50;
    let name = format!("db_backup_{at}.tgz");
    let identity = format!("mysql:all:5c0e{series:04}");
    let mut run = Making { number, at, next: 0, spans: vec![] };
    let uuid = format!("0f1e2d3c-0000-4000-8000-{number:012x}");
    let bytes = 4_000_000 + (number % 1000) as i64 * 977;
    let root = run.span(
        "run",
        None,
        (0, 60),
        StatusCode::Ok,
        vec![
            text("backup.run_id", &uuid),
            text("db.system", "mysql"),
            text("server.address", &format!("db{series}.example")),
            int("server.port", 3306),
            text("backup.protected_target.selection_mode", "all"),
            text("backup.protected_target.identity", &identity),
            text("backup.status", "ok"),
            int("backup.exit_code", 0),
            int("backup.bytes", bytes),
        ],
    );
    let dump = run.span(
        "dump",
        Some(root),
        (0, 55),
        StatusCode::Unset,
        vec![
            text("timestamp", &at.to_string()),
            text("target-filename", &name),
            list("actual-schemas", &["shop", "crm"]),
            text("backup.protected_target.identity", &identity),
        ],
    );
    run.span("pre-backup", Some(dump), (0, 1), StatusCode::Unset, vec![]);
    run.span("database_dump", Some(dump), (1, 30), StatusCode::Ok, vec![]);
    run.span("output_tar", Some(dump), (30, 40), StatusCode::Ok, vec![int("backup.bytes", bytes)]);
    let upload = run.span("upload", Some(dump), (40, 50), StatusCode::Ok, vec![]);
    for (kind, url) in [("s3", "s3://acme-bak/mysql"), ("smb", "smb://nas/backups")] {
        let target = vec![text("backup.target.type", kind), text("backup.target.url", url)];
        run.span("upload", Some(upload), (40, 49), StatusCode::Ok, target);
    }
    run.span("post-backup", Some(dump), (50, 51), StatusCode::Unset, vec![]);
    let prune = run.span("prune", Some(root), (55, 59), StatusCode::Unset, vec![]);
    run.span(
        "pruneTarget s3://acme-bak/mysql",
        Some(prune),
        (55, 58),
        StatusCode::Ok,
        vec![list("candidates", &["db_backup_1.tgz"]), list("ignored", &[])],
    );
    run.spans.reverse();
    run.spans
}

struct Making {
    number: u64,
    at: u64,
    next: u64,
    spans: Vec<Span>,
}

impl Making {
    fn span(
        &mut self,
        name: &str,
        parent: Option<u64>,
        (from, to): (u64, u64),
        status: StatusCode,
        attributes: Vec<KeyValue>,
    ) -> u64 {
        self.next += 1;
        let id = |next: u64| (self.number * 100 + next).to_be_bytes().to_vec();
        let at = |second: u64| (self.at + second) * SECOND + 250_000_000;
        self.spans.push(Span {
            trace_id: trace(self.number).to_vec(),
            span_id: id(self.next),
            parent_span_id: parent.map_or_else(Vec::new, id),
            name: name.to_owned(),
            kind: 1,
            start_time_unix_nano: at(from),
            end_time_unix_nano: at(to),
            attributes,
            status: Some(Status { code: status as i32, message: String::new() }),
            ..Span::default()
        });
        self.next
    }
}

/// The trace of run `number`: random as ids are, the same every time.
pub fn trace(number: u64) -> [u8; 16] {
    let mix = |seed: u64| {
        let mut x = number.wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    (u128::from(mix(1)) << 64 | u128::from(mix(2))).to_be_bytes()
}

/// A request as mysql-backup's SDK sends it.
pub fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "mysql-backup/dump".to_owned(), ..InstrumentationScope::default() };
    request_of("unknown_service:mysql-backup", scope, spans)
}

pub fn request_of(service: &str, scope: InstrumentationScope, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![text("service.name", service), text("host.name", "db-host-1")];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    }
}
