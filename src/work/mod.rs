//! The use cases. Both doors call only these.

pub mod config;
mod config_fields;
