//! Logs that are cut, flipped, forged: a named error or the same rows, and never more memory than there are bytes.

use std::collections::HashMap;
use std::io::Write as _;

use breakglass::change::error::BinlogError;
use breakglass::change::frame::{FileEnd, Frames, Limits, Product};
use breakglass::change::json;
use breakglass::change::kind;
use breakglass::change::query::{Meaning, Query, meaning};
use breakglass::change::rows::{self, Cell, RowCells};
use breakglass::change::schema::Timeline;
use breakglass::change::table::{Layout, Table};
use breakglass::change::transactions::{Ending, Fate, Item, Survey, Transactions};
use breakglass::model::change::Place;
use breakglass::report::Reportable as _;

use crate::changes::vendor::{self, Tool};
use crate::changes::{log, logs, rendered, unpacked, vectors};
use crate::support;

/// Every row in words, and how the log ended.
fn read(log: &[u8]) -> (Vec<String>, Result<FileEnd, BinlogError>) {
    let mut rows = vec![];
    let mut log = Transactions::new(log, 0, Limits::default());
    loop {
        match log.next() {
            Ok(None) => return (rows, Ok(log.end())),
            Err(error) => return (rows, Err(error)),
            Ok(Some(Item::Rows(item))) => {
                let (mut cells, mut walk) = (RowCells::default(), item.event.rows());
                loop {
                    match walk.read(&mut cells) {
                        Ok(true) => {
                            let table = item.event.table;
                            let image = (cells.image_before(table), cells.image_after(table));
                            rows.push(format!("{} {} {image:?}", item.place.position, vendor::name_of_lossy(table)));
                        }
                        Ok(false) => break,
                        Err(broken) => return (rows, Err(broken.at(item.place.position))),
                    }
                }
            }
            Ok(Some(_)) => {}
        }
    }
}

#[test]
fn a_log_cut_at_any_byte_gives_the_rows_before_the_cut_and_says_where_it_is_cut() {
    for fixture in ["mysql-multi", "mariadb-multi", "mysql-fk-cascade", "mysql-partial-json-image-minimal"] {
        let whole = logs(fixture).pop().unwrap();
        let (rows, end) = read(&whole);
        assert!(!rows.is_empty() && matches!(end, Ok(FileEnd::Closed)), "{fixture}: {end:?}");
        let mut clean = 0;
        for at in 0..whole.len() {
            let (some, end) = read(&whole[..at]);
            assert!(rows.starts_with(&some), "{fixture} cut at {at}");
            match end {
                Ok(FileEnd::Open) => clean += 1,
                Err(BinlogError::Cut { at: said, missing }) => assert!(said.0 <= at as u64 && missing > 0, "{at}"),
                other => panic!("{fixture} cut at {at}: {other:?}"),
            }
        }
        assert!(clean > 10 && clean < 200, "{fixture}: {clean} places between events");
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksums_wherever_it_is() {
    for fixture in ["mysql-multi", "mariadb-multi"] {
        let whole = logs(fixture).pop().unwrap();
        let (rows, _) = read(&whole);
        let in_use = 4 + 17; // the flag that a server sets after the sum was made
        for at in (0..whole.len()).filter(|at| *at != in_use) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let (some, end) = read(&flipped);
            assert!(rows.starts_with(&some), "{fixture} flipped at {at}");
            let error = end.expect_err(&format!("{fixture} flipped at {at}"));
            assert!(!error.report().advice.is_empty() && error.report().code.starts_with("binlog::"));
        }
    }
}

#[test]
fn a_payload_cut_or_flipped_is_found_before_its_transaction_ends() {
    let whole = log("mysql-compressed");
    let (rows, _) = read(&whole[..60_000]);
    assert!(!rows.is_empty());
    for at in (40_000..60_000).step_by(97) {
        let (some, end) = read(&whole[..at]);
        assert!(rows.starts_with(&some) && matches!(end, Ok(FileEnd::Open) | Err(BinlogError::Cut { .. })), "{at}");
        let mut flipped = whole[..60_000].to_vec();
        flipped[at] ^= 0x10;
        let mut log = Transactions::new(&flipped[..], 0, Limits::default());
        let mut committed_behind = false;
        let error = loop {
            match log.next() {
                Ok(Some(Item::End(_))) => committed_behind |= log.place().position.0 > at as u64,
                Ok(Some(_)) => {}
                Ok(None) => panic!("flipped at {at}: nothing was found"),
                Err(error) => break error,
            }
        };
        assert!(!committed_behind, "flipped at {at}: {error}");
    }
}

#[test]
fn each_damaged_fixture_has_its_own_name_and_place() {
    let cases = [
        ("truncated-in-rows-event", "binlog::cut"),
        ("truncated-in-event-header", "binlog::cut"),
        ("truncated-after-table-map", "open"),
        ("truncated-at-event-boundary", "open"),
        ("truncated-last-byte", "binlog::cut"),
        ("truncated-in-fde", "binlog::cut"),
        ("bitflip-row-data", "binlog::checksum"),
        ("bitflip-crc", "binlog::checksum"),
        ("bitflip-table-map", "binlog::checksum"),
        ("bitflip-event-type", "binlog::checksum"),
        ("event-size-zero", "binlog::damaged"),
        ("event-size-huge", "binlog::too_big"),
        ("event-size-18", "binlog::damaged"),
        ("bad-magic", "binlog::not_one"),
        ("zero-length", "binlog::cut"),
        ("magic-only", "binlog::cut"),
        ("garbage-tail", "binlog::"),
        ("zero-tail", "binlog::damaged"),
        ("in-use-flag", "open"),
        ("hole-of-zeros", "binlog::damaged"),
    ];
    for (product, file) in [("mysql", "mysql-multi"), ("mariadb", "mariadb-multi")] {
        let (rows, _) = read(&logs(file).pop().unwrap());
        for (name, expected) in cases {
            let bytes = unpacked(vectors().join(format!("{product}-corrupt/{name}.bin.gz")));
            let (some, end) = read(&bytes);
            assert!(rows.starts_with(&some), "{product} {name}");
            let said = match &end {
                Ok(FileEnd::Open) => "open".to_owned(),
                Ok(end) => format!("{end:?}"),
                Err(error) => error.report().code,
            };
            assert!(said.starts_with(expected), "{product} {name}: {said} {end:?}");
        }
    }
}

#[test]
fn encrypted_logs_of_both_products_are_called_so() {
    for (fixture, product) in [("mysql-encrypted", "MySQL"), ("mariadb-encrypted", "MariaDB")] {
        let error = read(&log(fixture)).1.unwrap_err();
        assert!(error.to_string().contains(product) && error.report().code == "binlog::encrypted", "{error}");
        assert!(error.report().advice.contains("--read-from-remote-server"));
    }
}

#[test]
fn a_transaction_cut_from_its_end_is_not_committed() {
    let bytes = unpacked(vectors().join("mysql-corrupt/truncated-at-event-boundary.bin.gz"));
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    let mut last = None;
    while let Some(item) = log.next().unwrap() {
        last = Some(format!("{item:?}"));
    }
    assert_eq!(last.as_deref(), Some("End(Cut)"));
}

/// An event with a sum that matches.
fn event(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0, kind, 1, 0, 0, 0];
    bytes.extend_from_slice(&(19 + body.len() as u32 + 4).to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(body);
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The beginning of a log, up to and with its format description.
fn head(fixture: &str) -> Vec<u8> {
    let log = log(fixture);
    let size = u32::from_le_bytes(log[13..17].try_into().unwrap()) as usize;
    log[..4 + size].to_vec()
}

#[test]
fn unknown_kinds_stop_the_reading_unless_they_may_be_skipped() {
    let unknown = [head("mysql-multi"), event(150, b"?")].concat();
    assert!(matches!(read(&unknown).1, Err(BinlogError::UnknownEvent { kind: 150, .. })));
    for kind in [0, 1, 11, 20, 21, 22, 43, 172] {
        let error = read(&[head("mysql-multi"), event(kind, &[0; 40])].concat()).1.unwrap_err();
        assert_eq!(error.report().code, "binlog::unknown_event", "{kind}");
    }
    let nested = zstd::encode_all(&event(kind::TRANSACTION_PAYLOAD, b"")[..19 + 4], 3).unwrap();
    let nested = event(kind::TRANSACTION_PAYLOAD, &[&[2, 1, 0, 0][..], &nested].concat());
    assert!(matches!(read(&[head("mysql-multi"), nested].concat()).1, Err(BinlogError::UnknownEvent { kind: 40, .. })));
    let mut ignorable = event(150, b"?");
    ignorable[17] = kind::FLAG_IGNORABLE as u8;
    let end = ignorable.len() - 4;
    let sum = crc32fast::hash(&ignorable[..end]).to_le_bytes();
    ignorable[end..].copy_from_slice(&sum);
    assert!(read(&[head("mysql-multi"), ignorable].concat()).1.is_ok());
}

#[test]
fn a_payload_that_swells_is_read_in_pieces_and_an_event_in_it_is_bounded() {
    // 64 MiB of small events in a few kilobytes.
    let mut inner = event(kind::HEARTBEAT, &[b'x'; 1000]);
    inner.truncate(inner.len() - 4);
    let size = inner.len() as u32;
    inner[9..13].copy_from_slice(&size.to_le_bytes());
    let mut encoder = zstd::Encoder::new(vec![], 3).unwrap();
    for _ in 0..(64 << 20) / inner.len() {
        encoder.write_all(&inner).unwrap();
    }
    let packed = encoder.finish().unwrap();
    assert!(packed.len() < 64 << 10);
    let body = [&[2, 1, 0, 0][..], &packed].concat();
    let log = [head("mysql-multi"), event(kind::TRANSACTION_PAYLOAD, &body)].concat();
    let mut frames = Frames::new(&log[..], Limits::default());
    let mut count = 0;
    while let Some(event) = frames.next().unwrap() {
        count += usize::from(event.inner.is_some());
    }
    assert_eq!(count, (64 << 20) / inner.len());

    inner[9..13].copy_from_slice(&(100_u32 << 20).to_le_bytes());
    let packed = zstd::encode_all(&inner[..], 3).unwrap();
    let body = [&[2, 1, 0, 0][..], &packed].concat();
    let log = [head("mysql-multi"), event(kind::TRANSACTION_PAYLOAD, &body)].concat();
    let mut frames = Frames::new(&log[..], Limits { event: 1 << 20 });
    let error = loop {
        match frames.next() {
            Ok(Some(_)) => {}
            other => break other.map(|_| ()).unwrap_err(),
        }
    };
    assert!(matches!(error, BinlogError::TooBig { .. }), "{error:?}");
}

#[test]
fn positions_count_on_beyond_4_gib() {
    /// A log of 5 GiB: the head, and then one event again and again.
    struct Long {
        head: Vec<u8>,
        event: Vec<u8>,
        at: u64,
        len: u64,
    }
    impl std::io::Read for Long {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let head = self.head.len() as u64;
            let from = if self.at < head {
                &self.head[self.at as usize..]
            } else {
                &self.event[((self.at - head) % self.event.len() as u64) as usize..]
            };
            let len = from.len().min(into.len()).min((self.len - self.at) as usize);
            into[..len].copy_from_slice(&from[..len]);
            self.at += len as u64;
            Ok(len)
        }
    }
    let big = event(kind::HEARTBEAT, &vec![7; (15 << 20) - 23]);
    let head = head("mysql-multi");
    let len = head.len() as u64 + 350 * big.len() as u64;
    let mut frames = Frames::new(Long { head, event: big, at: 0, len }, Limits::default());
    let mut last = 0;
    while let Some(event) = frames.next().unwrap() {
        assert!(event.start.0 >= last);
        last = event.end.0;
    }
    assert_eq!((last, last > 5 << 30), (len, true));
}

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
fn rows_whose_transaction_was_cut_off_are_known_not_to_have_an_end() {
    let whole = logs("mysql-multi").remove(1);
    let mut cuts = 0;
    for at in (300..whole.len()).step_by(13) {
        let mut survey = Survey::default();
        let _ = survey.file(&mut Transactions::new(&whole[..at], 0, Limits::default()));
        let fates = survey.finish();
        let mut log = Transactions::new(&whole[..at], 0, Limits::default());
        let mut open = vec![];
        while let Ok(Some(item)) = log.next() {
            match item {
                Item::Begin(_) | Item::End(Ending::Committed | Ending::RolledBack | Ending::Prepared(_)) => {
                    open.clear()
                }
                Item::Rows(rows) => open.push(rows.place),
                _ => {}
            }
        }
        cuts += open.len();
        assert!(open.iter().all(|place| fates.of(*place) == Fate::Cut), "cut at {at}");
    }
    assert!(cuts > 20, "{cuts}");
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

/// Gives a few bytes at a time, as a pipe may.
struct Drops<'a>(&'a [u8], usize);

impl std::io::Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = self.0.len().min(into.len()).min(self.1);
        let (front, rest) = self.0.split_at(len);
        into[..len].copy_from_slice(front);
        self.0 = rest;
        Ok(len)
    }
}

#[test]
fn a_log_reads_the_same_in_pieces_of_any_size() {
    for fixture in ["mysql-compressed", "mariadb-compressed", "mysql-small-events"] {
        let whole = log(fixture);
        let sums = |piece: usize| {
            let mut log = Transactions::new(Drops(&whole, piece), 0, Limits::default());
            let (mut rows, mut sum) = (0, crc32fast::Hasher::new());
            while let Some(item) = log.next().unwrap() {
                let Item::Rows(item) = item else { continue };
                let (mut cells, mut walk) = (RowCells::default(), item.event.rows());
                while walk.read(&mut cells).unwrap() {
                    rows += 1;
                    sum.update(format!("{:?}{:?}", cells.before, cells.after).as_bytes());
                }
            }
            (rows, sum.finalize())
        };
        let expected = sums(usize::MAX);
        assert!(expected.0 > 100);
        for piece in [1, 7, 19, 4096] {
            assert_eq!(sums(piece), expected, "{fixture} in pieces of {piece}");
        }
    }
}

#[test]
fn one_event_of_many_megabytes_is_read_from_a_pipe_and_its_claim_alone_takes_no_memory() {
    let big = event(kind::HEARTBEAT, &vec![9; 40 << 20]);
    let log = [head("mysql-multi"), big].concat();
    // Without an end position of its own an event of any size is believed only as far as its bytes come.
    let mut frames = Frames::new(Drops(&log, 65_536), Limits::default());
    let mut sizes = vec![];
    while let Some(event) = frames.next().unwrap() {
        sizes.push(event.body.len());
    }
    assert_eq!(sizes.last(), Some(&(40 << 20)));
    let mut forged = log.clone();
    let at = head("mysql-multi").len();
    forged[at + 13..at + 17].copy_from_slice(&12345_u32.to_le_bytes());
    assert!(matches!(read(&forged).1, Err(BinlogError::Damaged { .. })));
}
