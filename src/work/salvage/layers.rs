//! The layers of a broken backup: as [`opening`](crate::work::opening), but what is missing or broken is the
//! end and a note, and no error.

use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::sniff;
use crate::format::unpack::{Limits, Strictness, Unpacker};
use crate::model::backup::Compression;
use crate::model::salvage::Authenticity;
use crate::model::seal::SealScheme;
use crate::seal::databacker::Missed;
use crate::seal::dbacked::{Decrypter, Header};
use crate::seal::sealed::{CHUNK, SealedHeader, Unsealer};
use crate::work::opening::Layers;
use crate::work::pipe::Ahead;
use crate::work::salvage::notes::{Counted, Forgiving, Layer, Notes};

type Bytes = Box<dyn Read + Send>;

/// What comes out of seal and compression, being read.
pub struct Opened {
    /// Its bytes; they end without an error.
    pub bytes: Ahead<Bytes>,
    /// The seal, if there is one.
    pub scheme: Option<SealScheme>,
    /// Whether something around the dump would have told of a missing end.
    pub contained: bool,
    /// What the layers ran into.
    pub notes: Notes,
    unsealed: Arc<AtomicU64>,
    missed: Option<Missed>,
}

impl Opened {
    /// What vouches for what comes out, as far as that is known before.
    pub fn vouched(&self) -> &'static str {
        match self.scheme {
            Some(SealScheme::Age | SealScheme::Sealed) => "its end not authenticated",
            _ => "UNAUTHENTICATED",
        }
    }

    /// Says, at the end, what vouches for what came out, and completes the notes.
    pub fn finish(&self) -> Authenticity {
        if let Some(error) = self.missed.as_ref().and_then(Missed::what) {
            self.notes.unsealing(error);
        }
        match self.scheme {
            // Both seal chunks of 64 KiB.
            Some(SealScheme::Age | SealScheme::Sealed) => {
                Authenticity::Chunks { up_to: self.unsealed.load(Ordering::Relaxed).div_ceil(CHUNK as u64) }
            }
            _ => Authenticity::Unauthenticated,
        }
    }
}

/// Builds the readers over `stored`, which stands at the first byte of the backup.
///
/// # Errors
///
/// When the header is not there, or not the one that was unlocked.
pub fn open(layers: Layers, stored: impl Read + Send + 'static, notes: &Notes) -> io::Result<Opened> {
    let mut stored = Forgiving::new(stored, Layer::Transfer, notes);
    let unsealed = Arc::new(AtomicU64::new(0));
    let scheme = layers.scheme();
    let mut missed = None;
    let sealed: (Bytes, Compression) = match layers {
        Layers::Dbacked { header, key } => {
            same(Header::read(&mut stored)? == *header)?;
            let origin = header.len();
            let decrypter = Forgiving::new(Decrypter::new(stored, &key, &header.iv, origin), Layer::Seal, notes);
            sniffed(Counted::new(decrypter, &unsealed))?
        }
        Layers::Sealed { header, key } => {
            same(SealedHeader::read(&mut stored)? == *header)?;
            let unsealer = Forgiving::new(Unsealer::new(stored, &key, header.len()), Layer::Seal, notes);
            sniffed(Counted::new(unsealer, &unsealed))?
        }
        Layers::Databacker { outer, seal: Some(seal) } => {
            let stored: Bytes = match outer {
                Compression::None => Box::new(stored),
                _ => Box::new(Ahead::start("unpack", unpacker(outer, stored, Layer::Outer, notes))?),
            };
            let (plain, met) = seal.salvage(stored)?;
            missed = Some(met);
            sniffed(Counted::new(Forgiving::new(plain, Layer::Seal, notes), &unsealed))?
        }
        Layers::Databacker { outer: compression, seal: None } | Layers::Plain { compression } => {
            (Box::new(stored), compression)
        }
    };
    let (source, compression) = sealed;
    let contained = compression != Compression::None || scheme.is_some();
    let reader: Bytes = match compression {
        Compression::None => source,
        _ => Box::new(unpacker(compression, source, Layer::Inner, notes)),
    };
    let bytes = Ahead::start("unpack", reader)?;
    Ok(Opened { bytes, scheme, contained, notes: notes.clone(), unsealed, missed })
}

fn unpacker<R: Read>(compression: Compression, source: R, layer: Layer, notes: &Notes) -> Forgiving<Unpacker<R>> {
    let unpacker = Unpacker::new(compression, source, Strictness::Salvage, Limits::default());
    Forgiving::new(unpacker, layer, notes)
}

/// Reads ahead, and says how what comes out is compressed.
fn sniffed(source: impl Read + Send + 'static) -> io::Result<(Bytes, Compression)> {
    let mut opened = Ahead::start("unseal", source)?;
    let compression = sniff::compression(opened.chunk()?);
    Ok((Box::new(opened), compression))
}

fn same(same: bool) -> io::Result<()> {
    let changed = || io::Error::new(io::ErrorKind::InvalidData, "the header changed between two reads");
    if same { Ok(()) } else { Err(changed()) }
}
