//! What is usual, by robust statistics: median and median deviation of logarithms, and a trend that outliers do not bend.

/// Figures before one that say what is usual.
const MEMORY: usize = 21;
/// Fewer say nothing.
const ENOUGH: usize = 7;
/// Median deviations beyond which a figure is news.
const FAR: f64 = 5.0;
/// A deviation that is usual in this multiple makes a normal one of it.
const NORMAL: f64 = 1.4826;
/// Figures of the past among which a rare one may have been seen before.
const RARE: usize = 40;
/// So many alike in a row, over so many days, are a new habit: a night of an hourly series is none.
const NEW_HABIT: (usize, f64) = (3, 3.0);
/// The same where they are less than a tenth: an empty dump is no habit soon.
const NEW_TINY: (usize, f64) = (14, 14.0);
/// Nightly ones come some hours earlier at times, in days.
const JITTER: f64 = 0.2;

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
    seen: Vec<f64>,
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
            Place::Below(usual) => self.wonder(point, if figure * 10.0 < usual.value { NEW_TINY } else { NEW_HABIT }),
            Place::Above(_) => self.wonder(point, NEW_HABIT),
        }
        self.saw(point.1);
        place
    }

    /// Strange figures that are alike become the habit when they are enough, and over enough days.
    fn wonder(&mut self, point: (f64, f64), (enough, days): (usize, f64)) {
        if self.strange.last().is_some_and(|last| (last.1 - point.1).abs() >= 2.0 * self.floor) {
            self.strange.clear();
        }
        self.strange.push(point);
        if self.strange.len() >= enough && point.0 - self.strange[0].0 + JITTER >= days {
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
            _ if self.seen_before(point.1) => Place::Usual,
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

    /// Whether figures like it came at least twice before: weekly full ones between daily small ones.
    fn seen_before(&self, figure: f64) -> bool {
        let strange = self.strange.len();
        let earlier = &self.seen[..self.seen.len().saturating_sub(strange)];
        earlier.iter().filter(|seen| (*seen - figure).abs() < self.floor).count() >= 2
    }

    fn learn(&mut self, point: (f64, f64)) {
        if self.habit.len() == MEMORY {
            self.habit.remove(0);
        }
        self.habit.push(point);
    }

    fn saw(&mut self, figure: f64) {
        if self.seen.len() == RARE {
            self.seen.remove(0);
        }
        self.seen.push(figure);
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
        let mut watch = Watch::new(1.15);
        let judged = figures.iter().enumerate().map(|(day, figure)| watch.next(day as f64, *figure));
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
