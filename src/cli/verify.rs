//! `verify`: climb the trust ladder.

use std::sync::Arc;

use clap::Args as ArgGroup;

use crate::cli::args::ToRung;
use crate::cli::door::{Door, is_place};
use crate::cli::error::CliError;
use crate::cli::exit;
use crate::cli::lines::VerifyLine;
use crate::cli::print::Form;
use crate::cli::{show, unlock};
use crate::model::backup::Backup;
use crate::model::job::Ending;
use crate::model::target::History;
use crate::model::trust::{Proof, Rung};
use crate::model::units::ByteSize;
use crate::report::{Fault, Report};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::series::SeriesView;
use crate::work::session::Session;

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

impl From<ToRung> for Rung {
    fn from(to: ToRung) -> Self {
        match to {
            ToRung::Intact => Self::Intact,
            ToRung::Opens => Self::Opens,
            ToRung::Whole => Self::Whole,
        }
    }
}

pub async fn run(door: &Door, args: VerifyArgs) -> Result<u8, Report> {
    let mut codes = vec![];
    let (places, named): (Vec<String>, Vec<String>) = args.backups.into_iter().partition(|text| is_place(text));
    if args.newest_of_each || !named.is_empty() {
        let session = door.session().await?;
        let catalog = door.listed(&session).await?;
        let found = if args.newest_of_each {
            codes.extend(unlisted(door, &catalog));
            newest_of_each(&catalog)
        } else {
            named.iter().map(|name| session.find(name)).collect::<Result<_, _>>()?
        };
        codes.extend(climb_all(door, &session, &found, args.to.into()).await?);
        door.say_head(&session);
    }
    for place in places {
        let session = door.session_for(&place).await?;
        door.listed(&session).await?;
        let found = [session.find(&place)?];
        codes.extend(climb_all(door, &session, &found, args.to.into()).await?);
        door.say_head(&session);
    }
    Ok(exit::gravest(codes))
}

/// The newest of each series that can be read at all; a series that only has an unreadable one is not left out.
fn newest_of_each(catalog: &Catalog) -> Vec<Arc<Backup>> {
    let newest = |series: &SeriesView| {
        let of_series = catalog.backups.iter().filter(|backup| backup.series == series.name);
        of_series.filter(|backup| backup.history == History::Current).max_by_key(|backup| backup.taken.at).cloned()
    };
    catalog.series.iter().filter_map(newest).collect()
}

/// A target that could not be listed may hold the newest: a cron job must not end with 0.
fn unlisted(door: &Door, catalog: &Catalog) -> Vec<u8> {
    let failed = catalog.targets.iter().filter_map(|target| match &target.state {
        TargetState::Failed(report) => Some(report),
        _ => None,
    });
    failed
        .map(|report| {
            door.printer().failure(report);
            exit::of_fault(report.fault)
        })
        .collect()
}

async fn climb_all(door: &Door, session: &Session, backups: &[Arc<Backup>], to: Rung) -> Result<Vec<u8>, Report> {
    if to > Rung::Intact {
        unlock::needed(door, session, backups).await?;
    }
    let mut codes = vec![];
    for backup in backups {
        if door.cancel.is_cancelled() {
            codes.push(exit::of_fault(Fault::Interrupted));
            break;
        }
        codes.push(climb(door, session, backup, to).await.unwrap_or_else(|report| {
            door.printer().failure(&report);
            exit::of_fault(report.fault)
        }));
    }
    Ok(codes)
}

async fn climb(door: &Door, session: &Session, backup: &Arc<Backup>, to: Rung) -> Result<u8, Report> {
    let id = session.start_verify(&backup.id, to)?;
    let job = door.attended(session, &backup.label(), session.ended(id)).await;
    match job.and_then(|job| job.ending) {
        Some(Ending::Verified(proof)) => {
            print(door, backup, &proof)?;
            Ok(exit::of_verdict(proof.outcome))
        }
        Some(Ending::Failed(Some(report))) => Err(*report),
        Some(Ending::Cancelled) => Err(CliError::Interrupted.into()),
        _ => Err(Report::new(Fault::Failed, "cli::lost_job", "the job ended without a word", "this is a bug")),
    }
}

fn print(door: &Door, backup: &Backup, proof: &Proof) -> Result<(), Report> {
    if door.printer().form() == Form::Json {
        return door.printer().json(&VerifyLine::new(backup, proof));
    }
    let seconds = proof.millis as f64 / 1000.0;
    let read = ByteSize(proof.bytes_in).words();
    let mut facts = vec![("backup", format!("{} ({})", backup.label(), backup.id))];
    facts.extend(show::of_proof(proof));
    facts.push(("read", format!("{read} stored, {} of dump, in {seconds:.1} s", ByteSize(proof.bytes_out).words())));
    door.printer().facts(&facts)?;
    door.printer().line("")
}
