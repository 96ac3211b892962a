//! The session over which rows are looked at.

use std::sync::Arc;

use crate::model::sink::{PasswordSource, ServerRef};
use crate::report::{Fault, Report, Reportable};
use crate::seal::secret::Secret;
use crate::server::rows_now::RowsNow;
use crate::work::session::Session;
use crate::work::sink;

/// A server and what logs in there.
#[derive(Clone)]
pub struct Look {
    server: ServerRef,
    password: Option<Arc<Secret>>,
}

/// Finds the server that `server:NAME` or a `mysql://` URL names.
///
/// # Errors
///
/// When there is none of that name, or it is no server.
pub fn look(session: &Session, server: &str) -> Result<Look, Report> {
    let found = sink::parse(server, session.estate())?;
    let no_server = || {
        let advice = "name it as server:NAME or mysql://user@host:port/";
        Report::new(Fault::Usage, "review::no_server", format!("{server} is no server"), advice)
    };
    let server = found.server().cloned().ok_or_else(no_server)?;
    let password = match &server.password {
        PasswordSource::Held(name) => session.0.held.get(name).cloned(),
        _ => None,
    };
    Ok(Look { server, password })
}

impl Look {
    /// What people call it.
    pub fn label(&self) -> String {
        self.server.label()
    }

    /// Opens the session; the server itself keeps it from writing.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or does not do that.
    pub async fn open(&self) -> Result<RowsNow, Report> {
        let password = self.password.as_ref().map(|secret| secret.expose());
        RowsNow::open(&self.server, password).await.map_err(|error| error.report())
    }
}
