//! Exact decimals, kept as servers store them.

use std::borrow::Cow;
use std::fmt;

/// Digits that a group of 4 bytes holds.
const GROUP: usize = 9;
/// Bytes that so many left-over digits take.
const BYTES: [usize; GROUP] = [0, 1, 1, 2, 2, 3, 3, 4, 4];

/// A `DECIMAL(precision, scale)`, in the server's packed form.
///
/// `Display` gives all digits of the scale, as the server prints them: no digit is lost or added.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal<'a> {
    packed: Cow<'a, [u8]>,
    precision: u8,
    scale: u8,
}

/// How many bytes a `DECIMAL(precision, scale)` takes; `None` when no server has such a type.
pub fn packed_len(precision: u8, scale: u8) -> Option<usize> {
    if precision == 0 || precision > 65 || scale > 38 || scale > precision {
        return None;
    }
    let (whole, fraction) = (usize::from(precision - scale), usize::from(scale));
    Some(whole / GROUP * 4 + BYTES[whole % GROUP] + fraction / GROUP * 4 + BYTES[fraction % GROUP])
}

impl<'a> Decimal<'a> {
    /// Takes packed bytes; `None` when they are not exactly as many as the type takes, or hold no digits.
    pub fn packed(bytes: &'a [u8], precision: u8, scale: u8) -> Option<Self> {
        let fits = packed_len(precision, scale) == Some(bytes.len());
        let decimal = Self { packed: Cow::Borrowed(bytes), precision, scale };
        (fits && decimal.is_sound()).then_some(decimal)
    }

    /// How many bytes a value of this type takes.
    pub fn size(precision: u8, scale: u8) -> Option<usize> {
        packed_len(precision, scale)
    }

    /// Digits behind the point.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// Owns its bytes.
    pub fn into_owned(self) -> Decimal<'static> {
        Decimal { packed: Cow::Owned(self.packed.into_owned()), precision: self.precision, scale: self.scale }
    }

    fn is_sound(&self) -> bool {
        self.groups().all(|(number, digits)| number < 10_u32.pow(digits as u32))
    }

    /// The groups of digits from left to right: their number and how many digits it stands for.
    fn groups(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        let (whole, fraction) = (usize::from(self.precision - self.scale), usize::from(self.scale));
        let head = Some(whole % GROUP).filter(|digits| *digits > 0);
        let tail = Some(fraction % GROUP).filter(|digits| *digits > 0);
        let digits = head.into_iter().chain(std::iter::repeat_n(GROUP, whole / GROUP + fraction / GROUP)).chain(tail);
        let flip = if self.packed.first().is_some_and(|first| first & 0x80 == 0) { 0xff } else { 0 };
        digits.scan(0_usize, move |at, digits| {
            let size = if digits == GROUP { 4 } else { BYTES[digits] };
            let bytes = self.packed.get(*at..*at + size)?;
            let mut number = 0_u32;
            for (nth, byte) in bytes.iter().enumerate() {
                let sign = if *at + nth == 0 { 0x80 } else { 0 };
                number = number << 8 | u32::from(byte ^ sign ^ flip);
            }
            *at += size;
            Some((number, digits))
        })
    }
}

impl Decimal<'_> {
    /// All digits of the scale, as the server prints them, behind what `out` already has.
    pub fn write_into(&self, out: &mut Vec<u8>) {
        let (mut digits, mut end) = ([b'0'; 70], 0);
        for (mut number, count) in self.groups() {
            for place in (end..end + count).rev() {
                digits[place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
            end += count;
        }
        let point = usize::from(self.precision - self.scale).min(end);
        if self.packed.first().is_some_and(|first| first & 0x80 == 0) {
            out.push(b'-');
        }
        let first = digits[..point].iter().position(|digit| *digit != b'0').unwrap_or(point);
        out.extend_from_slice(if first == point { b"0" } else { &digits[first..point] });
        if end > point {
            out.push(b'.');
            out.extend_from_slice(&digits[point..end]);
        }
    }
}

impl fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(70);
        self.write_into(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The server's packing, written down a second time from its description.
    fn pack(negative: bool, whole: &str, fraction: &str) -> Vec<u8> {
        let mut packed = vec![];
        let mut push = |digits: &str| {
            let size = if digits.len() == GROUP { 4 } else { BYTES[digits.len()] };
            let number: u32 = if digits.is_empty() { 0 } else { digits.parse().unwrap() };
            packed.extend_from_slice(&number.to_be_bytes()[4 - size..]);
        };
        let head = whole.len() % GROUP;
        push(&whole[..head]);
        whole.as_bytes()[head..].chunks(GROUP).for_each(|group| push(std::str::from_utf8(group).unwrap()));
        fraction.as_bytes().chunks(GROUP).for_each(|group| push(std::str::from_utf8(group).unwrap()));
        packed[0] ^= 0x80;
        if negative {
            packed.iter_mut().for_each(|byte| *byte = !*byte);
        }
        packed
    }

    proptest! {
        #[test]
        fn every_decimal_reads_as_it_was_written(negative: bool, whole in "[0-9]{1,35}", fraction in "[0-9]{0,30}") {
            let packed = pack(negative, &whole, &fraction);
            let precision = (whole.len() + fraction.len()) as u8;
            let decimal = Decimal::packed(&packed, precision, fraction.len() as u8).unwrap();
            let front = whole.trim_start_matches('0');
            let sign = if negative { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            let front = if front.is_empty() { "0" } else { front };
            prop_assert_eq!(decimal.to_string(), format!("{sign}{front}{point}{fraction}"));
        }

        #[test]
        fn bytes_that_are_no_decimal_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..34), precision: u8, scale: u8) {
            if let Some(decimal) = Decimal::packed(&bytes, precision, scale) {
                prop_assert!(decimal.to_string().len() <= 68);
            }
        }
    }
}
