//! What can go wrong with the history.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Why the history cannot be read or written.
#[derive(Debug, Error, Diagnostic)]
pub enum HistoryError {
    /// The file system refuses.
    #[error("the history in {} cannot be used", path.display())]
    #[diagnostic(
        code(history::unusable),
        help("see the cause; --state-dir DIR or BREAKGLASS_STATE_DIR names another folder")
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// Somebody else writes for longer than anybody should.
    #[error("the history in {} is being written by another process for a minute", path.display())]
    #[diagnostic(code(history::busy), help("try again; `fuser` names the process"))]
    Busy {
        /// The file.
        path: PathBuf,
    },

    /// It is no database any more.
    #[error("the history in {} is damaged", path.display())]
    #[diagnostic(
        code(history::damaged),
        help(
            "move it and its -wal file away, and import the telemetry again: `breakglass collect --feeds`; \
              backups and proofs are not affected"
        )
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },

    /// The disk is full.
    #[error("there is no room for the history in {}", path.display())]
    #[diagnostic(code(history::full), help("make room, or keep less: [history] keep = \"90d\" in estate.toml"))]
    Full {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },

    /// A newer version of this program has been here.
    #[error("the history in {} was written by a newer breakglass (layout {found}, this one knows {known})", path.display())]
    #[diagnostic(
        code(history::newer),
        help("use that version, or name another folder with --state-dir; nothing was changed")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },

    /// Anything else that the database says.
    #[error("the history in {} cannot be used", path.display())]
    #[diagnostic(code(history::failed), help("see the cause"))]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
}

impl HistoryError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// Puts what the database says into its kind.
    pub(super) fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Self + '_ {
        move |source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, source },
                Some(ErrorCode::DiskFull) => Self::Full { path, source },
                _ => Self::Database { path, source },
            }
        }
    }
}

impl Reportable for HistoryError {
    fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } | Self::Busy { .. } | Self::Full { .. } | Self::Database { .. } => Fault::Failed,
            Self::Damaged { .. } => Fault::Integrity,
            Self::Newer { .. } => Fault::Refused,
        }
    }
}
