//! Recovery scripts: changes that were chosen become a file for people. Nothing here can reach a database.

mod error;
mod handle;

pub use crate::work::recover::error::RecoverError;
pub use crate::work::recover::handle::{ExportOptions, Recovered, RecoveryHandle};
