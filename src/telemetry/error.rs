//! What can be wrong with telemetry.

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Why telemetry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum TelemetryError {
    /// Damaged or cut, or something else altogether.
    #[error("this is no telemetry: {what} at byte {at}")]
    #[diagnostic(code(telemetry::malformed), help("the sender has to send OTLP traces, as protobuf or JSON"))]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: usize,
    },

    /// More than is read at once.
    #[error("more than {most} spans in one request")]
    #[diagnostic(code(telemetry::too_many), help("let the sender make smaller batches"))]
    TooMany {
        /// How many are read.
        most: usize,
    },
}

impl Reportable for TelemetryError {
    fn fault(&self) -> Fault {
        match self {
            Self::Malformed { .. } | Self::TooMany { .. } => Fault::Failed,
        }
    }
}
