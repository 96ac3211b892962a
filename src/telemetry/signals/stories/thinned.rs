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
