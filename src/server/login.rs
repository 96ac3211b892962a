//! From a server's settings and its option file to everything that a connection needs.

use std::env;
use std::path::Path;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError, Opts, OptsBuilder};

use crate::model::sink::{PasswordSource, ServerAddress, ServerRef, TlsMode};
use crate::server::error::ServerError;
use crate::server::options::{Options, Protocol};
use crate::server::password::{Password, password_of};
use crate::server::tls::{self, Certificates, Demand, demand, is_about_the_name};

/// Where Debian, Red Hat and the upstream packages put the server's socket.
const SOCKETS: [&str; 3] = ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];
/// The server's port, where nobody names one.
const PORT: u16 = 3306;

/// Everything that a connection needs. Holds the password: never shown.
pub(crate) struct Login {
    /// What errors call the server.
    pub(crate) label: String,
    /// How to reach it.
    pub(crate) address: ServerAddress,
    /// Who logs in.
    user: String,
    /// With what.
    password: Option<Password>,
    /// How much TLS.
    pub(crate) tls: Demand,
    /// What a person should know.
    pub(crate) remarks: Vec<String>,
}

impl Login {
    /// Reads the option files and fetches the password. Blocks on files and on a password command.
    ///
    /// What `server` says goes before what the option file says. An empty host takes the address from
    /// the option file as well, and port 0 the port. `held` goes before every password source.
    pub(crate) fn resolve(server: &ServerRef, held: Option<Password>) -> Result<Self, ServerError> {
        let mut options = match &server.defaults_file {
            Some(file) => Options::read_only(file)?,
            None => Options::read_standard()?,
        };
        let mut remarks = std::mem::take(&mut options.remarks);
        let address = address(&server.address, &options);
        let mode = match (server.tls, options.tls) {
            (TlsMode::Auto, Some(told)) => told,
            (mode, _) => mode,
        };
        let ca = server.ca_file.as_deref().or(options.ca_file.as_deref());
        let tls = demand(mode, &address, &Certificates { ca, client: &options.client })?;
        let weak = matches!(tls, Demand::Plain | Demand::IfOffered(_)) && server.tls == TlsMode::Auto;
        if weak && options.tls.is_some() && matches!(address, ServerAddress::Tcp { .. }) {
            remarks.push("the option file asks for less TLS than breakglass would".to_owned());
        }
        let password = match (held, &server.password) {
            (Some(held), _) => Some(held),
            (None, PasswordSource::Held(_)) => {
                return Err(ServerError::NoPassword { server: server.label(), what: "it has not been entered" });
            }
            (None, _) => password_of(server, &mut remarks)?.or(options.password),
        };
        let user = server.user.clone().or(options.user).or_else(|| env::var("USER").ok());
        let label = server.name.clone().unwrap_or_else(|| address.to_string());
        Ok(Self { label, address, user: user.unwrap_or_else(|| "root".to_owned()), password, tls, remarks })
    }

    /// The driver's options. They hold a copy of the password that only its allocator can wipe.
    pub(crate) fn driver_options(&self) -> Result<Opts, ServerError> {
        let what = "it is not UTF-8";
        let no_password = |_| ServerError::NoPassword { server: self.label.clone(), what };
        let password =
            self.password.as_ref().map(|p| std::str::from_utf8(p.expose())).transpose().map_err(no_password)?;
        let builder = match &self.address {
            ServerAddress::Tcp { host, port } => OptsBuilder::default().ip_or_hostname(host).tcp_port(*port),
            // Its host is what the driver would name in a certificate; sockets use none.
            ServerAddress::Socket(path) => OptsBuilder::default().socket(path.to_str()),
        };
        let ssl = match &self.tls {
            Demand::Plain => None,
            Demand::IfOffered(options) | Demand::Signed(options) | Demand::Always(options) => Some(options.clone()),
        };
        Ok(builder
            .user(Some(&self.user))
            .pass(password)
            .ssl_opts(ssl)
            // Never hop over to a socket that the server names: the plan names the address.
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .stmt_cache_size(0)
            .into())
    }

    /// Other options under which a failed log-in may be tried once more, without asking for less.
    pub(crate) fn second_try(&self, options: &Opts, error: &Error) -> Option<Opts> {
        let with = |ssl| Some(OptsBuilder::from_opts(options.clone()).ssl_opts(ssl).into());
        match (&self.tls, error) {
            // Only the server's own word that it has no TLS leads here: a failed handshake does not.
            (Demand::IfOffered(_), Error::Driver(DriverError::NoClientSslFlagFromServer)) => with(None),
            (Demand::Signed(ssl), Error::Io(IoError::Io(io))) if is_about_the_name(io) => {
                with(Some(ssl.clone().with_danger_tls_hostname_override(Some(tls::ANY_NAME))))
            }
            _ => None,
        }
    }
}

fn address(told: &ServerAddress, options: &Options) -> ServerAddress {
    let ServerAddress::Tcp { host, port } = told else { return told.clone() };
    let port = if *port == 0 { options.port.unwrap_or(PORT) } else { *port };
    if !host.is_empty() {
        return ServerAddress::Tcp { host: host.clone(), port };
    }
    let host = options.host.clone().unwrap_or_else(|| "localhost".to_owned());
    let wants_socket = options.protocol == Some(Protocol::Socket)
        || options.protocol.is_none() && host.eq_ignore_ascii_case("localhost");
    let socket =
        options.socket.clone().or_else(|| SOCKETS.map(Path::new).into_iter().find(|p| p.exists()).map(Into::into));
    match socket {
        Some(path) if wants_socket => ServerAddress::Socket(path),
        _ => ServerAddress::Tcp { host, port },
    }
}
