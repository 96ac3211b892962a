//! What can be wrong with a key or a seal. No variant carries a byte of either.

use std::fmt;
use std::io;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum KeyError {
    /// Encrypted, and no passphrase was given.
    #[error("the key is protected by a passphrase")]
    #[diagnostic(code(seal::needs_passphrase), help("give its passphrase: at the prompt, or with --passphrase-file"))]
    NeedsPassphrase,
    /// The passphrase does not decrypt it.
    #[error("the passphrase does not open this key")]
    #[diagnostic(code(seal::wrong_passphrase), help("check the keyboard layout and try again; nothing was changed"))]
    WrongPassphrase,
    /// The public half was given.
    #[error("this is a public key; opening a backup takes the private one")]
    #[diagnostic(
        code(seal::public_key),
        help(
            "look for the file that begins with BEGIN PRIVATE KEY, BEGIN ENCRYPTED PRIVATE KEY or BEGIN RSA PRIVATE KEY"
        )
    )]
    PublicKey,
    /// A private key where a public one belongs.
    #[error("this is a private key where a public one belongs")]
    #[diagnostic(
        code(seal::private_key),
        help("keep it to yourself and give its public half (breakglass key inspect)")
    )]
    PrivateKey,
    /// A certificate was given.
    #[error("this is a certificate, not a private key")]
    #[diagnostic(code(seal::certificate), help("look for the private key that belongs to it"))]
    Certificate,
    /// Another kind of key: `EC`, `Ed25519`, `DSA`, `OpenSSH`.
    #[error("this is a key of the kind {kind}; no backup is sealed for those")]
    #[diagnostic(code(seal::not_rsa), help("load the RSA, EC or age key whose public half the backups were made with"))]
    NotRsa {
        /// What it is, in our words.
        kind: &'static str,
    },
    /// The text is broken.
    #[error("the key is damaged at line {line}")]
    #[diagnostic(
        code(seal::key_damaged),
        help("characters are missing or changed there: fetch the key from another copy")
    )]
    Damaged {
        /// Counted from 1.
        line: usize,
    },
    /// The text is in order, but it does not hold a key.
    #[error("the key is damaged: its text is in order, but what it holds is not a key")]
    #[diagnostic(code(seal::key_malformed), help("fetch the key from another copy"))]
    Malformed,
    /// The numbers of the key contradict each other.
    #[error("the key is damaged: its numbers do not belong together")]
    #[diagnostic(code(seal::key_inconsistent), help("a byte of it was changed: fetch the key from another copy"))]
    InconsistentNumbers,
    /// Below 1,024 bits (2,048 for making one).
    #[error("the key has {bits} bits, which is too small")]
    #[diagnostic(
        code(seal::key_too_small),
        help("at least 1,024 bits can be loaded, at least 2,048 made or sealed for")
    )]
    TooSmall {
        /// Size of its modulus.
        bits: u32,
    },
    /// Above 8,192 bits.
    #[error("the key has {bits} bits; at most 8,192 are supported")]
    #[diagnostic(code(seal::key_too_large), help("no tool that writes these backups makes such keys"))]
    TooLarge {
        /// Size of its modulus.
        bits: u32,
    },
    /// Nothing, or only blanks.
    #[error("the key file is empty")]
    #[diagnostic(code(seal::key_empty), help("the copy may have failed: fetch it again"))]
    Empty,
    /// Not a key at all.
    #[error("this is not a key")]
    #[diagnostic(
        code(seal::not_a_key),
        help(
            "a key is PEM text (-----BEGIN ... PRIVATE KEY-----), DER, an age identity, or 32 bytes as they are, in base64 or in hex"
        )
    )]
    NotAKey,
    /// Longer than any key.
    #[error("this is longer than any key (64 KiB)")]
    #[diagnostic(code(seal::key_too_long), help("check that the right file was named"))]
    TooLong,
    /// A way of encrypting keys that is not supported, or that is made to take forever.
    #[error("the key is encrypted in a way that is not supported: {what}")]
    #[diagnostic(
        code(seal::key_encryption_unsupported),
        help("convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW")
    )]
    Unsupported {
        /// Which, in our words.
        what: &'static str,
    },
}

impl Reportable for KeyError {
    fn fault(&self) -> Fault {
        match self {
            Self::NeedsPassphrase | Self::WrongPassphrase => Fault::NoKey,
            Self::PublicKey
            | Self::PrivateKey
            | Self::Certificate
            | Self::NotRsa { .. }
            | Self::Damaged { .. }
            | Self::Malformed
            | Self::InconsistentNumbers
            | Self::TooSmall { .. }
            | Self::TooLarge { .. }
            | Self::Empty
            | Self::NotAKey
            | Self::TooLong
            | Self::Unsupported { .. } => Fault::Failed,
        }
    }
}

/// What is damaged, at the byte that an [`UnsealError::Damaged`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The padding of the last CBC block is not what a writer leaves: a byte was changed, or the
    /// file was cut at a multiple of 16 bytes. What was compressed inside tells which.
    Padding,
    /// The tag over the whole message does not match: a byte was changed, or the end is missing.
    /// What was inside tells which.
    Tag,
    /// A chunk of a sealed file does not match its tag.
    Chunk,
    /// The last, shorter chunk does not match its tag: changed, or cut inside it.
    LastChunk,
    /// Bytes follow the chunk that was sealed as the last one.
    TrailingBytes,
    /// The framing (ASN.1 of a CMS message, text of an armored age file) makes no sense here.
    Encoding,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Padding => "the padding is wrong: bytes were changed, or the file was cut at a block boundary",
            Self::Tag => "the tag over all of it does not match: bytes were changed, or the end is missing",
            Self::Encoding => "this is not how the seal is written",
            Self::Chunk => "this chunk is not what was sealed",
            Self::LastChunk => "the last chunk is not what was sealed: changed, or cut inside it",
            Self::TrailingBytes => "bytes follow the end",
        })
    }
}

/// Why a seal cannot be opened. Offsets count bytes of the *stored* file from its start.
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum UnsealError {
    /// Does not begin as a DBacked backup does.
    #[error("this is not a DBacked backup")]
    #[diagnostic(
        code(seal::not_dbacked),
        help("it may be damaged in its first bytes, or have been written by another tool")
    )]
    NotDbacked,
    /// Does not begin as our own sealed format does.
    #[error("this is not a sealed file of breakglass")]
    #[diagnostic(
        code(seal::not_sealed),
        help("it may be damaged in its first bytes, or have been written by another tool")
    )]
    NotSealed,
    /// The key does not open it. Where the recipient is known to be this very key, the header is damaged.
    #[error("the key does not open this backup")]
    #[diagnostic(
        code(seal::wrong_key),
        help(
            "load the key that it was made for (its fingerprint is in the details); if it is this one, the header is damaged"
        )
    )]
    WrongKey,
    /// The header is made for a key of another size.
    #[error("this backup was made for a key of {header} bits, the key given has {key}")]
    #[diagnostic(
        code(seal::key_size),
        help("load the key that it was made for; if it is this one, the header is damaged")
    )]
    KeySize {
        /// Bits that the header's length stands for.
        header: u32,
        /// Bits of the key that was tried.
        key: u32,
    },
    /// The header contradicts itself, or does not match its tag.
    #[error("the header is damaged: {what}")]
    #[diagnostic(
        code(seal::damaged_header),
        help("without it nothing can be opened: take another copy or an older backup")
    )]
    DamagedHeader {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Bytes are not what was written.
    #[error("damaged at byte {at_byte}: {what}")]
    #[diagnostic(code(seal::damaged), help("do not restore it: take another copy or an older backup"))]
    Damaged {
        /// First byte of the block or chunk concerned.
        at_byte: u64,
        /// What is wrong there.
        what: Damage,
    },
    /// Bytes are missing at the end.
    #[error("truncated: it ends at byte {at_byte}, before its end")]
    #[diagnostic(
        code(seal::truncated),
        help(
            "an upload may still be running: list the target again. If the size does not change, take an older backup"
        )
    )]
    Truncated {
        /// How many bytes there are.
        at_byte: u64,
    },
    /// The source failed; not the seal.
    #[error(transparent)]
    #[diagnostic(code(seal::read))]
    Read(Arc<io::Error>),
}

impl UnsealError {
    /// The unsealing error that an I/O error carries, if it does.
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<io::Error> for UnsealError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Read(Arc::new(error)),
        }
    }
}

impl From<UnsealError> for io::Error {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::Read(cause) => match Arc::try_unwrap(cause) {
                Ok(error) => error,
                Err(shared) => io::Error::new(shared.kind(), UnsealError::Read(shared)),
            },
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl Reportable for UnsealError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotDbacked | Self::NotSealed | Self::DamagedHeader { .. } => Fault::Integrity,
            Self::Damaged { .. } | Self::Truncated { .. } => Fault::Integrity,
            Self::WrongKey | Self::KeySize { .. } => Fault::NoKey,
            Self::Read(_) => Fault::Failed,
        }
    }
}

/// Why something cannot be sealed.
#[derive(Debug, Error, Diagnostic)]
pub enum SealError {
    /// Nobody to seal for.
    #[error("a seal needs at least one recipient")]
    #[diagnostic(code(seal::no_recipient), help("name a public key with --recipient FILE"))]
    NoRecipient,
    /// More than the header holds.
    #[error("a seal holds at most 64 recipients")]
    #[diagnostic(code(seal::too_many_recipients), help("seal for fewer keys"))]
    TooManyRecipients,
    /// A recipient's key is too small to trust with anything new.
    #[error("a recipient's key has {bits} bits; at least 2,048 are needed")]
    #[diagnostic(code(seal::weak_recipient), help("make a new pair: breakglass key new"))]
    WeakRecipient {
        /// Size of its modulus.
        bits: u32,
    },
    /// Opening the old seal failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unseal(#[from] UnsealError),
    /// Reading the source or writing the seal failed.
    #[error("the seal could not be written")]
    #[diagnostic(code(seal::write), help("nothing that was written so far can pass for a whole file"))]
    Io(#[source] io::Error),
}

impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<UnsealError>() {
            Ok(error) => Self::Unseal(error),
            Err(error) => Self::Io(error),
        }
    }
}

impl Reportable for SealError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoRecipient | Self::TooManyRecipients | Self::WeakRecipient { .. } => Fault::Refused,
            Self::Unseal(error) => error.fault(),
            Self::Io(_) => Fault::Failed,
        }
    }
}
