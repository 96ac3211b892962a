//! Bars along an axis of time: how much happened when.

use crate::model::units::Moment;
use crate::tui::glyphs::Glyphs;

/// Lengths of a column, in seconds: what people count in.
const STEPS: [i64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800];

/// The part of time that an axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Where its first column begins, in seconds since 1970.
    pub start: i64,
    /// Seconds of a column.
    pub step: i64,
    /// How many columns there are.
    pub columns: u16,
    /// The last second of which anything is known: nothing is said of what lies behind it.
    last: i64,
}

impl Axis {
    /// The axis of `columns` that shows all from `from` to `to`, or, after `zoom` steps, what is around `at`.
    ///
    /// It stands still while `at` moves within it, so that a move of a cursor repaints nothing: it goes on by
    /// halves of itself. `finest` is the shortest column worth showing, in seconds.
    pub fn new(from: Moment, to: Moment, at: Moment, zoom: u8, columns: u16, finest: i64) -> Self {
        let (from, to) = (from.0.div_euclid(1000), to.0.div_euclid(1000).max(from.0.div_euclid(1000)));
        let wide = i64::from(columns.max(2));
        let whole = STEPS.iter().position(|step| to.div_euclid(*step) - from.div_euclid(*step) < wide);
        let least = STEPS.iter().position(|step| *step >= finest).unwrap_or(0);
        let place = whole.map_or(STEPS.len() - 1, |whole| {
            let place = whole.saturating_sub(usize::from(zoom));
            place.max(least.min(whole))
        });
        let most = STEPS[STEPS.len() - 1];
        let step = if whole.is_some() { STEPS[place] } else { most * ((to - from) / (most * wide) + 1) };
        let first = from.div_euclid(step);
        let last = to.div_euclid(step);
        let here = at.0.div_euclid(1000).clamp(from, to).div_euclid(step);
        let half = wide / 2;
        let start = first + ((here - first) / half * half - half / 2).clamp(0, (last - first - wide + 1).max(0));
        Self { start: start * step, step, columns: columns.max(2), last: to }
    }

    /// The steps of zoom after which a column is no shorter than `finest`.
    pub fn deepest(from: Moment, to: Moment, columns: u16, finest: i64) -> u8 {
        let step = |zoom| Self::new(from, to, from, zoom, columns, finest).step;
        (0..STEPS.len() as u8).find(|zoom| step(*zoom) == step(zoom + 1)).unwrap_or(0)
    }

    /// The column of a moment; `None`: it is not shown.
    pub fn column(&self, at: Moment) -> Option<u16> {
        let column = (at.0.div_euclid(1000) - self.start).div_euclid(self.step);
        u16::try_from(column).ok().filter(|column| *column < self.columns)
    }

    /// Where a column begins.
    pub fn moment(&self, column: u16) -> Moment {
        Moment::from_seconds(self.start + i64::from(column) * self.step)
    }

    /// Behind its last column.
    pub fn end(&self) -> Moment {
        self.moment(self.columns)
    }

    /// What happened in each column. A bucket is a moment, how many seconds it is long, and how much happened.
    pub fn fold(&self, buckets: impl Iterator<Item = (Moment, u64)>) -> Vec<u64> {
        let mut folded = vec![0_u64; usize::from(self.columns)];
        for (at, count) in buckets {
            if let Some(column) = self.column(at) {
                folded[usize::from(column)] = folded[usize::from(column)].saturating_add(count);
            }
        }
        folded
    }

    /// `rows/min`, `rows/10s`: what a bar counts.
    pub fn words(&self) -> String {
        let unit = match self.step {
            1 => "s".to_owned(),
            60 => "min".to_owned(),
            3600 => "hour".to_owned(),
            86_400 => "day".to_owned(),
            604_800 => "week".to_owned(),
            step if step % 86_400 == 0 => format!("{}d", step / 86_400),
            step if step % 3600 == 0 => format!("{}h", step / 3600),
            step if step % 60 == 0 => format!("{}min", step / 60),
            step => format!("{step}s"),
        };
        format!("rows/{unit}")
    }

    /// Times along the axis: the column at which each begins, and its words. They never touch each other.
    pub fn ticks(&self) -> Vec<(u16, String)> {
        let days = self.step >= 3600;
        let width: u16 = if days || self.step < 60 { 8 } else { 5 };
        let every = i64::from((width + 4).div_ceil(5) * 5);
        let mut ticks = vec![];
        let mut column = (self.start.div_euclid(self.step)).rem_euclid(every);
        column = if column == 0 { 0 } else { every - column };
        while column + i64::from(width) <= i64::from(self.columns) && self.start + column * self.step <= self.last {
            let at = self.moment(column as u16).second();
            let text = match (days, self.step < 60) {
                (true, _) => at.get(5..13).map(|text| format!("{text}h")).unwrap_or_default(),
                (false, true) => at.get(11..19).unwrap_or_default().to_owned(),
                (false, false) => at.get(11..16).unwrap_or_default().to_owned(),
            };
            ticks.push((column as u16, text));
            column += every;
        }
        ticks
    }
}

/// Bars of `values`, `height` lines high, the top line first. The largest fills all lines, and what is not zero
/// is never nothing.
pub fn bars(glyphs: &Glyphs, values: &[u64], height: u16) -> Vec<String> {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let (height, steps) = (u64::from(height.max(1)), 8);
    let tall = |value: u64| {
        let all = height * steps;
        let scaled = (value as f64 / most as f64 * all as f64).round() as u64;
        if value == 0 { 0 } else { scaled.clamp(1, all) }
    };
    let cell = |value: u64, line: u64| match tall(value).saturating_sub((height - 1 - line) * steps) {
        0 => ' ',
        part => glyphs.spark[part.min(steps) as usize - 1],
    };
    (0..height).map(|line| values.iter().map(|value| cell(*value, line)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::{ASCII, UNICODE};

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn a_single_row_beside_a_flood_is_still_seen() {
        assert_eq!(bars(&UNICODE, &[0, 1, 1_000_000, 500_000], 1), [" ▁█▄"]);
        assert_eq!(bars(&UNICODE, &[0, 1, 16, 8], 2), ["  █ ", " ▁██"]);
        assert_eq!(bars(&ASCII, &[0, 1, 100], 1), [" _#"]);
        assert_eq!(bars(&UNICODE, &[0, 0], 1), ["  "]);
    }

    #[test]
    fn an_axis_shows_everything_until_it_is_zoomed() {
        let (from, to) = (at("2026-11-21 13:00:02"), at("2026-11-21 14:31:57"));
        let axis = Axis::new(from, to, from, 0, 60, 1);
        assert_eq!((axis.step, axis.words().as_str()), (120, "rows/2min"));
        assert!(axis.column(from).is_some() && axis.column(to).is_some());
        let near = Axis::new(from, to, at("2026-11-21 14:02:11"), 3, 60, 1);
        assert_eq!((near.step, near.words().as_str()), (15, "rows/15s"));
        assert!(near.column(at("2026-11-21 14:02:11")).is_some());
    }

    #[test]
    fn an_axis_stands_still_while_a_cursor_moves_within_its_half() {
        let (from, to) = (at("2026-11-21 00:00:00"), at("2026-11-21 23:59:59"));
        let axis = |text: &str| Axis::new(from, to, at(text), 4, 60, 1);
        assert_eq!(axis("2026-11-21 12:05:00"), axis("2026-11-21 12:20:00"));
        assert_ne!(axis("2026-11-21 12:05:00"), axis("2026-11-21 18:00:00"));
    }

    #[test]
    fn no_column_is_shorter_than_what_is_known() {
        let (from, to) = (at("2026-11-21 13:00:00"), at("2026-11-21 14:31:57"));
        assert_eq!(Axis::new(from, to, from, 200, 60, 60).step, 60);
        let deepest = Axis::deepest(from, to, 60, 10);
        assert_eq!(Axis::new(from, to, from, deepest, 60, 10).step, 10);
        let year = Axis::new(at("1970-01-01"), at("9998-12-31"), from, 0, 2, 1);
        assert!(year.column(at("9998-12-31")).is_some());
    }

    #[test]
    fn ticks_say_what_a_column_is_and_never_touch() {
        let axis = Axis::new(at("2026-11-21 13:00:02"), at("2026-11-21 13:55:00"), at("2026-11-21 13:00:02"), 0, 60, 1);
        let ticks: Vec<_> = axis.ticks().into_iter().map(|(column, text)| format!("{column} {text}")).collect();
        assert_eq!(ticks[..2], ["0 13:00", "10 13:10"]);
        let counts = axis.fold([(at("2026-11-21 13:00:30"), 2), (at("2026-11-21 13:01:00"), 5)].into_iter());
        assert_eq!(counts[..3], [2, 5, 0]);
    }

    #[test]
    fn no_time_stands_below_what_lies_behind_the_end() {
        let (from, to) = (at("2026-11-22 03:00:00"), at("2026-11-22 09:22:56"));
        for columns in [60, 84, 147, 160, 300] {
            for zoom in 0..4 {
                let ticks = Axis::new(from, to, to, zoom, columns, 1);
                let behind = ticks.ticks().into_iter().find(|(column, _)| ticks.moment(*column) > to);
                assert_eq!(behind, None, "{columns} columns, zoom {zoom}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_axis_panics_and_every_cursor_is_on_it(from in 0_i64..4_000_000_000, span in 0_i64..400_000_000, here in 0_i64..400_000_000, zoom: u8, columns in 0_u16..500, finest in 0_i64..100_000) {
            let moment = Moment::from_seconds;
            let here = from + here.min(span);
            let axis = Axis::new(moment(from), moment(from + span), moment(here), zoom, columns, finest);
            proptest::prop_assert!(axis.column(moment(here)).is_some());
            let _ = (axis.ticks(), axis.words(), axis.end());
        }
    }
}
