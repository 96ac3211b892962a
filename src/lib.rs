//! breakglass: a terminal restore console for MySQL backups.
//!
//! Floors, each importing only from those below it (`tests/it/house.rs` refuses the rest):
//!
//! - F0 [`model`], [`report`]: the nouns, and the one shape of an error.
//! - F1 [`sql`], [`seal`], [`mod@format`], [`change`], [`telemetry`]: bytes to bytes and bytes to meaning; blocking, no I/O of their own.
//! - F2 [`target`], [`server`], [`disk`], [`emit`], [`collect`]: where backups lie, databases, this machine, where
//!   telemetry goes and where it comes from.
//! - F3 [`work`]: the use cases.
//! - F4 [`cli`], [`tui`]: the two doors.

pub mod change;
pub mod cli;
pub mod collect;
pub mod disk;
pub mod emit;
pub mod format;
pub mod model;
pub mod report;
pub mod seal;
pub mod server;
pub mod sql;
pub mod target;
pub mod telemetry;
pub mod tui;
pub mod work;
