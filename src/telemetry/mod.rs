//! Runs as telemetry saw them, and what their past says.

pub mod signals;
