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
