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
