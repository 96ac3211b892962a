//! Text of documents, byte for byte as MySQL prints it.

use std::fmt::Write as _;

use data_encoding::BASE64;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::json::DEPTH;
use crate::change::json::read::{Container, Node, Scalar, document as root};
use crate::change::temporal;
use crate::model::change::{Decimal, Plain, Value};

/// A document's text grows with its bytes: what prints to more is one whose parts share their bytes.
const SWELL: usize = 64;

pub(super) fn document(bytes: &[u8], text: &mut String, exact: &mut bool) -> Result<(), Broken> {
    let mut writer = Writer { text, exact, most: bytes.len().saturating_mul(SWELL).saturating_add(1024) };
    writer.node(root(bytes)?, 0)
}

struct Writer<'t> {
    text: &'t mut String,
    exact: &'t mut bool,
    most: usize,
}

impl Writer<'_> {
    fn node(&mut self, node: Node<'_>, depth: usize) -> Result<(), Broken> {
        if depth > DEPTH || self.text.len() > self.most {
            return Err(Broken("a JSON document that is nested too deep or holds itself"));
        }
        match node {
            Node::Scalar(value) => scalar(&value, self.text, self.exact),
            Node::Array(array) => self.members(array, ['[', ']'], depth, false),
            Node::Object(object) => self.members(object, ['{', '}'], depth, true),
        }
    }

    fn members(&mut self, of: Container<'_>, around: [char; 2], depth: usize, keys: bool) -> Result<(), Broken> {
        self.text.push(around[0]);
        for at in 0..of.len() {
            self.text.push_str(if at == 0 { "" } else { ", " });
            if keys {
                string(of.key(at)?, self.text)?;
                self.text.push_str(": ");
            }
            self.node(of.value(at)?, depth + 1)?;
        }
        self.text.push(around[1]);
        Ok(())
    }
}

pub(super) fn scalar(value: &Scalar<'_>, text: &mut String, exact: &mut bool) -> Result<(), Broken> {
    match value {
        Scalar::Null => text.push_str("null"),
        Scalar::Bool(true) => text.push_str("true"),
        Scalar::Bool(false) => text.push_str("false"),
        Scalar::Int(number) => push(text, number),
        Scalar::UInt(number) => push(text, number),
        Scalar::Double(number) => double(*number, text)?,
        Scalar::Text(bytes) => string(bytes, text)?,
        Scalar::Opaque(kind, bytes) => {
            *exact = false;
            opaque(*kind, bytes, text)?;
        }
    }
    Ok(())
}

fn push(text: &mut String, part: impl std::fmt::Display) {
    // A String takes everything.
    let _ = write!(text, "{part}");
}

/// The shortest digits that read back; fixed up to 15 digits in front of the point or zeros behind it, as the
/// server's `my_gcvt` has it; a whole number gets `.0`.
fn double(number: f64, text: &mut String) -> Result<(), Broken> {
    if !number.is_finite() {
        return Err(Broken("a JSON number that is none"));
    }
    let shortest = format!("{number:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| Broken("a JSON number that is none"))?;
    if number == 0.0 {
        text.push_str(if number.is_sign_negative() { "-0.0" } else { "0.0" });
    } else if (-14..=15).contains(&(exponent + 1)) {
        push(text, number);
        text.push_str(if number.fract() == 0.0 { ".0" } else { "" });
    } else {
        push(text, format_args!("{digits}e{exponent}"));
    }
    Ok(())
}

pub(super) fn string(bytes: &[u8], text: &mut String) -> Result<(), Broken> {
    let plain = std::str::from_utf8(bytes).map_err(|_| Broken("a JSON text that is not UTF-8"))?;
    text.push('"');
    let mut from = 0;
    for (at, byte) in plain.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        text.push_str(&plain[from..at]);
        match escape {
            "" => push(text, format_args!("\\u{byte:04x}")),
            escape => text.push_str(escape),
        }
        from = at + 1;
    }
    text.push_str(&plain[from..]);
    text.push('"');
    Ok(())
}

fn opaque(kind: u8, bytes: &[u8], text: &mut String) -> Result<(), Broken> {
    let value = match (kind, bytes) {
        (246, [precision, scale, packed @ ..]) => {
            let decimal = Decimal::packed(packed, *precision, *scale);
            push(text, decimal.ok_or(Broken("a JSON decimal that holds no digits"))?);
            return Ok(());
        }
        (7 | 10 | 12, _) => temporal::json_datetime(Bytes::new(bytes).u64()? as i64),
        (11, _) => temporal::json_time(Bytes::new(bytes).u64()? as i64),
        _ => {
            push(text, format_args!("\"base64:type{kind}:"));
            base64(bytes, text);
            text.push('"');
            return Ok(());
        }
    };
    match (kind, &value) {
        (10, Value::DateTime { date, .. }) => push(text, format_args!("\"{date}\"")),
        _ => push(text, format_args!("\"{}\"", Plain(&value))),
    }
    Ok(())
}

/// In lines of 76, as the server's encoder breaks them; the line ends come out escaped.
fn base64(bytes: &[u8], text: &mut String) {
    for (at, line) in bytes.chunks(57).enumerate() {
        text.push_str(if at == 0 { "" } else { "\\n" });
        text.push_str(&BASE64.encode(line));
    }
}
