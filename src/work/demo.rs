//! A sandbox estate to learn with: three targets, five keys, about seventy backups, some of them bad.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use md5::{Digest, Md5};
use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use crate::model::backup::Compression;
use crate::model::seal::Fingerprint;
use crate::model::units::Moment;
use crate::report::{Fault, Reportable};
use crate::seal::dbacked::seal_to;
use crate::seal::error::{KeyError, SealError};
use crate::seal::keyfile;
use crate::seal::public::PublicKey;
use crate::seal::secret::Secret;
use crate::work::demo::dumps::{Database, Volume, dump};
use crate::work::demo::nights::{Form, Night, Twist, nights};
use crate::work::demo::vault::VaultKey;

pub mod accident;
mod binlog;
mod cells;
mod cms;
pub mod dumps;
pub mod nights;
mod telemetry;
pub mod vault;

/// The passphrase of the demo's key. No secret: the demo shows it.
pub const PASSPHRASE: &str = "break glass";

/// The public half of a key whose private half nobody has.
const OTHER_KEY: &str = include_str!("../../assets/demo/other-key.pem");

/// The version that DBacked's agent 0.5.3 writes into its files.
const AGENT_VERSION: (u8, u8, u8) = (0, 5, 0);

/// What DBacked records as the size of anything up to 5 MiB: the planned part, not the bytes.
const PLANNED_PART: u64 = 5 << 20;

/// Why no sandbox could be built.
#[derive(Debug, Error, Diagnostic)]
pub enum DemoError {
    /// Its folder could not be written.
    #[error("the demo's folder cannot be written")]
    #[diagnostic(code(demo::io), help("choose another temporary folder with TMPDIR; about 10 MB are needed"))]
    Io(#[from] io::Error),

    /// No key could be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),

    /// A backup could not be sealed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Seal(#[from] SealError),

    /// The thread that makes the key died.
    #[error("the demo's key could not be made")]
    #[diagnostic(code(demo::bug), help("this is a bug in breakglass; the log names the place"))]
    Lost,
}

impl Reportable for DemoError {
    fn fault(&self) -> Fault {
        Fault::Failed
    }
}

/// A sandbox estate, ready to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoEstate {
    /// The folder that holds all of it.
    pub root: PathBuf,
    /// Its `estate.toml`.
    pub estate_path: PathBuf,
    /// The encrypted private key.
    pub key_path: PathBuf,
    /// Opens that key; meant to be shown.
    pub passphrase: &'static str,
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// The keys of the archives in `vault`, which need no passphrase.
    pub vault_keys: Vec<VaultKey>,
    /// How many backups there are.
    pub backups: usize,
}

/// The key pair of one demo.
struct Pair {
    private: Zeroizing<String>,
    public: PublicKey,
    fingerprint: Fingerprint,
}

/// Builds a sandbox estate below `root`, which must exist: about 70 backups of the 30 days before `now`.
///
/// Takes one to two seconds, most of it for a fresh 2,048-bit key; blocks. Touches nothing outside `root`.
///
/// # Errors
///
/// When a file cannot be written; what has been written stays and is the caller's to remove.
pub fn build(root: &Path, now: Moment) -> Result<DemoEstate, DemoError> {
    let root = root.canonicalize()?;
    for folder in ["offsite", "nas", "vault", "keys", "binlogs", "telemetry"] {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(root.join(folder))?;
    }
    let maker = thread::Builder::new().name("demo-key".to_owned()).spawn(make_key)?;
    let archives = vault::archives(now);
    let vault_keys = vault::build(&root, &archives, now)?;
    tell(&root, &archives, now)?;
    let nights = nights(now);
    let packed = nights.iter().map(pack).collect::<io::Result<Vec<_>>>()?;
    let pair = maker.join().map_err(|_| DemoError::Lost)??;

    let key_path = root.join("keys/demo.pem");
    create(&key_path)?.write_all(pair.private.as_bytes())?;
    for (night, bytes) in nights.iter().zip(packed) {
        store(&root, night, bytes, &pair.public)?;
    }
    log(&root, &nights, now)?;
    let estate_path = root.join("estate.toml");
    create(&estate_path)?.write_all(estate(&root, &key_path, &pair.fingerprint, &vault_keys)?.as_bytes())?;
    let backups = nights.len() + archives.len();
    let (passphrase, fingerprint) = (PASSPHRASE, pair.fingerprint);
    Ok(DemoEstate { root, estate_path, key_path, passphrase, fingerprint, vault_keys, backups })
}

fn make_key() -> Result<Pair, KeyError> {
    let passphrase = Secret::new(PASSPHRASE.as_bytes().to_vec());
    let (private, public, fingerprint) = keyfile::generate(2048, &passphrase)?;
    Ok(Pair { private, public: PublicKey::from_pem(public.as_bytes())?, fingerprint })
}

/// A new file that only its owner reads.
fn create(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The dump of a night, compressed as it will be stored; sealed ones are gzipped inside.
fn pack(night: &Night) -> io::Result<Vec<u8>> {
    let percent = if night.twist == Twist::Shrunken { 11 } else { 100 };
    let sql = dump(night.database, Volume { day: night.day, percent }, Moment(night.at.0 + 4_000)).into_bytes();
    let compression = match night.form {
        Form::Sealed => Compression::Gzip,
        Form::Plain(compression) => compression,
    };
    let mut packed = vec![];
    match compression {
        Compression::Gzip => {
            let level = flate2::Compression::new(4);
            flate2::read::GzEncoder::new(&sql[..], level).read_to_end(&mut packed)?;
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut packed, 3)?;
            encoder.include_checksum(true)?;
            encoder.write_all(&sql)?;
            encoder.finish()?;
        }
        _ => packed = sql,
    }
    Ok(packed)
}

/// Writes one backup, its metadata if it has any, and gives both the times of that night.
fn store(root: &Path, night: &Night, packed: Vec<u8>, ours: &PublicKey) -> Result<(), DemoError> {
    let Form::Sealed = night.form else {
        return Ok(write(
            &root.join("nas").join(plain_name(night)),
            &twisted(packed, night.twist),
            night.at.0 + 6_000,
        )?);
    };
    let recipient = match night.twist {
        Twist::OtherKey => &PublicKey::from_pem(OTHER_KEY.as_bytes())?,
        _ => ours,
    };
    let mut sealed = Vec::with_capacity(packed.len() + 1024);
    seal_to(recipient, &packed[..], &mut sealed, AGENT_VERSION)?;
    let name = sealed_name(night);
    let metadata = metadata(night, &name, &sealed, recipient)?;
    let folder = root.join("offsite");
    write(&folder.join(&name), &twisted(sealed, night.twist), night.at.0 + 9_000)?;
    if !matches!(night.twist, Twist::NoMetadata | Twist::Empty) {
        write(&folder.join(format!("{name}_metadata")), &metadata, night.at.0 + 10_000)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], millis: i64) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// The binary logs since last night's backup of the shop; the oldest is compressed, as rotations leave it.
fn log(root: &Path, nights: &[Night], now: Moment) -> io::Result<()> {
    let is_shop = |night: &&Night| night.database == Database::Shop && night.form == Form::Sealed;
    let Some(newest) = nights.iter().find(is_shop) else { return Ok(()) };
    let folder = root.join("binlogs");
    for (at, file) in accident::logs(newest.at, newest.day, now).into_iter().enumerate() {
        if at > 0 {
            write(&folder.join(&file.name), &file.bytes, file.at.0)?;
            continue;
        }
        let mut packed = vec![];
        flate2::read::GzEncoder::new(&file.bytes[..], flate2::Compression::new(4)).read_to_end(&mut packed)?;
        write(&folder.join(file.name + ".gz"), &packed, file.at.0)?;
    }
    write(&folder.join("definitions.sql"), accident::definitions().as_bytes(), now.0)
}

/// What the collector of that network has gathered of the runs of mysql-backup.
fn tell(root: &Path, archives: &[vault::Archive], now: Moment) -> Result<(), DemoError> {
    let vault = root.join("vault");
    let listed = archives.iter().map(|archive| {
        let (at, name) = (archive.at, archive.name());
        let size = fs::metadata(vault.join(&name))?.len();
        Ok(telemetry::Listed { at, name, size })
    });
    let listed = listed.collect::<io::Result<Vec<_>>>()?;
    let lines = telemetry::lines(folder_url(&vault)?.as_str(), &listed, now);
    Ok(write(&root.join("telemetry").join("traces.jsonl"), lines.as_bytes(), now.0)?)
}

fn folder_url(folder: &Path) -> io::Result<Url> {
    Url::from_directory_path(folder).map_err(|()| io::Error::other("not an absolute path"))
}

fn twisted(mut bytes: Vec<u8>, twist: Twist) -> Vec<u8> {
    let middle = bytes.len() / 2;
    match twist {
        Twist::Flipped => bytes[middle] ^= 0x10,
        Twist::Empty => bytes.clear(),
        Twist::Cut => bytes.truncate(middle),
        _ => {}
    }
    bytes
}

/// `dbacked_shop_211120260300`: day first, as DBacked does it.
fn sealed_name(night: &Night) -> String {
    let minute = night.at.minute();
    let (date, clock) = minute.split_at(10);
    let [year, month, day] = [&date[..4], &date[5..7], &date[8..]];
    format!("dbacked_{}_{day}{month}{year}{}{}", night.database.name(), &clock[1..3], &clock[4..])
}

fn plain_name(night: &Night) -> String {
    let (name, day) = (night.database.name(), night.at.day());
    match night.form {
        Form::Plain(Compression::Zstd) => {
            let clock = night.at.minute()[11..].replace(':', "");
            format!("{name}_{}_{clock}.sql.zst", day.replace('-', ""))
        }
        Form::Plain(compression) => format!("{name}-{day}.sql{}", compression.extension()),
        Form::Sealed => sealed_name(night),
    }
}

/// The metadata object in DBacked's order of fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    filename: &'a str,
    hash: String,
    public_key: String,
    agent_id: &'a str,
    timestamp: i64,
    db_type: &'a str,
    db_name: &'a str,
    size: u64,
}

fn metadata(night: &Night, filename: &str, sealed: &[u8], recipient: &PublicKey) -> io::Result<Vec<u8>> {
    let hash = Md5::digest(sealed).iter().map(|byte| format!("{byte:02x}")).collect();
    // node-forge, which makes DBacked's keys, ends lines as Windows does.
    let public_key = recipient.to_pem().replace("\r\n", "\n").replace('\n', "\r\n");
    let facts = Metadata {
        filename,
        hash,
        public_key,
        agent_id: "db-1-x7Qd",
        timestamp: night.at.0,
        db_type: "mysql",
        db_name: night.database.name(),
        size: PLANNED_PART,
    };
    let mut json = vec![];
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    facts.serialize(&mut serde_json::Serializer::with_formatter(&mut json, indent))?;
    Ok(json)
}

fn estate(root: &Path, key: &Path, fingerprint: &Fingerprint, vault: &[VaultKey]) -> io::Result<String> {
    let url = |folder: &str| folder_url(&root.join(folder)).map(|url| toml::Value::String(url.to_string()));
    let path = |path: &Path| toml::Value::String(path.to_string_lossy().into_owned());
    let key = path(key);
    let more: Vec<String> = vault.iter().map(|key| key_section(key, &path(&key.path))).collect();
    Ok(format!(
        "# A sandbox of `breakglass demo`. The passphrase of its key is: {PASSPHRASE}\n\
         name = \"demo\"\n\n\
         [keys.demo]\nfile = {key}\nfingerprint = \"{fingerprint}\"\n\n{}\
         [targets.offsite]\nurl = {}\nexpect = {{ key_fingerprint = \"{fingerprint}\" }}\n\n\
         [targets.nas]\nurl = {}\n\n\
         [targets.vault]\nurl = {}\nretention = \"{}\"\n\n\
         [telemetry.collector]\nurl = {}\n\n\
         [changes.shop]\nurl = {}\nschema = [{}]\n\n\
         [series.shop]\nmatch = \"offsite:dbacked_shop_*\"\ndatabases = [\"shop\"]\ncron = \"0 3 * * *\"\ntz = \"UTC\"\n",
        more.concat(),
        url("offsite")?,
        url("nas")?,
        url("vault")?,
        vault::RETENTION,
        url("telemetry")?,
        toml::Value::String(format!("binlog+{}", folder_url(&root.join("binlogs"))?)),
        toml::Value::String(format!("{}definitions.sql", folder_url(&root.join("binlogs"))?)),
    ))
}

fn key_section(key: &VaultKey, path: &toml::Value) -> String {
    let print = key.fingerprint.as_ref().map_or_else(String::new, |print| format!("fingerprint = \"{print}\"\n"));
    format!("[keys.{}]\nfile = {path}\n{print}\n", key.name)
}

#[cfg(test)]
mod tests;
