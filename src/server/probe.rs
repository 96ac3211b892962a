//! What a server says about itself and what is already there.

use mysql_async::Row;

use crate::model::foreign::Foreign;
use crate::model::sink::{Flavor, ServerFacts};
use crate::server::connect::{Connection, bytes, name, number};
use crate::server::error::{Said, ServerError};
use crate::sql::ident;

/// The settings a plan rests on; a server that lacks one just does not list it.
const SETTINGS: &str = "SHOW VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'hostname', \
    'server_uuid', 'server_uid', 'read_only', 'super_read_only', 'innodb_read_only', 'max_allowed_packet', \
    'lower_case_table_names', 'sql_mode', 'gtid_mode', 'local_infile')";

impl Connection {
    /// Asks the server everything that a plan shows about it.
    ///
    /// What the account may not see is `None`, not an error: other sessions without the PROCESS right,
    /// accounts without a right on `mysql.user`.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the server does not answer.
    pub async fn probe(&mut self) -> Result<ServerFacts, ServerError> {
        let settings = Settings(self.ask(SETTINGS).await?);
        let flavor = flavor(&settings);
        let account = self.ask("SELECT CURRENT_USER()").await?;
        Ok(ServerFacts {
            flavor,
            version: settings.text("version"),
            hostname: settings.text("hostname"),
            uuid: settings.uuid(),
            account: account.first().map(|row| name(row, 0)).unwrap_or_default(),
            read_only: ["read_only", "super_read_only", "innodb_read_only"].iter().any(|name| settings.is_on(name)),
            max_allowed_packet: settings.number("max_allowed_packet"),
            sessions: self.sessions().await?,
            lower_case_table_names: settings.number("lower_case_table_names") as u8,
            sql_mode: settings.text("sql_mode"),
            databases: self.ask("SHOW DATABASES").await?.iter().map(|row| name(row, 0)).collect(),
            collations: self.collations(flavor).await?,
            engines: self.engines().await?,
            tls_cipher: self.tls_cipher().await?,
            accounts: self.accounts().await?,
            gtid_mode: settings.is_on("gtid_mode"),
            local_infile: settings.is_on("local_infile"),
        })
    }

    /// The tables and views of a database, or `None` if there is no such database.
    ///
    /// The server resolves the name, so `lower_case_table_names` is its business.
    ///
    /// # Errors
    ///
    /// [`ServerError::BadName`], [`ServerError::Query`] when the account may not look into it.
    pub async fn database(&mut self, database: &Foreign) -> Result<Option<Vec<Foreign>>, ServerError> {
        let name_quoted = quoted(database)?;
        // Entering it is the question that every version answers alike: 1049 if it does not exist.
        let exists = self.ask(&format!("SHOW CREATE DATABASE {name_quoted}")).await;
        match exists {
            Err(ServerError::Query { source, .. }) if is_unknown_database(&source) => return Ok(None),
            other => drop(other?),
        }
        let tables = self.ask(&format!("SHOW FULL TABLES FROM {name_quoted}")).await?;
        Ok(Some(tables.iter().map(|row| name(row, 0)).collect()))
    }

    /// Creates a database; an existing one is an error, because the plan said that there was none.
    ///
    /// # Errors
    ///
    /// [`ServerError::BadName`], [`ServerError::Query`].
    pub async fn create_database(&mut self, database: &Foreign) -> Result<(), ServerError> {
        self.run(&format!("CREATE DATABASE {}", quoted(database)?)).await
    }

    /// As [`create_database`](Self::create_database), with a character set and a collation of its own.
    ///
    /// # Errors
    ///
    /// As there. Names that are no plain words are left out.
    pub async fn create_database_as(
        &mut self,
        database: &Foreign,
        (charset, collation): (&str, &str),
    ) -> Result<(), ServerError> {
        let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain(charset) || !plain(collation) {
            return self.create_database(database).await;
        }
        let name = quoted(database)?;
        self.run(&format!("CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}")).await
    }

    /// Makes a database the current one of the session.
    ///
    /// # Errors
    ///
    /// [`ServerError::BadName`], [`ServerError::Query`].
    pub async fn enter_database(&mut self, database: &Foreign) -> Result<(), ServerError> {
        self.run(&format!("USE {}", quoted(database)?)).await
    }

    /// Creates a database if it is missing, and enters it.
    ///
    /// # Errors
    ///
    /// [`ServerError::BadName`], [`ServerError::Query`].
    pub async fn ensure_database(&mut self, database: &Foreign) -> Result<(), ServerError> {
        self.run(&format!("CREATE DATABASE IF NOT EXISTS {}", quoted(database)?)).await?;
        self.enter_database(database).await
    }

    /// Makes sure that the session still is where it was put: ask it after the last statement, and
    /// before anything that is not qualified.
    ///
    /// # Errors
    ///
    /// [`ServerError::LeftDatabase`] if a statement of the dump has moved it.
    pub async fn still_in(&mut self, database: &Foreign) -> Result<(), ServerError> {
        // The dump may have set any character set for results; hex is the same in all of them.
        let wanted = hex(database.raw_bytes());
        let rows = self.ask("SELECT HEX(CONVERT(DATABASE() USING utf8mb4)), @@lower_case_table_names").await?;
        let (here, folding) = match rows.first() {
            Some(row) => (bytes(row, 0).unwrap_or_default(), number(row, 1).unwrap_or(0)),
            None => (vec![], 0),
        };
        let folded = || database.raw_str().map(|text| hex(text.to_lowercase().as_bytes()));
        if here == wanted.as_bytes() || folding > 0 && Some(here) == folded().map(String::into_bytes) {
            return Ok(());
        }
        Err(ServerError::LeftDatabase { server: self.label().to_owned(), database: database.clone() })
    }

    /// The rights that the account has anywhere, in capitals (`SELECT`, `ALL PRIVILEGES`), for `doctor`.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the server does not answer.
    pub async fn rights(&mut self) -> Result<Vec<String>, ServerError> {
        let mut rights: Vec<String> = vec![];
        for row in self.ask("SHOW GRANTS").await? {
            rights.extend(granted(&String::from_utf8_lossy(&bytes(&row, 0).unwrap_or_default())));
        }
        rights.sort_unstable();
        rights.dedup();
        Ok(rights)
    }

    /// The server's own identity: `server_uuid` of MySQL, `server_uid` of MariaDB 10.11 and later.
    pub(crate) async fn uuid(&mut self) -> Result<Option<Foreign>, ServerError> {
        let rows = self.ask("SHOW VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid')").await?;
        Ok(Settings(rows).uuid())
    }

    /// Sessions of people and programs beside our own, where the account may see them all.
    async fn sessions(&mut self) -> Result<Option<u64>, ServerError> {
        let right = "SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' LIMIT 1";
        if self.ask(right).await?.is_empty() {
            return Ok(None);
        }
        let own = u64::from(self.thread_id());
        let others = |row: &&Row| {
            let user = bytes(row, 1).unwrap_or_default();
            let command = bytes(row, 4).unwrap_or_default();
            number(row, 0) != Some(own)
                && !matches!(user.as_slice(), b"system user" | b"event_scheduler")
                && !matches!(command.as_slice(), b"Daemon" | b"Binlog Dump" | b"Binlog Dump GTID")
        };
        Ok(Some(self.ask("SHOW PROCESSLIST").await?.iter().filter(others).count() as u64))
    }

    async fn collations(&mut self, flavor: Flavor) -> Result<Vec<String>, ServerError> {
        let mut names = lower(&self.ask("SHOW COLLATION").await?);
        if flavor == Flavor::Mariadb {
            // The UCA 14 collations are listed there without the character set that stands in dumps.
            let full = "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY";
            match self.ask(full).await {
                Ok(rows) => names.extend(lower(&rows)),
                Err(ServerError::Query { .. }) => {} // older than 10.10: SHOW COLLATION had them all
                Err(error) => return Err(error),
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn engines(&mut self) -> Result<Vec<String>, ServerError> {
        let rows =
            self.ask("SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')").await?;
        Ok(lower(&rows))
    }

    async fn tls_cipher(&mut self) -> Result<String, ServerError> {
        let rows = self.ask("SHOW SESSION STATUS LIKE 'Ssl_cipher'").await?;
        Ok(rows.first().map(|row| name(row, 1).to_string()).unwrap_or_default())
    }

    async fn accounts(&mut self) -> Result<Option<Vec<Foreign>>, ServerError> {
        match self.ask("SELECT CONCAT(User, '@', Host) FROM mysql.user").await {
            Ok(rows) => Ok(Some(rows.iter().map(|row| name(row, 0)).collect())),
            Err(ServerError::Query { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Rows of `SHOW VARIABLES`.
struct Settings(Vec<Row>);

impl Settings {
    fn raw(&self, wanted: &str) -> Option<Vec<u8>> {
        let row = self.0.iter().find(|row| bytes(row, 0).is_some_and(|n| n.eq_ignore_ascii_case(wanted.as_bytes())))?;
        bytes(row, 1)
    }

    fn text(&self, wanted: &str) -> Foreign {
        Foreign::new(self.raw(wanted).unwrap_or_default())
    }

    fn number(&self, wanted: &str) -> u64 {
        self.raw(wanted).and_then(|value| String::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
    }

    /// `ON` and `1`; MySQL's `gtid_mode` has steps between, of which only `ON` is on; MariaDB's
    /// `read_only` has `NO_LOCK` and more beyond.
    fn is_on(&self, wanted: &str) -> bool {
        let value = self.raw(wanted).unwrap_or_default().to_ascii_uppercase();
        matches!(value.as_slice(), b"ON" | b"1" | b"NO_LOCK" | b"NO_LOCK_NO_ADMIN")
    }

    fn uuid(&self) -> Option<Foreign> {
        self.raw("server_uuid").or_else(|| self.raw("server_uid")).filter(|uuid| !uuid.is_empty()).map(Foreign::new)
    }
}

/// The rights of one line of `SHOW GRANTS`. Such a line may end in the hash of a password: nothing else is kept of it.
fn granted(line: &str) -> Vec<String> {
    let Some((list, _)) = line.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" ON ")) else { return vec![] };
    let mut depth = 0;
    let outside = |c: &char| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0 && *c != ')'
    };
    let list: String = list.chars().filter(outside).collect();
    let is_right =
        |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, ' ' | '_'));
    list.split(',').map(str::trim).filter(is_right).map(str::to_owned).collect()
}

fn flavor(settings: &Settings) -> Flavor {
    let says = ["version", "version_comment"].map(|name| settings.raw(name).unwrap_or_default().to_ascii_lowercase());
    match says.iter().any(|text| text.windows(7).any(|part| part == b"mariadb")) {
        true => Flavor::Mariadb,
        false => Flavor::Mysql,
    }
}

fn lower(rows: &[Row]) -> Vec<String> {
    rows.iter().filter_map(|row| String::from_utf8(bytes(row, 0)?).ok()).map(|name| name.to_lowercase()).collect()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXUPPER.encode(bytes)
}

fn is_unknown_database(said: &Said) -> bool {
    said.0.raw_str().is_some_and(|words| words.starts_with("Unknown database"))
}

/// A name between backticks, as it may stand in SQL.
pub(super) fn quoted(name: &Foreign) -> Result<String, ServerError> {
    let bad = || ServerError::BadName { name: name.clone() };
    let text = name.raw_str().ok_or_else(bad)?;
    let length = text.chars().count();
    if length == 0 || length > 64 || text.contains('\0') || text.ends_with(' ') {
        return Err(bad());
    }
    Ok(String::from_utf8(ident::quote(text.as_bytes())).expect("backticks do not break UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::granted;

    #[test]
    fn rights_are_read_from_grants_and_nothing_else() {
        let line = "GRANT SELECT, INSERT (`a`, `b`), LOCK TABLES ON `shop`.* TO `me`@`%` IDENTIFIED BY PASSWORD '*AB'";
        assert_eq!(granted(line), ["SELECT", "INSERT", "LOCK TABLES"]);
        assert_eq!(granted("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"), ["ALL PRIVILEGES"]);
        assert_eq!(granted("GRANT `role`@`%` TO `me`@`%`"), [""; 0]);
    }
}
