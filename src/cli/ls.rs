//! `ls`: every backup of every target, newest first.

use clap::Args as ArgGroup;

/// Arguments of `ls`.
#[derive(Debug, ArgGroup)]
pub struct LsArgs {
    /// Words and tokens, as in the console: db:shop target:nas after:2026-11-01 before: trust:whole format: key:
    filter: Vec<String>,
}

pub async fn run(_: &crate::cli::door::Door, _: LsArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
