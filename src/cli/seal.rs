//! `seal`, `unseal`, `reseal`: our own sealed format, on files and as filters.

use std::path::{Path, PathBuf};

use clap::Args as ArgGroup;

/// Where the bytes come from and go to.
#[derive(Debug, ArgGroup)]
pub struct Files {
    /// What to read; `-` or nothing: standard input
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// What to write; must not exist. `-`: standard output. Else FILE with `.sealed` added or taken away
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `seal` and `reseal`.
#[derive(Debug, ArgGroup)]
pub struct SealArgs {
    #[command(flatten)]
    pub files: Files,
    /// A recipient's public key in PEM; may be given several times
    #[arg(long = "recipient", short, value_name = "PUBLIC_KEY", required = true)]
    recipients: Vec<PathBuf>,
}

/// Arguments of `unseal`.
#[derive(Debug, ArgGroup)]
pub struct UnsealArgs {
    #[command(flatten)]
    pub files: Files,
}

impl Files {
    /// Whether the data comes from standard input.
    pub fn reads_stdin(&self) -> bool {
        self.input.as_deref().is_none_or(|path| path == Path::new("-"))
    }
}

pub async fn seal(_: &crate::cli::door::Door, _: SealArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}

pub async fn unseal(_: &crate::cli::door::Door, _: UnsealArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}

pub async fn reseal(_: &crate::cli::door::Door, _: SealArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
