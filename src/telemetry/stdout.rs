//! What Go's `stdouttrace` prints, as mysql-backup does with `--trace-stderr`: one object per span.

use serde_json::{Map, Value};

use super::budget::{self, Attributes, Budget, EVENTS, Raw, member};
use super::protobuf::{Sender, blank};
use crate::model::run::{Span, SpanEvent, SpanId, SpanStatus, TraceId};

/// The greatest object that is read.
pub(super) const OBJECT: usize = 4 << 20;

/// Whether an object is such a span, or was meant to be one.
pub(super) fn is_span(value: &Value) -> bool {
    value.get("SpanContext").is_some()
}

/// Reads a span; the reason where it cannot be used.
pub(super) fn span(value: &Value, budget: &mut Budget) -> Result<Span, &'static str> {
    let Value::Object(fields) = value else { return Err("a span is no object") };
    let mut span = blank(&sender(fields));
    let context = fields.get("SpanContext").and_then(Value::as_object).ok_or("a span has no context")?;
    span.trace = TraceId::parse(text(context, "TraceID")).ok_or("a span has no trace id")?;
    span.id = SpanId::parse(text(context, "SpanID")).ok_or("a span has no id")?;
    span.parent =
        fields.get("Parent").and_then(Value::as_object).and_then(|parent| SpanId::parse(text(parent, "SpanID")));
    span.name = budget::name(text(fields, "Name").as_bytes());
    span.start_ns = nanos(text(fields, "StartTime"));
    span.end_ns = nanos(text(fields, "EndTime"));
    if let Some(Value::Object(status)) = fields.get("Status") {
        span.status = match text(status, "Code") {
            "Ok" => SpanStatus::Ok,
            "Error" => SpanStatus::Error,
            _ => SpanStatus::Unset,
        };
        span.message = budget::text(text(status, "Description").as_bytes());
    }
    let mut attributes = Attributes::new(budget);
    pairs(fields, &mut attributes);
    let kept = std::mem::take(&mut attributes.kept);
    for event in list(fields, "Events").iter().take(EVENTS).filter_map(Value::as_object) {
        pairs(event, &mut attributes);
        span.events.push(SpanEvent {
            at_ns: nanos(text(event, "Time")),
            name: budget::name(text(event, "Name").as_bytes()),
            attributes: std::mem::take(&mut attributes.kept),
        });
    }
    let left_out = list(fields, "Events").len().saturating_sub(EVENTS);
    span.dropped = attributes.dropped.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
    span.attributes = kept;
    Ok(span)
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    fields.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn sender(fields: &Map<String, Value>) -> Sender {
    // `InstrumentationLibrary` is the name of older versions; newer ones write both.
    let scope = fields.get("InstrumentationScope").or_else(|| fields.get("InstrumentationLibrary"));
    let scope = scope.and_then(Value::as_object).map_or("", |scope| text(scope, "Name"));
    let resource = |key: &str| {
        let found = list(fields, "Resource").iter().filter_map(Value::as_object).find(|pair| text(pair, "Key") == key);
        let value = found.and_then(|pair| pair.get("Value")?.get("Value")?.as_str());
        budget::name(value.unwrap_or_default().as_bytes())
    };
    Sender { service: resource("service.name"), host: resource("host.name"), scope: budget::name(scope.as_bytes()) }
}

/// RFC 3339 with nanoseconds; 0 for anything else, Go's zero time included.
fn nanos(time: &str) -> u64 {
    let parsed = time.parse::<jiff::Timestamp>().ok();
    parsed.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}

fn pairs(fields: &Map<String, Value>, into: &mut Attributes<'_>) {
    for pair in list(fields, "Attributes").iter().filter_map(Value::as_object) {
        if into.has_room() {
            let value = pair.get("Value").and_then(|typed| typed.get("Value")).unwrap_or(&Value::Null);
            let value = raw(value, into);
            into.push(text(pair, "Key").as_bytes(), value);
        }
    }
}

fn raw<'a>(value: &'a Value, room: &mut Attributes<'_>) -> Raw<'a> {
    match value {
        Value::String(text) => Raw::Text(text.as_bytes()),
        Value::Bool(flag) => Raw::Flag(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Raw::Int(number),
            None => Raw::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(values) => {
            let mut kept = vec![];
            for value in values.iter().filter(|value| !value.is_array() && !value.is_object()) {
                if room.has_room_for_member(kept.len()) {
                    kept.push(member(raw(value, room)));
                }
            }
            Raw::List(kept)
        }
        Value::Null | Value::Object(_) => Raw::Text(b""),
    }
}
