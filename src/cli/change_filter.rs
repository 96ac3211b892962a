//! The filters of `changes` and `recover`: the same flags, the same meaning.

use clap::{Args as ArgGroup, ValueEnum};

use crate::cli::error::CliError;
use crate::model::change::ChangeKind;
use crate::model::changes::{ChangeFilter, GtidSet, Literal, PositionBound, TableFilter};
use crate::model::foreign::{Foreign, escape};
use crate::model::units::Moment;

/// Which changes. All conditions must hold; of a flag that is given several times, one.
#[derive(Debug, Clone, Default, ArgGroup)]
#[command(next_help_heading = "Filters (names and values are compared byte for byte)")]
pub struct FilterFlags {
    /// Only this database
    #[arg(long = "schema-name", value_name = "NAME")]
    databases: Vec<String>,
    /// Only this table, as `table` or `database.table`
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Only inserts, updates or deletes
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Committed then or later; UTC unless it says otherwise
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Committed then or earlier, to the end of that second
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Events that begin there or later: binlog.000412:1234
    #[arg(long, value_name = "FILE:POSITION")]
    from_position: Option<String>,
    /// Events that begin before it
    #[arg(long, value_name = "FILE:POSITION")]
    to_position: Option<String>,
    /// Only these transactions: uuid:1-5:8, or domain-server-sequence; several with commas
    #[arg(long, value_name = "GTIDS")]
    gtid: Option<String>,
    /// Only the transaction that begins there, where transactions have no GTIDs
    #[arg(long = "transaction", value_name = "FILE:POSITION")]
    begins: Vec<String>,
    /// Only what this connection ran
    #[arg(long = "thread", value_name = "ID")]
    threads: Vec<u32>,
    /// Only updates that changed this column
    #[arg(long = "changed-column", value_name = "COLUMN")]
    changed: Vec<String>,
    /// Rows with that value before or after: NULL, 'text', x'00ff', or as it stands; all must hold
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    values: Vec<String>,
    /// Only rows whose statement has this pattern, where the server logged statements
    #[arg(long, value_name = "REGEX")]
    statement: Option<String>,
    /// Values of rows' keys: set from `--key`, which elsewhere names files of private keys.
    #[arg(skip)]
    pub keys: Vec<String>,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Insert,
    Update,
    Delete,
}

impl FilterFlags {
    /// The filter that they mean.
    ///
    /// # Errors
    ///
    /// A usage error that names the flag.
    pub fn filter(&self) -> Result<ChangeFilter, CliError> {
        let wrong = |flag: &str, text: &str, valid: &str| {
            CliError::usage(format!("{flag} {} cannot be understood", escape(text)), valid)
        };
        let time = |flag: &'static str, text: &Option<String>| {
            let valid = "write a time such as 2026-11-21 14:02:11 (UTC) or 2026-11-21T15:02:11+01:00";
            let read = |text: &String| Moment::parse(text).ok_or_else(|| wrong(flag, text, valid));
            text.as_ref().map(read).transpose()
        };
        let place = |flag: &'static str, text: &String| {
            let valid = "write FILE:POSITION, such as binlog.000412:1234";
            PositionBound::parse(text).ok_or_else(|| wrong(flag, text, valid))
        };
        let position =
            |flag: &'static str, text: &Option<String>| text.as_ref().map(|text| place(flag, text)).transpose();
        let key = |text: &String| {
            let valid = "write the key's values with commas between them; quotes around one that has a comma";
            Literal::list(text).ok_or_else(|| wrong("--key", text, valid))
        };
        let value = |text: &String| {
            let valid = "write column=value; NULL, 'text' or x'00ff' where the value needs it";
            let (column, value) = text.split_once('=').ok_or_else(|| wrong("--where", text, valid))?;
            let value = Literal::parse(value).filter(|_| !column.is_empty());
            Ok((column.to_owned(), value.ok_or_else(|| wrong("--where", text, valid))?))
        };
        let gtids = |text: &String| {
            let valid = "write uuid:number, uuid:1-5:8 or domain-server-sequence, several with commas";
            GtidSet::parse(text).ok_or_else(|| wrong("--gtid", text, valid))
        };
        Ok(ChangeFilter {
            schemas: self.databases.iter().map(|name| Foreign::from(name.as_str())).collect(),
            tables: self.tables.iter().map(|name| TableFilter::parse(name)).collect(),
            kinds: self.kinds.iter().map(|kind| kind.of()).collect(),
            since: time("--since", &self.since)?,
            until: time("--until", &self.until)?,
            from: position("--from-position", &self.from_position)?,
            to: position("--to-position", &self.to_position)?,
            gtids: self.gtid.as_ref().map(gtids).transpose()?,
            begins: self.begins.iter().map(|text| place("--transaction", text)).collect::<Result<_, _>>()?,
            threads: self.threads.clone(),
            keys: self.keys.iter().map(key).collect::<Result<_, _>>()?,
            changed: self.changed.clone(),
            values: self.values.iter().map(value).collect::<Result<_, CliError>>()?,
            statement: self.statement.clone(),
        })
    }
}

impl Kind {
    fn of(self) -> ChangeKind {
        match self {
            Self::Insert => ChangeKind::Insert,
            Self::Update => ChangeKind::Update,
            Self::Delete => ChangeKind::Delete,
        }
    }
}
