use super::*;
use crate::model::judgement::{Judgement, PruneFault, What};
use crate::model::run::{PrunedTarget, RunState};
use crate::telemetry::signals::attempt::Outcome;
use crate::telemetry::signals::rhythm::Rhythm;
use crate::work::history::samples::{DAY, at, catalog, history, leaving, nightly, now, rule, run, whole};
use crate::work::history::strip::{Mark, Zoom, strip};
use crate::work::history::view::{Kept, SeriesPast};

fn codes(series: &SeriesPast) -> Vec<&'static str> {
    series.judgements.iter().map(|judged| judged.what.code()).collect()
}

fn drawn(series: &SeriesPast, zoom: Zoom, from: &str, count: usize) -> String {
    strip(series, zoom, zoom.floor(at(from)), count, now()).into_iter().map(Mark::symbol).collect()
}

#[test]
fn backups_alone_make_a_past() {
    let listed = catalog(&[("offsite", whole(nightly("shop", 30, "2026-11-21 03:00")))]);
    let past = history(&listed, &[], &[]);
    let [shop] = &past.series[..] else { panic!("{past:?}") };
    assert_eq!((shop.label.as_str(), shop.key.to_string()), ("shop", "offsite:shop".into()));
    assert_eq!(shop.rhythm.words(), "daily, as the median of 29 gaps says");
    assert_eq!(shop.points.len(), 30);
    assert_eq!(codes(shop), [""; 0]);
    assert_eq!(shop.newest_good().map(|point| point.at), Some(at("2026-11-21 03:00")));
    assert_eq!(drawn(shop, Zoom::Day, "2026-10-21", 33), format!("  {} ", "v".repeat(30)).as_str());
}

#[test]
fn a_rule_of_the_estate_gathers_names_and_sets_the_rhythm() {
    let mut lies = nightly("shop", 20, "2026-11-21 03:00");
    lies.extend(nightly("crm", 20, "2026-11-20 04:00"));
    let listed = catalog(&[("offsite", lies)]);
    let past =
        history(&listed, &[], &[rule("shop", "offsite:dbacked_shop_*", &["shop"]), rule("empty", "nas:*", &["audit"])]);
    let labels: Vec<&str> = past.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["crm", "empty", "shop"]);
    assert!(matches!(past.series[2].rhythm, Rhythm::Dbacked(_)), "{:?}", past.series[2].rhythm);
    assert_eq!(past.series[1].databases, [Foreign::from("audit")]);
    let broken = SeriesRule { cron: Some("0 0 30 2 *".into()), ..rule("shop", "offsite:dbacked_shop_*", &[]) };
    assert_eq!(history(&listed, &[], &[broken]).remarks, ["offsite:shop: 0 0 30 2 * never comes"]);
}

#[test]
fn runs_and_objects_become_one_attempt_and_the_rest_is_told() {
    let lies = whole(nightly("shop", 10, "2026-11-21 03:00"));
    let mut runs: Vec<Run> = (0..10)
        .map(|ago| {
            let began = Moment(at("2026-11-21 03:00").0 - ago * DAY);
            let key = lies[9 - ago as usize].key.clone();
            leaving(run("mysql:all:5c0e", began, RunState::Ok), "offsite", &key)
        })
        .collect();
    let failed = Moment(at("2026-11-21 05:00").0);
    runs.push(run("mysql:all:5c0e", failed, RunState::Failed));
    let past = history(&catalog(&[("offsite", lies.clone())]), &runs, &[]);
    let [shop] = &past.series[..] else { panic!("{past:?}") };
    assert_eq!(shop.runs, [Foreign::from("mysql:all:5c0e")]);
    assert_eq!(shop.points.len(), 11);
    assert!(shop.points[..10].iter().all(|point| point.certainty == Some(crate::model::join::Certainty::Exact)));
    assert!(shop.points[..10].iter().all(|point| point.took == Some(660_000)));
    assert_eq!(shop.points[10].outcome, Outcome::Failed);
    assert_eq!(codes(shop), ["failed"]);
    // The newest object is deleted: its run still says that it was made.
    let fewer = history(&catalog(&[("offsite", lies[..9].to_vec())]), &runs[..10], &[]);
    let newest = fewer.series[0].points.last().unwrap();
    assert_eq!((newest.kept, newest.outcome), (Kept::Gone, Outcome::Made));
    assert_eq!(fewer.series[0].findings[0].code, "newest_gone");
    assert_eq!(fewer.series[0].newest().unwrap().at, at("2026-11-20 03:00"));
}

#[test]
fn an_object_between_runs_that_no_run_made_is_told() {
    let lies = nightly("shop", 10, "2026-11-21 03:00");
    let runs: Vec<Run> = [0, 1, 2, 4, 5, 6, 7, 8, 9]
        .map(|ago: i64| {
            let began = Moment(at("2026-11-21 03:00").0 - ago * DAY);
            leaving(run("mysql:all:5c0e", began, RunState::Ok), "offsite", &lies[9 - ago as usize].key)
        })
        .to_vec();
    let past = history(&catalog(&[("offsite", lies)]), &runs, &[]);
    let found: Vec<&str> = past.series[0].findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(found, ["no_run"]);
    let odd = |past: &crate::work::history::view::HistoryView| -> Vec<Moment> {
        let points = past.series.iter().flat_map(|series| &series.points);
        let silent = points.filter(|point| point.odd.as_ref().is_some_and(|finding| finding.code == "no_run"));
        silent.map(|point| point.at).collect()
    };
    assert_eq!(odd(&past), [at("2026-11-18 03:00")], "and it stands on that very object");
}

#[test]
fn nights_whose_backups_are_gone_though_older_ones_are_there_are_no_good_nights() {
    let lies = nightly("shop", 20, "2026-11-21 03:00");
    // As a container names the place, which is none of the estate's.
    let inside = |it: &crate::work::history::samples::Lies| {
        let mut run = leaving(run("mysql:all:5c0e", Moment(it.written.0 - 660_000), RunState::Ok), "nas", &it.key);
        run.objects[0].target = Some("file:///backup".into());
        run.objects[0].bytes = Some(it.size);
        run
    };
    let runs: Vec<Run> = lies.iter().map(inside).collect();
    // Retention has taken the oldest three, nobody knows who the newest five.
    let past = history(&catalog(&[("offsite", lies[3..15].to_vec())]), &runs, &[]);
    let shop = past.series.iter().find(|series| series.key.to_string() == "offsite:shop").unwrap();
    assert_eq!(drawn(shop, Zoom::Day, "2026-11-01", 22), format!(" {}!!!!! ", "o".repeat(15)));
}

#[test]
fn a_server_without_telemetry_beside_one_that_has_it_is_a_series_of_its_own() {
    let lies = |minutes: i64, nights: std::ops::Range<i64>| -> Vec<crate::work::history::samples::Lies> {
        let one = |ago: i64| {
            let taken = Moment(at("2026-11-21 03:00").0 - ago * DAY + minutes * 60_000);
            let key = format!("db_backup_{}:00Z.tgz", taken.minute().replace(' ', "T"));
            let written = Moment(taken.0 + 60_000);
            crate::work::history::samples::Lies { key, size: 1000, written, proof: None, inside: vec![] }
        };
        nights.rev().map(one).collect()
    };
    let story = |told: &dyn Fn(i64) -> bool, others: Vec<crate::work::history::samples::Lies>| {
        let own = lies(0, 0..30);
        let runs: Vec<Run> = (0..30)
            .filter(|ago| told(*ago))
            .map(|ago| {
                let began = Moment(at("2026-11-21 03:00").0 - ago * DAY);
                leaving(run("mysql:all:5c0e", began, RunState::Ok), "nas", &own[29 - ago as usize].key)
            })
            .collect();
        let past = history(&catalog(&[("nas", [own, others].concat())]), &runs, &[]);
        let late = |series: &SeriesPast| codes(series).contains(&"late");
        past.series.iter().map(|it| (it.label.clone(), it.points.len(), late(it))).collect::<Vec<_>>()
    };
    let own = |count| ("db_backup".to_owned(), count, false);
    let other = |count, late| ("db_backup without runs".to_owned(), count, late);
    assert_eq!(story(&|_| true, lies(15, 0..30)), [own(30), other(30, false)]);
    assert_eq!(story(&|_| true, lies(15, 10..30)), [own(30), other(20, true)], "it stopped");
    // Telemetry that was lost for some nights, or for every other one, and a few by hand, are no second server.
    assert_eq!(story(&|ago| !(8..16).contains(&ago), vec![]), [own(30)]);
    assert_eq!(story(&|ago| ago % 2 == 0, vec![]), [own(30)]);
    assert_eq!(story(&|_| true, lies(200, 12..15)), [own(33)]);
}

#[test]
fn without_telemetry_of_that_time_no_object_is_said_to_be_without_a_run() {
    let lies = nightly("shop", 10, "2026-11-21 03:00");
    let listed = catalog(&[("offsite", lies.clone()), ("nas", nightly("crm", 10, "2026-11-21 03:00"))]);
    let told = |days: &[i64], feed: crate::model::run::Feed| -> Vec<Run> {
        let one = |ago: &i64| {
            let began = Moment(at("2026-11-21 03:00").0 - ago * DAY);
            let key = &lies[9 - usize::try_from(*ago).unwrap()].key;
            Run { feed, ..leaving(run("mysql:all:5c0e", began, RunState::Ok), "offsite", key) }
        };
        days.iter().map(one).collect()
    };
    let count = |runs: &[Run]| {
        let past = history(&listed, runs, &[]);
        past.series.iter().flat_map(|series| &series.points).filter(|point| point.odd.is_some()).count()
    };
    use crate::model::run::Feed;
    assert_eq!(count(&[]), 0, "nobody tells of any run");
    assert_eq!(count(&told(&[0, 1, 2, 3], Feed::Otlp)), 0, "those before telemetry began are none of its");
    assert_eq!(count(&told(&[3, 4, 5], Feed::Otlp)), 0, "nor those since it ended");
    assert_eq!(count(&told(&[0, 1, 4, 5], Feed::Otlp)), 2);
    assert_eq!(count(&told(&[0, 1, 4, 5], Feed::DbackedMetadata)), 0, "an object beside the backup tells of no other");
}

#[test]
fn a_run_whose_object_is_gone_says_so_itself() {
    let lies = nightly("shop", 10, "2026-11-21 03:00");
    let runs: Vec<Run> = lies
        .iter()
        .map(|it| leaving(run("mysql:all:5c0e", Moment(it.written.0 - 660_000), RunState::Ok), "offsite", &it.key))
        .collect();
    let past = history(&catalog(&[("offsite", lies[3..].to_vec())]), &runs, &[]);
    let codes: Vec<&str> =
        past.series[0].points.iter().filter_map(|point| Some(point.odd.as_ref()?.code.as_str())).collect();
    assert_eq!(codes, ["object_gone"; 3]);
}

#[test]
fn a_run_whose_object_a_prune_removed_is_none_to_look_at() {
    let lies = nightly("shop", 10, "2026-11-21 03:00");
    let mut runs: Vec<Run> = lies
        .iter()
        .map(|it| leaving(run("mysql:all:5c0e", Moment(it.written.0 - 660_000), RunState::Ok), "offsite", &it.key))
        .collect();
    let removed = lies[..2].iter().map(|it| Foreign::from(it.key.as_str())).collect();
    runs[9].pruned = vec![PrunedTarget { candidates: removed, candidate_count: 2, ..PrunedTarget::default() }];
    let past = history(&catalog(&[("offsite", lies[3..].to_vec())]), &runs, &[]);
    let codes: Vec<&str> =
        past.series[0].points.iter().filter_map(|point| Some(point.odd.as_ref()?.code.as_str())).collect();
    assert_eq!(codes, ["pruned", "pruned", "object_gone"], "the third one nobody told of");
}

#[test]
fn runs_that_left_nothing_known_are_a_series_of_their_own() {
    let runs: Vec<Run> = (0..5).map(|ago| run("mysql:all:77", Moment(now().0 - ago * DAY), RunState::Ok)).collect();
    let past = history(&catalog(&[("nas", vec![])]), &runs, &[]);
    assert_eq!(past.series[0].key.to_string(), "mysql:all:77");
    assert!(past.series[0].points.iter().all(|point| point.kept == Kept::Unknown));
    assert_eq!(past.series[0].newest(), None);
}

#[test]
fn a_failed_upload_is_a_failure_of_that_target_only() {
    let lies = |name: &str| nightly(name, 8, "2026-11-20 03:00");
    let mut runs: Vec<Run> = vec![];
    for (nth, (a, b)) in lies("shop").iter().zip(lies("shop")).enumerate() {
        let mut one = leaving(run("mysql:all:5c0e", Moment(a.written.0 - 660_000), RunState::Ok), "offsite", &a.key);
        one.objects.extend(leaving(run("x", now(), RunState::Ok), "nas", &b.key).objects);
        if nth == 7 {
            one.objects[1].state = Some(RunState::Failed);
            one.state = RunState::Failed;
        }
        runs.push(one);
    }
    let nas = lies("shop")[..7].to_vec();
    let past = history(&catalog(&[("offsite", lies("shop")), ("nas", nas)]), &runs, &[]);
    let of = |name: &str| past.series.iter().find(|series| series.key.to_string() == name).unwrap();
    assert_eq!(of("offsite:shop").points.last().unwrap().outcome, Outcome::Made);
    assert_eq!(of("nas:shop").points.last().unwrap().outcome, Outcome::Failed);
}

#[test]
fn the_note_in_the_database_is_held_against_the_newest_object() {
    let listed = catalog(&[("offsite", nightly("shop", 8, "2026-11-20 03:00"))]);
    let noted = |text: &str| {
        let mut noted = run("shop", at(text), RunState::Ok);
        (noted.tool, noted.feed, noted.started, noted.ended) =
            (Tool::Dbacked, crate::model::run::Feed::DbackedTable, None, Some(at(text)));
        let past = history(&listed, &[noted], &[]);
        past.series[0].findings.iter().map(|finding| finding.code.clone()).collect::<Vec<_>>()
    };
    assert_eq!(noted("2026-11-20 03:12"), [""; 0]);
    assert!(noted("2026-11-21 03:12").contains(&"noted_and_gone".to_owned()));
    assert!(noted("2026-11-13 03:12").contains(&"rewound".to_owned()));
}

#[test]
fn what_a_prune_removed_is_held_to_what_is_still_there() {
    let key = |day: i64| format!("db_backup_2026-11-{day:02}T03:00:00Z.tgz");
    let lies = |day: i64| {
        let written = at(&format!("2026-11-{day:02} 03:11"));
        crate::work::history::samples::Lies {
            key: key(day),
            size: 1000 + day as u64,
            written,
            proof: None,
            inside: vec![],
        }
    };
    let mut newest = leaving(run("mysql:all:5c0e", at("2026-11-21 03:00"), RunState::Ok), "nas", &key(21));
    newest.pruned =
        vec![PrunedTarget { candidates: vec![Foreign::from(key(15))], candidate_count: 1, ..PrunedTarget::default() }];
    let removed = |days: &[i64], proven: bool| {
        let lies = |day: i64| crate::work::history::samples::Lies {
            proof: proven.then_some((crate::model::trust::VerdictOutcome::Ok, crate::model::trust::Rung::Whole)),
            ..lies(day)
        };
        let listed = catalog(&[("nas", days.iter().map(|day| lies(*day)).collect())]);
        let past = history(&listed, std::slice::from_ref(&newest), &[]);
        past.series[0].judgements.iter().find_map(|judged| match &judged.what {
            What::PrunedWrongly { fault, .. } => Some(*fault),
            _ => None,
        })
    };
    assert_eq!(removed(&[16, 17, 18, 19, 20, 21], false), Some(PruneFault::LastGoodCopy), "it had been proven");
    assert_eq!(removed(&[16, 17, 18, 19, 20, 21], true), None, "there are other good ones");
    let past = |days: &[i64]| {
        let proven = |day: i64| crate::work::history::samples::Lies {
            proof: Some((crate::model::trust::VerdictOutcome::Ok, crate::model::trust::Rung::Whole)),
            ..lies(day)
        };
        let listed = catalog(&[("nas", days.iter().map(|day| proven(*day)).collect())]);
        codes(&history(&listed, std::slice::from_ref(&newest), &[]).series[0]).contains(&"pruned_wrongly")
    };
    assert!(past(&[12, 13, 14, 16, 17, 18, 19, 20, 21]), "it kept older ones");
    assert!(!past(&[16, 17, 18, 19, 20, 21]));
    assert!(!past(&[14, 15, 16, 17, 18, 19, 20, 21]), "it is still there");
}

#[test]
fn the_strip_shows_what_became_of_each_day() {
    let mut lies = nightly("shop", 20, "2026-11-21 03:00");
    lies[10].proof = Some((crate::model::trust::VerdictOutcome::Ok, crate::model::trust::Rung::Proven));
    lies[11].proof = Some((crate::model::trust::VerdictOutcome::Damaged, crate::model::trust::Rung::Listed));
    lies[14].size = 300_000;
    lies[18].size = 0;
    lies.remove(5);
    let past = history(&catalog(&[("offsite", lies)]), &[], &[rule("shop", "offsite:*", &[])]);
    let shop = &past.series[0];
    assert_eq!(drawn(shop, Zoom::Day, "2026-11-01", 23), " ooooo-oooop!oo!oooXo  ");
    assert_eq!(drawn(shop, Zoom::Week, "2026-10-26", 4), " =!=");
    assert_eq!(drawn(shop, Zoom::Hour, "2026-11-21 00:00", 10), "...o..... ");
}

/// Thirty nights of one database, whose names and sizes the closure says.
fn named(name: &dyn Fn(i64, &str) -> (String, u64)) -> Vec<crate::work::history::samples::Lies> {
    let one = |ago: i64| {
        let taken = Moment(at("2026-11-21 03:00").0 - ago * DAY);
        let (key, size) = name(ago, &taken.day());
        let written = Moment(taken.0 + 660_000);
        crate::work::history::samples::Lies { key, size, written, proof: None, inside: vec![] }
    };
    (0..30).rev().map(one).collect()
}

#[test]
fn another_compression_is_no_growth_and_growth_is() {
    let story = |name: &dyn Fn(i64, &str) -> (String, u64)| {
        let past = history(&catalog(&[("nas", named(name))]), &[], &[]);
        let sizes = |series: &SeriesPast| codes(series).into_iter().filter(|code| matches!(*code, "grown" | "shrunk"));
        past.series.iter().flat_map(|series| sizes(series).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let size = |ago: i64| 400_000 + (ago * 37 % 11).unsigned_abs() * 500;
    let steady = story(&|ago, day| (format!("shop-{day}.sql.gz"), size(ago)));
    assert_eq!(steady, [""; 0]);
    let plain = |since: i64| {
        move |ago: i64, day: &str| match ago < since {
            true => (format!("shop-{day}.sql"), 9 * size(ago)),
            false => (format!("shop-{day}.sql.gz"), size(ago)),
        }
    };
    assert_eq!(story(&plain(3)), [""; 0], "it is not packed any more, and no larger");
    assert_eq!(story(&|ago, day| plain(3)(29 - ago, day)), [""; 0], "it is packed now, and no smaller");
    let every_other = story(&|ago, day| match ago % 2 {
        0 => (format!("shop-{day}.sql.zst"), size(ago) / 2),
        _ => (format!("shop-{day}.sql.gz"), size(ago)),
    });
    assert_eq!(every_other, [""; 0]);
    let grown = story(&|ago, day| (format!("shop-{day}.sql.gz"), if ago == 0 { 6 * size(ago) } else { size(ago) }));
    assert_eq!(grown, ["grown"]);
    let within = story(&|ago, day| match (ago, ago % 2) {
        (0, _) => (format!("shop-{day}.sql.zst"), 6 * size(ago)),
        (_, 0) => (format!("shop-{day}.sql.zst"), size(ago) / 2),
        _ => (format!("shop-{day}.sql.gz"), size(ago)),
    });
    assert_eq!(within, ["grown"], "beside its own kind it is");
    let empty = story(&|ago, day| match ago {
        0 => (format!("shop-{day}.sql.zst"), 900),
        _ => (format!("shop-{day}.sql.gz"), size(ago)),
    });
    assert_eq!(empty, ["shrunk"], "no compression makes it that small");
}

#[test]
fn dumps_of_two_databases_under_one_rule_are_not_each_other_s_measure() {
    let two = |ago: i64, day: &str| match ago % 2 {
        0 => (format!("shop-{day}.sql.gz"), 9_000_000),
        _ => (format!("crm-{day}.sql.gz"), 40_000),
    };
    let mut lies = named(&two);
    for it in &mut lies {
        it.proof = Some((crate::model::trust::VerdictOutcome::Ok, crate::model::trust::Rung::Whole));
        it.inside = vec![if it.key.starts_with("shop") { "shop" } else { "crm" }];
    }
    let past = history(&catalog(&[("nas", lies)]), &[], &[rule("all", "nas:*", &["shop", "crm"])]);
    let [all] = &past.series[..] else { panic!("{past:?}") };
    let odd = |code: &&str| matches!(*code, "grown" | "shrunk" | "database_vanished" | "database_appeared");
    assert!(!codes(all).iter().any(odd), "{:?}", all.judgements);
}

#[test]
fn one_of_the_databases_of_a_rule_that_stopped_is_late_by_its_name() {
    let story = |crm: &str, cron: bool| {
        let lies = [nightly("shop", 30, "2026-11-21 03:00"), nightly("crm", 26, crm)].concat();
        let mut rule = rule("all", "nas:*", &["shop", "crm"]);
        rule.cron = rule.cron.filter(|_| cron);
        let past = history(&catalog(&[("nas", whole(lies))]), &[], &[rule]);
        let [all] = &past.series[..] else { panic!("{past:?}") };
        all.judgements.iter().filter(|judged| judged.stands()).map(Judgement::words).collect::<Vec<_>>()
    };
    for cron in [true, false] {
        let late = story("2026-11-17 03:00", cron);
        assert_eq!(late.len(), 1, "{late:?}");
        assert!(late[0].starts_with("crm: late by 3d05h: due 2026-11-18 03:00 UTC (daily"), "{late:?}");
        assert_eq!(story("2026-11-21 03:00", cron), [""; 0]);
    }
}

#[test]
fn patterns_are_globs() {
    assert!(fits("offsite:dbacked_shop_*", b"offsite:dbacked_shop_211120260300"));
    assert!(fits("*:*.t?z", b"nas:a/b.tgz") && fits("*", b"") && fits("a*b*c", b"aXbbYc"));
    assert!(!fits("offsite:*", b"nas:x") && !fits("a?", b"a") && !fits("", b"a"));
}
