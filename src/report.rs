//! The one shape in which errors are shown, on the screen and headless alike.

use std::error::Error;
use std::fmt;

use miette::Diagnostic;
use serde::Serialize;

use crate::model::foreign::escape;

/// What kind of failure this is. Each maps to exactly one exit code (`cli/exit.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Something went wrong that fits no other kind.
    Failed,
    /// The command line or a configuration file is wrong.
    Usage,
    /// The backup is damaged or truncated.
    Integrity,
    /// No key fits: wrong key, wrong passphrase.
    NoKey,
    /// A target or a server cannot be reached.
    Unreachable,
    /// Policy, conflict, or a plan that no longer holds.
    Refused,
    /// Some of it was done; the report lists what failed.
    Partly,
    /// Nothing can be said for sure, or two things cannot be compared.
    Inconclusive,
    /// Stopped by a person or a signal.
    Interrupted,
}

/// A failure as people read it: what happened, what to do next, and why.
///
/// Every text in it is already escaped: it may be drawn and logged as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Decides the exit code.
    #[serde(skip)]
    pub fault: Fault,
    /// Stable, such as `target::denied`.
    pub code: String,
    /// What failed, on which backup and byte.
    #[serde(rename = "message")]
    pub headline: String,
    /// What to do next; may be empty.
    pub advice: String,
    /// The chain of causes, outermost first.
    pub causes: Vec<String>,
}

impl Report {
    /// A report made by hand, for failures that no room's error describes.
    pub fn new(fault: Fault, code: &str, headline: impl fmt::Display, advice: &str) -> Self {
        let headline = escape(&headline.to_string());
        Self { fault, code: code.to_owned(), headline, advice: advice.to_owned(), causes: vec![] }
    }

    /// Reads fact, advice, code and causes off a room's error.
    pub fn of(fault: Fault, error: &dyn Diagnostic) -> Self {
        let mut causes = vec![];
        let mut next: Option<&dyn Error> = error.source();
        while let Some(cause) = next {
            let text = escape(&cause.to_string());
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        Self {
            fault,
            code: error.code().map_or_else(|| "failed".to_owned(), |code| code.to_string()),
            headline: escape(&error.to_string()),
            advice: error.help().map_or_else(String::new, |help| escape(&help.to_string())),
            causes,
        }
    }

    /// The same report with one more cause at the end.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(escape(&cause.to_string()));
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

/// An error of a room that knows which kind of failure it is.
pub trait Reportable: Diagnostic {
    /// The kind of failure; an exhaustive match, so that a new variant must choose.
    fn fault(&self) -> Fault;

    /// This error as people read it.
    fn report(&self) -> Report
    where
        Self: Sized,
    {
        Report::of(self.fault(), self)
    }
}
