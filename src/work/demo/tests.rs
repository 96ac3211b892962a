use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::format::payload::Payload;
use crate::format::unpack::{Limits, Strictness, UnpackError, Unpacker};
use crate::format::{metadata, names, sniff};
use crate::model::backup::{Format, Metadata};
use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Run, RunState, Span, TraceId};
use crate::seal::dbacked::{Decrypter, Header};
use crate::seal::keyring::PrivateKey;
use crate::seal::public::fingerprint_of_pem;
use crate::telemetry::assemble::Arrival;
use crate::telemetry::stream::Told;
use crate::telemetry::{assemble, stream};

const NOW: Moment = Moment(1_795_219_200_000 + 12 * 3_600_000);

struct Built {
    _folder: tempfile::TempDir,
    demo: DemoEstate,
    key: PrivateKey,
}

fn built() -> Built {
    let folder = tempfile::tempdir().unwrap();
    let demo = build(folder.path(), NOW).unwrap();
    let passphrase = Secret::new(demo.passphrase.as_bytes().to_vec());
    let key = keyfile::load(&fs::read(&demo.key_path).unwrap(), Some(&passphrase), Foreign::from("demo")).unwrap();
    Built { _folder: folder, demo, key }
}

fn files(built: &Built, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(built.demo.root.join(folder)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn open(built: &Built, sealed: &[u8]) -> io::Result<String> {
    let mut source = BufReader::new(sealed);
    let header = Header::read(&mut source).map_err(io::Error::other)?;
    let content = header.unwrap_key(&built.key).map_err(io::Error::other)?;
    let plain = Decrypter::new(source, &content, &header.iv, header.len());
    let mut text = String::new();
    Unpacker::new(Compression::Gzip, plain, Strictness::OneMember, Limits::default()).read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn the_sandbox_holds_good_backups_and_one_of_each_kind_of_bad_one() {
    let built = built();
    let fingerprint = |pem: &str| fingerprint_of_pem(pem).ok();
    let (mut good, mut bad, mut orphans, mut strangers) = (0, vec![], vec![], vec![]);
    let offsite = files(&built, "offsite");
    let described: HashSet<_> =
        offsite.iter().filter_map(|(name, _)| names::metadata_of(&Foreign::from(name.as_str()))).collect();
    for (name, bytes) in offsite.iter().filter(|(name, _)| !name.ends_with("_metadata")) {
        let key = Foreign::from(name.as_str());
        let facts = names::dbacked_name(&key).unwrap();
        assert!(NOW.0 - facts.at.0 < 31 * 86_400_000 && facts.at.0 < NOW.0);
        if bytes.is_empty() {
            bad.push("empty");
            continue;
        }
        assert_eq!(sniff::sniff(&bytes[..600]).shape().format, Format::Dbacked);
        if !described.contains(&key) {
            orphans.push(name);
        } else {
            let beside = fs::read(built.demo.root.join("offsite").join(format!("{name}_metadata"))).unwrap();
            let Metadata::Read(claims) = metadata::read(&beside, &key, &fingerprint) else { panic!("{name}") };
            assert_eq!((claims.remarks.len(), claims.started), (0, Some(facts.at)));
            if claims.fingerprint != Some(built.demo.fingerprint.clone()) {
                strangers.push(name);
            }
        }
        match open(&built, bytes) {
            Ok(sql) => {
                assert!(sql.contains("\n-- Dump completed on 20"));
                good += 1;
            }
            Err(_) => bad.push(if strangers.contains(&name) { "other key" } else { "flipped" }),
        }
    }
    bad.sort_unstable();
    assert_eq!(bad, ["empty", "flipped", "other key"]);
    assert_eq!((orphans.len(), strangers.len(), good), (1, 1, 41));
}

#[test]
fn plain_dumps_are_whole_but_for_the_one_that_was_cut() {
    let built = built();
    let mut cut = 0;
    for (name, bytes) in files(&built, "nas") {
        assert!(names::dated_name(&Foreign::from(name.as_str())).is_some(), "{name}");
        let head = sniff::sniff(&bytes);
        let (compression, payload) = (head.shape().compression, head.payload);
        assert_eq!((head.shape().format, payload), (Format::Mysqldump, Payload::Mysqldump), "{name}");
        let mut sql = String::new();
        let mut source = Unpacker::new(compression, &bytes[..], Strictness::Lenient, Limits::default());
        match source.read_to_string(&mut sql) {
            Ok(_) => assert!(sql.trim_end().rsplit('\n').next().unwrap().starts_with("-- Dump completed on 20")),
            Err(error) => {
                assert!(matches!(UnpackError::from_io(&error), Some(UnpackError::Truncated { .. })));
                cut += 1;
            }
        }
    }
    assert_eq!(cut, 1);
}

#[test]
fn the_sandbox_tells_of_about_seventy_backups_a_gap_and_a_shrunken_one() {
    let built = built();
    assert!((66..=76).contains(&built.demo.backups), "{}", built.demo.backups);
    let offsite = files(&built, "offsite");
    let shop: Vec<_> = offsite
        .iter()
        .filter(|(name, _)| name.starts_with("dbacked_shop_") && !name.ends_with("_metadata"))
        .map(|(name, bytes)| (names::dbacked_name(&Foreign::from(name.as_str())).unwrap().at, bytes.len()))
        .collect();
    assert_eq!(shop.len(), 29);
    let largest = shop.iter().map(|(_, size)| *size).max().unwrap();
    let small = shop.iter().filter(|(_, size)| size * 2 < largest).count();
    assert_eq!(small, 1);
    let text = fs::read_to_string(&built.demo.estate_path).unwrap();
    let estate: toml::Table = text.parse().unwrap();
    assert_eq!(estate["keys"]["demo"]["fingerprint"].as_str(), Some(built.key.fingerprint().as_str()));
    assert_eq!(estate["targets"].as_table().unwrap().len(), 3);
    assert_eq!(estate["targets"]["vault"]["retention"].as_str(), Some(vault::RETENTION));
}

#[test]
fn the_estate_names_its_folders_whatever_they_are_called() {
    let outer = tempfile::tempdir().unwrap();
    let odd = outer.path().join("it's a \"50 %\" ümlaut");
    fs::create_dir(&odd).unwrap();
    let demo = build(&odd, NOW).unwrap();
    let estate: toml::Table = fs::read_to_string(&demo.estate_path).unwrap().parse().unwrap();
    let url: Url = estate["targets"]["nas"]["url"].as_str().unwrap().parse().unwrap();
    assert_eq!(url.to_file_path().unwrap(), demo.root.join("nas"));
    assert_eq!(estate["keys"]["demo"]["file"].as_str(), demo.key_path.to_str());
}

#[test]
fn the_keys_of_the_vault_are_their_owners_alone_and_are_what_the_estate_says() {
    let built = built();
    let kinds = built.demo.vault_keys.iter().map(|key| {
        assert_eq!(fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
        let facts = crate::work::keys::inspect_file(&key.path).unwrap();
        assert_eq!(facts.fingerprint, key.fingerprint, "{}", key.name);
        (key.name, facts.algorithm)
    });
    let kinds: Vec<(&str, String)> = kinds.collect();
    let kinds: Vec<(&str, &str)> = kinds.iter().map(|(name, kind)| (*name, kind.as_str())).collect();
    let expected = [
        ("vault-raw", "raw key"),
        ("vault-passphrase", "passphrase"),
        ("vault-age", "age X25519"),
        ("vault-cms", "EC P-256"),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn the_vault_holds_every_seal_and_one_archive_that_goes_tonight() {
    for hour in 0..24 {
        tonight_goes_one(Moment(NOW.0 + hour * 3_600_000 + 1));
    }
}

fn tonight_goes_one(now: Moment) {
    let archives = vault::archives(now);
    let seals: HashSet<_> = archives.iter().map(|archive| format!("{:?}", archive.seal)).collect();
    assert_eq!(seals.len(), 6, "{seals:?}");
    let retention = crate::model::retention::Retention::parse(vault::RETENTION).unwrap();
    let crate::model::retention::Keep::Hours(hours) = retention.keep() else { panic!("an age") };
    let tonight = archives.iter().filter(|archive| {
        let key = Foreign::from(archive.name());
        let name = names::databacker_name(&key).unwrap();
        let taken = name.time.beside(None).unwrap();
        assert_eq!(taken.at, archive.at);
        let goes = names::prune_time(&key).unwrap().0 + i64::from(hours) * 3_600_000;
        assert!(goes > now.0, "{key} is due already");
        goes <= now.0 + 86_400_000
    });
    assert_eq!(tonight.count(), 1);
}

#[test]
fn the_telemetry_tells_of_ninety_nights_and_of_every_archive_that_lies_there() {
    let built = built();
    let told = files(&built, "telemetry");
    let mut traces: HashMap<TraceId, Vec<Span>> = HashMap::new();
    let census = stream::read(&mut &told[0].1[..], &mut |told| {
        let Told::Spans(Feed::CollectorFile, spans) = told else { panic!("a collector's file holds spans alone") };
        spans.into_iter().for_each(|span| traces.entry(span.trace).or_default().push(span));
    });
    let census = census.unwrap();
    assert_eq!((census.refused, census.foreign, census.broken), (0, 0, 0));
    let arrival = Arrival { feed: Feed::CollectorFile, received: None };
    let runs: Vec<Run> = traces.iter().flat_map(|(trace, spans)| assemble::runs(*trace, spans, arrival)).collect();
    let (nights, hours): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.source.host == Some("db-2".into()));
    assert_eq!((nights.len(), hours.len()), (89, 168), "one night nothing ran");
    assert_eq!(nights.iter().filter(|run| run.state == RunState::Failed).count(), 3);
    let legacy = |run: &&&Run| run.databases.as_ref().is_some_and(|names| names.contains(&Foreign::from("legacy")));
    let newest_legacy = nights.iter().filter(legacy).filter_map(|run| run.started).max().unwrap();
    assert!(NOW.0 - newest_legacy.0 > 33 * 86_400_000, "a database went long ago");
    for (name, bytes) in files(&built, "vault") {
        let left = |run: &&&Run| run.objects.iter().any(|object| object.name == Some(Foreign::from(name.as_str())));
        let run = nights.iter().find(left).unwrap_or_else(|| panic!("no run tells of {name}"));
        assert_eq!(run.bytes, Some(bytes.len() as u64), "{name}");
        assert!(
            nights.iter().flat_map(|run| &run.pruned).all(|it| !it.candidates.contains(&Foreign::from(name.as_str())))
        );
    }
}
