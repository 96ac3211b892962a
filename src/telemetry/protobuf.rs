//! OTLP in protobuf, read field by field from the body: no message tree is built, so that a body of a few
//! megabytes cannot become many times that in memory.
//!
//! # Source
//!
//! opentelemetry-proto 1.x: `collector/trace/v1`, `trace/v1`, `resource/v1`, `common/v1`.

use super::budget::{self, Attributes, Budget, DEEPEST, EVENTS, Raw, SPANS, member};
use super::wire::{Damaged, Fields, Value};
use super::{Batch, TelemetryError};
use crate::model::foreign::Foreign;
use crate::model::run::{AttributeValue, Span, SpanEvent, SpanId, SpanStatus, TraceId};
use crate::telemetry::recognise::{is_of_backup, is_startup};

/// Who sent a group of spans.
#[derive(Clone, Default)]
pub(super) struct Sender {
    pub service: Foreign,
    pub host: Foreign,
    pub scope: Foreign,
}

pub(super) fn read(body: &[u8]) -> Result<Batch, TelemetryError> {
    let mut batch = Batch::default();
    let mut budget = Budget::new();
    request(body, &mut batch, &mut budget).map_err(|stop| match stop {
        Stop::Damaged(damaged) => TelemetryError::Malformed {
            what: "a message is cut or damaged",
            at: body.len().saturating_sub(damaged.left),
        },
        Stop::TooMany => TelemetryError::TooMany { most: SPANS },
    })?;
    Ok(batch)
}

enum Stop {
    Damaged(Damaged),
    TooMany,
}

impl From<Damaged> for Stop {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged)
    }
}

fn request(body: &[u8], batch: &mut Batch, budget: &mut Budget) -> Result<(), Stop> {
    let mut fields = Fields::of(body);
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(resource_spans)) = field {
            of_resource(resource_spans, batch, budget)?;
        }
    }
    Ok(())
}

fn of_resource(message: &[u8], batch: &mut Batch, budget: &mut Budget) -> Result<(), Stop> {
    let mut sender = Sender::default();
    // Twice, since the resource may stand behind its spans.
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(resource)) = field {
            read_resource(resource, &mut sender)?;
        }
    }
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        if let (2, Value::Bytes(scope_spans)) = field {
            of_scope(scope_spans, &sender, batch, budget)?;
        }
    }
    Ok(())
}

fn read_resource(message: &[u8], sender: &mut Sender) -> Result<(), Damaged> {
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        let (1, Value::Bytes(pair)) = field else { continue };
        let (key, value) = pair_of(pair)?;
        let Some(Any::Text(text)) = any_of(value)? else { continue };
        match key {
            b"service.name" => sender.service = budget::name(text),
            b"host.name" => sender.host = budget::name(text),
            _ => {}
        }
    }
    Ok(())
}

fn of_scope(message: &[u8], sender: &Sender, batch: &mut Batch, budget: &mut Budget) -> Result<(), Stop> {
    let mut sender = sender.clone();
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        let (1, Value::Bytes(scope)) = field else { continue };
        let mut inner = Fields::of(scope);
        while let Some(field) = inner.next()? {
            if let (1, Value::Bytes(name)) = field {
                sender.scope = budget::name(name);
            }
        }
    }
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        if let (2, Value::Bytes(span)) = field {
            keep(batch, read_span(span, &sender, budget))?;
        }
    }
    Ok(())
}

fn keep(batch: &mut Batch, span: Result<Span, &'static str>) -> Result<(), Stop> {
    if batch.push(span) { Ok(()) } else { Err(Stop::TooMany) }
}

impl Batch {
    /// Takes a span, or counts why it is not taken; no more once there are too many.
    pub(super) fn push(&mut self, span: Result<Span, &'static str>) -> bool {
        match span {
            Err(why) => {
                self.refused += 1;
                self.why.get_or_insert(why);
            }
            Ok(span) if is_startup(&span) || !is_of_backup(&span) => self.foreign += 1,
            Ok(_) if self.spans.len() >= SPANS => return false,
            Ok(span) => self.spans.push(span),
        }
        true
    }
}

fn read_span(message: &[u8], sender: &Sender, budget: &mut Budget) -> Result<Span, &'static str> {
    let damaged = |_: Damaged| "a span is cut or damaged";
    let mut ids = (None, None, None);
    let mut span = blank(sender);
    let mut attributes = Attributes::new(budget);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next().map_err(damaged)? {
        match field {
            (1, Value::Bytes(id)) => ids.0 = TraceId::of(id),
            (2, Value::Bytes(id)) => ids.1 = SpanId::of(id),
            (4, Value::Bytes(id)) => ids.2 = SpanId::of(id),
            (5, Value::Bytes(name)) => span.name = budget::name(name),
            (7, Value::Fixed64(at)) => span.start_ns = at,
            (8, Value::Fixed64(at)) => span.end_ns = at,
            (9, Value::Bytes(pair)) if attributes.has_room() => read_pair(pair, &mut attributes).map_err(damaged)?,
            (10 | 12, Value::Varint(dropped)) => {
                span.dropped = span.dropped.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
            }
            (11, Value::Bytes(_)) if span.events.len() >= EVENTS => span.dropped = span.dropped.saturating_add(1),
            (11, Value::Bytes(event)) => {
                let event = read_event(event, &mut attributes).map_err(damaged)?;
                span.events.push(event);
            }
            (15, Value::Bytes(status)) => read_status(status, &mut span).map_err(damaged)?,
            _ => {}
        }
    }
    span.dropped = span.dropped.saturating_add(attributes.dropped);
    span.attributes = attributes.kept;
    span.trace = ids.0.ok_or("a span has no trace id")?;
    span.id = ids.1.ok_or("a span has no id")?;
    span.parent = ids.2;
    Ok(span)
}

/// A span of which nothing but its sender is known.
pub(super) fn blank(sender: &Sender) -> Span {
    Span {
        trace: TraceId([0; 16]),
        id: SpanId([0; 8]),
        parent: None,
        name: Foreign::default(),
        scope: sender.scope.clone(),
        service: sender.service.clone(),
        host: sender.host.clone(),
        start_ns: 0,
        end_ns: 0,
        status: SpanStatus::Unset,
        message: Foreign::default(),
        attributes: vec![],
        events: vec![],
        dropped: 0,
    }
}

fn read_status(message: &[u8], span: &mut Span) -> Result<(), Damaged> {
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (2, Value::Bytes(text)) => span.message = budget::text(text),
            (3, Value::Varint(code)) => span.status = status_of(code),
            _ => {}
        }
    }
    Ok(())
}

/// OTLP's codes: 0 unset, 1 ok, 2 error.
pub(super) fn status_of(code: u64) -> SpanStatus {
    match code {
        1 => SpanStatus::Ok,
        2 => SpanStatus::Error,
        _ => SpanStatus::Unset,
    }
}

fn read_event(message: &[u8], outer: &mut Attributes<'_>) -> Result<SpanEvent, Damaged> {
    let mut event = SpanEvent { at_ns: 0, name: Foreign::default(), attributes: vec![] };
    let before = std::mem::take(&mut outer.kept);
    let mut fields = Fields::of(message);
    let read = loop {
        match fields.next() {
            Err(damaged) => break Err(damaged),
            Ok(None) => break Ok(()),
            Ok(Some((1, Value::Fixed64(at)))) => event.at_ns = at,
            Ok(Some((2, Value::Bytes(name)))) => event.name = budget::name(name),
            Ok(Some((3, Value::Bytes(pair)))) if outer.has_room() => {
                if let Err(damaged) = read_pair(pair, outer) {
                    break Err(damaged);
                }
            }
            Ok(Some(_)) => {}
        }
    };
    event.attributes = std::mem::replace(&mut outer.kept, before);
    read.map(|()| event)
}

fn pair_of(message: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

fn read_pair(message: &[u8], into: &mut Attributes<'_>) -> Result<(), Damaged> {
    let (key, value) = pair_of(message)?;
    let value = match any_of(value)? {
        None => Raw::Text(b""),
        Some(any) => raw_of(any, into, DEEPEST)?,
    };
    into.push(key, value);
    Ok(())
}

/// An `AnyValue` that has not been followed yet.
enum Any<'a> {
    Text(&'a [u8]),
    Flag(bool),
    Int(i64),
    Float(f64),
    Array(&'a [u8]),
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

fn any_of(message: &[u8]) -> Result<Option<Any<'_>>, Damaged> {
    let mut found = None;
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        found = match field {
            (1, Value::Bytes(text)) => Some(Any::Text(text)),
            (2, Value::Varint(flag)) => Some(Any::Flag(flag != 0)),
            (3, Value::Varint(number)) => Some(Any::Int(number.cast_signed())),
            (4, Value::Fixed64(bits)) => Some(Any::Float(f64::from_bits(bits))),
            (5, Value::Bytes(array)) => Some(Any::Array(array)),
            (6, Value::Bytes(map)) => Some(Any::Map(map)),
            (7, Value::Bytes(bytes)) => Some(Any::Bytes(bytes)),
            _ => found,
        };
    }
    Ok(found)
}

fn raw_of<'a>(any: Any<'a>, room: &mut Attributes<'_>, depth: usize) -> Result<Raw<'a>, Damaged> {
    Ok(match any {
        Any::Text(text) => Raw::Text(text),
        Any::Flag(flag) => Raw::Flag(flag),
        Any::Int(number) => Raw::Int(number),
        Any::Float(number) => Raw::Float(number),
        Any::Bytes(bytes) => Raw::List(vec![AttributeValue::Text(Foreign::from(format!("{} bytes", bytes.len())))]),
        Any::Array(_) | Any::Map(_) if depth == 0 => Raw::Text(b"..."),
        Any::Array(array) => Raw::List(members(array, room, |value, room| {
            any_of(value)?.map(|any| Ok(member(raw_of(any, room, depth - 1)?))).transpose()
        })?),
        Any::Map(map) => Raw::List(members(map, room, |pair, room| {
            let (key, value) = pair_of(pair)?;
            let value = any_of(value)?.map(|any| raw_of(any, room, depth - 1)).transpose()?;
            Ok(Some(budget::pair(key, value.map(member))))
        })?),
    })
}

fn members<'a>(
    list: &'a [u8],
    room: &mut Attributes<'_>,
    mut read: impl FnMut(&'a [u8], &mut Attributes<'_>) -> Result<Option<AttributeValue>, Damaged>,
) -> Result<Vec<AttributeValue>, Damaged> {
    let mut values = vec![];
    let mut fields = Fields::of(list);
    while let Some(field) = fields.next()? {
        let (1, Value::Bytes(value)) = field else { continue };
        if room.has_room_for_member(values.len())
            && let Some(value) = read(value, room)?
        {
            values.push(value);
        }
    }
    Ok(values)
}
