//! `salvage`: what is left of a broken backup, into a folder of its own.

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::lines::SalvageLine;
use crate::cli::print::Form;
use crate::cli::{ask, exit, unlock};
use crate::model::foreign::Foreign;
use crate::model::job::Ending;
use crate::model::salvage::{AgreedSalvage, SalvageOrder};
use crate::report::{Fault, Report};
use crate::work::salvage;

/// Arguments of `salvage`.
#[derive(Debug, ArgGroup)]
#[command(after_help = "It never says that anything is whole, and never ends with 0. Exit codes:\n\
    7 something came out, and the report says what; 3 nothing did, or a member of the archive is hostile;\n\
    4 no key fits; 6 refused: read-only, proven whole, or the folder is in use;\n\
    8 neither the key nor the first bytes can be told to be right; 130 stopped.")]
pub struct SalvageArgs {
    /// An id or the start of one, target:name, or a path or URL
    backup: String,
    /// A new folder whose name ends in `.salvaged`
    #[arg(long, value_name = "dir:PATH.salvaged")]
    into: String,
    /// The folder's name, instead of typing it
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

pub async fn run(door: &Door, args: SalvageArgs) -> Result<u8, Report> {
    let session = door.session_for(&args.backup).await?;
    door.listed(&session).await?;
    let backup = session.find(&args.backup)?;
    let order = salvage::order(&backup.id, &args.into)?;
    session.may_salvage(&order)?;
    unlock::needed(door, &session, std::slice::from_ref(&backup)).await?;
    let agreed = confirm(door, &args, order, &backup.label()).await?;
    let id = session.start_salvage(agreed)?;
    let job = door.attended(&session, &backup.label(), session.ended(id)).await;
    let ended = match job.and_then(|job| job.ending) {
        Some(Ending::Salvaged(report)) => {
            match door.printer().form() {
                Form::Json => door.printer().json(&SalvageLine::from(&*report))?,
                Form::Text => door.printer().text(&salvage::of_report(&report))?,
            }
            Ok(exit::of_salvage(report.outcome))
        }
        Some(Ending::Failed(Some(report))) => Err(*report),
        Some(Ending::Cancelled) => Err(CliError::Interrupted.into()),
        _ => Err(Report::new(Fault::Failed, "cli::lost_job", "the job ended without a word", "this is a bug")),
    };
    door.say_head(&session);
    ended
}

async fn confirm(door: &Door, args: &SalvageArgs, order: SalvageOrder, label: &str) -> Result<AgreedSalvage, Report> {
    let name = order.name().clone();
    let typed = match &args.confirm {
        Some(typed) => Foreign::from(typed.as_str()),
        None => {
            let question = format!(
                "This takes out of {label} what is left of it. Nothing of it is proven, nothing of it is a backup.\n\
                 Type the folder's name ({name}) to go on:"
            );
            door.aside(move || ask::typed_name(&question, "give --confirm NAME")).await?
        }
    };
    order.agree(&typed).map_err(|_| {
        let advice = format!("the folder's name is {name}");
        Report::new(Fault::Refused, "cli::wrong_name", "the name is not the folder's; nothing was written", &advice)
    })
}
