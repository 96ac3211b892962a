//! Binary logs that real servers wrote, and what belongs to them.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::root;

/// The folder of all fixtures.
pub fn vectors() -> PathBuf {
    root().join("tests/it/vectors/binlog")
}

/// A file as it was before it was compressed.
pub fn unpacked(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = vec![];
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A file of a fixture.
pub fn fixture_file(fixture: &str, name: &str) -> Vec<u8> {
    let path = vectors().join(fixture).join(name);
    if name.ends_with(".gz") { unpacked(&path) } else { std::fs::read(&path).unwrap() }
}

/// The logs of a fixture, in order.
pub fn fixture_logs(fixture: &str) -> Vec<Vec<u8>> {
    let names = std::fs::read_dir(vectors().join(fixture)).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("binlog.0");
    let mut names: Vec<_> = names.filter(is_log).collect();
    names.sort();
    assert!(!names.is_empty(), "{fixture} has no logs");
    names.iter().map(unpacked).collect()
}

/// What an event of this kind does to GTIDs: MySQL's GTID_LOG_EVENT and ANONYMOUS_GTID_LOG_EVENT.
const GTID: u8 = 33;
const ANONYMOUS: u8 = 34;

/// The log as a server with `gtid_mode=OFF` writes it: the same events, without GTIDs.
pub fn without_gtids(mut log: Vec<u8>) -> Vec<u8> {
    let mut at = 4;
    while let Some(size) = log.get(at + 9..at + 13) {
        let size = u32::from_le_bytes(size.try_into().unwrap()) as usize;
        let event = &mut log[at..at + size];
        if event[4] == GTID {
            event[4] = ANONYMOUS;
            event[20..44].fill(0); // the server's UUID and the number, behind the flags
            let end = size - 4;
            let sum = crc32fast::hash(&event[..end]);
            event[end..].copy_from_slice(&sum.to_le_bytes());
        }
        at += size;
    }
    log
}
