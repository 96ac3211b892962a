//! The estate: named targets, servers, keys and policy, read from `estate.toml`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::disk::environment::Environment;
use crate::disk::estate_parse;
use crate::disk::explain::Setting;
use crate::disk::paths::Paths;
use crate::disk::runs::Keep;
use crate::model::retention::Retention;
use crate::model::seal::Fingerprint;
use crate::model::sink::ServerRef;
use crate::model::target::{Target, TargetName};

pub use crate::disk::estate_error::EstateError;
use crate::disk::estate_feeds::GOOD_WITHIN;
pub use crate::disk::estate_feeds::{TelemetryPlace, TelemetrySource};

/// The largest configuration file that is read.
const LIMIT: u64 = 1 << 20;

/// The configuration: what there is, and how careful to be with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Estate {
    /// What people call it; shown in the header.
    pub name: String,
    /// Which state folder belongs to it.
    pub id: EstateId,
    /// The file it was read from; `None` for a backup named by path or URL.
    pub file: Option<PathBuf>,
    /// What holds everywhere.
    pub policy: Policy,
    /// Keys by name; none of their files has been read.
    pub keys: Vec<EstateKey>,
    /// Targets, in the order of the file.
    pub targets: Vec<EstateTarget>,
    /// Servers by name.
    pub servers: Vec<ServerRef>,
    /// Change sources.
    pub changes: Vec<ChangeSource>,
    /// What is expected of a series.
    pub series: Vec<SeriesRule>,
    /// How mysql-backup names and prunes in a target; none for targets of which nothing is said.
    pub habits: Vec<(TargetName, TargetHabits)>,
    /// Where that tool sends its telemetry; kept for the verbs that will read it.
    pub telemetry: Option<Telemetry>,
    /// How much history of runs is kept.
    pub history: Keep,
    /// How old the newest good copy of a series may be before that is said.
    pub good_within: Duration,
    /// Where telemetry lies that nobody sends.
    pub feeds: Vec<TelemetrySource>,
    /// Where every setting came from, and what is worth knowing about the file.
    pub notes: Notes,
}

/// What holds everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// No sink, script or seal can be written; state and audit still are.
    pub read_only: bool,
    /// How long without a keypress until keys are forgotten.
    pub idle_lock: Duration,
    /// After how long a proof is shown as stale.
    pub proof_max_age: Duration,
    /// Whether audit records are copied to the machine's syslog.
    pub audit_syslog: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            read_only: false,
            idle_lock: Duration::from_secs(600),
            proof_max_age: Duration::from_secs(30 * 86_400),
            audit_syslog: false,
        }
    }
}

/// Which state folder belongs to an estate: 16 hex digits.
///
/// The first 64 bits of SHA-256 over `file`, NUL and the canonical path of the estate file, or, for a
/// backup named by path or URL, over `url`, NUL and its target's canonical URL. Renaming the estate
/// in the file keeps its state; moving the file starts anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EstateId(String);

impl EstateId {
    /// For an estate file.
    pub fn of_file(path: &Path) -> Self {
        let canonical = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
        Self::of("file", canonical.as_os_str().as_encoded_bytes())
    }

    /// For one target without an estate.
    pub fn of_target(target: &Target) -> Self {
        Self::of("url", target.canonical_url().as_bytes())
    }

    fn of(kind: &str, bytes: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(bytes).finalize();
        Self(data_encoding::HEXLOWER.encode(&digest[..8]))
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key that the estate names. Its file is never read before it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstateKey {
    /// How people refer to it.
    pub name: String,
    /// Where it lies.
    pub file: Option<PathBuf>,
    /// Public: lets the catalog say what it opens before it is loaded.
    pub fingerprint: Option<Fingerprint>,
    /// The configuration itself carried its text, and the session holds it.
    pub held: bool,
}

impl EstateKey {
    /// Whether it can be loaded without being asked where it is.
    pub fn is_at_hand(&self) -> bool {
        self.held || self.file.is_some()
    }
}

/// How mysql-backup names and prunes in one target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetHabits {
    /// What its prune keeps.
    pub retention: Option<Retention>,
    /// Its `filenamePattern`, where it is not the default one.
    pub filename_pattern: Option<String>,
}

/// Where mysql-backup sends its telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Without user and password.
    pub url: String,
    /// Digests of certificates that are trusted, as written: `sha256:...`.
    pub certificates: Vec<String>,
    /// Under which name the session's configuration holds the credential.
    pub credentials: Option<String>,
    /// Entries that it collects before sending.
    pub buffer_size: Option<u64>,
}

/// A target of the estate, or one that this version cannot read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EstateTarget {
    /// Usable.
    Ready(Target),
    /// Recognised; the others stay usable.
    NotYet {
        /// Its name.
        name: TargetName,
        /// Its URL, safe to draw.
        url: String,
        /// Why, with file and line.
        why: String,
    },
}

impl EstateTarget {
    /// Its name.
    pub fn name(&self) -> &TargetName {
        match self {
            Self::Ready(target) => &target.name,
            Self::NotYet { name, .. } => name,
        }
    }
}

/// Where row changes come from: a target's folder of binary logs, or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSource {
    /// How people refer to it.
    pub name: String,
    /// A target of the estate.
    pub target: Option<TargetName>,
    /// Below that target.
    pub path: Option<String>,
    /// Or a URL of its own.
    pub url: Option<String>,
    /// A dbtrail access profile.
    pub access_profile: Option<String>,
    /// Where its columns are told, as `--schema` takes it.
    pub schemas: Vec<String>,
}

/// What is expected of the backups whose `target:key` matches a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRule {
    /// How people refer to it.
    pub name: String,
    /// A glob over `target:key`.
    pub pattern: String,
    /// Databases that are inside.
    pub databases: Vec<String>,
    /// When a backup is due, as five cron fields.
    pub cron: Option<String>,
    /// The zone of those times.
    pub tz: Option<String>,
}

/// Where every setting came from, and what is worth knowing about the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// In the order of the file.
    pub settings: Vec<Setting>,
    /// Safe to draw.
    pub remarks: Vec<String>,
}

impl Estate {
    /// An estate of one target, for a backup named by path or URL.
    pub fn ad_hoc(target: Target) -> Self {
        let id = EstateId::of_target(&target);
        let mut estate = Self::empty(target.name.as_str(), id);
        estate.targets.push(EstateTarget::Ready(target));
        estate
    }

    /// An estate in which nothing is named yet.
    pub fn empty(name: &str, id: EstateId) -> Self {
        Self {
            name: name.to_owned(),
            id,
            file: None,
            policy: Policy::default(),
            keys: vec![],
            targets: vec![],
            servers: vec![],
            changes: vec![],
            series: vec![],
            habits: vec![],
            telemetry: None,
            history: Keep::default(),
            good_within: GOOD_WITHIN,
            feeds: vec![],
            notes: Notes::default(),
        }
    }

    /// Every setting with its value and where that came from.
    pub fn explain(&self) -> &[Setting] {
        &self.notes.settings
    }

    /// The targets that can be read.
    pub fn ready_targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter_map(|target| match target {
            EstateTarget::Ready(target) => Some(target),
            EstateTarget::NotYet { .. } => None,
        })
    }

    /// How mysql-backup names and prunes in a target.
    pub fn habits_of(&self, target: &TargetName) -> Option<&TargetHabits> {
        self.habits.iter().find(|(name, _)| name == target).map(|(_, habits)| habits)
    }

    /// The server of that name.
    pub fn server(&self, name: &str) -> Option<&ServerRef> {
        self.servers.iter().find(|server| server.name.as_deref() == Some(name))
    }
}

/// A configuration file as it was read, before anybody knows which kind it is.
///
/// It may hold secrets (DBacked's does): no `Debug`, and its text is wiped.
pub struct ConfigFile {
    /// Absolute.
    pub path: PathBuf,
    /// All of it.
    pub text: zeroize::Zeroizing<String>,
    /// Who else may read or write it.
    pub access: FileAccess,
}

/// Who else than we may read or write a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileAccess {
    /// Group or others may read it.
    pub read: Others,
    /// Group or others may write it, or it belongs to somebody else.
    pub write: Others,
}

/// Whether others may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They may not.
    Shut,
    /// They may.
    May,
}

impl FileAccess {
    fn of(facts: &std::fs::Metadata) -> Self {
        let may = |yes: bool| if yes { Others::May } else { Others::Shut };
        let owner = facts.uid();
        let foreign = owner != 0 && owner != rustix::process::geteuid().as_raw();
        Self { read: may(facts.mode() & 0o044 != 0), write: may(foreign || facts.mode() & 0o022 != 0) }
    }
}

/// Decides which file to read: the flag, `BREAKGLASS_ESTATE`, then the configuration folder.
///
/// # Errors
///
/// [`EstateError::NotFound`] with every place that was looked at.
pub fn find(flag: Option<&Path>, paths: &Paths, env: &Environment) -> Result<PathBuf, EstateError> {
    if let Some(named) = flag {
        return Ok(named.to_owned());
    }
    if let Some(named) = env.path("BREAKGLASS_ESTATE") {
        return Ok(named);
    }
    let usual = paths.usual_estate();
    if usual.exists() {
        return Ok(usual);
    }
    Err(EstateError::NotFound { looked: format!("--estate, BREAKGLASS_ESTATE and {}", usual.display()) })
}

/// Reads a configuration file of any kind.
///
/// # Errors
///
/// [`EstateError::NotFound`] where there is none, [`EstateError::Unreadable`] otherwise, also for one
/// of more than 1 MiB or that is not UTF-8.
pub fn read(path: &Path) -> Result<ConfigFile, EstateError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let unreadable = |source| EstateError::Unreadable { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(EstateError::NotFound { looked: path.display().to_string() });
        }
        opened => opened.map_err(unreadable)?,
    };
    let facts = file.metadata().map_err(unreadable)?;
    let size = usize::try_from(facts.len().min(LIMIT)).unwrap_or(0);
    // Room for all of it at once: growing would leave copies of its secrets behind.
    let mut text = zeroize::Zeroizing::new(String::with_capacity(size + 1));
    let read = file.take(LIMIT + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read as u64 > LIMIT {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB")));
    }
    Ok(ConfigFile { path, text, access: FileAccess::of(&facts) })
}

/// Reads an estate out of a file's text.
///
/// # Errors
///
/// The first thing that is wrong with it, with its line and what would be valid there.
pub fn parse(file: &ConfigFile, env: &Environment) -> Result<Estate, EstateError> {
    estate_parse::estate(file, env)
}

/// Reads `estate.toml` at `path`.
///
/// # Errors
///
/// As [`read`] and [`parse`].
pub fn load(path: &Path, env: &Environment) -> Result<Estate, EstateError> {
    parse(&read(path)?, env)
}
