//! What was there and is not, and the form of the answer.

use super::*;
use crate::disk::estate::SeriesRule;
use crate::work::history::samples::history_after;

/// What `check` says once these lie there and those lay there before.
fn after(before: &[(&str, Vec<Lies>)], now_there: &[(&str, Vec<Lies>)], rules: &[SeriesRule]) -> CheckReport {
    let (before, listed) = (catalog(before), catalog(now_there));
    check(&listed, &history_after(&before, &listed, (&[], rules), now()), &wants())
}

#[test]
fn a_series_that_was_wiped_is_critical_in_every_setting() {
    let shop = || shop("2026-11-21 03:00");
    let crm = || whole(nightly("crm", 9, "2026-11-21 01:00"));
    let both = [("offsite", [shop(), crm()].concat())];
    let wiped = after(&both, &[("offsite", shop())], &[]);
    let of_crm = wiped.databases.iter().find(|it| it.name == "crm").unwrap();
    assert_eq!((wiped.state, of_crm.state, of_crm.newest_at), (State::Critical, State::Critical, None));
    assert!(of_crm.reasons[0].starts_with("all 9 backups on offsite are gone: they lay there 2026-11-21 08:00 UTC"));
    assert!(of_crm.reasons[0].ends_with("--forget offsite:crm)"), "{:?}", of_crm.reasons);
    assert_eq!(wiped.databases.iter().find(|it| it.name == "shop").unwrap().state, State::Ok);
    // A copy elsewhere makes it no smaller a thing, and is fresh.
    let copied = after(&[("offsite", shop()), ("nas", shop())], &[("offsite", vec![]), ("nas", shop())], &[]);
    assert_eq!((copied.state, copied.databases[0].age_seconds), (State::Critical, Some(5 * 3600)));
    assert!(copied.words.contains("shop: all 20 backups on offsite are gone"), "{}", copied.words);
    // Under a rule, too; and where one is thinned out, nothing is gone.
    let rules = [rule("shop", "*:dbacked_shop_*", &["shop"])];
    let ruled = after(&[("offsite", shop()), ("nas", shop())], &[("offsite", vec![]), ("nas", shop())], &rules);
    assert_eq!(ruled.state, State::Critical, "{}", ruled.words);
    assert_eq!(after(&both, &[("offsite", [shop(), crm().split_off(8)].concat())], &[]).state, State::Ok);
    // Who could not be listed, or is no target of the estate any more, is not said to be wiped.
    let unlisted = after(&both, &[("offsite!", vec![])], &[]);
    assert_eq!((unlisted.state, unlisted.databases.len()), (State::Unknown, 0));
    assert_eq!(after(&both, &[("nas", shop())], &[]).state, State::Ok);
    // And what was never there is not missed.
    assert_eq!(after(&[], &[("offsite", shop())], &[]).state, State::Ok);
}

#[test]
fn what_a_rule_gathers_in_two_targets_is_missed_in_each() {
    let shop = || shop("2026-11-21 03:00");
    let stray = || vec![Lies { key: "notes.txt".into(), size: 5, written: now(), proof: None, inside: vec![] }];
    let rules = [rule("shop", "*:dbacked_shop_*", &["shop"])];
    let (before, left) =
        (catalog(&[("offsite", shop()), ("nas", shop())]), catalog(&[("offsite", stray()), ("nas", shop())]));
    let past = history_after(&before, &left, (&[], &rules), now());
    let asked = |targets: &[&str]| {
        let targets = targets.iter().map(|name| TargetName::new(name).unwrap()).collect();
        check(&left, &past, &Wants { targets, ..wants() })
    };
    for (targets, state) in [(&[][..], State::Critical), (&["offsite"][..], State::Critical), (&["nas"][..], State::Ok)]
    {
        let report = asked(targets);
        assert_eq!(report.state, state, "{targets:?}: {}", report.words);
        assert_eq!(
            report.words.contains("shop: all 20 backups on offsite are gone"),
            state == State::Critical,
            "{}",
            report.words
        );
        assert_eq!(report.databases.len(), 1, "{}", report.words);
    }
    assert_eq!(asked(&[]).databases[0].age_seconds, Some(5 * 3600), "the other copy is fresh");
}

#[test]
fn one_of_several_that_a_rule_gathers_is_missed_by_its_name() {
    let both = || [shop("2026-11-21 03:00"), whole(nightly("crm", 9, "2026-11-21 01:00"))].concat();
    for databases in [&[][..], &["shop", "crm"]] {
        let rules = [rule("all", "offsite:*", databases)];
        let wiped = after(&[("offsite", both())], &[("offsite", shop("2026-11-21 03:00"))], &rules);
        let states: Vec<(&str, State)> = wiped.databases.iter().map(|it| (it.name.as_str(), it.state)).collect();
        assert_eq!(states, [("crm", State::Critical), ("shop", State::Ok)], "{}", wiped.words);
        assert!(wiped.words.contains("crm: all 9 backups of crm on offsite are gone"), "{}", wiped.words);
        assert_eq!(after(&[("offsite", both())], &[("offsite", both())], &rules).state, State::Ok);
    }
    // What goes on under another name is not gone.
    let renamed: Vec<Lies> = shop("2026-11-21 06:00")
        .into_iter()
        .map(|it| Lies { key: format!("shop-{}.sql.gz", it.written.day()), ..it })
        .collect();
    let rules = [rule("all", "offsite:*", &[])];
    let report = after(&[("offsite", shop("2026-11-20 03:00"))], &[("offsite", renamed)], &rules);
    assert!(!report.words.contains("gone"), "{}", report.words);
}

#[test]
fn a_target_that_was_emptied_is_critical_and_one_that_was_always_empty_is_not() {
    let stray = || vec![Lies { key: "notes.txt".into(), size: 5, written: now(), proof: None, inside: vec![] }];
    let fine = || ("nas", shop("2026-11-21 03:00"));
    let emptied = after(&[fine(), ("etc", stray())], &[fine(), ("etc", vec![])], &[]);
    assert_eq!(emptied.state, State::Critical, "{}", emptied.words);
    assert!(emptied.words.contains("etc: nothing lies in this target any more, and 1 object did"), "{}", emptied.words);
    assert_eq!(after(&[fine(), ("etc", vec![])], &[fine(), ("etc", vec![])], &[]).state, State::Warning);
}

#[test]
fn a_memory_that_cannot_be_read_is_a_warning() {
    let listed = catalog(&[("offsite", shop("2026-11-21 03:00"))]);
    let mut past = history(&listed, &[], &[]);
    past.forgotten = Some("seen.json cannot be used".into());
    let report = check(&listed, &past, &wants());
    assert_eq!((report.state, report.remarks.len()), (State::Warning, 1));
    assert!(report.line().contains("seen.json cannot be used"), "{}", report.line());
}

#[test]
fn a_database_that_was_dropped_on_purpose_is_no_alarm_once_the_estate_lists_what_is_left() {
    let lies = || holding(shop("2026-11-21 03:00"), &|ago| if ago < 2 { vec!["shop"] } else { vec!["shop", "crm"] });
    let listed = catalog(&[("offsite", lies())]);
    let state =
        |databases: &[&str]| check(&listed, &history(&listed, &[], &[rule("all", "offsite:*", databases)]), &wants());
    assert_eq!(state(&[]).state, State::Critical, "{}", state(&[]).words);
    assert_eq!(state(&["shop", "crm"]).state, State::Critical);
    let settled = state(&["shop"]);
    assert_eq!((settled.state, settled.databases.len()), (State::Ok, 1), "{}", settled.words);
}

#[test]
fn the_newest_object_that_no_run_made_is_a_warning_and_an_older_one_is_not() {
    let lies = shop("2026-11-21 03:00");
    let told = |silent: usize| -> Vec<Run> {
        let told = lies.iter().enumerate().filter(|(nth, _)| *nth != silent);
        let mut runs: Vec<Run> = told
            .map(|(_, it)| {
                leaving(run("mysql:all:5c0e", Moment(it.written.0 - 660_000), RunState::Ok), "offsite", &it.key)
            })
            .collect();
        let mut open = run("mysql:all:5c0e", Moment(now().0 - 60_000), RunState::Unfinished);
        open.ended = None;
        runs.push(open);
        runs
    };
    let listed = catalog(&[("offsite", lies.clone())]);
    let report = |silent| check(&listed, &history(&listed, &told(silent), &[]), &wants());
    assert_eq!(report(usize::MAX).state, State::Ok, "{}", report(usize::MAX).words);
    assert_eq!(report(10).state, State::Ok, "somebody made one more by hand some days ago");
    let newest = report(19);
    assert_eq!(newest.state, State::Warning, "{}", newest.words);
    assert!(newest.words.contains("none of the runs that telemetry told of made it"), "{}", newest.words);
}

#[test]
fn every_kind_of_reason_reaches_the_json() {
    let json = |report: &CheckReport| serde_json::to_value(report).unwrap();
    let fine = json(&checked(&[("offsite", shop("2026-11-21 03:00"))], &wants()));
    let subject = &fine["databases"][0];
    let id = subject["id"].clone();
    let expected = serde_json::json!({
        "state": "ok", "words": "1 of 1 databases fresh and trusted, the oldest 5h", "at": "2026-11-21T08:00:00.000Z",
        "databases": [{
            "name": "shop", "state": "ok", "reasons": [], "newest_at": "2026-11-21T03:00:00.000Z",
            "age_seconds": 18_000, "max_age_seconds": 93_600, "target": "offsite", "id": id,
            "size_bytes": (4 << 20), "trust": "whole", "trusted_at": "2026-11-21T03:00:00.000Z",
        }],
        "targets": [{ "name": "offsite", "listed": true, "reason": null }],
        "remarks": [], "history": "read",
    });
    assert_eq!(fine, expected);
    let mut small = shop("2026-11-21 03:00");
    small[19].size = 2_000_000;
    let lies = shop("2026-11-21 03:00");
    let mut counted = leaving(run("mysql:all:5c0e", at("2026-11-21 03:00"), RunState::Ok), "offsite", &lies[19].key);
    counted.objects[0].bytes = Some(lies[19].size + 70_000);
    let listed = catalog(&[("offsite", lies)]);
    for (report, state, reason) in [
        (checked(&[("offsite", small)], &wants()), "warning", "smaller than usual"),
        (check(&listed, &history(&listed, &[counted], &[]), &wants()), "warning", "and its run counted"),
        (after(&[("offsite", shop("2026-11-21 03:00"))], &[("offsite", vec![])], &[]), "critical", "are gone"),
        (checked(&[("offsite", shop("2026-11-18 03:00"))], &wants()), "critical", "is 3d old"),
    ] {
        let json = json(&report);
        assert_eq!(json["state"], state, "{json}");
        let reasons = json["databases"][0]["reasons"].as_array().unwrap();
        assert!(reasons.iter().any(|text| text.as_str().unwrap().contains(reason)), "{json}");
        assert_eq!(json["databases"][0]["state"], state);
    }
}
