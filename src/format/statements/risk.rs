//! What in a dump reaches beyond the database it is restored into.

use std::fmt;

use crate::model::foreign::Foreign;

/// A way in which a statement reaches beyond its sink, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskKind {
    /// `USE`: what follows goes to another database.
    Use,
    /// `CREATE DATABASE`.
    CreateDatabase,
    /// `DROP DATABASE`.
    DropDatabase,
    /// `ALTER DATABASE` of a named database.
    AlterDatabase,
    /// A name in a database of its own: `prod.users`.
    Qualified,
    /// `SET GLOBAL`, `SET PERSIST`.
    SetGlobal,
    /// A session variable that no dump sets.
    SetUnknown,
    /// `SET @@GLOBAL.GTID_PURGED`.
    GtidPurged,
    /// `SET sql_log_bin`: what follows is kept from replicas.
    BinaryLog,
    /// Users, roles, grants, passwords.
    Accounts,
    /// Plugins, components, loadable functions.
    Plugin,
    /// `INTO OUTFILE`, `INTO DUMPFILE`: files on the server.
    OutFile,
    /// `LOAD DATA`, `LOAD XML`, `LOAD_FILE()`: files of the server or of this machine.
    InFile,
    /// Replication.
    Replication,
    /// `SHUTDOWN`, `KILL`, `FLUSH`, `RESET`, `PURGE`: acts on the server.
    Server,
    /// `PREPARE`, `EXECUTE`: SQL that is not seen before it runs.
    DynamicSql,
    /// Table files, tablespaces or log files outside the database's folder.
    Files,
    /// A storage engine that reaches other servers or files.
    Engine,
    /// `CREATE SERVER` and the like: links to other servers.
    Link,
    /// An INSERT whose values are not plain values.
    Expression,
    /// An order to the client program: `source`, `system`.
    ClientCommand,
    /// Too long to be looked at as a whole.
    TooLong,
    /// Nothing that a dump program writes.
    Unknown,
}

impl RiskKind {
    /// Stable code, as in `findings` of a plan.
    pub fn code(self) -> &'static str {
        match self {
            Self::Use => "use_database",
            Self::CreateDatabase => "create_database",
            Self::DropDatabase => "drop_database",
            Self::AlterDatabase => "alter_database",
            Self::Qualified => "qualified_name",
            Self::SetGlobal => "set_global",
            Self::SetUnknown => "set_variable",
            Self::GtidPurged => "gtid_purged",
            Self::BinaryLog => "sql_log_bin",
            Self::Accounts => "accounts",
            Self::Plugin => "plugin",
            Self::OutFile => "into_outfile",
            Self::InFile => "load_data",
            Self::Replication => "replication",
            Self::Server => "server_command",
            Self::DynamicSql => "dynamic_sql",
            Self::Files => "data_directory",
            Self::Engine => "foreign_engine",
            Self::Link => "server_link",
            Self::Expression => "insert_expression",
            Self::ClientCommand => "client_command",
            Self::TooLong => "statement_too_long",
            Self::Unknown => "unknown_statement",
        }
    }

    /// What it is, in words for a plan.
    pub fn words(self) -> &'static str {
        match self {
            Self::Use => "switches to another database",
            Self::CreateDatabase => "creates a database",
            Self::DropDatabase => "drops a database",
            Self::AlterDatabase => "alters a database by name",
            Self::Qualified => "names something in a database of its own",
            Self::SetGlobal => "changes a setting of the whole server",
            Self::SetUnknown => "sets a variable that no dump program sets",
            Self::GtidPurged => "sets the server's GTID history",
            Self::BinaryLog => "keeps the restore out of the binary log",
            Self::Accounts => "changes accounts or grants",
            Self::Plugin => "installs or removes server code",
            Self::OutFile => "writes a file on the server",
            Self::InFile => "reads a file of the server or of this machine",
            Self::Replication => "changes replication",
            Self::Server => "acts on the server itself",
            Self::DynamicSql => "runs SQL that cannot be seen beforehand",
            Self::Files => "places files outside the database",
            Self::Engine => "uses a storage engine that reaches elsewhere",
            Self::Link => "links to another server",
            Self::Expression => "inserts something other than plain values",
            Self::ClientCommand => "gives an order to the client program",
            Self::TooLong => "is too long to be looked at as a whole",
            Self::Unknown => "is nothing that a dump program writes",
        }
    }
}

/// Where in a statement a risk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Within {
    /// It happens when the statement runs.
    Statement,
    /// It happens when the view, routine, trigger or event that the statement creates is used.
    Body,
}

/// One risk of one statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Risk {
    /// Which.
    pub kind: RiskKind,
    /// Now or later.
    pub within: Within,
    /// The database, variable, engine or keyword concerned; never a row value.
    pub name: Foreign,
}

impl Risk {
    /// Whether it stays inside a database of this name (as the server compares names).
    pub fn stays_in(&self, database: &[u8], same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        use RiskKind::{AlterDatabase, CreateDatabase, Qualified, Use};
        let named = match self.kind {
            Qualified | AlterDatabase => true,
            // Inside of a body there is no such statement: behind its end the server would run it.
            Use | CreateDatabase => self.within == Within::Statement,
            _ => false,
        };
        named && same(self.name.raw_bytes(), database)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.raw_bytes() {
            [] => f.write_str(self.kind.words()),
            _ => write!(f, "{}: {}", self.kind.words(), self.name),
        }
    }
}
