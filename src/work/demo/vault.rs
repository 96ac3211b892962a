//! The demo's third target: archives of mysql-backup, one night in each of the ways that it knows.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::model::backup::Compression;
use crate::model::foreign::Foreign;
use crate::model::seal::Fingerprint;
use crate::model::units::Moment;
use crate::seal::databacker::{SealFor, seal};
use crate::seal::keyfile;
use crate::work::demo::cms::{Recipient, random};
use crate::work::demo::dumps::{Database, Volume, archived};
use crate::work::demo::{DemoError, create, write};

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;
/// When its runs start, in milliseconds after midnight UTC.
const START: i64 = 120 * MINUTE + 4_000;
/// The clock of the machine that ran it, in minutes east of UTC, once its names said so.
const EAST: i64 = 120;
/// What its prune keeps: the oldest night goes with the next one.
pub const RETENTION: &str = "10d";
/// Its databases are small: of all rows so many in a hundred.
const PERCENT: u32 = 30;
/// With the line end, which that tool takes as a part of the passphrase.
const PASSPHRASE: &[u8] = b"correct horse battery staple\n";

/// How an archive is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// Not at all.
    None,
    /// `aes256-cbc`.
    Aes256Cbc,
    /// `pbkdf2-aes256-cbc`.
    Pbkdf2Cbc,
    /// `chacha20-poly1305`.
    ChaCha20Poly1305,
    /// `smime-aes256-cbc`.
    Cms,
    /// `age-chacha20-poly1305`.
    Age,
}

/// Whether the compressed stream has its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has.
    Written,
    /// As versions 1.3.0 and 1.3.1 left it: the compressor was never closed.
    Lost,
}

/// How names write the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// `2026-11-21T02:00:04Z`.
    Utc,
    /// `2026-11-21T04-00-04+02-00`: local, for targets that take no colons.
    SafeLocal,
}

/// One night's archive.
#[derive(Debug, Clone, Copy)]
pub struct Archive {
    /// When it was taken.
    pub at: Moment,
    /// How it is sealed.
    pub seal: Seal,
    /// What is around the seal.
    pub compression: Compression,
    /// Whether that was closed.
    pub end: End,
    day: u32,
    clock: Clock,
}

/// Ten nights up to the last one at `now`, newest first. The oldest goes within a day, and no other one.
pub fn archives(now: Moment) -> Vec<Archive> {
    use Compression::{Bzip2, Gzip};
    use End::{Lost, Written};
    let nights = [
        (Seal::Age, Compression::None, Written, Clock::SafeLocal),
        (Seal::ChaCha20Poly1305, Compression::None, Written, Clock::SafeLocal),
        (Seal::None, Compression::None, Written, Clock::SafeLocal),
        (Seal::Cms, Gzip, Written, Clock::SafeLocal),
        (Seal::Aes256Cbc, Gzip, Written, Clock::SafeLocal),
        (Seal::None, Gzip, Written, Clock::Utc),
        (Seal::None, Gzip, Lost, Clock::Utc),
        (Seal::Pbkdf2Cbc, Bzip2, Written, Clock::Utc),
        (Seal::None, Bzip2, Written, Clock::Utc),
        (Seal::None, Bzip2, Written, Clock::Utc),
    ];
    let last = (now.0 - START).div_euclid(DAY) * DAY + START;
    let made = (0..).zip(nights).map(|(ago, (seal, compression, end, clock))| {
        let at = Moment(last - i64::from(ago) * DAY);
        Archive { at, seal, compression, end, day: 30 - ago, clock }
    });
    made.collect()
}

impl Archive {
    fn time(&self) -> String {
        match self.clock {
            Clock::Utc => self.at.second().replace(' ', "T") + "Z",
            Clock::SafeLocal => {
                let local = Moment(self.at.0 + EAST * MINUTE).second().replace(' ', "T");
                format!("{local}+{:02}:{:02}", EAST / 60, EAST % 60).replace(':', "-")
            }
        }
    }

    /// The object's name.
    pub fn name(&self) -> String {
        let ending = match self.compression {
            Compression::Gzip => "tgz",
            Compression::Bzip2 => "tbz2",
            _ => "tar",
        };
        format!("db_backup_{}.{ending}", self.time())
    }

    fn tar(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(vec![]);
        for (nth, database) in (0..).zip([Database::Crm, Database::Shop]) {
            let at = Moment(self.at.0 + nth * 2_000);
            let sql = archived(database, Volume { day: self.day, percent: PERCENT }, at);
            let mut header = tar::Header::new_ustar();
            header.set_size(sql.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(u64::try_from(at.0 / 1000).unwrap_or(0));
            header.set_username("root")?;
            header.set_groupname("root")?;
            tar.append_data(&mut header, format!("{}_{}.sql", database.name(), self.time()), sql.as_bytes())?;
        }
        tar.into_inner()
    }

    /// Everything as it lies in the target: compressed around the seal, as that tool does it.
    fn bytes(&self, keys: &Keys) -> Result<Vec<u8>, DemoError> {
        let tar = self.tar()?;
        let sealed = match self.seal {
            Seal::None => tar,
            Seal::Aes256Cbc => seal(SealFor::Aes256Cbc(&keys.raw), &tar)?,
            Seal::Pbkdf2Cbc => seal(SealFor::Pbkdf2Cbc(PASSPHRASE), &tar)?,
            Seal::ChaCha20Poly1305 => seal(SealFor::ChaCha20Poly1305(&keys.raw), &tar)?,
            Seal::Cms => keys.cms.seal(&tar),
            Seal::Age => seal(SealFor::Age(&keys.age.1), &tar)?,
        };
        Ok(match self.compression {
            Compression::Gzip => gzip(&sealed, self.end)?,
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
                encoder.write_all(&sealed)?;
                encoder.finish()?
            }
            _ => sealed,
        })
    }
}

fn gzip(plain: &[u8], end: End) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::new(4));
    encoder.write_all(plain)?;
    let mut packed = encoder.finish()?;
    if end == End::Lost {
        // What the compressor still held in its memory.
        packed.truncate(packed.len() * 4 / 5);
    }
    Ok(packed)
}

/// What the archives are sealed with.
struct Keys {
    raw: Zeroizing<[u8; 32]>,
    /// The identity file, and whom to seal for.
    age: (Zeroizing<String>, String),
    cms: Recipient,
}

/// A key of the estate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKey {
    /// Its name there.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// What names it; a passphrase has nothing.
    pub fingerprint: Option<Fingerprint>,
}

/// Writes the archives into `vault` and their keys into `keys`, both below `root`.
///
/// # Errors
///
/// When a file cannot be written.
pub fn build(root: &Path, archives: &[Archive], now: Moment) -> Result<Vec<VaultKey>, DemoError> {
    let keys =
        Keys { raw: Zeroizing::new(random()), age: keyfile::generate_age()?, cms: Recipient::new("breakglass demo") };
    for archive in archives {
        write(&root.join("vault").join(archive.name()), &archive.bytes(&keys)?, archive.at.0 + 2_000)?;
    }
    let files = [
        ("vault-raw", "vault.key", Zeroizing::new(keys.raw.to_vec())),
        ("vault-passphrase", "vault.pass", Zeroizing::new(PASSPHRASE.to_vec())),
        ("vault-age", "vault-age.txt", Zeroizing::new(keys.age.0.as_bytes().to_vec())),
        ("vault-cms", "vault-cms.pem", Zeroizing::new(certified(&keys.cms, now)?.as_bytes().to_vec())),
    ];
    files.into_iter().map(|(name, file, text)| keep(root, name, file, &text)).collect()
}

fn keep(root: &Path, name: &'static str, file: &str, text: &[u8]) -> Result<VaultKey, DemoError> {
    let path = root.join("keys").join(file);
    create(&path)?.write_all(text)?;
    let label = Foreign::from(name);
    // What is no key file is the passphrase.
    let fingerprint = keyfile::inspect(text, label).ok().and_then(|facts| facts.fingerprint);
    Ok(VaultKey { name, path, fingerprint })
}

fn certified(recipient: &Recipient, now: Moment) -> io::Result<Zeroizing<String>> {
    recipient.pem(now).ok_or_else(|| io::Error::other("the demo's certificate cannot be written"))
}
