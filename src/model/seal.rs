//! The encryption around a backup, as far as public facts tell.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;

/// SHA-256 of a public key's SubjectPublicKeyInfo in DER, in lower-case hex. Public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Takes the 32 bytes of the digest.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads 8 to 64 hex digits, colons and blanks ignored, a leading `SHA256:` too; `None` otherwise.
    ///
    /// An abbreviation is accepted where an expectation is written by hand.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = match text.split_at_checked(7) {
            Some((label, rest)) if label.eq_ignore_ascii_case("sha256:") => rest,
            _ => text,
        };
        let hex: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect::<String>().to_lowercase();
        let fits = (8..=64).contains(&hex.len()) && hex.chars().all(|c| c.is_ascii_hexdigit());
        fits.then_some(Self(hex))
    }

    /// Whether both name the same key; either may be abbreviated.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }

    /// All hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `9f1c 22ab 77e0 1f00`: the first 64 bits, a label for people, never a proof.
    pub fn short(&self) -> String {
        let head = self.0.get(..16).unwrap_or(&self.0).as_bytes();
        head.chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The encryption around a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Which scheme.
    pub scheme: SealScheme,
    /// Who can open it, as far as metadata or header say; may be empty for DBacked without metadata.
    pub recipients: Vec<Recipient>,
    /// The size of the wrapped key in bytes, where the header says it.
    pub modulus_bytes: Option<u16>,
    /// The version bytes of the header, where it has any.
    pub version: Option<(u8, u8, u8)>,
    /// Who can open it in the seal's own words, where no fingerprint says it: `CN=ops, serial 4d2f`,
    /// `age X25519`, `age passphrase (work factor 18)`. Unauthenticated.
    #[serde(default)]
    pub named: Vec<Foreign>,
}

impl Seal {
    /// A seal of which nothing but the scheme is known.
    pub fn new(scheme: SealScheme) -> Self {
        Self { scheme, recipients: vec![], modulus_bytes: None, version: None, named: vec![] }
    }
}

/// A sealing scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealScheme {
    /// RSA-OAEP-SHA1 and AES-256-CBC of DBacked.
    Dbacked,
    /// Our own chunked AEAD.
    Sealed,
    /// databacker `aes256-cbc` or `chacha20-poly1305`: nothing in the bytes says which, a raw key tells.
    RawKey,
    /// databacker `aes256-cbc`: a random IV, then AES-256-CBC under a raw key. No MAC.
    Aes256Cbc,
    /// databacker `chacha20-poly1305`: one AEAD message over everything, under a raw key.
    ChaCha20Poly1305,
    /// databacker `pbkdf2-aes256-cbc`: what `openssl enc -pbkdf2` writes. No MAC.
    Pbkdf2Cbc,
    /// CMS EnvelopedData in DER: databacker `smime-aes256-cbc`, and the hook of its version 0.12. No MAC.
    Cms,
    /// age, version 1.
    Age,
}

/// Somebody who can open a seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Their public key.
    pub fingerprint: Fingerprint,
    /// Where this is known from: an unauthenticated hint either way.
    pub source: RecipientSource,
}

/// Where a recipient is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientSource {
    /// The metadata object beside the backup.
    Metadata,
    /// The header of the backup itself.
    Header,
}

/// When the plaintext of a seal may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Each chunk is authenticated by itself.
    PerChunk,
    /// Nothing is known before the last byte: a sink needs a proof first.
    AfterLastByte,
}

impl SealScheme {
    /// When its plaintext may leave.
    pub fn release(self) -> Release {
        match self {
            Self::Sealed | Self::Age => Release::PerChunk,
            Self::Dbacked | Self::RawKey | Self::Aes256Cbc | Self::ChaCha20Poly1305 | Self::Pbkdf2Cbc | Self::Cms => {
                Release::AfterLastByte
            }
        }
    }

    /// Whether an AEAD covers every byte inside.
    pub fn authenticates(self) -> bool {
        matches!(self, Self::Sealed | Self::Age | Self::ChaCha20Poly1305)
    }

    /// The word in lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dbacked => "rsa",
            Self::Sealed => "sealed",
            Self::RawKey => "raw key",
            Self::Aes256Cbc => "aes-cbc",
            Self::ChaCha20Poly1305 => "chacha20",
            Self::Pbkdf2Cbc => "pbkdf2",
            Self::Cms => "cms",
            Self::Age => "age",
        }
    }
}

/// Public facts about a private (or mistaken public) key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// How the operator refers to it: its file's name, the estate's name, or where it came from.
    pub label: Foreign,
    /// `RSA`, `EC P-256`, `age X25519`, `raw key`, `passphrase`, ...
    pub algorithm: String,
    /// Size in bits: of the modulus for RSA.
    pub bits: Option<u32>,
    /// `None` while a passphrase hides the public half, and of what could be guessed from it.
    pub fingerprint: Option<Fingerprint>,
    /// The container: `PKCS#1`, `PKCS#8`, `encrypted PKCS#8 (PBES2, PBKDF2-HMAC-SHA1, 2048 rounds, AES-128-CBC)`, ...
    pub container: String,
    /// Whether a passphrase is needed to load it.
    pub encrypted: bool,
    /// Whether it is a private key at all.
    pub private: bool,
    /// Things to know: readable by others, damaged numbers, small modulus.
    pub remarks: Vec<String>,
}

impl KeyFacts {
    /// What [`algorithm`](Self::algorithm) says of a passphrase.
    pub const PASSPHRASE: &'static str = "passphrase";

    /// Whether it is a passphrase, which has no fingerprint: it could be guessed from one.
    pub fn is_passphrase(&self) -> bool {
        self.algorithm == Self::PASSPHRASE
    }

    /// Whether backups name the key that opens them by its fingerprint: only then can be counted what it opens.
    pub fn is_named_by_backups(&self) -> bool {
        self.algorithm == "RSA"
    }
}

/// The first bytes of a DBacked backup.
pub const DBACKED_MAGIC: &[u8; 7] = b"DBACKED";

/// The first bytes of our own sealed format.
pub const SEALED_MAGIC: &[u8; 20] = b"breakglass/sealed/1\n";
