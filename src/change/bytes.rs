//! Reading numbers off bytes, each read checked.

use crate::change::error::Broken;

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

const SHORT: Broken = Broken("it ends too early");

impl<'a> Bytes<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let (front, rest) = self.rest.split_at_checked(len).ok_or(SHORT)?;
        self.rest = rest;
        Ok(front)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (front, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*front)
    }

    pub fn u8(&mut self) -> Result<u8, Broken> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, Broken> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Broken> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_le_bytes)
    }

    /// A little-endian number of up to 8 bytes.
    pub fn little(&mut self, size: usize) -> Result<u64, Broken> {
        let bytes = self.take(size)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A big-endian number of up to 8 bytes.
    pub fn big(&mut self, size: usize) -> Result<u64, Broken> {
        let bytes = self.take(size)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length-encoded integer of the client protocol.
    pub fn lenenc(&mut self) -> Result<u64, Broken> {
        match self.u8()? {
            small @ 0..=250 => Ok(u64::from(small)),
            0xfc => self.little(2),
            0xfd => self.little(3),
            0xfe => self.u64(),
            _ => Err(Broken("a length that no server writes")),
        }
    }

    /// As [`Self::lenenc`], for what must lie in memory.
    pub fn len(&mut self) -> Result<usize, Broken> {
        usize::try_from(self.lenenc()?).map_err(|_| SHORT)
    }

    /// A text with its length-encoded length in front.
    pub fn text(&mut self) -> Result<&'a [u8], Broken> {
        let len = self.len()?;
        self.take(len)
    }

    /// A text with one byte of length in front and a zero byte behind.
    pub fn name(&mut self) -> Result<&'a [u8], Broken> {
        let len = usize::from(self.u8()?);
        let name = self.take(len)?;
        match self.u8()? {
            0 => Ok(name),
            _ => Err(Broken("a name without the zero byte behind it")),
        }
    }
}

/// Whether a bit of a bitmap is set; bits count from the lowest of the first byte.
#[inline]
pub(super) fn bit(map: &[u8], at: usize) -> bool {
    map.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}
