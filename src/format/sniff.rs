//! From the first bytes of a stored object to its format. Names decide nothing here.

use std::io::Read;

use crate::format::payload::Payload;
use crate::format::unpack::{Limits, Strictness, Unpacker};
use crate::model::backup::{Basis, Compression, Format, Shape};
use crate::model::seal::{DBACKED_MAGIC, SEALED_MAGIC, Seal, SealScheme};

/// How many first bytes of an object are usually enough.
pub const HEAD: usize = 4 << 10;

/// Plaintext that is enough to know a dump.
const ENOUGH: usize = 1 << 10;

/// What the first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sniffed {
    shape: Shape,
    /// What a plain dump holds; [`Payload::Unknown`] behind a seal.
    pub payload: Payload,
    /// The head was too short to decompress anything: with this many bytes it can be known.
    ///
    /// zstd and bzip2 give nothing before their first block is there as a whole.
    pub wants: Option<usize>,
}

impl Sniffed {
    /// Format, compression, seal.
    pub fn shape(&self) -> Shape {
        self.shape.clone()
    }
}

/// Decides the format from the first bytes, [`HEAD`] or as many as [`Sniffed::wants`] says.
///
/// The recipients of a seal are not filled in: they stand in metadata, or in a header that the seals read.
pub fn sniff(head: &[u8]) -> Sniffed {
    if let Some(rest) = head.strip_prefix(DBACKED_MAGIC) {
        return sealed(Format::Dbacked, dbacked(rest));
    }
    if head.starts_with(SEALED_MAGIC) {
        let seal = Seal::new(SealScheme::Sealed);
        return sealed(Format::Sealed, seal);
    }
    let compression = compression(head);
    if compression == Compression::None {
        return plain(compression, Payload::of(head), None);
    }
    let inside = peek(compression, head);
    let wants = inside.is_empty().then(|| first_block(compression)).flatten().filter(|wants| *wants > head.len());
    plain(compression, Payload::of(&inside), wants)
}

/// The compression that the first bytes announce.
pub fn compression(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        _ => Compression::None,
    }
}

/// The first KiB of what was compressed, or as much of it as the head yields.
pub fn peek(compression: Compression, head: &[u8]) -> Vec<u8> {
    let limits = Limits { memory: 128 << 20, ..Limits::default() };
    let mut inside = vec![];
    let unpacker = Unpacker::new(compression, head, Strictness::Lenient, limits);
    // That a head is cut is no news; what came out before stays in `inside`.
    let _ = unpacker.take(ENOUGH as u64).read_to_end(&mut inside);
    inside
}

fn first_block(compression: Compression) -> Option<usize> {
    match compression {
        Compression::Zstd => Some(160 << 10),
        Compression::Bzip2 => Some(1 << 20),
        _ => None,
    }
}

fn sealed(format: Format, seal: Seal) -> Sniffed {
    let shape = Shape { format, compression: Compression::None, basis: Basis::Bytes, seal: Some(seal) };
    Sniffed { shape, payload: Payload::Unknown, wants: None }
}

fn plain(compression: Compression, payload: Payload, wants: Option<usize>) -> Sniffed {
    let format = if payload == Payload::Mysqldump { Format::Mysqldump } else { Format::Unknown };
    let shape = Shape { format, compression, basis: Basis::Bytes, seal: None };
    Sniffed { shape, payload, wants }
}

/// The fields behind the magic: three version bytes, then the length of the wrapped key, in little-endian
/// order unless only the other order makes sense.
fn dbacked(rest: &[u8]) -> Seal {
    let version = rest.first_chunk::<3>().map(|[major, minor, patch]| (*major, *minor, *patch));
    let length = rest.get(3..7).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let modulus_bytes = length.and_then(|bytes| {
        let plausible = |length: u32| u16::try_from(length).ok().filter(|length| (128..=1024).contains(length));
        plausible(u32::from_le_bytes(bytes)).or_else(|| plausible(u32::from_be_bytes(bytes)))
    });
    Seal { modulus_bytes, version, ..Seal::new(SealScheme::Dbacked) }
}
