//! Telemetry of backup runs: bytes and facts in and out, no network and no files.

pub mod own;
