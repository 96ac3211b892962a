//! An open recovery: what both doors hold while a script is chosen and looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::changes::{ChangeFilter, Coverage};
use crate::model::job::JobId;
use crate::model::script::{Decision, RecoveryView, RefusedChange, ScriptDigest, ScriptOptions, ScriptPage, Which};
use crate::report::{Report, Reportable};
use crate::work::changes::ChangesHandle;
use crate::work::recover::error::RecoverError;
use crate::work::session::Session;

/// An open recovery. Cheap to clone; dropping the last one lets go of its index.
#[derive(Clone)]
pub struct RecoveryHandle(Arc<Inner>);

struct Inner {
    job: JobId,
    view: Arc<RecoveryView>,
}

/// Where a script goes beside its own path.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Files with the public keys that it is sealed for; empty: it is written in the clear, for its owner alone.
    pub recipients: Vec<PathBuf>,
    /// Where a second script goes that does again what the first one undoes.
    pub redo: Option<PathBuf>,
    /// Where a script for tables that do not roll back goes; `None`: they are a reason not to write anything.
    pub lasting: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The script.
    pub script: PathBuf,
    /// Statements in it.
    pub statements: u64,
    /// Transactions that it undoes.
    pub transactions: u64,
    /// Changes that were left out by choice.
    pub excluded: u64,
    /// What could not be undone; empty for a script that was written.
    pub refused: Vec<RefusedChange>,
    /// Of its statements.
    pub digest: ScriptDigest,
    /// What part of history it rests on.
    pub coverage: Coverage,
    /// The other files that were written.
    pub beside: Vec<PathBuf>,
}

impl Session {
    /// Opens a recovery over a change source; a job reads the logs once more in the background, and the view grows.
    ///
    /// # Errors
    ///
    /// When the filter cannot be understood. Whatever happens later is in the view and the job's ending.
    pub fn open_recovery(
        &self,
        _from: &ChangesHandle,
        _filter: ChangeFilter,
        _options: ScriptOptions,
    ) -> Result<RecoveryHandle, Report> {
        Err(RecoverError::Interrupted.report())
    }
}

impl RecoveryHandle {
    /// The job that reads the logs.
    pub fn job(&self) -> JobId {
        self.0.job
    }

    /// What is known by now; never blocks. `Changed::RECOVERY` tells when there is more.
    pub fn view(&self) -> Arc<RecoveryView> {
        self.0.view.clone()
    }

    /// Waits until the logs have been read.
    ///
    /// # Errors
    ///
    /// Why they could not be read, or that it was stopped. A refusal is none: the view has it.
    pub async fn complete(&self) -> Result<Arc<RecoveryView>, Report> {
        Ok(self.view())
    }

    /// Statements from number `first` on, with their transactions; at most [`Self::PAGE`].
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more.
    pub async fn page(&self, _first: u64, _count: usize) -> Result<ScriptPage, Report> {
        Ok(ScriptPage::default())
    }

    /// The most statements of a page.
    pub const PAGE: usize = 500;

    /// Chooses for one statement, a transaction or a table. The view's digest is worked out anew.
    ///
    /// # Errors
    ///
    /// When there is no such thing in the script.
    pub fn decide(&self, _which: &Which, _decision: Decision) -> Result<(), Report> {
        Ok(())
    }

    /// Looks at the rows as they are now, in the background: over a session that can only read. `server` is
    /// `server:NAME` or a `mysql://` URL.
    ///
    /// # Errors
    ///
    /// When there is no such server. What happens later is in [`RecoveryView::check`].
    pub fn check_now(&self, _server: &str) -> Result<(), Report> {
        Ok(())
    }

    /// A text that a second person can sign: what the script undoes, what it leaves, its hazards, its digest.
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or nothing is left to undo.
    pub async fn summary(&self) -> Result<String, Report> {
        Err(RecoverError::Interrupted.report())
    }

    /// Writes the script as it is chosen now, beside its final name, proves it, and gives it its name.
    ///
    /// # Errors
    ///
    /// [`RecoverError`]: refusals, gaps; a path that is taken. Nothing that looks whole is left behind.
    pub async fn export(&self, _path: &Path, _options: ExportOptions) -> Result<Recovered, Report> {
        Err(RecoverError::Interrupted.report())
    }
}
