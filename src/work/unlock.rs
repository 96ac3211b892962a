//! Which of the loaded keys opens a backup, decided from its first bytes.

use crate::format::sniff;
use crate::model::backup::{Compression, Format, Metadata, Shape};
use crate::model::seal::{Fingerprint, SealScheme};
use crate::model::trust::{Finding, VerdictOutcome, Weight};
use crate::seal;
use crate::seal::UnsealError;
use crate::seal::databacker::UnlockError;
use crate::seal::dbacked::{Endian, Header};
use crate::seal::key::Key;
use crate::seal::keyring::PrivateKey;
use crate::seal::sealed::SealedHeader;
use crate::work::opening::Layers;
use crate::work::verdict;
use crate::work::verdict::{Inside, Wrong};
use crate::work::verify::recipients;

/// What trying the keys came to.
pub enum Unlocked {
    /// Nobody asked.
    NotTried,
    /// It is sealed, and there is no key to try.
    NoKeyLoaded,
    /// A key fits, or none is needed.
    Open {
        /// What to read through.
        layers: Layers,
        /// The key that fits.
        key: Option<Fingerprint>,
        /// What is odd about it, and does not keep it from being opened.
        remarks: Vec<Finding>,
    },
    /// No key fits, or the header is broken.
    Refused(Wrong),
}

impl Unlocked {
    /// The key that fits.
    pub fn key(&self) -> Option<Fingerprint> {
        match self {
            Self::Open { key, .. } => key.clone(),
            _ => None,
        }
    }
}

/// Tries the keys on the head of a backup. No download beyond the head.
///
/// Keys that metadata or header name come first. A named key that fails means damage; others mean
/// that no key fits.
pub fn unlock(shape: &Shape, metadata: &Metadata, head: &[u8], keys: &[Key]) -> Unlocked {
    let rsa: Vec<&PrivateKey> = keys.iter().filter_map(Key::rsa).collect();
    match shape.format {
        Format::Dbacked => dbacked(&recipients(shape, metadata), head, &rsa),
        Format::Sealed => sealed(head, &rsa),
        Format::Databacker => match &shape.seal {
            Some(seal) => databacker(shape.compression, seal.scheme, head, keys),
            None => open(Layers::Databacker { outer: shape.compression, seal: None }),
        },
        Format::Mysqldump => open(Layers::Plain { compression: shape.compression }),
        Format::Unknown => unnamed(shape, head, keys),
    }
}

fn open(layers: Layers) -> Unlocked {
    Unlocked::Open { layers, key: None, remarks: vec![] }
}

/// Bytes without a meaning may be sealed under a raw key: those that are loaded are tried.
fn unnamed(shape: &Shape, head: &[u8], keys: &[Key]) -> Unlocked {
    let sealed = sniff::sniff(head).opaque.then(|| databacker(shape.compression, SealScheme::RawKey, head, keys));
    match sealed {
        Some(unlocked @ Unlocked::Open { .. }) => unlocked,
        _ => open(Layers::Plain { compression: shape.compression }),
    }
}

fn databacker(outer: Compression, scheme: SealScheme, head: &[u8], keys: &[Key]) -> Unlocked {
    if keys.is_empty() {
        return Unlocked::NoKeyLoaded;
    }
    let inside = sniff::peek(outer, head, sniff::SEAL_HEAD);
    match seal::databacker::unlock(scheme, &inside, keys, &sniff::is_head) {
        Ok(opened) => {
            let took = opened.took.map(|took| format!("{} was taken {took}", opened.label));
            let remarks = took.map(|text| Finding::new(Weight::Note, "key_taken_as", text)).into_iter().collect();
            let layers = Layers::Databacker { outer, seal: Some(opened.content) };
            Unlocked::Open { layers, key: opened.key, remarks }
        }
        Err(UnlockError::Header(error)) => refused(&error),
        Err(error @ (UnlockError::NoKey { .. } | UnlockError::NoneFits { .. })) => {
            none(VerdictOutcome::WrongKey, &error)
        }
        Err(error @ (UnlockError::Inconclusive | UnlockError::Unsupported { .. })) => {
            none(VerdictOutcome::Inconclusive, &error)
        }
    }
}

fn none(outcome: VerdictOutcome, error: &UnlockError) -> Unlocked {
    Unlocked::Refused(Wrong { outcome, at_byte: None, what: error.to_string() })
}

fn refused(error: &UnsealError) -> Unlocked {
    let fallback = || Wrong { outcome: VerdictOutcome::Inconclusive, at_byte: None, what: error.to_string() };
    Unlocked::Refused(verdict::of_seal(error, Inside::Unfinished).unwrap_or_else(fallback))
}

fn dbacked(named: &[Fingerprint], head: &[u8], keys: &[&PrivateKey]) -> Unlocked {
    let header = match Header::read(&mut &head[..]) {
        Ok(header) => header,
        Err(error) => return refused(&error),
    };
    if keys.is_empty() {
        return Unlocked::NoKeyLoaded;
    }
    let is_named = |key: &PrivateKey| named.contains(&key.fingerprint());
    let (first, rest): (Vec<&PrivateKey>, Vec<&PrivateKey>) = keys.iter().copied().partition(|key| is_named(key));
    let mut failed_named = None;
    for (at, key) in first.iter().chain(&rest).enumerate() {
        match header.unwrap_key(key) {
            Ok(content) => {
                let remarks = remarks(&header, named, key);
                let layers = Layers::Dbacked { header: Box::new(header), key: content };
                return Unlocked::Open { layers, key: Some(key.fingerprint()), remarks };
            }
            Err(error) if at < first.len() => failed_named = Some(error),
            Err(_) => {}
        }
    }
    if failed_named.is_some() {
        let what =
            "the metadata names the loaded key, and it does not open the header: the header is damaged".to_owned();
        return Unlocked::Refused(Wrong { outcome: VerdictOutcome::Damaged, at_byte: Some(14), what });
    }
    let what = match named.first() {
        Some(wanted) => format!("sealed for key {}, which is not loaded", wanted.short()),
        None => "no loaded key opens it, and no metadata says which key it was sealed for".to_owned(),
    };
    Unlocked::Refused(Wrong { outcome: VerdictOutcome::WrongKey, at_byte: None, what })
}

fn remarks(header: &Header, named: &[Fingerprint], key: &PrivateKey) -> Vec<Finding> {
    let mut remarks = vec![];
    if header.head.endian == Endian::Big {
        remarks.push(Finding::new(Weight::Note, "big_endian", "the key length is written big-endian"));
    }
    if let Some(wanted) = named.first().filter(|_| !named.contains(&key.fingerprint())) {
        let text = format!("the metadata names key {}, but {} opens it", wanted.short(), key.fingerprint().short());
        remarks.push(Finding::new(Weight::Warning, "metadata_key", text));
    }
    remarks
}

fn sealed(head: &[u8], keys: &[&PrivateKey]) -> Unlocked {
    let header = match SealedHeader::read(&mut &head[..]) {
        Ok(header) => header,
        Err(error) => return refused(&error),
    };
    if keys.is_empty() {
        return Unlocked::NoKeyLoaded;
    }
    let Some(key) = keys.iter().find(|key| header.recipients().contains(&key.fingerprint())) else {
        let wanted = header.recipients().first().map(Fingerprint::short).unwrap_or_default();
        let what = format!("sealed for key {wanted}, which is not loaded");
        return Unlocked::Refused(Wrong { outcome: VerdictOutcome::WrongKey, at_byte: None, what });
    };
    match header.unwrap(key) {
        Ok(content) => {
            let layers = Layers::Sealed { header: Box::new(header), key: content };
            Unlocked::Open { layers, key: Some(key.fingerprint()), remarks: vec![] }
        }
        Err(error) => refused(&error),
    }
}
