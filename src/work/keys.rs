//! Key files as the doors handle them: read, inspected, made.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::disk::estate::Estate;
use crate::disk::output::OutputFile;
use crate::model::foreign::{Foreign, escape};
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::report::{Fault, Report, Reportable};
use crate::seal::error::KeyError;
use crate::seal::key::Key;
use crate::seal::{keyfile, public};

pub use crate::seal::secret::{Secret, SecretBuffer, harden_process};

/// No key file is longer, in bytes.
const LONGEST: usize = 64 * 1024;
/// Size of a new pair's modulus.
const NEW_BITS: usize = 4096;

/// What is said about a private key that is not its owner's alone.
const READABLE: &str = "others may read this file: chmod 600";
/// What is said about a file that is no key file.
const AS_PASSPHRASE: &str = "no key file: taken as a passphrase, byte for byte or without its line end";
/// DBacked's own variable for the key's text.
pub const DBACKED_VARIABLE: &str = "DBACKED_PRIVATE_KEY";

/// Why a key file cannot be read.
#[derive(Debug, Error, Diagnostic)]
enum KeyReadError {
    #[error("the key {label} cannot be read")]
    #[diagnostic(code(keys::unreadable), help("check the path and its permissions"))]
    Io {
        label: String,
        #[source]
        source: io::Error,
    },
}

impl Reportable for KeyReadError {
    fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } => Fault::Failed,
        }
    }
}

/// Where a private key comes from.
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// Text that was pasted: a key, or it is refused.
    Text {
        /// How it is referred to; safe to draw.
        label: String,
        /// The key's text.
        pem: Secret,
    },
    /// What was named as a key and has no name of its own, such as standard input: any kind, as for a file.
    Given {
        /// How it is referred to; safe to draw.
        label: String,
        /// What it holds.
        text: Secret,
    },
    /// A raw key or a passphrase, typed as such.
    Raw {
        /// How it is referred to; safe to draw.
        label: String,
        /// What was typed.
        bytes: Secret,
    },
    /// An environment variable that holds the key's text.
    Env(String),
    /// A key of the estate, by its name there.
    Estate(String),
}

/// What loading a key came to, when it did not fail.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// It is in the key ring.
    Key(KeyFacts),
    /// It is encrypted, and no passphrase was given: ask for one and load it again.
    NeedsPassphrase(KeyFacts),
}

/// A key that was read, before it is in the ring.
pub(super) enum Opened {
    /// It can be used.
    Key(Box<Key>),
    /// It is encrypted, and there was no passphrase.
    NeedsPassphrase(KeyFacts),
}

/// A new pair on disk.
#[derive(Debug)]
pub struct NewPair {
    /// The encrypted private half, mode 0600.
    pub private: PathBuf,
    /// The public half, to seal for.
    pub public: PathBuf,
    /// Names the pair.
    pub fingerprint: Fingerprint,
    /// Size of its modulus.
    pub bits: u32,
}

/// The text of a key file, in locked memory.
///
/// # Errors
///
/// When it cannot be read, or is longer than any key.
pub fn read_file(path: &Path) -> Result<Secret, Report> {
    let label = escape(&path.to_string_lossy());
    let unreadable = |source| KeyReadError::Io { label: label.clone(), source }.report();
    let file = File::open(path).map_err(unreadable)?;
    read(file, &label)
}

/// The text of a key from any source, in locked memory; `label` names it in errors and must be safe to draw.
///
/// # Errors
///
/// When it cannot be read, or is longer than any key.
pub fn read(mut source: impl Read, label: &str) -> Result<Secret, Report> {
    // One allocation of full size: a vector that grows leaves copies of the key behind.
    let mut text = Zeroizing::new(vec![0; LONGEST + 1]);
    let mut filled = 0;
    while filled < text.len() {
        match source.read(&mut text[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(KeyReadError::Io { label: label.to_owned(), source }.report()),
        }
    }
    if filled > LONGEST {
        return Err(named(label, &KeyError::TooLong));
    }
    Ok(Secret::new(text[..filled].to_vec()))
}

/// Reads a private key from where it is.
///
/// # Errors
///
/// Each way to fail in its own words, with the name of the key in front.
pub(super) fn open(estate: &Estate, source: KeySource, passphrase: Option<&Secret>) -> Result<Opened, Report> {
    match source {
        KeySource::File(path) => open_file(&path, file_label(&path), passphrase),
        KeySource::Text { label, pem } => open_text(&pem, Foreign::from(label), passphrase),
        KeySource::Given { label, text } => open_given(&text, Foreign::from(label), passphrase),
        KeySource::Raw { label, bytes } => raw(&bytes, Foreign::from(label)).map(|key| Opened::Key(Box::new(key))),
        KeySource::Env(name) => {
            let unset =
                || Report::new(Fault::Usage, "keys::unset", format!("{name} is not set"), "set it to the key's text");
            let text = Zeroizing::new(std::env::var_os(&name).ok_or_else(unset)?.into_encoded_bytes());
            let text = Secret::new(text.to_vec());
            // DBacked's own variable holds a key and nothing else.
            if name == DBACKED_VARIABLE {
                open_text(&text, Foreign::from(name), passphrase)
            } else {
                open_given(&text, Foreign::from(name), passphrase)
            }
        }
        KeySource::Estate(name) => {
            let key = estate.keys.iter().find(|key| key.name == name);
            let path = key.and_then(|key| key.file.clone()).ok_or_else(|| {
                let what = format!("the estate names no file for a key {name}");
                Report::new(Fault::Usage, "keys::unknown", what, "add `file` to its section, or give --key FILE")
            })?;
            open_file(&path, Foreign::from(name), passphrase)
        }
    }
}

fn open_file(path: &Path, label: Foreign, passphrase: Option<&Secret>) -> Result<Opened, Report> {
    let opened = open_given(&read_file(path)?, label, passphrase)?;
    Ok(match opened {
        Opened::Key(key) if readable_by_others(path) => Opened::Key(Box::new(key.remarked(READABLE))),
        Opened::NeedsPassphrase(mut facts) if readable_by_others(path) => {
            facts.remarks.push(READABLE.to_owned());
            Opened::NeedsPassphrase(facts)
        }
        opened => opened,
    })
}

/// Any kind of key: what is none of the others, and no broken one, is a passphrase.
fn open_given(text: &Secret, label: Foreign, passphrase: Option<&Secret>) -> Result<Opened, Report> {
    if is_passphrase(text) {
        return raw(text, label).map(|key| Opened::Key(Box::new(key.remarked(AS_PASSPHRASE))));
    }
    open_text(text, label, passphrase)
}

fn is_passphrase(text: &Secret) -> bool {
    let unknown = matches!(keyfile::inspect(text.expose(), Foreign::default()), Err(KeyError::NotAKey));
    unknown && keyfile::may_be_passphrase(text.expose()) && text.expose().len() <= keyfile::LONGEST_PASSPHRASE
}

fn raw(bytes: &Secret, label: Foreign) -> Result<Key, Report> {
    keyfile::raw(bytes.expose(), label.clone()).map_err(|error| named(&label.to_string(), &error))
}

fn open_text(text: &Secret, label: Foreign, passphrase: Option<&Secret>) -> Result<Opened, Report> {
    match keyfile::open(text.expose(), passphrase, label.clone()) {
        Ok(key) => Ok(Opened::Key(Box::new(key))),
        Err(KeyError::NeedsPassphrase) => inspect(text, label).map(Opened::NeedsPassphrase),
        Err(error) => Err(named(&label.to_string(), &error)),
    }
}

fn file_label(path: &Path) -> Foreign {
    Foreign::from(path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
}

/// Public facts about a key file.
///
/// # Errors
///
/// When it cannot be read or is no key.
pub fn inspect_file(path: &Path) -> Result<KeyFacts, Report> {
    let text = read_file(path)?;
    let mut facts = inspect_given(&text, file_label(path))?;
    if facts.private && readable_by_others(path) {
        facts.remarks.push(READABLE.to_owned());
    }
    Ok(facts)
}

/// Public facts about a key's text.
///
/// # Errors
///
/// When it is no key.
pub fn inspect(text: &Secret, label: Foreign) -> Result<KeyFacts, Report> {
    keyfile::inspect(text.expose(), label.clone()).map_err(|error| named(&label.to_string(), &error))
}

/// Public facts about what was named as a key: any kind, a passphrase included.
///
/// # Errors
///
/// When it is a broken key, or too long for a passphrase.
pub fn inspect_given(text: &Secret, label: Foreign) -> Result<KeyFacts, Report> {
    if !is_passphrase(text) {
        return inspect(text, label);
    }
    let facts = keyfile::inspect_raw(text.expose(), label.clone());
    let mut facts = facts.map_err(|error| named(&label.to_string(), &error))?;
    facts.remarks.push(AS_PASSPHRASE.to_owned());
    Ok(facts)
}

/// Whether the group or everybody may read a file.
pub fn readable_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.mode() & 0o044 != 0)
}

/// A recipient's public key from its file.
///
/// # Errors
///
/// When it cannot be read, or is anything but an RSA public key.
pub fn public_file(path: &Path) -> Result<public::PublicKey, Report> {
    let text = read_file(path)?;
    public::PublicKey::from_pem(text.expose()).map_err(|error| named(&escape(&path.to_string_lossy()), &error))
}

/// Makes a 4,096-bit pair: `ops.pem` gets the encrypted private half, `ops.pub.pem` the public one.
///
/// Neither file may exist; both are made before the numbers are searched for, which takes seconds.
///
/// # Errors
///
/// When a file is there already or cannot be written, or the passphrase is empty.
pub fn make_pair(path: &Path, passphrase: &Secret) -> Result<NewPair, Report> {
    let mut public_name = path.with_extension("").into_os_string();
    public_name.push(".pub.pem");
    let public_path = PathBuf::from(public_name);
    let mut private_file = OutputFile::create(path).map_err(|error| error.report())?;
    let mut public_file = OutputFile::create(&public_path).map_err(|error| error.report())?;
    let (private, public, fingerprint) =
        keyfile::generate(NEW_BITS, passphrase).map_err(|error| named("the new key", &error))?;
    write(&mut private_file, private.as_bytes())?;
    write(&mut public_file, public.as_bytes())?;
    private_file.finish().map_err(|error| error.report())?;
    public_file.finish().map_err(|error| error.report())?;
    Ok(NewPair { private: path.to_owned(), public: public_path, fingerprint, bits: NEW_BITS as u32 })
}

fn write(file: &mut OutputFile, text: &[u8]) -> Result<(), Report> {
    io::Write::write_all(file, text).map_err(|error| file.explain(error).report())
}

/// A key's error with the key it is about.
fn named(label: &str, error: &KeyError) -> Report {
    let mut report = Report::of(error.fault(), error);
    report.headline = format!("{label}: {}", report.headline);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_any_key_is_not_read_on() {
        let report = read(io::repeat(b'x'), "stdin").err().unwrap();
        assert_eq!(report.code, "seal::key_too_long");
    }

    #[test]
    fn a_text_that_is_no_key_is_named_and_not_repeated() {
        let report = inspect(&Secret::new(b"SECRET-LOOKING".to_vec()), "notes.txt".into()).err().unwrap();
        assert!(report.headline.starts_with("notes.txt: "));
        assert!(!format!("{report:?}").contains("SECRET-LOOKING"));
    }
}
