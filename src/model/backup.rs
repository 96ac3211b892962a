//! A backup: one restorable thing found in a target.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::retention::Prune;
use crate::model::seal::{Fingerprint, Seal};
use crate::model::target::{History, Stamp, Storage, TargetName};
use crate::model::trust::{Finding, Proof};
use crate::model::units::Moment;

/// Stable across listings: base32 of the first 50 bits of SHA-256 over canonical URL, NUL, key,
/// NUL, version (if not current). Ten characters, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackupId(String);

impl BackupId {
    /// From the first bytes of the digest; only 50 bits are used.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let mut text = data_encoding::BASE32_NOPAD.encode(&digest[..7]).to_lowercase();
        text.truncate(10);
        Self(text)
    }

    /// The ten characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who wrote a backup and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// DBacked: RSA and AES around a gzipped dump.
    Dbacked,
    /// A plain dump of `mysqldump` or `mariadb-dump`, perhaps compressed.
    Mysqldump,
    /// databacker's `mysql-backup`: a tar of one dump per database, perhaps sealed, perhaps compressed.
    Databacker,
    /// Our own sealed format.
    Sealed,
    /// Something else; listed all the same.
    Unknown,
}

impl Format {
    /// The word in lists, JSON and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dbacked => "dbacked",
            Self::Mysqldump => "mysqldump",
            Self::Databacker => "databacker",
            Self::Sealed => "sealed",
            Self::Unknown => "unknown",
        }
    }
}

/// How a plain dump is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Compression {
    /// The usual ending of a file's name, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
            Self::Xz => ".xz",
        }
    }
}

/// What is known of a backup's format, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The format.
    pub format: Format,
    /// The compression of a plain dump; of a databacker backup, the one that stands outermost.
    pub compression: Compression,
    /// Whether the bytes said so, or only the name (shown as `?`).
    pub basis: Basis,
    /// The encryption around it.
    pub seal: Option<Seal>,
}

/// What a format is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Its name: a guess.
    Name,
    /// Its first bytes.
    Bytes,
}

/// Which time a backup is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The time.
    pub at: Moment,
    /// Where it is known from.
    pub from: TakenFrom,
    /// The offset from UTC that it was written with, in minutes east, where its name carries one or where it is shown
    /// by the own times of objects that are named alike.
    pub offset: Option<i16>,
    /// What is known of the zone in which the name tells it.
    #[serde(default)]
    pub zone: Zone,
}

/// What is known of the zone in which a name tells a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// It stands there; or the time is not a name's.
    #[default]
    Written,
    /// It does not; the own times of the objects, or a rule of the estate, show it.
    Shown,
    /// It does not and nothing shows it: read as UTC.
    Assumed,
    /// It does not, and the objects' own times fit no zone well: those tell better when.
    Unclear,
}

impl Taken {
    /// The offset as names write it: `+02:00`; nothing for UTC itself.
    pub fn offset_words(&self) -> Option<String> {
        let east = self.offset.filter(|east| *east != 0)?;
        let (sign, east) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
        Some(format!("{sign}{:02}:{:02}", east / 60, east % 60))
    }
}

/// Where a backup's time is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenFrom {
    /// Its metadata.
    Metadata,
    /// Its name.
    Name,
    /// The object's own time.
    Object,
}

/// The metadata object beside a DBacked backup.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Metadata {
    /// Not expected for this format.
    #[default]
    NotApplicable,
    /// Listed, not read yet.
    Pending,
    /// There is none.
    Missing,
    /// There is one, but it cannot be used; the reason, safe to draw.
    Unusable(String),
    /// Read and plausible as JSON; its claims are not yet checked.
    Read(Box<MetadataFacts>),
}

/// What a metadata object claims. Unauthenticated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetadataFacts {
    /// The backup's name as it says.
    pub filename: Option<Foreign>,
    /// MD5 of the whole backup file, 32 hex digits in lower case.
    pub md5: Option<String>,
    /// Fingerprint of its public key.
    pub fingerprint: Option<Fingerprint>,
    /// The agent that wrote it.
    pub agent: Option<Foreign>,
    /// When the upload started.
    pub started: Option<Moment>,
    /// `pg`, `mysql`, `mongodb` or whatever it says.
    pub db_type: Option<Foreign>,
    /// Alias or database name.
    pub db_name: Option<Foreign>,
    /// What is wrong with it, safe to draw.
    pub remarks: Vec<String>,
}

/// Whether a loaded key opens a backup, as far as fingerprints tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opens {
    /// A loaded key's fingerprint is among the recipients, or there is no seal.
    Yes,
    /// Recipients are known and no loaded key is among them.
    No,
    /// Nothing says who the recipients are, or no key is loaded.
    Unknown,
}

/// One restorable thing found in a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Stable across listings.
    pub id: BackupId,
    /// Where it lies.
    pub target: TargetName,
    /// Its key, relative to the target.
    pub key: Foreign,
    /// What pins it.
    pub stamp: Stamp,
    /// Current, older or deleted.
    pub history: History,
    /// Storage class, and whether it has to be thawed.
    pub storage: Storage,
    /// When it was taken.
    pub taken: Taken,
    /// The series it belongs to: what its backups are named for, such as `shop`, or `databacker:node1/db_backup`.
    pub series: Foreign,
    /// Databases inside, as far as known.
    pub databases: Vec<Foreign>,
    /// Whether those come from the bytes (`true`) or from names and metadata.
    pub databases_known: bool,
    /// Format, compression, seal.
    pub shape: Shape,
    /// The metadata object beside it.
    pub metadata: Metadata,
    /// The newest verdict on these very bytes, good or bad.
    pub proof: Option<Box<Proof>>,
    /// Whether that proof is older than the estate allows.
    pub stale: bool,
    /// Whether a loaded key opens it.
    pub opens: Opens,
    /// When mysql-backup's prune deletes it, where its retention is known.
    pub prune: Option<Box<Prune>>,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
}

impl Backup {
    /// Whole, content checked, last verdict ok.
    pub fn is_good(&self) -> bool {
        self.proof.as_ref().is_some_and(|proof| proof.is_good())
    }

    /// Fingerprints of everyone known to be able to open it.
    pub fn recipients(&self) -> impl Iterator<Item = &Fingerprint> {
        self.shape.seal.iter().flat_map(|seal| &seal.recipients).map(|recipient| &recipient.fingerprint)
    }

    /// `target:key`, escaped: how errors and logs name it.
    pub fn label(&self) -> String {
        format!("{}:{}", self.target, self.key)
    }
}
