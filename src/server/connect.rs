//! One session on a server, and the handle that stops its statement.

use std::future::Future;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, Row, Value};

use crate::model::foreign::Foreign;
use crate::model::sink::ServerRef;
use crate::server::error::{Said, ServerError};
use crate::server::login::Login;
use crate::server::password::Password;
use crate::server::tls::tls_error;

/// How long connecting and logging in may take.
const CONNECTING: Duration = Duration::from_secs(15);
/// How long a question of ours may take; statements of a dump may take as long as they need.
const ASKING: Duration = Duration::from_secs(30);
/// How long a session may be idle: a download may stall for hours.
const IDLING: Duration = Duration::from_hours(8);
/// How long stopping a statement may take: a person waits for it.
const KILLING: Duration = Duration::from_secs(5);

/// One session on a server. No `Debug`: the driver's options hold the password.
pub struct Connection {
    /// Gone once the connection is lost or a call was dropped half-way.
    conn: Option<Conn>,
    options: Opts,
    thread: u32,
    packet_limit: u64,
    label: String,
    remarks: Vec<String>,
}

/// Logs in and sets the session up as the stock clients do: `utf8mb4`, autocommit, the server's `sql_mode`.
///
/// From that mode `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES` are taken, so that the session reads as the
/// splitter's default dialect does. `wait_timeout` is 8 hours at least.
///
/// `password` goes before every source that `server` names, and must be there for `Held`. Bounded: 15
/// seconds for the network and the log-in. Where `server` expects a UUID, it is compared.
///
/// # Errors
///
/// [`ServerError`]; never with a byte of the password.
pub async fn connect(server: &ServerRef, password: Option<&[u8]>) -> Result<Connection, ServerError> {
    // The driver takes the process's provider of ciphers; a second call finds it set, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (wanted, held) = (server.clone(), password.map(|bytes| Password::new(bytes.to_vec())));
    let login = tokio::task::spawn_blocking(move || Login::resolve(&wanted, held))
        .await
        .expect("reading option files does not panic and is not cancelled")?;
    let (conn, options) = open(&login).await?;
    let (thread, label, remarks) = (conn.id(), login.label, login.remarks);
    let mut connection = Connection { conn: Some(conn), options, thread, packet_limit: 0, label, remarks };
    connection.set_up().await?;
    if let Some(expected) = &server.expect_uuid {
        let got = connection.uuid().await?.unwrap_or_default();
        if got.raw_bytes() != expected.as_bytes() {
            let server = connection.label.clone();
            return Err(ServerError::OtherServer { server, got, expected: expected.clone() });
        }
    }
    Ok(connection)
}

async fn open(login: &Login) -> Result<(Conn, Opts), ServerError> {
    let label = &login.label;
    let mut options = login.driver_options()?;
    let mut outcome = bounded(label, CONNECTING, Conn::new(options.clone())).await;
    if let Some(other) = outcome.as_ref().err().and_then(|failure| login.second_try(&options, failure.driver()?)) {
        options = other;
        outcome = bounded(label, CONNECTING, Conn::new(options.clone())).await;
    }
    outcome.map(|conn| (conn, options)).map_err(|failure| failure.connecting(label))
}

impl Connection {
    /// The server's number of this session.
    pub fn thread_id(&self) -> u32 {
        self.thread
    }

    /// What errors call the server: the estate's name for it, or its address.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What a person should know about how the log-in came about; safe to draw.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The longest statement that the server takes, in bytes: its packet must stay *below* the limit, and
    /// begins with one byte of ours.
    pub fn longest_statement(&self) -> u64 {
        self.packet_limit.saturating_sub(2)
    }

    /// What stops this session's statement from outside, also while it runs.
    pub fn kill_handle(&self) -> KillHandle {
        KillHandle { options: self.options.clone(), thread: self.thread, label: self.label.clone() }
    }

    /// Takes leave of the server; waits for it no longer than a few seconds.
    pub async fn close(mut self) {
        if let Some(conn) = self.conn.take() {
            let _ = tokio::time::timeout(KILLING, conn.disconnect()).await;
        }
    }

    async fn set_up(&mut self) -> Result<(), ServerError> {
        self.run("SET NAMES utf8mb4").await?;
        let settings =
            self.ask("SELECT @@session.max_allowed_packet, @@session.wait_timeout, @@session.sql_mode").await?;
        let Some(settings) = settings.first() else { return Ok(()) };
        self.packet_limit = number(settings, 0).unwrap_or(0);
        // English messages, because those are the ones that are reduced to what may be shown; and a
        // stalled download must not cost the session where a server drops idle ones after a minute.
        let patience = number(settings, 1).unwrap_or(0).max(IDLING.as_secs());
        self.run(&format!("SET SESSION autocommit = 1, lc_messages = 'en_US', wait_timeout = {patience}")).await?;
        if let Some(mode) = readable_mode(&name(settings, 2).to_string()) {
            self.run(&format!("SET SESSION sql_mode = '{mode}'")).await?;
            self.remarks.push("the server's sql_mode changes how strings are read: not so in this session".to_owned());
        }
        Ok(())
    }

    /// The driver's connection, for the length of one call; a call that is dropped half-way never gives
    /// it back, so nothing can be sent into the middle of an answer.
    pub(crate) fn take(&mut self) -> Option<Conn> {
        self.conn.take()
    }

    /// The counterpart of [`take`](Self::take).
    pub(crate) fn give_back(&mut self, conn: Conn) {
        self.conn = Some(conn);
    }

    /// Asks one of our own questions, within 30 seconds.
    pub(crate) async fn ask(&mut self, sql: &str) -> Result<Vec<Row>, ServerError> {
        let lost =
            || ServerError::Unreachable { server: self.label.clone(), source: Said::new("the connection is lost") };
        let mut conn = self.conn.take().ok_or_else(lost)?;
        match bounded(&self.label, ASKING, conn.query::<Row, _>(sql)).await {
            Ok(rows) => {
                self.conn = Some(conn);
                Ok(rows)
            }
            Err(failure) => {
                if matches!(failure, Failure::Driver(Error::Server(_))) {
                    self.conn = Some(conn);
                }
                Err(failure.asking(&self.label))
            }
        }
    }

    /// Runs one of our own statements.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), ServerError> {
        self.ask(sql).await.map(drop)
    }
}

/// An `sql_mode` without the words that change where strings begin and end, or `None` if it has none of
/// them: a dump is split as if they were off until it switches them on itself.
fn readable_mode(mode: &str) -> Option<String> {
    const UNREADABLE: [&str; 8] =
        ["ANSI", "ANSI_QUOTES", "DB2", "MAXDB", "MSSQL", "NO_BACKSLASH_ESCAPES", "ORACLE", "POSTGRESQL"];
    // Only words can stand between the quotes they are put in.
    let words = || mode.split(',').filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let kept: Vec<_> = words().filter(|word| !UNREADABLE.contains(word)).collect();
    (kept.len() < words().count()).then(|| kept.join(","))
}

/// Stops the statement of one session, over a connection of its own.
///
/// Works while the session is busy, and when the server hangs: then it says so within 5 seconds.
/// No `Debug`: the driver's options hold the password.
#[derive(Clone)]
pub struct KillHandle {
    options: Opts,
    thread: u32,
    label: String,
}

/// What became of a [`KillHandle::kill_query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// The server will stop the session's statement, if one runs.
    Told,
    /// The session does not exist any more.
    Gone,
}

impl KillHandle {
    /// Asks the server to stop the statement that the session runs; the session itself stays.
    ///
    /// # Errors
    ///
    /// [`ServerError::Unreachable`] when the server does not answer within 5 seconds. The way out is then
    /// to drop the [`Connection`]: what the server does with its statement cannot be known.
    pub async fn kill_query(&self) -> Result<Killed, ServerError> {
        let kill = async {
            let mut conn = Conn::new(self.options.clone()).await?;
            conn.query_drop(format!("KILL QUERY {}", self.thread)).await?;
            conn.disconnect().await
        };
        match bounded(&self.label, KILLING, kill).await {
            Ok(()) => Ok(Killed::Told),
            Err(Failure::Driver(Error::Server(said))) if said.code == 1094 => Ok(Killed::Gone),
            Err(failure) => Err(failure.connecting(&self.label)),
        }
    }
}

/// Why a call of the driver brought nothing.
enum Failure {
    Driver(Error),
    Late(Duration),
}

async fn bounded<T>(label: &str, limit: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    tracing::trace!(server = label, "asking");
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(Failure::Driver),
        Err(_) => Err(Failure::Late(limit)),
    }
}

impl Failure {
    fn driver(&self) -> Option<&Error> {
        match self {
            Self::Driver(error) => Some(error),
            Self::Late(_) => None,
        }
    }

    fn connecting(self, label: &str) -> ServerError {
        let server = label.to_owned();
        match self {
            Self::Driver(Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                ServerError::Tls { server, what: "the server offers none".to_owned() }
            }
            Self::Driver(Error::Io(IoError::Tls(error))) => ServerError::Tls { server, what: error.to_string() },
            Self::Driver(Error::Io(IoError::Io(error))) => match tls_reason(&error) {
                Some(what) => ServerError::Tls { server, what },
                None => ServerError::Unreachable { server, source: Said::new(error) },
            },
            // 1040 too many connections, 1129 host blocked: the account is not at fault.
            Self::Driver(Error::Server(said)) if matches!(said.code, 1040 | 1129 | 1130 | 1203 | 1226) => {
                ServerError::Unreachable { server, source: Said::new(said.message) }
            }
            Self::Driver(Error::Server(said)) => ServerError::Denied { server, source: Said::new(said.message) },
            // MySQL makes up a method, old ones included, for accounts that do not exist.
            Self::Driver(Error::Driver(DriverError::UnknownAuthPlugin { name })) => {
                let text =
                    format!("it wants the log-in method {name}, as servers also do where there is no such account");
                ServerError::Denied { server, source: Said::new(text) }
            }
            Self::Driver(error) => ServerError::Protocol { server, source: said_by_driver(&error) },
            Self::Late(limit) => late(server, limit),
        }
    }

    fn asking(self, label: &str) -> ServerError {
        let server = label.to_owned();
        match self {
            Self::Driver(Error::Server(said)) => ServerError::Query { server, source: Said::new(said.message) },
            Self::Driver(error @ Error::Io(_)) => ServerError::Unreachable { server, source: said_by_driver(&error) },
            Self::Driver(error) => ServerError::Protocol { server, source: said_by_driver(&error) },
            Self::Late(limit) => late(server, limit),
        }
    }
}

fn late(server: String, limit: Duration) -> ServerError {
    ServerError::Unreachable { server, source: Said::new(format!("no answer within {} s", limit.as_secs())) }
}

/// A driver's error in its own words; those that would quote a packet or a value are not repeated.
pub(crate) fn said_by_driver(error: &Error) -> Said {
    match error {
        Error::Io(IoError::Io(io)) => Said::new(io),
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => {
            Said::new(format!("the account's log-in method {name} is not supported"))
        }
        Error::Driver(DriverError::UnexpectedPacket { .. }) => Said::new("an unexpected packet"),
        Error::Driver(DriverError::FromRow { .. } | DriverError::FromValue { .. }) => Said::new("an unexpected value"),
        other => Said::new(other),
    }
}

/// The TLS library's reason, where an I/O error carries one.
fn tls_reason(error: &std::io::Error) -> Option<String> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(reason) => format!("its certificate is refused ({reason})"),
        other => other.to_string(),
    })
}

/// A column's bytes; `None` for NULL.
pub(crate) fn bytes(row: &Row, column: usize) -> Option<Vec<u8>> {
    match row.as_ref(column)? {
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

/// A column as a name or a word of the server.
pub(crate) fn name(row: &Row, column: usize) -> Foreign {
    Foreign::new(bytes(row, column).unwrap_or_default())
}

/// A column as a number.
pub(crate) fn number(row: &Row, column: usize) -> Option<u64> {
    String::from_utf8(bytes(row, column)?).ok()?.parse().ok()
}
