//! Series of which little is known, or that come seldom.

use super::*;
use crate::disk::estate::SeriesRule;

const HOUR: i64 = 3_600_000;

/// Backups of these times, oldest first, all of them proven whole.
fn taken(times: &[Moment]) -> Vec<Lies> {
    let one = |at: &Moment| {
        let key = format!("shop-{}-00Z.sql.gz", at.minute().replace(' ', "T").replace(':', "-"));
        Lies { key, size: 1000, written: *at, proof: None, inside: vec![] }
    };
    whole(times.iter().map(one).collect())
}

/// So many backups, so many hours apart, the newest so many hours ago.
fn every(count: i64, hours: i64, ago: i64) -> Vec<Moment> {
    (0..count).rev().map(|nth| Moment(now().0 - (ago + nth * hours) * HOUR)).collect()
}

fn by_habit(times: &[Moment]) -> CheckReport {
    checked(&[("nas", taken(times))], &Wants { max_age: None, ..wants() })
}

#[test]
fn a_series_of_few_backups_is_as_old_as_it_may_be_by_their_gaps() {
    for count in 2..5 {
        let weekly = by_habit(&every(count, 168, 48));
        assert_eq!(weekly.state, State::Ok, "{count}: {}", weekly.words);
        let stale = by_habit(&every(count, 168, 200));
        assert_eq!(stale.state, State::Critical, "{count}: {}", stale.words);
    }
    assert_eq!(by_habit(&every(3, 720, 480)).state, State::Ok, "monthly");
    assert_eq!(by_habit(&every(3, 24, 26)).state, State::Ok);
    assert_eq!(by_habit(&every(3, 24, 30)).state, State::Critical);
    assert_eq!(by_habit(&every(3, 1, 25)).state, State::Ok, "three of one afternoon");
    // A single one may be the first of a job that broke.
    assert_eq!(by_habit(&every(1, 24, 30)).state, State::Critical);
    // Between what is usual and what was longest, nobody is woken.
    let mixed = [every(2, 168, 78), every(2, 24, 30)].concat();
    assert_eq!(by_habit(&mixed).state, State::Warning, "{}", by_habit(&mixed).words);
}

#[test]
fn a_few_backups_by_hand_make_no_weekly_series_a_daily_one() {
    // Weekly ones, and three by hand, a day apart: two days and three hours after the last weekly one.
    let story = |first_gap: i64, ago: i64| {
        let by_hand = every(3, 24, ago);
        let last = (now().0 - by_hand[0].0) / HOUR + first_gap;
        by_habit(&[every(20, 168, last), by_hand].concat())
    };
    let report = story(51, 27);
    assert_eq!(report.state, State::Ok, "{}", report.words);
    // At the hour of the weekly ones they look like what is left of daily ones: that is no reason to wake anybody
    // before the older gaps are over, too.
    let report = story(48, 30);
    assert_eq!(report.state, State::Warning, "{}", report.words);
    assert_eq!(story(48, 100).state, State::Warning, "{}", story(48, 100).words);
    assert_eq!(story(48, 200).state, State::Critical, "{}", story(48, 200).words);
}

#[test]
fn a_pattern_that_never_comes_is_said_to_a_monitor() {
    let listed = catalog(&[("offsite", shop("2026-11-21 03:00"))]);
    let broken = SeriesRule { cron: Some("0 2 30 2 *".into()), ..rule("shop", "offsite:*", &["shop"]) };
    let past = history(&listed, &[], &[broken]);
    let report = check(&listed, &past, &wants());
    assert_eq!(report.state, State::Warning, "{}", report.words);
    assert_eq!(report.remarks, ["offsite:shop: 0 2 30 2 * never comes"]);
    assert!(report.line().contains("0 2 30 2 * never comes"), "{}", report.line());
    let other = Wants { series: vec!["crm".into()], ..wants() };
    assert_eq!(check(&listed, &past, &other).remarks, [""; 0], "nobody asked about it");
}
