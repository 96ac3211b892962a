//! Where targets are, in the spellings of tools and of the estate.

use crate::model::foreign::Foreign;
use crate::model::run::ObjectRef;
use crate::model::target::TargetName;
use crate::work::catalog::{Catalog, TargetState, TargetView};

/// A place in one spelling: `s3 bucket`, `path/to`; slashes at both ends and doubled ones gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    host: String,
    path: String,
}

impl Spot {
    /// From a URL as a tool or the estate writes it; a bare path is a file.
    pub fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("file", url));
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let (authority, path) = if scheme == "file" { ("", rest) } else { rest.split_once('/').unwrap_or((rest, "")) };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_lowercase();
        let family = if scheme == "scp" { "sftp" } else { scheme };
        let host = if family == "sftp" { host.strip_suffix(":22").unwrap_or(&host).to_owned() } else { host };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        Self { host: format!("{family} {host}"), path: parts.join("/") }
    }

    pub fn below(&self, name: &str) -> Self {
        let name = name.trim_matches('/');
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { host: self.host.clone(), path }
    }

    pub fn holds(&self, other: &Self) -> bool {
        let inside =
            self.path.is_empty() || other.path.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'));
        self.host == other.host && inside
    }

    /// What lies inside, as a key of the target that is here.
    pub fn key_of(&self, other: &Self) -> Foreign {
        let rest = other.path.strip_prefix(&self.path).unwrap_or(&other.path);
        Foreign::from(rest.trim_start_matches('/'))
    }
}

/// A target, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The target's name.
    pub name: TargetName,
    /// Its URL as the estate has it.
    url: String,
    /// Where it is.
    pub spot: Spot,
    /// Whether everything in it is listed, so that what is not there is gone.
    complete: bool,
}

/// Targets by where they are.
#[derive(Debug, Clone, Default)]
pub struct Places(Vec<Place>);

impl Places {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let place = |target: &TargetView| Place {
            name: target.name.clone(),
            url: target.url.clone(),
            spot: Spot::of(&target.url),
            complete: matches!(target.state, TargetState::Listed { .. }),
        };
        Self(catalog.targets.iter().map(place).collect())
    }

    /// The targets that a URL of a tool may mean: several where one bucket is reached by two endpoints, or one target
    /// lies in another.
    pub fn named(&self, url: &Foreign) -> impl Iterator<Item = &TargetName> {
        self.at(url.raw_str().map(Spot::of)).map(|place| &place.name)
    }

    pub(super) fn of(&self, object: &ObjectRef) -> impl Iterator<Item = &Place> {
        self.at(object.target.as_ref().and_then(|url| url.raw_str()).map(Spot::of))
    }

    /// The target whose URL an object of our own carries, letter by letter where there is such a one.
    pub(super) fn exactly(&self, object: &ObjectRef) -> Option<&TargetName> {
        let url = object.target.as_ref()?.raw_str()?;
        let found = self.0.iter().find(|place| place.url == url).or_else(|| self.of(object).next())?;
        Some(&found.name)
    }

    /// Targets that are listed as a whole and would hold what lies there.
    pub(super) fn complete(&self, spot: &Spot) -> impl Iterator<Item = &Place> {
        self.0.iter().filter(move |place| place.complete && place.spot.holds(spot))
    }

    fn at(&self, spot: Option<Spot>) -> impl Iterator<Item = &Place> {
        let inside =
            move |place: &&Place| spot.as_ref().is_some_and(|spot| place.spot == *spot || place.spot.holds(spot));
        self.0.iter().filter(inside)
    }

    pub(super) fn get(&self, name: &TargetName) -> Option<&Place> {
        self.0.iter().find(|place| place.name == *name)
    }
}
