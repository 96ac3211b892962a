//! `demo`: a sandbox estate, in the console or in a folder for the headless verbs.

use std::path::PathBuf;

use clap::Args as ArgGroup;

/// Arguments of `demo`.
#[derive(Debug, ArgGroup)]
pub struct DemoArgs {
    /// Build the sandbox in this new folder, keep it, and print how to use it, instead of opening the console
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

pub async fn run(_: &crate::cli::door::Door, _: DemoArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
