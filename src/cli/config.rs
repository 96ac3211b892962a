//! `config explain` and `doctor`: what is configured, from where, and whether it works.

use clap::Subcommand;
use serde_json::json;

use crate::cli::door::Door;
use crate::cli::exit::{self, DONE};
use crate::cli::print::Form;
use crate::cli::table::{Side, Table};
use crate::report::{Fault, Report};
use crate::work::doctor::{self, Health};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Every setting with where it came from: a file and line, an environment variable, or the default
    Explain,
}

pub async fn run(door: &Door, verb: ConfigVerb) -> Result<u8, Report> {
    let ConfigVerb::Explain = verb;
    let session = door.session().await?;
    let mut table = Table::new(&[("SETTING", Side::Left), ("VALUE", Side::Left), ("FROM", Side::Left)]);
    for setting in session.estate().explain() {
        match door.printer().form() {
            Form::Json => door.printer().json(setting)?,
            Form::Text => table.row([setting.setting.clone(), setting.value.clone(), setting.origin.to_string()]),
        }
    }
    if door.printer().form() == Form::Text {
        door.printer().table(&table)?;
    }
    for remark in &session.estate().notes.remarks {
        door.printer().say(remark);
    }
    Ok(DONE)
}

/// Every check; a failed one makes the exit code 1.
pub async fn doctor(door: &Door) -> Result<u8, Report> {
    let session = door.unasked_session().await?;
    let findings = door.waited(doctor::examine(&session)).await?;
    let failed = findings.iter().any(|finding| finding.outcome == Health::Fail);
    for finding in &findings {
        let word = match finding.outcome {
            Health::Ok => "ok",
            Health::Warn => "warning",
            Health::Fail => "failed",
        };
        if door.printer().form() == Form::Json {
            let (subject, text, advice) = (&finding.subject, &finding.text, &finding.advice);
            door.printer().json(&json!({ "subject": subject, "outcome": word, "text": text, "advice": advice }))?;
            continue;
        }
        door.printer().line(&format!("{word:7}  {}: {}", finding.subject, finding.text))?;
        if !finding.advice.is_empty() {
            door.printer().line(&format!("         try: {}", finding.advice))?;
        }
    }
    Ok(if failed { exit::of_fault(Fault::Failed) } else { DONE })
}
