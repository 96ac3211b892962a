//! Ninety days of one series, each story told so that it triggers a judgement, and so that it just does not.

use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, PruneFault, Severity, What};
use crate::model::retention::Keep;
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::{AtIs, Attempt, Belongs, Copy, LastGood, Outcome, Removal};
use crate::telemetry::signals::rhythm::{Habit, Rhythm, Schedule};
use crate::telemetry::signals::slots::{Fate, dense_from, slots};
use crate::telemetry::signals::{Past, judge, standing};

mod lengths;
mod thinned;
mod told;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NIGHTS: usize = 90;

fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

/// Some numbers between -1 and 1 that look like noise and are always the same.
fn noise(nth: usize) -> f64 {
    let mixed = (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as f64 / f64::from(1 << 23) - 1.0
}

struct Story {
    attempts: Vec<Attempt>,
    rhythm: Rhythm,
    removals: Vec<Removal>,
    keep: Option<Keep>,
    now: Moment,
}

impl Story {
    /// Every night at 03:00 UTC from 2026-08-24 to 2026-11-21, 4 GB in eleven minutes, all good; it is 08:00 now.
    fn nightly() -> Self {
        let first = at("2026-08-24 03:00");
        let attempts = (0..NIGHTS).map(|nth| night(nth, Moment(first.0 + nth as i64 * DAY)));
        let rhythm = Rhythm::Cron(Schedule::parse("0 3 * * *", Some("UTC")).unwrap());
        Self { attempts: attempts.collect(), rhythm, removals: vec![], keep: None, now: at("2026-11-21 08:00") }
    }

    /// The same without a pattern: the rhythm is what the nights show.
    fn unplanned(mut self) -> Self {
        let made = self.attempts.iter().filter(|attempt| attempt.made()).map(|attempt| attempt.at);
        self.rhythm = Habit::of(made.collect::<Vec<_>>().into_iter()).map_or(Rhythm::Unknown, Rhythm::Habit);
        self
    }

    fn dbacked(mut self, cron: &str) -> Self {
        self.rhythm = Rhythm::Dbacked(Schedule::parse(cron, None).unwrap());
        self
    }

    /// Without the backups of these nights, counted from the first.
    fn without(mut self, nights: impl Fn(usize) -> bool) -> Self {
        let mut nth = 0;
        self.attempts.retain(|_| {
            nth += 1;
            !nights(nth - 1)
        });
        self
    }

    fn each(mut self, change: impl Fn(usize, &mut Attempt)) -> Self {
        self.attempts.iter_mut().enumerate().for_each(|(nth, attempt)| change(nth, attempt));
        self
    }

    fn night(self, wanted: usize, change: impl Fn(&mut Attempt)) -> Self {
        self.each(|nth, attempt| {
            if nth == wanted {
                change(attempt)
            }
        })
    }

    fn now(mut self, text: &str) -> Self {
        self.now = at(text);
        self
    }

    fn past(&self) -> Past<'_> {
        Past {
            attempts: &self.attempts,
            rhythm: &self.rhythm,
            removals: &self.removals,
            keep: self.keep,
            good_within: 7 * DAY,
            dense_from: Moment(i64::MIN),
            now: self.now,
        }
    }

    fn judged(&self) -> Vec<Judgement> {
        judge(&self.past(), Moment(0)).0
    }

    /// All codes, and whether they stand.
    fn codes(&self) -> Vec<(&'static str, bool)> {
        self.judged().iter().map(|judged| (judged.what.code(), judged.stands())).collect()
    }

    fn standing(&self) -> Vec<(&'static str, Severity)> {
        standing(&self.past()).iter().map(|judged| (judged.what.code(), judged.severity)).collect()
    }
}

fn night(nth: usize, at: Moment) -> Attempt {
    let ended = Moment(at.0 + 11 * MINUTE + (noise(nth) * 30_000.0) as i64);
    Attempt {
        at,
        at_is: AtIs::Begin,
        ended: Some(ended),
        outcome: Outcome::Made,
        complained: false,
        reason: None,
        bytes: Some((4e9 * (1.0 + 0.01 * noise(nth + 1000))) as u64),
        databases: Some(["crm", "shop"].map(Foreign::from).to_vec()),
        written: Some(ended),
        copy: Copy::Good,
        like: None,
    }
}

fn fail(attempt: &mut Attempt) {
    attempt.outcome = Outcome::Failed;
    attempt.reason = Some(Foreign::from("error running dump: access denied"));
    (attempt.bytes, attempt.databases, attempt.written, attempt.copy) = (None, None, None, Copy::Unknown);
}

#[test]
fn ninety_good_nights_say_nothing() {
    assert_eq!(Story::nightly().codes(), []);
    assert_eq!(Story::nightly().unplanned().codes(), []);
    assert_eq!(Story::nightly().dbacked("0 3 * * *").codes(), []);
}

#[test]
fn a_backup_is_late_an_hour_after_its_cron_and_not_before() {
    let without_last = || Story::nightly().without(|nth| nth == NIGHTS - 1);
    assert_eq!(without_last().now("2026-11-21 04:00").standing(), []);
    assert_eq!(without_last().now("2026-11-21 04:01").standing(), [("late", Severity::Warning)]);
    let judged = &without_last().judged()[0];
    assert_eq!(
        judged.words(),
        "late by 5h00m: due 2026-11-21 03:00 UTC (daily, as its cron 0 3 * * * UTC says); the newest is of 2026-11-20 03:00"
    );
    assert_eq!(judged.short(), "late by 5h");
    assert_eq!(without_last().now("2026-11-23 04:01").standing()[0], ("late", Severity::Critical), "the third night");
    assert_eq!(without_last().now("2026-11-23 02:59").standing()[0], ("late", Severity::Warning), "only the second");
}

#[test]
fn dbacked_s_own_rule_notes_half_an_hour_and_is_critical_after_thirty_days() {
    let dbacked = || Story::nightly().without(|nth| nth == NIGHTS - 1).dbacked("0 3 * * *");
    assert_eq!(dbacked().now("2026-11-21 03:30").standing(), []);
    assert_eq!(dbacked().now("2026-11-21 03:31").standing(), [("late", Severity::Note)]);
    assert_eq!(dbacked().now("2026-11-21 04:00").standing(), [("late", Severity::Note)]);
    assert_eq!(dbacked().now("2026-11-21 04:01").standing(), [("late", Severity::Warning)]);
    let late = |now| dbacked().now(now).standing().iter().find(|(code, _)| *code == "late").copied();
    assert_eq!(late("2026-12-21 02:59"), Some(("late", Severity::Warning)));
    assert_eq!(late("2026-12-21 03:00"), Some(("late", Severity::Critical)));
}

#[test]
fn a_change_of_the_clock_makes_nothing_late_and_hides_nothing() {
    // 02:30 in Berlin through 25 October: 00:30 UTC before it, 01:30 UTC from the 26th on.
    let berlin = |moved: &str| {
        let mut story = Story::nightly();
        story.rhythm = Rhythm::Cron(Schedule::parse("30 2 * * *", Some("CET-1CEST,M3.5.0,M10.5.0/3")).unwrap());
        let moved = at(moved);
        story.each(move |_, attempt| {
            let time = if attempt.at < moved { 30 * MINUTE } else { HOUR + 30 * MINUTE };
            let by = time - 3 * HOUR;
            attempt.at = Moment(attempt.at.0 + by);
            attempt.ended = attempt.ended.map(|ended| Moment(ended.0 + by));
            attempt.written = attempt.ended;
        })
    };
    assert_eq!(berlin("2026-10-26").codes(), []);
    assert_eq!(berlin("2026-10-26").now("2026-11-22 02:30").standing(), [], "an hour after it is due");
    assert_eq!(berlin("2026-10-26").now("2026-11-22 02:31").standing(), [("late", Severity::Warning)]);
    // One that follows UTC instead is early by an hour, which is another night's slot.
    let codes = berlin("2027-01-01").codes();
    assert!(codes.contains(&("came_late", false)) || codes.contains(&("late", true)), "{codes:?}");
}

#[test]
fn without_a_cron_the_rhythm_is_what_the_past_shows() {
    let without_last = || Story::nightly().without(|nth| nth == NIGHTS - 1).unplanned();
    assert_eq!(without_last().now("2026-11-21 05:20").standing(), [], "a tenth of a day is no news");
    assert_eq!(without_last().now("2026-11-21 05:30").standing(), [("late", Severity::Warning)]);
    let words = without_last().now("2026-11-21 06:00").judged()[0].words();
    assert!(words.contains("daily, as the median of 60 gaps says"), "{words}");
    let few = Story::nightly().without(|nth| nth > 3).unplanned();
    assert_eq!(few.codes().iter().filter(|(code, _)| *code == "late").count(), 0, "three gaps are no habit");
}

#[test]
fn working_days_only_is_a_rhythm_too() {
    // 2026-08-24 is a Monday.
    let weekdays = || Story::nightly().without(|nth| nth % 7 >= 5).unplanned();
    assert_eq!(weekdays().now("2026-11-22 23:00").codes(), [], "a Sunday");
    let tuesday = || weekdays().now("2026-11-24 12:00");
    assert_eq!(tuesday().standing(), [("late", Severity::Critical)], "neither Monday nor Tuesday came");
}

#[test]
fn nights_that_never_came_are_missing_and_one_that_came_late_is_not() {
    let story = Story::nightly().without(|nth| (40..43).contains(&nth));
    let judged = story.judged();
    assert_eq!(judged.len(), 1);
    assert_eq!(judged[0].words(), "3 backups never came, due 2026-10-03 03:00 to 2026-10-05 03:00 UTC");
    assert_eq!(story.standing(), [], "what is over wakes nobody");
    assert_eq!(story.unplanned().codes(), [("missing", false)]);

    let moved = |by| {
        Story::nightly().night(40, move |attempt| {
            attempt.at = Moment(attempt.at.0 + by);
            attempt.ended = Some(Moment(attempt.at.0 + 11 * MINUTE));
            attempt.written = attempt.ended;
        })
    };
    assert_eq!(moved(5 * HOUR).codes(), [("came_late", false)]);
    assert_eq!(moved(5 * HOUR).judged()[0].short(), "came 5h late");
    assert_eq!(moved(HOUR).codes(), []);
}

#[test]
fn a_failed_night_is_failed_and_not_missing() {
    let story = Story::nightly().night(40, fail);
    assert_eq!(story.codes(), [("failed", false)]);
    let fates: Vec<Fate> = slots(&story.past(), Moment(0)).iter().map(|slot| slot.fate).collect();
    assert_eq!((fates.len(), fates[39], fates[40]), (NIGHTS, Fate::Kept, Fate::Failed));
    let words = story.judged()[0].words();
    assert_eq!(words, "the run of 2026-10-03 03:00 UTC failed: error running dump: access denied");
    let retried = |nth| Story::nightly().night(nth, fail).each(|_, _| {});
    let mut again = retried(40);
    again.attempts.insert(41, night(500, at("2026-10-03 03:40")));
    assert_eq!(again.codes(), [("failed", false)], "a retry does not undo it");
    assert_eq!(slots(&again.past(), Moment(0))[40].fate, Fate::Kept, "but the night has its backup");
}

#[test]
fn three_failures_in_a_row_are_repeated_and_two_are_not() {
    let last = |count| {
        Story::nightly().each(move |nth, attempt| {
            if nth >= NIGHTS - count {
                fail(attempt)
            }
        })
    };
    assert!(last(3).standing().contains(&("repeated_failure", Severity::Critical)), "{:?}", last(3).standing());
    let two = last(2).standing();
    assert!(two.contains(&("failed", Severity::Warning)) && !two.iter().any(|(code, _)| *code == "repeated_failure"));
    // With backups in between: four of the last ten.
    let nights = |failed: &'static [usize]| {
        Story::nightly().each(move |nth, attempt| {
            if failed.contains(&nth) {
                fail(attempt)
            }
        })
    };
    assert_eq!(nights(&[81, 83, 85, 87]).standing(), [("repeated_failure", Severity::Warning)]);
    assert_eq!(nights(&[83, 85, 87]).standing(), []);
}

#[test]
fn a_backup_beyond_its_habit_is_smaller_and_one_within_is_not() {
    let last = |factor: f64| Story::nightly().night(NIGHTS - 1, move |it| it.bytes = Some((4e9 * factor) as u64));
    assert_eq!(last(0.84).standing(), [("shrunk", Severity::Warning)]);
    assert_eq!(last(0.90).standing(), []);
    assert_eq!(last(0.03).standing(), [("shrunk", Severity::Critical)]);
    assert_eq!(last(0.03).judged()[0].short(), "97% smaller");
    // The same change in a series whose sizes always vary is its habit.
    let restless = Story::nightly().each(|nth, it| it.bytes = Some((4e9 * (1.0 + 0.2 * noise(nth))) as u64));
    assert_eq!(restless.night(NIGHTS - 1, |it| it.bytes = Some(3_360_000_000)).standing(), []);
}

#[test]
fn growth_is_a_trend_and_a_leap_is_news() {
    let growing = || Story::nightly().each(|nth, it| it.bytes = Some((1e9 * 1.02_f64.powi(nth as i32)) as u64));
    assert_eq!(growing().codes(), []);
    let leap =
        |factor: f64| growing().night(NIGHTS - 1, move |it| it.bytes = it.bytes.map(|b| (b as f64 * factor) as u64));
    assert_eq!(leap(1.3).standing(), [("grown", Severity::Note)]);
    assert_eq!(leap(5.0).standing(), [("grown", Severity::Warning)]);
    assert_eq!(leap(1.1).standing(), []);
    // Too young a series has no habit.
    let young = Story::nightly().without(|nth| nth < NIGHTS - 6).night(5, |it| it.bytes = Some(1000));
    assert!(!young.codes().iter().any(|(code, _)| *code == "shrunk"));
}

#[test]
fn a_run_is_slower_beside_its_own_pace_only() {
    let last = |minutes: i64| {
        Story::nightly().night(NIGHTS - 1, move |it| {
            it.ended = Some(Moment(it.at.0 + minutes * MINUTE));
            it.written = it.ended;
        })
    };
    assert_eq!(last(40).standing(), [("slower", Severity::Note)]);
    assert_eq!(last(40).judged()[0].short(), "3.6 times slower");
    assert_eq!(last(15).standing(), []);
    // Four times the bytes in four times the time is growth, not slowness.
    let more = last(44).night(NIGHTS - 1, |it| it.bytes = Some(16_000_000_000));
    assert_eq!(more.standing(), [("grown", Severity::Warning)]);
    let nights = |count: usize| {
        let slow = Story::nightly().each(move |nth, it| {
            if nth >= NIGHTS - count {
                it.ended = Some(Moment(it.at.0 + 40 * MINUTE));
            }
        });
        slow.each(|_, it| it.written = it.ended)
    };
    assert_eq!(nights(2).standing(), [("slower", Severity::Note)]);
    assert_eq!(nights(3).standing(), [("slower", Severity::Warning)], "a third night is no accident");
}

#[test]
fn databases_appear_and_vanish_and_come_back() {
    let from = |first: usize, names: &'static [&'static str]| {
        Story::nightly().each(move |nth, it| {
            if nth >= first {
                it.databases = Some(names.iter().map(|name| Foreign::from(*name)).collect());
            }
        })
    };
    let gone = from(80, &["crm"]);
    assert_eq!(gone.standing(), [("database_vanished", Severity::Warning)]);
    assert_eq!(gone.judged()[0].words(), "no longer in the backups: shop, which the 80 before it held");
    assert_eq!(from(80, &["audit", "crm", "shop"]).codes(), [("database_appeared", false)]);
    assert_eq!(from(80, &["crm", "shop"]).codes(), []);
    let back = Story::nightly().night(80, |it| it.databases = Some(vec![Foreign::from("crm")]));
    assert_eq!(back.codes(), [("database_vanished", false)], "it was back the next night");
    let unknown = Story::nightly().each(|nth, it| {
        if nth >= 80 {
            it.databases = None
        }
    });
    assert_eq!(unknown.codes(), [], "not known is not gone");
}

#[test]
fn clocks_that_disagree_are_found_by_what_the_target_says() {
    let ahead = |by: i64, nights: usize| {
        Story::nightly().each(move |nth, it| {
            if nth >= NIGHTS - nights {
                it.written = Some(Moment(it.at.0 - by));
            }
        })
    };
    assert_eq!(ahead(2 * HOUR, 5).standing(), [("clock_skew", Severity::Warning)]);
    let words = ahead(2 * HOUR, 5).judged()[0].words();
    assert!(words.contains("2h00m ahead of the target's, over 5 backups; a local time"), "{words}");
    assert_eq!(ahead(10 * MINUTE, 5).standing(), [("clock_skew", Severity::Note)]);
    assert_eq!(ahead(4 * MINUTE, 5).standing(), []);
    assert_eq!(ahead(10 * MINUTE, 1).standing(), [], "one alone may be an odd upload");
    let behind = |by: i64| Story::nightly().each(move |_, it| it.written = it.ended.map(|ended| Moment(ended.0 + by)));
    assert_eq!(behind(30 * MINUTE).standing(), [("clock_skew", Severity::Note)]);
    assert_eq!(behind(14 * MINUTE).standing(), [], "an upload goes on after the run");
    let future = |ahead: i64| {
        let mut story = Story::nightly();
        story.attempts.push(Attempt { written: None, ..night(90, Moment(story.now.0 + ahead)) });
        story
    };
    assert_eq!(future(10 * MINUTE).standing(), [("clock_skew", Severity::Note)]);
    assert_eq!(future(4 * MINUTE).standing(), []);
}

#[test]
fn prunes_are_held_to_their_own_rule() {
    let removal = |days_old: i64| Removal {
        at: at("2026-11-21 03:12"),
        name: Foreign::from("db_backup_x.tgz"),
        taken: Some(Moment(at("2026-11-21 03:12").0 - days_old * DAY)),
        belongs: Belongs::Here,
        newer: 30,
        older_kept: 0,
        last_good: LastGood::No,
    };
    let story = |removal: Removal, keep: &str| {
        let keep = crate::model::retention::Retention::parse(keep).map(|rule| rule.keep());
        Story { removals: vec![removal], keep, ..Story::nightly() }
    };
    let fault = |story: &Story| match &story.judged()[..] {
        [] => None,
        [Judgement { what: What::PrunedWrongly { fault, .. }, .. }] => Some(*fault),
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&story(removal(29), "30d")), Some(PruneFault::TooYoung));
    assert_eq!(fault(&story(removal(30), "30d")), None);
    assert_eq!(fault(&story(removal(9), "31c")), Some(PruneFault::AmongTheNewest));
    assert_eq!(fault(&story(removal(9), "30c")), None);
    let odd = Removal { older_kept: 3, ..removal(40) };
    assert_eq!(fault(&story(odd.clone(), "")), Some(PruneFault::OlderWasKept));
    assert_eq!(fault(&story(Removal { older_kept: 0, ..odd }, "")), None);
    let foreign = Removal { belongs: Belongs::Elsewhere, ..removal(40) };
    assert_eq!(fault(&story(foreign, "30d")), Some(PruneFault::OfAnotherSeries));
    let last = story(Removal { last_good: LastGood::Yes, ..removal(40) }, "30d");
    assert_eq!((fault(&last), last.standing()[0].1), (Some(PruneFault::LastGoodCopy), Severity::Critical));
    assert_eq!(last.now("2026-11-29 04:00").standing().iter().filter(|(code, _)| *code == "pruned_wrongly").count(), 0);
}

#[test]
fn a_week_without_a_good_backup_is_said_and_a_month_is_critical() {
    let good_until = |last: usize| {
        Story::nightly().each(move |nth, it| it.copy = if nth <= last { Copy::Good } else { Copy::Listed })
    };
    assert_eq!(good_until(NIGHTS - 7).standing(), [], "six days and five hours");
    assert_eq!(good_until(NIGHTS - 8).standing(), [("no_good_backup", Severity::Warning)]);
    assert_eq!(good_until(NIGHTS - 31).standing(), [("no_good_backup", Severity::Critical)]);
    let never = Story::nightly().each(|_, it| it.copy = Copy::Listed);
    assert_eq!(never.standing(), [("no_good_backup", Severity::Critical)]);
    // No copy is older than the next one is due.
    let monthly = |now: &str| {
        let mut story = Story::nightly().now(now);
        story.rhythm = Rhythm::Cron(Schedule::parse("0 3 1 * *", None).unwrap());
        let first = |text: &str| night(1, at(text));
        story.attempts = ["2026-09-01 03:00", "2026-10-01 03:00", "2026-11-01 03:00"].map(first).to_vec();
        story.standing()
    };
    assert_eq!(monthly("2026-12-01 03:59"), []);
    let codes: Vec<_> = monthly("2026-12-03 03:00").iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["no_good_backup", "late"]);
    assert_eq!(never.judged()[0].short(), "none known good");
}

#[test]
fn what_was_thinned_out_is_not_missing_and_an_outage_is() {
    let thinned = || Story::nightly().without(|nth| nth < 60 && nth % 7 != 6);
    let dense = |story: &Story| dense_from(&story.past());
    assert_eq!(dense(&thinned()), at("2026-10-23 03:00"), "from where on every night is there");
    let past = |story: &Story| judge(&Past { dense_from: dense(story), ..story.past() }, Moment(0)).0.len();
    assert_eq!(past(&thinned()), 0);
    let outage = Story::nightly().without(|nth| (40..47).contains(&nth));
    assert_eq!((dense(&outage), past(&outage)), (Moment(i64::MIN), 1));
}

proptest::proptest! {
    #[test]
    fn no_past_makes_judging_panic(
        nights in proptest::collection::vec((proptest::num::i64::ANY, 0_u8..3, proptest::option::of(0_u64..5), proptest::option::of(proptest::num::i64::ANY)), 0..60),
        now in proptest::num::i64::ANY,
        cron in proptest::bool::ANY,
    ) {
        let outcome = |nth| [Outcome::Made, Outcome::Failed, Outcome::Open][usize::from(nth)];
        let mut attempts: Vec<Attempt> = nights
            .iter()
            .map(|(at, how, bytes, ended)| Attempt { outcome: outcome(*how), bytes: *bytes, ended: ended.map(Moment), ..night(0, Moment(*at / 2)) })
            .collect();
        attempts.sort_by_key(|attempt| attempt.at);
        let mut story = Story { attempts, now: Moment(now), ..Story::nightly() };
        if !cron {
            story = story.unplanned();
        }
        let all = story.judged();
        for judged in &all {
            judged.words();
            judged.short();
        }
        proptest::prop_assert!(standing(&story.past()).iter().all(Judgement::stands));
    }
}
