//! `restore`: a plan first, then exactly that plan.

use std::path::PathBuf;

use clap::Args as ArgGroup;

/// Arguments of `restore`.
#[derive(Debug, ArgGroup)]
pub struct RestoreArgs {
    /// An id or the start of one, target:name, or a path or URL
    backup: String,
    /// dir:PATH, stdout, mysql://user@host:port/DATABASE, or server:NAME/DATABASE
    #[arg(long, value_name = "SINK")]
    into: String,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Decide a finding of the plan; may be given several times
    #[arg(long, value_name = "CODE=CHOICE")]
    choose: Vec<String>,
    /// Show the plan and stop
    #[arg(long, conflicts_with_all = ["approve", "confirm"])]
    plan_only: bool,
    /// Run exactly the plan with this digest, or refuse
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// The name of what will be overwritten
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Arm writes to a protected server for this restore
    #[arg(long, value_name = "SERVER", requires = "reason")]
    arm: Option<String>,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", requires = "arm")]
    reason: Option<String>,
    /// Where the JSON goes when standard output is the sink
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub async fn run(_: &crate::cli::door::Door, _: RestoreArgs) -> Result<u8, crate::report::Report> {
    Err(crate::cli::error::CliError::NotConfirmed.into())
}
