use super::*;
use crate::model::run::{Feed, Tool};
use crate::model::target::{FileLocation, Location, Object, S3Location, Stamp, Target};
use crate::work::catalog::{Beside, Listing, TargetState, TargetView, assemble, publish};

const NIGHT: &str = "db_backup_2026-11-21T03:00:00Z.tgz";

fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn s3(name: &str, prefix: &str) -> Target {
    let location = S3Location { bucket: "acme".into(), prefix: prefix.into(), ..S3Location::default() };
    Target { name: TargetName::new(name).unwrap(), location: Location::S3(Box::new(location)), expect_key: None }
}

fn file(name: &str) -> Target {
    let location = Location::File(FileLocation { root: format!("/srv/{name}").into() });
    Target { name: TargetName::new(name).unwrap(), location, expect_key: None }
}

/// Name, size and when it was written.
type Lies<'a> = &'a [(&'a str, u64, &'a str)];

fn catalog(targets: &[(Target, Lies<'_>)]) -> Catalog {
    let known = Beside { look: &|_, _| None, proof: &|_, _| None, keys: &[], proof_max_age: 1, now: at("2026-11-21") };
    let mut backups = vec![];
    let mut views = vec![];
    for (target, objects) in targets {
        let mut listing = Listing::default();
        let object = |(key, size, modified): &(&str, u64, &str)| Object {
            key: Foreign::from(*key),
            stamp: Stamp { size: *size, modified: Some(at(modified)), ..Stamp::default() },
            history: History::Current,
            storage: Default::default(),
        };
        listing.take(objects.iter().map(object).collect());
        backups.extend(assemble(target, &listing, &known));
        let state = TargetState::Listed { objects: objects.len() };
        views.push(TargetView { name: target.name.clone(), url: target.canonical_url(), state });
    }
    publish(backups, views, at("2026-11-21 08:00"), 0)
}

fn run(nth: u8, series: &str, objects: Vec<ObjectRef>) -> Run {
    let mut run = Run::new(RunId::of("test", &[&[nth]]), RunKind::Backup, Tool::Databacker, Feed::Otlp, series);
    (run.started, run.ended) = (Some(at("2026-11-21 03:00")), Some(at("2026-11-21 03:11")));
    run.state = RunState::Ok;
    run.objects = objects;
    run
}

fn left(target: &str, name: &str, bytes: u64) -> ObjectRef {
    let text = |text: &str| Some(Foreign::from(text));
    ObjectRef { target: text(target), name: text(name), bytes: Some(bytes), ..ObjectRef::default() }
}

fn certainties(joined: &Joined, run: &Run) -> Vec<Certainty> {
    joined.of_run(&run.id).iter().map(|joint| joint.certainty).collect()
}

fn codes(joined: &Joined, run: &Run) -> Vec<String> {
    joined.findings.get(&run.id).iter().flat_map(|found| found.iter()).map(|finding| finding.code.clone()).collect()
}

#[test]
fn target_and_name_are_exact_in_every_spelling_of_the_target() {
    let listed = catalog(&[(s3("offsite", "mysql/daily/"), &[(NIGHT, 10, "2026-11-21 03:11")])]);
    for url in
        ["s3://acme/mysql/daily", "s3://acme/mysql/daily/", "s3://ACME//mysql/daily/?x=1", "s3://key@acme/mysql/daily"]
    {
        let run = run(1, "mysql:all:", vec![left(url, NIGHT, 10)]);
        let joined = join(std::slice::from_ref(&run), &listed);
        assert_eq!(certainties(&joined, &run), [Certainty::Exact], "{url}");
        assert_eq!(codes(&joined, &run), [""; 0]);
        assert_eq!(joined.backups[&listed.backups[0].id], (run.id.clone(), Certainty::Exact));
    }
    let elsewhere = run(1, "mysql:all:", vec![left("s3://other/mysql/daily", NIGHT, 10)]);
    assert_eq!(certainties(&join(std::slice::from_ref(&elsewhere), &listed), &elsewhere), [Certainty::Likely]);
}

#[test]
fn an_object_that_is_gone_and_a_size_that_differs_are_findings() {
    let listed = catalog(&[(file("nas"), &[(NIGHT, 10, "2026-11-21 03:11")])]);
    let gone = run(1, "mysql:all:", vec![left("file:///srv/nas", "db_backup_2026-11-20T03:00:00Z.tgz", 10)]);
    let differs = run(2, "mysql:all:", vec![left("/srv/nas/", NIGHT, 12)]);
    let failed = ObjectRef { state: Some(RunState::Failed), ..left("file:///srv/nas", "x.tgz", 1) };
    let failed = run(3, "mysql:all:", vec![failed]);
    let joined = join(&[gone.clone(), differs.clone(), failed.clone()], &listed);
    assert_eq!(codes(&joined, &gone), ["object_gone"]);
    assert_eq!(codes(&joined, &differs), ["size_differs"]);
    assert_eq!(codes(&joined, &failed), [""; 0], "a failed upload left nothing");
    let words = &joined.findings[&differs.id][0].text;
    assert_eq!(words, "nas stores 10 bytes, and its run counted 12 bytes");
}

#[test]
fn one_name_in_two_targets_is_told_apart_by_place_and_else_by_size() {
    let nights: &[(&str, u64, &str)] = &[(NIGHT, 10, "2026-11-21 03:11")];
    let others: &[(&str, u64, &str)] = &[(NIGHT, 20, "2026-11-21 03:12")];
    let listed = catalog(&[(file("nas"), nights), (s3("offsite", ""), others)]);
    let both = run(1, "mysql:all:", vec![left("/srv/nas", NIGHT, 10), left("s3://acme", NIGHT, 20)]);
    assert_eq!(certainties(&join(std::slice::from_ref(&both), &listed), &both), [Certainty::Exact; 2]);
    let unknown = run(1, "mysql:all:", vec![left("smb://host/share", NIGHT, 20)]);
    assert_eq!(certainties(&join(std::slice::from_ref(&unknown), &listed), &unknown), [Certainty::Likely]);
    let neither = run(1, "mysql:all:", vec![left("smb://host/share", NIGHT, 30)]);
    assert_eq!(certainties(&join(std::slice::from_ref(&neither), &listed), &neither), []);
}

#[test]
fn without_a_name_time_and_size_decide_within_the_source_only() {
    let shop = "dbacked_shop_211120260300";
    let crm = "dbacked_crm_211120260301";
    let objects: &[(&str, u64, &str)] = &[(shop, 10, "2026-11-21 03:11"), (crm, 10, "2026-11-21 03:11")];
    let listed = catalog(&[(file("offsite"), objects)]);
    let guess = run(1, "shop", vec![]);
    let joined = join(std::slice::from_ref(&guess), &listed);
    assert_eq!(certainties(&joined, &guess), [Certainty::Guess]);
    let likely = Run { bytes: Some(10), ..run(1, "shop", vec![]) };
    assert_eq!(certainties(&join(std::slice::from_ref(&likely), &listed), &likely), [Certainty::Likely]);
    let other = run(1, "ledger", vec![]);
    assert_eq!(certainties(&join(std::slice::from_ref(&other), &listed), &other), []);
    let mut late = run(1, "shop", vec![]);
    (late.started, late.ended) = (Some(at("2026-11-21 04:00")), Some(at("2026-11-21 04:10")));
    assert_eq!(certainties(&join(std::slice::from_ref(&late), &listed), &late), []);
    // A guess never takes what another run names.
    let named = run(2, "x", vec![left("/srv/offsite", shop, 10)]);
    let joined = join(&[guess.clone(), named.clone()], &listed);
    assert_eq!((certainties(&joined, &guess), certainties(&joined, &named)), (vec![], vec![Certainty::Exact]));
}

#[test]
fn what_a_broken_target_holds_is_not_called_gone() {
    let mut listed = catalog(&[(file("nas"), &[])]);
    listed.targets[0].state = TargetState::Listing { objects: 0 };
    let gone = run(1, "mysql:all:", vec![left("/srv/nas", NIGHT, 10)]);
    assert_eq!(codes(&join(std::slice::from_ref(&gone), &listed), &gone), [""; 0]);
}

#[test]
fn one_bucket_at_two_endpoints_holds_each_object_twice_and_a_target_in_a_target_holds_it_once() {
    let at_endpoint = |name: &str, endpoint: &str| {
        let endpoint = Some(endpoint.to_owned());
        let location = S3Location { bucket: "acme".into(), prefix: "mysql/".into(), endpoint, ..S3Location::default() };
        Target { name: TargetName::new(name).unwrap(), location: Location::S3(Box::new(location)), expect_key: None }
    };
    let night: &[(&str, u64, &str)] = &[(NIGHT, 10, "2026-11-21 03:11")];
    let inner = format!("mysql/{NIGHT}");
    let whole: &[(&str, u64, &str)] = &[(&inner, 10, "2026-11-21 03:11")];
    let both = catalog(&[(at_endpoint("east", "https://east"), night), (at_endpoint("west", "https://west"), night)]);
    let run = run(1, "mysql:all:", vec![left("s3://acme/mysql", NIGHT, 10)]);
    let joined = join(std::slice::from_ref(&run), &both);
    assert_eq!(certainties(&joined, &run), [Certainty::Likely; 2]);
    assert_eq!((joined.backups.len(), joined.into[&run.id].len()), (2, 2));
    let nested = catalog(&[(s3("all", ""), whole), (s3("mysql", "mysql/"), night)]);
    let joined = join(std::slice::from_ref(&run), &nested);
    assert_eq!(certainties(&joined, &run), [Certainty::Exact; 2]);
    let emptied = catalog(&[(at_endpoint("east", "https://east"), &[]), (at_endpoint("west", "https://west"), night)]);
    let joined = join(std::slice::from_ref(&run), &emptied);
    assert_eq!((certainties(&joined, &run), codes(&joined, &run)), (vec![Certainty::Exact], vec![]));
    let none = catalog(&[(s3("all", ""), &[]), (file("nas"), &[])]);
    let joined = join(std::slice::from_ref(&run), &none);
    let (target, key) = &joined.missing[&run.id][0];
    assert_eq!((target.as_str(), key.to_string()), ("all", inner));
}

proptest::proptest! {
    #[test]
    fn no_url_or_name_makes_joining_panic(urls in proptest::collection::vec((".{0,30}", ".{0,20}", proptest::num::i64::ANY), 0..8)) {
        let listed = catalog(&[(s3("offsite", "a/"), &[(NIGHT, 10, "2026-11-21 03:11")])]);
        let runs: Vec<Run> = urls
            .iter()
            .zip(0..)
            .map(|((url, name, at), nth)| {
                let mut run = run(nth, name, vec![left(url, name, 1)]);
                (run.started, run.ended) = (Some(Moment(*at)), Some(Moment(at.wrapping_add(5))));
                run
            })
            .collect();
        join(&runs, &listed);
    }
}
