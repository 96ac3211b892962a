//! `verify`: climb the trust ladder.

use clap::Args as ArgGroup;

use crate::cli::args::ToRung;

/// Arguments of `verify`.
#[derive(Debug, ArgGroup)]
pub struct VerifyArgs {
    /// Ids or starts of ids, target:name, paths or URLs
    #[arg(value_name = "BACKUP", required_unless_present = "newest_of_each")]
    backups: Vec<String>,
    /// The newest backup of every series: for cron
    #[arg(long, conflicts_with = "backups")]
    newest_of_each: bool,
    /// How high to climb
    #[arg(long, value_enum, value_name = "RUNG", default_value = "whole")]
    to: ToRung,
}

pub async fn run(_: &crate::cli::door::Door, _: VerifyArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
