//! What tools tell of their backups, read into spans and runs: bytes to meaning, without a clock, a file or a network.
//!
//! Everything here is foreign and hostile: sizes, depths and counts are bounded before memory is reserved, one odd
//! span does not take the others with it, and passwords are taken out of every text before it becomes part of
//! anything that is returned.

pub mod assemble;
mod budget;
pub mod clean;
pub mod dbacked;
mod error;
mod framed;
mod json;
mod logrus;
mod otlp_json;
pub mod own;
mod protobuf;
mod recognise;
mod runtime;
pub mod signals;
mod span_of_json;
mod stdout;
pub mod stream;
pub mod verified;
mod wire;

use crate::model::run::Span;

pub use self::error::TelemetryError;
pub use self::logrus::LogRequests;

/// The spans of one request or one line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Spans of backups, in the order of the sender.
    pub spans: Vec<Span>,
    /// Spans that cannot be used: no id, no spans at all where some should be.
    pub refused: u64,
    /// Why the first of those cannot be used.
    pub why: Option<&'static str>,
    /// Spans of programs that have nothing to do with backups; they are not kept.
    pub foreign: u64,
}

/// Reads the body of an OTLP/HTTP request in protobuf: an `ExportTraceServiceRequest`.
///
/// # Errors
///
/// [`TelemetryError::Malformed`] where the outer message is damaged or cut; [`TelemetryError::TooMany`] for more
/// than 32,768 spans. A damaged span inside a sound message is only counted.
pub fn read_protobuf(body: &[u8]) -> Result<Batch, TelemetryError> {
    protobuf::read(body)
}

/// Reads the same in JSON, as requests and as the lines of a Collector's file exporter.
///
/// # Errors
///
/// As [`read_protobuf`].
pub fn read_json(body: &[u8]) -> Result<Batch, TelemetryError> {
    otlp_json::read(body)
}
