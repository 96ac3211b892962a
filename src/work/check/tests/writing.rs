//! What is being written while it is looked at.

use super::*;
use crate::telemetry::signals::attempt::Outcome;
use crate::work::history::samples::MINUTE;

const HOUR: i64 = 60 * MINUTE;

/// Proven ones of every night, and one of now that began and was last written to so long ago.
fn tonight(size: u64, began: i64, touched: i64) -> Vec<Lies> {
    let mut lies = whole(nightly("shop", 30, "2026-11-20 07:00"));
    let name = Moment(now().0 - began).minute();
    let digits = [&name[8..10], &name[5..7], &name[..4], &name[11..13], &name[14..16]].concat();
    let written = Moment(now().0 - touched);
    lies.push(Lies { key: format!("dbacked_shop_{digits}"), size, written, proof: None, inside: vec![] });
    lies
}

fn asked(lies: &[Lies], runs: &[Run], max_age: Option<Duration>) -> CheckReport {
    let listed = catalog(&[("nas", lies.to_vec())]);
    check(&listed, &history(&listed, runs, &[]), &Wants { max_age, ..wants() })
}

fn states(lies: &[Lies]) -> [State; 2] {
    [None, Some(HOURS_26)].map(|max_age| asked(lies, &[], max_age).state)
}

#[test]
fn what_is_being_written_says_nothing_yet() {
    for size in [0, 200_000, 2 << 20] {
        let lies = tonight(size, 2 * MINUTE, MINUTE);
        assert_eq!(states(&lies), [State::Ok; 2], "{size}");
        let report = asked(&lies, &[], None);
        let [shop] = &report.databases[..] else { panic!("{report:?}") };
        assert_eq!(shop.newest_at, Some(at("2026-11-20 07:00")));
        let told = "the one on nas of 2026-11-21 07:58 UTC is being written: the one before it counts";
        assert_eq!(shop.reasons, [told]);
        let listed = catalog(&[("nas", lies)]);
        let past = history(&listed, &[], &[]);
        let codes: Vec<_> =
            past.series[0].judgements.iter().filter(|it| it.stands()).map(|it| it.what.code()).collect();
        assert_eq!((codes, past.series[0].points.last().unwrap().outcome), (vec![], Outcome::Open));
    }
}

#[test]
fn an_upload_of_hours_makes_nothing_late_as_long_as_it_goes_on() {
    let lies = tonight(2 << 20, 5 * HOUR, MINUTE);
    assert_eq!(states(&lies), [State::Ok; 2]);
    let stopped = tonight(200_000, 5 * HOUR, 16 * MINUTE);
    assert_eq!(states(&stopped), [State::Critical; 2]);
    // The one before it was too old before this one began.
    let mut late = tonight(2 << 20, HOUR, MINUTE);
    late.remove(29);
    assert_eq!(states(&late), [State::Critical; 2]);
}

#[test]
fn what_was_cut_off_is_told_as_soon_as_nobody_writes_to_it() {
    for touched in [16 * MINUTE, HOUR, 5 * HOUR, -6 * MINUTE, -3 * HOUR] {
        let lies = tonight(200_000, HOUR, touched);
        let report = asked(&lies, &[], None);
        assert_eq!(report.state, State::Critical, "{touched} {}", report.words);
        assert_eq!(states(&tonight(0, HOUR, touched)), [State::Warning; 2], "{touched}");
    }
}

#[test]
fn what_somebody_says_is_complete_is_judged_at_once() {
    let mut lies = tonight(200_000, 12 * MINUTE, MINUTE);
    let key = lies[30].key.clone();
    let ended = leaving(run("shop", Moment(now().0 - 12 * MINUTE), RunState::Ok), "nas", &key);
    assert_eq!(asked(&lies, &[ended], None).state, State::Critical);
    let mut going = leaving(run("shop", Moment(now().0 - 12 * MINUTE), RunState::Unfinished), "nas", &key);
    going.ended = None;
    assert_eq!(asked(&lies, &[going], None).state, State::Ok);
    lies[30].proof = Some((VerdictOutcome::Damaged, Rung::Listed));
    let words = asked(&lies, &[], None).words;
    assert!(words.contains("is damaged or empty"), "{words}");
}

#[test]
fn copies_made_a_moment_ago_are_complete_and_so_is_what_is_as_large_as_usual() {
    let mut copied = tonight(3 << 20, HOUR, MINUTE);
    copied.iter_mut().for_each(|lies| lies.written = Moment(now().0 - MINUTE));
    let listed = Wants { min_trust: Rung::Listed, ..wants() };
    let report = checked(&[("nas", copied)], &listed);
    assert_eq!(report.databases[0].newest_at, Some(at("2026-11-21 07:00")));
    let as_usual = tonight(4 << 20, 2 * MINUTE, MINUTE);
    assert_eq!(checked(&[("nas", as_usual)], &listed).databases[0].newest_at, Some(at("2026-11-21 07:58")));
    let first = tonight(200_000, 2 * MINUTE, MINUTE).split_off(30);
    assert_eq!(checked(&[("nas", first)], &listed).state, State::Ok);
}

#[test]
fn a_dump_of_hours_is_no_more_late_than_usual() {
    let mut lies = whole(nightly("shop", 29, "2026-11-20 03:00"));
    lies.iter_mut().for_each(|lies| lies.written = Moment(lies.written.0 + 169 * MINUTE));
    let listed = catalog(&[("nas", lies)]);
    let at_time = |now: &str, rules: &[crate::disk::estate::SeriesRule]| {
        check(&listed, &history_at(&listed, &[], rules, at(now)), &Wants { max_age: None, ..wants() }).state
    };
    let by_cron = [rule("shop", "nas:*", &["shop"])];
    let states = ["2026-11-21 04:30", "2026-11-21 06:30", "2026-11-21 07:01"].map(|now| at_time(now, &by_cron));
    assert_eq!(states, [State::Ok, State::Ok, State::Critical]);
    let states = ["2026-11-21 06:00", "2026-11-21 08:00", "2026-11-21 08:30"].map(|now| at_time(now, &[]));
    assert_eq!(states, [State::Ok, State::Ok, State::Critical]);
}
