//! Dumps, archives, metadata and names: real ones, damaged ones, and 20,000 mutations of each.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use breakglass::disk::environment::Environment;
use breakglass::format::mongo::MongoCheck;
use breakglass::format::payload::{Payload, PayloadCheck, PayloadError, PayloadVerdict};
use breakglass::format::pgdump::PgCheck;
use breakglass::format::sniff::{compression, peek, sniff};
use breakglass::format::unpack::{Limits, Strictness, Unpacker};
use breakglass::format::{metadata, names};
use breakglass::model::backup::{Basis, Compression, Format, Metadata};
use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SEALED_MAGIC;
use breakglass::model::trust::Answer;

use breakglass::report::Reportable;
use breakglass::work::config;

use crate::support;

fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/dbacked").join(name)
}

fn vector(name: &str) -> Vec<u8> {
    fs::read(vectors(name)).unwrap()
}

/// Feeds `bytes` in pieces of `size`.
fn check<C: PayloadCheck + Default>(bytes: &[u8], size: usize) -> Result<PayloadVerdict, PayloadError> {
    let mut check = Box::new(C::default());
    for piece in bytes.chunks(size) {
        check.feed(piece)?;
    }
    Ok(check.finish())
}

#[test]
fn a_postgres_archive_holds_what_pg_restore_lists_and_ends() {
    let list = String::from_utf8(vector("expected/postgres15.list")).unwrap();
    let listed = |kind: &str| list.lines().filter(|line| line.contains(&format!(" {kind} public "))).count() as u64;
    for size in [1, 1000, 1 << 20] {
        let verdict = check::<PgCheck>(&vector("plain/postgres15.pgdump"), size).unwrap();
        assert_eq!(verdict.end_mark, Answer::Yes, "{}", verdict.detail);
        assert_eq!(verdict.inside.made_by, "pg_dump 15.18");
        assert_eq!(verdict.inside.databases, [Foreign::from("shop")]);
        assert_eq!(verdict.inside.views, listed("VIEW"));
        assert_eq!(verdict.inside.routines, listed("FUNCTION"));
        assert_eq!(verdict.inside.triggers, listed("TRIGGER"));
        assert_eq!(verdict.inside.tables.len() as u64, listed("TABLE DATA"));
        assert_eq!(verdict.statements, 41);
        let named = |table: &str| verdict.inside.tables.iter().any(|inside| inside.name == Foreign::from(table));
        for line in list.lines().filter(|line| line.contains(" TABLE DATA public ")) {
            let table = line.split(' ').nth(6).unwrap();
            assert!(named(&format!("public.{table}")), "{table}");
        }
    }
}

#[test]
fn a_postgres_archive_that_is_cut_anywhere_does_not_end() {
    let whole = vector("plain/postgres15.pgdump");
    for cut in (0..whole.len()).step_by(13).chain([whole.len() - 1, whole.len() - 5, whole.len() - 6]) {
        let verdict = check::<PgCheck>(&whole[..cut], 4096).unwrap();
        assert_eq!(verdict.end_mark, Answer::No, "cut at {cut}: {}", verdict.detail);
    }
    let longer = [&whole[..], b"x"].concat();
    assert!(matches!(check::<PgCheck>(&longer, 4096), Err(PayloadError::Damaged { .. })));
}

#[test]
fn a_newer_postgres_archive_is_not_judged() {
    let mut newer = vector("plain/postgres15.pgdump");
    newer[6] = 17;
    assert!(matches!(check::<PgCheck>(&newer, 4096), Err(PayloadError::Unsupported { .. })));
}

fn int(number: i32) -> Vec<u8> {
    [&[u8::from(number < 0)][..], &number.unsigned_abs().to_le_bytes()].concat()
}

fn texts(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| [int(text.len() as i32), text.as_bytes().to_vec()].concat()).collect()
}

/// A table's data and a large object, as `pg_dump` writes them into a pipe in archive version 1.`minor`.
fn archive(minor: u8) -> Vec<u8> {
    let compression = if minor >= 15 { vec![0] } else { int(-1) };
    let mut bytes = [b"PGDMP\x01", &[minor, 0, 4, 8, 1][..], &compression].concat();
    bytes.extend((0..7).flat_map(int));
    bytes.extend([texts(&["shop", "17.2", "17.2 (Debian)"]), int(2)].concat());
    for (id, tag, kind) in [(7, "users", "TABLE DATA"), (8, "BLOBS", "BLOBS")] {
        bytes.extend([int(id), int(1), texts(&["0", "0", tag, kind]), int(3)].concat());
        bytes.extend([texts(&["", ""]), int(-1), texts(&["public", ""])].concat());
        bytes.extend(if minor >= 14 { texts(&["heap"]) } else { vec![] });
        bytes.extend(if minor >= 16 { int(114) } else { vec![] });
        bytes.extend([texts(&["postgres", "false", "3", "4"]), int(-1), vec![1], vec![0; 8]].concat());
    }
    bytes.extend([vec![1], int(7), texts(&["1\tAda\n", "2\tKen\n"]), int(0)].concat());
    bytes.extend([vec![3], int(8), int(4711), texts(&["object"]), int(0), int(0)].concat());
    bytes
}

#[test]
fn postgres_archives_of_all_supported_versions_are_read_to_their_ends() {
    for minor in 12..=16 {
        let whole = archive(minor);
        let verdict = check::<PgCheck>(&whole, 7).unwrap();
        assert_eq!((verdict.end_mark, verdict.statements), (Answer::Yes, 2), "1.{minor}: {}", verdict.detail);
        assert_eq!(verdict.inside.tables[0].name, Foreign::from("public.users"));
        assert_eq!(verdict.inside.tables[0].bytes, 12);
        for cut in 0..whole.len() {
            assert_eq!(check::<PgCheck>(&whole[..cut], 64).unwrap().end_mark, Answer::No, "1.{minor} cut at {cut}");
        }
    }
}

#[test]
fn a_mongo_archive_ends_with_the_checksum_of_every_collection() {
    let whole = vector("plain/mongodb-synthetic.archive");
    for size in [1, 100, 1 << 20] {
        let verdict = check::<MongoCheck>(&whole, size).unwrap();
        assert_eq!(verdict.end_mark, Answer::Yes, "{}", verdict.detail);
        assert_eq!(verdict.inside.made_by, "mongodump r4.0.3");
        assert_eq!(verdict.inside.tables[0].name, Foreign::from("shop.people"));
        assert_eq!((verdict.inside.tables[0].rows, verdict.statements), (60, 60));
    }
    for cut in 0..whole.len() {
        let verdict = check::<MongoCheck>(&whole[..cut], 100).unwrap();
        assert_eq!(verdict.end_mark, Answer::No, "cut at {cut}");
    }
}

#[test]
fn no_flipped_bit_in_the_documents_of_a_mongo_archive_passes() {
    let whole = vector("plain/mongodb-synthetic.archive");
    let first = whole.windows(4).position(|window| window == b"O\0\0\0").unwrap();
    for bit in first * 8..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let passes = check::<MongoCheck>(&flipped, 4096).is_ok_and(|verdict| verdict.end_mark == Answer::Yes);
        assert!(!passes, "bit {bit}");
    }
}

#[test]
fn payloads_of_all_dumps_are_known() {
    let of = |name: &str| Payload::of(&vector(name)[..1024]);
    for sql in ["mysql97", "mysql97-with-gtid", "mysql97-rsa2048", "mariadb1011"] {
        assert_eq!(of(&format!("plain/{sql}.sql")), Payload::Mysqldump);
    }
    assert_eq!(of("plain/postgres15.pgdump"), Payload::PgCustom);
    assert_eq!(of("plain/mongodb-synthetic.archive"), Payload::MongoArchive);
}

#[test]
fn formats_are_known_from_bytes_not_from_names() {
    for entry in fs::read_dir(vectors("objects")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let sniffed = sniff(&fs::read(&path).unwrap()[..700]);
        if name.ends_with("_metadata") {
            assert_eq!(sniffed.shape().format, Format::Unknown);
            continue;
        }
        assert_eq!((sniffed.shape().format, sniffed.shape().basis), (Format::Dbacked, Basis::Bytes));
        let seal = sniffed.shape().seal.unwrap();
        assert_eq!(seal.version, Some((0, 5, 0)));
        assert_eq!(seal.modulus_bytes, Some(if name.contains("small_key") { 256 } else { 512 }));
    }
    assert_eq!(sniff(SEALED_MAGIC).shape().format, Format::Sealed);
    assert_eq!(sniff(b"").shape().format, Format::Unknown);
    let short = sniff(b"DBACKED\0\x05");
    assert_eq!((short.shape().format, short.shape().seal.unwrap().version), (Format::Dbacked, None));
    let big_endian = sniff(b"DBACKED\0\x05\0\0\0\x02\0");
    assert_eq!(big_endian.shape().seal.unwrap().modulus_bytes, Some(512));
    let huge = sniff(b"DBACKED\0\x05\0\xff\xff\xff\xff");
    assert_eq!(huge.shape().seal.unwrap().modulus_bytes, None);
}

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let packed = match compression {
        Compression::None => io::copy(&mut &*bytes, &mut out),
        Compression::Gzip => {
            flate2::read::GzEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut out).map(|n| n as u64)
        }
        Compression::Zstd => zstd::stream::copy_encode(bytes, &mut out, 3).map(|()| 0),
        Compression::Bzip2 => {
            bzip2::read::BzEncoder::new(bytes, bzip2::Compression::best()).read_to_end(&mut out).map(|n| n as u64)
        }
        Compression::Xz => liblzma::read::XzEncoder::new(bytes, 6).read_to_end(&mut out).map(|n| n as u64),
    };
    packed.unwrap();
    out
}

#[test]
fn compressed_dumps_are_recognised_once_the_head_is_long_enough() {
    let sql = vector("plain/mysql97.sql");
    for packing in [Compression::None, Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz] {
        let packed = pack(packing, &sql);
        let mut head = 4096.min(packed.len());
        let mut sniffed = sniff(&packed[..head]);
        assert_eq!(sniffed.shape().compression, packing);
        if let Some(wants) = sniffed.wants {
            head = wants.min(packed.len());
            sniffed = sniff(&packed[..head]);
        }
        assert_eq!(sniffed.shape().format, Format::Mysqldump, "{packing:?}");
        assert_eq!((sniffed.payload, sniffed.shape().compression), (Payload::Mysqldump, packing));
    }
}

#[test]
fn metadata_of_real_backups_is_read_whole() {
    for entry in fs::read_dir(vectors("objects")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(key) = names::metadata_of(&Foreign::from(name.as_str())) else { continue };
        let parsed = metadata::parse(&fs::read(&path).unwrap(), &key);
        let Metadata::Read(facts) = parsed.metadata else { panic!("{name}") };
        assert_eq!(facts.remarks, Vec::<String>::new());
        assert_eq!(facts.filename, Some(key.clone()));
        assert_eq!(facts.md5.as_ref().map(String::len), Some(32));
        assert!(parsed.public_key.unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
        let named = names::dbacked_name(&key).unwrap();
        assert_eq!(Some(named.naming), facts.db_name);
        assert!(facts.started.unwrap().0.abs_diff(named.at.0) < 86_400_000);
    }
}

#[test]
fn metadata_that_is_malformed_or_lies_says_so() {
    let read = |bucket: &str, key: &str| {
        metadata::parse(&vector(&format!("buckets/{bucket}/{key}_metadata")), &Foreign::from(key)).metadata
    };
    let unusable = |key: &str| match read("metadata-malformed", key) {
        Metadata::Unusable(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(unusable("dbacked_a_010120260000"), "cut off");
    assert_eq!(unusable("dbacked_b_010120260000"), "empty");
    assert_eq!(unusable("dbacked_c_010120260000"), "null instead of an object");
    assert_eq!(unusable("dbacked_e_010120260000"), "not UTF-8 at byte 0");
    assert!(unusable("dbacked_f_010120260000").starts_with("not JSON"));
    let remarks = |bucket: &str, key: &str| match read(bucket, key) {
        Metadata::Read(facts) => facts.remarks,
        other => panic!("{other:?}"),
    };
    assert!(remarks("metadata-malformed", "dbacked_d_010120260000").contains(&"hash is a number, not text".to_owned()));
    let wrong_name = "its filename is not that of the backup beside it".to_owned();
    assert_eq!(remarks("metadata-lies", "dbacked_shop_020120260101"), [wrong_name]);
    let impossible = ["an impossible timestamp", "an unknown database type", "an impossible size"];
    assert_eq!(remarks("metadata-lies", "dbacked_shop_040120260101"), impossible);
    let Metadata::Read(hostile) = read("metadata-lies", "dbacked_shop_030120260101") else { panic!() };
    let drawn = format!("{}{}", hostile.db_name.unwrap(), hostile.agent.unwrap());
    assert!(!drawn.contains(['\x1b', '\u{202e}', '\r', '\n']), "{drawn:?}");
}

/// A small generator, so that every run tries the same mutations.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        const LOADED: [u8; 8] = [0, 0xff, 0x7f, 0x80, 1, b'"', b'{', b'['];
        let mut bytes = seed.to_vec();
        for _ in 0..=self.roll(6) {
            let at = self.roll(bytes.len());
            match self.roll(6) {
                _ if bytes.is_empty() => bytes.push(LOADED[self.roll(8)]),
                0 => bytes[at] ^= 1 << self.roll(8),
                1 => bytes[at] = LOADED[self.roll(8)],
                2 => bytes.truncate(at),
                3 => bytes.insert(at, LOADED[self.roll(8)]),
                4 => {
                    let end = (at + self.roll(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let end = (at + self.roll(64)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.roll(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        bytes
    }
}

/// Mutations of `seeds`, the same in every run; none may panic.
pub fn mutate_all(seeds: &[Vec<u8>], mut body: impl FnMut(&[u8])) {
    let mut dice = Dice(7);
    for n in 0..support::mutations() {
        body(&dice.mutate(&seeds[n % seeds.len()]));
    }
}

#[test]
fn fuzz_mutated_metadata_and_names_never_panic() {
    let key = "dbacked_shop_290820261040";
    let seeds = [vector(&format!("objects/{key}_metadata")), vector("objects/dbacked_shop_pg_310820261040_metadata")];
    mutate_all(&seeds, |bytes| {
        if let Metadata::Unusable(reason) = metadata::parse(bytes, &Foreign::from(key)).metadata {
            assert!(!reason.is_empty() && reason.len() < 100);
        }
    });
    let names: Vec<_> = [key, "p/shop-20261121T030000Z.sql.zst", "2026-11-21_03-00-07-shop.sql.gz"]
        .map(|name| name.as_bytes().to_vec())
        .to_vec();
    mutate_all(&names, |bytes| {
        let key = Foreign::new(bytes);
        let _ = (names::dbacked_name(&key), names::dated_name(&key), names::guess(&key), names::metadata_of(&key));
    });
}

#[test]
fn fuzz_mutated_heads_never_panic() {
    let sql = &vector("plain/mysql97.sql")[..3000];
    let mut seeds: Vec<_> = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz]
        .map(|packing| pack(packing, sql))
        .to_vec();
    seeds.extend([sql.to_vec(), vector("objects/dbacked_shop_290820261040")[..700].to_vec()]);
    mutate_all(&seeds, |bytes| {
        let _ = sniff(bytes);
        assert!(peek(compression(bytes), bytes, 1024).len() <= 1024);
    });
}

#[test]
fn fuzz_mutated_compressed_dumps_never_panic_and_never_swell() {
    let sql = &vector("plain/mysql97.sql")[..1000];
    let packings = [Compression::Gzip, Compression::Zstd, Compression::Xz];
    for packing in packings {
        let limits = Limits { most: 1 << 20, free: 1 << 16, ratio: 1000, memory: 8 << 20 };
        mutate_all(&[pack(packing, sql)], |bytes| {
            let mut unpacker = Unpacker::new(packing, bytes, Strictness::Lenient, limits);
            let _ = io::copy(&mut unpacker, &mut io::sink());
            assert!(unpacker.made() <= (1 << 20) + (64 << 10));
        });
    }
}

#[test]
fn fuzz_mutated_archives_never_panic() {
    let mongo = vector("plain/mongodb-synthetic.archive");
    mutate_all(&[mongo[..900].to_vec(), mongo], |bytes| {
        let _ = check::<MongoCheck>(bytes, 512);
    });
    let postgres = vector("plain/postgres15.pgdump");
    mutate_all(&[postgres[..4000].to_vec(), postgres[..20_000].to_vec()], |bytes| {
        let _ = check::<PgCheck>(bytes, 4096);
    });
}

#[test]
fn fuzz_mutated_names_of_mysql_backup_never_panic() {
    let seeds = [
        "node1/db_backup_2026-01-02T03:04:05+02:00.tgz",
        "db_backup_2026-01-02T03-04-05Z.tbz2",
        "db_backup_20160504030510.gz",
        "my_shop_2026-10-05T01-00-00+02-00.sql",
        "sql/2026/10-05/prod-2026-10-05T16-00-00Z.tbz2",
    ];
    let patterns: Vec<_> = [
        "db_backup_{{ .now }}.{{ .compression }}",
        "sql/{{ .year }}/{{ .month }}-{{.day}}/prod-{{- .now -}} .{{ .compression }}",
        "{{.year}}{{.month}}{{.day}}{{.hour}}{{.minute}}{{.second}}",
    ]
    .map(|pattern| names::NamePattern::read(pattern).unwrap())
    .to_vec();
    mutate_all(&seeds.map(|seed| seed.as_bytes().to_vec()), |bytes| {
        let key = Foreign::new(bytes);
        let _ = (names::prune_time(&key), names::member_schema(bytes), names::may_hold_all(bytes));
        if let Some(name) = names::databacker_name(&key) {
            let _ = name.time.beside(None);
        }
        for pattern in &patterns {
            let _ = pattern.name(&key);
        }
    });
    let seed = b"sql/{{- .year -}}/{{ .now }}{{ .none }}.{{ .compression }}".to_vec();
    mutate_all(&[seed], |bytes| drop(names::NamePattern::read(&String::from_utf8_lossy(bytes))));
}

#[test]
fn fuzz_mutated_configurations_of_mysql_backup_neither_panic_nor_repeat_a_secret() {
    let text = "version: config.databack.io/v1\nkind: local\nspec: &s\n  database:\n    server: db\n    port: 3306\n    \
                credentials: {username: u, password: marker}\n  dump:\n    encryption:\n      key: marker\n  prune:\n    \
                retention: 7c\n  targets:\n    a:\n      url: smb://d;u:marker@h/s\n    b:\n      url: s3://b//x/\n      \
                spec: [*s, {endpoint: https://h}]\n";
    let path = support::scratch();
    let file = path.path().join("config.yaml");
    mutate_all(&[text.as_bytes().to_vec()], |bytes| {
        std::fs::write(&file, bytes).unwrap();
        if let Err(error) = config::load(&file, &Environment::of(&[])) {
            let told = format!("{:?}", error.report());
            assert!(!told.contains("marker"), "{told}");
        }
    });
}
