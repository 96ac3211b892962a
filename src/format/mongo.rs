//! The check of a `mongodump` archive: every collection of the prelude must end with its checksum.

use std::collections::BTreeMap;

use crate::format::payload::{Intake, MONGO_MAGIC, PayloadCheck, PayloadError, PayloadVerdict};
use crate::model::foreign::Foreign;
use crate::model::trust::{Answer, Finding, Inside, TableInside, Weight};

/// The greatest document of MongoDB, with room for what tools wrap around it.
const DOCUMENT: u64 = (16 << 20) + (16 << 10);
/// The greatest document of the prelude and of block headers, which have to be kept while read.
const HEADER: usize = 1 << 20;
/// The most collections.
const MOST: usize = 100_000;
/// The greatest name of a database or collection that is kept.
const NAME: usize = 1 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Magic,
    /// The prelude's own header.
    Head,
    /// Collections of the prelude until the terminator.
    Prelude,
    /// A block's header, or the end of the file.
    Block,
    /// Documents until the terminator.
    Documents,
    /// The terminator behind a header that says EOF.
    AfterEof,
}

/// What is being read: a length, or the document that it announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Length,
    Document,
}

#[derive(Debug, Clone, Default)]
struct Collection {
    /// In the prelude, and not a view: it must have an end.
    expected: bool,
    ended: bool,
    documents: u64,
    bytes: u64,
    crc64: u64,
    crc32: crc32fast::Hasher,
}

/// Database and collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Namespace {
    database: Vec<u8>,
    collection: Vec<u8>,
}

/// Checks an archive of `mongodump --archive`.
///
/// There is no global end mark. The prelude lists the collections; blocks of documents follow, mixed
/// freely; each collection ends with a header that says EOF and carries a checksum of all its documents.
///
/// # Source
///
/// mongo-tools `common/archive`: `prelude.go`, `multiplexer.go`. The checksum is CRC-64 (ECMA) there; some
/// other writers put a CRC-32 into the same field, which is accepted too.
pub struct MongoCheck {
    intake: Intake,
    place: Place,
    reading: Reading,
    /// The four length bytes, which belong to the document.
    length: [u8; 4],
    last: u8,
    current: Namespace,
    collections: BTreeMap<Namespace, Collection>,
    tool: String,
    views: u64,
    documents: u64,
}

impl Default for MongoCheck {
    fn default() -> Self {
        let mut intake = Intake::default();
        intake.ask(4, 4);
        Self {
            intake,
            place: Place::Magic,
            reading: Reading::Length,
            length: [0; 4],
            last: 0,
            current: Namespace::default(),
            collections: BTreeMap::new(),
            tool: String::new(),
            views: 0,
            documents: 0,
        }
    }
}

impl PayloadCheck for MongoCheck {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), PayloadError> {
        loop {
            let piece = self.intake.take(&mut bytes);
            if self.reading == Reading::Document {
                self.pass(piece);
            }
            if !self.intake.complete() {
                return Ok(());
            }
            match self.reading {
                Reading::Length => self.length()?,
                Reading::Document => self.document()?,
            }
        }
    }

    fn finish(self: Box<Self>) -> PayloadVerdict {
        let expected = self.collections.values().filter(|collection| collection.expected).count();
        let open = self.collections.values().filter(|collection| !collection.ended).count();
        let clean = self.place == Place::Block && self.intake.untouched() && self.reading == Reading::Length;
        let (end_mark, detail) = match (clean, open) {
            (true, 0) => (Answer::Yes, format!("all {expected} collections end, each with its checksum")),
            (true, open) => (Answer::No, format!("cut: {open} of {expected} collections do not end")),
            (false, _) => (Answer::No, format!("cut inside a block; {open} of {expected} collections do not end")),
        };
        let extra = self.collections.len() - expected;
        let mut findings = vec![];
        if extra > 0 {
            let text = format!("{extra} collections are in the archive but not in its list");
            findings.push(Finding::new(Weight::Note, "unlisted_collections", text));
        }
        PayloadVerdict { end_mark, detail, statements: self.documents, inside: self.inside(), findings }
    }
}

impl MongoCheck {
    /// A check that stands at the first byte of an archive.
    pub fn new() -> Self {
        Self::default()
    }

    fn damaged(&self, what: &str) -> PayloadError {
        PayloadError::Damaged { at: self.intake.at, what: what.to_owned() }
    }

    fn go(&mut self, place: Place) {
        self.place = place;
        self.reading = Reading::Length;
        self.intake.ask(4, 4);
    }

    /// Bytes of a document that is only counted and summed.
    fn pass(&mut self, piece: &[u8]) {
        let Some(last) = piece.last() else { return };
        self.last = *last;
        if self.place == Place::Documents {
            self.sum(piece);
        }
    }

    fn sum(&mut self, piece: &[u8]) {
        if let Some(collection) = self.collections.get_mut(&self.current) {
            collection.crc64 = crc64(collection.crc64, piece);
            collection.crc32.update(piece);
            collection.bytes += piece.len() as u64;
        }
    }

    fn length(&mut self) -> Result<(), PayloadError> {
        self.length.copy_from_slice(&self.intake.held);
        if self.place == Place::Magic {
            let right = self.length == MONGO_MAGIC;
            self.go(Place::Head);
            return if right { Ok(()) } else { Err(self.damaged("it is no archive of mongodump")) };
        }
        let number = i32::from_le_bytes(self.length);
        let terminator = number == -1;
        match (self.place, terminator) {
            (Place::Prelude | Place::Documents | Place::AfterEof, true) => {
                self.go(Place::Block);
                return Ok(());
            }
            (Place::AfterEof, false) => return Err(self.damaged("a terminator is missing")),
            (_, true) => return Err(self.damaged("a terminator where a document must stand")),
            (_, false) => {}
        }
        let most = if self.place == Place::Documents { DOCUMENT } else { HEADER as u64 };
        let length = u64::try_from(number).unwrap_or(0);
        if !(5..=DOCUMENT).contains(&length) {
            return Err(self.damaged("a document has an impossible length"));
        }
        if length > most {
            return Err(PayloadError::TooBig { what: "bytes in a header", limit: most });
        }
        let keep = if self.place == Place::Documents { 0 } else { HEADER };
        if self.place == Place::Documents {
            let bytes = self.length;
            self.sum(&bytes);
        }
        self.reading = Reading::Document;
        self.intake.ask(length - 4, keep);
        Ok(())
    }

    fn document(&mut self) -> Result<(), PayloadError> {
        if self.last != 0 {
            return Err(self.damaged("a document does not end in a zero byte"));
        }
        if self.place == Place::Documents {
            self.documents += 1;
            if let Some(collection) = self.collections.get_mut(&self.current) {
                collection.documents += 1;
            }
            self.go(Place::Documents);
            return Ok(());
        }
        let held = std::mem::take(&mut self.intake.held);
        let facts = Facts::read(&held).ok_or_else(|| self.damaged("a header is not valid BSON"))?;
        match self.place {
            Place::Head => {
                self.tool = format!("mongodump {}", Foreign::new(facts.tool)).trim_end().to_owned();
                self.go(Place::Prelude);
                Ok(())
            }
            Place::Prelude => self.listed(facts),
            _ => self.block(facts),
        }
    }

    fn listed(&mut self, facts: Facts) -> Result<(), PayloadError> {
        let mut namespace = facts.namespace;
        if facts.kind == b"view" {
            self.views += 1;
        } else {
            if facts.kind == b"timeseries" {
                // Its documents lie in the collection of buckets.
                namespace.collection = [b"system.buckets.", &namespace.collection[..]].concat();
            }
            self.add(namespace, Collection { expected: true, ..Collection::default() })?;
        }
        self.go(Place::Prelude);
        Ok(())
    }

    fn add(&mut self, namespace: Namespace, collection: Collection) -> Result<(), PayloadError> {
        if self.collections.len() >= MOST {
            return Err(PayloadError::TooBig { what: "collections", limit: MOST as u64 });
        }
        self.collections.insert(namespace, collection);
        Ok(())
    }

    fn block(&mut self, facts: Facts) -> Result<(), PayloadError> {
        self.current = facts.namespace;
        if !self.collections.contains_key(&self.current) {
            self.add(self.current.clone(), Collection::default())?;
        }
        let Some(collection) = self.collections.get_mut(&self.current) else { return Ok(()) };
        if collection.ended {
            return Err(self.damaged("a collection goes on after its end"));
        }
        if !facts.eof {
            self.go(Place::Documents);
            return Ok(());
        }
        collection.ended = true;
        let crc32 = u64::from(collection.crc32.clone().finalize());
        let empty = collection.documents == 0 && facts.crc == 0;
        if !empty && facts.crc != collection.crc64 && facts.crc != crc32 {
            return Err(self.damaged("the checksum of a collection does not match"));
        }
        self.go(Place::AfterEof);
        Ok(())
    }

    fn inside(self) -> Inside {
        let table_count = self.collections.len() as u64;
        let mut databases: Vec<_> = self.collections.keys().map(|name| name.database.clone()).collect();
        databases.dedup();
        databases.truncate(1_000);
        let mut tables: Vec<_> = self.collections.into_iter().map(table).collect();
        tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        tables.truncate(1_000);
        let databases = databases.into_iter().map(Foreign::new).collect();
        Inside { made_by: self.tool, databases, tables, views: self.views, table_count, ..Inside::default() }
    }
}

fn table((name, collection): (Namespace, Collection)) -> TableInside {
    let name = Foreign::new([&name.database[..], b".", &name.collection[..]].concat());
    TableInside { name, rows: collection.documents, bytes: collection.bytes }
}

/// What the documents around the data say.
#[derive(Debug, Default)]
struct Facts {
    namespace: Namespace,
    kind: Vec<u8>,
    tool: Vec<u8>,
    eof: bool,
    crc: u64,
}

impl Facts {
    /// Reads the top level of a BSON document that lacks its length; `None` if it is not one.
    fn read(mut rest: &[u8]) -> Option<Self> {
        let mut facts = Self::default();
        loop {
            let (kind, tail) = rest.split_first()?;
            if *kind == 0 {
                return tail.is_empty().then_some(facts);
            }
            let end = memchr::memchr(0, tail)?;
            let (name, tail) = (&tail[..end], &tail[end + 1..]);
            let length = value_length(*kind, tail)?;
            let value = tail.get(..length)?;
            if *kind == 2 && value.last() != Some(&0) {
                return None;
            }
            facts.take(*kind, name, value);
            rest = &tail[length..];
        }
    }

    fn take(&mut self, kind: u8, name: &[u8], value: &[u8]) {
        let text = || value.get(4..value.len().saturating_sub(1).min(4 + NAME)).unwrap_or_default().to_vec();
        match (kind, name) {
            (2, b"db") => self.namespace.database = text(),
            (2, b"collection") => self.namespace.collection = text(),
            (2, b"type") => self.kind = text(),
            (2, b"tool_version") => self.tool = text(),
            (8, b"EOF") => self.eof = value == [1],
            (18, b"CRC") => self.crc = value.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            _ => {}
        }
    }
}

/// How long a value of this type is; `None` for types that headers never hold.
fn value_length(kind: u8, tail: &[u8]) -> Option<usize> {
    let announced = || {
        let length = i32::from_le_bytes(tail.get(..4)?.try_into().ok()?);
        usize::try_from(length).ok()
    };
    match kind {
        1 | 9 | 17 | 18 => Some(8),
        2 => announced().filter(|length| *length >= 1)?.checked_add(4),
        3 | 4 => announced().filter(|length| *length >= 5),
        5 => announced()?.checked_add(5),
        7 => Some(12),
        8 => Some(1),
        10 => Some(0),
        16 => Some(4),
        _ => None,
    }
}

/// CRC-64 (ECMA, reflected), eight bytes at a time.
fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let mut sum = !crc;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum ^= u64::from_le_bytes(*word);
        sum = (0..8).fold(0, |next, at| next ^ TABLES[7 - at][(sum >> (8 * at)) as usize & 0xff]);
    }
    for byte in rest {
        sum = TABLES[0][(sum as u8 ^ byte) as usize] ^ (sum >> 8);
    }
    !sum
}

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0u64; 256]; 8];
    let mut at = 0;
    while at < 256 {
        let mut sum = at as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
            bit += 1;
        }
        tables[0][at] = sum;
        at += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut at = 0;
        while at < 256 {
            let sum = tables[table - 1][at];
            tables[table][at] = tables[0][(sum & 0xff) as usize] ^ sum >> 8;
            at += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_mongo_tools() {
        assert_eq!(crc64(0, b"123456789"), 0x995d_c9bb_df19_39fa);
        assert_eq!(crc64(crc64(0, b"1234567891"), b"23456789"), crc64(0, b"123456789123456789"));
        assert_eq!(crc64(0, b""), 0);
    }
}
