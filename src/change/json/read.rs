//! The tree of a binary document, where it lies.

use crate::change::bytes::Bytes;
use crate::change::error::Broken;

const DAMAGED: Broken = Broken("a JSON document that does not hold together");

/// One value of a document.
pub(super) enum Node<'a> {
    Object(Container<'a>),
    Array(Container<'a>),
    Scalar(Scalar<'a>),
}

/// A value without parts.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Double(f64),
    Text(&'a [u8]),
    /// A value of a column type, with the type's number.
    Opaque(u8, &'a [u8]),
}

/// An object or array: its members are found by offsets into its bytes.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    count: usize,
    /// Bytes of offsets and sizes: 2 in small containers, 4 in large ones.
    word: usize,
    is_object: bool,
}

/// A whole document: the type, then the value.
pub(super) fn document(bytes: &[u8]) -> Result<Node<'_>, Broken> {
    let (kind, rest) = bytes.split_first().ok_or(DAMAGED)?;
    node(*kind, rest)
}

fn node(kind: u8, bytes: &[u8]) -> Result<Node<'_>, Broken> {
    let mut rest = Bytes::new(bytes);
    let scalar = match kind {
        0 | 1 => return Container::new(bytes, kind == 1, true).map(Node::Object),
        2 | 3 => return Container::new(bytes, kind == 3, false).map(Node::Array),
        4 => literal(rest.u8()?)?,
        5 => Scalar::Int(i64::from(rest.u16()? as i16)),
        6 => Scalar::UInt(u64::from(rest.u16()?)),
        7 => Scalar::Int(i64::from(rest.u32()? as i32)),
        8 => Scalar::UInt(u64::from(rest.u32()?)),
        9 => Scalar::Int(rest.u64()? as i64),
        10 => Scalar::UInt(rest.u64()?),
        11 => Scalar::Double(f64::from_bits(rest.u64()?)),
        12 => Scalar::Text(text(&mut rest)?),
        15 => Scalar::Opaque(rest.u8()?, text(&mut rest)?),
        _ => return Err(DAMAGED),
    };
    Ok(Node::Scalar(scalar))
}

fn literal(code: u8) -> Result<Scalar<'static>, Broken> {
    match code {
        0 => Ok(Scalar::Null),
        1 => Ok(Scalar::Bool(true)),
        2 => Ok(Scalar::Bool(false)),
        _ => Err(DAMAGED),
    }
}

/// A text with its length in groups of 7 bits in front.
fn text<'a>(rest: &mut Bytes<'a>) -> Result<&'a [u8], Broken> {
    let mut len = 0_usize;
    for nth in 0..5 {
        let byte = rest.u8()?;
        len |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            return rest.take(len);
        }
    }
    Err(DAMAGED)
}

impl<'a> Container<'a> {
    fn new(bytes: &'a [u8], is_large: bool, is_object: bool) -> Result<Self, Broken> {
        let word = if is_large { 4 } else { 2 };
        let mut rest = Bytes::new(bytes);
        let (count, size) = (rest.little(word)? as usize, rest.little(word)? as usize);
        let bytes = bytes.get(..size).ok_or(DAMAGED)?;
        let container = Self { bytes, count, word, is_object };
        let head = container.entry(count);
        if head > size { Err(DAMAGED) } else { Ok(container) }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// Where a member's type and value, or offset to it, lie.
    fn entry(&self, at: usize) -> usize {
        let keys = if self.is_object { self.count.saturating_mul(self.word + 2) } else { 0 };
        keys.saturating_add(2 * self.word).saturating_add(at.saturating_mul(1 + self.word))
    }

    fn at(&self, from: usize) -> Result<Bytes<'a>, Broken> {
        self.bytes.get(from..).map(Bytes::new).ok_or(DAMAGED)
    }

    pub fn key(&self, at: usize) -> Result<&'a [u8], Broken> {
        let mut entry = self.at(2 * self.word + at * (self.word + 2))?;
        let (offset, len) = (entry.little(self.word)? as usize, entry.u16()?);
        self.at(offset)?.take(len.into())
    }

    pub fn value(&self, at: usize) -> Result<Node<'a>, Broken> {
        let mut entry = self.at(self.entry(at))?;
        let kind = entry.u8()?;
        let is_inline = matches!(kind, 4..=6) || (self.word == 4 && matches!(kind, 7 | 8));
        if is_inline {
            return node(kind, entry.rest());
        }
        let offset = entry.little(self.word)? as usize;
        // A value lies behind the entries: a document whose parts hold themselves would have no end.
        if offset < self.entry(self.count) {
            return Err(DAMAGED);
        }
        node(kind, self.at(offset)?.rest())
    }
}
