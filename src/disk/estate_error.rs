//! Why an estate cannot be used: each with its line, and what would be valid there.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Why an estate cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum EstateError {
    /// There is none.
    #[error("there is no estate file")]
    #[diagnostic(
        code(estate::not_found),
        help(
            "looked for {looked}. Write one (see estate.example.toml), name one with --estate FILE or \
              BREAKGLASS_ESTATE, or give the backup's path or URL; `breakglass demo` needs none"
        )
    )]
    NotFound {
        /// Where it was looked for.
        looked: String,
    },

    /// It is not TOML.
    #[error("{}:{line}: {what}", path.display())]
    #[diagnostic(code(estate::syntax), help("the estate is a TOML file; the line named is where reading stopped"))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        what: String,
    },

    /// A key that means nothing here.
    #[error("{}:{line}: there is no setting `{key}` in {section}", path.display())]
    #[diagnostic(code(estate::unknown_key))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// As written.
        key: String,
        /// Such as `[targets.offsite]`.
        section: String,
        /// The nearest valid key, and all of them.
        #[help]
        advice: String,
    },

    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    #[diagnostic(code(estate::unreadable), help("see the cause"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// A secret stands where anybody who reads the file sees it.
    #[error("{}:{line}: `{setting}` holds a password", path.display())]
    #[diagnostic(
        code(estate::secret_in_url),
        help(
            "take it out of the URL and change it; use defaults_file, password_file, password_env or \
              password_command for a server, a profile for a bucket"
        )
    )]
    SecretInUrl {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Such as `servers.staging.url`.
        setting: String,
    },

    /// A command would be run that somebody else may have written.
    #[error("{}:{line}: `{setting}` is refused from a file that others may write", path.display())]
    #[diagnostic(
        code(estate::writable_by_others),
        help("whoever may write this file could run commands as you: own it and `chmod go-w` it")
    )]
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Such as `servers.staging.password_command`.
        setting: String,
    },

    /// A value that is not valid there.
    #[error("{at}: `{setting}` {what}")]
    #[diagnostic(code(estate::wrong_value), help("{valid}"))]
    WrongValue {
        /// File and line, or the environment variable.
        at: String,
        /// Such as `targets.offsite.url`.
        setting: String,
        /// What is wrong with it.
        what: String,
        /// What would be valid.
        valid: String,
    },
}

impl Reportable for EstateError {
    fn fault(&self) -> Fault {
        match self {
            Self::WritableByOthers { .. } => Fault::Refused,
            Self::NotFound { .. }
            | Self::SecretInUrl { .. }
            | Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::Unreadable { .. }
            | Self::WrongValue { .. } => Fault::Usage,
        }
    }
}
