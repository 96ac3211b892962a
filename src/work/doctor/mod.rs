//! Checks of every target, server and key, of this machine and of our own records.
//!
//! Nothing is changed and nothing secret is read out: keys are inspected without their passphrase.

mod keys;
mod machine;
mod servers;
mod targets;

use crate::report::Report;
use crate::work::session::Session;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Fine.
    Ok,
    /// Worth knowing.
    Warn,
    /// Broken.
    Fail,
}

/// One check; all its texts are safe to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub subject: String,
    /// How it went.
    pub outcome: Health,
    /// In words.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// Checks everything: targets and servers side by side, then keys, then this machine.
pub async fn examine(session: &Session) -> Vec<Finding> {
    let (targets, servers) = tokio::join!(targets::examine(session), servers::examine(session));
    let mine = session.clone();
    let here = tokio::task::spawn_blocking(move || {
        [estate(&mine), keys::examine(mine.estate()), machine::examine(&mine)].concat()
    });
    let here = here.await.unwrap_or_else(|_| vec![fail("this machine", "its checks died", "the log names the place")]);
    [targets, servers, here].concat()
}

/// What was worth knowing about the configuration when it was read.
fn estate(session: &Session) -> Vec<Finding> {
    let remarks = session.estate().notes.remarks.iter();
    remarks.map(|remark| warn("configuration", remark, "`breakglass config explain` shows what was read")).collect()
}

fn finding(subject: &str, outcome: Health, text: impl Into<String>, advice: &str) -> Finding {
    Finding { subject: subject.to_owned(), outcome, text: text.into(), advice: advice.to_owned() }
}

fn ok(subject: &str, text: impl Into<String>) -> Finding {
    finding(subject, Health::Ok, text, "")
}

fn warn(subject: &str, text: impl Into<String>, advice: &str) -> Finding {
    finding(subject, Health::Warn, text, advice)
}

fn fail(subject: &str, text: impl Into<String>, advice: &str) -> Finding {
    finding(subject, Health::Fail, text, advice)
}

/// A failure with its chain of causes on one line.
fn broken(subject: &str, report: &Report) -> Finding {
    let text = std::iter::once(&report.headline).chain(&report.causes).cloned().collect::<Vec<_>>().join(": ");
    fail(subject, text, &report.advice)
}
