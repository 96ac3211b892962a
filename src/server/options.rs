//! MySQL option files: `[client]`, `!include`, quoting and escapes, as the stock clients read them.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::model::sink::TlsMode;
use crate::server::error::ServerError;
use crate::server::password::Password;

/// The groups that count for us: those of the stock clients of both products.
const GROUPS: [&[u8]; 5] = [b"client", b"mysql", b"client-server", b"client-mariadb", b"mariadb-client"];
/// The largest option file, in bytes.
const LARGEST: u64 = 1 << 20;
/// How deep files may include each other.
const DEEPEST: usize = 10;

/// What option files say about reaching a server; a later line wins over an earlier one.
#[derive(Default)]
pub struct Options {
    /// `host`
    pub host: Option<String>,
    /// `port`
    pub port: Option<u16>,
    /// `socket`
    pub socket: Option<PathBuf>,
    /// `user`
    pub user: Option<String>,
    /// `password`, where it has a value.
    pub password: Option<Password>,
    /// `protocol`
    pub protocol: Option<Protocol>,
    /// `ssl-mode`, or what MariaDB's `ssl`, `skip-ssl` and `ssl-verify-server-cert` amount to.
    pub tls: Option<TlsMode>,
    /// `ssl-ca`
    pub ca_file: Option<PathBuf>,
    /// `ssl-cert` and `ssl-key`
    pub client: ClientFiles,
    /// What a person should know; safe to draw.
    pub remarks: Vec<String>,
}

/// A client certificate and its key, in PEM.
#[derive(Default, Clone)]
pub struct ClientFiles {
    /// `ssl-cert`
    pub certificate: Option<PathBuf>,
    /// `ssl-key`
    pub key: Option<PathBuf>,
}

/// `protocol` of an option file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `tcp`
    Tcp,
    /// `socket`
    Socket,
}

impl Options {
    /// Reads the files that every stock client reads: `/etc/my.cnf`, `/etc/mysql/my.cnf`, `~/.my.cnf`.
    ///
    /// # Errors
    ///
    /// As [`read_only`](Self::read_only); a file that does not exist is no error.
    pub fn read_standard() -> Result<Self, ServerError> {
        let home = env::home_dir();
        let mut files = vec![PathBuf::from("/etc/my.cnf"), PathBuf::from("/etc/mysql/my.cnf")];
        files.extend(home.as_ref().map(|home| home.join(".my.cnf")));
        let mut options = Self::default();
        for file in files.iter().filter(|file| file.exists()) {
            options.file(file, 0)?;
        }
        if home.is_some_and(|home| home.join(".mylogin.cnf").exists()) {
            options.remarks.push("~/.mylogin.cnf is not read: its scrambling is no protection".to_owned());
        }
        Ok(options)
    }

    /// Reads one file, and what it includes, instead of the standard ones.
    ///
    /// # Errors
    ///
    /// [`ServerError::OptionFile`] with the line, [`ServerError::WritableByOthers`],
    /// [`ServerError::Unreadable`].
    pub fn read_only(file: &Path) -> Result<Self, ServerError> {
        let mut options = Self::default();
        options.file(file, 0)?;
        Ok(options)
    }

    fn file(&mut self, path: &Path, depth: usize) -> Result<(), ServerError> {
        let unreadable = |source| ServerError::Unreadable { path: path.to_owned(), source };
        let file = open_trusted(path)?;
        let open_to_others = file.metadata().map_err(unreadable)?.mode() & 0o044 != 0;
        let mut text = Zeroizing::new(vec![]);
        file.take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
        let wrong = |line, what| ServerError::OptionFile { path: path.to_owned(), line, what };
        if text.len() as u64 > LARGEST {
            return Err(wrong(1, "the file is larger than 1 MiB"));
        }
        let had_password = self.password.is_some();
        let mut group = Group::None;
        for (at, line) in text.split(|&b| b == b'\n').enumerate() {
            match line.trim_ascii() {
                [] | [b'#' | b';', ..] => {}
                [b'!', directive @ ..] => self.include(path, at + 1, directive.trim_ascii(), depth)?,
                [b'[', rest @ ..] => group = Group::of(rest).ok_or_else(|| wrong(at + 1, "a group without `]`"))?,
                _ if group == Group::None => return Err(wrong(at + 1, "an option before any [group]")),
                option if group == Group::Ours => self.option(option).map_err(|what| wrong(at + 1, what))?,
                _ => {}
            }
        }
        if open_to_others && !had_password && self.password.is_some() {
            self.remarks.push(format!("{} holds a password and can be read by others", path.display()));
        }
        Ok(())
    }

    fn include(&mut self, from: &Path, line: usize, directive: &[u8], depth: usize) -> Result<(), ServerError> {
        let wrong = |what| ServerError::OptionFile { path: from.to_owned(), line, what };
        let split = directive.iter().position(u8::is_ascii_whitespace).unwrap_or(directive.len());
        let (word, argument) = directive.split_at(split);
        let argument = Path::new(text(argument.trim_ascii()).map_err(wrong)?);
        if argument.as_os_str().is_empty() {
            return Err(wrong("a directive without a path"));
        }
        if depth >= DEEPEST {
            return Err(wrong("files include each other too deeply"));
        }
        match word {
            b"include" => self.file(argument, depth + 1),
            b"includedir" => {
                let unreadable = |source| ServerError::Unreadable { path: argument.to_owned(), source };
                let entries = fs::read_dir(argument).map_err(unreadable)?;
                let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
                files.retain(|file| file.extension().is_some_and(|end| end == "cnf"));
                files.sort();
                files.iter().try_for_each(|file| self.file(file, depth + 1))
            }
            _ => Err(wrong("a directive that is neither !include nor !includedir")),
        }
    }

    /// Takes one line `name`, `name=value`; what is not about reaching a server is passed over.
    fn option(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let line = without_comment(line);
        let (name, value) = match line.iter().position(|&b| b == b'=') {
            Some(at) => (&line[..at], Some(unquoted(line[at + 1..].trim_ascii()))),
            None => (line, None),
        };
        let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase().replace('_', "-");
        let name = name.strip_prefix("loose-").unwrap_or(&name);
        let given = || text(value.as_deref().map_or(&[][..], |value| value)).map(str::to_owned);
        match name {
            "host" => self.host = Some(given()?),
            "port" => self.port = Some(given()?.parse().map_err(|_| "port is not a number")?),
            "socket" => self.socket = Some(given()?.into()),
            "user" => self.user = Some(given()?),
            "password" => self.password = value.map(|mut value| Password::new(std::mem::take(&mut *value))),
            "protocol" => self.protocol = protocol(&given()?),
            "ssl-ca" => self.ca_file = Some(given()?.into()),
            "ssl-cert" => self.client.certificate = Some(given()?.into()),
            "ssl-key" => self.client.key = Some(given()?.into()),
            "ssl-mode" => self.tls = Some(mode(&given()?).ok_or("ssl-mode has an unknown value")?),
            "ssl" | "enable-ssl" if is_on(&given()?) => self.tls = self.tls.or(Some(TlsMode::Required)),
            "ssl-verify-server-cert" if is_on(&given()?) => self.tls = Some(TlsMode::VerifyIdentity),
            "ssl" | "skip-ssl" | "disable-ssl" => self.tls = Some(TlsMode::Disabled),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Group {
    None,
    Ours,
    Other,
}

impl Group {
    /// What follows the opening bracket; a comment may stand behind the closing one.
    fn of(rest: &[u8]) -> Option<Self> {
        let end = rest.iter().position(|&b| b == b']')?;
        Some(if GROUPS.contains(&rest[..end].trim_ascii()) { Self::Ours } else { Self::Other })
    }
}

/// Opens a file that others may not write, so that what it says can be trusted.
pub(crate) fn open_trusted(path: &Path) -> Result<File, ServerError> {
    let unreadable = |source| ServerError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    // Asked of the open file, not of the name: the two cannot differ.
    let ours = [0, rustix::process::geteuid().as_raw()].contains(&facts.uid());
    if facts.is_file() && (facts.mode() & 0o002 != 0 || !ours) {
        return Err(ServerError::WritableByOthers { path: path.to_owned() });
    }
    Ok(file)
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "the value is not UTF-8")
}

/// A `#` outside quotes ends the line.
fn without_comment(line: &[u8]) -> &[u8] {
    let (mut quote, mut escaped) = (None, false);
    for (at, &byte) in line.iter().enumerate() {
        match (byte, quote) {
            (b'\'' | b'"', None) => quote = Some(byte),
            (b'\'' | b'"', Some(open)) if open == byte && !escaped => quote = None,
            (b'#', None) => return &line[..at],
            _ => {}
        }
        escaped = quote.is_some() && byte == b'\\' && !escaped;
    }
    line
}

/// Quotes around the whole value go, the clients' escapes are undone, any other backslash stays.
fn unquoted(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let value = match value {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => inner,
        _ => value,
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(&escape)) => {
                bytes.next();
                match b"ntrbs\"'\\".iter().position(|&known| known == escape) {
                    Some(at) => plain.push(b"\n\t\r\x08 \"'\\"[at]),
                    None => plain.extend([b'\\', escape]),
                }
            }
            _ => plain.push(byte),
        }
    }
    plain
}

fn protocol(word: &str) -> Option<Protocol> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Some(Protocol::Tcp),
        "socket" => Some(Protocol::Socket),
        _ => None,
    }
}

fn mode(word: &str) -> Option<TlsMode> {
    match word.to_ascii_lowercase().replace('-', "_").as_str() {
        "disabled" => Some(TlsMode::Disabled),
        "preferred" => Some(TlsMode::Preferred),
        "required" => Some(TlsMode::Required),
        "verify_ca" => Some(TlsMode::VerifyCa),
        "verify_identity" => Some(TlsMode::VerifyIdentity),
        _ => None,
    }
}

/// A switch without a value is on.
fn is_on(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "0" | "off" | "false" | "no")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text.replace("HERE", folder.path().to_str().unwrap())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        folder
    }

    fn read(text: &str) -> Result<Options, ServerError> {
        let folder = folder(&[("my.cnf", text)]);
        Options::read_only(&folder.path().join("my.cnf"))
    }

    fn password(text: &str) -> String {
        let options = read(&format!("[client]\npassword{text}\n")).unwrap();
        options.password.map_or("none".to_owned(), |p| String::from_utf8(p.expose().to_vec()).unwrap())
    }

    #[test]
    fn quotes_escapes_and_comments_are_read_as_the_stock_clients_do() {
        assert_eq!(password("=plain # comment"), "plain");
        assert_eq!(password(" = \"a # b\" "), "a # b");
        assert_eq!(password("='it\\'s\\s#1'"), "it's #1");
        assert_eq!(password("=a\\\\b\\qc\\n"), "a\\b\\qc\n");
        assert_eq!(password("=\"unbalanced"), "\"unbalanced");
        assert_eq!(password("=\"\""), "");
        assert_eq!(password("=x=y"), "x=y");
        assert_eq!(password(""), "none");
    }

    #[test]
    fn the_last_line_wins_in_whichever_of_our_groups_it_stands() {
        let text = "; note\n[mysqld]\nport=1\n[client]\nuser=a\nport = 3307\n[mysql] # ours too\nuser=b\n\
                    [client-mariadb]\nloose_ssl_mode=verify-ca\nprotocol=TCP\n[mysqldump]\nuser=c\n";
        let options = read(text).unwrap();
        assert_eq!((options.user.as_deref(), options.port), (Some("b"), Some(3307)));
        assert_eq!((options.tls, options.protocol), (Some(TlsMode::VerifyCa), Some(Protocol::Tcp)));
        assert_eq!(read("[client]\nssl\n").unwrap().tls, Some(TlsMode::Required));
        assert_eq!(read("[client]\nssl=0\n").unwrap().tls, Some(TlsMode::Disabled));
        assert_eq!(read("[client]\nskip-ssl\n").unwrap().tls, Some(TlsMode::Disabled));
        assert_eq!(read("[client]\nssl\nssl-verify-server-cert\n").unwrap().tls, Some(TlsMode::VerifyIdentity));
    }

    #[test]
    fn included_files_and_folders_are_followed_in_order() {
        let folder = folder(&[
            ("my.cnf", "[client]\nuser=first\n!include HERE/one.cnf\n!includedir HERE/more\nhost=last\n"),
            ("one.cnf", "[client]\nport=4000\nhost=one\n"),
            ("more/a.cnf", "[client]\nuser=a\n"),
            ("more/b.cnf", "[client]\nuser=b\n"),
            ("more/c.txt", "[client]\nuser=c\n"),
        ]);
        let options = Options::read_only(&folder.path().join("my.cnf")).unwrap();
        assert_eq!((options.user.as_deref(), options.port), (Some("b"), Some(4000)));
        assert_eq!(options.host.as_deref(), Some("last"));
    }

    #[test]
    fn a_broken_file_is_named_with_its_line_and_never_with_its_text() {
        let words = |text: &str| read(text).err().unwrap().to_string();
        assert!(words("user=secret\n").ends_with("line 1: an option before any [group]"));
        assert!(words("[client]\n\n[client\n").ends_with("line 3: a group without `]`"));
        assert!(words("[client]\nport=secret\n").ends_with("line 2: port is not a number"));
        assert!(words("!reboot now\n").ends_with("line 1: a directive that is neither !include nor !includedir"));
        let folder = folder(&[("my.cnf", "!include HERE/my.cnf\n")]);
        let endless = Options::read_only(&folder.path().join("my.cnf")).err().unwrap();
        assert!(endless.to_string().ends_with("files include each other too deeply"));
    }

    #[test]
    fn a_file_that_others_may_write_is_refused_and_one_they_may_read_is_remarked() {
        let folder = folder(&[("my.cnf", "[client]\npassword=x\n")]);
        let path = folder.path().join("my.cnf");
        let with_mode = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Options::read_only(&path)
        };
        assert!(with_mode(0o600).unwrap().remarks.is_empty());
        assert!(with_mode(0o644).unwrap().remarks[0].ends_with("holds a password and can be read by others"));
        assert!(matches!(with_mode(0o602), Err(ServerError::WritableByOthers { .. })));
    }
}
