//! `audit`: show, verify and export the audit log.

use clap::{Args as ArgGroup, Subcommand};

use crate::cli::door::Door;
use crate::cli::exit::{self, DONE};
use crate::cli::print::Form;
use crate::cli::table::{Side, Table};
use crate::model::audit::{AuditKind, AuditRecord, ChainState};
use crate::report::{Fault, Report};

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

pub async fn run(door: &Door, args: AuditArgs) -> Result<u8, Report> {
    let session = door.session().await?;
    match args.verb {
        None => show(door, &session.audit_tail(args.last)),
        Some(AuditVerb::Export) => {
            for record in session.audit_tail(usize::MAX) {
                door.printer().json(&record)?;
            }
            session.event("export", "audit log", "ok", "")?;
            Ok(DONE)
        }
        Some(AuditVerb::Verify { head }) => verify(door, &session.audit_state(head.as_deref())?, head.is_some()),
    }
}

fn show(door: &Door, records: &[AuditRecord]) -> Result<u8, Report> {
    if door.printer().form() == Form::Json {
        records.iter().try_for_each(|record| door.printer().json(record))?;
        return Ok(DONE);
    }
    let mut table = Table::new(&[
        ("SEQ", Side::Right),
        ("AT UTC", Side::Left),
        ("WHO", Side::Name),
        ("WHAT", Side::Left),
        ("ON", Side::Name),
        ("RESULT", Side::Left),
        ("DETAIL", Side::Name),
    ]);
    for record in records {
        let who = record.actor.ssh_from.as_ref().map_or_else(String::new, |from| format!(" from {from}"));
        table.row([
            record.seq.to_string(),
            record.at.second(),
            format!("{}{who}", record.actor.login.as_ref().unwrap_or(&record.actor.user)),
            record.action.clone(),
            record.subject.clone(),
            if record.kind == AuditKind::Intent { "begun".to_owned() } else { record.result.clone() },
            record.detail.clone(),
        ]);
    }
    door.printer().table(&table)?;
    Ok(DONE)
}

/// The state of the chain; a break is an integrity failure.
fn verify(door: &Door, state: &ChainState, anchored: bool) -> Result<u8, Report> {
    match door.printer().form() {
        Form::Json => door.printer().json(state)?,
        Form::Text => {
            let mut facts = vec![("records", state.records.to_string()), ("head", state.head.clone())];
            match &state.broken {
                None => facts.push(("chain", "unbroken".to_owned())),
                Some((at, why)) => facts.push(("chain", format!("BROKEN at record {at}: {why}"))),
            }
            let open: Vec<String> = state.open_intents.iter().map(ToString::to_string).collect();
            if !open.is_empty() {
                facts.push(("open", format!("{} (running, or the program died)", open.join(", "))));
            }
            door.printer().facts(&facts)?;
            if !anchored {
                door.printer().say("without --head HASH of an earlier run, records cut off the end are invisible");
            }
        }
    }
    Ok(if state.broken.is_some() { exit::of_fault(Fault::Integrity) } else { DONE })
}
