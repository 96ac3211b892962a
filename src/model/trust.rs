//! How far a backup has been proven: the trust ladder.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::dump::DumpFacts;
use crate::model::foreign::Foreign;
use crate::model::seal::Fingerprint;
use crate::model::target::Stamp;
use crate::model::units::Moment;

/// A rung of the ladder, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The target shows it.
    #[default]
    Listed,
    /// Recorded checksums were recomputed and are equal.
    Intact,
    /// The key unseals the header.
    Opens,
    /// Every byte was decrypted, decompressed and lexed to its end mark.
    Whole,
    /// Restored into a throwaway server and checked there.
    Proven,
}

impl Rung {
    /// All of them, lowest first.
    pub const ALL: [Self; 5] = [Self::Listed, Self::Intact, Self::Opens, Self::Whole, Self::Proven];

    /// The word beside every badge.
    pub fn word(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Intact => "intact",
            Self::Opens => "opens",
            Self::Whole => "whole",
            Self::Proven => "proven",
        }
    }
}

/// What a rung's check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not; the climb stops here.
    No,
    /// There is nothing to check; the climb goes on.
    NotApplicable,
    /// Not tried, or nothing can be said.
    Unknown,
}

/// What vouches for the content of a backup, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voucher {
    /// An AEAD over all of it.
    Authenticated,
    /// A recorded digest.
    Hash,
    /// A checksum that finds accidents only.
    Crc,
    /// Nothing.
    #[default]
    None,
}

impl Voucher {
    /// The word in lists and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Hash => "hash",
            Self::Crc => "crc",
            Self::None => "none",
        }
    }
}

/// How a verification ended. Stable words of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictOutcome {
    /// Everything that was tried holds.
    Ok,
    /// No loaded key fits it.
    WrongKey,
    /// Bytes are not what was written.
    Damaged,
    /// Bytes are missing at the end.
    Truncated,
    /// What is recorded cannot be compared with what is there.
    NotComparable,
    /// Nothing can be said for sure.
    Inconclusive,
}

impl VerdictOutcome {
    /// The word on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::WrongKey => "wrong key",
            Self::Damaged => "damaged",
            Self::Truncated => "truncated",
            Self::NotComparable => "not comparable",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Whether this speaks against the bytes, and so is remembered until the object changes.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Damaged | Self::Truncated)
    }
}

/// One check of a verification: `md5`, `etag`, `gzip crc`, `end mark`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name.
    pub name: String,
    /// What it said.
    pub outcome: Answer,
    /// In words, with the figures compared.
    pub detail: String,
}

/// Something worth knowing about a backup.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, such as `much_smaller`, `no_metadata`, `no_end_mark`.
    pub code: String,
    /// In words; safe to draw.
    pub text: String,
    /// How it is marked in the margin.
    pub weight: Weight,
}

/// How a finding is marked in the margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// No mark.
    Note,
    /// `!`
    Warning,
    /// `x`: cannot be restored.
    Fatal,
}

impl Finding {
    /// A finding; `text` must already be safe to draw (made of our words and escaped names).
    pub fn new(weight: Weight, code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into(), weight }
    }
}

/// What one verification found out, pinned to the bytes it read. Kept in the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The object as it was.
    pub stamp: Stamp,
    /// When the verification ended.
    pub at: Moment,
    /// This program's version.
    pub program: String,
    /// The key that was used, if any.
    pub key: Option<Fingerprint>,
    /// What was tried: the highest rung that was asked for.
    pub tried: Rung,
    /// The answer per rung, in the order of [`Rung::ALL`].
    pub rungs: [Answer; 5],
    /// What vouches for the content.
    pub content: Voucher,
    /// How it ended.
    pub outcome: VerdictOutcome,
    /// Where in the stored bytes it went wrong.
    pub at_byte: Option<u64>,
    /// Each check.
    pub checks: Vec<Check>,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
    /// Statements of the dump, when it was read to its end.
    pub statements: Option<u64>,
    /// Stored bytes read.
    pub bytes_in: u64,
    /// Bytes of the dump that came out.
    pub bytes_out: u64,
    /// SHA-256 of the dump, in hex.
    pub sha256_out: Option<String>,
    /// What the dump holds, when it was read to its end.
    pub inside: Option<Inside>,
    /// What a MySQL dump asks of a server and what may not run unasked, when it was read to its end.
    #[serde(default)]
    pub dump: Option<Box<DumpFacts>>,
    /// Of an archive: each of its files, in order. `sha256_out` is `None` then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberProof>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// BLAKE3 of every MiB of the stored bytes, in order; empty unless all were read.
    #[serde(with = "digests")]
    pub mib_digests: Vec<[u8; 32]>,
}

impl Proof {
    /// The highest rung whose lower rungs are yes or n/a.
    pub fn reached(&self) -> Rung {
        let mut reached = Rung::Listed;
        for (rung, answer) in Rung::ALL.into_iter().zip(self.rungs) {
            match answer {
                Answer::Yes => reached = rung,
                Answer::NotApplicable => {}
                Answer::No | Answer::Unknown => break,
            }
        }
        reached
    }

    /// SHA-256 that stands for everything that came out: of the dump, or of the digests of all members.
    pub fn content_sha256(&self) -> Option<String> {
        if self.members.is_empty() {
            return self.sha256_out.clone();
        }
        let all = self.members.iter().fold(Sha256::new(), |hash, member| {
            hash.chain_update(member.name.raw_bytes()).chain_update([0]).chain_update(member.sha256.as_bytes())
        });
        Some(data_encoding::HEXLOWER.encode(&all.finalize()))
    }

    /// Whole, content checked, last verdict ok.
    pub fn is_good(&self) -> bool {
        self.outcome == VerdictOutcome::Ok && self.reached() >= Rung::Whole && self.content != Voucher::None
    }
}

/// One file of an archive, read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemberProof {
    /// Its name in the archive.
    pub name: Foreign,
    /// The database that it is a dump of, where it is one.
    pub database: Option<Foreign>,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them, in hex.
    pub sha256: String,
    /// Statements in it.
    pub statements: u64,
    /// What it holds.
    pub inside: Inside,
    /// What it asks of a server; `None` when it is no dump of MySQL.
    pub dump: Option<Box<DumpFacts>>,
}

/// What a dump holds, by count and size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inside {
    /// What the payload is: `mysqldump`, `mariadb-dump`, `pg_dump`, `mongodump`, with its version where it says.
    pub made_by: String,
    /// Databases that the dump names.
    pub databases: Vec<Foreign>,
    /// Tables with their bytes of SQL and rows, largest first, at most 1,000.
    pub tables: Vec<TableInside>,
    /// Counts of everything else.
    pub views: u64,
    /// Procedures and functions.
    pub routines: u64,
    /// Triggers.
    pub triggers: u64,
    /// Events.
    pub events: u64,
    /// How many tables there are, also beyond the 1,000 listed.
    pub table_count: u64,
}

/// One table of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableInside {
    /// Its name.
    pub name: Foreign,
    /// Rows in its INSERT statements.
    pub rows: u64,
    /// Bytes of all its statements.
    pub bytes: u64,
}

mod digests {
    //! Digests as one base64 string: 32 bytes each.

    use data_encoding::BASE64_NOPAD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(digests: &[[u8; 32]], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_NOPAD.encode(digests.as_flattened()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_NOPAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        let (digests, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() { Ok(digests.to_vec()) } else { Err(serde::de::Error::custom("a digest is cut")) }
    }
}
