//! The seals of databacker backups: which key opens one, and the plaintext of it.
//!
//! | Scheme | Stored | Key |
//! |---|---|---|
//! | `aes256-cbc` | 16-byte IV, AES-256-CBC with PKCS#7 | 32 raw bytes |
//! | `chacha20-poly1305` | 12-byte nonce, one ChaCha20-Poly1305 message, 16-byte tag | 32 raw bytes |
//! | `pbkdf2-aes256-cbc` | `Salted__`, 8-byte salt, AES-256-CBC with PKCS#7 | passphrase |
//! | `smime-aes256-cbc` | CMS EnvelopedData; in truth AES-128-CBC | RSA or EC |
//! | `age-chacha20-poly1305` | age, version 1 | age identity or passphrase |
//!
//! Offsets in errors count from the first byte of the seal. Nothing in the first two says which of
//! them it is, and neither they nor the third prove that a key fits: a trial looks at what comes out.

mod open;
mod unlock;
mod write;

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use miette::Diagnostic;
use thiserror::Error;

use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, Seal, SealScheme};
use crate::report::{Fault, Reportable};
use crate::seal::error::UnsealError;
use crate::seal::keyring::ContentKey;
use crate::seal::secret::LockedBytes;
use crate::seal::{age, cms};

pub use self::unlock::unlock;
pub use self::write::{SealFor, seal};

/// What `openssl enc` writes in front of a salt.
pub const SALTED: &[u8; 8] = b"Salted__";
/// As many of a stream's first bytes as are worth having, for headers and trials.
pub const HEAD: usize = 64 << 10;
/// Decrypted bytes that a trial shows its judge.
const TRIAL: usize = 512;

/// Everything that reading a seal takes; no private key. Clones share it; the last one wipes it.
#[derive(Clone)]
pub struct Content(Sealing);

#[derive(Clone)]
enum Sealing {
    Cbc(ContentKey),
    ChaCha(ContentKey),
    Pbkdf2 { salt: [u8; 8], derived: Arc<LockedBytes> },
    Cms { head: Arc<[u8]>, header: Arc<cms::Header>, key: Arc<LockedBytes> },
    Age(Arc<age::Unlocked>),
}

impl Content {
    /// The scheme, which a trial may have found out.
    pub fn scheme(&self) -> SealScheme {
        match &self.0 {
            Sealing::Cbc(_) => SealScheme::Aes256Cbc,
            Sealing::ChaCha(_) => SealScheme::ChaCha20Poly1305,
            Sealing::Pbkdf2 { .. } => SealScheme::Pbkdf2Cbc,
            Sealing::Cms { .. } => SealScheme::Cms,
            Sealing::Age(_) => SealScheme::Age,
        }
    }

    /// The plaintext of `sealed`, which stands at the first byte of the seal.
    ///
    /// What leaves is authenticated chunk by chunk for age, and for nothing else before the end: see
    /// [`SealScheme::release`].
    ///
    /// # Errors
    ///
    /// Here, when the header is not the one that was unlocked. In `read`, [`io::ErrorKind::InvalidData`]
    /// wrapping an [`UnsealError`], which repeats; errors of the source pass through as they are.
    pub fn open<R: Read + Send + 'static>(&self, sealed: R) -> io::Result<Box<dyn Read + Send>> {
        open::open(&self.0, sealed, cms::Strictness::Strict)
    }

    /// As [`open`](Self::open), but what is missing or broken is the end and no error: for salvage. What
    /// comes out is unauthenticated, except for age, of which only whole chunks come out. A ciphertext
    /// without its end keeps its padding or tag as up to 16 bytes of no meaning.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open) before the first byte. Later only errors of the source.
    pub fn salvage<R: Read + Send + 'static>(&self, sealed: R) -> io::Result<(Box<dyn Read + Send>, Missed)> {
        let missed = Missed::default();
        let source = open::open(&self.0, sealed, cms::Strictness::Lenient)?;
        Ok((Box::new(open::Forgiving { source, missed: missed.clone() }), missed))
    }
}

/// What a salvage ran into; filled when its reader has come to its end.
#[derive(Clone, Default)]
pub struct Missed(Arc<OnceLock<UnsealError>>);

impl Missed {
    /// Why it ended where it did; `None` while it goes on, and where nothing was wrong.
    pub fn what(&self) -> Option<&UnsealError> {
        self.0.get()
    }
}

/// A seal that was unlocked.
pub struct Unlocked {
    /// To read the rest with.
    pub content: Content,
    /// The fingerprint of the key that fits; `None` for a passphrase.
    pub key: Option<Fingerprint>,
    /// How that key is called.
    pub label: Foreign,
    /// How its bytes were taken, where there are several ways: `as a passphrase without its trailing newline`.
    pub took: Option<&'static str>,
}

/// Why nothing opens a seal.
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum UnlockError {
    /// No loaded key is of a kind that could.
    #[error("no loaded key is of the kind that opens this: it takes {wants}")]
    #[diagnostic(code(seal::no_key_of_kind), help("load one with --key FILE, or with K in the console"))]
    NoKey {
        /// `a raw key of 32 bytes`, `an age identity`, ...
        wants: &'static str,
    },
    /// The seal itself proves that none of them fits.
    #[error("no loaded key opens it: {what}")]
    #[diagnostic(
        code(seal::no_key_fits),
        help("load the key that it was made for; if it is loaded, the header is damaged")
    )]
    NoneFits {
        /// For whom it was made, safe to draw.
        what: String,
    },
    /// These seals carry no check of the key.
    #[error("inconclusive: the key is wrong, or the first bytes are damaged")]
    #[diagnostic(
        code(seal::inconclusive),
        help("try the other keys of that time; if one of them opens its neighbours, this backup is damaged")
    )]
    Inconclusive,
    /// The header takes something that is not supported.
    #[error("this seal is not supported: {what}")]
    #[diagnostic(code(seal::unsupported), help("open it with the tool that wrote it"))]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// The header is damaged or cut, whatever the key.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Header(UnsealError),
}

impl Reportable for UnlockError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoKey { .. } | Self::NoneFits { .. } => Fault::NoKey,
            Self::Inconclusive => Fault::Inconclusive,
            Self::Unsupported { .. } => Fault::Failed,
            Self::Header(error) => error.fault(),
        }
    }
}

/// What the first bytes of a seal say without any key: for whom it is, and how. Unauthenticated.
///
/// `None` where `head` is not the beginning of such a seal.
pub fn describe(scheme: SealScheme, head: &[u8]) -> Option<Seal> {
    let named = match scheme {
        SealScheme::Cms => {
            let header = cms::Header::parse(head).ok()?;
            let content = Foreign::from(format!("content {}", header.cipher_word()));
            header.recipients.iter().map(cms::Recipient::words).chain([content]).collect()
        }
        SealScheme::Age => age::recipients(&age::Head::new(head).header().ok()?),
        SealScheme::Pbkdf2Cbc if head.starts_with(SALTED) => vec![],
        SealScheme::RawKey | SealScheme::Aes256Cbc | SealScheme::ChaCha20Poly1305 => vec![],
        SealScheme::Pbkdf2Cbc | SealScheme::Dbacked | SealScheme::Sealed => return None,
    };
    Some(Seal { named, ..Seal::new(scheme) })
}
