//! Recovery scripts: changes that were chosen become a file for people. Nothing here can reach a database.

pub(in crate::work) mod around;
mod chain;
mod error;
mod export;
pub mod file_at;
mod handle;
mod made;
mod material;
mod state;
mod unmatched;
mod words;

pub use crate::work::recover::error::RecoverError;
pub use crate::work::recover::export::{ExportOptions, Recovered};
pub use crate::work::recover::handle::{Found, RecoveryHandle};
pub use crate::work::recover::made::{Made, Material, Reading, Wish, row_words, threads};
pub use crate::work::recover::state::table_of;
pub use crate::work::recover::words::filter_words;
