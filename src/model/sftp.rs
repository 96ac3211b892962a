//! Places on an SSH server: where they are, and how their URLs are read.

use serde::{Deserialize, Serialize};

/// A folder behind an SSH server, reached through the system's `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftpLocation {
    /// As `~/.ssh/config` knows it: a host's name, an alias, or an address (IPv6 without brackets).
    pub host: String,
    /// `None`: as the configuration of `ssh` says, else 22.
    pub port: Option<u16>,
    /// `None`: as the configuration of `ssh` says, else the operator's own name.
    pub user: Option<String>,
    /// Where the keys begin.
    pub folder: RemoteFolder,
    /// Whether the login folder is looked at as well.
    pub places: Places,
}

/// A folder on the server. Never ends in a slash; empty is the root, or the login folder itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteFolder {
    /// From the root: empty, or with a slash in front.
    Absolute(String),
    /// From the folder in which a login ends up: without a slash in front.
    Login(String),
}

/// Where a target's backups may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// In the URL's folder: `sftp://`.
    #[default]
    Url,
    /// There, or in the login folder: `scp://`, whose writer ignores the URL's path. What lies in the
    /// login folder has a key that starts with `~/`.
    UrlAndLogin,
}

/// Why a URL names no place on an SSH server. Holds no part of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SftpUrlError {
    /// It carries a password; the host that follows it.
    Password(String),
    /// Follows the URL: what is wrong with it.
    Wrong(&'static str),
}

impl SftpLocation {
    /// Reads what follows `sftp://` or `scp://`: `user@host:port/srv/backups/`, with `/~/` in front of a
    /// folder below the login folder. Without any path it is the login folder itself.
    ///
    /// User and path are percent-decoded.
    ///
    /// # Errors
    ///
    /// For a password, and for hosts and users that `ssh` could take for an option.
    pub fn parse(places: Places, rest: &str) -> Result<Self, SftpUrlError> {
        if let Some(host) = behind_password(rest) {
            return Err(SftpUrlError::Password(host));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user_name(user.trim_end_matches(':'))?), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address)?;
        Ok(Self { host, port, user, folder: RemoteFolder::parse(path)?, places })
    }

    /// As [`parse`](Self::parse), where the URL may name a file: what stands behind the last slash, decoded.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_file(places: Places, rest: &str) -> Result<(Self, Option<Vec<u8>>), SftpUrlError> {
        let path = rest.find('/').unwrap_or(rest.len());
        let slash = rest[path..].rfind('/').map(|slash| path + slash + 1);
        let (folder, name) = rest.split_at(slash.unwrap_or(rest.len()));
        let location = Self::parse(places, folder)?;
        match decoded(name) {
            _ if name.is_empty() || name == "~" => Ok((Self::parse(places, rest)?, None)),
            Some(key) if key == b"." || key == b".." || key.contains(&0) || key.contains(&b'/') => {
                Err(SftpUrlError::Wrong("its last part names no file"))
            }
            Some(key) => Ok((location, Some(key))),
            None => Err(SftpUrlError::Wrong("a percent sign must be followed by two hex digits")),
        }
    }

    /// `sftp` or `scp`.
    pub fn scheme(&self) -> &'static str {
        match self.places {
            Places::Url => "sftp",
            Places::UrlAndLogin => "scp",
        }
    }

    /// The URL without the user; see [`Target::canonical_url`](crate::model::target::Target::canonical_url).
    pub fn canonical_url(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.filter(|port| *port != 22).map_or_else(String::new, |port| format!(":{port}"));
        let (start, path) = match &self.folder {
            RemoteFolder::Absolute(path) => ("", path),
            RemoteFolder::Login(path) if path.is_empty() => ("/~", path),
            RemoteFolder::Login(path) => ("/~/", path),
        };
        format!("{}://{host}{port}{start}{}/", self.scheme(), encoded(path))
    }
}

impl RemoteFolder {
    fn parse(path: &str) -> Result<Self, SftpUrlError> {
        let (login, path) = match path.strip_prefix("/~") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (true, rest),
            _ => (path.is_empty(), path),
        };
        let bytes = decoded(path).ok_or(SftpUrlError::Wrong("a percent sign must be followed by two hex digits"))?;
        let text = String::from_utf8(bytes).map_err(|_| SftpUrlError::Wrong("the folder's path is not UTF-8"))?;
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") || text.contains('\0') {
            return Err(SftpUrlError::Wrong("the folder's path holds .. or a zero byte"));
        }
        let joined = parts.join("/");
        Ok(match (login, joined.is_empty()) {
            (true, _) => Self::Login(joined),
            (false, true) => Self::Absolute(joined),
            (false, false) => Self::Absolute(format!("/{joined}")),
        })
    }

    /// The folder as SFTP takes it: never empty.
    pub fn wire_path(&self) -> &str {
        match self {
            Self::Absolute(path) if path.is_empty() => "/",
            Self::Login(path) if path.is_empty() => ".",
            Self::Absolute(path) | Self::Login(path) => path,
        }
    }
}

/// The host behind `user:password@`, whatever else may be wrong with the URL.
fn behind_password(rest: &str) -> Option<String> {
    // A password may itself hold `/` unescaped: look at the last `@` of the whole.
    let (user, host) = rest.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let secret = !name.contains(['/', '@', '[']) && !password.is_empty();
    secret.then(|| host.split('/').next().unwrap_or_default().to_owned())
}

fn user_name(text: &str) -> Result<String, SftpUrlError> {
    let bytes = decoded(text).ok_or(SftpUrlError::Wrong("a percent sign must be followed by two hex digits"))?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+\\@".contains(byte);
    match String::from_utf8(bytes) {
        Ok(user) if !user.is_empty() && !user.starts_with('-') && user.bytes().all(|byte| plain(&byte)) => Ok(user),
        _ => Err(SftpUrlError::Wrong("a user's name holds only letters, digits and ._-+\\, and starts with no dash")),
    }
}

fn host_and_port(address: &str) -> Result<(String, Option<u16>), SftpUrlError> {
    const HOST: SftpUrlError =
        SftpUrlError::Wrong("a host's name holds only letters, digits, dots and dashes, and starts with no dash");
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(HOST)?;
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '%');
            if !host.contains(':') || !host.chars().all(fits) {
                return Err(HOST);
            }
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(HOST)?) })
        }
        None => {
            let (host, port) = address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if host.is_empty() || host.starts_with('-') || host.len() > 255 || !host.chars().all(fits) {
                return Err(HOST);
            }
            (host, port)
        }
    };
    let number = |port: &str| port.parse::<u16>().ok().filter(|port| *port > 0);
    match port {
        None | Some("") => Ok((host.to_owned(), None)),
        Some(port) => match number(port) {
            Some(port) => Ok((host.to_owned(), Some(port))),
            None => Err(SftpUrlError::Wrong("a port is a number from 1 to 65535")),
        },
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
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

fn encoded(path: &str) -> String {
    let mut safe = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'+' | b',' | b'=' => {
                safe.push(char::from(byte))
            }
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(rest: &str) -> SftpLocation {
        SftpLocation::parse(Places::Url, rest).unwrap()
    }

    #[test]
    fn a_url_names_host_port_user_and_a_folder_from_the_root_or_from_the_login_folder() {
        let whole = read("ops@vault:2222/srv/my%20backups//mysql/");
        assert_eq!((whole.user.as_deref(), whole.host.as_str(), whole.port), (Some("ops"), "vault", Some(2222)));
        assert_eq!(whole.folder, RemoteFolder::Absolute("/srv/my backups/mysql".into()));
        assert_eq!(whole.canonical_url(), "sftp://vault:2222/srv/my%20backups/mysql/");
        for (text, wire, url) in [
            ("vault", ".", "sftp://vault/~/"),
            ("vault/~", ".", "sftp://vault/~/"),
            ("vault/~/a/b", "a/b", "sftp://vault/~/a/b/"),
            ("vault/", "/", "sftp://vault/"),
            ("vault:22/%7E/x", "/~/x", "sftp://vault/%7E/x/"),
            ("u@[fe80::1%25eth0]:22/x", "/x", "sftp://[fe80::1%25eth0]/x/"),
        ] {
            let location = read(text);
            assert_eq!((location.folder.wire_path(), location.canonical_url().as_str()), (wire, url), "{text}");
        }
    }

    #[test]
    fn nothing_that_ssh_could_take_for_an_option_is_a_host_or_a_user() {
        for bad in [
            "-oProxyCommand=id/x",
            "-l@host/x",
            "%2DoProxyCommand@host/",
            "u$(id)@host/",
            "/x",
            "@host/",
            "ho st/",
            "h:0/",
            "h:70000/",
            "[::1/",
            "[x]/",
            "h/../etc",
            "h/a%2",
            "h/%00",
            "h/%ff",
        ] {
            assert!(matches!(SftpLocation::parse(Places::Url, bad), Err(SftpUrlError::Wrong(_))), "{bad}");
        }
    }

    #[test]
    fn a_password_is_refused_and_never_repeated() {
        for text in ["ops:hunter2@vault/x", "ops:hun/ter2@vault/x", "ops:hunter2@vault"] {
            let error = SftpLocation::parse(Places::UrlAndLogin, text).unwrap_err();
            assert_eq!(error, SftpUrlError::Password("vault".into()), "{text}");
        }
        assert_eq!(read("vault/a:b@c").folder.wire_path(), "/a:b@c");
    }

    #[test]
    fn a_file_is_what_stands_behind_the_last_slash() {
        let (folder, key) = SftpLocation::parse_file(Places::Url, "vault/srv/a%20b.sql").unwrap();
        assert_eq!((folder.folder.wire_path(), key), ("/srv", Some(b"a b.sql".to_vec())));
        let (folder, key) = SftpLocation::parse_file(Places::Url, "vault/~/x.sql").unwrap();
        assert_eq!((folder.folder, key), (RemoteFolder::Login(String::new()), Some(b"x.sql".to_vec())));
        for (text, wire) in [("vault/srv/", "/srv"), ("vault", "."), ("vault/~", "."), ("vault/~/", ".")] {
            let (folder, key) = SftpLocation::parse_file(Places::Url, text).unwrap();
            assert_eq!((folder.folder.wire_path(), key), (wire, None), "{text}");
        }
        for bad in ["vault/srv/..", "vault/%2e", "vault/a%2fb", "vault/%zz"] {
            assert!(SftpLocation::parse_file(Places::Url, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_url_leads_back_to_the_same_place(parts in proptest::collection::vec("[^/\0]{1,6}", 0..4), login: bool) {
            prop_assume!(!parts.iter().any(|part| part == ".." || part == "."));
            let joined = parts.join("/");
            let folder = match (login, joined.is_empty()) {
                (true, _) => RemoteFolder::Login(joined),
                (false, true) => RemoteFolder::Absolute(joined),
                (false, false) => RemoteFolder::Absolute(format!("/{joined}")),
            };
            let here = SftpLocation { host: "h".into(), port: Some(23), user: None, folder, places: Places::Url };
            let url = here.canonical_url();
            let back = SftpLocation::parse(Places::Url, url.strip_prefix("sftp://").unwrap());
            prop_assert_eq!(back, Ok(here));
        }
    }
}
