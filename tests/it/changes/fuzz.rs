//! Random damage to logs, row images, documents and definitions: no panic, and no more memory than there are bytes.

use std::collections::HashMap;

use breakglass::change::error::BinlogError;
use breakglass::change::frame::{Frames, Limits, Product};
use breakglass::change::json;
use breakglass::change::kind;
use breakglass::change::query::{Meaning, Query, meaning};
use breakglass::change::rows::{self, Cell, RowCells};
use breakglass::change::schema::Timeline;
use breakglass::change::table::{Layout, Table};
use breakglass::change::transactions::{Item, Transactions};
use breakglass::model::change::Place;

use crate::changes::hostile::{event, head, read};
use crate::changes::vendor::Tool;
use crate::changes::{log, rendered, unpacked, vectors};
use crate::support;

/// A small deterministic source of damage.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        const LOADED: [u8; 8] = [0, 0xff, 0x7f, 0x80, 1, 0xfe, 0xfc, 4];
        let mut bytes = seed.to_vec();
        for _ in 0..=self.roll(5) {
            let at = self.roll(bytes.len());
            match self.roll(5) {
                _ if bytes.is_empty() => bytes.push(LOADED[self.roll(8)]),
                0 => bytes[at] ^= 1 << self.roll(8),
                1 => bytes[at] = LOADED[self.roll(8)],
                2 => bytes.truncate(at),
                3 => bytes.insert(at, LOADED[self.roll(8)]),
                _ => drop(bytes.drain(at..(at + self.roll(16)).min(bytes.len()))),
            }
        }
        bytes
    }
}

/// Makes the sums match again, so that damage reaches the parsers behind them.
fn resealed(log: &mut [u8]) {
    let mut at = 4;
    while let Some(size) = log.get(at + 9..at + 13).map(|size| u32::from_le_bytes(size.try_into().unwrap()) as usize) {
        let Some(event) = log.get_mut(at..at.saturating_add(size)).filter(|event| event.len() >= 23) else { break };
        let end = event.len() - 4;
        let sum = crc32fast::hash(&event[..end]);
        event[end..].copy_from_slice(&sum.to_le_bytes());
        at += size;
    }
}

#[test]
fn fuzz_framing_and_meaning_with_sums_that_match() {
    let seeds: Vec<_> =
        ["mysql-multi", "mariadb-multi", "mysql-partial-json-image-minimal", "mariadb-statement", "mysql-ddl"]
            .map(log)
            .to_vec();
    let mut dice = Dice(11);
    for n in 0..support::mutations() / 4 {
        let mut bytes = dice.mutate(&seeds[n % seeds.len()]);
        if n % 8 != 0 {
            resealed(&mut bytes);
        }
        let _ = read(&bytes);
    }
}

/// What is gathered of whole logs to be damaged.
#[derive(Default)]
struct Seeds {
    /// The body of a table map, the kind and the body of an event of its rows, and whether MySQL wrote them.
    rows: Vec<(Vec<u8>, u8, Vec<u8>, bool)>,
    documents: Vec<Vec<u8>>,
    differences: Vec<Vec<u8>>,
}

impl Seeds {
    fn of(names: &[&str]) -> Self {
        let mut seeds = Self::default();
        names.iter().for_each(|name| seeds.add(name));
        seeds
    }

    fn add(&mut self, name: &str) {
        let log = log(name);
        let (mut frames, mut maps) = (Frames::new(&log[..], Limits::default()), HashMap::new());
        while let Some(event) = frames.next().unwrap() {
            let id = event.body.get(..6).map(<[u8]>::to_vec);
            if event.header.kind == kind::TABLE_MAP {
                maps.insert(id, event.body.to_vec());
            } else if let (true, Some(map)) = (rows::is_rows(event.header.kind), maps.get(&id)) {
                self.rows.push((map.clone(), event.header.kind, event.body.to_vec(), name.starts_with("mysql")));
            }
        }
        let mut log = Transactions::new(&log[..], 0, Limits::default());
        while let Some(item) = log.next().unwrap() {
            let Item::Rows(item) = item else { continue };
            let (mut cells, mut walk) = (RowCells::default(), item.event.rows());
            while walk.read(&mut cells).unwrap() {
                self.documents(item.event.table, &cells);
            }
        }
    }

    fn documents(&mut self, table: &Table, cells: &RowCells<'_>) {
        for (at, _) in table.columns.iter().enumerate().filter(|(_, one)| matches!(one.layout, Layout::Json(_))) {
            for cell in [&cells.before, &cells.after].into_iter().filter_map(|image| image.get(at)) {
                match cell {
                    Cell::Bytes(bytes) => self.documents.push(bytes.to_vec()),
                    Cell::Differences(bytes) => self.differences.push(bytes.to_vec()),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn fuzz_table_maps_and_row_images() {
    let seeds = Seeds::of(&[
        "mysql-alltypes-fullmeta",
        "mariadb-alltypes-fullmeta",
        "mysql-partial-json",
        "mysql-image-minimal",
        "mariadb-compressed",
    ]);
    let heads = ["mysql-multi", "mariadb-multi"].map(head);
    let mut dice = Dice(13);
    let (mut whole, mut broken) = (0, 0);
    for n in 0..support::mutations() {
        let (map, kind, body, is_mysql) = &seeds.rows[dice.roll(seeds.rows.len())];
        // One of the two, so that damage in rows is read with the table that they are of.
        let (mut map, mut body) = (map.clone(), body[..body.len().min(4096)].to_vec());
        let damaged = if n % 4 == 0 { &mut map } else { &mut body };
        *damaged = dice.mutate(damaged);
        for product in [Product::MySql, Product::MariaDb] {
            let _ = Table::parse(&map, product).map(|table| table.facts());
        }
        let head = &heads[usize::from(!is_mysql)];
        let (rows, end) = read(&[&head[..], &event(kind::TABLE_MAP, &map), &event(*kind, &body)].concat());
        whole += usize::from(!rows.is_empty());
        broken += usize::from(end.is_err());
    }
    // What is damaged gets as far as values, and not always to the end.
    assert!(whole > support::mutations() / 20 && broken > support::mutations() / 20, "{whole} {broken}");
}

#[test]
fn fuzz_binary_json() {
    let Seeds { documents, differences, .. } = Seeds::of(&["mysql-alltypes-fullmeta", "mysql-partial-json"]);
    assert!(documents.len() > 10 && differences.len() > 10, "{} {}", documents.len(), differences.len());
    let mut dice = Dice(19);
    let (mut whole, mut broken) = ([0; 3], [0; 3]);
    for n in 0..support::mutations() {
        let (document, difference) = (&documents[n % documents.len()], &differences[n % differences.len()]);
        let (bytes, changed) = (dice.mutate(document), dice.mutate(difference));
        let patched = if n % 2 == 0 { json::patched(&bytes, difference) } else { json::patched(document, &changed) };
        let read = [json::text(&bytes).is_ok(), json::describe(&changed).is_ok(), patched.is_ok()];
        for (at, is_whole) in read.into_iter().enumerate() {
            let counts = if is_whole { &mut whole } else { &mut broken };
            counts[at] += 1;
        }
    }
    let few = support::mutations() / 100;
    assert!(whole[0] > few && whole[1] > few && broken.iter().all(|count| *count > few), "{whole:?} {broken:?}");
}

#[test]
fn fuzz_rows_without_sums() {
    let seed = log("mysql-checksum-none")[..30_000].to_vec();
    let other = log("mariadb-checksum-none")[..30_000].to_vec();
    let mut dice = Dice(17);
    for n in 0..support::mutations() / 100 {
        let _ = read(&dice.mutate(if n % 2 == 0 { &seed } else { &other }));
    }
    let mut rows = vec![];
    let cut = rendered(&seed, Tool::MySql, &mut rows);
    assert!(matches!(cut, Err(BinlogError::Cut { .. })) && !rows.is_empty());
}

#[test]
fn fuzz_definitions_and_statements_that_change_them() {
    let schemas =
        ["mysql-alltypes", "mariadb-alltypes"].map(|name| unpacked(vectors().join(name).join("schema.sql.gz")));
    let alters = [
        "ALTER TABLE t ADD COLUMN (c INT FIRST, d ENUM('a','b''c')), DROP KEY k, RENAME COLUMN a TO b, CHANGE x y BIGINT",
        "CREATE OR REPLACE TABLE `a``b`.c (x int generated always as (1+(2)) virtual, unique key (x)) charset latin1",
        "XA COMMIT X'6f6e65',X'',1",
        "RENAME TABLE a TO b, c.d TO e.f",
        "ROLLBACK TO SAVEPOINT `x`",
    ];
    let mut dice = Dice(19);
    for n in 0..support::mutations() / 4 {
        let whole = &schemas[n % 2];
        let from = dice.roll(whole.len() - 3000);
        let mut timeline = Timeline::default();
        let _ = timeline.read(&dice.mutate(&whole[from..from + 3000]), b"d", Place::default());
        let _ = timeline.read(b"CREATE TABLE t (a int, x int, k int, unique key k (k))", b"d", Place::default());
        let text = dice.mutate(alters[n % alters.len()].as_bytes());
        let query = Query { server: 1, thread: 1, schema: b"d", text: &text, dialect: Default::default() };
        if let Meaning::Ddl(ddl) = meaning(&query) {
            timeline.follow(&ddl, &query, Place { file: 1, ..Place::default() });
        }
    }
}
