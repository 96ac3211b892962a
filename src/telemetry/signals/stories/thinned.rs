//! What is comparable, and what a past that was thinned out still says.

use super::*;
use crate::model::backup::{Compression, Format};
use crate::model::seal::SealScheme;
use crate::telemetry::signals::attempt::{Like, Sealed};

#[test]
fn another_seal_is_no_growth_and_growth_under_one_seal_is() {
    let like = |seal| Like { series: Foreign::from("shop"), named_as: (Format::Databacker, Compression::Gzip), seal };
    let sealed = Sealed::By(SealScheme::Cms);
    // Sealed first and packed around it: six times as large, for the last nights.
    let nights = |nights: usize, factor: f64| {
        Story::nightly().each(move |nth, it| {
            let later = nth + nights >= NIGHTS;
            it.like = Some(like(if later { sealed } else { Sealed::No }));
            it.bytes = it.bytes.map(|bytes| if later { (bytes as f64 * factor) as u64 } else { bytes });
        })
    };
    assert_eq!(nights(5, 6.0).codes(), []);
    assert_eq!(nights(40, 6.0).codes(), []);
    assert_eq!(
        nights(40, 6.0).night(NIGHTS - 1, |it| it.bytes = Some(100_000_000_000)).standing(),
        [("grown", Severity::Warning)]
    );
    assert_eq!(
        nights(40, 6.0).night(NIGHTS - 1, |it| it.bytes = Some(4_000_000_000)).standing(),
        [("shrunk", Severity::Warning)]
    );
    assert_eq!(nights(1, 0.01).standing(), [("shrunk", Severity::Critical)], "no seal makes it that small");
    // Of the older ones nobody has looked at the bytes: they are taken for what follows them.
    let unseen = |factor: f64| {
        Story::nightly().each(move |nth, it| {
            it.like = Some(like(if nth + 3 < NIGHTS { Sealed::Unknown } else { sealed }));
            it.bytes = it.bytes.map(|bytes| if nth + 1 == NIGHTS { (bytes as f64 * factor) as u64 } else { bytes });
        })
    };
    assert_eq!(unseen(1.0).codes(), []);
    assert_eq!(unseen(6.0).standing(), [("grown", Severity::Warning)]);
    assert_eq!(unseen(0.5).standing(), [("shrunk", Severity::Warning)]);
}

#[test]
fn the_rhythm_of_a_thinned_past_is_that_of_its_newest_end() {
    // Daily for as many nights as are left of a week, then weekly, then monthly.
    let kept = |nth: usize, dense: usize| nth + dense >= NIGHTS || nth + 40 >= NIGHTS && nth % 7 == 5 || nth % 28 == 5;
    let thinned = |dense: usize| Story::nightly().without(|nth| !kept(nth, dense)).unplanned();
    for dense in 3..8 {
        let story = thinned(dense);
        assert_eq!(story.rhythm.word(), "daily", "{dense} newest nights");
        let late = |now| thinned(dense).now(now).standing().iter().any(|(code, _)| *code == "late");
        assert!(!late("2026-11-22 05:00"), "{dense}: two hours after it was due");
        assert!(late("2026-11-22 09:00"), "{dense}: six hours after it was due");
    }
    assert_ne!(thinned(2).rhythm.word(), "daily", "one gap is no habit");
    // A weekly series of which somebody made two more by hand is weekly still.
    let by_hand = || {
        let mut story = Story::nightly().without(|nth| nth % 7 != 4);
        story.attempts.push(night(500, at("2026-11-20 15:15")));
        story.attempts.push(night(501, at("2026-11-21 07:40")));
        story.unplanned()
    };
    assert_eq!(by_hand().rhythm.word(), "weekly");
    let minutes = |minutes: i64| {
        let mut story = Story::nightly().without(|nth| nth % 7 != 4);
        let newest = story.attempts[story.attempts.len() - 1].at;
        story.attempts.extend([1, 2].map(|nth| night(500, Moment(newest.0 + nth * minutes * MINUTE))));
        story.unplanned().rhythm.word()
    };
    assert_eq!([15, 20, 30].map(minutes), ["weekly"; 3], "nor is it one of minutes");
    assert!(!by_hand().now("2026-11-23 12:00").standing().iter().any(|(code, _)| *code == "late"));
    // And what was daily and comes every week now is not called thinned.
    let slower = Story::nightly().without(|nth| nth > 60 && nth % 7 != 5).unplanned();
    assert_eq!(slower.rhythm.word(), "daily", "most of what is known is daily");
}

#[test]
fn backups_by_hand_wake_nobody_before_the_older_gaps_are_over() {
    // Every Tuesday, and three on days in a row, so many hours after the last of those.
    let story = |gap: i64| {
        let mut story = Story::nightly().without(|nth| nth % 7 != 1 || nth > 80);
        let last = story.attempts[story.attempts.len() - 1].at;
        let by_hand = (0..3).map(|nth| night(500, Moment(last.0 + (gap + nth * 24) * HOUR)));
        story.attempts.extend(by_hand);
        story.unplanned()
    };
    let after = |gap: i64, hours: i64| {
        let mut story = story(gap);
        story.now = Moment(story.attempts[story.attempts.len() - 1].at.0 + hours * HOUR);
        story.standing().into_iter().find(|(code, _)| *code == "late").map(|(_, severity)| severity)
    };
    assert_eq!((after(51, 27), after(51, 80)), (None, None), "the gap before them is no multiple of a day");
    assert_eq!(after(48, 30), Some(Severity::Warning));
    assert_eq!(after(48, 100), Some(Severity::Warning), "three have not come, and two gaps alone say so");
    assert_eq!(after(48, 200), Some(Severity::Critical));
}

#[test]
fn a_new_habit_takes_days_and_not_only_a_few_backups() {
    // An hourly series that has lost most of its bytes so many hours ago.
    let hourly = |factor: f64, hours: usize| {
        let attempts = (0..480).map(|nth| {
            let mut it = night(nth, Moment(at("2026-11-01 03:00").0 + nth as i64 * HOUR));
            it.bytes = it.bytes.map(|bytes| if nth + hours >= 480 { (bytes as f64 * factor) as u64 } else { bytes });
            it
        });
        let attempts: Vec<Attempt> = attempts.collect();
        let now = Moment(attempts[479].at.0 + HOUR / 2);
        Story { attempts, now, ..Story::nightly() }.unplanned().standing()
    };
    for hours in [1, 4, 15, 48, 66] {
        assert_eq!(hourly(0.25, hours), [("shrunk", Severity::Warning)], "{hours} hours");
    }
    assert_eq!(hourly(0.25, 96), [], "four days are a habit");
    for hours in [4, 15, 96, 300] {
        assert_eq!(hourly(0.01, hours), [("shrunk", Severity::Critical)], "{hours} hours");
    }
    assert_eq!(hourly(0.01, 360), []);
    // Nightly ones by their nights.
    let nights = |count: usize| {
        let small = Story::nightly().each(move |nth, it| {
            if nth + count >= NIGHTS {
                it.bytes = it.bytes.map(|bytes| bytes / 4);
            }
        });
        small.standing()
    };
    assert_eq!(nights(3), [("shrunk", Severity::Warning)]);
    assert_eq!(nights(5), []);
}
