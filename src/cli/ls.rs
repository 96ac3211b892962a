//! `ls`: every backup of every target, newest first.

use std::sync::Arc;

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::exit::{self, DONE};
use crate::cli::lines::BackupLine;
use crate::cli::print::Form;
use crate::cli::table::{Side, Table};
use crate::cli::{unlock, wording};
use crate::model::backup::Backup;
use crate::model::units::{ByteSize, Moment, short_span};
use crate::report::{Fault, Report};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::filter::{Index, Narrowed, Query, TOKENS};

/// Arguments of `ls`.
#[derive(Debug, ArgGroup)]
pub struct LsArgs {
    /// Words and tokens, as in the console: db:shop target:nas after:2026-11-01 before: trust:whole format: key:
    filter: Vec<String>,
}

pub async fn run(door: &Door, args: LsArgs) -> Result<u8, Report> {
    let session = door.session().await?;
    unlock::given(door, &session).await?;
    let catalog = door.listed(&session).await?;
    let code = say_targets(door, &catalog);
    let shown = filtered(&catalog, &args.filter.join(" "))?;
    if door.printer().form() == Form::Json {
        for backup in &shown {
            door.printer().json(&BackupLine::from(&**backup))?;
        }
        return Ok(code);
    }
    door.printer().table(&table(&shown, catalog.at))?;
    for series in catalog.series.iter().filter(|_| args.filter.is_empty()) {
        door.printer().say(&series.words);
    }
    Ok(code)
}

/// Says which targets are not, or not wholly, in the list; the answer is the exit code that this deserves.
pub fn say_targets(door: &Door, catalog: &Catalog) -> u8 {
    let mut failed = vec![];
    for target in &catalog.targets {
        match &target.state {
            TargetState::Failed(report) => {
                door.printer().failure(report);
                failed.push(report.fault);
            }
            TargetState::NotYet(why) => door.printer().say(&format!("{}: {why}", target.name)),
            TargetState::Waiting | TargetState::Listing { .. } | TargetState::Listed { .. } => {}
        }
    }
    match failed[..] {
        [] => DONE,
        [only] if catalog.targets.len() == 1 => exit::of_fault(only),
        _ if failed.len() == catalog.targets.len() => exit::gravest(failed.into_iter().map(exit::of_fault)),
        _ => exit::of_fault(Fault::Partly),
    }
}

/// The backups that a filter leaves, newest first.
///
/// # Errors
///
/// When a token of it cannot be understood.
pub fn filtered(catalog: &Catalog, text: &str) -> Result<Vec<Arc<Backup>>, Report> {
    let query = Query::parse(text, catalog.at);
    if let Some(problem) = query.problems().first() {
        return Err(
            CliError::usage(problem, format!("tokens: {}", TOKENS.map(|token| format!("{token}:")).join(" "))).into()
        );
    }
    let mut narrowed = Narrowed::new(Arc::new(Index::new(catalog.backups.clone())));
    narrowed.narrow(query);
    Ok(narrowed.rows().iter().map(|row| Arc::clone(&catalog.backups[*row as usize])).collect())
}

fn table(backups: &[Arc<Backup>], now: Moment) -> Table {
    let mut table = Table::new(&[
        ("", Side::Left),
        ("ID", Side::Left),
        ("TAKEN UTC", Side::Left),
        ("AGE", Side::Right),
        ("DATABASE", Side::Name),
        ("TARGET", Side::Name),
        ("SIZE", Side::Right),
        ("SEAL", Side::Left),
        ("TRUST", Side::Left),
        ("NAME", Side::Name),
    ]);
    for backup in backups {
        table.row([
            wording::mark(backup).to_owned(),
            backup.id.to_string(),
            backup.taken.at.minute(),
            short_span(backup.taken.at.age_at(now)),
            wording::databases(backup),
            backup.target.to_string(),
            ByteSize(backup.stamp.size).to_string(),
            wording::seal(backup),
            wording::trust(backup),
            backup.key.to_string(),
        ]);
    }
    table
}
