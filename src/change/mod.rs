//! Row changes out of binary logs: bytes to events, events to rows, rows to values; blocking `Read` in, plain data out.
//!
//! [`frame`] finds the events and checks them, [`transactions`] tells what they mean, [`rows`] reads the rows of
//! one event where they lie, without copying, and [`schema`] knows what the columns were called. Memory is bounded
//! by the largest single event, whatever the size of a log or of a transaction in it.

mod bytes;
pub mod charset;
pub mod error;
pub mod frame;
pub mod gtid;
pub mod index;
pub mod json;
pub mod kind;
mod packed;
mod payload;
pub mod query;
pub mod reread;
pub mod reverse;
pub mod review;
pub mod rows;
pub mod schema;
pub mod script;
mod spoken;
pub mod table;
mod temporal;
pub mod touched;
pub mod transactions;
pub mod undo;
pub mod value;
