//! From an open change source to what a script is made of.

use std::sync::Arc;

use crate::change::index::Log;
use crate::change::transactions::LogFile;
use crate::model::changes::{ChangeFilter, ViewState};
use crate::model::foreign::Foreign;
use crate::report::{Report, Reportable};
use crate::work::changes::{ChangesHandle, Chosen};
use crate::work::recover::error::RecoverError;
use crate::work::recover::made::Material;

/// What a script is made of: the source's files, what is known of its tables, and a filter over its changes.
///
/// # Errors
///
/// When the source could not be read, or the filter does not fit it.
pub async fn of(from: &ChangesHandle, filter: &ChangeFilter) -> Result<Material, Report> {
    let (opened, view) = (from.opened().await?, from.view());
    if view.state != ViewState::Complete {
        return Err(RecoverError::Interrupted.report());
    }
    // Scripts count the files that were read from 0; the source counts those before them too.
    let first = opened.logs.first().map_or(0, |(index, _)| *index);
    let names: Vec<Foreign> = opened.logs.iter().map(|(_, log)| (*log.name).clone()).collect();
    let compiled = filter.compile(&names).map_err(|error| error.report())?;
    opened.check(&compiled)?;
    let logs = opened.logs.iter().map(|(_, log)| Log {
        of: LogFile { source: opened.label.clone(), name: log.name.clone() },
        bytes: log.bytes.clone(),
    });
    let still = opened.clone();
    Ok(Material {
        logs: logs.collect(),
        timeline: opened.timeline.beginning_with(first),
        wanted: Arc::new(Chosen(compiled)),
        view,
        around: opened.around.clone(),
        clocks: opened.clocks.clone(),
        still: Arc::new(move || still.logs.iter().all(|(_, log)| log.is_unchanged())),
    })
}
