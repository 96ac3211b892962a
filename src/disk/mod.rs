//! This machine: the estate file, state, audit log, files that are written.

pub mod actor;
mod audit_chain;
pub mod audit_log;
mod audit_syslog;
mod behind;
pub mod catalog_cache;
pub mod environment;
pub mod estate;
mod estate_error;
mod estate_feeds;
mod estate_parse;
mod estate_section;
pub mod explain;
pub mod folder;
pub mod logs;
pub mod nearest;
pub mod output;
pub mod paths;
pub mod proofs;
pub mod runs;
pub mod seen;
pub mod state;
pub mod urls;

pub use self::actor::actor;

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod estate_tests;
