//! Getting out of a broken backup what is there. Opt-in, typed, into a folder of its own, and never whole.
//!
//! Each layer hands over what it has and then notes why it ends; dumps are cut behind their last complete
//! statement. Nothing here makes a proof, and nothing is named like what a restore writes.

mod layers;
mod ledger;
mod members;
mod notes;
mod pass;
mod sql;
mod text;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::disk::output::OutputError;
use crate::format::tar::TarError;
use crate::model::backup::{Backup, BackupId};
use crate::model::job::{Ending, JobId, JobSpec};
use crate::model::salvage::{AgreedSalvage, ENDING, SalvageOrder, SalvageOutcome};
use crate::model::sink::Sink;
use crate::model::trust::VerdictOutcome;
use crate::report::{Fault, Report, Reportable};
use crate::target::StoreError;
use crate::work::restore;
use crate::work::run::{begin, end, launch, listed, opener_of, store_of};
use crate::work::session::{Session, entry};
use crate::work::sink;
use crate::work::verify::VerifyError;

pub use self::text::of_report;

/// Why nothing was salvaged.
#[derive(Debug, Error, Diagnostic)]
pub enum SalvageError {
    /// Not a folder of the kind that is demanded.
    #[error("{into} is no folder for a salvage")]
    #[diagnostic(code(salvage::folder), help("name a new folder whose name ends in `.salvaged`: dir:./shop.salvaged"))]
    Folder {
        /// As it was given, safe to draw.
        into: String,
    },
    /// There is something in the folder.
    #[error("{into} holds {entries} entries")]
    #[diagnostic(code(salvage::in_use), help("name a new folder: nothing is ever mixed with what was salvaged"))]
    InUse {
        /// The folder.
        into: String,
        /// How many.
        entries: u64,
    },
    /// There is nothing to salvage it from.
    #[error("{backup} is proven whole")]
    #[diagnostic(code(salvage::whole), help("restore it: a salvage could only give less"))]
    Whole {
        /// Which backup.
        backup: String,
    },
    /// The session may not write.
    #[error("this session writes to no folder")]
    #[diagnostic(code(salvage::read_only), help("read_only is set in the estate or --read-only was given"))]
    ReadOnly,
    /// No key, or none that fits, or a header that says nothing any more.
    #[error("{backup} cannot be opened: {what}")]
    #[diagnostic(
        code(salvage::locked),
        help("without the key and the first bytes nothing can be salvaged; try the other keys of that time")
    )]
    Locked {
        /// Which backup.
        backup: String,
        /// Why.
        what: String,
        /// Which kind of verdict: decides the exit code.
        outcome: VerdictOutcome,
    },
    /// Not one statement came out.
    #[error("nothing can be salvaged from {backup}: {why}")]
    #[diagnostic(code(salvage::nothing), help("nothing was written; pick another backup of the series"))]
    Nothing {
        /// Which backup.
        backup: String,
        /// What was met.
        why: String,
    },
    /// What came out is nothing that is known.
    #[error("what comes out of {backup} is nothing that is known: {why}")]
    #[diagnostic(
        code(salvage::unknown),
        help("nothing was written; if it is sealed under a raw key, load that one with --key")
    )]
    Unknown {
        /// Which backup.
        backup: String,
        /// What was met.
        why: String,
    },
    /// A hostile member.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] TarError),
    /// No key at all, or the machine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Verify(#[from] VerifyError),
    /// The target failed before anything came.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// A file could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// The folder cannot be used.
    #[error("cannot write: {0}")]
    #[diagnostic(code(salvage::write), help("name another folder; nothing was left behind"))]
    Write(#[source] io::Error),
    /// Stopped before anything had come out.
    #[error("stopped by you")]
    #[diagnostic(code(salvage::cancelled), help("nothing was written"))]
    Cancelled,
}

impl Reportable for SalvageError {
    fn fault(&self) -> Fault {
        match self {
            Self::Folder { .. } => Fault::Usage,
            Self::InUse { .. } | Self::Whole { .. } | Self::ReadOnly => Fault::Refused,
            Self::Locked { outcome, .. } => restore::fault_of(*outcome),
            Self::Nothing { .. } => Fault::Integrity,
            Self::Unknown { .. } => Fault::Inconclusive,
            Self::Archive(error) => error.fault(),
            Self::Verify(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Output(error) => error.fault(),
            Self::Write(_) => Fault::Failed,
            Self::Cancelled => Fault::Interrupted,
        }
    }
}

/// Reads `dir:PATH.salvaged`; what has to be typed then is [`SalvageOrder::name`].
///
/// # Errors
///
/// A usage error for any other place.
pub fn order(backup: &BackupId, into: &str) -> Result<SalvageOrder, Report> {
    let wrong = || SalvageError::Folder { into: into.to_owned() }.report();
    let path = into.strip_prefix("dir:").ok_or_else(wrong)?;
    match sink::dir(path)? {
        Sink::Dir(dir) => SalvageOrder::new(backup.clone(), dir.path).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// A folder for a salvage of this backup, as `--into` takes it.
pub fn proposed(backup: &Backup) -> String {
    let name = crate::work::plan::file_name(backup);
    let stem = name.split('.').next().unwrap_or(&name);
    format!("dir:./{stem}{ENDING}")
}

impl Session {
    /// Whether a salvage may begin: all that can be said before anything is asked.
    ///
    /// # Errors
    ///
    /// When the session may not write, the backup is proven whole, or the folder is in use.
    pub fn may_salvage(&self, order: &SalvageOrder) -> Result<(), Report> {
        if self.is_read_only() {
            return Err(SalvageError::ReadOnly.report());
        }
        let backup = listed(self, order.backup())?;
        if self.0.proofs.releasing(&backup.id, &backup.stamp).is_some() {
            return Err(SalvageError::Whole { backup: backup.label() }.report());
        }
        let entries = sink::entries(order.folder()).map_err(|error| SalvageError::Write(error).report())?;
        match entries {
            None | Some(0) => Ok(()),
            Some(entries) => Err(SalvageError::InUse { into: shown(order), entries }.report()),
        }
    }

    /// Starts an agreed salvage, in the background.
    ///
    /// # Errors
    ///
    /// As [`may_salvage`](Self::may_salvage), and when the intent cannot be recorded.
    pub fn start_salvage(&self, agreed: AgreedSalvage) -> Result<JobId, Report> {
        let order = agreed.order().clone();
        self.may_salvage(&order)?;
        let backup = listed(self, order.backup())?;
        let store = store_of(self, &backup)?;
        let keys = self.private_keys();
        let into = format!("dir:{}", shown(&order));
        let subject = format!("{} into {into}", backup.label());
        let intent = entry("salvage", &subject, "", &format!("typed {}", order.name()), opener_of(&backup, &keys));
        let intent = begin(self, intent)?;
        let task = pass::Task { store, backup: Arc::clone(&backup), keys, into: PathBuf::from(order.folder()) };
        let spec = JobSpec::Salvage { backup: backup.id.clone(), into };
        let mine = self.clone();
        Ok(launch(self, spec, backup.label(), move |ctx| async move {
            let (result, detail, ending) = match pass::salvage(&ctx, task).await {
                Ok(report) => {
                    let result = match report.outcome {
                        SalvageOutcome::Partly => "partly",
                        SalvageOutcome::Cancelled => "cancelled",
                    };
                    (result, report.words(), Ending::Salvaged(Box::new(report)))
                }
                Err(SalvageError::Cancelled) => ("cancelled", String::new(), Ending::Cancelled),
                Err(error) => {
                    let report = error.report();
                    ("failed", report.code.clone(), Ending::Failed(Some(Box::new(report))))
                }
            };
            end(&mine, &ctx, intent, result, &detail);
            ending
        }))
    }
}

fn shown(order: &SalvageOrder) -> String {
    crate::model::foreign::escape(&order.folder().to_string_lossy())
}
