//! Text of documents, byte for byte as MySQL prints it.

use std::borrow::Cow;
use std::fmt::Write as _;

use data_encoding::BASE64;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::json::read::{Container, Node, Scalar, document as root};
use crate::change::json::{DEPTH, typed};
use crate::change::temporal;
use crate::model::change::{Decimal, JsonPlace, JsonTypes, Plain, Value};

/// A document's text grows with its bytes: what prints to more is one whose parts share their bytes.
const SWELL: usize = 64;
/// The most values of one document that a statement sets one by one: a server takes a second for so many.
const PLACES: usize = 20_000;
/// The most bytes of their paths: each has all keys that its value is under.
const PATHS: usize = 4 << 20;

pub(super) fn document<'a>(bytes: &'a [u8], page: &mut Page<'a>) -> Result<(), Broken> {
    page.most = bytes.len().saturating_mul(SWELL).saturating_add(1024);
    page.node(root(bytes)?)
}

/// A document's text while it is written, and the values in it whose types it does not tell.
pub(super) struct Page<'a> {
    pub text: String,
    most: usize,
    /// Where the value that is written stands.
    path: Vec<Leg<'a>>,
    places: Vec<JsonPlace>,
    /// Bytes of their paths.
    paths: usize,
    types: JsonTypes,
}

/// One step of a path.
#[derive(Clone, Copy)]
enum Leg<'a> {
    Member(&'a [u8]),
    Cell(usize),
}

impl<'a> Page<'a> {
    /// For a document of about so many bytes.
    pub fn new(bytes: usize) -> Self {
        let (text, types) = (String::with_capacity(bytes), JsonTypes::Plain);
        Self { text, most: usize::MAX, path: vec![], places: vec![], paths: 0, types }
    }

    pub fn value(self) -> Value<'static> {
        let types = match self.types {
            JsonTypes::Plain if !self.places.is_empty() => JsonTypes::At(self.places.into()),
            types => types,
        };
        Value::Json { text: Cow::Owned(self.text), types }
    }

    fn node(&mut self, node: Node<'a>) -> Result<(), Broken> {
        if self.path.len() > DEPTH || self.text.len() > self.most {
            return Err(Broken("a JSON document that is nested too deep or holds itself"));
        }
        match node {
            Node::Scalar(value) => self.scalar(&value),
            Node::Array(array) => self.members(array, ['[', ']'], false),
            Node::Object(object) => self.members(object, ['{', '}'], true),
        }
    }

    fn members(&mut self, of: Container<'a>, around: [char; 2], keys: bool) -> Result<(), Broken> {
        self.text.push(around[0]);
        for at in 0..of.len() {
            if keys {
                self.member(at, of.key(at)?)?;
            } else {
                self.cell(at);
            }
            self.node(of.value(at)?)?;
            self.leave();
        }
        self.text.push(around[1]);
        Ok(())
    }

    /// Member number `at` of an object begins.
    pub fn member(&mut self, at: usize, key: &'a [u8]) -> Result<(), Broken> {
        self.begin(at, Leg::Member(key));
        string(key, &mut self.text)?;
        self.text.push_str(": ");
        Ok(())
    }

    /// Cell number `at` of an array begins.
    pub fn cell(&mut self, at: usize) {
        self.begin(at, Leg::Cell(at));
    }

    fn begin(&mut self, at: usize, leg: Leg<'a>) {
        self.text.push_str(if at == 0 { "" } else { ", " });
        self.path.push(leg);
    }

    /// Its value ends.
    pub fn leave(&mut self) {
        self.path.pop();
    }

    pub fn scalar(&mut self, value: &Scalar<'_>) -> Result<(), Broken> {
        let text = &mut self.text;
        match value {
            Scalar::Null => text.push_str("null"),
            Scalar::Bool(true) => text.push_str("true"),
            Scalar::Bool(false) => text.push_str("false"),
            Scalar::Int(number) => push(text, number),
            Scalar::UInt(number) => push(text, number),
            Scalar::Double(number) => double(*number, text)?,
            Scalar::Text(bytes) => string(bytes, text)?,
            Scalar::Opaque(kind, bytes) => opaque(*kind, bytes, text)?,
        }
        if typed::is_told(value) || self.types != JsonTypes::Plain {
            return Ok(());
        }
        let Some(value) = typed::of(value)? else {
            self.types = JsonTypes::Untold;
            return Ok(());
        };
        let path = self.path_text()?;
        self.paths += path.len();
        if self.places.len() >= PLACES || self.paths > PATHS {
            self.types = JsonTypes::Many;
            return Ok(());
        }
        self.places.push(JsonPlace { path: path.into(), value });
        Ok(())
    }

    fn path_text(&self) -> Result<String, Broken> {
        let mut path = "$".to_owned();
        for leg in &self.path {
            match leg {
                Leg::Cell(at) => push(&mut path, format_args!("[{at}]")),
                Leg::Member(key) => {
                    path.push('.');
                    string(key, &mut path)?;
                }
            }
        }
        Ok(path)
    }
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
