//! From an open change source to what a script is made of.

use crate::model::changes::ChangeFilter;
use crate::report::{Report, Reportable};
use crate::work::changes::ChangesHandle;
use crate::work::recover::error::RecoverError;
use crate::work::recover::made::Material;

/// What a script is made of: the source's files, what is known of its tables, and a filter over its changes.
///
/// # Errors
///
/// When the source has not been read yet, or the filter does not fit it.
pub fn of(_from: &ChangesHandle, _filter: &ChangeFilter) -> Result<Material, Report> {
    Err(RecoverError::Interrupted.report())
}
