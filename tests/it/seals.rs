//! Seals: what opens, what is refused, and that nothing in between looks complete.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod databacker;
mod sealed;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use breakglass::model::foreign::Foreign;
use breakglass::seal::dbacked::{self, Decrypter, Endian, Header};
use breakglass::seal::digest::{Stored, Wanted};
use breakglass::seal::keyfile::load;
use breakglass::seal::keyring::{ContentKey, PrivateKey};
use breakglass::seal::sealed::Unsealer;
use breakglass::seal::{Damage, UnsealError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/dbacked")
}

fn vector(name: &str) -> Vec<u8> {
    fs::read(vectors().join(name)).unwrap()
}

fn key(name: &str) -> PrivateKey {
    match load(&vector(&format!("keys/{name}")), None, Foreign::from(name)) {
        Ok(key) => key,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn large() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| key("rsa4096-pkcs1-plain.pem"))
}

fn small() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| key("rsa2048-pkcs1-plain.pem"))
}

fn stranger() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| key("wrong-rsa2048.pem"))
}

/// `ContentKey` has no `Debug`.
fn failure<T>(outcome: Result<T, UnsealError>) -> UnsealError {
    outcome.err().expect("it opened")
}

/// What came out before the end or the error, and how it ended.
fn drain(mut source: impl Read) -> (Vec<u8>, Result<(), UnsealError>) {
    let mut plain = vec![];
    let outcome = source.read_to_end(&mut plain).map(|_| ()).map_err(UnsealError::from);
    (plain, outcome)
}

fn open_dbacked(bytes: &[u8], key: &PrivateKey) -> (Vec<u8>, Result<(), UnsealError>) {
    let mut source = bytes;
    let opened = Header::read(&mut source).and_then(|header| Ok((header.unwrap_key(key)?, header)));
    match opened {
        Ok((content, header)) => drain(Decrypter::new(source, &content, &header.iv, header.len())),
        Err(error) => (vec![], Err(error)),
    }
}

fn inflated(gzip: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = vec![];
    let mut member = flate2::bufread::GzDecoder::new(gzip);
    member.read_to_end(&mut plain)?;
    let rest = member.into_inner();
    if rest.is_empty() { Ok(plain) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn manifest(name: &str) -> serde_json::Value {
    serde_json::from_slice(&vector(name)).unwrap()
}

#[test]
fn every_object_that_dbacked_wrote_opens_to_its_plain_dump() {
    for entry in manifest("manifest.json").as_array().unwrap() {
        let name = entry["object"].as_str().unwrap();
        let stored = vector(&format!("objects/{name}"));
        let key = if entry["rsa_block"] == 256 { small() } else { large() };
        let head = Header::sniff(&stored[..14]).unwrap();
        assert_eq!((head.version, head.endian), ((0, 5, 0), Endian::Little));
        let (gzip, outcome) = open_dbacked(&stored, key);
        outcome.unwrap();
        let plain = inflated(&gzip).unwrap();
        assert!(plain == vector(&format!("plain/{}", entry["plain"].as_str().unwrap())), "{name}");

        let mut digests = Stored::new(Wanted::ALL);
        digests.feed(&stored);
        assert_eq!(digests.finish().md5.as_deref(), entry["md5"].as_str());
    }
}

#[test]
fn a_backup_for_another_key_is_refused_before_anything_is_decrypted() {
    let stored = vector("objects/dbacked_shop_small_key_020920261153");
    let header = Header::read(&mut &stored[..]).unwrap();
    assert!(matches!(failure(header.unwrap_key(stranger())), UnsealError::WrongKey));
    let size = failure(header.unwrap_key(large()));
    assert!(matches!(size, UnsealError::KeySize { header: 2048, key: 4096 }), "{size}");
}

/// What the seal itself must say of each damaged object; `None` where only gzip or the MD5 can tell.
fn expected_damage(name: &str, error: &UnsealError) -> bool {
    use UnsealError::{Damaged, DamagedHeader, KeySize, NotDbacked, Truncated, WrongKey};
    match name {
        "truncated-magic.bin" => matches!(error, Truncated { at_byte: 5 }),
        "truncated-version.bin" => matches!(error, Truncated { at_byte: 9 }),
        "truncated-length.bin" => matches!(error, Truncated { at_byte: 12 }),
        "truncated-header-only.bin" => matches!(error, Truncated { at_byte: 14 }),
        "truncated-rsa.bin" => matches!(error, Truncated { at_byte: 114 }),
        "truncated-no-iv.bin" => matches!(error, Truncated { at_byte: 526 }),
        "truncated-in-iv.bin" => matches!(error, Truncated { at_byte: 534 }),
        "truncated-no-ciphertext.bin" => matches!(error, Truncated { at_byte: 542 }),
        "truncated-unaligned.bin" => matches!(error, Truncated { at_byte: 40_757 }),
        "truncated-last-byte.bin" => matches!(error, Truncated { at_byte: 80_957 }),
        "trailing-1-byte.bin" => matches!(error, Truncated { at_byte: 80_959 }),
        "zero-length.bin" => matches!(error, Truncated { at_byte: 0 }),
        "bitflip-magic.bin" | "wrong-magic.bin" | "plain-sql.sql" | "random.bin" => matches!(error, NotDbacked),
        "bitflip-length.bin" | "length-huge.bin" => matches!(error, DamagedHeader { .. }),
        "length-256.bin" => matches!(error, KeySize { header: 2048, key: 4096 }),
        "bitflip-rsa.bin" => matches!(error, WrongKey),
        _ => matches!(error, Damaged { what: Damage::Padding, .. }),
    }
}

#[test]
fn every_damaged_object_is_refused_for_its_own_reason() {
    let whole = vector("plain/mysql97-with-gtid.sql");
    for entry in manifest("damaged/manifest.json")["files"].as_array().unwrap() {
        let Some(name) = entry["file"].as_str() else { continue }; // a bucket
        let (gzip, outcome) = open_dbacked(&vector(&format!("damaged/{name}")), large());
        let harmless = matches!(name, "bitflip-version.bin" | "length-big-endian.bin" | "bitflip-iv-mtime.bin");
        let plain = outcome.is_ok().then(|| inflated(&gzip).ok()).flatten();
        assert_eq!(plain.is_some(), harmless, "{name}");
        assert!(plain.is_none_or(|plain| plain == whole), "{name}");
        if let Err(error) = outcome {
            assert!(expected_damage(name, &error), "{name}: {error}");
        }
    }
    let head = Header::sniff(&vector("damaged/length-big-endian.bin")).unwrap();
    assert_eq!((head.key_len, head.endian), (512, Endian::Big));
}

#[test]
fn openssl_and_gunzip_open_by_hand_what_was_sealed_here() {
    let folder = tempfile::tempdir().unwrap();
    let dump = vector("plain/mariadb1011.sql");
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    gzip.write_all(&dump).unwrap();
    let mut stored = vec![];
    let written = dbacked::seal_to(small().public(), &gzip.finish().unwrap()[..], &mut stored, (0, 5, 0)).unwrap();
    assert_eq!(written, stored.len() as u64);

    let header = Header::read(&mut &stored[..]).unwrap();
    let (wrapped, body) = (folder.path().join("wrapped"), folder.path().join("body"));
    fs::write(&wrapped, &header.wrapped).unwrap();
    fs::write(&body, &stored[header.len() as usize..]).unwrap();
    let private = vectors().join("keys/rsa2048-pkcs8-plain.pem");
    let aes = run(Command::new("openssl")
        .args(["pkeyutl", "-decrypt", "-pkeyopt", "rsa_padding_mode:oaep"])
        .arg("-in")
        .arg(&wrapped)
        .arg("-inkey")
        .arg(&private));
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let gzip = run(Command::new("openssl")
        .args(["enc", "-d", "-aes-256-cbc", "-K", &hex(&aes), "-iv", &hex(&header.iv)])
        .arg("-in")
        .arg(&body));
    assert!(inflated(&gzip).unwrap() == dump);
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().expect("these tests need the openssl command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn no_cut_and_no_flip_in_a_dbacked_body_yields_another_dump() {
    let stored = vector("objects/dbacked_shop_small_key_020920261153");
    let whole = vector("plain/mysql97-rsa2048.sql");
    let header = Header::read(&mut &stored[..]).unwrap();
    let content = header.unwrap_key(small()).unwrap_or_else(|error| panic!("{error}"));
    let open = |bytes: &[u8]| {
        let mut source = bytes;
        let header = Header::read(&mut source).ok()?;
        let (gzip, outcome) = drain(Decrypter::new(source, &content, &header.iv, header.len()));
        outcome.ok().and_then(|()| inflated(&gzip).ok())
    };
    assert!(open(&stored) == Some(whole));
    for cut in (0..2048).chain(stored.len() - 2048..stored.len()) {
        assert!(open(&stored[..cut]).is_none(), "cut at {cut}");
    }
    let mut random = StdRng::seed_from_u64(5);
    for _ in 0..500 {
        let (at, bit) = (random.gen_range(header.len() as usize..stored.len()), random.gen_range(0..8));
        let mut changed = stored.clone();
        changed[at] ^= 1 << bit;
        assert!(open(&changed).is_none(), "bit {bit} of byte {at}");
    }
}

const CONTENT: [u8; 32] = [0x5a; 32];

/// A DBacked ciphertext made by the cipher alone, so that thousands of bodies take no RSA.
fn cbc(plain: &[u8]) -> Vec<u8> {
    use cbc::cipher::{BlockEncryptMut, KeyIvInit, block_padding::Pkcs7};
    cbc::Encryptor::<aes::Aes256>::new(&CONTENT.into(), &[7; 16].into()).encrypt_padded_vec_mut::<Pkcs7>(plain)
}

fn uncbc(stored: &[u8]) -> (Vec<u8>, Result<(), UnsealError>) {
    drain(Decrypter::new(stored, &ContentKey::new(&CONTENT), &[7; 16], 0))
}

#[test]
fn cbc_bodies_of_every_length_around_a_batch_come_back() {
    let lengths =
        (0..70).chain((64 << 10) - 40..(64 << 10) + 40).chain([(128 << 10) - 33, (128 << 10) - 32, 128 << 10, 300_000]);
    for len in lengths {
        let plain: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let (opened, outcome) = uncbc(&cbc(&plain));
        assert!(outcome.is_ok() && opened == plain, "{len}");
    }
}

#[test]
fn a_cbc_body_cut_anywhere_never_ends_well() {
    let plain = vec![0x41; 1000];
    let stored = cbc(&plain);
    for cut in 0..stored.len() {
        let (opened, outcome) = uncbc(&stored[..cut]);
        assert!(plain.starts_with(&opened));
        match outcome.unwrap_err() {
            UnsealError::Truncated { at_byte } => assert!(at_byte == cut as u64 && (cut == 0 || cut % 16 != 0)),
            UnsealError::Damaged { at_byte, .. } => assert!(at_byte == cut as u64 - 16 && cut % 16 == 0),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_failure_repeats_and_errors_of_the_source_pass_through() {
    let content = ContentKey::new(&CONTENT);
    let mut cut = Decrypter::new(&[0; 17][..], &content, &[0; 16], 542);
    let mut plain = vec![];
    for _ in 0..3 {
        let error = cut.read_to_end(&mut plain).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(matches!(UnsealError::from_io(&error), Some(UnsealError::Truncated { at_byte: 559 })));
    }
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "503"))
        }
    }
    for mut reader in [
        Box::new(Decrypter::new(Broken, &content, &[0; 16], 0)) as Box<dyn Read>,
        Box::new(Unsealer::new(Broken, &content, 0)),
    ] {
        let error = reader.read(&mut [0; 9]).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ConnectionReset, "503".to_owned()));
    }
    let error: io::Error = failure(Header::read(&mut Broken).map(|_| ())).into();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn no_changed_byte_of_a_dbacked_header_yields_another_dump() {
    let stored = vector("objects/dbacked_shop_small_key_020920261153");
    let whole = vector("plain/mysql97-rsa2048.sql");
    for at in 0..286 {
        let mut changed = stored.clone();
        changed[at] ^= 1 << (at % 8);
        let (gzip, outcome) = open_dbacked(&changed, small());
        let plain = outcome.ok().and_then(|()| inflated(&gzip).ok());
        let silent = matches!(at, 7..10 | 274..280); // version; the gzip header's time, XFL and OS
        assert!(plain.is_none() || (silent && plain.unwrap() == whole), "byte {at}");
    }
}

/// Flips, cuts, inserts and repeats, as a fixed seed says.
fn mutated(valid: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..random.gen_range(1..4) {
        let at = random.gen_range(0..=bytes.len());
        match random.gen_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.r#gen()),
            2 if at < bytes.len() => bytes[at] = [0, 0xff, 0x80, 0x7f, 1][random.gen_range(0..5)],
            3 if at < bytes.len() => {
                let piece = bytes[at..bytes.len().min(at + 40)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << random.gen_range(0..8),
            _ => {}
        }
    }
    bytes
}

#[test]
fn fuzz_dbacked_headers() {
    let valid = &vector("objects/dbacked_shop_small_key_020920261153")[..400];
    let content = ContentKey::new(&CONTENT);
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..support::mutations() {
        let bytes = mutated(valid, &mut random);
        let _ = Header::sniff(&bytes);
        let mut source = &bytes[..];
        if let Ok(header) = Header::read(&mut source) {
            assert_eq!(header.len() as usize, bytes.len() - source.len());
            let _ = drain(Decrypter::new(source, &content, &header.iv, header.len()));
        }
    }
}
