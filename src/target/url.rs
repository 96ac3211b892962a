//! Addresses: `./x`, `/x`, `file:///x`, `s3://bucket/key`, `sftp://host/folder/file`.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::model::foreign::{Foreign, escape};
use crate::model::sftp::{Places, SftpLocation, SftpUrlError};
use crate::model::target::{FileLocation, Location, PathStyle, S3Location};

/// Why an address cannot be used. Never shows user or password.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum UrlError {
    /// It has a scheme that we do not read.
    #[error("{scheme}:// is not a kind of target")]
    #[diagnostic(
        code(target::unknown_scheme),
        help("targets are file:///folder, s3://bucket/prefix and sftp://host/folder/")
    )]
    UnknownScheme {
        /// Escaped.
        scheme: String,
    },

    /// It has neither a scheme nor the look of a path.
    #[error("{text} is neither a URL nor a path")]
    #[diagnostic(
        code(target::not_an_address),
        help("write ./name or /name for a file, s3://bucket/key or sftp://host/path for what lies elsewhere")
    )]
    NotAnAddress {
        /// Escaped.
        text: String,
    },

    /// It carries a user or a password.
    #[error("the address of {host} carries a user name or a password")]
    #[diagnostic(
        code(target::userinfo),
        help(
            "addresses show in process lists and logs: take it out, and use `profile` or the AWS environment variables, \
             for SFTP an agent or a key; a password is asked for"
        )
    )]
    Userinfo {
        /// What stands behind the `@`, escaped.
        host: String,
    },

    /// A part of it is missing or malformed.
    #[error("{url}: {what}")]
    #[diagnostic(code(target::bad_url), help("targets are file:///folder, s3://bucket/prefix and sftp://host/folder/"))]
    Malformed {
        /// Without user and password, escaped.
        url: String,
        /// What is wrong.
        what: String,
    },

    /// The path cannot be looked at.
    #[error("{path}: {cause}")]
    #[diagnostic(code(target::no_such_path), help("check the path's spelling and its folders' permissions"))]
    Path {
        /// Escaped.
        path: String,
        /// What the operating system said.
        cause: String,
    },
}

/// Where a backup given by path or URL lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The target that holds it.
    pub location: Location,
    /// Its key there; `None`: the address names the target itself.
    pub key: Option<Foreign>,
}

/// Reads a target's address: `file:///folder`, `s3://bucket/prefix`, `sftp://host/folder/`, or an absolute path.
///
/// S3 keys are taken as they stand, as `aws s3` does; file URLs are percent-decoded. An S3 address may
/// end in `?endpoint=https://host&region=...&profile=...&path_style=always`, the form of canonical URLs.
pub fn parse_url(text: &str) -> Result<Location, UrlError> {
    match text.split_once("://") {
        Some(("s3", rest)) => s3(rest).map(|location| Location::S3(Box::new(location))),
        Some(("file", rest)) => file_url(rest).map(|root| Location::File(FileLocation { root })),
        Some((scheme @ ("sftp" | "scp"), rest)) => SftpLocation::parse(places(scheme), rest)
            .map(|location| Location::Sftp(Box::new(location)))
            .map_err(|error| of_sftp(scheme, rest, error)),
        Some((scheme, _)) => Err(UrlError::UnknownScheme { scheme: escape(scheme) }),
        None if text.starts_with('/') => Ok(Location::File(FileLocation { root: PathBuf::from(text) })),
        None => Err(UrlError::NotAnAddress { text: escape(text) }),
    }
}

/// Reads the address of a backup, or of a target, as people type it. Relative paths start at `here`.
///
/// Looks at the file system to tell a folder from a file and to follow links: the person named it.
pub fn parse_backup(text: &str, here: &Path) -> Result<Address, UrlError> {
    let path = match text.split_once("://") {
        Some(("s3", rest)) => return s3(rest).map(split_key),
        Some(("file", rest)) => file_url(rest)?,
        Some((scheme @ ("sftp" | "scp"), rest)) => {
            let (location, key) =
                SftpLocation::parse_file(places(scheme), rest).map_err(|error| of_sftp(scheme, rest, error))?;
            return Ok(Address { location: Location::Sftp(Box::new(location)), key: key.map(Foreign::new) });
        }
        Some((scheme, _)) => return Err(UrlError::UnknownScheme { scheme: escape(scheme) }),
        None if looks_like_path(text) => here.join(text),
        None => return Err(UrlError::NotAnAddress { text: escape(text) }),
    };
    let shown = escape(&path.to_string_lossy());
    let real = path.canonicalize().map_err(|error| UrlError::Path { path: shown.clone(), cause: error.to_string() })?;
    if real.is_dir() {
        return Ok(Address { location: Location::File(FileLocation { root: real }), key: None });
    }
    let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(UrlError::Malformed { url: shown, what: "this is no file".to_owned() });
    };
    let key = Foreign::new(std::os::unix::ffi::OsStrExt::as_bytes(name));
    Ok(Address { location: Location::File(FileLocation { root: folder.to_owned() }), key: Some(key) })
}

fn places(scheme: &str) -> Places {
    if scheme == "scp" { Places::UrlAndLogin } else { Places::Url }
}

fn of_sftp(scheme: &str, rest: &str, error: SftpUrlError) -> UrlError {
    match error {
        SftpUrlError::Password(host) => UrlError::Userinfo { host: escape(&host) },
        SftpUrlError::Wrong(what) => {
            let bare = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
            UrlError::Malformed { url: format!("{scheme}://{}", escape(bare)), what: what.to_owned() }
        }
    }
}

/// Whether text on the command line is meant as a path: `/x`, `./x`, `../x`, `.`, `..`.
fn looks_like_path(text: &str) -> bool {
    text.starts_with('/') || matches!(text.split('/').next(), Some("." | ".."))
}

fn split_key(mut location: S3Location) -> Address {
    let cut = location.prefix.rfind('/').map_or(0, |slash| slash + 1);
    let key = location.prefix.split_off(cut);
    Address { location: Location::S3(Box::new(location)), key: (!key.is_empty()).then(|| Foreign::from(key)) }
}

fn s3(rest: &str) -> Result<S3Location, UrlError> {
    let (place, options) = split_options(rest);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if let Some((_, host)) = bucket.rsplit_once('@') {
        return Err(UrlError::Userinfo { host: escape(host) });
    }
    let malformed = |what: &str| UrlError::Malformed { url: format!("s3://{}", escape(place)), what: what.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() {
        return Err(malformed("the bucket is missing"));
    }
    if bucket.len() > 255 || !bucket.chars().all(plain) {
        return Err(malformed("a bucket's name holds only letters, digits, dots and dashes"));
    }
    let mut location = S3Location { bucket: bucket.to_owned(), prefix: prefix.to_owned(), ..S3Location::default() };
    for (name, value) in options {
        match name {
            "endpoint" => location.endpoint = Some(endpoint(value)?),
            "region" => location.region = Some(value.to_owned()),
            "profile" => location.profile = Some(value.to_owned()),
            _ => {
                location.path_style =
                    path_style(value).ok_or_else(|| malformed("path_style is auto, always or never"))?
            }
        }
    }
    Ok(location)
}

/// Splits options off, but only if all of them are known: a `?` may also be part of a key.
fn split_options(rest: &str) -> (&str, Vec<(&str, &str)>) {
    let Some((place, query)) = rest.rsplit_once('?') else { return (rest, vec![]) };
    let options: Option<Vec<_>> = query.split('&').map(|option| option.split_once('=')).collect();
    let known = |(name, _): &(&str, &str)| matches!(*name, "endpoint" | "region" | "profile" | "path_style");
    match options {
        Some(options) if options.iter().all(known) => (place, options),
        _ => (rest, vec![]),
    }
}

fn path_style(word: &str) -> Option<PathStyle> {
    match word {
        "auto" => Some(PathStyle::Auto),
        "always" => Some(PathStyle::Always),
        "never" => Some(PathStyle::Never),
        _ => None,
    }
}

/// Checks an endpoint: `http://` or `https://`, a host, no user, no query.
pub(super) fn endpoint(text: &str) -> Result<String, UrlError> {
    let Ok(url) = url::Url::parse(text) else {
        let bare = text.rsplit_once('@').map_or(text, |(_, host)| host);
        return Err(UrlError::Malformed { url: escape(bare), what: "the endpoint is not a URL".to_owned() });
    };
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Userinfo { host: escape(host) });
    }
    let what = match url.scheme() {
        "http" | "https" if host.is_empty() => "the endpoint has no host",
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => "an endpoint has no query",
        "http" | "https" => return Ok(text.trim_end_matches('/').to_owned()),
        _ => "an endpoint starts with http:// or https://",
    };
    Err(UrlError::Malformed { url: escape(text), what: what.to_owned() })
}

fn file_url(rest: &str) -> Result<PathBuf, UrlError> {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if let Some((_, host)) = host.rsplit_once('@') {
        return Err(UrlError::Userinfo { host: escape(host) });
    }
    let malformed = |what: &str| UrlError::Malformed { url: format!("file://{}", escape(rest)), what: what.to_owned() };
    if !(host.is_empty() || host == "localhost") {
        return Err(malformed("a file URL has three slashes and no host"));
    }
    let bytes = percent_decoded(path).ok_or_else(|| malformed("a percent sign must be followed by two hex digits"))?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(malformed("the path is missing"));
    }
    Ok(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes)))
}

/// Undoes percent-encoding; `None` for a percent sign without two hex digits.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(data_encoding::HEXUPPER_PERMISSIVE.decode(&digits).ok()?[0]);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket_of(text: &str) -> S3Location {
        match parse_url(text) {
            Ok(Location::S3(location)) => *location,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn s3_addresses_keep_keys_as_they_stand() {
        let odd = bucket_of("s3://acme-bak/my sql/%2F+ü//x?y=1");
        assert_eq!((odd.bucket.as_str(), odd.prefix.as_str()), ("acme-bak", "my sql/%2F+ü//x?y=1"));
        assert_eq!(bucket_of("s3://acme-bak").prefix, "");
        let own = bucket_of("s3://b/p/?endpoint=http://minio:9000/&region=eu-west-1&path_style=always");
        assert_eq!((own.prefix.as_str(), own.endpoint.as_deref()), ("p/", Some("http://minio:9000")));
        assert_eq!((own.region.as_deref(), own.path_style), (Some("eu-west-1"), PathStyle::Always));
    }

    #[test]
    fn a_canonical_url_leads_back_to_the_same_target() {
        use crate::model::target::{Target, TargetName};
        let url = "s3://b/p/?endpoint=https://minio.internal:9000";
        let name = TargetName::new("t").unwrap();
        let target = Target { name, location: parse_url(url).unwrap(), expect_key: None };
        assert_eq!(target.canonical_url(), url);
    }

    #[test]
    fn users_and_passwords_are_refused_and_never_repeated() {
        for text in [
            "s3://AKIA:hunter2@bucket/x",
            "file://root:hunter2@host/x",
            "s3://b/?endpoint=http://u:hunter2@h",
            "sftp://ops:hunter2@vault/x",
            "scp://ops:hun/ter2:hunter2@vault:2222/x",
        ] {
            let error = parse_url(text).unwrap_err();
            assert!(matches!(error, UrlError::Userinfo { .. }), "{error:?}");
            assert!(!format!("{error:?}{error}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_address_says_so() {
        assert!(matches!(parse_url("gopher://x"), Err(UrlError::UnknownScheme { .. })));
        assert!(matches!(parse_url("backup.sql"), Err(UrlError::NotAnAddress { .. })));
        for text in ["s3:///x", "s3://b\u{1b}/x", "file://host/x", "file:///a%2", "file:///a%00b", "file://"] {
            assert!(matches!(parse_url(text), Err(UrlError::Malformed { .. })), "{text:?}");
        }
        assert!(matches!(endpoint("minio:9000"), Err(UrlError::Malformed { .. })));
    }

    #[test]
    fn a_backup_is_a_folder_a_file_or_an_object() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().canonicalize().unwrap();
        std::fs::write(here.join("a b.sql"), "x").unwrap();
        let expected = Address {
            location: Location::File(FileLocation { root: here.clone() }),
            key: Some(Foreign::from("a b.sql")),
        };
        assert_eq!(parse_backup("./a b.sql", &here), Ok(expected.clone()));
        assert_eq!(parse_backup(&format!("file://{}/a%20b.sql", here.display()), Path::new("/")), Ok(expected));
        assert_eq!(parse_backup(".", &here).unwrap().key, None);
        assert!(matches!(parse_backup("./missing", &here), Err(UrlError::Path { .. })));
        assert!(matches!(parse_backup("shop", &here), Err(UrlError::NotAnAddress { .. })));
        let object = parse_backup("s3://b/x/y.sql", &here).unwrap();
        assert_eq!((object.location, object.key), (parse_url("s3://b/x/").unwrap(), Some(Foreign::from("y.sql"))));
        assert_eq!(parse_backup("s3://b/x/", &here).unwrap().key, None);
        let remote = parse_backup("sftp://ops@vault/srv/y%20z.sql", &here).unwrap();
        assert_eq!(
            (remote.location, remote.key),
            (parse_url("sftp://ops@vault/srv/").unwrap(), Some(Foreign::from("y z.sql")))
        );
        assert_eq!(parse_backup("sftp://vault/srv/", &here).unwrap().key, None);
    }
}
