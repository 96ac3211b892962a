//! Spans of our own jobs, as OTLP sends them: under the names that mysql-backup uses where it does the same.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind};
use prost::Message;

use crate::telemetry::clean::clean;

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnValue {
    /// Text, safe to draw.
    Text(String),
    /// A number.
    Int(i64),
}

/// One timed piece of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSpan {
    /// Its name.
    pub name: &'static str,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970.
    pub end_ns: u64,
    /// What it says about itself.
    pub attributes: Vec<(&'static str, OwnValue)>,
    /// `Err`: what went wrong, safe to draw and without row values.
    pub result: Result<(), String>,
}

/// One job: its whole and its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTrace {
    /// Random bytes.
    pub trace: [u8; 16],
    /// The whole, under `mysql-backup`'s kind of name.
    pub root: (OwnSpan, [u8; 8]),
    /// Its parts, in order.
    pub parts: Vec<(OwnSpan, [u8; 8])>,
}

/// An encoded `ExportTraceServiceRequest` of one job; `resource` says who sends it.
pub fn request(resource: &[(String, String)], job: OwnTrace) -> Vec<u8> {
    let parent = job.root.1;
    let root = span(job.trace, job.root, None);
    let parts = job.parts.into_iter().map(|part| span(job.trace, part, Some(parent)));
    let scope = InstrumentationScope {
        name: "breakglass/job".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = parts.chain([root]).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    let attributes = resource.iter().map(|(key, value)| text(key, value.clone())).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn span(trace: [u8; 16], (own, id): (OwnSpan, [u8; 8]), parent: Option<[u8; 8]>) -> Span {
    let attributes = own.attributes.into_iter().map(|(key, value)| match value {
        OwnValue::Text(value) => text(key, clean(&value)),
        OwnValue::Int(number) => attribute(key, Value::IntValue(number)),
    });
    let status = match own.result {
        Ok(()) => Status { code: StatusCode::Ok.into(), message: String::new() },
        Err(message) => Status { code: StatusCode::Error.into(), message: clean(&message) },
    };
    Span {
        trace_id: trace.to_vec(),
        span_id: id.to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |id| id.to_vec()),
        name: own.name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: own.start_ns,
        end_time_unix_nano: own.end_ns,
        attributes: attributes.collect(),
        status: Some(status),
        ..Span::default()
    }
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_tell_of_ourselves_holds_no_secret() {
        let part = OwnSpan {
            name: "pull file",
            start_ns: 1,
            end_ns: 2,
            attributes: vec![("backup.target.url", OwnValue::Text("smb://u:ZqOne@nas/x".to_owned()))],
            result: Err("the helper said: DB_PASS=ZqTwo is wrong".to_owned()),
        };
        let root = OwnSpan { name: "verify", attributes: vec![], ..part.clone() };
        let told = request(&[], OwnTrace { trace: [1; 16], root: (root, [2; 8]), parts: vec![(part, [3; 8])] });
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("smb://nas/x") && told.contains("the helper said"), "{told}");
        assert!(!told.contains("Zq"), "{told}");
    }
}
