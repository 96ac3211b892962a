//! What a dump asks of the server that takes it.

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::sink::Flavor;

/// What a restore needs to know of a MySQL dump before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DumpFacts {
    /// What it asks of the server.
    pub uses: DumpUses,
    /// Statements that may not run unasked, each kind once.
    pub risks: Vec<RiskNote>,
    /// Tables and views that it drops, empties or alters, whether or not it makes them anew.
    #[serde(default)]
    pub replaces: Vec<Foreign>,
}

/// A kind of statement that may not run unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskNote {
    /// Stable, such as `use`, `set_global`, `gtid_purged`.
    pub code: String,
    /// What it would do, safe to draw; no row value.
    pub text: String,
    /// Its first statement, from 1.
    pub statement: u64,
    /// The byte of the dump where that one starts.
    pub at_byte: u64,
    /// How many there are.
    pub count: u64,
    /// The databases, settings or accounts that they name; empty in proofs of before this was kept.
    #[serde(default)]
    pub names: Vec<Foreign>,
}

/// What a dump asks of the server that takes it, as its census found it. Each list names a thing once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DumpUses {
    /// Which product's tool wrote it, where its head says.
    pub made_by: Option<Flavor>,
    /// Collations named anywhere, lower case.
    pub collations: Vec<String>,
    /// Character sets named anywhere, lower case.
    pub charsets: Vec<String>,
    /// Storage engines of its tables, lower case.
    pub engines: Vec<String>,
    /// Words of every `sql_mode` that it sets, upper case.
    pub sql_modes: Vec<String>,
    /// Accounts that define its views, routines, triggers and events, as `user@host` without quotes.
    pub definers: Vec<Foreign>,
    /// What only some servers understand.
    pub constructs: Vec<Construct>,
    /// Tables that have generated columns.
    pub generated_tables: Vec<Foreign>,
    /// Bytes of its longest statement, without the delimiter.
    pub longest_statement: u64,
}

/// Something in a dump that not every server understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Construct {
    /// `PAGE_CHECKSUM`, `PAGE_COMPRESSED` and their like among a table's options: MariaDB.
    MariadbTableOptions,
    /// Columns of type `uuid`, `inet4` or `inet6`: MariaDB.
    MariadbTypes,
    /// `DEFAULT uuid()`: an expression without parentheses, as MariaDB writes it.
    BareDefaultExpressions,
    /// `SET @@GLOBAL.GTID_PURGED`: MySQL.
    GtidPurged,
    /// `KEY ((expression))`: MySQL 8.
    KeysOnExpressions,
    /// `CREATE SEQUENCE`: MariaDB.
    Sequences,
    /// `WITH SYSTEM VERSIONING`: MariaDB.
    SystemVersioning,
    /// Columns of type `vector`: MySQL 9 and MariaDB 11.7.
    Vectors,
}
