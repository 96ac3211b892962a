//! The format description: the first event of every file.

use crc32fast::Hasher;

use crate::change::bytes::Bytes;
use crate::change::error::{BinlogError, Broken};
use crate::change::frame::HEADER;
use crate::change::kind;
use crate::model::change::BinlogPos;

/// Who wrote a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// MySQL and its forks.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// How events are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Not at all.
    None,
    /// By a CRC32 at their ends.
    Crc32,
}

impl Checks {
    /// Bytes at the end of every event.
    pub fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32 => 4,
        }
    }

    /// Whether there are no checksums.
    pub fn is_empty(self) -> bool {
        self == Self::None
    }
}

/// What the format description says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Who wrote the log.
    pub product: Product,
    /// Major, minor and patch.
    pub version: (u8, u8, u8),
    /// How the other events are protected.
    pub checks: Checks,
    /// Whether the file was not closed when it was copied.
    pub in_use: bool,
    /// Whether the description itself ends in the algorithm's number and a CRC32.
    checked: bool,
}

impl Format {
    /// Reads and checks a whole format description, header included.
    pub(super) fn parse(event: &[u8], at: BinlogPos) -> Result<Self, BinlogError> {
        let broken = |what: Broken| BinlogError::Damaged { at, what: what.0 };
        let mut body = Bytes::new(event.get(HEADER..).unwrap_or_default());
        let version = body.u16().map_err(broken)?;
        if version != 4 {
            return Err(BinlogError::Version { version });
        }
        let server: [u8; 50] = body.array().map_err(broken)?;
        let _created = body.u32().map_err(broken)?;
        if body.u8().map_err(broken)? as usize != HEADER {
            return Err(BinlogError::Damaged { at, what: "events of this log have headers of another size" });
        }
        let product =
            if memchr::memmem::find(&server, b"MariaDB").is_some() { Product::MariaDb } else { Product::MySql };
        let version = numbers(&server);
        let since = if product == Product::MariaDb { (5, 3, 0) } else { (5, 6, 1) };
        let checked = version >= since;
        let checks = if checked { checks(event, at)? } else { Checks::None };
        let flags = u16::from_le_bytes([event[17], event[18]]);
        Ok(Self { product, version, checks, in_use: flags & kind::FLAG_IN_USE != 0, checked })
    }

    /// Bytes at the end of the description itself.
    pub(super) fn own_trailer(&self) -> usize {
        if self.checked { 5 } else { 0 }
    }
}

/// The description always carries its own CRC32, whatever the other events do.
fn checks(event: &[u8], at: BinlogPos) -> Result<Checks, BinlogError> {
    let Some((front, [algorithm, crc @ ..])) = event.split_last_chunk::<5>() else {
        return Err(BinlogError::Damaged { at, what: "the format description is too short" });
    };
    let mut copy = [0; HEADER];
    copy.copy_from_slice(&front[..HEADER]);
    copy[17] &= !(kind::FLAG_IN_USE as u8); // set after the sum was made
    let mut hasher = Hasher::new();
    hasher.update(&copy);
    hasher.update(&front[HEADER..]);
    hasher.update(&[*algorithm]);
    if hasher.finalize() != u32::from_le_bytes(*crc) {
        return Err(BinlogError::Checksum { at });
    }
    match algorithm {
        0 => Ok(Checks::None),
        1 => Ok(Checks::Crc32),
        _ => Err(BinlogError::Damaged { at, what: "events are protected by an unknown kind of checksum" }),
    }
}

/// Whether the last 4 bytes of an event are the CRC32 of the others.
pub(super) fn crc_matches(event: &[u8]) -> bool {
    event.split_last_chunk::<4>().is_some_and(|(bytes, crc)| crc32fast::hash(bytes) == u32::from_le_bytes(*crc))
}

/// `10.11.19-MariaDB`: 10, 11, 19. Replicas of old servers see `5.5.5-` in front of it.
fn numbers(server: &[u8]) -> (u8, u8, u8) {
    let text = server.strip_prefix(b"5.5.5-").unwrap_or(server);
    let mut numbers = text
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| digits.iter().fold(0_u8, |number, digit| number.saturating_mul(10).saturating_add(digit - b'0')));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}
