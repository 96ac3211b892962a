//! The use cases. Both doors call only these.

pub mod config;
mod config_fields;
pub mod demo;
pub mod filter;
pub mod jobs;
pub mod keys;
pub mod news;
pub mod pipe;
