//! The use cases. Both doors call only these.

pub mod demo;
