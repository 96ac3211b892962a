//! The bytes of a value to the value.

use std::borrow::Cow;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::json;
use crate::change::packed;
use crate::change::table::{Column, Layout};
use crate::change::temporal;
use crate::model::change::{Charset, Decimal, Value};

/// The longest value that a compressed column may unpack to.
const UNPACKED: u64 = 1 << 30;

/// Reads one value; `bytes` are exactly those of the value, without their length in front.
///
/// # Errors
///
/// When they are not what the column holds.
pub fn read<'a>(column: &Column, bytes: &'a [u8]) -> Result<Value<'a>, Broken> {
    let mut rest = Bytes::new(bytes);
    match column.layout {
        Layout::Nothing => Ok(Value::Null),
        Layout::Integer(size) => rest.little(size.into()).map(|bits| integer(bits, size, column.unsigned)),
        Layout::Float => rest.u32().map(Value::Float),
        Layout::Double => rest.u64().map(Value::Double),
        Layout::Decimal { precision, scale, .. } => {
            let decimal = Decimal::packed(bytes, precision, scale);
            decimal.map(Value::Decimal).ok_or(Broken("a decimal that holds no digits"))
        }
        Layout::Bit(width) => {
            let bits = rest.big(bytes.len())?;
            let fits = width == 64 || bits >> width == 0;
            if fits { Ok(Value::Bit { bits, width }) } else { Err(Broken("a bit field with more bits than it has")) }
        }
        Layout::Year => rest.u8().map(|year| Value::Year(if year == 0 { 0 } else { 1900 + u16::from(year) })),
        Layout::Date => rest.little(3).map(temporal::date),
        Layout::OldTime => rest.little(3).map(temporal::old_time),
        Layout::OldDateTime => rest.u64().and_then(temporal::old_datetime),
        Layout::OldTimestamp => rest.u32().map(|seconds| Value::Timestamp { seconds, micros: 0, digits: 0 }),
        Layout::Time(digits) => temporal::time(bytes, digits),
        Layout::DateTime(digits) => temporal::datetime(bytes, digits),
        Layout::Timestamp(digits) => temporal::timestamp(bytes, digits),
        Layout::Char(_) if column.charset == Charset::Binary && bytes.len() < usize::from(column.width) => {
            // The log leaves out the zeros at the end of BINARY(n), UUID and INET6.
            let mut full = bytes.to_vec();
            full.resize(column.width.into(), 0);
            Ok(Value::Text { bytes: Cow::Owned(full), charset: column.charset })
        }
        Layout::Char(_) | Layout::VarChar(_) | Layout::Blob(_) => {
            Ok(Value::Text { bytes: Cow::Borrowed(bytes), charset: column.charset })
        }
        Layout::Compressed(_) => compressed(bytes, column.charset),
        Layout::Enum(size) => rest.little(size.into()).map(|number| Value::Enum(number as u16)),
        Layout::Set(size) => rest.little(size.into()).map(Value::Set),
        Layout::Json(_) => json::text(bytes),
        Layout::Geometry(_) => Ok(Value::Geometry(Cow::Borrowed(bytes))),
        Layout::Vector(_) => Ok(Value::Vector(Cow::Borrowed(bytes))),
    }
}

fn integer(bits: u64, size: u8, unsigned: Option<bool>) -> Value<'static> {
    let spare = 64 - 8 * u32::from(size.clamp(1, 8));
    let signed = ((bits << spare) as i64) >> spare;
    match unsigned {
        Some(true) => Value::UInt(bits),
        Some(false) => Value::Int(signed),
        None if signed >= 0 => Value::Int(signed), // the same number either way
        None => Value::Bare { bits, size },
    }
}

fn compressed(bytes: &[u8], charset: Charset) -> Result<Value<'static>, Broken> {
    let mut plain = vec![];
    if !bytes.is_empty() {
        packed::value(bytes, UNPACKED, &mut plain)?;
    }
    Ok(Value::Text { bytes: Cow::Owned(plain), charset })
}
