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

/// Plaintext that is enough for the header of a seal that stands inside a compression.
pub const SEAL_HEAD: usize = 64 << 10;

/// What `openssl enc` with a passphrase begins with.
const SALTED: &[u8] = b"Salted__";
/// What an age file begins with, as it is and in armor.
const AGE: [&[u8]; 2] = [b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"];
/// The object identifier of CMS EnvelopedData, in DER.
const ENVELOPED: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];

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
    /// Nothing that we know, and no text: perhaps sealed under a raw key, of which no byte tells.
    pub opaque: bool,
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
        return within(compression, head, None);
    }
    let inside = peek(compression, head, ENOUGH);
    let wants = inside.is_empty().then(|| first_block(compression)).flatten().filter(|wants| *wants > head.len());
    within(compression, &inside, wants)
}

/// What stands inside the outermost compression.
fn within(compression: Compression, inside: &[u8], wants: Option<usize>) -> Sniffed {
    let payload = Payload::of(inside);
    let (format, seal) = match (databacker_seal(inside), payload) {
        (Some(scheme), _) => (Format::Databacker, Some(Seal::new(scheme))),
        (None, Payload::Tar) => (Format::Databacker, None),
        (None, Payload::Mysqldump) => (Format::Mysqldump, None),
        (None, _) => (Format::Unknown, None),
    };
    let shape = Shape { format, compression, basis: Basis::Bytes, seal };
    let opaque = payload == Payload::Unknown && format == Format::Unknown && inside.len() >= SHORTEST_SEALED;
    Sniffed { shape, payload, wants, opaque }
}

/// No raw-key seal is shorter: an IV and one block, or a nonce, a byte and a tag.
const SHORTEST_SEALED: usize = 29;

/// The seal that the first bytes announce, of those that do.
fn databacker_seal(inside: &[u8]) -> Option<SealScheme> {
    if inside.starts_with(SALTED) {
        return Some(SealScheme::Pbkdf2Cbc);
    }
    if AGE.iter().any(|magic| inside.starts_with(magic)) {
        return Some(SealScheme::Age);
    }
    let content_info = matches!(inside, [0x30, 0x80..=0x84, ..]);
    let oid = inside.get(2..24).is_some_and(|bytes| memchr::memmem::find(bytes, ENVELOPED).is_some_and(|at| at <= 4));
    (content_info && oid).then_some(SealScheme::Cms)
}

/// The same object, taken for a databacker backup sealed under a raw key: no byte of such a seal says so,
/// only its name or the operator does.
pub fn as_raw_sealed(shape: &Shape) -> Shape {
    let seal = Some(Seal::new(SealScheme::RawKey));
    Shape { format: Format::Databacker, compression: shape.compression, basis: Basis::Name, seal }
}

/// Whether a seal may have been opened to these bytes: they begin an archive, a dump or a compression.
pub fn is_head(plain: &[u8]) -> bool {
    compression(plain) != Compression::None || matches!(Payload::of(plain), Payload::Tar | Payload::Mysqldump)
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

/// The first `most` bytes of what was compressed, or as much of it as the head yields.
pub fn peek(compression: Compression, head: &[u8], most: usize) -> Vec<u8> {
    if compression == Compression::None {
        return head[..head.len().min(most)].to_vec();
    }
    let limits = Limits { memory: 128 << 20, ..Limits::default() };
    let mut inside = vec![];
    let unpacker = Unpacker::new(compression, head, Strictness::Lenient, limits);
    // That a head is cut is no news; what came out before stays in `inside`.
    let _ = unpacker.take(most as u64).read_to_end(&mut inside);
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
    Sniffed { shape, payload: Payload::Unknown, wants: None, opaque: false }
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
