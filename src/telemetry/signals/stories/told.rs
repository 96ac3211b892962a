//! What runs say that left their backup nevertheless, and what single backups have said of them.

use super::*;

#[test]
fn runs_that_fail_after_they_made_a_backup_are_failures_of_which_nothing_is_missing() {
    let complaining = |nights: usize| {
        let mut story = Story::nightly();
        for attempt in story.attempts.iter_mut().rev().take(nights) {
            (attempt.complained, attempt.reason) = (true, Some(Foreign::from("no space left")));
        }
        story.standing()
    };
    assert_eq!(complaining(0), []);
    assert_eq!(complaining(2), [("failed", Severity::Warning)]);
    assert_eq!(complaining(3), [("repeated_failure", Severity::Warning)], "the backups are there");
}

#[test]
fn what_is_known_to_the_day_comes_neither_late_nor_too_early() {
    let mut story = Story::nightly();
    for attempt in &mut story.attempts {
        let end = attempt.at.0.div_euclid(DAY) * DAY + DAY - 10 * MINUTE;
        (attempt.at, attempt.at_is, attempt.ended) = (Moment(end.min(story.now.0)), AtIs::Day, None);
    }
    let judged: Vec<&str> = story.judged().iter().map(|judged| judged.what.code()).collect();
    assert!(!judged.iter().any(|code| matches!(*code, "came_late" | "missing" | "late")), "{judged:?}");
}

#[test]
fn each_strange_size_has_its_own_figures_and_all_of_them_are_one_that_lasts() {
    let mut story = Story::nightly();
    let usual = story.attempts[80].bytes.unwrap();
    for (nth, attempt) in story.attempts.iter_mut().rev().take(2).enumerate() {
        attempt.bytes = Some(if nth == 0 { usual / 2 } else { usual / 4 });
    }
    let (lasting, each) = judge(&story.past(), Moment(0));
    let bytes = |judged: &Judgement| match judged.what {
        What::Shrunk { bytes, .. } => Some(bytes),
        _ => None,
    };
    let times: Vec<(Moment, Option<u64>)> = each.iter().map(|judged| (judged.since, bytes(judged))).collect();
    let [.., before, last] = &story.attempts[..] else { panic!() };
    assert_eq!(times, [(before.at, Some(usual / 4)), (last.at, Some(usual / 2))]);
    let lasts: Vec<_> = lasting.iter().filter(|judged| bytes(judged).is_some()).collect();
    assert_eq!((lasts.len(), lasts[0].since, lasts[0].stands()), (1, before.at, true));
}

#[test]
fn a_database_that_vanished_is_missed_for_a_month() {
    let gone = |nights: usize| {
        let only = Some(vec![Foreign::from("shop")]);
        let story = Story::nightly().each(|nth, it| {
            if nth + nights >= NIGHTS {
                it.databases.clone_from(&only);
            }
        });
        story.standing()
    };
    assert_eq!(gone(29), [("database_vanished", Severity::Warning)]);
    assert_eq!(gone(33), [], "it was dropped");
}

#[test]
fn another_packing_makes_no_empty_dumps_a_habit_in_a_few_hours() {
    use crate::model::backup::{Compression, Format};
    use crate::telemetry::signals::attempt::{Like, Sealed};

    let hours = |empty: usize| {
        let mut story = Story::nightly();
        let like = |compression| Like {
            series: Foreign::from("shop"),
            named_as: (Format::Mysqldump, compression),
            seal: Sealed::No,
        };
        let hour = |nth: usize| {
            let made = night(nth, Moment(story.now.0 - (400 - nth as i64) * HOUR));
            let wrong = nth + empty >= 400;
            let compression = if wrong { Compression::Bzip2 } else { Compression::Gzip };
            Attempt { bytes: Some(if wrong { 300 } else { 4_000_000 }), like: Some(like(compression)), ..made }
        };
        story.attempts = (0..400).map(hour).collect();
        story.rhythm = Rhythm::Cron(Schedule::parse("0 * * * *", None).unwrap());
        story.standing()
    };
    assert_eq!(hours(0), []);
    assert_eq!(hours(5), [("shrunk", Severity::Critical)]);
    assert_eq!(hours(100), [("shrunk", Severity::Critical)]);
}

#[test]
fn sets_of_databases_that_alternate_are_the_habit_of_two_servers() {
    let nights = |second_until: usize| {
        let mut story = Story::nightly();
        let of = |name: &str| Some(vec![Foreign::from(name)]);
        let second = story.attempts.iter().take(second_until).map(|it| {
            let later = Moment(it.at.0 + 15 * MINUTE);
            Attempt { databases: of("crm"), ..night(500, later) }
        });
        let second: Vec<Attempt> = second.collect();
        story.attempts.iter_mut().for_each(|it| it.databases = of("shop"));
        story.attempts.extend(second);
        story.attempts.sort_by_key(|it| it.at);
        let codes = story.standing();
        codes.into_iter().filter(|(code, _)| *code == "database_vanished").collect::<Vec<_>>()
    };
    assert_eq!(nights(NIGHTS), []);
    assert_eq!(nights(NIGHTS - 1), [], "its turn is next");
    assert_eq!(nights(NIGHTS - 2), [("database_vanished", Severity::Warning)], "it did not come last night");
    assert_eq!(nights(NIGHTS - 10), [("database_vanished", Severity::Warning)]);
}
