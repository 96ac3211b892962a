//! Archives of every cipher that were damaged, and hostile ones.

use std::io::Write;

use breakglass::seal::public::PublicKey;
use breakglass::seal::sealed::Sealer;

use super::*;

/// Outcome, files, rows, tables complete / suspect / cut, and how the content is vouched for.
#[rustfmt::skip]
const DAMAGED: &[(&str, usize, u64, [usize; 3], Authenticity)] = &[
    ("aes256-cbc-bitflip-end.tar", 2, 160, [0, 5, 0], Authenticity::Unauthenticated),
    ("aes256-cbc-bitflip-start.tar", 1, 30, [0, 1, 0], Authenticity::Unauthenticated),
    ("aes256-cbc-last-byte.tar", 2, 160, [5, 0, 0], Authenticity::Unauthenticated),
    ("aes256-cbc-truncated.tar", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
    ("age-chacha20-poly1305-last-byte.tar", 1, 130, [4, 0, 0], Authenticity::Chunks { up_to: 1 }),
    ("chacha20-poly1305-bitflip-mid.tar", 2, 160, [0, 5, 0], Authenticity::Unauthenticated),
    ("chacha20-poly1305-truncated.tar", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
    ("gz-bitflip-crc.tgz", 2, 160, [0, 5, 0], Authenticity::Unauthenticated),
    ("gz-truncated-trailer.tgz", 2, 160, [5, 0, 0], Authenticity::Unauthenticated),
    ("gz-truncated.tgz", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
    ("pbkdf2-aes256-cbc-truncated.tar", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
    ("smime-aes256-cbc-truncated.tar", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
    ("tar-bitflip-header.tar", 1, 30, [0, 1, 0], Authenticity::Unauthenticated),
    ("tar-no-end.tar", 2, 160, [5, 0, 0], Authenticity::Unauthenticated),
    ("tar-truncated.tar", 1, 80, [2, 0, 1], Authenticity::Unauthenticated),
];

/// Of these nothing comes out, and this is the exit code's kind.
const NOTHING: &[(&str, Fault, &str)] = &[
    ("aes256-cbc-bitflip-mid.key", Fault::NoKey, "verify::no_key"),
    ("age-chacha20-poly1305-bitflip-mid.tar", Fault::Integrity, "salvage::nothing"),
    ("age-chacha20-poly1305-truncated.tar", Fault::Integrity, "salvage::nothing"),
    ("chacha20-poly1305-bitflip-start.tar", Fault::Inconclusive, "salvage::locked"),
    ("evil-absolute.tgz", Fault::Integrity, "tar::refused"),
    ("evil-dotdot.tgz", Fault::Integrity, "tar::refused"),
    ("evil-duplicate.tgz", Fault::Integrity, "tar::refused"),
    ("evil-empty.tgz", Fault::Integrity, "salvage::nothing"),
    ("evil-symlink.tgz", Fault::Integrity, "tar::refused"),
    ("random.tgz", Fault::Inconclusive, "salvage::locked"),
    ("zero-length.tgz", Fault::Integrity, "salvage::nothing"),
];

fn damaged(name: &str) -> Vec<u8> {
    fs::read(databacker().join("damaged").join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_still_be_read_comes_out_and_says_what_it_is() {
    let files: Vec<(&str, Vec<u8>)> = DAMAGED.iter().map(|(name, ..)| (*name, damaged(name))).collect();
    let bench = Bench::new(&files).await;
    bench.load(&databacker().join("keys/pbkdf2.pass"), b"").await;
    for (name, count, rows, [complete, suspect, cut], authenticity) in DAMAGED {
        let report = bench.salvage(name).await.unwrap_or_else(|report| panic!("{name}: {report:?}"));
        let states = [TableState::Complete, TableState::Suspect, TableState::Cut].map(|state| report.tables(state));
        assert_eq!((report.files.len(), report.rows(), states), (*count, *rows, [*complete, *suspect, *cut]), "{name}");
        assert_eq!(report.authenticity, *authenticity, "{name}");
        assert!(!report.met.is_empty() && report.outcome == SalvageOutcome::Partly, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_comes_out_nothing_is_left_and_the_reason_is_said() {
    let given: Vec<(&str, Vec<u8>)> = NOTHING[1..].iter().map(|(name, ..)| (*name, damaged(name))).collect();
    let bench = Bench::new(&given).await;
    for (name, fault, code) in &NOTHING[1..] {
        let report = bench.salvage(name).await.unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (*fault, *code), "{name}: {report:?}");
    }
    assert!(!Path::new("/tmp/breakglass-escape.sql").exists() && !Path::new("/tmp/breakglass-escape-abs.sql").exists());
    let keyless = Bench::locked(&[("db_backup_1.tar", damaged("aes256-cbc-truncated.tar"))]).await;
    let report = keyless.salvage("db_backup_1.tar").await.unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (NOTHING[0].1, NOTHING[0].2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_behind_a_damaged_header_is_found_and_doubted() {
    let members = [("a_20260101000000.sql", dump("a", 2, 60)), ("b_20260101000000.sql", dump("b", 2, 60))];
    let mut bytes = tar(&[(members[0].0, &members[0].1), (members[1].0, &members[1].1)]);
    bytes[150] ^= 1; // the first header's checksum
    let bench = Bench::new(&[("x.tar", bytes)]).await;
    let report = bench.salvage("x.tar").await.unwrap();
    let [file] = report.files.as_slice() else { panic!("{report:?}") };
    assert_eq!((file.file.as_str(), file.rows), ("b.partial.sql", 120));
    assert!(file.missing.contains("found by its looks behind damage"), "{}", file.missing);
    assert!(file.tables.iter().all(|table| table.state == TableState::Suspect), "{:?}", file.tables);
    assert!(report.met[0].starts_with("archive: bytes 0 to "), "{:?}", report.met);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_dumps_of_every_compression_are_cut_behind_their_last_statement() {
    let text = dump("shop", 12, 1200);
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() * 3 / 5].to_vec();
    let pack = |program: &str| cut(piped(text.as_bytes(), program, &["-c", "-1"]));
    let files = [
        ("shop.sql", cut(text.clone().into_bytes())),
        ("shop.sql.gz", pack("gzip")),
        ("shop.sql.bz2", pack("bzip2")),
        ("shop.sql.xz", pack("xz")),
    ];
    let bench = Bench::new(&files).await;
    for (name, _) in &files {
        let report = bench.salvage(name).await.unwrap_or_else(|report| panic!("{name}: {report:?}"));
        assert!(report.tables(TableState::Complete) >= 1 && report.tables(TableState::Cut) <= 1, "{name}: {report:?}");
        let kept = bench.text(name, "shop.partial.sql");
        let body = kept.splitn(3, '\n').nth(2).unwrap().rsplit_once("\n-- SALVAGED").unwrap().0;
        assert!(text.starts_with(body) && body.ends_with(';'), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dbacked_and_sealed_backups_that_are_cut_give_what_is_there() {
    let dbacked = |name: &str| support::root().join("tests/it/vectors/dbacked").join(name);
    let whole = fs::read(dbacked("objects/dbacked_shop_290820261040")).unwrap();
    let bench = Bench::locked(&[("dbacked_shop_290820261040", whole[..whole.len() * 2 / 3].to_vec())]).await;
    bench.load(&dbacked("keys/dbacked_private_key.pem"), b"correct horse battery staple").await;
    let report = bench.salvage("dbacked_shop_290820261040").await.unwrap();
    assert_eq!((report.files.len(), report.authenticity), (1, Authenticity::Unauthenticated));
    assert!(report.files[0].statements > 0 && report.key.is_some(), "{report:?}");

    let text = dump("shop", 12, 1200);
    let public = PublicKey::from_pem(&fs::read(dbacked("keys/rsa2048-public.pem")).unwrap()).unwrap();
    let mut sealer = Sealer::new(vec![], &[public]).unwrap();
    sealer.write_all(text.as_bytes()).unwrap();
    let sealed = sealer.finish().unwrap();
    let sealed_bench = Bench::locked(&[("shop.sql.sealed", sealed[..sealed.len() / 2].to_vec())]).await;
    sealed_bench.load(&dbacked("keys/rsa2048-pkcs8-plain.pem"), b"").await;
    let report = sealed_bench.salvage("shop.sql.sealed").await.unwrap();
    let chunks = report.plain_bytes.0 / (64 << 10);
    assert_eq!(report.plain_bytes.0 % (64 << 10), 0, "whole chunks only");
    assert_eq!(report.authenticity, Authenticity::Chunks { up_to: chunks });
    assert!(chunks >= 2 && report.tables(TableState::Complete) >= 2, "{}", report.words());
    assert_eq!(bench.verdict("dbacked_shop_290820261040").await, VerdictOutcome::Truncated);
}
