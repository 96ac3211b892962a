//! Binary logs as MySQL 8.0 writes them: GTIDs, full row metadata, a checksum behind every event.

use crate::model::units::Moment;
use crate::work::demo::cells::{Cell, Column, packed};

/// The server that wrote the demo's logs.
pub const SERVER_UUID: [u8; 16] =
    [0x5c, 0x0e, 0x7d, 0x1a, 0x4b, 0x61, 0x11, 0xee, 0x9c, 0x07, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02];
const SERVER_ID: u32 = 41;
const VERSION: &[u8] = b"8.0.39";
const HEADER: usize = 19;
const CHECKSUM: usize = 4;

const QUERY: u8 = 2;
const ROTATE: u8 = 4;
const FORMAT: u8 = 15;
const XID: u8 = 16;
const TABLE_MAP: u8 = 19;
const ROWS_QUERY: u8 = 29;
const WRITE_ROWS: u8 = 30;
const UPDATE_ROWS: u8 = 31;
const DELETE_ROWS: u8 = 32;
const GTID: u8 = 33;
const PREVIOUS_GTIDS: u8 = 35;

/// Sizes of the fixed parts of events 1 to 41, as that version has them.
const POST_HEADERS: [u8; 41] = [
    0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0,
    18, 52, 0, 10, 40, 0,
];
/// Rows that one event holds at most: MySQL ends one at 8 KiB.
const EVENT: usize = 8 << 10;

/// A table as the log describes it.
#[derive(Debug)]
pub struct Table {
    /// Its number in the log.
    pub id: u64,
    /// Its name; the database is always `shop`.
    pub name: &'static str,
    /// Its columns; those of the primary key are told by `key`.
    pub columns: &'static [Column],
    /// Indexes of the columns of its primary key.
    pub key: &'static [u8],
}

/// What happens to rows.
#[derive(Debug)]
pub enum Rows {
    /// They come to be.
    Insert(Vec<Vec<Cell>>),
    /// They change: before and after.
    Update(Vec<(Vec<Cell>, Vec<Cell>)>),
    /// They go.
    Delete(Vec<Vec<Cell>>),
}

/// One statement with its rows.
#[derive(Debug)]
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// The table.
    pub table: &'static Table,
    /// What it did.
    pub rows: Rows,
}

/// One transaction.
#[derive(Debug)]
pub struct Transaction {
    /// When it was committed.
    pub at: Moment,
    /// The connection.
    pub thread: u32,
    /// What it did, in order.
    pub statements: Vec<Statement>,
}

/// A log in the making.
#[derive(Debug)]
pub struct Log {
    bytes: Vec<u8>,
    /// The number of the last GTID.
    gno: u64,
    /// Counts the transactions of this file.
    sequence: i64,
}

impl Log {
    /// The beginning of a file, behind the transactions 1 to `gno`.
    pub fn new(at: Moment, gno: u64) -> Self {
        let mut log = Self { bytes: b"\xfebin".to_vec(), gno, sequence: 0 };
        let mut body = vec![4, 0];
        body.extend_from_slice(VERSION);
        body.resize(2 + 50, 0);
        body.extend_from_slice(&[0; 4]);
        body.push(HEADER as u8);
        body.extend_from_slice(&POST_HEADERS);
        body.push(1); // events carry a CRC32
        log.event(at, FORMAT, &body);
        let mut body = 1_u64.to_le_bytes().to_vec();
        body.extend_from_slice(&SERVER_UUID);
        for number in [1, 1, gno + 1] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        log.event(at, PREVIOUS_GTIDS, &body);
        log
    }

    /// The number of the last transaction.
    pub fn gno(&self) -> u64 {
        self.gno
    }

    /// Ends the file with the name of the next one, or as a server does that is still writing to it.
    pub fn finish(mut self, at: Moment, next: Option<&str>) -> Vec<u8> {
        if let Some(next) = next {
            let mut body = 4_u64.to_le_bytes().to_vec();
            body.extend_from_slice(next.as_bytes());
            self.event(at, ROTATE, &body);
        }
        self.bytes
    }

    /// Logs row changes.
    pub fn transaction(&mut self, transaction: &Transaction) {
        let at = transaction.at;
        let mut inside = Self { bytes: vec![], gno: self.gno, sequence: self.sequence };
        let start = self.bytes.len() + gtid_size();
        inside.query(at, transaction.thread, "BEGIN", start);
        for statement in &transaction.statements {
            inside.statement(at, statement, start);
        }
        inside.event_behind(at, XID, &(self.gno * 7 + 11).to_le_bytes(), start);
        self.gtid(at, inside.bytes.len());
        self.bytes.extend_from_slice(&inside.bytes);
    }

    /// Logs a statement that changes a definition.
    pub fn definition(&mut self, at: Moment, thread: u32, sql: &str) {
        let mut inside = Self { bytes: vec![], gno: self.gno, sequence: self.sequence };
        inside.query(at, thread, sql, self.bytes.len() + gtid_size());
        self.gtid(at, inside.bytes.len());
        self.bytes.extend_from_slice(&inside.bytes);
    }

    fn gtid(&mut self, at: Moment, rest: usize) {
        self.gno += 1;
        self.sequence += 1;
        let mut body = vec![1];
        body.extend_from_slice(&SERVER_UUID);
        body.extend_from_slice(&self.gno.to_le_bytes());
        body.push(2); // logical clock
        body.extend_from_slice(&(self.sequence - 1).to_le_bytes());
        body.extend_from_slice(&self.sequence.to_le_bytes());
        let micros = at.0.unsigned_abs() * 1000;
        body.extend_from_slice(&micros.to_le_bytes()[..7]);
        body.push(254); // a length of eight bytes follows, so that this event always has one size
        body.extend_from_slice(&((rest + gtid_size()) as u64).to_le_bytes());
        body.extend_from_slice(&80_039_u32.to_le_bytes());
        self.event(at, GTID, &body);
    }

    fn query(&mut self, at: Moment, thread: u32, sql: &str, start: usize) {
        let status: &[u8] = &[
            0, 0, 0, 0, 0, // flags2
            1, 0, 0, 0x20, 0x40, 0, 0, 0, 0, // sql_mode: STRICT_TRANS_TABLES, NO_ENGINE_SUBSTITUTION
            6, 3, b's', b't', b'd', // catalog
            4, 255, 0, 255, 0, 255, 0, // character sets: utf8mb4
        ];
        let mut body = thread.to_le_bytes().to_vec();
        body.extend_from_slice(&[0, 0, 0, 0, 4, 0, 0]);
        body.extend_from_slice(&(status.len() as u16).to_le_bytes());
        body.extend_from_slice(status);
        body.extend_from_slice(b"shop\0");
        body.extend_from_slice(sql.as_bytes());
        self.event_behind(at, QUERY, &body, start);
    }

    fn statement(&mut self, at: Moment, statement: &Statement, start: usize) {
        let mut body = vec![u8::try_from(statement.sql.len()).unwrap_or(u8::MAX)];
        body.extend_from_slice(statement.sql.as_bytes());
        self.event_behind(at, ROWS_QUERY, &body, start);
        self.event_behind(at, TABLE_MAP, &table_map(statement.table), start);
        let (kind, images) = images(&statement.rows);
        let mut left = images.iter().peekable();
        while left.peek().is_some() {
            let mut rows = vec![];
            while let Some(image) = left.next_if(|image| rows.is_empty() || rows.len() + image.len() <= EVENT) {
                rows.extend_from_slice(image);
            }
            let body = rows_event(statement.table, kind, left.peek().is_none(), &rows);
            self.event_behind(at, kind, &body, start);
        }
    }

    fn event(&mut self, at: Moment, kind: u8, body: &[u8]) {
        self.event_behind(at, kind, body, 0);
    }

    /// Adds an event to a part of a log that begins at `start`.
    fn event_behind(&mut self, at: Moment, kind: u8, body: &[u8], start: usize) {
        let from = self.bytes.len();
        let size = HEADER + body.len() + CHECKSUM;
        self.bytes.extend_from_slice(&((at.0 / 1000) as u32).to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&SERVER_ID.to_le_bytes());
        self.bytes.extend_from_slice(&(size as u32).to_le_bytes());
        self.bytes.extend_from_slice(&((start + from + size) as u32).to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(body);
        let sum = crc32fast::hash(&self.bytes[from..]);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
    }
}

fn gtid_size() -> usize {
    HEADER + 1 + 16 + 8 + 1 + 16 + 7 + 9 + 4 + CHECKSUM
}

/// The images of rows, one after the other: an update has two.
fn images(rows: &Rows) -> (u8, Vec<Vec<u8>>) {
    let one = |rows: &[Vec<Cell>]| rows.iter().map(|row| image(row)).collect();
    match rows {
        Rows::Insert(rows) => (WRITE_ROWS, one(rows)),
        Rows::Delete(rows) => (DELETE_ROWS, one(rows)),
        Rows::Update(rows) => {
            (UPDATE_ROWS, rows.iter().map(|(before, after)| [image(before), image(after)].concat()).collect())
        }
    }
}

fn image(row: &[Cell]) -> Vec<u8> {
    let mut bytes = vec![0; row.len().div_ceil(8)];
    for (at, cell) in row.iter().enumerate() {
        if matches!(cell, Cell::Null) {
            bytes[at / 8] |= 1 << (at % 8);
        }
        cell.put(&mut bytes);
    }
    bytes
}

fn rows_event(table: &Table, kind: u8, is_last: bool, rows: &[u8]) -> Vec<u8> {
    let mut body = table.id.to_le_bytes()[..6].to_vec();
    body.extend_from_slice(&[u8::from(is_last), 0, 2, 0]);
    body.push(table.columns.len() as u8);
    let present = vec![0xff; table.columns.len().div_ceil(8)];
    body.extend_from_slice(&present);
    if kind == UPDATE_ROWS {
        body.extend_from_slice(&present);
    }
    body.extend_from_slice(rows);
    body
}

fn table_map(table: &Table) -> Vec<u8> {
    let mut body = table.id.to_le_bytes()[..6].to_vec();
    body.extend_from_slice(&[1, 0]);
    for name in ["shop", table.name] {
        packed(&mut body, name.as_bytes());
        body.push(0);
    }
    body.push(table.columns.len() as u8);
    body.extend(table.columns.iter().map(|column| column.kind.code()));
    let details: Vec<u8> = table.columns.iter().flat_map(|column| column.kind.details()).collect();
    packed(&mut body, &details);
    let mut nullable = vec![0; table.columns.len().div_ceil(8)];
    for (at, _) in table.columns.iter().enumerate().filter(|(_, column)| column.nullable) {
        nullable[at / 8] |= 1 << (at % 8);
    }
    body.extend_from_slice(&nullable);
    metadata(&mut body, table);
    body
}

/// What `binlog_row_metadata=FULL` adds.
fn metadata(body: &mut Vec<u8>, table: &Table) {
    let mut field = |kind: u8, bytes: &[u8]| {
        body.push(kind);
        packed(body, bytes);
    };
    let mut signs = [0_u8];
    let numeric = table.columns.iter().filter(|column| column.kind.is_numeric());
    for (at, column) in numeric.enumerate() {
        signs[0] |= u8::from(column.kind.is_unsigned()) << (7 - at);
    }
    field(1, &signs);
    let texts: Vec<u8> = table.columns.iter().filter_map(|column| column.kind.collation()).collect();
    if !texts.is_empty() {
        field(
            3,
            &texts.iter().flat_map(|one| if *one == 255 { vec![252, 255, 0] } else { vec![*one] }).collect::<Vec<_>>(),
        );
    }
    let mut names = vec![];
    for column in table.columns {
        packed(&mut names, column.name.as_bytes());
    }
    field(4, &names);
    for column in table.columns {
        if let Some(labels) = column.kind.labels() {
            let mut bytes = vec![labels.len() as u8];
            labels.iter().for_each(|label| packed(&mut bytes, label.as_bytes()));
            field(6, &bytes);
            field(11, &[252, 255, 0]);
        }
    }
    field(8, table.key);
}
