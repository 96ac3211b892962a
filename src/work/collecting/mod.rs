//! Telemetry into the history: received, read from files and databases, or taken from what we know ourselves.

mod feeds;
mod listed;
mod receive;
mod sources;
mod store;
mod table;
mod writer;

pub use self::receive::{Arrived, CollectWishes, Collecting, Listening};
pub use self::sources::{Imported, SourceReport};
