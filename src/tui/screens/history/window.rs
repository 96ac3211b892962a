//! Which piece of time is shown, and how much of it a column stands for.

use crate::model::units::Moment;
use crate::work::history::strip::Zoom;

/// The time that strips and charts show. It follows the clock until somebody pans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// What a column stands for.
    pub zoom: Zoom,
    /// How many columns lie between the newest one and now.
    back: i64,
}

impl Window {
    /// A finer or coarser one, with its newest column where it was.
    #[must_use]
    pub fn zoomed(self, by: isize) -> Self {
        let zoom = self.zoom.step(by);
        let back = self.back.saturating_mul(self.zoom.millis()) / zoom.millis();
        Self { zoom, back }
    }

    /// Further back in time, or nearer to now; not beyond it, and not before the year 2000.
    #[must_use]
    pub fn panned(self, columns: i64, now: Moment) -> Self {
        const YEAR_2000: i64 = 946_684_800_000;
        let most = now.0.saturating_sub(YEAR_2000) / self.zoom.millis();
        Self { back: self.back.saturating_add(columns).clamp(0, most.max(0)), ..self }
    }

    /// Where the first of so many columns begins.
    pub fn from(self, columns: u16, now: Moment) -> Moment {
        let newest = self.zoom.floor(now);
        let before = i64::from(columns) - 1 + self.back;
        Moment(newest.0.saturating_sub(before.saturating_mul(self.zoom.millis())))
    }

    /// Whether the newest column is now.
    pub fn is_now(self) -> bool {
        self.back == 0
    }

    /// The heads of the columns: days, hours or months where they begin, as many as fit.
    pub fn ticks(self, columns: u16, now: Moment) -> String {
        let from = self.from(columns, now);
        let mut line = String::new();
        for nth in 0..usize::from(columns) {
            let at = Moment(from.0.saturating_add(self.zoom.millis().saturating_mul(nth as i64)));
            let Some(text) = self.tick(at, nth == 0) else { continue };
            let room = nth >= line.len() + usize::from(!line.is_empty());
            if room && nth + text.len() <= usize::from(columns) {
                line.push_str(&" ".repeat(nth - line.len()));
                line.push_str(&text);
            }
        }
        line
    }

    fn tick(self, at: Moment, first: bool) -> Option<String> {
        let (day, minute) = (at.day(), at.minute());
        let (month, nth) = (day.get(5..7)?.parse::<usize>().ok()?, day.get(8..10)?.parse::<u8>().ok()?);
        let hour = minute.get(11..13)?.parse::<u8>().ok()?;
        let name = MONTHS.get(month.checked_sub(1)?)?;
        match self.zoom {
            Zoom::Hour if first || hour == 0 => Some(format!("{name} {nth}")),
            Zoom::Hour => hour.is_multiple_of(6).then(|| format!("{hour:02}h")),
            Zoom::Quarter => (hour == 0 && (first || nth % 2 == 1)).then(|| format!("{name} {nth}")),
            Zoom::Day if first || nth == 1 => Some((*name).to_owned()),
            Zoom::Day => nth.is_multiple_of(5).then(|| nth.to_string()),
            Zoom::Week if first || nth <= 7 => Some((*name).to_owned()),
            Zoom::Week => None,
            Zoom::Month if first || month == 1 => Some(day.get(..4)?.to_owned()),
            Zoom::Month => None,
        }
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Moment {
        Moment::parse("2026-11-21 08:14").unwrap()
    }

    #[test]
    fn the_newest_column_is_today_and_panning_ends_there() {
        let window = Window::default();
        assert_eq!(window.from(21, now()).day(), "2026-11-01");
        assert_eq!(window.panned(7, now()).from(21, now()).day(), "2026-10-25");
        assert_eq!(window.panned(7, now()).panned(-99, now()), window);
        assert!(!window.panned(7, now()).is_now());
        let far = window.panned(i64::MAX, now()).from(40, now());
        assert!(far.day().starts_with("1999"), "{}", far.day());
    }

    #[test]
    fn zooming_keeps_the_newest_column_where_it_was() {
        let week_ago = Window::default().panned(7, now());
        assert_eq!(week_ago.zoomed(-1).from(1, now()).day(), "2026-11-14");
        assert_eq!(week_ago.zoomed(-2).zoomed(2), week_ago);
        assert_eq!(Window::default().zoomed(-9).zoom, Zoom::Hour);
        assert_eq!(Window::default().zoomed(9).zoom, Zoom::Month);
    }

    #[test]
    fn ticks_name_months_days_and_hours() {
        let window = Window::default();
        assert_eq!(window.ticks(28, now()), "Oct   30  Nov 5    10   15   20");
        assert_eq!(window.zoomed(-2).ticks(20, now()), "Nov 20 18h    Nov 21");
        assert!(window.zoomed(1).ticks(30, now()).starts_with("Apr"));
    }
}
