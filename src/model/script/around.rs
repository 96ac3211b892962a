//! What stands around a table on a server: its columns as they are now, its triggers, its foreign keys.

use serde::Serialize;

use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;

/// A table as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNow {
    /// Which.
    pub table: TableRef,
    /// Its storage engine in lower case.
    pub engine: String,
    /// Its columns in order.
    pub columns: Vec<ColumnNowFacts>,
    /// Columns of its primary key, or of the first unique key without NULLs; empty: it has none.
    pub key: Vec<Foreign>,
    /// What the next row gets that names no value for it.
    pub auto_increment: Option<u64>,
}

/// A column as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNowFacts {
    /// Its name.
    pub name: Foreign,
    /// The type's first word in lower case.
    pub kind: String,
    /// The whole type in lower case: `bigint(20) unsigned`.
    pub full: String,
    /// Of a text.
    pub charset: Option<String>,
    /// How many bytes its longest value has, of texts and bytes.
    pub bytes: Option<u64>,
    /// Labels of an enum or a set, in UTF-8.
    pub labels: Vec<Foreign>,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Whether a row needs no value for it.
    pub has_default: bool,
    /// Whether it is computed from others.
    pub generated: bool,
}

impl ColumnNowFacts {
    /// Whether its values are bytes that are no text.
    pub fn is_bytes(&self) -> bool {
        let bytes = ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "vector"];
        bytes.contains(&self.kind.as_str()) || self.is_shape()
    }

    /// Whether its values are geometries.
    pub fn is_shape(&self) -> bool {
        let shapes = [
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geomcollection",
            "geometrycollection",
        ];
        shapes.contains(&self.kind.as_str())
    }

    /// Whether it is a FLOAT or DOUBLE, which `=` with a decimal misses.
    pub fn is_float(&self) -> bool {
        matches!(self.kind.as_str(), "float" | "double")
    }

    /// Whether it is a TEXT or BLOB.
    pub fn is_long(&self) -> bool {
        self.kind.ends_with("text") || self.kind.ends_with("blob")
    }
}

/// A trigger that would fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// The table that it watches.
    pub table: TableRef,
    /// Its name, in the table's database.
    pub name: Foreign,
    /// `insert`, `update` or `delete`.
    pub event: String,
    /// `before` or `after`.
    pub timing: String,
    /// The statement that makes it again; `None` where the account may not see it.
    pub create: Option<Foreign>,
    /// The `sql_mode` under which it was made.
    pub sql_mode: Foreign,
}

/// A foreign key of a table, or to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignKey {
    /// Its name.
    pub name: Foreign,
    /// The table that refers.
    pub child: TableRef,
    /// Its columns.
    pub columns: Vec<Foreign>,
    /// The table that is referred to.
    pub parent: TableRef,
    /// Its columns.
    pub refers_to: Vec<Foreign>,
    /// `CASCADE`, `SET NULL`, `RESTRICT` and so on.
    pub on_delete: String,
    /// As above.
    pub on_update: String,
}

/// Whether a rule of a foreign key changes children on its own, instead of keeping their parents as they are.
pub fn acts(rule: &str) -> bool {
    matches!(rule, "CASCADE" | "SET NULL" | "SET DEFAULT")
}

/// Whether children lose what they refer to when their parent gets another key.
pub fn lets_go(rule: &str) -> bool {
    matches!(rule, "SET NULL" | "SET DEFAULT")
}

impl ForeignKey {
    /// Whether deleting or updating a parent changes children, without a word in most logs.
    pub fn cascades(&self) -> bool {
        acts(&self.on_delete) || acts(&self.on_update)
    }
}

/// What stands around the tables of a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The tables that are there.
    pub tables: Vec<TableNow>,
    /// Triggers on them.
    pub triggers: Vec<Trigger>,
    /// Foreign keys from them and to them.
    pub keys: Vec<ForeignKey>,
}

impl Surroundings {
    /// A table, as the server has it now.
    pub fn table(&self, table: &TableRef) -> Option<&TableNow> {
        self.tables.iter().find(|now| now.table == *table)
    }
}
