//! Dates and times as rows hold them, old forms and new.

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::model::change::{Date, Value};

/// Bytes of a fraction of so many digits.
pub(super) fn fraction_len(digits: u8) -> usize {
    usize::from(digits).div_ceil(2)
}

/// Microseconds out of a stored fraction.
fn micros(raw: u64, digits: u8) -> u32 {
    (raw as u32).saturating_mul([1, 10_000, 100, 1][fraction_len(digits).min(3)])
}

/// 15 bits of year, 4 of month, 5 of day.
pub(super) fn date(raw: u64) -> Value<'static> {
    Value::Date(Date { year: (raw >> 9) as u16, month: (raw >> 5 & 15) as u8, day: (raw & 31) as u8 })
}

/// A date and time in the form before 5.6: the decimal number YYYYMMDDHHMMSS.
pub(super) fn old_datetime(raw: u64) -> Result<Value<'static>, Broken> {
    let (day, time) = (raw / 1_000_000, raw % 1_000_000);
    if day > 99_999_999 {
        return Err(Broken("a date and time that no server writes"));
    }
    let date = Date { year: (day / 10_000) as u16, month: (day / 100 % 100) as u8, day: (day % 100) as u8 };
    let [hours, minutes, seconds] = [time / 10_000, time / 100 % 100, time % 100].map(|part| part as u8);
    Ok(Value::DateTime { date, hours, minutes, seconds, micros: 0, digits: 0 })
}

/// A time in the form before 5.6: the decimal number HHMMSS in 3 signed bytes.
pub(super) fn old_time(raw: u64) -> Value<'static> {
    let signed = ((raw as i32) << 8) >> 8;
    let time = signed.unsigned_abs();
    let (minutes, seconds) = ((time / 100 % 100) as u8, (time % 100) as u8);
    Value::Time { negative: signed < 0, hours: (time / 10_000) as u16, minutes, seconds, micros: 0, digits: 0 }
}

/// Seconds since 1970, big-endian, and a fraction.
pub(super) fn timestamp(bytes: &[u8], digits: u8) -> Result<Value<'static>, Broken> {
    let mut rest = Bytes::new(bytes);
    let seconds = rest.big(4)? as u32;
    let micros = micros(rest.big(fraction_len(digits))?, digits);
    Ok(Value::Timestamp { seconds, micros, digits })
}

/// 5 bytes: 17 bits of year and month, 5 of day, 5 of hour, 6 of minute, 6 of second; and a fraction.
pub(super) fn datetime(bytes: &[u8], digits: u8) -> Result<Value<'static>, Broken> {
    let mut rest = Bytes::new(bytes);
    let raw = rest.big(5)?.wrapping_sub(1 << 39);
    if raw >= 1 << 39 {
        return Err(Broken("a date and time before the year 0"));
    }
    let micros = micros(rest.big(fraction_len(digits))?, digits);
    Ok(from_parts(raw, micros, digits))
}

fn from_parts(raw: u64, micros: u32, digits: u8) -> Value<'static> {
    let months = raw >> 22;
    let date = Date { year: (months / 13) as u16, month: (months % 13) as u8, day: (raw >> 17 & 31) as u8 };
    let (hours, minutes, seconds) = ((raw >> 12 & 31) as u8, (raw >> 6 & 63) as u8, (raw & 63) as u8);
    Value::DateTime { date, hours, minutes, seconds, micros, digits }
}

/// 3 bytes around 0x800000: 10 bits of hour, 6 of minute, 6 of second; and a fraction that counts with them.
pub(super) fn time(bytes: &[u8], digits: u8) -> Result<Value<'static>, Broken> {
    let len = fraction_len(digits);
    let zero = 1_i64 << (23 + 8 * len);
    let raw = Bytes::new(bytes).big(3 + len)? as i64 - zero;
    let (negative, size) = (raw < 0, raw.unsigned_abs());
    let whole = size >> (8 * len);
    let micros = micros(size & ((1 << (8 * len)) - 1), digits);
    Ok(time_of(negative, whole, micros, digits))
}

fn time_of(negative: bool, whole: u64, micros: u32, digits: u8) -> Value<'static> {
    let (minutes, seconds) = ((whole >> 6 & 63) as u8, (whole & 63) as u8);
    Value::Time { negative, hours: (whole >> 12 & 1023) as u16, minutes, seconds, micros, digits }
}

/// What a JSON document holds of a date and time: the parts above 24 bits of microseconds.
pub(super) fn json_datetime(raw: i64) -> Value<'static> {
    let raw = raw.unsigned_abs();
    from_parts((raw >> 24) & ((1 << 39) - 1), (raw & 0xff_ffff) as u32, 6)
}

/// What a JSON document holds of a time.
pub(super) fn json_time(raw: i64) -> Value<'static> {
    let size = raw.unsigned_abs();
    time_of(raw < 0, size >> 24, (size & 0xff_ffff) as u32, 6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a column of so many digits keeps of microseconds, and how it stores that.
    fn stored(micros: u32, digits: u8) -> (u32, u64) {
        let step = 10_u32.pow(6 - u32::from(digits));
        let kept = micros / step * step;
        (kept, u64::from(kept) / [1, 10_000, 100, 1][fraction_len(digits)])
    }

    proptest! {
        #[test]
        fn a_time_reads_as_it_was_written(negative: bool, hours in 0_u16..839, minutes in 0_u8..60, seconds in 0_u8..60, micros in 0_u32..1_000_000, digits in 0_u8..7) {
            let (micros, fraction) = stored(micros, digits);
            let whole = u64::from(hours) << 12 | u64::from(minutes) << 6 | u64::from(seconds);
            let len = fraction_len(digits);
            let size = (whole << (8 * len) | fraction) as i64;
            prop_assume!(size != 0);
            let raw = (1_i64 << (23 + 8 * len)) + if negative { -size } else { size };
            let bytes = &raw.to_be_bytes()[5 - len..];
            let expected = Value::Time { negative, hours, minutes, seconds, micros, digits };
            prop_assert_eq!(time(bytes, digits), Ok(expected));
        }

        #[test]
        fn a_date_and_time_reads_as_it_was_written(year in 0_u16..10_000, month in 0_u8..13, day in 0_u8..32, hours in 0_u8..24, minutes in 0_u8..60, seconds in 0_u8..60, micros in 0_u32..1_000_000, digits in 0_u8..7) {
            let (micros, fraction) = stored(micros, digits);
            let day_part = (u64::from(year) * 13 + u64::from(month)) << 5 | u64::from(day);
            let raw = day_part << 17 | u64::from(hours) << 12 | u64::from(minutes) << 6 | u64::from(seconds);
            let mut bytes = ((1_u64 << 39) + raw).to_be_bytes()[3..].to_vec();
            bytes.extend_from_slice(&fraction.to_be_bytes()[8 - fraction_len(digits)..]);
            let date = Date { year, month, day };
            let expected = Value::DateTime { date, hours, minutes, seconds, micros, digits };
            prop_assert_eq!(datetime(&bytes, digits), Ok(expected.clone()));
            if digits == 6 {
                prop_assert_eq!(json_datetime(((raw as i64) << 24) | i64::from(micros)), expected);
            }
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..10), digits in 0_u8..7) {
            let _ = (time(&bytes, digits), datetime(&bytes, digits), timestamp(&bytes, digits));
        }

        #[test]
        fn the_old_forms_read_as_they_were_written(negative: bool, hours in 0_u16..839, minutes in 0_u8..60, seconds in 0_u8..60, year in 0_u64..10_000) {
            let size = i32::from(hours) * 10_000 + i32::from(minutes) * 100 + i32::from(seconds);
            prop_assume!(size != 0);
            let raw = if negative { -size } else { size };
            let three = u64::from(raw as u32 & 0xff_ffff);
            prop_assert_eq!(old_time(three), Value::Time { negative, hours, minutes, seconds, micros: 0, digits: 0 });
            let moment = year * 10_000_000_000 + 1_231_000_000 + u64::from(minutes) * 100;
            let date = Date { year: year as u16, month: 12, day: 31 };
            prop_assert_eq!(old_datetime(moment), Ok(Value::DateTime { date, hours: 0, minutes, seconds: 0, micros: 0, digits: 0 }));
        }
    }
}
