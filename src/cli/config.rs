//! `config explain` and `doctor`: what is configured, from where, and whether it works.

use clap::Subcommand;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Every setting with where it came from: a file and line, an environment variable, or the default
    Explain,
}

pub async fn run(_: &crate::cli::door::Door, _: ConfigVerb) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}

pub async fn doctor(_: &crate::cli::door::Door) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
