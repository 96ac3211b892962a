//! A strip of marks along time: the axis above it, its colours, and what its signs mean.

use crate::model::units::Moment;
use crate::tui::canvas::{Line, span};
use crate::tui::theme::Role;
use crate::work::history::strip::{Mark, Zoom};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The part of time that a strip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Where its first column begins.
    pub start: Moment,
    /// How much time a column stands for.
    pub zoom: Zoom,
    /// How many columns there are.
    pub columns: u16,
}

impl Axis {
    /// The axis whose last column holds `now`, moved back by so many columns.
    pub fn ending(now: Moment, zoom: Zoom, columns: u16, back: u32) -> Self {
        let columns = columns.max(1);
        let before = zoom.millis().saturating_mul(i64::from(columns) - 1 + i64::from(back));
        Self { start: Moment(zoom.floor(now).0.saturating_sub(before)), zoom, columns }
    }

    /// Where a column begins.
    pub fn moment(&self, column: u16) -> Moment {
        Moment(self.start.0.saturating_add(self.zoom.millis().saturating_mul(i64::from(column))))
    }

    /// Behind its last column.
    pub fn end(&self) -> Moment {
        self.moment(self.columns)
    }

    /// Words below which columns stand, and the column at which each begins; they never touch each other.
    pub fn ticks(&self) -> Vec<(u16, String)> {
        let words: Vec<_> = (0..self.columns).map(|column| self.tick(column)).collect();
        let mut ticks: Vec<(u16, String)> = vec![];
        let mut free = 0;
        for (column, word) in (0_u16..).zip(&words) {
            let Some((weight, word)) = word else { continue };
            let end = column + word.len() as u16;
            let behind = words.iter().take(usize::from(end) + 1).skip(usize::from(column) + 1);
            let gives_way = behind.flatten().any(|(other, _)| other > weight);
            if column >= free && end <= self.columns && !gives_way {
                free = end + 1;
                ticks.push((column, word.clone()));
            }
        }
        ticks
    }

    /// The word for a column and how much it matters, if it is one that gets one.
    fn tick(&self, column: u16) -> Option<(Weight, String)> {
        let step = self.zoom.millis();
        let (here, first) = (self.moment(column), column == 0);
        let (at, before) = (here.second(), Moment(here.0.saturating_sub(step)).second());
        let (day, hour) = (at.get(8..10)?, at.get(11..13)?.parse::<u8>().ok()?);
        let month = MONTHS.get(at.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?)?;
        let number = day.trim_start_matches('0');
        // From the year 10000 on, and before the year 1, all days are called the same.
        let turns = |to: usize| at.get(..to) != before.get(..to);
        if step < DAY {
            let name = format!("{month} {number}");
            return match (turns(10), step == HOUR && hour % 6 == 0) {
                (true, _) => Some((Weight::Turn, name)),
                (false, _) if first => Some((Weight::First, name)),
                (false, true) => Some((Weight::Between, format!("{hour:02}"))),
                (false, false) => None,
            };
        }
        if step > 7 * DAY {
            return match (turns(4), first) {
                (true, _) => Some((Weight::Turn, at.get(..4)?.to_owned())),
                (false, true) => Some((Weight::First, at.get(..4)?.to_owned())),
                (false, false) => None,
            };
        }
        match (turns(7), step == DAY && number.parse::<u8>().ok()? % 5 == 0) {
            (true, _) => Some((Weight::Turn, (*month).to_owned())),
            (false, _) if first => Some((Weight::First, (*month).to_owned())),
            (false, true) if number != "30" => Some((Weight::Between, number.to_owned())),
            _ => None,
        }
    }
}

/// Which stretch of time is looked at: how much a column stands for, and how many of them it was moved back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    /// What a column stands for.
    pub zoom: Zoom,
    back: u32,
}

impl Stretch {
    /// Its axis of so many columns.
    pub fn axis(self, now: Moment, columns: u16) -> Axis {
        Axis::ending(now, self.zoom, columns, self.back)
    }

    /// A finer (-1) or coarser (1) one, with the same right end; `None`: there is none beyond this.
    pub fn zoomed(self, by: isize, now: Moment, columns: u16) -> Option<Self> {
        let zoom = self.zoom.step(by);
        let last = Moment(self.axis(now, columns).end().0.saturating_sub(1));
        let ahead = zoom.floor(now).0.saturating_sub(zoom.floor(last).0).max(0) / zoom.millis();
        (zoom != self.zoom).then(|| Self { zoom, back: u32::try_from(ahead).unwrap_or(u32::MAX) })
    }

    /// Half of it on in time; `None`: this is the present.
    pub fn later(self, columns: u16) -> Option<Self> {
        let half = u32::from(columns / 2).max(1);
        (self.back > 0).then(|| Self { back: self.back.saturating_sub(half), ..self })
    }

    /// Half of it back in time; `None`: nothing from before it is known.
    pub fn earlier(self, columns: u16, now: Moment, oldest: Option<Moment>) -> Option<Self> {
        let half = u32::from(columns / 2).max(1);
        let more = oldest.is_some_and(|oldest| oldest < self.axis(now, columns).start);
        more.then(|| Self { back: self.back.saturating_add(half), ..self })
    }
}

/// What a tick says: of two that would touch, the lesser one gives way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// A day of the month, or an hour of the day.
    Between,
    /// Where the axis begins.
    First,
    /// A new month, or a new day.
    Turn,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// How a mark is drawn: colour only repeats what the sign says.
fn role(mark: Mark) -> Role {
    match mark {
        Mark::Blank | Mark::Ok | Mark::All => Role::Text,
        Mark::Quiet | Mark::Open => Role::Dim,
        Mark::Verified | Mark::Proven => Role::Good,
        Mark::Odd | Mark::Late | Mark::Some => Role::Warn,
        Mark::Failed | Mark::Missing => Role::Danger,
    }
}

/// Marks as text.
pub fn line(marks: &[Mark]) -> Line {
    let mut line: Line = vec![];
    for mark in marks {
        // The colour of a blank is nobody's: neighbours share their span with it.
        match line.last_mut() {
            Some(last) if *mark == Mark::Blank || last.role == role(*mark) => last.text.push(mark.symbol()),
            _ => line.push(span(role(*mark), mark.symbol())),
        }
    }
    line
}

/// What the signs mean, in as many words as `width` has room for.
pub fn legend(width: usize) -> Line {
    let mut pairs: Vec<(String, &str)> =
        Mark::LEGEND.into_iter().map(|(mark, word)| (mark.symbol().to_string(), word)).collect();
    let wide = |pairs: &[(String, &str)]| pairs.iter().map(|(_, word)| word.len() + 4).sum::<usize>();
    if wide(&pairs) > width {
        for (_, word) in &mut pairs {
            *word = match *word {
                "smaller, odd" => "odd",
                "all of several" => "all",
                word => word,
            };
        }
    }
    let mut gap = "  ";
    if wide(&pairs) > width + 2 && width < 70 {
        // Where it is that narrow, what one sign means counts more than air and sums.
        gap = " ";
        pairs.truncate(7);
    }
    while wide(&pairs) - (2 - gap.len()) * pairs.len() > width + gap.len() && pairs.pop().is_some() {}
    let last = pairs.len().saturating_sub(1);
    let pair = |(nth, (sign, word)): (usize, (String, &str))| {
        let gap = if nth == last { "" } else { gap };
        [span(Role::Text, sign), span(Role::Dim, format!(" {word}{gap}"))]
    };
    pairs.into_iter().enumerate().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(zoom: Zoom, columns: u16, back: u32) -> Axis {
        Axis::ending(Moment::parse("2026-11-21 08:14:09").unwrap(), zoom, columns, back)
    }

    #[test]
    fn the_last_column_holds_now_until_it_is_moved_back() {
        assert_eq!(axis(Zoom::Day, 12, 0).moment(11).second(), "2026-11-21 00:00:00");
        assert_eq!(axis(Zoom::Day, 12, 3).moment(11).second(), "2026-11-18 00:00:00");
        assert_eq!(axis(Zoom::Hour, 6, 0).moment(5).second(), "2026-11-21 08:00:00");
        assert_eq!(axis(Zoom::Week, 4, 0).moment(3).second(), "2026-11-16 00:00:00", "a Monday");
        let year = axis(Zoom::Month, 27, 0);
        assert!(year.end().0 - year.start.0 >= 365 * DAY, "27 columns are a year");
    }

    #[test]
    fn ticks_name_months_and_days_and_never_touch() {
        let drawn = |axis: Axis| {
            let mut text = String::new();
            for (column, word) in axis.ticks() {
                assert!(text.is_empty() || text.len() < usize::from(column), "{text}{word}");
                text = format!("{text:<width$}{word}", width = usize::from(column));
            }
            text
        };
        assert_eq!(drawn(axis(Zoom::Day, 27, 0)), "OCT   NOV 5    10   15   20");
        assert_eq!(drawn(axis(Zoom::Day, 21, 0)), "NOV 5    10   15   20");
        assert_eq!(drawn(axis(Zoom::Day, 23, 0)), "  NOV 5    10   15   20");
        assert_eq!(drawn(axis(Zoom::Hour, 27, 0)), "NOV 20      18    NOV 21");
        assert_eq!(drawn(axis(Zoom::Week, 20, 0)), "JUL AUG  SEP OCT NOV");
        assert_eq!(drawn(axis(Zoom::Month, 27, 0)), "    2025        2026");
    }

    #[test]
    fn a_legend_leaves_out_whole_signs_and_is_never_wider_than_its_place() {
        let words = |width| legend(width).iter().map(|part| part.text.as_str()).collect::<String>();
        for width in 0..200 {
            let text = words(width);
            assert!(text.chars().count() <= width, "{width}: {text}");
        }
        assert!(words(120).ends_with("? open"), "{}", words(120));
        assert!(words(77).contains("= some"), "{}", words(77));
        assert!(words(57).ends_with("- missing"), "{}", words(57));
    }

    #[test]
    fn a_stretch_keeps_its_right_end_and_ends_where_nothing_is_known() {
        let now = Moment::parse("2026-11-21 08:14:09").unwrap();
        let oldest = Moment::parse("2026-10-01");
        let back = Stretch::default().earlier(20, now, oldest).unwrap();
        assert_eq!(back.axis(now, 20).moment(19).day(), "2026-11-11");
        let hours = back.zoomed(-1, now, 20).unwrap().zoomed(-1, now, 20).unwrap();
        assert_eq!(hours.axis(now, 20).moment(19).second(), "2026-11-11 23:00:00");
        assert_eq!(hours.zoomed(-1, now, 20), None);
        assert_eq!(back.later(20), Some(Stretch::default()));
        assert_eq!(Stretch::default().later(20), None);
        assert_eq!(back.earlier(20, now, Moment::parse("2026-11-01")), None);
    }

    proptest::proptest! {
        #[test]
        fn no_time_and_no_width_panics(now: i64, columns in 0_u16..600, back: u32, zoom in 0_usize..5) {
            let axis = Axis::ending(Moment(now), Zoom::ALL[zoom], columns, back);
            let _ = (axis.ticks(), axis.end());
        }
    }
}
