//! The strip of a series: one mark for each piece of time.

use crate::model::judgement::What;
use crate::model::run::DayNumber;
use crate::model::trust::Rung;
use crate::model::units::Moment;
use crate::telemetry::signals::attempt::Outcome;
use crate::telemetry::signals::slots::Fate;
use crate::work::history::view::{Kept, Point, SeriesPast};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How much time one mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Zoom {
    /// An hour.
    Hour,
    /// Six hours.
    Quarter,
    /// A day.
    #[default]
    Day,
    /// A week, from Monday on.
    Week,
    /// Thirty days.
    Month,
}

impl Zoom {
    /// All of them, the finest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Quarter, Self::Day, Self::Week, Self::Month];

    /// Milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Quarter => 6 * HOUR,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 30 * DAY,
        }
    }

    /// In words: `a day each`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hour => "an hour each",
            Self::Quarter => "6 hours each",
            Self::Day => "a day each",
            Self::Week => "a week each",
            Self::Month => "30 days each",
        }
    }

    /// The next finer or coarser one; the last stays.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|zoom| *zoom == self).unwrap_or(0);
        Self::ALL[at.saturating_add_signed(by).min(Self::ALL.len() - 1)]
    }

    /// The beginning of the piece that a moment lies in.
    pub fn floor(self, at: Moment) -> Moment {
        // 1970-01-01 was a Thursday; weeks begin on Monday.
        let shift = if self == Self::Week { 3 * DAY } else { 0 };
        let step = self.millis();
        Moment(at.0.saturating_add(shift).div_euclid(step).saturating_mul(step).saturating_sub(shift))
    }
}

/// What one piece of time looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Before the first backup, or in the future.
    Blank,
    /// Nothing was due and nothing came.
    Quiet,
    /// A backup came.
    Ok,
    /// A backup came after its time.
    Late,
    /// A backup came and something about it is worth a look: its size, its databases.
    Odd,
    /// A backup came, and it is whole with its content checked.
    Verified,
    /// A backup came, and it was restored and checked.
    Proven,
    /// A run failed, and none made up for it.
    Failed,
    /// A backup was due and never came.
    Missing,
    /// Several were due and all came.
    All,
    /// Several were due and some came.
    Some,
    /// Something runs, or is due and not late.
    Open,
}

impl Mark {
    /// All of them with their words, in the order of the legend.
    pub const LEGEND: [(Self, &'static str); 11] = [
        (Self::Ok, "ok"),
        (Self::Verified, "verified"),
        (Self::Proven, "proven"),
        (Self::Odd, "odd"),
        (Self::Late, "late"),
        (Self::Failed, "failed"),
        (Self::Missing, "missing"),
        (Self::All, "all"),
        (Self::Some, "some"),
        (Self::Quiet, "none"),
        (Self::Open, "open"),
    ];

    /// Its symbol: the same on every terminal.
    pub fn symbol(self) -> char {
        match self {
            Self::Blank => ' ',
            Self::Quiet => '.',
            Self::Ok => 'o',
            Self::Late => 'L',
            Self::Odd => '!',
            Self::Verified => 'v',
            Self::Proven => 'p',
            Self::Failed => 'X',
            Self::Missing => '-',
            Self::All => '#',
            Self::Some => '=',
            Self::Open => '?',
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::LEGEND.iter().find(|(mark, _)| *mark == self).map_or("", |(_, word)| word)
    }
}

/// The marks of `count` pieces from `from` on, which begins a piece. Pieces after `now` are blank.
pub fn strip(series: &SeriesPast, zoom: Zoom, from: Moment, count: usize, now: Moment) -> Vec<Mark> {
    let step = zoom.millis();
    let begin = |nth: usize| Moment(from.0.saturating_add(step.saturating_mul(nth as i64)));
    (0..count).map(|nth| mark(series, begin(nth), begin(nth + 1), now)).collect()
}

fn mark(series: &SeriesPast, from: Moment, to: Moment, now: Moment) -> Mark {
    if from > now || first(series).is_none_or(|first| to <= first) {
        return Mark::Blank;
    }
    let points = series.within(from, to);
    let slots = due(series, from, to);
    let told = told(series, from, to);
    let made = points.iter().filter(|point| point.outcome == Outcome::Made).count().max(told.made);
    let failed = points.iter().any(|point| point.outcome == Outcome::Failed) || told.failed;
    let missing = slots.missing + slots.failed;
    match made {
        0 if failed || slots.failed > 0 => Mark::Failed,
        0 if slots.missing > 0 => Mark::Missing,
        0 if slots.open || points.iter().any(|point| point.outcome == Outcome::Open) => Mark::Open,
        0 => Mark::Quiet,
        made if made + missing > 1 && missing > 0 => Mark::Some,
        1 => single(series, points, slots.late, from, to),
        _ if odd(series, from, to) || points.iter().any(|point| point.kept == Kept::Bad) => Mark::Odd,
        _ if points.iter().any(|point| is_lost(series, point)) => Mark::Odd,
        _ => Mark::All,
    }
}

fn first(series: &SeriesPast) -> Option<Moment> {
    let day = series.days.first().map(|day| day.day.start());
    let point = series.points.first().map(|point| point.at);
    day.into_iter().chain(point).min()
}

fn single(series: &SeriesPast, points: &[Point], late: bool, from: Moment, to: Moment) -> Mark {
    let best = points.iter().map(|point| point.kept).find(|kept| kept.is_listed());
    match best {
        Some(Kept::Bad) => Mark::Odd,
        _ if odd(series, from, to) => Mark::Odd,
        None if points.iter().any(|point| is_lost(series, point)) => Mark::Odd,
        Some(Kept::Good(Rung::Proven)) => Mark::Proven,
        Some(Kept::Good(_)) => Mark::Verified,
        _ if late => Mark::Late,
        _ => Mark::Ok,
    }
}

/// Whether what a run made is gone, and nothing that was made since is there: retention leaves the newest.
fn is_lost(series: &SeriesPast, point: &Point) -> bool {
    point.kept == Kept::Gone && series.newest().is_some_and(|newest| newest.at < point.at)
}

/// Whether a judgement of what was in a backup began in that time.
fn odd(series: &SeriesPast, from: Moment, to: Moment) -> bool {
    series.judgements.iter().any(|judged| {
        let about = matches!(judged.what, What::Shrunk { .. } | What::DatabaseVanished { .. });
        // What lasts was odd up to the piece in which it ended.
        let lasted = judged.until.is_none_or(|until| until >= to);
        about && judged.since < to && (judged.since >= from || lasted)
    })
}

#[derive(Default)]
struct Due {
    missing: usize,
    failed: usize,
    late: bool,
    open: bool,
}

fn due(series: &SeriesPast, from: Moment, to: Moment) -> Due {
    let start = series.slots.partition_point(|slot| slot.due < from);
    let mut due = Due::default();
    for slot in series.slots[start..].iter().take_while(|slot| slot.due < to) {
        match slot.fate {
            Fate::Missing => due.missing += 1,
            Fate::Failed => due.failed += 1,
            Fate::CameLate(_) => due.late = true,
            Fate::Open => due.open = true,
            Fate::Kept => {}
        }
    }
    due
}

#[derive(Default)]
struct Told {
    made: usize,
    failed: bool,
}

/// What the counts of whole days say, where a piece is no finer than that.
fn told(series: &SeriesPast, from: Moment, to: Moment) -> Told {
    if to.0.saturating_sub(from.0) < DAY {
        return Told::default();
    }
    let (first, last) = (DayNumber::of(from), DayNumber::of(Moment(to.0.saturating_sub(1))));
    let start = series.days.partition_point(|day| day.day < first);
    let days = series.days[start..].iter().take_while(|day| day.day <= last);
    days.fold(Told::default(), |told, day| Told {
        made: told.made + day.ok as usize,
        failed: told.failed || day.failed > 0,
    })
}
