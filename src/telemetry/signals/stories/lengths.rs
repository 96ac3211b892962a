//! How long backups take, and when that makes them late.

use super::*;

#[test]
fn a_long_dump_is_not_late_while_it_usually_runs() {
    let long = |hours: i64| {
        move |nth: usize, it: &mut Attempt| {
            let end = Moment(it.at.0 + hours * HOUR + (noise(nth) * 60_000.0) as i64);
            (it.written, it.ended) = (Some(end), if nth.is_multiple_of(2) { None } else { Some(end) });
        }
    };
    let tonight = |now: &str| Story::nightly().each(long(3)).without(|nth| nth + 1 == NIGHTS).now(now);
    for rhythm in ["cron", "habit", "dbacked"] {
        let codes = |now: &str| {
            let story = match rhythm {
                "habit" => tonight(now).unplanned(),
                "dbacked" => tonight(now).dbacked("0 3 * * *"),
                _ => tonight(now),
            };
            story.standing().iter().map(|(code, _)| *code).collect::<Vec<_>>()
        };
        assert_eq!([codes("2026-11-21 04:30"), codes("2026-11-21 05:59")], [vec![""; 0], vec![]], "{rhythm}");
        let over = if rhythm == "habit" { "2026-11-21 08:30" } else { "2026-11-21 07:02" };
        assert_eq!(codes(over), ["late"], "{rhythm}");
    }
    // What began late was late, however long it takes.
    let late = Story::nightly().each(long(3)).night(50, |it| it.at = Moment(it.at.0 + 2 * HOUR));
    assert_eq!(late.codes(), [("came_late", false)]);
    // Copied at once, or long after: nobody knows how long it took.
    let copied = Story::nightly().each(|_, it| (it.written, it.ended) = (Some(at("2026-11-21 02:00")), None));
    assert_eq!(
        copied.without(|nth| nth + 1 == NIGHTS).now("2026-11-21 04:01").standing(),
        [("late", Severity::Warning)]
    );
}

#[test]
fn the_end_of_a_long_dump_is_not_late_where_only_its_end_is_known() {
    let story = Story::nightly().each(|_, it| {
        it.at = Moment(it.at.0 + 3 * HOUR);
        (it.at_is, it.ended) = (AtIs::End, None);
        it.written = Some(it.at);
    });
    assert_eq!(story.codes(), []);
    assert_eq!(story.now("2026-11-22 06:59").standing(), []);
}

#[test]
fn two_outages_with_one_backup_between_them_are_no_thinning() {
    let gone = |nth: usize| (40..46).contains(&nth) || (47..53).contains(&nth);
    let story = Story::nightly().without(gone);
    let mut past = story.past();
    past.dense_from = dense_from(&past);
    let codes: Vec<_> = judge(&past, Moment(0)).0.iter().map(|judged| judged.what.code()).collect();
    assert_eq!(codes, ["missing", "missing"]);
    // Thinned to every seventh: what lies in between was there once.
    let story = Story::nightly().without(|nth| nth < NIGHTS - 14 && nth % 7 != 0);
    let mut past = story.past();
    past.dense_from = dense_from(&past);
    assert_eq!(judge(&past, Moment(0)).0, []);
}

#[test]
fn a_schedule_that_was_made_rarer_wakes_nobody_once_three_gaps_say_so() {
    let story = |weeks: i64, days: i64| {
        let mut story = Story::nightly();
        let last = story.attempts.last().unwrap().clone();
        let later = (1..=weeks).map(|week| Attempt {
            at: Moment(last.at.0 + week * 7 * DAY),
            ended: None,
            written: None,
            ..last.clone()
        });
        story.attempts.extend(later);
        story.now = Moment(story.attempts.last().unwrap().at.0 + days * DAY);
        story.unplanned()
    };
    let late = |weeks, days| story(weeks, days).standing().into_iter().find(|(code, _)| *code == "late");
    assert_eq!(late(2, 4), Some(("late", Severity::Critical)));
    assert_eq!(late(3, 4), Some(("late", Severity::Warning)));
    assert_eq!(late(3, 9), Some(("late", Severity::Critical)), "nor has the next of those come");
    let words = |days| story(2, days).judged().iter().find(|it| it.what.code() == "late").unwrap().words();
    assert!(words(4).contains("gaps says; if that was changed: cron in [series.NAME])"), "{}", words(4));
}
