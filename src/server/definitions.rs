//! Definitions of tables, read off a server in a session that cannot write.

use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::server::connect::{Connection, bytes};
use crate::server::error::ServerError;
use crate::server::probe::quoted;

impl Connection {
    /// Keeps this session from writing for good.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub async fn only_read(&mut self) -> Result<(), ServerError> {
        self.run("SET SESSION TRANSACTION READ ONLY").await?;
        // Definitions are wanted as the other end of the log has them: with backticks, whatever the server's mode.
        self.run("SET SESSION sql_quote_show_create = 1").await
    }

    /// The text of `SHOW CREATE TABLE`; `None` where the server has no such table or does not show it.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the server does not answer.
    pub async fn definition(&mut self, schema: &Foreign, table: &Foreign) -> Result<Option<Vec<u8>>, ServerError> {
        let name = format!("{}.{}", quoted(schema)?, quoted(table)?);
        match self.ask(&format!("SHOW CREATE TABLE {name}")).await {
            Ok(rows) => Ok(rows.first().and_then(|row| bytes(row, 1))),
            Err(ServerError::Query { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When the server says that the table got the definition that it has; `None` where it does not say.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the server does not answer.
    pub async fn created(&mut self, schema: &Foreign, table: &Foreign) -> Result<Option<Moment>, ServerError> {
        let hex = |name: &Foreign| data_encoding::HEXUPPER.encode(name.raw_bytes());
        let ask = format!(
            "SELECT UNIX_TIMESTAMP(CREATE_TIME) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = CONVERT(X'{}' USING utf8mb4) AND TABLE_NAME = CONVERT(X'{}' USING utf8mb4)",
            hex(schema),
            hex(table)
        );
        match self.ask(&ask).await {
            Ok(rows) => {
                let text = rows.first().and_then(|row| bytes(row, 0));
                let seconds = text.and_then(|text| String::from_utf8(text).ok()?.split('.').next()?.parse().ok());
                Ok(seconds.map(Moment::from_seconds))
            }
            Err(ServerError::Query { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
