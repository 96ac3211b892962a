use super::*;
use crate::model::target::{FileLocation, Object, Stamp};
use crate::work::catalog::{Beside, Listing, assemble_named};

fn day(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn folder(name: &str) -> Target {
    let location = Location::File(FileLocation { root: "/srv".into() });
    Target { name: TargetName::new(name).unwrap(), location, expect_key: None }
}

fn bucket(name: &str, prefix: &str) -> Target {
    let s3 = S3Location { bucket: "b".to_owned(), prefix: prefix.to_owned(), slashed: true, ..S3Location::default() };
    Target { name: TargetName::new(name).unwrap(), location: Location::S3(Box::new(s3)), expect_key: None }
}

fn rules(retention: &str, pattern: Option<&str>) -> TargetRules {
    TargetRules {
        pattern: pattern.map(|pattern| NamePattern::read(pattern).unwrap()),
        retention: Some(Retention::parse(retention).unwrap()),
        ..TargetRules::default()
    }
}

fn backups(target: &Target, rules: &TargetRules, keys: &[&str]) -> Vec<Backup> {
    let object = |key: &&str| {
        let stamp = Stamp { size: 1, modified: Some(day("2026-01-31")), ..Stamp::default() };
        Object { key: Foreign::from(*key), stamp, history: History::Current, storage: Default::default() }
    };
    let mut listing = Listing::default();
    listing.take(keys.iter().map(object).collect());
    let now = Moment(0);
    let known = Beside { look: &|_, _| None, proof: &|_, _| None, keys: &[], proof_max_age: 0, now };
    assemble_named(target, &listing, &known, rules.names())
}

/// What the prune of one target means for keys in it.
fn judged(target: &Target, rules: &TargetRules, keys: &[&str], now: &str) -> Vec<Option<Prune>> {
    let mut made = backups(target, rules, keys);
    apply(&mut made, &[target], &[Pruner::new(target, rules, None).unwrap()], day(now));
    made.into_iter().map(|backup| backup.prune.map(|prune| *prune)).collect()
}

fn only(prunes: Vec<Option<Prune>>) -> Prune {
    prunes.into_iter().next().flatten().unwrap()
}

#[test]
fn the_offset_is_thrown_away_by_the_tool_and_kept_by_us() {
    let name = "db_backup_2026-01-31T03:00:00+02:00.tgz";
    let prune = only(judged(&folder("nas"), &rules("1d", None), &[name], "2026-01-31 04:00"));
    assert_eq!(prune.at(), Some(day("2026-02-01 03:00")), "the wall clock taken as UTC");
    assert_eq!(prune.true_at(), Some(day("2026-02-01 01:00")));
    assert_eq!(prune.when, Nearness::Soon);
    let words =
        "mysql-backup's prune (1d, nas) deletes it from 2026-02-01 03:00 UTC on; by its true time 2026-02-01 01:00 UTC";
    assert_eq!(prune.words(), words);
    let text = finding(&prune).unwrap().text;
    assert_eq!(text, "prune at 03:00 (2026-02-01 UTC, by mysql-backup's retention 1d for nas)");
}

#[test]
fn the_edges_are_those_of_the_tool() {
    let when = |now: &str| {
        let name = "db_backup_2026-01-01T03:00:00Z.tgz";
        only(judged(&folder("nas"), &rules("30d", None), &[name], now)).when
    };
    assert_eq!(when("2026-01-30 02:59:59"), Nearness::Later);
    assert_eq!(when("2026-01-30 03:00"), Nearness::Soon, "24 hours ahead");
    assert_eq!(when("2026-01-31 02:59:59"), Nearness::Soon);
    assert_eq!(when("2026-01-31 03:00"), Nearness::Due, "an age equal to the rule is deleted");
}

#[test]
fn names_that_its_prune_does_not_read_are_never_deleted_and_said_so() {
    let pattern = rules("30d", Some("sql-{{ .now }}.tgz"));
    let keys = [
        "sql-2025-01-01T03:00:00Z.tgz",
        "db_backup_20250101030000.gz",
        "sub/db_backup_2025-01-01T03:00:00Z.tgz",
        "other.sql",
    ];
    let prunes = judged(&folder("nas"), &pattern, &keys, "2026-01-31");
    for prune in &prunes[..3] {
        let prune = prune.as_ref().unwrap();
        assert_eq!((prune.tool, prune.when), (PruneAt::Never, Nearness::Later));
        assert_eq!(prune.true_at(), Some(day("2025-01-31 03:00")));
        assert_eq!(finding(prune).unwrap().code, "never_pruned");
    }
    assert_eq!(prunes[3], None, "not one of its backups");
}

#[test]
fn a_count_keeps_the_newest_by_the_wall_clock() {
    let keys = [
        "db_backup_2026-01-01T03:00:00Z.tgz",
        "db_backup_2026-01-02T03:00:00Z.tgz",
        // Truly the oldest of the three last, by its wall clock the newest.
        "db_backup_2026-01-03T10:00:00+14:00.tgz",
        "db_backup_2026-01-03T03:00:00Z.tgz",
    ];
    let prunes = judged(&folder("nas"), &rules("2c", None), &keys, "2026-01-04");
    let tool: Vec<PruneAt> = prunes.iter().flatten().map(|prune| prune.tool).collect();
    assert_eq!(tool, [PruneAt::NextRun, PruneAt::NextRun, PruneAt::After(2), PruneAt::After(1)]);
    let truth: Vec<PruneAt> = prunes.iter().flatten().map(|prune| prune.truth).collect();
    assert_eq!(truth, [PruneAt::NextRun, PruneAt::NextRun, PruneAt::After(1), PruneAt::After(2)]);
    assert_eq!(prunes[0].as_ref().map(|prune| (prune.when, prune.at())), Some((Nearness::Due, None)));
    let text = finding(prunes[0].as_ref().unwrap()).unwrap().text;
    assert!(text.starts_with("prune next run (beyond the newest"), "{text}");
}

#[test]
fn the_prune_of_a_prefix_reaches_into_its_twin() {
    let (near, far) = (bucket("node1", "sql/node1/"), bucket("node10", "sql/node10/"));
    let (hasty, patient) = (rules("1d", None), rules("1y", None));
    let key = "db_backup_2026-01-01T03:00:00Z.tgz";
    let mut made = backups(&near, &hasty, &[key]);
    made.extend(backups(&far, &patient, &[key]));
    // `sql/node1` without its slash: what one listing shows.
    let seen = [Foreign::from(format!("/{key}")), Foreign::from(format!("0/{key}"))];
    let pruners = [
        Pruner::new(&near, &hasty, Some(&seen)).unwrap(),
        Pruner::new(&far, &patient, Some(&[Foreign::from(format!("/{key}"))])).unwrap(),
    ];
    apply(&mut made, &[&near, &far], &pruners, day("2026-01-01 04:00"));
    let by: Vec<(&str, Option<Moment>)> =
        made.iter().map(|backup| backup.prune.as_ref().unwrap()).map(|prune| (prune.by.as_str(), prune.at())).collect();
    assert_eq!(by, [("node1", Some(day("2026-01-02 03:00"))), ("node1", Some(day("2026-01-02 03:00")))]);
    assert_eq!(near_prefix(&hasty, &near), "sql/node1");
}

fn near_prefix(rules: &TargetRules, target: &Target) -> String {
    match rules.as_pruned(target).unwrap().location {
        Location::S3(s3) => s3.prefix,
        _ => String::new(),
    }
}

#[test]
fn a_count_over_a_long_list_counts_what_the_tool_sees() {
    let target = bucket("offsite", "sql/");
    let rule = rules("2c", None);
    let keys: Vec<String> = (1..=5).map(|day| format!("db_backup_2026-01-0{day}T03:00:00Z.tgz")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut made = backups(&target, &rule, &keys);
    // The list ends after three, oldest first: the third is taken for the newest.
    let seen: Vec<Foreign> = keys[..3].iter().map(|key| Foreign::from(format!("/{key}"))).collect();
    apply(&mut made, &[&target], &[Pruner::new(&target, &rule, Some(&seen)).unwrap()], day("2026-01-06"));
    let tool: Vec<PruneAt> = made.iter().map(|backup| backup.prune.as_ref().unwrap().tool).collect();
    use PruneAt::{After, Never, NextRun};
    assert_eq!(tool, [NextRun, After(1), After(2), Never, Never]);
    let truth: Vec<PruneAt> = made.iter().map(|backup| backup.prune.as_ref().unwrap().truth).collect();
    assert_eq!(truth, [NextRun, NextRun, NextRun, After(1), After(2)]);
}
