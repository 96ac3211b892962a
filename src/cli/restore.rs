//! `restore`: a plan first, then exactly that plan.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::lines::{PlanLine, RestoreLine};
use crate::cli::print::{Form, json_line};
use crate::cli::{ask, exit, plan_text, unlock};
use crate::model::foreign::Foreign;
use crate::model::job::{Ending, RestoreReport};
use crate::model::plan::{Ask, ConfirmAnswer, Confirmed, PlanDigest, RestorePlan};
use crate::model::sink::Sink;
use crate::model::units::ByteSize;
use crate::report::{Fault, Report};
use crate::work::export;
use crate::work::parts::Rename;
use crate::work::plan::{PlanRequest, STATEMENT_LIMIT};
use crate::work::session::Session;
use crate::work::sink;

/// Arguments of `restore`.
#[derive(Debug, ArgGroup)]
pub struct RestoreArgs {
    /// An id or the start of one, target:name, or a path or URL
    backup: String,
    /// dir:PATH, stdout, mysql://user@host:port/DATABASE, or server:NAME/DATABASE; without a DATABASE each
    /// database of the backup keeps its name
    #[arg(long, value_name = "SINK")]
    into: String,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Only these databases of a backup that holds several, separated by commas
    #[arg(long, value_name = "DATABASES", value_delimiter = ',')]
    databases: Vec<String>,
    /// Restore database FROM of the backup as TO; FROM itself is never touched; may be given several times
    #[arg(long, value_name = "FROM:TO")]
    rename: Vec<String>,
    /// Decide a finding of the plan; may be given several times
    #[arg(long, value_name = "CODE=CHOICE")]
    choose: Vec<String>,
    /// The longest statement that is held in memory, in MiB [default: 64]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1024))]
    statement_limit: Option<u64>,
    /// Show the plan and stop
    #[arg(long, conflicts_with_all = ["approve", "confirm"])]
    plan_only: bool,
    /// Run exactly the plan with this digest, or refuse
    #[arg(long, value_name = "DIGEST", conflicts_with = "confirm")]
    approve: Option<String>,
    /// The name of what will be overwritten
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    arming: Arming,
    /// Where the JSON goes when standard output is the sink
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Arming a protected server.
#[derive(Debug, ArgGroup)]
pub struct Arming {
    /// Arm writes to a protected server for this restore
    #[arg(long, value_name = "SERVER", requires = "reason")]
    arm: Option<String>,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", requires = "arm")]
    reason: Option<String>,
}

pub async fn run(door: &Door, args: RestoreArgs) -> Result<u8, Report> {
    check(door, &args)?;
    let session = door.session_for(&args.backup).await?;
    let into = sink::parse(&args.into, session.estate())?;
    door.listed(&session).await?;
    let backup = session.find(&args.backup)?;
    unlock::needed(door, &session, std::slice::from_ref(&backup)).await?;
    if let (Some(server), Some(reason)) = (&args.arming.arm, &args.arming.reason) {
        let until = session.arm(server, reason)?;
        door.printer().say(&format!("ARMED for {server} until {} UTC", until.minute()));
    }
    let request = PlanRequest {
        backup: backup.id.clone(),
        into,
        tables: (!args.tables.is_empty())
            .then(|| args.tables.iter().map(|name| Foreign::from(name.as_str())).collect()),
        databases: (!args.databases.is_empty())
            .then(|| args.databases.iter().map(|name| Foreign::from(name.as_str())).collect()),
        renames: renames(&args.rename)?,
        choices: choices(&args.choose)?,
        statement_limit: args.statement_limit.map_or(STATEMENT_LIMIT, |mib| ByteSize(mib << 20)),
    };
    let plan = door.attended(&session, &backup.label(), session.plan(request)).await?;
    if args.plan_only {
        print_plan(door, &plan)?;
        return Ok(exit::DONE);
    }
    let confirmed = confirm(door, &args, plan).await?;
    perform(door, &session, &args, confirmed).await
}

/// What would otherwise be found out only after a long verification.
fn check(door: &Door, args: &RestoreArgs) -> Result<(), Report> {
    let to_stdout = matches!(args.into.as_str(), "stdout" | "-") && !args.plan_only;
    if to_stdout && door.printer().form() == Form::Json && args.report.is_none() {
        let what = "standard output is the sink, so the JSON has no place";
        return Err(CliError::usage(what, "name a file for it with --report FILE").into());
    }
    if to_stdout && io::stdout().is_terminal() {
        let what = "a dump may hold bytes that take over a terminal";
        return Err(CliError::usage(what, "send standard output into a pipe or a file, or use --into dir:PATH").into());
    }
    Ok(())
}

fn choices(given: &[String]) -> Result<BTreeMap<String, String>, Report> {
    let pair = |text: &String| {
        let split = text.split_once('=').map(|(code, choice)| (code.trim().to_owned(), choice.trim().to_owned()));
        split.ok_or_else(|| CliError::usage("--choose takes CODE=CHOICE", "such as --choose gtid_purged=drop").into())
    };
    given.iter().map(pair).collect()
}

fn renames(given: &[String]) -> Result<Vec<Rename>, Report> {
    let pair = |text: &String| {
        let split = text.split_once(':').filter(|(from, to)| !from.is_empty() && !to.is_empty());
        let rename = split.map(|(from, to)| Rename { from: Foreign::from(from), to: Foreign::from(to) });
        rename.ok_or_else(|| CliError::usage("--rename takes FROM:TO", "such as --rename shop:shop_restored").into())
    };
    given.iter().map(pair).collect()
}

fn print_plan(door: &Door, plan: &RestorePlan) -> Result<(), Report> {
    match door.printer().form() {
        Form::Json => door.printer().json(&PlanLine::from(plan)),
        Form::Text => door.printer().text(&plan_text::of(plan)),
    }
}

async fn confirm(door: &Door, args: &RestoreArgs, plan: RestorePlan) -> Result<Confirmed<RestorePlan>, Report> {
    if args.approve.is_none() {
        door.printer().say(plan_text::of(&plan).trim_end());
    }
    if let Some(finding) = plan.stopped_by() {
        let advice = match finding.choices.is_empty() {
            true => "this plan cannot run; take another backup or another sink".to_owned(),
            false => format!("decide with --choose {}=CHOICE, one of: {}", finding.code, finding.choices.join(", ")),
        };
        return Err(Report::new(Fault::Refused, "cli::plan_stopped", &finding.text, &advice));
    }
    let answer = match (&args.approve, &args.confirm) {
        (Some(digest), _) => ConfirmAnswer::Digest(PlanDigest::typed(digest)),
        (None, Some(name)) => ConfirmAnswer::Name(Foreign::from(name.as_str())),
        (None, None) => asked(door, &plan).await?,
    };
    plan.confirm(&answer).map_err(|plan| refusal(&plan, &answer))
}

async fn asked(door: &Door, plan: &RestorePlan) -> Result<ConfirmAnswer, Report> {
    let into = plan.into.to_string();
    match plan.ask() {
        Ask::Nothing => Ok(ConfirmAnswer::Silence),
        Ask::YesNo if door.conduct.yes => Ok(ConfirmAnswer::Yes),
        Ask::YesNo => {
            let question = format!("Restore into {into}?");
            door.aside(move || ask::yes_no(&question, "give --yes, or --approve with the plan's digest")).await?;
            Ok(ConfirmAnswer::Yes)
        }
        Ask::TypeName(name) => {
            let question = format!("This writes into {into}. Type its name ({name}) to go on:");
            let flag = "give --confirm NAME, or --approve with the plan's digest";
            Ok(ConfirmAnswer::Name(door.aside(move || ask::typed_name(&question, flag)).await?))
        }
    }
}

fn refusal(plan: &RestorePlan, answer: &ConfirmAnswer) -> Report {
    let (code, what) = match answer {
        ConfirmAnswer::Digest(_) => ("cli::plan_changed", "the plan is not the one that was approved"),
        ConfirmAnswer::Name(_) => ("cli::wrong_name", "the name is not the one that is written to"),
        ConfirmAnswer::Silence | ConfirmAnswer::Yes => ("cli::not_confirmed", "this plan needs another answer"),
    };
    let advice = match plan.ask() {
        Ask::TypeName(name) => format!("read the plan (--plan-only); it writes to {name}, digest {}", plan.digest()),
        Ask::Nothing | Ask::YesNo => format!("read the plan (--plan-only), digest {}", plan.digest()),
    };
    Report::new(Fault::Refused, code, format!("{what}; nothing was written"), &advice)
}

async fn perform(
    door: &Door,
    session: &Session,
    args: &RestoreArgs,
    confirmed: Confirmed<RestorePlan>,
) -> Result<u8, Report> {
    let plan = confirmed.plan().clone();
    let id = match plan.into {
        Sink::Stdout => session.restore_to(confirmed, Box::new(io::stdout()))?,
        Sink::Dir(_) | Sink::Mysql(_) | Sink::Databases(_) => session.start_restore(confirmed)?,
    };
    let job = door.attended(session, &plan.from.label, session.ended(id)).await;
    let ended = match job.and_then(|job| job.ending) {
        Some(Ending::Restored(report)) => {
            print_report(door, args, &plan, &report)?;
            Ok(exit::of_restore(report.outcome))
        }
        Some(Ending::Failed(Some(report))) => Err(*report),
        Some(Ending::Cancelled) => Err(CliError::Interrupted.into()),
        _ => Err(Report::new(Fault::Failed, "cli::lost_job", "the job ended without a word", "this is a bug")),
    };
    door.say_head(session);
    ended
}

fn print_report(door: &Door, args: &RestoreArgs, plan: &RestorePlan, report: &RestoreReport) -> Result<(), Report> {
    let line = RestoreLine::new(plan, report);
    if let Some(file) = &args.report {
        export::write_new(file, json_line(&line).as_bytes())?;
    }
    match (door.printer().form(), &plan.into) {
        (Form::Json, Sink::Stdout) => Ok(()),
        (Form::Json, _) => door.printer().json(&line),
        (Form::Text, Sink::Stdout) => {
            door.printer().say(plan_text::of_report(report).trim_end());
            Ok(())
        }
        (Form::Text, _) => door.printer().text(&plan_text::of_report(report)),
    }
}
