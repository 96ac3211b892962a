//! Change sources: from their names to files, bytes, coverage, statistics, pages of transactions and rows.

mod bursts;
mod columns;
mod error;
mod facts;
mod fetch;
mod given;
mod handle;
mod lately;
mod life;
mod listing;
mod names;
mod pages;
mod source;
mod stats;
mod survey;
mod twins;
mod view;
mod walk;
mod walls;
mod wanted;

pub use crate::work::changes::error::ChangesError;
pub use crate::work::changes::facts::KnownAround;
pub(in crate::work) use crate::work::changes::handle::Handles;
pub use crate::work::changes::handle::{ChangesHandle, Streamed};
pub(in crate::work) use crate::work::changes::twins::TWICE;
pub use crate::work::changes::walk::Opened;
pub(in crate::work) use crate::work::changes::walls::{newest_with, table_ref};
pub use crate::work::changes::wanted::Chosen;
