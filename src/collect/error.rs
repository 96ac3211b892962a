//! Why nothing can be received.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// Why nothing can be received.
#[derive(Debug, Error, Diagnostic)]
pub enum CollectError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    #[diagnostic(code(collect::bind), help("another program may listen there: choose an address with --listen"))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },

    /// Telemetry names servers, databases and files: it does not cross a network in the clear.
    #[error("{address} can be reached from other machines, and there is no certificate")]
    #[diagnostic(
        code(collect::needs_tls),
        help("give --tls-cert FILE and --tls-key FILE, or listen on 127.0.0.1 and let a proxy or a tunnel lead there")
    )]
    NeedsTls {
        /// Where.
        address: SocketAddr,
    },

    /// A file in PEM that cannot be used.
    #[error("{} cannot be used: {what}", path.display())]
    #[diagnostic(
        code(collect::certificate),
        help("it has to be PEM: certificates in one file, one private key in the other")
    )]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why; never what is in it.
        what: String,
    },
}

impl Reportable for CollectError {
    fn fault(&self) -> Fault {
        match self {
            Self::Bind { .. } => Fault::Failed,
            Self::NeedsTls { .. } => Fault::Refused,
            Self::Certificate { .. } => Fault::Usage,
        }
    }
}
