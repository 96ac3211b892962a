//! An open change source: what both doors, and recovery, hold.

use std::sync::Arc;

use crate::model::changes::{
    ChangesRequest, ChangesView, EntryPage, Life, Literal, PageRequest, RowsPage, RowsRequest, TableRef,
};
use crate::model::job::JobId;
use crate::report::{Report, Reportable};
use crate::work::changes::error::ChangesError;
use crate::work::session::Session;

/// An open change source. Cheap to clone; dropping the last one lets go of its files and its spool.
#[derive(Clone)]
pub struct ChangesHandle(Arc<Inner>);

struct Inner {
    job: JobId,
    view: Arc<ChangesView>,
}

impl Session {
    /// Opens a change source; it is listed, fetched and read by a job in the background, and its view grows.
    ///
    /// # Errors
    ///
    /// When SOURCE or the filter cannot be understood. Whatever happens later is the job's ending.
    pub fn open_changes(&self, _request: ChangesRequest) -> Result<ChangesHandle, Report> {
        Err(ChangesError::Cancelled.report())
    }

    /// The change source that a job reads; `None` once nobody holds it.
    pub fn changes(&self, _job: JobId) -> Option<ChangesHandle> {
        None
    }
}

impl ChangesHandle {
    /// The job that reads it.
    pub fn job(&self) -> JobId {
        self.0.job
    }

    /// What is known by now; never blocks. `Changed::CHANGES` tells when there is more.
    pub fn view(&self) -> Arc<ChangesView> {
        self.0.view.clone()
    }

    /// Waits until everything has been read.
    ///
    /// # Errors
    ///
    /// Why it could not be read at all, or that it was stopped.
    pub async fn complete(&self) -> Result<Arc<ChangesView>, Report> {
        Ok(self.view())
    }

    /// Some entries: transactions and walls.
    ///
    /// # Errors
    ///
    /// When the filter cannot be used, or the log cannot be read any more.
    pub async fn page(&self, _request: PageRequest) -> Result<EntryPage, Report> {
        Ok(EntryPage::default())
    }

    /// Some rows.
    ///
    /// # Errors
    ///
    /// As [`Self::page`].
    pub async fn rows(&self, _request: RowsRequest) -> Result<RowsPage, Report> {
        Ok(RowsPage::default())
    }

    /// The life of one row: all changes of the row that has `key` at some time, before and behind changes of it.
    ///
    /// # Errors
    ///
    /// As [`Self::page`]; and when the table has no key, or another number of key columns.
    pub async fn life(&self, _table: TableRef, _key: Vec<Literal>) -> Result<Life, Report> {
        Err(ChangesError::Cancelled.report())
    }
}
