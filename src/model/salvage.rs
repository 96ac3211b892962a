//! Getting out of a broken backup what is there: what is asked for, what agreeing takes, and what came out.
//!
//! Nothing in here can say that anything is whole.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, SealScheme};
use crate::model::units::{ByteSize, Moment, grouped};

/// What the name of every folder ends in that a salvage writes into.
pub const ENDING: &str = ".salvaged";

/// A salvage that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvageOrder {
    backup: BackupId,
    into: PathBuf,
    name: Foreign,
}

/// A salvage whose folder's name was typed; only [`SalvageOrder::agree`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedSalvage(SalvageOrder);

impl SalvageOrder {
    /// An order; `None` for a folder whose name does not end in [`ENDING`], with something before it.
    pub fn new(backup: BackupId, into: PathBuf) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let name = into.file_name()?.as_bytes();
        let named = name.strip_suffix(ENDING.as_bytes()).is_some_and(|stem| !stem.is_empty());
        let name = Foreign::new(name);
        named.then_some(Self { backup, into, name })
    }

    /// The backup.
    pub fn backup(&self) -> &BackupId {
        &self.backup
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.into
    }

    /// What has to be typed: the folder's name.
    pub fn name(&self) -> &Foreign {
        &self.name
    }

    /// Agrees to it by the folder's name.
    ///
    /// # Errors
    ///
    /// The order as it was, when that is not its name.
    pub fn agree(self, typed: &Foreign) -> Result<AgreedSalvage, Self> {
        if *typed == self.name { Ok(AgreedSalvage(self)) } else { Err(self) }
    }
}

impl AgreedSalvage {
    /// What was agreed to.
    pub fn order(&self) -> &SalvageOrder {
        &self.0
    }
}

/// How a salvage ended. Stable words of the JSON; none of them means that everything is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SalvageOutcome {
    /// Something came out.
    #[default]
    Partly,
    /// Stopped; what had come out by then is there.
    Cancelled,
}

/// What vouches for the bytes that came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authenticity {
    /// Nothing.
    #[default]
    Unauthenticated,
    /// The seal, chunk by chunk; nothing vouches for the end.
    Chunks {
        /// How many chunks of 64 KiB, the last one perhaps shorter.
        up_to: u64,
    },
}

impl Authenticity {
    /// In words, for reports.
    pub fn words(self) -> String {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED".to_owned(),
            Self::Chunks { up_to } => format!("authenticated up to chunk {}, its end is not", grouped(up_to)),
        }
    }
}

/// How much of a table is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// Its rows are followed by what the dump holds next.
    Complete,
    /// The same, but what is around it is damaged somewhere: rows may have been changed.
    Suspect,
    /// The dump stops in its rows, or before it is known whether there are more.
    Cut,
    /// It is named, and nothing of it is there.
    Absent,
}

impl TableState {
    /// In words, for reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Complete => "all its rows",
            Self::Suspect => "all its rows, but something in the backup was changed",
            Self::Cut => "CUT: rows may be missing",
            Self::Absent => "ABSENT: named, but nothing of it is there",
        }
    }
}

/// A table of a salvaged dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalvagedTable {
    /// Its database, where the dump names it.
    pub database: Option<Foreign>,
    /// Its name.
    pub table: Foreign,
    /// Rows that came out.
    pub rows: u64,
    /// How much of it that is.
    pub state: TableState,
}

/// A file that a salvage wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SalvagedFile {
    /// Its name in the folder.
    pub file: String,
    /// The archive's member that it was.
    pub member: Option<Foreign>,
    /// Its bytes, the remarks at its beginning and end included.
    pub bytes: ByteSize,
    /// Statements in it; 0 for what is no SQL.
    pub statements: u64,
    /// Rows in it.
    pub rows: u64,
    /// What is missing, safe to draw.
    pub missing: String,
    /// Its tables in the order of the dump.
    pub tables: Vec<SalvagedTable>,
}

/// What a salvage came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SalvageReport {
    /// How it ended.
    pub outcome: SalvageOutcome,
    /// Of which backup, in words.
    pub backup: String,
    /// Its id.
    pub id: Option<BackupId>,
    /// The folder.
    pub into: String,
    /// When.
    pub at: Moment,
    /// Of which program.
    pub program: String,
    /// The key that opened it.
    pub key: Option<Fingerprint>,
    /// The seal that was opened.
    pub seal: Option<SealScheme>,
    /// What vouches for what came out.
    pub authenticity: Authenticity,
    /// Stored bytes that there are.
    pub stored_bytes: ByteSize,
    /// Bytes that came out of seal and compression.
    pub plain_bytes: ByteSize,
    /// What was met on the way, outermost layer first; safe to draw.
    pub met: Vec<String>,
    /// Files, in the order of the backup.
    pub files: Vec<SalvagedFile>,
    /// What is missing behind the last of them.
    pub follows: String,
    /// How long it took.
    pub seconds: f64,
}

impl SalvageReport {
    /// How many tables are in that state.
    pub fn tables(&self, state: TableState) -> usize {
        self.files.iter().flat_map(|file| &file.tables).filter(|table| table.state == state).count()
    }

    /// Rows that came out.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// In one line: `3 files, 1,204 rows; 4 tables with all rows, 1 cut, 0 absent`.
    pub fn words(&self) -> String {
        let (files, rows) = (self.files.len(), grouped(self.rows()));
        let [all, suspect, cut, absent] =
            [TableState::Complete, TableState::Suspect, TableState::Cut, TableState::Absent].map(|s| self.tables(s));
        let s = if files == 1 { "" } else { "s" };
        let suspect = if suspect > 0 { format!(", {suspect} suspect") } else { String::new() };
        format!("{files} file{s}, {rows} rows; tables: {all} with all their rows{suspect}, {cut} cut, {absent} absent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_says_what_it_is_can_be_ordered_and_only_its_name_agrees() {
        let order = |path: &str| SalvageOrder::new(BackupId::from_digest(&[7; 32]), PathBuf::from(path));
        for refused in ["/x/restored", "/x/.salvaged", "/", "/x/shop.salvaged.d", "/x/shop.salvaged/.."] {
            assert_eq!(order(refused), None, "{refused}");
        }
        let order = order("/x/shop.salvaged").unwrap();
        let order = order.agree(&Foreign::from("shop")).unwrap_err();
        let order = order.agree(&Foreign::from("/x/shop.salvaged")).unwrap_err();
        assert!(order.agree(&Foreign::from("shop.salvaged")).is_ok());
    }
}
