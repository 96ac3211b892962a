//! A strip of signs along time: what became of every backup that was due.

use crate::model::units::Moment;
use crate::tui::canvas::{Line, span};
use crate::tui::theme::Role;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Weeks begin on a Monday; the first day of 1970 was a Thursday.
const MONDAY: i64 = 3 * DAY;

/// What became of one backup that was due, or that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Restored into a throwaway server and checked there.
    Proven,
    /// Read to its end, its content checked.
    Verified,
    /// Made, and nothing is odd about it.
    Ok,
    /// Made, and much smaller or slower than its series is used to.
    Odd,
    /// Made after its time, or due and not there yet.
    Late,
    /// A run failed, or what it left is no backup.
    Failed,
    /// Nothing was made.
    Missing,
}

impl Sign {
    /// All of them, the best first.
    pub const ALL: [Self; 7] =
        [Self::Proven, Self::Verified, Self::Ok, Self::Odd, Self::Late, Self::Failed, Self::Missing];

    /// The sign itself; the same on every terminal.
    pub fn glyph(self) -> char {
        match self {
            Self::Proven => 'p',
            Self::Verified => 'v',
            Self::Ok => 'o',
            Self::Odd => '!',
            Self::Late => 'L',
            Self::Failed => 'X',
            Self::Missing => '-',
        }
    }

    /// What it means, for the legend.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Verified => "verified",
            Self::Ok => "ok",
            Self::Odd => "smaller or slower",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }

    /// How it is drawn.
    pub fn role(self) -> Role {
        match self {
            Self::Proven | Self::Verified => Role::Good,
            Self::Ok => Role::Text,
            Self::Odd | Self::Late => Role::Warn,
            Self::Failed | Self::Missing => Role::Danger,
        }
    }

    /// Whether a backup came of it that nothing is odd about.
    pub fn is_good(self) -> bool {
        self <= Self::Ok
    }
}

/// A sign at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When the backup was due, or was made.
    pub at: Moment,
    /// What became of it.
    pub sign: Sign,
}

/// How much time one column stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zoom(u8);

const STEPS: [(i64, &str); 8] = [
    (HOUR, "1 hour"),
    (3 * HOUR, "3 hours"),
    (6 * HOUR, "6 hours"),
    (12 * HOUR, "12 hours"),
    (DAY, "1 day"),
    (2 * DAY, "2 days"),
    (7 * DAY, "1 week"),
    (14 * DAY, "2 weeks"),
];

impl Default for Zoom {
    fn default() -> Self {
        Self(4)
    }
}

impl Zoom {
    /// Less time in each column, if there is less.
    pub fn nearer(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// More time in each column, if there is more.
    pub fn farther(self) -> Option<Self> {
        (usize::from(self.0) + 1 < STEPS.len()).then_some(Self(self.0 + 1))
    }

    /// Milliseconds of a column.
    pub fn step(self) -> i64 {
        STEPS[usize::from(self.0)].0
    }

    /// `1 day`.
    pub fn words(self) -> &'static str {
        STEPS[usize::from(self.0)].1
    }
}

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
        let step = zoom.step();
        let align = if step >= 7 * DAY { MONDAY } else { 0 };
        let last = now.0.saturating_add(align).div_euclid(step);
        let first = last - i64::from(columns.max(1)) + 1 - i64::from(back);
        Self { start: Moment(first.saturating_mul(step).saturating_sub(align)), zoom, columns }
    }

    /// Where a column begins.
    pub fn moment(&self, column: u16) -> Moment {
        Moment(self.start.0.saturating_add(self.zoom.step().saturating_mul(i64::from(column))))
    }

    /// Behind its last column.
    pub fn end(&self) -> Moment {
        self.moment(self.columns)
    }

    /// The column of a moment; `None`: it is not shown.
    pub fn column(&self, at: Moment) -> Option<u16> {
        let column = at.0.saturating_sub(self.start.0).div_euclid(self.zoom.step());
        u16::try_from(column).ok().filter(|column| *column < self.columns)
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
        let step = self.zoom.step();
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
        match (turns(7), step == DAY && number.parse::<u8>().ok()? % 5 == 0) {
            (true, _) => Some((Weight::Turn, (*month).to_owned())),
            (false, _) if first => Some((Weight::First, (*month).to_owned())),
            (false, true) if number != "30" => Some((Weight::Between, number.to_owned())),
            _ => None,
        }
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

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// What stands in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Nothing was due.
    Blank,
    /// One backup.
    One(Sign),
    /// Several, all of them good.
    All,
    /// Several, some of them good.
    Some,
    /// Several, none of them good.
    None,
}

impl Cell {
    /// How it is written.
    pub fn glyph(self) -> char {
        match self {
            Self::Blank => ' ',
            Self::One(sign) => sign.glyph(),
            Self::All => '#',
            Self::Some => '=',
            Self::None => '.',
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Blank | Self::All => Role::Text,
            Self::One(sign) => sign.role(),
            Self::Some => Role::Warn,
            Self::None => Role::Danger,
        }
    }
}

/// What stands in each column of the axis. `marks` are in the order of time.
pub fn fold(axis: &Axis, marks: &[Mark]) -> Vec<Cell> {
    let mut cells = vec![Cell::Blank; usize::from(axis.columns)];
    let from = marks.partition_point(|mark| mark.at < axis.start);
    let end = axis.end();
    for mark in marks[from..].iter().take_while(|mark| mark.at < end) {
        let Some(cell) = axis.column(mark.at).and_then(|column| cells.get_mut(usize::from(column))) else { continue };
        *cell = match (*cell, mark.sign.is_good()) {
            (Cell::Blank, _) => Cell::One(mark.sign),
            (Cell::One(sign), good) if sign.is_good() && good => Cell::All,
            (Cell::One(sign), good) if !sign.is_good() && !good => Cell::None,
            (Cell::All, true) => Cell::All,
            (Cell::None, false) => Cell::None,
            _ => Cell::Some,
        };
    }
    cells
}

/// The strip as text.
pub fn strip(axis: &Axis, marks: &[Mark]) -> Line {
    let mut line: Line = vec![];
    for cell in fold(axis, marks) {
        // The colour of a blank is nobody's: neighbours share their span with it.
        match line.last_mut() {
            Some(last) if cell == Cell::Blank || last.role == cell.role() => last.text.push(cell.glyph()),
            _ => line.push(span(cell.role(), cell.glyph())),
        }
    }
    line
}

/// What the signs mean, in as many words as `width` has room for.
pub fn legend(width: usize) -> Line {
    let short = [("o", "ok"), ("v", "verified"), ("p", "proven"), ("!", "smaller, slower"), ("L", "late"), ("X", "failed"), ("-", "missing")];
    let several = [("#", "all of several"), ("=", "some"), (".", "none")];
    let mut pairs: Vec<(&str, &str)> = short.into_iter().chain(several).collect();
    let wide = |pairs: &[(&str, &str)]| pairs.iter().map(|(_, word)| word.len() + 4).sum::<usize>();
    if wide(&pairs) > width {
        for (_, word) in &mut pairs {
            *word = match *word {
                "smaller, slower" => "odd",
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
    let pair = |(nth, (sign, word)): (usize, (&str, &str))| {
        let gap = if nth == last { "" } else { gap };
        [span(Role::Text, sign), span(Role::Dim, format!(" {word}{gap}"))]
    };
    pairs.into_iter().enumerate().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn drawn(axis: &Axis, marks: &[Mark]) -> String {
        fold(axis, marks).into_iter().map(Cell::glyph).collect()
    }

    fn daily(signs: &str, last: &str) -> Vec<Mark> {
        let sign = |c| Sign::ALL.into_iter().find(|sign| sign.glyph() == c);
        let count = signs.chars().count() as i64;
        let time = |nth: i64| Moment(at(last).0 - (count - 1 - nth) * DAY);
        (0..).zip(signs.chars()).filter_map(|(nth, c)| Some(Mark { at: time(nth), sign: sign(c)? })).collect()
    }

    #[test]
    fn a_day_is_a_column_and_the_last_one_is_today() {
        let marks = daily("ooov-X!pL", "2026-11-21 03:00:07");
        let axis = Axis::ending(at("2026-11-21 08:14:09"), Zoom::default(), 12, 0);
        assert_eq!(drawn(&axis, &marks), "   ooov-X!pL");
        let back = Axis::ending(at("2026-11-21 08:14:09"), Zoom::default(), 12, 3);
        assert_eq!(drawn(&back, &marks), "      ooov-X");
    }

    #[test]
    fn several_in_a_column_say_all_some_or_none() {
        let hourly = |count: i64, sign: Sign, from: &str| {
            (0..count).map(move |n| (n, sign)).map({
                let from = at(from);
                move |(n, sign)| Mark { at: Moment(from.0 + n * HOUR), sign }
            })
        };
        let mut marks: Vec<Mark> = hourly(24, Sign::Ok, "2026-11-19 00:05:00").collect();
        marks.extend(hourly(20, Sign::Verified, "2026-11-20 00:05:00"));
        marks.extend(hourly(4, Sign::Missing, "2026-11-20 20:00:00"));
        marks.extend(hourly(8, Sign::Missing, "2026-11-21 00:00:00"));
        let axis = Axis::ending(at("2026-11-21 08:14:09"), Zoom::default(), 4, 0);
        assert_eq!(drawn(&axis, &marks), " #=.");
        let hours = Axis::ending(at("2026-11-20 22:14:09"), Zoom(0), 6, 0);
        assert_eq!(drawn(&hours, &marks), "vvv---");
    }

    #[test]
    fn zooming_goes_from_an_hour_to_two_weeks_and_ends_there() {
        let mut zoom = Zoom::default();
        assert_eq!((zoom.words(), zoom.step()), ("1 day", DAY));
        while let Some(nearer) = zoom.nearer() {
            assert!(nearer.step() < zoom.step());
            zoom = nearer;
        }
        assert_eq!(zoom.words(), "1 hour");
        while let Some(farther) = zoom.farther() {
            zoom = farther;
        }
        assert!(zoom.step() * 27 >= 365 * DAY, "27 columns are a year");
        let weeks = Axis::ending(at("2026-11-21 08:14:09"), Zoom(6), 4, 0);
        assert_eq!(weeks.moment(3).second(), "2026-11-16 00:00:00", "a Monday");
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
        let now = at("2026-11-21 08:14:09");
        assert_eq!(drawn(Axis::ending(now, Zoom::default(), 27, 0)), "OCT   NOV 5    10   15   20");
        assert_eq!(drawn(Axis::ending(now, Zoom::default(), 21, 0)), "NOV 5    10   15   20");
        assert_eq!(drawn(Axis::ending(now, Zoom::default(), 23, 0)), "  NOV 5    10   15   20");
        assert_eq!(drawn(Axis::ending(now, Zoom(0), 27, 0)), "NOV 20      18    NOV 21");
        assert_eq!(drawn(Axis::ending(now, Zoom(6), 20, 0)), "JUL AUG  SEP OCT NOV");
    }

    proptest::proptest! {
        #[test]
        fn no_time_and_no_width_panics(now: i64, columns in 0_u16..600, back: u32, zoom in 0_u8..8, marks in proptest::collection::vec((proptest::prelude::any::<i64>(), 0_usize..7), 0..40)) {
            let mut marks: Vec<Mark> = marks.into_iter().map(|(at, sign)| Mark { at: Moment(at), sign: Sign::ALL[sign] }).collect();
            marks.sort_by_key(|mark| mark.at);
            let axis = Axis::ending(Moment(now), Zoom(zoom), columns, back);
            let text: usize = strip(&axis, &marks).iter().map(|span| span.text.chars().count()).sum();
            proptest::prop_assert_eq!(text, usize::from(columns));
            let _ = axis.ticks();
        }
    }
}
