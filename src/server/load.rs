//! Statements of a dump in, counts out.

use miette::Diagnostic;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, LocalInfileError};
use thiserror::Error as ThisError;

use crate::report::{Fault, Reportable};
use crate::server::connect::{Connection, bytes, said_by_driver};
use crate::server::error::{Said, ServerError};
use crate::server::reduce::{Reduced, reduce};

/// What one statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Rows that the server counts as affected.
    pub rows: u64,
    /// Warnings that it has; [`Connection::warnings`] reads them.
    pub warnings: u16,
}

/// Why a statement of a dump did not do its work. Never holds a row value.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
pub enum LoadError {
    /// The server asked for a file of this machine.
    #[error("the statement asks for a file of this machine")]
    #[diagnostic(
        code(server::local_infile),
        help(
            "breakglass never sends one, and has ended the connection. LOAD DATA LOCAL is not part of any dump that is known"
        )
    )]
    LocalFile,

    /// The connection is gone; whether the statement took effect is not known.
    #[error("the connection is lost, and with it the statement's outcome")]
    #[diagnostic(
        code(server::lost),
        help(
            "look at the server's error log: it may have been restarted or run out of memory. The database is half filled"
        )
    )]
    Lost(#[source] Said),

    /// The server refused the statement.
    #[error("{0}")]
    #[diagnostic(code(server::refused), help("{}", .0.advice()))]
    Refused(Reduced),

    /// The server saw more than one statement.
    #[error("the server saw several statements where the dump seemed to hold one")]
    #[diagnostic(
        code(server::several_statements),
        help(
            "the dump is in a character set or a dialect that breakglass does not follow, or somebody made it so. \
             Nothing more was sent; look at what is in the database"
        )
    )]
    SeveralStatements,

    /// Stopped by `KILL QUERY`.
    #[error("the statement was stopped on the server")]
    #[diagnostic(code(server::stopped), severity(advice))]
    Stopped,

    /// Longer than the server takes; nothing was sent.
    #[error("the statement has {bytes} bytes, the server takes {limit} at most")]
    #[diagnostic(
        code(server::too_long),
        help("raise max_allowed_packet on the server (1 GiB at most; new sessions see it) and restore again")
    )]
    TooLong {
        /// Bytes of the statement.
        bytes: u64,
        /// Bytes that the server takes.
        limit: u64,
    },
}

impl LoadError {
    /// Whether nothing more can be sent over this connection.
    pub fn ends_connection(&self) -> bool {
        matches!(self, Self::LocalFile | Self::Lost(_) | Self::SeveralStatements)
    }
}

impl Reportable for LoadError {
    fn fault(&self) -> Fault {
        match self {
            Self::Lost(_) => Fault::Unreachable,
            Self::LocalFile | Self::SeveralStatements => Fault::Refused,
            Self::Refused(_) | Self::TooLong { .. } => Fault::Failed,
            Self::Stopped => Fault::Interrupted,
        }
    }
}

impl Connection {
    /// Runs one statement of a dump, byte for byte, and waits for its end.
    ///
    /// `statement` is without its delimiter; a trailing `;` does no harm. The answer's rows, if it has
    /// any, are read and dropped. Takes as long as the server takes; [`KillHandle`] stops it.
    ///
    /// [`KillHandle`]: crate::server::KillHandle
    ///
    /// # Errors
    ///
    /// [`LoadError`]; after one that [ends the connection](LoadError::ends_connection) every further
    /// call is [`LoadError::Lost`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection: the server may still finish the statement.
    pub async fn load(&mut self, statement: &[u8]) -> Result<Loaded, LoadError> {
        let (bytes, limit) = (statement.len() as u64, self.longest_statement());
        if bytes > limit {
            return Err(LoadError::TooLong { bytes, limit });
        }
        let mut conn = self.take().ok_or_else(|| LoadError::Lost(Said::new("it was lost before")))?;
        let outcome = run(&mut conn, statement).await;
        if !outcome.as_ref().is_err_and(LoadError::ends_connection) {
            self.give_back(conn);
        }
        outcome
    }

    /// The first warnings of the statement before, reduced as errors are.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the server does not answer.
    pub async fn warnings(&mut self) -> Result<Vec<Reduced>, ServerError> {
        let rows = self.ask("SHOW WARNINGS LIMIT 5").await?;
        let text = |row, column| String::from_utf8_lossy(&bytes(row, column).unwrap_or_default()).into_owned();
        Ok(rows.iter().map(|row| reduce(text(row, 1).parse().unwrap_or(0), "", &text(row, 2))).collect())
    }
}

async fn run(conn: &mut Conn, statement: &[u8]) -> Result<Loaded, LoadError> {
    let mut result = conn.query_iter(statement).await.map_err(failed)?;
    let loaded = Loaded { rows: result.affected_rows(), warnings: result.warnings() };
    if result.is_empty() {
        return Ok(loaded);
    }
    // Rows, or a promise of more answers: read to the end of this one, then there must be no other.
    if !result.columns_ref().is_empty() {
        while result.next().await.map_err(failed)?.is_some() {}
        if result.columns().is_none() && result.is_empty() {
            return Ok(loaded);
        }
    }
    // What the others say does not matter any more, only that they have been read.
    let _ = result.drop_result().await;
    Err(LoadError::SeveralStatements)
}

fn failed(error: Error) -> LoadError {
    match error {
        Error::Server(said) => match said.code {
            1317 => LoadError::Stopped,
            // The server goes down, or has ended the session and says so in its last packet.
            1053 | 1077 | 1078 | 1079 | 1152 | 1184 | 1927 | 3032 | 4031 => {
                LoadError::Lost(Said::new(format!("the server has ended the session (error {})", said.code)))
            }
            code => LoadError::Refused(reduce(code, &said.state, &said.message)),
        },
        Error::Driver(DriverError::LocalInfile(LocalInfileError::NoHandler)) => LoadError::LocalFile,
        other => LoadError::Lost(said_by_driver(&other)),
    }
}
