//! `verify`: climb the trust ladder.

use std::sync::Arc;

use clap::Args as ArgGroup;

use crate::cli::args::ToRung;
use crate::cli::door::{Door, is_place};
use crate::cli::error::CliError;
use crate::cli::exit;
use crate::cli::lines::VerifyLine;
use crate::cli::print::Form;
use crate::cli::{ls, show, unlock};
use crate::model::backup::Backup;
use crate::model::job::Ending;
use crate::model::trust::{Proof, Rung};
use crate::model::units::ByteSize;
use crate::report::{Fault, Report};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::series;
use crate::work::session::Session;

/// Arguments of `verify`.
#[derive(Debug, ArgGroup)]
pub struct VerifyArgs {
    /// Ids or starts of ids, target:name, paths or URLs
    #[arg(value_name = "BACKUP", required_unless_present = "newest_of_each")]
    backups: Vec<String>,
    /// The newest backup of every series in every target, for cron; what is named beside it is a filter as `ls` takes it
    #[arg(long)]
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
    if args.newest_of_each {
        return newest_of_each(door, &args.backups.join(" "), args.to.into()).await;
    }
    let mut codes = vec![];
    let (places, named): (Vec<String>, Vec<String>) = args.backups.into_iter().partition(|text| is_place(text));
    if !named.is_empty() {
        let session = door.session().await?;
        door.listed(&session).await?;
        let found: Vec<_> = named.iter().map(|name| session.find(name)).collect::<Result<_, _>>()?;
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

/// Verifies the newest backup of each series that the filter leaves. Nothing to verify is a failure: a cron job
/// that looks at the wrong folder must not end with 0.
async fn newest_of_each(door: &Door, filter: &str, to: Rung) -> Result<u8, Report> {
    let session = door.session().await?;
    let catalog = door.listed(&session).await?;
    let mut codes = unlisted(door, &catalog);
    let found = series::newest_of_each(&ls::filtered(&catalog, filter)?);
    if found.is_empty() && codes.is_empty() {
        let advice = "look at what is there: breakglass ls, and the estate's targets: breakglass doctor";
        return Err(Report::new(Fault::Failed, "verify::nothing", "there is no backup to verify", advice));
    }
    codes.extend(climb_all(door, &session, &found, to).await?);
    door.say_head(&session);
    Ok(exit::gravest(codes))
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
