//! URLs of targets and servers. A password in one is refused before anything of it is shown.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::model::foreign::escape;
use crate::model::sftp::{Places, SftpLocation, SftpUrlError};
use crate::model::sink::{PasswordSource, Protection, ServerAddress, ServerRef, TlsMode};

/// Why a URL is refused: the fact, and what would be valid. Holds no part of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlError {
    /// It carries a password, or something that may be one.
    Secret,
    /// It is not what is needed here.
    Wrong {
        /// Follows the setting's name: `is not a URL`.
        what: String,
        /// What would be valid.
        valid: String,
    },
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.write_str(
                "holds a password, which others see in the list of processes and in histories; change it, and use an \
                 option file, a prompt or an estate",
            ),
            Self::Wrong { what, valid } => write!(f, "{what}; {valid}"),
        }
    }
}

fn wrong<T>(what: impl Into<String>, valid: impl Into<String>) -> Result<T, UrlError> {
    Err(UrlError::Wrong { what: what.into(), valid: valid.into() })
}

/// A target's URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetUrl {
    /// A folder of this machine.
    File(PathBuf),
    /// A bucket and what every key starts with.
    S3 {
        /// The bucket.
        bucket: String,
        /// Empty, or as written.
        prefix: String,
    },
    /// A folder behind an SSH server.
    Sftp(SftpLocation),
    /// A scheme that is planned and not yet read: `smb`.
    NotYet(&'static str),
}

const TARGET_FORMS: &str = "write s3://bucket/prefix/, sftp://host/folder/ or file:///folder/";

/// Reads a target's URL.
///
/// Bucket and prefix are taken as they stand, as the AWS tools do; only `file://` is percent-decoded.
///
/// # Errors
///
/// [`UrlError::Secret`] for a user with a password; otherwise what is wrong with it.
pub fn target_url(text: &str) -> Result<TargetUrl, UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text.starts_with('/') {
            Ok(TargetUrl::File(text.into()))
        } else {
            wrong("is not a URL", TARGET_FORMS)
        };
    };
    refuse_password(rest)?;
    match scheme {
        "file" => file_url(text),
        "s3" => s3_url(rest),
        "sftp" => sftp_url(Places::Url, rest),
        "scp" => sftp_url(Places::UrlAndLogin, rest),
        "smb" => Ok(TargetUrl::NotYet("smb")),
        other => wrong(format!("has the scheme `{}`, which is no place for backups", escape(other)), TARGET_FORMS),
    }
}

fn file_url(text: &str) -> Result<TargetUrl, UrlError> {
    let folder = Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
    match folder.and_then(|url| url.to_file_path().ok()) {
        Some(path) if path.is_absolute() => Ok(TargetUrl::File(path)),
        _ => {
            wrong("does not name a folder of this machine", "write file:///folder/ with three slashes; %20 is a blank")
        }
    }
}

fn sftp_url(places: Places, rest: &str) -> Result<TargetUrl, UrlError> {
    match SftpLocation::parse(places, rest) {
        Ok(location) => Ok(TargetUrl::Sftp(location)),
        Err(SftpUrlError::Password(_)) => Err(UrlError::Secret),
        Err(SftpUrlError::Wrong(what)) => wrong(
            format!("cannot be used: {what}"),
            "write sftp://user@host:port/folder/, with a host that ~/.ssh/config may know; /~/ is the login folder",
        ),
    }
}

fn s3_url(rest: &str) -> Result<TargetUrl, UrlError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || bucket.len() > 255 || !bucket.chars().all(fits) {
        return wrong(
            "does not name a bucket",
            "write s3://bucket/prefix/; the host goes into `endpoint`, a profile into `profile`",
        );
    }
    if prefix.contains(['?', '#']) {
        return wrong(
            "has something behind a `?` or `#`",
            "settings such as region and endpoint are lines of their own",
        );
    }
    Ok(TargetUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_start_matches('/').to_owned() })
}

/// Checks an `endpoint`: `http://` or `https://`, a host, perhaps a port, nothing else.
///
/// # Errors
///
/// [`UrlError::Secret`] for a user with a password; otherwise what is wrong with it.
pub fn endpoint_url(text: &str) -> Result<String, UrlError> {
    let valid = "write https://host or https://host:port";
    let Some((_, rest)) = text.split_once("://") else { return wrong("is not a URL", valid) };
    refuse_password(rest)?;
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => wrong("is neither http nor https", valid),
        Ok(url) if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() => {
            wrong("holds more than host and port", valid)
        }
        Ok(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        Err(error) => wrong(format!("is not a URL: {error}"), valid),
    }
}

/// A server's URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// The user, where one is named.
    pub user: Option<String>,
    /// Host and port, or a socket.
    pub address: ServerAddress,
    /// The database, where one is named (`--into mysql://host/DATABASE`).
    pub database: Option<String>,
}

const SERVER_FORMS: &str = "write mysql://user@host:port/, or mysql://user@localhost/?socket=/run/mysqld/mysqld.sock";

/// Reads `mysql://user@host:port/DATABASE`, or with `?socket=/path`; `mariadb://` means the same.
///
/// # Errors
///
/// [`UrlError::Secret`] for a user with a password; otherwise what is wrong with it.
pub fn server_url(text: &str) -> Result<ServerUrl, UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else { return wrong("is not a URL", SERVER_FORMS) };
    refuse_password(rest)?;
    if !matches!(scheme, "mysql" | "mariadb") {
        return wrong(format!("has the scheme `{}`", escape(scheme)), SERVER_FORMS);
    }
    let Ok(url) = Url::parse(text) else { return wrong("is not a URL", SERVER_FORMS) };
    let Some(database) = decoded(url.path().trim_start_matches('/')) else {
        return wrong("names a database badly", SERVER_FORMS);
    };
    let Some(user) = decoded(url.username()) else { return wrong("names a user badly", SERVER_FORMS) };
    let mut socket = None;
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "socket" if value.starts_with('/') => socket = Some(PathBuf::from(value.as_ref())),
            "socket" => return wrong("names a socket by a relative path", SERVER_FORMS),
            other => {
                return wrong(
                    format!("has an unknown option `{}`", escape(other)),
                    "only `socket` may follow the `?`; TLS is the setting `tls`",
                );
            }
        }
    }
    let address = match (socket, url.host_str().and_then(decoded)) {
        (Some(path), host) if host.as_deref().is_none_or(|host| matches!(host, "" | "localhost")) => {
            ServerAddress::Socket(path)
        }
        (Some(_), _) => return wrong("names a host and a socket", SERVER_FORMS),
        (None, Some(host)) if !host.is_empty() => {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            ServerAddress::Tcp { host, port: url.port().unwrap_or(3306) }
        }
        (None, _) => return wrong("names no host", SERVER_FORMS),
    };
    let named = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(ServerUrl { user: named(user), address, database: named(database) })
}

/// A server that no estate knows, and the database where one is named: `--into mysql://...`.
///
/// # Errors
///
/// As [`server_url`].
pub fn server(text: &str) -> Result<(ServerRef, Option<String>), UrlError> {
    let ServerUrl { user, address, database } = server_url(text)?;
    let server = ServerRef {
        name: None,
        address,
        user,
        defaults_file: None,
        password: PasswordSource::OptionFile,
        tls: TlsMode::Auto,
        ca_file: None,
        protection: Protection::Open,
        expect_uuid: None,
    };
    Ok((server, database))
}

/// A URL as it may be shown: without what stands between `://` and `@`, if that may hold a password.
pub fn redacted(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if refuse_password(rest).is_err() => {
            let host = rest.rsplit_once('@').map_or("", |(_, host)| host);
            escape(&format!("{scheme}://...@{host}"))
        }
        // The slashes may have been forgotten.
        None => match text.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => escape(&format!("...@{host}")),
            _ => escape(text),
        },
        _ => escape(text),
    }
}

/// A target's URL without user and password, where it has any; any other text as it is.
pub fn bare_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let logs_in = matches!(scheme, "smb" | "scp" | "sftp" | "http" | "https");
    let whole = rest.rsplit_once('@').filter(|(user, _)| logs_in && user.contains([':', ';']));
    if let Some((_, host)) = whole.or_else(|| rest.rsplit_once('@').filter(|_| refuse_password(rest).is_err())) {
        return format!("{scheme}://{host}");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Refuses `user:password@` behind the `://`, whatever else may be wrong with the URL.
pub(super) fn refuse_password(rest: &str) -> Result<(), UrlError> {
    // A password may itself hold `/`, `?` or `#` unescaped: look at the last `@` of the whole.
    let Some((user, _)) = rest.rsplit_once('@') else { return Ok(()) };
    let secret =
        user.split_once(':').is_some_and(|(name, password)| !name.contains(['/', '@', '[']) && !password.is_empty());
    if secret { Err(UrlError::Secret) } else { Ok(()) }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, tail) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_taken_as_they_stand() {
        let s3 = |bucket: &str, prefix: &str| Ok(TargetUrl::S3 { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!(target_url("s3://b"), s3("b", ""));
        assert_eq!(target_url("s3://b/"), s3("b", ""));
        assert_eq!(target_url("s3://b/a b%20/c"), s3("b", "a b%20/c"));
        assert_eq!(target_url("s3://b/x:y@z/"), s3("b", "x:y@z/"));
        assert_eq!(target_url("file:///a%20b/c/"), Ok(TargetUrl::File("/a b/c/".into())));
        assert_eq!(target_url("/srv/backups"), Ok(TargetUrl::File("/srv/backups".into())));
        assert_eq!(target_url("smb://h/share"), Ok(TargetUrl::NotYet("smb")));
        let Ok(TargetUrl::Sftp(vault)) = target_url("sftp://ops@vault/~/x/") else { panic!("sftp is read") };
        assert_eq!((vault.canonical_url().as_str(), vault.user.as_deref()), ("sftp://vault/~/x/", Some("ops")));
        assert_eq!(target_url("scp://ops:hunter2@vault/x"), Err(UrlError::Secret));
        assert!(matches!(target_url("sftp://-oProxyCommand=id/"), Err(UrlError::Wrong { .. })));
    }

    #[test]
    fn a_bare_url_has_no_user_in_it() {
        for (text, bare) in [
            ("smb://dom;user:pass@host/share/sub", "smb://host/share/sub"),
            ("smb://dom;user@host/share", "smb://host/share"),
            ("smb://user:pa/s@s@host:445/share", "smb://host:445/share"),
            ("scp://root@host:22/x", "scp://host:22/x"),
            ("https://AKIA:secret@minio:9000", "https://minio:9000"),
            ("s3://b/x:y@z/", "s3://b/x:y@z/"),
            ("/srv/a:b@c", "/srv/a:b@c"),
        ] {
            assert_eq!(bare_url(text), bare);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(redacted("mysql://root:pa@ss/wd@db:3306/x"), "mysql://...@db:3306/x");
        assert_eq!(redacted("mysql:root:pa@ss@db/x"), "...@db/x");
        assert_eq!(redacted("mysql://root@db/x\u{1b}"), "mysql://root@db/x\\u{1b}");
        let what = server("mysql://root:hunter2@db/x").unwrap_err().to_string();
        assert!(what.starts_with("holds a password") && !what.contains("hunter2"));
        let (server, database) = server("mysql://root@db/shop").unwrap();
        assert_eq!((server.label().as_str(), database.as_deref()), ("db:3306", Some("shop")));
    }

    #[test]
    fn servers_are_reached_by_name_by_address_and_by_socket() {
        let tcp = |host: &str, port| ServerAddress::Tcp { host: host.into(), port };
        let address = |text: &str| server_url(text).unwrap().address;
        assert_eq!(address("mysql://h"), tcp("h", 3306));
        assert_eq!(address("mariadb://u@h:3307/"), tcp("h", 3307));
        assert_eq!(address("mysql://u@[::1]:3306/"), tcp("::1", 3306));
        assert_eq!(
            address("mysql://localhost/?socket=/run/my%20sql.sock"),
            ServerAddress::Socket("/run/my sql.sock".into())
        );
        assert_eq!(address("mysql:///?socket=/run/m.sock"), ServerAddress::Socket("/run/m.sock".into()));
        let full = server_url("mysql://re%40store@h:3306/my%2Fdb").unwrap();
        assert_eq!((full.user.as_deref(), full.database.as_deref()), (Some("re@store"), Some("my/db")));
        for bad in [
            "mysql://",
            "mysql:///",
            "mysql://h/?socket=rel",
            "mysql://other/?socket=/s",
            "http://h/",
            "h:3306",
            "mysql://h/%zz",
        ] {
            assert!(matches!(server_url(bad), Err(UrlError::Wrong { .. })), "{bad}");
        }
        assert_eq!(server_url("mysql://[::1]/x@y:z").unwrap().database.as_deref(), Some("x@y:z"));
    }
}
