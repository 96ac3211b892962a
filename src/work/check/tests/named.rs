//! Runs that do not tell what they backed up, that are in progress, or that were killed.

use super::*;
use crate::model::foreign::Foreign;

const HOUR: i64 = 3_600_000;
const FILES: &str = "file:///srv/offsite/dbacked_shop";

/// A run of mysql-backup 1.0 to 1.3: nothing tells what it is of, but for the files that it leaves.
fn old(series: &str, began: Moment, state: RunState) -> Run {
    let mut run = run(series, began, state);
    if state == RunState::Unfinished {
        run.ended = None;
    }
    run
}

/// Twenty nights of shop at 03:00, each told by a run that names its file.
fn told() -> (Vec<Lies>, Vec<Run>) {
    let lies = shop("2026-11-21 03:00");
    let began = |it: &Lies| Moment(it.written.0 - 660_000);
    let runs = lies.iter().map(|it| leaving(old(FILES, began(it), RunState::Ok), "offsite", &it.key));
    let runs = runs.collect();
    (lies, runs)
}

fn with(more: &[Run]) -> CheckReport {
    let (lies, runs) = told();
    let listed = catalog(&[("offsite", lies)]);
    check(&listed, &history(&listed, &[&runs[..], more].concat(), &[]), &wants())
}

fn ago(hours: i64) -> Moment {
    Moment(now().0 - hours * HOUR)
}

#[test]
fn a_run_in_progress_that_names_nothing_yet_is_no_subject() {
    for began in [Moment(now().0 - 300_000), ago(2), ago(23)] {
        let report = with(&[old("databacker", began, RunState::Unfinished)]);
        assert_eq!((report.state, report.databases.len()), (State::Ok, 1), "{began:?}: {}", report.words);
    }
}

#[test]
fn a_run_that_was_killed_is_told_on_its_series_until_the_next_good_one() {
    for days in [2, 5, 15] {
        let report = with(&[old("databacker", Moment(ago(days * 24).0 - HOUR), RunState::Unfinished)]);
        assert_eq!((report.state, report.databases.len()), (State::Ok, 1), "{days} days: {}", report.words);
    }
    for days in [60, 200] {
        let report = with(&[old("databacker", ago(days * 24), RunState::Unfinished)]);
        assert_eq!((report.state, report.databases.len()), (State::Ok, 1), "{days} days: {}", report.words);
    }
    // The one of last night was killed, and it is the next night now.
    let (mut lies, mut runs) = told();
    (lies.pop(), runs.pop());
    runs.push(old("databacker", at("2026-11-21 03:00"), RunState::Unfinished));
    let listed = catalog(&[("offsite", lies)]);
    let later = at("2026-11-22 03:30");
    let past = history_at(&listed, &runs, &[], later);
    let patient = Wants { max_age: Some(Duration::from_secs(3 * 86_400)), ..wants() };
    let report = check(&listed, &past, &patient);
    assert_eq!((report.state, report.databases.len()), (State::Warning, 1), "{}", report.words);
    assert!(report.words.contains("failed: its end was never seen"), "{}", report.words);
    assert_eq!(past.series.len(), 1, "{:?}", past.series);
    // So is one that failed before it named anything.
    let failed = with(&[old("databacker", ago(1), RunState::Failed)]);
    assert_eq!((failed.state, failed.databases.len()), (State::Warning, 1), "{}", failed.words);
}

#[test]
fn of_two_series_of_one_host_it_is_the_one_whose_hour_it_was() {
    let (mut lies, mut runs) = told();
    for nth in 0..20 {
        let began = Moment(at("2026-11-20 15:00").0 - nth * DAY);
        let key = format!("crm_{}:00Z.sql.gz", began.minute().replace(' ', "T"));
        lies.extend(whole(vec![Lies { key: key.clone(), size: 1000, written: began, proof: None, inside: vec![] }]));
        runs.push(leaving(old("file:///srv/offsite/crm", began, RunState::Ok), "offsite", &key));
    }
    let killed = old("databacker", at("2026-11-20 15:31"), RunState::Unfinished);
    runs.push(killed);
    let listed = catalog(&[("offsite", lies)]);
    let past = history_at(&listed, &runs, &[], at("2026-11-21 16:00"));
    let failed: Vec<String> = past
        .series
        .iter()
        .filter(|series| series.judgements.iter().any(|judged| judged.stands() && judged.what.code() == "failed"))
        .map(|series| series.key.to_string())
        .collect();
    assert_eq!((past.series.len(), failed), (2, vec!["offsite:crm".to_owned()]), "{:?}", past.series);
}

#[test]
fn a_run_that_fits_no_series_is_a_warning_for_a_week() {
    let elsewhere = |began: Moment, state: RunState| {
        let mut run = old("db7", began, state);
        run.source.host = Some("db7".into());
        run
    };
    let progress = with(&[elsewhere(ago(1), RunState::Unfinished)]);
    assert_eq!(progress.state, State::Ok, "{}", progress.words);
    let killed = with(&[elsewhere(ago(30), RunState::Unfinished)]);
    assert_eq!(killed.state, State::Warning, "{}", killed.words);
    assert!(killed.words.contains("db7: its newest run failed before it told what it is of"), "{}", killed.words);
    assert_eq!(with(&[elsewhere(ago(8 * 24), RunState::Unfinished)]).state, State::Ok);
    // By their own word they failed night after night, and nothing of that host was ever backed up.
    let failed = with(&[elsewhere(ago(54), RunState::Failed), elsewhere(ago(30), RunState::Failed)]);
    assert_eq!(failed.state, State::Critical, "{}", failed.words);
}

#[test]
fn a_run_that_has_only_begun_makes_no_database_critical() {
    let fresh = |began: Moment| {
        let mut run = old("mysql:include:aaaa:fresh", began, RunState::Unfinished);
        run.source.identity = Some("mysql:include:aaaa:fresh".into());
        run.databases = Some(vec!["fresh".into()]);
        run
    };
    let report = with(&[fresh(Moment(now().0 - 300_000))]);
    assert_eq!((report.state, report.databases.len()), (State::Ok, 1), "{}", report.words);
    let killed = with(&[fresh(ago(40))]);
    assert_eq!((killed.state, killed.databases.len()), (State::Warning, 2), "{}", killed.words);
    assert!(killed.words.contains("fresh: its runs began, and the end of none was seen"), "{}", killed.words);
    // A run of a known series that was killed is told on that.
    let known = with(&[old(FILES, ago(28), RunState::Unfinished), old(FILES, ago(27), RunState::Unfinished)]);
    assert_eq!(known.databases.len(), 1, "{}", known.words);
}

#[test]
fn servers_without_ids_of_their_own_are_told_apart_by_their_addresses() {
    let lies = shop("2026-11-21 03:00");
    let of = |server: &str, target: &str| -> Vec<Run> {
        let made = lies.iter().map(|it| {
            let began = Moment(it.written.0 - 660_000);
            let mut run = leaving(run(&format!("mysql:all:@{server}"), began, RunState::Ok), target, &it.key);
            (run.source.identity, run.source.server) = (Some("mysql:all:".into()), Some(server.into()));
            run.source.server_uuid = Some("".into());
            run.databases = Some(vec!["shop".into()]);
            run
        });
        made.collect()
    };
    let runs = [of("db1", "offsite"), of("db2", "nas")].concat();
    let listed = catalog(&[("offsite", lies.clone()), ("nas", shop("2026-11-11 03:00"))]);
    let report = check(&listed, &history(&listed, &runs, &[]), &wants());
    assert_eq!((report.state, report.databases.len()), (State::Critical, 2), "{}", report.words);
    assert!(report.words.contains("shop of server db2: the newest on nas is 10d old"), "{}", report.words);
}

#[test]
fn a_series_is_asked_for_by_the_name_that_it_was_shown_under_before_anybody_looked_inside() {
    let nights = (0..20).rev().map(|ago| Moment(at("2026-11-21 03:00").0 - ago * DAY));
    let archives = |inside: Vec<&'static str>| -> Vec<Lies> {
        let lies = nights.clone().map(|written| {
            let key = format!("db_backup_{}:00Z.tgz", written.minute().replace(' ', "T"));
            Lies { key, size: 4000, written, proof: None, inside: inside.clone() }
        });
        whole(lies.collect())
    };
    let asked = Wants { series: vec!["db_backup".into()], ..wants() };
    let before = checked(&[("nas", archives(vec![]))], &asked);
    assert_eq!((before.state, before.databases[0].name.as_str()), (State::Ok, "db_backup"), "{}", before.words);
    let after = checked(&[("nas", archives(vec!["shop"]))], &asked);
    assert_eq!((after.state, after.databases[0].name.as_str()), (State::Ok, "shop"), "{}", after.words);
}

#[test]
fn what_somebody_tried_once_wakes_nobody_and_is_forgotten_after_a_month() {
    let tried = |began: Moment, databases: &[&'static str], state: RunState| {
        let mut run = old(&format!("mysql:include:5c0e:{}", databases.join(":")), began, state);
        run.source.identity = Some(run.series.clone());
        run.databases = Some(databases.iter().map(|name| Foreign::from(*name)).collect());
        run
    };
    let outside = |began: Moment| leaving(tried(began, &["wiki"], RunState::Ok), "away", "db_x.tgz");
    for hours in [5, 48, 40 * 24, 300 * 24] {
        let state = if hours < 30 * 24 { State::Warning } else { State::Ok };
        for databases in [&["crmm", "shop"][..], &["oldshop"]] {
            let report = with(&[tried(ago(hours), databases, RunState::Failed)]);
            assert_eq!(report.state, state, "{databases:?} {hours} hours ago: {}", report.words);
            let told = report.words.contains("its only run failed, and no backup is there");
            assert_eq!(told, state == State::Warning, "{}", report.words);
        }
        let report = with(&[outside(ago(hours))]);
        assert_eq!(report.state, state, "wiki {hours} hours ago: {}", report.words);
    }
    // Who fails night after night, or made backups before, is nobody's attempt.
    let nights: Vec<Run> = (1..4).map(|ago_| tried(ago(ago_ * 24), &["oldshop"], RunState::Failed)).collect();
    assert_eq!(with(&nights).state, State::Critical, "{}", with(&nights).words);
    let before = with(&[outside(ago(72)), outside(ago(48)), tried(ago(5), &["wiki"], RunState::Failed)]);
    assert_eq!(before.state, State::Critical, "{}", before.words);
    let stopped = with(&[outside(ago(96)), outside(ago(72))]);
    assert_eq!(stopped.state, State::Critical, "{}", stopped.words);
}

#[test]
fn a_copy_that_another_rule_gathers_is_not_missed() {
    let lies = [shop("2026-11-21 03:00"), whole(nightly("crm", 20, "2026-11-21 03:00"))].concat();
    let listed = catalog(&[("offsite", lies)]);
    let rules = [rule("a", "offsite:dbacked_shop*", &["shop"]), rule("b", "offsite:*", &["shop", "crm"])];
    let report = check(&listed, &history(&listed, &[], &rules), &wants());
    assert_eq!((report.state, report.databases.len()), (State::Ok, 2), "{}", report.words);
}
