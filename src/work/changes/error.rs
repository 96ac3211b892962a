//! Why a change source cannot be opened, or not be answered from.

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Errors of change sources; what is wrong inside of log files is a problem of the view, not an error.
#[derive(Debug, Error, Diagnostic)]
pub enum ChangesError {
    /// Nothing of that name.
    #[error("no change source {name}")]
    #[diagnostic(code(changes::unknown), help("{advice}"))]
    Unknown {
        /// Escaped.
        name: String,
        /// What would be valid.
        advice: String,
    },
    /// A kind of source that comes later.
    #[error("{scheme}:// is not read yet as a change source")]
    #[diagnostic(
        code(changes::later),
        help("copy the server's binary logs, and give binlog+file://, binlog+s3:// or binlog+sftp://")
    )]
    Later {
        /// Its scheme.
        scheme: String,
    },
    /// Its access rules are not read yet, and so nothing is shown.
    #[error("the source has the access profile {profile}, and its rules are not read yet")]
    #[diagnostic(
        code(changes::profile),
        help(
            "rules that hide columns hold for binary logs too: without them nothing is shown; take access_profile out"
        )
    )]
    Profile {
        /// Escaped.
        profile: String,
    },
    /// A folder or a prefix without logs.
    #[error("there are no binary logs in {place}")]
    #[diagnostic(
        code(changes::none),
        help(
            "logs are named like binlog.000412, mysql-bin.000001.gz or log.000001.zst; name a file to read it whatever its name"
        )
    )]
    NoLogs {
        /// Escaped.
        place: String,
    },
    /// It was stopped.
    #[error("reading the change source was stopped")]
    #[diagnostic(code(changes::cancelled), help("nothing was written"))]
    Cancelled,
    /// An entry that is not there.
    #[error("the source has no entry {entry}")]
    #[diagnostic(code(changes::no_entry), help("read the list again; it has {entries} entries"))]
    NoEntry {
        /// The number asked for.
        entry: u64,
        /// How many there are.
        entries: u64,
    },
}

impl Reportable for ChangesError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unknown { .. } | Self::Later { .. } | Self::NoEntry { .. } => Fault::Usage,
            Self::Profile { .. } => Fault::Refused,
            Self::NoLogs { .. } => Fault::Failed,
            Self::Cancelled => Fault::Interrupted,
        }
    }
}
