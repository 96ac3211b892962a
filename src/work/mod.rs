//! The use cases. Both doors call only these.

pub mod browse;
pub mod catalog;
pub mod config;
mod config_fields;
mod constructs;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod filter;
pub mod find;
mod guarded;
mod hazards;
pub mod jobs;
pub mod keys;
pub mod ladder;
mod load;
mod look;
pub mod news;
mod open;
pub mod opening;
mod payload;
pub mod pipe;
pub mod plan;
mod proofbook;
mod release;
pub mod restore;
mod rewrite;
mod run;
pub mod series;
pub mod session;
mod single;
pub mod sink;
pub mod unlock;
mod verdict;
pub mod verify;

pub use crate::disk::estate::Estate;
