//! Places where backups lie, and the things that are listed there.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::seal::Fingerprint;
use crate::model::sftp::SftpLocation;
use crate::model::units::Moment;

/// The name that the estate gives a target: `[a-z0-9_-]+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetName(String);

impl TargetName {
    /// `None` unless the text matches `[a-z0-9_-]+`.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        (!text.is_empty() && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The name itself; always harmless to draw.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A place where backups lie. Holds no secret: credentials come from their own chains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How people refer to it.
    pub name: TargetName,
    /// Where it is.
    pub location: Location,
    /// A backup sealed for another key is a finding.
    pub expect_key: Option<Fingerprint>,
}

/// Where a target is, by scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A folder of this machine.
    File(FileLocation),
    /// A bucket, or a part of one.
    S3(Box<S3Location>),
    /// A folder behind an SSH server.
    Sftp(Box<SftpLocation>),
}

/// A folder of this machine, or one file in it (for `./x` on the command line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLocation {
    /// Absolute. Keys are paths below it with `/` between parts.
    pub root: PathBuf,
}

/// A bucket and a prefix, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct S3Location {
    /// The bucket's name.
    pub bucket: String,
    /// What every key starts with; empty or ending in `/` unless the URL said otherwise.
    pub prefix: String,
    /// `None`: from the environment or the profile.
    pub region: Option<String>,
    /// `None`: AWS itself. Otherwise `http://` or `https://` and a host.
    pub endpoint: Option<String>,
    /// How the bucket stands in the URL.
    pub path_style: PathStyle,
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
    /// A file with further root certificates in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether older versions and delete markers are listed.
    pub versions: bool,
    /// Checksums of the SDK: only where the operation demands them, unless set.
    pub checksums: ChecksumMode,
    /// Which secret to use when it does not come from the AWS chain: a key of the estate's secrets
    /// (DBacked's `config.json` carries an access key). The secret itself is never in here.
    pub credentials: Option<String>,
    /// Whether keys are listed too that some version of mysql-backup wrote with a slash in front of the
    /// prefix. Such an object is named by its whole key, slash included.
    #[serde(default)]
    pub slashed: bool,
}

impl S3Location {
    /// The other prefix, where keys with a slash in front are listed too.
    pub fn slashed_prefix(&self) -> Option<String> {
        let has = self.slashed && !self.prefix.is_empty() && !self.prefix.starts_with('/');
        has.then(|| format!("/{}", self.prefix))
    }

    /// The whole key of an object of this target.
    pub fn whole_key(&self, relative: &str) -> String {
        match self.slashed_prefix() {
            Some(prefix) if relative.starts_with(&prefix) => relative.to_owned(),
            _ => format!("{}{relative}", self.prefix),
        }
    }
}

/// How the bucket stands in an S3 URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathStyle {
    /// Path style for endpoints of one's own and for bucket names with dots, else virtual hosts.
    #[default]
    Auto,
    /// `https://host/bucket/key`.
    Always,
    /// `https://bucket.host/key`.
    Never,
}

/// When the SDK asks for and checks its own checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumMode {
    /// Only where an operation requires one: works with every store.
    #[default]
    WhenRequired,
    /// Wherever the store supports them.
    WhenSupported,
}

impl Target {
    /// The URL without user, password or profile; what ids are made of.
    ///
    /// `file:///var/backups/`, `s3://bucket/prefix/`, and for an endpoint of one's own
    /// `s3://bucket/prefix/?endpoint=https://host`, since two stores may hold a bucket of one name;
    /// `sftp://host:port/folder/`, with `/~/` for the login folder, and `scp://` where that is looked at too.
    pub fn canonical_url(&self) -> String {
        match &self.location {
            Location::File(file) => {
                let path = file.root.to_string_lossy();
                format!("file://{}/", path.trim_end_matches('/'))
            }
            Location::S3(s3) => match &s3.endpoint {
                None => format!("s3://{}/{}", s3.bucket, s3.prefix),
                Some(endpoint) => {
                    let bare = without_userinfo(endpoint.trim_end_matches('/'));
                    format!("s3://{}/{}?endpoint={bare}", s3.bucket, s3.prefix)
                }
            },
            Location::Sftp(sftp) => sftp.canonical_url(),
        }
    }

    /// The scheme's word: `file`, `s3`, `sftp`, `scp`.
    pub fn scheme(&self) -> &'static str {
        match &self.location {
            Location::File(_) => "file",
            Location::S3(_) => "s3",
            Location::Sftp(sftp) => sftp.scheme(),
        }
    }
}

fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// What pins a remote object: if any of this differs, it is another object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last modification as the target says.
    pub modified: Option<Moment>,
    /// S3's ETag without quotes.
    pub etag: Option<String>,
    /// S3's version, where the listing names it.
    pub version: Option<String>,
    /// For files: device, inode, and the status change time in nanoseconds.
    pub inode: Option<(u64, u64, i128)>,
}

/// One thing that a target lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Relative to the target's root or prefix; may hold anything.
    pub key: Foreign,
    /// What pins it.
    pub stamp: Stamp,
    /// A version that is not the current one, or a delete marker.
    pub history: History,
    /// Whether it can be read at once.
    pub storage: Storage,
}

/// Whether a listed object is the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// What a plain read returns.
    #[default]
    Current,
    /// Overwritten or deleted since, still readable by its version.
    Older,
    /// A delete marker: nothing to read, older versions may be.
    Deleted,
}

/// A storage class and whether the object has to be thawed before it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Storage {
    /// As the store names it, such as `GLACIER`; `None` for the standard one and for files.
    pub class: Option<String>,
    /// What has to happen before a read.
    pub access: Access,
}

/// What has to happen before an object can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing.
    #[default]
    Ready,
    /// It must be thawed first (`aws s3api restore-object`).
    Frozen,
    /// Being thawed.
    Thawing,
    /// Thawed until then, where the store says so.
    Thawed(Option<Moment>),
}
