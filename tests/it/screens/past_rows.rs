//! Rows of the History screen and of its runs: room for what is said, filters, trust, what has no spans, and
//! verifications beyond those that are read at first.

use std::sync::Arc;

use breakglass::model::foreign::Foreign;
use breakglass::model::judgement::{Judgement, Severity, What};
use breakglass::model::run::{Feed, RunState, Tool};
use breakglass::model::trust::Rung;
use breakglass::model::units::Moment;
use breakglass::tui::msg::Msg;
use breakglass::tui::past::{OlderChecks, PastNews};
use breakglass::work::history::waterfall::Waterfall;
use breakglass::work::history::{Checked, HistoryView, Kept, MoreChecks, Outcome, SeriesPast};

use super::flows::{SIZE, said};
use super::past::{history, one_run, view};
use super::stage::Stage;
use super::{pictures_of, sample};

const WIDE: (u16, u16) = (160, 45);
const HOUR: i64 = 3_600_000;

fn shown(stage: Stage, view: HistoryView) -> Stage {
    stage.send(Msg::Past(PastNews::View(Arc::new(view))))
}

/// The history with its shop told otherwise.
fn with_shop(size: (u16, u16), change: impl Fn(&mut SeriesPast)) -> Stage {
    let stage = history(size);
    let mut view = view(&stage.app.world);
    let shop = view.series.iter_mut().find(|series| series.label == "shop").unwrap();
    change(Arc::make_mut(shop));
    shown(stage, view)
}

fn of_shop(stage: Stage) -> Stage {
    stage.press("/").type_text("shop").press("enter enter")
}

#[test]
fn what_is_said_of_a_series_has_the_rows_that_the_list_leaves() {
    pictures_of("history_said", &[SIZE, WIDE], |size| history(size).press("N N"));
    let mut stage = history(SIZE).press("N N");
    let text = stage.text();
    assert!(text.contains(">x forum") && !text.contains(" more: d"), "{text}");
    assert!(text.contains("forum_archive") && text.contains("lie between runs"), "{text}");
    // A list that needs all rows leaves the three lines that were always there.
    let mut long = view(&stage.app.world);
    let one = long.series[1].clone();
    long.series = (0..40)
        .map(|nth| {
            let mut other = (*one).clone();
            other.key.name = Foreign::from(format!("forum{nth}"));
            Arc::new(other)
        })
        .collect();
    let mut stage = shown(stage, long);
    let text = stage.text();
    assert_eq!(text.lines().filter(|line| line.contains("failed 5 t")).count(), 12, "{text}");
    assert!(text.contains("2 more: d"), "{text}");
    let mut stage = stage.press("d");
    let text = stage.text();
    assert!(text.contains("> Said") && text.contains("forum_archive") && text.contains("lie between runs"), "{text}");
    stage = stage.press("y");
    let asked = "copy breakglass history --judgements --series 'offsite:forum0'";
    assert_eq!(stage.asked.last().unwrap(), asked);
}

#[test]
fn what_the_page_of_a_series_has_no_room_for_is_behind_a_key_there_too() {
    let mut stage = of_shop(history(SIZE));
    assert!(stage.text().contains("; 2 more: d"), "{}", stage.text());
    stage = stage.press("d");
    assert!(stage.text().contains("error running dump") && stage.text().contains("never came"), "{}", stage.text());
    let mut stage = stage.press("esc");
    assert!(stage.text().contains("STARTED UTC"), "{}", stage.text());
}

/// Everything but the newest 30 was pruned, and one of those was deleted.
fn pruned(series: &mut SeriesPast) {
    let count = series.points.len();
    for (nth, point) in series.points.iter_mut().enumerate() {
        point.kept = if nth + 30 < count || nth + 3 == count { Kept::Gone } else { point.kept };
    }
}

#[test]
fn what_was_pruned_in_its_time_is_not_worth_a_look_and_what_is_gone_before_it_is() {
    let mut stage = of_shop(with_shop(SIZE, pruned)).press("n");
    assert!(stage.text().lines().any(|line| line.starts_with(">! 2026-11-19")), "{}", stage.text());
    let stage = stage.press("n n");
    let mut stage = stage.press("G");
    assert!(stage.text().contains("gone") && !stage.text().contains("\n !"), "{}", stage.text());
}

#[test]
fn what_a_run_left_is_told_by_its_trust_and_one_thing_has_one_figure() {
    pictures_of("history_runs_trust", &[SIZE, WIDE], |size| of_shop(history(size)).press("down down"));
    let mut stage = of_shop(history(WIDE));
    let text = stage.text();
    let small = text.lines().find(|line| line.contains("2026-11-19 03:00")).unwrap();
    assert_eq!(small.matches("97% smaller").count(), 1, "{small}");
    assert!(small.contains("listed"), "{small}");
    // What is damaged or empty is no finding of the catalog, and stays.
    assert!(text.contains("empty object"), "{text}");
}

#[test]
fn runs_are_walked_through_from_one_that_is_worth_a_look_to_the_next() {
    let stage = of_shop(history(SIZE)).press("n");
    let mut stage = stage;
    assert!(stage.text().lines().any(|line| line.starts_with(">! 2026-11-19")), "{}", stage.text());
    stage = stage.press("n");
    assert!(stage.text().lines().any(|line| line.starts_with(">x 2026-11-14")), "{}", stage.text());
    stage = stage.press("N");
    assert!(stage.text().lines().any(|line| line.starts_with(">! 2026-11-19")), "{}", stage.text());
    assert_eq!(said(&stage.press("N")), "no more findings that way");
}

/// An empty object of which no run is known: nobody says that it failed but what is there.
fn emptied(series: &mut SeriesPast) {
    let point = series.points.iter_mut().rev().nth(4).unwrap();
    (point.bytes, point.outcome, point.state, point.run) = (Some(0), Outcome::Failed, None, None);
    point.kept = Kept::Bad;
    let (since, until) = (point.at, Some(point.at));
    let what = What::Failed { reason: Some(Foreign::from("empty object")) };
    series.judgements.push(Judgement { what, severity: Severity::Warning, since, until });
}

#[test]
fn a_filter_by_state_finds_what_strip_and_row_call_failed() {
    let mut stage = of_shop(with_shop(SIZE, emptied)).press("/").type_text("state:failed").press("enter");
    let text = stage.text();
    assert!(text.contains("2 of 90"), "{text}");
    assert!(text.contains("2026-11-17") && text.contains("2026-11-14"), "{text}");
    let mut stage = of_shop(with_shop(SIZE, emptied)).press("/").type_text("-state:failed state:no").press("enter");
    assert!(stage.text().contains("0 of 90"), "{}", stage.text());
}

#[test]
fn series_are_filtered_by_the_state_of_their_newest_attempt() {
    let mut stage = history(SIZE).press("/").type_text("state:failed");
    assert!(stage.text().contains("1 of 5") && stage.text().contains("forum"), "{}", stage.text());
    let mut stage = history(SIZE).press("/").type_text("state:late");
    assert!(stage.text().contains("1 of 5") && stage.text().contains("ledger"), "{}", stage.text());
    let mut stage = history(SIZE).press("/").type_text("state:ok -state:late");
    assert!(stage.text().contains("3 of 5"), "{}", stage.text());
    let mut stage = history(SIZE).press("/").type_text("says:smaller");
    assert!(stage.text().contains("0 of 5"), "what is over is not said: {}", stage.text());
}

#[test]
fn a_filter_word_that_means_nothing_is_said() {
    let typed = |text: &str| history(SIZE).press("/").type_text(text);
    let mut stage = typed("stat:failed");
    let wrong = "no token `stat:`; the nearest is `state:`";
    assert!(stage.text().contains(wrong), "while it is typed: {}", stage.text());
    let mut stage = stage.press("enter");
    assert!(stage.text().contains(wrong), "and behind that: {}", stage.text());
    let mut stage = typed("state:borken");
    assert!(stage.text().contains("no state `borken`: one of "), "{}", stage.text());
    for fine in ["state:fa", "state:", "says:nothing", "offsite:shop", "-db:shop", "shop"] {
        let mut stage = typed(fine);
        assert!(!stage.text().contains("no token") && !stage.text().contains("no state"), "{}", stage.text());
    }
    let mut stage = of_shop(history(SIZE)).press("/").type_text("target:nas").press("enter");
    assert!(stage.text().contains("no token `target:`; the nearest is `state:`"), "{}", stage.text());
    let mut stage = of_shop(history(SIZE)).press("/").type_text("state:gnoe");
    assert!(stage.text().contains("no state `gnoe`: one of "), "{}", stage.text());
    let mut stage = of_shop(history(SIZE)).press("/").type_text("03:00");
    assert!(stage.text().contains("90 of 90") && !stage.text().contains("no token"), "{}", stage.text());
}

/// The newest run of the shop as DBacked's metadata tells of it.
fn without_spans(size: (u16, u16), feed: Feed) -> Stage {
    let stage = of_shop(history(size)).press("enter");
    let mut run = one_run(&stage.app.world);
    (run.run.feed, run.run.tool, run.run.state) = (feed, Tool::Dbacked, RunState::Ok);
    run.run.objects.truncate(1);
    run.findings.clear();
    run.fall = Waterfall::default();
    stage.send(Msg::Past(PastNews::Run(Arc::new(run))))
}

#[test]
fn a_run_without_spans_says_why_it_has_none() {
    let metadata = |size| without_spans(size, Feed::DbackedMetadata);
    pictures_of("history_run_without_spans", &[SIZE, WIDE], metadata);
    let feeds = [
        (Feed::DbackedMetadata, "DBacked's metadata object"),
        (Feed::Logrus, "log lines"),
        (Feed::Otlp, "none of its spans is kept"),
    ];
    for (feed, why) in feeds {
        let mut stage = without_spans(SIZE, feed);
        let text = stage.text();
        assert!(text.contains("no spans: ") && text.contains(why), "{text}");
        assert!(text.contains(" left "), "{text}");
    }
}

fn check(nth: i64) -> Checked {
    let run = breakglass::model::run::RunId::of("check", &[&nth.to_le_bytes()]);
    Checked {
        at: Moment(sample::now().0 - nth * HOUR),
        took: Some(60_000),
        bytes: Some(4_540_000_000),
        state: RunState::Ok,
        reached: Some(Rung::Whole),
        said: None,
        run,
        backup: None,
        target: None,
    }
}

/// The shop with its newest 200 verifications, one every hour, of some more.
fn verified(series: &mut SeriesPast) {
    series.checks = (1..=200).rev().map(check).collect();
    let before = Some(series.checks[0].at);
    series.more_checks = MoreChecks { names: vec![Foreign::from("dbacked:shop@offsite")], before, own: false };
}

#[test]
fn older_verifications_are_asked_for_before_the_cursor_comes_to_them() {
    let mut stage = of_shop(with_shop(SIZE, verified));
    let count = stage.asked.len();
    for _ in 0..40 {
        stage = stage.press("pagedown");
    }
    let asked: Vec<String> = stage.asked.split_off(count);
    let oldest = check(200).at.minute();
    assert_eq!(asked[0], format!("verifications of offsite:shop before {oldest}"), "{asked:?}");
    assert_eq!(asked.iter().filter(|words| words.starts_with("verifications")).count(), 1, "{asked:?}");
    let key = view(&stage.app.world).series.iter().find(|it| it.label == "shop").unwrap().key.clone();
    let more = (201..=300).map(check).collect();
    let news = PastNews::Checks(OlderChecks { series: key, checks: more, before: None });
    let mut stage = stage.send(Msg::Past(news)).press("home").press("/").type_text("verified").press("enter");
    assert!(stage.text().contains("300 of "), "{}", stage.text());
    stage = stage.press("G");
    assert!(stage.text().contains(&check(300).at.minute()), "{}", stage.text());
    // A newer view has one more at its head and one less at its end: none is lost between the two.
    let mut newer = view(&stage.app.world);
    let shop = Arc::make_mut(newer.series.iter_mut().find(|series| series.label == "shop").unwrap());
    verified(shop);
    shop.checks.remove(0);
    shop.checks.push(Checked { at: sample::now(), ..check(1_000) });
    shop.more_checks.before = Some(shop.checks[0].at);
    let mut stage = shown(stage, newer);
    assert!(stage.text().contains("301 of "), "{}", stage.text());
    assert!(stage.text().contains(&check(300).at.minute()), "the cursor stays: {}", stage.text());
}

#[test]
fn the_last_line_is_only_the_last_when_all_verifications_are_read() {
    let stage = of_shop(with_shop(SIZE, verified)).press("/").type_text("state:damaged").press("enter");
    let mut stage = stage;
    assert!(stage.text().contains("Older ones may not be read yet: G reads them."), "{}", stage.text());
    let stage = stage.press("G");
    assert!(stage.asked.iter().any(|words| words.starts_with("verifications of offsite:shop")), "{:?}", stage.asked);
}
