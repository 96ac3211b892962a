//! A finished script as a review tells it, whoever wrote it.

use serde::Serialize;

use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::script::{ScriptDigest, StateCounts};

/// Who wrote a script, as far as its bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// breakglass, and not a byte of it was altered.
    Breakglass,
    /// It says that breakglass wrote it, and that is not so any more.
    Altered,
    /// bintrail or dbtrail.
    Bintrail,
    /// binlog2sql, or a tool that writes as it does.
    Binlog2sql,
    /// my2sql, or a tool that writes as it does.
    My2sql,
    /// `mariadb-binlog --flashback` or `mysqlbinlog`: events, not statements.
    Binlog,
    /// Somebody else.
    Unknown,
}

impl Origin {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Breakglass => "breakglass, as it was written",
            Self::Altered => "breakglass, altered since it was written",
            Self::Bintrail => "bintrail or dbtrail",
            Self::Binlog2sql => "binlog2sql",
            Self::My2sql => "my2sql",
            Self::Binlog => "mysqlbinlog or mariadb-binlog",
            Self::Unknown => "unknown",
        }
    }
}

/// What is wrong with one statement, or with a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementHazard {
    /// It says that breakglass wrote it, and somebody changed it.
    Altered,
    /// UPDATE or DELETE of all rows.
    NoWhere,
    /// No column is compared with one value: any number of rows may match.
    NoKeyPredicate,
    /// Only a column that looks like a key is compared: later changes of the row are overwritten.
    NoCheck,
    /// It may touch several rows.
    SeveralRows,
    /// `= NULL` is never true.
    EqualsNull,
    /// A number with a fraction is compared with `=`: a FLOAT never equals it.
    FloatEquals,
    /// A whole number beyond 2^53 in a form that passes through a double.
    InexactNumber,
    /// A number below zero where the column may have no sign.
    SignLost,
    /// A text that looks like base64: some tools store it in place of the bytes that it stands for.
    Base64Text,
    /// A text with the mark that stands for bytes that somebody could not read.
    ReplacementCharacter,
    /// A date that servers refuse by default.
    ZeroDate,
    /// Text that reads differently under another character set or mode of the session.
    SessionText,
    /// Columns are not named.
    NoColumns,
    /// It replaces or skips rows that are there, without a word.
    Upsert,
    /// A failed statement is passed over, or one that was not generated stands as a comment.
    ErrorComment,
    /// Not a change of rows: DDL.
    Definition,
    /// Not a change of rows: something else that writes or reads beyond them.
    NotARowChange,
    /// Commits whatever was done before, and by what follows nothing is held back.
    Transaction,
    /// Statements without one transaction around them: each is applied by itself.
    Autocommit,
    /// COMMIT whatever happened before it.
    UnguardedCommit,
    /// Nothing counts the rows that were touched.
    NoRowCheck,
    /// No `sql_mode`, character set or time zone is set: what it stores depends on the session.
    SettingsMissing,
    /// Settings are set and not given back.
    SettingsLeak,
    /// An order to the client program.
    ClientCommand,
    /// A comment that some servers run.
    HiddenCode,
    /// A comment in which a statement may hide: control characters, or ends of lines of another kind.
    CommentTrick,
    /// A statement that is too long to be looked at as a whole.
    TooLong,
    /// Events in base64: what they do to rows cannot be seen here.
    BinlogEvent,
    /// A table is named without its database: where it goes depends on the session.
    NoDatabase,
    /// SQL that is put together while it runs.
    DynamicSql,
    /// A condition that is not a comparison of columns with values.
    Expression,
    /// A character set or mode is set to something that cannot be known.
    UnknownSetting,
    /// From here on it could not be read.
    Unread,
}

impl StatementHazard {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Altered => "it says that breakglass wrote it, and it was changed since",
            Self::NoWhere => "changes every row of the table",
            Self::NoKeyPredicate => "no column is compared with one value: any number of rows may match",
            Self::NoCheck => "the row is found by one column alone: what happened to it since is overwritten",
            Self::SeveralRows => "may touch several rows",
            Self::EqualsNull => "`= NULL` is never true: the statement touches nothing",
            Self::FloatEquals => "a fraction is compared with `=`: a FLOAT column never equals it",
            Self::InexactNumber => "a whole number beyond 2^53 written as a fraction or power: digits are lost",
            Self::SignLost => "a number below zero: an unsigned column refuses it, or nothing matches",
            Self::Base64Text => "a text that looks like base64: it may stand in place of the bytes themselves",
            Self::ReplacementCharacter => "a text with U+FFFD: its bytes were lost when it was read",
            Self::ZeroDate => "a zero date: servers refuse it under their default sql_mode",
            Self::SessionText => "text with backslashes or beyond ASCII: it depends on sql_mode and character set",
            Self::NoColumns => "INSERT without a list of columns",
            Self::Upsert => "REPLACE, IGNORE or ON DUPLICATE KEY: rows that are there are replaced or skipped silently",
            Self::ErrorComment => "its maker noted an error in a comment, and went on",
            Self::Definition => "changes a definition: it commits what was done so far, and cannot be rolled back",
            Self::NotARowChange => "is not a change of rows",
            Self::Transaction => "begins a transaction: it commits what was done so far",
            Self::Autocommit => "no transaction stands around the changes: each is applied by itself",
            Self::UnguardedCommit => "COMMIT whatever happened before it",
            Self::NoRowCheck => "nothing counts the rows that were touched",
            Self::SettingsMissing => {
                "sql_mode, character set or time zone are not set: what it stores depends on the session"
            }
            Self::SettingsLeak => "changes settings of the session and does not give them back",
            Self::ClientCommand => "an order to the client program",
            Self::HiddenCode => "a comment that some servers run",
            Self::CommentTrick => "a comment with control characters in it, in which a statement may hide",
            Self::TooLong => "too long to be looked at as a whole",
            Self::BinlogEvent => "events in base64: what they do to rows cannot be seen in the text",
            Self::NoDatabase => "names a table without its database: where it goes depends on the session",
            Self::DynamicSql => "runs SQL that is put together while it runs",
            Self::Expression => "computes something: what it does depends on the rows that it finds",
            Self::UnknownSetting => {
                "sets a character set or sql_mode that cannot be known: text behind it may mean something else"
            }
            Self::Unread => "a part of it cannot be read safely: what it does there is not known",
        }
    }
}

/// One kind of hazard in a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewHazard {
    /// Which.
    pub code: StatementHazard,
    /// In words.
    pub text: &'static str,
    /// How often.
    pub count: u64,
    /// The first line, from 1.
    pub line: u64,
}

/// What a script does to one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewedTable {
    /// `schema.table`, or the table alone.
    pub table: Foreign,
    /// Both names; `None` where the script does not name the database.
    #[serde(skip)]
    pub names: Option<TableRef>,
    /// Rows inserted.
    pub insert: u64,
    /// Statements that update; a row each, if they mean one.
    pub update: u64,
    /// Statements that delete; a row each, if they mean one.
    pub delete: u64,
}

/// What a review of a finished script found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The file.
    pub script: String,
    /// Its size.
    pub bytes: u64,
    /// Who wrote it.
    pub origin: Origin,
    /// What is altered; empty: nothing, or not ours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub altered: String,
    /// Of one of ours: the digest of its statements, in words.
    #[serde(serialize_with = "digest_words")]
    pub digest: Option<ScriptDigest>,
    /// Statements of all kinds.
    pub statements: u64,
    /// By table.
    pub tables: Vec<ReviewedTable>,
    /// What a person must know, the gravest first.
    pub hazards: Vec<ReviewHazard>,
    /// The rows as they are now, where a server was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_now: Option<StateCounts>,
}

fn digest_words<S: serde::Serializer>(digest: &Option<ScriptDigest>, serializer: S) -> Result<S::Ok, S::Error> {
    match digest {
        Some(digest) => serializer.serialize_some(&digest.words()),
        None => serializer.serialize_none(),
    }
}
