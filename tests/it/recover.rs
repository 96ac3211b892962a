//! Recovery for people: scripts looked at, rows as they are now, scripts made of changes.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod foreign;
mod rows_now;
