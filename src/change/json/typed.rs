//! Values inside documents whose types the text does not tell.

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::json::read::Scalar;
use crate::change::temporal;
use crate::model::change::{Date, Decimal, JsonScalar, Plain, Value};

/// Days between which every time of day is a point in time, whatever zone it was in.
const POINTS: [&str; 2] = ["1970-01-02", "2038-01-18"];
/// The most bytes that are a VARBINARY and no BLOB.
const VARBINARY: usize = 65_535;

/// Whether a server that reads the text again makes the same of it.
pub(super) fn is_told(value: &Scalar<'_>) -> bool {
    match value {
        // Servers read what needs more than 32 bits as a number without a sign, unless one stands there.
        Scalar::UInt(number) => u32::try_from(*number).is_err(),
        Scalar::Int(number) => *number <= i64::from(u32::MAX),
        Scalar::Opaque(..) => false,
        _ => true,
    }
}

/// A value that the text does not tell; `None` where no expression makes it, or no server does.
pub(super) fn of(value: &Scalar<'_>) -> Result<Option<JsonScalar>, Broken> {
    Ok(match *value {
        Scalar::UInt(number) => Some(JsonScalar::Unsigned(number)),
        Scalar::Int(number) => Some(JsonScalar::Signed(number)),
        Scalar::Opaque(246, [precision, scale, packed @ ..]) => decimal(packed, *precision, *scale),
        Scalar::Opaque(kind @ (7 | 10 | 12), bytes) => day(kind, Bytes::new(bytes).u64()? as i64),
        Scalar::Opaque(11, bytes) => time(Bytes::new(bytes).u64()? as i64),
        Scalar::Opaque(15, bytes) => (bytes.len() <= VARBINARY).then(|| JsonScalar::Bytes(bytes.into())),
        _ => None,
    })
}

fn decimal(packed: &[u8], precision: u8, scale: u8) -> Option<JsonScalar> {
    let text = Decimal::packed(packed, precision, scale)?.to_string();
    let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let fits = scale <= 30 && !(is_zero && text.starts_with('-'));
    fits.then(|| JsonScalar::Decimal { text: text.into(), precision, scale })
}

fn day(kind: u8, raw: i64) -> Option<JsonScalar> {
    let value = temporal::json_datetime(raw);
    let Value::DateTime { date, hours, minutes, seconds, micros, .. } = value else { return None };
    let Date { year, month, day } = date;
    let days = (i64::from(year) * 13 + i64::from(month)) << 5 | i64::from(day);
    let clock = i64::from(hours) << 12 | i64::from(minutes) << 6 | i64::from(seconds);
    let fits = year < 10_000 && hours < 24 && is_clock(minutes, seconds, micros);
    if !fits || raw != (days << 17 | clock) << 24 | i64::from(micros) {
        return None;
    }
    let text = Plain(&value).to_string();
    match kind {
        10 if clock == 0 && micros == 0 => Some(JsonScalar::Date(date.to_string().into())),
        10 => None,
        7 => (POINTS[0]..POINTS[1]).contains(&&text[..10]).then(|| JsonScalar::Timestamp(text.into())),
        _ => Some(JsonScalar::DateTime(text.into())),
    }
}

fn time(raw: i64) -> Option<JsonScalar> {
    let value = temporal::json_time(raw);
    let Value::Time { hours, minutes, seconds, micros, .. } = value else { return None };
    let clock = i64::from(hours) << 12 | i64::from(minutes) << 6 | i64::from(seconds);
    let is_last = (hours, minutes, seconds) == (838, 59, 59);
    let fits = hours < 839 && is_clock(minutes, seconds, micros) && !(is_last && micros > 0);
    let is_it = raw.unsigned_abs() == (clock << 24 | i64::from(micros)) as u64;
    (fits && is_it).then(|| JsonScalar::Time(Plain(&value).to_string().into()))
}

fn is_clock(minutes: u8, seconds: u8, micros: u32) -> bool {
    minutes < 60 && seconds < 60 && micros < 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_holds_is_not_told() {
        let told = |kind, raw: i64| of(&Scalar::Opaque(kind, &raw.to_le_bytes())).unwrap();
        let noon = ((2020 * 13 + 2) << 5 | 3) << 17 | 12 << 12;
        assert_eq!(told(12, noon << 24), Some(JsonScalar::DateTime("2020-02-03 12:00:00.000000".into())));
        assert_eq!(told(7, noon << 24), Some(JsonScalar::Timestamp("2020-02-03 12:00:00.000000".into())));
        assert_eq!(told(10, noon << 24), None, "a day with a time");
        assert_eq!(told(12, -(noon << 24)), None, "a moment below zero");
        assert_eq!(told(12, (noon | 63) << 24), None, "63 seconds");
        assert_eq!(told(7, (((2039 * 13 + 1) << 5 | 1) << 17) << 24), None, "no point in time");
        assert_eq!(told(11, -(((838 << 12 | 59 << 6) << 24) | 5)), Some(JsonScalar::Time("-838:59:00.000005".into())));
        assert_eq!(told(11, (839 << 12) << 24), None);
        assert_eq!(told(252, 0), None, "bytes out of a BLOB");
        assert_eq!(of(&Scalar::Opaque(246, &[3, 2, 0x81, 50])).unwrap(), {
            let text = "1.50".into();
            Some(JsonScalar::Decimal { text, precision: 3, scale: 2 })
        });
        assert_eq!(of(&Scalar::Opaque(246, &[3, 2, 0x7f, 0xff])).unwrap(), None, "no zero is below zero");
    }
}
