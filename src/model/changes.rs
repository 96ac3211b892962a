//! What a change source holds, as screens and verbs show it: coverage, totals, a histogram over time, walls,
//! transactions by the page. Plain data; whoever has it holds no file open.

mod charset;
mod filter;
mod gtids;
mod histogram;
mod literal;
mod shown;

use std::sync::Arc;

use serde::Serialize;

use crate::model::backup::BackupId;
use crate::model::change::{BinlogPos, Change, ChangeKind, ChangedTable, Gtid, Place, TransactionFacts};
pub use crate::model::changes::charset::decoded;
pub use crate::model::changes::filter::{
    ChangeFilter, Compiled, EventFacts, FilterError, PositionBound, RowValues, Statement, TableFilter,
};
pub use crate::model::changes::gtids::GtidSet;
pub use crate::model::changes::histogram::{Bar, Histogram};
pub use crate::model::changes::literal::Literal;
pub use crate::model::changes::shown::{ChangeLine, Image, Shown};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// What a change source is opened with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangesRequest {
    /// SOURCE as it was typed: a name of the estate, a URL, a path.
    pub source: String,
    /// `--schema` as it was typed, in that order: later ones win over earlier ones.
    pub schemas: Vec<String>,
    /// What is asked for. Its positions decide which files are read at all.
    pub filter: ChangeFilter,
}

/// A table's name with its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TableRef {
    /// The database.
    pub schema: Foreign,
    /// The table; empty where a whole database is meant.
    pub table: Foreign,
}

impl std::fmt::Display for TableRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.table.raw_bytes() {
            [] => write!(f, "{}", self.schema),
            _ => f.pad(&format!("{}.{}", self.schema, self.table)),
        }
    }
}

/// Rows by what happened to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rows {
    /// Inserted.
    pub inserts: u64,
    /// Updated.
    pub updates: u64,
    /// Deleted.
    pub deletes: u64,
}

impl Rows {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Those of one kind.
    pub fn of(&self, kind: ChangeKind) -> u64 {
        match kind {
            ChangeKind::Insert => self.inserts,
            ChangeKind::Update => self.updates,
            ChangeKind::Delete => self.deletes,
        }
    }

    /// Adds rows of one kind.
    pub fn add(&mut self, kind: ChangeKind, rows: u64) {
        let count = match kind {
            ChangeKind::Insert => &mut self.inserts,
            ChangeKind::Update => &mut self.updates,
            ChangeKind::Delete => &mut self.deletes,
        };
        *count = count.saturating_add(rows);
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: Self) {
        for kind in [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete] {
            self.add(kind, other.of(kind));
        }
    }
}

/// One end of what was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The log file.
    pub file: Foreign,
    /// The byte in it.
    pub position: BinlogPos,
    /// The time of the event there; `None` where there was none.
    pub at: Option<Moment>,
}

/// Why something is missing between two places of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Numbers of the sequence have no file.
    MissingFiles,
    /// A file announces another successor than the one that is there.
    OtherSuccessor,
    /// GTIDs that a file says came before it are not in the files before it.
    MissingGtids,
    /// A file cannot be read to its end: it is cut, damaged or encrypted.
    Unreadable,
    /// A file that is not the last one ends without saying that the log goes on elsewhere.
    OpenEnd,
    /// The server that wrote the log says that it lost events there.
    Incident,
}

/// A hole in a source: changes may be missing there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// The last thing before it.
    pub after: Option<Edge>,
    /// The first thing behind it.
    pub before: Option<Edge>,
    /// In words; safe to draw.
    pub words: String,
}

/// What part of history a source covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Coverage {
    /// The first event that was read.
    pub from: Option<Edge>,
    /// Up to where it was read.
    pub to: Option<Edge>,
    /// Holes in between, in order.
    pub gaps: Vec<Gap>,
    /// Whether the last file was still being written, or its server crashed: more may have followed.
    pub open_end: bool,
}

impl Coverage {
    /// In words: `covered 13:00:02 to 14:31:57, no gap`; with the day where the span is longer than one.
    pub fn words(&self) -> String {
        let (Some(from), Some(to)) =
            (self.from.as_ref().and_then(|edge| edge.at), self.to.as_ref().and_then(|edge| edge.at))
        else {
            return "nothing was read".to_owned();
        };
        let same_day = from.day() == to.day();
        let end = if same_day { to.second().split_off(11) } else { to.second() };
        let gaps = match self.gaps.len() {
            0 => "no gap".to_owned(),
            1 => "1 gap".to_owned(),
            n => format!("{n} gaps"),
        };
        let open = if self.open_end { "; the last file was still being written" } else { "" };
        format!("covered {} to {end} UTC, {gaps}{open}", from.second())
    }
}

/// One log file of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// Its name, without the ending of a compression.
    pub name: Foreign,
    /// Its number in the sequence, where the name has one.
    pub sequence: Option<u64>,
    /// Bytes as they are stored.
    pub stored: u64,
    /// Bytes of the log itself, as far as it was read.
    pub size: u64,
    /// `mysql` or `mariadb`, and the version; empty before it was read.
    pub server: String,
    /// The time of its first event.
    pub from: Option<Moment>,
    /// The time of its last event.
    pub to: Option<Moment>,
    /// Whether every event carries a checksum.
    pub checksums: bool,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// Something that is wrong with a log, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The log file.
    pub file: Foreign,
    /// Where in it; for a whole file 0.
    pub position: BinlogPos,
    /// Stable, such as `binlog::checksum`.
    pub code: String,
    /// In words; safe to draw.
    pub words: String,
    /// What to do; safe to draw.
    pub advice: String,
    /// Whether bytes are damaged or missing (exit code 3), and not merely unreadable for us.
    pub damage: bool,
}

/// What was changed in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableTotals {
    /// The table.
    pub table: TableRef,
    /// Rows that were changed.
    pub rows: Rows,
    /// Transactions that changed some.
    pub transactions: u64,
    /// Bytes of the events that say so.
    pub bytes: u64,
    /// The first and the last commit.
    pub from: Moment,
    /// As above.
    pub to: Moment,
    /// Whether columns have names that were true at every place; else it cannot become SQL.
    pub named: bool,
    /// Why not; safe to draw.
    pub unnamed_because: Option<String>,
}

/// Sums over a whole source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Transactions that changed rows.
    pub transactions: u64,
    /// Rows.
    pub rows: Rows,
    /// Rows that were rolled back, by themselves or with XA ROLLBACK, and so are not counted above.
    pub rolled_back: u64,
    /// Rows of XA transactions that were prepared, and whose end lies beyond what was read; counted above.
    pub undecided: u64,
    /// Statements that the log has as text only.
    pub statements: u64,
    /// Bytes of the logs.
    pub bytes: u64,
}

/// Many rows of one kind in one table within a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Burst {
    /// The table.
    pub table: TableRef,
    /// What happened to the rows.
    pub kind: ChangeKind,
    /// How many.
    pub rows: u64,
    /// From when.
    pub from: Moment,
    /// To when.
    pub to: Moment,
    /// How many transactions it was.
    pub transactions: u64,
    /// The largest of them: its entry's number, for [`PageRequest`].
    pub entry: u64,
    /// In words: `shop.orders: 1,204,331 deletes at 14:02:11 in one transaction`.
    pub words: String,
}

/// What a change of definitions did to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WallVerb {
    /// A table came to be.
    Create,
    /// A table came to be in the place of another of its name.
    Replace,
    /// Its definition changed.
    Alter,
    /// With its definition rows went: of a partition or a file, or as duplicates.
    Purge,
    /// Rows of a partition and of a table changed places.
    Exchange,
    /// It is gone with all its rows.
    Drop,
    /// All its rows are gone.
    Truncate,
    /// It is called otherwise.
    Rename,
    /// A database is gone with all its tables.
    DropDatabase,
    /// A statement that is not understood: anything may have happened.
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
    /// Its entry's number, for [`PageRequest`].
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

/// Where the names of columns came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactsSource {
    /// As it was typed, without secrets; `the log itself` for FULL metadata.
    pub from: String,
    /// How many tables it described.
    pub tables: usize,
    /// From where on it is taken to be true, in words.
    pub valid: String,
    /// Why it could not be used; safe to draw.
    pub problem: Option<String>,
}

/// How far a view has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// Files are being listed, fetched or read: the numbers still grow.
    #[default]
    Reading,
    /// Everything that can be read was read.
    Complete,
    /// Stopped by a person.
    Cancelled,
    /// It could not be done; the job's ending says why.
    Failed,
}

/// Everything known about a change source; a snapshot that is never changed.
#[derive(Debug, Clone, Default)]
pub struct ChangesView {
    /// The source, as the operator named it.
    pub source: Arc<Foreign>,
    /// How far it has come.
    pub state: ViewState,
    /// What part of history it covers.
    pub coverage: Coverage,
    /// Its files in order.
    pub files: Vec<LogFacts>,
    /// Sums.
    pub totals: Totals,
    /// Tables, the one with most rows first.
    pub tables: Vec<TableTotals>,
    /// Rows over time, per table and kind; tables by their index in [`Self::tables`].
    pub histogram: Arc<Histogram>,
    /// What stands out, the greatest first.
    pub bursts: Vec<Burst>,
    /// Changes of definitions, in order.
    pub walls: Vec<Wall>,
    /// How many walls there were beyond those.
    pub more_walls: u64,
    /// Statements that the log has as text only, the first of them.
    pub statements: Vec<TextStatement>,
    /// How many entries there are: transactions and walls.
    pub entries: u64,
    /// What is wrong, in order.
    pub problems: Vec<Problem>,
    /// Where the names of columns came from.
    pub facts: Vec<FactsSource>,
}

impl ChangesView {
    /// Whether nothing is missing and nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.coverage.gaps.is_empty() && self.problems.is_empty()
    }
}

/// One line of the list: a transaction, or a wall between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A transaction that changed rows.
    Transaction(TransactionLine),
    /// A change of definitions.
    Wall(Wall),
}

impl Entry {
    /// Its number.
    pub fn number(&self) -> u64 {
        match self {
            Self::Transaction(line) => line.number,
            Self::Wall(wall) => wall.entry,
        }
    }

    /// When it was committed.
    pub fn at(&self) -> Moment {
        match self {
            Self::Transaction(line) => line.facts.committed_at,
            Self::Wall(wall) => wall.at,
        }
    }
}

/// Whether a transaction's rows stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// They did.
    Committed,
    /// It was prepared (XA), and nothing that was read decides about it.
    Undecided,
    /// It has no end in the log.
    Cut,
}

/// A transaction in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionLine {
    /// Counts the source's entries from 0.
    pub number: u64,
    /// Where it begins.
    pub place: Place,
    /// The file that it stands in.
    pub file: Arc<Foreign>,
    /// GTID, connection, commit time.
    pub facts: Arc<TransactionFacts>,
    /// Whether it stayed.
    pub settled: Settled,
    /// Its rows that pass the filter.
    pub rows: Rows,
    /// All its rows.
    pub all_rows: u64,
    /// Bytes of its events.
    pub bytes: u64,
    /// Tables with rows that pass, by number of rows, at most [`Self::TABLES`] of them.
    pub tables: Vec<(TableRef, Rows)>,
    /// How many tables there were in all.
    pub table_count: u64,
    /// Its first statement, where the server logged it.
    pub statement: Option<Arc<Foreign>>,
    /// Statements in it that the log has as text only.
    pub text_statements: u64,
}

impl TransactionLine {
    /// Tables that are named.
    pub const TABLES: usize = 8;
}

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Later entries.
    #[default]
    Forward,
    /// Earlier entries; they still come in the order of the log.
    Backward,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// With this entry; backward: up to and with this one.
    Entry(u64),
    /// With the first entry that was committed at that time or later; backward: the last one before it.
    Time(Moment),
    /// With the last entry; backward only.
    End,
}

/// Asks for entries.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRequest {
    /// Where to begin.
    pub from: PageFrom,
    /// Which way.
    pub direction: Direction,
    /// How many at most; a page has never more than [`Self::MOST`].
    pub count: usize,
    /// Only entries with rows that pass; walls pass when their tables do.
    pub filter: ChangeFilter,
}

impl PageRequest {
    /// The most entries of a page.
    pub const MOST: usize = 500;
}

/// Some entries in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The entry with which the next page forward begins, where there may be one.
    pub next: Option<u64>,
    /// The entry with which the next page backward ends, where there may be one.
    pub previous: Option<u64>,
}

/// Of what rows are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsOf {
    /// Of one entry.
    Entry(u64),
    /// Of all that passes the filter.
    Everything,
}

/// Where the next page of rows begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RowCursor {
    /// The entry.
    pub entry: u64,
    /// Rows of it that were passed over.
    pub rows: u64,
}

/// Asks for rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsRequest {
    /// Of what.
    pub of: RowsOf,
    /// Where to begin.
    pub from: RowCursor,
    /// How many at most; a page has never more than [`Self::MOST`].
    pub count: usize,
    /// Only rows that pass.
    pub filter: ChangeFilter,
}

impl RowsRequest {
    /// The most rows of a page.
    pub const MOST: usize = 2_000;
}

/// Some rows in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsPage {
    /// The rows.
    pub changes: Vec<Change>,
    /// Where the next page begins; `None`: there are no more.
    pub next: Option<RowCursor>,
}

/// The life of one row, followed through changes of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The table as the log last describes it.
    pub table: Arc<ChangedTable>,
    /// All its changes in the order of the log.
    pub changes: Vec<Change>,
    /// Every key that it had, in order.
    pub keys: Vec<Vec<Literal>>,
    /// Whether there were more changes than are kept.
    pub cut: bool,
    /// What is worth knowing; safe to draw.
    pub remarks: Vec<String>,
}
