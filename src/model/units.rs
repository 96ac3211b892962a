//! Quantities with their units, and how they are written.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number of bytes. Shown in binary units: `4.2G`, `97M`, `0B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl ByteSize {
    fn scaled(self) -> (f64, usize) {
        let (mut value, mut step) = (self.0 as f64, 0);
        while value >= 999.5 && step < 6 {
            value /= 1024.0;
            step += 1;
        }
        (value, step)
    }

    /// For sentences: `4.2 GiB`, `97.0 MiB`, `12 bytes`.
    pub fn words(self) -> String {
        const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        match self.scaled() {
            (_, 0) if self.0 == 1 => "1 byte".to_owned(),
            (_, 0) => format!("{} bytes", self.0),
            (value, step) => format!("{value:.1} {}", UNITS[step]),
        }
    }

    /// For details: `4,509,715,660 bytes`.
    pub fn exact(self) -> String {
        if self.0 == 1 { "1 byte".to_owned() } else { format!("{} bytes", grouped(self.0)) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, step) = self.scaled();
        let unit = ["B", "K", "M", "G", "T", "P", "E"][step];
        let text = if step > 0 && value < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") };
        f.pad(&text)
    }
}

/// A number with its noun: `1 view`, `1,204 views`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Digits in groups of three: `1,204,331`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0.max(0.0) as u64).words())
    }
}

/// A point in time: milliseconds since 1970-01-01 00:00 UTC.
///
/// Serialized as RFC 3339 in UTC. Values outside the years 0001 to 9999 are clamped when shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// From whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    fn civil(self) -> jiff::civil::DateTime {
        const RANGE: (i64, i64) = (-62_135_596_800_000, 253_402_207_200_000);
        jiff::Timestamp::from_millisecond(self.0.clamp(RANGE.0, RANGE.1))
            .map(|stamp| stamp.to_zoned(jiff::tz::TimeZone::UTC).datetime())
            .unwrap_or_default()
    }

    /// `2026-11-21 03:00`, the form of every list.
    pub fn minute(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// `2026-11-21 03:00:07`.
    pub fn second(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `2026-11-21`.
    pub fn day(self) -> String {
        self.civil().strftime("%Y-%m-%d").to_string()
    }

    /// `2026-11-21T03:00:07.000Z`.
    pub fn rfc3339(self) -> String {
        self.civil().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// Reads RFC 3339, or `2026-11-21`, `2026-11-21 03:00` and `2026-11-21 03:00:07` as UTC.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Some(Self(stamp.as_millisecond()));
        }
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(Self(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()))
    }

    /// How long before `now` this was; zero when it lies in the future.
    pub fn age_at(self, now: Moment) -> Duration {
        Duration::from_millis(u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.second())
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

/// A span in one short word, for columns: `40s`, `5m`, `5h`, `3d`, `2y`.
pub fn short_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..63_072_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// Reads a span as people write it: `90s`, `30m`, `26h`, `30d`, `4w`, `1y` (of 365 days).
pub fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let count = number.parse::<u64>().ok().filter(|_| plain)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(Duration::from_secs)
}

/// A span that is being waited for: `9s`, `1m02s`, `2h05m`, `3d04h`.
pub fn long_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_five_columns_and_never_round_to_a_thousand() {
        let shown = |bytes| ByteSize(bytes).to_string();
        assert_eq!(shown(0), "0B");
        assert_eq!(shown(999), "999B");
        assert_eq!(shown(1000), "1.0K");
        assert_eq!(shown(97 << 20), "97M");
        assert_eq!(shown(4_509_715_660), "4.2G");
        assert_eq!(shown((1 << 30) - 1), "1.0G");
        assert!((0..64).all(|bit| shown(1 << bit).len() <= 5));
        assert_eq!(ByteSize(u64::MAX).exact(), "18,446,744,073,709,551,615 bytes");
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        let read = |text| parse_span(text).map(|span| span.as_secs());
        assert_eq!(["90s", "30m", "26h", "30d", "1y"].map(read), [90, 1800, 93_600, 2_592_000, 31_536_000].map(Some));
        for wrong in ["", "h", "26", "-1h", "+1h", "1.5h", " 1h", "99999999999999999999d", "999999999999999999y", "1ü"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_survive_absurd_metadata() {
        assert_eq!(Moment(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment(i64::MIN).day(), "0001-01-01");
        assert!(Moment(i64::MAX).day().starts_with("9999-12-3"));
        assert_eq!(Moment::parse("2026-11-21 03:00"), Some(Moment(1_795_230_000_000)));
        assert_eq!(Moment::parse("2026-11-21"), Moment::parse("2026-11-21T00:00:00Z"));
        assert_eq!(Moment::parse("yesterday"), None);
    }
}
