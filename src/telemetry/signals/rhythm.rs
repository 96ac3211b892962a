//! When backups are due: by a cron pattern in its time zone, or by the habit that the past shows.

use std::time::Duration;

use croner::parser::{CronParser, Seconds};
use croner::{Cron, Direction};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::model::foreign::escape;
use crate::model::units::{Moment, short_span};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Firings of one pattern that are looked at, at most.
const FIRINGS: usize = 20_000;
/// Firings that say how far apart those of a pattern are: if the first few of them are not alike.
const LOOKED_AT: usize = 61;
const EVEN: usize = 6;
const YEAR: i64 = 400 * DAY;
/// Gaps that say what the habit is: the newest ones.
const GAPS: usize = 60;
/// Backups among which bursts are looked for, at most, and for how long.
const LOOKED_AT_FOR_BURSTS: usize = 5_000;
const LATELY: i64 = 14 * DAY;
/// In a burst gaps are shorter than usual by more than this.
const BURST: i64 = 20;
/// Fewer short gaps than this say little among the others.
const LEAST_OF_BURST: usize = 10;
/// Fewer gaps are no habit.
const ENOUGH: usize = 4;
/// Fewer of them are none before gaps that show what was thinned out.
const FEW: usize = 2;
/// So many alike may be what somebody changed the schedule to.
const CHANGED: usize = 3;
/// Nobody thins out to one in more than so many at once: hours to days, days to months.
const LEAP: i64 = 32;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RhythmError {
    /// The pattern.
    #[error("{0} is no cron pattern")]
    Pattern(String),
    /// It can be read and never comes.
    #[error("{0} never comes")]
    Never(String),
    /// The zone.
    #[error("{0} is no time zone that this machine knows")]
    Zone(String),
}

/// A cron pattern in a time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    text: String,
    zone_name: String,
    period: i64,
}

impl Schedule {
    /// Reads five fields, or six with the seconds in front; `None` as zone is UTC.
    ///
    /// # Errors
    ///
    /// What of it cannot be read. A pattern of a day that no year has is refused before it is searched for.
    pub fn parse(pattern: &str, zone: Option<&str>) -> Result<Self, RhythmError> {
        let bad = || RhythmError::Pattern(escape(pattern));
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        let [.., _, day, month, _] = fields[..] else { return Err(bad()) };
        if !(5..=6).contains(&fields.len()) || pattern.len() > 200 {
            return Err(bad());
        }
        let cron = CronParser::builder().seconds(Seconds::Optional).build().parse(pattern).map_err(|_| bad())?;
        if never(day, month) {
            return Err(RhythmError::Never(escape(pattern)));
        }
        let zone_words = zone.unwrap_or("UTC");
        let zone = match zone {
            None | Some("UTC") => TimeZone::UTC,
            // Also as POSIX writes them: a machine without zone data knows no names.
            Some(name) => {
                let named = TimeZone::get(name).or_else(|_| TimeZone::posix(name));
                named.map_err(|_| RhythmError::Zone(escape(name)))?
            }
        };
        let zone_name = escape(zone_words);
        let mut made = Self { cron, zone, text: pattern.to_owned(), zone_name, period: DAY };
        made.period = made.usual_gap().ok_or_else(|| RhythmError::Never(escape(pattern)))?;
        Ok(made)
    }

    /// The gap between most of its firings; where none is that of most, or most stand together and then a long one
    /// follows, what they are on average. `None` for what never comes twice.
    fn usual_gap(&self) -> Option<i64> {
        let mut firings = vec![self.next(Moment(1_767_225_600_000))?]; // 2026-01-01: any day, away from changes of the clock
        let gaps = |firings: &[Moment]| firings.windows(2).map(|two| two[1].0 - two[0].0).collect::<Vec<i64>>();
        while let Some(next) = firings.last().and_then(|last| self.next(*last)) {
            firings.push(next);
            let even = firings.len() == EVEN && gaps(&firings).windows(2).all(|two| two[0] == two[1]);
            if even || firings.len() == LOOKED_AT || next.0 - firings[0].0 > YEAR {
                break;
            }
        }
        let mut gaps = gaps(&firings);
        gaps.sort_unstable();
        let median = *gaps.get(gaps.len() / 2)?;
        let mean = gaps.iter().sum::<i64>() / gaps.len() as i64;
        let alike = gaps.iter().filter(|gap| (**gap - median).abs() <= median / 10).count();
        Some(if alike * 2 > gaps.len() && median >= mean / 4 { median } else { mean }.max(MINUTE))
    }

    /// The pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.text
    }

    /// The newest firing at or before a time.
    pub fn previous(&self, at: Moment) -> Option<Moment> {
        let zoned = self.zoned(at)?;
        self.cron.find_previous_occurrence(&zoned, true).ok().map(|found| moment(&found))
    }

    /// The first firing after a time.
    pub fn next(&self, at: Moment) -> Option<Moment> {
        let zoned = self.zoned(at)?;
        self.cron.find_next_occurrence(&zoned, false).ok().map(|found| moment(&found))
    }

    /// The firings from `from` up to and with `to`, oldest first; the newest ones where there are too many.
    pub fn firings(&self, from: Moment, to: Moment) -> Vec<Moment> {
        let Some(zoned) = self.zoned(to) else { return vec![] };
        let newest_first = self.cron.iter_from(zoned, Direction::Backward).map(|found| moment(&found));
        let mut found: Vec<Moment> = newest_first.take_while(|at| *at >= from).take(FIRINGS).collect();
        found.reverse();
        found
    }

    /// The time at which clocks of its zone show what `wall` is in UTC; of two the first one.
    pub fn of_wall(&self, wall: Moment) -> Moment {
        let Ok(stamp) = Timestamp::from_millisecond(wall.0) else { return wall };
        let civil = stamp.to_zoned(TimeZone::UTC).datetime();
        let zoned = self.zone.to_ambiguous_zoned(civil).compatible();
        zoned.map_or(wall, |zoned| moment(&zoned))
    }

    fn zoned(&self, at: Moment) -> Option<jiff::Zoned> {
        // Whole seconds: a pattern knows no parts of them.
        let stamp = Timestamp::from_second(at.0.div_euclid(1000)).ok()?;
        Some(stamp.to_zoned(self.zone.clone()))
    }
}

fn moment(zoned: &jiff::Zoned) -> Moment {
    Moment(zoned.timestamp().as_millisecond())
}

/// Whether plain numbers name a day that none of the plainly named months has, such as 30 February.
fn never(day: &str, month: &str) -> bool {
    let numbers = |field: &str| field.split(',').map(|part| part.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
    let longest = |month: &u8| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (numbers(day), numbers(month)) {
        (Some(days), Some(months)) => days.iter().all(|day| months.iter().all(|month| *day > longest(month))),
        _ => false,
    }
}

/// What the past shows where no pattern is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habit {
    /// The median of the gaps between backups, in milliseconds.
    pub every: i64,
    /// The longest gap that is still no news.
    pub longest: i64,
    /// The longest gap that is still no reason to wake anybody: where few gaps say what is usual, that of the older ones.
    pub bearable: i64,
    /// How many gaps say so.
    pub over: u32,
}

impl Habit {
    /// From the times of backups, oldest first; `None` where they are too few.
    ///
    /// A gap is news when it is longer than five in six of the others by a tenth, an hour, or four times their
    /// usual spread, whichever is most: so the weekends of a series of working days are none.
    pub fn of(times: impl DoubleEndedIterator<Item = Moment>) -> Option<Self> {
        let mut gaps = without_bursts(times);
        if gaps.len() < ENOUGH {
            return None;
        }
        let newest: Vec<i64> = gaps.iter().take(CHANGED).copied().collect();
        let few = few(&gaps);
        let before = few.and_then(|count| gaps[count..].iter().take(FEW).max().copied()).unwrap_or_default();
        gaps.truncate(few.unwrap_or_else(|| dense(&gaps)));
        gaps.sort_unstable();
        let every = gaps[gaps.len() / 2];
        let usual = gaps[(gaps.len() * 17 / 20).min(gaps.len() - 1)];
        // One long gap among few is no habit yet.
        let usual = if gaps.len() < 10 { every } else { usual };
        let mut off: Vec<i64> = gaps.iter().map(|gap| (gap - every).abs()).collect();
        off.sort_unstable();
        let spread = off[off.len() / 2].saturating_mul(4);
        let longest = usual.saturating_add((usual / 10).max(HOUR).max(spread));
        let bearable = longest.max(stretched(before)).max(stretched(rarer(&newest, every).unwrap_or_default()));
        Some(Self { every, longest, bearable, over: u32::try_from(gaps.len()).unwrap_or(u32::MAX) })
    }
}

/// The gap of a schedule that somebody seems to have made rarer: the newest ones are alike, and some times as long as it
/// was usual.
fn rarer(newest: &[i64], every: i64) -> Option<i64> {
    let first = *newest.first()?;
    let alike = newest.len() == CHANGED && newest.iter().all(|gap| (gap - first).abs() <= first / 10);
    (alike && first >= every.saturating_mul(9) / 5).then_some(first)
}

/// How long a gap may be that is to be as long as another.
fn stretched(gap: i64) -> i64 {
    gap.saturating_add((gap / 10).max(HOUR))
}

/// What is known of the gaps between too few backups for a habit: the middle one and the longest, each with what it may
/// be longer. `None` for fewer than two backups. `times` is oldest first.
pub fn sparse(times: impl Iterator<Item = Moment>) -> Option<(i64, i64)> {
    let times: Vec<Moment> = times.collect();
    let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect();
    gaps.retain(|gap| *gap >= MINUTE);
    gaps.sort_unstable();
    Some((stretched(*gaps.get(gaps.len() / 2)?), stretched(*gaps.last()?)))
}

/// How many of the newest gaps are left of a series that is thinned out soon: a few that are alike, before gaps nearly
/// all of which are whole multiples of them, so that their ends fall on the same times of the day. Extra backups that
/// somebody made by hand fall on others. `gaps` is newest first.
fn few(gaps: &[i64]) -> Option<usize> {
    let first = *gaps.first()?;
    let alike = |gap: &&i64| (**gap - first).abs() <= first / 10;
    let count = gaps.iter().take_while(alike).count();
    let (newer, older) = gaps.split_at(count);
    let every = newer.iter().sum::<i64>() / newer.len().max(1) as i64;
    let off = |gap: i64| (gap - (gap + every / 2) / every * every).abs();
    let thinned = |gap: &&i64| **gap >= every * 9 / 5 && off(**gap) <= (every / 10).min(90 * MINUTE);
    let kept = older.iter().filter(thinned).count();
    // The one next to them, above all: what was made by hand begins at any hour.
    let begins = older.first().is_some_and(|gap| thinned(&gap));
    let near = older.iter().any(|gap| *gap <= every.saturating_mul(LEAP));
    ((FEW..ENOUGH).contains(&count) && older.len() >= FEW && begins && near && kept * 8 >= older.len() * 7)
        .then_some(count)
}

/// How many of the newest gaps come before those of backups that have been thinned out to every few of them: nearly all
/// of which are much longer than what was usual since. `gaps` is newest first.
fn dense(gaps: &[i64]) -> usize {
    let thinned = |cut: &usize| {
        let (newer, older) = gaps.split_at(*cut);
        let mut newer = newer.to_vec();
        newer.sort_unstable();
        let long = newer[newer.len() / 2].saturating_mul(9) / 5;
        older.iter().filter(|gap| **gap < long).count() * 8 <= older.len()
    };
    (ENOUGH..gaps.len()).find(thinned).unwrap_or(gaps.len())
}

/// The newest gaps, newest first, without those inside of bursts: dozens of backups within an hour, on a few days among
/// many, make no rhythm of their own.
fn without_bursts(times: impl DoubleEndedIterator<Item = Moment>) -> Vec<i64> {
    let newest: Vec<Moment> = times.rev().take(LOOKED_AT_FOR_BURSTS).collect();
    let ends = newest.windows(2).map(|pair| (pair[0], pair[0].0.saturating_sub(pair[1].0)));
    let mut gaps: Vec<(Moment, i64)> = ends.filter(|(_, gap)| *gap >= MINUTE).collect();
    let Some((last, _)) = gaps.first().copied() else { return vec![] };
    let lately = gaps.partition_point(|(end, _)| last.0.saturating_sub(end.0) < LATELY).max(GAPS.min(gaps.len()));
    let usual = by_time(&gaps[..lately]);
    let least = (usual / BURST).min(DAY / 3);
    let (short, others): (Vec<_>, Vec<_>) = gaps[..lately].iter().partition(|(_, gap)| *gap < least);
    let days = |gaps: Vec<(Moment, i64)>| {
        let mut days: Vec<i64> = gaps.iter().map(|(end, _)| end.0 / DAY).collect();
        days.dedup();
        days.len()
    };
    let (count, of_bursts, others) = (short.len(), days(short), days(others));
    // Frequent ones that go on for longer are the newest end of a past that is thinned out.
    let newest: i64 = gaps.iter().map(|(_, gap)| *gap).take_while(|gap| *gap < least).sum();
    if count >= LEAST_OF_BURST && of_bursts * 3 <= others && newest < usual / 2 {
        gaps.retain(|(_, gap)| *gap >= least);
    }
    gaps.truncate(GAPS);
    gaps.into_iter().map(|(_, gap)| gap).collect()
}

/// The gap in which the middle of all the time lies.
fn by_time(gaps: &[(Moment, i64)]) -> i64 {
    let mut gaps: Vec<i64> = gaps.iter().map(|(_, gap)| *gap).collect();
    gaps.sort_unstable();
    let half = gaps.iter().fold(0_i64, |sum, gap| sum.saturating_add(*gap)) / 2;
    let mut before = 0_i64;
    let middle = gaps.iter().find(|gap| {
        before = before.saturating_add(**gap);
        before >= half
    });
    middle.copied().unwrap_or_default()
}

/// When backups of a series are due.
#[derive(Debug, Clone, Default)]
pub enum Rhythm {
    /// By a pattern that somebody wrote down.
    Cron(Schedule),
    /// By DBacked's own: a pattern in UTC, and its grace.
    Dbacked(Schedule),
    /// By what the past shows.
    Habit(Habit),
    /// Too little is known.
    #[default]
    Unknown,
}

impl Rhythm {
    /// Its pattern, where it has one.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Cron(schedule) | Self::Dbacked(schedule) => Some(schedule),
            Self::Habit(_) | Self::Unknown => None,
        }
    }

    /// Milliseconds between two backups; `None` where nothing is known.
    pub fn period(&self) -> Option<i64> {
        match self {
            Self::Cron(schedule) | Self::Dbacked(schedule) => Some(schedule.period),
            Self::Habit(habit) => Some(habit.every),
            Self::Unknown => None,
        }
    }

    /// How long after it is due a backup becomes late.
    pub fn grace(&self) -> i64 {
        match self {
            Self::Cron(schedule) => (schedule.period / 2).clamp(10 * MINUTE, HOUR),
            Self::Dbacked(_) => HOUR,
            Self::Habit(habit) => habit.longest.saturating_sub(habit.every),
            Self::Unknown => DAY,
        }
    }

    /// `daily`, `hourly`, `every 6h`.
    pub fn word(&self) -> String {
        let Some(period) = self.period() else { return "unknown".to_owned() };
        let near = |wanted: i64| (period - wanted).abs() <= wanted / 12;
        match () {
            () if near(HOUR) => "hourly".to_owned(),
            () if near(DAY) => "daily".to_owned(),
            () if near(7 * DAY) => "weekly".to_owned(),
            () if near(30 * DAY) => "monthly".to_owned(),
            () => format!("every {}", short_span(Duration::from_millis(period.unsigned_abs()))),
        }
    }

    /// The same with what it is known from: `daily, as its cron 0 3 * * * says`.
    pub fn words(&self) -> String {
        match self {
            Self::Cron(schedule) => {
                let zone = &schedule.zone_name;
                format!("{}, as its cron {} {zone} says", self.word(), escape(schedule.pattern()))
            }
            Self::Dbacked(schedule) => format!("{}, as DBacked's {} UTC says", self.word(), escape(schedule.pattern())),
            Self::Habit(habit) => format!("{}, as the median of {} gaps says", self.word(), habit.over),
            Self::Unknown => "no rhythm known yet".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As machines without zone data can be told it.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn firings_follow_the_clock_of_their_zone_through_both_changes() {
        let berlin = Schedule::parse("30 2 * * *", Some(BERLIN)).unwrap();
        let shown = |from, to| berlin.firings(at(from), at(to)).iter().map(|at| at.minute()).collect::<Vec<_>>();
        // 02:30 does not exist on 29 March: the first moment that does is 03:00 local, 01:00 UTC.
        let spring = ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"];
        assert_eq!(shown("2026-03-28", "2026-03-31"), spring);
        // It exists twice on 25 October: the first one counts.
        let autumn = ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"];
        assert_eq!(shown("2026-10-24", "2026-10-27"), autumn);
        assert_eq!(berlin.previous(at("2026-10-25 01:45")), Some(at("2026-10-25 00:30")));
        assert_eq!(berlin.next(at("2026-10-25 01:45")), Some(at("2026-10-26 01:30")));
    }

    #[test]
    fn patterns_that_cannot_be_used_are_refused_at_once() {
        for wrong in ["", "0 3 * *", "nightly", "61 3 * * *", "0 0 3 * * * *", "a b c d e", "0 3 * * * ; rm"] {
            assert!(matches!(Schedule::parse(wrong, None), Err(RhythmError::Pattern(_))), "{wrong}");
        }
        for never in ["0 0 30 2 *", "0 0 31 2,4,6 *"] {
            assert!(matches!(Schedule::parse(never, None), Err(RhythmError::Never(_))), "{never}");
        }
        assert!(matches!(Schedule::parse("0 3 * * *", Some("Mars/Base")), Err(RhythmError::Zone(_))));
        assert!(Schedule::parse("0 0 29 2 *", None).is_ok(), "every four years is a rhythm too");
        assert!(Schedule::parse("15 0 3 * * *", None).is_ok(), "DBacked takes seconds");
    }

    #[test]
    fn rhythms_are_named_as_people_name_them() {
        let word = |cron| Rhythm::Cron(Schedule::parse(cron, None).unwrap()).word();
        assert_eq!(
            ["0 3 * * *", "5 * * * *", "0 */6 * * *", "0 3 * * 1", "0 3 1 * *"].map(word),
            ["daily", "hourly", "every 6h", "weekly", "monthly"]
        );
        // Two firings a day an hour apart are no hourly series, and the hours of working days are one.
        assert_eq!(
            ["0 9,10 * * *", "0 9,10,11 * * *", "0 8-18 * * 1-5", "0 3 * * 1-5", "0 3 1,15 * *"].map(word),
            ["every 12h", "every 8h", "hourly", "daily", "every 14d"]
        );
        let grace = |cron| Rhythm::Cron(Schedule::parse(cron, None).unwrap()).grace();
        assert_eq!(["0 9,10 * * *", "0 * * * *", "0 3 * * *"].map(grace), [HOUR, HOUR / 2, HOUR]);
        assert_eq!((Rhythm::Unknown.word(), Rhythm::Unknown.words()), ("unknown".into(), "no rhythm known yet".into()));
    }

    #[test]
    fn thinned_backups_do_not_stretch_the_habit() {
        let mut days: Vec<i64> = (1..=12).map(|month| -70 - month * 30).collect();
        days.reverse();
        days.extend((1..=8).rev().map(|week| -7 - week * 7));
        days.extend(-6..=0);
        let habit = Habit::of(days.into_iter().map(|day| Moment(day * DAY))).unwrap();
        assert_eq!(habit.every, DAY);
        assert!(habit.longest < 2 * DAY, "{habit:?}");
        let grown = (0..30).map(|week| Moment(week * 7 * DAY)).chain((1..20).map(|day| Moment((203 + day) * DAY)));
        assert_eq!(Habit::of(grown).unwrap().every, DAY, "what came every week comes every day now");
        let short = (0..30).map(|day| Moment(day * DAY)).chain((1..8).map(|week| Moment((29 + week * 7) * DAY)));
        assert_eq!(Habit::of(short).unwrap().every, DAY, "what was dense is no habit that was thinned");
    }

    #[test]
    fn a_burst_of_backups_is_no_habit_and_a_series_that_became_frequent_is() {
        let daily = |days: i64| (0..days).map(|day| Moment(day * DAY));
        let burst = |from: i64, count: i64, every: i64| (1..=count).map(move |nth| Moment(from + nth * every));
        let (two, five) = (2 * MINUTE, 5 * MINUTE);
        for (count, every) in [(70, two), (300, two), (40, HOUR)] {
            let mut times: Vec<Moment> = daily(40).chain(burst(36 * DAY + HOUR, count, every)).collect();
            times.sort_unstable();
            let habit = Habit::of(times.into_iter()).unwrap();
            assert!((habit.every - DAY).abs() < HOUR && habit.longest < 28 * HOUR, "{count}: {habit:?}");
        }
        let often = daily(40).chain(burst(39 * DAY, 14 * 24 * 12, five));
        assert_eq!(Habit::of(often).unwrap().every, five);
        let hourly = (0..500).map(|hour| Moment(hour * HOUR + if hour % 3 == 0 { five } else { 0 }));
        assert!((Habit::of(hourly).unwrap().every - HOUR).abs() <= five);
        let kept_hourly = daily(40).chain(burst(39 * DAY, 24, HOUR));
        assert_eq!(Habit::of(kept_hourly).unwrap().every, HOUR, "of which only each day's first is kept");
        let by_day = (0..60 * 24).filter(|hour| (8..18).contains(&(hour % 24))).map(|hour| Moment(hour * HOUR));
        assert_eq!(Habit::of(by_day).unwrap().every, HOUR, "with a pause each night");
    }

    #[test]
    fn weekends_of_a_series_of_working_days_are_its_habit() {
        let days = (0..60).filter(|day| day % 7 < 5).map(|day| Moment(day * DAY));
        let habit = Habit::of(days).unwrap();
        assert_eq!(habit.every, DAY);
        assert!(habit.longest > 3 * DAY && habit.longest < 4 * DAY, "{habit:?}");
        assert_eq!(Habit::of((0..4).map(|day| Moment(day * DAY))), None, "three gaps are no habit");
    }
}
