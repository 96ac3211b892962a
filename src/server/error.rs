//! What can go wrong before a statement of a dump is sent.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::model::foreign::Foreign;
use crate::report::{Fault, Reportable};

/// A server that cannot be used, or could not be asked.
#[derive(Debug, Error, Diagnostic)]
pub enum ServerError {
    /// A name that cannot stand in SQL.
    #[error("{name} cannot be the name of a database")]
    #[diagnostic(
        code(server::bad_name),
        help("names have 1 to 64 characters of UTF-8, no NUL, and do not end in a space")
    )]
    BadName {
        /// As it was given.
        name: Foreign,
    },

    /// The current database of the session is no longer the sink.
    #[error("the session on {server} has left database {database}")]
    #[diagnostic(
        code(server::left_database),
        help(
            "a statement of the dump has changed it; nothing more was sent. Look at what is there before trying again"
        )
    )]
    LeftDatabase {
        /// Which server.
        server: String,
        /// Where it should be.
        database: Foreign,
    },

    /// Wrong user or password, or this account may not do that.
    #[error("{server} refuses the account")]
    #[diagnostic(
        code(server::denied),
        help("check user and password of this server, and what the account may do there (SHOW GRANTS)")
    )]
    Denied {
        /// Which server.
        server: String,
        /// Its words.
        #[source]
        source: Said,
    },

    /// Something between us and the server is not understood.
    #[error("{server} answers in a way that is not understood")]
    #[diagnostic(
        code(server::protocol),
        help("is this the port of a MySQL or MariaDB server? If it is, this is a bug in breakglass")
    )]
    Protocol {
        /// Which server.
        server: String,
        /// What the driver says.
        #[source]
        source: Said,
    },

    /// An option file that is not one.
    #[error("{} line {line}: {what}", path.display())]
    #[diagnostic(code(server::option_file), help("stock MySQL clients refuse this file as well; mend the line"))]
    OptionFile {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it; never its text.
        what: &'static str,
    },

    /// A file that should be read cannot be.
    #[error("cannot read {}", path.display())]
    #[diagnostic(code(server::unreadable), help("check that the file exists and that you may read it"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// No password where one was promised.
    #[error("no password for {server}: {what}")]
    #[diagnostic(
        code(server::no_password),
        help("give it by password_file, password_env, password_command or an option file")
    )]
    NoPassword {
        /// Which server.
        server: String,
        /// What is missing; never the password.
        what: &'static str,
    },

    /// A statement of ours was refused.
    #[error("{server} refuses to say what is there")]
    #[diagnostic(code(server::query), help("the account may lack a right; its words are below"))]
    Query {
        /// Which server.
        server: String,
        /// Its words.
        #[source]
        source: Said,
    },

    /// TLS is demanded and does not come about.
    #[error("no trusted TLS connection to {server}: {what}")]
    #[diagnostic(
        code(server::tls),
        help(
            "give the server's CA (ca_file), and name the host as its certificate does; certificates that MySQL made \
             for itself name none, which `tls = \"verify-ca\"` allows. `tls = \"disabled\"` sends everything in the clear"
        )
    )]
    Tls {
        /// Which server.
        server: String,
        /// In words.
        what: String,
    },

    /// Nobody answers.
    #[error("cannot reach {server}")]
    #[diagnostic(code(server::unreachable), help("check host, port and firewall, and that the server runs"))]
    Unreachable {
        /// Which server.
        server: String,
        /// Why.
        #[source]
        source: Said,
    },

    /// A file with secrets that anyone could have altered.
    #[error("{} may be written by others", path.display())]
    #[diagnostic(code(server::writable_by_others), help("what it says cannot be trusted: chmod 600 it, and check it"))]
    WritableByOthers {
        /// The file.
        path: PathBuf,
    },

    /// Another server answers than the one that was meant.
    #[error("{server} is not the server that the estate expects")]
    #[diagnostic(
        code(server::other_server),
        help("it reports {got}, expected is {expected}. Is the address still right? If so, change `expect`")
    )]
    OtherServer {
        /// Which server.
        server: String,
        /// The UUID that it reports.
        got: Foreign,
        /// The UUID that it should report.
        expected: String,
    },
}

impl Reportable for ServerError {
    fn fault(&self) -> Fault {
        match self {
            Self::BadName { .. } | Self::OptionFile { .. } | Self::Unreadable { .. } | Self::NoPassword { .. } => {
                Fault::Usage
            }
            Self::Denied { .. } | Self::Protocol { .. } | Self::Tls { .. } | Self::Unreachable { .. } => {
                Fault::Unreachable
            }
            Self::Query { .. } => Fault::Failed,
            Self::LeftDatabase { .. } | Self::WritableByOthers { .. } | Self::OtherServer { .. } => Fault::Refused,
        }
    }
}

/// The words of a server, a driver or this machine, as a cause. Safe to draw.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Said(pub Foreign);

impl Said {
    /// Wraps the words.
    pub fn new(words: impl ToString) -> Self {
        Self(Foreign::from(words.to_string()))
    }
}
