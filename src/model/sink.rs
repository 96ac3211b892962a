//! Where a restore goes.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;

/// Where a restore goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// A folder; one file is written into it.
    Dir(DirSink),
    /// Standard output.
    Stdout,
    /// A database on a MySQL or MariaDB server.
    Mysql(MysqlSink),
    /// A MySQL or MariaDB server: each database of the backup under its own name, or one that a plan gives it.
    Databases(ServerRef),
}

impl Sink {
    /// The server that it writes to.
    pub fn server(&self) -> Option<&ServerRef> {
        match self {
            Self::Dir(_) | Self::Stdout => None,
            Self::Mysql(sink) => Some(&sink.server),
            Self::Databases(server) => Some(server),
        }
    }
}

/// A folder, and in which form the dump is written there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirSink {
    /// The folder; made if missing.
    pub path: PathBuf,
}

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MysqlSink {
    /// Which server.
    pub server: ServerRef,
    /// The database to create or fill.
    pub database: Foreign,
}

/// A server, by address. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRef {
    /// The estate's name for it, if it has one.
    pub name: Option<String>,
    /// How to reach it.
    pub address: ServerAddress,
    /// The user to log in as; `None`: option file, then the operating system's user.
    pub user: Option<String>,
    /// A MySQL option file to read `[client]` from.
    pub defaults_file: Option<PathBuf>,
    /// Where the password comes from.
    pub password: PasswordSource,
    /// How much TLS.
    pub tls: TlsMode,
    /// Root certificates in PEM for `verify-ca` and `verify-identity`.
    pub ca_file: Option<PathBuf>,
    /// Whether any write needs arming and the typed name.
    pub protection: Protection,
    /// The UUID that the server must report.
    pub expect_uuid: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerAddress {
    /// By TCP; the port is always given to the driver.
    Tcp {
        /// Name or address.
        host: String,
        /// Port, 3306 unless said otherwise.
        port: u16,
    },
    /// By a socket of this machine.
    Socket(PathBuf),
}

/// Where a password comes from. Never the password.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSource {
    /// The option file, or none.
    #[default]
    OptionFile,
    /// A file of one line.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The output of a command, run by `sh -c`.
    Command(String),
    /// Held by the session under this name (a prompt's answer, DBacked's configuration).
    Held(String),
}

/// How much TLS a server connection demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// `required` (or `verify-identity` when a CA is given); sockets and loopback need none.
    #[default]
    Auto,
    /// Never.
    Disabled,
    /// If the server offers it.
    Preferred,
    /// Always, any certificate.
    Required,
    /// Always, signed by a known authority.
    VerifyCa,
    /// Always, signed and naming the host.
    VerifyIdentity,
}

/// Whether writes to a server need arming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// No.
    #[default]
    Open,
    /// Yes, and the typed name of what is written.
    Protected,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "socket {}", path.display()),
        }
    }
}

impl ServerRef {
    /// The estate's name, or the address.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address.to_string())
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "folder {}", dir.path.display()),
            Self::Stdout => f.write_str("standard output"),
            Self::Databases(server) => write!(f, "databases on {}", server.label()),
            Self::Mysql(mysql) => write!(f, "database {} on {}", mysql.database, mysql.server.label()),
        }
    }
}

/// What a server says about itself. All of it is asked from the server, none assumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerFacts {
    /// MySQL or MariaDB.
    pub flavor: Flavor,
    /// Such as `9.7.4` or `10.11.19-MariaDB`.
    pub version: Foreign,
    /// `hostname` as the server reports it.
    pub hostname: Foreign,
    /// `server_uuid` (MySQL) or `server_uid` (MariaDB 10.11+), where there is one.
    pub uuid: Option<Foreign>,
    /// The account that was logged in, `CURRENT_USER()`.
    pub account: Foreign,
    /// `read_only` or `super_read_only`.
    pub read_only: bool,
    /// Bytes of one packet that the server accepts.
    pub max_allowed_packet: u64,
    /// Sessions beside our own, where we may see them.
    pub sessions: Option<u64>,
    /// `lower_case_table_names`.
    pub lower_case_table_names: u8,
    /// `default_storage_engine`, `sql_mode`, `character_set_server`: what a dump may rely on.
    pub sql_mode: Foreign,
    /// Names of databases that exist.
    pub databases: Vec<Foreign>,
    /// Names of collations it knows, lower case.
    pub collations: Vec<String>,
    /// Names of storage engines that are in use or can be, lower case.
    #[serde(default)]
    pub engines: Vec<String>,
    /// The TLS cipher in use; empty: none.
    pub tls_cipher: String,
    /// Accounts that exist, as `user@host`, where we may see them.
    pub accounts: Option<Vec<Foreign>>,
    /// Whether GTIDs are on (MySQL's `gtid_mode`).
    pub gtid_mode: bool,
    /// `local_infile`.
    pub local_infile: bool,
}

/// Which product a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    /// MySQL.
    #[default]
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl Flavor {
    /// `mysql` or `mariadb`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }
}
