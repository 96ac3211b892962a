//! `show`: everything known about one backup.

use clap::Args as ArgGroup;

/// Arguments of `show`.
#[derive(Debug, ArgGroup)]
pub struct ShowArgs {
    /// An id or the start of one, target:name, or a path or URL
    backup: String,
}

pub async fn run(_: &crate::cli::door::Door, _: ShowArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
