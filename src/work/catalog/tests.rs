use super::*;
use crate::model::target::{FileLocation, Location};

const NAMED: Moment = Moment(1_788_000_000_000); // 2026-08-29 10:40

fn object(name: &str, modified: i64) -> Object {
    let stamp = Stamp { size: 7, modified: Some(Moment(modified)), ..Stamp::default() };
    Object { key: Foreign::from(name), stamp, history: History::Current, storage: Default::default() }
}

fn target() -> Target {
    let location = Location::File(FileLocation { root: "/var/backups".into() });
    Target { name: TargetName::new("t").unwrap(), location, expect_key: None }
}

fn claims(started: Option<i64>) -> MetadataFacts {
    MetadataFacts { started: started.map(Moment), ..MetadataFacts::default() }
}

#[test]
fn an_id_is_the_first_fifty_bits_of_a_digest_over_url_key_and_older_version() {
    let by_hand = |text: &[u8]| {
        let digest = Sha256::digest(text);
        let all = data_encoding::BASE32_NOPAD.encode(&digest).to_lowercase();
        all[..10].to_owned()
    };
    let key = Foreign::from("a/b");
    assert_eq!(backup_id("file:///x/", &key, None).as_str(), by_hand(b"file:///x/\0a/b"));
    assert_eq!(backup_id("file:///x/", &key, Some("v1")).as_str(), by_hand(b"file:///x/\0a/b\0v1"));
    let current = Object { stamp: Stamp { version: Some("v2".into()), ..Stamp::default() }, ..object("a/b", 0) };
    assert_eq!(id_of(&target(), &current), backup_id("file:///var/backups/", &key, None), "current: no version");
    let older = Object { history: History::Older, ..current };
    assert_eq!(id_of(&target(), &older), backup_id("file:///var/backups/", &key, Some("v2")));
}

#[test]
fn the_true_time_is_that_of_metadata_then_name_then_object_and_lies_are_not_believed() {
    let written = object("k", NAMED.0 + 60_000);
    let from = |facts: Option<&MetadataFacts>, name: Option<Moment>| {
        let name = name.map(|at| NameFacts { naming: Foreign::from("k"), at, exact: Exactness::Time(0) });
        taken(&written, facts, name.as_ref()).from
    };
    assert_eq!(from(Some(&claims(Some(NAMED.0))), Some(NAMED)), TakenFrom::Metadata);
    assert_eq!(from(Some(&claims(None)), Some(NAMED)), TakenFrom::Name);
    assert_eq!(from(None, None), TakenFrom::Object);
    for lie in [0, -1, i64::MIN, i64::MAX, NAMED.0 + 3 * 86_400_000] {
        assert_eq!(from(Some(&claims(Some(lie))), Some(NAMED)), TakenFrom::Name, "{lie}");
    }
    let day = NameFacts { naming: Foreign::from("k"), at: Moment(NAMED.0 - 38_400_000), exact: Exactness::Day };
    let of = |written: i64| taken(&object("k", written), None, Some(&day));
    assert_eq!((of(NAMED.0).at, of(NAMED.0).from), (NAMED, TakenFrom::Object));
    assert_eq!((of(NAMED.0 + 9 * 86_400_000).at, of(0).from), (day.at, TakenFrom::Name));
}

#[test]
fn metadata_speaks_of_the_current_version_only() {
    let mut listing = Listing::default();
    let name = "dbacked_shop_290820261040";
    let older = Object { history: History::Older, ..object(name, 0) };
    listing.take(vec![object(name, 1), older.clone(), object(&format!("{name}_metadata"), 2)]);
    assert_eq!((listing.objects.len(), listing.metadata.len()), (2, 1));
    assert!(listing.beside(&object(name, 1)).is_some() && listing.beside(&older).is_none());
}

#[test]
fn a_look_that_missed_the_metadata_leaves_it_pending_not_missing() {
    let mut listing = Listing::default();
    let name = "dbacked_shop_290820261040";
    listing.take(vec![object(name, 1), object(&format!("{name}_metadata"), 2)]);
    let look =
        |_: &BackupId, _: &Stamp| Some(Look { shape: names::guess(&Foreign::from(name)), metadata: Metadata::Missing });
    let known = Beside { look: &look, proof: &|_, _| None, keys: &[], proof_max_age: 0, now: NAMED };
    assert_eq!(assemble(&target(), &listing, &known)[0].metadata, Metadata::Pending);
}

#[test]
fn a_snapshot_is_sorted_by_time_whatever_the_order_of_the_listing() {
    let mut listing = Listing::default();
    listing.take((0..500).map(|n| object(&format!("{n}.sql"), n * 7919 % 251)).collect());
    let known = Beside { look: &|_, _| None, proof: &|_, _| None, keys: &[], proof_max_age: 0, now: NAMED };
    let made = publish(assemble(&target(), &listing, &known), vec![], NAMED, 0).backups;
    let keys: Vec<_> = made.iter().map(|made| (std::cmp::Reverse(made.taken.at), made.id.clone())).collect();
    assert!(keys.is_sorted() && keys.len() == 500);
}
