//! What a dump asks of the server that takes it.

use std::collections::BTreeSet;

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
    /// The one database that it makes, enters and names as its own.
    #[serde(default)]
    pub own: Option<OwnDatabase>,
    /// What the dump program is known to have spoiled.
    #[serde(default)]
    pub defects: Vec<Defect>,
    /// Statements that a plan may change, to be shown before and after.
    #[serde(default)]
    pub samples: Samples,
}

/// Statements that a plan may change; none that holds rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Samples {
    /// The first of them.
    pub kept: Vec<Sample>,
    /// How many more there are.
    pub more: u64,
}

/// One such statement as it stands in the dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number, from 1.
    pub statement: u64,
    /// Where it begins in the dump.
    pub at_byte: u64,
    /// All of it.
    pub text: Foreign,
    /// Double quotes enclosed names where it stood.
    pub ansi_quotes: bool,
    /// A backslash was a character where it stood.
    pub no_backslash_escapes: bool,
}

/// Something that the dump program is known to have spoiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// Stable, such as `raw_values`, `mojibake`.
    pub code: String,
    /// What it is and where, safe to draw; no row value.
    pub text: String,
    /// What puts it right exactly, where anything does; never unasked.
    pub remedy: Option<Remedy>,
}

/// A repair that is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// `SET NAMES utf8mb4` in place of the dump's own.
    ForceUtf8,
    /// BEFORE for AFTER in triggers that change NEW.
    TriggersBefore,
    /// Rows behind the end of their INSERT get its head again.
    RepairRows,
}

impl Remedy {
    /// How it is chosen in a plan; the other choice, `keep` or `stop`, is the default.
    pub fn choices(self) -> [&'static str; 2] {
        match self {
            Self::ForceUtf8 => ["keep", "utf8mb4"],
            Self::TriggersBefore => ["keep", "before"],
            Self::RepairRows => ["stop", "repair"],
        }
    }

    /// The code of the finding that offers it.
    pub fn code(self) -> &'static str {
        match self {
            Self::ForceUtf8 => "mojibake",
            Self::TriggersBefore => "trigger_timing",
            Self::RepairRows => "loose_rows",
        }
    }
}

/// The database that a dump makes and enters by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnDatabase {
    /// Its name.
    pub name: Foreign,
    /// Its default character set, lower case, where the dump says it.
    pub charset: Option<String>,
    /// Its default collation, lower case, where the dump says it.
    pub collation: Option<String>,
}

impl DumpFacts {
    /// What several dumps ask of the server that takes all of them.
    pub fn of_all<'a>(dumps: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut dumps = dumps.into_iter();
        let mut all = dumps.next()?.clone();
        let mut several = false;
        for dump in dumps {
            several = true;
            all.add(dump);
        }
        all.own = all.own.filter(|_| !several);
        if several {
            all.samples = Samples::default(); // they belong to their members
        }
        Some(all)
    }

    fn add(&mut self, other: &Self) {
        let (mine, more) = (&mut self.uses, &other.uses);
        mine.made_by = mine.made_by.filter(|by| Some(*by) == more.made_by);
        join(&mut mine.collations, &more.collations);
        join(&mut mine.charsets, &more.charsets);
        join(&mut mine.engines, &more.engines);
        join(&mut mine.sql_modes, &more.sql_modes);
        join(&mut mine.definers, &more.definers);
        join(&mut mine.constructs, &more.constructs);
        join(&mut mine.generated_tables, &more.generated_tables);
        mine.longest_statement = mine.longest_statement.max(more.longest_statement);
        self.replaces.clear(); // each member has its own
        for defect in &other.defects {
            if !self.defects.contains(defect) {
                self.defects.push(defect.clone());
            }
        }
        for note in &other.risks {
            match self.risks.iter_mut().find(|known| known.code == note.code) {
                Some(known) => known.count += note.count,
                None => self.risks.push(note.clone()),
            }
        }
    }
}

/// Names of one kind that are kept of all members of an archive together.
const NAMES: usize = 20_000;

fn join<T: Clone + Ord>(all: &mut Vec<T>, more: &[T]) {
    let known: BTreeSet<T> = all.iter().cloned().collect();
    let room = NAMES.saturating_sub(all.len());
    all.extend(more.iter().filter(|item| !known.contains(item)).take(room).cloned());
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
