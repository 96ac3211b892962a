//! Global transaction identifiers of both products.

use std::fmt;

use serde::{Serialize, Serializer};

/// Names a transaction on all servers of a replication tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gtid {
    /// MySQL's: `uuid:number`, or `uuid:tag:number` since 8.3.
    MySql {
        /// The server's UUID.
        server: [u8; 16],
        /// At most 32 lower-case letters, digits and underscores; the reader checks that.
        tag: Option<Box<str>>,
        /// Counts that server's transactions from 1.
        number: u64,
    },
    /// MariaDB's: `domain-server-sequence`.
    MariaDb {
        /// The replication domain.
        domain: u32,
        /// The server's number.
        server: u32,
        /// Counts the domain's transactions.
        sequence: u64,
    },
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql { server, tag, number } => {
                write_uuid(f, server)?;
                if let Some(tag) = tag {
                    write!(f, ":{tag}")?;
                }
                write!(f, ":{number}")
            }
            Self::MariaDb { domain, server, sequence } => write!(f, "{domain}-{server}-{sequence}"),
        }
    }
}

impl Serialize for Gtid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn write_uuid(f: &mut fmt::Formatter<'_>, uuid: &[u8; 16]) -> fmt::Result {
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}
