//! Why a recovery script cannot be made.

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Errors of recovery scripts. Nothing was written whenever one is given.
#[derive(Debug, Error, Diagnostic)]
pub enum RecoverError {
    /// Something in the range cannot be undone.
    #[error("{count} of the changes cannot be undone, so nothing was written")]
    #[diagnostic(
        code(recover::refused),
        help(
            "each reason is listed; leave those tables or rows out by name (--exclude, filters), and what is left is undone"
        )
    )]
    Refused {
        /// How many reasons there are.
        count: u64,
    },
    /// Something is missing in the range.
    #[error("the range has {count} gap(s): changes may be missing, so nothing was written")]
    #[diagnostic(
        code(recover::gaps),
        help("add the missing files to the source; or --allow-gaps, which the script's header will say")
    )]
    Gaps {
        /// How many.
        count: usize,
    },
    /// A log is not what it was, or not all there.
    #[error("{file} is damaged: {words}")]
    #[diagnostic(
        code(recover::damaged),
        help(
            "changes may be missing, so nothing was written; copy it again; or --allow-gaps, which the script's header will say"
        )
    )]
    Damaged {
        /// The log, escaped.
        file: String,
        /// What is wrong with it.
        words: String,
    },
    /// Nothing is left to be undone.
    #[error("no change is left to undo: {why}")]
    #[diagnostic(code(recover::nothing), help("`breakglass changes SOURCE` with the same filters shows what there is"))]
    Nothing {
        /// In words.
        why: String,
    },
    /// A table to be left out that is nowhere.
    #[error("there is no table {table} to leave out: the logs have no change of it")]
    #[diagnostic(
        code(recover::exclude),
        help("nothing was written; names count letter for letter: `breakglass changes SOURCE --summary` lists them")
    )]
    Exclude {
        /// As it was asked for, escaped.
        table: String,
    },
    /// A choice about something that is not there.
    #[error("the script has no {what}")]
    #[diagnostic(code(recover::no_such), help("read the page again"))]
    NoSuch {
        /// `statement 5`, `table shop.orders`.
        what: String,
    },
    /// The session may not write.
    #[error("this session is read-only")]
    #[diagnostic(code(recover::read_only), help("the estate says read_only, or --read-only was given"))]
    ReadOnly,
    /// The machine gives no pipe or thread.
    #[error("the script cannot be proved while it is sealed")]
    #[diagnostic(code(recover::pipe), help("nothing was written; end other programs, and try again"))]
    Pipe(#[source] std::io::Error),
    /// It was stopped.
    #[error("stopped by you; nothing was written")]
    #[diagnostic(code(recover::interrupted))]
    Interrupted,
}

impl Reportable for RecoverError {
    fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } | Self::Gaps { .. } | Self::ReadOnly => Fault::Refused,
            Self::Damaged { .. } => Fault::Integrity,
            Self::Nothing { .. } => Fault::Inconclusive,
            Self::Exclude { .. } | Self::NoSuch { .. } => Fault::Usage,
            Self::Pipe(_) => Fault::Failed,
            Self::Interrupted => Fault::Interrupted,
        }
    }
}
