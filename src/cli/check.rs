//! `check`: one line and an exit code for monitors.

use std::time::Duration;

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::print::Form;
use crate::model::target::TargetName;
use crate::model::trust::Rung;
use crate::model::units::parse_span;
use crate::report::Report;
use crate::work::check::{State, Wants};

/// Arguments of `check`.
#[derive(Debug, ArgGroup)]
pub struct CheckArgs {
    /// How old the newest trusted backup of a database may be: 26h, 3d; else as its cron or its habit allows
    #[arg(long, value_name = "AGE", value_parser = span)]
    max_age: Option<Duration>,
    /// How far it must be proven: listed, intact, opens, whole or proven
    #[arg(long, value_name = "RUNG", default_value = "whole", value_parser = rung)]
    min_trust: Rung,
    /// Only this target; may be given several times
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Only databases or series that fit this pattern, such as shop or crm_*; may be given several times
    #[arg(long, value_name = "PATTERN")]
    series: Vec<String>,
    /// That this is gone was meant: forget TARGET:SERIES, or an empty TARGET; may be given several times
    #[arg(long, value_name = "TARGET:SERIES")]
    forget: Vec<String>,
    /// No more backups of TARGET:SERIES are meant to come: not asked about until one does; may be given several times
    #[arg(long, value_name = "TARGET:SERIES")]
    retire: Vec<String>,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).ok_or_else(|| "write a number and s, m, h, d, w or y, such as 26h".to_owned())
}

fn rung(text: &str) -> Result<Rung, String> {
    let words = Rung::ALL.map(Rung::word).join(", ");
    Rung::ALL.into_iter().find(|rung| rung.word() == text).ok_or_else(|| format!("write one of {words}"))
}

/// Everything that keeps it from answering is UNKNOWN: a monitor must not read another code's meaning into it.
pub async fn run(door: &Door, args: CheckArgs) -> Result<u8, Report> {
    match answer(door, args).await {
        Err(report) if door.cancel.is_cancelled() => Err(report),
        Err(report) => {
            match door.printer().form() {
                Form::Text => drop(door.printer().line(&unknown(&report.headline))),
                Form::Json => {}
            }
            door.printer().failure(&report);
            Ok(State::Unknown.code())
        }
        answered => answered,
    }
}

/// The line of a question that cannot be answered.
pub(super) fn unknown(why: &str) -> String {
    format!("{}: {why}", State::Unknown.word())
}

async fn answer(door: &Door, args: CheckArgs) -> Result<u8, Report> {
    // A login that asks cannot be answered by a monitor: what it would ask is an error.
    let session = door.unasked_session().await?;
    let known: Vec<&TargetName> = session.estate().targets.iter().map(|target| target.name()).collect();
    let mut targets = vec![];
    for text in &args.target {
        let name = TargetName::new(text).filter(|name| known.contains(&name));
        let names: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
        let unknown = || CliError::usage(format!("no target {text}"), format!("targets: {}", names.join(", ")));
        targets.push(name.ok_or_else(unknown)?);
    }
    door.newest_listed(&session, &targets).await?;
    for wanted in args.forget {
        let mine = session.clone();
        let forgotten = door.aside(move || mine.forget_gone(&wanted)).await?;
        forgotten.iter().for_each(|it| door.printer().say(&format!("forgotten: {it}")));
    }
    for wanted in args.retire {
        let mine = session.clone();
        let retired = door.aside(move || mine.retire(&wanted)).await?;
        retired.iter().for_each(|it| door.printer().say(&format!("retired: {it}")));
    }
    let CheckArgs { max_age, min_trust, series, .. } = CheckArgs { forget: vec![], retire: vec![], ..args };
    let report = door.waited(session.check(Wants { max_age, min_trust, targets, series })).await??;
    let told = match door.printer().form() {
        Form::Json => door.printer().json(&report),
        Form::Text => door.printer().line(&report.line()),
    };
    let Err(unwritten) = told else { return Ok(report.state.code()) };
    // What nobody can read is not fine; what is critical stays that.
    door.printer().failure(&unwritten);
    Ok(report.state.max(State::Unknown).code())
}
