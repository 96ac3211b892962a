//! From stored bytes to the dump: the layers of a backup as blocking readers, each costly one on a
//! thread of its own.

use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::format::sniff;
use crate::format::unpack::{Limits, Strictness, Unpacker};
use crate::model::backup::Compression;
use crate::model::seal::SealScheme;
use crate::seal::databacker::Content;
use crate::seal::dbacked::{Decrypter, Header};
use crate::seal::keyring::ContentKey;
use crate::seal::sealed::{SealedHeader, Unsealer};
use crate::work::pipe::Ahead;

/// What stands around the dump, with the content key and no private one: a job keeps this until it ends.
#[derive(Clone)]
pub enum Layers {
    /// DBacked: header, then AES-256-CBC around at most one gzip member.
    Dbacked {
        /// As it was read when the key was unwrapped; the stream must begin with the same bytes.
        header: Box<Header>,
        /// Unwrapped from it.
        key: ContentKey,
    },
    /// Our own sealed format around anything.
    Sealed {
        /// As it was read when the key was unwrapped.
        header: Box<SealedHeader>,
        /// Unwrapped from it.
        key: ContentKey,
    },
    /// databacker: compression, perhaps a seal, perhaps another compression, and the archive.
    Databacker {
        /// The outermost compression.
        outer: Compression,
        /// What was unlocked; `None`: no seal.
        seal: Option<Content>,
    },
    /// No seal.
    Plain {
        /// As the head says.
        compression: Compression,
    },
}

impl Layers {
    /// The seal that was opened; what a raw key's was, only its opening tells.
    pub fn scheme(&self) -> Option<SealScheme> {
        match self {
            Self::Dbacked { .. } => Some(SealScheme::Dbacked),
            Self::Sealed { .. } => Some(SealScheme::Sealed),
            Self::Databacker { seal, .. } => seal.as_ref().map(Content::scheme),
            Self::Plain { .. } => None,
        }
    }
}

/// The dump, being read.
pub struct Plaintext {
    /// Its bytes.
    pub bytes: Ahead<Box<dyn Read + Send>>,
    /// How it was compressed.
    pub compression: Compression,
    /// At the end: whether every frame of the compressed data carried a checksum.
    pub checked: Arc<AtomicBool>,
    /// Where in the stored bytes the first byte of the compressed data stands: what offsets of the
    /// unpacker have to be added to. `None` where stored and compressed bytes do not run in step.
    pub origin: Option<u64>,
    /// Where in the stored bytes the ciphertext of a DBacked seal begins.
    pub sealed_at: Option<u64>,
}

/// Builds the readers over `stored`, which stands at the first byte of the backup.
///
/// # Errors
///
/// What the header, the key or the first block says. Everything later shows when reading.
pub fn open(layers: Layers, mut stored: impl Read + Send + 'static) -> io::Result<Plaintext> {
    match layers {
        Layers::Dbacked { header, key } => {
            if Header::read(&mut stored)? != *header {
                return Err(changed());
            }
            let origin = header.len();
            let decrypter = Decrypter::new(stored, &key, &header.iv, origin);
            let mut opened = Ahead::start("unseal", decrypter)?;
            let gzipped = opened.chunk()?.starts_with(&[0x1f, 0x8b]);
            let compression = if gzipped { Compression::Gzip } else { Compression::None };
            unpacked(opened, compression, Strictness::OneMember, Some(origin))
        }
        Layers::Sealed { header, key } => {
            if SealedHeader::read(&mut stored)? != *header {
                return Err(changed());
            }
            let mut opened = Ahead::start("unseal", Unsealer::new(stored, &key, header.len()))?;
            let compression = sniff::compression(opened.chunk()?);
            unpacked(opened, compression, Strictness::Lenient, None)
        }
        Layers::Databacker { outer, seal: None } => unpacked(stored, outer, Strictness::Lenient, Some(0)),
        Layers::Databacker { outer, seal: Some(seal) } => databacker(outer, &seal, stored),
        Layers::Plain { compression } => unpacked(stored, compression, Strictness::Lenient, Some(0)),
    }
}

/// compress(encrypt(tar)) as databacker writes it since 1.3, and encrypt(compress(tar)) of its hook before that.
fn databacker(outer: Compression, seal: &Content, stored: impl Read + Send + 'static) -> io::Result<Plaintext> {
    let mut opened = match outer {
        Compression::None => Ahead::start("unseal", seal.open(stored)?)?,
        _ => {
            let unpacker = Unpacker::new(outer, stored, Strictness::Lenient, Limits::default());
            Ahead::start("unseal", seal.open(Ahead::start("unpack", unpacker)?)?)?
        }
    };
    let inner = sniff::compression(opened.chunk()?);
    let origin = (outer == Compression::None).then_some(0);
    let mut plain = unpacked(opened, inner, Strictness::Lenient, None)?;
    plain.compression = if inner == Compression::None { outer } else { inner };
    Ok(Plaintext { origin, sealed_at: origin, ..plain })
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the header changed between two reads")
}

fn unpacked(
    source: impl Read + Send + 'static,
    compression: Compression,
    strictness: Strictness,
    origin: Option<u64>,
) -> io::Result<Plaintext> {
    let mut checked = Arc::default();
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(source),
        _ => {
            let unpacker = Unpacker::new(compression, source, strictness, Limits::default());
            checked = unpacker.checked();
            Box::new(unpacker)
        }
    };
    let sealed_at = origin.filter(|at| *at > 0);
    Ok(Plaintext { bytes: Ahead::start("unpack", reader)?, compression, checked, origin, sealed_at })
}
