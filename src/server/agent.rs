//! The table that DBacked's agent keeps in the database it backs up.

use crate::model::foreign::Foreign;
use crate::server::connect::{Connection, name};
use crate::server::error::{Said, ServerError};
use crate::server::probe::quoted;

impl Connection {
    /// Keys and values of the table `dbacked`; `None` where there is no such table. Reads only.
    ///
    /// # Errors
    ///
    /// [`ServerError::BadName`], [`ServerError::Query`] when the account may not read it.
    pub async fn agent_rows(&mut self, database: &Foreign) -> Result<Option<Vec<(Foreign, Foreign)>>, ServerError> {
        let sql = format!("SELECT CAST(k AS CHAR), CAST(v AS CHAR) FROM {}.`dbacked` LIMIT 64", quoted(database)?);
        match self.ask(&sql).await {
            Ok(rows) => Ok(Some(rows.iter().map(|row| (name(row, 0), name(row, 1))).collect())),
            Err(ServerError::Query { source, .. }) if is_missing(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a server says that the table or the database is not there; sessions speak English.
fn is_missing(said: &Said) -> bool {
    said.0.raw_str().is_some_and(|words| words.starts_with("Unknown database") || words.ends_with("doesn't exist"))
}
