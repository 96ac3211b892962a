//! What an opened backup holds, and the common shape of the checks that read it to its end.

use miette::Diagnostic;
use thiserror::Error;

use crate::format::tar;
use crate::model::trust::{Answer, Finding, Inside};
use crate::report::{Fault, Reportable};

/// What the plaintext of a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payload {
    /// SQL of `mysqldump`, `mariadb-dump` or of a tool that writes alike.
    Mysqldump,
    /// An archive of `pg_dump --format=custom`.
    PgCustom,
    /// An archive of `mongodump --archive`.
    MongoArchive,
    /// A tar archive: databacker's, one dump per database.
    Tar,
    /// Text, but no SQL of MySQL that we know.
    OtherText,
    /// Anything else.
    Unknown,
}

/// The four bytes that a `mongodump` archive begins with.
pub const MONGO_MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];

/// The five bytes that a custom archive of `pg_dump` begins with.
pub const PG_MAGIC: &[u8; 5] = b"PGDMP";

impl Payload {
    /// Decides from the first bytes; 1 KiB is plenty, and needed for an archive.
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(PG_MAGIC) {
            return Self::PgCustom;
        }
        if head.starts_with(&MONGO_MAGIC) {
            return Self::MongoArchive;
        }
        if tar::is_header(head) || tar::is_marked(head) || head.len() >= 1024 && head.iter().all(|byte| *byte == 0) {
            return Self::Tar;
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        if is_sql(text) {
            Self::Mysqldump
        } else if !text.is_empty() && is_text(text) {
            Self::OtherText
        } else {
            Self::Unknown
        }
    }

    /// In words, for screens.
    pub fn words(self) -> &'static str {
        match self {
            Self::Mysqldump => "SQL of MySQL or MariaDB",
            Self::PgCustom => "PostgreSQL custom archive",
            Self::MongoArchive => "MongoDB archive",
            Self::Tar => "tar archive",
            Self::OtherText => "text",
            Self::Unknown => "unknown",
        }
    }

    /// The type as DBacked's metadata names it (`mysql`, `pg`, `mongodb`), where there is one.
    pub fn db_type(self) -> Option<&'static str> {
        match self {
            Self::Mysqldump => Some("mysql"),
            Self::PgCustom => Some("pg"),
            Self::MongoArchive => Some("mongodb"),
            Self::Tar | Self::OtherText | Self::Unknown => None,
        }
    }
}

/// Whether a text begins as dumps of MySQL do. Blank lines and foreign comments may stand first.
fn is_sql(text: &[u8]) -> bool {
    const MARKS: [&str; 7] =
        ["-- MySQL dump", "-- MariaDB dump", "-- Go SQL Dump", "/*M!", "/*!40", "/*!50", "-- Dumping data for table"];
    const VERBS: [&str; 12] = [
        "CREATE TABLE",
        "CREATE DATABASE",
        "CREATE SCHEMA",
        "DROP TABLE",
        "INSERT INTO",
        "REPLACE INTO",
        "SET NAMES",
        "LOCK TABLES",
        "USE `",
        "START TRANSACTION",
        "SET @",
        "DELIMITER ",
    ];
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).take(64);
    let begins =
        |line: &[u8], word: &str| line.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    if lines.clone().any(|line| MARKS.iter().any(|mark| begins(line, mark))) {
        return is_text(text);
    }
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"--") && !line.starts_with(b"#"));
    let postgres = begins(text.trim_ascii_start(), "--\n-- PostgreSQL");
    !postgres && is_text(text) && first.is_some_and(|line| VERBS.iter().any(|verb| begins(line, verb)))
}

/// Text of some kind: no zero byte and hardly a control character. Dumps may hold any character set.
fn is_text(head: &[u8]) -> bool {
    let odd = head.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\n' | b'\r' | b'\t' | 0x0c)).count();
    !head.contains(&0) && odd * 50 <= head.len()
}

/// What is wrong with a payload. Offsets count the bytes of the plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PayloadError {
    /// It is not what the dump program wrote.
    #[error("the dump is damaged at its byte {at}: {what}")]
    #[diagnostic(code(payload::damaged), help("do not restore it; pick another backup of the series"))]
    Damaged {
        /// Near which byte of the dump.
        at: u64,
        /// What does not hold, safe to draw.
        what: String,
    },
    /// A version or variant that this program does not know.
    #[error("cannot judge this dump: {what}")]
    #[diagnostic(code(payload::unsupported), help("its own restore program can still read it: restore it to dir:"))]
    Unsupported {
        /// What is not known.
        what: String,
    },
    /// It asks for more memory than a check may use.
    #[error("cannot judge this dump: more than {limit} {what}")]
    #[diagnostic(code(payload::too_big), help("its own restore program can still read it: restore it to dir:"))]
    TooBig {
        /// Of what there is too much.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
}

impl Reportable for PayloadError {
    fn fault(&self) -> Fault {
        match self {
            Self::Damaged { .. } => Fault::Integrity,
            Self::Unsupported { .. } | Self::TooBig { .. } => Fault::Inconclusive,
        }
    }
}

/// What a check found out when it had seen every byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadVerdict {
    /// Whether the dump's own end was seen: `Yes`; `No` means that something is missing.
    pub end_mark: Answer,
    /// In words, with figures; safe to draw.
    pub detail: String,
    /// What it holds.
    pub inside: Inside,
    /// Statements, entries or documents that were read.
    pub statements: u64,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
}

/// A streaming check of a payload: memory stays bounded however large the dump is.
pub trait PayloadCheck: Send {
    /// Takes the next bytes of the dump.
    ///
    /// # Errors
    ///
    /// As soon as something does not hold. After an error the check must not be fed again.
    fn feed(&mut self, bytes: &[u8]) -> Result<(), PayloadError>;

    /// Takes the end of the dump.
    fn finish(self: Box<Self>) -> PayloadVerdict;
}

/// Collects the pieces of a stream that a parser asks for, whatever way they arrive.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    left: u64,
    keep: usize,
    asked: u64,
    /// The first `keep` bytes of what was asked for.
    pub held: Vec<u8>,
    /// Bytes seen in all.
    pub at: u64,
}

impl Intake {
    /// Asks for `length` bytes, of which the first `keep` are kept in [`Self::held`].
    pub fn ask(&mut self, length: u64, keep: usize) {
        self.held.clear();
        (self.left, self.asked, self.keep) = (length, length, keep);
    }

    /// Takes what is missing from the front of `bytes` and returns it.
    pub fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> &'a [u8] {
        let n = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (piece, rest) = bytes.split_at(n);
        let kept = n.min(self.keep.saturating_sub(self.held.len()));
        self.held.extend_from_slice(&piece[..kept]);
        self.left -= n as u64;
        self.at += n as u64;
        *bytes = rest;
        piece
    }

    /// Whether everything that was asked for has come.
    pub fn complete(&self) -> bool {
        self.left == 0
    }

    /// How much is still missing.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Whether nothing of what was asked for has come yet.
    pub fn untouched(&self) -> bool {
        self.left == self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_known_by_their_first_bytes() {
        for sql in [
            "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n--\n",
            "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19",
            "mysqldump: [Warning] Using a password on the command line can be insecure.\n-- MySQL dump 10.13",
            "\u{feff}-- MySQL dump 10.13\n",
            "/*!40101 SET NAMES utf8 */;\n",
            "\n-- ours\ncreate table t (a int);",
            "SET NAMES utf8mb4;",
        ] {
            assert_eq!(Payload::of(sql.as_bytes()), Payload::Mysqldump, "{sql}");
        }
        assert_eq!(Payload::of(b"--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\n"), Payload::OtherText);
        assert_eq!(Payload::of(b"hello"), Payload::OtherText);
        assert_eq!(Payload::of(b"PGDMP\x01"), Payload::PgCustom);
        assert_eq!(Payload::of(b"\x6d\xe2\x99\x81i\0\0\0"), Payload::MongoArchive);
        assert_eq!(Payload::of(b""), Payload::Unknown);
        assert_eq!(Payload::of(b"\x00\x01\x02\xff"), Payload::Unknown);
    }
}
