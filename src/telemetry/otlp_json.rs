//! OTLP in JSON: requests, and the lines of a Collector's file exporter.
//!
//! The outer lists are walked as text; only one span at a time becomes a tree. Ids are hex (base64 is understood),
//! times and whole numbers may be text or numbers, and names may be in either of protobuf's two spellings.

use serde_json::Value;

use super::budget::{self, Budget, SPANS};
use super::json::{Odd, elements, members, tree};
use super::protobuf::Sender;
use super::span_of_json::{attribute_text, span};
use super::{Batch, TelemetryError};

/// The greatest span that is read.
const SPAN: usize = 1 << 20;
/// The greatest resource or scope that is read.
const SENDER: usize = 64 << 10;

pub(super) fn read(body: &[u8]) -> Result<Batch, TelemetryError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reading = Reading { batch: Batch::default(), budget: Budget::new(), full: false };
    let walked = members(body, |name, value| match name {
        b"resourceSpans" | b"resource_spans" => elements(value, |resource| reading.of_resource(resource)),
        _ => Ok(()),
    });
    if reading.full {
        return Err(TelemetryError::TooMany { most: SPANS });
    }
    match walked {
        Ok(()) => Ok(reading.batch),
        Err(odd) => Err(TelemetryError::Malformed { what: "it is not JSON as OTLP has it", at: odd.at }),
    }
}

struct Reading {
    batch: Batch,
    budget: Budget,
    full: bool,
}

impl Reading {
    fn of_resource(&mut self, object: &[u8]) -> Result<(), Odd> {
        let mut sender = Sender::default();
        let mut scopes: Vec<&[u8]> = vec![];
        members(object, |name, value| {
            match name {
                b"resource" => of_sender(value, &mut sender),
                // The second is what it was called before version 0.15.
                b"scopeSpans" | b"scope_spans" | b"instrumentationLibrarySpans" => scopes.push(value),
                _ => {}
            }
            Ok(())
        })?;
        scopes.into_iter().try_for_each(|list| elements(list, |scope| self.of_scope(scope, &sender)))
    }

    fn of_scope(&mut self, object: &[u8], sender: &Sender) -> Result<(), Odd> {
        let mut sender = sender.clone();
        let mut lists: Vec<&[u8]> = vec![];
        members(object, |name, value| {
            match name {
                b"scope" | b"instrumentationLibrary" => of_scope(value, &mut sender),
                b"spans" => lists.push(value),
                _ => {}
            }
            Ok(())
        })?;
        lists.into_iter().try_for_each(|list| {
            elements(list, |text| {
                let read = self.read_span(text, &sender);
                if self.batch.push(read) {
                    return Ok(());
                }
                self.full = true;
                Err(Odd { at: 0 })
            })
        })
    }

    fn read_span(&mut self, text: &[u8], sender: &Sender) -> Result<crate::model::run::Span, &'static str> {
        if text.len() > SPAN {
            return Err("a span is larger than 1 MiB");
        }
        let value = tree(text).ok_or("a span is not JSON")?;
        span(&value, sender, &mut self.budget)
    }
}

fn of_sender(text: &[u8], sender: &mut Sender) {
    let Some(Value::Object(resource)) = small(text) else { return };
    let Some(attributes) = resource.get("attributes").and_then(Value::as_array) else { return };
    for attribute in attributes {
        match attribute_text(attribute) {
            Some(("service.name", text)) => sender.service = budget::name(text.as_bytes()),
            Some(("host.name", text)) => sender.host = budget::name(text.as_bytes()),
            _ => {}
        }
    }
}

fn of_scope(text: &[u8], sender: &mut Sender) {
    if let Some(name) = small(text).as_ref().and_then(|scope| scope.get("name")?.as_str()) {
        sender.scope = budget::name(name.as_bytes());
    }
}

fn small(text: &[u8]) -> Option<Value> {
    (text.len() <= SENDER).then(|| tree(text))?
}
