//! What SOURCE means: a name of the estate, a URL with `binlog+` in front, or a path.

use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::estate::{ChangeSource, EstateTarget};
use crate::disk::nearest::nearest;
use crate::model::foreign::{Foreign, escape};
use crate::model::sftp::RemoteFolder;
use crate::model::target::{FileLocation, Location, Target, TargetName};
use crate::report::{Fault, Report, Reportable};
use crate::target;
use crate::target::{Address, Patience, Ssh, Store, parse_backup};
use crate::work::changes::error::ChangesError;
use crate::work::session::Session;

/// Where a source's logs lie.
pub struct Source {
    /// As the operator named it.
    pub label: Arc<Foreign>,
    /// The folder, or the bucket and prefix.
    pub target: Target,
    /// One file of it, or a folder that was written without its slash, or the stem of names.
    pub key: Option<Foreign>,
    ssh: Ssh,
}

impl Source {
    /// Reads SOURCE.
    ///
    /// # Errors
    ///
    /// When it is none, or one that comes later.
    pub fn resolve(session: &Session, text: &str) -> Result<Self, Report> {
        let ssh = Ssh { asker: Some(Arc::new(session.0.questions.clone())), ..Ssh::default() };
        let label = Arc::new(Foreign::from(text));
        let estate = &session.0.estate;
        let known = estate.changes.iter().find(|source| source.name == text);
        if let Some(profile) = known.and_then(|source| source.access_profile.as_ref()) {
            return Err(ChangesError::Profile { profile: escape(profile) }.report());
        }
        let (target, key) = match known {
            Some(ChangeSource { target: Some(name), path, .. }) => {
                let target = estate.targets.iter().find(|target| target.name() == name);
                of_target(target, path.as_deref().unwrap_or_default())?
            }
            Some(ChangeSource { url: Some(url), .. }) => of_url(url)?,
            _ if text.contains("://") || text.starts_with(['/', '.']) => of_url(text)?,
            _ => return Err(unknown(text, &estate.changes).report()),
        };
        Ok(Self { label, target, key, ssh })
    }

    /// The store over its place.
    ///
    /// # Errors
    ///
    /// What is wrong with the place's settings.
    pub fn open(&self) -> Result<Arc<dyn Store>, Report> {
        let asking = (Patience::default(), self.ssh.clone());
        target::open_asking(&self.target, None, asking).map_err(|error| error.report())
    }

    /// The folder itself, for a place on this machine.
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.target.location {
            Location::File(FileLocation { root }) => Some(root.clone()),
            Location::S3(_) | Location::Sftp(_) => None,
        }
    }

    /// The place in words; safe to draw.
    pub fn place(&self) -> String {
        let key = self.key.as_ref().map_or_else(String::new, Foreign::to_string);
        format!("{}{key}", escape(&self.target.canonical_url()))
    }

    /// What was taken for a file, as a folder.
    pub fn as_folder(&mut self) {
        if let Some(key) = self.key.take() {
            self.target.location = below(&self.target.location, &key.to_string());
        }
    }
}

/// A location below another one; `path` has no slash in front.
fn below(location: &Location, path: &str) -> Location {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return location.clone();
    }
    match location.clone() {
        Location::File(FileLocation { root }) => Location::File(FileLocation { root: root.join(path) }),
        Location::S3(mut s3) => {
            let slash = if s3.prefix.is_empty() || s3.prefix.ends_with('/') { "" } else { "/" };
            s3.prefix = format!("{}{slash}{path}/", s3.prefix);
            Location::S3(s3)
        }
        Location::Sftp(mut sftp) => {
            sftp.folder = match sftp.folder {
                RemoteFolder::Absolute(folder) => RemoteFolder::Absolute(format!("{folder}/{path}")),
                RemoteFolder::Login(folder) if folder.is_empty() => RemoteFolder::Login(path.to_owned()),
                RemoteFolder::Login(folder) => RemoteFolder::Login(format!("{folder}/{path}")),
            };
            Location::Sftp(sftp)
        }
    }
}

/// A folder of a target, or a file of it where the last part has no slash behind it.
fn of_target(target: Option<&EstateTarget>, path: &str) -> Result<(Target, Option<Foreign>), Report> {
    let target = match target {
        Some(EstateTarget::Ready(target)) => target,
        Some(EstateTarget::NotYet { why, .. }) => return Err(Report::new(Fault::Usage, "changes::target", why, "")),
        None => return Err(Report::new(Fault::Usage, "changes::target", "the source's target is gone", "")),
    };
    if path.split('/').any(|part| part == "..") {
        let advice = "the path of a change source lies below its target";
        return Err(Report::new(
            Fault::Usage,
            "changes::path",
            format!("{} leads out of the target", escape(path)),
            advice,
        ));
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let location = below(&target.location, folder);
    let key = Some(name).filter(|name| !name.is_empty()).map(Foreign::from);
    Ok((Target { location, ..target.clone() }, key))
}

fn of_url(text: &str) -> Result<(Target, Option<Foreign>), Report> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let bare = match scheme {
        None => text,
        Some("binlog+file" | "binlog+s3" | "binlog+sftp" | "binlog+scp") => text.trim_start_matches("binlog+"),
        Some("file" | "s3" | "sftp" | "scp") => text,
        Some(
            scheme @ ("mysql" | "mariadb" | "binlog+smb" | "smb" | "dbtrail+mysql" | "dbtrail+s3" | "dbtrail+file"),
        ) => {
            return Err(ChangesError::Later { scheme: scheme.to_owned() }.report());
        }
        Some(_) => {
            let advice = "write binlog+file:///folder/, binlog+s3://bucket/prefix/ or binlog+sftp://host/folder/";
            let name = escape(scheme.unwrap_or_default());
            return Err(ChangesError::Unknown { name, advice: advice.to_owned() }.report());
        }
    };
    let Address { location, key } = address(bare)?;
    let name = TargetName::new("changes").ok_or_else(|| Report::new(Fault::Failed, "bug", "a bad name", ""))?;
    Ok((Target { name, location, expect_key: None }, key))
}

/// Where it lies; a path of this machine that is not there may be the stem of names in its folder.
fn address(text: &str) -> Result<Address, Report> {
    let here = std::env::current_dir().unwrap_or_default();
    let first = match parse_backup(text, &here) {
        Ok(address) => return Ok(address),
        Err(error) => error,
    };
    let local = text.strip_prefix("file://").unwrap_or(text);
    if !local.contains("://")
        && let Some((folder, stem)) = text.rsplit_once('/').filter(|(_, stem)| !stem.is_empty())
        && let Ok(address) = parse_backup(&format!("{folder}/"), &here)
        && address.key.is_none()
    {
        return Ok(Address { key: Some(Foreign::from(stem)), ..address });
    }
    Err(Report::of(Fault::Usage, &first))
}

fn unknown(text: &str, sources: &[ChangeSource]) -> ChangesError {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let near = nearest(text, names.iter().copied());
    let hint = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    let known = match names.as_slice() {
        [] => "the estate has no section [changes.NAME] with target and path, or url; ".to_owned(),
        names => format!("the estate has {}; ", names.join(", ")),
    };
    let advice = format!("{hint}{known}or give a path (./x, /x) or a URL such as binlog+file:///folder/");
    ChangesError::Unknown { name: escape(text), advice }
}
