//! Change sources: from their names to files, bytes, coverage, statistics, pages of transactions and rows.

mod error;
mod handle;

pub use crate::work::changes::error::ChangesError;
pub use crate::work::changes::handle::ChangesHandle;
