//! The shapes of mysql-backup 1.3.0 and 1.3.1, whose compressor was never closed, and cuts of every length.

use breakglass::format::tar::Stopped;
use breakglass::format::tar::tolerant::{ArchiveEnd, Found, Gap, MemberEnd, SalvageSink, TolerantWalk};
use proptest::prelude::*;

use super::*;
use crate::formats::mutate_all;

#[tokio::test(flavor = "multi_thread")]
async fn the_files_that_1_3_left_behind_give_up_what_is_in_them() {
    // gzip that was never closed: the last kilobytes of each cipher's text are not there.
    let names = ["05-00-00Z", "06-00-00Z", "07-00-00Z", "08-00-00Z", "09-00-00Z"];
    let names = names.map(|time| format!("db_backup_2026-10-05T{time}.tgz"));
    let mut files: Vec<(&str, Vec<u8>)> = vec![];
    for name in &names {
        let bytes = object(name);
        files.push((name, bytes[..bytes.len() - 20_000].to_vec()));
    }
    // A small one: nothing but gzip's own header, and with bzip2 not even that.
    files.push(("small.tgz", object(&names[1])[..10].to_vec()));
    files.push(("small.tbz2", vec![]));
    files.push(("one-block.tbz2", object("db_backup_2026-10-05T15-00-00Z.tbz2")[..60_000].to_vec()));
    let bench = Bench::new(&files).await;
    bench.load(&databacker().join("keys/pbkdf2.pass"), b"").await;
    for name in &names {
        match bench.salvage(name).await {
            Ok(report) => {
                assert_eq!((report.files.len(), report.files[0].file.as_str()), (1, "bakery.partial.sql"), "{name}");
                assert_eq!(table(&report, "customers").rows, 80, "{name}");
                assert_eq!(table(&report, "customers").state, TableState::Complete, "{name}");
                assert!(report.met[0].starts_with("compression: the compressed data is cut off"), "{:?}", report.met);
                assert!(report.seal.is_some() && report.follows.starts_with("unknown"), "{name}");
            }
            // age gives out whole chunks only, and its first one is not there as a whole.
            Err(report) => assert_eq!(report.code, "salvage::nothing", "{name}: {report:?}"),
        }
    }
    for name in ["small.tgz", "small.tbz2", "one-block.tbz2"] {
        let report = bench.salvage(name).await.unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (Fault::Integrity, "salvage::nothing"), "{name}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_blocks_of_bzip2_come_out_and_the_lost_one_is_the_end() {
    let key = data_encoding::HEXLOWER.encode(&fs::read(databacker().join("keys/aes256.key")).unwrap());
    let plain = tar(&[("shop_20260101000000.sql", &dump("shop", 12, 1500))]);
    let iv = "000102030405060708090a0b0c0d0e0f";
    let sealed = piped(&plain, "openssl", &["enc", "-e", "-aes-256-cbc", "-K", &key, "-iv", iv]);
    let sealed = [data_encoding::HEXLOWER.decode(iv.as_bytes()).unwrap(), sealed].concat();
    let packed = piped(&sealed, "bzip2", &["-c", "-1"]);
    assert!(sealed.len() > 300_000, "several blocks of 100 kB");
    let bench = Bench::new(&[("db_backup_20260101000000.tbz2", packed[..packed.len() - 1000].to_vec())]).await;
    let report = bench.salvage("db_backup_20260101000000.tbz2").await.unwrap();
    assert!(report.tables(TableState::Complete) >= 4, "{}", report.words());
    assert_eq!((table(&report, "t0").rows, table(&report, "t0").state), (1500, TableState::Complete));
    assert_eq!(report.plain_bytes.0 % 16, 0, "whole blocks of the cipher");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_length_of_a_cut_archive_gives_more_than_there_was_or_looks_whole() {
    let source = dump("shop", 4, 100);
    let plain = tar(&[("shop_20260101000000.sql", &source)]);
    let packed = piped(&plain, "gzip", &["-c"]);
    let mut files = vec![];
    for (kind, bytes) in [("tar", &plain), ("tgz", &packed)] {
        let lengths = (0..bytes.len()).step_by(bytes.len() / 30).chain([bytes.len() - 1]);
        files.extend(lengths.map(|length| (format!("db-{length:06}.{kind}"), bytes[..length].to_vec())));
    }
    let given: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let bench = Bench::new(&given).await;
    let mut came = 0;
    for (name, _) in &files {
        let Ok(report) = bench.salvage(name).await else { continue };
        came += 1;
        for file in &report.files {
            let kept = bench.text(name, &file.file);
            let body = kept.splitn(3, '\n').nth(2).unwrap().rsplit_once("\n-- SALVAGED").unwrap().0;
            assert!(source.starts_with(body) && !body.contains("-- Dump completed"), "{name}");
            let inserted = body.matches("INSERT INTO").count() as u64 * 50;
            assert_eq!(file.rows, inserted, "{name}");
            for table in &file.tables {
                assert!(table.rows <= 100, "{name}");
                assert!(table.state != TableState::Complete || table.rows == 100, "{name}: {table:?}");
            }
        }
    }
    assert!(came > 40, "{came}");
}

/// What a walk told, pieces joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    members: Vec<(Foreign, Vec<u8>, Option<MemberEnd>, bool)>,
    gaps: Vec<Gap>,
}

impl SalvageSink for Told {
    type Error = ();

    fn begin(&mut self, name: &Foreign, _size: u64, found: Found) -> Result<(), ()> {
        self.members.push((name.clone(), vec![], None, found == Found::InStep));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.members.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, end: MemberEnd) -> Result<(), ()> {
        self.members.last_mut().unwrap().2 = Some(end);
        Ok(())
    }

    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }
}

fn walked(bytes: &[u8], step: usize) -> (Told, Result<ArchiveEnd, String>) {
    let (mut told, mut walk) = (Told::default(), TolerantWalk::default());
    for piece in bytes.chunks(step) {
        match walk.feed(piece, &mut told) {
            Ok(()) => {}
            Err(Stopped::Archive(error)) => return (told, Err(error.to_string())),
            Err(Stopped::Sink(())) => unreachable!("this sink takes everything"),
        }
    }
    let end = walk.finish(&mut told).unwrap();
    (told, Ok(end))
}

fn small() -> Vec<u8> {
    tar(&[("a.sql", &"a".repeat(700)), ("b.sql", ""), ("c.sql", &"c".repeat(1024))])
}

#[test]
fn fuzz_mutated_archives_are_walked_tolerantly_and_within_their_folder() {
    mutate_all(&[small(), object("db_backup_2026-10-05T03:00:00Z.tar")[..4096].to_vec()], |bytes| {
        let (told, end) = walked(bytes, bytes.len().max(1));
        assert_eq!((&told, &end), (&walked(bytes, 511).0, &walked(bytes, 511).1));
        let data: usize = told.members.iter().map(|member| member.1.len()).sum();
        assert!(data <= bytes.len());
        for (name, ..) in &told.members {
            let path = name.raw_bytes();
            assert!(!path.starts_with(b"/") && path.split(|byte| *byte == b'/').all(|part| part != b".."));
        }
        if end.is_ok() {
            assert!(told.members.iter().all(|member| member.2.is_some()), "every member ends");
        }
    });
}

proptest! {
    #[test]
    fn a_cut_never_makes_a_member_full_that_is_not(at in 0_usize..10_240, step in 1_usize..2000) {
        let bytes = small();
        let at = at.min(bytes.len());
        let (told, end) = walked(&bytes[..at], step);
        let whole = walked(&bytes, bytes.len()).0;
        for (member, original) in told.members.iter().zip(&whole.members) {
            prop_assert_eq!(&member.0, &original.0);
            prop_assert!(original.1.starts_with(&member.1));
            if member.2 == Some(MemberEnd::Full) {
                prop_assert_eq!(&member.1, &original.1);
            }
        }
        prop_assert!(told.gaps.is_empty());
        let ended = matches!(end, Ok(ArchiveEnd::Seen { .. }));
        prop_assert!(!ended || told.members.len() == whole.members.len());
    }
}
