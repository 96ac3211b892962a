//! Why a dump cannot be split safely.

use std::fmt;

use miette::Diagnostic;
use thiserror::Error;

use crate::model::units::{ByteSize, grouped};
use crate::report::{Fault, Reportable};

/// A statement of a dump, by number and by the byte where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first statement is 1.
    pub statement: u64,
    /// In the dump, from 0.
    pub byte: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {} at byte {}", grouped(self.statement), grouped(self.byte))
    }
}

/// A text that servers of different kinds or versions would cut differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// The delimiter stands inside a conditional comment.
    DelimiterInComment,
    /// `*/` stands in a string or comment inside a conditional comment.
    EndInQuotes,
    /// A conditional comment stands inside another.
    Nested,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DelimiterInComment => "the delimiter stands inside a /*! comment",
            Self::EndInQuotes => "*/ stands inside a string or a comment within a /*! comment",
            Self::Nested => "a /*! comment stands inside another",
        })
    }
}

/// Why a dump cannot be split safely. Holds no text of the dump: that may be row values.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum LexError {
    /// A setting that decides how strings are read is set to something unknown.
    #[error("{place}: sets {setting} to something that cannot be known from the dump")]
    #[diagnostic(
        code(sql::cannot_follow),
        help(
            "where its strings end would be guesswork, so nothing of it is run; restore to a folder with `--into dir:PATH` and edit the statement, or take the dump again with `--set-charset`"
        )
    )]
    CannotFollow {
        /// Where.
        place: Place,
        /// `sql_mode` or `character_set_client`.
        setting: &'static str,
    },
    /// Servers would cut the text differently.
    #[error("{place}: {what}, which servers read differently")]
    #[diagnostic(
        code(sql::ambiguous),
        help(
            "no dump program writes this: the dump was edited, damaged, or made to deceive; restore to a folder with `--into dir:PATH` and look at the statement"
        )
    )]
    Ambiguous {
        /// Where.
        place: Place,
        /// What stands there.
        what: Ambiguity,
    },
    /// An order to the client program stands outside strings.
    #[error("{0}: a backslash outside of strings is an order to the client program, which is never followed")]
    #[diagnostic(
        code(sql::client_command),
        help(
            "the dump was edited, damaged, or made to deceive; restore to a folder with `--into dir:PATH` and look at the statement"
        )
    )]
    ClientCommand(Place),
    /// A `DELIMITER` line that no client would take.
    #[error("{0}: a DELIMITER line without a usable delimiter")]
    #[diagnostic(code(sql::bad_delimiter), help("a delimiter is 1 to 64 bytes without a backslash"))]
    BadDelimiter(Place),
    /// A statement is larger than may be held in memory.
    #[error("{place}: larger than the limit of {}", ByteSize(*limit).words())]
    #[diagnostic(
        code(sql::statement_too_large),
        help(
            "raise the limit with `--statement-limit` (memory grows by as much); the server's max_allowed_packet must allow it too"
        )
    )]
    TooLarge {
        /// Where.
        place: Place,
        /// In bytes.
        limit: u64,
    },
    /// Who received the statements wants no more of them.
    #[error("{0}: reading stopped here")]
    #[diagnostic(code(sql::stopped))]
    Stopped(Place),
}

impl LexError {
    /// The statement that it is about.
    pub fn place(&self) -> Place {
        match self {
            Self::CannotFollow { place, .. } | Self::Ambiguous { place, .. } | Self::TooLarge { place, .. } => *place,
            Self::ClientCommand(place) | Self::BadDelimiter(place) | Self::Stopped(place) => *place,
        }
    }
}

impl Reportable for LexError {
    fn fault(&self) -> Fault {
        match self {
            Self::CannotFollow { .. } | Self::BadDelimiter(_) => Fault::Inconclusive,
            Self::Ambiguous { .. } | Self::ClientCommand(_) | Self::TooLarge { .. } => Fault::Refused,
            Self::Stopped(_) => Fault::Interrupted,
        }
    }
}
