//! The check of a `pg_dump` custom archive: every entry that has data must have its block, ended.

use std::collections::HashMap;

use crate::format::payload::{Intake, PG_MAGIC, PayloadCheck, PayloadError, PayloadVerdict};
use crate::model::foreign::Foreign;
use crate::model::trust::{Answer, Inside, TableInside};

/// The most entries that a table of contents may have.
const MOST_ENTRIES: u64 = 1_000_000;
/// Bytes of names that are kept; entries beyond stay nameless, but are still checked.
const NAMES: usize = 4 << 20;
/// The greatest part of any text that is kept.
const TEXT: usize = 256;
const DATA: u8 = 1;
const BLOBS: u8 = 3;

/// A field of the header or of an entry, in the order of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Compression,
    /// Seconds, minutes, hours, day, month, year, summer time.
    Number,
    DatabaseName,
    ServerVersion,
    DumpVersion,
    EntryCount,
    DumpId,
    HasDumper,
    Tag,
    Description,
    Namespace,
    /// A text, since 1.14.
    AccessMethod,
    /// A number, since 1.16.
    Kind,
    /// A text that does not matter here.
    Text,
    /// Texts until one is absent.
    Dependencies,
    Offset,
}

/// Where the parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Magic, version, sizes, format: eleven bytes.
    Magic,
    /// A field of the header.
    Header(usize),
    /// A field of an entry.
    Entry(usize),
    /// The bytes of a text, after its length.
    TextOf(Field),
    /// A block's type byte.
    BlockType,
    /// A block's entry number.
    BlockId,
    /// The length of a chunk.
    ChunkLength,
    /// The bytes of a chunk.
    Chunk,
    /// The number of a large object, or zero after the last.
    BlobId,
}

/// One entry with data.
#[derive(Debug, Clone, Default)]
struct Block {
    name: Foreign,
    bytes: u64,
    ended: bool,
    table: bool,
}

/// The entry of the table of contents that is being read.
#[derive(Debug, Default)]
struct Entry {
    id: i64,
    dumper: bool,
    tag: Vec<u8>,
    description: Vec<u8>,
}

/// Checks a custom archive of `pg_dump`, versions 1.12 to 1.16 (PostgreSQL 9.0 to 18).
///
/// The table of contents stands at the start, so `pg_restore -l` shows everything of a file that was
/// cut behind it. This check reads every block: one for each entry that announces data, each ended by
/// a chunk of length zero, nothing else before the end of the file.
///
/// # Source
///
/// PostgreSQL `src/bin/pg_dump/pg_backup_archiver.c` (`ReadHead`, `ReadToc`) and `pg_backup_custom.c`.
pub struct PgCheck {
    intake: Intake,
    place: Place,
    back: Place,
    /// Size of an integer in bytes, without its sign.
    int: usize,
    /// Size of an offset in bytes.
    offset: usize,
    version: (u8, u8),
    entry: Entry,
    blocks: HashMap<i64, Block>,
    current: (u8, i64),
    facts: Facts,
}

/// What is learnt on the way.
#[derive(Debug, Default)]
struct Facts {
    database: Foreign,
    made_by: String,
    entries: u64,
    read: u64,
    names: usize,
    views: u64,
    routines: u64,
    triggers: u64,
    tables: u64,
}

impl Default for PgCheck {
    fn default() -> Self {
        let mut intake = Intake::default();
        intake.ask(11, 11);
        Self {
            intake,
            place: Place::Magic,
            back: Place::Magic,
            int: 4,
            offset: 8,
            version: (0, 0),
            entry: Entry::default(),
            blocks: HashMap::new(),
            current: (0, 0),
            facts: Facts::default(),
        }
    }
}

impl PayloadCheck for PgCheck {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), PayloadError> {
        loop {
            self.intake.take(&mut bytes);
            if !self.intake.complete() {
                return Ok(());
            }
            self.step()?;
        }
    }

    fn finish(self: Box<Self>) -> PayloadVerdict {
        let open = self.blocks.values().filter(|block| !block.ended).count();
        let clean = self.place == Place::BlockType && self.intake.untouched();
        let (end_mark, detail) = match (clean, open) {
            (true, 0) => (Answer::Yes, format!("all {} blocks of data end", self.blocks.len())),
            (true, open) => (Answer::No, format!("cut: {open} of {} blocks of data are missing", self.blocks.len())),
            (false, _) if self.facts.read < self.facts.entries || self.facts.entries == 0 => {
                (Answer::No, "cut inside the table of contents".to_owned())
            }
            (false, open) => (Answer::No, format!("cut inside a block; {open} of {} do not end", self.blocks.len())),
        };
        PayloadVerdict { end_mark, detail, statements: self.facts.read, inside: self.inside(), findings: vec![] }
    }
}

impl PgCheck {
    /// A check that stands at the first byte of an archive.
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self) -> Result<(), PayloadError> {
        match self.place {
            Place::Magic => self.magic(),
            Place::Header(at) => self.field(HEADER[at], Place::Header(at)),
            Place::Entry(at) => self.field(ENTRY[at], Place::Entry(at)),
            Place::TextOf(field) => self.text(field),
            Place::BlockType => self.block_type(),
            Place::BlockId => self.block_id(),
            Place::ChunkLength => self.chunk_length(),
            Place::Chunk => self.go(Place::ChunkLength),
            Place::BlobId => match self.number() {
                0 => self.end_block(),
                1.. => self.go(Place::ChunkLength),
                _ => Err(self.damaged("a large object has no number")),
            },
        }
    }

    fn damaged(&self, what: &str) -> PayloadError {
        PayloadError::Damaged { at: self.intake.at, what: what.to_owned() }
    }

    /// Moves on and asks for what stands there.
    fn go(&mut self, place: Place) -> Result<(), PayloadError> {
        self.place = place;
        let field = match place {
            Place::Header(at) if at < HEADER.len() => HEADER[at],
            Place::Header(_) => return self.next_entry(),
            Place::Entry(at) if at < ENTRY.len() && self.absent(ENTRY[at]) => return self.go(following(place)),
            Place::Entry(at) if at < ENTRY.len() => ENTRY[at],
            Place::Entry(_) => return self.end_entry(),
            _ => Field::Number,
        };
        let length = match (place, field) {
            (Place::BlockType, _) => 1,
            (_, Field::Compression) if self.version >= (1, 15) => 1,
            (_, Field::Offset) => 1 + self.offset,
            _ => 1 + self.int,
        };
        self.intake.ask(length as u64, length);
        Ok(())
    }

    /// Whether archives of this version lack a field.
    fn absent(&self, field: Field) -> bool {
        match field {
            Field::AccessMethod => self.version < (1, 14),
            Field::Kind => self.version < (1, 16),
            _ => false,
        }
    }

    fn magic(&mut self) -> Result<(), PayloadError> {
        let head = std::mem::take(&mut self.intake.held);
        if !head.starts_with(PG_MAGIC) {
            return Err(self.damaged("it is no archive of pg_dump"));
        }
        self.version = (head[5], head[6]);
        (self.int, self.offset) = (usize::from(head[8]), usize::from(head[9]));
        if self.version < (1, 12) || self.version > (1, 16) {
            let what = format!("archive version {}.{} of pg_dump", head[5], head[6]);
            return Err(PayloadError::Unsupported { what });
        }
        if !matches!(self.int, 2..=8) || !matches!(self.offset, 2..=8) {
            return Err(self.damaged("its header names impossible sizes"));
        }
        if head[10] != 1 {
            return Err(PayloadError::Unsupported {
                what: "a pg_dump archive that is not in custom format".to_owned(),
            });
        }
        self.go(Place::Header(0))
    }

    /// A number: a sign byte, then the low byte first.
    fn number(&self) -> i64 {
        let (sign, digits) = self.intake.held.split_first().unwrap_or((&0, &[]));
        let size = digits.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        if *sign == 0 { size } else { -size }
    }

    fn field(&mut self, field: Field, here: Place) -> Result<(), PayloadError> {
        let next = following(here);
        match field {
            Field::Compression | Field::Number | Field::Kind => self.go(next),
            Field::Offset => {
                // 3 says that there is no data after all.
                let state = self.intake.held.first().copied().unwrap_or(0);
                if !matches!(state, 1..=3) {
                    return Err(self.damaged("an entry does not say whether it has data"));
                }
                self.entry.dumper &= state != 3;
                self.go(next)
            }
            Field::EntryCount => match u64::try_from(self.number()) {
                Ok(count) if count <= MOST_ENTRIES => {
                    self.facts.entries = count;
                    self.go(next)
                }
                Ok(_) => Err(PayloadError::TooBig { what: "entries", limit: MOST_ENTRIES }),
                Err(_) => Err(self.damaged("a negative number of entries")),
            },
            Field::DumpId => {
                self.entry = Entry { id: self.number(), ..Entry::default() };
                self.go(next)
            }
            Field::HasDumper => {
                self.entry.dumper = self.number() != 0;
                self.go(next)
            }
            text => self.text_length(text, here),
        }
    }

    fn text_length(&mut self, field: Field, here: Place) -> Result<(), PayloadError> {
        let number = self.number();
        // -1 stands for an absent text; among dependencies it ends their list.
        self.back = if field == Field::Dependencies && number >= 0 { here } else { following(here) };
        match number {
            -1 => self.go(self.back),
            0..=0x3fff_ffff => {
                self.place = Place::TextOf(field);
                self.intake.ask(number.unsigned_abs(), TEXT);
                Ok(())
            }
            _ => Err(self.damaged("a text has an impossible length")),
        }
    }

    fn text(&mut self, field: Field) -> Result<(), PayloadError> {
        let held = std::mem::take(&mut self.intake.held);
        match field {
            Field::DatabaseName => self.facts.database = Foreign::new(held),
            Field::DumpVersion => {
                let version = String::from_utf8_lossy(&held).into_owned();
                let version = version.split([' ', '(']).next().unwrap_or("").to_owned();
                self.facts.made_by = format!("pg_dump {}", Foreign::from(version));
            }
            Field::Tag => self.entry.tag = held,
            Field::Description => self.entry.description = held,
            Field::Namespace if !held.is_empty() => {
                self.entry.tag = [&held[..], b".", &self.entry.tag[..]].concat();
            }
            _ => {}
        }
        self.go(self.back)
    }

    fn next_entry(&mut self) -> Result<(), PayloadError> {
        let more = self.facts.read < self.facts.entries;
        self.go(if more { Place::Entry(0) } else { Place::BlockType })
    }

    fn end_entry(&mut self) -> Result<(), PayloadError> {
        let entry = std::mem::take(&mut self.entry);
        self.facts.read += 1;
        match &entry.description[..] {
            b"TABLE" => self.facts.tables += 1,
            b"VIEW" | b"MATERIALIZED VIEW" => self.facts.views += 1,
            b"FUNCTION" | b"PROCEDURE" | b"AGGREGATE" => self.facts.routines += 1,
            b"TRIGGER" => self.facts.triggers += 1,
            _ => {}
        }
        if entry.dumper {
            let fits = self.facts.names + entry.tag.len() <= NAMES;
            let name = Foreign::new(if fits { entry.tag } else { vec![] });
            self.facts.names += name.raw_bytes().len();
            let block = Block { name, table: entry.description == b"TABLE DATA", ..Block::default() };
            if self.blocks.insert(entry.id, block).is_some() {
                return Err(self.damaged("two entries have one number"));
            }
        }
        self.next_entry()
    }

    fn block_type(&mut self) -> Result<(), PayloadError> {
        self.current.0 = self.intake.held.first().copied().unwrap_or(0);
        match self.current.0 {
            DATA | BLOBS => self.go(Place::BlockId),
            _ => Err(self.damaged("no block of data begins here")),
        }
    }

    fn block_id(&mut self) -> Result<(), PayloadError> {
        self.current.1 = self.number();
        match self.blocks.get(&self.current.1) {
            None => Err(self.damaged("a block of data that no entry announces")),
            Some(block) if block.ended => Err(self.damaged("a second block of data for one entry")),
            Some(_) if self.current.0 == BLOBS => self.go(Place::BlobId),
            Some(_) => self.go(Place::ChunkLength),
        }
    }

    fn chunk_length(&mut self) -> Result<(), PayloadError> {
        match self.number() {
            0 if self.current.0 == BLOBS => self.go(Place::BlobId),
            0 => self.end_block(),
            length @ 1..=0x7fff_ffff => {
                if let Some(block) = self.blocks.get_mut(&self.current.1) {
                    block.bytes += length.unsigned_abs();
                }
                self.place = Place::Chunk;
                self.intake.ask(length.unsigned_abs(), 0);
                Ok(())
            }
            _ => Err(self.damaged("a chunk of data has an impossible length")),
        }
    }

    fn end_block(&mut self) -> Result<(), PayloadError> {
        if let Some(block) = self.blocks.get_mut(&self.current.1) {
            block.ended = true;
        }
        self.go(Place::BlockType)
    }

    fn inside(self) -> Inside {
        let tables = self.blocks.into_values().filter(|block| block.table);
        let mut tables: Vec<_> =
            tables.map(|block| TableInside { name: block.name, rows: 0, bytes: block.bytes }).collect();
        tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        tables.truncate(1_000);
        let Facts { database, made_by, views, routines, triggers, tables: table_count, .. } = self.facts;
        Inside { made_by, databases: vec![database], tables, views, routines, triggers, events: 0, table_count }
    }
}

fn following(place: Place) -> Place {
    match place {
        Place::Header(at) => Place::Header(at + 1),
        Place::Entry(at) => Place::Entry(at + 1),
        other => other,
    }
}

/// The header behind magic and sizes. Seven numbers are the time of the dump.
const HEADER: [Field; 12] = [
    Field::Compression,
    Field::Number,
    Field::Number,
    Field::Number,
    Field::Number,
    Field::Number,
    Field::Number,
    Field::Number,
    Field::DatabaseName,
    Field::ServerVersion,
    Field::DumpVersion,
    Field::EntryCount,
];

/// One entry of the table of contents: table OID, OID, tag, description, section, definition, drop
/// statement, copy statement, schema, tablespace, access method, kind, owner, OIDs flag.
const ENTRY: [Field; 18] = [
    Field::DumpId,
    Field::HasDumper,
    Field::Text,
    Field::Text,
    Field::Tag,
    Field::Description,
    Field::Number,
    Field::Text,
    Field::Text,
    Field::Text,
    Field::Namespace,
    Field::Text,
    Field::AccessMethod,
    Field::Kind,
    Field::Text,
    Field::Text,
    Field::Dependencies,
    Field::Offset,
];
