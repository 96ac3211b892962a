//! What can be wrong with a binary log.

use miette::Diagnostic;
use thiserror::Error;

use crate::model::change::BinlogPos;
use crate::report::{Fault, Reportable};

/// Why a binary log cannot be read, or not any further. Positions are where the event begins.
#[derive(Debug, Error, Diagnostic)]
pub enum BinlogError {
    /// The file cannot be read.
    #[error("the binary log cannot be read at byte {at}")]
    #[diagnostic(code(binlog::unreadable), help("see the cause below; nothing behind that byte was looked at"))]
    Io {
        /// Bytes that were read before.
        at: BinlogPos,
        /// The cause.
        source: std::io::Error,
    },
    /// It does not begin like one.
    #[error("this is not a binary log: it does not begin with the bytes fe 62 69 6e")]
    #[diagnostic(
        code(binlog::not_one),
        help("give a file of the server's log_bin (not the .index file), unpacked or as .gz or .zst")
    )]
    NotABinlog,
    /// The server encrypted it.
    #[error("the binary log is encrypted by {product}, from byte {at} on: only that server can read it")]
    #[diagnostic(
        code(binlog::encrypted),
        help("fetch it through the server: mysqlbinlog --read-from-remote-server --raw writes it in clear")
    )]
    Encrypted {
        /// `MySQL` or `MariaDB`.
        product: &'static str,
        /// Where it begins to be unreadable.
        at: BinlogPos,
    },
    /// A format that no server since MySQL 5.0 writes.
    #[error("the binary log has format version {version}; only version 4 can be read")]
    #[diagnostic(code(binlog::version), help("servers since MySQL 5.0 write version 4"))]
    Version {
        /// As the file says.
        version: u16,
    },
    /// It ends inside an event.
    #[error("the binary log is cut: the event at {at} is not all there, {missing} of its bytes are missing")]
    #[diagnostic(
        code(binlog::cut),
        help("everything before that position was read; copy the file again, or fetch it from the server")
    )]
    Cut {
        /// Where the event begins that is not whole.
        at: BinlogPos,
        /// How many bytes are missing, as far as the event tells.
        missing: u64,
    },
    /// An event's checksum does not match its bytes.
    #[error("the event at {at} is damaged: its CRC32 does not match")]
    #[diagnostic(
        code(binlog::checksum),
        help("everything before that position was read and checked; copy the file again, or fetch it from the server")
    )]
    Checksum {
        /// Where it begins.
        at: BinlogPos,
    },
    /// Bytes that no server writes.
    #[error("the binary log is damaged at {at}: {what}")]
    #[diagnostic(
        code(binlog::damaged),
        help("everything before that position was read; copy the file again, or fetch it from the server")
    )]
    Damaged {
        /// Where the event begins.
        at: BinlogPos,
        /// What does not hold.
        what: &'static str,
    },
    /// An event of a kind that is not known and may not be skipped.
    #[error("the event at {at} is of the unknown kind {kind}")]
    #[diagnostic(
        code(binlog::unknown_event),
        help("a newer server may have written it; without it the changes behind it could be misread")
    )]
    UnknownEvent {
        /// Where it begins.
        at: BinlogPos,
        /// The kind's number.
        kind: u8,
    },
    /// An event larger than any server writes.
    #[error("the event at {at} claims {size} bytes, more than the {limit} that are allowed")]
    #[diagnostic(code(binlog::too_big), help("no server writes such an event: the file is damaged there"))]
    TooBig {
        /// Where it begins.
        at: BinlogPos,
        /// What it claims.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Rows whose table was not announced.
    #[error("the rows at {at} belong to table number {table}, which nothing before them describes")]
    #[diagnostic(
        code(binlog::no_table_map),
        help("the log was joined late or has a hole: read it from the beginning of the file")
    )]
    NoTableMap {
        /// Where the event begins.
        at: BinlogPos,
        /// The number.
        table: u64,
    },
    /// Rows whose size cannot be told.
    #[error(
        "the rows at {at} cannot be read: their table has dates or times in MariaDB's old form, and with a fraction the \
         log does not tell their size"
    )]
    #[diagnostic(
        code(binlog::old_times),
        help(
            "rows of that table cannot be undone from this file, and nothing behind them in it was read; other files can \
             be read without it. ALTER TABLE .. FORCE under mysql56_temporal_format=ON gives such columns the new form"
        )
    )]
    OldTimes {
        /// Where the event begins.
        at: BinlogPos,
    },
    /// Something that only damage explains where every checksum matched, or where there are none.
    #[error("the event at {at} cannot be read: {what}")]
    #[diagnostic(
        code(binlog::malformed),
        help("a log without checksums may be damaged there; with them, please report it with the server's version")
    )]
    Malformed {
        /// Where it begins.
        at: BinlogPos,
        /// What does not hold.
        what: &'static str,
    },
}

impl BinlogError {
    /// Where it is, as far as it says.
    pub(super) fn at(&self) -> Option<BinlogPos> {
        match self {
            Self::NotABinlog | Self::Version { .. } => None,
            Self::Io { at, .. }
            | Self::Encrypted { at, .. }
            | Self::Cut { at, .. }
            | Self::Checksum { at }
            | Self::Damaged { at, .. }
            | Self::UnknownEvent { at, .. }
            | Self::TooBig { at, .. }
            | Self::NoTableMap { at, .. }
            | Self::OldTimes { at }
            | Self::Malformed { at, .. } => Some(*at),
        }
    }

    /// The same once more.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Io { at, source } => {
                Self::Io { at: *at, source: std::io::Error::new(source.kind(), source.to_string()) }
            }
            Self::NotABinlog => Self::NotABinlog,
            Self::Encrypted { product, at } => Self::Encrypted { product, at: *at },
            Self::Version { version } => Self::Version { version: *version },
            Self::Cut { at, missing } => Self::Cut { at: *at, missing: *missing },
            Self::Checksum { at } => Self::Checksum { at: *at },
            Self::Damaged { at, what } => Self::Damaged { at: *at, what },
            Self::UnknownEvent { at, kind } => Self::UnknownEvent { at: *at, kind: *kind },
            Self::TooBig { at, size, limit } => Self::TooBig { at: *at, size: *size, limit: *limit },
            Self::NoTableMap { at, table } => Self::NoTableMap { at: *at, table: *table },
            Self::OldTimes { at } => Self::OldTimes { at: *at },
            Self::Malformed { at, what } => Self::Malformed { at: *at, what },
        }
    }
}

impl Reportable for BinlogError {
    fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } => Fault::Failed,
            Self::NotABinlog | Self::Version { .. } => Fault::Usage,
            Self::Encrypted { .. } => Fault::NoKey,
            Self::Cut { .. } | Self::Checksum { .. } | Self::Damaged { .. } | Self::TooBig { .. } => Fault::Integrity,
            Self::NoTableMap { .. } | Self::Malformed { .. } => Fault::Integrity,
            Self::UnknownEvent { .. } => Fault::Inconclusive,
            Self::OldTimes { .. } => Fault::Refused,
        }
    }
}

/// What does not hold inside an event; where the event lies is added by who knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken(pub &'static str);

/// Rows that do not hold together, of a table with dates or times in a form whose size may not be in the log.
pub(super) const OLD_TIMES: Broken = Broken("dates or times in an old form, whose size the log does not tell");

impl Broken {
    /// Ends a walk over rows whose size cannot be told, as if there were no more; any other error stays.
    ///
    /// # Errors
    ///
    /// Itself.
    pub fn ends_old_rows(self) -> Result<bool, Self> {
        if self == OLD_TIMES { Ok(false) } else { Err(self) }
    }

    /// The error of the event that begins there.
    pub fn at(self, at: BinlogPos) -> BinlogError {
        if self == OLD_TIMES { BinlogError::OldTimes { at } } else { BinlogError::Malformed { at, what: self.0 } }
    }
}
