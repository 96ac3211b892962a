//! `audit`: show, verify and export the audit log.

use clap::{Args as ArgGroup, Subcommand};

/// Arguments of `audit`.
#[derive(Debug, ArgGroup)]
pub struct AuditArgs {
    #[command(subcommand)]
    verb: Option<AuditVerb>,
    /// How many of the newest records to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    last: usize,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Check the chain of hashes; with --head also that nothing was cut off its end
    Verify {
        /// The head hash that an earlier run printed
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Print every record as it stands in the log, one JSON object a line
    Export,
}

pub async fn run(_: &crate::cli::door::Door, _: AuditArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
