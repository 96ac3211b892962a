//! What is usual, by robust statistics: median and median deviation of logarithms, and a trend that outliers do not bend.

use std::collections::VecDeque;

/// Figures before one that say what is usual.
const MEMORY: usize = 21;
/// Fewer say nothing.
const ENOUGH: usize = 7;
/// Median deviations beyond which a figure is news.
const FAR: f64 = 5.0;
/// A deviation that is usual in this multiple makes a normal one of it.
const NORMAL: f64 = 1.4826;
/// Figures of the past among which a rare one may have been seen before, at least.
const RARE: usize = 40;
/// All of so many days are among them, up to [`RARE_MOST`]: of many backups a day forty are soon over.
const RARE_DAYS: f64 = 35.0;
const RARE_MOST: usize = 1_000;
/// So often one was seen before that is no news.
const OCCASIONS: usize = 2;

/// What makes a new habit of strange figures that are alike: a bad night of many backups is none.
#[derive(Debug, Clone, Copy)]
struct Lasts {
    /// So many in a row.
    count: usize,
    /// Over so many days.
    days: f64,
}

const NEW_HABIT: Lasts = Lasts { count: 3, days: 3.0 };
/// Where they are less than a tenth: an empty dump is no habit soon.
const NEW_TINY: Lasts = Lasts { count: 14, days: 14.0 };
/// A night's backup comes a little earlier at times, in days.
const JITTER: f64 = 0.1;

/// What would have been no news.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// What was to be expected.
    pub value: f64,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// How many figures say so.
    pub over: u32,
}

impl Usual {
    /// What would make a habit of figures that are as far below it.
    fn lasts(&self, figure: f64) -> Lasts {
        if figure * 10.0 < self.value { NEW_TINY } else { NEW_HABIT }
    }
}

/// What one figure is beside those before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Within the habit, or too little is known.
    Usual,
    /// Below it.
    Below(Usual),
    /// Above it.
    Above(Usual),
}

/// Follows the figures of one series in time, and learns.
#[derive(Debug, Default)]
pub struct Watch {
    /// Time in days and logarithm of the figure, oldest first.
    habit: Vec<(f64, f64)>,
    strange: Vec<(f64, f64)>,
    seen: VecDeque<(f64, f64)>,
    /// The day of the first of all.
    first: Option<f64>,
    /// The least change that is ever news, as a logarithm.
    floor: f64,
}

impl Watch {
    /// `ratio`: the least factor that is ever news, such as 1.15.
    pub fn new(ratio: f64) -> Self {
        Self { floor: ratio.ln(), ..Self::default() }
    }

    /// Judges a figure (zero counts as one) at a time in days, and learns from it.
    pub fn next(&mut self, day: f64, figure: f64) -> Place {
        let point = (day, figure.max(1.0).ln());
        let place = self.place(point);
        match place {
            Place::Usual => {
                self.strange.clear();
                self.learn(point);
            }
            Place::Below(usual) => self.wonder(point, usual.lasts(figure)),
            Place::Above(_) => self.wonder(point, NEW_HABIT),
        }
        self.saw(point);
        place
    }

    /// Whether it has been followed for too short a time to be a habit whatever the figures are.
    pub fn is_young(&self, day: f64) -> bool {
        self.seen.len() < ENOUGH || self.first.is_none_or(|first| day - first < NEW_TINY.days - JITTER)
    }

    /// Strange figures that are alike become the habit when they have lasted.
    fn wonder(&mut self, point: (f64, f64), lasts: Lasts) {
        if self.strange.last().is_some_and(|last| (last.1 - point.1).abs() >= 2.0 * self.floor) {
            self.strange.clear();
        }
        self.strange.push(point);
        let since = self.strange.first().map_or(point.0, |first| first.0);
        if self.strange.len() >= lasts.count && point.0 - since >= lasts.days - JITTER {
            let newest = self.strange.len().saturating_sub(MEMORY);
            self.habit = self.strange.split_off(newest);
            self.strange.clear();
        }
    }

    /// What is usual by now, and how many figures say so; `None` while too little is known.
    pub fn usual(&self) -> Option<(f64, u32)> {
        let known = self.seen.len() >= ENOUGH && !self.habit.is_empty();
        known.then(|| (level(&self.habit).0.exp(), u32::try_from(self.habit.len()).unwrap_or(u32::MAX)))
    }

    fn place(&self, point: (f64, f64)) -> Place {
        if self.seen.len() < ENOUGH {
            return Place::Usual;
        }
        // A habit of a few days has no trend.
        let line = if self.habit.len() < ENOUGH { level(&self.habit) } else { trend(&self.habit, point.0) };
        match self.measured(point, line) {
            Place::Usual => Place::Usual,
            Place::Below(usual) if self.seen_before(point, usual.lasts(point.1.exp())) => Place::Usual,
            Place::Above(_) if self.seen_before(point, NEW_HABIT) => Place::Usual,
            strange => strange,
        }
    }

    fn measured(&self, point: (f64, f64), (centre, spread): (f64, f64)) -> Place {
        let far = (FAR * NORMAL * spread).max(self.floor);
        let over = u32::try_from(self.habit.len()).unwrap_or(u32::MAX);
        let usual = Usual { value: centre.exp(), low: (centre - far).exp(), high: (centre + far).exp(), over };
        match point.1 - centre {
            off if off < -far => Place::Below(usual),
            off if off > far => Place::Above(usual),
            _ => Place::Usual,
        }
    }

    /// Whether figures like it came on two occasions before, long enough ago: weekly full ones between daily small ones.
    /// What went wrong once, for however many backups, is one occasion.
    fn seen_before(&self, point: (f64, f64), lasts: Lasts) -> bool {
        let alike = |seen: &(f64, f64)| (seen.1 - point.1).abs() < self.floor;
        let earlier = self.seen.iter().take_while(|seen| point.0 - seen.0 >= lasts.days - JITTER);
        let (mut occasions, mut before) = (0, false);
        for is_alike in earlier.map(alike) {
            occasions += usize::from(is_alike && !before);
            before = is_alike;
        }
        occasions >= OCCASIONS
    }

    fn learn(&mut self, point: (f64, f64)) {
        if self.habit.len() == MEMORY {
            self.habit.remove(0);
        }
        self.habit.push(point);
    }

    fn saw(&mut self, point: (f64, f64)) {
        self.first.get_or_insert(point.0);
        self.seen.push_back(point);
        let old = |seen: &(f64, f64)| point.0 - seen.0 > RARE_DAYS;
        while self.seen.len() > RARE_MOST || self.seen.len() > RARE && self.seen.front().is_some_and(old) {
            self.seen.pop_front();
        }
    }
}

/// The median, and the median distance from it.
fn level(points: &[(f64, f64)]) -> (f64, f64) {
    let centre = median(points.iter().map(|point| point.1).collect());
    (centre, median(points.iter().map(|point| (point.1 - centre).abs()).collect()))
}

/// What the median of slopes says for `day`, and the median distance from that line. As Theil and Sen, with the slopes
/// of points that stand half the habit apart: they say most, and twenty thousand backups are judged in no time.
fn trend(points: &[(f64, f64)], day: f64) -> (f64, f64) {
    let half = points.len() / 2;
    let apart = points.iter().zip(&points[half..]).filter(|(a, b)| b.0 - a.0 > 1e-6);
    let slopes: Vec<f64> = apart.map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    let slope = if slopes.is_empty() { 0.0 } else { median(slopes) };
    let base = median(points.iter().map(|point| point.1 - slope * point.0).collect());
    let spread = median(points.iter().map(|point| (point.1 - slope * point.0 - base).abs()).collect());
    // A trend is not followed further ahead than it was seen.
    let (first, last) = (points.first().map_or(day, |point| point.0), points.last().map_or(day, |point| point.0));
    let day = day.min(last + (last - first));
    (base + slope * day, spread)
}

/// The middle one; the mean of the two in the middle. Not of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn news(figures: &[f64]) -> Vec<usize> {
        news_at(figures.iter().enumerate().map(|(day, figure)| (day as f64, *figure)))
    }

    fn news_at(figures: impl Iterator<Item = (f64, f64)>) -> Vec<usize> {
        let mut watch = Watch::new(1.15);
        let judged = figures.map(|(day, figure)| watch.next(day, figure));
        judged.enumerate().filter(|(_, place)| *place != Place::Usual).map(|(day, _)| day).collect()
    }

    #[test]
    fn one_strange_figure_is_news_and_bends_nothing() {
        let mut figures = vec![1000.0; 30];
        figures[20] = 400.0;
        assert_eq!(news(&figures), [20]);
        figures[21] = 900.0;
        assert_eq!(news(&figures), [20], "a tenth less is within what is never news");
    }

    #[test]
    fn steady_growth_is_a_habit_and_a_leap_is_not() {
        let mut figures: Vec<f64> = (0..60).map(|day| 1000.0 * 1.04_f64.powi(day)).collect();
        assert_eq!(news(&figures), [0; 0]);
        figures[50] *= 1.5;
        assert_eq!(news(&figures), [50]);
    }

    #[test]
    fn a_new_level_is_news_for_three_days_and_then_a_habit() {
        let figures: Vec<f64> = (0..40).map(|day| if day < 20 { 1000.0 } else { 500.0 }).collect();
        assert_eq!(news(&figures), [20, 21, 22, 23]);
        let figures: Vec<f64> = (0..30).map(|day| if day < 20 { 1e9 } else { 20.0 }).collect();
        assert_eq!(news(&figures), (20..30).collect::<Vec<_>>(), "empty dumps stay news for two weeks");
        let figures: Vec<f64> = (0..50).map(|day| if day < 20 { 1e9 } else { 20.0 }).collect();
        assert_eq!(news(&figures), (20..35).collect::<Vec<_>>());
        let weekly = (0..30).map(|week| (f64::from(week) * 7.0, if week < 20 { 1000.0 } else { 500.0 }));
        assert_eq!(news_at(weekly).len(), 3, "three are needed however long they take");
    }

    /// Ten days of hourly ones, and so many hours of another size.
    fn hourly(hours: usize, size: impl Fn(usize) -> f64) -> usize {
        let hour = |nth: usize| if nth < 240 { 40_000.0 } else { size(nth) };
        news_at((0..240 + hours).map(|nth| (nth as f64 / 24.0, hour(nth)))).len()
    }

    #[test]
    fn many_backups_a_day_make_no_habit_of_a_bad_night() {
        for (hours, news) in [(4, 4), (48, 48), (71, 71), (96, 71)] {
            assert_eq!(hourly(hours, |_| 10_000.0), news, "{hours} hours with a quarter of what was usual");
        }
        for (hours, news) in [(15, 15), (10 * 24, 10 * 24), (15 * 24, 335)] {
            assert_eq!(hourly(hours, |_| 250.0), news, "{hours} hours with nothing in them");
        }
        let wavering = |nth: usize| if nth.is_multiple_of(2) { 10_000.0 } else { 14_000.0 };
        assert_eq!(hourly(48, wavering), 48, "of two sizes");
        let every_other = |nth: usize| if nth.is_multiple_of(2) { 40_000.0 } else { 250.0 };
        assert_eq!(hourly(48, every_other), 24, "good ones between them excuse nothing");
    }

    #[test]
    fn what_went_wrong_once_excuses_no_other_time() {
        let wrong = |day: usize| (20..23).contains(&day) || day == 50;
        let figures: Vec<f64> = (0..51).map(|day| if wrong(day) { 300.0 } else { 1000.0 }).collect();
        assert_eq!(news(&figures), [20, 21, 22, 50]);
    }

    #[test]
    fn a_full_backup_each_night_between_small_ones_each_hour_becomes_a_habit() {
        let figures = (0..24 * 30).map(|hour| (f64::from(hour) / 24.0, if hour % 24 == 3 { 9000.0 } else { 300.0 }));
        let found = news_at(figures);
        assert!(found.iter().all(|nth| *nth < 24 * 6), "{found:?}");
    }

    #[test]
    fn weekly_full_backups_between_daily_ones_become_a_habit() {
        let figures: Vec<f64> = (0..70).map(|day| if day % 7 == 6 { 9000.0 } else { 300.0 }).collect();
        assert!(news(&figures).iter().all(|day| *day < 28), "{:?}", news(&figures));
    }

    proptest! {
        #[test]
        fn no_figures_panic(figures in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..80)) {
            let mut watch = Watch::new(1.15);
            for (day, figure) in figures {
                watch.next(day, figure);
            }
        }
    }
}
