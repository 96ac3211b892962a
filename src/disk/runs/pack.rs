//! Spans as they lie in the file: protobuf, zstd around it, one piece per trace.
//!
//! A span takes some 60 bytes this way. The coding is our own and only ever extended, as protobuf allows.

use prost::Message;

use super::squeeze::{squeeze, unsqueeze};
use crate::model::foreign::Foreign;
use crate::model::run::{Attribute, AttributeValue, Span, SpanEvent, SpanId, SpanStatus, TraceId};

/// Lists inside lists that are followed.
const DEEPEST: usize = 8;

#[derive(Clone, PartialEq, Message)]
struct Packed {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<PackedSpan>,
}

#[derive(Clone, PartialEq, Message)]
struct PackedSpan {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    parent: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    scope: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    service: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    host: Vec<u8>,
    #[prost(fixed64, tag = "7")]
    start_ns: u64,
    #[prost(fixed64, tag = "8")]
    end_ns: u64,
    #[prost(uint32, tag = "9")]
    status: u32,
    #[prost(bytes = "vec", tag = "10")]
    message: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    attributes: Vec<PackedAttribute>,
    #[prost(message, repeated, tag = "12")]
    events: Vec<PackedEvent>,
    #[prost(uint32, tag = "13")]
    dropped: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PackedAttribute {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    value: Option<PackedValue>,
}

#[derive(Clone, PartialEq, Message)]
struct PackedValue {
    #[prost(oneof = "PackedKind", tags = "1, 2, 3, 4, 5")]
    kind: Option<PackedKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum PackedKind {
    #[prost(bytes, tag = "1")]
    Text(Vec<u8>),
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(double, tag = "3")]
    Float(f64),
    #[prost(bool, tag = "4")]
    Flag(bool),
    #[prost(message, tag = "5")]
    List(PackedList),
}

#[derive(Clone, PartialEq, Message)]
struct PackedList {
    #[prost(message, repeated, tag = "1")]
    values: Vec<PackedValue>,
}

#[derive(Clone, PartialEq, Message)]
struct PackedEvent {
    #[prost(fixed64, tag = "1")]
    at_ns: u64,
    #[prost(bytes = "vec", tag = "2")]
    name: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<PackedAttribute>,
}

/// Packs the spans of one trace.
///
/// # Errors
///
/// When there is no memory for it.
pub(super) fn pack(spans: &[Span]) -> std::io::Result<Vec<u8>> {
    squeeze(&Packed { spans: spans.iter().map(packed_span).collect() }.encode_to_vec())
}

/// Unpacks them; `None` for bytes that are none of ours.
pub(super) fn unpack(trace: TraceId, bytes: &[u8]) -> Option<Vec<Span>> {
    let packed = Packed::decode(unsqueeze(bytes)?.as_slice()).ok()?;
    packed.spans.into_iter().map(|span| span_of(trace, span)).collect()
}

fn packed_span(span: &Span) -> PackedSpan {
    PackedSpan {
        id: span.id.0.to_vec(),
        parent: span.parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
        name: span.name.raw_bytes().to_vec(),
        scope: span.scope.raw_bytes().to_vec(),
        service: span.service.raw_bytes().to_vec(),
        host: span.host.raw_bytes().to_vec(),
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        status: match span.status {
            SpanStatus::Unset => 0,
            SpanStatus::Ok => 1,
            SpanStatus::Error => 2,
        },
        message: span.message.raw_bytes().to_vec(),
        attributes: span.attributes.iter().map(packed_attribute).collect(),
        events: span.events.iter().map(packed_event).collect(),
        dropped: span.dropped,
    }
}

fn packed_event(event: &SpanEvent) -> PackedEvent {
    let attributes = event.attributes.iter().map(packed_attribute).collect();
    PackedEvent { at_ns: event.at_ns, name: event.name.raw_bytes().to_vec(), attributes }
}

fn packed_attribute(attribute: &Attribute) -> PackedAttribute {
    PackedAttribute { key: attribute.key.raw_bytes().to_vec(), value: Some(packed_value(&attribute.value, DEEPEST)) }
}

fn packed_value(value: &AttributeValue, depth: usize) -> PackedValue {
    let kind = match value {
        AttributeValue::Text(text) => PackedKind::Text(text.raw_bytes().to_vec()),
        AttributeValue::Int(number) => PackedKind::Int(*number),
        AttributeValue::Float(number) => PackedKind::Float(*number),
        AttributeValue::Flag(flag) => PackedKind::Flag(*flag),
        AttributeValue::List(values) => {
            let inner = values.iter().filter(|_| depth > 0);
            PackedKind::List(PackedList { values: inner.map(|value| packed_value(value, depth - 1)).collect() })
        }
    };
    PackedValue { kind: Some(kind) }
}

fn span_of(trace: TraceId, packed: PackedSpan) -> Option<Span> {
    Some(Span {
        trace,
        id: SpanId::of(&packed.id)?,
        parent: SpanId::of(&packed.parent),
        name: Foreign::new(packed.name),
        scope: Foreign::new(packed.scope),
        service: Foreign::new(packed.service),
        host: Foreign::new(packed.host),
        start_ns: packed.start_ns,
        end_ns: packed.end_ns,
        status: match packed.status {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        message: Foreign::new(packed.message),
        attributes: packed.attributes.into_iter().map(attribute_of).collect(),
        events: packed.events.into_iter().map(event_of).collect(),
        dropped: packed.dropped,
    })
}

fn event_of(packed: PackedEvent) -> SpanEvent {
    let attributes = packed.attributes.into_iter().map(attribute_of).collect();
    SpanEvent { at_ns: packed.at_ns, name: Foreign::new(packed.name), attributes }
}

fn attribute_of(packed: PackedAttribute) -> Attribute {
    let value = packed.value.map_or_else(|| AttributeValue::Text(Foreign::default()), value_of);
    Attribute { key: Foreign::new(packed.key), value }
}

fn value_of(packed: PackedValue) -> AttributeValue {
    match packed.kind {
        None => AttributeValue::Text(Foreign::default()),
        Some(PackedKind::Text(text)) => AttributeValue::Text(Foreign::new(text)),
        Some(PackedKind::Int(number)) => AttributeValue::Int(number),
        Some(PackedKind::Float(number)) => AttributeValue::Float(number),
        Some(PackedKind::Flag(flag)) => AttributeValue::Flag(flag),
        Some(PackedKind::List(list)) => AttributeValue::List(list.values.into_iter().map(value_of).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_span_survives_packing() {
        let trace = TraceId([7; 16]);
        let text = |text: &str| AttributeValue::Text(Foreign::from(text));
        let attribute = |value| Attribute { key: Foreign::from("k"), value };
        let span = Span {
            trace,
            id: SpanId([1; 8]),
            parent: Some(SpanId([2; 8])),
            name: Foreign::new([b'a', 0xff]),
            scope: Foreign::from("mysql-backup/dump"),
            service: Foreign::from("s"),
            host: Foreign::from("h"),
            start_ns: u64::MAX,
            end_ns: 1,
            status: SpanStatus::Error,
            message: Foreign::from("no"),
            attributes: vec![
                attribute(text("v")),
                attribute(AttributeValue::Int(i64::MIN)),
                attribute(AttributeValue::Float(0.5)),
                attribute(AttributeValue::Flag(true)),
                attribute(AttributeValue::List(vec![text("a"), AttributeValue::List(vec![text("b")])])),
            ],
            events: vec![SpanEvent {
                at_ns: 9,
                name: Foreign::from("exception"),
                attributes: vec![attribute(text("e"))],
            }],
            dropped: 3,
        };
        let packed = pack(std::slice::from_ref(&span)).unwrap();
        assert_eq!(unpack(trace, &packed), Some(vec![span]));
        assert_eq!(unpack(trace, b"no zstd"), None);
        assert_eq!(unpack(trace, &packed[..packed.len() - 3]), None);
    }
}
