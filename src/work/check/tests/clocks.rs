//! Names that tell the host's local time without its zone.

use super::*;
use crate::telemetry::signals::rhythm::Rhythm;
use crate::work::history::samples::{MINUTE, catalog_by};
use crate::work::history::view::HistoryView;

const HOUR: i64 = 60 * MINUTE;

/// Nightly ones up to so long before now, each named by a clock that is so many minutes east of UTC, written so many
/// milliseconds after it began.
fn nights(ago: i64, east: impl Fn(i64) -> i64, took: impl Fn(i64) -> i64) -> Vec<Lies> {
    let one = |night: i64| {
        let began = now().0 - ago - night * DAY;
        let named = Moment(began + east(night) * MINUTE).second().replace(['-', ':'], "").replace(' ', "_");
        Lies {
            key: format!("shop_{named}.sql.gz"),
            written: Moment(began + took(night)),
            ..whole(nightly("x", 1, "2026-01-01")).remove(0)
        }
    };
    (0..30).rev().map(one).collect()
}

fn past(lies: &[Lies], rules: &[crate::disk::estate::SeriesRule]) -> (Catalog, HistoryView) {
    let listed = catalog_by(&[("nas", lies.to_vec())], rules);
    let past = history(&listed, &[], rules);
    (listed, past)
}

/// What is said to a monitor that allows 26 hours, and to one that leaves it to the rhythm; the age in minutes.
fn said(lies: &[Lies], rules: &[crate::disk::estate::SeriesRule]) -> ([State; 2], i64) {
    let (listed, past) = past(lies, rules);
    let asked = [Some(HOURS_26), None].map(|max_age| check(&listed, &past, &Wants { max_age, ..wants() }));
    let age = asked[0].databases[0].age_seconds.unwrap() / 60;
    (asked.map(|report| report.state), age)
}

const OK: [State; 2] = [State::Ok; 2];
const BAD: [State; 2] = [State::Critical; 2];

#[test]
fn a_local_time_is_read_in_the_zone_that_the_objects_show() {
    for east in [-600, -480, -300, -210, 0, 60, 120, 330, 345, 540, 720] {
        for took in [5_000, 3 * MINUTE, 12 * MINUTE] {
            let lies = |ago: i64| nights(ago, |_| east, |night| took + night % 5 * 10_000);
            assert_eq!(said(&lies(HOUR), &[]), (OK, 60), "{east} {took}");
            assert_eq!(said(&lies(20 * HOUR), &[]), (OK, 1200), "{east} {took}");
            assert_eq!(said(&lies(28 * HOUR), &[]), (BAD, 1680), "{east} {took}");
            let (_, past) = past(&lies(HOUR), &[]);
            assert_eq!(past.series[0].judgements, [], "{east} {took}");
        }
    }
}

#[test]
fn long_dumps_of_changing_length_are_as_old_as_their_objects_where_that_could_be_a_zone() {
    // Eight hours away, and between twenty minutes and an hour long; or of UTC and eight hours long: who knows.
    let west = |ago| nights(ago, |_| -480, |night| 20 * MINUTE + night * 17 % 40 * MINUTE);
    assert_eq!(said(&west(20 * HOUR), &[]).0, OK);
    assert_eq!(said(&west(28 * HOUR), &[]).0[0], State::Critical);
    // Two hours long, by UTC: nobody lives there.
    let long = |ago| nights(ago, |_| 0, |night| 110 * MINUTE + night * 17 % 20 * MINUTE);
    assert_eq!(said(&long(25 * HOUR), &[]), (OK, 25 * 60));
    let east = |ago| nights(ago, |_| 540, |night| 20 * MINUTE + night * 17 % 30 * MINUTE);
    let (states, age) = said(&east(20 * HOUR), &[]);
    assert!(states == OK && (1170..=1200).contains(&age), "{age}");
}

#[test]
fn summer_time_that_began_or_ended_on_the_way_moves_single_names() {
    for (winter, ended) in [(-480, 1), (-480, 4), (60, 1), (60, 4), (0, 2), (570, 6)] {
        let autumn = nights(HOUR, |night| winter + 60 * i64::from(night >= ended), |_| MINUTE);
        let spring = nights(HOUR, |night| winter + 60 * i64::from(night < ended), |_| MINUTE);
        for lies in [autumn, spring] {
            let (listed, past) = past(&lies, &[]);
            let off =
                |backup: &crate::model::backup::Backup| (backup.taken.at.0 - backup.stamp.modified.unwrap().0).abs();
            let newest = listed.backups.iter().map(|backup| off(backup)).max().unwrap();
            // Of UTC an hour more is a dump that took an hour.
            assert!(newest <= MINUTE || winter == 0, "{winter} {ended}: {newest}");
            assert_eq!((past.series[0].judgements.as_slice(), said(&lies, &[]).0), (&[][..], OK), "{winter} {ended}");
        }
    }
}

#[test]
fn copies_that_lost_their_times_are_read_as_utc() {
    let at_once = |east: i64, ago| {
        let mut lies = nights(ago, |_| east, |_| MINUTE);
        lies.iter_mut().for_each(|lies| lies.written = Moment(now().0 - 10 * MINUTE));
        lies
    };
    assert_eq!(said(&at_once(0, 28 * HOUR), &[]), (BAD, 1680));
    let later = nights(28 * HOUR, |_| 0, |_| 40 * DAY);
    assert_eq!(said(&later, &[]), (BAD, 1680));
    // By the cron of its series the zone is known all the same.
    let mut rule = rule("shop", "nas:*", &["shop"]);
    (rule.cron, rule.tz) = (Some("0 0 * * *".into()), Some("PST8".into()));
    let in_zone = at_once(-480, 0);
    assert_eq!(said(&in_zone, std::slice::from_ref(&rule)), (OK, 0));
}

#[test]
fn a_rule_says_the_zone_where_names_lie_behind_its_firings() {
    // 08:00 UTC is midnight there.
    let ruled = |cron: &str, tz: Option<&str>| {
        let mut rule = rule("shop", "nas:*", &["shop"]);
        (rule.cron, rule.tz) = (Some(cron.into()), tz.map(Into::into));
        [rule]
    };
    let pacific = ruled("0 0 * * *", Some("PST8"));
    for took in [MINUTE, 200 * MINUTE] {
        let lies = nights(DAY, |_| -480, |_| took);
        assert_eq!(said(&lies, &pacific), (OK, 24 * 60), "{took}");
        let (_, past) = past(&nights(0, |_| -480, |_| took), &pacific);
        assert!(matches!(past.series[0].rhythm, Rhythm::Cron(_)));
        assert_eq!(past.series[0].judgements, [], "{took}");
    }
    // The job lives by local time, and its names by UTC.
    let tokyo = ruled("0 17 * * *", Some("JST-9"));
    assert_eq!(said(&nights(0, |_| 0, |_| MINUTE), &tokyo), (OK, 0));
    assert_eq!(said(&nights(0, |_| 0, |_| MINUTE), &ruled("0 * * * *", Some("JST-9"))), (OK, 0));
    assert_eq!(said(&nights(0, |_| 540, |_| MINUTE), &ruled("0 * * * *", Some("JST-9"))), (OK, 0));
    // Written at eight by UTC, and brought there at noon: the cron says that it is no local time.
    let brought = nights(20 * HOUR, |_| 0, |_| 4 * HOUR);
    assert_eq!(said(&brought, &ruled("0 12 * * *", None)), (OK, 20 * 60));
}

#[test]
fn a_clock_that_is_wrong_by_whole_hours_is_told_by_its_runs() {
    let lies = nights(HOUR, |_| 180, |_| 11 * MINUTE);
    let runs: Vec<Run> = lies
        .iter()
        .map(|lies| {
            leaving(run("shop", Moment(lies.written.0 - 11 * MINUTE + 3 * HOUR), RunState::Ok), "nas", &lies.key)
        })
        .collect();
    let listed = catalog(&[("nas", lies.clone())]);
    let codes = |runs: &[Run]| {
        let past = history(&listed, runs, &[]);
        past.series[0].judgements.iter().map(|judged| judged.what.code()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[]), [""; 0], "a host three hours in the east");
    assert_eq!(codes(&runs), ["clock_skew"]);
    let honest: Vec<Run> = lies
        .iter()
        .map(|lies| leaving(run("shop", Moment(lies.written.0 - 11 * MINUTE), RunState::Ok), "nas", &lies.key))
        .collect();
    assert_eq!(codes(&honest), [""; 0]);
    let past = history(&listed, &honest, &[]);
    assert!(past.series[0].points.iter().all(|point| point.run.is_some() && point.backup.is_some()), "all are joined");
}

#[test]
fn a_name_dated_days_ahead_makes_nothing_fresh() {
    let lies = nights(28 * HOUR, |night| if night == 0 { 3 * 24 * 60 } else { 0 }, |_| MINUTE);
    assert_eq!(said(&lies, &[]).0, BAD);
}

#[test]
fn a_target_whose_clock_is_behind_the_cron_hides_no_night_that_is_missing() {
    let mut rule = rule("shop", "nas:*", &["shop"]);
    rule.cron = Some("0 2 * * *".into());
    let rules = [rule];
    let due = now().0.div_euclid(DAY) * DAY + 2 * HOUR;
    for behind in [-30_000, 10_000, 4 * MINUTE] {
        let nights = |newest: i64| -> Vec<Lies> {
            let one = |night: i64| {
                let written = Moment(due - night * DAY - behind);
                let key = format!("shop_{}.sql.gz", written.day());
                Lies { key, written, ..whole(nightly("x", 1, "2026-01-01")).remove(0) }
            };
            (newest..30).rev().map(one).collect()
        };
        let state = |newest: i64| {
            let (listed, past) = past(&nights(newest), &rules);
            check(&listed, &past, &Wants { max_age: None, ..wants() }).state
        };
        assert_eq!((state(0), state(1)), (State::Ok, State::Critical), "{behind}");
    }
}
