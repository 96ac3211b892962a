//! Changes of definitions, and statements without rows: where an undo ends.

use serde::Serialize;

use crate::model::backup::BackupId;
use crate::model::change::{BinlogPos, Gtid, Place};
use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// What a change of definitions does, and so did to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WallVerb {
    /// `CREATE TABLE`.
    Create,
    /// `CREATE OR REPLACE TABLE`: what had the name goes with all rows.
    Replace,
    /// `ALTER TABLE`, `CREATE INDEX`, `DROP INDEX`.
    Alter,
    /// `ALTER TABLE` that takes rows away: with a partition or a tablespace, or as duplicates. A table that becomes a
    /// partition, or comes of one, is the second that it names.
    Purge,
    /// `ALTER TABLE .. EXCHANGE PARTITION`: rows of the first table are the second's, and the other way round.
    Exchange,
    /// `DROP TABLE`: all rows go.
    Drop,
    /// `TRUNCATE TABLE`: all rows go.
    Truncate,
    /// `RENAME TABLE`.
    Rename,
    /// `DROP DATABASE`: all tables go.
    DropDatabase,
    /// A statement that is not understood: no table behind it is surely what it was.
    Unknown,
}

impl WallVerb {
    /// Whether rows went that the log does not have.
    pub fn destroys(self) -> bool {
        matches!(self, Self::Drop | Self::Truncate | Self::DropDatabase | Self::Replace | Self::Purge)
    }
}

/// A statement that changes definitions: an undo stops there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// Its entry's number, for [`PageRequest`](crate::model::changes::PageRequest).
    pub entry: u64,
    /// The file that it stands in.
    pub file: Foreign,
    /// Where it begins.
    #[serde(rename = "position", serialize_with = "position_only")]
    pub place: Place,
    /// When.
    pub at: Moment,
    /// The connection.
    pub thread: Option<u32>,
    /// Its GTID.
    pub gtid: Option<Gtid>,
    /// What it does.
    pub verb: WallVerb,
    /// To what.
    pub tables: Vec<TableRef>,
    /// Its text, cut after some thousand bytes.
    pub statement: Foreign,
    /// What it destroyed, in words; safe to draw.
    pub destroyed: String,
    /// The newest good backup of the catalog that is older and has the table, for walls that destroy.
    pub backup: Option<WallBackup>,
}

fn position_only<S: serde::Serializer>(place: &Place, serializer: S) -> Result<S::Ok, S::Error> {
    place.position.serialize(serializer)
}

/// A backup that still has what a wall destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WallBackup {
    /// Its id.
    pub id: BackupId,
    /// `target:name`; safe to draw.
    pub label: String,
    /// When it was taken.
    pub taken: Moment,
    /// How far it has been proven, in words.
    pub trust: String,
}

/// A statement that changed rows, of which the log has only the text: it cannot be undone from this log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextStatement {
    /// The file that it stands in.
    pub file: Foreign,
    /// Where its transaction begins.
    pub position: BinlogPos,
    /// When.
    pub at: Moment,
    /// The connection.
    pub thread: Option<u32>,
    /// Its default database.
    pub schema: Foreign,
    /// Its text, cut after some thousand bytes.
    pub statement: Foreign,
}
