//! What can go wrong at the headless door itself.

use std::io;

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Report, Reportable};

/// A failure of the door, not of the rooms behind it.
#[derive(Debug, Error, Diagnostic)]
pub enum CliError {
    /// A question came up and there is nobody to answer.
    #[error("there is no terminal to ask on: {question}")]
    #[diagnostic(code(cli::no_terminal))]
    NoTerminal {
        /// The question as it would have been asked.
        question: String,
        /// Which flag answers it.
        #[help]
        flag: String,
    },
    /// The answer was no, or nothing.
    #[error("not confirmed; nothing was written")]
    #[diagnostic(code(cli::not_confirmed), help("run it again and answer, or give the flag that answers"))]
    NotConfirmed,
    /// Ctrl-C at a question.
    #[error("stopped by you")]
    #[diagnostic(code(cli::interrupted))]
    Interrupted,
    /// Two things want to read standard input.
    #[error("{first} and {second} cannot both come from standard input")]
    #[diagnostic(code(cli::stdin_twice), help("give one of them as a file, or the passphrase with --passphrase-fd"))]
    StdinTwice {
        /// One reader.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A PEM was given where a path belongs.
    #[error("--key takes the path of a file, not the key itself")]
    #[diagnostic(
        code(cli::key_as_argument),
        help(
            "arguments show in `ps` and in the shell's history: consider this key exposed. Use a file, `--key -`, or DBACKED_PRIVATE_KEY"
        )
    )]
    KeyAsArgument,
    /// A passphrase source is empty, too long or not readable.
    #[error("the passphrase could not be read from {from}")]
    #[diagnostic(
        code(cli::passphrase_source),
        help("it must hold one line of 1 to {limit} bytes", limit = crate::cli::ask::PASSPHRASE_LIMIT)
    )]
    PassphraseSource {
        /// Which flag.
        from: &'static str,
        /// Why, where the system says.
        #[source]
        source: Option<io::Error>,
    },
    /// A new passphrase was typed differently the second time, or is empty.
    #[error("{0}")]
    #[diagnostic(code(cli::passphrase), help("nothing was made; run it again"))]
    NewPassphrase(&'static str),
    /// Data could not be written to standard output.
    #[error("standard output cannot be written")]
    #[diagnostic(
        code(cli::stdout),
        help("what was printed so far is incomplete; look at the free space or the pipe's other end")
    )]
    Stdout(#[source] io::Error),
    /// The terminal failed.
    #[error("the terminal cannot be used")]
    #[diagnostic(code(cli::terminal), help("give the answer as a flag instead"))]
    Terminal(#[source] io::Error),
    /// Anything wrong with the arguments that clap could not see.
    #[error("{what}")]
    #[diagnostic(code(cli::usage), help("{advice}"))]
    Usage {
        /// What is wrong; safe to draw.
        what: String,
        /// What to type instead.
        advice: String,
    },
    /// A file that an argument names cannot be used.
    #[error("{what} cannot be {done}: {path}")]
    #[diagnostic(code(cli::file), help("check the path and its permissions"))]
    File {
        /// What it is for.
        what: &'static str,
        /// `read` or `written`.
        done: &'static str,
        /// The path, escaped.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl CliError {
    /// A usage error made of words.
    pub fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), advice: advice.into() }
    }
}

impl Reportable for CliError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoTerminal { .. } | Self::NotConfirmed => Fault::Refused,
            Self::Interrupted => Fault::Interrupted,
            Self::StdinTwice { .. } | Self::KeyAsArgument | Self::NewPassphrase(_) | Self::Usage { .. } => Fault::Usage,
            Self::PassphraseSource { .. } | Self::Stdout(_) | Self::Terminal(_) | Self::File { .. } => Fault::Failed,
        }
    }
}

impl From<CliError> for Report {
    fn from(error: CliError) -> Self {
        error.report()
    }
}
