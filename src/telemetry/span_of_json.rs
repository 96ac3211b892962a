//! One span in JSON as OTLP writes it, whoever's dialect.

use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::{Map, Value};

use super::budget::{self, Attributes, Budget, DEEPEST, EVENTS, Raw, member};
use super::protobuf::{Sender, blank, status_of};
use crate::model::foreign::Foreign;
use crate::model::run::{AttributeValue, Span, SpanEvent, SpanId, SpanStatus, TraceId};

/// Reads a span; the reason where it cannot be used.
pub(super) fn span(value: &Value, sender: &Sender, budget: &mut Budget) -> Result<Span, &'static str> {
    let Value::Object(fields) = value else { return Err("a span is no object") };
    let mut span = blank(sender);
    span.trace =
        id(fields, "traceId", "trace_id").and_then(|bytes| TraceId::of(&bytes)).ok_or("a span has no trace id")?;
    span.id = id(fields, "spanId", "span_id").and_then(|bytes| SpanId::of(&bytes)).ok_or("a span has no id")?;
    span.parent = id(fields, "parentSpanId", "parent_span_id").and_then(|bytes| SpanId::of(&bytes));
    span.name = budget::name(text(fields, "name").as_bytes());
    span.start_ns = field(fields, "startTimeUnixNano", "start_time_unix_nano").map_or(0, nanos);
    span.end_ns = field(fields, "endTimeUnixNano", "end_time_unix_nano").map_or(0, nanos);
    if let Some(Value::Object(status)) = fields.get("status") {
        span.status = status_code(status.get("code"));
        span.message = budget::text(text(status, "message").as_bytes());
    }
    let mut attributes = Attributes::new(budget);
    pairs(fields, &mut attributes);
    let kept = std::mem::take(&mut attributes.kept);
    let events = fields.get("events").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for event in events.iter().take(EVENTS).filter_map(Value::as_object) {
        span.events.push(read_event(event, &mut attributes));
    }
    let left_out = u32::try_from(events.len().saturating_sub(EVENTS)).unwrap_or(u32::MAX);
    span.dropped = attributes.dropped.saturating_add(left_out).saturating_add(dropped(fields));
    span.attributes = kept;
    Ok(span)
}

fn field<'a>(fields: &'a Map<String, Value>, camel: &str, snake: &str) -> Option<&'a Value> {
    fields.get(camel).or_else(|| fields.get(snake))
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn dropped(fields: &Map<String, Value>) -> u32 {
    let count = |name| fields.get(name).map_or(0, nanos);
    u32::try_from(count("droppedAttributesCount").saturating_add(count("droppedEventsCount"))).unwrap_or(u32::MAX)
}

/// Hex as OTLP wants it, else base64 as protobuf's own JSON has it.
fn id(fields: &Map<String, Value>, camel: &str, snake: &str) -> Option<Vec<u8>> {
    let text = field(fields, camel, snake)?.as_str()?;
    let hex =
        (text.len() == 32 || text.len() == 16).then(|| data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok());
    hex.flatten().or_else(|| BASE64.decode(text.as_bytes()).ok()).or_else(|| BASE64_NOPAD.decode(text.as_bytes()).ok())
}

/// A number without sign, whether it was written as one or as text; 0 for anything else.
fn nanos(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.trim().parse().unwrap_or(0),
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|float| float as u64)).unwrap_or(0),
        _ => 0,
    }
}

fn status_code(code: Option<&Value>) -> SpanStatus {
    match code {
        Some(Value::String(word)) => match word.trim_start_matches("STATUS_CODE_") {
            "OK" | "Ok" | "1" => SpanStatus::Ok,
            "ERROR" | "Error" | "2" => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        Some(number) => status_of(nanos(number)),
        None => SpanStatus::Unset,
    }
}

fn read_event(event: &Map<String, Value>, attributes: &mut Attributes<'_>) -> SpanEvent {
    pairs(event, attributes);
    SpanEvent {
        at_ns: field(event, "timeUnixNano", "time_unix_nano").map_or(0, nanos),
        name: budget::name(text(event, "name").as_bytes()),
        attributes: std::mem::take(&mut attributes.kept),
    }
}

fn pairs(fields: &Map<String, Value>, into: &mut Attributes<'_>) {
    let Some(list) = fields.get("attributes").and_then(Value::as_array) else { return };
    for pair in list.iter().filter_map(Value::as_object) {
        if into.has_room() {
            let value = pair.get("value").map_or(Raw::Text(b""), |value| raw(value, into, DEEPEST));
            into.push(text(pair, "key").as_bytes(), value);
        }
    }
}

/// The name and the text of an attribute that holds one.
pub(super) fn attribute_text(attribute: &Value) -> Option<(&str, &str)> {
    let value = attribute.get("value")?;
    let text = value.get("stringValue").or_else(|| value.get("string_value"))?;
    Some((attribute.get("key")?.as_str()?, text.as_str()?))
}

/// An `AnyValue`: an object with one member that tells its type. A bare value is taken for what it is.
fn raw<'a>(value: &'a Value, room: &mut Attributes<'_>, depth: usize) -> Raw<'a> {
    let Value::Object(typed) = value else { return bare(value) };
    let Some((kind, inner)) = typed.iter().next() else { return Raw::Text(b"") };
    match (kind.as_str(), inner) {
        ("intValue" | "int_value", Value::String(text)) => match text.parse() {
            Ok(number) => Raw::Int(number),
            Err(_) => Raw::Text(text.as_bytes()),
        },
        ("doubleValue" | "double_value", Value::String(text)) => Raw::Float(text.parse().unwrap_or(f64::NAN)),
        ("arrayValue" | "array_value" | "kvlistValue" | "kvlist_value", _) if depth == 0 => Raw::Text(b"..."),
        ("arrayValue" | "array_value", list) => Raw::List(array(list, room, depth)),
        ("kvlistValue" | "kvlist_value", list) => Raw::List(map(list, room, depth)),
        ("bytesValue" | "bytes_value", Value::String(text)) => {
            let bytes = text.len() / 4 * 3;
            Raw::List(vec![AttributeValue::Text(Foreign::from(format!("about {bytes} bytes")))])
        }
        (_, inner) => bare(inner),
    }
}

fn bare(value: &Value) -> Raw<'_> {
    match value {
        Value::String(text) => Raw::Text(text.as_bytes()),
        Value::Bool(flag) => Raw::Flag(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Raw::Int(number),
            None => Raw::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => Raw::Text(b""),
    }
}

fn listed(list: &Value) -> impl Iterator<Item = &Value> {
    let values = list.get("values").unwrap_or(list).as_array();
    values.into_iter().flatten()
}

fn array(list: &Value, room: &mut Attributes<'_>, depth: usize) -> Vec<AttributeValue> {
    let mut values = vec![];
    for value in listed(list) {
        if room.has_room_for_member(values.len()) {
            values.push(member(raw(value, room, depth - 1)));
        }
    }
    values
}

fn map(list: &Value, room: &mut Attributes<'_>, depth: usize) -> Vec<AttributeValue> {
    let mut values = vec![];
    for pair in listed(list).filter_map(Value::as_object) {
        if room.has_room_for_member(values.len()) {
            let value = pair.get("value").map(|value| member(raw(value, room, depth - 1)));
            values.push(budget::pair(text(pair, "key").as_bytes(), value));
        }
    }
    values
}
