use std::sync::Arc;

use super::*;
use crate::model::judgement::Judgement;
use crate::model::run::{Feed, Run, RunState, Tool};
use crate::model::trust::{Finding, VerdictOutcome, Weight};
use crate::work::history::samples::{
    DAY, Lies, at, catalog, history, history_at, leaving, nightly, now, rule, run, whole,
};

mod clocks;
mod named;
mod seldom;
mod wiped;
mod writing;

const HOURS_26: Duration = Duration::from_secs(26 * 3600);

fn wants() -> Wants {
    Wants { max_age: Some(HOURS_26), min_trust: Rung::Whole, targets: vec![], series: vec![] }
}

fn checked(targets: &[(&str, Vec<Lies>)], wants: &Wants) -> CheckReport {
    let listed = catalog(targets);
    check(&listed, &history(&listed, &[], &[]), wants)
}

fn shop(newest: &str) -> Vec<Lies> {
    whole(nightly("shop", 20, newest))
}

#[test]
fn fresh_and_trusted_is_ok() {
    let report = checked(
        &[("offsite", shop("2026-11-21 03:00")), ("nas", whole(nightly("crm", 9, "2026-11-21 01:00")))],
        &wants(),
    );
    assert_eq!((report.state, report.databases.len()), (State::Ok, 2));
    let line = report.line();
    assert!(
        line.starts_with("OK: 2 of 2 databases fresh and trusted, the oldest 7h | databases=2 warning=0"),
        "{line}"
    );
    assert!(line.contains("'shop age'=18000s;;93600;0;"), "{line}");
    assert!(!line.contains('\n'));
}

#[test]
fn an_age_beyond_what_is_allowed_is_critical_to_the_minute() {
    let state = |newest: &str| checked(&[("offsite", shop(newest))], &wants()).state;
    assert_eq!(state("2026-11-20 06:00"), State::Ok, "26 hours");
    assert_eq!(state("2026-11-20 05:59"), State::Critical);
    let report = checked(&[("offsite", shop("2026-11-18 03:00"))], &wants());
    assert!(report.words.starts_with("shop: the newest on offsite is 3d old, 1d are allowed"), "{}", report.words);
    let words = |newest: &str| checked(&[("offsite", shop(newest))], &wants()).words;
    assert!(words("2026-11-20 04:00").starts_with("shop: the newest on offsite is 28h old, 26h are allowed"));
    assert!(words("2026-11-20 05:50").starts_with("shop: the newest on offsite is 1570m old, 1560m are allowed"));
}

#[test]
fn without_an_age_the_rhythm_of_each_series_decides() {
    let asked = Wants { max_age: None, ..wants() };
    let at_time = |newest: &str, now: &str| {
        let listed = catalog(&[("offsite", shop(newest))]);
        let past = history_at(&listed, &[], &[rule("shop", "offsite:*", &["shop"])], at(now));
        check(&listed, &past, &asked).state
    };
    assert_eq!(at_time("2026-11-20 03:00", "2026-11-21 03:59"), State::Ok);
    assert_eq!(at_time("2026-11-20 03:00", "2026-11-21 04:01"), State::Critical);
    // An hourly series is late after hours, not after a day.
    let hourly: Vec<Lies> = (0..60)
        .map(|ago| Lies {
            key: format!("ledger-{}.sql.gz", Moment(now().0 - (ago + 5) * 3_600_000).minute().replace([':', ' '], "-")),
            size: 1000,
            written: Moment(now().0 - (ago + 5) * 3_600_000),
            proof: Some((VerdictOutcome::Ok, Rung::Whole)),
            inside: vec![],
        })
        .collect();
    assert_eq!(checked(&[("nas", hourly)], &asked).state, State::Critical);
}

#[test]
fn an_alarm_over_names_of_a_rotation_names_its_cure() {
    let one = |name: &str, hours: i64| {
        let proof = Some((VerdictOutcome::Ok, Rung::Whole));
        let (key, written) = (format!("{name}.sql.gz"), Moment(now().0 - hours * 3_600_000));
        Lies { key, size: 1000, written, proof, inside: vec![] }
    };
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let rotation: Vec<Lies> = (0..7).map(|nth| one(&format!("shop-{}", days[nth]), nth as i64 * 24 + 1)).collect();
    let report = checked(&[("nas", rotation.clone())], &wants());
    assert_eq!(report.state, State::Critical, "they may be seven databases: {}", report.words);
    let cure = "7 named like it lie there once each: if they are of one database, [series.NAME] with match = \"nas:shop-*\" says so";
    assert_eq!(report.words.matches(cure).count(), 1, "{}", report.words);
    assert!(report.databases.iter().filter(|it| it.state == State::Ok).all(|it| it.reasons.is_empty()));
    let listed = catalog(&[("nas", rotation)]);
    let cured = check(&listed, &history(&listed, &[], &[rule("shop", "nas:shop-*", &["shop"])]), &wants());
    assert_eq!(cured.state, State::Ok, "{}", cured.words);
    // Three databases that are dumped together.
    let together: Vec<Lies> = (1..4).map(|nth| one(&format!("shop{nth}"), 50)).collect();
    let report = checked(&[("nas", together)], &wants());
    assert!(report.state == State::Critical && !report.words.contains("named like it"), "{}", report.words);
}

#[test]
fn the_end_of_a_long_dump_is_no_later_in_check_than_in_the_history() {
    // Due at 03:00, and every night two hours long; nothing but the object's own time is known.
    let lies: Vec<Lies> = (0..20)
        .rev()
        .map(|ago| Lies {
            key: format!("night {}.sql.gz", 20 - ago),
            size: 1000,
            written: Moment(at("2026-11-20 05:00").0 - ago * DAY),
            proof: Some((VerdictOutcome::Ok, Rung::Whole)),
            inside: vec![],
        })
        .collect();
    let asked = Wants { max_age: None, ..wants() };
    let at_time = |now: &str| {
        let listed = catalog(&[("nas", lies.clone())]);
        let past = history_at(&listed, &[], &[rule("shop", "nas:*", &["shop"])], at(now));
        let late = past.series[0].judgements.iter().any(|judged| judged.stands() && judged.what.code() == "late");
        (check(&listed, &past, &asked).state, late)
    };
    assert_eq!(at_time("2026-11-21 04:30"), (State::Ok, false), "it is still being dumped");
    assert_eq!(at_time("2026-11-21 06:00"), (State::Ok, false));
    assert_eq!(at_time("2026-11-21 06:01"), (State::Critical, true));
}

#[test]
fn what_nobody_has_proven_is_a_warning_and_what_is_damaged_is_none() {
    let unproven = nightly("shop", 20, "2026-11-21 03:00");
    let report = checked(&[("offsite", unproven.clone())], &wants());
    assert_eq!(report.state, State::Warning);
    assert!(
        report.words.starts_with("shop: the newest on offsite, 5h old, is only listed; none is whole"),
        "{}",
        report.words
    );
    let listed = Wants { min_trust: Rung::Listed, ..wants() };
    assert_eq!(checked(&[("offsite", unproven)], &listed).state, State::Ok);
    let mut damaged = shop("2026-11-21 03:00");
    damaged[19].proof = Some((VerdictOutcome::Damaged, Rung::Listed));
    let report = checked(&[("offsite", damaged.clone())], &listed);
    assert_eq!(report.state, State::Critical, "{}", report.words);
    assert!(report.words.contains("is damaged or empty"), "{}", report.words);
    damaged[19].size = 0;
    damaged[19].proof = None;
    assert_eq!(checked(&[("offsite", damaged)], &listed).state, State::Critical);
}

#[test]
fn one_fresh_copy_is_enough_for_a_database_and_the_stale_one_is_told() {
    let report = checked(&[("offsite", shop("2026-11-18 03:00")), ("nas", shop("2026-11-21 03:00"))], &wants());
    assert_eq!((report.state, report.databases.len()), (State::Warning, 1));
    assert!(report.words.starts_with("shop: the copies on offsite are 3d old"), "{}", report.words);
    let only = Wants { targets: vec![TargetName::new("nas").unwrap()], ..wants() };
    let both = [("offsite", shop("2026-11-18 03:00")), ("nas", shop("2026-11-21 03:00"))];
    assert_eq!(checked(&both, &only).state, State::Ok);
    let only = Wants { targets: vec![TargetName::new("offsite").unwrap()], ..wants() };
    assert_eq!(checked(&both, &only).state, State::Critical);
}

#[test]
fn what_cannot_be_listed_is_unknown_and_what_is_known_to_be_stale_is_critical() {
    let fine = checked(&[("offsite!", vec![]), ("nas", shop("2026-11-21 03:00"))], &wants());
    assert_eq!(fine.state, State::Unknown);
    assert!(fine.words.starts_with("offsite could not be listed: no route to host"), "{}", fine.words);
    let stale = checked(&[("offsite!", vec![]), ("nas", shop("2026-11-18 03:00"))], &wants());
    assert_eq!(stale.state, State::Critical);
    assert_eq!(checked(&[("offsite!", vec![])], &wants()).state, State::Unknown);
    // What the estate expects may lie where nobody could look.
    let expected = |targets: &[(&str, Vec<Lies>)]| {
        let listed = catalog(targets);
        check(&listed, &history(&listed, &[], &[rule("shop", "offsite:*", &["shop"])]), &wants()).state
    };
    assert_eq!(expected(&[("offsite!", vec![])]), State::Unknown);
    assert_eq!(expected(&[("offsite", vec![])]), State::Critical);
}

#[test]
fn deleted_backups_are_never_fresh_whatever_the_runs_say() {
    assert_eq!(checked(&[("offsite", vec![])], &wants()).state, State::Critical);
    let lies = shop("2026-11-21 03:00");
    let runs: Vec<Run> = lies
        .iter()
        .map(|it| leaving(run("mysql:all:5c0e", Moment(it.written.0 - 660_000), RunState::Ok), "offsite", &it.key))
        .collect();
    let with = |kept: &[Lies]| {
        let listed = catalog(&[("offsite", kept.to_vec())]);
        check(&listed, &history(&listed, &runs, &[]), &wants())
    };
    assert_eq!(with(&lies).state, State::Ok);
    assert_eq!(with(&lies[..18]).state, State::Critical);
    let none = with(&[]);
    assert_eq!(none.state, State::Critical);
    assert!(none.words.contains("its runs say that they made backups, and none is there"), "{}", none.words);
}

#[test]
fn a_date_in_the_future_makes_nothing_fresh() {
    let mut lies = shop("2026-11-18 03:00");
    lies.extend(whole(nightly("shop", 1, "2026-12-24 03:00")));
    assert_eq!(checked(&[("offsite", lies)], &wants()).state, State::Critical);
}

#[test]
fn a_backup_that_is_as_good_as_empty_is_critical_though_fresh() {
    let last = |size: u64| {
        let mut lies = shop("2026-11-21 03:00");
        lies[19].size = size;
        checked(&[("offsite", lies)], &wants()).state
    };
    assert_eq!(last(100_000), State::Critical);
    assert_eq!(last(2_000_000), State::Warning);
    assert_eq!(last(4_190_000), State::Ok);
}

#[test]
fn every_database_counts_and_patterns_choose_among_them() {
    let both = [("offsite", [shop("2026-11-21 03:00"), whole(nightly("crm", 20, "2026-11-18 03:00"))].concat())];
    let report = checked(&both, &wants());
    assert_eq!(report.state, State::Critical);
    assert!(report.line().contains("critical=1"), "{}", report.line());
    assert_eq!(checked(&both, &Wants { series: vec!["sh*".into()], ..wants() }).state, State::Ok);
    let none = checked(&both, &Wants { series: vec!["nothing".into()], ..wants() });
    assert_eq!(none.state, State::Critical, "a name that nothing fits is not fine");
}

#[test]
fn hostile_names_keep_the_line_one_line_and_its_figures_figures() {
    let key = "sh|o'p=\u{1b}[31m\nx-2026-11-21.sql.gz";
    let lies = Lies { key: key.into(), size: 1000, written: Moment(now().0 - DAY), proof: None, inside: vec![] };
    let line = checked(&[("nas", vec![lies])], &wants()).line();
    assert!(!line.contains(['\n', '\u{1b}']), "{line}");
    assert_eq!(line.matches('|').count(), 1, "{line}");
}

/// The same with what is in each archive, from its nth-newest on.
fn holding(mut lies: Vec<Lies>, inside: &dyn Fn(usize) -> Vec<&'static str>) -> Vec<Lies> {
    lies.iter_mut().rev().enumerate().for_each(|(ago, it)| it.inside = inside(ago));
    lies
}

fn ruled(lies: Vec<Lies>) -> CheckReport {
    let listed = catalog(&[("offsite", lies)]);
    check(&listed, &history(&listed, &[], &[rule("all", "offsite:*", &["shop", "crm"])]), &wants())
}

#[test]
fn a_database_that_no_backup_holds_is_critical() {
    let never = ruled(holding(shop("2026-11-21 03:00"), &|_| vec!["shop"]));
    let crm = never.databases.iter().find(|it| it.name == "crm").unwrap();
    assert_eq!((never.state, crm.state, crm.newest_at), (State::Critical, State::Critical, None));
    assert_eq!(crm.reasons, ["none of the backups on offsite holds it"]);
    let since = |nights: usize| {
        let with = move |ago: usize| if ago < nights { vec!["shop"] } else { vec!["shop", "crm"] };
        checked(&[("offsite", holding(shop("2026-11-21 03:00"), &with))], &wants())
    };
    assert_eq!(since(0).state, State::Ok);
    for nights in [2, 9] {
        let report = since(nights);
        let crm = report.databases.iter().find(|it| it.name == "crm").unwrap();
        assert_eq!(crm.state, State::Critical, "{}", report.words);
        assert_eq!(crm.newest_at, Some(Moment(at("2026-11-21 03:00").0 - nights as i64 * DAY)));
        assert_eq!(report.databases.iter().find(|it| it.name == "shop").unwrap().age_seconds, Some(5 * 3600));
    }
    // The name of a dump tells which of several databases it is of.
    let both = [shop("2026-11-21 03:00"), whole(nightly("crm", 20, "2026-11-18 03:00"))].concat();
    assert_eq!(ruled(both).state, State::Critical);
}

#[test]
fn a_rule_over_several_targets_hides_none_of_them() {
    let both = [("offsite", shop("2026-11-18 03:00")), ("nas", shop("2026-11-21 03:00"))];
    let listed = catalog(&both);
    let past = history(&listed, &[], &[rule("shop", "*:dbacked_shop_*", &["shop"])]);
    let only = |names: &[&str]| {
        let targets = names.iter().map(|name| TargetName::new(name).unwrap()).collect();
        check(&listed, &past, &Wants { targets, ..wants() })
    };
    assert_eq!(only(&["offsite"]).state, State::Critical, "{}", only(&["offsite"]).words);
    assert_eq!(only(&["nas"]).state, State::Ok);
    let all = only(&[]);
    assert_eq!((all.state, all.databases[0].target.as_ref().map(TargetName::as_str)), (State::Warning, Some("nas")));
    assert!(all.words.starts_with("shop: the copies on offsite are 3d old"), "{}", all.words);
}

#[test]
fn what_was_emptied_or_asked_for_in_vain_is_said() {
    let listed = catalog(&[("offsite", vec![]), ("nas", shop("2026-11-21 03:00"))]);
    let rules = [rule("shop", "offsite:*", &["shop"])];
    let report = check(&listed, &history(&listed, &[], &rules), &wants());
    assert_eq!(report.state, State::Warning);
    assert!(report.words.contains("shop: there is no copy on offsite"), "{}", report.words);
    let bare = check(&listed, &history(&listed, &[], &[]), &wants());
    assert_eq!(bare.state, State::Warning, "{}", bare.words);
    let asked = |series: &[&str], targets: &[&str]| {
        let targets = targets.iter().map(|name| TargetName::new(name).unwrap()).collect();
        let series = series.iter().map(|name| (*name).to_owned()).collect();
        check(&listed, &history(&listed, &[], &[]), &Wants { targets, series, ..wants() })
    };
    assert_eq!(asked(&["shop"], &[]).state, State::Ok);
    let mistyped = asked(&["shop", "cmr"], &[]);
    assert_eq!((mistyped.state, mistyped.databases[1].name.as_str()), (State::Critical, "cmr"));
    assert_eq!(asked(&[], &["nas"]).state, State::Ok);
    let emptied = asked(&[], &["nas", "offsite"]);
    assert_eq!((emptied.state, emptied.databases[1].name.as_str()), (State::Critical, "offsite"));
}

#[test]
fn one_name_on_two_servers_is_two_databases() {
    let lies = shop("2026-11-21 03:00");
    let of = |server: &str, target: &str| -> Vec<Run> {
        let made = lies.iter().map(|it| {
            let began = Moment(it.written.0 - 660_000);
            let mut run = leaving(run(&format!("mysql:all:{server}"), began, RunState::Ok), target, &it.key);
            run.source.server_uuid = Some(server.into());
            run.databases = Some(vec!["shop".into()]);
            run
        });
        made.collect()
    };
    let runs = [of("prod", "offsite"), of("staging", "nas")].concat();
    let with = |offsite: Vec<Lies>| {
        let listed = catalog(&[("offsite", offsite), ("nas", lies.clone())]);
        check(&listed, &history(&listed, &runs, &[]), &wants())
    };
    let both = with(lies.clone());
    assert_eq!((both.state, both.databases.len()), (State::Ok, 2), "{}", both.words);
    let gone = with(vec![]);
    assert_eq!(gone.state, State::Critical, "{}", gone.words);
    assert!(gone.words.contains("shop of server prod: its runs say"), "{}", gone.words);
}

#[test]
fn failed_runs_without_any_backup_are_critical_and_only_made_ones_elsewhere_warn() {
    let fine = [("nas", whole(nightly("crm", 9, "2026-11-21 01:00")))];
    let listed = catalog(&fine);
    let with = |runs: &[Run]| check(&listed, &history(&listed, runs, &[]), &wants());
    let began = |ago: i64| Moment(at("2026-11-21 02:00").0 - ago * DAY);
    let failed: Vec<Run> = (0..20).map(|ago| run("mysql:all:5c0e", began(ago), RunState::Failed)).collect();
    let report = with(&failed);
    assert_eq!(report.state, State::Critical, "{}", report.words);
    let outside: Vec<Run> =
        (0..5).map(|ago| leaving(run("mysql:all:5c0e", began(ago), RunState::Ok), "other", "db_x.tgz")).collect();
    assert_eq!(with(&outside).state, State::Warning, "{}", with(&outside).words);
    let since = [outside, vec![run("mysql:all:5c0e", Moment(began(0).0 + 3_600_000), RunState::Failed)]].concat();
    assert_eq!(with(&since).state, State::Critical);
}

#[test]
fn beacons_and_plain_messages_are_nothing_to_look_for() {
    let listed = catalog(&[("nas", shop("2026-11-21 03:00"))]);
    let told = |feed: Feed, series: &str| -> Vec<Run> {
        let one = |ago: i64| {
            let mut run = run(series, Moment(at("2026-11-21 03:00").0 - ago * DAY), RunState::Ok);
            (run.feed, run.tool) = (feed, Tool::Dbacked);
            run.source.identity = Some("b1a2".into());
            run
        };
        (0..5).map(one).collect()
    };
    for feed in [Feed::Beacon, Feed::Analytics, Feed::Logrus] {
        let past = history(&listed, &told(feed, "dbacked:b1a2"), &[]);
        let report = check(&listed, &past, &wants());
        assert_eq!((report.state, report.databases.len()), (State::Ok, 1), "{feed:?}: {}", report.words);
    }
    let mut runs = told(Feed::Beacon, "dbacked:b1a2");
    runs.extend(told(Feed::DbackedTable, "shop").drain(..1));
    let past = history(&listed, &runs, &[]);
    let names = past.series.iter().map(|series| series.runs.len()).collect::<Vec<_>>();
    assert_eq!(names, [2], "the table tells whose beacon it is: {:?}", past.series);
}

#[test]
fn a_database_of_dbacked_whose_backups_carry_an_alias_is_no_database_without_backups() {
    let mut table = run("shop", at("2026-11-21 03:00"), RunState::Ok);
    (table.feed, table.tool, table.started) = (Feed::DbackedTable, Tool::Dbacked, None);
    (table.databases, table.source.identity) = (Some(vec!["shop".into()]), Some("b1a2".into()));
    let runs = [table];
    let with = |crm: &str| {
        let listed = catalog(&[
            ("offsite", whole(nightly("prod", 20, "2026-11-21 03:00"))),
            ("nas", whole(nightly("crm", 20, crm))),
        ]);
        let past = history(&listed, &runs, &[]);
        let told: Vec<_> = past.series.iter().map(|series| (series.label.clone(), series.runs.len())).collect();
        (check(&listed, &past, &wants()), told)
    };
    let told = |rows: &[(&str, usize)]| rows.iter().map(|(name, runs)| ((*name).to_owned(), *runs)).collect::<Vec<_>>();
    // The table notes when its last backup ended, and only one alias has one of that time.
    let (report, rows) = with("2026-11-21 01:00");
    assert_eq!((report.state, report.databases.len()), (State::Ok, 2), "{}", report.words);
    assert_eq!(rows, told(&[("crm", 0), ("prod", 1)]));
    let (report, rows) = with("2026-11-21 03:01");
    assert_eq!((report.state, report.databases.len()), (State::Ok, 2), "{}", report.words);
    assert_eq!(rows, told(&[("crm", 0), ("prod", 0), ("shop", 1)]), "either may be it");
    let report = |listed: &Catalog| check(listed, &history(listed, &runs, &[]), &wants());
    let bare = catalog(&[("offsite", vec![])]);
    assert_eq!(report(&bare).state, State::Critical, "no backup of DBacked lies anywhere");
}

#[test]
fn an_upload_that_was_cut_short_is_a_warning() {
    let lies = shop("2026-11-21 03:00");
    let mut run = leaving(run("mysql:all:5c0e", at("2026-11-21 03:00"), RunState::Ok), "offsite", &lies[19].key);
    run.objects[0].bytes = Some(lies[19].size + 70_000);
    let listed = catalog(&[("offsite", lies)]);
    let past = history(&listed, &[run], &[]);
    assert!(past.series[0].findings.iter().any(|finding| finding.code == "size_differs"));
    let report = check(&listed, &past, &wants());
    assert_eq!((report.state, report.databases[0].reasons.len()), (State::Warning, 1), "{}", report.words);
    assert!(report.words.contains("and its run counted"), "{}", report.words);
}

#[test]
fn a_date_in_the_future_silences_nobody_who_is_late() {
    let mut lies = shop("2026-11-12 03:00");
    lies.extend(whole(nightly("shop", 1, "2026-12-24 03:00")));
    let listed = catalog(&[("offsite", lies)]);
    for rules in [vec![], vec![rule("shop", "offsite:*", &["shop"])]] {
        let past = history(&listed, &[], &rules);
        let late = past.series[0].judgements.iter().find(|judged| judged.what.code() == "late");
        assert!(late.is_some_and(Judgement::stands), "{:?}", past.series[0].judgements);
    }
}

#[test]
fn what_is_sealed_for_a_key_that_nobody_expects_is_a_warning_whatever_trust_is_asked_for() {
    let mut listed = catalog(&[("nas", shop("2026-11-21 03:00"))]);
    let asked = Wants { min_trust: Rung::Listed, ..wants() };
    assert_eq!(check(&listed, &history(&listed, &[], &[]), &asked).state, State::Ok);
    let newest = listed.backups.iter_mut().max_by_key(|backup| backup.taken.at).unwrap();
    let text = "sealed for another key than the estate expects";
    Arc::make_mut(newest).findings.push(Finding::new(Weight::Warning, "other_key", text));
    let report = check(&listed, &history(&listed, &[], &[]), &asked);
    assert_eq!(report.state, State::Warning);
    assert!(report.words.contains(text), "{}", report.words);
}

#[test]
fn a_newer_one_that_nobody_has_proven_lends_its_age_to_none_that_is() {
    let mut lies = shop("2026-11-21 07:00");
    lies.last_mut().unwrap().proof = None;
    let report = checked(&[("nas", lies)], &wants());
    assert!(report.words.ends_with("1 of 1 databases fresh and trusted, the oldest 1d"), "{}", report.words);
}
