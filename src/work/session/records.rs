//! What a session records, and what was recorded.

use std::path::Path;

use crate::disk::audit_log::Entry;
use crate::model::audit::{AuditRecord, ChainState};
use crate::model::seal::Fingerprint;
use crate::report::{Report, Reportable};
use crate::work::news::Changed;
use crate::work::session::{Session, now};

impl Session {
    /// The newest audit records, oldest first.
    pub fn audit_tail(&self, count: usize) -> Vec<AuditRecord> {
        self.0.audit.read_tail(count).unwrap_or_default()
    }

    /// Checks the whole chain, against a head hash where one is given.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn audit_state(&self, head: Option<&str>) -> Result<ChainState, Report> {
        self.0.audit.verify(head).map_err(|error| error.report())
    }

    /// The hash of the last record.
    pub fn audit_head(&self) -> Option<String> {
        self.0.audit.head().ok()
    }

    /// The file that the audit log is.
    pub fn audit_path(&self) -> &Path {
        self.0.audit.path()
    }

    /// Records something that needs no intent.
    ///
    /// # Errors
    ///
    /// When it cannot be recorded; then it must not be done.
    pub fn event(&self, action: &str, subject: &str, result: &str, detail: &str) -> Result<(), Report> {
        self.record(action, subject, result, detail, None)
    }

    pub(in crate::work) fn record(
        &self,
        action: &str,
        subject: &str,
        result: &str,
        detail: &str,
        key: Option<Fingerprint>,
    ) -> Result<(), Report> {
        let entry = entry(action, subject, result, detail, key);
        self.0.audit.event(entry).map_err(|error| error.report())?;
        self.0.news.tell(Changed::AUDIT);
        Ok(())
    }
}

pub(in crate::work) fn entry(
    action: &str,
    subject: &str,
    result: &str,
    detail: &str,
    key: Option<Fingerprint>,
) -> Entry {
    Entry {
        at: now(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        result: result.to_owned(),
        detail: detail.to_owned(),
        key,
    }
}
