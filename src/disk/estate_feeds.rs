//! `[history]` and `[telemetry.NAME]`: how much history is kept, and where more of it lies.

use std::time::Duration;

use crate::disk::estate::EstateTarget;
use crate::disk::estate_error::EstateError;
use crate::disk::estate_parse::{refused, unknown_target};
use crate::disk::estate_section::{Placed, Section, duration};
use crate::disk::explain::Origin;
use crate::disk::nearest::nearest;
use crate::disk::paths::expand;
use crate::disk::runs::Keep;
use crate::disk::urls::{TargetUrl, target_url};
use crate::model::foreign::escape;
use crate::model::sink::ServerRef;
use crate::model::target::{FileLocation, Location, S3Location, Target, TargetName};
use crate::model::units::{ByteSize, short_span};

pub(super) const HISTORY: [&str; 3] = ["keep", "max_size", "good_within"];
/// How old the newest good copy of a series may be before that is said, unless the estate says otherwise.
pub(super) const GOOD_WITHIN: Duration = Duration::from_secs(7 * 86_400);
pub(super) const FEED: [&str; 5] = ["target", "path", "url", "server", "databases"];

/// Where telemetry lies that nobody sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySource {
    /// How people refer to it.
    pub name: String,
    /// Where it is.
    pub place: TelemetryPlace,
}

/// Where telemetry lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryPlace {
    /// Files in a target of the estate, whose keys begin so.
    Target {
        /// Which target.
        target: TargetName,
        /// What the keys begin with; empty for all.
        path: String,
    },
    /// Files in a place of their own.
    Files(Box<Target>),
    /// The table `dbacked` in databases of a server.
    Table {
        /// The server's name in the estate.
        server: String,
        /// Which databases.
        databases: Vec<String>,
    },
}

pub(super) fn history(top: &Section<'_, '_>) -> Result<Keep, EstateError> {
    let usual = Keep::default();
    let Some(section) = top.inner("history", &HISTORY)? else {
        top.source.note("history.keep", short_span(usual.age), Origin::Default);
        top.source.note("history.max_size", ByteSize(usual.size).words(), Origin::Default);
        return Ok(usual);
    };
    let source = section.source;
    let age = section.text("keep")?;
    let age = age
        .map(|text| duration(&text.value).ok_or_else(|| source.wrong(&text, "is no span of time", "write 90d or 52w")));
    let size = section.text("max_size")?;
    let size = size.map(|text| {
        bytes(&text.value).ok_or_else(|| source.wrong(&text, "is no size", "write 500M or 2G, at least 1M"))
    });
    Ok(Keep { age: age.transpose()?.unwrap_or(usual.age), size: size.transpose()?.unwrap_or(usual.size) })
}

pub(super) fn good_within(top: &Section<'_, '_>) -> Result<Duration, EstateError> {
    let section = top.inner("history", &HISTORY)?;
    let text = section.as_ref().map(|section| section.text("good_within")).transpose()?.flatten();
    let Some(text) = text else {
        top.source.note("history.good_within", short_span(GOOD_WITHIN), Origin::Default);
        return Ok(GOOD_WITHIN);
    };
    let read = duration(&text.value).filter(|span| !span.is_zero());
    read.ok_or_else(|| top.source.wrong(&text, "is no span of time", "write 7d or 36h"))
}

/// Reads `500M`, `2G`, `2GiB`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit.trim().trim_end_matches("iB").trim_end_matches('B') {
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

pub(super) fn feed(
    name: String,
    section: &Section<'_, '_>,
    (targets, servers): (&[EstateTarget], &[ServerRef]),
) -> Result<TelemetrySource, EstateError> {
    let source = section.source;
    let (target, url) = (section.text("target")?, section.unnoted_text("url")?);
    let (server, databases) = (section.text("server")?, section.texts("databases")?);
    let path = section.text("path")?.map(|text| text.value).unwrap_or_default();
    let place = match (target, url, server) {
        (Some(target), None, None) => match targets.iter().find(|known| known.name().as_str() == target.value) {
            Some(known) => TelemetryPlace::Target { target: known.name().clone(), path },
            None => return Err(unknown_target(source, &target, targets)),
        },
        (None, Some(url), None) => TelemetryPlace::Files(Box::new(files(&name, section, &url)?)),
        (None, None, Some(server)) => {
            if servers.iter().all(|known| known.name.as_deref() != Some(server.value.as_str())) {
                return Err(unknown_server(section, &server, servers));
            }
            let databases = databases.map(|texts| texts.value).filter(|texts| !texts.is_empty());
            let Some(databases) = databases else {
                return Err(source.wrong(&server, "stands without databases", "add databases = [\"shop\"]"));
            };
            TelemetryPlace::Table { server: server.value, databases }
        }
        (None, None, None) => {
            return Err(section.demand("url", "file:///var/log/otel/").err().unwrap_or_else(|| {
                let placed = Placed { value: (), line: section.line, setting: section.name.clone() };
                source.wrong(&placed, "names no place", "write target, url or server")
            }));
        }
        _ => {
            let placed = Placed { value: (), line: section.line, setting: section.name.clone() };
            return Err(source.wrong(&placed, "names several places", "keep one of target, url and server"));
        }
    };
    Ok(TelemetrySource { name, place })
}

fn files(name: &str, section: &Section<'_, '_>, url: &Placed<String>) -> Result<Target, EstateError> {
    let source = section.source;
    let expanded = match url.value.strip_prefix("file://").unwrap_or(&url.value) {
        path if path.starts_with("~/") => expand(path, source.folder(), source.env).display().to_string(),
        _ => url.value.clone(),
    };
    let parsed = target_url(&expanded).map_err(|error| refused(source, url, error))?;
    source.note(&url.setting, &expanded, source.origin(url.line));
    let location = match parsed {
        TargetUrl::File(root) => Location::File(FileLocation { root }),
        TargetUrl::S3 { bucket, prefix } => {
            Location::S3(Box::new(S3Location { bucket, prefix, ..S3Location::default() }))
        }
        TargetUrl::Sftp(location) => Location::Sftp(Box::new(location)),
        TargetUrl::NotYet(scheme) => {
            return Err(source.wrong(
                url,
                format!("is {scheme}, which this version does not read"),
                "write file://, s3:// or sftp://",
            ));
        }
    };
    let name = TargetName::new(name).expect("section names were checked to be made of the same characters");
    Ok(Target { name, location, expect_key: None })
}

fn unknown_server(section: &Section<'_, '_>, text: &Placed<String>, servers: &[ServerRef]) -> EstateError {
    let names: Vec<&str> = servers.iter().filter_map(|server| server.name.as_deref()).collect();
    let near = nearest(&text.value, names.iter().copied());
    let hint = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
    let what = format!("names no server of this estate: \"{}\"", escape(&text.value));
    section.source.wrong(text, what, format!("{hint}servers: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes("500M"), Some(500 << 20));
        assert_eq!(bytes("2GiB"), Some(2 << 30));
        for nonsense in ["", "500", "M", "0G", "-1G", "1K", "99999999999T"] {
            assert_eq!(bytes(nonsense), None, "{nonsense}");
        }
    }
}
